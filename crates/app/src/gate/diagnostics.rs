//! What a gate looks at without being asked: rows that stand on both sides, columns that tell too much, weak slices.
//!
//! Invariants: a note never refuses a version, but for a column that alone tells the label ([`super::leakage`]); each of
//! its numbers has a name that a rule may bound. Deliberately
//! absent: what only people know, such as whether a column is known when a prediction is made.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
};

use kilter_domain::{
    rule::{rounded, signed},
    table::{Column, Table},
};
use kilter_evaluation::{
    explain::Sampled,
    label_leakage::{LabelLeakage, LabelTask, find_label_leakage},
    labelled_predictions::{LabelCheck, LabelledPredictions},
    reference::Reference,
    weak_slices::find_weak_slices,
};
use kilter_inference::Signature;

use crate::{dataset::column_roles::ColumnRoles, gate::holdout::RejectedRows, project::DatasetError};

/// Training rows that are asked whether a column alone tells the label.
const MAX_ASKED: usize = 10_000;
/// By how much the test rows may say less of a leak than the training rows.
const TEST_SLACK: f64 = 0.02;
/// Columns that notes name.
const MAX_NOTED: usize = 3;
/// The share of rows from which something is worth a note.
const NOTABLE: f64 = 0.01;
/// The calibration error from which it is worth a note.
const NOTABLE_ERROR: f64 = 0.05;

/// What is looked at.
pub(crate) struct DiagnosticsInput<'a> {
    pub trained_on: &'a Table,
    pub test: &'a Table,
    pub roles: &'a ColumnRoles,
    pub signature: &'a Signature,
    pub reference: &'a Reference,
    /// The answers on the test rows.
    pub outcomes: &'a LabelledPredictions,
}

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Diagnostics {
    /// For rules: `overlap`, `shared_ids`, `older_than_training`, `duplicates`, `best_single_auc`, `weak_slices`, ...
    pub facts: BTreeMap<String, f64>,
    /// What a person should know.
    pub sentences: Vec<String>,
    /// Columns that alone tell the label, beyond what the contract names as honest.
    pub leaks: Vec<LabelLeakage>,
}

impl Diagnostics {
    /// Rows that the candidate refuses, and on which it is therefore not measured.
    pub fn refused(&mut self, unfit: &RejectedRows) {
        self.fact("refused_rows", unfit.count as f64);
        let rows = if unfit.count == 1 { "1 test row is".to_owned() } else { format!("{} test rows are", unfit.count) };
        self.sentences.push(format!("{rows} left out, because the model refuses such a row: {}", unfit.first));
    }

    /// Labels that name no class of the candidate: without them, or with so many of them not at all, it is measured.
    pub fn labels(&mut self, check: &LabelCheck) {
        if check.unknown > 0 {
            self.fact("unknown_labels", check.unknown as f64);
            self.sentences.push(check.note().unwrap_or_else(|| check.sentence()));
        }
    }

    /// What a candidate can answer that the champion cannot, and the other way round: the classes of a label change.
    pub fn compare_classes(&mut self, candidate: &Signature, champion: &Signature) {
        let beside = |one: &Signature, other: &Signature| -> Vec<String> {
            let new = one.classes.iter().filter(|class| !other.classes.contains(class));
            new.map(|class| format!("`{class}`")).collect()
        };
        let (gained, lost) = (beside(candidate, champion), beside(champion, candidate));
        if !gained.is_empty() {
            self.fact("new_classes", gained.len() as f64);
            self.sentences.push(format!("it answers classes that the champion does not know: {}", gained.join(", ")));
        }
        if !lost.is_empty() {
            self.fact("lost_classes", lost.len() as f64);
            self.sentences.push(format!("it no longer answers {}", lost.join(", ")));
        }
    }

    fn fact(&mut self, name: &str, value: f64) {
        self.facts.insert(name.to_owned(), value);
    }

    fn share(&mut self, name: &str, value: f64, limit: f64, sentence: impl Fn(String) -> String) {
        self.fact(name, value);
        if value > limit {
            self.sentences.push(sentence(format!("{:.1} %", value * 100.0)));
        }
    }
}

impl DiagnosticsInput<'_> {
    /// Everything that is worth knowing.
    pub fn notes(&self) -> Result<Diagnostics, DatasetError> {
        let mut notes = Diagnostics::default();
        self.twins(&mut notes);
        self.ids(&mut notes)?;
        self.order(&mut notes)?;
        self.leaks(&mut notes)?;
        self.slices(&mut notes);
        self.calibration(&mut notes);
        Ok(notes)
    }

    /// Test rows that stand among the training rows too, and training rows that stand there twice.
    fn twins(&self, notes: &mut Diagnostics) {
        let mut names: Vec<&str> = self.signature.inputs.iter().map(|input| input.name.as_str()).collect();
        names.extend(self.roles.label.as_deref());
        let (Some(trained), Some(test)) = (hashes(self.trained_on, &names), hashes(self.test, &names)) else { return };
        let mut counts: HashMap<u64, u32> = HashMap::with_capacity(trained.len());
        trained.iter().for_each(|row| *counts.entry(*row).or_default() += 1);
        let repeated = trained.len() - counts.len();
        let twins = trained.iter().filter(|row| counts[row] > 1).count();
        let share = |part: usize, rows: usize| if rows == 0 { 0.0 } else { part as f64 / rows as f64 };
        let natural = share(twins, trained.len());
        let overlap = share(test.iter().filter(|row| counts.contains_key(row)).count(), test.len());
        // Rows of few columns repeat by themselves: as often as training rows have twins.
        notes.share("overlap", overlap, 2.0 * natural + NOTABLE, |share| {
            format!("{share} of the test rows are also training rows")
        });
        notes.share("duplicates", share(repeated, trained.len()), 0.1, |share| {
            format!("{share} of the training rows repeat an earlier one")
        });
    }

    fn ids(&self, notes: &mut Diagnostics) -> Result<(), DatasetError> {
        let has_all = |table: &Table| self.roles.id.iter().all(|column| table.get(column).is_some());
        if self.roles.id.is_empty() || !has_all(self.test) || !has_all(self.trained_on) {
            return Ok(());
        }
        let known: HashSet<_> = self.roles.row_ids(self.trained_on)?.into_iter().collect();
        let test = self.roles.row_ids(self.test)?;
        let shared = test.iter().filter(|id| known.contains(*id)).count() as f64 / test.len().max(1) as f64;
        notes.share("shared_ids", shared, 0.0, |share| {
            format!("{share} of the test rows have the id of a training row")
        });
        Ok(())
    }

    /// Test rows that happened before the last training row.
    fn order(&self, notes: &mut Diagnostics) -> Result<(), DatasetError> {
        let Some(time) = &self.roles.time else { return Ok(()) };
        if self.test.get(time).is_none() || self.trained_on.get(time).is_none() {
            return Ok(());
        }
        let newest = self.roles.event_times(self.trained_on)?.into_iter().max();
        let test = self.roles.event_times(self.test)?;
        let older = test.iter().filter(|event| newest.is_some_and(|newest| **event < newest)).count();
        notes.share("older_than_training", older as f64 / test.len().max(1) as f64, NOTABLE, |share| {
            format!("{share} of the test rows are older than the newest training row")
        });
        Ok(())
    }

    /// The column that alone tells the label best; those that tell it so well among the training rows and among the test
    /// rows that they must hold it, or follow from it.
    fn leaks(&self, notes: &mut Diagnostics) -> Result<(), DatasetError> {
        let asked = LabelTask { task: self.signature.task, classes: &self.signature.classes };
        let names = || self.signature.inputs.iter().map(|input| input.name.as_str());
        let tested = find_label_leakage(self.test, names(), self.roles.label(self.test)?, asked);
        let sample = Sampled::of(self.trained_on, MAX_ASKED);
        let trained = match self.roles.label(&sample.table) {
            Ok(label) => find_label_leakage(&sample.table, names(), label, asked),
            Err(_) => Vec::new(),
        };
        if let Some(best) = tested.first() {
            notes.fact(best.measure.name(), best.value);
        }
        let is_honest = |found: &&LabelLeakage| self.roles.not_leaking.contains(&found.column);
        // Test rows may be few: then it is enough that they do not speak against it.
        let holds = |found: &LabelLeakage, slack: f64| {
            let of_test = tested.iter().find(|other| other.column == found.column);
            of_test.is_none_or(|other| other.value >= found.measure.limit() - slack)
        };
        let certain = trained.iter().filter(|found| found.is_leak() && found.is_certain && holds(found, TEST_SLACK));
        notes.leaks = certain.filter(|found| !is_honest(found)).cloned().collect();
        let noted = tested
            .iter()
            .filter(|found| !is_honest(found) && !notes.leaks.iter().any(|leak| leak.column == found.column));
        notes.sentences.extend(noted.filter_map(LabelLeakage::sentence).take(MAX_NOTED));
        Ok(())
    }

    fn slices(&self, notes: &mut Diagnostics) {
        let (rows, losses) = (&self.outcomes.rows, self.outcomes.losses());
        let inputs = self.signature.inputs.iter().map(|input| input.name.as_str());
        let Some(found) = find_weak_slices(self.test, rows, &losses, inputs, self.reference) else { return };
        notes.fact("weak_slices", found.len() as f64);
        let Some(worst) = found.first() else { return };
        notes.fact("weak_slice_excess", worst.excess.value);
        notes.sentences.push(format!(
            "weakest where {}: loss {}, {} beside the rest, on {} rows",
            worst.description(),
            rounded(worst.loss),
            signed(worst.excess.value),
            worst.rows
        ));
    }

    fn calibration(&self, notes: &mut Diagnostics) {
        let Ok(error) = self.outcomes.metric("ece") else { return };
        notes.fact("ece", error.value);
        if error.low > NOTABLE_ERROR {
            notes.sentences.push(format!("scores miss the observed rates by {} on average", rounded(error.value)));
        }
    }
}

/// Each row's hash over some columns; `None` when one is not there.
fn hashes(table: &Table, names: &[&str]) -> Option<Vec<u64>> {
    let columns: Vec<&Column> = names.iter().map(|name| table.get(name)).collect::<Option<_>>()?;
    let hash = |row: usize| {
        let mut hasher = DefaultHasher::new();
        columns.iter().for_each(|column| match column {
            Column::Text(values) => values[row].hash(&mut hasher),
            _ if column.is_missing(row) => 1u8.hash(&mut hasher),
            // As a double where a double holds it, so that 1 and 1.0 are one value in either table.
            Column::Int(values) if values[row].is_some_and(|value| value.unsigned_abs() > 1 << 53) => {
                values[row].hash(&mut hasher);
            }
            _ => column.number(row).to_bits().hash(&mut hasher),
        });
        hasher.finish()
    };
    Some((0..table.rows()).map(hash).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: i64, of: impl Fn(i64) -> i64) -> Column {
        Column::Int((0..count).map(|row| Some(of(row))).collect())
    }

    #[test]
    fn rows_are_told_apart_by_all_of_their_columns() {
        let table = Table::new(vec![
            ("a".into(), numbers(4, |row| row % 2)),
            ("b".into(), Column::Text(vec![Some("x".into()), Some("x".into()), Some("x".into()), None])),
        ])
        .unwrap();
        let hashes = hashes(&table, &["a", "b"]).unwrap();
        assert_eq!(hashes[0], hashes[2]);
        assert_ne!(hashes[1], hashes[3]);
        assert_eq!(super::hashes(&table, &["a", "c"]), None);
    }
}
