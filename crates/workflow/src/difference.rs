//! The first difference of two contents, in words that a person can act on: which file, which line, which row and column.

use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use kilter_blobs::{BlobError, BlobStore, Content, ContentKind};
use kilter_domain::{
    digest::Digest,
    plural::counted,
    table::{Column, Table},
};
use kilter_lake::{ReadOptions, read_table};
use serde::{Deserialize, Serialize};

/// Bytes of a line that are shown on either side of the difference.
const SHOWN: u64 = 30;

/// Where two contents differ first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The file of a folder; `None` where the content is a file, or the folders have other files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// What differs, with both values.
    pub detail: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(out, "`{file}`: {}", self.detail),
            None => write!(out, "{}", self.detail),
        }
    }
}

/// Compares contents of a store.
pub(crate) struct Comparison<'a> {
    pub blobs: &'a BlobStore,
    /// A folder of ours.
    pub scratch: &'a Path,
}

impl Comparison<'_> {
    /// The first difference of what is made `now` from what was made `before`; `name` is that of the file or folder.
    pub(crate) fn first(&self, name: &str, before: &Content, now: &Content) -> Result<Difference, BlobError> {
        let whole = |detail: String| Difference { file: None, detail };
        match (before.kind, now.kind) {
            (ContentKind::File, ContentKind::File) if before.digest == now.digest => {
                Ok(whole("one may be executed, and the other not".to_owned()))
            }
            (ContentKind::File, ContentKind::File) => self.of_files(name, &before.digest, &now.digest).map(whole),
            (ContentKind::Tree, ContentKind::Tree) => self.of_trees(&before.digest, &now.digest),
            (ContentKind::File, ContentKind::Tree) => Ok(whole("it is a folder, and was a file".to_owned())),
            (ContentKind::Tree, ContentKind::File) => Ok(whole("it is a file, and was a folder".to_owned())),
        }
    }

    fn of_trees(&self, before: &Digest, now: &Digest) -> Result<Difference, BlobError> {
        let (before, now) = (self.blobs.tree(before)?, self.blobs.tree(now)?);
        let by_path = |tree: &kilter_blobs::Tree| -> BTreeMap<String, (Digest, bool)> {
            let entries = tree.entries().iter();
            entries.map(|entry| (entry.path.to_string(), (entry.digest, entry.executable))).collect()
        };
        let (before, now) = (by_path(&before), by_path(&now));
        let at = |file: &String, detail: String| Ok(Difference { file: Some(file.clone()), detail });
        if let Some(file) = now.keys().find(|file| !before.contains_key(*file)) {
            return at(file, "it is new".to_owned());
        }
        if let Some(file) = before.keys().find(|file| !now.contains_key(*file)) {
            return at(file, "it is gone".to_owned());
        }
        match before.iter().find(|(file, found)| now.get(*file) != Some(found)) {
            Some((file, (digest, _))) if now[file].0 == *digest => {
                at(file, "one may be executed, and the other not".to_owned())
            }
            Some((file, (digest, _))) => at(file, self.of_files(file, digest, &now[file].0)?),
            None => Ok(Difference { file: None, detail: "the folders are the same".to_owned() }),
        }
    }

    fn of_files(&self, name: &str, before: &Digest, now: &Digest) -> Result<String, BlobError> {
        if name.ends_with(".parquet")
            && let Some(detail) = self.of_tables(before, now)
        {
            return Ok(detail);
        }
        let (before, now) = (self.blobs.fetch(before)?, self.blobs.fetch(now)?);
        of_bytes(&before, &now).map_err(|source| BlobError::Io { attempted: "compare", path: now, source })
    }

    /// `None` where one of them is no table, or no cell differs.
    fn of_tables(&self, before: &Digest, now: &Digest) -> Option<String> {
        let table = |digest: &Digest| -> Option<Table> {
            let path = self.scratch.join(format!("{}.parquet", digest.short()));
            self.blobs.checkout_file(digest, false, &path).ok()?;
            read_table(&path, &ReadOptions::default()).ok()
        };
        cell_difference(&table(before)?, &table(now)?)
    }
}

fn cell_difference(before: &Table, now: &Table) -> Option<String> {
    if before.names() != now.names() {
        return Some(format!("the columns are {}, and were {}", now.names().join(", "), before.names().join(", ")));
    }
    if before.rows() != now.rows() {
        return Some(format!("it has {}, and had {}", counted(now.rows(), "row"), before.rows()));
    }
    let mut first: Option<(usize, String)> = None;
    for ((name, old), (_, new)) in before.columns().zip(now.columns()) {
        let bound = first.as_ref().map_or(now.rows(), |(row, _)| *row);
        if let Some(row) = (0..bound).find(|row| cell(old, *row) != cell(new, *row)) {
            first = Some((row, format!("column `{name}` is {}, and was {}", cell(new, row), cell(old, row))));
        }
    }
    first.map(|(row, detail)| format!("row {}: {detail}", row + 1))
}

fn cell(column: &Column, row: usize) -> String {
    let shown = match column {
        Column::Float(values) => values.get(row).filter(|value| !value.is_nan()).map(f64::to_string),
        Column::Int(values) | Column::Time(values) => values.get(row).copied().flatten().map(|value| value.to_string()),
        Column::Bool(values) => values.get(row).copied().flatten().map(|value| value.to_string()),
        Column::Text(values) => values.get(row).cloned().flatten().map(|value| format!("`{value}`")),
    };
    shown.unwrap_or_else(|| "missing".to_owned())
}

/// Where two files differ: the line if both are text there, else the byte.
fn of_bytes(before: &Path, now: &Path) -> io::Result<String> {
    let (mut old, mut new) = (BufReader::new(File::open(before)?), BufReader::new(File::open(now)?));
    let (mut offset, mut line, mut line_start) = (0u64, 1u64, 0u64);
    loop {
        let (left, right) = (old.fill_buf()?, new.fill_buf()?);
        let length = left.len().min(right.len());
        let equal = left.iter().zip(right).take_while(|(a, b)| a == b).count();
        for (place, _) in left[..equal].iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
            (line, line_start) = (line + 1, offset + place as u64 + 1);
        }
        offset += equal as u64;
        if equal < length || length == 0 {
            break;
        }
        old.consume(equal);
        new.consume(equal);
    }
    let (old_bytes, new_bytes) = (before.metadata()?.len(), now.metadata()?.len());
    let from = line_start.max(offset.saturating_sub(SHOWN));
    match (excerpt(before, from, offset)?, excerpt(now, from, offset)?) {
        (Some(old), Some(new)) => Ok(format!("line {line} is {new}, and was {old}")),
        _ => Ok(format!("byte {offset} differs; it has {new_bytes} bytes, and had {old_bytes}")),
    }
}

/// The rest of a line around a place; `None` where it is no text.
fn excerpt(path: &Path, from: u64, offset: u64) -> io::Result<Option<String>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(offset - from + SHOWN).read_to_end(&mut bytes)?;
    if bytes.is_empty() {
        return Ok(Some("not there".to_owned()));
    }
    if bytes.contains(&0) {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&bytes);
    let line = text.lines().next().unwrap_or_default().trim_end_matches('\u{fffd}');
    let is_text = line.chars().all(|c| c != '\u{fffd}' && (!c.is_control() || c == '\t'));
    Ok(is_text.then(|| format!("`{line}`")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kilter_blobs::HashCache;
    use std::fs;

    fn difference(name: &str, before: &[u8], now: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let blobs = BlobStore::open(&folder.path().join("blobs")).unwrap();
        let put = |side: &str, bytes: &[u8]| {
            let path = folder.path().join(side).join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, bytes).unwrap();
            let top = if name.contains('/') { folder.path().join(side) } else { path };
            blobs.put(&top, &HashCache::in_memory()).unwrap()
        };
        let (before, now) = (put("before", before), put("now", now));
        Comparison { blobs: &blobs, scratch: folder.path() }.first(name, &before, &now).unwrap().to_string()
    }

    #[test]
    fn a_difference_is_the_line_of_a_text_and_the_byte_of_what_is_none() {
        for (name, before, now, expected) in [
            ("a.csv", &b"a,b\n1,2\n3,4\n"[..], &b"a,b\n1,2\n3,5\n"[..], "line 3 is `3,5`, and was `3,4`"),
            ("a.txt", b"one\n", b"one\ntwo\n", "line 2 is `two`, and was not there"),
            ("a.bin", b"\0\x01\x02", b"\0\x01\x03\x04", "byte 2 differs; it has 4 bytes, and had 3"),
            ("m/w.txt", b"1\n", b"2\n", "`m/w.txt`: line 1 is `2`, and was `1`"),
        ] {
            assert_eq!(difference(name, before, now), expected, "{name}");
        }
        let long = |end: &str| format!("{{{}\"seed\": {end}}}", "\"x\": 1, ".repeat(20_000)).into_bytes();
        let found = difference("a.json", &long("1"), &long("2"));
        assert!(found.starts_with("line 1 is `") && found.contains("\"seed\": 2}`, and was `"), "{found}");
        assert!(found.len() < 150, "{found}");
    }

    #[test]
    fn a_difference_of_tables_is_a_cell() {
        let folder = tempfile::tempdir().unwrap();
        let table = |rows: Vec<f64>, names: [&str; 2]| {
            let ids = Column::Int((0..rows.len() as i64).map(Some).collect());
            let table =
                Table::new(vec![(names[0].to_owned(), ids), (names[1].to_owned(), Column::Float(rows))]).unwrap();
            let path = folder.path().join("t.parquet");
            kilter_lake::write_table(&path, &table).unwrap();
            fs::read(path).unwrap()
        };
        let before = table(vec![1.0, 2.0, 3.0], ["id", "score"]);
        let other = table(vec![1.0, 2.5, 3.5], ["id", "score"]);
        assert_eq!(difference("t.parquet", &before, &other), "row 2: column `score` is 2.5, and was 2");
        let short = table(vec![1.0], ["id", "score"]);
        assert_eq!(difference("t.parquet", &before, &short), "it has 1 row, and had 3");
        let renamed = table(vec![1.0, 2.0, 3.0], ["id", "rate"]);
        assert_eq!(difference("t.parquet", &before, &renamed), "the columns are id, rate, and were id, score");
    }
}
