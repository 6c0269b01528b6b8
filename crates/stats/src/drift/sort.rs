//! Sorting many floats by their bits: the exact distances are one sort a column, so the sort is their cost.

/// Values from which the radix sort is faster than comparing.
const MANY: usize = 1 << 14;
/// Bits of a digit, and digits of a float.
const BITS: usize = 11;
const DIGITS: usize = 6;

/// Keys up to which all passes run in the cache; more are parted first.
const CACHED: usize = 1 << 16;
/// Keys up to which comparing is faster than counting digits.
const FEW: usize = 1 << 10;

/// Ascending order of `f64::total_cmp`, in the memory of the values.
pub(crate) fn sort_floats(mut values: Vec<f64>) -> Vec<f64> {
    if values.len() < MANY {
        values.sort_unstable_by(f64::total_cmp);
        return values;
    }
    // Both conversions stay in the memory of the vector, and a column of a large table is as large as that.
    let mut keys: Vec<u64> = values.into_iter().map(ordered).collect();
    let mut spare = vec![0u64; keys.len().min(CACHED)];
    sort_keys(&mut keys, &mut spare, DIGITS - 1);
    keys.into_iter().map(from_ordered).collect()
}

/// Sorts keys that agree on all digits above `top`. Many are parted by that digit where they are, so that the passes
/// over each part stay in the cache; `spare` holds [`CACHED`] keys, or all.
fn sort_keys(keys: &mut [u64], spare: &mut [u64], top: usize) {
    if keys.len() <= FEW {
        return keys.sort_unstable();
    }
    if keys.len() <= CACHED {
        let length = keys.len();
        return sort_cached(keys, &mut spare[..length], top);
    }
    let mut counts = [0u32; 1 << BITS];
    keys.iter().for_each(|key| counts[place(*key, top)] += 1);
    // A digit that all share parts nothing.
    if counts.iter().all(|count| *count == 0 || *count as usize == keys.len()) {
        return if top > 0 {
            sort_keys(keys, spare, top - 1)
        };
    }
    part(keys, &counts, top);
    let mut from = 0;
    for count in counts.into_iter().filter(|_| top > 0) {
        let to = from + count as usize;
        sort_keys(&mut keys[from..to], spare, top - 1);
        from = to;
    }
}

/// Moves keys to their digit's part where they are (American flag sort): each key goes to the next free place of its
/// part, and what stood there goes on.
fn part(keys: &mut [u64], counts: &[u32; 1 << BITS], digit: usize) {
    let mut next = starts(counts);
    let mut end = 0;
    for (part, count) in counts.iter().enumerate() {
        end += count;
        while next[part] < end {
            let mut key = keys[next[part] as usize];
            loop {
                let to = place(key, digit);
                if to == part {
                    break;
                }
                std::mem::swap(&mut key, &mut keys[next[to] as usize]);
                next[to] += 1;
            }
            keys[next[part] as usize] = key;
            next[part] += 1;
        }
    }
}

/// Where the keys of each digit begin.
fn starts(counts: &[u32; 1 << BITS]) -> [u32; 1 << BITS] {
    let mut sum = 0;
    counts.map(|count| {
        let start = sum;
        sum += count;
        start
    })
}

/// Passes from the lowest digit to `top`.
fn sort_cached(keys: &mut [u64], spare: &mut [u64], top: usize) {
    let mut counts = [[0u32; 1 << BITS]; DIGITS];
    for key in &*keys {
        counts[..=top].iter_mut().enumerate().for_each(|(digit, counts)| counts[place(*key, digit)] += 1);
    }
    let mut swapped = false;
    for (digit, counts) in counts[..=top].iter().enumerate() {
        if counts.iter().any(|count| *count as usize == keys.len()) {
            continue;
        }
        let (from, to): (&[u64], &mut [u64]) = if swapped { (&*spare, &mut *keys) } else { (&*keys, &mut *spare) };
        scatter(from, to, counts, digit);
        swapped = !swapped;
    }
    if swapped {
        keys.copy_from_slice(spare);
    }
}

/// Moves keys to their digit's place, in their order.
fn scatter(from: &[u64], to: &mut [u64], counts: &[u32; 1 << BITS], digit: usize) {
    let mut next = starts(counts);
    for key in from {
        let next = &mut next[place(*key, digit)];
        to[*next as usize] = *key;
        *next += 1;
    }
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
        for kind in 0..6 {
            let values: Vec<f64> = (0..300_000)
                .map(|_| match kind {
                    0 => random.normal(),
                    1 => f64::from_bits(random.bits()),
                    2 => (random.uniform() * 9.0).floor() - 4.0,
                    3 => random.normal() * 1e-300,
                    4 => 1.0 + random.uniform(),
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
