//! `fairness`: what decisions do to groups, counted again by hand; hostile tables get a clear word.

use serde_json::Value;

use crate::{World, drift::check_page};

const PEOPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/employment/data/people.parquet");

/// The example's people, a model of who is employed, and its answers as a table.
pub fn employment() -> World {
    let world = World::new();
    world.json(&["data", "split", PEOPLE, "train.csv", "test.csv", "--time", "year", "--share", "0.25", "--seed", "3"]);
    let fit =
        ["train", "train.csv", "--target", "employed", "--exclude", "year,RAC1P", "--seed", "3", "--out", "model"];
    world.json(&[&fit[..], &["--param", "rounds=15"]].concat());
    world.json(&["predict", "test.csv", "--model", "model", "--out", "scored.csv"]);
    world
}

/// Columns of a CSV file without quotes, as texts.
pub fn csv(text: &str, names: &[&str]) -> Vec<Vec<String>> {
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().unwrap().split(',').collect();
    let places: Vec<usize> = names.iter().map(|name| head.iter().position(|found| found == name).unwrap()).collect();
    lines
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            places.iter().map(|&at| cells[at].to_owned()).collect()
        })
        .collect()
}

fn named<'a>(list: &'a Value, key: &str, name: &str) -> &'a Value {
    let found = list.as_array().unwrap().iter().find(|item| item[key] == name);
    found.unwrap_or_else(|| panic!("no {name} in {list}"))
}

fn close(found: &Value, wanted: f64) {
    let found = found.as_f64().unwrap_or_else(|| panic!("{found} is no number"));
    assert!((found - wanted).abs() < 1e-9, "{found} and not {wanted}");
}

/// Wilson's interval, written down once more.
fn wilson(hits: f64, rows: f64) -> (f64, f64) {
    let (z, p) = (1.959_963_984_540_054, hits / rows);
    let (middle, half) = (p + z * z / (2.0 * rows), z * (p * (1.0 - p) / rows + z * z / (4.0 * rows * rows)).sqrt());
    let scale = 1.0 + z * z / rows;
    ((middle - half) / scale, (middle + half) / scale)
}

#[test]
fn the_rates_of_groups_are_those_that_one_counts_by_hand() {
    let world = employment();
    let result = world.json(&["fairness", "model", "test.csv", "--groups", "SEX,RAC1P", "--html", "page.html"]);
    let rows = csv(&world.read("scored.csv"), &["SEX", "employed", "score"]);
    let count = |sex: &str, truth: bool, decision: bool| {
        let is = |row: &&Vec<String>| {
            row[0] == sex && (row[1] == "1") == truth && (row[2].parse::<f64>().unwrap() >= 0.5) == decision
        };
        rows.iter().filter(is).count() as f64
    };
    let sexes = &result["attributes"][0];
    let mut selected = Vec::new();
    for (group, sex) in [("SEX=1", "1"), ("SEX=2", "2")] {
        let found = named(&sexes["groups"], "group", group);
        let [tp, fp] = [true, false].map(|truth| count(sex, truth, true));
        let [missed, tn] = [true, false].map(|truth| count(sex, truth, false));
        assert_eq!(found["rows"].as_f64(), Some(tp + fp + missed + tn));
        assert_eq!(found["false_negative"].as_f64(), Some(missed));
        let all = tp + fp + missed + tn;
        let rates = [
            ("selection_rate", tp + fp, all),
            ("recall", tp, tp + missed),
            ("fpr", fp, fp + tn),
            ("fnr", missed, tp + missed),
            ("precision", tp, tp + fp),
            ("accuracy", tp + tn, all),
            ("base_rate", tp + missed, all),
        ];
        for (name, hits, of) in rates {
            let rate = named(&found["rates"], "rate", name);
            let (low, high) = wilson(hits, of);
            close(&rate["value"], hits / of);
            close(&rate["low"], low);
            close(&rate["high"], high);
        }
        let scores = rows.iter().filter(|row| row[0] == sex).map(|row| row[2].parse::<f64>().unwrap());
        close(&found["calibration"]["predicted"], scores.sum::<f64>() / all);
        selected.push(((tp + fp) / all, tp / (tp + missed), fp / (fp + tn)));
    }
    let measure = |name: &str| named(&sexes["measures"], "measure", name)["value"].clone();
    let [one, two] = [selected[0], selected[1]];
    close(&measure("demographic_parity_difference"), (one.0 - two.0).abs());
    close(&measure("demographic_parity_ratio"), one.0.min(two.0) / one.0.max(two.0));
    close(&measure("equalized_odds_difference"), (one.1 - two.1).abs().max((one.2 - two.2).abs()));
    let few = result["attributes"][1]["too_few"].as_array().unwrap();
    assert!(few.contains(&"RAC1P=7".into()), "{few:?}");
    let page = world.read("page.html");
    check_page(&page);
    assert!(page.contains("<svg") && page.contains("SEX=1") && page.contains("too few"));
}

#[test]
fn a_table_with_scores_or_decisions_says_what_its_model_says() {
    let world = employment();
    let groups = ["--groups", "SEX,RAC1P", "--intersect", "--target", "employed"];
    let by_model = world.json(&[&["fairness", "model", "test.csv"], &groups[..]].concat());
    let by_score = world.json(&[&["fairness", "scored.csv", "--score", "score"], &groups[..]].concat());
    assert_eq!(by_model["attributes"], by_score["attributes"]);
    assert_eq!(by_model["attributes"][2]["columns"], serde_json::json!(["SEX", "RAC1P"]));
    let decided = world.json(&[&["fairness", "scored.csv", "--predicted", "predicted"], &groups[..]].concat());
    let measures = |result: &Value| result["attributes"][0]["measures"].as_array().unwrap()[..9].to_vec();
    assert_eq!(measures(&decided), measures(&by_model));
    assert_eq!(decided["threshold"], Value::Null);
    // The other class as the positive one: what was selected is now refused.
    let other = world.json(&[&["fairness", "model", "test.csv", "--positive", "0"], &groups[..]].concat());
    let rate = |result: &Value| named(&result["overall"]["rates"], "rate", "selection_rate")["value"].as_f64().unwrap();
    assert!((rate(&by_model) + rate(&other) - 1.0).abs() < 1e-12);
}

/// Two groups of 100: `a` is selected 60 times, `b` as often as it is told; ten of `c`.
fn hired(b: usize) -> String {
    let mut text = "group,hired,said\n".to_owned();
    for (name, rows, selected) in [("a", 100, 60), ("b", 100, b), ("c", 10, 5)] {
        for row in 0..rows {
            text += &format!("{name},{},{}\n", u8::from(row % 2 == 0), u8::from(row < selected));
        }
    }
    text
}

#[test]
fn four_fifths_decide_and_the_exit_code_says_so() {
    let world = World::new();
    let judge = |b: usize, more: &[&str]| {
        world.write("hired.csv", &hired(b));
        let base = ["fairness", "hired.csv", "--predicted", "said", "--target", "hired", "--groups", "group"];
        world.kilter(&[&base[..], more].concat())
    };
    assert_eq!(judge(55, &["--fail-on", "warn"]).exit, 0);
    let near = judge(45, &["--fail-on", "warn"]);
    assert_eq!(near.exit, 3, "{}", near.out);
    assert!(
        near.out.contains("group=b is selected 0.75 times") && near.out.contains("chance may explain"),
        "{}",
        near.out
    );
    assert_eq!(judge(45, &["--fail-on", "alert"]).exit, 0);
    let far = judge(20, &["--fail-on", "alert"]);
    assert!(
        far.exit == 3 && far.out.contains("✕") && far.out.contains("too few rows to judge (fewer than 30): group=c")
    );
    assert_eq!(judge(20, &["--fail-on", "alert", "--quiet"]).out, "");
    // Beside the privileged group b, nobody is selected too rarely.
    assert_eq!(judge(20, &["--fail-on", "warn", "--privileged", "group=b"]).exit, 0);
}

#[test]
fn strange_tables_get_a_clear_word() {
    let world = World::new();
    world.write("good.csv", &hired(50));
    world.write("one.csv", &hired(50).replace("b,", "a,").replace("c,", "a,"));
    world.write("empty.csv", "group,hired,said\n");
    world.write("unlabelled.csv", "group,hired,said\na,,1\nb,,0\n");
    world.write("ungrouped.csv", "group,hired,said\n,1,1\n,0,0\n");
    world.write("words.csv", "group,hired,said\na,x,x\nb,y,y\na,z,z\n");
    world.write("nan.csv", "group,hired,said\na,1,NaN\nb,0,NaN\n");
    let base = |name: &'static str| ["fairness", name, "--score", "said", "--target", "hired", "--groups", "group"];
    for (name, exit, code, word) in [
        ("empty.csv", 1, "invalid_rows", "no row has both"),
        ("unlabelled.csv", 1, "invalid_rows", "no row has both"),
        ("nan.csv", 1, "invalid_rows", "no row has both"),
        ("ungrouped.csv", 1, "invalid_rows", "no row has a value of `group`"),
        ("words.csv", 2, "usage_invalid", "none is named as the positive one"),
    ] {
        let problem = world.problem(&base(name), exit);
        assert!(problem["code"] == code && problem["detail"].as_str().unwrap().contains(word), "{name}: {problem}");
    }
    let one = world.kilter(&base("one.csv"));
    assert!(one.exit == 0 && one.out.contains("fewer than two groups"), "{}", one.out);
    let cases: &[(&[&str], i32, &str)] = &[
        (&["fairness", "good.csv", "--score", "said", "--target", "hired", "--groups", "sex"], 2, "column_unknown"),
        (&["fairness", "good.csv", "--score", "says", "--target", "hired", "--groups", "group"], 2, "column_unknown"),
        (&["fairness", "good.csv", "--score", "said", "--target", "fired", "--groups", "group"], 2, "column_unknown"),
        (&["fairness", "good.csv", "--score", "said", "--groups", "group"], 2, "usage_invalid"),
        (&["fairness", "good.csv", "--groups", "group"], 2, "usage_invalid"),
        (&["fairness", "m", "good.csv", "--score", "said", "--groups", "group"], 2, "usage_invalid"),
        (&["fairness", "nowhere", "good.csv", "--groups", "group"], 4, "file_not_found"),
        (&["fairness", "good.csv", "--groups", "group", "--score", "said", "--threshold", "nan"], 2, "usage_invalid"),
        (&["fairness", "good.csv", "--groups", "group", "--score", "said", "--privileged", "x=1"], 2, "usage_invalid"),
    ];
    for (arguments, exit, code) in cases {
        assert_eq!(world.problem(arguments, *exit)["code"], *code, "{arguments:?}");
    }
    let other = ["fairness", "good.csv", "--predicted", "group", "--target", "hired", "--groups", "group"];
    assert!(world.problem(&other, 2)["detail"].as_str().unwrap().contains("no value in common"));
    let never = world.kilter(&[&base("good.csv")[..], &["--threshold", "7"]].concat());
    assert!(
        never.out.starts_with("▨ No two groups can be compared") && never.out.contains("undefined"),
        "{}",
        never.out
    );
    assert_eq!(
        world.problem(&[&base("good.csv")[..6], &["--groups", "group,group"]].concat(), 2)["code"],
        "usage_invalid"
    );
    let absent = [&base("good.csv")[..], &["--privileged", "group=z"]].concat();
    assert!(world.problem(&absent, 2)["hint"].as_str().unwrap().contains("group=a"));
}

#[test]
fn regression_is_refused_and_the_positive_class_of_many_must_be_named() {
    let world = World::new();
    let row = |row: u32| format!("{},{},{},{}\n", row % 7, row % 2, ["x", "y", "z"][(row % 3) as usize], row % 11);
    world.write("rows.csv", &("a,g,kind,much\n".to_owned() + &(0..300).map(row).collect::<String>()));
    world.json(&["train", "rows.csv", "--target", "much", "--task", "regression", "--out", "numbers"]);
    world.json(&["train", "rows.csv", "--target", "kind", "--out", "kinds"]);
    let problem = world.problem(&["fairness", "numbers", "rows.csv", "--groups", "g"], 2);
    assert!(problem["detail"].as_str().unwrap().contains("answers numbers"), "{problem}");
    assert!(
        world.problem(&["fairness", "kinds", "rows.csv", "--groups", "g"], 2)["hint"]
            .as_str()
            .unwrap()
            .contains("--positive")
    );
    let result = world.json(&["fairness", "kinds", "rows.csv", "--groups", "g", "--positive", "x"]);
    assert_eq!((result["positive"].as_str(), result["overall"]["rows"].as_u64()), (Some("x"), Some(300)));
    world.problem(&["fairness", "kinds", "rows.csv", "--groups", "g", "--positive", "w"], 2);
}
