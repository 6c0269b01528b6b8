//! Who meets the canary: a stable share of the entities, the same ones on every machine and after every restart.

use std::sync::Arc;

use crate::{entity_hash::entity_hash, prediction_log::CanaryDraw};

/// The rows that meet the canary and the others, with how they were drawn.
///
/// Each candidate has a salt of its own and draws its own people: nobody is the guinea pig of every release.
pub(super) fn draw_canary(entities: &[Arc<str>], salt: u64, percent: u8) -> (CanaryDraw, Vec<usize>, Vec<usize>) {
    let entities: Vec<u64> = entities.iter().map(|entity| entity_hash(entity, salt)).collect();
    let (canary, rest) = (0..entities.len()).partition(|row| meets_canary(entities[*row], percent));
    (CanaryDraw { percent, entities }, canary, rest)
}

/// Whether the entity of this hash meets a canary of `percent`. Whoever met it at 5 % meets it at 25 % too.
fn meets_canary(hash: u64, percent: u8) -> bool {
    ((hash >> 32) * 100) >> 32 < u64::from(percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meets(id: &str, salt: u64, percent: u8) -> bool {
        meets_canary(entity_hash(id, salt), percent)
    }

    #[test]
    fn shares_are_what_they_say_and_only_grow() {
        let ids: Vec<String> = (0..20_000).map(|n| format!("customer-{n}")).collect();
        for salt in [0, 7] {
            let of = |percent| ids.iter().filter(|id| meets(id, salt, percent)).count() as f64 / 20_000.0;
            for percent in [1, 5, 25, 50] {
                assert!((of(percent) - f64::from(percent) / 100.0).abs() < 0.01, "{percent}: {}", of(percent));
            }
            assert_eq!((of(0), of(100)), (0.0, 1.0));
            assert!(ids.iter().all(|id| !meets(id, salt, 5) || meets(id, salt, 25)));
        }
        let both = ids.iter().filter(|id| meets(id, 1, 10) && meets(id, 2, 10)).count();
        assert!((100..300).contains(&both), "two canaries draw other people: {both} of 20000 meet both");
    }
}
