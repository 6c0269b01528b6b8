//! A server is killed again and again while it records, labels and promotes: nothing that it acknowledged is lost, and
//! no state is without its entry.
//!
//! `./test --replays -- killed` runs it; `KILTER_KILLS` says how often (100 unless told).

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use kilter_app::{
    App, AppOptions,
    data_folder::check_data_folder,
    prediction::{self, PredictionFilter},
};
use kilter_domain::time::Timestamp;
use serde_json::{Value, json};

use crate::{
    World,
    contract::project,
    predictions::rows,
    server::{Server, ask},
};

/// What clients were told, and may therefore rely on.
#[derive(Default)]
struct Acknowledged {
    /// By prediction id, the score that was answered.
    scores: HashMap<String, f64>,
    /// By prediction id, the label that was sent last.
    labels: HashMap<String, i64>,
    /// The version that was made live last, and the one that was being made live when the answer did not come.
    live: u64,
    maybe_live: Option<u64>,
    promotions: usize,
}

/// Two approved versions of one model; the first one is live.
fn two_versions() -> World {
    let world = project("0.55");
    assert_eq!(world.kilter(&["run"]).exit, 0);
    let contract = world.read("kilter.toml");
    world.write("kilter.toml", &contract.replace("auto = true", "").replace("rounds=20", "rounds=25"));
    assert_eq!(world.kilter(&["run"]).exit, 0);
    assert_eq!(world.json(&["model", "show", "churn@2"])["state"], "approved");
    world
}

/// Asks for answers, then labels some of them, until the server is gone.
fn client(address: &str, known: &Mutex<Acknowledged>, is_over: &AtomicBool) {
    let mut turn = 0;
    while !is_over.load(Ordering::Relaxed) {
        let Ok((200, answer)) = ask(address, "POST", "/v2/models/churn/infer", &rows()) else { continue };
        let answered = answers(&answer);
        known.lock().unwrap().scores.extend(answered.iter().cloned());
        turn += 1;
        let labels: HashMap<String, i64> = answered.into_iter().map(|(id, _)| (id, turn % 2)).collect();
        let (ids, values): (Vec<_>, Vec<_>) = labels.iter().map(|(id, label)| (id.clone(), *label)).unzip();
        let body = json!({ "ids": ids, "values": values });
        if let Ok((200, _)) = ask(address, "POST", "/api/v1/endpoints/churn/labels", &body) {
            known.lock().unwrap().labels.extend(labels);
        }
    }
}

/// Promotes the other version, over and over, until the server is gone.
fn promoter(address: &str, known: &Mutex<Acknowledged>, is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        let next = 3 - known.lock().unwrap().live;
        known.lock().unwrap().maybe_live = Some(next);
        let asked = ask(address, "POST", "/api/v1/endpoints/churn/deploy", &json!({ "version": next }));
        if let Ok((status, answer)) = asked {
            assert_eq!(status, 200, "{answer}");
            let mut known = known.lock().unwrap();
            (known.live, known.maybe_live) = (next, None);
            known.promotions += 1;
        }
    }
}

/// Ids and scores of an answer.
fn answers(answer: &Value) -> Vec<(String, f64)> {
    let outputs = answer["outputs"].as_array().unwrap();
    let data = |name: &str| {
        let output = outputs.iter().find(|output| output["name"] == name);
        output.and_then(|output| output["data"].as_array()).unwrap_or_else(|| panic!("no {name} in {answer}"))
    };
    let ids = data("__id").iter().map(|id| id.as_str().unwrap().to_owned());
    ids.zip(data("score").iter().map(|score| score.as_f64().unwrap())).collect()
}

fn one_life(world: &World, known: &Arc<Mutex<Acknowledged>>, milliseconds: u64) {
    let server = Server::start(world);
    let live = server.get("/api/v1/status").1["endpoints"][0]["live"]["version"].as_u64().unwrap();
    {
        let mut known = known.lock().unwrap();
        let allowed = [Some(known.live), known.maybe_live];
        assert!(allowed.contains(&Some(live)), "version {live} is live; {allowed:?} was acknowledged or asked for");
        (known.live, known.maybe_live) = (live, None);
    }
    let is_over = Arc::new(AtomicBool::new(false));
    let spawn = |work: fn(&str, &Mutex<Acknowledged>, &AtomicBool)| {
        let (address, known, is_over) = (server.address.clone(), known.clone(), is_over.clone());
        thread::spawn(move || work(&address, &known, &is_over))
    };
    let threads = [spawn(client), spawn(client), spawn(promoter)];
    thread::sleep(Duration::from_millis(milliseconds));
    server.signal("-KILL");
    is_over.store(true, Ordering::Relaxed);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
#[ignore = "kills a server a hundred times: a minute or two; ./test --replays -- killed"]
fn a_server_that_is_killed_a_hundred_times_loses_nothing_that_it_acknowledged() {
    let kills: u64 = std::env::var("KILTER_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(100);
    let world = two_versions();
    let known = Arc::new(Mutex::new(Acknowledged { live: 1, ..Acknowledged::default() }));
    for kill in 0..kills {
        // Moments that no clock of the server prefers.
        one_life(&world, &known, 20 + kill.wrapping_mul(2_654_435_761) % 331);
    }
    let known = known.lock().unwrap();
    let check = world.json(&["audit", "verify"]);
    assert_eq!(check["valid"], true, "{check}");
    let (answers, labels) = recorded(&world);
    let parts = check_data_folder(&world.path().join(".kilter"), None, None);
    let faults = parts.iter().flat_map(|part| &part.faults).map(ToString::to_string);
    // What a kill tore off was never acknowledged, and lies aside.
    let faults: Vec<String> = faults.filter(|fault| !fault.contains("/aside/")).collect();
    assert_eq!(faults, [""; 0]);
    for (id, score) in &known.scores {
        assert_eq!(answers.get(id), Some(score), "prediction {id}");
    }
    for (id, label) in &known.labels {
        assert_eq!(labels.get(id), Some(&label.to_string()), "label of {id}");
    }
    println!(
        "{kills} kills: {} predictions, {} labels and {} promotions were acknowledged, none is lost; {} audit entries, sound",
        known.scores.len(),
        known.labels.len(),
        known.promotions,
        check["entries"]
    );
    assert!(known.scores.len() as u64 > kills && known.promotions as u64 > kills / 2, "too little was going on");
}

/// What the platform remembers: scores and labels by prediction id.
fn recorded(world: &World) -> (HashMap<String, f64>, HashMap<String, String>) {
    let tool = env!("CARGO_BIN_EXE_kilter").into();
    let app = App::open(&world.path().join(".kilter"), AppOptions::new(tool)).unwrap();
    let endpoint = "churn".parse().unwrap();
    prediction::compact_log(&app, &endpoint).unwrap();
    let always = (Timestamp(0), Timestamp(i64::MAX / 2));
    let answered =
        prediction::logged_predictions(&app, &endpoint, PredictionFilter::Answers, always, always.1).unwrap();
    let ids = || answered.ids.iter().map(|id| id.to_string());
    let scores = ids().zip(answered.scores.iter().copied()).collect();
    let labels = ids().zip(&answered.labels).filter_map(|(id, label)| Some((id, label.as_ref()?.text().to_string())));
    (scores, labels.collect())
}
