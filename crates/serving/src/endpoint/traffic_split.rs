//! Who meets the canary: a stable share of the entities, the same ones on every machine and after every restart.

use crate::entity_hash::salted_hash;

/// Whether this entity meets a canary of `percent`. Whoever met it at 5 % meets it at 25 % too.
pub(super) fn meets_canary(id: &str, salt: u64, percent: u8) -> bool {
    let place = (u64::from(salted_hash(id, salt)) * 100) >> 32;
    place < u64::from(percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_what_they_say_and_only_grow() {
        let ids: Vec<String> = (0..20_000).map(|n| format!("customer-{n}")).collect();
        for salt in [0, 7] {
            let of = |percent| ids.iter().filter(|id| meets_canary(id, salt, percent)).count() as f64 / 20_000.0;
            for percent in [1, 5, 25, 50] {
                assert!((of(percent) - f64::from(percent) / 100.0).abs() < 0.01, "{percent}: {}", of(percent));
            }
            assert_eq!((of(0), of(100)), (0.0, 1.0));
            assert!(ids.iter().all(|id| !meets_canary(id, salt, 5) || meets_canary(id, salt, 25)));
        }
        let both = ids.iter().filter(|id| meets_canary(id, 1, 10) && meets_canary(id, 2, 10)).count();
        assert!((100..300).contains(&both), "two canaries draw other people: {both} of 20000 meet both");
    }
}
