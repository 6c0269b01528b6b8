//! `kilter import mlflow` and `kilter export mlflow`, against servers and folders that the real client filled.

use std::{
    fs,
    io::ErrorKind,
    net::{TcpListener, TcpStream},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{World, command_output, database::Database, mlflow::mlflow_python, server::Server};

/// What of an import is a number per kind, by name.
fn count(document: &Value, kind: &str, field: &str) -> u64 {
    let counts = document["counts"].as_array().unwrap();
    counts.iter().find(|count| count["kind"] == kind).unwrap()[field].as_u64().unwrap()
}

/// The script of the client.
pub fn client(python: &Path, folder: &Path, arguments: &[&str]) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/python/mlflow_transfer.py");
    let mut command = Command::new(python);
    command.args(["-W", "ignore", script]).args(arguments).current_dir(folder);
    command.env("MLFLOW_ALLOW_FILE_STORE", "true").env("MLFLOW_ENABLE_ASYNC_LOGGING", "false");
    let said = command_output(command.output().unwrap());
    assert_eq!(said.exit, 0, "{arguments:?}: {}{}", said.out, said.err);
    said.out
}

/// MLflow's own server.
pub struct MlflowServer {
    child: Child,
    pub url: String,
}

impl MlflowServer {
    pub fn start(python: &Path, folder: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(python.with_file_name("mlflow"));
        command
            .args(["server", "--host", "127.0.0.1", "--workers", "1", "--port", &port.to_string()])
            .arg("--backend-store-uri")
            .arg(format!("sqlite:///{}", folder.join("mlflow.db").display()))
            .arg("--artifacts-destination")
            .arg(folder.join("mlartifacts"))
            .env("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(120), "MLflow's server does not start");
            std::thread::sleep(Duration::from_millis(200));
        }
        Self { child, url: format!("http://127.0.0.1:{port}") }
    }
}

impl Drop for MlflowServer {
    fn drop(&mut self) {
        // Its workers end with it when it is asked.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

fn url(server: &Server) -> String {
    format!("http://{}", server.address)
}

#[test]
fn a_server_of_mlflow_is_brought_field_by_field_and_what_changes_is_brought_again() {
    let Some(python) = mlflow_python() else { return };
    let (there, world) = (World::new(), World::new());
    let source = MlflowServer::start(&python, there.path());
    client(&python, there.path(), &["make", &source.url]);
    let planned = world.json(&["import", "mlflow", &source.url, "--dry-run"]);
    assert_eq!((count(&planned, "runs", "brought"), count(&planned, "runs", "here")), (7, 0), "{planned}");
    let first = world.json(&["import", "mlflow", &source.url]);
    assert_eq!((&first["same"], count(&first, "runs", "brought")), (&json!(true), 7), "{first}");
    assert!(count(&first, "points_of_metrics", "here") > 30_000, "{first}");
    let again = world.json(&["import", "mlflow", &source.url]);
    // One run goes on there.
    assert_eq!((&again["same"], count(&again, "runs", "brought")), (&json!(true), 1), "{again}");
    assert_eq!((count(&again, "artifacts", "brought"), &again["bytes"]), (0, &json!(0)), "{again}");
    assert_eq!(count(&again, "versions", "brought"), 0, "{again}");
    let server = Server::start(&world);
    client(&python, there.path(), &["compare", &source.url, &url(&server), "--registry"]);
    client(&python, there.path(), &["change", &source.url]);
    // The server has the folder now.
    let changed = world.json(&["import", "mlflow", &source.url]);
    assert_eq!((&changed["same"], count(&changed, "runs", "brought")), (&json!(true), 3), "{changed}");
    client(&python, there.path(), &["compare", &source.url, &url(&server), "--registry"]);
    let whole = world.json(&["import", "mlflow", &source.url, "--all"]);
    assert_eq!((&whole["same"], &whole["unchanged_runs"]), (&json!(true), &json!(0)), "{whole}");
    let log = world.json(&["audit", "list"]);
    let entries = log["entries"].as_array().unwrap();
    let imports = entries.iter().filter(|entry| entry["action"] == "tracking.import").count();
    assert_eq!(imports, 4, "{log}");
}

#[test]
#[ignore = "starts two servers and brings everything three times: a minute; ./test --replays -- postgresql"]
fn a_server_of_mlflow_is_brought_to_postgresql() {
    let (Some(python), Some(database)) = (mlflow_python(), Database::new()) else { return };
    let (there, world) = (World::new(), World::new());
    world.set_database(&database.url());
    let source = MlflowServer::start(&python, there.path());
    client(&python, there.path(), &["make", &source.url]);
    let imported = world.json(&["import", "mlflow", &source.url]);
    assert_eq!((&imported["same"], count(&imported, "runs", "brought")), (&json!(true), 7), "{imported}");
    let server = Server::start(&world);
    client(&python, there.path(), &["compare", &source.url, &url(&server), "--registry"]);
    // Numbers that come are not given again.
    let (status, made) = server.ask("POST", "/api/2.0/mlflow/experiments/create", &json!({ "name": "new" }));
    assert_eq!(status, 200, "{made}");
}

#[test]
fn a_folder_of_mlflow_is_brought_and_goes_back_as_one() {
    let Some(python) = mlflow_python() else { return };
    let (there, world, other) = (World::new(), World::new(), World::new());
    let folder = there.path().join("mlruns");
    let from = format!("file:{}", folder.display());
    client(&python, there.path(), &["make", &from]);
    let imported = world.json(&["import", "mlflow", folder.to_str().unwrap()]);
    assert_eq!((&imported["same"], count(&imported, "runs", "brought")), (&json!(true), 7), "{imported}");
    let server = Server::start(&world);
    client(&python, there.path(), &["compare", &from, &url(&server), "--registry"]);
    // Back, while the server runs.
    let back = there.path().join("back");
    let exported = world.json(&["export", "mlflow", back.to_str().unwrap()]);
    assert_eq!((&exported["same"], count(&exported, "runs", "brought")), (&json!(true), 7), "{exported}");
    let again = world.json(&["export", "mlflow", back.to_str().unwrap()]);
    assert_eq!((&again["same"], count(&again, "artifacts", "brought")), (&json!(true), 0), "{again}");
    // Around once more: the same contents, by their digests. The client writes into the folder when it loads a model from it.
    let round = other.json(&["import", "mlflow", back.to_str().unwrap()]);
    assert_eq!(round["same"], json!(true), "{round}");
    for kind in ["points_of_metrics", "artifacts"] {
        let digest = |document: &Value| {
            let counts = document["counts"].as_array().unwrap();
            counts.iter().find(|count| count["kind"] == kind).unwrap()["here_digest"].clone()
        };
        assert_eq!(digest(&round), digest(&imported), "{kind}");
    }
    let to = format!("file:{}", back.display());
    client(&python, there.path(), &["compare", &from, &to, "--registry"]);
    let refused = world.problem(&["export", "mlflow", folder.to_str().unwrap()], 1);
    assert!(refused["detail"].as_str().unwrap().contains("no export made it"), "{refused}");
}

#[test]
fn an_import_that_is_killed_goes_on_and_brings_nothing_twice() {
    let Some(python) = mlflow_python() else { return };
    let (there, world) = (World::new(), World::new());
    let folder = there.path().join("mlruns");
    client(&python, there.path(), &["make", &format!("file:{}", folder.display())]);
    // The data folder is there: what is killed is the import.
    drop(Server::start(&world));
    let mut ended = None;
    for round in 1..60_u64 {
        let mut import = world.command(&["import", "mlflow", folder.to_str().unwrap(), "--json"]);
        let mut import = import.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(60 * round));
        match import.try_wait().unwrap() {
            Some(status) => {
                ended = Some((round, status.success()));
                break;
            }
            None => import.kill().unwrap(),
        }
        import.wait().unwrap();
    }
    let (rounds, succeeded) = ended.unwrap();
    assert!(rounds > 3 && succeeded, "{ended:?}");
    let whole = world.json(&["import", "mlflow", folder.to_str().unwrap(), "--all"]);
    assert_eq!(whole["same"], json!(true), "{whole}");
    let server = Server::start(&world);
    client(&python, there.path(), &["compare", &format!("file:{}", folder.display()), &url(&server), "--registry"]);
}

/// A folder as the file store of MLflow has it, by hand.
fn small_store(world: &World) -> PathBuf {
    world.write(
        "mlruns/1/meta.yaml",
        "artifact_location: file:///x/1\nexperiment_id: '1'\nlifecycle_stage: active\nname: one\n",
    );
    world.write("mlruns/1/a/meta.yaml", "artifact_uri: file:///x/1/a/artifacts\nrun_id: a\nrun_uuid: a\nstatus: 3\nstart_time: 1\nend_time: 2\nuser_id: ana\n");
    world.write("mlruns/1/a/metrics/auc", "1 0.5 0\n2 nan 1\n2 nan 1\n");
    world.write("mlruns/1/a/params/depth", "3");
    world.write("mlruns/1/a/artifacts/file.txt", "text");
    world.path().join("mlruns")
}

#[test]
fn a_folder_made_by_hand_is_brought_and_an_answer_says_what_came() {
    let world = World::new();
    let folder = small_store(&world);
    let shown = world.kilter(&["import", "mlflow", folder.to_str().unwrap()]);
    assert_eq!(shown.exit, 0, "{}{}", shown.out, shown.err);
    assert!(shown.out.starts_with("✓ 1 run imported, and both sides are the same"), "{}", shown.out);
    let server = Server::start(&world);
    let (_, run) = server.get("/api/2.0/mlflow/runs/get?run_id=a");
    assert_eq!(run["run"]["info"]["artifact_uri"], "mlflow-artifacts:/1/a/artifacts", "{run}");
    assert_eq!((&run["run"]["info"]["user_id"], &run["run"]["info"]["end_time"]), (&json!("ana"), &json!(2)), "{run}");
    let (_, history) = server.get("/api/2.0/mlflow/metrics/get-history?run_id=a&metric_key=auc");
    assert_eq!(history["metrics"].as_array().unwrap().len(), 2, "{history}");
}

#[test]
fn files_that_a_server_kept_are_read_from_the_folder_that_is_named() {
    let world = World::new();
    let folder = small_store(&world);
    world.write("mlruns/1/a/meta.yaml", "run_id: a\nstatus: 3\nartifact_uri: mlflow-artifacts:/1/a/artifacts\n");
    let problem = world.problem(&["import", "mlflow", folder.to_str().unwrap()], 1);
    assert!(problem["detail"].as_str().unwrap().contains("--artifact-root"), "{problem}");
    world.write("mlartifacts/1/a/artifacts/b/kept.txt", "kept");
    let imported = world.json(&["import", "mlflow", folder.to_str().unwrap(), "--artifact-root", "mlartifacts"]);
    assert_eq!((count(&imported, "artifacts", "brought"), &imported["bytes"]), (1, &json!(4)), "{imported}");
}

#[test]
fn an_experiment_whose_id_is_taken_gets_another_and_keeps_it() {
    let world = World::new();
    let folder = small_store(&world);
    {
        let server = Server::start(&world);
        let (_, made) = server.ask("POST", "/api/2.0/mlflow/experiments/create", &json!({ "name": "ours" }));
        assert_eq!(made["experiment_id"], "1", "{made}");
    }
    let first = world.json(&["import", "mlflow", folder.to_str().unwrap()]);
    assert_eq!(first["experiments"][0], json!({ "name": "one", "source_id": 1, "id": 2 }), "{first}");
    let again = world.json(&["import", "mlflow", folder.to_str().unwrap()]);
    assert_eq!((&again["experiments"], count(&again, "runs", "brought")), (&first["experiments"], 0), "{again}");
}

#[test]
fn what_leaves_the_folder_refers_to_itself_or_is_a_link_is_refused() {
    for (path, text) in [
        ("mlruns/1/a/meta.yaml", "run_id: ../../etc\n"),
        ("mlruns/1/a/meta.yaml", "run_id: a\nstatus: &x 3\nend_time: *x\n"),
        ("mlruns/1/a/meta.yaml", "run_id: a\nstart_time: soon\n"),
        ("mlruns/1/a/metrics/auc", "1 much 0\n"),
        ("mlruns/1/a/inputs/i/meta.yaml", "source_type: DATASET\nsource_id: ../../../../etc\n"),
    ] {
        let world = World::new();
        let folder = small_store(&world);
        world.write(path, text);
        let problem = world.problem(&["import", "mlflow", folder.to_str().unwrap()], 1);
        assert_eq!(problem["code"], "file_invalid", "{text}: {problem}");
    }
    for link in ["mlruns/1/a/tags", "mlruns/1/a/artifacts/passwd", "mlruns/1/a/metrics/m", "mlruns/1/b", "mlruns/2"] {
        let world = World::new();
        let folder = small_store(&world);
        symlink("/etc", world.path().join(link)).unwrap();
        let problem = world.problem(&["import", "mlflow", folder.to_str().unwrap()], 1);
        assert!(problem["detail"].as_str().unwrap().contains("neither a file nor a folder"), "{link}: {problem}");
    }
    // Files that a run says to be elsewhere on this machine are not read.
    let world = World::new();
    let folder = small_store(&world);
    world.write("mlruns/1/a/meta.yaml", "run_id: a\nstatus: 3\nartifact_uri: file:///etc\n");
    let problem = world.problem(&["import", "mlflow", folder.to_str().unwrap()], 1);
    assert!(problem["detail"].as_str().unwrap().contains("outside of the folder"), "{problem}");
}

#[test]
fn a_source_that_is_not_there_is_named_without_its_password() {
    let world = World::new();
    let problem = world.problem(&["import", "mlflow", "no-such-folder"], 4);
    assert!(problem["detail"].as_str().unwrap().contains("no-such-folder"), "{problem}");
    let empty = world.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let problem = world.problem(&["import", "mlflow", empty.to_str().unwrap()], 1);
    assert!(problem["detail"].as_str().unwrap().contains("it has no experiment"), "{problem}");
    let problem = world.problem(&["import", "mlflow", "ftp://ana:secret@host"], 2);
    assert!(!problem.to_string().contains("secret"), "{problem}");
    assert_eq!(
        fs::read_dir(world.path().join(".kilter")).map_err(|error| error.kind()).err(),
        Some(ErrorKind::NotFound)
    );
}
