//! `kilter-server.toml`: settings of the server and of the commands on its data folder, behind the command line and the
//! environment.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::Value;

use crate::{World, server::Server};

/// A world with the file, readable by its owner alone.
fn world(settings: &str) -> World {
    let world = World::new();
    let path = world.write("kilter-server.toml", settings);
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    world
}

/// The exit code and the problem of a command that fails.
fn problem(world: &World, arguments: &[&str]) -> (i32, Value) {
    let done = world.command(arguments).arg("--json").output().unwrap();
    (done.status.code().unwrap(), serde_json::from_slice(&done.stderr).unwrap())
}

#[test]
fn the_example_of_the_page_is_understood() {
    let page = include_str!("../../../../docs/reference/server-file.md");
    let (_, rest) = page.split_once("```toml\n").unwrap();
    let world = world(rest.split_once("```").unwrap().0);
    let (_, problem) = problem(&world, &["server", "--port", "0", "--database-file", "nowhere.txt"]);
    assert!(problem["detail"].as_str().unwrap().contains("nowhere.txt"), "the command line wins: {problem}");
    let (_, problem) = self::problem(&world, &["server"]);
    assert!(problem["detail"].as_str().unwrap().contains("/etc/kilter/database"), "{problem}");
}

#[test]
fn a_server_takes_what_nobody_else_says() {
    let refusing = world("[server]\nhost = \"192.0.2.1\"\n");
    let (_, refused) = problem(&refusing, &["server", "--port", "0"]);
    assert!(refused["detail"].as_str().unwrap().contains("192.0.2.1"), "{refused}");
    let world = world("[server]\ndata = \"state\"\n");
    drop(Server::start_with(&world, "KILTER_DATA=elsewhere"));
    assert!(world.path().join("elsewhere/kilter.db").exists(), "the environment wins");
    drop(Server::start(&world));
    assert!(world.path().join("state/kilter.db").exists());
    let found = world.json(&["doctor"]);
    assert!(found.to_string().contains("`state` can be written"), "the folder of the file is examined: {found}");
}

#[test]
fn commands_on_the_folder_of_a_server_need_no_token_of_it() {
    let world = world("[server]\ndata = \"state\"\ntoken_file = \"token\"\n");
    world.write("token", "a-token-of-at-least-sixteen-characters\n");
    fs::set_permissions(world.path().join("token"), fs::Permissions::from_mode(0o600)).unwrap();
    let server = Server::start(&world);
    world.json(&["status"]);
    let (_, refused) = problem(&world, &["status", "--server", &format!("http://{}", server.address)]);
    assert_eq!(refused["code"], "token_missing", "{refused}");
}

#[test]
fn the_address_of_a_database_is_taken_from_one_place() {
    let world = world("[server]\ndatabase = \"postgres://ana:secret@127.0.0.1:1/kilter\"\n");
    let (_, of_file) = problem(&world, &["server", "--port", "0"]);
    assert!(of_file["detail"].as_str().unwrap().contains("postgres://127.0.0.1:1/kilter"), "{of_file}");
    assert!(!of_file.to_string().contains("secret"));
    world.write("address", "postgres://ana:secret@127.0.0.1:2/kilter");
    let (_, given) = problem(&world, &["server", "--port", "0", "--database-file", "address"]);
    assert!(given["detail"].as_str().unwrap().contains("postgres://127.0.0.1:2/kilter"), "{given}");
    let done =
        world.command(&["server", "--port", "0", "--json"]).env("KILTER_DATABASE_FILE", "address").output().unwrap();
    assert!(String::from_utf8_lossy(&done.stderr).contains("127.0.0.1:2/"), "the environment wins too");
}

#[test]
fn a_password_that_others_can_read_is_refused() {
    let world = world("[server]\ndatabase = \"postgres://ana:secret@127.0.0.1:1/kilter\"\n");
    let path = world.path().join("kilter-server.toml");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let (_, refused) = problem(&world, &["server", "--port", "0"]);
    assert!(refused["detail"].as_str().unwrap().contains("others on this machine can read it"), "{refused}");
    world.write("kilter-server.toml", "[server]\ndatabase = \"postgres://ana@127.0.0.1:1/kilter\"\n");
    let (_, unavailable) = problem(&world, &["server", "--port", "0"]);
    assert_eq!(unavailable["code"], "database_unavailable", "{unavailable}");
}

#[test]
fn what_no_option_is_called_is_refused_with_the_nearest_name() {
    for (settings, expected) in [
        ("[server]\nmax_bodi = \"1MiB\"\n", "did you mean `max_body`?"),
        ("[server]\nallow_remote = \"yes\"\n", "`allow_remote` is not true or false"),
        ("[server]\nallowed_host = [1.5]\n", "`allowed_host` is not a list of texts"),
        ("[server]\nport = [1]\n", "`port` is not a text or a whole number"),
        ("port = 1\n", "outside of [server]"),
        ("server = 1\n", "no section"),
        ("[server\n", "TOML parse error"),
    ] {
        let world = world(settings);
        let (exit, refused) = problem(&world, &["server", "--port", "0"]);
        assert!(refused["detail"].as_str().unwrap().contains(expected), "{settings}: {refused}");
        assert!(exit != 0);
        assert_eq!(world.command(&["schema"]).output().unwrap().status.code(), Some(0), "it is not theirs");
    }
    let world = World::new();
    for arguments in [
        ["server", "--config", "nowhere.toml", "--quiet"].as_slice(),
        ["--quiet", "server", "--config=nowhere.toml"].as_slice(),
    ] {
        let (_, missing) = problem(&world, arguments);
        assert!(missing["detail"].as_str().unwrap().contains("nowhere.toml"), "{missing}");
    }
}
