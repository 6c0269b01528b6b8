//! Which step runs when: each as soon as what feeds it is done, as many at once as the machine has room for. A failure
//! skips what depends on it; everything else goes on.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{
        Arc, OnceLock,
        mpsc::{self, SyncSender},
    },
    thread,
    time::Duration,
};

use kilter_blobs::{Content, ensure_inside};
use kilter_domain::{
    error_chain::with_causes,
    ids::{DatasetName, StepName},
    run::StepState,
};

use super::{
    error::StepError,
    key::Change,
    lockfile::{self, LockedDataset},
    plan::{Source, Step},
    record::{RunEvent, StepRecord},
    run_context::{Input, RunContext},
    step::{Reporter, Work},
};

/// Events that may wait for the observer.
const QUEUE: usize = 1024;
/// How soon a cancellation is noticed while nothing happens.
const LATENCY: Duration = Duration::from_millis(50);

enum Message {
    Event(Box<RunEvent>),
    Ended(Box<StepRecord>),
}

pub(crate) struct Schedule<'a> {
    context: &'a RunContext<'a>,
    data: &'a BTreeMap<DatasetName, LockedDataset>,
    wanted: Vec<&'a StepName>,
    waiting: BTreeSet<&'a StepName>,
    running: BTreeMap<&'a StepName, &'a Step>,
    ended: BTreeMap<StepName, StepRecord>,
}

impl<'a> Schedule<'a> {
    /// `wanted`: in an order in which they may run.
    pub(crate) fn new(
        context: &'a RunContext<'a>,
        data: &'a BTreeMap<DatasetName, LockedDataset>,
        wanted: Vec<&'a StepName>,
    ) -> Self {
        let waiting = wanted.iter().copied().collect();
        Self { context, data, wanted, waiting, running: BTreeMap::new(), ended: BTreeMap::new() }
    }

    /// Runs all steps and returns their records in order.
    pub(crate) fn run(mut self, observer: &mut dyn FnMut(RunEvent)) -> Vec<StepRecord> {
        let (sender, receiver) = mpsc::sync_channel(QUEUE);
        thread::scope(|scope| {
            loop {
                // Each one that will not run may settle those behind it.
                while let Some(record) = self.settled() {
                    self.end(record, observer);
                }
                for name in self.admitted() {
                    self.begin(name, scope, &sender, observer);
                }
                if self.running.is_empty() && self.waiting.is_empty() {
                    return;
                }
                match receiver.recv_timeout(LATENCY) {
                    Ok(Message::Event(event)) => observer(*event),
                    Ok(Message::Ended(record)) => {
                        self.running.remove(&record.step);
                        self.end(*record, observer);
                    }
                    // Time to look whether the run was cancelled.
                    Err(_) => {}
                }
            }
        });
        // Events that were sent before their step ended were received before it; nothing is left but output that
        // a process which left its group may still write.
        let Self { wanted, mut ended, .. } = self;
        wanted.into_iter().filter_map(|name| ended.remove(name)).collect()
    }

    fn end(&mut self, record: StepRecord, observer: &mut dyn FnMut(RunEvent)) {
        self.waiting.remove(&record.step);
        observer(RunEvent::StepEnded { record: Box::new(record.clone()) });
        self.ended.insert(record.step.clone(), record);
    }

    /// A waiting step that will never run.
    fn settled(&self) -> Option<StepRecord> {
        let idle = |name: &StepName, state, error: Option<String>| StepRecord::idle(self.context, name, state, error);
        if self.context.options.cancel.is_cancelled() {
            let error = "the run was cancelled".to_owned();
            return self.waiting.first().map(|name| idle(name, StepState::Cancelled, Some(error)));
        }
        self.waiting.iter().find_map(|name| {
            let upstream = || self.context.plan.steps()[*name].upstream().filter_map(|step| self.ended.get(step));
            let has_failed = |record: &&StepRecord| !record.state.has_outputs() && record.state != StepState::Queued;
            if let Some(failed) = upstream().find(has_failed) {
                let error = format!("skipped: step `{}`, which feeds it, did not succeed", failed.step);
                return Some(idle(name, StepState::Skipped, Some(error)));
            }
            let due = upstream().filter(|record| record.state == StepState::Queued);
            let reason: Vec<Change> = due.map(|record| made_anew(&record.step)).collect();
            (!reason.is_empty()).then(|| StepRecord { reason, ..idle(name, StepState::Queued, None) })
        })
    }

    /// Steps whose inputs are done and for which there is room.
    fn admitted(&self) -> Vec<&'a StepName> {
        let options = self.context.options;
        let needs = |step: &Step| (u64::from(step.needs.cpu), step.needs.memory_bytes);
        let (mut cpu, mut memory) = self.running.values().fold((0, 0), |(cpu, memory), step| {
            let (more_cpu, more_memory) = needs(step);
            (cpu + more_cpu, memory + more_memory)
        });
        let mut found = Vec::new();
        for name in self.wanted.iter().filter(|name| self.waiting.contains(**name)) {
            let step = &self.context.plan.steps()[*name];
            let is_ready = step.upstream().all(|upstream| !self.is_open(upstream));
            let (more_cpu, more_memory) = needs(step);
            let fits = cpu + more_cpu <= u64::from(options.cores)
                && options.memory_bytes.is_none_or(|limit| memory + more_memory <= limit);
            // A step that asks for more than the machine has runs alone.
            let is_alone = self.running.is_empty() && found.is_empty();
            if is_ready && (fits || is_alone) {
                (cpu, memory) = (cpu + more_cpu, memory + more_memory);
                found.push(*name);
            }
        }
        found
    }

    fn is_open(&self, name: &StepName) -> bool {
        self.waiting.contains(name) || self.running.contains_key(name)
    }

    fn begin<'scope>(
        &mut self,
        name: &'a StepName,
        scope: &'scope thread::Scope<'scope, '_>,
        sender: &SyncSender<Message>,
        observer: &mut dyn FnMut(RunEvent),
    ) where
        'a: 'scope,
    {
        let step = &self.context.plan.steps()[name];
        let inputs = match self.inputs(step) {
            Ok(inputs) => inputs,
            Err(error) => {
                let record = StepRecord::idle(self.context, name, StepState::Failed, Some(with_causes(&error)));
                return self.end(record, observer);
            }
        };
        self.waiting.remove(name);
        self.running.insert(name, step);
        let (context, sender, events) = (self.context, sender.clone(), sender.clone());
        scope.spawn(move || {
            // Once the run is over nobody listens, and nothing needs to be said.
            let report: Reporter = Arc::new(move |event| drop(events.send(Message::Event(Box::new(event)))));
            let record = Work { context, name, step, inputs, report, python: OnceLock::new() }.run();
            let _ = sender.send(Message::Ended(Box::new(record)));
        });
    }

    /// What a step reads: pinned data, outputs of this run, or outputs that an earlier run left in place.
    fn inputs(&self, step: &Step) -> Result<BTreeMap<String, Input>, StepError> {
        let mut found = BTreeMap::new();
        for (name, source) in &step.inputs {
            let input = match source {
                Source::Dataset(dataset) => self.dataset(dataset),
                Source::Output { step, output } => match self.ended.get(step).and_then(|r| r.outputs.get(output)) {
                    Some(made) => Some(self.made(step, output, &made.content)),
                    None => self.made_before(step, output)?,
                },
            };
            let missing = || StepError::NotMade { input: name.clone(), step: source_step(source) };
            found.insert(name.clone(), input.ok_or_else(missing)?);
        }
        Ok(found)
    }

    fn dataset(&self, dataset: &DatasetName) -> Option<Input> {
        let stated = self.context.plan.datasets().get(dataset)?;
        let path = lockfile::locate(dataset, stated, self.context.options).ok()?;
        let content = self.data.get(dataset)?.content.clone();
        Some(Input { content, path, declared: None })
    }

    fn made(&self, step: &StepName, output: &str, content: &Content) -> Input {
        let declared = self.context.plan.steps()[step].outputs[output].clone();
        let path = declared.below(&self.context.outputs_root);
        Input { content: content.clone(), path, declared: Some(declared) }
    }

    fn made_before(&self, step: &StepName, output: &str) -> Result<Option<Input>, StepError> {
        let context = self.context;
        let declared = &context.plan.steps()[step].outputs[output];
        let path = ensure_inside(&context.outputs_root, Path::new(declared.as_str()));
        let path = path.map_err(|source| StepError::OutputPlace {
            output: output.to_owned(),
            path: declared.to_string(),
            source,
        })?;
        if !path.exists() {
            return Ok(None);
        }
        let content = context.blobs.put(&path, &context.hashes)?;
        Ok(Some(self.made(step, output, &content)))
    }
}

fn source_step(source: &Source) -> String {
    match source {
        Source::Dataset(dataset) => dataset.to_string(),
        Source::Output { step, .. } => step.to_string(),
    }
}

fn made_anew(step: &StepName) -> Change {
    Change {
        field: format!("inputs.{step}"),
        was: None,
        now: Some(format!("`{step}` is due, so its outputs are not known yet")),
    }
}
