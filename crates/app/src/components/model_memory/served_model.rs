//! The model of a version that serves: it is loaded when a request asks for it, on a thread of its own.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::Arc,
    thread,
};

use kilter_domain::digest::Digest;
use kilter_inference::{Format, Model, Signature};
use kilter_serving::endpoint::{ExplainableModel, ModelSlot, NotLoaded, Predictor, WorkerCounts};

use super::{
    memory::{ModelMemory, ReadModel},
    slot::{Request, Slot},
};

/// A model that serves, in memory or not. While there is one, its slot stays.
pub(crate) struct ServedModel {
    memory: ModelMemory,
    slot: Arc<Slot>,
    source: Arc<dyn ReadModel>,
    signature: Signature,
    format: Format,
}

impl ServedModel {
    /// The model of `digest`, which `source` reads when it is asked for and not in memory.
    pub(crate) fn new(
        memory: &ModelMemory,
        digest: Digest,
        source: Arc<dyn ReadModel>,
        (signature, format): (Signature, Format),
    ) -> Self {
        let slot = memory.slot(digest);
        slot.serve(&|model| source.explainable(model));
        Self { memory: memory.clone(), slot, source, signature, format }
    }

    fn begin(&self) {
        let (memory, slot, source) = (self.memory.clone(), self.slot.clone(), self.source.clone());
        let name = format!("load-{}", slot.digest().short());
        let begun = thread::Builder::new().name(name).spawn(move || load(&memory, &slot, &*source));
        if let Err(error) = begun {
            self.slot.set_failure(format!("no thread could be started to load it: {error}"));
            self.slot.end_load();
        }
    }
}

/// Loads a model whose load was begun, and ends that.
fn load(memory: &ModelMemory, slot: &Arc<Slot>, source: &dyn ReadModel) {
    let loading = memory.begin_load(slot);
    let read = panic::catch_unwind(AssertUnwindSafe(|| source.read()));
    let fault = || Err("loading it met a fault of Kilter; please report it with the log".to_owned());
    match read.unwrap_or_else(|_| fault()) {
        Ok(model) => {
            loading.end(source.explainable(model));
        }
        Err(reason) => {
            tracing::error!(model = slot.digest().short(), %reason, "a model cannot be loaded");
            loading.fail();
            slot.set_failure(reason);
        }
    }
}

impl Drop for ServedModel {
    fn drop(&mut self) {
        self.slot.retire();
    }
}

impl ModelSlot for ServedModel {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn format(&self) -> Format {
        self.format
    }

    fn get(&self) -> Result<Arc<dyn Predictor>, NotLoaded> {
        if let Some(model) = self.slot.used() {
            return Ok(model);
        }
        let explainable = |model: Arc<Model>| -> Arc<ExplainableModel> { self.source.explainable(model) };
        match self.slot.request(&explainable)? {
            Request::Loaded(model) => {
                self.memory.make_room(&self.slot);
                return Ok(model);
            }
            Request::Begin => self.begin(),
            Request::Wait => {}
        }
        Ok(self.slot.wait()?)
    }

    fn get_loaded(&self) -> Option<Arc<dyn Predictor>> {
        Some(self.slot.loaded()?)
    }

    fn is_external(&self) -> bool {
        self.format == Format::Pyfunc || self.slot.is_external()
    }

    fn worker_counts(&self) -> Option<WorkerCounts> {
        self.slot.worker_counts()
    }

    fn memory_bytes(&self) -> Option<u64> {
        self.slot.memory_bytes()
    }

    fn failure(&self) -> Option<String> {
        self.slot.failure()
    }

    fn load(&self) -> Result<(), NotLoaded> {
        self.slot.forget_failure();
        self.get().map(|_| ())
    }
}
