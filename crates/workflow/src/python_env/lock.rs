//! The lock file of the packages, and what belongs to it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use kilter_blobs::TreePath;
use kilter_domain::{contract::is_python_lock, digest::Digest};

use super::{error::EnvironmentError, record::platform};
use crate::plan::Environment;

/// Changes when environments are made in another way.
const DOMAIN: &str = "environment/v1";
/// Files that requirements may lead to.
const MAX_FILES: usize = 50;
/// Files of local packages.
const MAX_PACKAGE_FILES: usize = 10_000;

/// A lock that an environment is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PythonLock {
    pub path: TreePath,
    pub kind: LockKind,
}

/// What kind of lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LockKind {
    /// `uv.lock`, beside the pyproject.toml that it belongs to.
    Uv,
    /// Requirements of pip, with hashes or without.
    Requirements,
}

impl PythonLock {
    /// The lock at a path; `None` for a file of another tool, which only goes into the keys.
    pub(crate) fn of(path: &TreePath) -> Option<Self> {
        let kind = if path.as_str().ends_with(".txt") { LockKind::Requirements } else { LockKind::Uv };
        is_python_lock(path.as_str()).then(|| Self { path: path.clone(), kind })
    }

    /// The folder that relative paths of the lock start in.
    pub(crate) fn folder(&self, project: &Path) -> PathBuf {
        self.path.below(project).parent().unwrap_or(project).to_owned()
    }

    /// What the environment follows from: the files of the lock, the Python that is asked for, the machine.
    pub(crate) fn identity(&self, stated: &Environment, project: &Path) -> Result<Digest, EnvironmentError> {
        let mut text = format!("{DOMAIN}\n{}\n{}\n", platform(), stated.python.as_deref().unwrap_or_default());
        for (name, bytes) in self.files(project)? {
            text.push_str(&format!("{name} {}\n", Digest::of(&bytes)));
        }
        Ok(Digest::of(text.as_bytes()))
    }

    /// Whether every package is pinned by a hash: then the lock alone says what is installed.
    pub(crate) fn has_hashes(&self, project: &Path) -> bool {
        let text = fs::read_to_string(self.path.below(project)).unwrap_or_default();
        self.kind == LockKind::Requirements && text.contains("--hash=")
    }

    /// Every file of the project that an environment is made from, relative to the project: the lock, what it includes, and the
    /// packages that it names by a path. What lies outside of the project is left out.
    pub(crate) fn project_files(&self, project: &Path) -> Result<Vec<String>, EnvironmentError> {
        let folder = self.folder(project);
        let mut paths: Vec<PathBuf> = Vec::new();
        for (name, bytes) in self.files(project)? {
            let base = folder.join(&name);
            let base = base.parent().unwrap_or(&folder);
            let text = String::from_utf8_lossy(&bytes);
            paths.extend(local_packages(self.kind, &text).iter().map(|path| base.join(path)));
            paths.push(folder.join(&name));
        }
        let mut found = Vec::new();
        while let Some(path) = paths.pop() {
            // Neither the project itself nor a folder above it is a package in it.
            let inside = path.canonicalize().ok().zip(project.canonicalize().ok());
            let inside = inside.and_then(|(path, root)| Some(path.strip_prefix(root).ok()?.to_str()?.to_owned()));
            let Some(name) = inside.filter(|name| !name.is_empty() && !name.starts_with(".kilter")) else { continue };
            if path.is_dir() {
                paths.extend(fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
            } else {
                found.push(name);
            }
            if found.len() > MAX_PACKAGE_FILES {
                break;
            }
        }
        Ok(found)
    }

    /// The lock and what it leads to, by their names in its folder.
    pub(crate) fn files(&self, project: &Path) -> Result<Vec<(String, Vec<u8>)>, EnvironmentError> {
        let folder = self.folder(project);
        let name = self.path.as_str().rsplit('/').next().unwrap_or_default().to_owned();
        let mut open = match self.kind {
            LockKind::Uv => vec![name, "pyproject.toml".to_owned()],
            LockKind::Requirements => vec![name],
        };
        let mut found: Vec<(String, Vec<u8>)> = Vec::new();
        while let Some(name) = open.pop() {
            if found.iter().any(|(other, _)| *other == name) || found.len() >= MAX_FILES {
                continue;
            }
            let bytes = fs::read(folder.join(&name)).map_err(|source| {
                let beside = Path::new(self.path.as_str()).with_file_name(&name);
                EnvironmentError::Unreadable { path: beside.display().to_string(), source }
            })?;
            if self.kind == LockKind::Requirements {
                let base = Path::new(&name).parent().unwrap_or(Path::new(""));
                open.extend(
                    included(&String::from_utf8_lossy(&bytes)).map(|file| base.join(file).display().to_string()),
                );
            }
            found.push((name, bytes));
        }
        found.sort();
        Ok(found)
    }
}

/// Packages and folders of packages that a lock names by a path.
fn local_packages(kind: LockKind, text: &str) -> Vec<String> {
    match kind {
        LockKind::Requirements => text
            .lines()
            .filter_map(|line| {
                let line = line.trim();
                let links =
                    ["--find-links", "-f ", "-e ", "--editable"].iter().find_map(|option| line.strip_prefix(option));
                let named = Some(line).filter(|line| line.starts_with("./") || line.starts_with("../"));
                let path = links.map(|rest| rest.trim_start_matches(['=', ' '])).or(named)?;
                let path = path.split(" #").next()?.split_whitespace().next()?;
                (!path.contains("://")).then(|| path.to_owned())
            })
            .collect(),
        LockKind::Uv => {
            let lock: toml::Table = text.parse().unwrap_or_default();
            let packages = lock.get("package").and_then(toml::Value::as_array).into_iter().flatten();
            let sources = packages.filter_map(|package| package.get("source"));
            let paths =
                sources.flat_map(|source| ["path", "directory", "editable", "registry"].map(|kind| source.get(kind)));
            let paths = paths.flatten().filter_map(toml::Value::as_str);
            paths.filter(|path| !path.contains("://")).map(str::to_owned).collect()
        }
    }
}

/// Files that a text of requirements includes: `-r other.txt`, `--constraint=limits.txt`.
fn included(text: &str) -> impl Iterator<Item = &str> {
    let options = ["-r", "-c", "--requirement", "--constraint"];
    text.lines().filter_map(move |line| {
        let line = line.trim();
        let rest = options.iter().find_map(|option| line.strip_prefix(option))?;
        let file = rest.strip_prefix(['=', ' ']).unwrap_or(rest).split(" #").next()?.trim();
        (!file.is_empty() && !file.contains("://")).then_some(file)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_known_by_its_name() {
        let kind = |path: &str| PythonLock::of(&path.parse().unwrap()).map(|lock| lock.kind);
        assert_eq!(kind("uv.lock"), Some(LockKind::Uv));
        assert_eq!(kind("env/uv.lock"), Some(LockKind::Uv));
        assert_eq!(kind("requirements.txt"), Some(LockKind::Requirements));
        assert_eq!(kind("conda-lock.yml"), None);
    }

    #[test]
    fn what_requirements_include_is_part_of_their_identity() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("requirements.txt", "-r base.txt\n--constraint=limits.txt # why\nnumpy==2\n-r https://elsewhere/x.txt\n");
        write("base.txt", "-r requirements.txt\npandas==3\n");
        write("limits.txt", "six==1\n");
        let lock = PythonLock::of(&"requirements.txt".parse().unwrap()).unwrap();
        let names: Vec<String> = lock.files(folder.path()).unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["base.txt", "limits.txt", "requirements.txt"]);
        let of = |python: Option<&str>| {
            let stated = Environment { lock: Some(lock.path.clone()), python: python.map(str::to_owned) };
            lock.identity(&stated, folder.path()).unwrap()
        };
        let (before, other) = (of(None), of(Some("3.11")));
        assert_ne!(before, other);
        write("limits.txt", "six==2\n");
        assert_ne!(of(None), before);
        write("requirements.txt", "-r base.txt\n--find-links=wheels\n");
        fs::create_dir_all(folder.path().join("wheels")).unwrap();
        write("wheels/a.whl", "");
        let mut files = lock.project_files(folder.path()).unwrap();
        files.sort();
        assert_eq!(files, ["base.txt", "requirements.txt", "wheels/a.whl"]);
        fs::remove_file(folder.path().join("base.txt")).unwrap();
        let error = lock.files(folder.path()).unwrap_err().to_string();
        assert!(error.starts_with("`base.txt`, which the environment"), "{error}");
    }
}
