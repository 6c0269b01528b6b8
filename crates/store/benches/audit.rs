//! What the audit log costs: `tests/servers/with-postgres cargo bench -p kilter-store --bench audit`, with `KILTER_TEST_FSYNC=on` for a
//! PostgreSQL that waits for the disk as SQLite does.
//!
//! Appends are acknowledged after their commit, by one client and by 64 at once, which share commits. Microseconds of CPU are those of
//! this process and this thread's store alone, without the server's. Verification reads every entry, every subtree, every row and the schema of a log
//! of a million entries (PostgreSQL: a hundred thousand).

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use kilter_domain::{actor::Actor, time::Timestamp};
use kilter_store::{
    Store, StoreError, StoreOptions, Tx,
    audit::{self, AuditEvent},
    setting,
};
use serde_json::json;

const ADDRESS: &str = "KILTER_TEST_POSTGRES";
const LONG: Duration = Duration::from_secs(4);
const ENTRIES: u64 = 1_000_000;
/// Entries of a transaction that fills a log.
const BATCH: u64 = 2_000;

fn main() {
    // `cargo test --benches` only wants to know that it runs.
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    let (long, entries) = if is_bench { (LONG, ENTRIES) } else { (Duration::from_millis(50), 3_000) };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open(folder.path().join("store")).expect("an empty folder opens");
    measure("SQLite", &store, long);
    verify("SQLite", &store, entries);
    drop(store);
    let Ok(server) = std::env::var(ADDRESS) else {
        println!("PostgreSQL is skipped: {ADDRESS} names no server (tests/servers/with-postgres COMMAND)");
        return;
    };
    let store = open_server(folder.path(), &server);
    measure("PostgreSQL", &store, long);
    // A tenth: every entry is filled in with several round trips.
    verify("PostgreSQL", &store, entries / 10);
}

fn open_server(folder: &Path, server: &str) -> Store {
    let url = server.parse().expect("an address");
    Store::open_server(folder, &url, StoreOptions::default()).expect("an empty database opens")
}

fn event() -> AuditEvent {
    AuditEvent {
        at: Timestamp(1_780_000_000_000),
        actor: Actor::system("bench"),
        on_behalf: None,
        action: "setting.put".into(),
        reason: Some("measured".into()),
        evidence: Vec::new(),
    }
}

fn append(tx: &Tx, name: &str, number: u64) -> Result<(), StoreError> {
    setting::put(&tx.audited(event()), name, &json!(number)).map(drop)
}

fn measure(name: &str, store: &Store, long: Duration) {
    for clients in [1, 64] {
        let (begun, cpu) = (Instant::now(), cpu_time());
        let count: u64 = thread::scope(|scope| {
            let one = |client: u64| {
                scope.spawn(move || {
                    let (setting, mut count) = (format!("client-{client}"), 0);
                    while begun.elapsed() < long {
                        let setting = setting.clone();
                        store.write(move |tx| append(tx, &setting, count)).expect("an entry is kept");
                        count += 1;
                    }
                    count
                })
            };
            let all: Vec<_> = (0..clients).map(one).collect();
            all.into_iter().map(|client| client.join().expect("a client ends")).sum()
        });
        let (rate, cpu) = (count as f64 / begun.elapsed().as_secs_f64(), cpu_time() - cpu);
        let each = cpu.as_secs_f64() * 1e6 / count as f64;
        println!("{name:<10} {clients:>2} clients: {rate:>8.0} appends/s, {each:>6.0} us of CPU each");
    }
}

fn verify(name: &str, store: &Store, entries: u64) {
    let begun = Instant::now();
    let mut there = store.read(audit::size).expect("a size");
    while there < entries {
        let next = (there + BATCH).min(entries);
        store
            .write(move |tx| (there..next).try_for_each(|number| append(tx, &format!("name-{}", number % 97), number)))
            .expect("entries are kept");
        there = next;
    }
    println!("{name:<10} filled to {entries} entries in {:.1} s", begun.elapsed().as_secs_f64());
    let (begun, cpu, before) = (Instant::now(), cpu_time(), resident());
    let found = store.read(audit::verify).expect("a log that can be read");
    let (took, cpu) = (begun.elapsed().as_secs_f64(), (cpu_time() - cpu).as_secs_f64());
    assert!(found.is_sound() && found.entries == entries, "{:?}", found.faults);
    let more = resident().saturating_sub(before) >> 20;
    println!(
        "{name:<10} verified {entries} entries in {took:.1} s ({cpu:.1} s of CPU), {more} MB more resident memory at the end"
    );
    let begun = Instant::now();
    let count = 1_000;
    store
        .read(|reader| {
            (0..count).try_for_each(|place| {
                audit::inclusion_proof(reader, 1 + place * (entries / count), entries)?;
                audit::root(reader, entries - place).map(drop)
            })
        })
        .expect("proofs");
    println!("{name:<10} proof and root: {:.0} us each pair", begun.elapsed().as_secs_f64() * 1e6 / count as f64);
}

/// User and system time of all threads, in ticks of ten milliseconds.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let (_, fields) = stat.rsplit_once(") ").expect("a name in brackets");
    let ticks: u64 = fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a number")).sum();
    Duration::from_millis(ticks * 10)
}

/// Resident memory of this process, in bytes.
fn resident() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = stat.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.expect("a number of pages") * 4096
}
