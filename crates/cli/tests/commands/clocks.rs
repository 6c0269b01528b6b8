//! Wall clocks that are set forward and back: nothing from the future is final, and the present is measured.

use std::{path::Path, sync::Arc};

use kilter_app::{Act, App, Project, prediction::Request};
use kilter_domain::{
    alert::MonitorKind,
    ids::EndpointName,
    table::{Column, Table},
    time::Timestamp,
};
use kilter_store::monitor as readings;

use crate::{contract::project, sealing::open};

const HOUR: i64 = 3_600_000;

fn ask_at(app: &App, at: Timestamp, rows: usize) {
    let table = Table::new(vec![
        ("age".into(), Column::Float(vec![40.0; rows])),
        ("visits".into(), Column::Float(vec![3.0; rows])),
        ("region".into(), Column::Text(vec![Some("north".into()); rows])),
    ]);
    let ids: Vec<Arc<str>> = (0..rows).map(|row| Arc::from(format!("{at}-{row}"))).collect();
    let request = Request { table: table.unwrap(), ids, events: vec![at; rows], consumer: None };
    app.predict(&"churn".parse().unwrap(), request, at).unwrap();
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
    let start = app.calendar(&project, &churn).unwrap().unwrap().start();
    let hour = |hours: i64, minutes: i64| Timestamp(start.millis() + hours * HOUR + minutes * 60_000);
    let look = |at: Timestamp| {
        app.seal(&churn).unwrap();
        app.look(&Act::system("test", at), &project, &churn).unwrap();
    };
    let newest = |now: Timestamp| {
        let found = app.store().read(|reader| readings::newest_ended(reader, &churn, MonitorKind::Usage, "rows", now));
        found.unwrap().map(|reading| ((reading.window_end.millis() - start.millis()) / HOUR, reading.value))
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
    let history = app
        .store()
        .read(|reader| readings::history(reader, &churn, Some(MonitorKind::Usage), "rows", (start, hour(8, 0)), 100));
    let values: Vec<_> = history.unwrap().iter().skip(1).filter_map(|reading| reading.value).collect();
    assert_eq!(&values[..6], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    // A clock that is behind: nothing is taken back, and nothing fails.
    look(hour(2, 1));
    assert_eq!(newest(hour(7, 1)), Some((7, Some(6.0))));
}
