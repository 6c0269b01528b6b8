//! Which format a file has, and which files make a table. The name decides and the first bytes must agree,
//! so that a mistake is an error and never a table of nonsense.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use crate::{error::LakeError, format::Format};

/// One table is made of at most so many files.
pub(crate) const MAX_FILES: usize = 100_000;

/// Folders in folders; a link to a folder above would go on for ever.
pub(crate) const MAX_DEPTH: usize = 16;

/// The files of one table, in reading order. There is at least one.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub path: PathBuf,
    pub format: Format,
    pub files: Vec<PathBuf>,
}

impl Source {
    /// The files behind `path`: itself, or all table files of a folder and of the folders in it, by name.
    /// Names that begin with `.` or `_` are marks of other tools and left out.
    pub fn open(path: &Path) -> Result<Self, LakeError> {
        let about = fs::metadata(path).map_err(|source| io("open", path, source))?;
        let files = if about.is_dir() {
            let mut files = Vec::new();
            collect(path, &mut files, 0)?;
            files
        } else {
            vec![path.to_owned()]
        };
        let first = files.first().ok_or_else(|| LakeError::EmptyFolder { path: path.to_owned() })?;
        let format = Format::of(first)?;
        for file in &files {
            if Format::of(file).ok() != Some(format) {
                let name = |file: &Path| file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                return Err(LakeError::MixedFormats { path: path.to_owned(), first: name(first), other: name(file) });
            }
            check_first_bytes(file, format)?;
        }
        Ok(Self { path: path.to_owned(), format, files })
    }
}

pub(crate) fn io(doing: &'static str, path: &Path, source: std::io::Error) -> LakeError {
    LakeError::Io { doing, path: path.to_owned(), source }
}

pub(crate) fn collect(folder: &Path, files: &mut Vec<PathBuf>, depth: usize) -> Result<(), LakeError> {
    if depth > MAX_DEPTH {
        return Err(LakeError::TooDeep { path: folder.to_owned(), limit: MAX_DEPTH });
    }
    let entries = fs::read_dir(folder).map_err(|source| io("list", folder, source))?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| io("list", folder, source))?;
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(['.', '_']) {
            continue;
        }
        if !path.is_dir() {
            files.push(path);
        } else if name.contains('=') {
            return Err(LakeError::PartitionKey { path });
        } else {
            collect(&path, files, depth + 1)?;
        }
        if files.len() > MAX_FILES {
            return Err(LakeError::TooManyFiles { path: folder.to_owned(), limit: MAX_FILES });
        }
    }
    Ok(())
}

/// Refuses what is no file of bytes: opening a pipe would wait for a writer, a device may never end.
pub(crate) fn check_is_file(path: &Path) -> Result<(), LakeError> {
    use std::os::unix::fs::FileTypeExt;
    let kind = fs::metadata(path).map_err(|source| io("open", path, source))?.file_type();
    let found = match kind {
        _ if kind.is_file() => return Ok(()),
        _ if kind.is_fifo() => "a pipe",
        _ if kind.is_socket() => "a socket",
        _ if kind.is_dir() => "a folder",
        _ => "a device",
    };
    Err(LakeError::NotAFile { path: path.to_owned(), found })
}

/// Refuses a file whose first bytes show another format than its name does.
pub(crate) fn check_first_bytes(path: &Path, format: Format) -> Result<(), LakeError> {
    let mut first = Vec::with_capacity(16);
    check_is_file(path)?;
    File::open(path)
        .and_then(|file| file.take(16).read_to_end(&mut first))
        .map_err(|source| io("read", path, source))?;
    if first.is_empty() {
        return Err(LakeError::Empty { path: path.to_owned() });
    }
    match (format, foreign(&first)) {
        (Format::Parquet, Some("Parquet")) | (Format::Csv | Format::Tsv | Format::JsonLines, None) => Ok(()),
        (_, found) => {
            Err(LakeError::WrongFormat { path: path.to_owned(), named: format, found: found.unwrap_or("other bytes") })
        }
    }
}

/// What bytes that are no text of ours are, judged by their first few.
pub(crate) fn foreign(first: &[u8]) -> Option<&'static str> {
    const MARKS: [(&[u8], &str); 9] = [
        (b"PAR1", "Parquet"),
        (b"PARE", "an encrypted Parquet file"),
        (b"\x1f\x8b", "gzip: unpack it first"),
        (b"PK\x03\x04", "a ZIP archive or an Excel workbook: save it as CSV"),
        (b"\x28\xb5\x2f\xfd", "zstd: unpack it first"),
        (b"\xff\xfe", "UTF-16 text: save it as UTF-8"),
        (b"\xfe\xff", "UTF-16 text: save it as UTF-8"),
        (b"ARROW1", "an Arrow file"),
        (b"SQLite format 3", "an SQLite database"),
    ];
    let known = MARKS.iter().find(|(mark, _)| first.starts_with(mark)).map(|(_, what)| *what);
    known.or_else(|| first.contains(&0).then_some("binary data"))
}

impl Format {
    /// The format that the ending of a name tells.
    ///
    /// # Errors
    /// When the ending is none of ours.
    pub fn of(path: &Path) -> Result<Self, LakeError> {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        match ending.as_deref() {
            Some("parquet" | "pq") => Ok(Self::Parquet),
            Some("csv") => Ok(Self::Csv),
            Some("tsv" | "tab") => Ok(Self::Tsv),
            Some("jsonl" | "ndjson") => Ok(Self::JsonLines),
            _ => Err(LakeError::UnknownFormat { path: path.to_owned() }),
        }
    }
}
