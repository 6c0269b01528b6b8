//! What is held and counted of a window beside all of it.

use std::{collections::HashMap, sync::Arc};

use kilter_domain::{
    ids::VersionId,
    time::{HOUR_MS, Interval},
};
use kilter_lake::TIME_COLUMN;
use kilter_stats::{
    hash::{mixed, salted_fnv1a},
    random::Random,
};
use kilter_store::prediction as index;

use super::*;
use crate::{
    model::golden_replay::tests::{TestFolder, trained},
    prediction::{compact, logged::Label},
};

/// What is written into a log: some rows of predictions and labels of some of them.
pub(crate) struct TestLog<'a> {
    pub server: &'a TestFolder,
    pub endpoint: EndpointName,
    sequence: i64,
    requests: usize,
    partition: u64,
}

impl<'a> TestLog<'a> {
    pub(crate) fn new(server: &'a TestFolder) -> Self {
        Self { server, endpoint: "churn".parse().unwrap(), sequence: 0, requests: 0, partition: 1 }
    }

    /// Puts a partition into the log.
    fn add(&mut self, kind: LogKind, table: &Table) {
        let app = &self.server.app;
        let staged = app.lake().stage(kind, &self.endpoint, self.partition, table).unwrap();
        self.partition += 1;
        let partition = compact::indexed(&self.endpoint, kind, &staged);
        app.store().write(move |tx| index::add_partition(tx, &partition).map(drop)).unwrap();
        app.lake().publish(&staged).unwrap();
    }

    /// A partition of predictions; rows of one request share a place in the log.
    pub(crate) fn predictions(&mut self, rows: &[TestRow]) {
        let mut last = None;
        let sequences = rows.iter().map(|row| {
            let is_new = last.replace(row.request) != Some(row.request);
            self.sequence += i64::from(is_new);
            self.requests += usize::from(is_new);
            Some(self.sequence)
        });
        let sequences = Column::Int(sequences.collect());
        let text = |of: fn(&TestRow) -> Option<Arc<str>>| Column::Text(rows.iter().map(of).collect());
        let float = |of: fn(&TestRow) -> f64| Column::Float(rows.iter().map(of).collect());
        let time = || Column::Time(rows.iter().map(|row| Some(row.at)).collect());
        let columns = vec![
            (column::ID.to_owned(), text(|row| Some(row.id.clone()))),
            (column::SEQUENCE.to_owned(), sequences),
            (TIME_COLUMN.to_owned(), time()),
            (column::RECORDED_AT.to_owned(), time()),
            (column::VERSION.to_owned(), Column::Int(rows.iter().map(|row| Some(row.version)).collect())),
            (column::ROLE.to_owned(), text(|row| Some(row.role.into()))),
            (column::CONSUMER.to_owned(), text(|row| row.consumer.clone())),
            (column::LATENCY_US.to_owned(), Column::Int(rows.iter().map(|row| Some(row.latency_us)).collect())),
            (column::SCORE.to_owned(), float(|row| row.score)),
            (column::PREDICTED.to_owned(), text(|row| Some(if row.score >= 0.5 { "yes" } else { "no" }.into()))),
            ("age".to_owned(), float(|row| row.age)),
            ("visits".to_owned(), Column::Int(rows.iter().map(|row| Some(row.visits)).collect())),
            ("region".to_owned(), text(|row| row.region.map(Into::into))),
        ];
        self.add(LogKind::Predictions, &Table::new(columns).unwrap());
    }

    /// How many requests were written.
    pub(crate) fn requests(&self) -> usize {
        self.requests
    }

    /// A partition of labels, each with its id, when it was known, and its value; `None` takes it back.
    pub(crate) fn labels(&mut self, labels: &[(Arc<str>, i64, Option<&str>)]) {
        let first = self.sequence + 1;
        self.sequence += labels.len() as i64;
        let times = || Column::Time(labels.iter().map(|label| Some(label.1)).collect());
        let columns = vec![
            (column::ID.to_owned(), Column::Text(labels.iter().map(|label| Some(label.0.clone())).collect())),
            (column::SEQUENCE.to_owned(), Column::Int((first..=self.sequence).map(Some).collect())),
            (TIME_COLUMN.to_owned(), times()),
            (column::RECORDED_AT.to_owned(), times()),
            (column::LABEL.to_owned(), Column::Text(labels.iter().map(|label| label.2.map(Into::into)).collect())),
        ];
        self.add(LogKind::Labels, &Table::new(columns).unwrap());
    }
}

/// A recorded row.
#[derive(Clone, Debug)]
pub(crate) struct TestRow {
    pub id: Arc<str>,
    pub at: i64,
    pub request: usize,
    pub version: i64,
    pub role: &'static str,
    pub consumer: Option<Arc<str>>,
    pub latency_us: i64,
    pub score: f64,
    pub age: f64,
    pub visits: i64,
    pub region: Option<&'static str>,
}

impl TestRow {
    /// A row like those that the version was trained on; `number` tells it from others.
    pub(crate) fn drawn(random: &mut Random, number: usize, at: i64) -> Self {
        Self {
            id: format!("row-{number}").into(),
            at,
            request: number / 3,
            version: 1,
            role: "champion",
            consumer: Some(format!("team-{}", number % 7).into()),
            latency_us: 200 + (number as i64 / 3 * 7_919) % 9_000,
            score: random.uniform(),
            age: if random.uniform() < 0.02 { f64::NAN } else { 20.0 + 20.0 * random.uniform() },
            visits: (random.uniform() * 20.0) as i64,
            region: Some(if random.uniform() < 4e-3 { "east" } else { ["north", "south", "west"][number % 3] }),
        }
    }

    /// What turned out to be true of it: more often yes where the score is high.
    pub(crate) fn truth(&self, random: &mut Random) -> &'static str {
        if random.uniform() < self.score { "yes" } else { "no" }
    }
}

/// When the first row happened, and the window of all.
pub(crate) const START: i64 = 1_700_000_000_000 / HOUR_MS * HOUR_MS;

pub(crate) fn server(folder: &std::path::Path) -> TestFolder {
    let server = TestFolder::open(folder);
    crate::registration::register_to_run(&server.app, &server.context, &server.project).unwrap();
    let number = server.version(&trained().0, None);
    server.deploy(number).unwrap();
    server
}

fn window() -> Interval {
    Interval { start: Timestamp(START), end: Timestamp(START + HOUR_MS) }
}

fn read(server: &TestFolder, bound: (usize, usize)) -> WindowSample {
    server.app.components().window_bound.set(bound.0, bound.1);
    let (endpoint, versions) = ("churn".parse().unwrap(), BTreeSet::from([1, 2]));
    let version = VersionId::new(server.project.model(), 1);
    let (package, _) = crate::model::load::load_version(&server.app, &version.model, version.number).unwrap();
    let query = WindowQuery {
        endpoint: &endpoint,
        who: PredictionFilter::Answers,
        versions: Some(&versions),
        window: window(),
        as_of: Timestamp(START + 2 * HOUR_MS),
        reference: Some(&package.reference),
        searched: None,
        groups: (&[], 0),
    };
    read_window(&server.app, query).unwrap()
}

/// A window with everything that makes counting hard, of 12,000 rows.
fn write_window(log: &mut TestLog, labelled: f64) {
    let mut random = Random::seeded(11);
    let mut rows: Vec<TestRow> =
        (0..12_000).map(|number| TestRow::drawn(&mut random, number, START + number as i64 * 290)).collect();
    for number in 0..rows.len() {
        match number % 40 {
            // Of a version that is not asked for, in the shadow, and asked by its number.
            3 => rows[number].version = 3,
            5 => rows[number].role = "shadow",
            7 => rows[number].role = "pinned",
            9 => rows[number].version = 2,
            // Sent again: the later one counts, of whichever version it is.
            11 if number > 40 => rows[number].id = rows[number - 30].id.clone(),
            12 => rows[number].id = format!("row-{}", number - 1).into(),
            _ => {}
        }
    }
    // Rows of before and after the window are in the same partitions.
    rows[0].at = START - 5;
    rows[11_999].at = START + HOUR_MS;
    let mut early = Vec::new();
    let (mut labels, mut corrections) = (Vec::new(), Vec::new());
    for (number, row) in rows.iter().enumerate().filter(|_| true) {
        if random.uniform() >= labelled {
            continue;
        }
        let truth = Some(row.truth(&mut random));
        match number % 9 {
            0 => early.push((row.id.clone(), START - HOUR_MS, truth)),
            _ => labels.push((row.id.clone(), row.at + 1, truth)),
        }
        match number % 11 {
            0 => corrections.push((row.id.clone(), row.at + 2, None)),
            1 => corrections.push((row.id.clone(), row.at + 2, Some("yes"))),
            _ => {}
        }
    }
    // What is not known yet, and what belongs to no row.
    labels.push((rows[500].id.clone(), START + 3 * HOUR_MS, Some("no")));
    labels.push(("nobody".into(), START + 7, Some("no")));
    log.labels(&early);
    for part in rows.chunks(2_500) {
        log.predictions(part);
    }
    log.labels(&labels);
    log.labels(&corrections);
}

/// Score, version, label with its place, and request of a row.
type Known = (f64, u32, Option<Label>, Option<i64>, i64);

/// All that is known of rows, by their ids.
fn by_id(rows: &LoggedPredictions) -> HashMap<Arc<str>, Known> {
    let row = |at: usize| {
        (rows.scores[at], rows.versions[at], rows.labels[at].clone(), rows.label_sequences[at], rows.requests[at])
    };
    (0..rows.len()).map(|at| (rows.ids[at].clone(), row(at))).collect()
}

fn check_beside_the_whole(labelled: f64, expected_shares: (Option<f64>, Option<f64>)) {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path());
    write_window(&mut TestLog::new(&server), labelled);
    let whole = read(&server, (usize::MAX, usize::MAX));
    assert!(whole.totals.is_none());
    for ids in [900, 50_000] {
        let part = read(&server, (1_000, ids));
        let totals = part.totals.clone().unwrap();
        assert_eq!((totals.share, totals.labelled_share), expected_shares);
        assert_eq!((part.row_count(), part.labelled_count()), (whole.row_count(), whole.labelled_count()));
        assert!((part.represented() - whole.represented()).abs() < 1e-9);
        let requests: BTreeSet<i64> = whole.rows.requests.iter().copied().collect();
        assert_eq!(totals.requests, requests.len() as f64);
        assert_eq!(totals.consumers, 7);
        let through: LogPosition = whole.rows.label_sequences.iter().flatten().copied().collect();
        assert!(totals.labels_through.covers_all(&through));

        let all = by_id(&whole.rows);
        for (held, share) in [(&part.rows, totals.share), (&part.labelled, totals.labelled_share)] {
            assert!(held.len() <= 1_000, "{}", held.len());
            assert_eq!(held.sample_share(), share);
            by_id(held).iter().for_each(|(id, row)| assert_eq!(Some(row), all.get(id), "{id}"));
        }
        assert!(part.rows.len() > 400);
        let held: BTreeSet<&Arc<str>> = part.rows.ids.iter().collect();
        let expected: BTreeSet<&Arc<str>> =
            whole.rows.ids.iter().filter(|id| id_hash(id) as f64 / 2_f64.powi(64) < totals.share.unwrap()).collect();
        assert_eq!(held, expected, "the rows of the share, and no others");
        let mut order = part.rows.events.clone();
        order.sort();
        assert_eq!(order, part.rows.events, "in the order of the log");

        let signature = trained().1.signature().clone();
        let of =
            |rows: &LoggedPredictions| rows.outcomes(signature.task, &signature.classes, 0.5).metric("auc").unwrap();
        let (found, exact) = (of(&part.labelled), of(&whole.rows));
        match totals.labelled_share {
            None => assert_eq!(found, exact, "all rows with a label are held"),
            Some(_) => {
                assert!((found.value - exact.value).abs() < 0.06 && found.low < exact.value && exact.value < found.high)
            }
        }
        for (name, column) in whole.rows.table.columns() {
            let missing = (0..column.len()).filter(|row| column.is_missing(*row)).count() as f64 / column.len() as f64;
            let counted = &totals.counted.columns[name];
            let found = counted.measure(kilter_domain::rule::Function::Missing, Timestamp(0)).unwrap();
            assert_eq!((found.value, found.count), (missing, whole.row_count()), "{name}");
        }
        let east = whole.rows.table.get("region").unwrap();
        let east = (0..east.len()).filter(|row| east.label(*row).as_deref() == Some("east")).count() as f64;
        assert!(east > 3.0);
        assert_eq!(totals.counted.columns["region"].unseen().unwrap().value, east);
    }
}

#[test]
fn labels_that_came_for_few_rows_are_all_held_and_counts_are_of_all_rows() {
    check_beside_the_whole(0.05, (Some(1.0 / 16.0), None));
}

#[test]
fn of_many_labels_an_even_share_is_held() {
    check_beside_the_whole(0.9, (Some(1.0 / 16.0), Some(1.0 / 16.0)));
    check_beside_the_whole(0.3, (Some(1.0 / 16.0), Some(1.0 / 4.0)));
}

#[test]
fn a_row_is_drawn_by_its_own_id_however_many_others_there_are() {
    let (mut few, mut many) = (Draw::default(), Draw::default());
    for number in 0..40_000_u32 {
        let hash = id_hash(&format!("{number}"));
        if number < 9_000 {
            few.add(hash, 1_000);
        }
        many.add(hash, 1_000);
    }
    assert_eq!((few.rows, many.rows), (9_000, 40_000));
    let early = |number: u32| number < 9_000;
    let of_many: Vec<u32> = (0..40_000).filter(|number| many.share.has(id_hash(&number.to_string()))).collect();
    assert!(of_many.iter().filter(|number| early(**number)).all(|number| few.share.has(id_hash(&number.to_string()))));
    for (draw, rows) in [(&few, 9_000.0), (&many, 40_000.0)] {
        let (found, expected) = (draw.held() as f64, rows * draw.share.share().unwrap());
        assert!((found - expected).abs() < 4.0 * expected.sqrt(), "{found} of about {expected}");
    }
}

#[test]
fn rows_are_drawn_independently_of_how_what_is_recorded_was_drawn() {
    // As serving draws entities and ids: another salt, the upper half of the hash.
    let recorded = |salt: u64, id: &str| {
        let hash = mixed(salted_fnv1a(salt, id.bytes())).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        (hash ^ (hash >> 33)) >> 32 < u64::from(u32::MAX) / 10
    };
    let mut share = EvenShare::default();
    (0..4).for_each(|_| share.halve());
    for salt in [0, 0x7265_636f_7264, 1] {
        let ids = (0..200_000).map(|number| format!("customer-{number}")).filter(|id| recorded(salt, id));
        let (mut all, mut drawn) = (0.0, 0.0);
        for id in ids {
            all += 1.0;
            drawn += f64::from(u8::from(share.has(id_hash(&id))));
        }
        assert!((drawn - all / 16.0).abs() < 4.0 * (all / 16.0_f64).sqrt(), "{salt}: {drawn} of {all}");
    }
}

#[test]
fn the_rows_that_are_drawn_never_change() {
    // Readings are reproduced from them.
    assert_eq!(
        ["", "a", "customer-17"].map(id_hash),
        [11_012_629_606_487_789_779, 522_333_961_604_964_290, 14_992_202_366_710_820_920]
    );
}
