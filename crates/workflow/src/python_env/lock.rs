//! The lock file of the packages, and what belongs to it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use kilter_blobs::{TreePath, read_bounded};
use kilter_domain::{contract::is_python_lock, digest::Digest};

use super::{error::EnvironmentError, local_package, record::platform};
use crate::plan::Environment;

/// Changes when environments are made in another way.
const DOMAIN: &str = "environment/v2";
/// Files that requirements may lead to.
const MAX_FILES: usize = 50;
/// The largest file of a lock that is read.
const MAX_BYTES: u64 = 64 << 20;

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

    /// What the environment follows from: the files of the lock, the packages that it names by a path, the Python that is asked for,
    /// the machine.
    pub(crate) fn identity(&self, stated: &Environment, project: &Path) -> Result<Digest, EnvironmentError> {
        let mut text = format!("{DOMAIN}\n{}\n{}\n", platform(), stated.python.as_deref().unwrap_or_default());
        let files = self.files(project)?;
        for (name, bytes) in &files {
            text.push_str(&format!("{name} {}\n", Digest::of(bytes)));
        }
        for (name, package) in self.local_packages(&files, project) {
            if !package.is_pinned {
                text.push_str(&format!("{name} {}\n", local_package::digest_of(&package.path)?));
            }
        }
        Ok(Digest::of(text.as_bytes()))
    }

    /// Whether every package is pinned by a hash: then the lock alone says what is installed.
    pub(crate) fn has_hashes(&self, files: &[(String, Vec<u8>)]) -> bool {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains("--hash=");
        self.kind == LockKind::Requirements && files.iter().any(|(name, bytes)| *name == self.name() && text(bytes))
    }

    /// Every file of the project that an environment is made from, relative to the project: the lock, what it includes, and the
    /// packages that it names by a path. What lies outside of the project is left out.
    pub(crate) fn project_files(&self, project: &Path) -> Result<Vec<String>, EnvironmentError> {
        let (folder, files) = (self.folder(project), self.files(project)?);
        let mut paths: Vec<PathBuf> = files.iter().map(|(name, _)| folder.join(name)).collect();
        for package in self.local_packages(&files, project).into_values() {
            paths.extend(local_package::files_of(&package.path)?.iter().map(|file| package.path.join(file)));
            paths.extend(package.path.is_file().then_some(package.path));
        }
        let root = project.canonicalize().unwrap_or_else(|_| project.to_owned());
        let inside = |path: PathBuf| Some(path.canonicalize().ok()?.strip_prefix(&root).ok()?.to_str()?.to_owned());
        let mut found: Vec<String> = paths.into_iter().filter_map(inside).collect();
        found.sort();
        found.dedup();
        Ok(found)
    }

    /// Words for `uv` by which it builds the packages that are folders anew: a build of before, which it keeps, may have other files.
    pub(crate) fn refreshing(&self, project: &Path) -> Result<Vec<String>, EnvironmentError> {
        let packages = self.local_packages(&self.files(project)?, project).into_values();
        let folders = packages.filter(|package| !package.is_index && package.path.is_dir());
        let words = folders.flat_map(|package| match local_package::name_of(&package.path) {
            Some(name) => vec!["--refresh-package".to_owned(), name],
            None => vec!["--refresh".to_owned()],
        });
        Ok(words.collect())
    }

    /// The packages, and the folders of packages, that these files of the lock name by a path, each once by that path. The project itself
    /// and a folder above it is none.
    fn local_packages(&self, files: &[(String, Vec<u8>)], project: &Path) -> BTreeMap<String, LocalPackage> {
        let (folder, has_hashes) = (self.folder(project), self.has_hashes(files));
        let mut found = BTreeMap::new();
        for (name, bytes) in files {
            let base = Path::new(name).parent().unwrap_or(Path::new(""));
            for (path, is_index) in named_paths(self.kind, &String::from_utf8_lossy(bytes)) {
                let name = base.join(path);
                let path = folder.join(&name);
                let is_pinned = is_index && (has_hashes || self.kind == LockKind::Uv);
                if !local_package::holds_project(&path, project) {
                    found.insert(name.display().to_string(), LocalPackage { path, is_index, is_pinned });
                }
            }
        }
        found
    }

    fn name(&self) -> &str {
        self.path.as_str().rsplit('/').next().unwrap_or_default()
    }

    /// The lock and what it leads to, by their names in its folder.
    pub(crate) fn files(&self, project: &Path) -> Result<Vec<(String, Vec<u8>)>, EnvironmentError> {
        let folder = self.folder(project);
        let name = self.name().to_owned();
        let mut open = match self.kind {
            LockKind::Uv => vec![name, "pyproject.toml".to_owned()],
            LockKind::Requirements => vec![name],
        };
        let mut found: Vec<(String, Vec<u8>)> = Vec::new();
        while let Some(name) = open.pop() {
            if found.iter().any(|(other, _)| *other == name) || found.len() >= MAX_FILES {
                continue;
            }
            let bytes = read_bounded(&folder.join(&name), MAX_BYTES).map_err(|source| {
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

/// A package, or a folder of packages, that a lock names by a path.
struct LocalPackage {
    path: PathBuf,
    /// Whether packages are looked for in it.
    is_index: bool,
    /// Whether the lock has a hash of what is taken from it: then other files in it change nothing.
    is_pinned: bool,
}

/// The paths of packages in a file of a lock, and whether each is a folder that packages are looked for in.
fn named_paths(kind: LockKind, text: &str) -> Vec<(String, bool)> {
    let is_path = |path: &str| !path.contains("://");
    match kind {
        LockKind::Requirements => {
            let path = |line: &str| {
                let line = line.trim();
                let options = [("--find-links", true), ("-f ", true), ("-e ", false), ("--editable", false)];
                let option =
                    options.iter().find_map(|(option, is_index)| Some((line.strip_prefix(option)?, *is_index)));
                let place = line.split_once(" @ ").map_or(line, |(_, place)| place.trim_start_matches("file://"));
                let is_place = ["./", "../", "/"].iter().any(|start| place.starts_with(start));
                let (rest, is_index) = option.or(is_place.then_some((place, false)))?;
                let path = rest.trim_start_matches(['=', ' ']).split(" #").next()?.split_whitespace().next()?;
                // `./shared[sql]` asks for more than the package itself.
                let path = path.split('[').next()?;
                is_path(path).then(|| (path.to_owned(), is_index))
            };
            text.lines().filter_map(path).collect()
        }
        LockKind::Uv => {
            let lock: toml::Table = text.parse().unwrap_or_default();
            let packages = lock.get("package").and_then(toml::Value::as_array).into_iter().flatten();
            let sources = packages.filter_map(|package| package.get("source"));
            let kinds = ["path", "directory", "editable", "registry"];
            let paths =
                sources.flat_map(|source| kinds.map(|kind| Some((source.get(kind)?.as_str()?, kind == "registry"))));
            let paths = paths.flatten().filter(|(path, _)| is_path(path));
            paths.map(|(path, is_index)| (path.to_owned(), is_index)).collect()
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
    use std::fs;

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
        let files = lock.project_files(folder.path()).unwrap();
        assert_eq!(files, ["base.txt", "requirements.txt", "wheels/a.whl"]);
        let before = of(None);
        write("wheels/a.whl", "other bytes");
        assert_ne!(of(None), before, "nothing else says which wheel it is");
        write("requirements.txt", "-r base.txt\n--find-links=wheels\nsix==1 --hash=sha256:00\n");
        let before = of(None);
        write("wheels/b.whl", "");
        assert_eq!(of(None), before, "the hashes say which wheel it is");
        fs::remove_file(folder.path().join("base.txt")).unwrap();
        let error = lock.files(folder.path()).unwrap_err().to_string();
        assert!(error.starts_with("`base.txt`, which the environment"), "{error}");
    }

    #[test]
    fn a_package_that_is_a_folder_is_part_of_the_identity_with_its_files_and_without_hidden_ones() {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("project");
        let write = |name: &str, text: &str| {
            let path = project.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("requirements.txt", "-e libs/shared\n-e . # the project\n./../beside\n");
        write("libs/shared/shared/io.py", "VALUE = 1\n");
        write("../beside/pyproject.toml", "");
        write("data.csv", "1\n");
        let lock = PythonLock::of(&"requirements.txt".parse().unwrap()).unwrap();
        let stated = Environment { lock: Some(lock.path.clone()), python: None };
        let identity = || lock.identity(&stated, &project).unwrap();
        let before = identity();
        write("libs/shared/.env", "TOKEN=secret\n");
        write("libs/shared/.venv/lib/x.py", "");
        write("data.csv", "2\n");
        assert_eq!(identity(), before, "hidden files and the project are no part of a package");
        assert_eq!(lock.project_files(&project).unwrap(), ["libs/shared/shared/io.py", "requirements.txt"]);
        write("../beside/pyproject.toml", "[project]\n");
        assert_ne!(identity(), before);
        let before = identity();
        write("libs/shared/shared/io.py", "VALUE = 2\n");
        assert_ne!(identity(), before);
        let uv = "[[package]]\nname = \"shared\"\nsource = { editable = \"libs/shared\" }\n[[package]]\nname = \"x\"\nsource = { registry = \"wheels\" }\n";
        write("uv.lock", uv);
        write("pyproject.toml", "");
        let lock = PythonLock::of(&"uv.lock".parse().unwrap()).unwrap();
        let files = lock.project_files(&project).unwrap();
        assert_eq!(files, ["libs/shared/shared/io.py", "pyproject.toml", "uv.lock"]);
    }
}
