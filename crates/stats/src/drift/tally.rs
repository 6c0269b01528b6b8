//! Rows of a column as codes of its reference's bins or categories, and how often each code occurs.
//!
//! One row is one number, whatever the column holds, so that blocks of time, seasons and windows are counted by one
//! piece of code for numbers and categories alike.

use serde::{Deserialize, Serialize};

use super::bytes::{FormatError, Reader, Writer};

/// The code of a row without a value.
pub const MISSING: u32 = u32::MAX;
/// The code of an infinite number.
pub const INFINITE: u32 = u32::MAX - 1;

/// The kind of a tally among the formats of references.
const KIND: u8 = 6;
/// Codes of a column, and rows of a stratum, at most.
const MAX_WIDTH: u64 = 8_192;
const MAX_ROWS: u64 = 1 << 48;

/// How often each code occurs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Rows by bin or category.
    pub bins: Vec<u64>,
    /// Rows without a value.
    pub missing: u64,
    /// Rows with an infinite number.
    pub infinite: u64,
}

impl Tally {
    /// No row yet, of `width` codes.
    pub fn empty(width: usize) -> Self {
        Tally { bins: vec![0; width], missing: 0, infinite: 0 }
    }

    /// Counts a row.
    pub fn add(&mut self, code: u32) {
        match code {
            MISSING => self.missing += 1,
            INFINITE => self.infinite += 1,
            code => {
                if let Some(bin) = self.bins.get_mut(code as usize) {
                    *bin += 1;
                }
            }
        }
    }

    /// Adds the rows of another tally of the same reference.
    pub fn merge(&mut self, other: &Tally) {
        self.bins.iter_mut().zip(&other.bins).for_each(|(a, b)| *a += b);
        self.missing += other.missing;
        self.infinite += other.infinite;
    }

    /// The tally without the rows of a part of it.
    pub fn without(&self, part: &Tally) -> Tally {
        let bins = self.bins.iter().zip(&part.bins).map(|(a, b)| a.saturating_sub(*b)).collect();
        Tally {
            bins,
            missing: self.missing.saturating_sub(part.missing),
            infinite: self.infinite.saturating_sub(part.infinite),
        }
    }

    /// The tally as bytes: small where most codes do not occur.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::start(KIND);
        [self.missing, self.infinite, self.bins.len() as u64].into_iter().for_each(|count| writer.whole(count));
        writer.sparse(&self.bins);
        writer.0
    }

    /// Reads a tally back.
    ///
    /// # Errors
    /// Bytes that are cut short, of another kind, or name more rows than there can be.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FormatError> {
        let (mut reader, _) = Reader::start(bytes, KIND)?;
        let (missing, infinite) = (reader.whole()?, reader.whole()?);
        let width = reader.length(MAX_WIDTH)?;
        let bins = reader.sparse(width)?;
        reader.end()?;
        let all = bins.iter().chain([&missing, &infinite]).try_fold(0u64, |sum, count| sum.checked_add(*count));
        if all.is_some_and(|all| all < MAX_ROWS) {
            Ok(Tally { bins, missing, infinite })
        } else {
            Err(FormatError::Nonsense("a stratum has more rows than there can be"))
        }
    }

    /// Rows with a value.
    pub fn values(&self) -> u64 {
        self.bins.iter().sum()
    }

    /// All rows.
    pub fn rows(&self) -> u64 {
        self.values() + self.missing + self.infinite
    }
}
