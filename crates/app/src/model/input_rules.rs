//! The rules of a version for its inputs: what the contract says, fitted to what the model reads when the version is packed, and
//! made ready for the data plane from its package when it is loaded.
//!
//! Invariants: a rule that a version could not keep refuses the packing, and is never left out; a served version keeps the rules of
//! its own package, whatever the contract says since.

use std::collections::{BTreeMap, HashMap};

use kilter_domain::{
    contract::{Contract, InputSpec, OnUnseen},
    input_rule::{InputCheck, InputPolicy, InputRule, InputValue},
    nearest::nearest,
    table::{Column, Table},
};
use kilter_evaluation::{column_reference::ColumnReference, reference::Reference};
use kilter_inference::{Input, InputKind, Signature};
use kilter_package::Package;
use kilter_serving::input_rules::InputRules;

/// Why the contract cannot be kept by a model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("[input.{input}] cannot be kept: {reason}")]
pub struct InputRuleError {
    input: String,
    reason: String,
}

/// What a version is made of, as far as its rules depend on it.
pub(crate) struct RuleSource<'s> {
    pub(crate) contract: &'s Contract,
    pub(crate) signature: &'s Signature,
    /// Columns that are recorded though the model does not read them.
    pub(crate) recorded: &'s [Input],
    /// The rows that the model was trained on; without a row if they are not known.
    pub(crate) trained_on: &'s Table,
    pub(crate) reference: &'s Reference,
}

impl RuleSource<'_> {
    /// The rules of the version, in the order of its inputs.
    ///
    /// # Errors
    /// The first section of the contract that the model cannot keep.
    pub(crate) fn rules(&self) -> Result<Vec<InputRule>, InputRuleError> {
        let known = || self.signature.inputs.iter().chain(self.recorded);
        if let Some(spec) = self.contract.inputs.iter().find(|spec| known().all(|input| input.name != spec.name)) {
            let near = nearest(&spec.name, known().map(|input| input.name.as_str()));
            let hint = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            return Err(error(&spec.name, format!("the model reads no such input{hint}")));
        }
        let stated = |input: &Input| self.contract.inputs.iter().find(|spec| spec.name == input.name);
        let mut rules = Vec::new();
        for input in known() {
            match stated(input) {
                Some(spec) => rules.extend(self.rules_of(spec, input)?),
                None => rules.extend(self.unseen(&input.name, input.kind, OnUnseen::Unstated, None)?),
            }
        }
        Ok(rules)
    }

    fn rules_of(&self, spec: &InputSpec, input: &Input) -> Result<Vec<InputRule>, InputRuleError> {
        let impute = if spec.imputes() { Some(self.imputed_value(spec, input.kind)?) } else { None };
        let rule = |check, policy| InputRule {
            input: spec.name.clone(),
            check,
            policy,
            impute: impute.clone().filter(|_| policy == InputPolicy::Impute),
        };
        let mut rules = Vec::new();
        if spec.min.is_some() || spec.max.is_some() {
            if !matches!(input.kind, InputKind::Number | InputKind::Integer) {
                return Err(error(
                    &spec.name,
                    format!("`min` and `max` are for numbers, and it is {}", input.kind.words()),
                ));
            }
            rules.push(rule(InputCheck::Range { min: spec.min, max: spec.max }, spec.on_range));
        }
        if !spec.values.is_empty() {
            let values = spec.values.iter().map(|value| fitted(value, input.kind));
            let values = values.collect::<Result<_, _>>().map_err(|reason| error(&spec.name, reason))?;
            rules.push(rule(InputCheck::Values { values }, spec.on_values));
        }
        rules.extend(spec.on_null.map(|policy| rule(InputCheck::Null, policy)));
        rules.extend(self.unseen(&spec.name, input.kind, spec.on_unseen, impute.clone())?);
        Ok(rules)
    }

    /// The rule for categories that the training rows do not have.
    fn unseen(
        &self,
        name: &str,
        kind: InputKind,
        wanted: OnUnseen,
        impute: Option<InputValue>,
    ) -> Result<Option<InputRule>, InputRuleError> {
        let has_categories = kind == InputKind::Text
            && matches!(self.reference.columns.get(name), Some(ColumnReference::Categorical(_)));
        let policy = match wanted {
            OnUnseen::Allow => return Ok(None),
            OnUnseen::Unstated if !has_categories => return Ok(None),
            OnUnseen::Unstated => InputPolicy::Flag,
            OnUnseen::Stated(_) if kind != InputKind::Text => {
                let reason = format!("`on_unseen` is for texts, and it is {}; state `values`", kind.words());
                return Err(error(name, reason));
            }
            OnUnseen::Stated(_) if !has_categories => {
                let reason = "its categories are not known: there are no training rows, or most of its texts differ; state \
                              `values`, or take `on_unseen` out";
                return Err(error(name, reason.to_owned()));
            }
            OnUnseen::Stated(policy) => policy,
        };
        let impute = impute.filter(|_| policy == InputPolicy::Impute);
        Ok(Some(InputRule { input: name.to_owned(), check: InputCheck::Unseen, policy, impute }))
    }

    /// What is taken instead of a value: what the contract states, else the middle of the training rows.
    fn imputed_value(&self, spec: &InputSpec, kind: InputKind) -> Result<InputValue, InputRuleError> {
        if let Some(value) = &spec.impute {
            return fitted(value, kind).map_err(|reason| error(&spec.name, reason));
        }
        let typical = self.trained_on.get(&spec.name).and_then(|column| typical_value(column, spec));
        typical.ok_or_else(|| {
            let reason = "there are no training rows with a value that its rules accept; state `impute`";
            error(&spec.name, reason.to_owned())
        })
    }
}

fn error(input: &str, reason: String) -> InputRuleError {
    InputRuleError { input: input.to_owned(), reason }
}

/// A value of the contract as an input of this kind has it. Nothing is rounded.
fn fitted(value: &InputValue, kind: InputKind) -> Result<InputValue, String> {
    match (kind, value) {
        (InputKind::Number, InputValue::Whole(_) | InputValue::Number(_))
        | (InputKind::Integer, InputValue::Whole(_))
        | (InputKind::Boolean, InputValue::Bool(_))
        | (InputKind::Text, InputValue::Text(_)) => Ok(value.clone()),
        (InputKind::Boolean, InputValue::Whole(whole @ (0 | 1))) => Ok(InputValue::Bool(*whole == 1)),
        (InputKind::Time, _) => Err("times have no rules but `on_null`, with `reject` or `flag`".to_owned()),
        (kind, value) => Err(format!("it is {}, and `{value}` is none", kind.words())),
    }
}

/// The median of numbers (of whole ones the lower of the two in the middle), or the most frequent value of others; of equally
/// frequent ones the first in order. Values that the rules do not accept are left out.
fn typical_value(column: &Column, spec: &InputSpec) -> Option<InputValue> {
    let is_inside = |number: f64| {
        !number.is_nan() && spec.min.is_none_or(|min| number >= min) && spec.max.is_none_or(|max| number <= max)
    };
    let is_listed = |value: &InputValue| spec.values.is_empty() || spec.values.contains(value);
    match column {
        Column::Float(values) => {
            let mut known: Vec<f64> =
                values.iter().copied().filter(|value| is_inside(*value) && value.is_finite()).collect();
            match spec.values.is_empty() {
                true => median(&mut known).map(InputValue::Number),
                false => {
                    most_frequent(known.into_iter().filter_map(|value| {
                        spec.values.iter().find(|listed| as_number(listed) == Some(value)).cloned()
                    }))
                }
            }
        }
        Column::Int(values) => {
            let mut known: Vec<i64> =
                values.iter().flatten().copied().filter(|value| is_inside(*value as f64)).collect();
            match spec.values.is_empty() {
                true => {
                    known.sort_unstable();
                    known.get(known.len().checked_sub(1)? / 2).copied().map(InputValue::Whole)
                }
                false => most_frequent(known.into_iter().map(InputValue::Whole).filter(is_listed)),
            }
        }
        Column::Bool(values) => most_frequent(values.iter().flatten().copied().map(InputValue::Bool).filter(is_listed)),
        Column::Text(values) => {
            let known = values.iter().flatten().filter(|text| !text.is_empty());
            most_frequent(known.map(|text| InputValue::Text(text.to_string())).filter(is_listed))
        }
        Column::Time(_) => None,
    }
}

fn as_number(value: &InputValue) -> Option<f64> {
    match value {
        InputValue::Whole(value) => Some(*value as f64),
        InputValue::Number(value) => Some(*value),
        InputValue::Bool(_) | InputValue::Text(_) => None,
    }
}

/// The mean of the two in the middle if there are two.
fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let upper = values.len() / 2;
    match values.len() {
        0 => None,
        count if count % 2 == 1 => Some(values[upper]),
        _ => Some(values[upper - 1].midpoint(values[upper])),
    }
}

fn most_frequent(values: impl Iterator<Item = InputValue>) -> Option<InputValue> {
    let mut counts: HashMap<String, (usize, InputValue)> = HashMap::new();
    values.for_each(|value| counts.entry(value.to_string()).or_insert((0, value)).0 += 1);
    let best = counts.into_iter().max_by(|(one, (count, _)), (other, (more, _))| count.cmp(more).then(other.cmp(one)));
    best.map(|(_, (_, value))| value)
}

/// The rules of a package, with the categories of its reference.
pub(crate) fn of_package(package: &Package) -> InputRules {
    let categories = package.reference.columns.iter().filter_map(|(name, column)| match column {
        ColumnReference::Categorical(reference) => Some((name.clone(), reference)),
        ColumnReference::Numeric(_) => None,
    });
    InputRules::new(&package.manifest.input_rules, &categories.collect::<BTreeMap<_, _>>())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kilter_inference::{Infinite, Missing, Task};

    use super::*;

    fn trained_on() -> Table {
        let texts = |texts: [&str; 4]| Column::Text(texts.map(|text| Some(Arc::from(text))).to_vec());
        Table::new(vec![
            ("income".into(), Column::Float(vec![10.0, 20.0, f64::NAN, 900.0])),
            ("age".into(), Column::Int(vec![Some(30), Some(41), Some(70), Some(150)])),
            ("plan".into(), texts(["plus", "basic", "plus", "gold"])),
            ("member".into(), Column::Bool(vec![Some(true), None, Some(true), Some(false)])),
        ])
        .unwrap()
    }

    fn rules(contract: &str) -> Result<Vec<InputRule>, String> {
        let contract = Contract::parse(contract).map_err(|errors| errors.to_string())?;
        let input = |(name, kind): (&str, InputKind)| Input {
            name: name.to_owned(),
            kind,
            missing: Missing::Allowed,
            infinite: Infinite::Refused,
            optional: false,
        };
        let kinds = [
            ("income", InputKind::Number),
            ("age", InputKind::Integer),
            ("plan", InputKind::Text),
            ("member", InputKind::Boolean),
            ("since", InputKind::Time),
        ];
        let inputs = kinds.map(input).to_vec();
        let signature = Signature { inputs, task: Task::Regression, classes: Vec::new(), target: None };
        let trained_on = trained_on();
        let reference = Reference::of(&trained_on, |_| true);
        let (signature, trained_on, reference) = (&signature, &trained_on, &reference);
        let source = RuleSource { contract: &contract, signature, recorded: &[], trained_on, reference };
        source.rules().map_err(|error| error.to_string())
    }

    /// The rule of an input, as `POLICY=VALUE`.
    fn imputed(contract: &str) -> String {
        let rules = rules(contract).unwrap();
        let found = rules.iter().find_map(|rule| rule.impute.clone());
        found.map_or("-".to_owned(), |value| format!("{value:?}"))
    }

    #[test]
    fn unseen_categories_of_texts_are_flagged_unless_the_contract_says_otherwise() {
        let unseen =
            |contract: &str| rules(contract).map(|rules| rules.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(unseen(""), Ok(vec!["unseen(plan)".to_owned()]));
        assert_eq!(rules("").unwrap()[0].policy, InputPolicy::Flag);
        assert_eq!(unseen("[input.plan]\non_unseen = \"allow\"\n"), Ok(vec![]));
        assert_eq!(rules("[input.plan]\non_unseen = \"reject\"\n").unwrap()[0].policy, InputPolicy::Reject);
    }

    #[test]
    fn what_is_put_in_is_the_median_or_the_most_frequent_value_that_the_rules_accept() {
        for (contract, wanted) in [
            ("[input.income]\non_null = \"impute\"\n", "Number(20.0)"),
            ("[input.income]\non_null = \"impute\"\nmax = 100\n", "Number(15.0)"),
            ("[input.age]\non_null = \"impute\"\n", "Whole(41)"),
            ("[input.age]\non_range = \"impute\"\nmax = 120\n", "Whole(41)"),
            ("[input.age]\non_null = \"impute\"\nmax = 50\n", "Whole(30)"),
            ("[input.plan]\non_unseen = \"impute\"\n", "Text(\"plus\")"),
            ("[input.plan]\non_values = \"impute\"\nvalues = [\"gold\", \"basic\"]\n", "Text(\"basic\")"),
            ("[input.member]\non_null = \"impute\"\n", "Bool(true)"),
            ("[input.member]\non_null = \"impute\"\nimpute = 0\n", "Bool(false)"),
            ("[input.age]\non_null = \"impute\"\nimpute = 35\n", "Whole(35)"),
        ] {
            assert_eq!(imputed(contract), wanted, "{contract}");
        }
    }

    #[test]
    fn a_rule_that_the_model_cannot_keep_is_an_error() {
        for (contract, reason) in [
            (
                "[input.agee]\nmin = 0\n",
                "[input.agee] cannot be kept: the model reads no such input; did you mean `age`?",
            ),
            ("[input.plan]\nmin = 0\n", "`min` and `max` are for numbers, and it is a text"),
            ("[input.age]\nvalues = [1, 2.5]\n", "it is a whole number, and `2.5` is none"),
            ("[input.plan]\nvalues = [1]\n", "it is a text, and `1` is none"),
            ("[input.age]\non_unseen = \"flag\"\n", "`on_unseen` is for texts"),
            ("[input.since]\non_null = \"impute\"\n", "state `impute`"),
            ("[input.since]\non_null = \"impute\"\nimpute = 0\n", "times have no rules but `on_null`"),
            ("[input.age]\non_null = \"impute\"\nmin = 500\n", "no training rows with a value that its rules accept"),
        ] {
            let found = rules(contract).unwrap_err();
            assert!(found.contains(reason), "{contract}: {found}");
        }
    }
}
