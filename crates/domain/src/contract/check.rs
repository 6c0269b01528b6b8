//! What must fit together in a contract: names that are mentioned are declared, steps have no cycle, outputs do not
//! collide, placeholders and parameters exist.

use super::{
    Contract, ContractError, Location, Need, Output, OutputRef, Source, Step, Trigger,
    path::overlap,
    reader::Reader,
    section::did_you_mean,
    template::{PlaceholderKind, TemplatePart, scan},
};

/// How many inputs and outputs the steps have at most, together: the checks compare them with each other.
const MAX_PORTS: usize = 10_000;

/// What stands beside a contract and is no output.
const RESERVED: [(&str, &str); 4] = [
    ("kilter.toml", "the contract"),
    ("kilter.lock", "the lock file"),
    (".kilter", "the data folder"),
    (".git", "the history of the project"),
];

/// Adds everything that does not fit to the reader's errors.
pub(super) fn check(contract: &Contract, reader: &Reader<'_>, further: impl FnOnce(&Check<'_>)) {
    let check = Check { contract, reader };
    let ports: usize = contract.steps.iter().map(|step| step.inputs.len() + step.outputs.len()).sum();
    if ports > MAX_PORTS {
        return check.error("step", format!("the steps have {ports} inputs and outputs, more than {MAX_PORTS}"), None);
    }
    for step in &contract.steps {
        check.inputs(step);
        check.command(step);
        check.params(step);
        check.metrics(step);
    }
    check.cycle();
    check.collisions();
    check.package();
    check.gates();
    check.retrain();
    check.replay();
    check.record();
    further(&check);
}

/// A contract and where its parts stand.
pub(super) struct Check<'c> {
    pub contract: &'c Contract,
    pub reader: &'c Reader<'c>,
}

impl Check<'_> {
    /// What is likely not meant, with its place.
    pub fn warning(&self, path: &str, message: String, hint: Option<String>) -> ContractError {
        ContractError { place: self.reader.place(path), message, hint, line: 0, column: 0 }
    }

    pub fn error(&self, path: &str, message: String, hint: Option<String>) {
        self.reader.error(self.reader.place(path), message, hint);
    }

    fn step_names(&self) -> impl Iterator<Item = &str> {
        self.contract.steps.iter().map(|step| step.name.as_str())
    }

    fn inputs(&self, step: &Step) {
        for (at, input) in step.inputs.iter().enumerate() {
            // A list is known by its numbers, a table by its names.
            let list = format!("step.{}.in.{at}", step.name);
            let table = format!("step.{}.in.{}", step.name, input.name);
            let path = if self.reader.place(&list) == self.reader.place(&format!("step.{}.in", step.name)) {
                table
            } else {
                list
            };
            match &input.source {
                Source::Output { step, output } => {
                    self.output(&path, &OutputRef { step: step.clone(), output: output.clone() });
                }
                Source::Dataset(name) if self.contract.dataset(name).is_some() => {}
                Source::Dataset(name) => {
                    let outputs = self.contract.steps.iter().find(|step| step.name.as_str() == name.as_str());
                    let hint = match outputs.and_then(|step| step.outputs.first()) {
                        Some(output) => Some(format!("`{name}` is a step; its output is `{name}.{}`", output.name)),
                        None => did_you_mean(name.as_str(), self.contract.data.iter().map(|data| data.name.as_str()))
                            .or_else(|| Some(format!("add a section [data.{name}]"))),
                    };
                    self.error(&path, format!("there is no dataset `{name}`"), hint);
                }
            }
        }
    }

    fn output(&self, path: &str, reference: &OutputRef) {
        let Some(step) = self.contract.step(&reference.step) else {
            let hint = did_you_mean(reference.step.as_str(), self.step_names());
            return self.error(path, format!("there is no step `{}`", reference.step), hint);
        };
        if !step.outputs.iter().any(|output| output.name == reference.output) {
            let names = step.outputs.iter().map(|output| output.name.as_str());
            let hint = did_you_mean(&reference.output, names)
                .or_else(|| Some(format!("add it: out = {{ {} = \"...\" }}", reference.output)));
            self.error(path, format!("step `{}` has no output `{}`", reference.step, reference.output), hint);
        }
    }

    fn command(&self, step: &Step) {
        let path = format!("step.{}.run", step.name);
        for found in scan(&step.run) {
            let placeholder = match found {
                TemplatePart::Placeholder(placeholder) => placeholder,
                TemplatePart::Mistaken { text, meant } => {
                    let name = text.split_once('.').map_or("", |(_, name)| name);
                    self.error(
                        &path,
                        format!("`{{{text}}}` is not a placeholder"),
                        Some(format!("did you mean `{{{meant}.{name}}}`?")),
                    );
                    continue;
                }
            };
            let name = placeholder.name.as_str();
            let (message, hint) = match placeholder.kind {
                PlaceholderKind::In if step.inputs.iter().any(|input| input.name == name) => continue,
                PlaceholderKind::In => (
                    format!("step `{}` has no input `{name}`", step.name),
                    did_you_mean(name, step.inputs.iter().map(|input| input.name.as_str()))
                        .or_else(|| Some("declare it: in = [\"STEP.OUTPUT\"]".to_owned())),
                ),
                PlaceholderKind::Out if step.outputs.iter().any(|output| output.name == name) => continue,
                PlaceholderKind::Out => (
                    format!("step `{}` has no output `{name}`", step.name),
                    did_you_mean(name, step.outputs.iter().map(|output| output.name.as_str()))
                        .or_else(|| Some(format!("declare it: out = {{ {name} = \"work/{name}\" }}"))),
                ),
                PlaceholderKind::Params if self.param(name).is_none() => {
                    (format!("there is no parameter `{name}`"), self.param_hint(name))
                }
                PlaceholderKind::Params if step.params.iter().any(|seen| covers(seen, name)) => continue,
                PlaceholderKind::Params => (
                    format!("step `{}` does not declare the parameter `{name}`", step.name),
                    Some(format!("declare it, so that it belongs to the cache key: params = [\"{name}\"]")),
                ),
            };
            self.error(&path, message, hint);
        }
    }

    /// The value of a dotted parameter.
    fn param(&self, dotted: &str) -> Option<&serde_json::Value> {
        dotted.split('.').try_fold(&self.contract.params, |tree, part| tree.get(part))
    }

    /// The names beside the first part that does not exist.
    fn param_hint(&self, dotted: &str) -> Option<String> {
        let mut tree = &self.contract.params;
        for part in dotted.split('.') {
            match tree.get(part) {
                Some(inner) => tree = inner,
                None => {
                    let names = tree.as_object().map(|names| names.keys().map(String::as_str).collect::<Vec<_>>());
                    return did_you_mean(part, names.unwrap_or_default().into_iter())
                        .or_else(|| Some(format!("add it under [params]: {dotted}")));
                }
            }
        }
        None
    }

    fn params(&self, step: &Step) {
        for (at, name) in step.params.iter().enumerate().filter(|(_, name)| self.param(name).is_none()) {
            let path = format!("step.{}.params.{at}", step.name);
            self.error(&path, format!("there is no parameter `{name}`"), self.param_hint(name));
        }
    }

    fn metrics(&self, step: &Step) {
        let Some(metrics) = step.metrics.as_deref() else { return };
        if !step.outputs.iter().any(|output| output.name == metrics) {
            let hint = did_you_mean(metrics, step.outputs.iter().map(|output| output.name.as_str()));
            let path = format!("step.{}.metrics", step.name);
            self.error(&path, format!("step `{}` has no output `{metrics}`", step.name), hint);
        }
    }

    /// Names the first cycle there is.
    fn cycle(&self) {
        let steps = &self.contract.steps;
        let mut done = vec![false; steps.len()];
        for start in 0..steps.len() {
            let mut trail = Vec::new();
            if let Some(cycle) = self.walk(start, &mut trail, &mut done) {
                let names: Vec<&str> = cycle.iter().map(|&at| steps[at].name.as_str()).collect();
                let first = names.first().copied().unwrap_or_default();
                let message = format!("the steps wait for each other: {} → {first}", names.join(" → "));
                return self.error(
                    &format!("step.{first}.in"),
                    message,
                    Some("take one of these inputs away".to_owned()),
                );
            }
        }
    }

    /// The steps of a cycle that is reached from `at`, each followed by one that reads its output.
    fn walk(&self, start: usize, trail: &mut Vec<usize>, done: &mut [bool]) -> Option<Vec<usize>> {
        // An explicit stack: a file with thousands of steps must not exhaust ours.
        let mut stack = vec![(start, self.before(start))];
        trail.push(start);
        while let Some((at, sources)) = stack.last_mut() {
            let Some(source) = sources.pop() else {
                done[*at] = true;
                trail.pop();
                stack.pop();
                continue;
            };
            if let Some(begin) = trail.iter().position(|&seen| seen == source) {
                return Some(trail[begin..].iter().rev().copied().collect());
            }
            if !done[source] {
                trail.push(source);
                stack.push((source, self.before(source)));
            }
        }
        None
    }

    /// The steps whose outputs a step reads.
    fn before(&self, at: usize) -> Vec<usize> {
        let position = |input: &super::Input| match &input.source {
            Source::Output { step, .. } => self.contract.steps.iter().position(|other| other.name == *step),
            Source::Dataset(_) => None,
        };
        self.contract.steps[at].inputs.iter().filter_map(position).collect()
    }

    /// No output lies in another one, nor where a dataset is, nor where the contract, its lock, the data folder or the
    /// history of the project are.
    fn collisions(&self) {
        let outputs: Vec<(&Step, &Output)> =
            self.contract.steps.iter().flat_map(|step| step.outputs.iter().map(move |output| (step, output))).collect();
        for (at, (step, output)) in outputs.iter().enumerate() {
            let path = format!("step.{}.out.{}", step.name, output.name);
            let reserved = RESERVED.iter().find(|(name, _)| overlap(&output.path, name));
            if let Some((name, what)) = reserved {
                let message = format!("`{}` would overwrite {what} (`{name}`)", output.path);
                self.error(&path, message, Some(format!("write it somewhere else, like `work/{}`", output.name)));
            }
            let earlier = outputs[..at].iter().find(|(_, other)| overlap(&output.path, &other.path));
            if let Some((other, port)) = earlier {
                let message = format!("`{}` is written by `{}.{}` too", output.path, other.name, port.name);
                self.error(&path, message, Some("give each output a path of its own".to_owned()));
            }
            let is_there = |data: &&super::Dataset| matches!(&data.path, Some(Location::File(file)) if overlap(&output.path, file));
            if let Some(data) = self.contract.data.iter().find(is_there) {
                let message = format!("`{}` would overwrite dataset `{}`", output.path, data.name);
                self.error(&path, message, Some("write it somewhere else".to_owned()));
            }
        }
    }

    fn package(&self) {
        let Some(package) = &self.contract.package else { return };
        self.output("package.model", &package.model);
        if let Some(sample) = &package.sample {
            self.output("package.sample.from", &sample.from);
        }
    }

    fn gates(&self) {
        for gate in &self.contract.gates {
            if let Some(dataset) = &gate.dataset {
                self.output(&format!("gate.{}.dataset", gate.name), dataset);
            }
        }
        for (at, need) in self.contract.approve.needs.iter().enumerate() {
            let Need::Gate(name) = need else { continue };
            if self.contract.gate(name).is_none() {
                let hint = did_you_mean(name.as_str(), self.contract.gates.iter().map(|gate| gate.name.as_str()));
                self.error(&format!("approve.needs.{at}"), format!("there is no gate `{name}`"), hint);
            }
        }
    }

    fn retrain(&self) {
        let Some(retrain) = &self.contract.retrain else { return };
        for (at, name) in retrain.run.iter().enumerate().filter(|(_, name)| self.contract.step(name).is_none()) {
            let hint = did_you_mean(name.as_str(), self.step_names());
            self.error(&format!("retrain.run.{at}"), format!("there is no step `{name}`"), hint);
        }
        for (at, trigger) in retrain.when.iter().enumerate() {
            let path = format!("retrain.when.{at}");
            match trigger {
                Trigger::Failing { kind, .. } if self.contract.monitor.is_none() => {
                    let hint = Some(format!("add [monitor] with `{kind} = [...]`"));
                    self.error(&path, format!("nothing is monitored, so `monitor.{kind}` never fails"), hint);
                }
                Trigger::Grew { data, .. } if self.contract.dataset(data).is_none() => {
                    let hint = did_you_mean(data.as_str(), self.contract.data.iter().map(|data| data.name.as_str()));
                    self.error(&path, format!("there is no dataset `{data}`"), hint);
                }
                _ => {}
            }
        }
    }

    fn record(&self) {
        self.dropped_columns();
        let Some((keep, needed)) = self.contract.short_retention() else { return };
        let message = format!("the prediction log is kept for {keep}, and monitors read {needed} days of it");
        let hint =
            format!("write keep = \"{needed}d\" or more, or shorten windows, `over`, the reference or the label delay");
        self.error("record.keep", message, Some(hint));
    }

    /// A rule of a monitor over a column that is not recorded would never be decided.
    fn dropped_columns(&self) {
        let Some(monitor) = &self.contract.monitor else { return };
        let rules = [&monitor.data, &monitor.performance, &monitor.drift, &monitor.bias, &monitor.usage];
        for (at, column) in self.contract.record.drop.iter().enumerate() {
            let mut rules = rules.iter().flat_map(|rules| rules.iter());
            if let Some(rule) = rules.find(|rule| rule.quantity.columns().contains(&column.as_str())) {
                let message = format!("`{column}` is not recorded, and the monitor rule `{rule}` reads it");
                let hint = "write it into `hash` if equal values are enough, or take the rule out".to_owned();
                self.error(&format!("record.drop.{at}"), message, Some(hint));
            }
        }
    }

    fn replay(&self) {
        let Some(name) = &self.contract.replay.data else { return };
        if self.contract.dataset(name).is_none() {
            let hint = did_you_mean(name.as_str(), self.contract.data.iter().map(|data| data.name.as_str()));
            self.error("replay.data", format!("there is no dataset `{name}`"), hint);
        }
    }
}

/// Whether the parameter `name` lies under `declared`.
fn covers(declared: &str, name: &str) -> bool {
    name.strip_prefix(declared).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
