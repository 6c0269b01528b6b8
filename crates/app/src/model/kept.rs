//! Whose package is kept.

use kilter_domain::{model::VersionState, time::Timestamp};
use kilter_store::{
    PageRequest, Reader, StoreError, audit, deployment as deployments,
    model::{
        self as versions,
        act::{self, ActKind},
    },
};

/// Whether the package of a version is kept: it may still serve, it was deployed once, or it was rejected, retired or revoked
/// only since `since`, or is retained beyond that.
pub(crate) fn is_kept(reader: &Reader, version: &versions::Version, since: Timestamp) -> Result<bool, StoreError> {
    let is_over = matches!(version.state, VersionState::Rejected | VersionState::Retired | VersionState::Revoked);
    if !is_over || deployments::was_deployed(reader, &version.model, version.number)? {
        return Ok(true);
    }
    if is_retained(reader, version, since)? {
        return Ok(true);
    }
    let moved = audit::find(reader, version.audit_seq)?;
    Ok(moved.is_none_or(|moved| moved.entry.at >= since))
}

/// Whether whoever retired it said to keep it for longer.
fn is_retained(reader: &Reader, version: &versions::Version, at: Timestamp) -> Result<bool, StoreError> {
    let acts = act::list(reader, &version.model, version.number, &PageRequest::first(1))?.items;
    let retain_until = acts.first().filter(|act| act.kind == ActKind::Retired).map(|act| &act.document["retain_until"]);
    let until = retain_until.and_then(|until| until.as_str()?.parse::<Timestamp>().ok());
    Ok(until.is_some_and(|until| until > at))
}
