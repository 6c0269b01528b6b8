//! What a right and a proof of who asks cost a prediction: requests a second and latency with roles and without, with a token and without,
//! side by side.
//!
//! `./test --replays -- takes_as_long` prints the figures.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use crate::{World, contract::project, predictions::rows, server::Server};

const CONNECTIONS: usize = 4;
/// The two servers take turns, so that what else the machine does meets both.
const ROUNDS: usize = 10;
const ROUND: Duration = Duration::from_secs(2);

/// Asks over one connection until the round is over; how long each answer took.
fn ask_for_a_round(address: &str, who: &str) -> Vec<Duration> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let body = rows().to_string();
    let head = "POST /v2/models/churn/infer HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    let request = format!("{head}{who}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let (began, mut took) = (Instant::now(), Vec::new());
    while began.elapsed() < ROUND {
        let sent = Instant::now();
        stream.write_all(request.as_bytes()).unwrap();
        let (mut line, mut length) = (String::new(), 0);
        reader.read_line(&mut line).unwrap();
        assert!(line.contains(" 200 "), "{line}");
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line).unwrap();
            if let Some(bytes) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = bytes.trim().parse().unwrap();
            }
        }
        reader.read_exact(&mut vec![0; length]).unwrap();
        took.push(sent.elapsed());
    }
    took
}

/// Asks over several connections; `who` is the header that says who asks.
fn one_round(server: &Server, who: &str) -> Vec<Duration> {
    thread::scope(|scope| {
        let asked: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(|| ask_for_a_round(&server.address, who))).collect();
        asked.into_iter().flat_map(|asked| asked.join().unwrap()).collect()
    })
}

fn served(roles: &str) -> (World, Server) {
    let world = project("0.55");
    let contract = world.read("kilter.toml");
    world.write("kilter.toml", &format!("{contract}{roles}"));
    let ran = world.command(&["run"]).env("USER", "olga").output().unwrap();
    assert_eq!(ran.status.code(), Some(0), "{}", String::from_utf8_lossy(&ran.stderr));
    let server = Server::start(&world);
    (world, server)
}

/// Two ways to ask in turns, and what the second costs.
fn compare(names: [&str; 2], servers: [(&Server, &str); 2]) {
    let mut took = [Vec::new(), Vec::new()];
    servers.iter().for_each(|(server, who)| drop(one_round(server, who)));
    for _ in 0..ROUNDS {
        for (took, (server, who)) in took.iter_mut().zip(servers) {
            took.extend(one_round(server, who));
        }
    }
    let figures = |took: &mut Vec<Duration>| {
        took.sort_unstable();
        let at = |share: f64| took[(took.len() as f64 * share) as usize].as_secs_f64() * 1e3;
        (took.len() as f64 / (ROUNDS as f64 * ROUND.as_secs_f64()), at(0.5), at(0.99))
    };
    let [without, with] = took.each_mut().map(figures);
    for (name, (rate, p50, p99)) in names.into_iter().zip([without, with]) {
        println!("{name}: {rate:.0} requests/s, p50 {p50:.3} ms, p99 {p99:.3} ms");
    }
    println!(
        "{} / {}: {:.3} requests/s, p50 {:.3}, p99 {:.3}",
        names[1],
        names[0],
        with.0 / without.0,
        with.1 / without.1,
        with.2 / without.2
    );
    // Twice what is promised: other processes of the machine speak too.
    assert!(with.0 > 0.9 * without.0 && with.1 < 1.1 * without.1, "{} it is slower by more than a tenth", names[1]);
}

/// A contract with many people, whose consumer `svc:portal` is.
fn roles() -> String {
    let people: Vec<String> = (0..50).map(|at| format!("\"user:p{at}\"")).collect();
    let people = people.join(", ");
    format!(
        "\n[project.roles]\nowner = [\"user:olga\"]\ndeveloper = [{people}]\nvalidator = [{people}]\noperator = [{people}]\n\
         consumer = [{people}, \"svc:portal\"]\n"
    )
}

const NAME: &str = "x-kilter-actor: svc:portal";

#[test]
#[ignore = "loads two servers for forty seconds; ./test --replays -- takes_as_long"]
fn a_prediction_with_roles_takes_as_long_as_one_without() {
    let (_plain_world, plain) = served("");
    let (_guarded_world, guarded) = served(&roles());
    compare(["without roles", "with roles"], [(&plain, NAME), (&guarded, NAME)]);
}

#[test]
#[ignore = "loads two servers for forty seconds; ./test --replays -- takes_as_long"]
fn a_prediction_with_a_token_takes_as_long_as_one_without() {
    let (_named_world, named) = served(&roles());
    let (world, proven) = served(&roles());
    world.set_variable("XDG_CONFIG_HOME", world.path().join("home").to_str().unwrap());
    for number in 0..100 {
        let name = format!("svc:other-{number}");
        assert_eq!(world.kilter(&["user", "add", &name, "--owner", "olga"]).exit, 0);
    }
    assert_eq!(world.kilter(&["user", "add", "svc:portal", "--owner", "olga"]).exit, 0);
    assert_eq!(world.kilter(&["token", "create", "portal", "--for", "svc:portal", "--out", "token"]).exit, 0);
    let token = format!("authorization: Bearer {}", world.read("token").trim());
    compare(["by name", "by token"], [(&named, NAME), (&proven, &token)]);
}
