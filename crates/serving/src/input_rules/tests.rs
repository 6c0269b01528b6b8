//! Rules over columns of every type.

use std::{collections::BTreeMap, sync::Arc};

use kilter_domain::{
    input_rule::{InputCheck, InputPolicy, InputRule, InputValue},
    table::{Column, Table},
};
use kilter_stats::drift::CategoricalReference;
use proptest::prelude::*;

use super::*;

fn rule(input: &str, check: InputCheck, policy: InputPolicy, impute: Option<InputValue>) -> InputRule {
    InputRule { input: input.to_owned(), check, policy, impute }
}

fn range(min: f64, max: f64) -> InputCheck {
    InputCheck::Range { min: Some(min), max: Some(max) }
}

fn values<const N: usize>(values: [InputValue; N]) -> InputCheck {
    InputCheck::Values { values: values.to_vec() }
}

fn texts(values: &[Option<&str>]) -> Column {
    Column::Text(values.iter().map(|value| value.map(Arc::from)).collect())
}

fn table(name: &str, column: Column) -> Table {
    Table::new(vec![(name.to_owned(), column)]).unwrap()
}

fn rules(rules: &[InputRule]) -> InputRules {
    InputRules::new(rules, &BTreeMap::new())
}

/// The rows of a column that a rule marks.
fn marked(check: InputCheck, column: Column) -> Vec<usize> {
    let rules = rules(&[rule("x", check, InputPolicy::Flag, None)]);
    let marks = rules.check(&table("x", column)).unwrap().marks;
    let flagged = marks.map(|marks| marks.flagged).unwrap_or_default();
    flagged.iter().enumerate().filter(|(_, mark)| mark.is_some()).map(|(row, _)| row).collect()
}

#[test]
fn a_range_has_both_ends_and_missing_values_are_not_outside_of_it() {
    let floats = [f64::NAN, 0.0, 120.0, -0.001, 120.001, f64::INFINITY, f64::NEG_INFINITY, 35.0];
    assert_eq!(marked(range(0.0, 120.0), Column::Float(floats.to_vec())), [3, 4, 5, 6]);
    let wholes = vec![None, Some(0), Some(120), Some(-1), Some(121), Some(i64::MAX), Some(i64::MIN)];
    assert_eq!(marked(range(0.0, 120.0), Column::Int(wholes.clone())), [3, 4, 5, 6]);
    assert_eq!(marked(range(0.5, 119.5), Column::Int(wholes)), [1, 2, 3, 4, 5, 6], "ends between whole numbers");
    let open = InputCheck::Range { min: Some(0.0), max: None };
    assert_eq!(marked(open, Column::Int(vec![Some(i64::MAX), Some(-1)])), [1]);
}

#[test]
fn allowed_values_are_compared_by_the_type_of_the_column() {
    let plans = || values([InputValue::Text("basic".into()), InputValue::Text("plus".into())]);
    assert_eq!(marked(plans(), texts(&[Some("plus"), Some("Plus"), None, Some(""), Some("gold")])), [1, 4]);
    let large = values([InputValue::Whole((1 << 53) + 1), InputValue::Whole(3)]);
    let wholes = vec![Some((1 << 53) + 1), Some(1 << 53), None, Some(3)];
    assert_eq!(marked(large, Column::Int(wholes)), [1], "whole numbers are compared exactly");
    let numbers = values([InputValue::Number(0.5), InputValue::Whole(2), InputValue::Number(4.0)]);
    assert_eq!(marked(numbers.clone(), Column::Float(vec![0.5, 2.0, f64::NAN, 4.0, 0.51])), [4]);
    assert_eq!(marked(numbers, Column::Int(vec![Some(2), Some(4), Some(0)])), [2]);
    assert_eq!(marked(values([InputValue::Bool(true)]), Column::Bool(vec![Some(true), None, Some(false)])), [2]);
}

#[test]
fn a_missing_value_breaks_null_in_columns_of_every_type() {
    for column in [
        Column::Float(vec![1.0, f64::NAN]),
        Column::Int(vec![Some(1), None]),
        Column::Time(vec![Some(1), None]),
        Column::Bool(vec![Some(true), None]),
        texts(&[Some("a"), None]),
        texts(&[Some("a"), Some("")]),
    ] {
        assert_eq!(marked(InputCheck::Null, column), [1]);
    }
}

#[test]
fn a_category_that_the_training_rows_do_not_have_is_unseen() {
    let reference = CategoricalReference::of([Some("basic"), Some("plus"), None]).unwrap();
    let unseen = [rule("plan", InputCheck::Unseen, InputPolicy::Flag, None)];
    let known = InputRules::new(&unseen, &BTreeMap::from([("plan".to_owned(), &reference)]));
    let checked = known.check(&table("plan", texts(&[Some("plus"), Some("gold"), None, Some("")]))).unwrap();
    assert_eq!(checked.marks.unwrap().flagged, [None, Some("unseen(plan)".into()), None, None]);
    assert!(rules(&unseen).is_empty(), "without categories to compare with there is no rule");
}

#[test]
fn what_is_refused_names_input_row_value_and_what_is_accepted() {
    let refusing = rules(&[
        rule("plan", InputCheck::Null, InputPolicy::Flag, None),
        rule("age", range(0.0, 120.0), InputPolicy::Reject, None),
    ]);
    let rows = Table::new(vec![
        ("age".into(), Column::Float(vec![35.0, 130.5, -2.0])),
        ("plan".into(), texts(&[None, None, None])),
    ]);
    let refused = refusing.check(&rows.unwrap()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the input `age` is `130.5` in row 1, and the model takes numbers from 0 to 120 there (another row breaks the rule too)"
    );
    let counts: Vec<(&str, u64)> = refusing.counts().iter().map(|count| (count.rule, count.rows)).collect();
    assert_eq!(counts, [("range", 2), ("null", 0)], "nothing is marked in a request that is refused");
    let null = rules(&[rule("age", InputCheck::Null, InputPolicy::Reject, None)]);
    let refused = null.check(&table("age", Column::Int(vec![None]))).unwrap_err().to_string();
    assert_eq!(refused, "the input `age` has no value in row 0, and the model takes a value in every row there");
}

#[test]
fn a_value_is_put_in_without_a_change_of_the_others() {
    let imputing = rules(&[
        rule("x", InputCheck::Null, InputPolicy::Impute, Some(InputValue::Whole(7))),
        rule("x", range(0.0, 10.0), InputPolicy::Impute, Some(InputValue::Whole(7))),
    ]);
    let large = (1 << 53) + 1;
    let checked = imputing.check(&table("x", Column::Int(vec![Some(3), None, Some(large), Some(11)]))).unwrap();
    let wanted = Column::Int(vec![Some(3), Some(7), Some(7), Some(7)]);
    assert_eq!(checked.imputed.unwrap().get("x"), Some(&wanted));
    let marks = checked.marks.unwrap();
    assert_eq!(marks.imputed, [None, Some("null(x)".into()), Some("range(x)".into()), Some("range(x)".into())]);
    assert_eq!((marks.imputations(), marks.flagged.len()), (&[("null(x)".into(), 1), ("range(x)".into(), 2)][..], 0));

    let median = rules(&[rule("x", InputCheck::Null, InputPolicy::Impute, Some(InputValue::Number(2.5)))]);
    let checked = median.check(&table("x", Column::Int(vec![Some(3), None]))).unwrap();
    assert_eq!(
        checked.imputed.unwrap().get("x"),
        Some(&Column::Float(vec![3.0, 2.5])),
        "a fraction among whole numbers"
    );
}

#[test]
fn rows_that_break_nothing_are_not_copied() {
    let rules = rules(&[rule("x", range(0.0, 1.0), InputPolicy::Impute, Some(InputValue::Number(0.5)))]);
    assert_eq!(rules.check(&table("x", Column::Float(vec![0.0, 1.0, f64::NAN]))), Ok(CheckedInputs::default()));
    assert_eq!(rules.check(&table("y", Column::Float(vec![9.0]))), Ok(CheckedInputs::default()), "no such column");
}

fn any_column() -> impl Strategy<Value = Column> {
    let len = 0..20usize;
    prop_oneof![
        prop::collection::vec(any::<f64>(), len.clone()).prop_map(Column::Float),
        prop::collection::vec(any::<Option<i64>>(), len.clone()).prop_map(Column::Int),
        prop::collection::vec(any::<Option<bool>>(), len.clone()).prop_map(Column::Bool),
        prop::collection::vec(any::<Option<i64>>(), len.clone()).prop_map(Column::Time),
        prop::collection::vec(prop::option::of("[ab]{0,2}"), len)
            .prop_map(|texts| Column::Text(texts.into_iter().map(|text| text.map(Arc::from)).collect())),
    ]
}

fn any_value() -> impl Strategy<Value = InputValue> {
    prop_oneof![
        any::<bool>().prop_map(InputValue::Bool),
        any::<i64>().prop_map(InputValue::Whole),
        any::<f64>().prop_filter("finite", |value| value.is_finite()).prop_map(InputValue::Number),
        "[ab]{0,2}".prop_map(InputValue::Text),
    ]
}

fn any_check() -> impl Strategy<Value = InputCheck> {
    prop_oneof![
        (any::<Option<f64>>(), any::<Option<f64>>()).prop_map(|(min, max)| InputCheck::Range { min, max }),
        prop::collection::vec(any_value(), 1..4).prop_map(|values| InputCheck::Values { values }),
        Just(InputCheck::Null),
    ]
}

proptest! {
    /// Whatever a package states and whatever is sent: no panic, and every answered row is there.
    #[test]
    fn any_rule_takes_any_column(check in any_check(), column in any_column(), impute in prop::option::of(any_value()), at in 0usize..3) {
        let policy = [InputPolicy::Reject, InputPolicy::Flag, InputPolicy::Impute][at];
        let rules = rules(&[rule("x", check, policy, impute)]);
        let sent = table("x", column);
        match rules.check(&sent) {
            Ok(checked) => {
                let marked = checked.marks.map_or(0, |marks| marks.flagged.len().max(marks.imputed.len()));
                prop_assert!(marked == 0 || marked == sent.rows());
                prop_assert!(checked.imputed.is_none_or(|table| table.rows() == sent.rows()));
            }
            Err(refused) => prop_assert!(refused.row < sent.rows() && rules.counts()[0].rows as usize == refused.rows),
        }
    }

    /// A range over floats finds the rows that a plain comparison finds.
    #[test]
    fn a_range_is_a_comparison(values in prop::collection::vec(any::<f64>(), 0..200), min in -1e3f64..1e3, width in 0f64..1e3) {
        let max = min + width;
        let wanted: Vec<usize> = (0..values.len()).filter(|row| values[*row] < min || values[*row] > max).collect();
        prop_assert_eq!(marked(range(min, max), Column::Float(values)), wanted);
    }
}
