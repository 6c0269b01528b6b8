//! `[input.*]`: what a served version accepts of an input, and what becomes of a value that it does not.

use crate::input_rule::{InputPolicy, InputValue};

/// What the contract says of one input.
#[derive(Clone, Debug, PartialEq)]
pub struct InputSpec {
    /// The name of the column.
    pub name: String,
    /// The smallest value that is accepted.
    pub min: Option<f64>,
    /// The largest value that is accepted.
    pub max: Option<f64>,
    /// Every value that is accepted; empty: any.
    pub values: Vec<InputValue>,
    /// What becomes of a value outside of `min` and `max`. Default `reject`.
    pub on_range: InputPolicy,
    /// What becomes of a value that is not in `values`. Default `reject`.
    pub on_values: InputPolicy,
    /// What becomes of a missing value; `None`: the model takes or refuses it.
    pub on_null: Option<InputPolicy>,
    /// What becomes of a category that the training rows do not have.
    pub on_unseen: OnUnseen,
    /// What is taken instead; `None`: the median or the most frequent value of the training rows.
    pub impute: Option<InputValue>,
}

/// What becomes of a category that the training rows do not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnUnseen {
    /// A text input whose categories are known is flagged; of others nothing is asked.
    #[default]
    Unstated,
    /// Nothing.
    Allow,
    /// As the contract says; the input must be a text whose categories are known.
    Stated(InputPolicy),
}

impl InputSpec {
    /// Whether a rule of this input takes another value instead.
    pub fn imputes(&self) -> bool {
        let has_range = self.min.is_some() || self.max.is_some();
        let policies = [
            has_range.then_some(self.on_range),
            (!self.values.is_empty()).then_some(self.on_values),
            self.on_null,
            match self.on_unseen {
                OnUnseen::Stated(policy) => Some(policy),
                OnUnseen::Unstated | OnUnseen::Allow => None,
            },
        ];
        policies.contains(&Some(InputPolicy::Impute))
    }
}
