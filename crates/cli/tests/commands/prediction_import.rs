//! Predictions of the past: recorded once with their own times, read by monitors, refused by line, and whole after any `kill -9`.

use std::{fmt::Write as _, fs, thread, time::Duration};

use kilter_domain::time::Timestamp;
use serde_json::{Value, json};

use crate::{
    World,
    contract::project,
    live_project::watched,
    server::{Server, ask},
};

const HOUR: i64 = 3_600_000;

/// `rows` predictions of version 1, evenly over an hour, with labels.
fn past(rows: usize, hour: Timestamp, first: usize) -> String {
    let mut text = "id,time,score,predicted,version,label,age,visits,region,note\n".to_owned();
    for row in 0..rows {
        let time = Timestamp(hour.millis() + row as i64 * HOUR / rows as i64);
        let (score, class) = if row % 3 == 0 { (0.8, 1) } else { (0.2, 0) };
        let age = 20 + row % 50;
        writeln!(text, "past-{},{time},{score},{class},1,{class},{age},{},north,x", first + row, row % 9).unwrap();
    }
    text
}

fn counted(world: &World, query: &str) -> Vec<i64> {
    let found = world.json(&["sql", query, "--data", ".kilter"]);
    let row = &found["rows"][0];
    let cells: Vec<Value> = match row {
        Value::Array(cells) => cells.clone(),
        Value::Object(cells) => cells.values().cloned().collect(),
        other => panic!("{other}"),
    };
    cells.iter().map(|cell| cell.as_i64().or_else(|| cell.as_str()?.parse().ok()).unwrap()).collect()
}

/// Every object of a document.
fn objects(document: &Value) -> Vec<&serde_json::Map<String, Value>> {
    match document {
        Value::Array(items) => items.iter().flat_map(objects).collect(),
        Value::Object(fields) => std::iter::once(fields).chain(fields.values().flat_map(objects)).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn the_past_is_recorded_once_and_monitors_read_it() {
    let mut live = watched("left", "data = [\"max(age) <= 10\"]\nusage = [\"requests >= 0\"]");
    let hour = live.hour(-4);
    let imported = live.between(|world| {
        world.write("past.csv", &past(60, hour, 0));
        let arguments = ["prediction", "import", "churn", "past.csv", "--reason", "from the old server"];
        let first = world.json(&arguments);
        assert_eq!(
            (&first["imported"], &first["known"], &first["refused"]),
            (&json!(60), &json!(0), &json!([])),
            "{first}"
        );
        assert_eq!(first["left_out"], json!(["note"]));
        let again = world.json(&["predictions", "import", "churn", "past.csv"]);
        assert_eq!((&again["imported"], &again["known"]), (&json!(0), &json!(60)), "{again}");
        assert_eq!(again["audit_seq"], first["audit_seq"], "one entry for one file");
        first
    });
    let entry = imported["audit_seq"].as_u64().unwrap();
    live.look(1);
    let shown = live.between(|world| {
        let log = world.json(&["audit", "list"]).to_string();
        assert_eq!(log.matches("prediction.import").count(), 1, "{log}");
        assert!(log.contains("60 past predictions are brought in") && log.contains("from the old server"), "{log}");
        let query = "select count(*), count(distinct __id), min(__version), count(age) from predictions_churn where __role = 'imported'";
        assert_eq!(counted(world, query), [60, 60, 1, 60]);
        assert_eq!(counted(world, "select count(*) from labels_churn"), [60]);
        world.json(&["monitor", "history", "churn", "requests"])
    });
    let (start, found) = (json!(hour.to_string()), objects(&shown));
    let of_past = found.iter().find(|window| window.values().any(|value| *value == start));
    let of_past = of_past.unwrap_or_else(|| panic!("{entry}: no window from {start} in {shown:#}"));
    assert!(of_past.values().any(|value| value.as_f64() == Some(60.0)), "{of_past:#?}");
    let broken = live.result(&["monitor", "history", "churn", "max(age)"]);
    assert!(broken.to_string().contains("failed"), "{broken:#}");
    assert!(live.alerts().is_empty(), "the past raises no alert");
}

#[test]
fn rows_that_cannot_be_recorded_are_listed_by_line_and_the_others_are_recorded() {
    let world = project("0.55");
    assert_eq!(world.kilter(&["run"]).exit, 0);
    let mut text = past(6, Timestamp(1_700_000_000_000), 0);
    text += "past-0,2024-01-01,0.2,0,1,,20,1,north,x\n";
    text += "other,2024-01-01,0.2,0,7,,20,1,north,x\n";
    text += "wide,2024-01-01,1.2,0,1,,20,1,north,x\n";
    text += "class,2024-01-01,0.2,maybe,1,,20,1,north,x\n";
    text += "late,2199-01-01,0.2,0,1,,20,1,north,x\n";
    world.write("past.csv", &text);
    let done = world.json(&["prediction", "import", "churn", "past.csv"]);
    assert_eq!(done["imported"], 6, "{done:#}");
    let refused: Vec<(u64, &str)> = done["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["row"].as_u64().unwrap(), row["reason"].as_str().unwrap()))
        .collect();
    for ((row, reason), (wanted, words)) in refused.iter().zip([
        (7, "stands before it in the file"),
        (8, "there is no version 7 of the model"),
        (9, "1.2 is no probability"),
        (10, "`maybe` is no class of version 1"),
        (11, "it happens at 2199-01-01"),
    ]) {
        assert!(*row == wanted && reason.contains(words), "{row}: {reason}");
    }
    assert_eq!(refused.len(), 5);
    let shown = world.kilter(&["prediction", "import", "churn", "past.csv"]).out;
    assert!(shown.contains("5 rows refused") && shown.contains("row 8: there is no version 7"), "{shown}");
    world.write("broken.csv", "id,time,score,predicted,version\na,yesterday,0.2,0,1\n");
    let problem = world.problem(&["prediction", "import", "churn", "broken.csv"], 1);
    assert!(
        problem["detail"].as_str().unwrap().contains("row 1 of `broken.csv`, column `time`: is no time"),
        "{problem}"
    );
    let without = world.problem(&["prediction", "import", "churn", "past.csv", "--time", "at"], 2);
    assert!(without["detail"].as_str().unwrap().contains("has no column `at`"), "{without}");
}

fn batch(number: usize) -> Value {
    let rows = 40;
    let ids: Vec<String> = (0..rows).map(|row| format!("b{number}-{row}")).collect();
    json!({
        "sha256": "0".repeat(64), "ids": ids, "times": vec!["2024-01-01T00:00:00Z"; rows], "versions": vec![1; rows],
        "scores": vec![0.25; rows], "predicted": vec!["0"; rows], "labels": vec![0; rows],
        "features": [{ "name": "age", "values": vec![30; rows] }],
    })
}

#[test]
fn acknowledged_batches_survive_kill_9_and_are_never_doubled() {
    const PATH: &str = "/api/v1/endpoints/churn/predictions";
    let world = project("0.55");
    assert_eq!(world.kilter(&["run"]).exit, 0);
    let (mut acknowledged, mut next) = (Vec::new(), 0);
    for life in 0..6_u64 {
        let server = Server::start(&world);
        let file = json!({ "sha256": "0".repeat(64), "rows": 1000 });
        assert_eq!(server.ask("POST", &format!("{PATH}/imports"), &file).0, 200);
        for number in &acknowledged {
            let (status, kept) = server.ask("POST", PATH, &batch(*number));
            assert_eq!((status, &kept["imported"], &kept["known"]), (200, &json!(0), &json!(40)), "{number}: {kept}");
        }
        let address = server.address.clone();
        let killer = thread::spawn(move || {
            thread::sleep(Duration::from_millis(30 + life * 37));
            server.signal("-KILL");
            server.wait();
        });
        // The batch that was cut off is sent again by the next life, as a client would.
        while let Ok((200, kept)) = ask(&address, "POST", PATH, &batch(next)) {
            assert_eq!(kept["imported"].as_u64().unwrap() + kept["known"].as_u64().unwrap(), 40, "{kept}");
            acknowledged.push(next);
            next += 1;
        }
        killer.join().unwrap();
    }
    assert!(!acknowledged.is_empty());
    let server = Server::start(&world);
    assert_eq!(server.ask("POST", PATH, &batch(next)).0, 200);
    server.signal("-TERM");
    assert_eq!(server.wait(), Some(0));
    let query = "select count(*), count(distinct __id) from predictions_churn where __role = 'imported'";
    let rows = i64::try_from((next + 1) * 40).unwrap();
    assert_eq!(counted(&world, query), [rows, rows]);
    assert!(fs::metadata(world.path().join(".kilter")).is_ok());
}

#[test]
fn an_import_needs_the_right_to_deploy_and_a_file_that_was_named() {
    let world = project("0.55");
    assert_eq!(world.kilter(&["run"]).exit, 0);
    let server = Server::start(&world);
    let path = "/api/v1/endpoints/churn/predictions";
    let (status, problem) = server.ask("POST", path, &batch(0));
    assert!(status == 400 && problem["detail"].as_str().unwrap().contains("was not begun here"), "{problem}");
    let (status, problem) = server.ask("POST", &format!("{path}/imports"), &json!({ "sha256": "XYZ", "rows": 1 }));
    assert!(status == 400 && problem["detail"].as_str().unwrap().contains("is no SHA-256"), "{problem}");
    let file = json!({ "sha256": "0".repeat(64), "rows": 1 });
    assert_eq!(server.ask("POST", &format!("{path}/imports"), &file).0, 200);
    let mut ragged = batch(0);
    ragged["scores"] = json!([0.5]);
    let (status, problem) = server.ask("POST", path, &ragged);
    assert!(
        status == 400 && problem["detail"].as_str().unwrap().contains("`scores` has 1 entries for 40 ids"),
        "{problem}"
    );
}
