//! Profiles as bytes: versioned, small (about 2.5 kB a column), and never believed before they are checked.
//!
//! Layout: a version, a kind, then numbers as LEB128 and floats as little-endian bits. Edges are stored exactly (as steps
//! between floats in their order), so that distances on stored profiles equal those on the original; the mean place of a bin's values is stored to 1/255 of the
//! bin's width, which moves W1 by less than a thousandth of its noise floor.

use super::categorical::{CategoricalCounts, CategoricalReference, Stored};
use super::counts::NumericCounts;
use super::moments::Moments;
use super::numeric::{NumericReference, Parts, offsets};
use super::sort::{from_ordered, ordered};
use crate::outcome::Unmeasured;

/// Version 2 writes a column's bins as differences from their mean; version 1, in full, is still read.
const VERSION: u8 = 2;
/// Version 3 is that of whole numbers that doubles would round: its edges are whole numbers.
const WHOLE_VERSION: u8 = 3;
const NUMERIC: u8 = 1;
const CATEGORICAL: u8 = 2;
/// The bit that turns a whole number's order into that of a number without a sign.
const SIGN: u64 = 1 << 63;
/// Items of a list that a profile may claim before its bytes are looked at.
const MAX_ITEMS: u64 = 100_000;
/// Bytes of a category's name.
const MAX_NAME: u64 = 1 << 20;

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
    fn alike(&mut self, values: &[u64]) {
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
    fn points(&mut self, values: &[u64]) {
        let is_full = 2 * values.iter().filter(|value| **value > 0).count() > values.len();
        self.0.push(u8::from(is_full));
        match is_full {
            true => values.iter().for_each(|value| self.whole(*value)),
            false => self.sparse(values),
        }
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

    fn wholes(&mut self, count: usize) -> Result<Vec<u64>, FormatError> {
        (0..count).map(|_| self.whole()).collect()
    }

    fn alike(&mut self, count: usize) -> Result<Vec<u64>, FormatError> {
        let middle = self.whole()?;
        let off = |coded: u64| ((coded >> 1) as i64) ^ -((coded & 1) as i64);
        Ok(self.wholes(count)?.into_iter().map(|coded| middle.wrapping_add(off(coded) as u64)).collect())
    }

    fn points(&mut self, count: usize) -> Result<Vec<u64>, FormatError> {
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

impl NumericReference {
    /// The profile as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let start =
            if self.whole_edges.is_empty() { Writer::start(NUMERIC) } else { Writer(vec![WHOLE_VERSION, NUMERIC]) };
        self.write(start, |writer, counts| {
            writer.alike(&counts.bins);
            writer.points(&counts.points);
        })
    }

    fn write(&self, mut writer: Writer, bins_and_points: impl Fn(&mut Writer, &NumericCounts)) -> Vec<u8> {
        let counts = &self.counts;
        writer.whole(self.edges.len() as u64);
        let mut before = 0;
        for place in self.places() {
            writer.whole(place.wrapping_sub(before));
            before = place;
        }
        writer.whole(self.deciles.len() as u64);
        self.deciles.iter().for_each(|decile| writer.whole(u64::from(*decile)));
        [counts.rows, counts.missing, counts.infinite, counts.below].into_iter().for_each(|count| writer.whole(count));
        writer.moments(&counts.moments);
        bins_and_points(&mut writer, counts);
        let last = self.edges.len();
        writer.float(counts.reach[0]);
        writer.float(counts.reach[last]);
        for bin in 1..last {
            let full = counts.bins[bin] as f64 * self.width(bin);
            writer.0.push(if full > 0.0 { (counts.reach[bin] / full * 255.0).round() as u8 } else { 0 });
        }
        writer.0
    }

    /// The edges as numbers that ascend with them.
    fn places(&self) -> Vec<u64> {
        match self.whole_edges.is_empty() {
            true => self.edges.iter().map(|edge| ordered(*edge)).collect(),
            false => self.whole_edges.iter().map(|edge| *edge as u64 ^ SIGN).collect(),
        }
    }

    /// Reads a profile; everything is checked.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FormatError> {
        let (mut reader, version) = Reader::start(bytes, NUMERIC)?;
        let n = reader.length(MAX_ITEMS)?;
        let mut places = Vec::new();
        let mut place = 0u64;
        for _ in 0..n {
            place = place.checked_add(reader.whole()?).ok_or(FormatError::Nonsense("the edges do not ascend"))?;
            places.push(place);
        }
        let (edges, whole_edges) = match version {
            WHOLE_VERSION => {
                let whole: Vec<i64> = places.iter().map(|place| (place ^ SIGN) as i64).collect();
                (offsets(&whole), whole)
            }
            _ => (places.into_iter().map(from_ordered).collect(), Vec::new()),
        };
        let count = reader.length(MAX_ITEMS)?;
        let narrow = |value: u64| u16::try_from(value).map_err(|_| FormatError::Nonsense("a decile is no edge"));
        let deciles = reader.wholes(count)?.into_iter().map(narrow).collect::<Result<_, _>>()?;
        let [rows, missing, infinite, below] = [reader.whole()?, reader.whole()?, reader.whole()?, reader.whole()?];
        let moments = reader.moments()?;
        let bins = if version == 1 { reader.wholes(n + 1)? } else { reader.alike(n + 1)? };
        let points = if version == 1 { reader.sparse(n)? } else { reader.points(n)? };
        let (first, last) = (reader.float()?, reader.float()?);
        let counts = NumericCounts::empty(0, n);
        let mut reference = NumericReference { edges, whole_edges, deciles, counts };
        let mut reach = vec![first];
        for (bin, count) in bins.iter().enumerate().take(n).skip(1) {
            let full = *count as f64 * reference.width(bin);
            let share = f64::from(reader.byte()?) / 255.0;
            // Edges at both ends of what a number can be lie further apart than a number can say.
            reach.push(if full.is_finite() { share * full } else { 0.0 });
        }
        reach.push(last);
        if n == 0 {
            reach.pop();
        }
        reader.end()?;
        let above = bins.last().copied().unwrap_or(0);
        let id = reference.identity();
        reference.counts = NumericCounts { id, rows, missing, infinite, below, above, moments, bins, points, reach };
        let NumericReference { edges, whole_edges, deciles, counts } = reference;
        Parts { edges, whole_edges, deciles, counts }.try_into().map_err(FormatError::Contradiction)
    }
}

impl CategoricalReference {
    /// The profile as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::start(CATEGORICAL);
        let stored = Stored::from(self.clone());
        writer.whole(stored.values.len() as u64);
        for (value, count) in stored.values.iter().zip(&stored.counts.counts) {
            writer.whole(value.len() as u64);
            writer.0.extend(value.as_bytes());
            writer.whole(*count);
        }
        writer.whole(stored.rare.len() as u64);
        stored.rare.iter().for_each(|hash| writer.0.extend(hash.to_le_bytes()));
        let counts = &stored.counts;
        let knows_all = u64::from(stored.knows_all);
        [knows_all, stored.singletons, counts.rows, counts.missing, counts.other]
            .into_iter()
            .for_each(|value| writer.whole(value));
        writer.0
    }

    /// Reads a profile; everything is checked.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FormatError> {
        let (mut reader, _) = Reader::start(bytes, CATEGORICAL)?;
        let (mut values, mut counts) = (Vec::new(), Vec::new());
        for _ in 0..reader.length(MAX_ITEMS)? {
            let length = reader.length(MAX_NAME)?;
            let name = std::str::from_utf8(reader.take(length)?);
            values.push(name.map_err(|_| FormatError::Nonsense("a category's name is no UTF-8"))?.to_owned());
            counts.push(reader.whole()?);
        }
        let mut rare = Vec::new();
        for _ in 0..reader.length(MAX_ITEMS)? {
            let mut hash = [0; 8];
            hash.copy_from_slice(reader.take(8)?);
            rare.push(u64::from_le_bytes(hash));
        }
        let knows_all = reader.whole()? == 1;
        let (singletons, rows, missing, other) = (reader.whole()?, reader.whole()?, reader.whole()?, reader.whole()?);
        reader.end()?;
        let counts = CategoricalCounts { rows, missing, other, counts, ..CategoricalCounts::default() };
        Stored { values, rare, knows_all, singletons, counts }.try_into().map_err(FormatError::Contradiction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_of_version_1_is_still_read() {
        let values: Vec<f64> = (0..5000).map(|i| f64::from(i * i % 977) / 8.0).collect();
        let reference = NumericReference::of(&values).unwrap();
        let old = reference.write(Writer(vec![1, NUMERIC]), |writer, counts| {
            counts.bins.iter().for_each(|count| writer.whole(*count));
            writer.sparse(&counts.points);
        });
        let (new, read) = (reference.to_bytes(), NumericReference::from_bytes(&old).unwrap());
        assert_eq!(read, NumericReference::from_bytes(&new).unwrap());
        assert!(new.len() < old.len(), "{} {}", new.len(), old.len());
    }
}
