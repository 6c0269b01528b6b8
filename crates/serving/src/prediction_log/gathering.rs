//! How long the writer waits, after it has answered a group, for those who ask again at once.
//!
//! Clients that wait for their answer before they ask again come back together. Without a wait the first of them gets a sync of its
//! own, and all others wait for it: each waits for two syncs, and half of them share one. With a wait that takes no longer than a sync
//! nobody waits longer than before, and all of them share one. Where those who were answered do not come back, there is no wait for a
//! while.

use std::time::Duration;

use super::queue::Due;

/// The wait takes at most as long as the last write, and no longer than this.
const MAX_WINDOW: Duration = Duration::from_micros(500);
/// Groups that are written without a wait after one for nothing.
const SKIPPED_GROUPS: u32 = 16;

#[derive(Debug, Default)]
pub(super) struct Gathering {
    next: Option<Due>,
    skip: u32,
}

impl Gathering {
    /// When the next group is due.
    pub(super) fn due(&mut self) -> Due {
        self.next.take().unwrap_or(Due::Now)
    }

    /// A group of so many callers that wait was written in this time, and is about to be answered.
    pub(super) fn begin(&mut self, returning: usize, took: Duration) {
        if self.skip > 0 {
            self.skip -= 1;
            return;
        }
        let window = took.min(MAX_WINDOW);
        self.next = Some(Due::Gathered { returning, window });
    }

    /// How many came in the last wait, of how many that were hoped for.
    pub(super) fn note(&mut self, gathered: Option<(usize, usize)>) {
        if let Some((came, hoped)) = gathered
            && came * 2 < hoped
        {
            self.skip = SKIPPED_GROUPS;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOK: Duration = Duration::from_micros(100);

    #[test]
    fn the_wait_takes_no_longer_than_the_write_and_is_bounded() {
        let mut gathering = Gathering::default();
        assert_eq!(gathering.due(), Due::Now);
        gathering.begin(8, TOOK);
        assert_eq!(gathering.due(), Due::Gathered { returning: 8, window: TOOK });
        assert_eq!(gathering.due(), Due::Now);
        gathering.begin(8, Duration::from_secs(1));
        assert_eq!(gathering.due(), Due::Gathered { returning: 8, window: MAX_WINDOW });
    }

    #[test]
    fn a_wait_for_nobody_is_not_repeated_at_once() {
        let mut gathering = Gathering::default();
        gathering.note(Some((3, 8)));
        for _ in 0..SKIPPED_GROUPS {
            gathering.begin(8, TOOK);
            assert_eq!(gathering.due(), Due::Now);
        }
        gathering.begin(8, TOOK);
        assert_ne!(gathering.due(), Due::Now);
        gathering.note(Some((4, 8)));
        gathering.begin(8, TOOK);
        assert_ne!(gathering.due(), Due::Now, "half of them came");
    }
}
