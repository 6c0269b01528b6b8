//! Whole replays of the examples, and the call that each must make. Long: `./test --replays`.

use serde_json::Value;

use crate::World;

fn replay(example: &str) -> Value {
    let folder = format!("{}/../../examples/{example}", env!("CARGO_MANIFEST_DIR"));
    World::new().json(&["replay", &folder])
}

/// The first decision of a kind, and when.
fn first<'r>(report: &'r Value, kind: &str) -> Option<&'r str> {
    let timeline = report["timeline"].as_array().unwrap();
    timeline.iter().find(|entry| entry["kind"] == kind).and_then(|entry| entry["at"].as_str())
}

fn count(report: &Value, kind: &str) -> usize {
    report["timeline"].as_array().unwrap().iter().filter(|entry| entry["kind"] == kind).count()
}

/// Every decision says why, and every one about a version names it.
fn check_timeline(report: &Value) {
    let mut before = "";
    for entry in report["timeline"].as_array().unwrap() {
        let at = entry["at"].as_str().unwrap();
        assert!(at >= before, "{entry} comes after {before}");
        assert!(entry["because"].is_string() && entry["numbers"].is_object(), "{entry}");
        before = at;
    }
}

#[test]
#[ignore = "a whole replay; ./test --replays"]
fn churn_drifts_at_once_is_alarmed_when_labels_matured_and_the_retrained_model_is_better() {
    let report = replay("churn");
    check_timeline(&report);
    let start = report["start"].as_str().unwrap();
    let first_served = report["periods"].as_array().unwrap()[0]["start"].as_str().unwrap();
    let drift = first(&report, "drift_alert").expect("the input drifts");
    let performance = first(&report, "performance_alert").expect("and performance with it");
    assert!(drift < performance, "drift {drift} is seen before labels can tell {performance}; start {start}");
    // Labels take sixty days: nothing can be known of a month before the second month after it.
    assert!(performance > &first_served[..10] && &performance[..7] >= "1997-06", "{performance}");
    assert!(count(&report, "gate_refused") >= 1 && count(&report, "promoted") >= 2);
    let summary = &report["summary"];
    let (served, never) = (&summary["served_since_retraining"], &summary["never_retrained_since"]);
    assert!(served.as_f64().unwrap() > never.as_f64().unwrap() + 0.01, "{summary}");
    assert!(summary["cost_of_not_acting"].as_f64().unwrap() > 0.0, "{summary}");
}

#[test]
#[ignore = "a whole replay; ./test --replays"]
fn employment_is_a_control_nothing_is_alarmed_and_nothing_retrained() {
    let report = replay("employment");
    check_timeline(&report);
    for kind in ["performance_alert", "estimate_alert", "drift_alert", "data_alert", "bias_alert", "retrain_started"] {
        assert_eq!(count(&report, kind), 0, "{kind}");
    }
    assert!(report["periods"].as_array().unwrap().iter().any(|period| period["labelled"].as_u64() > Some(1000)));
}

#[test]
#[ignore = "a whole replay; ./test --replays"]
fn crash_drifts_benignly_a_notice_and_no_retraining() {
    let report = replay("crash");
    check_timeline(&report);
    assert!(count(&report, "drift_alert") >= 1);
    assert_eq!((count(&report, "performance_alert"), count(&report, "retrain_started")), (0, 0));
}

#[test]
#[ignore = "a whole replay; ./test --replays"]
fn electricity_drifts_back_and_forth_and_worse_challengers_are_refused() {
    let report = replay("electricity");
    check_timeline(&report);
    assert!(count(&report, "gate_refused") >= 1, "{}", report["summary"]);
    let summary = &report["summary"];
    assert!(summary["served_since_retraining"].as_f64() >= summary["never_retrained_since"].as_f64(), "{summary}");
}

#[test]
#[ignore = "a whole replay; ./test --replays"]
fn cards_move_the_threshold_with_matured_labels_and_retrain_only_for_a_new_pattern() {
    let report = replay("cards");
    check_timeline(&report);
    let changed = first(&report, "threshold_changed").expect("prices rise and a sale comes: the cut moves");
    // Labels are complete after thirty days, and the new pattern begins on 10 May: before 9 June nothing is known of it.
    assert!(changed >= "2024-04-16", "{changed}");
    let retrained = first(&report, "retrain_started").expect("card testing is a new pattern");
    assert!(changed < retrained && retrained >= "2024-06-09", "{changed} {retrained}");
    let summary = &report["summary"];
    let (served, never) = (&summary["served_since_retraining"], &summary["never_retrained_since"]);
    assert!(served.as_f64().unwrap() > never.as_f64().unwrap() + 0.05, "{summary}");
    assert!(summary["cost_of_not_acting"].as_f64().unwrap() > 0.0, "{summary}");
    assert!(summary["cost_unit"].as_str().unwrap().contains("[threshold]"), "{summary}");
}
