//! Packages to a registry and back, as a person types it. What a registry may do wrong is tested with the client.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{World, contract::project, server::Server};

/// Docker's registry, in a folder of its own.
pub struct Registry {
    _folder: tempfile::TempDir,
    child: Child,
    pub port: u16,
}

impl Registry {
    /// `None`, and a word about it, where the program is not installed.
    pub fn start() -> Option<Self> {
        let program = "/usr/bin/docker-registry";
        if !fs::exists(program).unwrap() {
            println!("skipped: there is no docker-registry (Debian: docker-registry; ./test installs it)");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n",
            folder.path().join("data").display()
        );
        let path = folder.path().join("config.yml");
        fs::write(&path, config).unwrap();
        let child =
            Command::new(program).arg("serve").arg(&path).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let until = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(Instant::now() < until, "the registry did not become ready");
            thread::sleep(Duration::from_millis(20));
        }
        Some(Self { _folder: folder, child, port })
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

fn package(world: &World) {
    world.write("churn-7/package.json", "{\"schema\": 3, \"model\": \"churn\"}");
    world.write("churn-7/model/model.onnx", "weights");
    world.write("churn-7/model.sig", "{}");
}

#[test]
fn a_package_goes_to_a_registry_and_comes_back() {
    let Some(registry) = Registry::start() else { return };
    let world = World::new();
    package(&world);
    let address = format!("oci://127.0.0.1:{}/models/churn:7", registry.port);
    let pushed = world.kilter(&["package", "push", "churn-7", &address]);
    assert_eq!(pushed.exit, 0, "{}{}", pushed.out, pushed.err);
    assert!(pushed.out.starts_with(&format!("✓ 2 files are at {address}\n")), "{}", pushed.out);
    assert!(pushed.out.contains("pull it by its digest: kilter package pull oci://"), "{}", pushed.out);
    world.write("statements/gate.intoto.json", "{\"passed\": true}");
    let again = world.json(&["package", "push", "churn-7", &address, "--evidence", "statements"]);
    assert_eq!((&again["sent_bytes"], &again["attachments"]), (&0.into(), &2.into()));
    let pulled = world.json(&["package", "pull", &address, "--out", "there"]);
    assert_eq!((&pulled["files"], &pulled["is_signed"]), (&2.into(), &true.into()));
    assert_eq!(world.read("there/model/model.onnx"), "weights");
    assert_eq!(world.read("there.attachments/gate.intoto.json"), "{\"passed\": true}");
    let exists = world.problem(&["package", "pull", &address, "--out", "there"], 6);
    assert_eq!(exists["code"], "file_exists");
    let missing = world.problem(&["package", "pull", &address.replace(":7", ":8"), "--out", "other"], 4);
    assert_eq!(missing["code"], "not_found");
}

#[test]
fn what_is_wrong_with_a_registry_is_said_with_its_code() {
    let world = World::new();
    package(&world);
    let address = format!("oci://127.0.0.1:{}/models/churn:7", free_port());
    let away = world.problem(&["package", "push", "churn-7", &address], 7);
    assert_eq!(away["code"], "registry_unavailable");
    let wrong = world.problem(&["package", "pull", "registry.example/churn", "--out", "there"], 2);
    assert_eq!(wrong["code"], "usage_invalid");
    let empty = world.problem(&["package", "push", "nowhere", &address], 4);
    assert!(empty["detail"].as_str().unwrap().contains("nowhere"), "{empty}");
}

#[test]
fn an_approved_version_goes_by_itself_to_the_registry_that_its_contract_names() {
    let Some(registry) = Registry::start() else { return };
    let world = project("0.55");
    let text =
        world.read("kilter.toml").replace("[package]", "[package]\npush = \"oci://127.0.0.1:${PORT}/models/churn\"");
    world.write("kilter.toml", &text);
    world.set_variable("PORT", &registry.port.to_string());
    let _server = Server::start(&world);
    assert_eq!(world.kilter(&["run"]).exit, 0);
    let address = format!("oci://127.0.0.1:{}/models/churn:1", registry.port);
    let mut pulled = world.kilter(&["package", "pull", &address, "--out", "there"]);
    for _ in 0..300 {
        if pulled.exit == 0 {
            break;
        }
        thread::sleep(Duration::from_millis(100));
        pulled = world.kilter(&["package", "pull", &address, "--out", "there"]);
    }
    assert_eq!(pulled.exit, 0, "{}{}", pulled.out, pulled.err);
    // What came is what was signed.
    assert!(world.path().join("there/model.sig").is_file());
    assert_eq!(world.kilter(&["package", "verify", "there"]).exit, 0);
    let entries = || world.json(&["audit", "list"]);
    let is_noted = |entries: &serde_json::Value| entries.to_string().contains("package.push");
    crate::runs::wait_for(entries, is_noted);
    // The same version by hand, while the server has the data folder: there is nothing to send.
    let again = world.json(&["package", "push", "churn@1", &address]);
    assert_eq!(again["sent_bytes"], 0);
}

#[test]
fn what_was_pulled_verifies_with_the_public_key_alone_and_a_changed_byte_is_found() {
    let Some(registry) = Registry::start() else { return };
    let world = project("0.55");
    let contract = world.read("kilter.toml");
    world.write(
        "kilter.toml",
        &contract.replace("[package]\n", "[package]\nsample = { from = \"split.test\", rows = 20 }\n"),
    );
    assert_eq!(world.kilter(&["run"]).exit, 0);
    let address = format!("oci://127.0.0.1:{}/models/churn:1", registry.port);
    assert_eq!(world.json(&["package", "push", "churn@1", &address])["attachments"], 1);
    let key = world.json(&["key", "list"])["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["purpose"] == "package")
        .cloned();
    let id = key.unwrap()["id"].as_str().unwrap().to_owned();
    // Another machine: it has the address and the public key, and neither the project nor its data folder.
    let elsewhere = World::new();
    let public = elsewhere.path().join("key.pub").display().to_string();
    assert_eq!(world.kilter(&["key", "export", &id, "--out", &public]).exit, 0);
    assert_eq!(elsewhere.json(&["package", "pull", &address, "--out", "there"])["is_signed"], true);
    let verified = elsewhere.json(&["package", "verify", "there", "--key", "key.pub"]);
    let results: Vec<_> = verified["checks"].as_array().unwrap().iter().map(|check| check["result"].clone()).collect();
    assert_eq!((&verified["valid"], results), (&true.into(), vec![serde_json::Value::from("passed"); 3]), "{verified}");
    for path in ["model/model.onnx", "package.json", "model.sig"] {
        let place = elsewhere.path().join("there").join(path);
        let as_it_came = fs::read(&place).unwrap();
        let mut changed = as_it_came.clone();
        let at = changed.len() / 2;
        changed[at] ^= 1;
        fs::write(&place, changed).unwrap();
        let refused = elsewhere.kilter(&["package", "verify", "there", "--key", "key.pub"]);
        assert_eq!(refused.exit, 3, "{path}: {}{}", refused.out, refused.err);
        assert!(
            refused.out.contains("there is not valid: ") && refused.out.contains("signature"),
            "{path}: {}",
            refused.out
        );
        fs::write(&place, as_it_came).unwrap();
    }
    assert_eq!(elsewhere.kilter(&["package", "verify", "there", "--key", "key.pub"]).exit, 0);
}

#[test]
fn a_version_of_the_data_folder_is_made_again_by_its_name() {
    let world = project("0.55");
    assert_eq!(world.kilter(&["run"]).exit, 0);
    let rebuilt = world.kilter(&["package", "rebuild", "churn@1"]);
    assert_eq!(rebuilt.exit, 0, "{}{}", rebuilt.out, rebuilt.err);
    assert!(rebuilt.out.starts_with("✓ rebuilt: 2 steps and the model have the same digests\n"), "{}", rebuilt.out);
    assert_eq!(world.problem(&["package", "rebuild", "churn@9"], 4)["code"], "not_found");
}
