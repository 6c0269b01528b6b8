//! OpenID Connect with a real provider: people by a browser, services by tokens, and a provider that is away, has other keys or another
//! time of day. It runs in the Python of `KILTER_SERVICES_PYTHON`; where that has no Canaille the tests say so.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{CommandOutput, World, command_output, contract::project, server::Server};

const PASSWORD: &str = "correct horse battery";
const KILTER_SECRET: &str = "a secret that kilter has";
/// The provider knows one port to send browsers back to: one test at a time has it, whatever its process.
fn redirect_port() -> File {
    let lock = File::create(std::env::temp_dir().join("kilter-openid-redirect.lock")).unwrap();
    lock.lock().unwrap();
    lock
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/python/services").join(name)
}

fn python() -> Option<String> {
    let python = std::env::var("KILTER_SERVICES_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has_provider = Command::new(&python).args(["-c", "import canaille, httpx"]).stderr(Stdio::null()).status();
    if has_provider.is_ok_and(|status| status.success()) {
        return Some(python);
    }
    eprintln!("skipped: KILTER_SERVICES_PYTHON has no canaille");
    None
}

/// A provider of its own, ended with the test.
struct Provider {
    child: Child,
    address: String,
}

impl Provider {
    fn start(python: &str, keys: &str, ahead: i64, port: &str) -> Self {
        Self::run(python, &[keys, &ahead.to_string(), port])
    }

    /// A provider whose tokens of services are signed (RFC 9068).
    fn start_with_signed_tokens(python: &str) -> Self {
        Self::run(python, &["-", "0", "0", "signed"])
    }

    fn run(python: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(python);
        command.arg(script("openid_provider.py")).args(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { child, address: address.trim().to_owned() }
    }

    fn port(&self) -> String {
        self.address.rsplit_once(':').unwrap().1.to_owned()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Two keys of a provider, as it takes them.
fn keys(python: &str, world: &World, name: &str) -> String {
    let make = "import json, sys\nfrom joserfc.jwk import RSAKey\n\
        json.dump([RSAKey.generate_key(2048, auto_kid=True).as_dict(private=True)], open(sys.argv[1], 'w'))";
    let path = world.path().join(name);
    assert!(Command::new(python).args(["-c", make]).arg(&path).status().unwrap().success());
    path.to_str().unwrap().to_owned()
}

const ROLES: &str = "owner = [\"user:olga\"]\ndeveloper = [\"group:ds\"]\nvalidator = [\"group:model-risk\"]\nconsumer = [\"svc:nightly\"]\n";

/// A project with a version, and a server that takes the word of the provider.
fn served(provider: &Provider) -> (World, Server) {
    let world = project("0.55");
    let contract = world.read("kilter.toml");
    world.write("kilter.toml", &format!("{contract}\n[project.roles]\n{ROLES}"));
    world.set_variable("USER", "olga");
    world.set_variable("XDG_CONFIG_HOME", world.path().join("home").to_str().unwrap());
    assert_eq!(world.kilter(&["run"]).exit, 0);
    world.write("secret", KILTER_SECRET);
    world.write(
        "kilter-server.toml",
        &format!(
            "[server]\noidc_issuer = \"{}\"\noidc_client_id = \"kilter\"\noidc_client_secret_file = \"secret\"\n\
             oidc_audience = \"kilter\"\n",
            provider.address
        ),
    );
    let server = Server::start(&world);
    (world, server)
}

/// `kilter login --provider` of someone with a browser.
fn log_in(python: &str, world: &World, name: &str, password: &str) -> CommandOutput {
    let _port = redirect_port();
    let mut command = world.command(&["login", "--provider", "--json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut said = String::new();
    let address = lines.by_ref().map_while(Result::ok).find(|line| {
        said += line;
        line.trim().starts_with("http://")
    });
    let Some(address) = address else {
        let output = command_output(child.wait_with_output().unwrap());
        return CommandOutput { err: said, ..output };
    };
    let back = "http://127.0.0.1:18484/callback";
    let person = Command::new(python)
        .arg(script("openid_person.py"))
        .args([address.trim(), name, password, back])
        .output()
        .unwrap();
    let target = String::from_utf8(person.stdout).unwrap();
    if target.trim().is_empty() {
        let _ = child.kill();
        let _ = child.wait();
        return CommandOutput { exit: -1, out: String::new(), err: String::from_utf8(person.stderr).unwrap() };
    }
    let path = target.trim().strip_prefix("http://127.0.0.1:18484").unwrap();
    // The browser of somebody else, with a code of its own, is sent away.
    let foreign = get("127.0.0.1:18484", "/callback?code=x&state=other");
    assert!(foreign.starts_with("HTTP/1.1 404"), "{foreign}");
    assert!(get("127.0.0.1:18484", path).contains("You are logged in"));
    let rest: String = lines.map_while(Result::ok).collect();
    let output = command_output(child.wait_with_output().unwrap());
    CommandOutput { err: rest, ..output }
}

fn get(address: &str, path: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The answer of the server to a request with a token.
pub fn ask(server: &Server, token: &str, path: &str) -> (u16, Value) {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(&server.address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap_or(Value::Null))
}

/// A token that the provider gives to a service, or for the password of nobody.
fn token_of_service(python: &str, provider: &Provider) -> String {
    let code = "import httpx, sys\n\
        r = httpx.post(sys.argv[1] + '/oauth/token', auth=('nightly', 'a secret that nightly has'),\n\
        \tdata={'grant_type': 'client_credentials', 'scope': 'profile'})\nprint(r.json()['access_token'])";
    let output = Command::new(python).args(["-c", code, &provider.address]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn people_come_in_by_a_browser_with_the_groups_that_the_provider_says() {
    let Some(python) = python() else { return };
    let provider = Provider::start(&python, "-", 0, "0");
    let (world, server) = served(&provider);
    let (status, refused) = server.get("/api/v1/status");
    assert_eq!((status, refused["code"].as_str()), (401, Some("token_missing")), "a provider proves names: {refused}");
    let shown = log_in(&python, &world, "ana", PASSWORD);
    assert_eq!(shown.exit, 0, "{}{}", shown.out, shown.err);
    let me = world.json(&["whoami"]);
    assert_eq!((me["actor"].as_str(), &me["groups"]), (Some("user:ana"), &json!(["ds", "model-risk"])), "{me}");
    assert_eq!(world.kilter(&["model", "list"]).exit, 0);
    let refused = world.problem(&["rollback"], 5);
    assert_eq!(refused["code"], "permission_denied", "{refused}");
    // The one with a wrong password does not get past the provider.
    let wrong = log_in(&python, &world, "ben", "not the password");
    assert_ne!(wrong.exit, 0);
    assert_eq!(world.json(&["whoami"])["actor"], "user:ana");
    // Somebody who has the name here is not replaced by the provider.
    world.write("password", "another good password");
    world.set_variable("XDG_CONFIG_HOME", world.path().join("none").to_str().unwrap());
    assert_eq!(world.kilter(&["user", "add", "ben", "--password-file", "password"]).exit, 0);
    let taken = log_in(&python, &world, "ben", PASSWORD);
    assert!(taken.exit == 5 && taken.err.contains("an account of this platform"), "{}{}", taken.out, taken.err);
    let accounts = world.json(&["user", "list"]);
    let ana = accounts["accounts"].as_array().unwrap().iter().find(|account| account["actor"] == "user:ana").unwrap();
    assert_eq!(ana["issuer"], provider.address.as_str(), "{accounts}");
}

#[test]
fn a_service_shows_a_token_of_the_provider_and_goes_on_while_the_provider_is_away() {
    let Some(python) = python() else { return };
    let provider = Provider::start(&python, "-", 0, "0");
    let (world, server) = served(&provider);
    let token = token_of_service(&python, &provider);
    let (status, answer) = ask(&server, &token, "/api/v1/status");
    assert_eq!(status, 200, "{answer}");
    assert_eq!(ask(&server, &token, "/api/v1/whoami").1["actor"], "svc:nightly");
    assert_eq!(ask(&server, &token, "/api/v1/audit").0, 403, "it is a consumer");
    let (status, unknown) = ask(&server, "not-a-token-of-anybody", "/api/v1/status");
    assert_eq!((status, unknown["code"].as_str()), (401, Some("token_invalid")), "{unknown}");
    let unseen = token_of_service(&python, &provider);
    drop(provider);
    assert_eq!(ask(&server, &token, "/api/v1/status").0, 200, "what was verified goes on");
    let (status, away) = ask(&server, &unseen, "/api/v1/status");
    assert_eq!((status, away["code"].as_str()), (503, Some("provider_unavailable")), "{away}");
    // What the platform proves itself does not need the provider.
    assert_eq!(world.json(&["user", "list"])["accounts"], json!([]));
}

#[test]
fn a_signed_token_of_a_service_is_verified_by_the_keys_of_the_provider_without_asking_about_it() {
    let Some(python) = python() else { return };
    let provider = Provider::start_with_signed_tokens(&python);
    let (world, server) = served(&provider);
    let [first, second] = [(); 2].map(|()| token_of_service(&python, &provider));
    assert_eq!((first.matches('.').count(), first == second), (2, false), "{first}");
    let (status, me) = ask(&server, &first, "/api/v1/whoami");
    assert_eq!((status, me["actor"].as_str()), (200, Some("svc:nightly")), "{me}");
    assert_eq!(ask(&server, &first, "/api/v1/status").0, 200);
    assert_eq!(ask(&server, &first, "/api/v1/audit").0, 403, "it is a consumer");
    drop(provider);
    assert_eq!(ask(&server, &second, "/api/v1/whoami").1["actor"], "svc:nightly", "its keys are known");
    let (head, signature) = second.rsplit_once('.').unwrap();
    let other = if signature.starts_with('A') { "B" } else { "A" };
    let (status, refused) = ask(&server, &format!("{head}.{other}{}", &signature[1..]), "/api/v1/whoami");
    assert_eq!((status, refused["code"].as_str()), (401, Some("token_invalid")), "{refused}");
    assert!(refused["detail"].as_str().unwrap().contains("signature is wrong"), "{refused}");
    assert_eq!(world.json(&["user", "list"])["accounts"], json!([]), "a service of the provider needs no account");
}

#[test]
fn a_provider_with_other_keys_is_believed_again_and_one_with_another_time_is_not() {
    let Some(python) = python() else { return };
    let world = World::new();
    let (first, second) = (keys(&python, &world, "first.json"), keys(&python, &world, "second.json"));
    let provider = Provider::start(&python, &first, 0, "0");
    let port = provider.port();
    let (served, server) = served(&provider);
    assert_eq!(log_in(&python, &served, "ana", PASSWORD).exit, 0);
    drop(provider);
    let provider = Provider::start(&python, &second, 0, &port);
    // Keys are asked for again a few seconds after the last time.
    let end = Instant::now() + Duration::from_secs(30);
    let mut shown = log_in(&python, &served, "ana", PASSWORD);
    while shown.exit != 0 && Instant::now() < end {
        std::thread::sleep(Duration::from_secs(1));
        shown = log_in(&python, &served, "ana", PASSWORD);
    }
    assert_eq!(shown.exit, 0, "{}{}", shown.out, shown.err);
    drop(provider);
    let provider = Provider::start(&python, &second, 120, &port);
    let late = log_in(&python, &served, "ana", PASSWORD);
    assert!(late.exit == 5 && late.err.contains("the clock of the provider is ahead"), "{}{}", late.out, late.err);
    assert_eq!(served.kilter(&["status"]).exit, 0, "the session before is not touched");
    drop((provider, server));
}
