//! The rule language: every form reads, writes itself back, is refused with a place and a hint, and is judged honestly.

mod any_rule;
mod condition;
mod judge;

use std::collections::BTreeMap;

use kilter_domain::{
    rule::{
        Arg, Bound, BoundExpr, Champion, Condition, FUNCTIONS, Function, JudgeMode, Literal, Measured, Measurement,
        Measurements, NotMeasured, Number, Op, Part, Quantity, Rule, RuleOutcome, RuleVerdict, Undecided, Unit,
    },
    table::{Column, Table},
    time::Span,
};
use proptest::prelude::*;

const FORMS: &[&str] = &[
    "auc >= 0.82",
    "auc >= champion.auc - 0.002",
    "auc.slice(region) >= 0.78",
    "auc.slice(region) >= champion.auc.slice(region) - 0.01",
    "rmse <= champion.rmse * 1.02",
    "rmse <= champion.rmse * 1.02 + 0.5",
    "ratio(selected, gender) in 0.8..1.25",
    "ratio(selected, gender) in 0.8..1.25 over 30d",
    "gap(tpr, age_band) <= 0.1",
    "psi(*) < 0.2 over 1d",
    "psi(score) < 0.2 over 1d",
    "psi(income) < 0.2",
    "ks(x) < 0.1",
    "w1(x) < 0.1",
    "js(x) < 0.1",
    "tvd(x) < 0.1",
    "error_rate > 1%",
    "p99_ms > 80",
    "size <= 200MiB",
    "mean(score | tenure > 120 and complaints == 0) < 0.2",
    "mean(score | (a > 1 or b < 2) and region in {north, south}) < 0.2",
    "monotone(score, complaints, up)",
    "top_decile_lift >= 3",
    "lift@0.05 >= 3",
    "rows >= 100000",
    "age(snapshot_at) <= 2d",
    "null(customer_id) == 0",
    "unique(customer_id, snapshot_at)",
    "requests > 100 over 1d",
    "share(consumer) known",
    "replay(sample) == expected",
    "min(x) >= 0",
    "max(x) <= 10",
    "mean(x) in -1..1",
    "values(x) in {a, b}",
    "values(x) in {'New York', 3, b}",
    "estimated(auc) >= 0.8",
    "labelled >= 30%",
    "missing(x) <= 1%",
    "missing(*) <= 1%",
    "unseen(x) == 0",
    "calibration_slope in 0.8..1.2",
    "psi(`my column`) < 0.2",
    "mean(x | city == 'New York' and y != -3.5) >= 1e-7",
    "f1 != 0.5",
];

#[test]
fn every_form_reads_and_writes_itself_back() {
    for form in FORMS {
        let rule = Rule::parse(form).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(rule.to_string(), *form);
    }
}

#[test]
fn underscores_spaces_and_zeros_do_not_matter() {
    for (text, same) in [
        ("rows>=100_000", "rows >= 100000"),
        ("  auc   >=0.820 ", "auc >= 0.82"),
        ("psi( * )<0.2 over 1_0d", "psi(*) < 0.2 over 10d"),
        ("auc >= champion.auc-0.002", "auc >= champion.auc - 0.002"),
        ("auc >= champion.auc * 98%", "auc >= champion.auc * 0.98"),
    ] {
        assert_eq!(Rule::parse(text).unwrap().to_string(), same);
    }
}

#[test]
fn numbers_have_the_unit_of_their_measurement() {
    let bound = |text: &str| match Rule::parse(text).unwrap().bound {
        Bound::Compare(_, BoundExpr::Number(number)) => number.value(),
        bound => panic!("{bound:?}"),
    };
    assert_eq!(bound("error_rate > 7%"), 0.07);
    assert_eq!(bound("size <= 200MiB"), 200.0 * 1024.0 * 1024.0);
    assert_eq!(bound("age(t) <= 2d"), 2.0 * 86_400_000.0);
    assert_eq!(bound("p99_ms <= 1s"), 1000.0);
    assert_eq!(bound("rows >= 100_000"), 100_000.0);
}

#[test]
fn a_text_that_is_no_rule_is_refused_with_its_place_and_a_way_out() {
    for (text, column, parts) in [
        ("", 1, &["the end of the rule", "a metric or a function"][..]),
        ("auc", 4, &["a comparison"]),
        ("auc >=", 7, &["a number", "champion.METRIC"]),
        ("auc => 0.8", 5, &["write `>=`"]),
        ("auc = 0.8", 5, &["write `==`"]),
        ("auc ≥ 0.8", 5, &["write `>=`"]),
        ("auc >= champoin.auc", 8, &["did you mean `champion`?"]),
        ("auc >= 0.8 ovr 1d", 12, &["`over`"]),
        ("auc >= 0.8 over", 16, &["a length of time"]),
        ("auc >= 0.8 over 0d", 17, &["a length of time"]),
        ("auc >= 0.8 over 1.5d", 17, &["a length of time"]),
        ("psii(x) < 0.2", 1, &["did you mean `psi`?"]),
        ("frobnicate(x) < 0.2", 1, &["the functions are"]),
        ("psi(x, y) < 0.2", 8, &["at most 1", "psi(column)"]),
        ("gap(tpr) < 0.2", 8, &["2 names", "gap(metric, column)"]),
        ("mean(*) < 0.2", 6, &["`*` has no meaning here"]),
        ("monotone(score, x, sideways)", 20, &["`up` or `down`"]),
        ("psi(x < 0.2", 7, &["`)`"]),
        ("auc.slce(x) > 1", 5, &["slice(column)"]),
        ("auc in 1.25..0.8", 8, &["the smaller end first", "0.8..1.25"]),
        ("auc in {a, b}", 5, &["fits `values(column)` only"]),
        ("values(x) >= 3", 11, &["in {a, b}"]),
        ("auc known", 5, &["fits `share(column)` only"]),
        ("auc == expected", 5, &["fits `replay(sample)` only"]),
        ("age(t) <= 2", 8, &["an age needs a unit"]),
        ("size <= 200MB", 12, &["the units are", "MiB"]),
        ("auc >= 1e999", 8, &["a double can hold"]),
        ("psi(`x) < 0.2", 5, &["closing quote"]),
        ("mean(x | y = 3) < 1", 12, &["write `==`"]),
        ("mean(x | y > 3 && z > 1) < 1", 16, &["write `and`"]),
        ("mean(x | y > 3 z) < 1", 16, &["`and`, `or` or `)`"]),
        ("auc >= 0.8; drop", 11, &["a name, a number or an operator"]),
        ("auc >= 'x'", 8, &["values(column) in {a, b}"]),
    ] {
        let error = Rule::parse(text).unwrap_err();
        let shown = error.to_string();
        assert_eq!(error.column(), column, "{shown}");
        for part in parts {
            assert!(shown.contains(part), "{text}: {shown}");
        }
    }
}

#[test]
fn a_rule_without_end_is_refused() {
    let deep = format!("mean(x | {}a > 1{}) < 1", "(".repeat(100), ")".repeat(100));
    assert!(Rule::parse(&deep).unwrap_err().to_string().contains("parentheses"));
    assert!(Rule::parse(&"a".repeat(100_000)).unwrap_err().to_string().contains("at most"));
}

#[test]
fn a_rule_names_the_metrics_and_columns_that_it_needs() {
    let names = |text: &str| {
        let quantity = Rule::parse(text).unwrap().quantity;
        let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<Vec<_>>();
        (owned(quantity.metrics()), owned(quantity.columns()))
    };
    let strings = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    for (text, metrics, columns) in [
        ("auc.slice(region) >= 0.7", &["auc"][..], &["region"][..]),
        ("gap(tpr, age) <= 0.1", &["tpr"], &["age"]),
        ("mean(score | tenure > 1 and x in {a}) < 1", &[], &["tenure", "x"]),
        ("monotone(score, complaints, up)", &[], &["complaints"]),
        ("estimated(auc) >= 0.8", &["auc"], &[]),
        ("psi(*) < 1", &[], &[]),
        ("replay(sample) == expected", &[], &[]),
    ] {
        assert_eq!(names(text), (strings(metrics), strings(columns)), "{text}");
    }
}

#[test]
fn every_function_has_one_line_and_reads_back_its_name() {
    assert_eq!(Function::Estimated as usize + 1, FUNCTIONS.len(), "the last function has the last line");
    for (at, entry) in FUNCTIONS.iter().enumerate() {
        assert_eq!(entry.function as usize, at);
        assert_eq!(Function::named(entry.name), Some(entry.function));
        assert_eq!(entry.function.name(), entry.name);
        assert!(entry.usage.starts_with(entry.name) && entry.arity.0 >= 1 && entry.arity.0 <= entry.arity.1);
        // The name of the function in JSON is the one in rules.
        assert_eq!(serde_json::to_string(&entry.function).unwrap(), format!("\"{}\"", entry.name));
    }
}
