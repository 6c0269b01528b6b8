//! The rule language: `auc >= champion.auc - 0.002`, `psi(*) < 0.2 over 1d`, `unique(customer_id)`.
//!
//! One small language says what must hold of data, candidates, canaries and live models. This module holds its
//! words ([`Rule`] and what it is made of), [`parse`](Rule::parse) reads them, `Display` writes them back, and
//! [`judge`](Rule::judge) decides over measurements that are handed in.
//!
//! Invariants: what was not measured is undecided, never zero and never a pass. Out of scope: how anything
//! is measured. The language knows names, not statistics.

mod ast;
mod compare;
mod condition;
mod display;
mod error;
mod filter;
pub(crate) mod float;
mod function;
mod implies;
mod judge;
mod lex;
mod message;
mod metric_id;
mod number;
mod op;
mod outcome;
mod parse;

pub use self::{
    ast::{Arg, Bound, BoundExpr, Quantity, Rule, SCORE},
    condition::{Condition, Literal},
    error::RuleError,
    filter::ConditionError,
    function::{ArgKind, FUNCTIONS, Function, FunctionEntry},
    message::{rounded, signed},
    metric_id::MetricId,
    number::{ExactNumber, Number, Unit},
    op::Op,
    outcome::{
        Champion, JudgeMode, Limits, MAX_PARTS, Measured, Measurement, Measurements, NotMeasured, Part, PartOutcome,
        RuleOutcome, RuleVerdict, Undecided,
    },
    parse::{MAX_RULE_BYTES, parse_target},
};
