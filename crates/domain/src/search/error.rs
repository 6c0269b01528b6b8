//! Why a search cannot be answered. The texts are those that clients of MLflow know, where it has one.

use super::{Entity, Key, excerpt::excerpt, page_token::InvalidPageToken};

/// Why a search cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum SearchError {
    #[error("the {what} has {bytes} bytes (at most {most})")]
    TooLong { what: &'static str, bytes: usize, most: usize },
    #[error("the filter has more than {most} {what}")]
    TooMany { what: &'static str, most: usize },
    #[error("the filter is nested more than {most} levels deep")]
    TooDeep { most: usize },
    #[error("Invalid filter: it has the character NUL, which no value has")]
    Nul,
    #[error("Search filter contained multiple expression '{0}'. Combine them by AND or OR.")]
    SeveralExpressions(String),
    #[error("Invalid clause(s) in filter string: '{found}'. Expected {expected}.")]
    Syntax { found: String, expected: &'static str },
    #[error("Invalid comparison clause. Expected 'Identifier' found '{0}'")]
    NoKey(String),
    #[error("Invalid entity type '{name}'. Valid entity types are {valid}")]
    UnknownFamily { name: String, valid: &'static str },
    #[error("Invalid {family} key '{key}' specified. Valid keys are {valid}")]
    UnknownKey { family: &'static str, key: String, valid: String },
    #[error("Invalid comparator '{operator}' for {key}: not one of {valid}")]
    Operator { operator: String, key: String, valid: String },
    #[error("IS NULL / IS NOT NULL is only supported for {valid}, not for {key}")]
    NoPresence { key: String, valid: &'static str },
    #[error("Only {valid} support comparison with a list of quoted string values, not {key}")]
    NoList { key: String, valid: String },
    #[error("While parsing a list in the query, expected a non-empty list of string values, but got {0}")]
    List(&'static str),
    #[error("Expected numeric value type for {key}. Found {found}")]
    NotANumber { key: String, found: String },
    #[error("Invalid value for numeric attribute '{key}': {found}. It must be a whole number.")]
    NotWhole { key: String, found: String },
    #[error("Invalid number '{0}': it is out of the range of a double")]
    NumberOutOfRange(String),
    #[error("Expected a quoted string value for {key} (e.g. 'my-value'). Got value {found}")]
    NotAText { key: String, found: String },
    #[error(
        "Parameter value is either not quoted or unidentified quote types used for string value {0}. Use either single \
         or double quotes."
    )]
    NotQuoted(String),
    #[error("Invalid experiment ID '{0}'. Experiment ID must be a valid integer.")]
    ExperimentId(String),
    #[error("Invalid order_by clause '{0}'. Could not be parsed.")]
    OrderSyntax(String),
    #[error("Invalid ordering key in order_by clause '{0}'. Expected ASC or DESC.")]
    OrderDirection(String),
    #[error("Invalid order by key '{key}' specified. Valid keys are {valid}")]
    OrderKey { key: String, valid: String },
    #[error("Invalid order_by entity: {0}")]
    OrderFamily(&'static str),
    #[error("Invalid order by field name: {0}. Only `metrics.NAME` and attributes are supported.")]
    OrderField(String),
    #[error("`order_by` contains duplicate fields: {0}")]
    OrderTwice(String),
    #[error("`dataset_digest` can only be specified if `dataset_name` is also specified.")]
    DigestWithoutName,
    #[error("`dataset_name` in the `datasets` clause must be specified.")]
    DatasetWithoutName,
    #[error(transparent)]
    PageToken(#[from] InvalidPageToken),
}

/// A key in the words of an error: `metric 'auc'`.
pub(super) fn describe(key: &Key, entity: Entity) -> String {
    format!("{} '{}'", key.family(), excerpt(key.name(entity)))
}
