//! Verification of the audit log against itself, and against the checkpoints that anybody kept.

use std::fmt;

use kilter_store::{
    Reader, StoreError,
    audit::{self, Verification},
    checkpoint as store,
};

use crate::{
    app::App,
    audit::{
        known,
        origin::{origin, verifier_keys},
    },
    causes::StorageError,
    checkpoint::Checkpoint,
    signed_note::{NoteError, SignedNote, VerifierKey},
};

const PAGE: u32 = 1_000;
const MAX_FAULTS: usize = 100;
/// Where the checkpoint beside the database is.
pub(super) const OF_FOLDER: &str = "of the data folder";

/// What the log is verified against besides itself.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// Checkpoints that were kept elsewhere.
    pub checkpoints: Vec<SignedNote>,
    /// The keys that are believed, instead of those that the platform has registered.
    pub keys: Vec<VerifierKey>,
}

/// What a verification found.
#[derive(Clone, Debug)]
pub struct LogCheck {
    /// Entries, states, rows, tree and schema.
    pub verification: Verification,
    /// Checkpoints that the log goes on from.
    pub checkpoints: u64,
    /// The newest checkpoint of the database.
    pub newest: Option<Checkpoint>,
    /// Checkpoints that it does not go on from, or that are not believed.
    pub faults: Vec<CheckpointFault>,
}

/// A checkpoint that the log does not go on from, or that is not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointFault {
    /// Where the checkpoint is from.
    pub place: String,
    /// How many entries it covers.
    pub size: u64,
    /// What is wrong.
    pub kind: CheckpointFaultKind,
}

/// What is wrong with a checkpoint, or with the log behind it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum CheckpointFaultKind {
    #[error("the log has {entries}: entries were removed from its end, or the database is an older copy")]
    Shorter { entries: u64 },
    #[error("the log has another root over them: an entry or a subtree among them was changed, with all hashes")]
    OtherRoot,
    #[error(
        "it is of the log `{origin}`, and this is another one: the first entry was changed, or the database replaced"
    )]
    OtherLog { origin: String },
    #[error("{0}")]
    NotBelieved(NoteError),
    #[error("{0}")]
    NotACheckpoint(NoteError),
    #[error("its row says another size or root than its note")]
    OtherRow,
    #[error("the place cannot be read: {reason}")]
    Unreachable { reason: String },
}

impl CheckpointFault {
    /// Something else is in the place of a checkpoint.
    pub(super) fn unreadable(place: &str, error: NoteError) -> Self {
        Self { place: place.to_owned(), size: 0, kind: CheckpointFaultKind::NotACheckpoint(error) }
    }
}

impl fmt::Display for CheckpointFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the checkpoint {} over {} entries: {}", self.place, self.size, self.kind)
    }
}

/// Reads the whole log and compares it with itself, with every state, with the checkpoints of the database, of the data folder and of
/// the places to which they are published, and with those that are given.
///
/// # Errors
/// If the database cannot be read. What is wrong with the log is an answer, not an error.
pub fn verify_log(app: &App, given: &Given) -> Result<LogCheck, StorageError> {
    let verification = app.store().read(audit::verify)?;
    let registered = if given.keys.is_empty() { verifier_keys(app)? } else { given.keys.clone() };
    let mut check = LogCheck { verification, checkpoints: 0, newest: None, faults: Vec::new() };
    check.stored(app, &registered)?;
    let folder = match known::read(app)? {
        Ok(note) => note.map(|note| (OF_FOLDER.to_owned(), note)),
        Err(error) => {
            check.faults.push(CheckpointFault::unreadable(OF_FOLDER, error));
            None
        }
    };
    let published = check.published(app);
    let handed = given.checkpoints.iter().map(|note| ("that was given".to_owned(), note.clone()));
    for (place, note) in folder.into_iter().chain(published).chain(handed) {
        check.note(app, &place, &note, &registered)?;
    }
    check.faults.truncate(MAX_FAULTS);
    Ok(check)
}

impl LogCheck {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.verification.is_sound() && self.faults.is_empty()
    }

    /// The newest checkpoint of each place to which they are published. A place that cannot be read is no pass.
    fn published(&mut self, app: &App) -> Vec<(String, SignedNote)> {
        let mut found = Vec::new();
        for place in &app.options().publish {
            let name = format!("at {place}");
            match place.read_newest() {
                Ok(note) => found.extend(note.map(|note| (name, note))),
                Err(error) => {
                    let kind = CheckpointFaultKind::Unreachable { reason: error.to_string() };
                    self.faults.push(CheckpointFault { place: name, size: 0, kind });
                }
            }
        }
        found
    }

    /// Compares the checkpoints of the database.
    fn stored(&mut self, app: &App, keys: &[VerifierKey]) -> Result<(), StorageError> {
        let mut last = 0;
        loop {
            let page = app.store().read(|reader| store::list_after(reader, last, PAGE))?;
            let Some(end) = page.last().map(|checkpoint| checkpoint.size) else { return Ok(()) };
            last = end;
            for stored in page {
                let place = "of the database";
                let fault = |kind| CheckpointFault { place: place.to_owned(), size: stored.size, kind };
                let note: SignedNote = match stored.note.parse() {
                    Ok(note) => note,
                    Err(error) => {
                        self.faults.push(fault(CheckpointFaultKind::NotACheckpoint(error)));
                        continue;
                    }
                };
                self.note(app, place, &note, keys)?;
                let head = note.text().parse::<Checkpoint>().ok();
                if head.as_ref().is_none_or(|head| (head.size, head.root) != (stored.size, stored.root)) {
                    self.faults.push(fault(CheckpointFaultKind::OtherRow));
                }
                self.newest = head.or(self.newest.take());
            }
            if self.faults.len() >= MAX_FAULTS {
                return Ok(());
            }
        }
    }

    fn note(&mut self, app: &App, place: &str, note: &SignedNote, keys: &[VerifierKey]) -> Result<(), StorageError> {
        let fault = match app.store().read(|reader| compare(reader, place, note))? {
            Some(fault) => Some(fault),
            None => note.verify(keys).err().map(|error| {
                let size = note.text().parse().map_or(0, |head: Checkpoint| head.size);
                CheckpointFault { place: place.to_owned(), size, kind: CheckpointFaultKind::NotBelieved(error) }
            }),
        };
        match fault {
            None => self.checkpoints += 1,
            Some(fault) => self.faults.push(fault),
        }
        Ok(())
    }
}

/// Whether the log goes on from a checkpoint; what is wrong if it does not.
pub(super) fn compare(reader: &Reader, place: &str, note: &SignedNote) -> Result<Option<CheckpointFault>, StoreError> {
    let fault = |size, kind| Some(CheckpointFault { place: place.to_owned(), size, kind });
    let head: Checkpoint = match note.text().parse() {
        Ok(head) => head,
        Err(error) => return Ok(fault(0, CheckpointFaultKind::NotACheckpoint(error))),
    };
    let entries = audit::size(reader)?;
    if origin(reader)?.as_ref() != Some(&head.origin) {
        return Ok(fault(head.size, CheckpointFaultKind::OtherLog { origin: head.origin }));
    }
    if entries < head.size {
        return Ok(fault(head.size, CheckpointFaultKind::Shorter { entries }));
    }
    match audit::root(reader, head.size) {
        Ok(root) if root == head.root => Ok(None),
        // A subtree that is missing is a fault of its own.
        Ok(_) | Err(StoreError::NotFound { .. }) => Ok(fault(head.size, CheckpointFaultKind::OtherRoot)),
        Err(error) => Err(error),
    }
}
