//! One endpoint under evaluation: its rules, its windows, and the labels that came since the last evaluation.

use kilter_domain::{
    contract::{Monitor, Record, Retrain},
    ids::EndpointName,
    time::{Interval, Span, Timestamp},
};
use kilter_store::{monitor as readings, monitor::Reading};

use crate::{
    alert::lifecycle::EndpointAlerts,
    app::App,
    authz::AuthorizedContext,
    components::label_marks::LabelMark,
    monitor::error::MonitorError,
    monitor::{
        corrections::{Corrections, find_corrections},
        drift_detector::Budget,
        window::Calendar,
    },
    project::folder::Project,
    replicas,
};

/// Windows whose labels are waited for at most, besides those that a stated delay holds open.
const MAX_MATURING: usize = 60;
/// Windows that a stated delay holds open at most.
const MAX_DELAYED: usize = 1_000;

/// What an evaluation knows of an endpoint, whichever version serves there.
pub(super) struct EndpointMonitor<'a> {
    pub(super) app: &'a App,
    pub(super) context: &'a AuthorizedContext,
    pub(super) endpoint: &'a EndpointName,
    pub(super) monitor: &'a Monitor,
    pub(super) retrain: Option<&'a Retrain>,
    /// What the contract says of recording.
    pub(super) record: &'a Record,
    pub(super) calendar: Calendar,
    /// Windows that end later are not sealed everywhere.
    pub(super) sealed_until: Timestamp,
    pub(super) budget: Budget,
    /// How long labels take, where the contract says so.
    pub(super) delay: Option<Span>,
    /// Labels that were corrected since the last evaluation.
    pub(super) corrections: Corrections,
    /// The rows of the whole log of labels.
    pub(super) label_rows: u64,
}

impl<'a> EndpointMonitor<'a> {
    /// The endpoint as it is now, and how far its labels are searched.
    pub(super) fn open(
        app: &'a App,
        context: &'a AuthorizedContext,
        project: &'a Project,
        monitor: &'a Monitor,
        endpoint: &'a EndpointName,
    ) -> Result<(Self, LabelMark), MonitorError> {
        let calendar = calendar(app, project, endpoint)?.unwrap_or(Calendar::new(context.at, monitor.every));
        let delay = project.labelled_dataset().ok().and_then(|dataset| project.roles(dataset).label_delay);
        let maturing = calendar.ended(Timestamp(i64::MIN), context.at, max_maturing(monitor, delay));
        let first = maturing.first().map_or(context.at, |window| window.start);
        let (corrections, mark) = find_corrections(app, endpoint, Interval::new(first, context.at))?;
        let sealed_until = replicas::windows_until(app, context.at)?;
        let (budget, contract) = (Budget::of(monitor), &project.contract);
        let (retrain, record) = (contract.retrain.as_ref(), &contract.record);
        let monitor = Self {
            app,
            context,
            endpoint,
            monitor,
            retrain,
            record,
            calendar,
            sealed_until,
            budget,
            delay,
            corrections,
            label_rows: mark.rows,
        };
        Ok((monitor, mark))
    }

    /// Windows whose labels are waited for at most.
    pub(super) fn max_maturing(&self) -> usize {
        max_maturing(self.monitor, self.delay)
    }

    /// The alerts of the endpoint.
    pub(super) fn alerts(&self) -> EndpointAlerts<'_> {
        EndpointAlerts::new(self.app, self.context, self.endpoint, Some(self.monitor))
    }

    pub(super) fn record_readings(&self, readings: Vec<Reading>) -> Result<(), MonitorError> {
        Ok(self.app.store().write(move |tx| readings::record(tx, &readings))?)
    }
}

/// The windows of an endpoint, anchored where it was made; `None` where nothing is monitored.
///
/// # Errors
/// When the metadata cannot be read.
pub fn calendar(app: &App, project: &Project, endpoint: &EndpointName) -> Result<Option<Calendar>, MonitorError> {
    let Some(monitor) = &project.contract.monitor else { return Ok(None) };
    let (known, earliest) = app.store().read(|reader| {
        let known = kilter_store::deployment::find_endpoint(reader, endpoint)?;
        Ok((known, kilter_store::prediction::earliest(reader, endpoint)?))
    })?;
    let calendar = |created| Calendar::new(created, monitor.every).reaching_back_to(earliest.unwrap_or(created));
    Ok(known.map(|endpoint| calendar(endpoint.created)))
}

/// Windows whose labels are waited for: those that the stated delay holds open, and some more.
fn max_maturing(monitor: &Monitor, delay: Option<Span>) -> usize {
    let delayed = delay.map_or(0, |delay| delay.millis() / monitor.every.millis().max(1));
    MAX_MATURING + usize::try_from(delayed).unwrap_or(0).min(MAX_DELAYED)
}
