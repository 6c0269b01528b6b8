//! Which models a source holds: one file, a package, a model folder of MLflow, or a folder of models as Triton lays them out.
//!
//! Invariants: what is there and cannot be served is an error that names it, and never left out; of several versions the one with the
//! highest number answers.

use std::{
    fs,
    path::{Path, PathBuf},
};

use kilter_api::{Code, Problem};
use kilter_app::{
    PythonOptions,
    deployment::{FileModel, GivenModel, ModelSource},
};
use kilter_domain::{ids::EndpointName, nearest::nearest};
use kilter_inference::Format;

use crate::{
    fs::{LoadedModel, load_model_with},
    ui::error::{CliError, disk},
};

const MANIFEST: &str = "package.json";
const MLMODEL: &str = "MLmodel";
/// Files beside models that other servers read, and we need not.
const IGNORED: [&str; 3] = ["config.pbtxt", "model-settings.json", "settings.json"];

/// One model that is to be served.
pub(super) struct Found {
    pub(super) name: String,
    pub(super) version: u64,
    pub(super) place: Place,
}

/// What stands at the place of a model.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A file, or a model folder of MLflow.
    Model(PathBuf),
    Package(PathBuf),
}

/// The models of a path. `name` is that of the only one.
pub(super) fn find(path: &Path, name: Option<&str>) -> Result<Vec<Found>, CliError> {
    let missing = |error| disk("read", path, &error);
    let metadata = fs::metadata(path).map_err(missing)?;
    let only = |place| {
        let name = name.map_or_else(|| name_of(path), str::to_owned);
        Ok(vec![Found { name, version: 1, place }])
    };
    if metadata.is_file() {
        return only(Place::Model(path.to_owned()));
    }
    if let Some(place) = place_in(path) {
        return only(place);
    }
    if name.is_some() {
        let detail = format!("`{}` is a folder of models, each with its own name", path.display());
        return Err(Problem::new(Code::RequestInvalid, detail).hint("leave out --name, or name one model").into());
    }
    let mut found = Vec::new();
    for folder in entries(path)? {
        found.push(model_in(&folder)?);
    }
    match found.is_empty() {
        true => Err(nothing_in(path)),
        false => Ok(found),
    }
}

/// Reads a model, or gives the folder of its package.
pub(super) fn given(found: Found, python: Option<PythonOptions>) -> Result<GivenModel, CliError> {
    let Found { name, version, place } = found;
    let endpoint: EndpointName = name.parse().map_err(|error| {
        let detail = format!("`{name}` is no name of a model: {error}");
        CliError::from(Problem::new(Code::RequestInvalid, detail).hint("rename its folder, or give --name"))
    })?;
    let source = match place {
        Place::Package(folder) => ModelSource::Package(folder),
        Place::Model(path) => {
            let LoadedModel { model, digest, .. } = load_model_with(&path, python.clone())?;
            let read = move || match load_model_with(&path, python.clone()) {
                Ok(LoadedModel { model, digest, .. }) => Ok((model, digest)),
                Err(error) => Err(sentence_of(&error)),
            };
            ModelSource::Model(Box::new(FileModel { model, digest, read: Box::new(read) }))
        }
    };
    Ok(GivenModel { endpoint, version, source })
}

/// What went wrong, in one line for the operator.
fn sentence_of(error: &CliError) -> String {
    match error {
        CliError::Problem(problem) => problem.to_string(),
        CliError::PipeClosed => "the answer was not read".to_owned(),
    }
}

/// The model of a folder `NAME`: in it, or in its highest `NAME/VERSION`.
fn model_in(folder: &Path) -> Result<Found, CliError> {
    let name = file_name(folder);
    if let Some(place) = place_in(folder) {
        return Ok(Found { name, version: 1, place });
    }
    let mut versions: Vec<(u64, PathBuf)> = entries(folder)?
        .into_iter()
        .filter_map(|entry| Some((file_name(&entry).parse().ok().filter(|number| *number > 0)?, entry)))
        .collect();
    versions.sort_by_key(|(number, _)| *number);
    let Some((version, folder)) = versions.pop() else { return Err(nothing_in(folder)) };
    match place_in(&folder) {
        Some(place) => Ok(Found { name, version, place }),
        None => Err(nothing_in(&folder)),
    }
}

/// A package, the model file that a folder holds under the name of its format, or a model folder of MLflow.
fn place_in(folder: &Path) -> Option<Place> {
    if folder.join(MANIFEST).is_file() {
        return Some(Place::Package(folder.to_owned()));
    }
    let is_file = |name: &&str| folder.join(name).is_file();
    if let Some(name) = own_names().find(is_file) {
        return Some(Place::Model(folder.join(name)));
    }
    if folder.join(MLMODEL).is_file() {
        return Some(Place::Model(folder.to_owned()));
    }
    fil_names().find(is_file).map(|name| Place::Model(folder.join(name)))
}

/// The names of model files in our folders and packages.
fn own_names() -> impl Iterator<Item = &'static str> {
    Format::ALL.iter().map(|format| format.file_name())
}

/// The names of model files in folders of Triton's FIL backend.
fn fil_names() -> impl Iterator<Item = &'static str> {
    Format::ALL.iter().flat_map(|format| format.fil_names()).copied()
}

/// The folders in a folder, by name, without what is hidden and without files that other servers read.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, CliError> {
    let failed = |error| disk("read the folder", folder, &error);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = file_name(&path);
        if name.starts_with('.') || IGNORED.contains(&name.as_str()) {
            continue;
        }
        if !path.is_dir() {
            let detail = format!("`{}` is no folder of a model", path.display());
            let hint = match nearest(&name, own_names().chain(fil_names())) {
                Some(name) => format!("a model file stands in a folder of its own, like NAME/{name}"),
                None => "move it elsewhere: a folder of models holds nothing else".to_owned(),
            };
            return Err(Problem::new(Code::ModelInvalid, detail).hint(hint).into());
        }
        found.push(path);
    }
    found.sort();
    Ok(found)
}

fn nothing_in(folder: &Path) -> CliError {
    let names: Vec<&str> = own_names().chain(fil_names()).collect();
    let detail = format!("`{}` holds no model that can be served", folder.display());
    let hint = format!(
        "it needs {}, a package ({MANIFEST}), a model folder of MLflow ({MLMODEL}), or folders NAME or NAME/VERSION with one of them",
        names.join(", ")
    );
    Problem::new(Code::ModelInvalid, detail).hint(hint).into()
}

/// What a model is called that has no name: its file or its folder, without what says its format.
fn name_of(path: &Path) -> String {
    let whole = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let stem = whole.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    match (stem.as_str(), whole.is_file(), whole.parent()) {
        ("model", true, Some(folder)) => file_name(folder),
        (_, true, _) => stem,
        _ => file_name(&whole),
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(root: &Path, path: &str) {
        let place = root.join(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, "data: model.xgb\n").unwrap();
    }

    fn found(path: &Path) -> Vec<(String, u64, Place)> {
        find(path, None).unwrap().into_iter().map(|found| (found.name, found.version, found.place)).collect()
    }

    #[test]
    fn models_are_found_in_every_layout_and_the_highest_version_answers() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for path in [
            "churn/model.onnx",
            "fraud/2/model.lgb",
            "fraud/10/model.lgb",
            "fraud/config.pbtxt",
            "prices/MLmodel",
            "prices/model.xgb",
            "risk/3/package.json",
            "trees/1/model.txt",
            "trees/2/xgboost.json",
            "trees/2/config.pbtxt",
            ".hidden/nothing",
        ] {
            touch(root, path);
        }
        let place = |path: &str| root.join(path);
        let expected = vec![
            ("churn".to_owned(), 1, Place::Model(place("churn/model.onnx"))),
            ("fraud".to_owned(), 10, Place::Model(place("fraud/10/model.lgb"))),
            ("prices".to_owned(), 1, Place::Model(place("prices"))),
            ("risk".to_owned(), 3, Place::Package(place("risk/3"))),
            ("trees".to_owned(), 2, Place::Model(place("trees/2/xgboost.json"))),
        ];
        assert_eq!(found(root), expected);
        assert_eq!(found(&place("churn/model.onnx"))[0].0, "churn", "`model` says nothing");
        assert_eq!(found(&place("prices")), [("prices".to_owned(), 1, Place::Model(place("prices")))]);
        assert!(find(root, Some("name")).is_err(), "several models have their own names");
        touch(root, "other/readme.txt");
        let said = |path: &Path| match find(path, None) {
            Err(CliError::Problem(problem)) => format!("{} {}", problem.detail, problem.hint),
            other => panic!("{:?}", other.is_ok()),
        };
        assert!(said(root).contains("other") && said(root).contains("readme.txt"), "{}", said(root));
        assert!(said(&place("other")).contains("readme.txt"));
        fs::remove_dir_all(place("other")).unwrap();
        fs::create_dir(place("empty")).unwrap();
        assert!(said(root).contains("empty` holds no model"), "{}", said(root));
    }
}
