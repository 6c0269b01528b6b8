//! Servers are killed again and again while they record, label, promote and log metrics: nothing that they acknowledged is lost, nothing is
//! there twice, and no state is without its entry. On a data folder alone, on PostgreSQL with an object store, and with two
//! servers on those, of which one at a time is killed.
//!
//! `./test --replays -- killed` runs it; `KILTER_KILLS` says how often (100 unless told).

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use kilter_app::{
    App, AppOptions, DEFAULT_CACHE_BYTES, StorageOptions,
    data_folder::check_data_folder,
    prediction::{self, PredictionFilter},
};
use kilter_domain::time::Timestamp;
use serde_json::{Value, json};

use crate::{
    World,
    contract::project,
    database::Database,
    object_store::prefix,
    predictions::rows,
    server::{Server, ask},
};

/// Where servers run.
struct Place {
    world: World,
    /// A data folder for each server.
    folders: &'static [&'static str],
    database: Option<Database>,
    storage: Option<String>,
}

impl Place {
    /// Everything in one data folder.
    fn alone() -> Self {
        Self { world: project("0.55"), folders: &[".kilter"], database: None, storage: None }
    }

    /// On a database and an object store; `None` where those are missing.
    fn shared(folders: &'static [&'static str]) -> Option<Self> {
        let (database, storage) = (Database::new()?, prefix()?);
        let world = project("0.55");
        world.set_database(&database.url());
        world.set_variable("KILTER_STORAGE", &storage);
        Some(Self { world, folders, database: Some(database), storage: Some(storage) })
    }

    /// Two approved versions of one model; the first one is live.
    fn with_two_versions(self) -> Self {
        let (world, folder) = (&self.world, self.folders[0]);
        let run = || {
            let ran = world.kilter(&["run", "--data", folder]);
            assert_eq!(ran.exit, 0, "{}{}", ran.out, ran.err);
        };
        run();
        let contract = world.read("kilter.toml");
        world.write("kilter.toml", &contract.replace("auto = true", "").replace("rounds=20", "rounds=25"));
        run();
        assert_eq!(world.json(&["model", "show", "churn@2", "--data", folder])["state"], "approved");
        self
    }

    fn start(&self, place: usize) -> Server {
        Server::start_on(&self.world, self.folders[place])
    }

    fn storage(&self) -> Option<StorageOptions> {
        let url = self.storage.as_ref()?.parse().unwrap();
        Some(StorageOptions { url, cache_bytes: DEFAULT_CACHE_BYTES })
    }

    fn options(&self) -> AppOptions {
        let database = self.database.as_ref().map(|database| database.url().parse().unwrap());
        let tool = env!("CARGO_BIN_EXE_kilter").into();
        AppOptions { database, storage: self.storage(), ..AppOptions::new(tool) }
    }
}

/// What clients were told, and may therefore rely on.
#[derive(Default)]
pub struct Acknowledged {
    /// By prediction id, the score that was answered.
    pub scores: HashMap<String, f64>,
    /// By prediction id, the label that was sent last.
    pub labels: HashMap<String, i64>,
    /// The version that was made live last, and the one that was being made live when the answer did not come.
    pub live: u64,
    pub maybe_live: Option<u64>,
    pub promotions: usize,
    /// By tracked run, the batches of metrics that were acknowledged.
    pub batches: HashMap<String, HashSet<usize>>,
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

/// Metrics of a batch, and points of each.
const METRICS: usize = 10;
const POINTS: usize = 10;

/// Logs batches of metrics to a run of its own, each with a parameter and a tag of its number, until the server is gone.
fn logger(address: &str, known: &Mutex<Acknowledged>, is_over: &AtomicBool) {
    let post = |path: &str, body: &Value| ask(address, "POST", &format!("/api/2.0/mlflow/runs/{path}"), body);
    let Ok((200, made)) = post("create", &json!({ "experiment_id": "0" })) else { return };
    let run = made["run"]["info"]["run_id"].as_str().unwrap().to_owned();
    known.lock().unwrap().batches.insert(run.clone(), HashSet::new());
    for batch in 0.. {
        let point = |place: usize| json!({ "key": format!("m{}", place % METRICS), "value": place as f64 / 7.0, "timestamp": 1, "step": batch * POINTS + place / METRICS });
        let metrics: Vec<Value> = (0..METRICS * POINTS).map(point).collect();
        let named = json!([{ "key": format!("batch{batch}"), "value": batch.to_string() }]);
        let body = json!({ "run_id": run, "metrics": metrics, "params": named, "tags": named });
        if let Ok((200, _)) = post("log-batch", &body) {
            known.lock().unwrap().batches.get_mut(&run).unwrap().insert(batch);
        }
        if is_over.load(Ordering::Relaxed) {
            return;
        }
    }
}

/// That each batch that was acknowledged is there whole, and each other one whole or not at all; how many were acknowledged.
fn check_batches(server: &Server, known: &Acknowledged) -> usize {
    for (run, acknowledged) in &known.batches {
        let mut points: HashMap<usize, usize> = HashMap::new();
        for metric in 0..METRICS {
            let path = format!("/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key=m{metric}");
            let (status, history) = server.get(&path);
            assert_eq!(status, 200, "{history}");
            for point in history["metrics"].as_array().into_iter().flatten() {
                *points.entry(point["step"].as_u64().unwrap() as usize / POINTS).or_default() += 1;
            }
        }
        assert!(
            points.values().all(|count| *count == METRICS * POINTS),
            "a batch of run {run} is there in part: {points:?}"
        );
        let (_, found) = server.get(&format!("/api/2.0/mlflow/runs/get?run_id={run}"));
        let whole: HashSet<usize> = points.keys().copied().collect();
        for kind in ["params", "tags"] {
            assert_eq!(batches_named(&found["run"]["data"][kind]), whole, "{kind} of the batches of run {run}");
        }
        let missing = acknowledged.iter().find(|batch| !points.contains_key(batch));
        assert_eq!(missing, None, "batch of run {run}");
    }
    known.batches.values().map(HashSet::len).sum()
}

/// The batches whose number stands in the parameters or tags of a run.
fn batches_named(pairs: &Value) -> HashSet<usize> {
    let of_batch = |pair: &&Value| pair["key"].as_str().is_some_and(|key| key.starts_with("batch"));
    let number = |pair: &Value| pair["value"].as_str().unwrap().parse().unwrap();
    pairs.as_array().into_iter().flatten().filter(of_batch).map(number).collect()
}

/// Ids and scores of an answer.
pub fn answers(answer: &Value) -> Vec<(String, f64)> {
    let outputs = answer["outputs"].as_array().unwrap();
    let data = |name: &str| {
        let output = outputs.iter().find(|output| output["name"] == name);
        output.and_then(|output| output["data"].as_array()).unwrap_or_else(|| panic!("no {name} in {answer}"))
    };
    let ids = data("__id").iter().map(|id| id.as_str().unwrap().to_owned());
    ids.zip(data("score").iter().map(|score| score.as_f64().unwrap())).collect()
}

/// That the version that was made live last is live at a server; another server may need a moment to follow.
fn check_live(server: &Server, known: &Mutex<Acknowledged>) {
    let began = Instant::now();
    loop {
        let live = server.get("/api/v1/status").1["endpoints"][0]["live"]["version"].as_u64();
        let mut known = known.lock().unwrap();
        let allowed = [Some(known.live), known.maybe_live];
        if let Some(live) = live.filter(|live| allowed.contains(&Some(*live))) {
            (known.live, known.maybe_live) = (live, None);
            return;
        }
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "version {live:?} is live; {allowed:?} was acknowledged or asked for"
        );
        drop(known);
        thread::sleep(Duration::from_millis(20));
    }
}

/// Clients at every server and somebody who promotes at one of them, until one is killed.
fn one_life(servers: &[Server], known: &Arc<Mutex<Acknowledged>>, kill: u64) {
    servers.iter().for_each(|server| check_live(server, known));
    let is_over = Arc::new(AtomicBool::new(false));
    let spawn = |server: &Server, work: fn(&str, &Mutex<Acknowledged>, &AtomicBool)| {
        let (address, known, is_over) = (server.address.clone(), known.clone(), is_over.clone());
        thread::spawn(move || work(&address, &known, &is_over))
    };
    let count = servers.len() as u64;
    let mut threads: Vec<_> = (0..2).map(|turn| spawn(&servers[turn % servers.len()], client)).collect();
    threads.push(spawn(&servers[(kill / 2 % count) as usize], promoter));
    threads.push(spawn(&servers[(kill % count) as usize], logger));
    // Moments that no clock of the server prefers.
    thread::sleep(Duration::from_millis(20 + kill.wrapping_mul(2_654_435_761) % 331));
    servers[(kill % count) as usize].signal("-KILL");
    is_over.store(true, Ordering::Relaxed);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

fn kill_servers(place: Place) {
    let kills: u64 = std::env::var("KILTER_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(100);
    let place = place.with_two_versions();
    let known = Arc::new(Mutex::new(Acknowledged { live: 1, ..Acknowledged::default() }));
    let mut servers: Vec<_> = (0..place.folders.len()).map(|folder| place.start(folder)).collect();
    for kill in 0..kills {
        one_life(&servers, &known, kill);
        let killed = (kill % servers.len() as u64) as usize;
        servers[killed] = place.start(killed);
    }
    servers.iter().for_each(|server| check_live(server, &known));
    let batches = check_batches(&servers[0], &known.lock().unwrap());
    for server in servers {
        server.signal("-TERM");
        assert_eq!(server.wait(), Some(0));
    }
    let known = known.lock().unwrap();
    let check = place.world.json(&["audit", "verify", "--data", place.folders[0]]);
    assert_eq!(check["valid"], true, "{check}");
    // Of the acts between two kills at least one has its checkpoint, and the tree goes on from each of them.
    assert!(check["checkpoints"].as_u64().unwrap() > 1, "{check}");
    let (answers, labels) = recorded(&place);
    let options = place.options();
    for folder in place.folders {
        let folder = place.world.path().join(folder);
        let parts = check_data_folder(&folder, options.database.as_ref(), options.storage.as_ref());
        let faults = parts.iter().flat_map(|part| &part.faults).map(ToString::to_string);
        // What a kill tore off was never acknowledged, and lies aside.
        let faults: Vec<String> = faults.filter(|fault| !fault.contains("/aside/")).collect();
        assert_eq!(faults, [""; 0]);
    }
    for (id, score) in &known.scores {
        assert_eq!(answers.get(id), Some(score), "prediction {id}");
    }
    for (id, label) in &known.labels {
        assert_eq!(labels.get(id), Some(&label.to_string()), "label of {id}");
    }
    println!(
        "{kills} kills of {} servers: {} predictions, {} labels, {} promotions and {batches} batches of {} metric points were \
         acknowledged, all are there once; {} audit entries, sound",
        place.folders.len(),
        known.scores.len(),
        known.labels.len(),
        known.promotions,
        METRICS * POINTS,
        check["entries"]
    );
    let least = known.scores.len().min(4 * known.promotions).min(batches);
    assert!(least as u64 > kills, "too little was going on");
}

#[test]
#[ignore = "kills a server a hundred times: a minute or two; ./test --replays -- killed"]
fn a_server_that_is_killed_a_hundred_times_loses_nothing_that_it_acknowledged() {
    kill_servers(Place::alone());
}

#[test]
#[ignore = "kills a server a hundred times: a minute or two; ./test --replays -- killed"]
fn a_server_on_a_database_and_an_object_store_that_is_killed_a_hundred_times_loses_nothing() {
    Place::shared(&["one"]).into_iter().for_each(kill_servers);
}

#[test]
#[ignore = "kills one of two servers a hundred times: a minute or two; ./test --replays -- killed"]
fn two_servers_of_which_one_at_a_time_is_killed_a_hundred_times_lose_nothing() {
    Place::shared(&["one", "two"]).into_iter().for_each(kill_servers);
}

/// What the platform remembers: scores and labels by prediction id, each id once.
fn recorded(place: &Place) -> (HashMap<String, f64>, HashMap<String, String>) {
    let endpoint = "churn".parse().unwrap();
    let open = |folder: &str| {
        let app = App::open(&place.world.path().join(folder), place.options()).unwrap();
        prediction::compact_log(&app, &endpoint).unwrap();
        app
    };
    place.folders[1..].iter().for_each(|folder| drop(open(folder)));
    let app = open(place.folders[0]);
    let always = (Timestamp(0), Timestamp(i64::MAX / 2));
    let answered =
        prediction::logged_predictions(&app, &endpoint, PredictionFilter::Answers, always, always.1).unwrap();
    let ids = || answered.ids.iter().map(|id| id.to_string());
    assert_eq!(ids().collect::<HashSet<_>>().len(), answered.ids.len(), "a prediction is there twice");
    let scores = ids().zip(answered.scores.iter().copied()).collect();
    let labels = ids().zip(&answered.labels).filter_map(|(id, label)| Some((id, label.as_ref()?.text().to_string())));
    (scores, labels.collect())
}
