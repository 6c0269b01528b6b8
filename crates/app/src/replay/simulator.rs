//! The simulator: what happens between two moments is answered, and labels are sent when they became known.

use std::sync::Arc;

use kilter_domain::{event::TimelineEvent, ids::EndpointName, table::Column, time::Timestamp};
use kilter_evaluation::labelled_predictions::label_text;

use crate::{
    app::App,
    dataset::history::History,
    model::approval_mode::ApprovalMode,
    prediction::{
        LabelError, PredictionError,
        bisect::by_halves,
        predict::{self, Labels, Request},
    },
    project::folder::Project,
    reconcile::project,
    replay::{
        error::ReplayError, past::step, point_in_time::PointInTimeSource, rejected_rows::Refusals, settings::Settings,
        timeline,
    },
};

/// How far a replay is.
#[derive(Clone, Debug)]
pub struct Progress {
    /// The time that is played.
    pub now: Timestamp,
    /// Rows answered so far, of `rows`.
    pub answered: usize,
    /// Rows that are played in all.
    pub rows: usize,
    /// What happened since the last progress.
    pub events: Vec<TimelineEvent>,
}

/// A replay in progress.
pub struct Simulator<'s> {
    pub app: &'s App,
    pub project: &'s Project,
    pub history: &'s History,
    pub settings: &'s Settings,
    pub endpoint: EndpointName,
    /// Rows that happened while nothing served.
    pub unanswered: usize,
    /// Rows that the endpoint refused.
    pub refused: Refusals,
    answered: usize,
    /// Rows of the played time, by the moment at which their label became known.
    labels: Vec<usize>,
    labels_sent: usize,
    read: u64,
}

impl<'s> Simulator<'s> {
    pub fn new(app: &'s App, project: &'s Project, history: &'s History, settings: &'s Settings) -> Self {
        let endpoint = project.main_deploy().map(|deploy| project.endpoint(deploy));
        let mut labels = history.happened(settings.start, settings.end).to_vec();
        labels.sort_by_key(|&row| label_time(history, row));
        Self {
            app,
            project,
            history,
            settings,
            // Without a place of deployment nothing is served, and the model's name stands for the place.
            endpoint: endpoint
                .unwrap_or_else(|| project.name.as_str().parse().expect("project and endpoint names obey one grammar")),
            unanswered: 0,
            refused: Refusals::default(),
            answered: 0,
            labels,
            labels_sent: 0,
            read: 0,
        }
    }

    /// Answers what happened in `from..to`, in the order of events.
    fn serve(&mut self, from: Timestamp, to: Timestamp) -> Result<(), ReplayError> {
        for batch in self.history.happened(from, to).chunks(self.settings.batch_rows) {
            let now = self.history.events[batch[batch.len() - 1]];
            let (mut answered, mut unanswered) = (0, 0);
            let ask = |rows: &[usize]| match predict::predict(self.app, &self.endpoint, self.request(rows), now) {
                Ok(_) => {
                    answered += rows.len();
                    Ok(())
                }
                Err(PredictionError::NoLiveVersion(_)) => {
                    unanswered += rows.len();
                    Ok(())
                }
                Err(error) => Err(error),
            };
            let refused = by_halves(batch, ask, is_row_error);
            self.answered += answered;
            self.unanswered += unanswered;
            for (rows, error) in refused {
                match error {
                    PredictionError::Infer(refusal) if refusal.is_the_callers() => {
                        self.refused.count(rows, &self.history.ids, refusal);
                    }
                    error => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    /// What a client would send: everything but the outcome and what follows from it.
    fn request(&self, rows: &[usize]) -> Request {
        let History { table, roles, events, ids, .. } = self.history;
        Request {
            table: table.take(rows).select(|name| !roles.leaking().any(|column| column == name)),
            ids: rows.iter().map(|&row| ids[row].clone()).collect(),
            events: rows.iter().map(|&row| events[row]).collect(),
            consumer: Some(Arc::from("replay")),
        }
    }

    /// When the last label becomes known; where the caller stopped the clock, that moment.
    pub fn last_label_time(&self) -> Timestamp {
        if !self.settings.waits_for_labels {
            return self.settings.end;
        }
        let last = self.labels.last().map(|&row| label_time(self.history, row));
        last.map_or(self.settings.end, |last| last.max(self.settings.end))
    }

    /// Sends the labels that became known up to `to` and were not sent yet.
    pub fn send_labels(&mut self, to: Timestamp) -> Result<(), ReplayError> {
        let known = self.labels[self.labels_sent..].partition_point(|&row| label_time(self.history, row) <= to);
        let rows = &self.labels[self.labels_sent..self.labels_sent + known];
        self.labels_sent += known;
        for batch in rows.chunks(20_000) {
            let column = self.history.roles.label(&self.history.table)?;
            let labels = Labels {
                ids: batch.iter().map(|&row| self.history.ids[row].clone()).collect(),
                values: truth(column, batch),
                known_at: batch.iter().map(|&row| label_time(self.history, row)).collect(),
            };
            match predict::label(self.app, &self.endpoint, labels, to) {
                Ok(()) | Err(LabelError::NoLiveVersion(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// The moment after `now` that matters next: the end at the latest.
    pub fn next(&self, now: Timestamp) -> Result<Timestamp, ReplayError> {
        let due = project::next_due(self.app, self.project, now)?;
        let next = [due, self.settings.next_boundary(now)].into_iter().flatten().min();
        Ok(next.unwrap_or(self.settings.end).min(self.settings.end))
    }

    /// Answers what happens between two moments, tells the labels, and takes one step of the loop.
    pub fn advance(
        &mut self,
        (from, to): (Timestamp, Timestamp),
        source: &PointInTimeSource,
        approval_mode: ApprovalMode,
    ) -> Result<(), ReplayError> {
        self.serve(from, to)?;
        self.send_labels(to)?;
        project::reconcile(self.app, self.project, &step(source, self.app, to, approval_mode), &mut |_| ())?;
        Ok(())
    }

    /// How far it is, and what was decided since the last time.
    pub fn progress(&mut self, now: Timestamp) -> Result<Progress, ReplayError> {
        let (events, read) = timeline::events_after(self.app, self.read)?;
        self.read = read;
        Ok(Progress { events, ..self.progress_so_far(now) })
    }

    /// How far it is, without what was decided.
    pub fn progress_so_far(&self, now: Timestamp) -> Progress {
        Progress { now, answered: self.answered, rows: self.labels.len(), events: Vec::new() }
    }
}

/// Whether one row of a request is what it was refused for.
fn is_row_error(error: &PredictionError) -> bool {
    matches!(error, PredictionError::Infer(refusal) if refusal.is_the_callers() && refusal.row().is_some())
}

/// A label cannot be known before its row happened.
fn label_time(history: &History, row: usize) -> Timestamp {
    history.known[row].max(history.events[row])
}

/// Labels as they are sent: classes as text, numbers as numbers.
fn truth(column: &Column, rows: &[usize]) -> Column {
    match column {
        Column::Float(values) if rows.iter().any(|&row| values[row].fract() != 0.0) => column.take(rows),
        _ => Column::Text(rows.iter().map(|&row| label_text(column, row)).collect()),
    }
}
