//! What scores rows, and whether it is in memory.
//!
//! Invariant: a request keeps the model that it got; whatever is released meanwhile goes when the last such request is done.

use std::sync::Arc;

use kilter_domain::table::Table;
use kilter_inference::{Attributions, ExplainError, Format, Model, PredictError, Signature, WorkerCounts};

use crate::model_output::ModelOutput;

/// Whatever can score rows: a model in this process, or one that worker processes answer.
pub trait Predictor: Send + Sync {
    /// What it takes and what it answers.
    fn signature(&self) -> &Signature;

    /// The kind of file that it was read from; clients are told.
    fn format(&self) -> Format;

    /// The answers to all rows of `table`, in their order. Columns that the signature does not name are ignored.
    fn predict(&self, table: &Table) -> Result<ModelOutput, PredictError>;

    /// Whether something outside of our own kernels answers: whoever asks waits for it, and never on a thread that answers others.
    fn is_external(&self) -> bool {
        false
    }

    /// What its worker processes did; `None` where it has none.
    fn worker_counts(&self) -> Option<WorkerCounts> {
        None
    }

    /// The memory that it takes, in bytes.
    fn memory_bytes(&self) -> u64;

    /// What each column adds to the scores of all rows of `table`.
    ///
    /// # Errors
    /// [`ExplainError::Opaque`] where the model cannot be looked into.
    fn explain(&self, table: &Table) -> Result<Attributions, ExplainError> {
        let _ = table;
        Err(ExplainError::Opaque("it runs where it cannot be looked into".to_owned()))
    }
}

impl Predictor for Model {
    fn signature(&self) -> &Signature {
        self.signature()
    }

    fn format(&self) -> Format {
        self.format()
    }

    fn predict(&self, table: &Table) -> Result<ModelOutput, PredictError> {
        let prediction = self.predict(table)?;
        Ok(ModelOutput {
            scores: prediction.scores().to_vec(),
            labels: prediction.labels(),
            probabilities: prediction.probabilities().map(<[f32]>::to_vec),
        })
    }

    fn is_external(&self) -> bool {
        self.is_external()
    }

    fn worker_counts(&self) -> Option<WorkerCounts> {
        self.worker_counts()
    }

    fn memory_bytes(&self) -> u64 {
        self.memory_bytes()
    }

    fn explain(&self, table: &Table) -> Result<Attributions, ExplainError> {
        self.explain(table)
    }
}

/// The model of a version that serves: in memory, or brought there when it is asked for.
pub trait ModelSlot: Send + Sync {
    /// What it takes and what it answers; known also while it is not in memory.
    fn signature(&self) -> &Signature;

    /// The kind of file that it was read from.
    fn format(&self) -> Format;

    /// The model for one request, which keeps it as long as it needs it. A model that is not in memory is loaded, and waited for.
    ///
    /// # Errors
    /// When it cannot be loaded, or not soon enough.
    fn get(&self) -> Result<Arc<dyn Predictor>, NotLoaded>;

    /// The model, if it is in memory.
    fn get_loaded(&self) -> Option<Arc<dyn Predictor>>;

    /// Whether something outside of our own kernels answers.
    fn is_external(&self) -> bool;

    /// What its worker processes did; `None` where it has none.
    fn worker_counts(&self) -> Option<WorkerCounts>;

    /// The memory that it takes, in bytes; `None` while it is not in memory.
    fn memory_bytes(&self) -> Option<u64>;

    /// Why it could not be loaded when it was asked for last; `None` where it was, or was never asked for.
    fn failure(&self) -> Option<String>;

    /// Brings it into memory, also where that failed a moment ago.
    ///
    /// # Errors
    /// As [`ModelSlot::get`].
    fn load(&self) -> Result<(), NotLoaded>;
}

/// Why a model that is to be loaded does not answer a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum NotLoaded {
    #[error("its model is being loaded, which takes longer than {seconds} s; try again")]
    TimedOut { seconds: u64 },
    #[error("its model is being loaded, and {waiting} requests wait for it; try again")]
    Overloaded { waiting: usize },
    #[error("its model could not be loaded; `kilter status` says why")]
    Failed { reason: String },
}

/// A model that stays in memory as long as its version.
pub(super) struct Resident(pub(super) Arc<dyn Predictor>);

impl ModelSlot for Resident {
    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn format(&self) -> Format {
        self.0.format()
    }

    fn get(&self) -> Result<Arc<dyn Predictor>, NotLoaded> {
        Ok(self.0.clone())
    }

    fn get_loaded(&self) -> Option<Arc<dyn Predictor>> {
        Some(self.0.clone())
    }

    fn is_external(&self) -> bool {
        self.0.is_external()
    }

    fn worker_counts(&self) -> Option<WorkerCounts> {
        self.0.worker_counts()
    }

    fn memory_bytes(&self) -> Option<u64> {
        Some(self.0.memory_bytes())
    }

    fn failure(&self) -> Option<String> {
        None
    }

    fn load(&self) -> Result<(), NotLoaded> {
        Ok(())
    }
}
