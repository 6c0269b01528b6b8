//! Looking at the folder of a log without opening it, also while a process writes it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    disk,
    error::{Damage, LogError},
    record::SegmentId,
    segment,
};

/// What a segment file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentCheck {
    /// Its number.
    pub segment: SegmentId,
    /// Its file.
    pub path: PathBuf,
    /// How many bytes are sound.
    pub bytes: u64,
    /// How many rows they hold.
    pub rows: u64,
    /// Places that cannot be read, with readable records behind them, and an end that is missing.
    pub damage: Vec<Damage>,
    /// Bytes at the end that are no whole record: a write that goes on, or one that a crash ended.
    pub torn_bytes: u64,
}

/// Reads every segment of a folder, oldest first. A segment that is handed over meanwhile is left out.
///
/// # Errors
/// When the folder or a file cannot be read.
pub fn check_folder(dir: &Path) -> Result<Vec<SegmentCheck>, LogError> {
    let mut found = Vec::new();
    for segment in disk::segments_in(dir)? {
        let (path, noted) = (disk::segment_path(dir, segment), disk::noted_length(dir, segment));
        let file = match fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            file => file.map_err(LogError::io("read the segment", &path))?,
        };
        let scan = segment::scan(&path, &file, drop);
        let torn_bytes = scan.torn_at.map_or(0, |at| file.len() as u64 - at);
        let end = scan.end_in(file.len());
        let mut damage = scan.damage;
        damage.extend(disk::missing_end(&path, end, noted));
        found.push(SegmentCheck { segment, path, bytes: scan.end, rows: scan.rows, damage, torn_bytes });
    }
    Ok(found)
}

/// Copies a segment up to its last whole record into a new file, also while it is written; `None` when it was handed over
/// meanwhile.
///
/// # Errors
/// When the file cannot be read, or the copy cannot be written.
pub fn copy_segment(from: &Path, to: &Path) -> Result<Option<u64>, LogError> {
    use std::io::Write;
    let file = match fs::read(from) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(LogError::io("read the segment", from))?,
    };
    let scan = segment::scan(from, &file, drop);
    let write = || {
        let mut copy = fs::File::create_new(to)?;
        copy.write_all(&file[..scan.end as usize])?;
        copy.sync_all()
    };
    write().map_err(LogError::io("write the copy of a segment", to))?;
    Ok(Some(scan.end))
}
