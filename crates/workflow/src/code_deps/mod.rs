//! Which files of the project a step depends on besides its inputs: the files its command names, their local Python
//! imports and the imports of those, and the declared globs.

mod python;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use crate::executor::Command;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use kilter_blobs::{BlobError, HashCache};
use kilter_domain::digest::Digest;

use self::python::Import;
use crate::{
    placeholder::{self, Part},
    plan::Step,
};

/// Most files of a project that globs are matched against.
const MAX_PROJECT_FILES: usize = 200_000;
/// Larger files are hashed, and not searched for imports.
const MAX_SOURCE_BYTES: u64 = 4 << 20;
/// Folders that hold no code of the project.
const SKIPPED: [&str; 6] = ["__pycache__", "node_modules", "target", "venv", "site-packages", "kilter.lock"];

/// Endings of files that programs are written or set up in.
const CODE: [&str; 27] = [
    "R", "bash", "cfg", "conf", "go", "hcl", "ini", "ipynb", "j2", "jinja", "jl", "js", "json", "jsonnet", "lua",
    "mjs", "pl", "py", "r", "rb", "rs", "sh", "sql", "toml", "ts", "yaml", "yml",
];

/// Why the code of a step could not be found out.
#[derive(Debug, thiserror::Error)]
pub enum CodeError {
    /// A pattern of `code` cannot be read.
    #[error("`{glob}` is not a pattern for files; write one like `src/**/*.py`")]
    Glob {
        /// The pattern as the contract states it.
        glob: String,
        /// What is wrong with it.
        source: globset::Error,
    },
    /// A pattern of `code` names no file, so it would guard nothing.
    #[error("`code` pattern `{glob}` matches no file of the project; correct or remove it")]
    NoMatch {
        /// The pattern as the contract states it.
        glob: String,
    },
    /// The project has more files than patterns are matched against.
    #[error(
        "the project holds more than {MAX_PROJECT_FILES} files, too many to match `code` patterns against; move data out of it"
    )]
    TooManyFiles,
    /// A file of the code cannot be read.
    #[error(transparent)]
    Read(#[from] BlobError),
}

struct Scanned {
    digest: Digest,
    imports: Vec<Import>,
}

/// The files of one project, each read at most once in a run.
pub(crate) struct CodeIndex {
    root: PathBuf,
    scanned: Mutex<HashMap<PathBuf, Arc<Scanned>>>,
    files: OnceLock<Result<Vec<PathBuf>, TooMany>>,
}

/// There are more files than are looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TooMany;

impl CodeIndex {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), scanned: Mutex::default(), files: OnceLock::new() }
    }

    /// Path relative to the project → digest, for everything that `step` depends on.
    pub(crate) fn closure(&self, step: &Step, hashes: &HashCache) -> Result<BTreeMap<String, Digest>, CodeError> {
        let mut open: Vec<PathBuf> = self.globbed(&step.code)?;
        let folder = step.folder.as_ref().map_or_else(|| self.root.clone(), |folder| folder.below(&self.root));
        open.extend(self.named(&step.command, &folder));
        let mut found = BTreeMap::new();
        while let Some(path) = open.pop() {
            let Some(name) = path.strip_prefix(&self.root).ok().and_then(Path::to_str) else { continue };
            if found.contains_key(name) {
                continue;
            }
            let scanned = self.scan(&path, hashes)?;
            found.insert(name.to_owned(), scanned.digest);
            open.extend(scanned.imports.iter().flat_map(|import| self.resolve(import, &path)));
        }
        Ok(found)
    }

    /// Files and modules that stand in the command itself.
    fn named(&self, command: &Command, folder: &Path) -> Vec<PathBuf> {
        let words = command_words(command);
        let is_written = |at: usize| at > 0 && words[at - 1] == ">";
        let mut found: Vec<PathBuf> = words
            .iter()
            .enumerate()
            .filter(|(at, _)| !is_written(*at))
            .filter_map(|(_, word)| kilter_blobs::ensure_inside(folder, Path::new(word)).ok())
            .filter(|path| is_code(path))
            .collect();
        let here = folder.join("-");
        for pair in words.windows(2).filter(|pair| pair[0] == "-m" && python::is_dotted(&pair[1])) {
            let import = Import { level: 0, module: pair[1].clone(), names: vec!["__main__".to_owned()] };
            found.extend(self.resolve(&import, &here));
        }
        let text = match command {
            Command::Shell(line) => line.clone(),
            Command::Program(words) => words.join("\n"),
        };
        // `python -c 'import churn.train'`: quotes end no statement here, so they are cut away.
        let inline = python::imports(&text.replace(['\'', '"'], "\n"));
        found.extend(inline.iter().flat_map(|import| self.resolve(import, &here)));
        found
    }

    fn scan(&self, path: &Path, hashes: &HashCache) -> Result<Arc<Scanned>, CodeError> {
        if let Some(scanned) = self.scanned.lock().unwrap_or_else(PoisonError::into_inner).get(path) {
            return Ok(Arc::clone(scanned));
        }
        let scanned = Arc::new(scan(path, hashes)?);
        self.scanned.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), Arc::clone(&scanned));
        Ok(scanned)
    }

    /// The local files that an import in `from` may load: the packages on the way, the module, and its named parts.
    fn resolve(&self, import: &Import, from: &Path) -> Vec<PathBuf> {
        let folder = from.parent().unwrap_or(&self.root);
        let bases: Vec<PathBuf> = match import.level {
            0 => BTreeSet::from([folder.to_owned(), self.root.clone(), self.root.join("src")]).into_iter().collect(),
            level => folder.ancestors().nth(level - 1).map(Path::to_owned).into_iter().collect(),
        };
        let inside = bases.into_iter().filter(|base| base.starts_with(&self.root));
        inside.flat_map(|base| modules(&base, import)).collect()
    }

    fn globbed(&self, globs: &[String]) -> Result<Vec<PathBuf>, CodeError> {
        let mut found = Vec::new();
        for glob in globs {
            let set = glob_set(glob)?;
            let files = self
                .files
                .get_or_init(|| list_files(&self.root, MAX_PROJECT_FILES))
                .as_ref()
                .map_err(|_| CodeError::TooManyFiles)?;
            let before = found.len();
            found.extend(files.iter().filter(|file| set.is_match(file)).map(|file| self.root.join(file)));
            if found.len() == before {
                return Err(CodeError::NoMatch { glob: glob.clone() });
            }
        }
        Ok(found)
    }
}

fn scan(path: &Path, hashes: &HashCache) -> Result<Scanned, CodeError> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let is_small = path.metadata().is_ok_and(|found| found.len() <= MAX_SOURCE_BYTES);
    if !is_small || !matches!(extension, "py" | "ipynb") {
        return Ok(Scanned { digest: hashes.digest_of(path)?.0, imports: Vec::new() });
    }
    let bytes = fs::read(path).map_err(|source| BlobError::Io { attempted: "read", path: path.to_owned(), source })?;
    match python::notebook_code(&bytes).filter(|_| extension == "ipynb") {
        // Outputs and counters of a notebook change whenever it is looked at.
        Some(code) => Ok(Scanned { digest: Digest::of(code.as_bytes()), imports: python::imports(&code) }),
        None => {
            let imports = python::imports(&String::from_utf8_lossy(&bytes));
            Ok(Scanned { digest: Digest::of(&bytes), imports })
        }
    }
}

/// Files that a step writes for itself may stand in its command too (`touch done`, `tee train.log`); only what is
/// known to be read as code or settings, or can be executed, counts.
fn is_code(path: &Path) -> bool {
    let ending = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    path.metadata().is_ok_and(|found| found.is_file() && (CODE.contains(&ending) || found.mode() & 0o111 != 0))
}

/// The words of a command without the shell's punctuation, but for `>`, which stands before what is written.
pub(crate) fn command_words(command: &Command) -> Vec<String> {
    let words = match command {
        Command::Shell(line) => std::slice::from_ref(line),
        Command::Program(words) => words.as_slice(),
    };
    let mut found = Vec::new();
    for word in words {
        for part in placeholder::parts(word) {
            match part {
                Part::Text(text) => {
                    let text = text.replace('>', " > ");
                    let pieces = text.split(|c: char| c.is_whitespace() || "'\"`;|&<()$=".contains(c));
                    found.extend(pieces.filter(|piece| !piece.is_empty()).map(str::to_owned));
                }
                // It keeps its neighbours apart, and is no file of the project.
                other => found.push(other.to_string()),
            }
        }
    }
    found
}

fn modules(base: &Path, import: &Import) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut path = base.to_owned();
    if import.level > 0 {
        found.push(path.join("__init__.py"));
    }
    for part in import.module.split('.').filter(|part| !part.is_empty()) {
        path.push(part);
        found.extend([path.join("__init__.py"), path.with_extension("py")]);
    }
    // `import pkg` of a folder may run `pkg/__main__.py` only as `-m`, which asks for it by name.
    for name in &import.names {
        let part = path.join(name);
        found.extend([part.join("__init__.py"), part.with_extension("py")]);
    }
    found.retain(|path| path.is_file());
    found
}

fn glob_set(glob: &str) -> Result<GlobSet, CodeError> {
    let failed = |source| CodeError::Glob { glob: glob.to_owned(), source };
    let plain = glob.strip_prefix("./").unwrap_or(glob);
    let mut set = GlobSetBuilder::new();
    // A folder means everything in it.
    for pattern in [plain.to_owned(), format!("{}/**", plain.trim_end_matches('/'))] {
        set.add(GlobBuilder::new(&pattern).literal_separator(true).build().map_err(failed)?);
    }
    set.build().map_err(failed)
}

/// The files of the project that patterns match, relative to its folder; a pattern that matches none is passed over.
///
/// # Errors
/// If a pattern cannot be read, or the project has too many files.
pub fn matching_files(project: &Path, globs: &[String]) -> Result<Vec<String>, CodeError> {
    if globs.is_empty() {
        return Ok(Vec::new());
    }
    let sets = globs.iter().map(|glob| glob_set(glob)).collect::<Result<Vec<_>, _>>()?;
    let files = list_files(project, MAX_PROJECT_FILES).map_err(|_| CodeError::TooManyFiles)?;
    let matched = files.into_iter().filter(|file| sets.iter().any(|set| set.is_match(file)));
    Ok(matched.filter_map(|file| file.to_str().map(str::to_owned)).collect())
}

/// The files of a folder relative to it, without hidden ones and those of [`SKIPPED`] folders.
pub(crate) fn list_files(root: &Path, max: usize) -> Result<Vec<PathBuf>, TooMany> {
    let (mut files, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        // A folder that cannot be read holds no code that a step could run.
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let is_skipped = name.to_str().is_none_or(|name| name.starts_with('.') || SKIPPED.contains(&name));
            let Ok(kind) = entry.file_type() else { continue };
            if is_skipped {
                continue;
            }
            if kind.is_dir() {
                folders.push(entry.path());
            } else if let (true, Ok(relative)) = (kind.is_file(), entry.path().strip_prefix(root)) {
                files.push(relative.to_owned());
            }
            if files.len() + folders.len() > max {
                return Err(TooMany);
            }
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closure(files: &[(&str, &str)], command: &str, globs: &[&str]) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let mut step = Step::shell(command);
        step.code = globs.iter().map(|&glob| glob.to_owned()).collect();
        let found = CodeIndex::new(folder.path()).closure(&step, &HashCache::in_memory());
        found.map(|found| found.into_keys().collect()).map_err(|error| error.to_string())
    }

    const PACKAGE: [(&str, &str); 8] = [
        ("churn/__init__.py", ""),
        ("churn/train.py", "from . import features\nimport numpy, shared.io"),
        ("churn/features.py", "from churn.deep.leaf import f"),
        ("churn/deep/__init__.py", ""),
        ("churn/deep/leaf.py", "import churn.train"),
        ("churn/unused.py", ""),
        ("src/shared/io.py", ""),
        ("train.py", "import churn.deep.leaf"),
    ];

    const TRAIN: [&str; 6] = [
        "churn/__init__.py",
        "churn/deep/__init__.py",
        "churn/deep/leaf.py",
        "churn/features.py",
        "churn/train.py",
        "src/shared/io.py",
    ];

    #[test]
    fn a_command_depends_on_its_script_and_all_local_imports() {
        for command in ["python -m churn.train {in.a}", "python -c 'import churn.train; churn.train.go()'"] {
            assert_eq!(closure(&PACKAGE, command, &[]).unwrap(), TRAIN, "{command}");
        }
        let script = closure(&PACKAGE, "PYTHONPATH=src python ./train.py >{out.x}", &[]).unwrap();
        assert_eq!(script, [&TRAIN[..], &["train.py"]].concat());
        assert_eq!(closure(&PACKAGE, "echo churn", &[]).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn globs_and_folders_add_files_and_their_imports() {
        let files = [("sql/a.sql", ""), ("sql/deep/b.sql", ""), ("x.py", "import y"), ("y.py", ""), (".h/z.py", "")];
        assert_eq!(closure(&files, "true", &["sql"]).unwrap(), ["sql/a.sql", "sql/deep/b.sql"]);
        assert_eq!(closure(&files, "true", &["sql/*.sql", "./x.py"]).unwrap(), ["sql/a.sql", "x.py", "y.py"]);
        assert_eq!(closure(&files, "true", &["**/*.py"]).unwrap(), ["x.py", "y.py"]);
    }

    #[test]
    fn a_glob_without_a_file_or_meaning_is_an_error() {
        let error = closure(&[], "true", &["srk/**"]).unwrap_err();
        assert!(error.contains("`srk/**` matches no file"), "{error}");
        assert!(closure(&[], "true", &["a[".to_owned().as_str()]).unwrap_err().contains("is not a pattern"));
    }

    #[test]
    fn what_a_command_writes_for_itself_is_no_code() {
        let files = [("train.log", ""), ("done", ""), ("out.json", ""), ("a.sh", ""), ("conf.toml", "")];
        let command = "sh a.sh conf.toml 2>&1 | tee train.log; touch done; echo {} >out.json";
        assert_eq!(closure(&files, command, &[]).unwrap(), ["a.sh", "conf.toml"]);
    }

    #[test]
    fn a_command_that_names_files_outside_of_the_project_does_not_read_them() {
        assert_eq!(closure(&[("a.py", "")], "cat /etc/passwd ../../etc/passwd a.py", &[]).unwrap(), ["a.py"]);
    }
}
