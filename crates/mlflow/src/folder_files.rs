//! Files of MLflow's file store: found, and read within bounds.
//!
//! Invariants: a link in a folder is refused; of a file that should be short only so much is read.

use std::{
    collections::BTreeMap,
    fs::{self, File, FileType},
    io::{BufRead, BufReader, ErrorKind, Read},
    path::{Path, PathBuf},
};

use kilter_domain::transfer::{ModelMetricRecord, Point, Texts, Value};

use crate::{TransferError, yaml::Document};

pub(crate) const META: &str = "meta.yaml";
/// The largest `meta.yaml`, which may hold the profile of a dataset.
const MAX_META_BYTES: u64 = 32 << 20;
/// The largest file with the value of a tag or a parameter.
const MAX_TEXT_BYTES: u64 = 4 << 20;
/// The longest line of a history.
const MAX_LINE_BYTES: u64 = 4 << 10;
/// How deeply folders may lie in each other.
const MAX_DEPTH: usize = 64;

/// Something in a folder.
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) is_folder: bool,
    pub(crate) bytes: u64,
}

/// What is in a folder, by name; nothing where it is not there. A link or a device is refused.
pub(crate) fn entries(folder: &Path) -> Result<Vec<Entry>, TransferError> {
    let failed = |error| TransferError::file("read", folder)(error);
    match fs::symlink_metadata(folder) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
        Ok(found) => check_kind(folder, found.file_type())?,
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (path, facts) = (entry.path(), entry.metadata().map_err(failed)?);
        check_kind(&path, facts.file_type())?;
        let name = entry.file_name().into_string();
        let name = name.map_err(|_| TransferError::Hostile { path: path.clone(), reason: "its name is no text" })?;
        found.push(Entry { name, path, is_folder: facts.is_dir(), bytes: facts.len() });
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn check_kind(path: &Path, kind: FileType) -> Result<(), TransferError> {
    match kind.is_dir() || kind.is_file() {
        true => Ok(()),
        false => Err(TransferError::Hostile { path: path.to_owned(), reason: "it is neither a file nor a folder" }),
    }
}

/// Whether something is there that is no link.
pub(crate) fn is_there(path: &Path) -> Result<bool, TransferError> {
    match fs::symlink_metadata(path) {
        Ok(found) => check_kind(path, found.file_type()).map(|()| true),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(false),
        Err(error) => Err(TransferError::file("read", path)(error)),
    }
}

/// A file of at most so many bytes, as a text.
fn text(path: &Path, limit: u64) -> Result<String, TransferError> {
    is_there(path)?;
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(TransferError::file("read", path))?;
    file.take(limit + 1).read_to_end(&mut bytes).map_err(TransferError::file("read", path))?;
    if bytes.len() as u64 > limit {
        return Err(TransferError::Hostile {
            path: path.to_owned(),
            reason: "it is larger than any that MLflow writes",
        });
    }
    String::from_utf8(bytes).map_err(|_| TransferError::Hostile { path: path.to_owned(), reason: "it is no text" })
}

/// The `meta.yaml` of a folder.
pub(crate) fn document(folder: &Path) -> Result<Document, TransferError> {
    let path = folder.join(META);
    Document::parse(&text(&path, MAX_META_BYTES)?)
        .map_err(|reason| TransferError::unreadable(path.display().to_string(), reason))
}

/// Every file below a folder by its name with `/`.
pub(crate) fn names(folder: &Path) -> Result<BTreeMap<String, PathBuf>, TransferError> {
    Ok(files_below(folder)?.into_iter().map(|(name, entry)| (name, entry.path)).collect())
}

pub(crate) fn files_below(folder: &Path) -> Result<Vec<(String, Entry)>, TransferError> {
    let mut found = Vec::new();
    let mut folders = vec![(String::new(), folder.to_owned(), 0)];
    while let Some((prefix, folder, depth)) = folders.pop() {
        if depth > MAX_DEPTH {
            return Err(TransferError::Hostile { path: folder, reason: "folders lie too deeply in each other" });
        }
        for entry in entries(&folder)? {
            let name = if prefix.is_empty() { entry.name.clone() } else { format!("{prefix}/{}", entry.name) };
            match entry.is_folder {
                true => folders.push((name, entry.path, depth + 1)),
                false => found.push((name, entry)),
            }
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

/// What each file below a folder holds, by its name.
pub(crate) fn texts(folder: &Path) -> Result<Texts, TransferError> {
    names(folder)?.into_iter().map(|(name, path)| Ok((name, text(&path, MAX_TEXT_BYTES)?))).collect()
}

/// Calls `each` with each line of a file that is not empty.
pub(crate) fn each_line(path: &Path, each: &mut dyn FnMut(&str) -> Result<(), String>) -> Result<(), TransferError> {
    is_there(path)?;
    let mut file = BufReader::new(File::open(path).map_err(TransferError::file("read", path))?);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut file).take(MAX_LINE_BYTES).read_until(b'\n', &mut line);
        let read = read.map_err(TransferError::file("read", path))?;
        if read == 0 {
            return Ok(());
        }
        if read as u64 == MAX_LINE_BYTES {
            return Err(TransferError::Hostile {
                path: path.to_owned(),
                reason: "a line is longer than any that MLflow writes",
            });
        }
        let read = std::str::from_utf8(&line).map_err(|error| error.to_string());
        let done = read.and_then(|line| if line.trim().is_empty() { Ok(()) } else { each(line.trim()) });
        done.map_err(|reason| TransferError::unreadable(path.display().to_string(), reason))?;
    }
}

/// One line of the history of a run: time, value, step, and on which dataset.
pub(crate) fn run_point(line: &str) -> Result<Point, String> {
    let parts: Vec<&str> = line.split(' ').collect();
    let step = match parts.len() {
        2 => "0",
        3 | 5 => parts[2],
        count => return Err(format!("a line has {count} fields")),
    };
    point(step, parts[0], parts[1])
}

fn point(step: &str, at: &str, value: &str) -> Result<Point, String> {
    let int = |text: &str| text.parse::<i64>().map_err(|_| format!("`{text}` is no whole number"));
    let value: f64 = value.parse().map_err(|_| format!("`{value}` is no number"))?;
    Ok(Point(int(step)?, int(at)?, Value::of(value)))
}

/// One line of a metric of a logged model: time, value, step, run, and on which dataset.
pub(crate) fn model_point(metric: &str, line: &str) -> Result<ModelMetricRecord, String> {
    let parts: Vec<&str> = line.split(' ').collect();
    if !matches!(parts.len(), 4 | 6) {
        return Err(format!("a line has {} fields", parts.len()));
    }
    Ok(ModelMetricRecord {
        metric: metric.to_owned(),
        run: parts[3].to_owned(),
        dataset_name: parts.get(4).copied().unwrap_or_default().to_owned(),
        dataset_digest: parts.get(5).copied().unwrap_or_default().to_owned(),
        point: point(parts[2], parts[0], parts[1])?,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_that_mlflow_writes_are_read_and_others_are_errors() {
        let value = |line: &str| run_point(line).map(|Point(step, at, value)| (step, at, value.number()));
        assert_eq!(value("1700000000000 0.5 7"), Ok((7, 1_700_000_000_000, 0.5)));
        assert_eq!(value("17 1e-3"), Ok((0, 17, 0.001)));
        assert_eq!(value("17 -inf 2 data d1"), Ok((2, 17, -f64::MAX)));
        assert!(value("17 nan 2").unwrap().2.is_nan());
        for wrong in ["", "17", "17 x 1", "x 1 1", "17 1 1.5", "17 1 2 3", "17 1 1 a b c"] {
            assert!(run_point(wrong).is_err(), "{wrong}");
        }
        let model = model_point("auc", "17 0.5 2 run data d1").unwrap();
        assert_eq!(
            (model.run.as_str(), model.dataset_name.as_str(), model.dataset_digest.as_str()),
            ("run", "data", "d1")
        );
        assert!(model_point("auc", "17 0.5 2").is_err());
    }

    #[test]
    fn links_long_files_and_long_lines_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        symlink("/etc/passwd", path("tag")).unwrap();
        assert!(matches!(texts(folder.path()), Err(TransferError::Hostile { .. })));
        fs::remove_file(path("tag")).unwrap();
        fs::write(path("long"), vec![b'a'; MAX_TEXT_BYTES as usize + 1]).unwrap();
        assert!(matches!(texts(folder.path()), Err(TransferError::Hostile { .. })));
        assert!(matches!(each_line(&path("long"), &mut |_| Ok(())), Err(TransferError::Hostile { .. })));
        fs::write(path("long"), b"\xff").unwrap();
        assert!(matches!(texts(folder.path()), Err(TransferError::Hostile { .. })));
    }

    proptest! {
        #[test]
        fn any_line_is_a_point_or_an_error(line in "[0-9a-z.+ -]{0,40}") {
            let _ = (run_point(&line), model_point("m", &line));
        }

        #[test]
        fn a_point_that_is_written_is_read(step in any::<i64>(), at in any::<i64>(), value in any::<f64>()) {
            let Point(read_step, read_at, read) = run_point(&format!("{at} {value:?} {step}")).unwrap();
            prop_assert_eq!((read_step, read_at, read.bits()), (step, at, Value::of(value).bits()));
        }
    }
}
