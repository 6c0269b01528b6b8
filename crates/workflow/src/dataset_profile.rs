//! What is known of a dataset besides its digest: columns, rows, and each column in numbers. Values themselves (names,
//! addresses) are left out: `kilter.lock` goes into Git.

use std::{path::Path, sync::Arc};

use kilter_domain::{error_chain::with_causes, table::ColumnType, time::Timestamp};
use kilter_lake::{ColumnSummary, Distinct, LakeError, NumberSummary, ReadOptions, read_table, schema_of, summaries};
use serde::{Deserialize, Serialize};

/// Tables that need more memory are described by their columns alone.
const MEMORY_BYTES: usize = 1 << 30;

/// Describes the table at a path. An error means that it is damaged.
pub type Describe = Arc<dyn Fn(&Path) -> Result<DatasetProfile, String> + Send + Sync>;

/// A table as its columns are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DatasetProfile {
    /// `None` when it is no table that Kilter reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Why there is no profile; steps may well be able to read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_a_table: Option<String>,
    /// The columns in the order of the table; empty if it is none that Kilter reads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ColumnProfile>,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnProfile {
    /// The name as the table has it.
    pub name: String,
    /// What its values are, as they were read.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// `None` when the table is too large to be looked through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<u64>,
    /// Different values; `None` when they are more than are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distinct: Option<u64>,
    /// The least value; `None` for texts, without any value, and in a table that is too large to be looked through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<ColumnBound>,
    /// The greatest value; `None` where `min` is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<ColumnBound>,
    /// The mean of the values; only of numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// The standard deviation of the values; only of numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sd: Option<f64>,
}

/// The least or greatest value of a column.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ColumnBound {
    /// Of a column in which a float would round some.
    Whole(i64),
    /// A number.
    Number(f64),
    /// A time, or a date as its midnight.
    Time(Timestamp),
}

/// Reads a table. What holds no table, or one that only a step can read, has no columns and says why.
pub(crate) fn describe_table(path: &Path) -> Result<DatasetProfile, String> {
    let options = ReadOptions { memory_bytes: MEMORY_BYTES, ..ReadOptions::default() };
    match read_table(path, &options) {
        Ok(table) => {
            let columns = summaries(&table).iter().map(ColumnProfile::of).collect();
            Ok(DatasetProfile { rows: Some(table.rows() as u64), not_a_table: None, columns })
        }
        Err(LakeError::TooLarge { .. }) => schema_of(path).map_err(|error| error.to_string()).map(|schema| {
            let columns = schema.columns.into_iter().map(|(name, kind)| ColumnProfile::named(name, kind));
            DatasetProfile { rows: Some(schema.rows), not_a_table: None, columns: columns.collect() }
        }),
        // Nobody could read these; better to hear it before a step trips over it.
        Err(error @ (LakeError::Damaged { .. } | LakeError::WrongFormat { .. } | LakeError::Io { .. })) => {
            Err(with_causes(&error))
        }
        Err(error) => Ok(DatasetProfile { not_a_table: Some(error.to_string()), ..DatasetProfile::default() }),
    }
}

impl ColumnProfile {
    fn named(name: String, kind: ColumnType) -> Self {
        Self { name, kind, missing: None, distinct: None, min: None, max: None, mean: None, sd: None }
    }

    fn of(summary: &ColumnSummary) -> Self {
        let bound = |value: f64| match summary.column_type {
            ColumnType::Time => ColumnBound::Time(Timestamp(value as i64)),
            _ => ColumnBound::Number(value),
        };
        let whole =
            |numbers: NumberSummary, end: fn((i64, i64)) -> i64| numbers.wholes.map(end).map(ColumnBound::Whole);
        let is_number = matches!(summary.column_type, ColumnType::Float | ColumnType::Int);
        let bounds = summary.numbers.filter(|_| summary.column_type != ColumnType::Bool);
        let spread = summary.numbers.filter(|_| is_number);
        Self {
            missing: Some(summary.missing as u64),
            distinct: match summary.distinct {
                Distinct::Exactly(count) => Some(count as u64),
                Distinct::MoreThan(_) => None,
            },
            min: bounds.map(|numbers| whole(numbers, |range| range.0).unwrap_or_else(|| bound(numbers.min))),
            max: bounds.map(|numbers| whole(numbers, |range| range.1).unwrap_or_else(|| bound(numbers.max))),
            mean: spread.map(|numbers| numbers.mean).filter(|mean| mean.is_finite()),
            sd: spread.map(|numbers| numbers.sd).filter(|sd| sd.is_finite()),
            ..Self::named(summary.name.clone(), summary.column_type)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn described(name: &str, bytes: &[u8]) -> Result<DatasetProfile, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        describe_table(&path)
    }

    #[test]
    fn a_table_is_described_by_its_columns_and_not_by_its_values() {
        let wide = described("a.csv", b"id\n1790000000000000013\n7\n").unwrap();
        let text = toml::to_string(&wide).unwrap();
        assert!(text.contains("max = 1790000000000000013\n"), "{text}");
        assert_eq!(toml::from_str::<DatasetProfile>(&text).unwrap(), wide);
        let profile = described("a.csv", b"when,name,x\n2026-01-01,ana,1.5\n2026-01-02,ana,\n").unwrap();
        let text = serde_json::to_string(&profile).unwrap();
        assert!(!text.contains("ana"), "{text}");
        assert_eq!(profile.rows, Some(2));
        let [when, name, x] = &profile.columns[..] else { panic!("{profile:?}") };
        assert_eq!(when.min, Some(ColumnBound::Time("2026-01-01".parse().unwrap())));
        assert_eq!((name.distinct, name.min), (Some(1), None));
        assert_eq!((x.missing, x.mean, x.sd), (Some(1), Some(1.5), None));
        assert_eq!(serde_json::from_str::<DatasetProfile>(&text).unwrap(), profile);
        let toml = toml::to_string(&profile).unwrap();
        assert_eq!(toml::from_str::<DatasetProfile>(&toml).unwrap(), profile);
    }

    #[test]
    fn what_only_a_step_can_read_is_no_error_and_what_is_damaged_is() {
        for (name, bytes) in [("a.bin", &b"x"[..]), ("a.csv", b"a,b\n1\n")] {
            assert!(described(name, bytes).unwrap().not_a_table.is_some(), "{name}");
        }
        let error = described("a.parquet", b"PAR1 and then nothing").unwrap_err();
        assert!(error.contains("damaged"), "{error}");
    }
}
