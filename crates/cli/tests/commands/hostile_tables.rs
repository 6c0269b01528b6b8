//! Tables as nobody wants them, through every command that reads one: a clear word, the right exit code, never a panic,
//! never a number that is none.

use std::fmt::Write;

use serde_json::Value;

use crate::{World, customers, fairness::csv};

/// The customers with another value in one column, row by row.
fn with(column: &str, value: impl Fn(usize) -> String) -> String {
    let text = customers();
    let (head, rows) = text.split_once('\n').unwrap();
    let place = head.split(',').position(|name| name == column).unwrap();
    let mut changed = format!("{head}\n");
    for (row, line) in rows.lines().enumerate() {
        let mut cells: Vec<String> = line.split(',').map(str::to_owned).collect();
        cells[place] = value(row);
        changed += &cells.join(",");
        changed.push('\n');
    }
    changed
}

/// One of some words, in turn.
fn turns(words: &'static [&'static str]) -> impl Fn(usize) -> String {
    move |row| words[row % words.len()].to_owned()
}

/// A world with a good table and a model of it.
fn world() -> World {
    let world = World::new();
    world.write("good.csv", &customers());
    let fit = ["train", "good.csv", "--target", "left", "--exclude", "id,at", "--param", "rounds=5", "--out", "model"];
    world.json(&fit);
    world
}

/// What a command answers: 3 says that nothing could be measured. `serde_json` reads neither NaN nor Infinity, and a panic ends with 101.
fn result(world: &World, arguments: &[&str]) -> (i32, Value) {
    let output = world.kilter(&[arguments, &["--json"]].concat());
    let is_refused = matches!(output.exit, 1 | 2);
    assert!(is_refused || matches!(output.exit, 0 | 3), "{arguments:?} ends with {}: {}", output.exit, output.err);
    let text = if is_refused { &output.err } else { &output.out };
    let document: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"));
    if is_refused {
        let has_text = |field: &str| document[field].as_str().is_some_and(|text| !text.is_empty());
        assert!(has_text("code") && has_text("detail") && has_text("hint"), "{arguments:?}: {document}");
        assert_ne!(document["code"], "internal", "{arguments:?}: {document}");
    }
    (output.exit, document)
}

/// Every command that reads a table, and with how many of them it went well.
fn through_every_command(world: &World, table: &str) -> usize {
    let query = "select count(*) n, count(age) k, avg(try_cast(age as double)) m, stddev(id) s from t";
    let named = format!("t={table}");
    let commands: [&[&str]; 9] = [
        &["profile", table],
        &["drift", "good.csv", table],
        &["train", table, "--target", "left", "--exclude", "id,at", "--param", "rounds=3", "--out", "its"],
        &["predict", table, "--model", "model", "--out", "scored.csv"],
        &["evaluate", "model", table, "--slice", "region"],
        &["fairness", "model", table, "--groups", "region"],
        &["explain", "model", table, "--against", "good.csv"],
        &["data", "split", table, "older.csv", "newer.csv", "--time", "at"],
        &["sql", query, "--table", named.as_str()],
    ];
    commands.iter().filter(|command| result(world, command).0 == 0).count()
}

#[test]
fn every_command_has_an_answer_to_a_strange_table() {
    let world = world();
    let good = customers();
    let lines: Vec<&str> = good.lines().collect();
    let (head, first) = (lines[0], lines[1]);
    // How many of the nine commands can work with it: where fewer do than before, somebody is kept out.
    let strange = [
        ("infinite.csv", with("age", turns(&["inf", "-inf", "NaN", "1e308"])), 9),
        ("missing.csv", with("age", turns(&[""])), 9),
        ("constant.csv", with("age", turns(&["1"])), 9),
        ("unique.csv", with("region", |row| format!("u{row}")), 9),
        ("twice.csv", with("id", |row| (row / 2).to_string()), 9),
        ("one_class.csv", with("left", turns(&["1"])), 8),
        // Of this one and of one without rows `evaluate` measures nothing, and ends with 3.
        ("unlabelled.csv", with("left", turns(&[""])), 6),
        ("mixed.csv", with("age", turns(&["1", "2.5", "abc", "true", "", "2024-01-01"])), 5),
        ("one_row.csv", format!("{head}\n{first}\n"), 6),
        ("no_rows.csv", format!("{head}\n"), 4),
    ];
    for (name, text, works) in strange {
        world.write(name, &text);
        assert_eq!(through_every_command(&world, name), works, "{name}");
    }
}

#[test]
fn what_cannot_be_read_or_learned_is_named_with_its_place() {
    let world = world();
    world.write("unnamed.csv", &customers().replacen(",age,", ",,", 1));
    world.write("same.csv", &customers().replacen(",age,", ",id,", 1));
    world.write("empty.csv", "");
    std::fs::write(world.path().join("latin.csv"), b"id,region,left\n1,M\xfcnchen,1\n").unwrap();
    world.write("nested.jsonl", "{\"a\": 1, \"left\": 0}\n{\"a\": [1, 2], \"left\": 1}\n");
    world.write("infinite.csv", &with("age", turns(&["inf", "20"])));
    world.write("one_class.csv", &with("left", turns(&["1"])));
    world.write("nothing.csv", "age,left\n,0\n,1\n,0\n,1\n,0\n,1\n,0\n,1\n,0\n,1\n,0\n,1\n");
    let cases = [
        ("unnamed.csv", "file_invalid", "names no column 3"),
        ("same.csv", "file_invalid", "names column `id` twice"),
        ("empty.csv", "file_invalid", "is empty"),
        ("latin.csv", "file_invalid", "line 2, column `region` is not UTF-8"),
        ("nested.jsonl", "file_invalid", "line 2"),
        ("infinite.csv", "training_refused", "row 0 of the trained rows is inf"),
        ("one_class.csv", "training_refused", "all rows are of one class, `1`"),
        ("nothing.csv", "training_refused", "`age`: it has no values"),
    ];
    for (name, code, word) in cases {
        let fit = ["train", name, "--target", "left", "--learner", "linear", "--out", "its"];
        let problem = world.problem(&fit, 1);
        let detail = problem["detail"].as_str().unwrap();
        assert!(problem["code"] == code && detail.contains(word), "{name}: {problem}");
    }
    assert!(!world.path().join("its").exists(), "what was refused leaves nothing behind");
}

#[test]
fn names_that_are_long_or_foreign_or_ours_are_names() {
    let world = World::new();
    let long = "n".repeat(5_000);
    let mut text = format!("at,{long},日本 🚲; drop--,__id,predicted,version,left\n");
    for row in 0..200u32 {
        let at = format!("2024-01-{:02}T{:02}:00:00", 1 + row / 24, row % 24);
        writeln!(text, "{at},{},{},{row},x,1,{}", row % 7, row % 5, row % 2).unwrap();
    }
    world.write("names.csv", &text);
    world.json(&["train", "names.csv", "--target", "left", "--exclude", "at", "--param", "rounds=3", "--out", "model"]);
    // `predicted` stands in the table already: one must say what to keep beside the answers.
    let score = ["predict", "names.csv", "--model", "model", "--out", "scored.csv"];
    let problem = world.problem(&score, 2);
    assert!(problem["detail"].as_str().unwrap().contains("`predicted` stands twice"), "{problem}");
    world.json(&[&score[..], &["--keep", "__id"]].concat());
    assert!(world.read("scored.csv").starts_with("__id,score,predicted\n"));
    let shown = world.json(&["sql", "select \"日本 🚲; drop--\" from t limit 1", "--table", "t=names.csv"]);
    assert_eq!(shown["total"], 1);
    assert_eq!(world.kilter(&["init", "--from", "names.csv"]).exit, 0);
    assert_eq!(world.json(&["check"])["valid"], true, "{}", world.read("kilter.toml"));
}

#[test]
fn a_clock_with_many_zones_is_one_clock() {
    let world = World::new();
    // The same forty hours, once in one zone and once in four, the last of which is not on the same day.
    let zones = [("Z", 0i32), ("+01:00", 1), ("+05:30", 5), ("-08:00", -8)];
    let row = |hour: i32, zone: &str, by: i32| {
        let local = 48 + hour + by;
        let minutes = if zone == "+05:30" { 30 } else { 0 };
        format!("2024-03-{:02}T{:02}:{minutes:02}:00{zone},{hour}\n", 28 + local / 24, local % 24)
    };
    let table = |in_zone: &dyn Fn(i32) -> (&'static str, i32)| {
        let rows = (0..40).map(|hour| row(hour - 24, in_zone(hour).0, in_zone(hour).1));
        "at,hour\n".to_owned() + &rows.collect::<String>()
    };
    world.write("one.csv", &table(&|_| zones[0]));
    world.write("four.csv", &table(&|hour| zones[(hour % 4) as usize]));
    let cut = |name: &str| {
        let parted = world.json(&["data", "split", name, "older.csv", "newer.csv", "--time", "at", "--share", "0.25"]);
        (parted["from"].clone(), csv(&world.read("newer.csv"), &["hour"]))
    };
    assert_eq!(cut("one.csv"), cut("four.csv"));
}

/// Seventy days of thirty rows. From day forty on `x` is missing or no number; ids come twice, the file runs backward, its
/// zones change, and labels are known a year before what they label.
fn past() -> String {
    let (mut state, mut rows) = (7u64, Vec::new());
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    for day in 0..70usize {
        for row in 0..30usize {
            let (x, draw, noise) = (uniform(), uniform(), uniform());
            let result = if day < 40 { format!("{x:.4}") } else { ["", "inf", "-inf", "NaN"][row % 4].to_owned() };
            let date = format!("{:02}-{:02}", 1 + day / 28, 1 + day % 28);
            let (hour, zone, id) = (row / 2, ["Z", "+02:00"][row % 2], (day * 30 + row) / 2);
            let y = u32::from(draw < x);
            rows.push(format!("2024-{date}T{hour:02}:00:00{zone},{id},{result},{noise:.4},2023-{date},{y}\n"));
        }
    }
    rows.reverse();
    "at,id,x,score,known,y\n".to_owned() + &rows.concat()
}

const PROJECT: &str = r#"
[project]
name = "hostile"
[data.rows]
path       = "rows.csv"
time       = "at"
id         = ["id"]
label      = "y"
label_time = "known"
[step.train]
run = "kilter train {in.rows} --target y --exclude at,id,known --param rounds=5 --seed 1 --out {out.model}"
in  = ["rows"]
out = { model = "work/model" }
[package]
model = "train.model"
[deploy.production]
[monitor]
every    = "1w"
data     = ["missing(x) <= 5%"]
drift    = ["psi(*) < 0.25 over 1w"]
performance = ["auc >= 0.55 over 1w"]
[replay]
start  = "2024-02-01"
period = "1w"
metric = "auc"
"#;

#[test]
fn a_past_full_of_holes_is_played_to_its_end_and_the_holes_are_told() {
    let world = World::new();
    world.write("rows.csv", &past());
    world.write("kilter.toml", PROJECT);
    let report = world.json(&["replay", "."]);
    let timeline = report["timeline"].as_array().unwrap();
    let why = |kind: &str| {
        let found = timeline.iter().find(|entry| entry["kind"] == kind).unwrap_or_else(|| panic!("no {kind}"));
        (found["at"].as_str().unwrap(), found["reason"].as_str().unwrap())
    };
    // Day forty is the thirteenth of February.
    let (at, reason) = why("data_alert");
    assert!(at.starts_with("2024-02-15") && reason.contains("missing(x) = "), "{at}: {reason}");
    let (at, reason) = why("performance_alert");
    assert!(("2024-02-15".."2024-03-01").contains(&at) && reason.contains("auc = "), "{at}: {reason}");
    let periods = report["periods"].as_array().unwrap();
    let rows: u64 = periods.iter().map(|period| period["rows"].as_u64().unwrap()).sum();
    assert!(rows > 1_200 && periods.iter().all(|period| period["labelled"] == period["rows"]), "{rows}");
}

#[test]
fn a_time_that_is_none_is_told_with_its_row() {
    let world = World::new();
    let text = past();
    let (head, rows) = text.split_once('\n').unwrap();
    for (cell, told_as) in [("soon", "`soon`"), ("", "`missing`")] {
        let rest = rows.split_once(',').unwrap().1;
        world.write("rows.csv", &format!("{head}\n{cell},{rest}"));
        world.write("kilter.toml", PROJECT);
        let (exit, problem) = result(&world, &["replay", "."]);
        let detail = problem["detail"].as_str().unwrap();
        assert!(exit != 0 && detail.contains("row 0 of time column `at`") && detail.contains(told_as), "{problem}");
    }
    world.write("rows.csv", &format!("{head}\n"));
    let (exit, problem) = result(&world, &["replay", "."]);
    assert!(exit != 0 && problem["detail"].as_str().unwrap().contains("no rows"), "{problem}");
}

#[test]
fn a_time_that_is_thousands_of_years_away_is_told_with_its_row() {
    let world = World::new();
    let text = past();
    let (head, rows) = text.split_once('\n').unwrap();
    world.write("kilter.toml", PROJECT);
    let rest = rows.split_once(',').unwrap().1;
    for (cell, away) in [("9999-12-31", "7975y"), ("0001-01-01", "2023y")] {
        world.write("rows.csv", &format!("{head}\n{cell},{rest}"));
        world.write("kilter.toml", &PROJECT.replace("start  = \"2024-02-01\"", ""));
        let problem = world.problem(&["replay", "."], 1);
        let detail = problem["detail"].as_str().unwrap();
        let result = format!("row 0 of time column `at` is {cell}T00:00:00Z, {away} away from half of all rows");
        assert!(problem["code"] == "file_invalid" && detail.contains(&result), "{problem}");
    }
    // Who says where the time to be played begins and ends has answered.
    let stated = PROJECT.replace("period = \"1w\"", "period = \"1w\"\nend = \"2024-02-20\"");
    world.write("kilter.toml", &stated);
    let report = world.json(&["replay", "."]);
    assert_eq!(report["periods"].as_array().unwrap().len(), 3, "{:#}", report["periods"]);
}

#[test]
fn rows_that_an_endpoint_refuses_are_left_out_and_the_past_is_played_on() {
    let world = World::new();
    let (text, mut changed) = (past(), String::new());
    for (row, line) in text.lines().enumerate() {
        let mut cells: Vec<String> = line.split(',').map(str::to_owned).collect();
        // A linear model refuses what is infinite; the days that are trained on hold only numbers.
        match (row, cells[0].as_str()) {
            (0, _) => {}
            (_, "2024-02-10T03:00:00Z" | "2024-02-10T07:00:00+02:00") => cells[2] = "inf".to_owned(),
            _ => cells[2] = cells[3].clone(),
        }
        changed += &(cells.join(",") + "\n");
    }
    world.write("rows.csv", &changed);
    let retrain = "[retrain]\nwhen = [\"schedule every 1w\"]\n[replay]\n";
    let project = PROJECT.replace("--param rounds=5", "--learner linear").replace("[replay]\n", retrain);
    world.write("kilter.toml", &project);
    let report = world.json(&["replay", "."]);
    let timeline = report["timeline"].as_array().unwrap();
    let output = |word: &str| timeline.iter().any(|entry| entry["reason"].as_str().unwrap().contains(word));
    assert!(
        output("2 test rows are left out, because the model refuses such a row: the column `x` is `inf`"),
        "{report:#}"
    );
    assert!(
        output("its log ends with `✕ the column `x` cannot be taken as numeric"),
        "a training on such rows is refused, and says so: {report:#}"
    );
    let notes: Vec<&str> = report["notes"].as_array().unwrap().iter().map(|note| note.as_str().unwrap()).collect();
    let noted = |word: &str| notes.iter().find(|note| note.contains(word)).unwrap_or_else(|| panic!("{notes:?}"));
    let refused = noted("refused");
    assert!(refused.starts_with("2 rows were refused, as an endpoint refuses them") && refused.contains("`inf`"));
    assert!(noted("id of an earlier row").starts_with("1050 rows"));
    let periods = report["periods"].as_array().unwrap();
    let rows: u64 = periods.iter().map(|period| period["rows"].as_u64().unwrap()).sum();
    // Two rows of the first of February, two hours east, happened in January.
    assert_eq!(rows, 42 * 30 - 2 - 2, "from the first of February on every other row is answered");
}

#[test]
fn a_row_without_a_label_need_not_say_when_it_becomes_known() {
    let world = World::new();
    let (text, mut changed) = (past(), String::new());
    for (row, line) in text.lines().enumerate() {
        let kept: Vec<&str> = line.split(',').collect();
        let awaited = row > 0 && row.is_multiple_of(3);
        let (known, label) = if awaited { ("", "") } else { (kept[4], kept[5]) };
        writeln!(changed, "{},{known},{label}", kept[..4].join(",")).unwrap();
    }
    world.write("rows.csv", &changed);
    world.write("kilter.toml", PROJECT);
    let report = world.json(&["replay", "."]);
    let first = &report["periods"][0];
    let (rows, labelled) = (first["rows"].as_u64().unwrap(), first["labelled"].as_u64().unwrap());
    assert!(labelled > rows / 2 && labelled < rows, "{first}");
}

#[test]
fn the_largest_number_as_a_placeholder_is_profiled_and_compared() {
    let world = world();
    let value = |row: usize| if row.is_multiple_of(3) { "1.797e308".to_owned() } else { row.to_string() };
    world.write("placeholder.csv", &with("age", value));
    world.json(&["profile", "placeholder.csv", "--columns", "age", "--out", "placeholder.profile"]);
    let drifted = world.json(&["drift", "placeholder.profile", "good.csv", "--columns", "age"]);
    assert_eq!(drifted["current_rows"], 400);
}

#[test]
fn the_first_contract_of_a_table_can_be_played_as_it_is() {
    let world = World::new();
    world.write("customers.csv", &customers());
    assert_eq!(world.kilter(&["init", "--from", "customers.csv"]).exit, 0);
    let report = world.json(&["replay", "."]);
    assert!(report["summary"]["versions_trained"].as_u64() >= Some(1), "{report}");
}

#[test]
fn no_cell_moves_the_terminal() {
    let world = World::new();
    world.write("escapes.csv", "\u{1b}[31mred,y\n\u{1b}]0;title\u{7},0\nb,1\nb,0\n");
    for arguments in [&["profile", "escapes.csv"][..], &["sql", "select * from t", "--table", "t=escapes.csv"]] {
        let output = world.kilter(arguments);
        assert!(output.exit == 0 && output.out.contains("red") && !output.out.contains('\u{1b}'), "{}", output.out);
    }
}
