//! What gates said of versions.

use kilter_domain::gate::Verdict;

pub(crate) const fn verdict(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Passed { .. } => "passed",
        Verdict::Failed { .. } => "failed",
        Verdict::Undecided { .. } => "undecided",
    }
}
