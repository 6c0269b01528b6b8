//! When two things are the same, and what contents add up to.
//!
//! Sums do not depend on an order: the digest of each thing is a number, and they are added (modulo 2¹²⁸).

use std::collections::{BTreeMap, HashSet};

use kilter_domain::transfer::{
    ExperimentRecord, LoggedModelRecord, ModelMetricRecord, Point, RegisteredModelRecord, RunRecord, Texts,
    VersionRecord,
};
use serde::Serialize;

use crate::source::HistoryPart;

/// How many things there are, and what they add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) count: u64,
    pub(crate) digest: u128,
}

impl Sum {
    pub(crate) fn add(&mut self, digest: u128) {
        self.count += 1;
        self.digest = self.digest.wrapping_add(digest);
    }

    pub(crate) fn add_all(&mut self, other: Self) {
        self.count += other.count;
        self.digest = self.digest.wrapping_add(other.digest);
    }
}

fn digest(bytes: &[u8]) -> u128 {
    let mut first = [0; 16];
    first.copy_from_slice(&blake3::hash(bytes).as_bytes()[..16]);
    u128::from_le_bytes(first)
}

/// Of a thing: equal things have equal digests.
pub(crate) fn digest_of(thing: &impl Serialize) -> u128 {
    digest(serde_json::to_string(thing).unwrap_or_default().as_bytes())
}

/// The points of histories, each counted once.
#[derive(Default)]
pub(crate) struct HistorySums {
    of_runs: BTreeMap<String, Sum>,
    current: (String, String),
    /// Digests of the points of the current history: a folder may have one twice.
    seen: HashSet<u64>,
}

impl HistorySums {
    pub(crate) fn add(&mut self, part: &HistoryPart) {
        if (self.current.0.as_str(), self.current.1.as_str()) != (part.run.as_str(), part.metric.as_str()) {
            self.current = (part.run.clone(), part.metric.clone());
            self.seen.clear();
        }
        if !self.of_runs.contains_key(&part.run) {
            self.of_runs.insert(part.run.clone(), Sum::default());
        }
        let Some(sum) = self.of_runs.get_mut(&part.run) else { return };
        let mut bytes = part.metric.clone().into_bytes();
        let name = bytes.len();
        for Point(step, at, value) in &part.points {
            bytes.truncate(name);
            bytes.extend_from_slice(&step.to_le_bytes());
            bytes.extend_from_slice(&at.to_le_bytes());
            bytes.extend_from_slice(&value.bits().to_le_bytes());
            let digest = digest(&bytes);
            // 64 of its bits: among 10⁷ points two of them are the same by chance once in 10⁵ histories.
            if self.seen.insert(digest as u64) {
                sum.add(digest);
            }
        }
    }

    pub(crate) fn of(&self, run: &str) -> Sum {
        self.of_runs.get(run).copied().unwrap_or_default()
    }
}

/// Of `have` those that `want` has too: people may have added others since.
fn only(have: &Texts, want: &Texts) -> Texts {
    have.iter()
        .filter(|(name, _)| want.contains_key(*name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// What `have` has of `want`.
pub(crate) trait Common {
    /// Without what is in it alone.
    fn common(&self, want: &Self) -> Self;
}

impl Common for ExperimentRecord {
    fn common(&self, want: &Self) -> Self {
        Self { tags: only(&self.tags, &want.tags), ..self.clone() }
    }
}

impl Common for RunRecord {
    fn common(&self, want: &Self) -> Self {
        let is_wanted = |input: &&kilter_domain::transfer::DatasetRecord| {
            want.inputs.iter().any(|want| (&want.name, &want.digest) == (&input.name, &input.digest))
        };
        Self {
            params: only(&self.params, &want.params),
            tags: only(&self.tags, &want.tags),
            inputs: self.inputs.iter().filter(is_wanted).cloned().collect(),
            input_models: self.input_models.iter().filter(|model| want.input_models.contains(model)).cloned().collect(),
            output_models: self
                .output_models
                .iter()
                .filter(|(model, _)| want.output_models.contains_key(*model))
                .map(|(model, step)| (model.clone(), *step))
                .collect(),
            ..self.clone()
        }
    }
}

impl Common for LoggedModelRecord {
    fn common(&self, want: &Self) -> Self {
        let is_wanted = |have: &&ModelMetricRecord| want.metrics.iter().any(|want| place(want) == place(have));
        Self {
            params: only(&self.params, &want.params),
            tags: only(&self.tags, &want.tags),
            metrics: self.metrics.iter().filter(is_wanted).cloned().collect(),
            ..self.clone()
        }
    }
}

impl Common for RegisteredModelRecord {
    fn common(&self, want: &Self) -> Self {
        let aliases = self.aliases.iter().filter(|(alias, _)| want.aliases.contains_key(*alias));
        Self {
            tags: only(&self.tags, &want.tags),
            aliases: aliases.map(|(alias, number)| (alias.clone(), *number)).collect(),
            ..self.clone()
        }
    }
}

impl Common for VersionRecord {
    fn common(&self, want: &Self) -> Self {
        Self { tags: only(&self.tags, &want.tags), ..self.clone() }
    }
}

/// What a metric of a model is the latest point of.
fn place(metric: &ModelMetricRecord) -> (&str, &str, &str, &str) {
    (&metric.metric, &metric.dataset_name, &metric.dataset_digest, &metric.run)
}

/// The latest point of each metric, dataset and run.
pub(crate) fn latest(metrics: Vec<ModelMetricRecord>) -> Vec<ModelMetricRecord> {
    let mut kept: Vec<ModelMetricRecord> = Vec::new();
    let order = |Point(step, at, value): Point| (step, at, value.number());
    for metric in metrics {
        match kept.iter_mut().find(|kept| place(kept) == place(&metric)) {
            Some(kept) if order(metric.point) >= order(kept.point) => *kept = metric,
            Some(_) => {}
            None => kept.push(metric),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use kilter_domain::transfer::Value;
    use proptest::prelude::*;

    use super::*;

    fn sum(points: &[Point]) -> Sum {
        let mut sums = HistorySums::default();
        sums.add(&HistoryPart { run: "r".into(), metric: "m".into(), points: points.to_vec() });
        sums.of("r")
    }

    proptest! {
        #[test]
        fn an_order_and_a_point_twice_change_no_sum_and_another_value_does(
            points in prop::collection::vec((0_i64..50, 0_i64..50, -1.0..1.0_f64), 1..40), at in 0_usize..40
        ) {
            let points: Vec<Point> = points.into_iter().map(|(step, at, value)| Point(step, at, Value::of(value))).collect();
            let mut turned = points.clone();
            turned.reverse();
            turned.push(points[at % points.len()]);
            prop_assert_eq!(sum(&points), sum(&turned));
            let mut other = points.clone();
            let place = at % points.len();
            other[place].2 = Value::of(other[place].2.number() + 2.0);
            prop_assert_ne!(sum(&points), sum(&other));
        }
    }
}
