//! Wall clocks that are set forward and back: nothing from the future is final, nothing waits for it, and the present is
//! measured.

use std::{path::Path, sync::Arc};

use kilter_app::{
    App, Project, monitor,
    prediction::{self, Request},
};
use kilter_domain::{
    alert::MonitorKind,
    ids::EndpointName,
    rule::MetricId,
    table::{Column, Table},
    time::{Interval, Timestamp},
};
use kilter_store::monitor as readings;

use serde_json::{Value, json};

use crate::{
    contract::project,
    live_project::{asked, texts, watched},
    prediction_log::{ask_once, live, open},
    server::Server,
};

const HOUR: i64 = 3_600_000;

fn ask_at(app: &App, at: Timestamp, rows: usize) {
    let table = Table::new(vec![
        ("age".into(), Column::Float(vec![40.0; rows])),
        ("visits".into(), Column::Float(vec![3.0; rows])),
        ("region".into(), Column::Text(vec![Some("north".into()); rows])),
    ]);
    let ids: Vec<Arc<str>> = (0..rows).map(|row| Arc::from(format!("{at}-{row}"))).collect();
    let request = Request { table: table.unwrap(), ids, events: vec![at; rows], consumer: None };
    prediction::predict(app, &"churn".parse().unwrap(), request, at).unwrap();
}

#[test]
fn a_clock_that_was_set_forward_and_back_leaves_no_reading_of_the_future_in_the_way() {
    let world = project("0.55");
    let contract = world.read("kilter.toml");
    world.write("kilter.toml", &format!("{contract}\n[monitor]\nevery = \"1h\"\ndata = [\"missing(age) <= 0.5\"]\n"));
    assert_eq!(world.kilter(&["run"]).exit, 0);
    let app = open(&world);
    let churn: EndpointName = "churn".parse().unwrap();
    let project = Project::open(Path::new(world.path())).unwrap();
    let start = monitor::calendar(&app, &project, &churn).unwrap().unwrap().start();
    let hour = |hours: i64, minutes: i64| Timestamp(start.millis() + hours * HOUR + minutes * 60_000);
    let look = |at: Timestamp| {
        prediction::compact_log(&app, &churn).unwrap();
        monitor::evaluate_monitors(&app, at, &project, &churn).unwrap();
    };
    let newest = |now: Timestamp| {
        let found =
            app.store().read(|reader| readings::newest_ended(reader, &churn, MonitorKind::Usage, &MetricId::Rows, now));
        found.unwrap().map(|reading| ((reading.window.end.millis() - start.millis()) / HOUR, reading.value))
    };
    for turn in 1..4 {
        ask_at(&app, hour(turn, 30), turn as usize);
        look(hour(turn + 1, 1));
        assert_eq!(newest(hour(turn + 1, 1)), Some((turn + 1, Some(turn as f64))));
    }
    // A day ahead for one look: it reads a day of windows in which nothing was asked.
    look(hour(28, 1));
    assert_eq!(newest(hour(28, 1)), Some((28, Some(0.0))));
    // And back: the present is measured, window by window.
    for turn in 4..7 {
        ask_at(&app, hour(turn, 30), turn as usize);
        look(hour(turn + 1, 1));
        assert_eq!(newest(hour(turn + 1, 1)), Some((turn + 1, Some(turn as f64))), "hour {turn}");
    }
    // Also when the time of the wrong readings has come, the right ones stand.
    let history = app.store().read(|reader| {
        readings::history(
            reader,
            &churn,
            Some(MonitorKind::Usage),
            &MetricId::Rows,
            Interval::new(start, hour(8, 0)),
            100,
        )
    });
    let values: Vec<_> = history.unwrap().iter().skip(1).filter_map(|reading| reading.value).collect();
    assert_eq!(&values[..6], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    // A clock that is behind: nothing is taken back, and nothing fails.
    look(hour(2, 1));
    assert_eq!(newest(hour(7, 1)), Some((7, Some(6.0))));
}

fn readings_of(result: &Value) -> Vec<(String, Option<f64>)> {
    let reading = |reading: &Value| (reading["window_start"].as_str().unwrap().to_owned(), reading["value"].as_f64());
    let of_rules = result["readings"].as_array().unwrap().iter().filter(|reading| reading["rule"].is_string());
    of_rules.map(reading).collect()
}

#[test]
fn what_was_deployed_while_the_clock_was_ahead_is_measured_from_when_it_was_set_back() {
    // Trained and deployed by a clock that was a day ahead.
    let rules = "performance = [\"accuracy >= 0.1\"]\nusage = [\"requests >= 0\", \"rows >= 1 over 3h\"]";
    let mut live = watched("left", rules);
    let (ids, columns, left) = asked(60);
    live.look(-24);
    for hour in -23..-18 {
        let ids: Vec<String> = ids.iter().map(|id| format!("{hour}-{id}")).collect();
        live.ask(hour, &ids, columns.clone());
        live.label(hour, &ids, texts(left.iter().map(|left| if *left { "1" } else { "0" })));
        live.look(hour + 1);
    }
    let mut history =
        |metric: &str| readings_of(&live.result(&["monitor", "history", "churn", metric, "--windows", "60"]));
    let (requests, accuracy, rows) = (history("requests"), history("accuracy"), history("rows"));
    let hours = |from: i64| (from..-18).map(|hour| live.hour(hour).to_string()).collect::<Vec<_>>();
    let measured = |readings: &[(String, Option<f64>)]| {
        let values = readings.iter().filter(|(_, value)| value.is_some_and(|value| value > 0.0));
        values.map(|(window, _)| window.clone()).collect::<Vec<_>>()
    };
    assert_eq!(measured(&requests), hours(-23));
    assert_eq!(measured(&accuracy), hours(-23));
    // It was set back in the middle of the window before: the first three whole hours end with the third window.
    assert_eq!(measured(&rows), hours(-21), "{rows:?}");
    let entries = live.result(&["audit", "list"]);
    let set_back: Vec<&Value> =
        entries["entries"].as_array().unwrap().iter().filter(|entry| entry["action"] == "clock.set_back").collect();
    assert_eq!((set_back.len(), &set_back[0]["object"]), (1, &json!("clock")), "{entries:#}");
    assert_eq!(live.result(&["audit", "verify"])["valid"], true);
}

#[test]
fn a_stage_that_began_while_the_clock_was_ahead_is_over_after_its_length() {
    let mut live = watched("left", "");
    let contract = live.world.read("kilter.toml");
    live.world.write("kilter.toml", &contract.replace("auto = true", "auto = true\nshadow = \"2h\""));
    let rows = live.world.read("customers.csv");
    live.world.write("customers.csv", &(rows + "400,2024-01-01,50,10,north,0\n"));
    live.retrain(24);
    let mut states = Vec::new();
    for hour in 1..5 {
        live.look(hour);
        let status = live.result(&["status"])["endpoints"][0].clone();
        states.push((
            status["live"]["version"].as_u64().unwrap(),
            status["candidate"]["state"].as_str().map(str::to_owned),
        ));
    }
    let shadow = Some("shadow".to_owned());
    assert_eq!(states, [(1, shadow.clone()), (1, shadow), (2, None), (2, None)]);
}

#[test]
fn a_training_of_a_clock_that_was_ahead_keeps_no_schedule_waiting() {
    let live = watched("left", "[retrain]\nwhen = [\"schedule every 2h\"]");
    let trained: Vec<bool> = [-24, -23, -22].map(|hour| live.look(hour).is_some()).to_vec();
    assert_eq!(trained, [false, false, true], "two hours after the clock was set back");
}

#[test]
fn a_training_of_a_clock_that_was_ahead_is_in_the_budget_from_when_it_was_set_back() {
    let live = watched("left", "[retrain]\nwhen = [\"schedule every 1h\"]\nbudget = \"1 runs / 3h\"");
    assert!(live.look(24).is_some(), "the clock is a day ahead");
    let trained: Vec<bool> = [1, 2, 3, 4].map(|hour| live.look(hour).is_some()).to_vec();
    assert_eq!(trained, [false, false, false, true], "three hours after the clock was set back");
}

#[test]
fn an_alert_of_a_window_that_is_still_to_come_ends_with_windows_of_the_present() {
    let mut live = watched("left", "usage = [\"rows >= 1\"]");
    live.look(24);
    assert_eq!(live.alerts()["churn/usage"]["state"], "firing");
    let status = live.output(&["status"]);
    assert!(status.contains("1 open alert") && !status.contains("alerts"), "{status}");
    let (ids, columns, _) = asked(30);
    for hour in 1..5 {
        let ids: Vec<String> = ids.iter().map(|id| format!("{hour}-{id}")).collect();
        live.ask(hour, &ids, columns.clone());
        live.look(hour + 1);
    }
    assert_eq!(live.alerts()["churn/usage"]["state"], "resolved");
}

#[test]
fn labels_that_were_given_while_the_clock_was_ahead_are_joined_once_it_is_set_back() {
    let mut live = watched("left", "performance = [\"accuracy >= 0.1\"]");
    let (ids, columns, left) = asked(60);
    live.ask(1, &ids, columns);
    live.look(24);
    live.label(24, &ids, texts(left.iter().map(|left| if *left { "1" } else { "0" })));
    live.look(2);
    let history = live.result(&["monitor", "history", "churn", "accuracy", "--windows", "60"]);
    let measured = readings_of(&history);
    assert!(
        measured.iter().any(|(window, value)| *window == live.hour(1).to_string() && value.is_some()),
        "{history:#}"
    );
}

#[test]
fn a_label_that_is_known_only_later_is_refused_with_the_reason() {
    let world = live();
    let server = Server::start(&world);
    let ids = ask_once(&server);
    let send = |known_at: [&str; 2]| {
        let body = json!({ "ids": ids, "values": [1, 0], "known_at": known_at });
        server.ask("POST", "/api/v1/endpoints/churn/labels", &body)
    };
    let (status, problem) = send(["2024-01-01T00:00:00Z", "2999-01-01T00:00:00Z"]);
    assert_eq!((status, problem["code"].as_str()), (400, Some("request_invalid")), "{problem}");
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains(&format!("the label of `{}` becomes known at 2999-01-01T00:00:00Z", ids[1]))
            && detail.contains("correct the time"),
        "{detail}"
    );
    // A clock that is a minute ahead is no future.
    let soon = Timestamp(
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64 + 60_000,
    );
    assert_eq!(send(["2024-01-01T00:00:00Z", &soon.to_string()]).0, 200);

    let file = |known: &str| format!("id,label,known\n{},1,2024-01-01\n{},0,{known}\n", ids[0], ids[1]);
    world.write("labels.csv", &file("2999-01-01"));
    let typed = ["label", "churn", "labels.csv", "--known-at", "known"];
    let problem = world.problem(&typed, 1);
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        problem["code"] == "file_invalid"
            && detail.contains("row 2 of `labels.csv`, column `known`")
            && detail.contains("2999"),
        "{problem}"
    );
    world.write("labels.csv", &file("2024-06-01"));
    assert_eq!(world.json(&typed)["labels"], 2);
    server.signal("-KILL");
    drop(server);
    // Of what was refused nothing is there.
    let app = open(&world);
    prediction::compact_log(&app, &"churn".parse().unwrap()).unwrap();
    drop(app);
    let kept = world.json(&["sql", "select count(*) as n from labels_churn", "--data", ".kilter"]);
    assert_eq!(kept["rows"][0]["n"], 4, "{kept}");
}
