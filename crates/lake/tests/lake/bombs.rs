//! Small files that would become much: they are refused, or read within the bound of memory.

use std::{
    fs::{self, File},
    os::unix::{fs::symlink, net::UnixListener},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use arrow::{
    array::{ArrayRef, DictionaryArray, Float64Array, Int32Array, RecordBatch, StringArray},
    datatypes::Int32Type,
};
use kilter_domain::table::Column;
use kilter_lake::{Format, LakeError, ReadOptions, TableColumns, Values, read_table, schema_of};
use parquet::{
    arrow::{ArrowWriter, arrow_writer::ArrowWriterOptions},
    basic::Compression,
    file::{
        properties::WriterProperties,
        reader::{FileReader, SerializedFileReader},
    },
};

use super::Folder;

/// Writes one batch `times` over; run lengths and dictionaries make it small.
fn write(folder: &Folder, name: &str, columns: Vec<(&str, ArrayRef)>, times: usize) {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(folder.path(name)).unwrap(), batch.schema(), None).unwrap();
    (0..times).for_each(|_| writer.write(&batch).unwrap());
    writer.close().unwrap();
}

fn write_with(folder: &Folder, name: &str, columns: Vec<(&str, ArrayRef)>, options: ArrowWriterOptions) {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let file = File::create(folder.path(name)).unwrap();
    let mut writer = ArrowWriter::try_new_with_options(file, batch.schema(), options).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// The most memory that this process has held, in bytes.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix("kB").unwrap().trim().parse::<u64>().unwrap() * 1024
}

#[test]
fn run_lengths_that_would_fill_the_memory_are_refused_by_what_the_footer_counts() {
    let folder = Folder::with(&[]);
    let ones: ArrayRef = Arc::new(Float64Array::from(vec![1.0; 1 << 20]));
    write(&folder, "rows.parquet", vec![("a", ones.clone()), ("b", ones)], 32);
    assert!(fs::metadata(folder.path("rows.parquet")).unwrap().len() < 1 << 20);
    let options = ReadOptions { memory_bytes: 256 << 20, ..ReadOptions::default() };
    let began = Instant::now();
    let error = read_table(&folder.path("rows.parquet"), &options).unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert!(matches!(error, LakeError::TooManyRows { rows: 33_554_432, bytes: 2_684_354_560, .. }), "{error}");
    let result = error.to_string();
    assert!(result.contains("268435456 allowed") && result.contains("KILTER_TABLE_MEMORY"), "{result}");
    // Fewer rows or fewer columns fit, and a column at a time always does.
    let first = ReadOptions { limit: Some(1_000), ..options.clone() };
    assert_eq!(read_table(&folder.path("rows.parquet"), &first).unwrap().rows(), 1_000);
    let mut counted = 0;
    let columns = TableColumns::open(&folder.path("rows.parquet"), &options).unwrap();
    columns
        .read("a", |values| {
            if let Values::Numbers(values) = values {
                counted += values.len();
            }
        })
        .unwrap();
    assert_eq!(counted, 33_554_432);
}

#[test]
fn a_long_text_that_a_dictionary_repeats_is_held_once() {
    let folder = Folder::with(&[]);
    let rows = 20_000;
    // Short enough for the dictionary of a page, and five gigabytes if it were copied for each row.
    let long = "x".repeat(256 << 10);
    let keys = Int32Array::from(vec![0; rows]);
    let repeated: ArrayRef = Arc::new(DictionaryArray::<Int32Type>::new(keys, Arc::new(StringArray::from(vec![long]))));
    write(&folder, "category.parquet", vec![("text", repeated.clone())], 1);
    // The same without the note that it is a dictionary, as other tools write it.
    let options = WriterProperties::builder().build();
    let options = ArrowWriterOptions::new().with_properties(options).with_skip_arrow_metadata(true);
    write_with(&folder, "plain.parquet", vec![("text", repeated)], options);
    for name in ["category.parquet", "plain.parquet"] {
        let before = peak();
        let table = folder.read(name).unwrap();
        let Some(Column::Text(values)) = table.get("text") else { panic!("no text") };
        assert!(values.len() == rows && values.iter().flatten().all(|text| text.len() == 256 << 10), "{name}");
        assert!(peak() - before < 256 << 20, "{name}: {} bytes more", peak() - before);
    }
}

#[test]
fn more_columns_than_a_table_may_have_are_refused_at_once() {
    let folder = Folder::with(&[]);
    let one: ArrayRef = Arc::new(Float64Array::from(vec![1.0]));
    let columns = |count: usize| -> Vec<(String, ArrayRef)> {
        (0..count).map(|at| (format!("column_{at}"), one.clone())).collect()
    };
    let named = |columns: &[(String, ArrayRef)], name: &str| {
        let columns = columns.iter().map(|(name, array)| (name.as_str(), array.clone())).collect();
        write(&folder, name, columns, 1);
    };
    named(&columns(30_001), "wide.parquet");
    let began = Instant::now();
    for error in [
        folder.read("wide.parquet").unwrap_err(),
        schema_of(&folder.path("wide.parquet")).unwrap_err(),
        TableColumns::open(&folder.path("wide.parquet"), &ReadOptions::default()).unwrap_err(),
    ] {
        assert!(matches!(error, LakeError::TooManyColumns { limit: 20_000, .. }), "{error}");
    }
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    named(&columns(5_000), "broad.parquet");
    let began = Instant::now();
    assert_eq!(folder.read("broad.parquet").unwrap().names().len(), 5_000);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn what_is_no_file_is_refused_before_it_is_opened() {
    let folder = Folder::with(&[("data/a.csv", b"x\n1\n")]);
    for name in ["pipe.csv", "pipe.parquet", "pipe.jsonl", "data/b.csv"] {
        assert!(Command::new("mkfifo").arg(folder.path(name)).status().unwrap().success());
    }
    let _listener = UnixListener::bind(folder.path("socket.csv")).unwrap();
    symlink("/dev/zero", folder.path("device.csv")).unwrap();
    fs::create_dir(folder.path("loop")).unwrap();
    symlink(folder.path("loop"), folder.path("loop/again")).unwrap();
    let cases = [
        ("pipe.csv", "is a pipe"),
        ("pipe.parquet", "is a pipe"),
        ("pipe.jsonl", "is a pipe"),
        ("socket.csv", "is a socket"),
        ("device.csv", "is a device"),
        ("data", "is a pipe"),
        ("loop", "deep"),
    ];
    for (name, expected) in cases {
        let began = Instant::now();
        for result in [
            folder.read(name).map(drop).unwrap_err().to_string(),
            schema_of(&folder.path(name)).map(drop).unwrap_err().to_string(),
            TableColumns::open(&folder.path(name), &ReadOptions::default()).map(drop).unwrap_err().to_string(),
        ] {
            assert!(result.contains(expected), "{name}: {result}");
        }
        assert!(began.elapsed() < Duration::from_secs(5), "{name}");
    }
    assert!(Format::of(&folder.path("pipe.csv")).is_ok());
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// The whole number that stands at a place, and the place behind it.
fn number(bytes: &[u8], mut at: usize) -> (u64, usize) {
    let (mut value, mut shift) = (0, 0);
    loop {
        value |= u64::from(bytes[at] & 0x7f) << shift;
        (at, shift) = (at + 1, shift + 7);
        if bytes[at - 1] & 0x80 == 0 {
            return (value, at);
        }
    }
}

/// A file of one column and one page.
fn one_page(folder: &Folder, compression: Compression) -> Vec<u8> {
    let properties = WriterProperties::builder().set_dictionary_enabled(false).set_compression(compression).build();
    let values: ArrayRef = Arc::new(Float64Array::from_iter_values((0..500).map(f64::from)));
    let options = ArrowWriterOptions::new().with_properties(properties);
    write_with(folder, "good.parquet", vec![("a", values)], options);
    assert_eq!(read_table(&folder.path("good.parquet"), &ReadOptions::default()).unwrap().rows(), 500);
    fs::read(folder.path("good.parquet")).unwrap()
}

/// The file with other bytes before the sizes of its page than it had: what it claims to unpack to, and what `more` says.
fn claiming(folder: &Folder, bytes: &[u8], unpacked: u64, more: &[u8]) -> Vec<u8> {
    let reader = SerializedFileReader::new(File::open(folder.path("good.parquet")).unwrap()).unwrap();
    let (start, length) = reader.metadata().row_group(0).column(0).byte_range();
    let (start, end) = (start as usize, (start + length) as usize);
    // Type, unpacked and packed size: a byte that says so and a number each.
    let (kind, at) = number(bytes, start + 1);
    let (_, at) = number(bytes, at + 1);
    let (packed, at) = number(bytes, at + 1);
    let head = |packed: u64| {
        let fields = [kind, 2 * unpacked, packed].map(|value| [vec![0x15], varint(value)].concat());
        [&fields.concat(), more].concat()
    };
    // The header grows into the bytes of the page, so that no place of the footer moves.
    let grown = head(packed).len() - (at - start);
    let head = head(packed - 2 * grown as u64);
    let mut made = [&bytes[..start], &head, &bytes[at..]].concat();
    made.drain(end..end + grown);
    assert_eq!(made.len(), bytes.len());
    made
}

#[test]
fn pages_that_claim_more_than_a_table_may_have_are_refused_before_anything_is_reserved() {
    for (compression, what) in
        [(Compression::ZSTD(Default::default()), "2147483647 bytes"), (Compression::SNAPPY, "more than it can")]
    {
        let folder = Folder::with(&[]);
        let bytes = one_page(&folder, compression);
        fs::write(folder.path("bomb.parquet"), claiming(&folder, &bytes, 0x7fff_ffff, &[])).unwrap();
        let options = ReadOptions { memory_bytes: 64 << 20, ..ReadOptions::default() };
        let error = read_table(&folder.path("bomb.parquet"), &options).unwrap_err();
        assert!(error.to_string().contains(what), "{compression:?}: {error}");
    }
    assert!(peak() < 256 << 20, "{} MiB", peak() >> 20);
}

#[test]
fn a_claim_of_more_bytes_or_parts_than_there_are_ends_no_process() {
    let folder = Folder::with(&[]);
    let bytes = one_page(&folder, Compression::SNAPPY);
    // The header of a data page whose statistics have a text of 2^40 bytes.
    let statistics = [&[0x2c, 0x15, 2, 0x15, 0, 0x15, 0, 0x15, 0, 0x1c, 0x18][..], &varint(1 << 40)].concat();
    let long = claiming(&folder, &bytes, 4_000, &statistics);
    // The footer: behind the number of rows, a list of one group becomes one of 2^31.
    let rows = [&[0x16][..], &varint(1_000), &[0x19, 0x1c]].concat();
    let at = bytes.windows(rows.len()).rposition(|part| part == rows).unwrap() + rows.len() - 1;
    let count = [&[0xfc][..], &varint(0x7fff_ffff)].concat();
    let mut many = [&bytes[..at], &count, &bytes[at + 1..]].concat();
    let end = many.len() - 8;
    let size = u32::from_le_bytes(many[end..end + 4].try_into().unwrap()) + count.len() as u32 - 1;
    many[end..end + 4].copy_from_slice(&size.to_le_bytes());
    for (made, what) in [(long, "claims more bytes than there are"), (many, "counts more than it holds")] {
        fs::write(folder.path("bomb.parquet"), made).unwrap();
        let path = folder.path("bomb.parquet");
        let error = read_table(&path, &ReadOptions::default()).unwrap_err();
        assert!(matches!(error, LakeError::Damaged { .. }) && error.to_string().contains(what), "{error}");
        let columns = TableColumns::open(&path, &ReadOptions::default());
        assert!(columns.and_then(|columns| columns.read("a", |_| ())).is_err());
    }
    assert!(peak() < 256 << 20, "{} MiB", peak() >> 20);
}
