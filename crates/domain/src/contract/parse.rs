//! A text becomes a contract, or a list of everything that is wrong with it.

mod deployment;
mod governance;
mod input;
mod monitoring;
mod names;
mod record;
mod threshold;
mod workflow;

use std::str::FromStr;

use toml::de::DeTable;

use super::{
    Approve, ContractErrors, Replay, Risk,
    check::{Check, check},
    document::Contract,
    error::ContractError,
    field::Field,
    keys::top_level,
    reader::Reader,
    section::{Entry, did_you_mean, entries},
};

/// A contract longer than this is refused.
pub const MAX_CONTRACT_BYTES: usize = 1 << 20;

/// How many steps, datasets, gates ... there are at most.
const MAX_SECTIONS: usize = 1_000;

impl FromStr for Contract {
    type Err = ContractErrors;

    fn from_str(text: &str) -> Result<Self, ContractErrors> {
        Self::parse(text)
    }
}

impl Contract {
    /// Reads the text of a `kilter.toml`. All errors are reported at once, each with its place and a way out.
    pub fn parse(text: &str) -> Result<Self, ContractErrors> {
        Self::parse_with(text, |_| ())
    }

    /// The same, with a further look at what was read.
    pub(super) fn parse_with(text: &str, further: impl FnOnce(&Check<'_>)) -> Result<Self, ContractErrors> {
        if text.len() > MAX_CONTRACT_BYTES {
            let message = format!("the file has {} bytes, more than {MAX_CONTRACT_BYTES}", text.len());
            return Err(ContractErrors::new("", vec![at(0..0, message, None)]));
        }
        let (table, syntax) = DeTable::parse_recoverable(text);
        if !syntax.is_empty() {
            return Err(ContractErrors::new(text, syntax.iter().map(|error| syntax_error(text, error)).collect()));
        }
        let reader = Reader::new(text);
        let contract = read(&reader, table.get_ref());
        check(&contract, &reader, further);
        let errors = reader.into_errors();
        if errors.is_empty() { Ok(contract) } else { Err(ContractErrors::new(text, errors)) }
    }
}

fn at(place: std::ops::Range<usize>, message: String, hint: Option<String>) -> ContractError {
    ContractError { place, message, hint, line: 0, column: 0 }
}

fn syntax_error(text: &str, error: &toml::de::Error) -> ContractError {
    let place = error.span().unwrap_or(0..0);
    let found = text.get(place.clone()).unwrap_or_default();
    let hint = match error.message() {
        message if message.contains("duplicate") => Some("a key or section can occur only once".to_owned()),
        message if message.contains("quoted") || found.starts_with(|c: char| c.is_alphabetic()) => {
            Some("texts need double quotes".to_owned())
        }
        _ => None,
    };
    at(place, format!("this is not TOML: {}", error.message().replace('\n', ", ")), hint)
}

fn read<'t>(reader: &Reader<'t>, table: &DeTable<'t>) -> Contract {
    let mut contract = Contract::default();
    let mut approve = None;
    for Entry { name, place, field } in entries(reader, "", table) {
        match name {
            "project" => contract.project = governance::project(&field).unwrap_or_default(),
            "objective" => contract.objectives = named(reader, &field, governance::objective),
            "data" => contract.data = named(reader, &field, workflow::dataset),
            "env" => contract.env = governance::environment(&field).unwrap_or_default(),
            "params" if field.is_table() => contract.params = field.json().unwrap_or_default(),
            "params" => field.error("`params` must be a table", "write [params.NAME]".to_owned()),
            "step" => contract.steps = named(reader, &field, workflow::step),
            "input" => contract.inputs = named(reader, &field, input::input),
            "gate" => contract.gates = named(reader, &field, governance::gate),
            "package" => contract.package = deployment::package(&field),
            "approve" => approve = Some(field),
            "deploy" => contract.deploy = named(reader, &field, deployment::deploy),
            "monitor" => contract.monitor = monitoring::monitor(&field),
            "retrain" => contract.retrain = monitoring::retrain(&field),
            "threshold" => contract.threshold = threshold::threshold(&field),
            "record" => contract.record = record::record(&field).unwrap_or_default(),
            "replay" => contract.replay = monitoring::replay(&field).unwrap_or_default(),
            other => {
                reader.error(place, format!("unknown section `{other}`"), did_you_mean(other, top_level().into_iter()));
            }
        }
    }
    // Its defaults depend on the risk, which may stand further down.
    let risk = contract.project.risk;
    contract.approve = approve.and_then(|field| governance::approve(&field, risk)).unwrap_or_else(|| Approve::of(risk));
    contract
}

/// The sections `[kind.NAME]`, in the order of the file.
fn named<'t, T>(reader: &Reader<'t>, field: &Field<'_, 't>, read: fn(&str, &Field<'_, '_>) -> Option<T>) -> Vec<T> {
    let kind = field.path.as_str();
    if !field.is_table() {
        field.error(format!("`{kind}` needs a name"), format!("write [{kind}.NAME]"));
        return Vec::new();
    }
    let entries = field.entries();
    if entries.len() > MAX_SECTIONS {
        field.error(format!("there are {} sections [{kind}.NAME], more than {MAX_SECTIONS}", entries.len()), None);
        return Vec::new();
    }
    let mut items = Vec::new();
    for Entry { name, place, field } in entries {
        if field.is_table() {
            items.extend(read(name, &field));
        } else {
            let hint = format!("`{name}` belongs into a section with a name: write [{kind}.NAME] above it");
            reader.error(place, format!("`{kind}.{name}` must be a table"), hint);
        }
    }
    items
}

impl Default for Contract {
    fn default() -> Self {
        Self {
            project: super::Project::default(),
            objectives: Vec::new(),
            data: Vec::new(),
            env: super::Environment::default(),
            params: serde_json::Value::Object(serde_json::Map::new()),
            steps: Vec::new(),
            gates: Vec::new(),
            inputs: Vec::new(),
            package: None,
            approve: Approve::of(Risk::default()),
            deploy: Vec::new(),
            monitor: None,
            retrain: None,
            threshold: None,
            record: super::Record::default(),
            replay: Replay::default(),
        }
    }
}
