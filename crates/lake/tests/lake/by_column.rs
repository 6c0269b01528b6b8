//! Tables read one column at a time.

use std::collections::BTreeMap;

use kilter_domain::{
    ids::EndpointName,
    table::{Column, Table},
};
use kilter_lake::{LakeError, LogKind, ReadOptions, TableColumns, Values, write_table};

use crate::{Folder, every_type, texts};

fn open(folder: &Folder, name: &str) -> Result<TableColumns, LakeError> {
    TableColumns::open(&folder.path(name), &ReadOptions::default())
}

/// A column as numbers, as whole numbers that doubles would round, or as counts of texts with the rows without one.
fn read(table: &TableColumns, name: &str) -> (Vec<f64>, BTreeMap<String, u64>, Vec<Option<i64>>, u64) {
    let (mut numbers, mut counted, mut wholes, mut missing_rows) = (Vec::new(), BTreeMap::new(), Vec::new(), 0);
    table
        .read(name, |batch| match batch {
            Values::Numbers(values) => numbers.extend_from_slice(values),
            Values::Wholes(values) => wholes.extend_from_slice(values),
            Values::Texts { counts, missing } => {
                missing_rows += missing;
                counts.iter().for_each(|(text, rows)| *counted.entry((*text).to_owned()).or_default() += rows);
            }
        })
        .unwrap();
    (numbers, counted, wholes, missing_rows)
}

fn same(left: &[f64], right: &[f64]) -> bool {
    left.len() == right.len() && left.iter().zip(right).all(|(a, b)| a == b || a.is_nan() && b.is_nan())
}

#[test]
fn a_column_holds_the_same_in_every_format() {
    let folder = Folder::with(&[]);
    for name in ["all.parquet", "all.csv", "all.jsonl"] {
        let table = match name {
            // JSON has no infinity.
            "all.jsonl" => every_type().select(|column| column != "float"),
            _ => every_type(),
        };
        write_table(&folder.path(name), &table).unwrap();
        let columns = open(&folder, name).unwrap();
        assert_eq!(columns.rows(), 4, "{name}");
        for (column, values) in table.columns().filter(|(column, _)| *column != "text") {
            let (numbers, _, wholes, _) = read(&columns, column);
            match values {
                Column::Int(values) if column == "int" => assert_eq!(&wholes, values, "{name}"),
                _ => assert!(same(&numbers, &values.numbers().unwrap()), "{name} {column} {numbers:?}"),
            }
        }
        let (_, counts, _, missing) = read(&columns, "text");
        assert_eq!((counts.len(), missing), (3, 1), "{name} {counts:?}");
    }
}

#[test]
fn many_texts_are_counted_over_pages_and_files() {
    let folder = Folder::with(&[]);
    std::fs::create_dir(folder.path("parts")).unwrap();
    for part in 0..3usize {
        let values: Vec<String> = (0..70_000).map(|row| format!("v{}", (row * 7 + part) % 30_000)).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let table = Table::new(vec![("text".into(), texts(&values)), ("n".into(), Column::Float(vec![1.5; 70_000]))]);
        write_table(&folder.path(&format!("parts/{part}.parquet")), &table.unwrap()).unwrap();
    }
    let columns = open(&folder, "parts").unwrap();
    let (_, counts, _, missing) = read(&columns, "text");
    assert_eq!((counts.len(), counts.values().sum::<u64>(), missing), (30_000, 210_000, 0));
    assert_eq!(read(&columns, "n").0.len(), 210_000);
}

#[test]
fn a_column_that_is_not_there_is_led_to_the_nearest_and_damage_is_told() {
    let folder = Folder::with(&[]);
    write_table(&folder.path("a.parquet"), &every_type()).unwrap();
    let error = open(&folder, "a.parquet").unwrap().read("flaot", |_| {}).unwrap_err();
    assert!(error.to_string().contains("did you mean `float`"), "{error}");
    let bytes = std::fs::read(folder.path("a.parquet")).unwrap();
    for cut in [4, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(folder.path("cut.parquet"), &bytes[..cut]).unwrap();
        assert!(matches!(open(&folder, "cut.parquet"), Err(LakeError::Damaged { .. })), "{cut}");
    }
    for at in 4..60.min(bytes.len()) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0xff;
        std::fs::write(folder.path("flipped.parquet"), &flipped).unwrap();
        if let Ok(columns) = open(&folder, "flipped.parquet") {
            // Whatever comes, it is an answer or an error.
            columns.columns().iter().for_each(|(name, _)| drop(columns.read(name, |_| {})));
        }
    }
}

#[test]
fn the_endpoints_of_a_log_are_listed_and_foreign_folders_are_not() {
    let folder = Folder::with(&[("lake/predictions/Not A Name/x", b"x"), ("lake/predictions/loose", b"x")]);
    let lake = kilter_lake::Lake::new(folder.path("lake"));
    assert_eq!(lake.endpoints(LogKind::Labels).unwrap(), []);
    let table = Table::new(vec![("_time".into(), Column::Time(vec![Some(5)]))]).unwrap();
    let churn: EndpointName = "churn".parse().unwrap();
    crate::append(&lake, LogKind::Predictions, &churn, 1, &table);
    let found = lake.endpoints(LogKind::Predictions).unwrap();
    assert!(found.contains(&churn) && !found.iter().any(|name| name.as_str().contains(' ')), "{found:?}");
}
