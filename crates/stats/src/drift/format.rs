//! Profiles as bytes: versioned, small (about 2.5 kB a column), and never believed before they are checked.
//!
//! Layout: a version, a kind, then numbers as LEB128 and floats as little-endian bits. Edges are stored exactly (as steps
//! between floats in their order), so that distances on stored profiles equal those on the original; the mean place of a bin's values is stored to 1/255 of the
//! bin's width, which moves W1 by less than a thousandth of its noise floor.

use super::{
    bytes::{FormatError, MAX_ITEMS, MAX_NAME, Reader, SIGN, WHOLE_VERSION, Writer},
    categorical::{CategoricalCounts, CategoricalReference, Stored},
    counts::NumericCounts,
    numeric::{NumericReference, Parts, offsets},
    sort::{from_ordered, ordered},
};

const NUMERIC: u8 = 1;
const CATEGORICAL: u8 = 2;

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
        if self.whole_edges.is_empty() {
            self.edges.iter().map(|edge| ordered(*edge)).collect()
        } else {
            self.whole_edges.iter().map(|edge| *edge as u64 ^ SIGN).collect()
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
