//! A package as commands name it: a folder, or a version of the platform.

use std::path::{Path, PathBuf};

use kilter_app::{
    App, AppOptions,
    publish::{StoredPackage, check_out},
    temporary_folder,
};
use kilter_domain::ids::ModelName;
use kilter_server::error::problem_of;
use tempfile::TempDir;

use crate::{
    commands::model::version_name::version_named,
    context::{DataFolder, app_options},
    ui::error::{CliError, disk, usage},
};

/// A package in a folder.
pub(super) struct OpenedPackage {
    /// The folder.
    pub folder: PathBuf,
    /// The version, if the platform was asked for it.
    pub stored: Option<StoredPackage>,
    /// Keeps a folder of ours as long as it is used.
    _scratch: Option<TempDir>,
}

impl OpenedPackage {
    /// The folder that `text` is, or the package of the version that it names, like `churn@3`. A server may use the data folder
    /// meanwhile.
    pub(super) fn open(text: &str, data: &DataFolder) -> Result<Self, CliError> {
        let folder = PathBuf::from(text);
        if folder.is_dir() || !text.contains('@') {
            return Ok(Self { folder, stored: None, _scratch: None });
        }
        let (model, number) = version_named(text)?;
        let model: ModelName = model.parse().map_err(|_| usage(format!("`{model}` is no name of a model")))?;
        let options = AppOptions { database: data.database()?, storage: data.storage()?, ..app_options()? };
        let app = App::open_for_reading(data.existing()?, options)?;
        let scratch = scratch_folder("kilter-package.")?;
        let stored = check_out(&app, &model, number, scratch.path()).map_err(|error| problem_of(&error))?;
        Ok(Self { folder: stored.folder.clone(), stored: Some(stored), _scratch: Some(scratch) })
    }
}

/// A folder of ours that goes with the command.
pub(super) fn scratch_folder(prefix: &str) -> Result<TempDir, CliError> {
    let above: &Path = &std::env::temp_dir();
    temporary_folder(above, prefix).map_err(|error| disk("write to", above, &error))
}
