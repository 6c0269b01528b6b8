//! `[input.*]`.

use crate::{
    contract::{InputSpec, OnUnseen, field::Field, section::Section},
    input_rule::{InputPolicy, InputValue},
};

/// The longest name of an input.
const MAX_NAME_BYTES: usize = 256;

/// In the order in which the list of keys states their words.
const POLICIES: [InputPolicy; 3] = [InputPolicy::Reject, InputPolicy::Flag, InputPolicy::Impute];

pub(super) fn input(name: &str, field: &Field<'_, '_>) -> Option<InputSpec> {
    let section = field.section("input.*")?;
    let listed = section.list("values");
    let spec = InputSpec {
        name: name.to_owned(),
        min: section.number("min"),
        max: section.number("max"),
        values: listed.iter().filter_map(Field::input_value).collect(),
        on_range: policy(&section, "on_range").unwrap_or(InputPolicy::Reject),
        on_values: policy(&section, "on_values").unwrap_or(InputPolicy::Reject),
        on_null: policy(&section, "on_null"),
        on_unseen: match section.choice("on_unseen") {
            None => OnUnseen::Unstated,
            Some(at) => POLICIES.get(at).copied().map_or(OnUnseen::Allow, OnUnseen::Stated),
        },
        impute: section.field("impute").and_then(|field| field.input_value()),
    };
    check_name(name, field);
    check_rules(&section, &spec, listed.len());
    check_impute(&section, &spec);
    section.finish();
    Some(spec)
}

/// `allow`, which stands behind the policies, is none, as a key that is not there.
fn policy(section: &Section<'_, '_>, key: &'static str) -> Option<InputPolicy> {
    POLICIES.get(section.choice(key)?).copied()
}

fn check_name(name: &str, field: &Field<'_, '_>) {
    if name.trim().is_empty() || name.len() > MAX_NAME_BYTES || name.starts_with("__") {
        let hint =
            "write the name of a column that the model reads: [input.age], [input.\"monthly income\"]".to_owned();
        field.error(format!("`{name}` names no input"), hint);
    }
}

/// A policy without what it is for would look as if it did something.
fn check_rules(section: &Section<'_, '_>, spec: &InputSpec, listed: usize) {
    let has_range = spec.min.is_some() || spec.max.is_some();
    let is_there = |key| section.field(key).is_some();
    if is_there("on_range") && !has_range {
        section.error(
            format!("[{}] has `on_range` and neither `min` nor `max`", section.path),
            "write the smallest and the largest value that is accepted: min = 0, max = 120".to_owned(),
        );
    }
    if is_there("on_values") && !is_there("values") {
        section.error(
            format!("[{}] has `on_values` and no `values`", section.path),
            "write every value that is accepted: values = [\"basic\", \"plus\"]".to_owned(),
        );
    }
    if section.field("values").is_some_and(|field| field.is_list()) && listed == 0 {
        section.error(
            format!("[{}] accepts no value at all", section.path),
            "write at least one into `values`".to_owned(),
        );
    }
    if let (Some(min), Some(max)) = (spec.min, spec.max)
        && min > max
    {
        section.error(format!("[{}]: `min` is {min} and `max` {max}", section.path), "exchange the two".to_owned());
    }
}

/// What is taken instead must not break the rules itself.
fn check_impute(section: &Section<'_, '_>, spec: &InputSpec) {
    let Some(value) = &spec.impute else { return };
    if !spec.imputes() {
        section.error(
            format!("[{}] has `impute`, and no rule of it takes another value", section.path),
            "write on_null = \"impute\", on_range = \"impute\", on_values = \"impute\" or on_unseen = \"impute\""
                .to_owned(),
        );
    }
    let number = match value {
        InputValue::Whole(value) => Some(*value as f64),
        InputValue::Number(value) => Some(*value),
        InputValue::Bool(_) | InputValue::Text(_) => None,
    };
    let is_outside = |number: f64| spec.min.is_some_and(|min| number < min) || spec.max.is_some_and(|max| number > max);
    let is_other = !spec.values.is_empty() && !spec.values.contains(value);
    if number.is_some_and(is_outside) || is_other {
        section.error(
            format!("[{}]: `impute` is {value}, which the rules of the input do not accept", section.path),
            "write a value that `min`, `max` and `values` accept".to_owned(),
        );
    }
}
