use std::{fs, path::PathBuf};

use kilter_domain::{
    ids::EndpointName,
    table::{Column, ColumnType, Table},
};
use kilter_lake::{Lake, LakeError, LogKind, SqlOptions, TIME_COLUMN, sql, sql_async, sql_over_logs, write_table};

use crate::{Folder, every_type, texts};

const ANY: usize = 1 << 30;

/// Tables of the files in a folder, each named like its file.
fn tables(folder: &Folder, names: &[&str]) -> Vec<(String, PathBuf)> {
    names.iter().map(|name| (name.split('.').next().unwrap().to_owned(), folder.path(name))).collect()
}

/// The answer as CSV.
fn answer(folder: &Folder, names: &[&str], query: &str) -> String {
    let out = folder.path("answer.csv");
    sql(query, &tables(folder, names), &SqlOptions::default()).unwrap().write_to(&out).unwrap();
    fs::read_to_string(out).unwrap()
}

fn refusal(folder: &Folder, names: &[&str], query: &str) -> String {
    let refused = sql(query, &tables(folder, names), &SqlOptions::default());
    refused.and_then(|result| result.into_table(ANY)).expect_err(query).to_string()
}

/// Orders and customers, the one as CSV and the other as Parquet.
fn shop() -> Folder {
    let folder = Folder::with(&[(
        "orders.csv",
        b"Id,customer,at,amount\n1,ann,2026-01-01,10\n2,bob,2026-01-02,20\n3,ann,2026-01-03,NA\n4,ann,2026-02-01,5.5\n",
    )]);
    let customers = Table::new(vec![
        ("customer".into(), texts(&["ann", "bob", "eve"])),
        ("region".into(), texts(&["north", "", "south"])),
        ("age".into(), Column::Int(vec![Some(30), Some(40), None])),
    ]);
    write_table(&folder.path("customers.parquet"), &customers.unwrap()).unwrap();
    folder
}

const SHOP: [&str; 2] = ["orders.csv", "customers.parquet"];

#[test]
fn files_of_different_formats_are_joined_and_grouped() {
    let query = "SELECT c.region, COUNT(*) AS orders, SUM(o.amount) AS total, avg(age) AS age
                 FROM orders o JOIN customers c ON o.customer = c.customer GROUP BY c.region ORDER BY 2 DESC";
    assert_eq!(answer(&shop(), &SHOP, query), "region,orders,total,age\nnorth,3,15.5,30.0\n,1,20.0,40.0\n");
}

#[test]
fn windows_and_lags_make_features() {
    let query = "SELECT Id, lag(amount) OVER (PARTITION BY customer ORDER BY at) AS before,
                        date_part('day', at) AS day, date_trunc('month', at) AS month,
                        sum(amount) OVER (PARTITION BY customer ORDER BY at RANGE BETWEEN INTERVAL '7 days' PRECEDING
                                          AND CURRENT ROW) AS week
                 FROM orders ORDER BY Id";
    let expected = "Id,before,day,month,week\n1,,1,2026-01-01T00:00:00Z,10.0\n2,,2,2026-01-01T00:00:00Z,20.0\n\
                    3,10.0,3,2026-01-01T00:00:00Z,10.0\n4,,1,2026-02-01T00:00:00Z,5.5\n";
    assert_eq!(answer(&shop(), &SHOP, query), expected);
}

#[test]
fn names_are_taken_as_they_stand_in_the_file() {
    assert_eq!(answer(&shop(), &SHOP, "SELECT Id FROM orders WHERE Id < 3"), "Id\n1\n2\n");
    assert_eq!(
        refusal(&shop(), &SHOP, "SELECT id FROM orders"),
        "line 1 column 8: there is no column `id`; did you mean `Id`?; there are Id, customer, at, amount"
    );
}

#[test]
fn times_compare_with_dates() {
    let query = "SELECT count(*) AS n FROM orders WHERE at >= '2026-01-02' AND at < TIMESTAMP '2026-02-01 00:00:00'";
    assert_eq!(answer(&shop(), &SHOP, query), "n\n2\n");
}

#[test]
fn a_whole_table_passes_through_unchanged() {
    let folder = Folder::with(&[]);
    for name in ["t.parquet", "t.csv"] {
        write_table(&folder.path(name), &every_type()).unwrap();
        let result = sql("SELECT * FROM t", &tables(&folder, &[name]), &SqlOptions::default()).unwrap();
        assert_eq!(result.columns()[4], ("time".to_owned(), ColumnType::Time));
        assert_eq!(result.into_table(ANY).unwrap(), every_type(), "{name}");
    }
}

/// The recipe of the module's page, against the join that defines what it must give.
#[test]
fn a_feature_is_the_last_value_known_at_the_time() {
    let folder = Folder::with(&[
        ("labels.csv", b"id,at,label\na,2026-01-05,1\na,2026-01-01,0\nb,2026-01-09,1\nc,2026-01-09,0\n"),
        (
            "features.csv",
            b"id,at,spend\na,2026-01-02,10\na,2026-01-05,11\na,2026-01-06,12\nb,2026-01-01,7\nb,2026-01-03,\n",
        ),
    ]);
    let names = ["labels.csv", "features.csv"];
    let recipe = "SELECT id, at, label, spend FROM (
          SELECT id, at, label, asked,
                 last_value(spend) IGNORE NULLS OVER (PARTITION BY id ORDER BY at, asked) AS spend
          FROM (SELECT id, at, NULL AS label, spend, 0 AS asked FROM features
                UNION ALL
                SELECT id, at, label, NULL, 1 FROM labels))
        WHERE asked = 1 ORDER BY id, at";
    let definition = "SELECT id, at, label, spend FROM (
          SELECT l.id, l.at, l.label, f.spend, row_number() OVER (PARTITION BY l.id, l.at ORDER BY f.at DESC) AS nth
          FROM labels l LEFT JOIN features f ON f.id = l.id AND f.at <= l.at AND f.spend IS NOT NULL)
        WHERE nth = 1 ORDER BY id, at";
    let expected = "id,at,label,spend\na,2026-01-01T00:00:00Z,0,\na,2026-01-05T00:00:00Z,1,11\n\
                    b,2026-01-09T00:00:00Z,1,7\nc,2026-01-09T00:00:00Z,0,\n";
    assert_eq!(answer(&folder, &names, definition), expected);
    assert_eq!(answer(&folder, &names, recipe), expected);
    let strictly_before = recipe.replace("ORDER BY at, asked", "ORDER BY at, -asked");
    assert_eq!(answer(&folder, &names, &strictly_before), expected.replace(",11\n", ",10\n"));
}

#[test]
fn what_a_query_gets_wrong_is_said_with_the_place_and_the_nearest_name() {
    let cases = [
        ("", "the query is empty"),
        ("SELEC 1", "the query does not read as SQL: Expected: an SQL statement, found: SELEC at Line: 1, Column: 1"),
        ("SELECT (1", "the query does not read as SQL: Expected: ), found: EOF"),
        ("SELECT\n amont FROM orders", "line 2 column 2: there is no column `amont`; did you mean `amount`?"),
        ("SELECT 1 FROM order_s", "line 1 column 15: there is no table `order_s`; did you mean `orders`?"),
        (
            "SELECT mediann(amount) FROM orders",
            "line 1 column 8: the query makes no sense: there is no function `mediann`; did you mean `median`?",
        ),
        (
            "SELECT customer FROM orders JOIN customers ON true",
            "`customer` stands in two tables: write the table before it",
        ),
        ("SELECT o.customer, c.customer FROM orders o, customers c", "two columns of the result are named `customer`"),
        ("SELECT amount, count(*) FROM orders", "amount"),
        ("SELECT now() AS n", "`now()` answers differently every time"),
        ("SELECT current_timestamp AS n", "answers differently every time"),
        ("SELECT max(at) - min(at) AS d FROM orders", "column `d` of the result is"),
        ("SELECT array_agg(Id) AS l FROM orders", "take an element of it, or array_to_string(a, ',')"),
        (
            "SELECT CAST(customer AS BIGINT) AS i FROM orders",
            "the query failed on its data: Cast error: Cannot cast string 'ann'",
        ),
        ("SELECT 1 / (Id - Id) AS x FROM orders", "the query failed on its data: Divide by zero"),
        ("SELECT sum(customer) AS s FROM orders", "sum"),
    ];
    for (query, expected) in cases {
        let refusal = refusal(&shop(), &SHOP, query);
        assert!(refusal.contains(expected), "{query}\n  {refusal}\n  {expected}");
    }
}

#[test]
fn a_query_reads_and_changes_nothing_and_sees_no_other_file() {
    let folder = shop();
    for query in [
        "CREATE TABLE t AS SELECT 1",
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
        "DROP TABLE orders",
        "INSERT INTO orders SELECT * FROM orders",
        "DELETE FROM orders",
        "COPY orders TO '/tmp/kilter-must-not-exist.csv'",
        "SET datafusion.execution.batch_size = 1",
        "SELECT 1; SELECT 2",
    ] {
        let refusal = refusal(&folder, &SHOP, query);
        assert!(refusal.contains("write one SELECT") || refusal.contains("makes no sense"), "{query}: {refusal}");
    }
    let other = format!("SELECT * FROM '{}'", folder.path("orders.csv").display());
    assert!(refusal(&folder, &["customers.parquet"], &other).contains("there is no table"));
}

#[test]
fn volatile_functions_are_there_for_whoever_asks() {
    let options = SqlOptions { volatile: true, ..SqlOptions::default() };
    let table = sql("SELECT now() AS n, random() AS r", &[], &options).unwrap().into_table(ANY).unwrap();
    assert_eq!(table.column("n").unwrap().column_type(), ColumnType::Time);
}

#[test]
fn bad_cells_and_damaged_files_are_told_as_when_reading_a_table() {
    let folder = Folder::with(&[("ragged.csv", b"a,b\n1,2\n3\n"), ("cut.parquet", b"PAR1rubbish")]);
    assert!(refusal(&folder, &["ragged.csv"], "SELECT a FROM ragged").contains("ragged.csv` line 3 has 1 cells"));
    assert!(refusal(&folder, &["cut.parquet"], "SELECT a FROM cut").contains("cut.parquet` is damaged or cut short"));
    // Here the footer is whole, and the pages are not.
    write_table(&folder.path("t.parquet"), &every_type()).unwrap();
    let mut bytes = fs::read(folder.path("t.parquet")).unwrap();
    bytes[4..80].fill(0xff);
    fs::write(folder.path("t.parquet"), bytes).unwrap();
    let refusal = refusal(&folder, &["t.parquet"], "SELECT sum(float) AS s FROM t");
    assert!(refusal.contains("t.parquet` is damaged or cut short: a page has no header"), "{refusal}");
}

#[test]
fn a_folder_of_parquet_files_is_one_table_in_sql_too() {
    let folder = Folder::with(&[]);
    fs::create_dir(folder.path("t")).unwrap();
    for (name, column) in [("1", Column::Int(vec![Some(1)])), ("2", Column::Float(vec![0.5, f64::NAN]))] {
        let table = Table::new(vec![("x y".into(), column)]).unwrap();
        write_table(&folder.path(&format!("t/{name} [%].parquet")), &table).unwrap();
    }
    let query = "SELECT sum(\"x y\") AS s, count(\"x y\") AS n, count(*) AS rows FROM t";
    assert_eq!(answer(&folder, &["t"], query), "s,n,rows\n1.5,2,3\n");
}

#[test]
fn a_log_is_a_table_whose_partitions_may_differ() {
    let folder = shop();
    let (lake, churn) = (Lake::new(folder.path("lake")), "churn".parse::<EndpointName>().unwrap());
    let rows = |time, column: (&str, Column)| {
        let times = (TIME_COLUMN.to_owned(), Column::Time(vec![Some(time)]));
        Table::new(vec![times, (column.0.to_owned(), column.1)]).unwrap()
    };
    let empty = sql_over_logs("SELECT 1 AS one", &[("p".to_owned(), vec![])], &[], &SqlOptions::default());
    assert!(matches!(empty, Err(LakeError::EmptyFolder { .. })));
    for (seq, column) in [(1, ("score", Column::Float(vec![0.5]))), (2, ("tier", texts(&["gold"])))] {
        crate::append(&lake, LogKind::Predictions, &churn, seq, &rows(seq as i64, column));
    }
    crate::append(&lake, LogKind::Predictions, &churn, 3, &rows(3, ("tier", Column::Int(vec![Some(7)]))));
    let listing = lake.list(LogKind::Predictions, &churn).unwrap();
    let logs = [("p".to_owned(), listing.partitions.into_iter().map(|partition| partition.path).collect())];

    let query = "SELECT p.score, p.tier, (SELECT count(*) FROM customers) AS n FROM p ORDER BY _time";
    let result = sql_over_logs(query, &logs, &tables(&folder, &["customers.parquet"]), &SqlOptions::default()).unwrap();
    let table = result.into_table(ANY).unwrap();
    assert_eq!(table.column("tier").unwrap(), &texts(&["", "gold", "7"]));
    assert_eq!(
        (0..3).map(|row| table.column("score").unwrap().is_missing(row)).collect::<Vec<_>>(),
        [false, true, true]
    );
}

#[test]
fn a_result_larger_than_allowed_goes_to_a_file_and_not_into_memory() {
    let folder = Folder::with(&[]);
    let query = "SELECT a.value * 1000 + b.value AS n FROM generate_series(0, 999) a, generate_series(0, 999) b";
    let options = SqlOptions { memory_bytes: 64 << 20, ..SqlOptions::default() };
    let error = sql(query, &[], &options).unwrap().into_table(100_000).unwrap_err();
    assert!(error.to_string().contains("write it to a file, or take fewer rows"), "{error}");
    let out = folder.path("out.parquet");
    assert_eq!(sql(query, &[], &options).unwrap().write_to(&out).unwrap(), 1_000_000);
    assert_eq!(kilter_lake::schema_of(&out).unwrap().rows, 1_000_000);
}

#[test]
fn a_sort_larger_than_its_memory_goes_on_on_disk() {
    let folder = Folder::with(&[]);
    let options = SqlOptions { memory_bytes: 24 << 20, temporary: Some(folder.path("")), ..SqlOptions::default() };
    let query = "SELECT value % 7919 AS k, CAST(value AS VARCHAR) AS t FROM generate_series(1, 1000000) ORDER BY k, t";
    let out = folder.path("sorted.parquet");
    assert_eq!(sql(query, &[], &options).unwrap().write_to(&out).unwrap(), 1_000_000);
    let starved = SqlOptions { disk_bytes: 1 << 20, ..options };
    let error = sql(query, &[], &starved).and_then(|result| result.write_to(&out)).unwrap_err();
    assert!(error.to_string().starts_with("the query needs more than"), "{error}");
}

#[test]
fn the_same_query_gives_the_same_bytes() {
    let folder = Folder::with(&[]);
    let mut lines = String::from("k,x\n");
    (0..20_000_u64).for_each(|row| lines += &format!("{},{}.25\n", row * 7919 % 1013, row * row % 977));
    fs::write(folder.path("t.csv"), lines).unwrap();
    let query = "SELECT k, avg(x) AS mean, stddev(x) AS sd FROM t GROUP BY k";
    let once = answer(&folder, &["t.csv"], query);
    assert_eq!(once.lines().count(), 1014);
    (0..3).for_each(|_| assert_eq!(answer(&folder, &["t.csv"], query), once));
}

#[test]
fn an_expression_as_deep_as_a_list_of_conditions_is_planned() {
    let conditions: Vec<String> = (0..300).map(|n| format!("Id = {n}")).collect();
    let query = format!("SELECT count(*) AS n FROM orders WHERE {}", conditions.join(" OR "));
    assert_eq!(answer(&shop(), &SHOP, &query), "n\n4\n");
    let nested = format!("SELECT {}1{} AS n", "(".repeat(3000), ")".repeat(3000));
    assert!(refusal(&shop(), &SHOP, &nested).contains("it nests too deep"));
    let long = format!("SELECT '{}' AS n", "x".repeat(300_000));
    assert!(refusal(&shop(), &SHOP, &long).contains("longer than"));
}

#[test]
fn a_query_may_be_asked_inside_of_an_async_runtime() {
    let folder = shop();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let table = runtime.block_on(async {
        // The blocking call works here too, though it keeps the runtime waiting.
        sql("SELECT 1 AS one", &[], &SqlOptions::default()).unwrap().into_table(ANY).unwrap();
        let (tables, options) = (tables(&folder, &SHOP), SqlOptions::default());
        let result = sql_async("SELECT max(amount) AS m FROM orders", &tables, &options).await.unwrap();
        result.into_table_async(ANY).await.unwrap()
    });
    assert_eq!(table.column("m").unwrap(), &Column::Float(vec![20.0]));
}

#[test]
fn a_table_named_twice_is_refused() {
    let folder = shop();
    let twice = [tables(&folder, &SHOP), tables(&folder, &SHOP)].concat();
    let error = sql("SELECT 1 AS one", &twice, &SqlOptions::default()).err().unwrap();
    assert!(matches!(error, LakeError::Sql(kilter_lake::SqlError::DuplicateTable { .. })), "{error}");
}
