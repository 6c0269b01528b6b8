//! What the contract requires of its data, held against the rows that a training would be given.
//!
//! Invariants: data that fails its requirements trains nothing; what could not be measured leaves the version
//! undecided, as any gate does. Out of scope: repairing data.

use std::{collections::BTreeMap, path::PathBuf};

use kilter_domain::{
    audit::Outcome,
    contract::Dataset,
    event::{EventKind, EventMetrics},
    gate::Verdict,
    ids::DatasetName,
    nonempty::NonEmpty,
    rule::{Champion, JudgeMode, Measured, Measurements, Quantity, RuleOutcome},
    table::Table,
    time::{Span, Timestamp},
};
use kilter_evaluation::column_stats::{column_quantity, nothing};
use kilter_lake::{ReadOptions, read_table};

use crate::{
    app::App,
    authz::AuthorizedContext,
    causes::StorageError,
    project::{DatasetError, folder::Project},
};

/// One dataset as it is now.
struct DataRows {
    table: Table,
    now: Timestamp,
}

impl Measurements for DataRows {
    fn measure(&self, quantity: &Quantity, _over: Option<Span>) -> Measured {
        column_quantity(&self.table, self.now, quantity).unwrap_or_else(|| {
            Measured::Nothing(nothing(
                format!("`{quantity}` needs a model, not only data"),
                "move the rule to a gate or to [monitor]",
            ))
        })
    }

    fn champion(&self, _quantity: &Quantity) -> Champion {
        Champion::Measured(Measured::Nothing(nothing("data has no champion", "move the rule to a gate")))
    }
}

/// The verdict over `require` of every dataset, on the rows that a training would be given; `None` where the
/// contract requires nothing. `files` stand for datasets, instead of what the contract points at.
pub fn check_data(
    project: &Project,
    files: &BTreeMap<DatasetName, PathBuf>,
    now: Timestamp,
) -> Result<Option<Verdict>, DatasetError> {
    let mut outcomes = Vec::new();
    for dataset in project.contract.data.iter().filter(|dataset| !dataset.require.is_empty()) {
        let path = project.file_of(dataset, files)?;
        let table = read_table(&path, &ReadOptions::default())?;
        outcomes.extend(held(dataset, DataRows { table, now }));
    }
    Ok(NonEmpty::new(outcomes).map(Verdict::of))
}

/// Writes down that data is not fit to be trained on, where no run was begun.
pub(crate) fn record_unfit_data(
    app: &App,
    context: &AuthorizedContext,
    project: &Project,
    verdict: &Verdict,
) -> Result<(), StorageError> {
    let draft = context.decision_event(EventKind::DataAlert, verdict.reasons().join("; "), &numbers(verdict));
    let object = format!("data:{}", project.name);
    app.store().write(move |tx| tx.audited(draft).record_refusal(&object, Outcome::Denied).map(|_| ()))?;
    Ok(())
}

/// The rules of one dataset, each outcome with the dataset's name.
fn held(dataset: &Dataset, rows: DataRows) -> Vec<RuleOutcome> {
    let named =
        |outcome: RuleOutcome| RuleOutcome { text: format!("dataset `{}`: {}", dataset.name, outcome.text), ..outcome };
    dataset.require.iter().map(|rule| named(rule.judge(&rows, JudgeMode::Point))).collect()
}

/// The numbers of the rules that decided, under the rules' own words.
pub(crate) fn numbers(verdict: &Verdict) -> EventMetrics {
    let mut numbers = EventMetrics::default();
    verdict.outcomes().for_each(|outcome| numbers.put_outcome(outcome));
    numbers
}

#[cfg(test)]
mod tests {
    use kilter_domain::{contract::Contract, table::Column};

    use super::*;

    fn verdict(rules: &str) -> Verdict {
        let contract = Contract::parse(&format!("[data.people]\nrequire = [{rules}]")).unwrap();
        let table = Table::new(vec![
            ("id".into(), Column::Int(vec![Some(1), Some(1), Some(2)])),
            ("at".into(), Column::Time(vec![Some(0), Some(60_000), None])),
        ])
        .unwrap();
        let outcomes = held(&contract.data[0], DataRows { table, now: Timestamp(3_660_000) });
        Verdict::of(NonEmpty::new(outcomes).unwrap())
    }

    #[test]
    fn data_that_meets_its_requirements_passes() {
        assert!(verdict("'rows >= 3', 'age(at) <= 1h', 'null(id) == 0'").is_passed());
    }

    #[test]
    fn data_that_does_not_is_named_with_its_numbers() {
        let failed = verdict("'unique(id)', 'rows >= 3', 'age(at) <= 30m'");
        assert_eq!(failed.as_str(), "failed");
        let reason = failed.reasons().join("; ");
        assert!(reason.contains("dataset `people`: ") && reason.contains("unique(id)"), "{reason}");
        assert!(failed.reasons().iter().any(|text| text.contains("age(at)")), "{reason}");
        assert_eq!(numbers(&failed).get("unique(id)").map(|metric| metric.value), Some(1.0));
    }

    #[test]
    fn what_cannot_be_measured_leaves_it_undecided() {
        assert_eq!(verdict("'null(age) == 0', 'rows >= 3'").as_str(), "undecided");
        assert_eq!(verdict("'auc >= 0.8'").as_str(), "undecided");
    }
}
