//! Debian's docker-registry, in a folder of its own.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use kilter_package::oci::OciAddress;

/// `secret`, as htpasswd writes it.
const PASSWORD: &str = "ana:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n";

/// A registry in a folder of its own.
pub struct Registry {
    folder: tempfile::TempDir,
    child: Child,
    pub port: u16,
}

impl Registry {
    /// `None`, and a word about it, where the program is not installed.
    pub fn start(with_password: bool) -> Option<Self> {
        let program = ["/usr/bin/docker-registry", "/usr/local/bin/docker-registry"].map(PathBuf::from);
        let Some(program) = program.into_iter().find(|path| path.is_file()) else {
            println!("skipped: there is no docker-registry (Debian: docker-registry; ./test installs it)");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let auth = format!("auth: {{htpasswd: {{realm: test, path: {}/users}}}}\n", folder.path().display());
        let auth = if with_password { auth } else { String::new() };
        fs::write(folder.path().join("users"), PASSWORD).unwrap();
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n\
             http: {{addr: '127.0.0.1:{port}'}}\n{auth}",
            folder.path().join("data").display()
        );
        fs::write(folder.path().join("config.yml"), config).unwrap();
        let child = Command::new(program)
            .args(["serve", folder.path().join("config.yml").to_str().unwrap()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let until = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(Instant::now() < until, "the registry did not become ready");
            thread::sleep(Duration::from_millis(20));
        }
        Some(Self { folder, child, port })
    }

    pub fn address(&self, rest: &str) -> OciAddress {
        format!("oci://127.0.0.1:{}/{rest}", self.port).parse().unwrap()
    }

    /// The file in which the registry keeps a blob.
    pub fn blob(&self, digest: &str) -> PathBuf {
        let hex = digest.trim_start_matches("sha256:");
        self.folder.path().join("data/docker/registry/v2/blobs/sha256").join(&hex[..2]).join(hex).join("data")
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}
