//! `kill -9` in a loop, on a real process: nothing that was acknowledged is ever lost.
//!
//! The child appends from several threads, seals, hands segments over, and prints what was acknowledged; the parent
//! kills it at moments nobody chose and looks at what is on the disk.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use kilter_domain::{
    digest::Digest,
    table::{Column, Table},
    time::Timestamp,
};
use kilter_serving::{LabelBatch, LogOptions, PredictionBatch, PredictionLog, Record, Role, SegmentId, VersionRef};

const CHILD: &str = "KILTER_CRASH_CHILD";
const ROUNDS: u64 = 30;

fn options() -> LogOptions {
    LogOptions { segment_rows: 60, segment_age: Duration::from_secs(3_600), ..LogOptions::default() }
}

fn predictions(id: &str) -> PredictionBatch {
    let note: Arc<str> = "x".repeat(id.len() * 37 % 3_000).into();
    PredictionBatch {
        version: VersionRef { number: 1, digest: Digest::of(b"one") },
        role: Role::Champion,
        consumer: None,
        recorded_at: Timestamp(0),
        latency_us: 1,
        ids: vec![id.into()],
        event_times: vec![Timestamp(0)],
        features: Table::new(vec![("note".into(), Column::Text(vec![Some(note)]))]).unwrap(),
        scores: vec![0.5],
        labels: None,
        probabilities: None,
        details: None,
    }
}

fn labels(id: &str) -> LabelBatch {
    let values = Column::Text(vec![Some("yes".into())]);
    LabelBatch { recorded_at: Timestamp(0), ids: vec![id.into()], values, known_at: vec![Timestamp(0)] }
}

/// Appends until it is killed. Says `ack ID` only after the log said so.
#[test]
#[ignore = "the child of the test below; does nothing on its own"]
fn child() {
    let Ok(setting) = std::env::var(CHILD) else { return };
    let (dir, round) = setting.rsplit_once(':').unwrap();
    let log = PredictionLog::open(Path::new(dir).join("log"), options()).unwrap().0;
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let log = &log;
            scope.spawn(move || {
                for n in 0.. {
                    let id = format!("{round}-{thread}-{n}");
                    match thread {
                        3 => log.append_labels(&labels(&id)).unwrap(),
                        _ => log.append(&predictions(&id)).unwrap(),
                    };
                    writeln!(std::io::stdout(), "ack {id}").unwrap();
                }
            });
        }
        scope.spawn(|| {
            loop {
                hand_over(&log, Path::new(dir));
                std::thread::yield_now();
            }
        });
    });
}

/// What the app does with sealed segments: write a partition whose name is the segment's number, then let go.
fn hand_over(log: &PredictionLog, dir: &Path) {
    for segment in log.sealed() {
        let contents = log.read(segment).unwrap();
        assert!(contents.damage.is_empty(), "{:?}", contents.damage);
        let lines: String = entries(&contents.entries).map(|(sequence, id)| format!("{sequence} {id}\n")).collect();
        let (new, whole) = (dir.join("partition.new"), dir.join("partitions").join(segment.to_string()));
        fs::write(&new, lines).unwrap();
        fs::rename(&new, whole).unwrap();
        log.drop_sealed(segment).unwrap();
    }
}

fn entries(entries: &[kilter_serving::prediction_log::Entry]) -> impl Iterator<Item = (u64, String)> {
    entries.iter().map(|entry| match &entry.record {
        Record::Predictions(batch) => (entry.sequence, batch.ids[0].to_string()),
        Record::Labels(batch) => (entry.sequence, batch.ids[0].to_string()),
    })
}

/// Runs a child, kills it after so many acknowledgements, and answers with all ids that it said were acknowledged.
fn run_and_kill(dir: &Path, round: u64, acknowledgements: usize) -> BTreeSet<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env(CHILD, format!("{}:{round}", dir.display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let id = |line: String| line.strip_prefix("ack ").map(str::to_owned);
    let mut acknowledged: BTreeSet<String> = lines.by_ref().filter_map(id).take(acknowledgements).collect();
    child.kill().unwrap();
    // What it said before it died counts too; a line that was cut off does not name an id that was never written.
    acknowledged.extend(lines.filter_map(id));
    child.wait().unwrap();
    acknowledged
}

/// Everything on the disk by segment: partitions that were handed over, and what is still in the log.
fn on_disk(dir: &Path) -> BTreeMap<SegmentId, Vec<(u64, String)>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir.join("partitions")).unwrap() {
        let path = entry.unwrap().path();
        let number = path.file_name().unwrap().to_str().unwrap().parse().unwrap();
        let split = |line: &str| line.split_once(' ').map(|(n, id)| (n.parse().unwrap(), id.to_owned())).unwrap();
        found.insert(SegmentId(number), fs::read_to_string(&path).unwrap().lines().map(split).collect());
    }
    let (log, recovery) = PredictionLog::open(dir.join("log"), options()).unwrap();
    assert!(recovery.damage.is_empty(), "a kill tears ends, it damages nothing: {:?}", recovery.damage);
    for segment in log.sealed().into_iter().chain(log.active()) {
        let contents = log.read(segment).unwrap();
        assert!(contents.damage.is_empty(), "{:?}", contents.damage);
        found.insert(segment, entries(&contents.entries).collect());
    }
    found
}

#[test]
fn nothing_acknowledged_is_lost_however_often_the_process_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("partitions")).unwrap();
    let mut acknowledged = BTreeSet::new();
    let mut draw = 0x2545_f491_4f6c_dd1d_u64;
    for round in 0..ROUNDS {
        draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        acknowledged.extend(run_and_kill(dir.path(), round, (draw >> 33) as usize % 200));
        let found = on_disk(dir.path());
        let all: Vec<&(u64, String)> = found.values().flatten().collect();
        let ids: BTreeSet<&String> = all.iter().map(|(_, id)| id).collect();
        let lost: Vec<&String> = acknowledged.iter().filter(|id| !ids.contains(id)).collect();
        assert!(lost.is_empty(), "round {round} lost {lost:?}");
        assert!(all.is_sorted_by(|(before, _), (after, _)| before < after), "round {round}: the order is one");
        assert_eq!(ids.len(), all.len(), "round {round}: something is there twice");
    }
    assert!(acknowledged.len() > 1_000, "only {} acknowledgements in {ROUNDS} kills", acknowledged.len());
    assert!(fs::read_dir(dir.path().join("partitions")).unwrap().count() > 5, "segments were handed over");
    println!("{} acknowledged appends survived {ROUNDS} kills", acknowledged.len());
}
