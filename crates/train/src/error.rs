//! Why a model could not be trained.

/// Why a model could not be trained.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum TrainError {
    #[error("there is no column `{name}` to take as {role}{}", .nearest.as_ref().map_or(String::new(), |near| format!("; did you mean `{near}`?")))]
    NoSuchColumn { role: &'static str, name: String, nearest: Option<String> },
    #[error("the target `{target}` cannot be learned: {reason}")]
    BadTarget { target: String, reason: String },
    #[error(
        "the column `{column}` is to be read, but {reason}; take it out of the included columns, or give it no role"
    )]
    Reserved { column: String, reason: String },
    #[error("the weight in row {row} of column `{column}` is `{value}`; weights are finite numbers, zero or more")]
    BadWeight { column: String, row: usize, value: String },
    #[error("there are {rows} rows with a target; at least {least} are needed")]
    TooFewRows { rows: usize, least: usize },
    #[error("no column is left to learn from: {}", .reasons.join("; "))]
    NoColumns { reasons: Vec<String> },
    #[error("the column `{column}` cannot be taken as {kind}: {reason}")]
    BadColumn { column: String, kind: &'static str, reason: String },
    #[error("the setting `{name}` is {value}; {expected}")]
    BadParam { name: &'static str, value: String, expected: &'static str },
    #[error("the trained model could not be written: {0}")]
    Export(String),
}
