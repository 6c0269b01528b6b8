//! What of a column a person should know before using it.

use super::column::{ColumnProfile, ValueKind};
use super::values::Stored;
use serde::{Deserialize, Serialize};

/// Share of rows without a value from which a column is mostly missing.
const MOSTLY: f64 = 0.5;
/// Share of one value from which the others hardly matter.
const DOMINANT: f64 = 0.99;

/// Something that is rarely meant to be so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Warning {
    /// No row has a value.
    AllMissing,
    /// More than half of the rows have none.
    MostlyMissing,
    /// All rows with a value have the same.
    Constant,
    /// One value stands in more than 99 % of the rows with a value.
    NearlyConstant,
    /// (Nearly) every row has a value of its own.
    Identifier,
    /// Some numbers are infinite.
    Infinite,
    /// More than 1,000 categories: the rarer ones are compared together.
    ManyCategories,
    /// An earlier version of this program made the profile, and rounded whole numbers beyond 2^53.
    Rounded,
}

impl Warning {
    /// What it means, as part of a sentence.
    pub fn meaning(self) -> &'static str {
        match self {
            Warning::AllMissing => "no row has a value",
            Warning::MostlyMissing => "more than half of the rows have no value",
            Warning::Constant => "all values are the same",
            Warning::NearlyConstant => "one value stands in more than 99 % of the rows",
            Warning::Identifier => "nearly every row has a value of its own: it is not compared",
            Warning::Infinite => "some values are infinite: they count as missing in distances",
            Warning::ManyCategories => "more than 1,000 categories: the rarer ones are compared together",
            Warning::Rounded => {
                "made by an earlier version, which rounded whole numbers beyond 2^53: make the profile again"
            }
        }
    }
}

impl ColumnProfile {
    /// Everything that is rarely meant to be so.
    pub fn warnings(&self) -> Vec<Warning> {
        let values = self.rows - self.missing;
        let dominant = self.top(1).first().is_some_and(|(_, rows)| *rows as f64 > DOMINANT * values as f64);
        let constant = self.distinct.count == 1 && values > 1;
        let many = self.kind == ValueKind::Category && self.distinct.count > crate::drift::TOP_VALUES as u64;
        let found = [
            (Warning::AllMissing, values == 0 && self.rows > 0),
            (Warning::MostlyMissing, values > 0 && self.missing as f64 > MOSTLY * self.rows as f64),
            (Warning::Constant, constant),
            (Warning::NearlyConstant, !constant && dominant),
            (Warning::Identifier, self.kind == ValueKind::Identifier),
            (Warning::Infinite, self.infinite > 0),
            (Warning::ManyCategories, many),
            (Warning::Rounded, self.rounded > 0 && self.stored == Stored::Int),
        ];
        found.into_iter().filter(|(_, is_so)| *is_so).map(|(warning, _)| warning).collect()
    }
}
