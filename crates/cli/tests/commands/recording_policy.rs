//! What the contract says of recording: a share of the entities, hashed and dropped columns, and that it takes effect at once.

use std::{
    collections::BTreeSet,
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{World, contract::project, server::Server};

const RECORD: &str = "\n[record]\nhash = [\"region\"]\ndrop = [\"visits\"]\n";

fn row(id: &str) -> Value {
    json!({ "parameters": { "prediction_id": id }, "inputs": [
        { "name": "age", "datatype": "FP64", "shape": [1], "data": [25] },
        { "name": "visits", "datatype": "FP64", "shape": [1], "data": [18] },
        { "name": "region", "datatype": "BYTES", "shape": [1], "data": ["north"] },
    ] })
}

fn ask(server: &Server, id: &str) {
    let (status, answer) = server.ask("POST", "/v2/models/churn/infer", &row(id));
    assert_eq!(status, 200, "{answer}");
}

/// The recorded rows of the ids that begin so, as text.
fn recorded(world: &World, columns: &str, prefix: &str) -> Vec<String> {
    let query = format!("select {columns} from predictions_churn where __id like '{prefix}%' order by __sequence");
    let found = world.json(&["sql", &query, "--data", ".kilter"]);
    found["rows"].as_array().unwrap().iter().map(Value::to_string).collect()
}

/// A counter of the only endpoint.
fn metric(server: &Server, name: &str) -> f64 {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    let line = page.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name} in {page}"));
    line.rsplit_once(' ').unwrap().1.parse().unwrap()
}

#[test]
fn personal_columns_are_hashed_under_one_secret_or_left_out() {
    let world = project("0.55");
    let contract = world.read("kilter.toml");
    world.write("kilter.toml", &format!("{contract}{RECORD}"));
    assert_eq!(world.kilter(&["run"]).exit, 0);
    for start in 0..2 {
        let server = Server::start(&world);
        ask(&server, &format!("a-{start}"));
        server.signal("-TERM");
        assert_eq!(server.wait(), Some(0));
    }
    let hashes: BTreeSet<String> = recorded(&world, "region", "a-").into_iter().collect();
    assert_eq!(hashes.len(), 1, "equal values stay equal after a restart: {hashes:?}");
    let hash = hashes.first().unwrap();
    assert!(!hash.contains("north") && hash.chars().filter(char::is_ascii_hexdigit).count() >= 32, "{hash}");
    let columns = world.json(&["sql", "select * from predictions_churn", "--data", ".kilter"]).to_string();
    assert!(columns.contains("age") && !columns.contains("visits"), "{columns}");
    let audit = world.kilter(&["audit", "list", "--json"]).out;
    assert!(!audit.contains(&hash[2..10]), "neither secret nor values are in the audit log");
}

#[test]
fn a_sample_takes_effect_while_the_server_runs_and_says_so() {
    let world = project("0.55");
    assert_eq!(world.kilter(&["run"]).exit, 0);
    let server = Server::start(&world);
    (0..5).for_each(|at| ask(&server, &format!("all-{at}")));
    let contract = world.read("kilter.toml");
    world.write("kilter.toml", &format!("{contract}\n[record]\nsample = \"20%\"\n"));
    assert_eq!(world.kilter(&["run"]).exit, 0);
    // The server follows the entry of the contract: from then on most answers leave no record.
    let until = Instant::now() + Duration::from_secs(20);
    let records = || metric(&server, "kilter_prediction_log_records_total");
    let mut asked = 0;
    loop {
        let before = records();
        ask(&server, &format!("before-{asked}"));
        asked += 1;
        if records() == before {
            break;
        }
        assert!(Instant::now() < until, "the contract is not followed after {asked} requests");
    }
    (0..40).for_each(|at| ask(&server, &format!("part-{at}")));
    server.signal("-TERM");
    assert_eq!(server.wait(), Some(0));
    assert_eq!(recorded(&world, "__id", "all-").len(), 5);
    let sampled = recorded(&world, "__id, __sample_share", "part-");
    assert!((1..25).contains(&sampled.len()) && sampled.iter().all(|row| row.contains("0.2")), "{sampled:?}");
}
