//! Why the log could not do what it was asked, and what is broken in a segment.

use std::{io, path::PathBuf, sync::Arc};

use super::record::SegmentId;

/// Why an operation on the log failed. Nothing that was acknowledged before is affected by any of these.
#[derive(Clone, Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum LogError {
    #[error("could not {action} {}; check that the folder exists and may be written", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: Arc<io::Error>,
    },
    #[error("could not record to {}: the disk is full; nothing acknowledged is lost, recording resumes when there is space", path.display())]
    DiskFull {
        path: PathBuf,
        #[source]
        source: Arc<io::Error>,
    },
    #[error("the prediction log {} is open in another process; stop it, or serve from another data folder", path.display())]
    InUse { path: PathBuf },
    #[error(
        "the prediction log cannot keep up: {waiting} appends wait for the disk; try again, or record in buffered mode"
    )]
    Busy { waiting: usize },
    #[error("one append of {bytes} bytes is more than a record may hold ({limit}); send fewer rows at once")]
    TooLarge { bytes: usize, limit: usize },
    #[error("the batch does not fit together: `{part}` has {found} entries for {rows} rows")]
    Ragged { part: String, found: usize, rows: usize },
    #[error("segment {0} is still being written; seal it first with `rotate`")]
    StillOpen(SegmentId),
    #[error("there is no segment {0} in this log; it may have been handed over already")]
    UnknownSegment(SegmentId),
    #[error("{} is not a segment of a prediction log: {reason}", path.display())]
    NotASegment { path: PathBuf, reason: String },
    #[error(
        "{} was deleted or moved while the server runs, so nothing is recorded any more: stop the server, \
         restore the data folder (`kilter restore`), start again", path.display()
    )]
    Vanished { path: PathBuf },
    #[error("nothing was recorded, because it could not be kept in a second place: {reason}")]
    NotCopied { reason: String },
    #[error("the prediction log is closed")]
    Closed,
}

impl LogError {
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| {
            if is_full(&source) {
                Self::DiskFull { path, source: Arc::new(source) }
            } else {
                Self::Io { action, path, source: Arc::new(source) }
            }
        }
    }

    /// Whether the same append may work later without anybody changing it.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::DiskFull { .. } | Self::Busy { .. } | Self::Io { .. } | Self::NotCopied { .. })
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge
            | io::ErrorKind::WriteZero
    )
}

/// Bytes of a segment that are no record. Everything readable around them is still offered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is damaged at byte {offset}: {bytes} bytes are no record ({reason}); the rest of the file is readable", path.display())]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// Where the unreadable bytes begin.
    pub offset: u64,
    /// How many there are.
    pub bytes: u64,
    /// What is wrong with it.
    pub reason: String,
}
