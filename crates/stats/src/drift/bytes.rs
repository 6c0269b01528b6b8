//! Bytes of references and counts: written plainly, and never believed before they are checked.

use super::moments::Moments;
use crate::outcome::Unmeasured;

/// Version 2 writes a column's bins as differences from their mean; version 1, in full, is still read.
pub(super) const VERSION: u8 = 2;

/// Version 3 is that of whole numbers that doubles would round: its edges are whole numbers.
pub(super) const WHOLE_VERSION: u8 = 3;

/// The bit that turns a whole number's order into that of a number without a sign.
pub(super) const SIGN: u64 = 1 << 63;

/// Items of a list that a profile may claim before its bytes are looked at.
pub(super) const MAX_ITEMS: u64 = 100_000;

/// Bytes of a category's name.
pub(super) const MAX_NAME: u64 = 1 << 20;

/// Why bytes are no profile.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FormatError {
    /// The bytes end too early.
    #[error("could not read a profile: the bytes end in the middle, after {0} bytes")]
    Truncated(usize),
    /// Another version of the format.
    #[error(
        "could not read a profile: format version {0} is unknown; this program reads versions 1 to {WHOLE_VERSION}"
    )]
    Version(u8),
    /// Another kind of profile.
    #[error("could not read a profile: it is of kind {found}, and kind {wanted} was asked for")]
    Kind {
        /// As stored.
        found: u8,
        /// As asked.
        wanted: u8,
    },
    /// More follows.
    #[error("could not read a profile: {0} bytes follow its end")]
    Trailing(usize),
    /// A number, a length or a name makes no sense.
    #[error("could not read a profile: {0}")]
    Nonsense(&'static str),
    /// The parts contradict each other.
    #[error("could not read a profile")]
    Contradiction(#[source] Unmeasured),
}

/// Numbers as bytes.
pub(crate) struct Writer(pub(crate) Vec<u8>);

impl Writer {
    pub(super) fn start(kind: u8) -> Self {
        Writer(vec![VERSION, kind])
    }

    pub(crate) fn whole(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// Numbers that lie close together: one of them in the middle, then how far each is from it.
    pub(super) fn alike(&mut self, values: &[u64]) {
        let mut sorted = values.to_vec();
        sorted.sort_unstable();
        let middle = sorted.get(sorted.len() / 2).copied().unwrap_or(0);
        self.whole(middle);
        // Zigzag: small differences of either sign are small numbers.
        values.iter().map(|value| value.wrapping_sub(middle) as i64).for_each(|off| {
            self.whole(((off << 1) ^ (off >> 63)) as u64);
        });
    }

    pub(crate) fn float(&mut self, value: f64) {
        self.0.extend(value.to_bits().to_le_bytes());
    }

    /// Runs of zeros are one number: most columns hardly touch their edges.
    pub(super) fn sparse(&mut self, values: &[u64]) {
        let mut zeros = 0;
        for value in values {
            if *value == 0 {
                zeros += 1;
                continue;
            }
            self.whole(zeros);
            self.whole(*value);
            zeros = 0;
        }
        self.whole(zeros);
    }

    /// Rows on the edges: all of them where most edges have some (rounded columns), else between runs of zeros.
    pub(super) fn points(&mut self, values: &[u64]) {
        let is_full = 2 * values.iter().filter(|value| **value > 0).count() > values.len();
        self.0.push(u8::from(is_full));
        if is_full { values.iter().for_each(|value| self.whole(*value)) } else { self.sparse(values) }
    }

    pub(crate) fn moments(&mut self, moments: &Moments) {
        self.whole(moments.count);
        [moments.mean, moments.m2, moments.m3, moments.m4].into_iter().for_each(|value| self.float(value));
        if let Some((low, high)) = moments.range {
            self.float(low);
            self.float(high);
        }
    }
}

/// Bytes as numbers; nothing is believed before it is checked.
pub(crate) struct Reader<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) at: usize,
}

impl<'a> Reader<'a> {
    /// At the first byte after the kind, and the version.
    pub(super) fn start(bytes: &'a [u8], kind: u8) -> Result<(Self, u8), FormatError> {
        let mut reader = Reader { bytes, at: 0 };
        let version = reader.byte()?;
        if !(1..=WHOLE_VERSION).contains(&version) {
            return Err(FormatError::Version(version));
        }
        match reader.byte()? {
            found if found == kind => Ok((reader, version)),
            found => Err(FormatError::Kind { found, wanted: kind }),
        }
    }

    pub(crate) fn end(self) -> Result<(), FormatError> {
        match self.bytes.len() - self.at {
            0 => Ok(()),
            rest => Err(FormatError::Trailing(rest)),
        }
    }

    pub(crate) fn byte(&mut self) -> Result<u8, FormatError> {
        let byte = self.bytes.get(self.at).ok_or(FormatError::Truncated(self.at))?;
        self.at += 1;
        Ok(*byte)
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], FormatError> {
        let end = self.at.checked_add(count).ok_or(FormatError::Truncated(self.at))?;
        let taken = self.bytes.get(self.at..end).ok_or(FormatError::Truncated(self.at))?;
        self.at = end;
        Ok(taken)
    }

    pub(crate) fn whole(&mut self) -> Result<u64, FormatError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                break;
            }
            value |= part << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(FormatError::Nonsense("a number is too large"))
    }

    pub(crate) fn length(&mut self, most: u64) -> Result<usize, FormatError> {
        match self.whole()? {
            length if length <= most => Ok(length as usize),
            _ => Err(FormatError::Nonsense("a list or a name is too long")),
        }
    }

    pub(crate) fn float(&mut self) -> Result<f64, FormatError> {
        let bytes = self.take(8)?;
        let mut bits = [0; 8];
        bits.copy_from_slice(bytes);
        Ok(f64::from_bits(u64::from_le_bytes(bits)))
    }

    pub(super) fn wholes(&mut self, count: usize) -> Result<Vec<u64>, FormatError> {
        (0..count).map(|_| self.whole()).collect()
    }

    pub(super) fn alike(&mut self, count: usize) -> Result<Vec<u64>, FormatError> {
        let middle = self.whole()?;
        let off = |coded: u64| ((coded >> 1) as i64) ^ -((coded & 1) as i64);
        Ok(self.wholes(count)?.into_iter().map(|coded| middle.wrapping_add(off(coded) as u64)).collect())
    }

    pub(super) fn points(&mut self, count: usize) -> Result<Vec<u64>, FormatError> {
        match self.byte()? {
            0 => self.sparse(count),
            1 => self.wholes(count),
            _ => Err(FormatError::Nonsense("a list is of an unknown kind")),
        }
    }

    pub(super) fn sparse(&mut self, count: usize) -> Result<Vec<u64>, FormatError> {
        let mut values = Vec::new();
        loop {
            let zeros = self.length(MAX_ITEMS)?;
            values.resize(values.len() + zeros, 0);
            if values.len() == count {
                return Ok(values);
            }
            if values.len() > count {
                return Err(FormatError::Nonsense("a list is longer than it says"));
            }
            values.push(self.whole()?);
        }
    }

    pub(crate) fn moments(&mut self) -> Result<Moments, FormatError> {
        let count = self.whole()?;
        let (mean, m2, m3, m4) = (self.float()?, self.float()?, self.float()?, self.float()?);
        let range = if count > 0 { Some((self.float()?, self.float()?)) } else { None };
        Ok(Moments { count, mean, m2, m3, m4, range })
    }
}
