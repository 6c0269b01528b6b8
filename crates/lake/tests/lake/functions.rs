//! Statistics as functions of SQL: the definitions of `kilter-stats`, and errors in our words.

use kilter_domain::table::{Column, Table};
use kilter_lake::{SqlOptions, sql, write_table};
use kilter_stats::{
    drift::{CategoricalReference, Measure, Sample, distance},
    performance::{BinaryRows, Labelled, metric},
};

use crate::{Folder, texts};

const ROWS: usize = 5000;

fn score(row: usize) -> f64 {
    (row * 7919 % 1000) as f64 / 1000.0
}

fn label(row: usize) -> bool {
    (row * 104_729 % 1000) as f64 / 1000.0 < score(row)
}

fn city(row: usize) -> &'static str {
    ["Rome", "Oslo", "Bern"][(row * row / 7 + row / 2000) % 3]
}

fn folder() -> Folder {
    let folder = Folder::with(&[]);
    let rows = || 0..ROWS;
    let table = Table::new(vec![
        ("id".into(), Column::Int(rows().map(|row| Some(row as i64)).collect())),
        ("score".into(), Column::Float(rows().map(score).collect())),
        ("label".into(), Column::Bool(rows().map(|row| Some(label(row))).collect())),
        ("count".into(), Column::Int(rows().map(|row| (row % 9 > 0).then_some((row % 13) as i64)).collect())),
        ("city".into(), texts(&rows().map(city).collect::<Vec<_>>())),
    ]);
    write_table(&folder.path("t.parquet"), &table.unwrap()).unwrap();
    folder
}

fn ask(query: &str, threads: usize) -> Result<Table, String> {
    let folder = folder();
    let options = SqlOptions { threads, ..SqlOptions::default() };
    let answer = sql(query, &[("t".into(), folder.path("t.parquet"))], &options);
    answer.and_then(|answer| answer.into_table(1 << 20)).map_err(|error| error.to_string())
}

fn number(table: &Table, name: &str) -> f64 {
    table.column(name).unwrap().number(0)
}

#[test]
fn performance_and_distances_are_those_of_the_statistics() {
    let query = "select auc(score, label) as auc, brier(score, label) as brier, log_loss(score, label) as loss, \
                 ks(score, id >= 3000) as ks, w1_over_sd(score, id >= 3000) as w1, psi(count, id >= 3000) as psi, \
                 ks_p(score, id >= 3000) as p, tvd(city, id >= 3000) as tvd, chi2_p(city, id >= 3000) as chi2 from t";
    let (truth, scores): (Vec<bool>, Vec<f64>) = (0..ROWS).map(|row| (label(row), score(row))).unzip();
    let rows = Labelled::Binary(BinaryRows::scored(&truth, &scores, 0.5).unwrap());
    let (old, new) = (Sample::of(&scores[..3000]), Sample::of(&scores[3000..]));
    let counts = |rows: std::ops::Range<usize>| {
        Sample::of(&rows.filter(|row| row % 9 > 0).map(|row| (row % 13) as f64).collect::<Vec<_>>())
    };
    let cities = CategoricalReference::of((0..3000).map(|row| Some(city(row)))).unwrap();
    let window = cities.count((3000..ROWS).map(|row| Some(city(row))));
    let of = |measure| distance(measure, &old, &new).unwrap();
    for threads in [1, 3] {
        let answer = ask(query, threads).unwrap();
        let want = [
            ("auc", metric("auc", &rows).unwrap().value),
            ("brier", metric("brier", &rows).unwrap().value),
            ("loss", metric("log_loss", &rows).unwrap().value),
            ("ks", of(Measure::Ks).value),
            ("w1", of(Measure::W1OverSd).value),
            ("psi", distance(Measure::Psi, &counts(0..3000), &counts(3000..ROWS)).unwrap().value),
            ("p", of(Measure::Ks).p.unwrap()),
            ("tvd", cities.distance(&window, Measure::Tvd).unwrap().value),
            ("chi2", cities.distance(&window, Measure::Chi2).unwrap().p.unwrap()),
        ];
        for (name, want) in want {
            let got = number(&answer, name);
            assert!((got - want).abs() < 1e-9, "{name} with {threads} threads: {got} {want}");
        }
    }
}

#[test]
fn groups_are_measured_apart_and_what_is_undefined_is_null() {
    let answer = ask(
        "select city, auc(score, label) as auc, auc(score, score < 2) as one_class, wasserstein(score, id < 0) as empty \
         from t group by city order by city",
        1,
    )
    .unwrap();
    assert_eq!(answer.rows(), 3);
    assert!((0..3).all(|row| answer.column("auc").unwrap().number(row) > 0.6));
    for name in ["one_class", "empty"] {
        assert!((0..3).all(|row| answer.column(name).unwrap().is_missing(row)), "{name}");
    }
}

#[test]
fn wrong_arguments_are_told_with_the_right_ones() {
    for (query, words) in [
        ("select auc(score) from t", "auc(score, label)"),
        ("select ks(city, label) from t", "no order"),
        ("select psi(score, city) from t", "any condition will do"),
        ("select auc(score, count) from t", "not 1 or 0"),
        ("select auc(distinct score, label) from t", "DISTINCT"),
    ] {
        let error = ask(query, 1).unwrap_err();
        assert!(error.contains(words), "{query}: {error}");
        assert!(!error.contains("user-defined coercion"), "{query}: {error}");
    }
}
