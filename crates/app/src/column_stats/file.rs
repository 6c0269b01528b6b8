//! The window of an hour as a file: a mark, a header in JSON that names the parts, the counts of each column, a checksum.
//!
//! Invariants: nothing is believed before it is checked, and every check has its error; a later layout has another mark,
//! and this one is read for ever.

use kilter_domain::digest::Digest;
use kilter_serving::{
    Role,
    column_stats::{ColumnStatsWindow, TrackedColumn},
};
use kilter_stats::{Unmeasured, drift::FormatError, hash::fnv1a};
use serde::{Deserialize, Serialize};

/// With what every file begins; the last letter is the version of the layout.
const MARK: &[u8; 8] = b"KILTERW1";

/// Why bytes are no file of column statistics.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum ColumnStatsFileError {
    #[error("could not read the window: it does not begin as one of this layout does")]
    Foreign,
    #[error("could not read the window: it was changed or cut short")]
    Damaged,
    #[error("could not read the header of the window")]
    Header(#[from] serde_json::Error),
    #[error("could not read the window: it was counted by other columns than this version has")]
    OtherColumns,
    #[error("could not read the counts of column `{column}`")]
    Column {
        column: String,
        #[source]
        source: FormatError,
    },
    #[error("could not add two windows")]
    Merge(#[source] Unmeasured),
}

/// Whose window it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub number: u64,
    pub package: Digest,
    pub role: Role,
    /// Since the epoch.
    pub hour: i64,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u64,
    package: Digest,
    role: String,
    hour: i64,
    rows: u64,
    parts: Vec<Part>,
}

#[derive(Serialize, Deserialize)]
struct Part {
    name: String,
    bytes: usize,
}

/// A window that was read.
#[derive(Debug)]
pub(super) struct StoredHour {
    pub window: ColumnStatsWindow,
}

impl StoredHour {
    pub fn merged(mut self, more: &ColumnStatsWindow) -> Result<ColumnStatsWindow, ColumnStatsFileError> {
        self.window.merge(more).map_err(ColumnStatsFileError::Merge)?;
        Ok(self.window)
    }
}

/// A window as bytes.
pub(super) fn encode(
    header: &Header,
    watched: &[TrackedColumn],
    window: &ColumnStatsWindow,
) -> Result<Vec<u8>, ColumnStatsFileError> {
    let Header { number: version, package, role, hour } = *header;
    let (mut parts, mut body) = (Vec::new(), Vec::new());
    for (column, counts) in watched.iter().zip(&window.columns) {
        let bytes = column.reference.counts_to_bytes(counts).ok_or(ColumnStatsFileError::OtherColumns)?;
        parts.push(Part { name: column.name.clone(), bytes: bytes.len() });
        body.extend(bytes);
    }
    let stored = Stored { version, package, role: role.to_string(), hour, rows: window.rows, parts };
    let stored = serde_json::to_vec(&stored)?;
    let length = u32::try_from(stored.len()).map_err(|_| ColumnStatsFileError::OtherColumns)?;
    let mut bytes = [MARK.as_slice(), &length.to_le_bytes(), &stored, &body].concat();
    bytes.extend(checksum(&bytes).to_le_bytes());
    Ok(bytes)
}

/// Header and body of bytes whose checksum fits.
fn open(bytes: &[u8]) -> Result<(Stored, &[u8]), ColumnStatsFileError> {
    if !bytes.starts_with(MARK) {
        return Err(ColumnStatsFileError::Foreign);
    }
    let (inside, sum) = bytes.split_last_chunk::<8>().ok_or(ColumnStatsFileError::Damaged)?;
    if checksum(inside) != u64::from_le_bytes(*sum) {
        return Err(ColumnStatsFileError::Damaged);
    }
    let rest = inside.get(MARK.len()..).ok_or(ColumnStatsFileError::Damaged)?;
    let (length, rest) = rest.split_first_chunk::<4>().ok_or(ColumnStatsFileError::Damaged)?;
    let (stored, body) =
        rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or(ColumnStatsFileError::Damaged)?;
    Ok((serde_json::from_slice(stored)?, body))
}

impl Header {
    /// Whose window bytes are.
    pub fn read(bytes: &[u8]) -> Result<Self, ColumnStatsFileError> {
        let (stored, _) = open(bytes)?;
        let role = role(&stored.role).ok_or(ColumnStatsFileError::Damaged)?;
        Ok(Self { number: stored.version, package: stored.package, role, hour: stored.hour })
    }
}

/// The role that is called `word`.
pub(super) fn role(word: &str) -> Option<Role> {
    [Role::Champion, Role::Candidate, Role::Shadow].into_iter().find(|role| role.as_str() == word)
}

/// Reads a window that these columns counted.
pub(super) fn decode(bytes: &[u8], watched: &[TrackedColumn]) -> Result<StoredHour, ColumnStatsFileError> {
    let (stored, mut body) = open(bytes)?;
    if stored.parts.len() != watched.len() {
        return Err(ColumnStatsFileError::OtherColumns);
    }
    let mut columns = Vec::with_capacity(watched.len());
    for (part, column) in stored.parts.iter().zip(watched) {
        if part.name != column.name {
            return Err(ColumnStatsFileError::OtherColumns);
        }
        let (bytes, after) = body.split_at_checked(part.bytes).ok_or(ColumnStatsFileError::Damaged)?;
        body = after;
        let failed = |source| ColumnStatsFileError::Column { column: part.name.clone(), source };
        let counts = column.reference.read_counts(bytes).map_err(failed)?;
        if counts.rows() != stored.rows {
            return Err(ColumnStatsFileError::Damaged);
        }
        columns.push(counts);
    }
    match body {
        [] => Ok(StoredHour { window: ColumnStatsWindow { rows: stored.rows, columns } }),
        _ => Err(ColumnStatsFileError::Damaged),
    }
}

/// It finds damage, not malice.
fn checksum(bytes: &[u8]) -> u64 {
    fnv1a(bytes.iter().copied())
}

#[cfg(test)]
mod tests {
    use kilter_serving::column_stats::ColumnKind;
    use kilter_stats::{
        drift::{CategoricalReference, NumericReference},
        profile::{ColumnCounts, ReferenceDistribution},
    };
    use proptest::prelude::*;

    use super::*;

    fn watched() -> Vec<TrackedColumn> {
        let numbers: Vec<f64> = (0..400).map(|i| f64::from(i % 83)).collect();
        let words = CategoricalReference::of([Some("a"), Some("b"), Some("a")]).unwrap();
        let column =
            |name: &str, frozen| TrackedColumn { name: name.into(), kind: ColumnKind::Feature, reference: frozen };
        vec![
            column("x", ReferenceDistribution::Numeric(NumericReference::of(&numbers).unwrap())),
            column("word", ReferenceDistribution::Categorical(words)),
        ]
    }

    fn window(watched: &[TrackedColumn], rows: u64) -> ColumnStatsWindow {
        let mut window = ColumnStatsWindow::empty(watched);
        for row in 0..rows {
            for (column, counts) in watched.iter().zip(&mut window.columns) {
                match (&column.reference, counts) {
                    (ReferenceDistribution::Numeric(reference), ColumnCounts::Numeric(counts)) => {
                        reference.add(counts, row as f64)
                    }
                    (ReferenceDistribution::Categorical(reference), ColumnCounts::Categorical(counts)) => {
                        reference.add(counts, Some(["a", "new"][(row % 2) as usize]));
                    }
                    _ => panic!("of one kind"),
                }
            }
        }
        window.rows = rows;
        window
    }

    fn header() -> Header {
        Header { number: 3, package: Digest::of(b"p"), role: Role::Shadow, hour: 480_000 }
    }

    #[test]
    fn a_window_reads_back_and_adds_up() {
        let watched = watched();
        let bytes = encode(&header(), &watched, &window(&watched, 90)).unwrap();
        assert_eq!(Header::read(&bytes).unwrap(), header());
        let kept = decode(&bytes, &watched).unwrap();
        assert_eq!(kept.window, window(&watched, 90));
        assert_eq!(kept.merged(&window(&watched, 10)).unwrap().rows, 100);
    }

    #[test]
    fn other_columns_and_other_references_are_refused() {
        let watched = watched();
        let bytes = encode(&header(), &watched, &window(&watched, 9)).unwrap();
        assert!(matches!(decode(&bytes, &watched[..1]), Err(ColumnStatsFileError::OtherColumns)));
        let mut others = watched.clone();
        others[0].reference = ReferenceDistribution::Numeric(NumericReference::of(&[1.0, 2.0, 7.0]).unwrap());
        assert!(matches!(decode(&bytes, &others), Err(ColumnStatsFileError::Column { column, .. }) if column == "x"));
        assert!(matches!(decode(b"PAR1 and more", &watched), Err(ColumnStatsFileError::Foreign)));
    }

    /// Bytes whose checksum fits, whatever they say.
    fn signed(mut bytes: Vec<u8>) -> Vec<u8> {
        bytes.extend(checksum(&bytes).to_le_bytes());
        bytes
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_window_panic(
            at in 0usize..1000, byte in any::<u8>(), end in 0usize..1000, noise in prop::collection::vec(any::<u8>(), 0..120),
        ) {
            let watched = watched();
            let bytes = encode(&header(), &watched, &window(&watched, 40)).unwrap();
            let end = end % bytes.len();
            prop_assert!(decode(&bytes[..end], &watched).is_err() && Header::read(&bytes[..end]).is_err());
            let inside = &bytes[..bytes.len() - 8];
            let mut changed = inside.to_vec();
            let at = at % changed.len();
            changed[at] = byte;
            let noisy = [MARK.as_slice(), &noise].concat();
            for bytes in [signed(changed), signed(inside[..end.min(inside.len())].to_vec()), signed(noisy), noise] {
                let _ = Header::read(&bytes);
                if let Ok(kept) = decode(&bytes, &watched) {
                    let own = kept.window.clone();
                    prop_assert!(kept.merged(&own).is_ok());
                }
            }
        }
    }
}
