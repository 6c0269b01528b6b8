//! What is installed beside an interpreter, asked of itself and remembered as long as its folders do not change.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::UNIX_EPOCH,
};

use kilter_blobs::atomic;
use kilter_domain::digest::Digest;
use serde::{Deserialize, Serialize};

use super::record::{PythonEnvironment, platform};
use crate::executor::inherited_environment;

/// Longest answer that is read.
const MAX_BYTES: usize = 16 << 20;

/// Names are compared as PEP 503 writes them; the first of two on the path is the one that is imported.
const QUESTION: &str = r#"
import importlib.metadata, json, os, platform, re, sys
def source(found):
    try: where = json.loads(found.read_text("direct_url.json") or "null")
    except Exception: where = None
    if not where: return ""
    if "vcs_info" in where: return " (%s %s)" % (where["vcs_info"].get("vcs"), where["vcs_info"].get("commit_id"))
    if "archive_info" in where:
        hashes = where["archive_info"].get("hashes") or {}
        known = where["archive_info"].get("hash") or "".join("%s:%s" % pair for pair in sorted(hashes.items())[:1])
        return " (%s)" % known.replace("=", ":") if known else ""
    return " (editable)" if where.get("dir_info", {}).get("editable") else " (folder)"
packages = {}
for found in importlib.metadata.distributions():
    name = found.metadata["Name"] if found.metadata else None
    if name: packages.setdefault(re.sub(r"[-_.]+", "-", name).lower(), "%s%s" % (found.version, source(found)))
folders = [folder for folder in sys.path if folder and os.path.isdir(folder)]
print(json.dumps({"implementation": sys.implementation.name, "version": platform.python_version(), "packages": packages, "folders": folders}))
"#;

#[derive(Deserialize)]
struct Answer {
    implementation: String,
    version: String,
    packages: BTreeMap<String, String>,
    folders: Vec<PathBuf>,
}

/// An answer, and what it was true of.
#[derive(Serialize, Deserialize)]
struct Remembered {
    /// Nanoseconds of the last change of the interpreter and of each folder on its path.
    seen: Vec<(PathBuf, u128)>,
    environment: PythonEnvironment,
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
    pub(crate) fn of(&self, interpreter: &Path) -> Option<Arc<PythonEnvironment>> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = asked.get(interpreter) {
            return known.clone();
        }
        let found = self.remembered(interpreter).or_else(|| self.ask_and_remember(interpreter)).map(Arc::new);
        asked.insert(interpreter.to_owned(), found.clone());
        found
    }

    fn remembered(&self, interpreter: &Path) -> Option<PythonEnvironment> {
        let bytes = fs::read(self.file(interpreter)).ok()?;
        let found: Remembered = serde_json::from_slice(&bytes).ok()?;
        found.seen.iter().all(|(path, at)| changed_at(path) == Some(*at)).then_some(found.environment)
    }

    fn ask_and_remember(&self, interpreter: &Path) -> Option<PythonEnvironment> {
        let (environment, folders) = ask(interpreter, &self.work)?;
        let seen = [interpreter.to_owned()].into_iter().chain(folders);
        let seen = seen.filter_map(|path| changed_at(&path).map(|at| (path, at))).collect();
        let remembered = Remembered { seen, environment };
        if let Ok(bytes) = serde_json::to_vec(&remembered) {
            // What could not be kept is asked again.
            let _ = atomic::write_atomic(&self.file(interpreter), &bytes);
        }
        Some(remembered.environment)
    }

    fn file(&self, interpreter: &Path) -> PathBuf {
        self.folder.join(format!("{}.json", Digest::of(interpreter.as_os_str().as_encoded_bytes()).short()))
    }
}

/// What an interpreter says of itself, and the folders that it looks for packages in.
pub(crate) fn ask(interpreter: &Path, work: &Path) -> Option<(PythonEnvironment, Vec<PathBuf>)> {
    let output = Command::new(interpreter)
        .args(["-c", QUESTION])
        .current_dir(work)
        .env_clear()
        .envs(inherited_environment([], &[]))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success() && output.stdout.len() <= MAX_BYTES)?;
    let answer: Answer = serde_json::from_slice(&output.stdout).ok()?;
    let environment = PythonEnvironment {
        implementation: answer.implementation,
        version: answer.version,
        platform: platform(),
        packages: answer.packages,
        lock: None,
        path: interpreter.to_owned(),
    };
    Some((environment, answer.folders))
}

fn changed_at(path: &Path) -> Option<u128> {
    path.metadata().ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok().map(|time| time.as_nanos())
}
