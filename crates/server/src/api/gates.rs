//! What gates said of versions.

use kilter_api as api;
use kilter_domain::gate::Verdict;

pub(crate) const fn verdict(verdict: &Verdict) -> api::Verdict {
    match verdict {
        Verdict::Passed { .. } => api::Verdict::Passed,
        Verdict::Failed { .. } => api::Verdict::Failed,
        Verdict::Undecided { .. } => api::Verdict::Undecided,
    }
}
