//! What a numeric column holds: doubles, or whole numbers of 64 bits that doubles would round.
//!
//! Invariants: order, equality and differences of either are exact; the two are never mixed in one comparison, one is
//! converted first. Whole numbers up to 2^53 are exact as doubles and travel as such.

use super::sort::sort_floats;
use std::borrow::Cow;
use std::cmp::Ordering;

/// A number of a column.
pub trait Scalar: Copy + PartialOrd + Send + Sync + 'static {
    /// Whether a double would round it.
    const IS_WHOLE: bool;

    /// Ascending order.
    fn order(&self, other: &Self) -> Ordering;

    /// All of them in ascending order.
    fn sorted(values: Vec<Self>) -> Vec<Self>;

    /// `self - other`, computed exactly and rounded once.
    fn minus(self, other: Self) -> f64;

    /// The place at `fraction` of the way to `other`, which is not smaller; of whole numbers the nearest one.
    fn toward(self, other: Self, fraction: f64) -> Self;

    /// The nearest double.
    fn number(self) -> f64;

    /// The whole number as one of these; `None` for doubles.
    fn of_whole(value: i64) -> Option<Self>;

    /// Values in their order as the nearest doubles.
    fn numbers(values: &[Self]) -> Cow<'_, [f64]>;

    /// Values in their order as the nearest whole numbers.
    fn wholes(values: &[Self]) -> Cow<'_, [i64]>;

    /// Sorted values less one in their middle (whole numbers), or as they are (doubles): what sums of powers take.
    fn centred(sorted: &[Self]) -> Cow<'_, [f64]>;
}

impl Scalar for f64 {
    const IS_WHOLE: bool = false;

    fn order(&self, other: &Self) -> Ordering {
        self.total_cmp(other)
    }

    fn sorted(values: Vec<Self>) -> Vec<Self> {
        sort_floats(values)
    }

    fn minus(self, other: Self) -> f64 {
        self - other
    }

    fn toward(self, other: Self, fraction: f64) -> Self {
        // numpy's lerp keeps the result monotone: from the nearer end.
        let gap = other - self;
        if gap.is_infinite() {
            return self * (1.0 - fraction) + other * fraction;
        }
        if fraction >= 0.5 { other - gap * (1.0 - fraction) } else { self + gap * fraction }
    }

    fn number(self) -> f64 {
        self
    }

    fn of_whole(_: i64) -> Option<Self> {
        None
    }

    fn numbers(values: &[Self]) -> Cow<'_, [f64]> {
        Cow::Borrowed(values)
    }

    fn wholes(values: &[Self]) -> Cow<'_, [i64]> {
        values.iter().map(|value| nearest_whole(*value)).collect()
    }

    fn centred(sorted: &[Self]) -> Cow<'_, [f64]> {
        Cow::Borrowed(sorted)
    }
}

impl Scalar for i64 {
    const IS_WHOLE: bool = true;

    fn order(&self, other: &Self) -> Ordering {
        self.cmp(other)
    }

    fn sorted(mut values: Vec<Self>) -> Vec<Self> {
        values.sort_unstable();
        values
    }

    fn minus(self, other: Self) -> f64 {
        (i128::from(self) - i128::from(other)) as f64
    }

    fn toward(self, other: Self, fraction: f64) -> Self {
        let way = (other.minus(self) * fraction).round() as i128;
        i64::try_from(i128::from(self) + way).unwrap_or(other).min(other)
    }

    fn number(self) -> f64 {
        self as f64
    }

    fn of_whole(value: i64) -> Option<Self> {
        Some(value)
    }

    fn numbers(values: &[Self]) -> Cow<'_, [f64]> {
        values.iter().map(|value| *value as f64).collect()
    }

    fn wholes(values: &[Self]) -> Cow<'_, [i64]> {
        Cow::Borrowed(values)
    }

    fn centred(sorted: &[Self]) -> Cow<'_, [f64]> {
        let middle = sorted.get(sorted.len() / 2).copied().unwrap_or(0);
        sorted.iter().map(|value| value.minus(middle)).collect()
    }
}

/// The whole number nearest to a finite double; the outermost one beyond their range.
pub(super) fn nearest_whole(value: f64) -> i64 {
    // A cast of a float keeps to the range of the whole number.
    value.round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_of_whole_numbers_are_exact_over_their_whole_range() {
        assert_eq!(1_790_000_000_000_000_013_i64.minus(1_790_000_000_000_000_001), 12.0);
        assert_eq!(i64::MAX.minus(i64::MIN), 2f64.powi(64));
        assert_eq!(i64::MIN.toward(i64::MAX, 1.0), i64::MAX);
        assert_eq!(i64::MIN.toward(i64::MAX, 0.5), 0);
        assert_eq!(7_i64.toward(8, 0.25), 7);
        assert_eq!([f64::MAX, -1e300, 2.5].map(nearest_whole), [i64::MAX, i64::MIN, 3]);
        assert_eq!(i64::centred(&[i64::MAX - 2, i64::MAX - 1, i64::MAX]), [-1.0, 0.0, 1.0].as_slice());
    }
}
