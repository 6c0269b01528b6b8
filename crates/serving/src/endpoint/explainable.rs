//! A model in this process that explains its answers.

use std::sync::{Arc, OnceLock};

use kilter_domain::table::Table;
use kilter_inference::{Attributions, Background, ExplainError, Format, Model, PredictError, Signature, WorkerCounts};

use super::{ModelOutput, Predictor};

/// Reads rows that attributions are measured against; `None`: there are none.
pub type ReadBackground = Box<dyn Fn() -> Option<Table> + Send + Sync>;

/// A model in this process that explains itself: against its training rows where its file knows them, against a sample of held-out rows
/// otherwise, which is read when the first explanation is asked for.
pub struct ExplainableModel {
    model: Arc<Model>,
    read: ReadBackground,
    background: OnceLock<Result<Background, ExplainError>>,
}

impl ExplainableModel {
    /// A model, and how its sample of held-out rows is read.
    pub fn new(model: Arc<Model>, read: ReadBackground) -> Self {
        Self { model, read, background: OnceLock::new() }
    }

    /// The model.
    pub const fn model(&self) -> &Arc<Model> {
        &self.model
    }

    fn background(&self, gap: &'static str) -> Result<&Background, ExplainError> {
        let made = self.background.get_or_init(|| match (self.read)() {
            Some(rows) => self.model.background(&rows),
            None => Err(ExplainError::NoTraining(gap)),
        });
        made.as_ref().map_err(Clone::clone)
    }
}

impl Predictor for ExplainableModel {
    fn signature(&self) -> &Signature {
        self.model.signature()
    }

    fn format(&self) -> Format {
        self.model.format()
    }

    fn predict(&self, table: &Table) -> Result<ModelOutput, PredictError> {
        Predictor::predict(&*self.model, table)
    }

    fn is_external(&self) -> bool {
        self.model.is_external()
    }

    fn worker_counts(&self) -> Option<WorkerCounts> {
        self.model.worker_counts()
    }

    fn memory_bytes(&self) -> u64 {
        let background = self.background.get().and_then(|made| made.as_ref().ok());
        self.model.memory_bytes() + background.map_or(0, Background::memory_bytes) as u64
    }

    fn explain(&self, table: &Table) -> Result<Attributions, ExplainError> {
        match self.model.explainer() {
            Err(ExplainError::NoTraining(gap)) => self.model.explainer_with(self.background(gap)?)?.explain(table),
            explainer => explainer?.explain(table),
        }
    }
}
