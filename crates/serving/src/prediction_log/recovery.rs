//! Opening a log after anything: a clean stop, `kill -9`, a power cut, flipped bits.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use super::{
    disk,
    error::{Damage, LogError},
    gathering::Gathering,
    options::LogOptions,
    record::SegmentId,
    segment::{self, HEADER_BYTES},
    writer::{Active, Shared, Writer},
};

/// What was found and done when a log was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Every segment that was there, oldest first.
    pub found: Vec<SegmentId>,
    /// Segments that wait to be handed over.
    pub sealed: Vec<SegmentId>,
    /// Rows in the segment that is written on.
    pub active_rows: u64,
    /// The sequence number of the next record.
    pub next_sequence: u64,
    /// An end that was never acknowledged and was cut off.
    pub torn: Option<Torn>,
    /// Unreadable places in the segment that was active (it is sealed now), and missing ends of sealed ones; the rest of these
    /// is looked at when they are read.
    pub damage: Vec<Damage>,
}

/// The torn end of a segment: what a crash left of a write that was not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The segment that was cut.
    pub segment: SegmentId,
    /// Where the file was cut.
    pub offset: u64,
    /// How many bytes were cut off.
    pub bytes: u64,
    /// Where they are kept.
    pub kept_aside: PathBuf,
}

/// Finds the segments, repairs the last one and makes a writer that goes on behind it. Only the last segment is read:
/// opening takes no longer when many wait to be handed over.
pub(super) fn recover(dir: &Path, options: &LogOptions, shared: Arc<Shared>) -> Result<(Writer, Recovery), LogError> {
    let mut sealed = disk::list_segments(dir)?;
    let mut recovery = Recovery { found: sealed.clone(), ..Recovery::default() };
    let last = sealed.pop();
    let active = match last {
        None => None,
        Some(id) => go_on_with(dir, options, id, &mut recovery)?,
    };
    // A segment below the first number is of an older copy of the folder: it is handed over, not written on.
    let active = active.filter(|active| active.header.segment.0 >= options.first_segment);
    if let (Some(id), None) = (last, &active) {
        sealed.push(id);
    }
    recovery.damage.extend(sealed.iter().filter_map(|&segment| disk::missing_bytes(dir, segment)));
    recovery.sealed.clone_from(&sealed);
    {
        let mut segments = shared.segments();
        segments.sealed.extend(sealed);
        segments.active = active.as_ref().map(|active| (active.header.segment, active.length));
    }
    let mut writer = Writer {
        dir: dir.to_owned(),
        options: options.clone(),
        shared,
        gathering: Gathering::default(),
        first_record: active.as_ref().filter(|active| active.rows > 0).map(|_| Instant::now()),
        active,
        next_segment: SegmentId(last.map_or(1, |id| id.0.saturating_add(1)).max(options.first_segment)),
        next_sequence: recovery.next_sequence.max(options.first_sequence).max(1),
        unsynced: None,
    };
    recovery.next_sequence = writer.next_sequence;
    if writer.active.is_none() {
        // A full disk does not keep the log from opening: what is there can be read, appends say what is wrong.
        match writer.begin_segment() {
            Ok(()) | Err(LogError::DiskFull { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok((writer, recovery))
}

/// The last segment, ready to append to; `None` when it is damaged and must not be written again.
fn go_on_with(
    dir: &Path,
    options: &LogOptions,
    id: SegmentId,
    recovery: &mut Recovery,
) -> Result<Option<Active>, LogError> {
    let path = disk::segment_path(dir, id);
    let file = fs::read(&path).map_err(LogError::io("read the segment", &path))?;
    let scan = segment::scan(&path, &file, drop);
    recovery.next_sequence = scan.next_sequence;
    recovery.active_rows = scan.rows;
    recovery.damage = scan.damage;
    let Some(header) = scan.header else { return Ok(None) };
    let length = scan.end;
    if let Some(offset) = scan.torn_at {
        let kept_aside = disk::cut_tail(dir, &path, &file, offset)?;
        recovery.torn = Some(Torn { segment: id, offset, bytes: file.len() as u64 - offset, kept_aside });
    }
    let usable = recovery.damage.is_empty() && header.segment == id && length >= HEADER_BYTES as u64;
    if !usable {
        return Ok(None);
    }
    let file = disk::reopen_segment(&path, length, options)?;
    Ok(Some(Active { file, header, length, rows: scan.rows, records: scan.records }))
}

/// The unreadable end of a segment that nobody will append to any more.
pub(super) fn torn_damage(path: &Path, file: &[u8], offset: u64) -> Damage {
    let bytes = file.len() as u64 - offset;
    Damage {
        path: path.to_owned(),
        offset,
        bytes,
        reason: "the end was torn off by a crash and never acknowledged".into(),
    }
}
