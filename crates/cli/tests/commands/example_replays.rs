//! Whole replays of the examples, and the call that each must make. Long: `./test --replays`.

use serde_json::Value;

use crate::World;

fn replay(example: &str) -> Value {
    let folder = format!("{}/../../examples/{example}", env!("CARGO_MANIFEST_DIR"));
    World::new().json(&["replay", &folder])
}

/// The replay of an example whose contract says something otherwise.
fn replay_with(example: &str, data: &str, (output, instead): (&str, &str)) -> Value {
    let folder = format!("{}/../../examples/{example}", env!("CARGO_MANIFEST_DIR"));
    let contract = std::fs::read_to_string(format!("{folder}/kilter.toml")).unwrap();
    assert_eq!(contract.matches(output).count(), 1, "{output}");
    let world = World::new();
    world.write("kilter.toml", &contract.replace(output, instead));
    std::fs::create_dir_all(world.path().join("data")).unwrap();
    std::fs::copy(format!("{folder}/data/{data}"), world.path().join("data").join(data)).unwrap();
    world.json(&["replay", "."])
}

/// The mean metric of all periods as served, weighted by their labelled rows.
fn served_throughout(report: &Value) -> f64 {
    let periods = report["periods"].as_array().unwrap().iter();
    let measured = periods.filter_map(|period| Some((period["labelled"].as_f64()?, period["served"].as_f64()?)));
    let (rows, sum) = measured.fold((0.0, 0.0), |(rows, sum), (count, value)| (rows + count, sum + count * value));
    sum / rows
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
        assert!(entry["reason"].is_string() && entry["metrics"].is_object(), "{entry}");
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
fn electricity_drifts_back_and_forth_worse_challengers_are_refused_and_an_old_version_comes_back() {
    let report = replay("electricity");
    check_timeline(&report);
    assert!(count(&report, "gate_refused") >= 3, "{}", report["summary"]);
    // In the summer of 1998 the market is back where it was before the prices of spring, which the live version learned.
    let timeline = report["timeline"].as_array().unwrap();
    let is_back = |entry: &&Value| entry["kind"] == "rolled_back" && entry["at"].as_str().unwrap() >= "1998-04-01";
    let back = timeline.iter().find(is_back).expect("an earlier version answers the summer better");
    let metric = |name: &str, end: &str| {
        back["metrics"][name][end].as_f64().unwrap_or_else(|| panic!("no {end} of {name}: {back}"))
    };
    assert!(metric("target_version", "value") < back["version"].as_f64().unwrap(), "{back}");
    assert!(metric("difference", "low") > 0.0, "{back}");
    let (served, never) = worth(&report);
    assert!(served >= never, "{served} {never}");
    // The same past, in which only people may take a version back.
    let alone =
        replay_with("electricity", "market.parquet", ("shadow = \"1d\"", "shadow = \"1d\"\nrollback = \"manual\""));
    assert_eq!(count(&alone, "rolled_back"), 0);
    let (recalling, alone) = (served_throughout(&report), served_throughout(&alone));
    assert!(recalling > alone + 0.01, "{recalling} {alone}");
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

/// A number of the summary.
fn summed(report: &Value, field: &str) -> f64 {
    report["summary"][field].as_f64().unwrap_or_else(|| panic!("{field} was not measured: {}", report["summary"]))
}

/// The metric since the first retrained version took over: as served, and without retraining.
fn worth(report: &Value) -> (f64, f64) {
    (summed(report, "served_since_retraining"), summed(report, "never_retrained_since"))
}

/// Why the first decision of a kind fell.
fn why<'r>(report: &'r Value, kind: &str) -> &'r str {
    let timeline = report["timeline"].as_array().unwrap();
    let entry = timeline.iter().find(|entry| entry["kind"] == kind).unwrap_or_else(|| panic!("no {kind}"));
    entry["reason"].as_str().unwrap()
}

/// When a decision of a kind first named something.
fn named<'r>(report: &'r Value, kind: &str, thing: &str) -> Option<&'r str> {
    let timeline = report["timeline"].as_array().unwrap();
    let names = |entry: &&Value| entry["kind"] == kind && entry["reason"].as_str().unwrap().contains(thing);
    timeline.iter().find(names).and_then(|entry| entry["at"].as_str())
}

#[test]
#[ignore = "a whole replay; ./test --replays"]
fn ridership_grows_for_ten_years_and_retraining_halves_the_error() {
    let report = replay("ridership");
    check_timeline(&report);
    let performance = first(&report, "performance_alert").expect("the growth from 2006 on is felt");
    assert!(("2006-01-01".."2010-01-02").contains(&performance), "{performance}");
    assert!(count(&report, "promoted") >= 4, "{}", report["summary"]);
    let (served, never) = worth(&report);
    assert!(served < 0.7 * never, "{served} {never}");
}

#[test]
#[ignore = "a whole replay; ./test --replays"]
fn bike_demand_grows_and_the_model_follows() {
    let report = replay("bike");
    check_timeline(&report);
    let performance = first(&report, "performance_alert").expect("spring of the second year is not that of the first");
    assert!(("2012-01-02".."2012-06-02").contains(&performance), "{performance}");
    let (served, never) = worth(&report);
    assert!(served < 0.8 * never, "{served} {never}");
    assert_eq!(count(&report, "data_alert") + count(&report, "bias_alert"), 0);
}

#[test]
#[ignore = "a whole replay; ./test --replays"]
fn promotions_are_forecast_through_a_shortage_that_is_no_alarm_of_performance() {
    let report = replay("promotions");
    check_timeline(&report);
    assert!(why(&report, "drift_alert").contains("psi(price)"), "prices rise: {}", why(&report, "drift_alert"));
    // From the second of January to the nineteenth of March sales are what there was, not what was asked for. What is said in that
    // time is about the weeks before Christmas, whose labels are in then.
    let in_shortage = |entry: &&Value| {
        let at = entry["at"].as_str().unwrap();
        entry["kind"] == "performance_alert" && at > "2023-01-02T00:00:00Z" && at < "2023-03-28"
    };
    for entry in report["timeline"].as_array().unwrap().iter().filter(in_shortage) {
        let reason = entry["reason"].as_str().unwrap();
        assert!(reason.contains("in the window 2022-12-05 to 2023-01-02"), "{reason}");
    }
    // No model reads what never varied before; the monitor does.
    let shortage = named(&report, "drift_alert", "psi(supplier_lead_days)").expect("suppliers are late");
    assert!(("2023-01-09".."2023-03-19").contains(&shortage), "{shortage}");
    // A product is new on the twenty-fourth of April, while the alert about prices is open.
    let product = named(&report, "drift_alert", "psi(sku)").expect("a product that was never sold before");
    assert!(("2023-05-01".."2023-07-01").contains(&product), "{product}");
    let (served, never) = worth(&report);
    assert!(served < never, "{served} {never}");
}

#[test]
#[ignore = "a whole replay; ./test --replays"]
fn loans_claim_no_performance_within_a_year_and_name_the_new_channel_at_once() {
    let report = replay("loans");
    check_timeline(&report);
    assert!(first(&report, "performance_alert").is_none_or(|at| at >= "2021-07-01"), "no outcome is known before");
    assert_eq!(first(&report, "data_alert").map(|at| &at[..10]), Some("2021-02-01"));
    assert!(why(&report, "data_alert").contains("unseen(channel)"), "{}", why(&report, "data_alert"));
    assert!(why(&report, "drift_alert").contains("channel"), "{}", why(&report, "drift_alert"));
    // Incomes of April are monthly: told though the alert about the channel is open.
    assert_eq!(named(&report, "data_alert", "min(annual_income)").map(|at| &at[..10]), Some("2021-05-01"));
    assert_eq!(count(&report, "bias_alert"), 0);
    let (served, never) = worth(&report);
    assert!(served > never + 0.005, "{served} {never}");
}

#[test]
#[ignore = "a whole replay; ./test --replays"]
fn tickets_get_a_new_section_and_a_model_that_knows_it_is_promoted() {
    let report = replay("tickets");
    check_timeline(&report);
    assert_eq!(count(&report, "gate_undecided"), 0, "models are compared though they know other classes");
    assert!(count(&report, "promoted") >= 2, "{}", report["summary"]);
    let section = named(&report, "data_alert", "`macOS`").expect("the section of December 2017 is named");
    // Its fifth ticket is labelled in the middle of March 2018.
    assert_eq!(&section[..10], "2018-04-01");
    let resolved = named(&report, "alert_resolved", "version 4").expect("over with the version that has learned it");
    assert!(named(&report, "alert_resolved", "version 3").is_none(), "version 3 has not; {resolved}");
    let (served, never) = worth(&report);
    assert!(served > never + 0.03, "{served} {never}");
}

#[test]
#[ignore = "a whole replay; ./test --replays"]
fn hotel_prices_follow_the_season_and_the_model_is_not_called_wrong() {
    let report = replay("hotel");
    check_timeline(&report);
    assert_eq!(count(&report, "performance_alert") + count(&report, "data_alert"), 0);
    // How much months differ is in the variation of the reference itself: a season that it does not hold is no alert.
    assert_eq!(count(&report, "drift_alert"), 0);
    assert!(report["periods"].as_array().unwrap().iter().all(|period| period["labelled"].as_u64() > Some(500)));
    let (served, never) = worth(&report);
    assert!(served < never + 0.002, "{served} {never}");
}

#[test]
#[ignore = "a whole replay; ./test --replays"]
fn machines_fail_in_a_new_way_which_is_noticed_and_learned() {
    let report = replay("machines");
    check_timeline(&report);
    // Heavier work in June and recalibrated sensors in July change inputs and harm nothing.
    assert!(first(&report, "drift_alert").is_some_and(|at| at < "2024-08-18"));
    let performance = first(&report, "performance_alert").expect("failures by lubrication are new");
    assert!(("2024-08-25".."2024-10-03").contains(&performance), "{performance}");
    let last = report["periods"].as_array().unwrap().last().unwrap();
    let (served, never) = (last["served"].as_f64().unwrap(), last["never_retrained"].as_f64().unwrap());
    assert!(served > never + 0.1, "{last}");
}

#[test]
#[ignore = "a whole replay; ./test --replays"]
fn births_rise_for_years_and_the_retrained_model_keeps_up() {
    let report = replay("births");
    check_timeline(&report);
    let performance = first(&report, "performance_alert").expect("births rise from 1977 on");
    assert!(("1977-01-02".."1979-01-02").contains(&performance), "{performance}");
    let (served, never) = worth(&report);
    assert!(served < 0.5 * never, "{served} {never}");
}

#[test]
#[ignore = "a whole replay; ./test --replays"]
fn strikes_change_slowly_and_a_yearly_retraining_is_worth_it() {
    let report = replay("strikes");
    check_timeline(&report);
    assert_eq!(count(&report, "performance_alert"), 0);
    assert!(count(&report, "drift_alert") >= 1 && count(&report, "promoted") >= 3);
    let (served, never) = worth(&report);
    assert!(served > never + 0.01, "{served} {never}");
}
