//! The model of a version as it serves: it explains its answers against held-out rows of its package.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use kilter_blobs::BlobStore;
use kilter_domain::{digest::Digest, error_chain::with_causes, table::Table};
use kilter_evaluation::explain::{BACKGROUND_ROWS, Sampled};
use kilter_inference::Model;
use kilter_package::Package;
use kilter_serving::endpoint::ExplainableModel;

use crate::{app::App, causes::StorageError, model::error::VersionError, private_files::temporary_folder};

/// Where the held-out rows of a package are.
#[derive(Clone)]
pub(crate) struct ExplainableSource {
    blobs: BlobStore,
    scratch: PathBuf,
    digest: Digest,
}

impl ExplainableSource {
    pub(crate) fn of(app: &App, digest: Digest) -> Self {
        // No handle of the app: it owns the endpoints that own this.
        Self { blobs: app.blobs().clone(), scratch: app.scratch_root(), digest }
    }

    /// A model that is served. The held-out rows of its package are read when the first explanation needs them.
    pub(crate) fn explainable(&self, model: Arc<Model>) -> Arc<ExplainableModel> {
        let Self { blobs, scratch, digest } = self.clone();
        let read = move || {
            background(&blobs, &scratch, digest).unwrap_or_else(|error| {
                let reason = with_causes(&error);
                tracing::warn!(
                    package = digest.short(),
                    reason,
                    "the held-out rows of a package cannot be read; its answers are not explained"
                );
                None
            })
        };
        Arc::new(ExplainableModel::new(model, Box::new(read)))
    }
}

fn background(blobs: &BlobStore, scratch: &Path, digest: Digest) -> Result<Option<Table>, VersionError> {
    let package = Package::load(blobs, digest)?;
    let folder = temporary_folder(scratch, "background.")
        .map_err(|source| StorageError::WriteFile { path: scratch.to_owned(), source })?;
    let sample = package.sample(blobs, folder.path())?;
    Ok(sample.map(|sample| Sampled::of(&sample, BACKGROUND_ROWS).table))
}
