//! Replicas: processes apart that answer as a server says, verify what they are given, go on while it is away, and hand on what they
//! recorded.

use std::{
    collections::HashSet,
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use kilter_domain::time::Timestamp;
use serde_json::{Value, json};

use crate::{
    World,
    contract::project,
    packages::{build, export_key},
    prediction_log::{answered, ids, open},
    predictions::rows,
    runs::wait_for,
    server::Server,
    tls::{TLS, authority, certificate},
};

/// A project with as many approved versions, of which the first is live; the stages of others are those of `terms`.
fn deployed(terms: &str, versions: u32) -> World {
    let world = project("0.55");
    world.write("kilter.toml", &world.read("kilter.toml").replace("auto = true", terms));
    for number in 1..=versions {
        let contract = world.read("kilter.toml");
        let (before, after) = (format!("rounds={}", 18 + 2 * number), format!("rounds={}", 20 + 2 * number));
        assert_eq!(world.json(&["run"])["version"]["number"], number);
        world.write("kilter.toml", &contract.replace(&before, &after));
    }
    assert_eq!(world.json(&["deploy", "--version", "1"])["state"], "live");
    export_key(&world);
    world
}

fn deploy(server: &Server, version: u64) {
    let (status, answer) = server.ask("POST", "/api/v1/endpoints/churn/deploy", &json!({ "version": version }));
    assert_eq!(status, 200, "{answer}");
}

/// A replica of the server at `address`, which it trusts by the exported key.
fn replica(world: &World, address: &str) -> Server {
    Server::serve(world, &[&format!("http://{address}"), "--key", "key.pub"])
}

/// Which version answers an entity, and with which score.
fn answer_for(server: &Server, entity: &str) -> (String, f64) {
    let mut request = rows();
    request["parameters"] = json!({ "entity": entity });
    let (status, answer) = server.ask("POST", "/v2/models/churn/infer", &request);
    assert_eq!(status, 200, "{answer}");
    let score = answer["outputs"].as_array().unwrap().iter().find(|output| output["name"] == "score").unwrap();
    (answer["model_version"].as_str().unwrap().to_owned(), score["data"][0].as_f64().unwrap())
}

fn version_of(server: &Server) -> String {
    let (status, answer) = server.ask("POST", "/v2/models/churn/infer", &rows());
    if status == 200 { answer["model_version"].as_str().unwrap().to_owned() } else { format!("{status}: {answer}") }
}

fn until(what: &str, is_so: impl Fn() -> bool) -> Duration {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(90), "{what}");
        thread::sleep(Duration::from_millis(20));
    }
    began.elapsed()
}

/// What readiness says of a check whose name holds `name`.
fn check(server: &Server, name: &str) -> String {
    let ready = server.get("/ready").1;
    let checks = ready["checks"].as_array().unwrap();
    let found: Vec<String> = checks
        .iter()
        .filter(|check| check["name"].as_str().unwrap().contains(name))
        .map(|check| format!("{} {}", check["ok"], check["detail"].as_str().unwrap()))
        .collect();
    found.join("; ")
}

/// Rows of the sealed log, and how many ids they have.
fn rows_in_lake(world: &World) -> (u64, u64) {
    let query = "select count(*) as n, count(distinct \"__id\") as ids from predictions_churn";
    let found = world.json(&["sql", query, "--data", ".kilter"]);
    let row = &found["rows"][0];
    let number = |at: usize, name: &str| row.get(name).or_else(|| row.get(at)).and_then(Value::as_u64).unwrap();
    (number(0, "n"), number(1, "ids"))
}

#[test]
fn a_replica_follows_a_canary_person_by_person_and_hands_on_what_it_answered() {
    let world = deployed("canary = { steps = [40, 100], every = \"1d\" }", 2);
    let server = Server::start(&world);
    let replica = replica(&world, &server.address);
    assert_eq!(answer_for(&replica, "a"), answer_for(&server, "a"));
    assert_eq!(replica.get("/ready").0, 200, "{}", replica.get("/ready").1);
    deploy(&server, 2);
    let took = until("the canary is followed", || {
        (0..20).any(|person| answer_for(&replica, &format!("person-{person}")).0 == "2")
    });
    assert!(took < Duration::from_secs(5), "a change arrives within seconds: {took:?}");
    let people: Vec<String> = (0..60).map(|person| format!("person-{person}")).collect();
    let of = |server: &Server| people.iter().map(|person| answer_for(server, person)).collect::<Vec<_>>();
    let (here, there) = (of(&replica), of(&server));
    assert_eq!(here, there, "every person meets the version that they meet on the server");
    assert!(here.iter().any(|(version, _)| version == "1") && here.iter().any(|(version, _)| version == "2"));
    let (_, answer) = replica.ask("POST", "/v2/models/churn/infer", &rows());
    let id = &ids(&answer)[0];
    let known = wait_for(|| server.get(&format!("/api/v1/predictions/{id}")).1, |found| found["endpoint"] == "churn");
    assert_eq!(known["role"], if known["version"] == 1 { "champion" } else { "candidate" }, "{known}");
    let (status, answer) = server.ask("POST", "/api/v1/endpoints/churn/rollback", &json!({ "reason": "worse" }));
    assert_eq!(status, 200, "{answer}");
    until("the rollback is followed", || people.iter().all(|person| answer_for(&replica, person).0 == "1"));
    // A shadow is asked too, and what it said is recorded as such.
    assert!(check(&replica, "replicate").starts_with("true"), "{}", check(&replica, "replicate"));
}

#[test]
fn while_its_server_is_away_a_replica_answers_and_nothing_that_it_acknowledged_is_lost_or_doubled() {
    let world = deployed("", 2);
    let server = Server::start(&world);
    let port: u16 = server.address.rsplit(':').next().unwrap().parse().unwrap();
    let replica = replica(&world, &server.address);
    let (stop, failures) = (AtomicBool::new(false), AtomicUsize::new(0));
    let acknowledged: Mutex<Vec<String>> = Mutex::default();
    let ask = |replica: &Server| loop {
        match replica.ask("POST", "/v2/models/churn/infer", &rows()) {
            (200, answer) => acknowledged.lock().unwrap().extend(ids(&answer)),
            _ => drop(failures.fetch_add(1, Ordering::SeqCst)),
        }
        if stop.load(Ordering::SeqCst) {
            return;
        }
    };
    let server = thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| ask(&replica));
        }
        thread::sleep(Duration::from_millis(1_500));
        server.signal("-KILL");
        drop(server);
        until("it is said that the server is away", || check(&replica, "replicate").contains("the server is away"));
        thread::sleep(Duration::from_millis(1_500));
        let server = Server::start_at(&world, port);
        deploy(&server, 2);
        until("the new version is followed", || version_of(&replica) == "2");
        stop.store(true, Ordering::SeqCst);
        server
    });
    assert_eq!(failures.load(Ordering::SeqCst), 0, "no request failed");
    // Killed with records on its disk, it hands them on when it is there again.
    replica.signal("-KILL");
    drop(replica);
    let again = Server::serve(&world, &[&format!("http://{}", server.address), "--key", "key.pub"]);
    // Records come in the order of the log, so the last ones come last.
    let last: Vec<String> = acknowledged.lock().unwrap().iter().rev().take(20).cloned().collect();
    let has_come = |id: &String| server.get(&format!("/api/v1/predictions/{id}")).0 == 200;
    until("the last records have come", || last.iter().all(has_come));
    until("every record has come", || !has_records(&world));
    again.signal("-TERM");
    assert_eq!(again.wait(), Some(0));
    server.signal("-TERM");
    assert_eq!(server.wait(), Some(0));
    let (rows, distinct) = rows_in_lake(&world);
    assert_eq!(rows, distinct, "nothing is doubled");
    let app = open(&world);
    let recorded: HashSet<String> =
        answered(&app, Timestamp(i64::MAX / 2)).ids.iter().map(ToString::to_string).collect();
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() > 20, "{}", acknowledged.len());
    for id in acknowledged {
        assert!(recorded.contains(&id), "{id} was acknowledged");
    }
}

/// Whether the replica has segments that hold records. One without has its two heads alone.
fn has_records(world: &World) -> bool {
    let folder = world.path().join(".kilter-replica/platform/log/churn");
    let segments = fs::read_dir(folder).into_iter().flatten().flatten();
    segments.filter(|entry| entry.path().extension().is_some_and(|end| end == "klog")).count() > 1
}

#[test]
fn a_part_that_comes_again_is_recorded_once_whatever_became_of_the_note_of_it() {
    let world = deployed("", 1);
    let server = Server::start(&world);
    let between = Between::before(&server.address);
    let replica = replica(&world, &between.address);
    let (_, answer) = replica.ask("POST", "/v2/models/churn/infer", &rows());
    let first = ids(&answer)[0].clone();
    until("it has come", || server.get(&format!("/api/v1/predictions/{first}")).0 == 200);
    until("its segment is gone", || !has_records(&world));
    replica.signal("-TERM");
    replica.wait();
    let notes = world.path().join(".kilter/replicas/churn");
    let note = fs::read_dir(&notes).unwrap().next().unwrap().unwrap().path();
    let (path, bytes) = between.sent.lock().unwrap().first().cloned().unwrap();
    assert_eq!(send(&server, &path, &bytes), (200, json!({ "through": 1, "rows": 0, "known": 2 })));
    // As after a crash between the records and the note of them, and as of a note that cannot be read.
    for text in ["{\"through\":0,\"attempted\":9}", "torn"] {
        fs::write(&note, text).unwrap();
        assert_eq!(send(&server, &path, &bytes), (200, json!({ "through": 1, "rows": 0, "known": 2 })), "{text}");
    }
    let (status, refused) = send(&server, "/api/v1/endpoints/churn/records?replica=x&first=1&last=1", b"KLR1nonsense");
    assert_eq!((status, &refused["code"]), (400, &json!("request_invalid")), "{refused}");
    let (status, refused) = send(&server, "/api/v1/endpoints/churn/records?replica=..%2Fx&first=1&last=1", b"KLR1");
    assert_eq!((status, &refused["code"]), (409, &json!("invalid_state")), "{refused}");
    server.signal("-TERM");
    assert_eq!(server.wait(), Some(0));
    assert_eq!(rows_in_lake(&world), (2, 2), "sealed, they are there once");
}

fn send(server: &Server, path: &str, bytes: &[u8]) -> (u16, Value) {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    let length = bytes.len();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/vnd.kilter.records\r\ncontent-length: {length}\r\n\r\n"
    )
    .unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap())
}

#[test]
fn a_replica_that_starts_while_its_server_is_away_answers_by_what_it_kept_if_that_still_verifies() {
    let world = deployed("", 1);
    let server = Server::start(&world);
    let address = server.address.clone();
    let first = replica(&world, &address);
    let expected = answer_for(&first, "a");
    drop(first);
    drop(server);
    let again = replica(&world, &address);
    assert_eq!(answer_for(&again, "a"), expected);
    assert_eq!(again.get("/ready").0, 200);
    until("it says so", || check(&again, "replicate").contains("the server is away"));
    drop(again);
    // A model that was changed on the disk is not served.
    let blobs = world.path().join(".kilter-replica/platform/blobs/objects");
    let largest = files_below(&blobs).into_iter().max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
    let mut bytes = fs::read(&largest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let mut permissions = fs::metadata(&largest).unwrap().permissions();
    #[expect(clippy::permissions_set_readonly_false, reason = "a file of this test")]
    permissions.set_readonly(false);
    fs::set_permissions(&largest, permissions).unwrap();
    fs::write(&largest, bytes).unwrap();
    let changed = replica(&world, &address);
    let (status, answer) = changed.ask("POST", "/v2/models/churn/infer", &rows());
    let is_model = check(&changed, "endpoint churn");
    assert!(status != 200 || is_model.is_empty(), "{status} {answer} {is_model}");
    // Whichever file it was, the server makes it whole again.
    drop(changed);
    let port: u16 = address.rsplit(':').next().unwrap().parse().unwrap();
    let _server = Server::start_at(&world, port);
    let mended = replica(&world, &address);
    until("the package has come again", || version_of(&mended) == "1");
    // Without a plan and without a server it is not ready, and says why.
    fs::remove_dir_all(world.path().join(".kilter-replica")).unwrap();
    let unreached = replica(&world, "127.0.0.1:1");
    let (status, ready) = unreached.get("/ready");
    assert!(status == 503 && ready.to_string().contains("has no plan yet"), "{ready}");
}

#[test]
fn a_server_that_encrypts_is_followed_by_the_authority_that_is_named() {
    let world = deployed("", 1);
    authority(world.path(), "ca");
    certificate(world.path(), "server");
    let server = Server::start_with_grpc(&world, &TLS);
    let url = format!("https://{}", server.address);
    let replica = Server::serve(&world, &[&url, "--key", "key.pub", "--ca-file", "ca.pem"]);
    assert_eq!(version_of(&replica), "1");
    until("its records are taken", || check(&replica, "deliver").starts_with("true"));
    drop(replica);
    // Of an authority that nobody named nothing is believed, and no file is fetched: it waits, and is not ready.
    let stranger = Server::serve(&world, &[&url, "--key", "key.pub", "--cache", "strangers"]);
    assert_eq!(stranger.get("/ready").0, 503);
    assert!(version_of(&stranger).starts_with("404"), "{}", version_of(&stranger));
    world.write("none.pem", "no certificate");
    let refused = world.problem(&["serve", &url, "--port", "0", "--key", "key.pub", "--ca-file", "none.pem"], 1);
    assert!(refused["detail"].as_str().unwrap().contains("none.pem"), "{refused}");
}

fn files_below(folder: &std::path::Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() { found.extend(files_below(&entry.path())) } else { found.push(entry.path()) }
    }
    found
}

/// What becomes of the body of an answer; of the path that was asked for.
type Change = Arc<Mutex<Box<dyn Fn(&str, Vec<u8>) -> Vec<u8> + Send>>>;

/// Records that were sent, each with its path.
type Sent = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// Somebody between a replica and its server, who changes what is answered.
struct Between {
    address: String,
    change: Change,
    sent: Sent,
}

impl Between {
    fn before(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let change: Change = Arc::new(Mutex::new(Box::new(|_, body| body)));
        let sent = Sent::default();
        let (server, changing, sending) = (server.to_owned(), change.clone(), Arc::clone(&sent));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (server, changing, sending) = (server.clone(), changing.clone(), sending.clone());
                thread::spawn(move || drop(pass_on(client, &server, &changing, &sending)));
            }
        });
        Self { address, change, sent }
    }

    fn change(&self, change: impl Fn(&str, Vec<u8>) -> Vec<u8> + Send + 'static) {
        *self.change.lock().unwrap() = Box::new(change);
    }
}

/// One request and its answer.
fn pass_on(mut client: TcpStream, server: &str, change: &Change, sent: &Sent) -> std::io::Result<()> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.to_ascii_lowercase();
    let length = length.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    client.read_exact(&mut body)?;
    let mut upstream = TcpStream::connect(server)?;
    let path = head.split(' ').nth(1).unwrap().to_owned();
    if path.contains("/records?") {
        sent.lock().unwrap().push((path.clone(), body.clone()));
    }
    upstream.write_all(head.replacen("\r\n", "\r\nconnection: close\r\n", 1).as_bytes())?;
    upstream.write_all(&body)?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer)?;
    let at = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let changed = (change.lock().unwrap())(&path, answer[at..].to_vec());
    let mut head: String = String::from_utf8(answer[..at].to_vec()).unwrap();
    if !changed.is_empty() {
        let lines =
            head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("content-length") && !line.is_empty());
        head = format!("{}\r\ncontent-length: {}\r\n\r\n", lines.collect::<Vec<_>>().join("\r\n"), changed.len());
    }
    client.write_all(head.as_bytes())?;
    client.write_all(&changed)
}

/// The statement in a bundle after a change, under the signature of the one before.
fn forged(bundle: &str, change: impl Fn(&mut Value)) -> String {
    let mut bundle: Value = serde_json::from_str(bundle).unwrap();
    let payload = STANDARD.decode(bundle["dsseEnvelope"]["payload"].as_str().unwrap()).unwrap();
    let mut statement: Value = serde_json::from_slice(&payload).unwrap();
    change(&mut statement);
    bundle["dsseEnvelope"]["payload"] = json!(STANDARD.encode(statement.to_string()));
    bundle.to_string()
}

/// A change of the serving plan.
fn of_plan(change: impl Fn(&mut Value)) -> impl Fn(&str, Vec<u8>) -> Vec<u8> {
    move |path, body| match path.starts_with("/api/v1/serving-plan") && body.starts_with(b"{\"plan\"") {
        true => {
            let mut plan: Value = serde_json::from_slice(&body).unwrap();
            change(&mut plan);
            plan.to_string().into_bytes()
        }
        false => body,
    }
}

#[test]
fn what_does_not_verify_is_refused_with_the_reason_and_what_answered_goes_on() {
    let world = deployed("", 2);
    let server = Server::start(&world);
    let between = Between::before(&server.address);
    let replica = replica(&world, &between.address);
    assert_eq!(version_of(&replica), "1");
    // A package on its way.
    between.change(|path, mut body| {
        if path.contains("/files/") && !body.is_empty() {
            let at = body.len() / 2;
            body[at] ^= 1;
        }
        body
    });
    deploy(&server, 2);
    until("the package is refused", || check(&replica, "endpoint churn").contains("other bytes than its digest"));
    assert_eq!(version_of(&replica), "1", "what answered goes on");
    between.change(|_, body| body);
    until("the whole package is served", || version_of(&replica) == "2");
    until("nothing is refused any more", || check(&replica, "endpoint churn").is_empty());
    let refused_by = |why: &str, change: Box<dyn Fn(&mut Value) + Send>| {
        between.change(of_plan(change));
        // Something changes on the server, so that its plan is sent.
        let live = version_of(&server);
        deploy(&server, if live == "1" { 2 } else { 1 });
        until(why, || {
            let said = format!("{}{}", check(&replica, "endpoint churn"), check(&replica, "replicate"));
            said.contains(why)
        });
        assert_eq!(version_of(&replica), live, "{why}: what answered goes on");
        between.change(|_, body| body);
        let live = version_of(&server);
        until("the server is followed again", || version_of(&replica) == live);
    };
    refused_by("the server sent no statement of it", Box::new(|plan| plan["approvals"] = json!([])));
    refused_by(
        "statement or signature was changed",
        Box::new(|plan| {
            for one in plan["approvals"].as_array_mut().unwrap() {
                let changed =
                    forged(one["statement"].as_str().unwrap(), |it| it["predicate"]["approvals"] = json!("all"));
                one["statement"] = json!(changed);
            }
        }),
    );
    refused_by(
        "the plan of the server is not believed",
        Box::new(|plan| {
            let changed = forged(plan["plan"].as_str().unwrap(), |it| it["predicate"]["endpoints"] = json!([]));
            plan["plan"] = json!(changed);
        }),
    );
    // Another key than the one that is trusted.
    let other = project("0.55");
    assert_eq!(other.kilter(&["run"]).exit, 0);
    export_key(&other);
    let key = other.path().join("key.pub");
    let address = format!("http://{}", server.address);
    let of_other = ["serve", "--port", "0", &address, "--cache", "other", "--key", key.to_str().unwrap()];
    let refused = world.problem(&of_other, 6);
    assert!(refused["detail"].as_str().unwrap().contains("does not trust"), "{refused}");
    let fingerprint = world.json(&["key", "list"])["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["purpose"] == "package")
        .unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let trusting = Server::serve(&world, &[&address, "--cache", "by-fingerprint", "--trust", &fingerprint]);
    assert_eq!(version_of(&trusting), version_of(&server));
    assert_eq!(world.problem(&["serve", &address], 2)["code"], "usage_invalid", "no key is no trust");
    assert_eq!(world.problem(&["serve", &address, "--trust", &fingerprint[..12]], 2)["code"], "usage_invalid");
}

#[test]
fn an_approval_that_is_taken_back_or_ends_takes_the_version_away_also_while_the_server_is_away() {
    let world = project("0.55");
    let contract = world.read("kilter.toml").replace("auto = true", "");
    let roles =
        "validator = [\"user:ana\"]\ndeveloper = [\"user:dev\"]\noperator = [\"user:dev\"]\nadmin = [\"user:ida\"]";
    world.write("kilter.toml", &format!("{contract}\n[approve]\nrule = \"validator\"\n[project.roles]\n{roles}\n"));
    let by = |who: &str, arguments: &[&str]| {
        world.set_variable("USER", who);
        world.kilter(arguments)
    };
    assert_eq!(by("dev", &["run"]).exit, 8);
    let end = Timestamp(now_millis() + 45_000).to_string();
    let approved = by("ana", &["approve", "churn@1", "--until", &end]);
    assert_eq!(approved.exit, 0, "{}{}", approved.out, approved.err);
    assert_eq!(by("dev", &["deploy", "--version", "1"]).exit, 0);
    world.set_variable("USER", "ana");
    export_key(&world);
    // Whoever may deploy may follow.
    world.set_variable("USER", "dev");
    let server = Server::start(&world);
    let replica = replica(&world, &server.address);
    assert_eq!(version_of(&replica), "1");
    drop(server);
    until("what nobody approves any more stops", || version_of(&replica) != "1");
    let said = check(&replica, "endpoint churn");
    assert!(said.contains("it lacks the yes of 1 more validator"), "{said}");
}

fn now_millis() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}

#[test]
fn a_token_without_the_right_follows_nothing() {
    use crate::identity::{PASSWORD, as_person, done, world as with_roles};
    let world = with_roles(
        "owner = [\"user:olga\"]\ndeveloper = [\"user:dora\"]\noperator = [\"svc:replica\"]\nconsumer = [\"svc:portal\"]\n",
    );
    as_person(&world, "dora");
    let ran = world.kilter(&["run"]);
    assert_eq!(ran.exit, 0, "{}{}", ran.out, ran.err);
    as_person(&world, "root");
    done(&world, PASSWORD, &["user", "add", "root", "--admin"]);
    for service in ["svc:replica", "svc:portal"] {
        done(&world, "", &["user", "add", service, "--owner", "root"]);
    }
    done(&world, PASSWORD, &["login"]);
    export_key(&world);
    let token = |name: &str, of: &str, right: &str| {
        world.json(&["token", "create", name, "--for", of, "--right", right, "--out", name]);
        name.to_owned()
    };
    let (follows, reads, of_other) = (
        token("follows", "svc:replica", "replicate"),
        token("reads", "svc:replica", "read"),
        token("portal", "svc:portal", "predict"),
    );
    let server = Server::start(&world);
    let address = format!("http://{}", server.address);
    let follow = |token: &str| {
        vec![address.clone(), "--key".into(), "key.pub".into(), "--server-token-file".into(), token.to_owned()]
    };
    for token in [&reads, &of_other] {
        let arguments: Vec<String> =
            ["serve".to_owned(), "--port".to_owned(), "0".to_owned()].into_iter().chain(follow(token)).collect();
        let refused = world.problem(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), 5);
        assert_eq!(refused["code"], "permission_denied", "{refused}");
    }
    let arguments = follow(&follows);
    let replica = Server::serve(&world, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(version_of(&replica), "1");
    let (_, answer) = replica.ask("POST", "/v2/models/churn/infer", &rows());
    assert_eq!(ids(&answer).len(), 2);
    until("its records are taken with the same right", || check(&replica, "deliver").starts_with("true"));
}

#[test]
fn a_package_alone_is_served_with_the_approval_that_came_with_it() {
    let world = deployed("", 1);
    build(&world, "p");
    let built = world.json(&["package", "build", "churn@1", "--out", "q", "--evidence", "evidence"]);
    let statements = built["statements"].as_array().unwrap();
    assert!(statements.iter().any(|name| name == "approval.sigstore.json"), "{built}");
    let server = Server::serve(&world, &["p", "--key", "key.pub", "--evidence", "evidence", "--require-approval"]);
    assert_eq!(version_of(&server), "1");
    let refused = |arguments: &[&str]| {
        let all = [&["serve", "--port", "0", "p", "--key", "key.pub"], arguments].concat();
        world.problem(&all, 6)["detail"].as_str().unwrap().to_owned()
    };
    assert!(refused(&["--require-approval"]).contains("no signed statement of its approval"));
    let file = world.path().join("evidence/approval.sigstore.json");
    let whole = fs::read_to_string(&file).unwrap();
    fs::write(&file, forged(&whole, |it| it["predicate"]["state"] = json!("validated"))).unwrap();
    assert!(refused(&["--evidence", "evidence"]).contains("statement or signature was changed"));
    // Of another package of the same platform.
    world.write(
        "kilter.toml",
        &world.read("kilter.toml").replace("rounds=20", "rounds=30").replace("rounds=22", "rounds=30"),
    );
    assert_eq!(world.json(&["run"])["version"]["number"], 2);
    world.json(&["package", "build", "churn@2", "--evidence", "of-other"]);
    assert!(refused(&["--evidence", "of-other"]).contains("about another package"));
    // A version that was revoked is not served, though its package is as it was.
    assert_eq!(world.kilter(&["revoke", "churn@1", "--reason", "trained on returns"]).exit, 0);
    world.json(&["package", "build", "churn@1", "--evidence", "revoked"]);
    assert!(refused(&["--evidence", "revoked"]).contains("churn@1 is revoked"));
}
