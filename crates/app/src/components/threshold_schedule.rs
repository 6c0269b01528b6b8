//! When the threshold at each endpoint was last evaluated.

use std::{collections::BTreeMap, sync::Mutex};

use kilter_domain::{
    ids::EndpointName,
    time::{Span, Timestamp},
};

use crate::lock::lock;

/// The last evaluation at each endpoint. Not kept: after a start it is evaluated again, which is harmless.
#[derive(Debug, Default)]
pub(crate) struct ThresholdSchedule {
    evaluated: Mutex<BTreeMap<EndpointName, Timestamp>>,
}

impl ThresholdSchedule {
    /// Whether an evaluation is due at `now`; if so, it counts as begun. A last one in the future is of a clock that was
    /// ahead and holds nothing back.
    pub(crate) fn begin(&self, endpoint: &EndpointName, now: Timestamp, every: Span) -> bool {
        let mut evaluated = lock(&self.evaluated);
        if evaluated.get(endpoint).is_some_and(|last| *last <= now && last.after(every) > now) {
            return false;
        }
        evaluated.insert(endpoint.clone(), now);
        true
    }

    /// When the next evaluation is due; `None` before the first one.
    pub(crate) fn next(&self, endpoint: &EndpointName, every: Span) -> Option<Timestamp> {
        lock(&self.evaluated).get(endpoint).map(|last| last.after(every))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_evaluated_once_per_interval_and_endpoint() {
        let (schedule, churn, hour) = (ThresholdSchedule::default(), "churn".parse().unwrap(), Span::seconds(3_600));
        let at = |minutes: i64| Timestamp(minutes * 60_000);
        let begun: Vec<bool> = [0, 59, 60, 61, 120].map(|minute| schedule.begin(&churn, at(minute), hour)).into();
        assert_eq!(begun, [true, false, true, false, true]);
        assert!(schedule.begin(&"fraud".parse().unwrap(), at(121), hour), "another endpoint has its own interval");
        assert!(schedule.begin(&churn, at(30), hour), "the clock was set back");
    }
}
