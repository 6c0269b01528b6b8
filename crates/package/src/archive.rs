//! A package as one file: a tar whose bytes follow from its files alone (sorted, time 0, owner 0), and how one is unpacked.
//!
//! Invariants: only plain files and folders are unpacked, each path once, below one folder, and never outside of the target; what
//! is unpacked is not larger than the archive. A compressed archive is an error that says so.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use kilter_blobs::TreePath;

use crate::manifest::MAX_FILES;

const BLOCK: usize = 512;
/// The longest path in a header of its own kind; longer ones get an extended header.
const MAX_NAME: usize = 100;
/// The longest extended header that is read.
const MAX_EXTENDED: u64 = 64 * 1024;

/// Why an archive is not unpacked.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum ArchiveError {
    #[error("`{}` cannot be read or unpacked", path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("`{}` is compressed ({kind}); unpack it to a plain tar first", path.display())]
    Compressed { path: PathBuf, kind: &'static str },
    #[error("`{}` is no tar archive, or is damaged: {reason}", path.display())]
    Damaged { path: PathBuf, reason: String },
    #[error("the archive has `{name}`, which {reason}; nothing of it is used")]
    Entry { name: String, reason: String },
}

/// Writes an archive.
pub struct ArchiveWriter<W> {
    out: W,
}

impl<W: Write> ArchiveWriter<W> {
    /// An archive that goes to `out`.
    pub const fn new(out: W) -> Self {
        Self { out }
    }

    /// Adds a file of `bytes` bytes.
    ///
    /// # Errors
    /// If the file cannot be read or the archive not be written, or the file has another number of bytes.
    pub fn add(&mut self, path: &str, is_executable: bool, bytes: u64, file: impl Read) -> io::Result<()> {
        self.begin(path, is_executable, bytes)?;
        let copied = io::copy(&mut file.take(bytes), &mut self.out)?;
        self.end(bytes, copied)
    }

    /// Begins a file of `bytes` bytes: they go to [`ArchiveWriter::content`], and [`ArchiveWriter::end`] follows.
    pub(crate) fn begin(&mut self, path: &str, is_executable: bool, bytes: u64) -> io::Result<()> {
        let mut name = path;
        if path.len() > MAX_NAME {
            let record = extended_record(path);
            self.out.write_all(&header("@extended", b'x', 0o644, record.len() as u64))?;
            self.out.write_all(&record)?;
            self.pad(record.len() as u64)?;
            let mut end = MAX_NAME;
            while !path.is_char_boundary(end) {
                end -= 1;
            }
            name = &path[..end];
        }
        let mode = if is_executable { 0o755 } else { 0o644 };
        self.out.write_all(&header(name, b'0', mode, bytes))
    }

    /// Where the bytes of a file go that was begun.
    pub(crate) const fn content(&mut self) -> &mut W {
        &mut self.out
    }

    /// Ends a file of `bytes` bytes, `copied` of which came.
    pub(crate) fn end(&mut self, bytes: u64, copied: u64) -> io::Result<()> {
        if copied != bytes {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter while it was read"));
        }
        self.pad(bytes)
    }

    fn pad(&mut self, bytes: u64) -> io::Result<()> {
        let rest = (bytes % BLOCK as u64) as usize;
        if rest == 0 { Ok(()) } else { self.out.write_all(&[0; BLOCK][rest..]) }
    }

    /// Ends the archive.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.write_all(&[0; BLOCK * 2])?;
        self.out.flush()?;
        Ok(self.out)
    }
}

/// A header of the kind `ustar`: nothing in it but name, kind, mode and size can differ.
fn header(name: &str, kind: u8, mode: u32, bytes: u64) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, text: &[u8]| block[at..at + text.len()].copy_from_slice(text);
    put(0, name.as_bytes());
    put(100, format!("{mode:07o}").as_bytes());
    put(108, b"0000000");
    put(116, b"0000000");
    put(124, size_field(bytes).as_slice());
    put(136, b"00000000000");
    put(148, b"        ");
    put(156, &[kind]);
    put(257, b"ustar\x0000");
    put(329, b"0000000");
    put(337, b"0000000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

/// Eleven digits to the base 8, or the binary form of GNU for more than 8 GiB.
fn size_field(bytes: u64) -> Vec<u8> {
    if bytes < 1 << 33 {
        return format!("{bytes:011o}").into_bytes();
    }
    let mut field = vec![0x80, 0, 0, 0];
    field.extend_from_slice(&bytes.to_be_bytes());
    field
}

/// `LENGTH path=PATH\n`, where the length counts itself.
fn extended_record(path: &str) -> Vec<u8> {
    let rest = format!(" path={path}\n");
    let mut length = rest.len() + 1;
    while format!("{length}").len() + rest.len() != length {
        length += 1;
    }
    format!("{length}{rest}").into_bytes()
}

/// Unpacks an archive into `target`, which is there and empty. The folder with the package: `target`, or the only folder in it.
///
/// # Errors
/// If the archive is damaged, compressed, or has something that a package has not.
pub fn unpack(archive: &Path, target: &Path) -> Result<PathBuf, ArchiveError> {
    let failed = |source| ArchiveError::Io { path: archive.to_owned(), source };
    let mut file = File::open(archive).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let mut head = [0; 6];
    let count = file.read(&mut head).map_err(failed)?;
    let kinds: [(&[u8], &str); 4] =
        [(b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"BZh", "bzip2"), (b"PK\x03\x04", "zip")];
    if let Some((_, kind)) = kinds.iter().find(|(magic, _)| head[..count].starts_with(magic)) {
        return Err(ArchiveError::Compressed { path: archive.to_owned(), kind });
    }
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    let mut reader =
        ArchiveReader { archive, target, input: BufReader::new(file), left: length, seen: BTreeSet::new() };
    while reader.unpack_next()? {}
    let tops: BTreeSet<&str> = reader.seen.iter().filter_map(|path| path.split('/').next()).collect();
    let is_below_one = reader.seen.iter().all(|path| path.contains('/'));
    Ok(match (tops.first(), tops.len(), is_below_one) {
        (Some(top), 1, true) => target.join(top),
        _ => target.to_owned(),
    })
}

struct ArchiveReader<'a> {
    archive: &'a Path,
    target: &'a Path,
    input: BufReader<File>,
    /// Bytes of the archive that were not read yet.
    left: u64,
    /// The files that were unpacked.
    seen: BTreeSet<String>,
}

impl ArchiveReader<'_> {
    /// Unpacks the next file; whether there was one.
    fn unpack_next(&mut self) -> Result<bool, ArchiveError> {
        let mut long_name = None;
        loop {
            let Some(block) = self.block()? else { return Ok(false) };
            let bytes = self.size(&block)?;
            let name = long_name.clone().unwrap_or_else(|| name_of(&block));
            match block[156] {
                b'x' => long_name = self.extended(bytes)?,
                b'g' => drop(self.take(bytes.min(MAX_EXTENDED + 1))?),
                b'5' => {
                    self.skip(bytes)?;
                    long_name = None;
                }
                b'0' | 0 => {
                    self.file(&name, bytes, &block)?;
                    return Ok(true);
                }
                b'1' | b'2' => return Err(refused(&name, "is a link")),
                kind => return Err(refused(&name, &format!("is no plain file (kind `{}`)", char::from(kind)))),
            }
        }
    }

    /// The next header; `None` at the end of the archive.
    fn block(&mut self) -> Result<Option<[u8; BLOCK]>, ArchiveError> {
        if self.left == 0 {
            return Err(self.damaged("its end is missing"));
        }
        let mut block = [0; BLOCK];
        self.read(&mut block)?;
        if block == [0; BLOCK] {
            return Ok(None);
        }
        let sum: u32 = block
            .iter()
            .enumerate()
            .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) })
            .sum();
        let stated = text_of(&block[148..156]);
        match u32::from_str_radix(stated.trim(), 8) {
            Ok(stated) if stated == sum => Ok(Some(block)),
            _ => Err(self.damaged("a header has another checksum than it states")),
        }
    }

    fn size(&self, block: &[u8; BLOCK]) -> Result<u64, ArchiveError> {
        let field = &block[124..136];
        let size = match field[0] {
            0x80 => Some(field[4..].iter().fold(0, |size, byte| size << 8 | u64::from(*byte))),
            _ => u64::from_str_radix(text_of(field).trim(), 8).ok(),
        };
        size.filter(|size| *size <= self.left)
            .ok_or_else(|| self.damaged("an entry is larger than the archive, or states no size"))
    }

    fn file(&mut self, name: &str, bytes: u64, block: &[u8; BLOCK]) -> Result<(), ArchiveError> {
        let path: TreePath =
            name.strip_prefix("./").unwrap_or(name).parse().map_err(|error: kilter_blobs::UnsafePath| {
                refused(name, &format!("is no path inside of a package: {error}"))
            })?;
        if self.seen.len() >= MAX_FILES {
            return Err(refused(name, &format!("is one of more than {MAX_FILES} files")));
        }
        if !self.seen.insert(path.to_string()) {
            return Err(refused(name, "is there twice"));
        }
        let place = path.below(self.target);
        let failed = |source| ArchiveError::Io { path: place.clone(), source };
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let mut file = File::create_new(&place).map_err(failed)?;
        let copied = io::copy(&mut self.input.by_ref().take(bytes), &mut file).map_err(failed)?;
        self.left -= copied;
        if copied != bytes {
            return Err(self.damaged("it ends within a file"));
        }
        let is_executable =
            u32::from_str_radix(text_of(&block[100..108]).trim(), 8).is_ok_and(|mode| mode & 0o111 != 0);
        if is_executable {
            let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            file.set_permissions(permissions).map_err(failed)?;
        }
        self.skip_padding(bytes)
    }

    /// The path that an extended header states.
    fn extended(&mut self, bytes: u64) -> Result<Option<String>, ArchiveError> {
        if bytes > MAX_EXTENDED {
            return Err(self.damaged("an extended header is too long"));
        }
        let text = self.take(bytes)?;
        let text = String::from_utf8(text).map_err(|_| self.damaged("a path is not UTF-8"))?;
        let mut rest = text.as_str();
        let mut path = None;
        while let Some((length, _)) = rest.split_once(' ') {
            let record = length.parse().ok().and_then(|length: usize| rest.split_at_checked(length));
            let Some((record, after)) = record.filter(|(record, _)| !record.is_empty()) else { break };
            let value = record.split_once(' ').and_then(|(_, field)| field.strip_prefix("path="));
            path = value.map(|value| value.trim_end_matches('\n').to_owned()).or(path);
            rest = after;
        }
        Ok(path)
    }

    fn take(&mut self, bytes: u64) -> Result<Vec<u8>, ArchiveError> {
        if bytes > MAX_EXTENDED {
            return Err(self.damaged("an extended header is too long"));
        }
        let mut taken = vec![0; bytes as usize];
        self.read(&mut taken)?;
        self.skip_padding(bytes)?;
        Ok(taken)
    }

    fn skip(&mut self, bytes: u64) -> Result<(), ArchiveError> {
        match bytes {
            0 => Ok(()),
            _ => Err(self.damaged("a folder has content")),
        }
    }

    fn skip_padding(&mut self, bytes: u64) -> Result<(), ArchiveError> {
        let rest = (bytes % BLOCK as u64) as usize;
        let mut padding = vec![0; if rest == 0 { 0 } else { BLOCK - rest }];
        self.read(&mut padding)
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<(), ArchiveError> {
        self.input.read_exact(buffer).map_err(|_| self.damaged("it ends too early"))?;
        self.left = self.left.saturating_sub(buffer.len() as u64);
        Ok(())
    }

    fn damaged(&self, reason: &str) -> ArchiveError {
        ArchiveError::Damaged { path: self.archive.to_owned(), reason: reason.to_owned() }
    }
}

fn refused(name: &str, reason: &str) -> ArchiveError {
    ArchiveError::Entry { name: name.chars().take(200).collect(), reason: reason.to_owned() }
}

/// The text of a field up to its end.
fn text_of(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

fn name_of(block: &[u8; BLOCK]) -> String {
    let (name, prefix) = (text_of(&block[..100]), text_of(&block[345..500]));
    let is_ustar = &block[257..262] == b"ustar";
    if is_ustar && !prefix.is_empty() { format!("{prefix}/{name}") } else { name }
}

#[cfg(test)]
mod tests;
