//! The audit log as evidence: checkpoints, receipts, proofs, their verification by a program that shares no code with ours, and every
//! way to rewrite the database behind it.

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use kilter_storage::ObjectStorage;

use serde_json::{Value, json};

use crate::{
    World,
    contract::project,
    database::{Database, psql},
    lineage::{answer, by, two_reigns},
    object_store::prefix,
    server::Server,
};

fn verifier() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/audit_verify.py")
}

/// Exit code and text of the program that is written against the standards.
fn independently(world: &World, what: &str, file: &str, key: &str) -> (i32, String) {
    let output =
        Command::new("python3").arg(verifier()).args([what, file, "--key", key]).current_dir(world.path()).output();
    let output = output.expect("python3 is there: the tests of steps need it too");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout) + &text(output.stderr))
}

fn number_of(world: &World, action: &str) -> u64 {
    let listed = answer(world, "aud", &["audit", "list", "--limit", "1000"]);
    let found = listed["entries"].as_array().unwrap().iter().find(|entry| entry["action"] == action);
    found.unwrap_or_else(|| panic!("{action}: {listed:#}"))["seq"].as_u64().unwrap()
}

fn receipts_are_verified_offline_and_by_another_program(world: &World) {
    two_reigns(world);
    let head = answer(world, "aud", &["audit", "checkpoint", "--out", "head.txt"]);
    let key = head["keys"][0].as_str().unwrap().to_owned();
    world.write("key.txt", &format!("{key}\n"));
    let (approved, refused) = (number_of(world, "approved"), number_of(world, "deployment.request"));
    for entry in [1, approved, refused] {
        answer(world, "aud", &["audit", "prove", &entry.to_string(), "--out", "receipt.json"]);
        // Anywhere: no data folder is there.
        let (elsewhere, _) = (World::new(), ());
        fs::copy(world.path().join("receipt.json"), elsewhere.path().join("receipt.json")).unwrap();
        let proven = elsewhere.json(&["audit", "verify", "--receipt", "receipt.json", "--key", &key]);
        assert_eq!((&proven["valid"], &proven["seq"]), (&json!(true), &json!(entry)), "{proven}");
        assert!(!elsewhere.path().join(".kilter").exists());
        let (exit, said) = independently(world, "receipt", "receipt.json", "key.txt");
        assert!(exit == 0 && said.contains(&format!("entry {entry} of")), "{said}");
    }
    assert_eq!(independently(world, "checkpoint", "head.txt", &key).0, 0);

    let receipt: Value = serde_json::from_str(&world.read("receipt.json")).unwrap();
    let text = |name: &str| receipt[name].as_str().unwrap().to_owned();
    let other_index = text("proof").replacen("index ", "index 1", 1);
    for (name, changed) in [
        ("entry", text("entry").replace("user:olga", "user:eve")),
        ("proof", other_index),
        ("proof", text("proof").replacen("kilter/", "kilter/0", 1)),
        ("format", "kilter-receipt/9".to_owned()),
    ] {
        let mut bent = receipt.clone();
        assert_ne!(bent[name], json!(changed), "{name}");
        bent[name] = json!(changed);
        world.write("bent.json", &bent.to_string());
        let (exit, said) = by(world, "aud", &["audit", "verify", "--receipt", "bent.json", "--key", &key]);
        assert_eq!(exit, 3, "{name}: {said}");
        assert_eq!(independently(world, "receipt", "bent.json", "key.txt").0, 1, "{name}");
    }
    let foreign = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    assert_eq!(by(world, "aud", &["audit", "verify", "--receipt", "receipt.json", "--key", foreign]).0, 3);
    assert_eq!(independently(world, "receipt", "receipt.json", foreign).0, 1);
    assert_eq!(by(world, "aud", &["audit", "verify", "--receipt", "receipt.json"]).0, 2, "a key is needed");

    let sizes: Vec<u64> = stored_sizes(world);
    assert!(sizes.len() >= 3, "a checkpoint after each act: {sizes:?}");
    let (from, to) = (sizes[0].to_string(), sizes[sizes.len() - 1].to_string());
    answer(world, "aud", &["audit", "consistency", &from, &to, "--out", "grown.json"]);
    assert_eq!(independently(world, "consistency", "grown.json", &key).0, 0);
    let mut grown: Value = serde_json::from_str(&world.read("grown.json")).unwrap();
    grown["hashes"].as_array_mut().unwrap().pop();
    world.write("grown.json", &grown.to_string());
    assert_eq!(independently(world, "consistency", "grown.json", &key).0, 1);
}

/// The sizes of checkpoints that have a consistency proof with signed notes on both sides.
fn stored_sizes(world: &World) -> Vec<u64> {
    let newest = answer(world, "aud", &["audit", "checkpoint"])["checkpoint"]["size"].as_u64().unwrap();
    let has_note = |size: &u64| {
        let proof = answer(world, "aud", &["audit", "consistency", &size.to_string(), "--out", "proof.json"]);
        proof["proof"]["from_checkpoint"].is_string()
    };
    (1..=newest).filter(has_note).collect()
}

#[test]
fn a_stranger_with_the_public_key_verifies_receipts_checkpoints_and_growth() {
    receipts_are_verified_offline_and_by_another_program(&project("0.55"));
    if let Some(database) = Database::new() {
        let world = project("0.55");
        world.set_database(&database.url());
        receipts_are_verified_offline_and_by_another_program(&world);
    }
}

/// A platform whose database someone with all rights rewrites again and again.
struct Victim {
    world: World,
    database: Option<Database>,
}

/// SQL with functions of an attacker: `node(l, r)`, `leaf(body)`, `swap(body, old, new)`.
pub const SQLITE: &str = r#"
import hashlib, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
sha = lambda data: hashlib.sha256(data).digest()
db.create_function("node", 2, lambda l, r: sha(b"\x01" + l + r))
db.create_function("leaf_of", 1, lambda body: sha(b"\x00" + body))
db.create_function("swap", 3, lambda body, old, new: body.replace(old.encode(), new.encode()))
db.execute("PRAGMA foreign_keys = OFF")
triggers = db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
for name, _ in triggers:
    db.execute(f"DROP TRIGGER {name}")
for statement in sys.argv[2].split(";"):
    db.execute(statement)
for _, sql in triggers:
    db.execute(sql)
"#;

const POSTGRES: &str = r"
SET session_replication_role = replica;
CREATE FUNCTION pg_temp.node(l bytea, r bytea) RETURNS bytea LANGUAGE sql AS $$ SELECT sha256('\x01'::bytea || l || r) $$;
CREATE FUNCTION pg_temp.leaf_of(body bytea) RETURNS bytea LANGUAGE sql AS $$ SELECT sha256('\x00'::bytea || body) $$;
CREATE FUNCTION pg_temp.swap(body bytea, old text, new text) RETURNS bytea LANGUAGE sql AS
    $$ SELECT convert_to(replace(convert_from(body, 'UTF8'), old, new), 'UTF8') $$;
";

impl Victim {
    fn new(database: Option<Database>) -> Self {
        let world = project("0.55");
        if let Some(database) = &database {
            world.set_database(&database.url());
        }
        Self { world, database }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.world.path().join(".kilter").join(name)
    }

    /// Keeps the database as it is under a name.
    fn keep(&self, name: &str) {
        match &self.database {
            None => drop(fs::copy(self.file("kilter.db"), self.file(name)).unwrap()),
            Some(database) => database.copy_to(name),
        }
    }

    /// Puts a database back that was kept.
    fn put_back(&self, name: &str) {
        match &self.database {
            None => {
                for rest in ["kilter.db-wal", "kilter.db-shm"] {
                    let _ = fs::remove_file(self.file(rest));
                }
                fs::copy(self.file(name), self.file("kilter.db")).unwrap();
            }
            Some(database) => database.put_back(name),
        }
    }

    fn attack(&self, sql: &str) {
        match &self.database {
            None => {
                let file = self.file("kilter.db");
                let output = Command::new("python3").args(["-c", SQLITE]).arg(file).arg(sql).output().unwrap();
                assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
            }
            Some(database) => {
                let ours = ["node(", "leaf_of(", "swap("]
                    .iter()
                    .fold(sql.to_owned(), |sql, name| sql.replace(name, &format!("pg_temp.{name}")));
                psql(&database.url(), &format!("{POSTGRES}{ours}"));
            }
        }
    }

    /// What `verify` says after an attack, and the database as it was before.
    fn found_after(&self, sql: &str, given: &[&str]) -> Vec<String> {
        self.attack(sql);
        let found = self.verify(given);
        self.put_back("sound");
        found
    }

    fn verify(&self, given: &[&str]) -> Vec<String> {
        let (exit, said) = by(&self.world, "aud", &[&["audit", "verify", "--json"], given].concat());
        let check: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
        let errors: Vec<String> =
            check["errors"].as_array().unwrap().iter().map(|error| error.as_str().unwrap().to_owned()).collect();
        assert_eq!(exit, if errors.is_empty() { 0 } else { 3 }, "{said}");
        errors
    }
}

/// Computes every subtree again, as someone would who changed leaves.
fn recomputed(levels: u32) -> String {
    let mut sql = "UPDATE audit SET leaf = leaf_of(body)".to_owned();
    for level in 1..=levels {
        let below = |seq: String| match level {
            1 => format!("(SELECT leaf FROM audit WHERE audit.seq = {seq})"),
            _ => format!(
                "(SELECT below.hash FROM audit_node AS below WHERE below.seq = {seq} AND below.level = {})",
                level - 1
            ),
        };
        let (left, right) =
            (below(format!("audit_node.seq - {}", 1u64 << (level - 1))), below("audit_node.seq".to_owned()));
        sql += &format!(";UPDATE audit_node SET hash = node({left}, {right}) WHERE level = {level}");
    }
    sql
}

fn every_way_to_rewrite_the_database_is_found(database: Option<Database>) {
    let victim = Victim::new(database);
    let world = &victim.world;
    two_reigns(world);
    answer(world, "aud", &["audit", "checkpoint", "--out", "old.txt"]);
    victim.keep("older");
    assert_eq!(by(world, "olga", &["rollback", "--reason", "complaints"]).0, 0);
    let entries = answer(world, "aud", &["audit", "list", "--limit", "1"])["entries"][0]["seq"].as_u64().unwrap();
    victim.keep("sound");
    assert_eq!(victim.verify(&["--checkpoint", "old.txt"]), Vec::<String>::new());
    let has =
        |found: &[String], part: &str| assert!(found.iter().any(|error| error.contains(part)), "{part}: {found:#?}");

    // One row of the log.
    let found = victim.found_after("UPDATE audit SET actor = 'user:eve' WHERE action = 'approved'", &[]);
    has(&found, "its columns do not say what its body says");
    // The row, its body and every hash above it.
    let rewrite = format!(
        "UPDATE audit SET actor = 'user:eve', body = swap(body, 'user:vera', 'user:eve') WHERE action = 'approved';{}",
        recomputed(10)
    );
    let found = victim.found_after(&rewrite, &[]);
    has(&found, "the checkpoint of the database over");
    has(&found, "the checkpoint of the data folder over");
    has(&found, "the log has another root over them");
    assert!(!found.iter().any(|error| error.contains("do not say")), "the log agrees with itself: {found:#?}");
    // The same, and the checkpoints of database and data folder are gone.
    let known = fs::read(victim.file("newest-checkpoint")).unwrap();
    fs::remove_file(victim.file("newest-checkpoint")).unwrap();
    let forgotten = format!("{rewrite};DELETE FROM audit_checkpoint");
    let found = victim.found_after(&forgotten, &["--checkpoint", "old.txt"]);
    has(&found, "the checkpoint that was given over");
    assert_eq!(found.len(), 1, "only who kept a checkpoint elsewhere knows: {found:#?}");
    fs::write(victim.file("newest-checkpoint"), b"\xff torn").unwrap();
    has(&victim.verify(&[]), "the checkpoint of the data folder over 0 entries: it is no signed note");
    fs::write(victim.file("newest-checkpoint"), known).unwrap();
    // The last entry, with what it wrote.
    let shorter = format!(
        "DELETE FROM audit_node WHERE seq = {entries};DELETE FROM audit_reason WHERE seq = {entries};DELETE FROM audit WHERE seq = {entries}"
    );
    has(&victim.found_after(&shorter, &[]), "entries were removed from its end, or the database is an older copy");
    // The whole database.
    victim.put_back("older");
    let found = victim.verify(&[]);
    has(&found, "the checkpoint of the data folder over");
    has(&found, "entries were removed from its end, or the database is an older copy");
    // Nothing is signed over it, though acts go on.
    let (exit, said) = by(world, "aud", &["audit", "prove", "1", "--json"]);
    assert_eq!(exit, 0, "its checkpoint is there: {said}");
    assert_eq!(by(world, "olga", &["rollback", "--reason", "again"]).0, 0);
    let newest = answer(world, "aud", &["audit", "list", "--limit", "1"])["entries"][0]["seq"].to_string();
    let (exit, said) = by(world, "aud", &["audit", "prove", &newest, "--json"]);
    assert!(exit == 6 && said.contains("no checkpoint is signed over an audit log that was changed"), "{said}");
    victim.put_back("sound");
    // A checkpoint of the database.
    let found = victim.found_after("UPDATE audit_checkpoint SET note = replace(note, 'kilter/', 'kilter/0')", &[]);
    has(&found, "it is of the log `kilter/0");
    // The states beside the log: live version, contract, gate result, its evidence, an approval.
    for (sql, part) in [
        ("UPDATE deployment SET number = 2 WHERE number = 1", "table `deployment`"),
        ("UPDATE contract SET text = replace(text, '0.55', '0.05')", "table `contract`"),
        ("UPDATE verdict SET outcome = 'failed'", "table `verdict`"),
        ("UPDATE verdict SET evidence = replace(evidence, 'auc', 'acc')", "table `verdict`"),
        ("UPDATE approval SET by = 'user:eve'", "table `approval`"),
        ("UPDATE model_version SET metrics = '{}'", "table `model_version`"),
        ("UPDATE signing_key SET state = 'revoked', ended = 1 WHERE purpose = 'checkpoint'", "table `signing_key`"),
    ] {
        has(&victim.found_after(sql, &[]), part);
    }
    assert_eq!(victim.verify(&["--checkpoint", "old.txt"]), Vec::<String>::new(), "the victim is as it was");
}

#[test]
fn every_way_to_rewrite_a_database_in_a_file_is_found_and_which_check_says_so() {
    every_way_to_rewrite_the_database_is_found(None);
}

#[test]
fn every_way_to_rewrite_a_database_on_a_server_is_found_and_which_check_says_so() {
    if let Some(database) = Database::new() {
        every_way_to_rewrite_the_database_is_found(Some(database));
    }
}

#[test]
fn a_reason_is_erased_with_an_entry_and_everything_still_verifies() {
    let world = project("0.55");
    two_reigns(&world);
    let entry = number_of(&world, "approved").to_string();
    answer(&world, "aud", &["audit", "prove", &entry, "--out", "before.json"]);
    assert_eq!(by(&world, "aud", &["audit", "erase", &entry, "--reason", "asked for"]).0, 5, "an auditor does not");
    let erased = answer(&world, "ida", &["audit", "erase", &entry, "--reason", "asked for"]);
    assert_eq!((&erased["is_reason_erased"], &erased["entry"]["reason"]), (&json!(true), &Value::Null), "{erased:#}");
    assert_eq!(by(&world, "ida", &["audit", "erase", &entry, "--reason", "again"]).0, 6);
    assert_eq!(by(&world, "ida", &["audit", "erase", "9999", "--reason", "none"]).0, 4);
    assert_eq!(answer(&world, "aud", &["audit", "verify"])["valid"], true);
    answer(&world, "aud", &["audit", "prove", &entry, "--out", "after.json"]);
    let key = answer(&world, "aud", &["audit", "checkpoint"])["keys"][0].as_str().unwrap().to_owned();
    for receipt in ["before.json", "after.json"] {
        assert_eq!(world.json(&["audit", "verify", "--receipt", receipt, "--key", &key])["valid"], true, "{receipt}");
        assert_eq!(independently(&world, "receipt", receipt, &key).0, 0, "{receipt}");
    }
    let after: Value = serde_json::from_str(&world.read("after.json")).unwrap();
    assert!(after.get("reason").is_none(), "{after}");
    let shown = answer(&world, "aud", &["audit", "show", &number_of(&world, "reason.erase").to_string()]);
    assert_eq!((&shown["entry"]["actor"], &shown["entry"]["reason"]), (&json!("user:ida"), &json!("asked for")));
}

/// Answers one POST after another, and keeps the bodies.
fn webhook() -> (String, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/secret-path?token=t", listener.local_addr().unwrap());
    let kept = thread::spawn(move || {
        let mut bodies = Vec::new();
        for stream in listener.incoming() {
            let (mut stream, mut text) = (stream.unwrap(), String::new());
            let mut bytes = [0; 4096];
            loop {
                let read = stream.read(&mut bytes).unwrap();
                text.push_str(&String::from_utf8_lossy(&bytes[..read]));
                let length = text
                    .split("content-length: ")
                    .nth(1)
                    .and_then(|rest| rest.lines().next()?.trim().parse::<usize>().ok());
                let body = text.split_once("\r\n\r\n").map(|(_, body)| body.len());
                if read == 0 || body.zip(length).is_some_and(|(body, length)| body >= length) {
                    break;
                }
            }
            stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").unwrap();
            if text.starts_with("GET") {
                break;
            }
            bodies.push(text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default());
        }
        bodies
    });
    (address, kept)
}

#[test]
fn checkpoints_are_published_to_every_place_and_one_that_fails_is_shown_and_catches_up() {
    let world = project("0.55");
    let git = |arguments: &[&str]| {
        let done = Command::new("git").args(arguments).current_dir(world.path()).output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    };
    git(&["init", "--quiet", "--bare", "remote.git"]);
    git(&["init", "--quiet", "--bare", "evidence.git"]);
    let path = |name: &str| world.path().join(name).display().to_string();
    git(&["-C", "evidence.git", "remote", "add", "origin", &path("remote.git")]);
    let (address, kept) = webhook();
    let places = [
        format!("file:{}", path("checkpoints.txt")),
        format!("git:{}", path("evidence.git")),
        address.clone(),
        format!("file:{}", path("missing/checkpoints.txt")),
    ];
    world.write("kilter-server.toml", &format!("[audit]\npublish = {}\n", json!(places)));
    two_reigns(&world);
    let head = answer(&world, "aud", &["audit", "checkpoint"]);
    let states = head["places"].as_array().unwrap();
    assert_eq!(states.len(), 4, "{head:#}");
    for state in states {
        let place = state["place"].as_str().unwrap();
        assert!(!place.contains("secret"), "{place}");
        let is_missing = place.contains("missing");
        assert_eq!(
            (state["is_current"] == json!(true), state["error"].is_string()),
            (!is_missing, is_missing),
            "{state:#}"
        );
    }
    let doctor = by(&world, "aud", &["doctor", "--port", "0"]).1;
    assert!(
        doctor.contains("checkpoints: file:") && doctor.contains("missing/checkpoints.txt fails since"),
        "{doctor}"
    );

    let newest = head["checkpoint"]["note"].as_str().unwrap();
    assert!(world.read("checkpoints.txt").ends_with(newest));
    let tags = git(&["-C", "remote.git", "tag", "--list"]);
    assert!(tags.lines().count() >= 3, "{tags}");
    let last = tags.lines().last().unwrap();
    assert_eq!(git(&["-C", "remote.git", "cat-file", "blob", &format!("{last}^{{}}")]), newest);

    // A place that is there again has the next checkpoint.
    fs::create_dir(world.path().join("missing")).unwrap();
    assert_eq!(by(&world, "olga", &["rollback", "--reason", "complaints"]).0, 0);
    let head = answer(&world, "aud", &["audit", "checkpoint"]);
    assert!(head["places"].as_array().unwrap().iter().all(|state| state["is_current"] == json!(true)), "{head:#}");
    // A file of them is what `verify` takes, and the places are read back.
    assert_eq!(answer(&world, "aud", &["audit", "verify", "--checkpoint", "checkpoints.txt"])["valid"], true);
    let torn = world.read("checkpoints.txt").replace("kilter/", "kilter/0");
    world.write("checkpoints.txt", &torn);
    let (exit, said) = by(&world, "aud", &["audit", "verify"]);
    assert!(exit == 3 && said.contains("the checkpoint at file:"), "{said}");
    fs::remove_file(world.path().join("checkpoints.txt")).unwrap();
    fs::create_dir(world.path().join("checkpoints.txt")).unwrap();
    let (exit, said) = by(&world, "aud", &["audit", "verify"]);
    assert!(exit == 3 && said.contains("the place cannot be read: "), "{said}");
    fs::remove_dir(world.path().join("checkpoints.txt")).unwrap();
    world.write("checkpoints.txt", "nothing to see here\n");
    assert!(by(&world, "aud", &["audit", "verify"]).1.contains("what is there is no checkpoint"));

    let host = address.split("//").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let bodies = kept.join().unwrap();
    assert!(bodies.len() >= 3 && bodies.last().unwrap().starts_with("kilter/"), "{bodies:?}");
}

#[test]
fn an_object_store_gets_an_object_for_each_checkpoint_and_none_is_replaced() {
    let Some(storage) = prefix() else { return };
    let world = project("0.55");
    world.write("kilter-server.toml", &format!("[audit]\npublish = [{}]\n", json!(storage)));
    two_reigns(&world);
    let head = answer(&world, "aud", &["audit", "checkpoint"]);
    assert_eq!(head["places"][0]["is_current"], true, "{head:#}");
    assert_eq!(answer(&world, "aud", &["audit", "verify"])["valid"], true, "read back from there too");
    let bucket = ObjectStorage::open(&storage.parse().unwrap()).unwrap();
    let objects = bucket.list("checkpoints").unwrap();
    assert!(objects.len() >= 3, "{objects:?}");
    // Something else is in the place of the next checkpoint: it stays, and the place fails.
    let size = head["checkpoint"]["size"].as_u64().unwrap();
    for next in 1..40 {
        bucket.create(&format!("checkpoints/{:012}.txt", size + next), b"theirs".to_vec()).unwrap();
    }
    assert_eq!(by(&world, "olga", &["rollback", "--reason", "complaints"]).0, 0);
    let head = answer(&world, "aud", &["audit", "checkpoint"]);
    assert!(head["places"][0]["error"].as_str().unwrap().contains("another checkpoint"), "{head:#}");
}

#[test]
fn a_server_signs_after_each_act_and_whoever_asks_finds_the_head_signed() {
    let world = project("0.55");
    two_reigns(&world);
    let server = Server::start(&world);
    assert_eq!(by(&world, "olga", &["rollback", "--reason", "complaints"]).0, 0);
    let entries = answer(&world, "aud", &["audit", "list", "--limit", "1"])["entries"][0]["seq"].as_u64().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let signed = answer(&world, "aud", &["audit", "checkpoint"])["checkpoint"]["size"].as_u64().unwrap();
        if signed >= entries {
            break;
        }
        assert!(Instant::now() < deadline, "{signed} of {entries}");
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(answer(&world, "aud", &["audit", "verify"])["valid"], true);
    server.signal("-TERM");
    assert_eq!(server.wait(), Some(0));
}

#[test]
fn a_place_that_is_none_is_refused_without_its_secrets() {
    let world = project("0.55");
    for place in ["relative.txt", "file:relative.txt", "ftp://user:pass@host/x", "git:", "s3:"] {
        let (exit, said) = by(&world, "aud", &["audit", "list", "--audit-publish", place]);
        assert!(exit == 2 && said.contains("no place for checkpoints"), "{place}: {said}");
    }
}
