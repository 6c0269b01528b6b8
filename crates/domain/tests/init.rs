//! `kilter init`: what it writes always reads, and its guesses are good ones on tables that people have.

use kilter_domain::{
    contract::{ColumnSummary, Contract, InitFrom, init},
    table::ColumnType,
};
use proptest::prelude::*;

fn column(name: &str, column_type: ColumnType, distinct: u64, samples: &[&str]) -> ColumnSummary {
    ColumnSummary {
        name: name.into(),
        column_type,
        distinct,
        missing: 0,
        min: samples.iter().min().map(|text| (*text).to_owned()),
        max: samples.iter().max().map(|text| (*text).to_owned()),
        samples: samples.iter().map(|text| (*text).to_owned()).collect(),
    }
}

fn written(name: &str, path: &str, columns: &[ColumnSummary]) -> (String, Contract) {
    let text = init(&InitFrom { name, path, rows: 1000, columns, label: None, telling: &[] });
    let contract = Contract::parse(&text).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    (text, contract)
}

#[test]
fn a_table_of_snapshots_gets_its_time_label_and_ids() {
    let (text, contract) = written(
        "my churn",
        "data/cdnow_churn_snapshots.csv",
        &[
            column("customer_id", ColumnType::Int, 900, &["1"]),
            column("snapshot_date", ColumnType::Text, 12, &["1997-05-01", "1997-06-01"]),
            column("purchases", ColumnType::Int, 30, &["1"]),
            column("churned", ColumnType::Int, 2, &["0", "1"]),
            column("label_available_at", ColumnType::Time, 12, &["1997-07-01T00:00:00Z"]),
        ],
    );
    let data = &contract.data[0];
    assert_eq!(contract.project.name.as_ref().unwrap().as_str(), "my-churn");
    assert_eq!(data.name.as_str(), "cdnow_churn_snapshots");
    assert_eq!(data.time.as_deref(), Some("snapshot_date"));
    assert_eq!(data.label.as_deref(), Some("churned"));
    assert_eq!(data.label_time.as_deref(), Some("label_available_at"));
    assert_eq!(data.id, ["customer_id"]);
    assert_eq!(contract.replayed().map(|data| data.name.as_str()), Some("cdnow_churn_snapshots"));
    assert!(contract.steps[1].run.contains("--exclude snapshot_date,customer_id,label_available_at"), "{text}");
    assert!(contract.gates[0].rules[0].to_string().starts_with("auc"), "{text}");
    assert!(text.matches('#').count() > 5, "it explains itself");
}

#[test]
fn the_question_follows_the_label() {
    let gate = |column_type, distinct| {
        let columns = [column("x", ColumnType::Float, 500, &[]), column("target", column_type, distinct, &["1"])];
        written("p", "t.csv", &columns).1.gates[0].rules[0].to_string()
    };
    assert_eq!(gate(ColumnType::Bool, 2), "auc >= 0.6");
    assert_eq!(gate(ColumnType::Text, 2), "auc >= 0.6");
    assert_eq!(gate(ColumnType::Text, 7), "accuracy >= 0.5");
    assert_eq!(gate(ColumnType::Float, 700), "r2 >= 0.1");
    assert_eq!(gate(ColumnType::Int, 700), "r2 >= 0.1");
}

#[test]
fn years_are_times_and_prices_that_go_up_are_no_prices() {
    let mut year = column("year", ColumnType::Int, 5, &["2015", "2019"]);
    year.min = Some("2015".into());
    let columns =
        [year, column("price", ColumnType::Float, 500, &[]), column("price_up", ColumnType::Int, 2, &["0", "1"])];
    let (_, contract) = written("p", "t.csv", &columns);
    assert_eq!(contract.data[0].time.as_deref(), Some("year"));
    let other = [column("x", ColumnType::Float, 500, &[]), column("price_up", ColumnType::Int, 2, &["0", "1"])];
    assert_eq!(written("p", "t.csv", &other).1.data[0].label.as_deref(), Some("price_up"), "the last of two values");
}

#[test]
fn without_a_label_it_says_what_to_do() {
    let (text, contract) = written("p", "t.csv", &[column("x", ColumnType::Float, 500, &[])]);
    assert!(contract.steps.is_empty() && contract.data[0].label.is_none());
    assert!(text.contains("# label = ") && text.contains("# [step.train]"), "{text}");
}

#[test]
fn a_file_outside_of_the_project_is_not_written_down() {
    for path in ["../t.csv", "/t.csv", "AA:", "C:/t.csv"] {
        let (text, contract) = written("p", path, &[]);
        assert_eq!(contract.data[0].path, None);
        assert!(text.contains("a path inside of the project"), "{text}");
    }
}

fn any_column() -> impl Strategy<Value = ColumnSummary> {
    let name = prop_oneof![
        "\\PC{0,20}",
        Just("label".to_owned()),
        Just("customer_id".to_owned()),
        Just("a,b id".to_owned()),
        Just("it's a {in.x} time".to_owned()),
        "[ -~]{1,10}_id",
        "[ -~]{1,10}_label",
        "(?s).{1,6}_time",
    ];
    let column_type = prop_oneof![
        Just(ColumnType::Float),
        Just(ColumnType::Int),
        Just(ColumnType::Bool),
        Just(ColumnType::Text),
        Just(ColumnType::Time)
    ];
    (name, column_type, 0..2000_u64, 0..10_u64).prop_map(|(name, column_type, distinct, missing)| ColumnSummary {
        missing,
        ..column(&name, column_type, distinct, &["2015", "2016-01-01"])
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn what_is_written_always_reads(
        name in "(?s).{0,80}", path in "(?s).{0,40}", rows in 0..u64::MAX, columns in prop::collection::vec(any_column(), 0..12),
    ) {
        let text = init(&InitFrom { name: &name, path: &path, rows, columns: &columns, label: None, telling: &[] });
        if let Err(errors) = Contract::parse(&text) {
            prop_assert!(false, "{errors}\n{text}");
        }
    }
}
