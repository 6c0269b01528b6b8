//! What a version accepts of its inputs, and what becomes of a value that it does not: rules of the contract, resolved when the
//! version is packed, and kept in its package.
//!
//! Invariants: a rule of a kind that this program does not know is an error, never a rule that is left out. A missing value
//! breaks no rule but `null`.
//! Out of scope: tables. The data plane holds columns against the rules.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What becomes of a value that breaks a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InputPolicy {
    /// The request is refused; nothing of it is scored or recorded.
    Reject,
    /// The row is answered; the response, the record and the counters say that it broke the rule.
    Flag,
    /// The row is answered with another value in the place of this one; the response, the record and the counters say so.
    Impute,
}

impl InputPolicy {
    /// As it is written in a contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reject => "reject",
            Self::Flag => "flag",
            Self::Impute => "impute",
        }
    }
}

/// A value of an input as a contract states it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum InputValue {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number of 64 bits.
    Whole(i64),
    /// Any other number.
    Number(f64),
    /// A text.
    Text(String),
}

impl fmt::Display for InputValue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(out),
            Self::Whole(value) => value.fmt(out),
            Self::Number(value) => value.fmt(out),
            Self::Text(value) => value.fmt(out),
        }
    }
}

/// What is asked of the values of an input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "lowercase")]
pub enum InputCheck {
    /// They lie between the two, both included.
    Range {
        /// The smallest that is accepted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min: Option<f64>,
        /// The largest that is accepted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<f64>,
    },
    /// They are among these.
    Values {
        /// Every value that is accepted.
        values: Vec<InputValue>,
    },
    /// None of them is missing.
    Null,
    /// They are among those of the rows that the version was trained on, by the reference in its package.
    Unseen,
}

impl InputCheck {
    /// The word of the rule.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Range { .. } => "range",
            Self::Values { .. } => "values",
            Self::Null => "null",
            Self::Unseen => "unseen",
        }
    }
}

/// One rule of a version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InputRule {
    /// The name of the input.
    pub input: String,
    /// What is asked of its values.
    #[serde(flatten)]
    pub check: InputCheck,
    /// What becomes of a value that breaks the rule.
    pub policy: InputPolicy,
    /// The value that is taken instead, if the policy is [`InputPolicy::Impute`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impute: Option<InputValue>,
}

/// `range(age)`; a name of other characters than letters, digits and `_` is in backticks, as in a rule.
impl fmt::Display for InputRule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = self.input.chars().all(|c| c.is_alphanumeric() || c == '_');
        let (word, name) = (self.check.as_str(), &self.input);
        if is_plain { write!(out, "{word}({name})") } else { write!(out, "{word}(`{name}`)") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(check: InputCheck, policy: InputPolicy, impute: Option<InputValue>) -> InputRule {
        InputRule { input: "monthly income".to_owned(), check, policy, impute }
    }

    #[test]
    fn a_rule_reads_back_as_it_was_written() {
        use InputPolicy::{Flag, Impute, Reject};
        let values = vec![InputValue::Bool(true), InputValue::Whole(i64::MAX), InputValue::Text("basic".into())];
        for (rule, json) in [
            (
                rule(InputCheck::Range { min: Some(0.5), max: None }, Reject, None),
                r#"{"input":"monthly income","rule":"range","min":0.5,"policy":"reject"}"#,
            ),
            (
                rule(InputCheck::Values { values }, Flag, None),
                r#"{"input":"monthly income","rule":"values","values":[true,9223372036854775807,"basic"],"policy":"flag"}"#,
            ),
            (
                rule(InputCheck::Null, Impute, Some(InputValue::Number(1.5))),
                r#"{"input":"monthly income","rule":"null","policy":"impute","impute":1.5}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&rule).unwrap(), json);
            assert_eq!(serde_json::from_str::<InputRule>(json).unwrap(), rule);
        }
    }

    #[test]
    fn a_rule_of_an_unknown_kind_is_an_error() {
        let later = r#"{"input":"age","rule":"pattern","policy":"reject"}"#;
        assert!(serde_json::from_str::<InputRule>(later).is_err());
        let later = r#"{"input":"age","rule":"null","policy":"clip"}"#;
        assert!(serde_json::from_str::<InputRule>(later).is_err());
    }

    #[test]
    fn names_are_written_as_in_rules() {
        let rule = rule(InputCheck::Unseen, InputPolicy::Flag, None);
        assert_eq!(rule.to_string(), "unseen(`monthly income`)");
        assert_eq!(InputRule { input: "plan_2".into(), ..rule }.to_string(), "unseen(plan_2)");
    }
}
