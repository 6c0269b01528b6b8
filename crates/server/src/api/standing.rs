//! What people and gates said of a version, in the words of `api`.

use kilter_api as api;
use kilter_app::approval;
use kilter_domain::{actor::Role, time::Timestamp};
use kilter_store::{
    gate::waiver::{self as store, WaiverState},
    model::act::ActKind,
};

use crate::api::inbox::break_glass_of;

/// What a review came to, by its word.
pub(crate) fn review_outcome(word: &str) -> Option<api::ReviewOutcome> {
    use api::ReviewOutcome::{Confirmed, Differs, NotMeasured};
    [Confirmed, Differs, NotMeasured].into_iter().find(|outcome| outcome.as_str() == word)
}

/// What people and gates said of a version, in the words of `api`.
pub(crate) fn standing(found: &approval::Standing, now: Timestamp) -> api::Standing {
    let sign_offs = found.sign_offs.iter().map(|said| api::SignOff {
        by: said.by.to_string(),
        role: match said.role {
            Role::Validator => api::ApproverRole::Validator,
            _ => api::ApproverRole::Owner,
        },
        at: said.at,
        expires: said.expires,
        max_traffic_percent: said.conditions.max_traffic_percent,
    });
    let acts = found.acts.iter().map(|act| api::VersionAct {
        kind: match act.kind {
            ActKind::Submitted => api::VersionActKind::Submitted,
            ActKind::Returned => api::VersionActKind::Returned,
            ActKind::Reviewed => api::VersionActKind::Reviewed,
            ActKind::Retired => api::VersionActKind::Retired,
            ActKind::Revoked => api::VersionActKind::Revoked,
        },
        by: act.by.to_string(),
        at: act.at,
        outcome: act.document["outcome"].as_str().and_then(review_outcome),
    });
    api::Standing {
        makers: found.makers.iter().map(ToString::to_string).collect(),
        sign_offs: sign_offs.collect(),
        missing: found.missing.clone(),
        waivers: found.waivers.iter().map(|one| waiver(one, now)).collect(),
        acts: acts.collect(),
        break_glasses: found.break_glasses.iter().map(break_glass_of).collect(),
    }
}

/// A waiver, in the words of `api`.
pub(crate) fn waiver(found: &store::Waiver, now: Timestamp) -> api::Waiver {
    api::Waiver {
        id: found.id.clone(),
        model: found.model.to_string(),
        version: found.number,
        gate: found.term.gate.to_string(),
        rule: found.term.rule.clone(),
        state: match found.state {
            WaiverState::Revoked => api::WaiverState::Revoked,
            WaiverState::Granted if found.is_in_force(now) => api::WaiverState::Granted,
            WaiverState::Granted => api::WaiverState::Ended,
        },
        by: found.term.by.to_string(),
        reason: found.reason.clone(),
        since: found.since,
        until: found.term.until,
    }
}
