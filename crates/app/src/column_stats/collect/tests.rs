use kilter_domain::table::{Column, Table};
use kilter_serving::Role;
use kilter_stats::profile::ColumnCounts;

use super::*;
use crate::column_stats::summary::{ColumnReading, VersionColumnStats};
use crate::{
    column_stats::collect,
    model::golden_replay::tests::{TestFolder, customers, finite, trained},
    prediction::predict::{self, Request},
    registration,
};

const HOUR: i64 = 3_600_000;
const ALL: Span = Span { since: Timestamp(0), until: Timestamp(i64::MAX) };

fn churn() -> EndpointName {
    "churn".parse().unwrap()
}

/// A data folder in which one version is live.
fn house(folder: &std::path::Path) -> TestFolder {
    let house = TestFolder::open(folder);
    registration::register_to_run(&house.app, &house.context, &house.project).unwrap();
    let number = house.version(&trained().0, None);
    house.deploy(number).unwrap();
    house
}

fn ask(house: &TestFolder, rows: Table, at: i64) {
    let count = rows.rows();
    let ids = (0..count).map(|row| format!("{at}-{row}").into()).collect();
    let request = Request { table: rows, ids, events: vec![Timestamp(at); count], consumer: None };
    predict::predict(&house.app, &churn(), request, Timestamp(at)).unwrap();
}

fn only_version(house: &TestFolder, span: Span) -> VersionColumnStats {
    let column_stats = collect::endpoint_column_stats(&house.app, &churn(), span).unwrap();
    assert_eq!(
        (column_stats.unreadable, column_stats.lost_rows, column_stats.versions.len()),
        (0, 0, 1),
        "{column_stats:?}"
    );
    column_stats.versions.into_iter().next().unwrap()
}

fn column<'p>(column_stats: &'p VersionColumnStats, name: &str) -> &'p ColumnReading {
    column_stats.columns.iter().find(|column| column.name == name).unwrap()
}

#[test]
fn what_is_in_memory_and_what_is_kept_add_up_over_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let first = house(folder.path());
    let rows = finite(&customers());
    let (half, rest): (Vec<usize>, Vec<usize>) = (0..rows.rows()).partition(|row| row % 2 == 0);
    ask(&first, rows.take(&half), 10 * HOUR + 7);
    let before = only_version(&first, ALL);
    assert_eq!(collect::keep_column_stats(&first.app, Timestamp(11 * HOUR)).unwrap(), half.len() as u64);
    assert_eq!(collect::keep_column_stats(&first.app, Timestamp(11 * HOUR)).unwrap(), 0, "each row is kept once");
    assert_eq!(only_version(&first, ALL), before, "kept or not, it is read alike");
    drop(first);

    let second = TestFolder::open(folder.path());
    ask(&second, rows.take(&rest), 10 * HOUR + 9);
    collect::keep_column_stats(&second.app, Timestamp(11 * HOUR)).unwrap();
    ask(&second, rows.take(&[0, 1, 2]), 12 * HOUR);
    let all = only_version(&second, ALL);
    assert_eq!((all.rows, all.from, all.to), (rows.rows() as u64 + 3, Timestamp(10 * HOUR), Timestamp(13 * HOUR)));
    let tenth = only_version(&second, Span { since: Timestamp(9 * HOUR), until: Timestamp(11 * HOUR) });
    assert_eq!((tenth.rows, tenth.role, tenth.number), (rows.rows() as u64, Role::Champion, 1));
    // The rows are those of the reference itself: nothing is strange, nothing is far.
    for name in ["age", "visits", "region", "score", "prediction"] {
        let column = column(&tenth, name);
        assert_eq!(column.missing_share(), column.reference_missing, "{name}");
        assert_eq!((column.unseen_share().unwrap_or(0.0), column.out_of_range_share().unwrap_or(0.0)), (0.0, 0.0));
        assert!(column.distances.len() >= 2 && column.distances.iter().all(|d| d.effect < 0.01), "{column:?}");
    }
}

#[test]
fn strange_and_missing_values_have_their_shares() {
    let folder = tempfile::tempdir().unwrap();
    let house = house(folder.path());
    let columns = vec![
        ("age".into(), Column::Float(vec![500.0, -3.0, f64::NAN, 30.0])),
        ("visits".into(), Column::Int(vec![Some(1); 4])),
        ("region".into(), Column::Text(vec![Some("moon".into()), Some("north".into()), None, Some("south".into())])),
    ];
    ask(&house, Table::new(columns).unwrap(), HOUR);
    let column_stats = only_version(&house, ALL);
    let (age, region) = (column(&column_stats, "age"), column(&column_stats, "region"));
    assert_eq!((age.missing_share(), age.out_of_range_share(), age.unseen_share()), (0.25, Some(2.0 / 3.0), None));
    assert_eq!((region.missing_share(), region.unseen_share()), (0.25, Some(1.0 / 3.0)));
    let ColumnCounts::Categorical(counts) = &region.counts else { panic!("texts") };
    assert_eq!(counts.unseen_values, [("moon".to_owned(), 1)]);
}

fn files(folder: &std::path::Path) -> Vec<PathBuf> {
    folder::list(&folder.join("served/churn"), ALL).unwrap()
}

#[test]
fn a_file_that_cannot_be_read_is_told_and_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let house = house(folder.path());
    ask(&house, finite(&customers()).take(&[0, 1]), HOUR);
    collect::keep_column_stats(&house.app, Timestamp(HOUR)).unwrap();
    let [path] = &files(folder.path())[..] else { panic!("one file") };
    assert!(path.to_str().unwrap().ends_with("1970-01-01T01.champion.bin"), "{path:?}");
    std::fs::write(path, b"something else").unwrap();
    let column_stats = collect::endpoint_column_stats(&house.app, &churn(), ALL).unwrap();
    assert_eq!((column_stats.unreadable, column_stats.versions.len()), (1, 0));
    ask(&house, finite(&customers()).take(&[0, 1, 2]), HOUR);
    collect::keep_column_stats(&house.app, Timestamp(HOUR)).unwrap();
    assert_eq!(only_version(&house, ALL).rows, 3);
    assert!(path.with_extension("damaged").is_file());
}

#[test]
fn hours_of_long_ago_go() {
    let folder = tempfile::tempdir().unwrap();
    let house = house(folder.path());
    let rows = finite(&customers()).take(&[0]);
    for hour in [1, KEPT_HOURS, KEPT_HOURS + 2] {
        ask(&house, rows.clone(), hour * HOUR);
        collect::keep_column_stats(&house.app, Timestamp(hour * HOUR)).unwrap();
    }
    assert_eq!(only_version(&house, ALL).rows, 2);
}

#[test]
fn what_cannot_be_kept_is_counted_on() {
    let folder = tempfile::tempdir().unwrap();
    let house = house(folder.path());
    std::fs::write(folder.path().join("served"), b"in the way").unwrap();
    ask(&house, finite(&customers()).take(&[0, 1]), HOUR);
    assert!(collect::keep_column_stats(&house.app, Timestamp(HOUR)).is_err());
    std::fs::remove_file(folder.path().join("served")).unwrap();
    ask(&house, finite(&customers()).take(&[2]), HOUR);
    assert_eq!(collect::keep_column_stats(&house.app, Timestamp(HOUR)).unwrap(), 3);
    assert_eq!(only_version(&house, ALL).rows, 3);
}
