//! What gates said of versions.

use kilter_api as api;
use kilter_domain::gate::Verdict;
use kilter_store::gate::Judgement;

/// What a gate said, in the words of `api`.
pub(crate) fn gate_verdict(judged: &Judgement) -> api::GateVerdict {
    api::GateVerdict {
        gate: judged.gate.to_string(),
        at: judged.at,
        verdict: verdict(&judged.verdict),
        reason: judged.verdict.reasons().into_iter().map(str::to_owned).collect(),
    }
}

pub(crate) const fn verdict(verdict: &Verdict) -> api::Verdict {
    match verdict {
        Verdict::Passed { .. } => api::Verdict::Passed,
        Verdict::Failed { .. } => api::Verdict::Failed,
        Verdict::Undecided { .. } => api::Verdict::Undecided,
    }
}
