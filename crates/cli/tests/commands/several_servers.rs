//! Several servers on one database of PostgreSQL: any of them answers, each follows the others, and what happens on a timer
//! happens once.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    World, customers,
    database::{Database, Proxy},
    object_store::prefix,
    prediction_log::ids,
    predictions::rows,
    runs::wait_for,
    server::Server,
};

/// A project whose trainings count in `trainings`, and wait while there is a file `hold`.
const PROJECT: &str = r#"
[project]
name = "churn"
[params]
rounds = 5
[data.customers]
path  = "customers.csv"
id    = ["id"]
label = "left"
[step.train]
run = "echo >> trainings; while test -e hold; do sleep 0.1; done; kilter train {in.customers} --target left --exclude id,at --param rounds={params.rounds} --out {out.model}"
in  = ["customers"]
params = ["rounds"]
out = { model = "work/model" }
[package]
model = "train.model"
[deploy.production]
auto = false
"#;

/// A world with a project, and the database of its servers.
struct Place {
    world: World,
    database: Database,
}

impl Place {
    /// `None` where there is no server of a database or no object store. `more` is added to the contract.
    fn new(more: &str) -> Option<Self> {
        let (database, storage) = (Database::new()?, prefix()?);
        let world = World::new();
        world.write("customers.csv", &customers());
        world.write("kilter.toml", &format!("{PROJECT}{more}"));
        world.set_database(&database.url());
        world.set_variable("KILTER_STORAGE", &storage);
        Some(Self { world, database })
    }

    /// The first version is live; as many stand beside it as are asked for.
    fn with_versions(self, versions: u32) -> Self {
        for version in 1..=versions {
            let rounds = format!("rounds={}", 5 + version);
            let ran = self.world.kilter(&["run", "--data", "one", "--param", &rounds]);
            assert_eq!(ran.exit, 0, "{}{}", ran.out, ran.err);
        }
        let deployed = self.world.kilter(&["deploy", "churn", "--version", "1", "--data", "one", "--reason", "first"]);
        assert_eq!(deployed.exit, 0, "{}{}", deployed.out, deployed.err);
        self
    }

    /// A server on a data folder of its own.
    fn start(&self, folder: &str) -> Server {
        Server::start_on(&self.world, folder)
    }
}

/// The version that answers at a server; 0 where none does.
fn version_of(server: &Server) -> u64 {
    let (status, answer) = server.ask("POST", "/v2/models/churn/infer", &rows());
    if status != 200 {
        return 0;
    }
    answer["model_version"].as_str().unwrap().parse().unwrap()
}

fn deploy(server: &Server, version: u64) {
    let body = json!({ "version": version, "reason": "the next" });
    let (status, answer) = server.ask("POST", "/api/v1/endpoints/churn/deploy", &body);
    assert_eq!(status, 200, "{answer}");
}

/// How long it took until a server answers with a version.
fn followed_after(server: &Server, version: u64) -> Duration {
    let began = Instant::now();
    while version_of(server) != version {
        assert!(began.elapsed() < Duration::from_secs(20), "version {version} is not followed");
        thread::sleep(Duration::from_millis(5));
    }
    began.elapsed()
}

#[test]
fn a_promotion_and_a_rollback_are_followed_by_the_other_servers_within_a_second() {
    let Some(place) = Place::new("") else { return };
    let place = place.with_versions(3);
    let (one, two) = (place.start("one"), place.start("two"));
    assert_eq!((version_of(&one), version_of(&two)), (1, 1));
    deploy(&one, 2);
    let promotion = followed_after(&two, 2);
    deploy(&two, 3);
    let back = followed_after(&one, 3);
    let (status, answer) = two.ask("POST", "/api/v1/endpoints/churn/rollback", &json!({ "reason": "worse" }));
    assert_eq!(status, 200, "{answer}");
    let rollback = followed_after(&one, 2);
    for (what, took) in [("promotion", promotion), ("back", back), ("rollback", rollback)] {
        assert!(took < Duration::from_secs(1), "{what} took {took:?}");
    }
}

#[test]
fn status_lists_the_servers_that_live_and_the_one_that_evaluates_a_project() {
    let Some(place) = Place::new("") else { return };
    let place = place.with_versions(1);
    let (one, two) = (place.start("one"), place.start("two"));
    let servers = |of: &Server| of.get("/api/v1/status").1["servers"].clone();
    let holders = |servers: &Value| {
        let servers = servers.as_array().unwrap();
        servers.iter().filter(|server| server["projects"] == json!(["churn"])).cloned().collect::<Vec<_>>()
    };
    let listed = wait_for(|| servers(&two), |listed| holders(listed).len() == 1);
    let lives: Vec<_> =
        listed.as_array().unwrap().iter().map(|server| (&server["replica"], &server["lives"])).collect();
    assert_eq!(lives, [(&json!(1), &json!(true)), (&json!(2), &json!(true))], "{listed}");
    let (killed, left) = if holders(&listed)[0]["replica"] == 1 { (one, two) } else { (two, one) };
    killed.signal("-KILL");
    let is_followed = |listed: &Value| listed.as_array().unwrap().iter().any(|server| server["lives"] == false);
    let listed = wait_for(|| servers(&left), |listed| is_followed(listed) && holders(listed).len() == 1);
    assert_eq!(holders(&listed)[0]["lives"], true, "{listed}");
    let shown = place.world.kilter(&["status", "--server", &format!("http://{}", left.address)]);
    assert!(shown.out.contains("is gone since") && shown.out.contains("evaluates and trains churn"), "{}", shown.out);
}

#[test]
#[ignore = "a measurement: 100 promotions"]
fn promotions_of_a_hundred_are_measured_on_their_way_to_the_second_server() {
    let Some(place) = Place::new("") else { return };
    let place = place.with_versions(2);
    let (one, two) = (place.start("one"), place.start("two"));
    let mut took: Vec<Duration> = (0..100)
        .map(|turn| {
            let version = 2 - turn % 2;
            deploy(&one, version);
            followed_after(&two, version)
        })
        .collect();
    took.sort();
    eprintln!("a promotion's way to the second server: median {:?}, worst {:?}", took[50], took[99]);
    assert!(took[99] < Duration::from_secs(1));
}

#[test]
fn a_server_that_lost_thedatabase_answers_as_before_and_catches_up_by_itself() {
    let Some(place) = Place::new("") else { return };
    let place = place.with_versions(2);
    let one = place.start("one");
    let proxy = Proxy::to(&place.database);
    place.world.set_database(&place.database.url_through(&proxy));
    let two = place.start("two");
    assert_eq!(version_of(&two), 1);
    proxy.cut();
    deploy(&one, 2);
    for _ in 0..20 {
        assert_eq!(version_of(&two), 1, "what it has goes on");
    }
    proxy.mend();
    followed_after(&two, 2);
}

#[test]
fn a_copy_of_a_data_folder_is_refused_while_the_first_is_in_use_and_not_after() {
    let Some(place) = Place::new("") else { return };
    let place = place.with_versions(1);
    let one = place.start("one");
    fs::create_dir(place.world.path().join("copy")).unwrap();
    fs::copy(place.world.path().join("one/database"), place.world.path().join("copy/database")).unwrap();
    let problem = place.world.problem(&["run", "--data", "copy"], 6);
    assert_eq!(problem["code"], "replica_in_use", "{problem}");
    // Whoever is killed is not waited for by the next process on the same folder, and a server that stops gives back.
    one.signal("-KILL");
    drop(one);
    let again = place.start("one");
    assert_eq!(version_of(&again), 1);
    again.signal("-TERM");
    assert_eq!(again.wait(), Some(0));
    let shown = place.world.kilter(&["status", "--data", "copy"]);
    assert_eq!(shown.exit, 0, "{}", shown.err);
}

#[test]
fn a_server_that_was_paused_while_a_copy_of_its_folder_began_is_not_ready() {
    let Some(place) = Place::new("") else { return };
    let place = place.with_versions(1);
    let one = place.start("one");
    fs::create_dir(place.world.path().join("copy")).unwrap();
    for name in ["database", "storage"] {
        fs::copy(place.world.path().join("one").join(name), place.world.path().join("copy").join(name)).unwrap();
    }
    one.signal("-STOP");
    // Its lease runs out.
    let arguments = ["status", "--data", "copy"];
    wait_for(|| json!(place.world.kilter(&arguments).exit), |exit| *exit == 0);
    let _copy = place.start("copy");
    one.signal("-CONT");
    let is_refused = |ready: &Value| {
        let lease = ready["checks"].as_array().unwrap().iter().find(|check| check["name"] == "leases");
        ready["ready"] == false
            && lease.is_some_and(|lease| lease["detail"].as_str().unwrap().contains("copy of this data"))
    };
    wait_for(|| one.get("/ready").1, is_refused);
}

/// How many trainings were begun.
fn trainings(place: &Path) -> usize {
    fs::read_to_string(place.join("trainings")).map_or(0, |text| text.lines().count())
}

fn runs(server: &Server) -> Vec<Value> {
    server.get("/api/v1/runs").1["items"].as_array().cloned().unwrap_or_default()
}

#[test]
fn a_retraining_is_done_by_one_server_and_ended_and_begun_anew_when_that_is_killed() {
    let Some(place) = Place::new("[retrain]\nwhen = [\"schedule every 1s\"]\n") else { return };
    let place = place.with_versions(1);
    let (trained, hold) = (trainings(place.world.path()), place.world.write("hold", ""));
    place.world.write("customers.csv", &(customers() + "400,2024-11-01,33,4,north,0\n"));
    let servers = [place.start("one"), place.start("two")];
    wait_for(|| json!(trainings(place.world.path())), |begun| begun.as_u64() > Some(trained as u64));
    // A look of the other server, and a second in which it would have begun.
    thread::sleep(Duration::from_secs(6));
    assert_eq!(trainings(place.world.path()), trained + 1, "one server trains");
    let running = runs(&servers[0]).into_iter().find(|run| run["state"] == "running").unwrap();
    let id = running["id"].as_str().unwrap();
    // Any server is asked for it, and tells who has it.
    let holder =
        usize::from(servers.iter().map(|server| followed_here(server, id)).collect::<Vec<_>>() == [false, true]);
    let [one, two] = servers;
    let (dies, other) = if holder == 0 { (one, two) } else { (two, one) };
    dies.signal("-KILL");
    drop(dies);
    // The step of a server that was killed is nobody's: it is let go on, and what it makes is not taken.
    let began = Instant::now();
    wait_for(|| other.get(&format!("/api/v1/runs/{id}")).1, |run| run["summary"]["state"] == "failed");
    assert!(began.elapsed() < Duration::from_secs(30), "its lease is fifteen seconds: {:?}", began.elapsed());
    wait_for(|| json!(trainings(place.world.path())), |begun| begun.as_u64() > Some(trained as u64 + 1));
    fs::remove_file(hold).unwrap();
    wait_for(|| json!(runs(&other)), |runs| runs[0]["state"] == "succeeded");
    let audit = place.world.json(&["audit", "verify", "--server", &format!("http://{}", other.address)]);
    assert_eq!(audit["valid"], true, "{audit}");
}

/// Whether a server executes a run itself: another one says who does.
fn followed_here(server: &Server, run: &str) -> bool {
    let (status, progress) = server.get(&format!("/api/v1/runs/{run}/events"));
    assert_eq!(status, 200, "{progress}");
    !progress["events"][0]["text"].as_str().is_some_and(|text| text.contains("is executed by replica"))
}

#[test]
fn a_run_is_cancelled_by_way_of_any_server() {
    let Some(place) = Place::new("") else { return };
    let place = place.with_versions(1);
    let (one, two) = (place.start("one"), place.start("two"));
    let hold = place.world.write("hold", "");
    place.world.write("customers.csv", &(customers() + "400,2024-11-01,33,4,north,0\n"));
    let (status, started) = one.ask("POST", "/api/v1/runs", &json!({ "project": "churn" }));
    assert_eq!(status, 202, "{started}");
    let id = started["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/runs/{id}");
    wait_for(|| two.get(&path).1, |run| run["summary"]["state"] == "running");
    assert!(!followed_here(&two, &id));
    let (status, answer) = two.ask("POST", &format!("{path}/cancel"), &json!({ "reason": "not now" }));
    assert_eq!(status, 200, "{answer}");
    wait_for(|| one.get(&path).1, |run| run["summary"]["state"] == "cancelled");
    wait_for(|| two.get(&format!("{path}/events?after=1")).1, |progress| progress["has_ended"] == true);
    assert_eq!(two.ask("POST", &format!("{path}/cancel"), &json!({})).0, 409, "it has ended");
    fs::remove_file(hold).unwrap();
}

/// The readings of a metric at an endpoint.
fn readings(server: &Server, metric: &str) -> Vec<Value> {
    let (_, page) = server.get(&format!("/api/v1/endpoints/churn/readings?metric={metric}&limit=500"));
    page["items"].as_array().cloned().unwrap_or_default()
}

#[test]
fn a_server_that_was_paused_beyond_its_lease_writes_nothing_of_what_another_does_since() {
    let Some(place) = Place::new("[monitor]\nevery = \"2s\"\nmin_rows = 1\n") else { return };
    let place = place.with_versions(1);
    let one = place.start("one");
    // The first server holds the project by its first evaluation.
    wait_for(|| json!(readings(&one, "rows").len()), |count| count.as_u64() > Some(0));
    let two = place.start("two");
    one.signal("-STOP");
    let paused = json!(readings(&two, "rows")[0]["window_end"]);
    wait_for(|| json!(readings(&two, "rows")), |now| now[0]["window_end"].as_str() > paused.as_str());
    one.signal("-CONT");
    // Each window has one reading, whoever evaluated it.
    thread::sleep(Duration::from_secs(8));
    let all = readings(&two, "rows");
    let windows: BTreeSet<String> = all.iter().map(|reading| reading["window_start"].to_string()).collect();
    assert_eq!(windows.len(), all.len(), "{all:#?}");
    assert_eq!(version_of(&one), 1, "it answers again");
}

/// The number of rows that an endpoint answered, as each window counted them.
fn rows_counted(server: &Server) -> f64 {
    readings(server, "rows").iter().filter_map(|reading| reading["value"].as_f64()).sum()
}

#[test]
fn predictions_and_labels_of_all_servers_are_in_one_monitor_and_each_window_has_one_reading() {
    let monitor = "[monitor]\nevery = \"10s\"\nmin_rows = 1\nmin_labelled = 0.5\nperformance = [\"auc >= 0.1\"]\n";
    let Some(place) = Place::new(monitor) else { return };
    let place = place.with_versions(1);
    let servers = [place.start("one"), place.start("two")];
    let mut asked = 0;
    for turn in 0..20 {
        let server = &servers[turn % 2];
        let (status, answer) = server.ask("POST", "/v2/models/churn/infer", &rows());
        assert_eq!(status, 200, "{answer}");
        asked += 2;
        // The other server hears what became of it.
        let labels = json!({ "ids": ids(&answer), "values": [0, 1] });
        assert_eq!(servers[1 - turn % 2].ask("POST", "/api/v1/endpoints/churn/labels", &labels).0, 200);
        thread::sleep(Duration::from_millis(300));
    }
    wait_for(|| json!(rows_counted(&servers[0])), |counted| counted.as_f64() == Some(f64::from(asked)));
    let all = readings(&servers[1], "rows");
    let windows: BTreeSet<String> = all.iter().map(|reading| reading["window_start"].to_string()).collect();
    assert_eq!(windows.len(), all.len(), "one reading of each: {all:#?}");
    let labelled = |readings: &Value| {
        let newest: f64 = readings.as_array().unwrap().iter().filter_map(|reading| reading["count"].as_f64()).sum();
        newest >= f64::from(asked)
    };
    wait_for(|| json!(readings(&servers[0], "labelled")), labelled);
    let columns = servers[1].get("/api/v1/endpoints/churn/columns").1;
    assert!(columns["versions"][0]["rows"].as_u64() > Some(0), "{columns}");
    let [one, two] = servers;
    for server in [&one, &two] {
        server.signal("-TERM");
    }
    let ended = [one.wait(), two.wait()];
    assert_eq!(ended, [Some(0), Some(0)]);
    let query = "select count(*) as n, count(distinct __id) as ids, count(distinct __sequence) as requests from predictions_churn";
    let found = &place.world.json(&["sql", query, "--data", "one"])["rows"][0];
    assert_eq!(
        (found["n"].as_u64(), found["ids"].as_u64(), found["requests"].as_u64()),
        (Some(40), Some(40), Some(20))
    );
}

#[test]
fn a_server_whose_bytes_lie_elsewhere_is_refused_beside_another() {
    let Some(place) = Place::new("") else { return };
    let place = place.with_versions(1);
    let _one = place.start("one");
    let apart = place
        .world
        .command(&["server", "--data", "two", "--port", "0", "--json"])
        .env_remove("KILTER_STORAGE")
        .output();
    let problem: Value = serde_json::from_slice(&apart.unwrap().stderr).unwrap();
    assert_eq!(problem["code"], "storage_mismatch", "{problem}");
}

#[test]
fn what_a_server_acknowledged_by_copies_is_sealed_by_another_when_its_machine_is_lost() {
    let Some(place) = Place::new("") else { return };
    let place = place.with_versions(1);
    place.world.set_variable("KILTER_RECORD_ACK", "storage");
    let (one, two) = (place.start("one"), place.start("two"));
    let mut answered: BTreeSet<String> = BTreeSet::new();
    for server in [&one, &two, &two] {
        let (status, answer) = server.ask("POST", "/v2/models/churn/infer", &rows());
        assert_eq!(status, 200, "{answer}");
        answered.extend(ids(&answer));
    }
    two.signal("-KILL");
    drop(two);
    fs::remove_dir_all(place.world.path().join("two")).unwrap();
    let query = ["sql", "select __id as id from predictions_churn", "--data", "one", "--json"];
    let found = || {
        let shown = place.world.kilter(&query);
        serde_json::from_str::<Value>(&shown.out).map_or(Value::Null, |answer| answer["rows"].clone())
    };
    let of = |rows: &Value| -> Vec<String> {
        rows.as_array().into_iter().flatten().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    };
    let all = of(&wait_for(found, |rows| of(rows).len() >= answered.len()));
    assert_eq!(all.len(), answered.len(), "each once");
    assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), answered);
}
