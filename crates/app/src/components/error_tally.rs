//! How many requests of each served version had failed when that was last written down.

use std::{collections::HashMap, sync::Mutex};

use kilter_domain::{ids::EndpointName, time::Timestamp};

use crate::lock::lock;

/// The last count of failures of each served version. Not kept: after a start, counting begins anew.
#[derive(Debug, Default)]
pub(crate) struct ErrorTally {
    counted: Mutex<HashMap<(EndpointName, u64), (Timestamp, u64)>>,
}

impl ErrorTally {
    /// Takes the count of failures at `now` in; since when how many are new. A count that fell is of a version that was
    /// loaded again and counts from zero.
    pub(crate) fn take(&self, endpoint: &EndpointName, version: u64, now: Timestamp, count: u64) -> (Timestamp, u64) {
        let before = lock(&self.counted).insert((endpoint.clone(), version), (now, count));
        let (since, counted) = before.unwrap_or((now, 0));
        (since, count.checked_sub(counted).unwrap_or(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_failed_since_the_last_count_is_new() {
        let (tally, churn) = (ErrorTally::default(), "churn".parse().unwrap());
        assert_eq!(tally.take(&churn, 1, Timestamp(10), 3), (Timestamp(10), 3));
        assert_eq!(tally.take(&churn, 1, Timestamp(20), 5), (Timestamp(10), 2));
        assert_eq!(tally.take(&churn, 2, Timestamp(20), 1), (Timestamp(20), 1), "another version is counted apart");
    }

    #[test]
    fn a_version_that_was_loaded_again_counts_from_zero() {
        let (tally, churn) = (ErrorTally::default(), "churn".parse().unwrap());
        tally.take(&churn, 1, Timestamp(10), 7);
        assert_eq!(tally.take(&churn, 1, Timestamp(20), 2), (Timestamp(10), 2));
    }
}
