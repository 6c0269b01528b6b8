//! What a Parquet file claims of its sizes, held against the bytes that are there before its reader allocates what is claimed.
//!
//! The `parquet` crate reserves memory for what a page header says its page unpacks to (up to 2 GiB, of a file of five
//! kilobytes), and for what a footer says its list of row groups counts. An allocation that fails ends the process, which no
//! handler of panics keeps from it. So the headers of all pages that will be read are walked
//! first: they are Thrift structures in the compact protocol, of which nothing is kept but the sizes.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
};

use parquet::{
    arrow::ProjectionMask,
    basic::Compression,
    file::metadata::{ColumnChunkMetaData, ParquetMetaData},
};

use crate::{
    error::{LakeError, damaged},
    source::io,
};

/// Bytes of a page header that are read first, and at most: statistics may hold long texts.
const FIRST_BYTES: u64 = 1 << 10;
const MAX_HEADER_BYTES: u64 = 16 << 20;
/// Structures within each other; those of Parquet have fewer.
const MAX_DEPTH: usize = 32;
/// A footer ends with its length and four letters.
const FOOTER_END: u64 = 8;
const DICTIONARY_PAGE: i64 = 2;
/// Three bytes of Snappy make 64 at most.
const MAX_SNAPPY_RATIO: u64 = 22;

/// Why bytes are no structure.
#[derive(Debug, PartialEq, Eq)]
enum UnsoundClaim {
    /// They end before it does: with more bytes it may be one.
    Short,
    Wrong(&'static str),
}

/// A walk over Thrift's compact protocol.
struct Walk<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Walk<'b> {
    const fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn byte(&mut self) -> Result<u8, UnsoundClaim> {
        let byte = *self.bytes.get(self.at).ok_or(UnsoundClaim::Short)?;
        self.at += 1;
        Ok(byte)
    }

    fn skip(&mut self, count: u64) -> Result<(), UnsoundClaim> {
        let left = self.bytes.len() - self.at;
        match usize::try_from(count).ok().filter(|count| *count <= left) {
            Some(count) => self.at += count,
            None => return Err(UnsoundClaim::Short),
        }
        Ok(())
    }

    fn varint(&mut self) -> Result<u64, UnsoundClaim> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(UnsoundClaim::Wrong("a number has more than 64 bits"))
    }

    fn integer(&mut self) -> Result<i64, UnsoundClaim> {
        let raw = self.varint()?;
        Ok((raw >> 1) as i64 ^ -((raw & 1) as i64))
    }

    /// Walks a structure; hands the whole numbers among its own fields to `take`.
    fn structure(&mut self, depth: usize, take: &mut dyn FnMut(i64, i64)) -> Result<(), UnsoundClaim> {
        if depth == 0 {
            return Err(UnsoundClaim::Wrong("structures lie too deep within each other"));
        }
        let mut id = 0;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Ok(());
            }
            id = match head >> 4 {
                0 => self.integer()?,
                step => id + i64::from(step),
            };
            match head & 0x0f {
                // The value stands in the head.
                1 | 2 => {}
                4..=6 => take(id, self.integer()?),
                kind => self.value(kind, depth)?,
            }
        }
    }

    fn value(&mut self, kind: u8, depth: usize) -> Result<(), UnsoundClaim> {
        match kind {
            1..=3 => self.skip(1),
            4..=6 => self.varint().map(drop),
            7 => self.skip(8),
            8 => {
                let length = self.varint()?;
                self.skip(length)
            }
            9 | 10 => self.list(depth),
            11 => self.map(depth),
            12 => self.structure(depth - 1, &mut |_, _| ()),
            13 => self.skip(16),
            _ => Err(UnsoundClaim::Wrong("a field has no known type")),
        }
    }

    fn list(&mut self, depth: usize) -> Result<(), UnsoundClaim> {
        let head = self.byte()?;
        let count = match head >> 4 {
            15 => self.varint()?,
            count => u64::from(count),
        };
        // Each element has a byte at least, so a count without its elements ends with the bytes.
        (0..count).try_for_each(|_| self.value(head & 0x0f, depth))
    }

    fn map(&mut self, depth: usize) -> Result<(), UnsoundClaim> {
        let count = self.varint()?;
        let kinds = if count > 0 { self.byte()? } else { 0 };
        (0..count).try_for_each(|_| {
            self.value(kinds >> 4, depth)?;
            self.value(kinds & 0x0f, depth)
        })
    }
}

/// What a page header says.
#[derive(Debug, Default, PartialEq, Eq)]
struct PageHeader {
    bytes: u64,
    kind: i64,
    unpacked: i64,
    packed: i64,
}

fn page_header(bytes: &[u8]) -> Result<PageHeader, UnsoundClaim> {
    let mut header = PageHeader { kind: -1, unpacked: -1, packed: -1, bytes: 0 };
    let mut walk = Walk::new(bytes);
    walk.structure(MAX_DEPTH, &mut |id, value| match id {
        1 => header.kind = value,
        2 => header.unpacked = value,
        3 => header.packed = value,
        _ => {}
    })?;
    header.bytes = walk.at as u64;
    Ok(header)
}

/// Refuses a footer that counts more than it holds.
///
/// # Errors
/// When it is no structure of the bytes that are there.
pub(crate) fn check_footer(file: &File, path: &Path) -> Result<(), LakeError> {
    let length = file.metadata().map_err(|source| io("read", path, source))?.len();
    // A file too short for a footer, and a length that is none, are reported by the reader.
    let Some(end) = length.checked_sub(FOOTER_END) else { return Ok(()) };
    let tail = read_at(file, path, end, FOOTER_END)?;
    let size = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
    let Some(start) = end.checked_sub(size).filter(|_| &tail[4..] == b"PAR1") else { return Ok(()) };
    let footer = read_at(file, path, start, size)?;
    let walked = Walk::new(&footer).structure(MAX_DEPTH, &mut |_, _| ());
    walked.map_err(|unsound| match unsound {
        UnsoundClaim::Short => damaged(path, "its footer counts more than it holds"),
        UnsoundClaim::Wrong(what) => damaged(path, format!("its footer is none: {what}")),
    })
}

/// Which columns of a footer are read.
pub(crate) enum Leaves<'m> {
    /// These, side by side.
    Of(&'m ProjectionMask),
    /// Any of them; which ones is not known yet.
    Each,
}

/// Refuses pages that would unpack to more than `limit` bytes at a time: of each column that is read, its largest dictionary
/// and its largest page.
///
/// # Errors
/// When a page is larger than allowed, or no page of the bytes that are there.
pub(crate) fn check_pages(
    file: &File,
    path: &Path,
    metadata: &ParquetMetaData,
    leaves: &Leaves<'_>,
    limit: usize,
) -> Result<(), LakeError> {
    let length = file.metadata().map_err(|source| io("read", path, source))?.len();
    let limit = limit as u64;
    let mut most = 0u64;
    for group in metadata.row_groups() {
        let mut side_by_side = 0u64;
        for (leaf, column) in group.columns().iter().enumerate() {
            match leaves {
                Leaves::Each => most = most.max(largest(file, path, column, length)?),
                Leaves::Of(mask) if mask.leaf_included(leaf) => {
                    side_by_side = side_by_side.saturating_add(largest(file, path, column, length)?);
                }
                Leaves::Of(_) => {}
            }
        }
        most = most.max(side_by_side);
    }
    if most > limit {
        Err(LakeError::PagesTooLarge { path: path.to_owned(), bytes: most, limit: limit as usize })
    } else {
        Ok(())
    }
}

/// What the largest dictionary and the largest page of a column unpack to, in bytes.
fn largest(file: &File, path: &Path, column: &ColumnChunkMetaData, length: u64) -> Result<u64, LakeError> {
    let (start, bytes) = column.byte_range();
    let end = start.checked_add(bytes).filter(|end| *end <= length);
    let end = end.ok_or_else(|| damaged(path, "its footer names pages behind its end"))?;
    let (mut at, mut dictionary, mut page) = (start, 0, 0);
    while at < end {
        let header = header_at(file, path, at, end)?;
        let sizes = (u64::try_from(header.packed), u64::try_from(header.unpacked));
        let (Ok(packed), Ok(unpacked)) = sizes else { return Err(damaged(path, "a page has no size")) };
        let next = (at + header.bytes).checked_add(packed).filter(|next| *next <= end);
        at = next.ok_or_else(|| damaged(path, "a page claims more bytes than there are"))?;
        if column.compression() == Compression::SNAPPY && unpacked > packed.saturating_mul(MAX_SNAPPY_RATIO) {
            return Err(damaged(path, "a page claims to unpack to more than it can"));
        }
        // A page that is not packed is what it is.
        let held = unpacked.max(packed);
        match header.kind {
            DICTIONARY_PAGE => dictionary = held.max(dictionary),
            _ => page = held.max(page),
        }
    }
    Ok(dictionary.saturating_add(page))
}

fn header_at(file: &File, path: &Path, at: u64, end: u64) -> Result<PageHeader, LakeError> {
    let mut size = FIRST_BYTES;
    loop {
        let bytes = read_at(file, path, at, size.min(end - at))?;
        match page_header(&bytes) {
            Ok(header) => return Ok(header),
            Err(UnsoundClaim::Short) if size < (end - at).min(MAX_HEADER_BYTES) => size *= 8,
            Err(UnsoundClaim::Short) => return Err(damaged(path, "a page header claims more bytes than there are")),
            Err(UnsoundClaim::Wrong(what)) => return Err(damaged(path, format!("a page has no header: {what}"))),
        }
    }
}

fn read_at(mut file: &File, path: &Path, at: u64, bytes: u64) -> Result<Vec<u8>, LakeError> {
    let failed = |source| io("read", path, source);
    let mut buffer = vec![0; usize::try_from(bytes).unwrap_or(usize::MAX)];
    file.seek(SeekFrom::Start(at)).map_err(failed)?;
    file.read_exact(&mut buffer).map_err(failed)?;
    Ok(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_walked_whatever_else_it_holds() {
        // Fields 1 to 3, then a structure with a text, a list of two numbers, a yes, and the end of both.
        let bytes = [0x15, 0, 0x15, 0x80, 0x01, 0x15, 20, 0x2c, 0x18, 2, 7, 7, 0x19, 0x25, 2, 4, 0x11, 0, 0, 9, 9];
        let expected = PageHeader { bytes: 19, kind: 0, unpacked: 64, packed: 10 };
        assert_eq!(page_header(&bytes), Ok(expected));
        for short in 0..19 {
            assert_eq!(page_header(&bytes[..short]), Err(UnsoundClaim::Short), "{short}");
        }
    }

    #[test]
    fn what_is_claimed_and_not_there_is_short_at_once_and_nothing_is_endless() {
        // A text of 2^40 bytes, and a list of 2^60 numbers.
        let text = [0x18, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20, 1, 2, 3];
        assert_eq!(page_header(&text), Err(UnsoundClaim::Short));
        let list = [0x19, 0xf5, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10, 1, 2, 3];
        assert_eq!(page_header(&list), Err(UnsoundClaim::Short));
        assert!(matches!(page_header(&[0x1c; 100]), Err(UnsoundClaim::Wrong(_))), "structures without end");
        assert!(matches!(
            page_header(&[0x15, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]),
            Err(UnsoundClaim::Wrong(_))
        ));
    }
}
