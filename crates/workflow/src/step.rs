//! One step of a run: known result, or execution; then its outputs in place.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

use crate::executor::{End, Outcome, execute_with_retries};
use kilter_blobs::{BlobError, Content, Replaced, ensure_inside};
use kilter_domain::{digest::Digest, error_chain::with_causes, ids::StepName, run::StepState};

use super::{
    action_cache::{Action, ActionResult},
    attempt_folder::AttemptFolder,
    difference::Comparison,
    error::StepError,
    key::{Change, KeyRecord},
    locks::{Locks, Wanted},
    metrics,
    placeholder::{self, Part, path_variable},
    plan::Step,
    python_env::StepPython,
    record::{OutputRecord, RunEvent, StepRecord},
    run_context::{Input, RunContext},
};

/// Of the log of a failed step, so much is shown with the error.
const TAIL_BYTES: u64 = 4096;
const TAIL_LINES: usize = 20;

/// Outputs and metrics.
type Made = (BTreeMap<String, Content>, BTreeMap<String, f64>);

/// Tells the observer; may be called from any thread.
pub(crate) type Reporter = Arc<dyn Fn(RunEvent) + Send + Sync>;

/// One step while it is worked on.
pub(crate) struct Work<'a> {
    pub context: &'a RunContext<'a>,
    pub name: &'a StepName,
    pub step: &'a Step,
    pub inputs: BTreeMap<String, Input>,
    pub report: Reporter,
    /// The environment of the lock, once the step is about to be executed in it.
    pub python: OnceLock<PathBuf>,
}

impl StepRecord {
    /// A step that has done nothing.
    pub(crate) fn idle(context: &RunContext<'_>, name: &StepName, state: StepState, error: Option<String>) -> Self {
        let now = (context.options.now)();
        Self {
            step: name.clone(),
            state,
            key: None,
            reason: Vec::new(),
            inputs: BTreeMap::new(),
            outputs: BTreeMap::new(),
            code: BTreeMap::new(),
            params: BTreeMap::new(),
            metrics: BTreeMap::new(),
            reproducible: None,
            differing: Vec::new(),
            differences: BTreeMap::new(),
            environment: None,
            log: None,
            made_by: None,
            attempts: 0,
            end: None,
            started: now,
            ended: now,
            wall_ms: 0,
            cpu_ms: 0,
            max_rss_bytes: None,
            error,
            log_tail: None,
            log_file: None,
        }
    }

    fn take(&mut self, step: &Step, result: &ActionResult) {
        let output = |(name, content): (&String, &Content)| {
            let path = step.outputs.get(name)?.to_string();
            Some((name.clone(), OutputRecord { path, content: content.clone() }))
        };
        self.outputs = result.outputs.iter().filter_map(output).collect();
        self.metrics.clone_from(&result.metrics);
        self.reproducible = result.reproducible;
        self.log = result.log;
        self.attempts = result.attempts;
        (self.wall_ms, self.cpu_ms) = (result.wall_ms, result.cpu_ms);
        self.max_rss_bytes = result.max_rss_bytes;
    }
}

impl Work<'_> {
    /// Does what is to be done, and says how it went.
    pub(crate) fn run(&self) -> StepRecord {
        let mut record = StepRecord::idle(self.context, self.name, StepState::Failed, None);
        record.params = self.context.declared_params(self.step);
        record.inputs = self.inputs.iter().map(|(name, input)| (name.clone(), input.content.clone())).collect();
        match self.try_run(&mut record) {
            Ok(state) => record.state = state,
            Err(error) => {
                record.state = if error.is_cancelled() { StepState::Cancelled } else { StepState::Failed };
                record.error = Some(with_causes(&error));
                if let StepError::Environment(error) = &error {
                    record.log_tail = error.tail().map(str::to_owned);
                }
            }
        }
        record.ended = (self.context.options.now)();
        record
    }

    fn try_run(&self, record: &mut StepRecord) -> Result<StepState, StepError> {
        let (mut key, mut key_record, python) = self.identify(record)?;
        if let Some(action) = self.known(&key) {
            return self.restore(&action, record, None);
        }
        record.reason = self.reason(&key, &key_record);
        if self.context.options.explain_only {
            return Ok(StepState::Queued);
        }
        if python.is_locked && self.enter_environment()? {
            // It was made anew, and has other packages than the one before.
            (key, key_record, _) = self.identify(record)?;
            if let Some(action) = self.known(&key) {
                return self.restore(&action, record, None);
            }
        }
        let (locks, waited) = self.lock(record)?;
        if let Some(action) = self.known(&key).filter(|_| waited) {
            // The run that was waited for has made it.
            return self.restore(&action, record, Some(&locks));
        }
        self.execute((key, key_record), record, &locks)
    }

    /// The key of the step with the record that it is made of, and the Python that it runs.
    fn identify(&self, record: &mut StepRecord) -> Result<(Digest, KeyRecord, StepPython), StepError> {
        let python = self.context.python.of_step(self.step, &|lock| self.environment_started(lock))?;
        let key_record = self.context.key_record(self.step, &self.inputs, &python)?;
        let key = key_record.key();
        (record.key, record.environment) = (Some(key), python.digest);
        record.code.clone_from(&key_record.code);
        Ok((key, key_record, python))
    }

    /// Has the environment of the lock ready for the step; whether it is another one than was known.
    fn enter_environment(&self) -> Result<bool, StepError> {
        let found = self.context.python.locked_folder(&|lock| self.environment_started(lock))?;
        Ok(found.is_some_and(|(folder, is_new)| {
            let _ = self.python.set(folder);
            is_new
        }))
    }

    fn environment_started(&self, lock: &str) {
        (self.report)(RunEvent::EnvironmentStarted { step: self.name.clone(), lock: lock.to_owned() });
    }

    /// The result for this key, when it is wanted and everything it consists of is there.
    fn known(&self, key: &Digest) -> Option<Action> {
        if !self.step.cache || self.context.options.force.covers(self.name) || self.is_checked() {
            return None;
        }
        self.whole_result(key)
    }

    /// The result for this key when everything it consists of is there.
    fn whole_result(&self, key: &Digest) -> Option<Action> {
        let action = self.context.actions.get(self.name, key)?;
        let is_whole = action.result.outputs.values().all(|content| self.context.blobs.has_content(content));
        is_whole.then_some(action)
    }

    fn is_checked(&self) -> bool {
        self.context.options.check && self.step.deterministic
    }

    fn reason(&self, key: &Digest, record: &KeyRecord) -> Vec<Change> {
        let note =
            |field: &str, now: &str| vec![Change { field: field.to_owned(), was: None, now: Some(now.to_owned()) }];
        if self.context.options.force.covers(self.name) {
            return note("force", "asked to execute it again");
        }
        if self.is_checked() {
            return note("check", "asked to compare it with another execution");
        }
        if !self.step.cache {
            return note("cache", "the contract says that it is always executed");
        }
        if self.context.actions.get(self.name, key).is_some() {
            return note("outputs", "a result is known, but its files are gone from the store");
        }
        self.context.actions.nearest_changes(self.name, record).unwrap_or_default()
    }

    /// Writers of these outputs exclude each other; readers of an input exclude its writers.
    fn lock(&self, record: &StepRecord) -> Result<(Locks, bool), StepError> {
        let mut wanted = Wanted::default();
        for input in self.inputs.values().filter(|input| input.declared.is_some()) {
            wanted.read(input.path.clone());
        }
        for path in self.step.outputs.values() {
            wanted.write(path.below(&self.context.outputs_root));
        }
        let mut waited = false;
        let mut waiting = |path: &Path| {
            waited = true;
            (self.report)(RunEvent::StepWaiting { step: record.step.clone(), path: path.display().to_string() });
        };
        let locks = wanted.take(
            &self.context.options.state_folder.join("locks"),
            &self.context.options.cancel,
            &mut waiting,
        )?;
        Ok((locks, waited))
    }

    /// Takes a known result: its outputs are put in place where they are not.
    fn restore(&self, action: &Action, record: &mut StepRecord, held: Option<&Locks>) -> Result<StepState, StepError> {
        let context = self.context;
        record.take(self.step, &action.result);
        record.made_by = Some(action.run.clone());
        let is_there = |name: &String, content: &Content| -> Result<bool, StepError> {
            let path = self.place_of(name)?;
            Ok(path.exists() && context.hashes.content_of(&path).is_ok_and(|found| found == *content))
        };
        let mut absent = Vec::new();
        for (name, content) in &action.result.outputs {
            if !is_there(name, content)? {
                absent.push((name, content));
            }
        }
        if absent.is_empty() || context.options.explain_only {
            return Ok(StepState::Cached);
        }
        let _own = if held.is_none() { Some(self.lock(record)?) } else { None };
        for (name, content) in absent {
            let path = self.place_of(name)?;
            let replaced = context.blobs.place(content, &path, &context.hashes);
            self.placed(name, replaced)?;
        }
        Ok(StepState::Cached)
    }

    fn execute(
        &self,
        (key, key_record): (Digest, KeyRecord),
        record: &mut StepRecord,
        held: &Locks,
    ) -> Result<StepState, StepError> {
        let context = self.context;
        let (scratch, attempts, outcome) = self.attempts(&record.reason)?;
        record.end = Some(outcome.end.clone());
        record.attempts = attempts;
        (record.wall_ms, record.cpu_ms) = (outcome.wall_ms, outcome.cpu_ms);
        record.max_rss_bytes = outcome.max_rss_bytes;
        record.log = Some(context.blobs.put_file(&scratch.log())?.digest);
        let kept = self.keep(&scratch, &outcome, attempts);
        if kept.is_err() {
            record.log_tail = tail(&scratch.log());
            record.log_file = record.log.and_then(|log| context.blobs.fetch(&log).ok());
        }
        let (outputs, metrics) = kept?;
        let mut reproducible = None;
        if self.is_checked() {
            let known = self.whole_result(&key);
            let others = known.as_ref().map(|known| known.result.outputs.clone());
            reproducible = Some(self.compare(&scratch, others, &outputs, record)?);
            if let Some(known) = known {
                return self.keep_known(known, reproducible, record, held);
            }
        }
        let result = ActionResult {
            outputs,
            metrics,
            reproducible,
            log: record.log,
            attempts,
            wall_ms: outcome.wall_ms,
            cpu_ms: outcome.cpu_ms,
            max_rss_bytes: outcome.max_rss_bytes,
        };
        let (run, at) = (context.options.run_id.clone(), (context.options.now)());
        let action = Action { key, record: key_record, result, run, at };
        // From here on the result is known, whatever happens to the files in place.
        context.actions.put(self.name, &action)?;
        record.take(self.step, &action.result);
        for (name, content) in &action.result.outputs {
            let written = scratch.output(name, &self.step.outputs[name]);
            let replaced = context.blobs.adopt(&written, content, &self.place_of(name)?, &context.hashes);
            self.placed(name, replaced)?;
        }
        Ok(StepState::Succeeded)
    }

    /// Attempts, as many as its retries allow; each in a folder of its own, of which the last is returned.
    fn attempts(&self, reason: &[Change]) -> Result<(AttemptFolder, u32, Outcome), StepError> {
        let (context, cancel) = (self.context, &self.context.options.cancel);
        let mut scratch = None;
        let mut attempt = |number: u32| -> Result<Outcome, StepError> {
            drop(scratch.take());
            let fresh =
                scratch.insert(AttemptFolder::create(&context.options.state_folder.join("tmp"), self.name.as_str())?);
            let attempt = self.attempt(fresh)?;
            let (step, reason) = (self.name.clone(), reason.to_vec());
            (self.report)(RunEvent::StepStarted { step, attempt: number, reason });
            Ok(crate::executor::execute(&attempt, cancel)?)
        };
        let mut waiting = |attempt, end: &End, wait: Duration| {
            let (step, wait_ms) = (self.name.clone(), wait.as_millis() as u64);
            (self.report)(RunEvent::StepRetrying { step, attempt, end: end.clone(), wait_ms });
        };
        let (number, outcome) = execute_with_retries(&self.step.retry, cancel, &mut attempt, &mut waiting)?;
        Ok((scratch.expect("an outcome comes from an attempt, which made its folder"), number, outcome))
    }

    /// Whether the known result, or else a second execution, has the same outputs; notes those that differ.
    fn compare(
        &self,
        scratch: &AttemptFolder,
        known: Option<BTreeMap<String, Content>>,
        outputs: &BTreeMap<String, Content>,
        record: &mut StepRecord,
    ) -> Result<bool, StepError> {
        // A second execution comes after the first: it is the one that is seen as new.
        let (before, now) = match known {
            Some(known) => (known, outputs.clone()),
            None => {
                let (scratch, attempts, outcome) = self.attempts(&record.reason)?;
                (outputs.clone(), self.keep(&scratch, &outcome, attempts)?.0)
            }
        };
        let comparison = Comparison { blobs: &self.context.blobs, scratch: &scratch.compared() };
        for (name, content) in &now {
            let Some(other) = before.get(name).filter(|other| *other != content) else { continue };
            let difference = comparison.first(self.step.outputs[name].as_str(), other, content)?;
            record.differing.push(name.clone());
            record.differences.insert(name.clone(), difference);
        }
        Ok(record.differing.is_empty())
    }

    /// After a comparison the known result stays the result: what comes next is compared on the same inputs.
    fn keep_known(
        &self,
        mut known: Action,
        reproducible: Option<bool>,
        record: &mut StepRecord,
        held: &Locks,
    ) -> Result<StepState, StepError> {
        known.result.reproducible = reproducible;
        self.context.actions.put(self.name, &known)?;
        self.restore(&known, record, Some(held))?;
        record.made_by = None;
        Ok(StepState::Succeeded)
    }

    /// Checks what an attempt left, and stores it.
    fn keep(&self, scratch: &AttemptFolder, outcome: &Outcome, attempts: u32) -> Result<Made, StepError> {
        let context = self.context;
        if !outcome.end.is_success() {
            return Err(StepError::Ended { end: outcome.end.clone(), attempts });
        }
        self.check_inputs(scratch)?;
        let mut outputs = BTreeMap::new();
        for (name, declared) in &self.step.outputs {
            let written = scratch.output(name, declared);
            self.check_output(name, &written)?;
            let content = context.blobs.put(&written, &context.hashes);
            let content = content.map_err(|source| StepError::BadOutput { output: name.clone(), source })?;
            outputs.insert(name.clone(), content);
        }
        let metrics = match &self.step.metrics {
            Some(name) => self.metrics(name, &scratch.output(name, &self.step.outputs[name]))?,
            None => BTreeMap::new(),
        };
        Ok((outputs, metrics))
    }

    /// An output is a file or a folder of its own, and no larger than the contract lets it be.
    fn check_output(&self, name: &str, written: &Path) -> Result<(), StepError> {
        let found = written.symlink_metadata().map_err(|_| self.missing(name))?;
        let bad = |source| StepError::BadOutput { output: name.to_owned(), source };
        if found.is_symlink() {
            // A link leads out of the step's folder: what it names would change behind the cache.
            return Err(bad(BlobError::NotPlain { path: written.to_owned(), what: "a symbolic link" }));
        }
        let (bytes, limit) = (bytes_of(written, &found), self.step.max_output_bytes);
        match bytes > limit {
            true => {
                let (output, step) = (name.to_owned(), self.name.clone());
                Err(StepError::OutputTooLarge { step, output, bytes, limit, enough: bytes.div_ceil(1 << 30) })
            }
            false => Ok(()),
        }
    }

    fn metrics(&self, output: &str, path: &Path) -> Result<BTreeMap<String, f64>, StepError> {
        let failed = |source| StepError::BadOutput { output: output.to_owned(), source };
        let bytes = path.metadata().map_or(0, |found| found.len());
        if bytes > metrics::MAX_BYTES {
            let what = format!("the metrics output `{output}`");
            return Err(failed(BlobError::TooLarge { what, bytes, limit: metrics::MAX_BYTES }));
        }
        let bytes = fs::read(path)
            .map_err(|source| failed(BlobError::Io { attempted: "read", path: path.to_owned(), source }))?;
        metrics::parse(&bytes).map_err(|source| StepError::Metrics { output: output.to_owned(), source })
    }

    fn missing(&self, output: &str) -> StepError {
        let declared = &self.step.outputs[output];
        let uses = placeholder::mentions(&self.step.command, &Part::Output(output));
        let stands = declared.below(&self.context.outputs_root).exists();
        let hint = match (uses, stands) {
            (false, true) => format!(
                "; something stands at `{declared}`: let the command write to {{out.{output}}} instead of that path"
            ),
            (false, false) => {
                format!("; let it write to {{out.{output}}}, or to the path in ${}", path_variable("OUT", output))
            }
            (true, _) => {
                " to the path that {out} stood for; see its log".replace("{out}", &format!("{{out.{output}}}"))
            }
        };
        StepError::MissingOutput { output: output.to_owned(), hint }
    }

    fn place_of(&self, output: &str) -> Result<PathBuf, StepError> {
        let path = &self.step.outputs[output];
        ensure_inside(&self.context.outputs_root, Path::new(path.as_str())).map_err(|source| StepError::OutputPlace {
            output: output.to_owned(),
            path: path.to_string(),
            source,
        })
    }

    fn placed(&self, output: &str, replaced: Result<Option<Replaced>, BlobError>) -> Result<(), StepError> {
        let replaced = replaced.map_err(|source| StepError::Place { output: output.to_owned(), source })?;
        if let Some(replaced) = replaced.filter(|replaced| replaced.was_unknown) {
            let path = self.step.outputs[output].to_string();
            (self.report)(RunEvent::Kept { step: self.name.clone(), path, content: replaced.content });
        }
        Ok(())
    }
}

/// The bytes of a file, or of all plain files in a folder. What cannot be listed is reported by the store.
fn bytes_of(path: &Path, found: &fs::Metadata) -> u64 {
    if !found.is_dir() {
        return found.len();
    }
    let (mut bytes, mut folders) = (0u64, vec![path.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(found) if found.is_dir() => folders.push(entry.path()),
                Ok(found) => bytes = bytes.saturating_add(found.len()),
                Err(_) => {}
            }
        }
    }
    bytes
}

/// The last lines of a log.
fn tail(path: &Path) -> Option<String> {
    let mut file = fs::File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES))).ok()?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let lines = &lines[lines.len().saturating_sub(TAIL_LINES)..];
    (!lines.is_empty()).then(|| lines.join("\n"))
}
