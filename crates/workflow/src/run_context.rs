//! What all steps of one run share, and how the key of a step is made from it.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use crate::executor::{Command, link_tool};
use kilter_blobs::{BlobError, BlobStore, Content, ContentKind, HashCache, TreePath, atomic};
use kilter_domain::digest::Digest;
use serde_json::{Map, Value};

use super::{
    action_cache::ActionCache,
    attempt_folder,
    code_deps::{self, CodeIndex},
    error::{RunError, StepError},
    key::KeyRecord,
    options::RunOptions,
    placeholder,
    plan::{Plan, Step},
    python_env::{PythonEnvironments, StepPython, platform},
};

/// An input of a step as this run sees it.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub content: Content,
    pub path: PathBuf,
    /// Where it stands below the root of outputs, when a step made it.
    pub declared: Option<TreePath>,
}

pub(crate) struct RunContext<'a> {
    pub plan: &'a Plan,
    pub options: &'a RunOptions,
    pub blobs: BlobStore,
    pub hashes: HashCache,
    pub actions: ActionCache,
    pub outputs_root: PathBuf,
    pub tools: PathBuf,
    /// After overrides.
    pub params: Map<String, Value>,
    pub python: PythonEnvironments,
    code: CodeIndex,
    environment: BTreeMap<String, String>,
    tool_digest: OnceLock<Option<Digest>>,
}

/// The options with absolute paths: steps get them, whatever their working directory.
pub(crate) fn absolute(options: &RunOptions) -> Result<RunOptions, RunError> {
    let project = options.project_folder.canonicalize();
    let project_folder =
        project.map_err(|source| RunError::NoProject { folder: options.project_folder.clone(), source })?;
    let make = |folder: &Path| {
        let made = atomic::create_dirs(folder).and_then(|()| {
            let found = folder.canonicalize();
            found.map_err(|source| BlobError::Io { attempted: "open", path: folder.to_owned(), source })
        });
        made.map_err(|source| RunError::State { folder: folder.to_owned(), source })
    };
    let outputs_root = options.outputs_root.as_deref().map(make).transpose()?;
    let state_folder = make(&options.state_folder)?;
    let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
    let data_overrides = options.data_overrides.iter().map(|(name, path)| (name.clone(), absolute(path))).collect();
    Ok(RunOptions { project_folder, state_folder, outputs_root, data_overrides, ..options.clone() })
}

impl<'a> RunContext<'a> {
    /// Opens what Kilter keeps, ends what a killed run left, and makes `kilter` available to steps.
    pub(crate) fn open(plan: &'a Plan, options: &'a RunOptions) -> Result<Self, RunError> {
        let state = &options.state_folder;
        let failed = |source| RunError::State { folder: state.clone(), source };
        let ignore = state.join(".gitignore");
        if !ignore.exists() {
            atomic::write_atomic(&ignore, b"*\n").map_err(failed)?;
        }
        attempt_folder::sweep(&state.join("tmp"));
        let hashes = HashCache::load(&state.join("hashes"));
        Ok(Self {
            blobs: BlobStore::open(&state.join("blobs")).map_err(failed)?,
            actions: ActionCache::new(state.join("actions")),
            outputs_root: options.outputs_root.clone().unwrap_or_else(|| options.project_folder.clone()),
            tools: link_tool(&state.join("bin"), &options.tool)?,
            params: overridden(plan.params(), &options.param_overrides)?,
            python: PythonEnvironments::new(plan.environment(), options),
            code: CodeIndex::new(&options.project_folder),
            environment: environment(plan, options, &hashes)?,
            tool_digest: OnceLock::new(),
            plan,
            options,
            hashes,
        })
    }

    /// Everything that the result of `step` may depend on.
    pub(crate) fn key_record(
        &self,
        step: &Step,
        inputs: &BTreeMap<String, Input>,
        python: &StepPython,
    ) -> Result<KeyRecord, StepError> {
        let (command, shell) = match &step.command {
            Command::Shell(line) => (vec![line.clone()], true),
            Command::Program(words) => (words.clone(), false),
        };
        Ok(KeyRecord {
            command,
            shell,
            folder: step.folder.as_ref().map(ToString::to_string),
            params: self.declared_params(step),
            inputs: inputs.iter().map(|(name, input)| (name.clone(), content_text(&input.content))).collect(),
            code: self.code.closure(step, &self.hashes)?,
            env: step.env.iter().map(|name| (name.clone(), variable(name))).collect(),
            environment: self.environment_of(step, python),
            roles: self.plan.roles_of(step),
            outputs: step.outputs.keys().cloned().collect(),
            metrics: step.metrics.clone(),
        })
    }

    /// The parameters that a step may see, by the path it declares.
    pub(crate) fn declared_params(&self, step: &Step) -> BTreeMap<String, Value> {
        let value = |path: &String| placeholder::param(&self.params, path).map(|value| (path.clone(), value.clone()));
        step.params.iter().filter_map(value).collect()
    }

    fn environment_of(&self, step: &Step, python: &StepPython) -> BTreeMap<String, String> {
        let mut found = self.environment.clone();
        let words: BTreeSet<String> = code_deps::command_words(&step.command).into_iter().collect();
        found.extend(words.iter().find_map(|word| interpreter(word)).map(|name| ("interpreter".to_owned(), name)));
        // What the interpreter says of itself is more than its name.
        found.extend(python.fields.clone());
        if words.contains("kilter") {
            let digest =
                self.tool_digest.get_or_init(|| self.hashes.digest_of(&self.options.tool).ok().map(|(d, _)| d));
            found.extend(digest.map(|digest| ("kilter".to_owned(), digest.to_string())));
        }
        found
    }
}

pub(crate) fn content_text(content: &Content) -> String {
    let kind = match (content.kind, content.executable) {
        (ContentKind::Tree, _) => "tree",
        (ContentKind::File, false) => "file",
        (ContentKind::File, true) => "program",
    };
    format!("{kind}:{}", content.digest)
}

fn variable(name: &str) -> String {
    env::var(name).map_or_else(|_| "unset".to_owned(), |value| Digest::of(value.as_bytes()).to_string())
}

/// What all steps run on.
fn environment(plan: &Plan, options: &RunOptions, hashes: &HashCache) -> Result<BTreeMap<String, String>, RunError> {
    let mut found = BTreeMap::from([("platform".to_owned(), platform())]);
    let stated = plan.environment();
    found.extend(stated.python.iter().map(|python| ("python".to_owned(), python.clone())));
    if let Some(lock) = &stated.lock {
        let digest = hashes.digest_of(&lock.below(&options.project_folder));
        let (digest, _) = digest.map_err(|source| RunError::EnvironmentLock { path: lock.to_string(), source })?;
        found.insert("lock".to_owned(), digest.to_string());
    }
    Ok(found)
}

/// The file that `python` stands for in PATH, like `python3.11`: its name holds the version, its folder says nothing.
fn interpreter(word: &str) -> Option<String> {
    let version = word.strip_prefix("python")?;
    if !version.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let paths = env::var_os("PATH")?;
    let program = env::split_paths(&paths).map(|folder| folder.join(word)).find(|path| path.is_file())?;
    Some(fs::canonicalize(program).ok()?.file_name()?.to_str()?.to_owned())
}

fn overridden(
    params: &Map<String, Value>,
    overrides: &BTreeMap<String, Value>,
) -> Result<Map<String, Value>, RunError> {
    let mut params = params.clone();
    for (path, value) in overrides {
        let mut parts = path.split('.');
        let first = parts.next().and_then(|first| params.get_mut(first));
        let place = first.and_then(|first| parts.try_fold(first, |place, part| place.get_mut(part)));
        *place.ok_or_else(|| RunError::UnknownParam { path: path.clone() })? = value.clone();
    }
    Ok(params)
}
