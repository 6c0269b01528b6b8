//! Identity and events with two servers on one database: a token that one revokes is refused by the other, and an event is sent once.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    World,
    database::Database,
    events::{PATIENCE, Receiver, SECRET, wait_for_look},
    object_store::prefix,
    openid::ask,
    server::Server,
};

/// Two servers with a data folder each, whose events go to a receiver. `None` where there is no database or no object store.
fn two_servers(receiver: &Receiver) -> Option<(World, Database, [Server; 2])> {
    let (database, storage) = (Database::new()?, prefix()?);
    let world = World::new();
    world.set_database(&database.url());
    world.set_variable("KILTER_STORAGE", &storage);
    world.set_variable("XDG_CONFIG_HOME", world.path().join("home").to_str().unwrap());
    world.write("secret", SECRET);
    world.write("password", "correct horse battery");
    let webhook = format!("webhook = [\"pager={}\"]\nwebhook_secret_file = [\"pager=secret\"]", receiver.address);
    world.write("kilter-server.toml", &format!("[server]\n{webhook}\n"));
    let servers = ["one", "two"].map(|folder| Server::start_on(&world, folder));
    servers.iter().for_each(wait_for_look);
    Some((world, database, servers))
}

fn done(world: &World, arguments: &[&str]) -> String {
    let output = world.kilter(arguments);
    assert_eq!(output.exit, 0, "{arguments:?}: {}{}", output.out, output.err);
    output.out
}

/// How long it took until a server answers a token with this status.
fn answered_after(server: &Server, token: &str, status: u16) -> Duration {
    let began = Instant::now();
    while ask(server, token, "/api/v1/whoami").0 != status {
        assert!(began.elapsed() < Duration::from_secs(20), "{status} does not come");
        thread::sleep(Duration::from_millis(5));
    }
    began.elapsed()
}

#[test]
fn a_token_that_one_server_revokes_is_refused_by_the_other_within_seconds() {
    let receiver = Receiver::start(&[200]);
    let Some((world, _database, [one, two])) = two_servers(&receiver) else { return };
    done(&world, &["user", "add", "ana", "--admin", "--password-file", "password", "--data", "one"]);
    done(&world, &["user", "add", "svc:ci", "--owner", "ana", "--data", "two"]);
    done(&world, &["token", "create", "nightly", "--for", "svc:ci", "--out", "ci.token", "--data", "one"]);
    let token = world.read("ci.token").trim().to_owned();
    answered_after(&one, &token, 200);
    let followed = answered_after(&two, &token, 200);
    let listed: Value = serde_json::from_str(&done(&world, &["token", "list", "--json", "--data", "one"])).unwrap();
    let id = listed["tokens"][0]["id"].as_str().unwrap_or_else(|| panic!("{listed}")).to_owned();
    done(&world, &["token", "revoke", &id, "--data", "one"]);
    assert_eq!(ask(&one, &token, "/api/v1/whoami").0, 401, "at once where it was revoked");
    let revoked = answered_after(&two, &token, 401);
    // A person whose account is disabled at the other server is nobody here.
    done(&world, &["token", "create", "weekly", "--for", "svc:ci", "--out", "second.token", "--data", "two"]);
    let token = world.read("second.token").trim().to_owned();
    answered_after(&one, &token, 200);
    done(&world, &["user", "disable", "svc:ci", "--data", "two"]);
    let disabled = answered_after(&one, &token, 401);
    eprintln!(
        "followed by the other server: a token after {followed:?}, revoked after {revoked:?}, disabled after {disabled:?}"
    );
    for (what, took) in [("revoked", revoked), ("disabled", disabled)] {
        assert!(took < Duration::from_secs(3), "{what} after {took:?}");
    }
}

#[test]
fn an_event_is_sent_once_by_one_of_two_servers_and_by_the_other_when_that_one_is_gone() {
    let receiver = Receiver::start(&[200]);
    let Some((world, _database, [one, two])) = two_servers(&receiver) else { return };
    let add = |numbers: std::ops::Range<u32>, folder: &str| {
        for number in numbers {
            done(&world, &["user", "add", &format!("svc:p{number}"), "--owner", "ana", "--data", folder]);
        }
    };
    // How often each account was sent; a key that was registered meanwhile is an event too.
    let sent = || {
        let mut counts = BTreeMap::<String, usize>::new();
        for event in receiver.all().iter().map(crate::events::Received::event) {
            let subject = event["subject"].as_str().unwrap().to_owned();
            if subject.starts_with("account:") {
                *counts.entry(subject).or_default() += 1;
            }
        }
        counts
    };
    let sent_once = |accounts: usize| {
        let end = Instant::now() + PATIENCE;
        while sent().len() < accounts && Instant::now() < end {
            thread::sleep(Duration::from_millis(20));
        }
        thread::sleep(Duration::from_secs(1));
        let counts = sent();
        assert!(counts.len() == accounts && counts.values().all(|count| *count == 1), "{accounts}: {counts:?}");
    };
    thread::scope(|scope| {
        scope.spawn(|| add(0..6, "one"));
        scope.spawn(|| add(6..12, "two"));
    });
    sent_once(12);
    // Whichever of them sends: one ends, and what the other does is sent.
    one.signal("-KILL");
    add(12..14, "two");
    sent_once(14);
    drop(two);
}
