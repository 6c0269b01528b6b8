//! What a worker writes to its standard error: in a file of bounded size, and its last lines for an error.

use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

/// Bytes of the file; then it is renamed to `NAME.1`, and a new one begins.
const MAX_BYTES: u64 = 1 << 20;
/// Bytes of the last lines that are kept for errors.
const MAX_TAIL: usize = 2 << 10;

/// The log of a model, which all of its workers share.
#[derive(Debug)]
pub(super) struct WorkerLog {
    path: PathBuf,
    file: Mutex<Option<(File, u64)>>,
}

/// The last bytes that one worker wrote.
#[derive(Clone, Debug, Default)]
pub(super) struct Tail(Arc<Mutex<VecDeque<u8>>>);

impl WorkerLog {
    /// Appends to the file at `path`; its folder is made. A log that cannot be written costs no answer.
    pub fn open(path: &Path) -> Self {
        let open = || {
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            let file = OpenOptions::new().append(true).create(true).open(path)?;
            let bytes = file.metadata()?.len();
            Ok::<_, io::Error>((file, bytes))
        };
        let file = open().inspect_err(
            |error| tracing::warn!(path = %path.display(), %error, "the log of a model cannot be written"),
        );
        Self { path: path.to_owned(), file: Mutex::new(file.ok()) }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn append(&self, bytes: &[u8]) {
        let mut kept = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((file, length)) = kept.as_mut() else { return };
        let written = file.write_all(bytes).and_then(|()| {
            *length += bytes.len() as u64;
            if *length > MAX_BYTES {
                let mut before = self.path.clone().into_os_string();
                before.push(".1");
                fs::rename(&self.path, before)?;
                (*file, *length) = (OpenOptions::new().append(true).create(true).open(&self.path)?, 0);
            }
            Ok(())
        });
        if let Err(error) = written {
            tracing::warn!(path = %self.path.display(), %error, "the log of a model cannot be written");
            *kept = None;
        }
    }

    /// Copies what a worker writes until it ends.
    pub fn follow(self: &Arc<Self>, mut from: impl Read + Send + 'static) -> Tail {
        let (tail, log) = (Tail::default(), self.clone());
        let kept = tail.clone();
        thread::spawn(move || {
            let mut buffer = [0; 8 << 10];
            loop {
                match from.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(count) => {
                        kept.push(&buffer[..count]);
                        log.append(&buffer[..count]);
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
        });
        tail
    }
}

impl Tail {
    fn push(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(bytes);
        let beyond = kept.len().saturating_sub(MAX_TAIL);
        kept.drain(..beyond);
    }

    /// The last line that is not empty.
    pub fn last_line(&self) -> Option<String> {
        let kept: Vec<u8> = self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
        let text = String::from_utf8_lossy(&kept).into_owned();
        let last = text.lines().rev().find(|line| !line.trim().is_empty())?;
        Some(last.trim().chars().take(400).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_keeps_at_most_two_files_and_the_last_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs").join("model.log");
        let log = Arc::new(WorkerLog::open(&path));
        let line = format!("{}\n", "x".repeat(1023));
        (0..3_000).for_each(|_| log.append(line.as_bytes()));
        let bytes = |path: PathBuf| fs::metadata(path).unwrap().len();
        assert!(bytes(path.clone()) <= MAX_BYTES && bytes(path.with_extension("log.1")) <= MAX_BYTES + 1024);
        assert_eq!(fs::read_dir(folder.path().join("logs")).unwrap().count(), 2);
        let tail = Tail::default();
        tail.push(line.repeat(10).as_bytes());
        tail.push(b"KeyError: 'a'\n\n");
        assert_eq!(tail.last_line().as_deref(), Some("KeyError: 'a'"));
        assert!(tail.0.lock().unwrap().len() <= MAX_TAIL);
    }

    #[test]
    fn a_log_that_cannot_be_written_costs_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), b"").unwrap();
        WorkerLog::open(&folder.path().join("file").join("model.log")).append(b"line\n");
    }
}
