//! Packages that are a folder or a file of this machine: their files, and one digest of them.
//!
//! Invariants: hidden files and what Python and its tools leave behind are no part of a package, as they are none of the code; a
//! folder that has too many files is an error, and never a part of its files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use kilter_blobs::{atomic, read_bounded_text};
use kilter_domain::digest::Digest;

use super::error::EnvironmentError;
use crate::code_deps::list_files;

/// Files of a local package at most.
const MAX_FILES: usize = 10_000;
/// The largest `pyproject.toml` that is read.
const MAX_PYPROJECT_BYTES: u64 = 4 << 20;
/// Where a build in the folder of a package leaves copies of it.
const BUILD_FOLDER: &str = "build";
/// The ending of the folders that setuptools leaves in the source of a package.
const EGG_INFO: &str = ".egg-info";

/// The files of the package at `path`, relative to it, in their order; of a file, and of what is not there, nothing.
///
/// # Errors
/// If there are more than 10,000.
pub(crate) fn files_of(path: &Path) -> Result<Vec<PathBuf>, EnvironmentError> {
    let too_many = |_| EnvironmentError::TooManyFiles { path: path.to_owned(), max: MAX_FILES };
    let mut files = list_files(path, MAX_FILES).map_err(too_many)?;
    files.retain(|file| !is_left_behind(file));
    files.sort();
    Ok(files)
}

fn is_left_behind(file: &Path) -> bool {
    let folder = file.parent().unwrap_or(Path::new(""));
    let ends = |part: &std::ffi::OsStr| part.to_str().is_some_and(|part| part.ends_with(EGG_INFO));
    folder.starts_with(BUILD_FOLDER) || folder.iter().any(ends)
}

/// One digest of the package at `path`, a folder or a file: of the names and the bytes of its files. What is not there has that of
/// nothing: whoever installs it says so.
///
/// # Errors
/// If there are too many files, or one cannot be read.
pub(crate) fn digest_of(path: &Path) -> Result<Digest, EnvironmentError> {
    if path.is_file() {
        return Ok(atomic::digest_of(path)?.0);
    }
    let mut text = String::new();
    for file in files_of(path)? {
        let (digest, _) = atomic::digest_of(&path.join(&file))?;
        text.push_str(&format!("{} {digest}\n", file.display()));
    }
    Ok(Digest::of(text.as_bytes()))
}

/// The name that a folder states for its package, in `pyproject.toml`.
pub(crate) fn name_of(path: &Path) -> Option<String> {
    let text = read_bounded_text(&path.join("pyproject.toml"), MAX_PYPROJECT_BYTES).ok()?;
    let document: toml::Table = text.parse().ok()?;
    document.get("project")?.get("name")?.as_str().map(str::to_owned)
}

/// Whether the package at `path` is the project itself, or has it within: its files are code of the project, and not of a package.
pub(crate) fn holds_project(path: &Path, project: &Path) -> bool {
    match (fs::canonicalize(path), fs::canonicalize(project)) {
        (Ok(path), Ok(project)) => project.starts_with(path),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_has_its_files_and_one_digest_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("shared/io.py", "VALUE = 1\n");
        write("shared/build/rules.py", "");
        write("pyproject.toml", "[project]\n");
        let before = digest_of(folder.path()).unwrap();
        for name in [".env", ".git/config", "shared/__pycache__/io.pyc", "shared.egg-info/PKG-INFO", "build/lib/io.py"]
        {
            write(name, "secret, or made from the rest");
        }
        let files = files_of(folder.path()).unwrap();
        let expected = ["pyproject.toml", "shared/build/rules.py", "shared/io.py"].map(PathBuf::from);
        assert_eq!(files, expected);
        assert_eq!(digest_of(folder.path()).unwrap(), before);
        write("shared/io.py", "VALUE = 2\n");
        assert_ne!(digest_of(folder.path()).unwrap(), before);
        assert_eq!(digest_of(&folder.path().join("pyproject.toml")).unwrap(), Digest::of(b"[project]\n"));
        assert!(holds_project(folder.path(), &folder.path().join("shared")));
        assert!(!holds_project(&folder.path().join("shared"), folder.path()));
    }

    #[test]
    fn a_package_of_too_many_files_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..=MAX_FILES {
            fs::write(folder.path().join(number.to_string()), "").unwrap();
        }
        let error = digest_of(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains(&folder.path().display().to_string()) && error.contains("more than 10000 files"),
            "{error}"
        );
    }
}
