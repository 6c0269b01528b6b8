//! What is installed beside an interpreter, asked of itself and remembered as long as its folders do not change.
//!
//! Invariant: a package that is installed from a folder of this machine is known by its content, not by its version alone.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, PoisonError},
    time::UNIX_EPOCH,
};

use kilter_blobs::{answer_bounded, atomic, read_bounded};
use kilter_domain::digest::Digest;
use serde::{Deserialize, Serialize};

use super::{
    error::EnvironmentError,
    local_package,
    record::{PythonEnvironment, platform},
};
use crate::executor::inherited_environment;

/// Longest answer that is read.
const MAX_BYTES: u64 = 16 << 20;

/// Names are compared as PEP 503 writes them; the first of two on the path is the one that is imported.
const QUESTION: &str = r#"
import hashlib, importlib.metadata, json, os, platform, re, sys, urllib.parse
def installed(found):
    # What was copied, by the hashes that the installer wrote down; scripts and the record itself differ from place to place.
    lines = [line for line in (found.read_text("RECORD") or "").splitlines() if ",sha256=" in line]
    lines = sorted(line for line in lines if not line.startswith("..") and ".dist-info/" not in line)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
def source(found):
    try: where = json.loads(found.read_text("direct_url.json") or "null")
    except Exception: where = None
    if not where: return ""
    if "vcs_info" in where: return " (%s %s)" % (where["vcs_info"].get("vcs"), where["vcs_info"].get("commit_id"))
    if "archive_info" in where:
        hashes = where["archive_info"].get("hashes") or {}
        known = where["archive_info"].get("hash") or "".join("%s:%s" % pair for pair in sorted(hashes.items())[:1])
        return " (%s)" % known.replace("=", ":") if known else ""
    if not where.get("dir_info", {}).get("editable"): return " (folder sha256:%s)" % installed(found)
    return urllib.parse.unquote(urllib.parse.urlsplit(where["url"]).path)
packages, editable = {}, {}
for found in importlib.metadata.distributions():
    name = found.metadata["Name"] if found.metadata else None
    name = re.sub(r"[-_.]+", "-", name).lower() if name else None
    if not name or name in packages: continue
    where = source(found)
    if where.startswith("/"): editable[name] = where
    packages[name] = found.version if name in editable else found.version + where
folders = [folder for folder in sys.path if folder and os.path.isdir(folder)]
print(json.dumps({"implementation": sys.implementation.name, "version": platform.python_version(), "packages": packages, "editable": editable, "folders": folders}))
"#;

#[derive(Deserialize)]
struct Answer {
    implementation: String,
    version: String,
    packages: BTreeMap<String, String>,
    editable: BTreeMap<String, PathBuf>,
    folders: Vec<PathBuf>,
}

/// What an interpreter says of itself.
#[derive(Serialize, Deserialize)]
pub(crate) struct Installed {
    environment: PythonEnvironment,
    /// The folders of the packages that are used where they are (`pip install -e`).
    editable: BTreeMap<String, PathBuf>,
    /// Nanoseconds of the last change of the interpreter and of each folder on its path.
    seen: Vec<(PathBuf, u128)>,
}

impl Installed {
    /// The environment, with the content of the packages that may have changed since they were installed.
    pub(crate) fn with_content(self, project: &Path) -> Result<PythonEnvironment, EnvironmentError> {
        let mut environment = self.environment;
        for (name, folder) in self.editable {
            let Some(version) = environment.packages.get_mut(&name) else { continue };
            if local_package::holds_project(&folder, project) {
                // What a step uses of the project itself is found as its code.
                version.push_str(" (editable)");
            } else {
                version.push_str(&format!(" (editable {})", local_package::digest_of(&folder)?.short()));
            }
        }
        Ok(environment)
    }
}

pub(crate) struct InstalledCache {
    folder: PathBuf,
    /// Where the question is asked: no package lies there.
    work: PathBuf,
    asked: Mutex<BTreeMap<PathBuf, Option<Arc<PythonEnvironment>>>>,
}

impl InstalledCache {
    pub(crate) fn new(state: &Path) -> Self {
        Self { folder: state.join("environments").join("found"), work: state.to_owned(), asked: Mutex::default() }
    }

    /// The packages beside this interpreter; `None` if it does not answer: then the step itself says why.
    pub(crate) fn of(
        &self,
        interpreter: &Path,
        project: &Path,
    ) -> Result<Option<Arc<PythonEnvironment>>, EnvironmentError> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = asked.get(interpreter) {
            return Ok(known.clone());
        }
        let found = self.remembered(interpreter).or_else(|| self.ask_and_remember(interpreter));
        let found = found.map(|found| found.with_content(project)).transpose()?.map(Arc::new);
        asked.insert(interpreter.to_owned(), found.clone());
        Ok(found)
    }

    fn remembered(&self, interpreter: &Path) -> Option<Installed> {
        let bytes = read_bounded(&self.file(interpreter), MAX_BYTES).ok()?;
        let found: Installed = serde_json::from_slice(&bytes).ok()?;
        found.seen.iter().all(|(path, at)| changed_at(path) == Some(*at)).then_some(found)
    }

    fn ask_and_remember(&self, interpreter: &Path) -> Option<Installed> {
        let found = ask(interpreter, &self.work)?;
        if let Ok(bytes) = serde_json::to_vec(&found) {
            // What could not be kept is asked again.
            let _ = atomic::write_atomic(&self.file(interpreter), &bytes);
        }
        Some(found)
    }

    fn file(&self, interpreter: &Path) -> PathBuf {
        self.folder.join(format!("{}.json", Digest::of(interpreter.as_os_str().as_encoded_bytes()).short()))
    }
}

/// What an interpreter says of itself, in at most 16 MiB.
pub(crate) fn ask(interpreter: &Path, work: &Path) -> Option<Installed> {
    let mut python = Command::new(interpreter);
    python.args(["-c", QUESTION]).current_dir(work).env_clear().envs(inherited_environment([], &[]));
    let answer: Answer = serde_json::from_slice(&answer_bounded(&mut python, b"", MAX_BYTES).ok()??).ok()?;
    let seen = [interpreter.to_owned()].into_iter().chain(answer.folders);
    let seen = seen.filter_map(|path| changed_at(&path).map(|at| (path, at))).collect();
    let environment = PythonEnvironment {
        implementation: answer.implementation,
        version: answer.version,
        platform: platform(),
        packages: answer.packages,
        lock: None,
        path: interpreter.to_owned(),
    };
    Some(Installed { environment, editable: answer.editable, seen })
}

fn changed_at(path: &Path) -> Option<u128> {
    path.metadata().ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok().map(|time| time.as_nanos())
}
