//! Rules over a span: not judged before the first version has served for all of it, judged from then on, whatever they
//! are about. Windows in which nothing was asked.

use serde_json::Value;

use crate::{
    live_project::{asked, texts, watched},
    monitors::{Past, played},
};

/// The readings of one rule, oldest first.
fn readings(result: &Value) -> Vec<Value> {
    result["readings"].as_array().unwrap().iter().filter(|reading| reading["rule"].is_string()).cloned().collect()
}

fn reason(reading: &Value) -> &str {
    reading["reason"].as_str().unwrap_or_default()
}

/// Every reading up to the window that begins at `whole` waits and says so; every one from there on has a value.
fn check_waits_until(readings: &[Value], whole: &str, length: &str) {
    let started = |reading: &Value| reading["window_start"].as_str().unwrap().to_owned();
    assert!(readings.iter().any(|reading| started(reading).as_str() < whole), "none before {whole}: {readings:#?}");
    assert!(readings.iter().any(|reading| started(reading).as_str() >= whole), "none from {whole} on: {readings:#?}");
    for reading in readings {
        let waits = reason(reading).contains("has served for ") && reason(reading).contains(length);
        let is_waiting = waits && reading["value"].is_null() && reading["verdict"] == "undecided";
        assert_eq!(is_waiting, started(reading).as_str() < whole, "{reading:#}");
        assert_eq!(reading["value"].is_number(), !is_waiting, "{reading:#}");
    }
}

const MONTH: &str = r#"every = "1d"
min_labelled = 0.5
performance = ["auc >= 0.5 over 28d"]
data = ["missing(x) < 0.5 over 28d"]
drift = ["psi(x) < 0.5 over 28d"]
bias = ["ratio(selected, group) >= 0.99 over 28d", "gap(selected, group) <= 1 over 28d", "ratio(recall, group) >= 0.1 over 28d"]
usage = ["requests >= 1000 over 28d", "rows >= 1 over 28d", "p99_ms < 1000000 over 28d", "error_rate <= 0.5 over 28d", "consumers >= 0 over 28d"]
"#;

#[test]
fn a_rule_over_28_days_is_judged_with_the_window_that_completes_them_of_whatever_kind_it_is() {
    // The groups are scored differently from day 34 on, so the rule about them breaches long before 28 days are over.
    let past = Past { days: 70, unfair: Some(34), ..Past::STEADY };
    let (world, report) = played(&past, "", MONTH);
    // The first version serves since 2024-02-01.
    let metrics = [
        "auc",
        "missing(x)",
        "psi(x)",
        "ratio(selected, group)",
        "gap(selected, group)",
        "ratio(recall, group)",
        "requests",
        "rows",
        "error_rate",
        "consumers",
    ];
    for metric in metrics {
        let history = ["monitor", "history", "scores", metric, "--windows", "60", "--data", "state"];
        check_waits_until(&readings(&world.json(&history)), "2024-02-28", "28 days");
    }
    let alerted = |kind: &str| {
        let timeline = report["timeline"].as_array().unwrap().iter();
        let days =
            timeline.filter(|entry| entry["kind"] == kind).map(|entry| entry["at"].as_str().unwrap()[..10].to_owned());
        days.collect::<Vec<_>>()
    };
    assert_eq!(alerted("usage_alert").first().map(String::as_str), Some("2024-02-29"), "{report:#}");
    assert!(alerted("bias_alert").first().is_some_and(|day| day.as_str() >= "2024-02-29"), "{report:#}");
}

const DAY: &str = r#"min_labelled = 0.5
performance = ["accuracy >= 0.1 over 1d", "accuracy.slice(region) >= 0.1 over 1d"]
data = ["missing(age) < 0.5 over 1d"]
bias = ["ratio(selected, region) >= 0.01 over 1d", "gap(recall, region) <= 1 over 1d"]
usage = ["requests >= 1000 over 1d", "rows >= 1 over 1d", "p99_ms < 60000 over 1d", "error_rate <= 0.5 over 1d", "share(consumer) >= 0 over 1d"]
"#;

#[test]
fn a_live_rule_over_a_day_waits_for_the_first_day_of_the_first_version() {
    let mut live = watched("left", DAY);
    let (ids, columns, left) = asked(60);
    let output: Vec<&str> = left.iter().map(|left| if *left { "1" } else { "0" }).collect();
    for hour in 1..=25 {
        let ids: Vec<String> = ids.iter().map(|id| format!("{hour}-{id}")).collect();
        live.ask(hour, &ids, columns.clone());
        live.label(hour, &ids, texts(&output));
        if [2, 12, 22].contains(&hour) {
            live.look(hour);
            let alerts = live.alerts();
            assert!(!alerts.contains_key("churn/usage"), "hour {hour}: {alerts:#?}");
        }
    }
    live.look(26);
    // It was deployed some minutes into the first hour: with the window of the 24th hour a day is over but for those, and
    // with the next one in any case.
    for metric in [
        "accuracy",
        "accuracy.slice(region)",
        "missing(age)",
        "ratio(selected, region)",
        "gap(recall, region)",
        "requests",
        "rows",
        "p99_ms",
        "error_rate",
        "share(consumer)",
    ] {
        let history = live.result(&["monitor", "history", "churn", metric, "--windows", "60"]);
        let mut of_rule = readings(&history);
        let between = live.hour(23).to_string();
        of_rule.retain(|reading| reading["window_start"] != between.as_str());
        check_waits_until(&of_rule, &live.hour(24).to_string(), "24 hours");
    }
    let alerts = live.alerts();
    assert_eq!(alerts["churn/usage"]["state"], "firing", "{alerts:#?}");
}

const ALL: &str = r#"min_labelled = 0.5
performance = ["accuracy >= 0.1", "accuracy.slice(region) >= 0.1", "estimated(accuracy) >= 0.1", "labelled >= 0.1"]
data = ["missing(age) < 0.5", "missing(*) < 0.5", "null(age) < 500", "share(age) >= 0.1", "mean(age) < 90", "min(age) >= 0", "max(age) <= 200", "sum(age) >= 0", "median(age) < 90", "sd(age) < 90", "distinct(region) < 9", "values(region) in {north, south, west}", "unique(age) >= 0", "unseen(region) == 0", "unseen(*) == 0"]
drift = ["psi(age) < 0.5", "psi(*) < 0.5", "js(score) < 0.5", "ks(age) < 0.5", "w1(age) < 0.5", "tvd(region) < 0.5"]
bias = ["ratio(selected, region) >= 0.01", "gap(recall, region) <= 1"]
usage = ["p99_ms < 60000", "p50_ms < 60000", "error_rate <= 0.5", "share(consumer) >= 0", "selected >= 0"]
"#;

#[test]
fn a_window_in_which_nothing_was_asked_is_no_fault_of_any_rule() {
    let mut live = watched("left", ALL);
    let (ids, columns, left) = asked(60);
    live.ask(1, &ids, columns);
    live.label(1, &ids, texts(left.iter().map(|left| if *left { "1" } else { "0" })));
    live.look(2);
    live.look(3);
    let shown = live.result(&["monitor", "show", "churn"]);
    let empty = live.hour(2).to_string();
    let rules: Vec<&Value> =
        shown["rules"].as_array().unwrap().iter().filter(|rule| rule["window_start"] == empty.as_str()).collect();
    let of_window = |rules: &[&Value], kind: &str| rules.iter().filter(|rule| rule["monitor"] == kind).count();
    assert_eq!((of_window(&rules, "data"), of_window(&rules, "drift")), (15, 6), "{shown:#}");
    assert_eq!(of_window(&rules, "usage"), 5, "{shown:#}");
    for rule in rules {
        assert!(rule["value"].is_null() && rule["verdict"] == "undecided", "{rule:#}");
        let asks_to_wait = reason(rule).contains("no request was answered in the window; wait for requests")
            || reason(rule).contains("the window has 0 rows, 20 are needed; wait for more requests");
        assert!(asks_to_wait && !reason(rule).contains("correct"), "{rule:#}");
    }
    // Nor is there one of the window before: nobody said who asked, and that is no missing value of every column.
    let alerts = live.alerts();
    assert!(alerts.is_empty(), "{alerts:#?}");
}
