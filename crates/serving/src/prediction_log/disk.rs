//! The few things the log does to its folder, each followed by the sync that makes it last.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use super::{
    error::{Damage, LogError},
    options::{Durability, LogOptions},
    record::SegmentId,
    segment::{FIRST_BYTES, Header, SegmentBefore},
};

const SUFFIX: &str = ".klog";
/// Where bytes are kept that are no records: torn ends and damaged segments. Nothing reads it but a person.
const ASIDE: &str = "aside";

pub(super) fn segment_path(dir: &Path, id: SegmentId) -> PathBuf {
    dir.join(format!("{id}{SUFFIX}"))
}

/// The segments of a folder, oldest first; half-made ones are removed.
pub(super) fn list_segments(dir: &Path) -> Result<Vec<SegmentId>, LogError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(LogError::io("list the prediction log", dir))? {
        let path = entry.map_err(LogError::io("list the prediction log", dir))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if name.ends_with(".klog.new") {
            // It was never renamed, so nothing in it was acknowledged.
            fs::remove_file(&path).map_err(LogError::io("remove a half-made segment", &path))?;
        } else if let Some(number) = name.strip_suffix(SUFFIX).and_then(|stem| stem.parse().ok()) {
            found.push(SegmentId(number));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// The segments of a folder, oldest first, none where there is no folder; nothing is touched.
///
/// # Errors
/// When the folder cannot be listed.
pub fn segments_in(dir: &Path) -> Result<Vec<SegmentId>, LogError> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(LogError::io("list the prediction log", dir))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.map_err(LogError::io("list the prediction log", dir))?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(SUFFIX)?.parse().ok());
        found.extend(number.map(SegmentId));
    }
    found.sort_unstable();
    Ok(found)
}

/// What the next segment says of the length of a closed one. Ask before the closed one is read or measured: a segment that is closed
/// meanwhile would seem too short.
pub(super) fn noted_length(dir: &Path, segment: SegmentId) -> Option<u64> {
    let next = segment_path(dir, SegmentId(segment.0.checked_add(1)?));
    let mut first_bytes = Vec::with_capacity(FIRST_BYTES);
    // What cannot be read is reported where the next one is read itself.
    File::open(next).and_then(|file| file.take(FIRST_BYTES as u64).read_to_end(&mut first_bytes)).ok()?;
    SegmentBefore::of(&first_bytes).filter(|noted| noted.segment == segment).map(|noted| noted.length)
}

/// What is missing at the end of a closed segment that ends at `end`, by what the next one says of it.
pub(super) fn missing_end(path: &Path, end: u64, noted: Option<u64>) -> Option<Damage> {
    let noted = noted.filter(|noted| end < *noted)?;
    let reason = format!("its end is missing: it had {noted} bytes when the next segment was begun");
    Some(Damage { path: path.to_owned(), offset: end, bytes: noted - end, reason })
}

/// The same by the length of its file, which may have room at its end: a segment that is not read.
pub(super) fn missing_bytes(dir: &Path, segment: SegmentId) -> Option<Damage> {
    let (path, noted) = (segment_path(dir, segment), noted_length(dir, segment));
    missing_end(&path, fs::metadata(&path).ok()?.len(), noted)
}

/// Makes a segment that has a whole header, what is to be said of the one before, and a lasting name, or none at all. Answers
/// its length too.
pub(super) fn create_segment(
    dir: &Path,
    header: Header,
    before: Option<SegmentBefore>,
    options: &LogOptions,
) -> Result<(SegmentFile, u64), LogError> {
    let path = segment_path(dir, header.segment);
    let new = path.with_extension("klog.new");
    let mut bytes = header.encode();
    bytes.extend(before.iter().flat_map(|before| before.encode(&header)));
    let attempt = || -> Result<(SegmentFile, u64), LogError> {
        let file = OpenOptions::new().create(true).write(true).truncate(true).open(&new);
        let file = file.map_err(LogError::io("create the segment", &new))?;
        let mut file = SegmentFile::wrap(file, 0, options);
        file.write_all(&bytes).map_err(LogError::io("write the segment", &new))?;
        file.sync().map_err(LogError::io("sync the segment", &new))?;
        fs::rename(&new, &path).map_err(LogError::io("name the segment", &path))?;
        sync_folder(dir)?;
        Ok((file, bytes.len() as u64))
    };
    attempt().inspect_err(|_| {
        // Best effort: what remains is removed when the log is opened next.
        let _ = fs::remove_file(&new);
    })
}

/// Opens a segment to append behind its first `length` bytes.
pub(super) fn reopen_segment(path: &Path, length: u64, options: &LogOptions) -> Result<SegmentFile, LogError> {
    use std::io::{Seek, SeekFrom};
    let file = OpenOptions::new().write(true).open(path).map_err(LogError::io("open the segment", path))?;
    (&file).seek(SeekFrom::Start(length)).map_err(LogError::io("open the segment", path))?;
    let bytes = file.metadata().map_err(LogError::io("open the segment", path))?.len();
    Ok(SegmentFile::wrap(file, bytes, options))
}

/// Copies the bytes from `offset` on into the folder for odd bytes, then cuts them off.
pub(super) fn cut_tail(dir: &Path, path: &Path, bytes: &[u8], offset: u64) -> Result<PathBuf, LogError> {
    let aside = aside_folder(dir)?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let kept = aside.join(format!("{stem}-at-{offset}.torn"));
    let tail = bytes.get(offset as usize..).unwrap_or_default();
    let write = || -> io::Result<()> {
        let mut file = File::create(&kept)?;
        file.write_all(tail)?;
        file.sync_all()
    };
    write().map_err(LogError::io("keep the torn end of a segment", &kept))?;
    sync_folder(&aside)?;
    let cut = || -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(offset)?;
        file.sync_all()
    };
    cut().map_err(LogError::io("cut the torn end of", path))?;
    Ok(kept)
}

/// Moves a damaged segment out of the way instead of deleting it.
pub(super) fn move_aside(dir: &Path, path: &Path) -> Result<PathBuf, LogError> {
    let kept = aside_folder(dir)?.join(path.file_name().unwrap_or_default()).with_extension("damaged");
    fs::rename(path, &kept).map_err(LogError::io("keep the damaged segment", path))?;
    sync_folder(dir)?;
    Ok(kept)
}

pub(super) fn delete_segment(dir: &Path, path: &Path) -> Result<(), LogError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(LogError::io("delete the segment", path)(error)),
        _ => sync_folder(dir),
    }
}

fn aside_folder(dir: &Path) -> Result<PathBuf, LogError> {
    let aside = dir.join(ASIDE);
    create_folder(&aside)?;
    Ok(aside)
}

/// Makes a folder and what is missing above it; the names last.
pub(super) fn create_folder(dir: &Path) -> Result<(), LogError> {
    let missing: Vec<&Path> =
        dir.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists()).collect();
    fs::create_dir_all(dir).map_err(LogError::io("create the prediction log", dir))?;
    for folder in missing {
        let above = folder.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        sync_folder(above)?;
    }
    Ok(())
}

/// A name lasts only when its folder was synced.
pub(super) fn sync_folder(dir: &Path) -> Result<(), LogError> {
    File::open(dir).and_then(|folder| folder.sync_all()).map_err(LogError::io("sync the folder", dir))
}

/// The most room that is made at once.
const MAX_ROOM: usize = 256 << 10;
const MIN_ROOM: u64 = 16 << 10;
static ROOM: [u8; MAX_ROOM] = [0; MAX_ROOM];

/// An open segment. In tests a disk can be told to be full or to fail.
///
/// In durable mode it has room: zeros behind the last record. A sync that has no new length to note takes two thirds of the time
/// (`docs/decisions/0076-room-in-segments.md`).
pub(super) struct SegmentFile {
    file: File,
    /// How many bytes the file has, with its room.
    bytes: u64,
    /// Whether room is made: it is not once the disk had none.
    makes_room: bool,
    #[cfg(test)]
    faults: std::sync::Arc<super::faults::Faults>,
}

impl SegmentFile {
    #[cfg(not(test))]
    fn wrap(file: File, bytes: u64, options: &LogOptions) -> Self {
        Self { file, bytes, makes_room: options.durability == Durability::Durable }
    }

    #[cfg(test)]
    fn wrap(file: File, bytes: u64, options: &LogOptions) -> Self {
        let makes_room = options.durability == Durability::Durable;
        Self { file, bytes, makes_room, faults: options.faults.clone() }
    }

    /// Makes room behind the first `length` bytes, if there is none; the next sync brings it to the disk too.
    pub(super) fn make_room(&mut self, length: u64) {
        if !self.makes_room || length < self.bytes {
            return;
        }
        let room = &ROOM[..length.clamp(MIN_ROOM, MAX_ROOM as u64) as usize];
        match self.write_room(room, length) {
            Ok(()) => self.bytes = length + room.len() as u64,
            Err(_) => {
                // What is left of the disk is for records.
                self.makes_room = false;
                let _ = self.file.set_len(length);
            }
        }
    }

    /// Gives back what is behind the first `length` bytes. What cannot be given back is harmless.
    pub(super) fn cut_room(&mut self, length: u64) {
        if length < self.bytes && self.file.set_len(length).is_ok() {
            self.bytes = length;
        }
    }

    #[cfg(not(test))]
    fn write_room(&self, room: &[u8], at: u64) -> io::Result<()> {
        self.file.write_all_at(room, at)
    }

    #[cfg(not(test))]
    pub(super) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    #[cfg(not(test))]
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    #[cfg(test)]
    fn write_room(&self, room: &[u8], at: u64) -> io::Result<()> {
        if self.faults.is_limited() { Err(io::ErrorKind::StorageFull.into()) } else { self.file.write_all_at(room, at) }
    }

    #[cfg(test)]
    pub(super) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let room = self.faults.take_space(bytes.len());
        self.file.write_all(&bytes[..room])?;
        if room < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    #[cfg(test)]
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if self.faults.sync_fails() { Err(io::Error::other("injected sync failure")) } else { self.file.sync_data() }
    }

    /// Whether `path` still names this file: it was neither deleted nor moved nor replaced.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        use std::os::unix::fs::MetadataExt;
        let identity = |found: fs::Metadata| (found.dev(), found.ino());
        match (self.file.metadata(), fs::metadata(path)) {
            (Ok(open), Ok(named)) => identity(open) == identity(named),
            // Whatever else keeps the disk from answering is reported by the next write.
            (_, Err(error)) => error.kind() != io::ErrorKind::NotFound && error.kind() != io::ErrorKind::NotADirectory,
            (Err(_), _) => true,
        }
    }

    /// Takes back everything behind `length`, as if it had never been written.
    pub(super) fn truncate(&mut self, length: u64) -> io::Result<()> {
        use std::io::{Seek, SeekFrom};
        self.file.set_len(length)?;
        self.bytes = length;
        self.file.seek(SeekFrom::Start(length)).map(drop)
    }
}
