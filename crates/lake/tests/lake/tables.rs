use std::{collections::BTreeMap, fs, sync::Arc};

use arrow::{
    array::{
        ArrayRef, Date32Array, Decimal128Array, DictionaryArray, Float32Array, Int16Array, LargeStringArray,
        RecordBatch, TimestampNanosecondArray, TimestampSecondArray, UInt64Array,
    },
    datatypes::Int8Type,
};
use kilter_domain::table::{Column, ColumnType, Table};
use kilter_lake::{LakeError, ReadOptions, Schema, read_table, schema_of, write_table};
use parquet::arrow::ArrowWriter;

use crate::{Folder, every_type, texts};

fn parquet(arrays: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(arrays).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

#[test]
fn a_table_reads_back_equal_from_every_format_that_can_say_it() {
    let folder = Folder::with(&[]);
    for name in ["t.parquet", "t.csv", "t.tsv"] {
        write_table(&folder.path(name), &every_type()).unwrap();
        assert_eq!(folder.read(name).unwrap(), every_type(), "{name}");
    }
    let finite = every_type().take(&[0, 1, 3]);
    write_table(&folder.path("t.jsonl"), &finite).unwrap();
    assert_eq!(folder.read("t.jsonl").unwrap(), finite);
}

#[test]
fn missing_floats_are_null_in_parquet_and_nan_in_the_table() {
    let folder = Folder::with(&[]);
    let table = Table::new(vec![("x".into(), Column::Float(vec![f64::NAN, 2.0]))]).unwrap();
    for name in ["t.parquet", "t.csv", "t.jsonl"] {
        write_table(&folder.path(name), &table).unwrap();
        let read = folder.read(name).unwrap();
        assert!(read.column("x").unwrap().is_missing(0), "{name}");
        assert_eq!(read.rows(), 2, "{name}");
    }
    assert_eq!(fs::read_to_string(folder.path("t.csv")).unwrap(), "x\n\"\"\n2.0\n");
    assert_eq!(fs::read_to_string(folder.path("t.jsonl")).unwrap(), "{\"x\":null}\n{\"x\":2.0}\n");
}

#[test]
fn equal_tables_give_equal_bytes() {
    let folder = Folder::with(&[]);
    for ending in ["parquet", "csv"] {
        let (one, two) = (folder.path(&format!("one.{ending}")), folder.path(&format!("two.{ending}")));
        write_table(&one, &every_type()).unwrap();
        write_table(&two, &every_type().take(&[0, 1, 2, 3])).unwrap();
        assert_eq!(fs::read(one).unwrap(), fs::read(two).unwrap(), "{ending}");
    }
}

#[test]
fn writing_leaves_nothing_beside_the_file_and_replaces_it_whole() {
    let folder = Folder::with(&[("t.csv", b"old\n1\n")]);
    write_table(&folder.path("t.csv"), &every_type()).unwrap();
    let names: Vec<_> = fs::read_dir(folder.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["t.csv"]);
}

#[test]
fn what_cannot_be_written_leaves_the_old_file() {
    let folder = Folder::with(&[("t.jsonl", b"{\"a\":1}\n")]);
    let error = write_table(&folder.path("t.jsonl"), &every_type()).unwrap_err();
    assert!(error.to_string().contains("column `float` row 2 holds an infinity"), "{error}");
    assert_eq!(fs::read(folder.path("t.jsonl")).unwrap(), b"{\"a\":1}\n");
    assert_eq!(fs::read_dir(folder.path("")).unwrap().count(), 1);
}

#[test]
fn types_of_other_tools_come_in_without_loss() {
    let keys = [Some("ma"), None, Some("ny"), Some("ma")];
    let file = parquet(vec![
        ("year", Arc::new(Int16Array::from(vec![Some(1997), None, Some(-1), Some(2026)]))),
        ("small", Arc::new(Float32Array::from(vec![0.1, f32::MAX, f32::NAN, f32::MIN_POSITIVE]))),
        ("state", Arc::new(keys.into_iter().collect::<DictionaryArray<Int8Type>>())),
        ("day", Arc::new(Date32Array::from(vec![Some(0), Some(-1), None, Some(20_000)]))),
        ("ns", Arc::new(TimestampNanosecondArray::from(vec![1_999_999, -1, 0, 1_000_000]))),
        ("s", Arc::new(TimestampSecondArray::from(vec![1, 2, 3, -4]).with_timezone("Europe/Berlin"))),
        ("price", Arc::new(Decimal128Array::from(vec![199, 5, -7, 0]).with_precision_and_scale(9, 2).unwrap())),
        ("long", Arc::new(LargeStringArray::from(vec![Some(""), None, Some("b"), Some("b")]))),
        ("count", Arc::new(UInt64Array::from(vec![0, 1, 2, i64::MAX as u64]))),
    ]);
    let table = Folder::with(&[("t.parquet", &file)]).read("t.parquet").unwrap();
    let column = |name: &str| table.column(name).unwrap().clone();
    assert_eq!(column("year"), Column::Int(vec![Some(1997), None, Some(-1), Some(2026)]));
    let Column::Float(small) = column("small") else { panic!() };
    assert_eq!((small[0], small[1], small[3]), (f64::from(0.1_f32), f64::from(f32::MAX), f64::from(f32::MIN_POSITIVE)));
    assert!(small[2].is_nan());
    assert_eq!(column("state"), texts(&["ma", "", "ny", "ma"]));
    assert_eq!(column("day"), Column::Time(vec![Some(0), Some(-86_400_000), None, Some(20_000 * 86_400_000)]));
    assert_eq!(column("ns"), Column::Time(vec![Some(1), Some(-1), Some(0), Some(1)]));
    assert_eq!(column("s"), Column::Time(vec![Some(1000), Some(2000), Some(3000), Some(-4000)]));
    assert_eq!(column("price"), Column::Float(vec![1.99, 0.05, -0.07, 0.0]));
    assert_eq!(column("long"), Column::Text(vec![Some("".into()), None, Some("b".into()), Some("b".into())]));
    assert_eq!(column("count"), Column::Int(vec![Some(0), Some(1), Some(2), Some(i64::MAX)]));
}

#[test]
fn whole_numbers_that_64_bits_do_not_hold_are_texts_of_their_digits() {
    let hashes = vec![Some(u64::MAX), None, Some(7), Some(1 << 63)];
    let decimals = |values: [i128; 4]| Decimal128Array::from(values.to_vec()).with_precision_and_scale(38, 0).unwrap();
    let id = 1_790_000_000_000_000_013;
    let columns: Vec<(&str, arrow::array::ArrayRef)> = vec![
        ("hash", Arc::new(UInt64Array::from(hashes))),
        ("fits", Arc::new(UInt64Array::from(vec![3, 1, 2, i64::MAX as u64]))),
        ("number", Arc::new(decimals([id, -id, 0, i128::from(i64::MAX)]))),
        ("wide", Arc::new(decimals([id, i128::from(u64::MAX) * 10, -1, 0]))),
        ("x", Arc::new(Int16Array::from(vec![1, 2, 3, 4]))),
    ];
    let folder = Folder::with(&[("t.parquet", &parquet(columns))]);
    let table = folder.read("t.parquet").unwrap();
    let column = |name: &str| table.column(name).unwrap().clone();
    assert_eq!(column("hash"), texts(&["18446744073709551615", "", "7", "9223372036854775808"]));
    assert_eq!(column("fits"), Column::Int(vec![Some(3), Some(1), Some(2), Some(i64::MAX)]));
    assert_eq!(column("number"), Column::Int(vec![Some(id as i64), Some(-id as i64), Some(0), Some(i64::MAX)]));
    assert_eq!(column("wide"), texts(&["1790000000000000013", "184467440737095516150", "-1", "0"]));
    let schema = kilter_lake::schema_of(&folder.path("t.parquet")).unwrap();
    assert_eq!(schema.columns[0].1, ColumnType::Text);
    let by_column = kilter_lake::TableColumns::open(&folder.path("t.parquet"), &ReadOptions::default()).unwrap();
    assert_eq!(by_column.columns(), schema.columns);
    let one = ReadOptions { columns: Some(vec!["x".into()]), ..ReadOptions::default() };
    assert_eq!(read_table(&folder.path("t.parquet"), &one).unwrap().names(), ["x"]);
    // A text file of the same numbers is read alike.
    write_table(&folder.path("t.csv"), &table).unwrap();
    assert_eq!(folder.read("t.csv").unwrap(), table);
}

#[test]
fn files_that_store_whole_numbers_in_different_ways_make_one_table() {
    let signed = parquet(vec![("id", Arc::new(arrow::array::Int64Array::from(vec![-5, 6])))]);
    let unsigned = |values: Vec<u64>| parquet(vec![("id", Arc::new(UInt64Array::from(values)))]);
    let folder = Folder::with(&[
        ("small/a.parquet", &signed),
        ("small/b.parquet", &unsigned(vec![7])),
        ("wide/a.parquet", &signed),
        ("wide/b.parquet", &unsigned(vec![u64::MAX])),
    ]);
    let small = folder.read("small").unwrap();
    assert_eq!(small.column("id").unwrap(), &Column::Int(vec![Some(-5), Some(6), Some(7)]));
    let wide = folder.read("wide").unwrap();
    assert_eq!(wide.column("id").unwrap(), &texts(&["-5", "6", "18446744073709551615"]));
}

#[test]
fn columns_that_have_no_place_in_a_table_are_left_out_and_named() {
    let bytes = arrow::array::BinaryArray::from(vec![&b"ab"[..], b"c"]);
    let file = parquet(vec![("blob", Arc::new(bytes)), ("x", Arc::new(Int16Array::from(vec![1, 2])))]);
    let folder = Folder::with(&[("t.parquet", &file)]);
    let path = folder.path("t.parquet");
    assert_eq!(folder.read("t.parquet").unwrap().names(), ["x"]);
    assert_eq!(kilter_lake::unread_columns(&path).unwrap(), [("blob".to_owned(), "Binary".to_owned())]);
    let named = ReadOptions { columns: Some(vec!["blob".into()]), ..ReadOptions::default() };
    assert!(matches!(read_table(&path, &named), Err(LakeError::UnsupportedType { .. })));
}

#[test]
fn repeated_texts_share_one_allocation() {
    let table = Folder::with(&[("t.csv", b"a\nx\ny\nx\n")]).read("t.csv").unwrap();
    let Column::Text(values) = table.column("a").unwrap() else { panic!() };
    assert!(Arc::ptr_eq(values[0].as_ref().unwrap(), values[2].as_ref().unwrap()));
}

#[test]
fn a_type_is_judged_over_all_rows_and_not_over_the_first() {
    let mut text = String::from("a,b\n");
    (0..20_000).for_each(|row| text += &format!("{row},{row}\n"));
    text += "0.5,x\n";
    let table = Folder::with(&[("t.csv", text.as_bytes())]).read("t.csv").unwrap();
    assert_eq!(table.column("a").unwrap().column_type(), ColumnType::Float);
    assert_eq!(table.column("b").unwrap().column_type(), ColumnType::Text);
    assert_eq!(table.rows(), 20_001);
}

#[test]
fn a_type_that_is_given_wins_over_the_looks() {
    let folder = Folder::with(&[("t.csv", b"plz,n\n1010,1\n9999,2\n")]);
    let types = BTreeMap::from([("plz".to_owned(), ColumnType::Text)]);
    let table = read_table(&folder.path("t.csv"), &ReadOptions { types, ..ReadOptions::default() }).unwrap();
    assert_eq!(table.column("plz").unwrap(), &texts(&["1010", "9999"]));

    let types = BTreeMap::from([("n".to_owned(), ColumnType::Bool)]);
    let error = read_table(&folder.path("t.csv"), &ReadOptions { types, ..ReadOptions::default() }).unwrap_err();
    assert!(error.to_string().contains("line 2, column `n`: `1` is not true or false"), "{error}");
}

#[test]
fn a_folder_is_one_table_of_its_files_in_name_order() {
    let folder = Folder::with(&[
        ("t/2026-02.csv", b"b,a\nx,2.5\n"),
        ("t/2026-01.csv", b"a,b\n1,\n"),
        ("t/later/2026-03.csv", b"a,b\n3,z\n"),
        ("t/_SUCCESS", b""),
        ("t/.hidden.csv", b"rubbish"),
    ]);
    let table = folder.read("t").unwrap();
    assert_eq!(table.column("a").unwrap(), &Column::Float(vec![1.0, 2.5, 3.0]));
    assert_eq!(table.column("b").unwrap(), &texts(&["", "x", "z"]));
}

#[test]
fn whole_numbers_and_fractions_meet_in_a_folder_of_parquet() {
    let whole = parquet(vec![("a", Arc::new(Int16Array::from(vec![1, 2])))]);
    let fraction = parquet(vec![("a", Arc::new(Float32Array::from(vec![0.5])))]);
    let folder = Folder::with(&[("t/1.parquet", &whole), ("t/2.parquet", &fraction)]);
    assert_eq!(folder.read("t").unwrap().column("a").unwrap(), &Column::Float(vec![1.0, 2.0, 0.5]));
}

#[test]
fn a_subset_comes_in_the_order_asked_for_and_within_the_limit() {
    let folder = Folder::with(&[]);
    for name in ["t.parquet", "t.csv"] {
        write_table(&folder.path(name), &every_type()).unwrap();
        let columns = Some(vec!["time".to_owned(), "int".to_owned()]);
        let options = ReadOptions { columns, limit: Some(3), ..ReadOptions::default() };
        let table = read_table(&folder.path(name), &options).unwrap();
        assert_eq!((table.names(), table.rows()), (["time".to_owned(), "int".to_owned()].as_slice(), 3), "{name}");
        assert_eq!(table.column("int").unwrap(), &Column::Int(vec![Some(i64::MIN), None, Some(i64::MAX)]), "{name}");
    }
}

#[test]
fn a_misspelt_column_is_led_to_the_nearest() {
    let folder = Folder::with(&[("t.csv", b"recency,frequency\n1,2\n")]);
    let options = ReadOptions { columns: Some(vec!["recencie".into()]), ..ReadOptions::default() };
    let error = read_table(&folder.path("t.csv"), &options).unwrap_err().to_string();
    assert!(error.ends_with("has no column `recencie`; did you mean `recency`?"), "{error}");
}

#[test]
fn a_schema_tells_names_types_and_rows() {
    let folder = Folder::with(&[]);
    for name in ["t.parquet", "t.csv"] {
        write_table(&folder.path(name), &every_type()).unwrap();
        let columns = every_type().columns().map(|(name, column)| (name.to_owned(), column.column_type())).collect();
        assert_eq!(schema_of(&folder.path(name)).unwrap(), Schema { columns, rows: 4 }, "{name}");
    }
}

#[test]
fn a_table_that_needs_more_memory_than_allowed_is_refused_with_the_rows_it_came_to() {
    let folder = Folder::with(&[]);
    let table = Table::new(vec![("a".into(), Column::Float(vec![1.0; 100_000]))]).unwrap();
    for name in ["t.parquet", "t.csv"] {
        write_table(&folder.path(name), &table).unwrap();
        let options = ReadOptions { memory_bytes: 100_000, ..ReadOptions::default() };
        let error = read_table(&folder.path(name), &options).unwrap_err();
        // What a footer counts is refused before it is read.
        let has_text = match name {
            "t.parquet" => matches!(error, LakeError::TooManyRows { rows: 100_000, bytes: 7_200_000, .. }),
            _ => matches!(error, LakeError::TooLarge { rows: 1_389..=4_096, .. }),
        };
        assert!(has_text, "{name}: {error}");
    }
}

#[test]
fn a_table_without_rows_keeps_its_columns() {
    let folder = Folder::with(&[("t.csv", b"a,b\n")]);
    let table = folder.read("t.csv").unwrap();
    assert_eq!((table.rows(), table.names().len()), (0, 2));
    write_table(&folder.path("t.parquet"), &table).unwrap();
    assert_eq!(folder.read("t.parquet").unwrap(), table);
}

#[test]
fn delimiters_and_marks_of_other_programs_are_recognised() {
    for (text, names) in [
        ("a;b\n1;2,5\n", vec!["a", "b"]),
        ("\u{feff}a,b\r\n1,2\r\n", vec!["a", "b"]),
        ("a|b|\"c;d;e\"\n1|2|3\n", vec!["a", "b", "c;d;e"]),
        ("only\n1\n", vec!["only"]),
    ] {
        let table = Folder::with(&[("t.csv", text.as_bytes())]).read("t.csv").unwrap();
        assert_eq!(table.names(), names, "{text:?}");
        assert_eq!(table.rows(), 1, "{text:?}");
    }
}

#[test]
fn a_json_line_may_leave_out_keys() {
    let folder = Folder::with(&[("t.jsonl", b"{\"a\":1,\"at\":\"2026-01-01\"}\n\n{\"b\":\"7\",\"a\":2.5}\n")]);
    let table = folder.read("t.jsonl").unwrap();
    assert_eq!(table.column("a").unwrap(), &Column::Float(vec![1.0, 2.5]));
    assert_eq!(table.column("b").unwrap(), &texts(&["", "7"]));
    assert!(table.column("at").unwrap().is_missing(1));
}
