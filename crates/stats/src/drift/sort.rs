//! Sorting many floats by their bits: the exact distances are one sort a column, so the sort is their cost.

/// Values from which the radix sort is faster than comparing.
const MANY: usize = 1 << 14;
/// Bits of a digit, and digits of a float.
const BITS: usize = 11;
const DIGITS: usize = 6;

/// Ascending order of `f64::total_cmp`.
pub(crate) fn sort_floats(values: Vec<f64>) -> Vec<f64> {
    if values.len() < MANY {
        let mut values = values;
        values.sort_unstable_by(f64::total_cmp);
        return values;
    }
    let mut keys: Vec<u64> = values.iter().map(|value| ordered(*value)).collect();
    let mut counts = vec![[0u32; 1 << BITS]; DIGITS];
    for key in &keys {
        counts.iter_mut().enumerate().for_each(|(digit, counts)| counts[place(*key, digit)] += 1);
    }
    let mut spare = vec![0u64; keys.len()];
    for (digit, counts) in counts.iter().enumerate() {
        // A digit that all share moves nothing.
        if counts.iter().any(|count| *count as usize == keys.len()) {
            continue;
        }
        let mut next = [0u32; 1 << BITS];
        let mut sum = 0;
        next.iter_mut().zip(counts).for_each(|(next, count)| {
            *next = sum;
            sum += count;
        });
        for key in &keys {
            let next = &mut next[place(*key, digit)];
            spare[*next as usize] = *key;
            *next += 1;
        }
        std::mem::swap(&mut keys, &mut spare);
    }
    keys.into_iter().map(from_ordered).collect()
}

fn place(key: u64, digit: usize) -> usize {
    (key >> (digit * BITS)) as usize & ((1 << BITS) - 1)
}

/// Floats as whole numbers in the same order.
pub(super) fn ordered(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// The float of such a number.
pub(super) fn from_ordered(place: u64) -> f64 {
    f64::from_bits(if place >> 63 == 1 { place & !(1 << 63) } else { !place })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn it_sorts_as_the_standard_library_does() {
        let mut random = Random::seeded(8);
        for kind in 0..5 {
            let values: Vec<f64> = (0..40_000)
                .map(|_| match kind {
                    0 => random.normal(),
                    1 => f64::from_bits(random.bits()),
                    2 => (random.uniform() * 9.0).floor() - 4.0,
                    3 => random.normal() * 1e-300,
                    _ => -0.0,
                })
                .filter(|value| !value.is_nan())
                .collect();
            let mut want = values.clone();
            want.sort_by(f64::total_cmp);
            let got = sort_floats(values);
            assert!(got.iter().zip(&want).all(|(a, b)| a.to_bits() == b.to_bits()), "{kind}");
        }
    }
}
