//! One attempt of a step: its command with every path filled in, and the environment it sees.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use crate::executor::{Attempt, Command, Tee, inherited_environment};
use kilter_blobs::{BlobError, ensure_inside};

use super::{
    attempt_folder::AttemptFolder,
    column_roles,
    error::StepError,
    placeholder::{self, Part},
    python_env,
    record::RunEvent,
    run_context::Input,
    step::Work,
};

/// Time a step has to tidy up when it must stop.
const GRACE: Duration = Duration::from_secs(5);

impl Work<'_> {
    /// Where the attempt reads an input. When another run has replaced it meanwhile, a private copy is made.
    fn provided(&self, scratch: &AttemptFolder, name: &str, input: &Input) -> Result<PathBuf, StepError> {
        let Some(declared) = &input.declared else { return Ok(input.path.clone()) };
        let hashes = &self.context.hashes;
        if input.path.exists() && hashes.content_of(&input.path).is_ok_and(|found| found == input.content) {
            return Ok(input.path.clone());
        }
        let private = scratch.input(name, declared);
        self.context.blobs.place(&input.content, &private, hashes)?;
        Ok(private)
    }

    /// Whether every input is still what the attempt was given.
    pub(crate) fn check_inputs(&self, scratch: &AttemptFolder) -> Result<(), StepError> {
        let is_changed = |(name, input): &(&String, &Input)| {
            let private = input.declared.as_ref().map(|declared| scratch.input(name, declared));
            let path = private.filter(|path| path.exists()).unwrap_or_else(|| input.path.clone());
            self.context.hashes.content_of(&path).ok().as_ref() != Some(&input.content)
        };
        match self.inputs.iter().find(is_changed) {
            Some((name, _)) => Err(StepError::InputChanged { input: name.clone() }),
            None => Ok(()),
        }
    }

    pub(crate) fn attempt(&self, scratch: &AttemptFolder) -> Result<Attempt, StepError> {
        let (context, options) = (self.context, self.context.options);
        let mut paths = BTreeMap::new();
        for (name, input) in &self.inputs {
            paths.insert(format!("in.{name}"), self.provided(scratch, name, input)?);
        }
        for (name, declared) in &self.step.outputs {
            let path = scratch.output(name, declared);
            kilter_blobs::atomic::create_dirs(path.parent().unwrap_or(&path))?;
            paths.insert(format!("out.{name}"), path);
        }
        let params = serde_json::to_vec_pretty(&context.declared_params(self.step)).unwrap_or_default();
        let write = |path: PathBuf, bytes: Vec<u8>| {
            fs::write(&path, bytes).map_err(|source| BlobError::Io { attempted: "write", path, source })
        };
        write(scratch.params(), params)?;
        let roles = context.plan.roles_of(self.step);
        write(scratch.column_roles(), serde_json::to_vec_pretty(&roles).unwrap_or_default())?;
        Ok(Attempt {
            command: self.command(&paths),
            folder: self.folder()?,
            environment: self.environment(scratch, &paths),
            log: scratch.log(),
            log_limit_bytes: options.log_limit_bytes,
            timeout: self.step.timeout,
            grace: GRACE,
            tee: options.follow.then(|| self.tee()),
            mark: Some(scratch.mark()),
        })
    }

    fn folder(&self) -> Result<PathBuf, StepError> {
        let project = &self.context.options.project_folder;
        match &self.step.folder {
            None => Ok(project.clone()),
            Some(folder) => ensure_inside(project, Path::new(folder.as_str()))
                .map_err(|source| StepError::Folder { folder: folder.to_string(), source }),
        }
    }

    fn command(&self, paths: &BTreeMap<String, PathBuf>) -> Command {
        placeholder::substitute(&self.step.command, &|part| {
            let path = |key: String| paths.get(&key).map(|path| path.display().to_string());
            match part {
                Part::Text(_) => None,
                Part::Input(name) => self.step.input(name).and_then(|full| path(format!("in.{full}"))),
                Part::Output(name) => path(format!("out.{name}")),
                Part::Param(name) => placeholder::param(&self.context.params, name).map(placeholder::value_text),
            }
        })
    }

    fn environment(&self, scratch: &AttemptFolder, paths: &BTreeMap<String, PathBuf>) -> BTreeMap<String, String> {
        let programs = self.python.get().map(|folder| python_env::programs(folder));
        let first: Vec<&Path> =
            [Some(self.context.tools.as_path()), programs.as_deref()].into_iter().flatten().collect();
        let mut found = inherited_environment(self.step.env.iter().map(String::as_str), &first);
        if let Some(folder) = self.python.get() {
            found.insert("VIRTUAL_ENV".to_owned(), folder.display().to_string());
        }
        // Same inputs, same answer: Python would seed the order of its sets anew each time.
        found.entry("PYTHONHASHSEED".to_owned()).or_insert_with(|| "0".to_owned());
        found.entry("PYTHONUNBUFFERED".to_owned()).or_insert_with(|| "1".to_owned());
        for (key, path) in paths {
            let (kind, name) = key.split_once('.').unwrap_or(("", key));
            found.insert(placeholder::path_variable(kind, name), path.display().to_string());
        }
        found.insert("KILTER_PARAMS".to_owned(), scratch.params().display().to_string());
        found.insert(column_roles::VARIABLE.to_owned(), scratch.column_roles().display().to_string());
        found.insert("KILTER_STEP".to_owned(), self.name.to_string());
        found.insert("KILTER_RUN".to_owned(), self.context.options.run_id.clone());
        found.extend(self.context.options.environment.clone());
        found
    }

    fn tee(&self) -> Tee {
        let (report, step) = (Arc::clone(&self.report), self.name.clone());
        Arc::new(move |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            report(RunEvent::StepOutput { step: step.clone(), text });
        })
    }
}
