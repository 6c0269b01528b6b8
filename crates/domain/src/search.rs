//! Search of experiments, runs, logged models, registered models and their versions: the filter language of MLflow, with OR, NOT
//! and brackets added to it.
//!
//! [`Search::parse`] reads filter and order into a typed tree, and refuses what cannot be answered; the store turns it into one
//! statement. `Display` writes a tree back as a filter.
//!
//! | part | form |
//! |---|---|
//! | filter | comparisons, combined by `NOT`, `AND`, `OR` (in this order of precedence) and brackets |
//! | comparison | `KEY OPERATOR VALUE`, `KEY [NOT] IN ('a', 'b')`, `KEY IS [NOT] NULL` |
//! | key | `metrics.auc`, ``params.`learning rate` ``, `tags."mlflow.source"`, `attributes.status`, `status` |
//! | value | a number, or a text in single or double quotes; a quote in its own kind of quotes is written twice |
//! | order | `KEY [ASC or DESC]` |
//!
//! Invariants: a comparison is true or false, never unknown. On a key that is missing it is false, also `!=`; `NOT` is the plain
//! complement, so that `NOT params.a = 'x'` holds where there is no `a`, and each thing is found by either a filter or its `NOT`.
//! NaN equals no number: only `!=` holds for it. `LIKE` distinguishes case, `ILIKE` does not for A to Z; `%` stands for any text, `_` for one character.
//! Out of scope: SQL, and who may see what is found.

mod attribute;
mod dataset_selector;
mod display;
mod error;
mod excerpt;
mod filter;
mod lex;
mod order;
mod page_token;
mod parse;
mod query;

pub use self::{
    attribute::{Attribute, DatasetField, Entity},
    dataset_selector::DatasetSelector,
    error::SearchError,
    filter::{Comparison, Condition, Expression, Key, NumberOperator, TextOperator},
    order::{LoggedModelOrder, OrderItem},
    page_token::{HistoryToken, InvalidPageToken, PageToken},
    parse::{MAX_COMPARISONS, MAX_DEPTH, MAX_FILTER_BYTES, MAX_LIST_VALUES, MAX_PATTERN_BYTES},
    query::{IS_PROMPT_TAG, Projects, Scope, Search, View},
};

#[cfg(test)]
#[path = "search/properties.rs"]
mod properties;
#[cfg(test)]
#[path = "search/tests.rs"]
mod tests;
