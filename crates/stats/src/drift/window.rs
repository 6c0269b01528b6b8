//! Counts of a window as bytes: small, keyed to the reference that counted them, and never believed before they are
//! checked. Counts are exact; sums and moments are the floats that they were.

use super::bytes::{FormatError, Reader, Writer};
use super::categorical::{CategoricalCounts, CategoricalReference};
use super::counts::NumericCounts;
use super::numeric::NumericReference;
use crate::hash::fnv1a;

/// Kinds of this format beside those of references.
const NUMERIC: u8 = 4;
const CATEGORICAL: u8 = 5;
/// Rows of one window: far beyond any, and sums of many windows still fit.
const MAX_ROWS: u64 = 1 << 48;
const MAX_NAMES: u64 = 20;
const MAX_NAME: u64 = 1 << 20;

impl NumericCounts {
    /// The counts as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::start(NUMERIC);
        writer.0.extend(self.id().to_le_bytes());
        [self.rows, self.missing, self.infinite, self.below].into_iter().for_each(|count| writer.whole(count));
        writer.moments(&self.moments);
        writer.sparse(&self.bins);
        writer.sparse(&self.points);
        let filled = self.bins.iter().zip(&self.reach).filter(|(count, _)| **count > 0);
        filled.for_each(|(_, reach)| writer.float(*reach));
        writer.0
    }
}

impl NumericReference {
    /// Reads counts that this reference made.
    ///
    /// # Errors
    /// Bytes that are cut short, of another kind, of another reference, or contradict themselves.
    pub fn read_counts(&self, bytes: &[u8]) -> Result<NumericCounts, FormatError> {
        let (mut reader, _) = Reader::start(bytes, NUMERIC)?;
        let id = identity_of(&mut reader)?;
        let [rows, missing, infinite, below] = [reader.whole()?, reader.whole()?, reader.whole()?, reader.whole()?];
        let moments = reader.moments()?;
        let edges = self.edges().len();
        let (bins, points) = (reader.sparse(edges + 1)?, reader.sparse(edges)?);
        let mut reach = vec![0.0; edges + 1];
        for (reach, _) in reach.iter_mut().zip(&bins).filter(|(_, count)| **count > 0) {
            *reach = reader.float()?;
        }
        reader.end()?;
        check_rows(rows)?;
        let above = bins[edges];
        let counts = NumericCounts { id, rows, missing, infinite, below, above, moments, bins, points, reach };
        counts.check(self.identity(), edges).map_err(FormatError::Contradiction)?;
        Ok(counts)
    }
}

impl CategoricalReference {
    /// Counts that this reference made, as bytes.
    pub fn counts_to_bytes(&self, counts: &CategoricalCounts) -> Vec<u8> {
        let mut writer = Writer::start(CATEGORICAL);
        writer.0.extend(self.identity().to_le_bytes());
        [counts.rows, counts.missing, counts.other, counts.unseen].into_iter().for_each(|count| writer.whole(count));
        writer.sparse(&counts.counts);
        writer.whole(counts.unseen_values.len() as u64);
        for (name, rows) in &counts.unseen_values {
            writer.whole(name.len() as u64);
            writer.0.extend(name.as_bytes());
            writer.whole(*rows);
        }
        writer.0
    }

    /// Reads counts that this reference made.
    ///
    /// # Errors
    /// Bytes that are cut short, of another kind, of another reference, or contradict themselves.
    pub fn read_counts(&self, bytes: &[u8]) -> Result<CategoricalCounts, FormatError> {
        let (mut reader, _) = Reader::start(bytes, CATEGORICAL)?;
        if identity_of(&mut reader)? != self.identity() {
            return Err(FormatError::Nonsense("its counts belong to another reference"));
        }
        let [rows, missing, other, unseen] = [reader.whole()?, reader.whole()?, reader.whole()?, reader.whole()?];
        let counts = reader.sparse(self.values().len())?;
        let mut unseen_values = Vec::new();
        for _ in 0..reader.length(MAX_NAMES)? {
            let length = reader.length(MAX_NAME)?;
            let name = std::str::from_utf8(reader.take(length)?);
            let name = name.map_err(|_| FormatError::Nonsense("a category's name is no UTF-8"))?.to_owned();
            unseen_values.push((name, reader.whole()?));
        }
        reader.end()?;
        check_rows(rows)?;
        if unseen_values.iter().any(|(_, rows)| *rows > unseen) {
            return Err(FormatError::Nonsense("a value was seen more often than all of its kind"));
        }
        let counts = CategoricalCounts { rows, missing, other, unseen, unseen_values, counts };
        counts.check(self.values().len()).map_err(FormatError::Contradiction)?;
        Ok(counts)
    }

    /// A hash of the values in their order; stored in windows, so it must never change.
    fn identity(&self) -> u64 {
        fnv1a(self.values().iter().flat_map(|value| value.bytes().chain([0xff])))
    }
}

fn identity_of(reader: &mut Reader) -> Result<u64, FormatError> {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(reader.take(8)?);
    Ok(u64::from_le_bytes(bytes))
}

fn check_rows(rows: u64) -> Result<(), FormatError> {
    if rows > MAX_ROWS { Err(FormatError::Nonsense("it has more rows than there can be")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numeric() -> NumericReference {
        NumericReference::of(&(0..3_000).map(|i| f64::from(i * i % 977) / 8.0).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn whole_numbers_that_doubles_round_keep_their_bins_in_bytes_and_in_json() {
        let first = 1_790_000_000_000_000_000i64;
        let values =
            |shift: i64| (0..900).map(|i| (i % 45 > 0).then_some(first + i * i % 389 + shift)).collect::<Vec<_>>();
        let reference = NumericReference::of_wholes(&values(0), None).unwrap();
        let shown = |reference: &NumericReference| {
            let window = reference.count_wholes(&values(97));
            let read = reference.read_counts(&window.to_bytes()).unwrap();
            assert_eq!(read, window);
            let mut one_by_one = reference.window();
            values(97).into_iter().for_each(|value| reference.add_whole(&mut one_by_one, value));
            assert_eq!((one_by_one.bins(), one_by_one.missing, one_by_one.above), (window.bins(), 20, window.above));
            reference.distance(&window, crate::drift::Measure::Ks).unwrap().value
        };
        let back = NumericReference::from_bytes(&reference.to_bytes()).unwrap();
        assert_eq!((back.whole_edges(), back.origin()), (reference.whole_edges(), reference.origin()));
        let json: NumericReference = serde_json::from_str(&serde_json::to_string(&reference).unwrap()).unwrap();
        assert_eq!(json, reference);
        let small =
            NumericReference::of(&(0..900).filter(|i| i % 45 > 0).map(|i| f64::from(i * i % 389)).collect::<Vec<_>>())
                .unwrap();
        let moved: Vec<f64> = (0..900).filter(|i| i % 45 > 0).map(|i| f64::from(i * i % 389 + 97)).collect();
        let wanted = small.distance(&small.count(&moved), crate::drift::Measure::Ks).unwrap().value;
        assert_eq!([&reference, &back, &json].map(shown), [wanted; 3], "as the same numbers near zero");
    }

    fn categorical() -> CategoricalReference {
        CategoricalReference::of(["a", "b", "a", "é", "b", "a"].map(Some)).unwrap()
    }

    proptest! {
        #[test]
        fn counts_read_back_and_two_halves_are_the_whole(
            values in prop::collection::vec(prop_oneof![-50.0..200.0f64, Just(f64::NAN), Just(f64::INFINITY), Just(3.0)], 0..200),
            cut in 0.0..1.0f64,
        ) {
            let reference = numeric();
            let cut = (cut * values.len() as f64) as usize;
            let mut first = reference.window();
            values[..cut].iter().for_each(|value| reference.add(&mut first, *value));
            let stored = reference.read_counts(&first.to_bytes()).unwrap();
            prop_assert_eq!(&stored, &first);
            let (mut merged, whole) = (stored, reference.count(&values));
            merged.merge(&reference.count(&values[cut..])).unwrap();
            prop_assert_eq!((merged.rows, merged.missing, merged.infinite), (whole.rows, whole.missing, whole.infinite));
            prop_assert_eq!((merged.below, merged.above, &merged.bins), (whole.below, whole.above, &whole.bins));
            prop_assert_eq!(&merged.points, &whole.points);
            let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * (1.0 + a.abs());
            prop_assert!(merged.reach.iter().zip(&whole.reach).all(|(a, b)| close(*a, *b)));
            prop_assert!(close(merged.moments.mean().unwrap_or(0.0), whole.moments.mean().unwrap_or(0.0)));
        }

        #[test]
        fn categories_read_back_and_two_halves_are_the_whole(
            values in prop::collection::vec(prop_oneof![Just(None), "[a-e]".prop_map(Some)], 0..60), cut in 0usize..60,
        ) {
            let reference = categorical();
            let (first, second) = values.split_at(cut.min(values.len()));
            let count = |part: &[Option<String>]| reference.count(part.iter().map(Option::as_deref));
            let mut merged = reference.read_counts(&reference.counts_to_bytes(&count(first))).unwrap();
            merged.merge(&reference.read_counts(&reference.counts_to_bytes(&count(second))).unwrap()).unwrap();
            prop_assert_eq!(merged, count(&values));
        }

        #[test]
        fn no_bytes_break_the_reader(
            at in 0usize..400, byte in any::<u8>(), end in 0usize..400, noise in prop::collection::vec(any::<u8>(), 0..80),
        ) {
            let (numeric, categorical) = (numeric(), categorical());
            let count = categorical.count([Some("a"), None, Some("new")]);
            let bytes = [numeric.count(&[1.0, f64::NAN, 5e9, -1.0]).to_bytes(), categorical.counts_to_bytes(&count)];
            for (kind, bytes) in bytes.into_iter().enumerate() {
                let end = end % bytes.len();
                match kind {
                    0 => prop_assert!(numeric.read_counts(&bytes[..end]).is_err()),
                    _ => prop_assert!(categorical.read_counts(&bytes[..end]).is_err()),
                }
                let mut changed = bytes.clone();
                let at = at % bytes.len();
                changed[at] = byte;
                for bytes in [changed, [&bytes[..2], &noise].concat(), noise.clone()] {
                    if let Ok(mut counts) = numeric.read_counts(&bytes) {
                        let again = counts.clone();
                        prop_assert!(counts.merge(&again).is_ok());
                    }
                    if let Ok(mut counts) = categorical.read_counts(&bytes) {
                        let again = counts.clone();
                        prop_assert!(counts.merge(&again).is_ok());
                    }
                }
            }
        }
    }

    #[test]
    fn counts_of_another_reference_are_refused() {
        let other = NumericReference::of(&[1.0, 2.0]).unwrap();
        assert!(other.read_counts(&numeric().count(&[1.0]).to_bytes()).is_err());
        let other = CategoricalReference::of([Some("b"), Some("a")]).unwrap();
        assert!(other.read_counts(&categorical().counts_to_bytes(&categorical().count([Some("a")]))).is_err());
    }
}
