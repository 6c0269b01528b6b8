//! Statistics as aggregates of SQL: `auc(score, label)`, `psi(x, is_current)` and their like, with the definitions of
//! `kilter-stats`.
//!
//! Two families. *Performance* takes a score and a label: `auc`, `average_precision`, `log_loss`, `brier`, `ece`. *Distance*
//! takes a column and a flag that tells the current rows (true) from the reference (false), any condition will do:
//! `psi(age, month = '2026-02')`; of numbers `ks`, `wasserstein`, `w1_over_sd`, `psi`, `js`, `tvd`, `ks_p`, `chi2_p`, of texts
//! those that need no order. Rows where either argument is missing are left out. Where a measure is undefined (one
//! class, an empty sample) the answer is NULL.

mod numbers;
mod statistic;
mod texts;

use std::sync::Arc;

use datafusion::{
    arrow::datatypes::{DataType, Field, FieldRef},
    common::{DataFusionError, Result},
    logical_expr::{
        Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility,
        function::{AccumulatorArgs, StateFieldsArgs},
    },
    prelude::SessionContext,
};
use kilter_stats::drift::Measure;

use self::statistic::Statistic;
use self::{numbers::NumberPairs, texts::TextPairs};

const FUNCTIONS: &[(&str, Statistic)] = &[
    ("auc", Statistic::Performance("auc")),
    ("average_precision", Statistic::Performance("average_precision")),
    ("log_loss", Statistic::Performance("log_loss")),
    ("brier", Statistic::Performance("brier")),
    ("ece", Statistic::Performance("ece")),
    ("ks", Statistic::Distance(Measure::Ks)),
    ("w1_over_sd", Statistic::Distance(Measure::W1OverSd)),
    ("wasserstein", Statistic::Wasserstein),
    ("psi", Statistic::Distance(Measure::Psi)),
    ("js", Statistic::Distance(Measure::Js)),
    ("tvd", Statistic::Distance(Measure::Tvd)),
    ("ks_p", Statistic::Tail(Measure::Ks)),
    ("chi2_p", Statistic::Tail(Measure::Chi2)),
];

/// Makes the functions known to every query of a session.
pub(super) fn register(session: &SessionContext) {
    for &(name, statistic) in FUNCTIONS {
        session.register_udaf(AggregateUDF::new_from_impl(PairFunction::new(name, statistic)));
    }
}

/// An aggregate over pairs of a value and a flag.
#[derive(Debug, PartialEq, Eq, Hash)]
struct PairFunction {
    name: &'static str,
    statistic: Statistic,
    signature: Signature,
}

impl PairFunction {
    fn new(name: &'static str, statistic: Statistic) -> Self {
        Self { name, statistic, signature: Signature::user_defined(Volatility::Immutable) }
    }

    fn wrong(&self, what: &str) -> DataFusionError {
        let (value, flag) = match self.statistic {
            Statistic::Performance(_) => ("score", "label"),
            _ => ("column", "is_current"),
        };
        DataFusionError::Plan(format!("{what}: write {}({value}, {flag})", self.name))
    }
}

impl AggregateUDFImpl for PairFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        let [value, flag] = arguments else {
            return Err(self.wrong(&format!("{} takes two arguments and not {}", self.name, arguments.len())));
        };
        let value = match value {
            _ if value.is_numeric() || *value == DataType::Boolean || *value == DataType::Null => DataType::Float64,
            _ if is_text(value) && self.statistic.takes_texts() => DataType::Utf8,
            _ if is_text(value) => return Err(self.wrong("texts have no order and are no score")),
            _ => return Err(self.wrong(&format!("{value} is neither a number nor a text"))),
        };
        let flag = match flag {
            DataType::Boolean | DataType::Null => DataType::Boolean,
            _ if flag.is_numeric() => DataType::Float64,
            _ => return Err(self.wrong("the second argument is true or false (or 1 and 0), any condition will do")),
        };
        Ok(vec![value, flag])
    }

    fn accumulator(&self, arguments: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if arguments.is_distinct {
            return Err(self.wrong("rows count as often as they stand, so DISTINCT has no place here"));
        }
        let is_text = arguments.expr_fields.first().is_some_and(|field| *field.data_type() == DataType::Utf8);
        Ok(if is_text { Box::new(TextPairs::new(self.statistic)) } else { Box::new(NumberPairs::new(self.statistic)) })
    }

    fn state_fields(&self, arguments: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let is_text = arguments.input_fields.first().is_some_and(|field| *field.data_type() == DataType::Utf8);
        let types = if is_text { texts::STATE } else { numbers::STATE };
        let field = |(part, data_type): &(&str, DataType)| {
            let name = format!("{}[{part}]", arguments.name);
            Arc::new(Field::new_list(name, Field::new_list_field(data_type.clone(), true), true))
        };
        Ok(types.iter().map(field).collect())
    }
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, value) => is_text(value),
        _ => matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View),
    }
}
