//! Drift where rows follow a season and depend on each other: what the monitors read, and that `kilter drift` reads the
//! same. Rules over a span that is not over.

use std::fmt::Write;

use serde_json::Value;

use crate::World;

const CONTRACT: &str = r#"
[project]
name = "season"
[data.d]
path = "d.csv"
time = "day"
label = "rain"
label_delay = "1d"
[step.split]
run = "kilter data split {in.d} {out.train} {out.test} --time day"
in  = ["d"]
out = { train = "work/train.parquet", test = "work/test.parquet" }
[step.train]
run = "kilter train {in.train} --target rain --exclude day --param rounds=10 --out {out.model}"
in  = ["split.train"]
out = { model = "work/model" }
[gate.quality]
dataset = "split.test"
rules   = ["auc >= 0.55"]
[package]
model = "train.model"
[deploy.production]
[monitor]
every       = "1mo"
min_rows    = 25
performance = ["auc >= 0.5 over 6mo"]
drift       = ["psi(*) < 0.25 over 1y", "psi(temp) < 0.25 over 1mo", "w1(temp) < 0.25 over 1y"]
data        = ["missing(temp) < 0.5 over 1y"]
usage       = ["rows >= 1 over 3mo"]
[replay]
start = "2010-01-01"
period = "1y"
"#;

/// Days from 2000 on: a yearly wave of 9, an autoregressive level (0.8) of standard deviation 4, rain when it is cold.
/// `warmer` is added from 2012 on.
fn days(warmer: f64) -> String {
    let mut text = "day,temp,rain\n".to_owned();
    let (mut state, mut level) = (5u64, 0.0);
    let mut uniform = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    for year in 2000..2014 {
        let lengths = [31, if year % 4 == 0 { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let mut of_year = 0.0;
        for (month, length) in lengths.into_iter().enumerate() {
            for day in 1..=length {
                let normal = (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
                level = 0.8 * level + 2.4 * normal;
                of_year += 1.0;
                let wave = -9.0 * (std::f64::consts::TAU * of_year / 365.25).cos();
                let temp = 12.0 + wave + level + if year >= 2012 { warmer } else { 0.0 };
                let rain = u8::from(uniform() < 1.0 / (1.0 + (0.15 * (temp - 10.0)).exp()));
                writeln!(text, "{year}-{:02}-{day:02},{temp:.3},{rain}", month + 1).unwrap();
            }
        }
    }
    text
}

fn played(warmer: f64) -> (World, Value) {
    let world = World::new();
    world.write("kilter.toml", CONTRACT);
    world.write("d.csv", &days(warmer));
    let report = world.json(&["replay", ".", "--keep", "state"]);
    (world, report)
}

fn history(world: &World, metric: &str) -> Vec<Value> {
    let result = world.json(&["monitor", "history", "season", metric, "--windows", "60", "--data", "state"]);
    result["readings"].as_array().unwrap().clone()
}

fn alerts(report: &Value, kind: &str) -> Vec<String> {
    let timeline = report["timeline"].as_array().unwrap().iter();
    timeline.filter(|entry| entry["kind"] == kind).map(|entry| entry["at"].as_str().unwrap().to_owned()).collect()
}

/// The number after a word in a sentence.
fn number_after(text: &str, word: &str) -> f64 {
    let rest = text.split_once(word).unwrap_or_else(|| panic!("no {word} in {text}")).1;
    rest.split([',', ' ']).next().unwrap().parse().unwrap()
}

#[test]
fn a_stationary_column_with_a_season_and_dependent_days_is_calm_and_rules_wait_for_their_span() {
    let (world, report) = played(0.0);
    assert_eq!(alerts(&report, "drift_alert"), Vec::<String>::new(), "nothing drifts");
    for reading in history(&world, "psi(temp)").iter().chain(&history(&world, "psi(*)")) {
        assert_ne!(reading["verdict"], "failed", "{reading}");
    }
    let yearly = history(&world, "psi(*)");
    let reason = |reading: &Value| reading["reason"].as_str().unwrap_or_default().to_owned();
    // The first version serves since 2010-01-01: a year is over with the twelfth window.
    for (window, reading) in yearly.iter().enumerate() {
        let is_over = reading["value"].is_number();
        assert_eq!(is_over, window >= 11, "{window}: {reading}");
    }
    let mut psi: Vec<f64> = yearly.iter().skip(11).map(|reading| number_after(&reason(reading), "psi ")).collect();
    psi.sort_by(f64::total_cmp);
    assert!(psi[psi.len() / 2] < 0.1 && psi[psi.len() - 1] < 0.2, "the pooled one is 0.02 to 0.1: {psi:?}");
    assert!(reason(&yearly[0]).contains("has served for 31 of the 365 days of the window"), "{}", yearly[0]);
    // Rules of every kind wait.
    for (metric, months) in [("auc", 6), ("missing(temp)", 12), ("rows", 3), ("w1(temp)", 12)] {
        let readings = history(&world, metric);
        let of_rule = readings.iter().filter(|reading| reading["rule"].is_string());
        let waiting = of_rule.take_while(|reading| reading["value"].is_null()).count();
        assert_eq!(waiting, months - 1, "{metric}: {readings:?}");
    }
}

#[test]
fn half_a_standard_deviation_is_found_and_the_reading_comes_out_of_its_rows() {
    // The column's standard deviation is 7.5.
    let (world, report) = played(3.75);
    let found = alerts(&report, "drift_alert");
    assert!(found.first().is_some_and(|at| ("2012-02-01".."2013-03-02").contains(&at.as_str())), "{found:?}");
    let readings = history(&world, "psi(temp)");
    let reading = readings.iter().find(|reading| reading["window_end"] == "2012-08-01T00:00:00Z").unwrap();
    let reason = reading["reason"].as_str().unwrap();
    assert!(reason.contains("reference rows of the same month of the year"), "{reason}");

    let (text, header) = (days(3.75), "day,temp,rain\n");
    let rows = |from: &str, to: &str| -> String {
        let inside = text.lines().skip(1).filter(|line| (from..to).contains(&&line[..10]));
        inside.fold(header.to_owned(), |rows, line| rows + line + "\n")
    };
    world.write("known.csv", &rows("2000-01-01", "2010-01-01"));
    world.write("window.csv", &rows("2012-07-01", "2012-08-01"));
    assert_eq!(world.kilter(&["data", "split", "known.csv", "train.parquet", "test.parquet", "--time", "day"]).exit, 0);
    let result =
        world.json(&["drift", "train.parquet", "window.csv", "--time", "day", "--every", "1mo", "--columns", "temp"]);
    let column = &result["columns"][0];
    assert_eq!(
        (column["season"].as_str(), column["reference_windows"].as_u64() > Some(3)),
        (Some("month_of_year"), true)
    );
    let psi = column["distances"].as_array().unwrap().iter().find(|found| found["measure"] == "psi").unwrap();
    let (effect, value) = (psi["effect"].as_f64().unwrap(), reading["value"].as_f64().unwrap());
    assert!((effect - value).abs() < 1e-9, "{psi} {reading}");
    assert!((psi["value"].as_f64().unwrap() - number_after(reason, "psi ")).abs() < 1e-3, "{psi} {reason}");
    let whole = world.json(&["drift", "train.parquet", "window.csv", "--time", "day", "--season", "none"]);
    assert!(whole["columns"][0]["season"].is_null(), "{whole}");
    let output = world.kilter(&["drift", "train.parquet", "window.csv", "--season", "none"]);
    assert_eq!(output.exit, 2, "a season needs times: {}{}", output.out, output.err);
}
