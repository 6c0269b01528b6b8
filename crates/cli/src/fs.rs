//! Writing small files whole: beside their place, synced, then renamed.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use kilter_api::{Code, Problem};
use kilter_app::{
    PythonOptions,
    model::{ModelLoader, PackageError},
};
use kilter_domain::{digest::Digest, table::Table};
use kilter_inference::{Format, Model};

use crate::{
    python_args,
    ui::error::{CliError, disk},
};

/// The largest model file that is read into memory.
const MAX_MODEL_BYTES: u64 = 2 << 30;

/// Gives `path` the content `bytes`, or leaves what was there.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let beside = path.with_file_name(name);
    let written = write_and_rename(&beside, path, bytes);
    if written.is_err() {
        // What is left of a failed attempt is ours; when it cannot be removed, the first error says why.
        let _ = fs::remove_file(&beside);
    }
    written.map_err(|error| disk("write", path, &error))
}

fn write_and_rename(beside: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(beside, path)?;
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}

/// Writes a file that must not be there yet.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let write = || {
        let mut file = File::create_new(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|error| disk("write", path, &error))
}

/// Copies a file to a place where nothing is: beside it first, so that it is there whole or not at all.
pub(crate) fn copy_whole(from: &Path, to: &Path) -> Result<(), CliError> {
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let beside = to.with_file_name(name);
    let copied = fs::copy(from, &beside).and_then(|_| File::open(&beside)?.sync_all());
    let copied = copied.and_then(|()| fs::rename(&beside, to));
    if copied.is_err() {
        // What is left of a failed attempt is ours; when it cannot be removed, the first error says why.
        let _ = fs::remove_file(&beside);
    }
    copied.map_err(|error| disk("copy a file to", to, &error))
}

/// Makes a folder and those above it.
pub(crate) fn make_folder(folder: &Path) -> Result<(), CliError> {
    fs::create_dir_all(folder).map_err(|error| disk("make the folder", folder, &error))
}

/// Loads the model at `path`: a file of any format, a folder that holds one under the name of its format, or a model folder of MLflow. What
/// a model of Python needs is kept for the next time in a folder of the user.
pub(crate) fn load_model(path: &Path) -> Result<(PathBuf, Model), CliError> {
    let LoadedModel { path, model, .. } = load_model_with(path, python_args::from_environment())?;
    Ok((path, model))
}

/// A model that was read, once.
pub(crate) struct LoadedModel {
    /// The file, or the model folder of MLflow.
    pub(crate) path: PathBuf,
    pub(crate) model: Model,
    /// Of the bytes that it was made from.
    pub(crate) digest: Digest,
}

/// As [`load_model`], with another Python than the one of the environment.
pub(crate) fn load_model_with(path: &Path, python: Option<PythonOptions>) -> Result<LoadedModel, CliError> {
    let home = |name, below: &str| std::env::var_os(name).map(|home| PathBuf::from(home).join(below));
    let cache = home("XDG_CACHE_HOME", "kilter").or_else(|| home("HOME", ".cache/kilter"));
    let loader = ModelLoader::outside(python, cache.unwrap_or_else(|| ".kilter-cache".into()));
    let file = if path.is_dir() { model_in(path) } else { path.to_owned() };
    if !file.is_file() && path.join("MLmodel").is_file() {
        let (model, bytes) = loader.load_folder(path).map_err(|error| not_loaded(path, &error))?;
        return Ok(LoadedModel { path: path.to_owned(), model, digest: Digest::of(&bytes) });
    }
    let failed = |error: io::Error| disk("read the model", &file, &error);
    let bytes = kilter_app::read_bounded(&file, MAX_MODEL_BYTES).map_err(failed)?;
    let model = loader.load(&bytes, None).map_err(|error| not_loaded(&file, &error))?;
    Ok(LoadedModel { path: file, model, digest: Digest::of(&bytes) })
}

fn not_loaded(path: &Path, error: &PackageError) -> CliError {
    let attempted = format!("the model file {} cannot be loaded", path.display());
    match error {
        PackageError::Model { source, .. } => {
            Problem::new(Code::ModelInvalid, attempted).caused_by(Some(source)).hint(source.hint()).into()
        }
        other => Problem::new(Code::FileInvalid, attempted).caused_by(Some(other)).into(),
    }
}

/// The model of a folder; `model.onnx` where there is none.
fn model_in(folder: &Path) -> PathBuf {
    let mut places = Format::ALL.iter().map(|format| folder.join(format.file_name()));
    places.find(|place| place.is_file()).unwrap_or_else(|| folder.join(Format::Onnx.file_name()))
}

/// Loads the model at `path` for the rows of `table`: a model of one block takes its columns in order, but for `others`.
pub(crate) fn load_model_for(path: &Path, table: &Table, others: &[&str]) -> Result<(PathBuf, Model), CliError> {
    let (path, model) = load_model(path)?;
    let model = model.named_by(table, |name| !others.contains(&name))?;
    Ok((path, model))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_what_was_there_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("taken");
        fs::create_dir_all(path.join("by a folder")).unwrap();
        assert!(write_whole(&path, b"new").is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        write_whole(&dir.path().join("free"), b"new").unwrap();
        assert_eq!(fs::read(dir.path().join("free")).unwrap(), b"new");
    }

    #[test]
    fn a_model_that_is_not_there_or_is_none_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let code = |path: &Path| match load_model(path) {
            Err(CliError::Problem(problem)) => problem.code,
            other => panic!("{other:?}"),
        };
        assert_eq!(code(dir.path()), "file_not_found");
        let path = dir.path().join("model.onnx");
        fs::write(&path, b"\xff\xff not a model").unwrap();
        assert_eq!(code(dir.path()), "model_invalid");
    }
}
