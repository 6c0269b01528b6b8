//! Answers of one or two versions, put together in the order of the rows.

use std::sync::Arc;

use kilter_inference::Attributions;

use super::{
    Explanation, InferResponse, ModelOutput,
    messages::{AnsweredBy, MarkedRows},
    routes::ClassColumns,
};
use crate::{
    input_rules::InputMarks,
    prediction_log::{Role, VersionRef},
    v2::OutputFormat,
};

/// Which rows of a request are meant.
#[derive(Clone, Copy)]
pub(super) enum Rows<'r> {
    All,
    Some(&'r [usize]),
}

impl<'r> Rows<'r> {
    /// These rows, which are in the order of the request.
    pub(super) fn of(rows: &'r [usize], count: usize) -> Self {
        if rows.len() == count { Self::All } else { Self::Some(rows) }
    }

    /// The row of the request that stands at `row` among these.
    pub(super) fn in_request(self, row: usize) -> usize {
        match self {
            Self::All => row,
            Self::Some(rows) => rows.get(row).copied().unwrap_or(row),
        }
    }
}

/// Answers of one or two versions, put together in the order of the rows.
pub(super) struct ResponseBuilder {
    count: usize,
    /// Empty until the first version has answered.
    versions: Vec<VersionRef>,
    answered: AnsweredBy,
    answers: ModelOutput,
    columns: Arc<ClassColumns>,
    explanation: Option<Explanation>,
    marked: Option<Box<MarkedRows>>,
}

/// What a response has besides the answers of models.
pub(super) struct ResponseHead {
    pub(super) model_name: String,
    /// The id of the request, as the caller wrote it.
    pub(super) id: Option<String>,
    /// The id of each row.
    pub(super) ids: Vec<Arc<str>>,
    /// The outputs that were asked for; empty: all.
    pub(super) outputs: Vec<String>,
    /// How they were asked for.
    pub(super) format: OutputFormat,
    /// Whether the endpoint made the ids of the rows.
    pub(super) made_ids: bool,
}

impl ResponseBuilder {
    pub(super) fn of(count: usize, columns: Arc<ClassColumns>) -> Self {
        let (versions, answered, answers) = (Vec::new(), AnsweredBy::default(), ModelOutput::default());
        Self { count, versions, answered, answers, columns, explanation: None, marked: None }
    }

    /// Adds what the input rules of a version say of its rows.
    pub(super) fn mark(&mut self, marks: &InputMarks) {
        self.marked.get_or_insert_default().add(marks);
    }

    /// Adds the attributions of the rows of one version.
    pub(super) fn explain(&mut self, rows: Rows<'_>, attributions: &Attributions) {
        let (count, classes) = (self.count, self.columns.classes());
        let explanation = self.explanation.get_or_insert_default();
        match rows {
            Rows::All => explanation.insert(attributions, 0..count, count, classes),
            Rows::Some(rows) => explanation.insert(attributions, rows.iter().copied(), count, classes),
        }
    }

    /// Puts the answers of one version at its rows. The task of all versions of a route is equal, and their class
    /// probabilities are put at the places of the route.
    pub(super) fn insert(&mut self, (version, role): (VersionRef, Role), rows: Rows<'_>, mut answers: ModelOutput) {
        self.answered.add(version.number, role);
        self.columns.place(version.number, &mut answers);
        let count = self.count;
        self.versions.resize(count, version);
        let Rows::Some(rows) = rows else {
            self.answers = answers;
            return;
        };
        rows.iter().for_each(|row| self.versions[*row] = version);
        self.answers.scores.resize(count, f64::NAN);
        let width = answers.probabilities.as_ref().map_or(0, |values| values.len() / rows.len().max(1));
        for (from, &row) in rows.iter().enumerate() {
            self.answers.scores[row] = answers.scores[from];
            if let Some(labels) = &mut answers.labels {
                let all = self.answers.labels.get_or_insert_with(|| vec![Arc::from(""); count]);
                std::mem::swap(&mut all[row], &mut labels[from]);
            }
            if let Some(values) = &answers.probabilities {
                let all = self.answers.probabilities.get_or_insert_with(|| vec![f32::NAN; count * width]);
                all[row * width..(row + 1) * width].copy_from_slice(&values[from * width..(from + 1) * width]);
            }
        }
    }

    pub(super) fn into_response(self, head: ResponseHead) -> InferResponse {
        let ResponseHead { model_name, id, ids, outputs, format, made_ids } = head;
        let ModelOutput { scores, labels, probabilities } = self.answers;
        let (versions, answered) = (self.versions, self.answered);
        InferResponse {
            model_name,
            id,
            ids,
            versions,
            answered,
            scores,
            labels,
            probabilities,
            outputs,
            format,
            columns: self.columns,
            explanation: self.explanation,
            made_ids,
            marked: self.marked,
        }
    }
}
