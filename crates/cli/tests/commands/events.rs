//! Events leave the platform: a receiver of webhooks of the test gets what happened, signed, again and once more.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{World, contract::project, server::Server};

pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub const PATIENCE: Duration = Duration::from_secs(40);

/// A request that a receiver got.
#[derive(Clone, Debug)]
pub struct Received {
    head: String,
    body: String,
}

impl Received {
    pub fn header(&self, name: &str) -> &str {
        let line = self.head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")));
        line.unwrap_or_else(|| panic!("{name} in {}", self.head)).split_once(':').unwrap().1.trim()
    }

    pub fn event(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// An address that takes webhooks and answers with these statuses, the last of them for ever.
pub struct Receiver {
    pub address: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    pub fn start(statuses: &'static [u16]) -> Self {
        Self::of(TcpListener::bind("127.0.0.1:0").unwrap(), statuses)
    }

    /// As [`Receiver::start`], at an address that is bound already.
    pub fn of(listener: TcpListener, statuses: &'static [u16]) -> Self {
        let address = format!("http://{}/kilter", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = received.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let mut reader = BufReader::new(stream);
                let (mut head, mut length) = (String::new(), 0);
                loop {
                    let mut line = String::new();
                    if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                        break;
                    }
                    if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    head += &line;
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                let status = {
                    let mut all = kept.lock().unwrap();
                    all.push(Received { head, body: String::from_utf8(body).unwrap() });
                    statuses.get(all.len() - 1).or(statuses.last()).copied().unwrap()
                };
                let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                let _ = reader.into_inner().write_all(answer.as_bytes());
            }
        });
        Self { address, received }
    }

    pub fn all(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// What it got, once there are so many.
    pub fn wait(&self, count: usize) -> Vec<Received> {
        let end = Instant::now() + PATIENCE;
        while self.all().len() < count && Instant::now() < end {
            thread::sleep(Duration::from_millis(20));
        }
        let all = self.all();
        assert!(all.len() >= count, "{} of {count}: {all:?}", all.len());
        all
    }
}

pub fn served(settings: &str) -> (World, Server) {
    let world = project("0.55");
    world.set_variable("USER", "ana");
    world.set_variable("XDG_CONFIG_HOME", world.path().join("home").to_str().unwrap());
    assert_eq!(world.kilter(&["run"]).exit, 0);
    world.write("secret", SECRET);
    world.write("password", "correct horse battery");
    world.write("kilter-server.toml", &format!("[server]\n{settings}\n"));
    let server = Server::start(&world);
    wait_for_look(&server);
    (world, server)
}

/// Waits until the log was looked at: the past is not sent, and what happens from then on is.
pub fn wait_for_look(server: &Server) {
    let end = Instant::now() + PATIENCE;
    let is_looked_at = || {
        let status = server.get("/api/v1/status").1;
        status["tasks"]
            .as_array()
            .unwrap()
            .iter()
            .any(|task| task["name"] == "events" && task["succeeded_seconds_ago"].is_u64())
    };
    while !is_looked_at() && Instant::now() < end {
        thread::sleep(Duration::from_millis(20));
    }
}

pub fn add(world: &World, name: &str) {
    let added = world.kilter(&["user", "add", name, "--admin", "--password-file", "password"]);
    assert_eq!(added.exit, 0, "{}{}", added.out, added.err);
}

pub fn deliveries(world: &World) -> Vec<Value> {
    world.json(&["event", "list"])["deliveries"].as_array().unwrap().clone()
}

/// The signature as someone else computes it.
fn signature(received: &Received) -> Option<String> {
    let code = "import base64, hashlib, hmac, sys\n\
        key = base64.b64decode(sys.argv[1].removeprefix('whsec_'))\n\
        text = f'{sys.argv[2]}.{sys.argv[3]}.'.encode() + sys.stdin.buffer.read()\n\
        print('v1,' + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode())";
    let mut command = Command::new("python3");
    command.args(["-c", code, SECRET, received.header("webhook-id"), received.header("webhook-timestamp")]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
    child.stdin.take().unwrap().write_all(received.body.as_bytes()).unwrap();
    Some(String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap().trim().to_owned())
}

#[test]
fn a_governance_act_is_a_signed_event_that_is_tried_until_it_is_taken_and_sent_again_on_request() {
    let receiver = Receiver::start(&[500, 200]);
    let settings = format!("webhook = [\"pager={}\"]\nwebhook_secret_file = [\"pager=secret\"]", receiver.address);
    let (world, _server) = served(&settings);
    add(&world, "ana");
    let received = receiver.wait(2);
    let (first, second) = (&received[0], &received[1]);
    assert_eq!(first.header("webhook-id"), second.header("webhook-id"), "the same event once more");
    assert_eq!(second.header("content-type"), "application/cloudevents+json");
    let event = second.event();
    assert_eq!(
        (event["specversion"].as_str(), event["type"].as_str(), event["subject"].as_str()),
        (Some("1.0"), Some("io.kilter.account.create"), Some("account:user:ana")),
        "{event}"
    );
    assert_eq!(event["id"], second.header("webhook-id"));
    assert!(!second.body.contains(SECRET) && !second.body.contains("reason"), "{event}");
    match signature(second) {
        Some(wanted) => assert_eq!(second.header("webhook-signature"), wanted),
        None => eprintln!("skipped: there is no python3 to compute the signature"),
    }
    let end = Instant::now() + PATIENCE;
    while deliveries(&world)[0]["state"] != "delivered" && Instant::now() < end {
        thread::sleep(Duration::from_millis(50));
    }
    let delivered = deliveries(&world);
    assert_eq!(
        (delivered[0]["state"].as_str(), delivered[0]["attempts"].as_u64(), delivered[0]["target"].as_str()),
        (Some("delivered"), Some(2), Some("webhook:pager")),
        "{delivered:?}"
    );
    assert_eq!(world.json(&["event", "replay"])["deliveries"], 0, "nothing was given up");
    assert_eq!(world.json(&["event", "replay", "--delivered", "--target", "webhook:pager"])["deliveries"], 1);
    let again = receiver.wait(3);
    assert_eq!(again[2].header("webhook-id"), first.header("webhook-id"));
}

#[test]
fn an_event_that_its_target_refuses_is_given_up_and_keeps_no_other_from_going_on() {
    let (gone, good) = (Receiver::start(&[410]), Receiver::start(&[200]));
    let settings = format!(
        "webhook = [\"gone={}\", \"good={}\", \"cloud=http://169.254.169.254/latest\"]\n\
         webhook_secret_file = [\"gone=secret\", \"good=secret\", \"cloud=secret\"]",
        gone.address, good.address
    );
    let (world, _server) = served(&settings);
    add(&world, "ana");
    good.wait(1);
    gone.wait(1);
    let end = Instant::now() + PATIENCE;
    let dead = || world.json(&["event", "list", "--state", "dead"])["deliveries"].as_array().unwrap().clone();
    while dead().len() < 2 && Instant::now() < end {
        thread::sleep(Duration::from_millis(50));
    }
    let found = dead();
    let detail = |target: &str| {
        let one = found.iter().find(|one| one["target"] == target).unwrap_or_else(|| panic!("{target} in {found:?}"));
        one["detail"].as_str().unwrap().to_owned()
    };
    assert!(detail("webhook:gone").contains("410"), "{found:?}");
    assert!(detail("webhook:cloud").contains("link-local"), "{found:?}");
    assert_eq!(gone.all().len(), 1);
}

#[test]
fn a_secret_or_an_address_that_cannot_be_used_is_refused_at_the_start() {
    let world = World::new();
    world.write("secret", "whsec_this is no base64!");
    world.write("good", SECRET);
    let server = |more: &[&str]| world.kilter(&[&["server", "--port", "0"], more].concat());
    let file = ["--webhook", "pager=http://127.0.0.1:9/x", "--webhook-secret-file", "pager=secret"];
    let refused = server(&file);
    assert_eq!(refused.exit, 2, "{}{}", refused.out, refused.err);
    let said = "the secret of `--webhook pager=…` in secret cannot be used: what follows `whsec_` in it is no base64";
    assert!(refused.err.contains(said) && !refused.err.contains("this is no"), "{}", refused.err);
    let good = ["--webhook-secret-file", "pager=good"];
    let refused = server(&[&["--webhook", "pager=pager.example/kilter"], &good[..]].concat());
    assert!(refused.exit == 2 && refused.err.contains("`--webhook pager=…` cannot be asked"), "{}", refused.err);
    let smtp = ["--smtp", "127.0.0.1:25", "--smtp-from"];
    for (from, to) in [("kilter", "risk=a@example.com"), ("k@example.com", "risk=a@example.com,b@example.com")] {
        let refused = server(&[&smtp[..], &[from, "--mail", to]].concat());
        assert!(refused.exit == 2 && refused.err.contains("is no address of mail"), "{}", refused.err);
    }
}
