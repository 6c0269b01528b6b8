//! How long a look at a large window takes, and how much memory: of predictions that went through the real log.
//!
//! `./test --replays -- large_window` prints the figures; `KILTER_WINDOW_ROWS` says how many rows (500000 unless told).

use std::{fmt::Write, fs, sync::Arc, time::Instant};

use kilter_domain::table::Column;
use kilter_stats::random::Random;

use crate::{World, live_project::Live};

const CONTRACT: &str = r#"
[project]
name = "churn"
[data.customers]
path  = "customers.csv"
time  = "at"
label = "left"
[step.split]
run = "kilter data split {in.customers} {out.train} {out.test} --time at"
in  = ["customers"]
out = { train = "work/train.parquet", test = "work/test.parquet" }
[step.train]
run = "kilter train {in.train} --target left --exclude at --param rounds=10 --out {out.model}"
in  = ["split.train"]
out = { model = "work/model" }
[gate.quality]
dataset = "split.test"
rules   = ["auc >= 0.55"]
[package]
model = "train.model"
[deploy.production]
auto = true
[monitor]
every       = "1h"
performance = ["auc >= 0.55"]
drift       = ["psi(*) < 0.25"]
data        = ["missing(*) < 0.1"]
usage       = ["rows >= 1"]
"#;

/// Numbers of each row; two texts make ten columns.
const NUMBERS: usize = 8;
const ROWS_OF_REQUEST: usize = 5_000;

struct Rows {
    numbers: Vec<Vec<f64>>,
    texts: Vec<Vec<Arc<str>>>,
    left: Vec<i64>,
}

fn rows(random: &mut Random, count: usize) -> Rows {
    let mut rows = Rows { numbers: vec![vec![]; NUMBERS], texts: vec![vec![]; 2], left: vec![] };
    for _ in 0..count {
        rows.numbers.iter_mut().for_each(|column| column.push(random.normal()));
        rows.texts[0].push(Arc::from(["north", "south", "west"][random.below(3)]));
        rows.texts[1].push(Arc::from(format!("shop {}", random.below(40))));
        let numbers = &rows.numbers;
        let level = numbers[0].last().unwrap() - numbers[1].last().unwrap() + random.normal();
        rows.left.push(i64::from(level > 0.5));
    }
    rows
}

fn trained() -> Live {
    let mut text = "at".to_owned();
    (0..NUMBERS).for_each(|at| write!(text, ",n{at}").unwrap());
    text += ",region,shop,left\n";
    let of = rows(&mut Random::seeded(1), 4_000);
    for row in 0..4_000 {
        write!(text, "2024-{:02}-{:02}", 1 + row / 400, 1 + row % 28).unwrap();
        of.numbers.iter().for_each(|column| write!(text, ",{}", column[row]).unwrap());
        of.texts.iter().for_each(|column| write!(text, ",{}", column[row]).unwrap());
        writeln!(text, ",{}", of.left[row]).unwrap();
    }
    let world = World::new();
    world.write("customers.csv", &text);
    world.write("kilter.toml", CONTRACT);
    Live::new(world)
}

/// A line of what the kernel says of this process, in MiB.
fn mebibytes(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().strip_suffix("kB").unwrap().trim().parse::<u64>().unwrap() / 1024
}

/// What was done, in seconds and MiB beyond what was held before.
fn measured(what: &str, work: impl FnOnce()) -> (f64, u64) {
    // The peak begins anew.
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let (before, began) = (mebibytes("VmRSS:"), Instant::now());
    work();
    let (seconds, more) = (began.elapsed().as_secs_f64(), mebibytes("VmHWM:").saturating_sub(before));
    println!("{what}: {seconds:.2} s, {more} MiB beyond the {before} MiB before");
    (seconds, more)
}

#[test]
#[ignore = "serves half a million rows in one window: a minute or two; ./test --replays -- large_window"]
fn a_large_window_is_looked_at_within_a_stated_time_and_memory() {
    let count: usize = std::env::var("KILTER_WINDOW_ROWS").ok().and_then(|text| text.parse().ok()).unwrap_or(500_000);
    let mut live = trained();
    let mut random = Random::seeded(2);
    let mut sent: Vec<(Vec<String>, Vec<i64>)> = Vec::new();
    measured("predictions through the log", || {
        for part in 0..count.div_ceil(ROWS_OF_REQUEST) {
            let of = rows(&mut random, ROWS_OF_REQUEST.min(count - part * ROWS_OF_REQUEST));
            let ids: Vec<String> = (0..of.left.len()).map(|row| format!("{part}-{row}")).collect();
            let numbers = of.numbers.into_iter().map(Column::Float).enumerate();
            let texts = of.texts.into_iter().map(|texts| Column::Text(texts.into_iter().map(Some).collect()));
            let columns = numbers.map(|(at, column)| (format!("n{at}"), column));
            let columns = columns.chain(["region".to_owned(), "shop".to_owned()].into_iter().zip(texts)).collect();
            live.ask_over_an_hour(1, (part * ROWS_OF_REQUEST, count), &ids, columns);
            sent.push((ids, of.left));
        }
    });
    let (unlabelled, more_unlabelled) = measured("a look before there are labels", || assert!(live.look(2).is_none()));
    for (ids, left) in sent {
        live.label(3, &ids, Column::Int(left.into_iter().map(Some).collect()));
    }
    let (labelled, more_labelled) = measured("a look with every label", || assert!(live.look(4).is_none()));
    // All rows are counted; the metric is measured on the share that is held, of 200,000 rows at most.
    assert_eq!(live.reading("labelled")["count"], count);
    let measured = live.reading("auc")["count"].as_u64().unwrap();
    assert!(measured == count as u64 || (90_000..=200_000).contains(&measured), "{measured} rows");
    // Ten columns, a score, a decision, ids and labels: about a kilobyte a row of those that are held, of a build without
    // optimisation too, and 64 MB to keep ids apart.
    let allowed = 384;
    assert!(more_unlabelled < allowed && more_labelled < allowed, "{more_unlabelled} and {more_labelled} MiB");
    let allowed = if cfg!(debug_assertions) { 30.0 } else { 10.0 } * (count as f64 / 500_000.0).max(1.0);
    assert!(unlabelled < allowed && labelled < allowed, "{unlabelled:.1} and {labelled:.1} s");
}
