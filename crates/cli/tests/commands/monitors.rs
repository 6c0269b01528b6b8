//! What the monitors say of a past that is played through a whole project.

use std::fmt::Write;

use serde_json::Value;

use crate::World;

/// A population whose members may change on a day.
pub struct Past {
    pub days: u32,
    pub rows_a_day: u32,
    /// From this day on `x` is larger by this.
    pub shift: Option<(u32, f64)>,
    /// From this day on the group `b` is scored against its inclination.
    pub unfair: Option<u32>,
    /// From this day on `y` has nothing to do with `x`.
    pub broken: Option<u32>,
    /// Between these days a large `x` means the opposite.
    pub flipped: Option<(u32, u32)>,
    /// Between these days nobody says what `y` was.
    pub unlabelled: Option<(u32, u32)>,
    /// What `y` was from this day on is known on the other day at the earliest.
    pub late: Option<(u32, u32)>,
    /// From this day on `0` and `1` of `y` are written so.
    pub spelled: Option<(u32, [&'static str; 2])>,
}

impl Past {
    pub const STEADY: Self = Self {
        days: 54,
        rows_a_day: 100,
        shift: None,
        unfair: None,
        broken: None,
        flipped: None,
        unlabelled: None,
        late: None,
        spelled: None,
    };

    /// `at, known, id, group, x, noise, y` with `y` more often true for large `x`, and known two days later.
    fn csv(&self) -> String {
        let mut text = "at,known,id,group,x,noise,y\n".to_owned();
        let mut draw = Draw(7);
        for day in 0..self.days {
            for row in 0..self.rows_a_day {
                let group = if draw.uniform() < 0.5 { "a" } else { "b" };
                let moved = self.shift.map_or(0.0, |(from, by)| if day >= from { by } else { 0.0 });
                let biased = self.unfair.is_some_and(|from| day >= from) && group == "b";
                let x = draw.normal() + moved - if biased { 2.0 } else { 0.0 };
                let sign = if self.flipped.is_some_and(|(from, to)| (from..to).contains(&day)) { -1.0 } else { 1.0 };
                let slope = sign * if self.broken.is_some_and(|from| day >= from) { 0.0 } else { 1.5 };
                let y = u32::from(draw.uniform() < 1.0 / (1.0 + (-slope * x).exp()));
                let has_text = !self.unlabelled.is_some_and(|(from, to)| (from..to).contains(&day));
                let words = self.spelled.filter(|(from, _)| day >= *from).map_or(["0", "1"], |(_, words)| words);
                let y = if has_text { words[y as usize] } else { "" };
                let noise = draw.normal();
                let late = self.late.filter(|(from, _)| day >= *from).map_or(0, |(_, known)| known);
                let (at, known) = (date(day), date(late.max(day + 2)));
                writeln!(text, "{at},{known},{day}-{row},{group},{x:.4},{noise:.4},{y}").unwrap();
            }
        }
        text
    }
}

/// The date of a day: every month has 28.
fn date(day: u32) -> String {
    format!("2024-{:02}-{:02}", 1 + day / 28, 1 + day % 28)
}

struct Draw(u64);

impl Draw {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

/// Plays a past; what is written into the contract beside the usual sections is handed in.
pub fn played(past: &Past, data: &str, monitor: &str) -> (World, Value) {
    played_rows(&past.csv(), &contract(data, monitor))
}

/// Plays the rows of a past by a contract.
fn played_rows(rows: &str, contract: &str) -> (World, Value) {
    let world = World::new();
    world.write("rows.csv", rows);
    world.write("kilter.toml", contract);
    let report = world.json(&["replay", ".", "--keep", "state"]);
    (world, report)
}

fn contract(data: &str, monitor: &str) -> String {
    format!(
        "[project]\nname = \"scores\"\nowner = \"user:ana\"\n\
         [data.rows]\npath = \"rows.csv\"\ntime = \"at\"\nid = [\"id\"]\nlabel = \"y\"\nsensitive = [\"group\"]\n{data}\n\
         [step.train]\nrun = \"kilter train {{in.rows}} --target y --exclude at,known,id,group --learner linear --seed 1 --out {{out.model}}\"\n\
         in = [\"rows\"]\nout = {{ model = \"work/model\" }}\n\
         [package]\nmodel = \"train.model\"\n[deploy.production]\n\
         [monitor]\n{monitor}\n\
         [replay]\nstart = \"2024-02-01\"\nperiod = \"7d\"\nmetric = \"auc\"\n"
    )
}

fn of_kind<'r>(report: &'r Value, kind: &str) -> Vec<&'r Value> {
    let timeline = report["timeline"].as_array().unwrap();
    timeline.iter().filter(|entry| entry["kind"] == kind).collect()
}

/// The days of the entries of a kind, as `2024-02-03`.
fn days(report: &Value, kind: &str) -> Vec<String> {
    of_kind(report, kind).iter().map(|entry| entry["at"].as_str().unwrap()[..10].to_owned()).collect()
}

#[test]
fn data_that_does_not_meet_its_requirements_trains_nothing() {
    let world = World::new();
    world.write("rows.csv", &Past { days: 5, ..Past::STEADY }.csv());
    world.write(
        "kilter.toml",
        "[project]\nname = \"scores\"\n[data.rows]\npath = \"rows.csv\"\nlabel = \"y\"\n\
         require = [\"rows >= 10_000\", \"null(x) == 0\"]\n\
         [step.train]\nrun = \"kilter train {in.rows} --target y --out {out.model}\"\nin = [\"rows\"]\n\
         out = { model = \"work/model\" }\n[package]\nmodel = \"train.model\"\n",
    );
    let output = world.kilter(&["run", "--data", "state"]);
    assert_eq!(output.exit, 3, "{}{}", output.out, output.err);
    assert!(output.out.contains("dataset `rows`: rows = 500, required >= 10000"), "{}", output.out);
    assert!(!world.path().join("work/model").exists(), "a step was run on data that may not be trained on");
}

#[test]
fn a_requirement_that_cannot_be_measured_leaves_the_version_undecided() {
    let world = World::new();
    world.write("rows.csv", &Past { days: 5, ..Past::STEADY }.csv());
    world.write(
        "kilter.toml",
        "[project]\nname = \"scores\"\n[data.rows]\npath = \"rows.csv\"\nlabel = \"y\"\n\
         require = [\"null(income) == 0\"]\n\
         [step.train]\nrun = \"kilter train {in.rows} --target y --exclude at,id --out {out.model}\"\nin = [\"rows\"]\n\
         out = { model = \"work/model\" }\n[package]\nmodel = \"train.model\"\n",
    );
    let output = world.kilter(&["run", "--data", "state"]);
    assert!(output.out.contains("undecided"), "{}{}", output.out, output.err);
}

#[test]
fn usage_rules_count_requests_consumers_and_latency() {
    let usage = "usage = [\"requests > 3\", \"rows >= 100\", \"share(consumer) known\", \"p99_ms < 10m\", \"error_rate <= 1%\", \"consumers > 1\"]\nalert = [\"log\"]";
    let (world, report) = played(&Past::STEADY, "", &format!("every = \"1d\"\n{usage}"));
    let alerts = of_kind(&report, "usage_alert");
    assert_eq!(alerts.len(), 2, "{report:#}");
    // The past ends before its last window: what breaches then is news while the alert is open.
    assert_eq!(alerts[1]["reason"], "still open: rows = 0, required >= 100");
    // One day is one batch of one consumer: both bounds that ask for more are named, the others are not.
    let reason = alerts[0]["reason"].as_str().unwrap();
    assert!(reason.contains("consumers") && reason.contains("requests"), "{reason}");
    assert!(!reason.contains("share(consumer)") && !reason.contains("p99_ms"), "{reason}");
    let log = world.read("state/alerts.jsonl");
    assert!(log.lines().next().is_some_and(|line| line.contains("\"kind\":\"usage\"")), "{log}");
}

/// The rows of a past, of which some, by their id, have 1000 in a column.
fn spoiled(past: &Past, at: &[(&str, usize)]) -> String {
    let mut rows: Vec<String> = past.csv().lines().map(str::to_owned).collect();
    for (id, column) in at {
        let row = rows.iter_mut().find(|row| row.contains(&format!(",{id},"))).unwrap();
        let mut fields: Vec<&str> = row.split(',').collect();
        fields[*column] = "1000";
        *row = fields.join(",");
    }
    rows.join("\n")
}

#[test]
fn a_version_that_took_over_within_a_window_is_judged_on_what_it_was_sent_and_not_on_how_much() {
    // Version 2 serves the last two days of the third week: one value of the last day is too large.
    let rows = spoiled(&Past::STEADY, &[("48-5", 5)]);
    let rules = "every = \"7d\"\ndata = [\"max(noise) <= 100\", \"rows >= 500\"]\ndrift = [\"psi(noise) < 0.25\"]\n\
                 [retrain]\nwhen = [\"schedule every 12d\"]";
    let canary = "[deploy.production]\ncanary = { steps = [50, 100], every = \"5d\", min_rows = 10 }\n";
    let (world, report) = played_rows(&rows, &contract("", rules).replace("[deploy.production]\n", canary));
    assert_eq!(&days(&report, "promoted")[1..2], ["2024-02-20"], "{report:#}");
    let result = of_kind(&report, "data_alert");
    assert_eq!(result[0]["at"].as_str().map(|at| &at[..10]), Some("2024-02-22"), "{report:#}");
    assert_eq!(result[0]["reason"], "max(noise) = 1000, required <= 100");
    assert!(result.iter().all(|entry| !entry["reason"].as_str().unwrap().contains("rows =")), "a part is fewer rows");
    let of_week = |name: &str| {
        let result = world.json(&["monitor", "history", "scores", name, "--kind", "data", "--data", "state"]);
        let readings = result["readings"].as_array().cloned().unwrap_or_default();
        let week = |reading: &Value| reading["window_end"].as_str().is_some_and(|end| end.starts_with("2024-02-22"));
        readings.into_iter().find(week).map(|reading| reading["verdict"].clone())
    };
    assert_eq!(of_week("rows"), Some("undecided".into()));
}

#[test]
fn what_breaks_after_a_clean_window_is_told_while_the_alert_is_open() {
    // One value too large on the fortieth day, none on the next, one of another column on the day after.
    let rows = spoiled(&Past::STEADY, &[("40-5", 5), ("42-5", 4)]);
    let rules = "every = \"1d\"\ndata = [\"max(noise) <= 100\", \"max(x) <= 100\"]";
    let (_, report) = played_rows(&rows, &contract("", rules));
    let result = of_kind(&report, "data_alert");
    assert_eq!(days(&report, "data_alert"), ["2024-02-14", "2024-02-16"], "{report:#}");
    assert_eq!(result[0]["reason"], "max(noise) = 1000, required <= 100");
    assert_eq!(result[1]["reason"], "still open: max(x) = 1000, required <= 100");
}

#[test]
fn an_alert_waits_for_as_many_windows_as_the_contract_says() {
    let past = Past { shift: Some((40, 3.0)), ..Past::STEADY };
    let at_once = played(&past, "", "every = \"1d\"\ndrift = [\"psi(x) < 0.25\"]").1;
    let later = played(&past, "", "every = \"1d\"\ndrift = [\"psi(x) < 0.25\"]\nfor_windows = 3").1;
    assert_eq!(days(&at_once, "drift_alert"), ["2024-02-14"], "day 40 ends at the midnight that follows");
    assert_eq!(days(&later, "drift_alert"), ["2024-02-16"]);
}

#[test]
fn performance_is_judged_when_the_delay_of_the_labels_has_passed() {
    // From day 40 on the model is asked about people whose `y` it cannot know: `x` moved, its meaning did not.
    let past = Past { shift: Some((40, 4.0)), ..Past::STEADY };
    let report =
        played(&past, "label_delay = \"5d\"", "every = \"1d\"\nperformance = [\"auc >= 0.75\"]\nmin_labelled = 0.5").1;
    let found = days(&report, "performance_alert");
    assert_eq!(found.len(), 1, "{report:#}");
    assert!(found[0].as_str() >= "2024-02-18", "an alarm before labels can have matured: {found:?}");
}

#[test]
fn a_version_that_was_replaced_before_its_labels_came_is_judged_all_the_same() {
    // A new version every six days, labels after ten: no version ever sees a label of its own.
    let past = Past { broken: Some(36), ..Past::STEADY };
    let monitor = "every = \"1d\"\nperformance = [\"auc >= 0.75\"]\nmin_labelled = 0.5\n\
                   [retrain]\nwhen = [\"schedule every 6d\"]";
    let (world, report) = played(&past, "label_delay = \"10d\"", monitor);
    let alerts = of_kind(&report, "performance_alert");
    assert!(!alerts.is_empty(), "{report:#}");
    assert!(alerts[0]["reason"].as_str().unwrap().contains(", which served until 2024-02-"), "{:#}", alerts[0]);
    assert!(alerts[0]["at"].as_str().unwrap() >= "2024-02-19", "{:#}", alerts[0]);
    drop(world);
    let steady = played(&Past::STEADY, "label_delay = \"10d\"", monitor).1;
    assert!(of_kind(&steady, "performance_alert").is_empty(), "{steady:#}");
}

#[test]
fn what_drifts_back_brings_the_version_back_that_was_right_for_it() {
    let past = Past { days: 70, flipped: Some((36, 56)), ..Past::STEADY };
    let monitor = "every = \"1d\"\nperformance = [\"auc >= 0.6\"]\n\
                   [retrain]\nwhen = [\"monitor.performance failing\"]\nwindow = \"6d\"\ncooldown = \"5d\"";
    let report = played(&past, "", monitor).1;
    let back = of_kind(&report, "rolled_back");
    let result = |entry: &&&Value| {
        let reason = entry["reason"].as_str().unwrap();
        entry["at"].as_str().unwrap() >= "2024-03-02" && reason.contains("better than version")
    };
    let entry = back.iter().find(result).unwrap_or_else(|| panic!("no version came back: {report:#}"));
    assert!(entry["metrics"]["auc"]["value"].as_f64().unwrap() >= 0.6, "{entry:#}");
    assert!(entry["metrics"]["difference"]["low"].as_f64().unwrap() > 0.0, "{entry:#}");
    let periods = report["periods"].as_array().unwrap();
    let served = |day: &str| periods.iter().find(|period| period["end"].as_str().unwrap() > day).unwrap();
    let after = served("2024-03-08");
    assert!(after["served"].as_f64().unwrap() > 0.7, "{after:#}");
}

#[test]
fn a_group_that_is_treated_otherwise_raises_a_bias_alert() {
    let past = Past { unfair: Some(40), ..Past::STEADY };
    let rule = "every = \"1d\"\nbias = [\"ratio(selected, group) >= 0.8 over 7d\"]";
    let report = played(&past, "", rule).1;
    let alerts = of_kind(&report, "bias_alert");
    assert_eq!(alerts.len(), 1, "{report:#}");
    assert!(alerts[0]["at"].as_str().unwrap() >= "2024-02-14", "{:#}", alerts[0]);
    assert!(alerts[0]["reason"].as_str().unwrap().contains("ratio(selected, group)"), "{:#}", alerts[0]);
    let quiet = played(&Past::STEADY, "", rule).1;
    assert!(of_kind(&quiet, "bias_alert").is_empty(), "{quiet:#}");
}

#[test]
fn labels_that_stop_are_told_once_and_are_over_when_they_come_again() {
    // Day 40 is the thirteenth of February. Labels take two days, and a window more is waited for.
    let past = Past { days: 70, unlabelled: Some((40, 50)), ..Past::STEADY };
    let monitor = "every = \"1d\"\nperformance = [\"auc >= 0.6\"]\n[retrain]\nwhen = [\"monitor.data failing\"]";
    let (world, report) = played(&past, "label_delay = \"2d\"", monitor);
    let alerts = of_kind(&report, "data_alert");
    assert_eq!(alerts.len(), 1, "{report:#}");
    let reason = "labels stopped: 0 % of the rows of 2024-02-13..2024-02-14 have a label, 100 % was usual";
    assert_eq!(
        (alerts[0]["reason"].as_str().unwrap(), &days(&report, "data_alert")[0]),
        (reason, &"2024-02-17".into())
    );
    let resolved = of_kind(&report, "alert_resolved");
    assert_eq!(resolved.len(), 1, "{report:#}");
    assert_eq!(resolved[0]["reason"], "labels arrive again");
    assert_eq!(days(&report, "alert_resolved"), ["2024-02-29"], "three windows after day 50 have theirs");
    assert!(of_kind(&report, "retrain_started").is_empty(), "no training learns labels that are not there");
    let shown = world.kilter(&["monitor", "history", "scores", "labels", "--windows", "40", "--data", "state"]).out;
    assert!(shown.contains("2024-02-13"), "{shown}");

    // Without a stated delay nobody knows when labels are late.
    let silent = played(&past, "", "every = \"1d\"\nperformance = [\"auc >= 0.6\"]").1;
    assert!(of_kind(&silent, "data_alert").is_empty(), "{silent:#}");
}

#[test]
fn labels_that_come_after_all_count_for_the_end_of_the_alert_about_them() {
    // What happened from the twenty-third on is known on the twenty-eighth: a day too late for the first window.
    let past = Past { days: 54, late: Some((50, 55)), ..Past::STEADY };
    let monitor = "every = \"1d\"\nperformance = [\"auc >= 0.6\"]\nlabels = { delay = \"2d\" }";
    let report = played(&past, "label_time = \"known\"", monitor).1;
    assert_eq!(days(&report, "data_alert"), ["2024-02-27"], "{report:#}");
    // That window itself, and two after it.
    assert_eq!(days(&report, "alert_resolved"), ["2024-02-29"], "{report:#}");
}

#[test]
fn an_estimate_that_no_rule_bounds_has_no_bound_and_no_verdict() {
    let world = played(&Past::STEADY, "", "every = \"1w\"\nperformance = [\"auc >= 0.6\"]").0;
    let result = world.json(&["monitor", "history", "scores", "estimated(auc)", "--data", "state"]);
    let readings = result["readings"].as_array().unwrap();
    assert!(!readings.is_empty(), "{result:#}");
    for reading in readings {
        assert!(reading["value"].as_f64() > Some(0.5) && reading["estimated"] == true, "{reading:#}");
        assert!(
            ["bound_low", "bound_high", "verdict", "rule"].iter().all(|name| reading[*name].is_null()),
            "{reading:#}"
        );
    }
}
