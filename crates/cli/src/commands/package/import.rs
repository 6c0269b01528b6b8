//! `kilter package import`: a package from elsewhere becomes a draft.

use std::path::PathBuf;

use clap::Args;
use kilter_app::{
    App, AppOptions,
    package::{ImportTarget, import_package, unpack},
    registry,
};
use kilter_domain::registry::RegisteredName;
use serde_json::json;

use crate::{
    context::{DataFolder, act, app_options},
    ui::{
        error::{CliError, disk, usage},
        view::{Answer, Page, Status},
    },
};

/// Register a package from elsewhere as a draft of a model: one that `kilter package build` wrote, or a folder of MLflow with a model
/// of ONNX, LightGBM or XGBoost.
///
/// Its files are compared with their list and its golden requests are asked first. No server may use the data folder.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The folder, the tar archive, or a version of the registry: `models:/NAME/NUMBER`.
    #[arg(value_name = "PACKAGE")]
    package: PathBuf,
    /// The model that it becomes a version of.
    #[arg(long, value_name = "NAME")]
    model: String,
    /// The reason, for the audit log.
    #[arg(long, value_name = "TEXT", default_value = "imported in the terminal")]
    reason: String,
    #[command(flatten)]
    data: DataFolder,
}

impl Import {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        let model = self.model.parse().map_err(|error: kilter_domain::ids::InvalidName| usage(error.to_string()))?;
        let (database, storage) = (self.data.database()?, self.data.storage()?);
        let options = AppOptions { database, storage, keys: self.data.keys(), ..app_options()? };
        let scratch = tempfile::tempdir().map_err(|error| disk("make a folder for", &self.package, &error))?;
        let registered = self.package.to_str().and_then(|text| text.strip_prefix("models:/"));
        let folder = match registered {
            Some(_) => scratch.path().join("version"),
            None if self.package.is_file() => {
                unpack(&self.package, scratch.path()).map_err(kilter_app::model::PackageError::from)?
            }
            None => self.package.clone(),
        };
        let app = App::open(self.data.existing()?, options)?;
        if let Some(registered) = registered {
            let (name, number) = version(registered)?;
            registry::fetch_files(&app, &act(), (&name, number), &folder)?;
        }
        let target = ImportTarget { model: &model, reason: &self.reason };
        let (number, state) = import_package(&app, &act(), &folder, &target)?;
        let document = json!({ "model": model, "version": number, "state": state.as_str() });
        let page = Page::new().marked(Status::Ok, format!("{model}@{number} is a {}", state.as_str()));
        Ok(Answer::done(&document, page))
    }
}

/// `NAME/NUMBER`.
fn version(text: &str) -> Result<(RegisteredName, u32), CliError> {
    let read = |(name, number): (&str, &str)| Some((name.parse().ok()?, number.parse().ok()?));
    text.rsplit_once('/')
        .and_then(read)
        .ok_or_else(|| usage(format!("`models:/{text}` is no version: write models:/NAME/NUMBER")))
}
