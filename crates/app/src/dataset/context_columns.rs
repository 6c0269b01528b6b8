//! Columns that requests may carry for the record though no model reads them: what groups, slices and monitors need.
//!
//! Invariants: what a monitor rule names is recorded and has a reference, also where it never varied before (a model
//! leaves such a column out) and where nobody would let a model read it (a protected attribute). No outcome is among them.

use std::collections::BTreeSet;

use kilter_domain::{
    contract::Contract,
    rule::Rule,
    table::{Column, Table},
};
use kilter_evaluation::monitor_metrics::CONSUMER;
use kilter_inference::{Infinite, Input, InputKind, Missing, Signature};
use kilter_serving::v2::RESERVED;

use crate::dataset::column_roles::ColumnRoles;

/// The columns that are compared with how they were in training besides those that the model reads.
pub fn watched(contract: &Contract) -> BTreeSet<String> {
    let sensitive = contract.data.iter().flat_map(|dataset| dataset.sensitive.iter().cloned());
    let monitored = contract.monitor.iter().flat_map(|monitor| {
        [&monitor.data, &monitor.performance, &monitor.drift, &monitor.bias, &monitor.usage].into_iter().flatten()
    });
    sensitive.chain(named(monitored)).collect()
}

/// Every column that is recorded besides: the watched ones, those that gates know groups and slices by, ids and times.
pub fn names(contract: &Contract) -> BTreeSet<String> {
    let of_rows = contract.data.iter().flat_map(|dataset| dataset.id.iter().chain(&dataset.time).cloned());
    let judged = contract.gates.iter().flat_map(|gate| &gate.rules);
    let outcomes: Vec<&String> =
        contract.data.iter().flat_map(|dataset| dataset.label.iter().chain(&dataset.label_time)).collect();
    let mut found: BTreeSet<String> = watched(contract).into_iter().chain(of_rows).chain(named(judged)).collect();
    found.retain(|name| name != CONSUMER && !outcomes.contains(&name) && !is_reserved(name));
    found
}

/// Whether a name is one of those that Kilter gives to what it records itself: no column of a request bears it.
pub fn is_reserved(name: &str) -> bool {
    name.starts_with(RESERVED)
}

/// The same as inputs of an endpoint, of the types that they have among the rows that a version was trained on; what is
/// not among them is left out.
pub fn inputs(contract: &Contract, roles: &ColumnRoles, signature: &Signature, trained_on: &Table) -> Vec<Input> {
    let names = names(contract).into_iter();
    let recorded =
        names.filter(|name| signature.input(name).is_none() && !roles.leaking().any(|column| column == name));
    recorded.filter_map(|name| Some(input(name.clone(), kind_of(trained_on.get(&name)?)))).collect()
}

/// An input that may be absent, missing and anything of its kind: no model reads it.
pub fn input(name: String, kind: InputKind) -> Input {
    Input { name, kind, missing: Missing::Allowed, infinite: Infinite::Passed, optional: true }
}

fn named<'r>(rules: impl Iterator<Item = &'r Rule>) -> impl Iterator<Item = String> {
    rules.flat_map(|rule| rule.quantity.columns()).map(str::to_owned)
}

const fn kind_of(column: &Column) -> InputKind {
    match column {
        Column::Float(_) => InputKind::Number,
        Column::Int(_) => InputKind::Integer,
        Column::Bool(_) => InputKind::Boolean,
        Column::Text(_) => InputKind::Text,
        Column::Time(_) => InputKind::Time,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTRACT: &str = r#"
[project]
name = "p"
[data.rows]
path = "rows.csv"
id = ["sku", "day"]
time = "day"
label = "sold"
label_time = "known"
sensitive = ["gender"]
[step.split]
run = "kilter data split {in.rows} {out.train} {out.test}"
in = ["rows"]
out = { train = "train.parquet", test = "test.parquet" }
[gate.quality]
dataset = "split.test"
rules = ["auc.slice(region) >= 0.7", "null(sold) == 0"]
[monitor]
drift = ["psi(lead_days) < 0.25", "psi(score) < 0.2", "psi(*) < 0.3"]
bias = ["ratio(selected, age_group) in 0.8..1.25"]
usage = ["share(consumer) known"]
"#;

    fn contract() -> Contract {
        Contract::parse(CONTRACT).map_err(|errors| errors.to_string()).expect("a contract")
    }

    #[test]
    fn what_rules_name_is_recorded_and_outcomes_are_not() {
        let watched = watched(&contract());
        assert!(["gender", "lead_days", "age_group"].iter().all(|name| watched.contains(*name)), "{watched:?}");
        assert!(!watched.contains("score") && !watched.contains("region"));
        let names: Vec<String> = names(&contract()).into_iter().collect();
        assert_eq!(names, ["age_group", "day", "gender", "lead_days", "region", "sku"]);
    }

    #[test]
    fn their_types_are_those_of_the_training_rows() {
        let signature =
            Signature { inputs: vec![], task: kilter_inference::Task::Binary, classes: vec![], target: None };
        let table = Table::new(vec![
            ("lead_days".into(), Column::Int(vec![Some(5)])),
            ("gender".into(), Column::Text(vec![None])),
            ("sold".into(), Column::Int(vec![Some(1)])),
        ]);
        let found = inputs(&contract(), &ColumnRoles::default(), &signature, &table.expect("a table"));
        let found: Vec<(&str, InputKind)> = found.iter().map(|input| (input.name.as_str(), input.kind)).collect();
        assert_eq!(found, [("gender", InputKind::Text), ("lead_days", InputKind::Integer)]);
    }
}
