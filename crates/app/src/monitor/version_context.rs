//! A version under evaluation: its package, its rules, the evidence about it, and what it answered in a window.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use kilter_domain::{
    alert::MonitorKind,
    rule::{Arg, Function, Quantity, Rule},
    time::{Interval, Span, Timestamp},
};
use kilter_evaluation::{labelled_predictions::headline, reference::Reference};
use kilter_lake::LogKind;
use kilter_package::Package;
use kilter_store::{deployment as deployments, deployment::Deployment, monitor::evidence as kept};

use crate::{
    causes::StorageError,
    deployment::threshold::siblings,
    model::load,
    monitor::error::MonitorError,
    monitor::{
        default_rules::{self, WatchedRule},
        drift_detector::DriftDetector,
        endpoint_monitor::EndpointMonitor,
        rule_span::covered,
        window_data::{ReadInterval, WindowData},
    },
    prediction::{
        logged::{self, PredictionFilter},
        partition_index,
        window_sample::{self, WindowQuery},
    },
};

/// A version that is evaluated, and what is known about it.
pub(super) struct VersionContext<'a> {
    pub(super) at: &'a EndpointMonitor<'a>,
    pub(super) deployment: Deployment,
    /// The version and those before it that differ in their threshold alone: their scores have one distribution.
    pub(super) siblings: BTreeSet<u32>,
    /// Since when they serve: a span that began earlier is not over.
    pub(super) since: Timestamp,
    /// The same where another model served before.
    pub(super) took_over: Option<Timestamp>,
    pub(super) package: Arc<Package>,
    /// The reference without the columns that are not recorded as they are; `None`: all of them are.
    pub(super) compared: Option<Reference>,
    /// The rules that apply, by monitor.
    rules: BTreeMap<MonitorKind, Vec<WatchedRule>>,
    pub(super) evidence: DriftDetector,
    /// The newest window that was read, for as long as no other one is read: two would need twice the memory.
    pub(super) newest: Option<WindowData<'a>>,
    /// Whether what is found moves alerts: always of the live version, of one before it when it is news.
    pub(super) is_news: bool,
}

impl<'a> VersionContext<'a> {
    /// The version that is live.
    pub(super) fn live(
        at: &'a EndpointMonitor<'a>,
        live: Deployment,
        package: Arc<Package>,
    ) -> Result<Self, MonitorError> {
        let compared = compared(at, &package);
        let evidence = evidence_of(at, &live, compared.as_ref().unwrap_or(&package.reference))?;
        let (siblings, since) = siblings::threshold_siblings(at.app, &live)?;
        let now = at.context.at;
        // A clock that was ahead may have left a moment that is still to come.
        let since = since.map_or(now, |since| if since <= now { since } else { at.calendar.start() });
        // What was brought in from before is its own, unless another version served here before.
        let past = at.calendar.past().map(|past| past.start);
        let since = if took_over(at, since)?.is_none() { past.unwrap_or(since).min(since) } else { since };
        Self::new(at, live, package, (siblings, since), evidence)
    }

    /// A version that was live before: nothing is learned about its inputs any more.
    pub(super) fn replaced(live: &VersionContext<'a>, past: Deployment) -> Result<Self, MonitorError> {
        let at = live.at;
        let package = load::read_version(at.app, &past.model, past.number)?;
        let (siblings, since) = (BTreeSet::from([past.number]), past.live_since.unwrap_or(live.since));
        Self::new(at, past, package, (siblings, since), DriftDetector::default())
    }

    fn new(
        at: &'a EndpointMonitor<'a>,
        deployment: Deployment,
        package: Arc<Package>,
        (siblings, since): (BTreeSet<u32>, Timestamp),
        evidence: DriftDetector,
    ) -> Result<Self, MonitorError> {
        let took_over = took_over(at, since)?;
        let (model, number) = (&deployment.model, deployment.number);
        let version = at.app.store().read(|reader| kilter_store::model::get(reader, model, number))?;
        let task = package.manifest.signature.task;
        let metric = version.metrics.get(headline(task)).and_then(serde_json::Value::as_f64);
        let of = |kind| (kind, default_rules::rules(at.monitor, kind, &package, metric));
        let rules = MonitorKind::ALL.into_iter().map(of).collect();
        let (compared, newest) = (compared(at, &package), None);
        let is_news = true;
        Ok(Self { at, deployment, siblings, since, took_over, package, compared, rules, evidence, newest, is_news })
    }

    /// What windows are compared with.
    pub(super) fn reference(&self) -> &Reference {
        self.compared.as_ref().unwrap_or(&self.package.reference)
    }

    /// The rules of a kind: those about estimates, or those about what is measured.
    pub(super) fn rules(&self, kind: MonitorKind, estimated: bool) -> Vec<WatchedRule> {
        let rules = self.rules.get(&kind).into_iter().flatten();
        rules.filter(|watched| default_rules::is_estimate(&watched.rule) == estimated).cloned().collect()
    }

    /// The longest span of the rules that are chosen; that of the window where none is longer.
    pub(super) fn longest_span(&self, is_chosen: impl Fn(&WatchedRule, MonitorKind) -> bool) -> Option<Span> {
        let rules = self.rules.iter().flat_map(|(kind, rules)| rules.iter().map(|watched| (watched, *kind)));
        let spans = rules.filter(|(watched, kind)| is_chosen(watched, *kind)).filter_map(|(watched, _)| {
            self.span(&watched.rule).filter(|span| span.millis() > self.at.monitor.every.millis())
        });
        spans.max_by_key(|span| span.millis())
    }

    /// Reads what the version answered in a window, and over the longest span that ends with it.
    pub(super) fn read_window(&self, window: Interval, longest: Option<Span>) -> Result<WindowData<'a>, MonitorError> {
        let start = covered(window, longest).start.min(window.start);
        let read = Interval::new(start, window.end);
        if window_sample::may_exceed_bound(self.at.app, self.at.endpoint, (read.start, read.end))? {
            return Ok(WindowData::of_log(window, read, self.interval_reader())?);
        }
        let rows = logged::logged_predictions(
            self.at.app,
            self.at.endpoint,
            PredictionFilter::Answers,
            (read.start, read.end),
            self.at.context.at,
        )?;
        let span = (read.start, read.end);
        let has_spans = self.rules.values().flatten().any(|watched| self.span(&watched.rule).is_some());
        let columns = if has_spans {
            partition_index::partition_columns(self.at.app, LogKind::Predictions, self.at.endpoint, span)?
        } else {
            vec![]
        };
        Ok(WindowData::new(window, read, rows.of_versions(&self.siblings), columns))
    }

    /// Reads what the version answered in an interval, within the bound on what is held.
    fn interval_reader(&self) -> ReadInterval<'a> {
        let (at, versions, reference) = (self.at, self.siblings.clone(), self.reference().clone());
        let (groups, min_rows) = (self.group_columns(), usize::try_from(at.monitor.min_rows).unwrap_or(usize::MAX));
        Box::new(move |window| {
            let query = WindowQuery {
                endpoint: at.endpoint,
                who: PredictionFilter::Answers,
                versions: Some(&versions),
                window,
                as_of: at.context.at,
                reference: Some(&reference),
                searched: None,
                groups: (&groups, min_rows),
            };
            window_sample::read_window(at.app, query)
        })
    }

    /// The columns whose values are groups that rules compare.
    fn group_columns(&self) -> Vec<String> {
        let rules = self.rules.values().flatten();
        let columns: BTreeSet<&String> = rules.filter_map(|watched| group_column(&watched.rule.quantity)).collect();
        columns.into_iter().cloned().collect()
    }

    /// The span of a rule when it is not that of the window.
    pub(super) fn span(&self, rule: &Rule) -> Option<Span> {
        rule.over.filter(|over| *over != self.at.monitor.every)
    }
}

/// The column whose values are the groups of a quantity.
fn group_column(quantity: &Quantity) -> Option<&String> {
    match quantity {
        Quantity::Metric { slice, .. } => slice.as_ref(),
        Quantity::Call { function: Function::Ratio | Function::Gap, args, .. } => match &args[..] {
            [_, Arg::Name(column)] => Some(column),
            _ => None,
        },
        Quantity::Call { .. } => None,
    }
}

/// The reference without the personal columns of the contract: hashes have no distribution that it knows.
fn compared(at: &EndpointMonitor, package: &Package) -> Option<Reference> {
    let record = at.record;
    let is_personal = |name: &String| record.hash.contains(name) || record.drop.contains(name);
    let mut reference = package.reference.columns.keys().any(is_personal).then(|| package.reference.clone())?;
    reference.columns.retain(|name, _| !is_personal(name));
    if let Some(season) = &mut reference.season {
        season.columns.retain(|name, _| !is_personal(name));
    }
    Some(reference)
}

/// When a version began to answer, where another one did before.
fn took_over(at: &EndpointMonitor, since: Timestamp) -> Result<Option<Timestamp>, MonitorError> {
    let moment = Timestamp(since.millis() - 1);
    let before = at.app.store().read(|reader| deployments::live_at(reader, at.endpoint, moment))?;
    Ok(before.map(|_| since))
}

/// The evidence about the version that is live; another version begins anew.
fn evidence_of(at: &EndpointMonitor, live: &Deployment, reference: &Reference) -> Result<DriftDetector, MonitorError> {
    let known = at.app.store().read(|reader| kept::find(reader, at.endpoint))?;
    match known.filter(|known| known.model == live.model && known.number == live.number) {
        None => Ok(DriftDetector::begin(reference)),
        Some(known) => {
            let known: DriftDetector = serde_json::from_value(known.document)
                .map_err(|source| StorageError::Document { what: "evidence", source })?;
            Ok(known.with_window_evidence(reference))
        }
    }
}
