//! Events as mail: a real mail server (aiosmtpd) takes them, in the clear, behind STARTTLS and a password, or not at all. It runs in the
//! Python of `KILTER_SERVICES_PYTHON`; where that has no aiosmtpd the tests say so.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    World,
    events::{PATIENCE, add, deliveries, served},
};

const PASSWORD: &str = "the password of the platform";

/// A mail server that prints what it takes, one document a line.
pub struct MailServer {
    child: Child,
    pub port: String,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl MailServer {
    /// A server that offers nothing but mail.
    pub fn start() -> Option<Self> {
        Self::run(&[])
    }

    /// A server that takes mail behind STARTTLS and a password alone; its certificate is in this folder.
    fn start_with_tls(folder: &Path) -> Option<Self> {
        let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        Self::run(&[path("server.pem"), path("server.key"), PASSWORD.to_owned()])
    }

    fn run(arguments: &[String]) -> Option<Self> {
        let python = std::env::var("KILTER_SERVICES_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/python/services/mail_server.py");
        let mut command = Command::new(python);
        command.arg(script).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().ok()?;
        let mut lines = BufReader::new(child.stdout.take()?).lines();
        match lines.next() {
            Some(Ok(port)) => Some(Self { child, port, lines }),
            _ => {
                eprintln!("skipped: KILTER_SERVICES_PYTHON has no aiosmtpd");
                let _ = child.wait();
                None
            }
        }
    }

    /// The next mail that it takes.
    pub fn next_mail(&mut self) -> Value {
        serde_json::from_str(&self.lines.next().unwrap().unwrap()).unwrap()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Settings by which events are mailed to `risk`.
pub fn settings(port: &str) -> String {
    format!("mail = [\"risk=risk@example.com\"]\nsmtp = \"127.0.0.1:{port}\"\nsmtp_from = \"kilter@example.com\"")
}

/// An authority in `ca.pem`, another one in `other.pem`, and a certificate of the first for 127.0.0.1.
fn certificates(folder: &Path) {
    let openssl = |arguments: &[&str]| {
        let done = Command::new("openssl").args(arguments).current_dir(folder).output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    };
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    for (name, subject) in [("ca", "/CN=a test authority"), ("other", "/CN=another authority")] {
        let (key_file, file) = (format!("{name}.key"), format!("{name}.pem"));
        let made = ["-days", "1", "-keyout", &key_file, "-out", &file, "-subj", subject];
        openssl(&[&["req", "-x509"], &key[..], &made].concat());
    }
    let request = ["-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=127.0.0.1"];
    openssl(&[&["req"], &key[..], &request].concat());
    fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1").unwrap();
    let by = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "1", "-extfile", "names"];
    openssl(&[&["x509", "-req", "-in", "server.csr", "-out", "server.pem"], &by[..]].concat());
}

/// What a server answered last to the first delivery, once it is tried.
fn detail(world: &World) -> (String, String) {
    let end = Instant::now() + PATIENCE;
    loop {
        let all = deliveries(world);
        if let Some(tried) = all.last().filter(|one| one["attempts"].as_u64() > Some(0)) {
            let text = |name: &str| tried[name].as_str().unwrap().to_owned();
            return (text("state"), text("detail"));
        }
        assert!(Instant::now() < end, "{all:?}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_governance_act_is_a_mail_that_a_person_reads() {
    let Some(mut sink) = MailServer::start() else { return };
    let (world, _server) = served(&settings(&sink.port));
    add(&world, "ana");
    let mail = sink.next_mail();
    assert_eq!(mail["to"], json!(["risk@example.com"]), "{mail}");
    assert_eq!(mail["subject"], "[kilter] account.create account:user:ana", "{mail}");
    assert!(mail["text"].as_str().unwrap().contains("\"action\": \"account.create\""), "{mail}");
    assert!(mail["date"].as_str().unwrap().ends_with("+0000"), "{mail}");
    assert!(mail["id"].as_str().unwrap().ends_with("@example.com>"), "{mail}");
    assert_eq!((&mail["is_encrypted"], &mail["user"]), (&json!(false), &Value::Null), "{mail}");
    assert_eq!(mail["defects"], json!([]), "a parser of mail finds nothing wrong");
}

#[test]
fn a_mail_server_behind_starttls_and_a_password_takes_mail_and_one_that_is_not_trusted_gets_neither() {
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path());
    let Some(mut sink) = MailServer::start_with_tls(folder.path()) else { return };
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(folder.path().join("password"), PASSWORD).unwrap();
    fs::write(folder.path().join("wrong"), "not the password").unwrap();
    let with = |authority: &str, password: &str| {
        format!(
            "{}\nsmtp_user = \"kilter\"\nsmtp_password_file = \"{}\"\nsmtp_ca_file = \"{}\"",
            settings(&sink.port),
            path(password),
            path(authority)
        )
    };
    let (good, stranger, wrong) = (with("ca.pem", "password"), with("other.pem", "password"), with("ca.pem", "wrong"));
    let (world, server) = served(&stranger);
    add(&world, "ana");
    let (state, said) = detail(&world);
    assert!(state == "pending" && said.contains("UnknownIssuer"), "{state}: {said}");
    drop(server);
    let (world, server) = served(&wrong);
    add(&world, "ana");
    let (state, said) = detail(&world);
    assert!(state == "dead" && said.contains("535"), "{state}: {said}");
    drop(server);
    let (world, _server) = served(&good);
    add(&world, "ana");
    let mail = sink.next_mail();
    assert_eq!((&mail["is_encrypted"], &mail["user"]), (&json!(true), &json!("kilter")), "{mail}");
    assert_eq!(mail["subject"], "[kilter] account.create account:user:ana", "the first that it took");
}

#[test]
fn a_password_is_not_sent_to_a_mail_server_that_offers_no_encryption() {
    let Some(sink) = MailServer::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("password"), PASSWORD).unwrap();
    let password = folder.path().join("password").display().to_string();
    let (world, _server) =
        served(&format!("{}\nsmtp_user = \"kilter\"\nsmtp_password_file = \"{password}\"", settings(&sink.port)));
    add(&world, "ana");
    let (state, said) = detail(&world);
    assert!(state == "dead" && said.contains("a password is not sent without"), "{state}: {said}");
}
