//! Packages to a registry and back, as a person types it. What a registry may do wrong is tested with the client.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::World;

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
    assert_eq!(world.json(&["package", "push", "churn-7", &address])["sent_bytes"], 0);
    let pulled = world.json(&["package", "pull", &address, "--out", "there"]);
    assert_eq!((&pulled["files"], &pulled["is_signed"]), (&2.into(), &true.into()));
    assert_eq!(world.read("there/model/model.onnx"), "weights");
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
