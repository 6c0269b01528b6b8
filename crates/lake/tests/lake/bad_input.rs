use std::{fs, panic::catch_unwind};

use kilter_lake::{LakeError, ReadOptions, read_table, schema_of, write_table};
use proptest::prelude::*;

use crate::{Folder, every_type};

/// Reads bytes under a name; the error as a person would see it, without the folder.
fn refusal(name: &str, bytes: &[u8]) -> String {
    let folder = Folder::with(&[(name, bytes)]);
    let error = folder.read(name).expect_err("must be refused");
    error.to_string().replace(&format!("{}/", folder.path("").display().to_string().trim_end_matches('/')), "")
}

#[test]
fn bad_csv_is_refused_with_the_line_and_the_cure() {
    let cases: [(&[u8], &str); 9] = [
        (
            b"a,b\n1,2\n\n3\n",
            "`t.csv` line 4 has 1 cells, its header 2: quote cells that hold the delimiter, or complete the row",
        ),
        (b"a,b\r\n\"x\r\ny\",2\r\n1,2,3\r\n", "`t.csv` line 4 has 3 cells, its header 2"),
        (b"a,b\n1,2,3", "`t.csv` line 2 has 3 cells, its header 2"),
        (b"a,b,c\n1,2,3\n4,\"x,5\n6,7,8\n", "`t.csv` line 3 has 2 cells, its header 3"),
        (b"a,b,a\n1,2,3\n", "`t.csv` names column `a` twice (columns 1 and 3): rename one"),
        (b"a,,c\n1,2,3\n", "`t.csv` names no column 2"),
        (b"a,b\n1,2\n1,\xff\xfe\n", "`t.csv` line 3, column `b` is not UTF-8"),
        (b"", "`t.csv` is empty"),
        (b"\xff\xfea\0,\0b\0", "`t.csv` is named like CSV but holds UTF-16 text: save it as UTF-8"),
    ];
    for (bytes, expected) in cases {
        let refusal = refusal("t.csv", bytes);
        assert!(refusal.starts_with(expected), "{refusal}\n{expected}");
    }
}

#[test]
fn bad_json_is_refused_with_the_line_and_the_key() {
    let cases: [(&[u8], &str); 5] = [
        (b"{\"a\":1}\n{\"a\":\n", "`t.jsonl` line 2 is not a JSON object with plain values: EOF while parsing"),
        (b"{\"a\":[1]}\n", "`t.jsonl` line 1 is not a JSON object with plain values: `a` holds a list or an object"),
        (b"[1,2]\n", "`t.jsonl` line 1 is not a JSON object"),
        (b"{\"a\":NaN}\n", "`t.jsonl` line 1 is not a JSON object"),
        (b"{}\n", "`t.jsonl` is empty"),
    ];
    for (bytes, expected) in cases {
        let refusal = refusal("t.jsonl", bytes);
        assert!(refusal.starts_with(expected), "{refusal}\n{expected}");
    }
}

#[test]
fn a_file_that_is_not_what_its_name_says_is_refused() {
    let folder = Folder::with(&[]);
    write_table(&folder.path("t.parquet"), &every_type()).unwrap();
    let parquet = fs::read(folder.path("t.parquet")).unwrap();
    assert!(refusal("t.csv", &parquet).contains("named like CSV but holds Parquet"));
    assert!(refusal("t.parquet", b"a,b\n1,2\n").contains("named like Parquet but holds other bytes"));
    assert!(refusal("t.csv", b"PK\x03\x04rest").contains("a ZIP archive or an Excel workbook: save it as CSV"));
    assert!(refusal("t.xlsx", b"PK\x03\x04rest").contains("has no known ending"));
    assert!(refusal("t.parquet", &parquet[..parquet.len() - 3]).contains("`t.parquet` is damaged or cut short"));
    assert!(refusal("t.parquet", b"PAR1").contains("damaged or cut short"));
}

#[test]
fn files_of_a_folder_must_agree() {
    type Files = [(&'static str, &'static [u8])];
    let cases: [(&Files, &str); 5] = [
        (&[("t/1.csv", b"a\n1\n"), ("t/2.csv", b"b\n1\n")], "it has no column `a`"),
        (&[("t/1.csv", b"a\n1\n"), ("t/2.csv", b"a,b\n1,2\n")], "it has 2 columns and not 1"),
        (&[("t/1.csv", b"a\n1\n"), ("t/2.jsonl", b"{}")], "holds `1.csv` and `2.jsonl`"),
        (&[("t/year=1997/1.csv", b"a\n1\n")], "is a folder of a key"),
        (&[("t/_SUCCESS", b"")], "holds no table file"),
    ];
    for (files, expected) in cases {
        let error = Folder::with(files).read("t").unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_quote_that_is_never_closed_is_found_before_it_swallows_the_memory() {
    let mut bytes = b"a,b\n1,2\n\"3,4\n".to_vec();
    bytes.resize(40 << 20, b'x');
    let error = Folder::with(&[("t.csv", &bytes)]).read("t.csv").unwrap_err();
    assert!(matches!(error, LakeError::HugeRow { line: 3, .. }), "{error}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Folder::with(&[]).read("nowhere.csv").unwrap_err();
    assert!(
        error.to_string().starts_with("could not open `") && error.to_string().ends_with("nowhere.csv`"),
        "{error}"
    );
}

/// Reading may refuse the bytes, but neither panic nor hand out a table whose columns differ in length.
fn survives(name: &str, bytes: &[u8]) -> Result<(), TestCaseError> {
    let folder = Folder::with(&[(name, bytes)]);
    let path = folder.path(name);
    let options = ReadOptions { memory_bytes: 64 << 20, ..ReadOptions::default() };
    let outcome = catch_unwind(|| (read_table(&path, &options), schema_of(&path)));
    let (table, schema) = outcome.map_err(|_| TestCaseError::fail("reading panicked"))?;
    if let (Ok(table), Ok(schema)) = (table, schema) {
        prop_assert_eq!(table.names().len(), schema.columns.len());
    }
    Ok(())
}

fn parquet_bytes() -> Vec<u8> {
    let folder = Folder::with(&[]);
    let rows: Vec<usize> = (0..200).map(|row| row % 4).collect();
    write_table(&folder.path("t.parquet"), &every_type().take(&rows)).unwrap();
    fs::read(folder.path("t.parquet")).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn bytes_that_nobody_chose_never_panic_the_csv_reader(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        survives("t.csv", &bytes)?;
    }

    #[test]
    fn text_that_looks_like_csv_is_read_or_refused(text in "[a-c,;\"\n\r\t0-9.eE+ñ-]{0,200}") {
        survives("t.csv", text.as_bytes())?;
        survives("t.tsv", text.as_bytes())?;
    }

    #[test]
    fn text_that_looks_like_json_lines_is_read_or_refused(text in r#"(\{"[ab]":[0-9"tfn\[{.-]{0,6}\}?\n){0,6}"#) {
        survives("t.jsonl", text.as_bytes())?;
    }

    #[test]
    fn every_cell_that_is_written_as_csv_reads_back(cells in proptest::collection::vec("\\PC{0,12}", 1..20)) {
        let folder = Folder::with(&[]);
        // One cell that is surely a text keeps the column's type.
        let texts = cells.iter().map(String::as_str).chain(["surely a text"]).collect::<Vec<_>>();
        let table = kilter_domain::table::Table::new(vec![("a".into(), crate::texts(&texts))]).unwrap();
        write_table(&folder.path("t.csv"), &table).unwrap();
        prop_assert_eq!(folder.read("t.csv").unwrap(), table);
    }

    #[test]
    fn parquet_that_is_cut_short_is_refused(at in 1_usize..2000) {
        let bytes = parquet_bytes();
        let cut = &bytes[..bytes.len().saturating_sub(at).max(4)];
        let error = Folder::with(&[("t.parquet", cut)]).read("t.parquet").expect_err("cut");
        prop_assert!(matches!(error, LakeError::Damaged { .. }), "{error}");
    }

    #[test]
    fn parquet_with_changed_bytes_is_read_or_refused(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)
    ) {
        let mut bytes = parquet_bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        survives("t.parquet", &bytes)?;
    }
}
