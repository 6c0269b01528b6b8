//! Which runtime takes a model: our own kernels where they read it, onnxruntime for other ONNX files where its library is there, else its own
//! Python, where the operator lets it run.
//!
//! Invariants: this is the only place that decides it; the code of a model runs only where a Python was named for it.

use std::path::{Path, PathBuf};

use kilter_blobs::BlobError;
use kilter_domain::{digest::Digest, error_chain::with_causes};
use kilter_inference::{Format, LoadError, Model, Signature};
use kilter_package::{PackageError, pack_model_folder, unpack_model_folder};
use kilter_runtimes::{
    onnxruntime,
    python::{self, Environments, ModelFolder},
};

use crate::{
    app::{App, PythonOptions, PythonSource},
    model::mlflow_folder,
    private_files::temporary_folder,
};

/// What is logged when the file of a model is parsed.
pub(crate) const PARSED: &str = "a model file is parsed";

/// Loads models of all runtimes.
#[derive(Clone, Debug)]
pub struct ModelLoader {
    python: Option<PythonOptions>,
    /// Where the environments of models and their logs are.
    cache: PathBuf,
    /// Where models are unpacked while they are used.
    scratch: PathBuf,
}

impl ModelLoader {
    /// Of a data folder.
    pub(crate) fn of(app: &App) -> Self {
        Self {
            python: app.options().python.clone(),
            cache: app.folder().join("python"),
            scratch: app.folder().join("scratch"),
        }
    }

    /// Without a data folder: environments and logs are kept in `cache`.
    pub fn outside(python: Option<PythonOptions>, cache: PathBuf) -> Self {
        Self { python, scratch: cache.join("scratch"), cache }
    }

    /// Whether the Python code of models may run.
    pub(crate) const fn runs_python(&self) -> bool {
        self.python.is_some()
    }

    /// The model that the bytes of a model file are, or the archive of a model folder. Of the latter `signature` names the columns.
    ///
    /// # Errors
    /// If no runtime takes it.
    pub fn load(&self, bytes: &[u8], signature: Option<&Signature>) -> Result<Model, PackageError> {
        let digest = Digest::of(bytes);
        tracing::debug!(digest = digest.short(), bytes = bytes.len(), "{PARSED}");
        match Format::of(bytes) {
            Format::Pyfunc => self.load_python(bytes, digest, signature),
            _ => load_file(bytes).map_err(|source| PackageError::Model { digest, source }),
        }
    }

    /// The model of a folder that MLflow wrote, and what a package keeps of it: the file of a flavor that our kernels run, else the
    /// archive of the whole folder.
    ///
    /// # Errors
    /// If no runtime takes it; of a file that our kernels refuse, why they do where no Python may run.
    pub fn load_folder(&self, folder: &Path) -> Result<(Model, Vec<u8>), PackageError> {
        let native = match mlflow_folder::model_file(folder) {
            Some(path) => {
                let bytes = mlflow_folder::read_model(&path)?;
                match self.load(&bytes, None) {
                    Ok(model) => return Ok((model, bytes)),
                    Err(error) => Some(error),
                }
            }
            None => None,
        };
        let has_pyfunc =
            mlflow_folder::flavors(folder).is_some_and(|all| all.iter().any(|one| one == mlflow_folder::PYFUNC));
        match native {
            Some(error) if !self.runs_python() || !has_pyfunc => return Err(error),
            _ => {}
        }
        let bytes = pack_model_folder(folder)?;
        let model = self.load(&bytes, None)?;
        Ok((model, bytes))
    }

    fn load_python(&self, bytes: &[u8], digest: Digest, signature: Option<&Signature>) -> Result<Model, PackageError> {
        let failed = |source| PackageError::Model { digest, source };
        let Some(python) = &self.python else { return Err(failed(LoadError::NeedsPython)) };
        let scratch = temporary_folder(&self.scratch, "model.").map_err(|source| BlobError::Io {
            attempted: "make a folder in",
            path: self.scratch.clone(),
            source,
        })?;
        let model = unpack_model_folder(bytes, scratch.path())?;
        let environments = match &python.source {
            PythonSource::Environment(place) => Environments::Ready(place.clone()),
            PythonSource::Interpreter(python) => {
                Environments::PerLock { python: python.clone(), folder: self.cache.join("environments") }
            }
        };
        let interpreter = environments
            .interpreter(&model)
            .map_err(|error| failed(LoadError::Runtime { runtime: "Python", reason: with_causes(&error) }))?;
        let log = self.cache.join("logs").join(format!("{}.log", digest.short()));
        let folder = ModelFolder::new(scratch, model);
        python::load(&interpreter, folder, &log, python.workers.clone(), signature).map_err(failed)
    }
}

/// The model in a file. What our own kernels refuse is tried by onnxruntime where its library is; without it, what they said is the error.
fn load_file(bytes: &[u8]) -> Result<Model, LoadError> {
    match Model::from_bytes(bytes) {
        Err(refused) if refused.is_of_executor() && onnxruntime::library().is_some() => onnxruntime::load(bytes),
        loaded => loaded,
    }
}
