//! The file format: a header (twice), then frames, each with a length, a sequence number and a checksum.
//!
//! A frame begins with a mark that was drawn at random for this file, and the checksum starts from it: bytes that a
//! client chose (a text feature that looks like a frame) can therefore never be taken for a record while a reader
//! looks for the next readable one behind a damaged place.
//!
//! Behind the last frame there may be room: zeros that are there so that a sync need not note a new length (see
//! [`super::disk::SegmentFile`]). Room is no damage. A mark is never zero, so no frame begins in it.

use std::{
    hash::{BuildHasher, RandomState},
    path::Path,
};

use super::{
    codec,
    error::Damage,
    record::{Entry, SegmentId},
};

const MAGIC: [u8; 8] = *b"KILTERL1";
const HEADER_COPY: usize = 32;
/// Bytes before the first frame: the header stands twice.
pub(super) const HEADER_BYTES: usize = 2 * HEADER_COPY;
const FRAME_HEADER: usize = 21;
/// The largest payload of one frame; a longer length is damage, not a record.
pub(super) const MAX_PAYLOAD: usize = 64 << 20;

/// What a segment file says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) segment: SegmentId,
    /// No frame of this file has a lower sequence number.
    pub(super) first_sequence: u64,
    /// Begins every frame of this file.
    pub(super) mark: u32,
}

impl Header {
    pub(super) fn new(segment: SegmentId, first_sequence: u64) -> Self {
        // RandomState is seeded by the operating system: unguessable enough, and no dependency.
        let mark = (RandomState::new().hash_one(first_sequence) as u32).max(1);
        Self { segment, first_sequence, mark }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut copy = Vec::with_capacity(HEADER_BYTES);
        copy.extend_from_slice(&MAGIC);
        copy.extend_from_slice(&self.segment.0.to_le_bytes());
        copy.extend_from_slice(&self.first_sequence.to_le_bytes());
        copy.extend_from_slice(&self.mark.to_le_bytes());
        copy.extend_from_slice(&crc32fast::hash(&copy).to_le_bytes());
        copy.repeat(2)
    }

    fn decode(file: &[u8]) -> Option<Self> {
        file.chunks_exact(HEADER_COPY).take(2).find_map(Self::decode_copy)
    }

    fn decode_copy(copy: &[u8]) -> Option<Self> {
        let number = |at: usize| copy.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
        let mark = |at: usize| copy.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
        (copy.starts_with(&MAGIC) && mark(28)? == crc32fast::hash(&copy[..28])).then_some(())?;
        Some(Self { segment: SegmentId(number(8)?), first_sequence: number(16)?, mark: mark(24)? })
    }
}

/// Appends a frame to `out`. `payload` is at most [`MAX_PAYLOAD`] long (checked when the append was accepted).
pub(super) fn put_frame(out: &mut Vec<u8>, mark: u32, kind: u8, sequence: u64, payload: &[u8]) {
    let begin = out.len();
    begin_frame(out, payload);
    seal_frame(&mut out[begin..], mark, kind, sequence);
}

/// Appends a frame whose head is not known yet; see [`seal_frame`].
pub(super) fn begin_frame(out: &mut Vec<u8>, payload: &[u8]) {
    out.extend_from_slice(&[0; FRAME_HEADER]);
    out.extend_from_slice(payload);
}

/// Fills in the head of a frame.
pub(super) fn seal_frame(frame: &mut [u8], mark: u32, kind: u8, sequence: u64) {
    let (head, payload) = frame.split_at_mut(FRAME_HEADER);
    head[..4].copy_from_slice(&mark.to_le_bytes());
    head[4..8].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    head[8] = kind;
    head[9..17].copy_from_slice(&sequence.to_le_bytes());
    let crc = checksum(mark, &head[4..17], payload);
    head[17..].copy_from_slice(&crc.to_le_bytes());
}

/// Bytes of a frame around its payload.
pub(super) const fn frame_bytes(payload: usize) -> usize {
    FRAME_HEADER + payload
}

fn checksum(mark: u32, head: &[u8], payload: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new_with_initial(mark);
    crc.update(head);
    crc.update(payload);
    crc.finalize()
}

/// How long a segment was when the next one was begun: nothing that was acknowledged lies behind. It stands in the first frame of
/// the next one, so that a closed segment that was cut is known also where the cut lies between two records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentBefore {
    pub(super) segment: SegmentId,
    pub(super) length: u64,
}

/// Bytes at the beginning of a file that hold its header and what it says of the segment before.
pub(super) const FIRST_BYTES: usize = HEADER_BYTES + frame_bytes(16);

impl SegmentBefore {
    /// The frame of it, for the segment of `header`.
    pub(super) fn encode(&self, header: &Header) -> Vec<u8> {
        let payload = [self.segment.0.to_le_bytes(), self.length.to_le_bytes()].concat();
        let mut frame = Vec::with_capacity(frame_bytes(payload.len()));
        let sequence = header.first_sequence.saturating_sub(1);
        put_frame(&mut frame, header.mark, codec::SEGMENT_BEFORE_V1, sequence, &payload);
        frame
    }

    fn decode(payload: &[u8]) -> Option<Self> {
        let number = |at: usize| payload.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
        (payload.len() == 16).then_some(())?;
        Some(Self { segment: SegmentId(number(0)?), length: number(8)? })
    }

    /// What the first [`FIRST_BYTES`] of a file say; `None` of one that was begun after a disk failed, after a start, or by an
    /// earlier version.
    pub(super) fn of(first_bytes: &[u8]) -> Option<Self> {
        let header = Header::decode(first_bytes)?;
        let frame = frame_at(first_bytes.get(HEADER_BYTES..)?, header.mark)?;
        (frame.kind == codec::SEGMENT_BEFORE_V1).then(|| Self::decode(frame.payload))?
    }
}

struct Frame<'a> {
    kind: u8,
    sequence: u64,
    payload: &'a [u8],
    length: usize,
}

fn frame_at(rest: &[u8], mark: u32) -> Option<Frame<'_>> {
    let (header, after) = rest.split_at_checked(FRAME_HEADER)?;
    header.starts_with(&mark.to_le_bytes()).then_some(())?;
    let word = |at: usize| header[at..at + 4].try_into().ok().map(u32::from_le_bytes);
    let length = word(4)? as usize;
    let payload = (length <= MAX_PAYLOAD).then(|| after.get(..length))??;
    let crc = word(17)?;
    (crc == checksum(mark, &header[4..17], payload)).then_some(())?;
    let sequence = header[9..17].try_into().ok().map(u64::from_le_bytes)?;
    Some(Frame { kind: header[8], sequence, payload, length: FRAME_HEADER + length })
}

/// What was found in a segment's bytes.
#[derive(Debug, Default)]
pub(super) struct Scan {
    pub(super) header: Option<Header>,
    pub(super) rows: u64,
    /// Records that can be read.
    pub(super) records: u64,
    /// Unreadable places with readable frames behind them, and frames that cannot be understood.
    pub(super) damage: Vec<Damage>,
    /// Where the unreadable end of the file begins: what a crash tears off.
    pub(super) torn_at: Option<u64>,
    /// Where the records end. Behind it is nothing, or room, or the unreadable end.
    pub(super) end: u64,
    /// The first sequence number that is free.
    pub(super) next_sequence: u64,
}

/// Reads what can be read, and gives each record away as it comes.
pub(super) fn scan(path: &Path, file: &[u8], mut each: impl FnMut(Entry)) -> Scan {
    let Some(header) = Header::decode(file) else {
        let reason = "both copies of the header are unreadable".to_owned();
        let damage = vec![Damage { path: path.to_owned(), offset: 0, bytes: file.len() as u64, reason }];
        return Scan { damage, end: file.len() as u64, ..Scan::default() };
    };
    let mut scan = Scan { header: Some(header), next_sequence: header.first_sequence, ..Scan::default() };
    let mut decoder = codec::Decoder::default();
    let mut at = HEADER_BYTES.min(file.len());
    while at < file.len() && !is_room(&file[at..]) {
        let Some(frame) = frame_at(&file[at..], header.mark) else {
            let Some(next) = next_frame(file, at + 1, header.mark) else {
                scan.torn_at = Some(at as u64);
                break;
            };
            scan.damaged(path, at, next - at, "its checksum or length is wrong");
            at = next;
            continue;
        };
        if frame.kind == codec::SEGMENT_BEFORE_V1 {
            at += frame.length;
            continue;
        }
        match decoder.decode(frame.kind, frame.payload) {
            Ok(record) => {
                scan.records += 1;
                scan.rows += record.rows() as u64;
                each(Entry { sequence: frame.sequence, record });
            }
            Err(reason) => scan.damaged(path, at, frame.length, &reason.to_string()),
        }
        scan.next_sequence = scan.next_sequence.max(frame.sequence.saturating_add(1));
        at += frame.length;
    }
    scan.end = at as u64;
    scan
}

/// Whether nothing was ever written here.
fn is_room(rest: &[u8]) -> bool {
    rest.iter().all(|byte| *byte == 0)
}

impl Scan {
    /// Where a file of `bytes` ends, without its room.
    pub(super) fn end_in(&self, bytes: usize) -> u64 {
        if self.torn_at.is_some() { bytes as u64 } else { self.end }
    }

    fn damaged(&mut self, path: &Path, at: usize, bytes: usize, reason: &str) {
        let damage =
            Damage { path: path.to_owned(), offset: at as u64, bytes: bytes as u64, reason: reason.to_owned() };
        self.damage.push(damage);
    }
}

/// Where the next whole frame begins, at or after `from`.
fn next_frame(file: &[u8], from: usize, mark: u32) -> Option<usize> {
    let mark_bytes = mark.to_le_bytes();
    let mut at = from;
    while at + FRAME_HEADER <= file.len() {
        let first = file[at..].iter().position(|byte| *byte == mark_bytes[0])?;
        at += first;
        if frame_at(&file[at..], mark).is_some() {
            return Some(at);
        }
        at += 1;
    }
    None
}
