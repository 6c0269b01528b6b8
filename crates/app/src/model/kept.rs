//! Whose package is kept.

use kilter_domain::{model::VersionState, time::Timestamp};
use kilter_store::{Reader, StoreError, audit, deployment as deployments, model as versions};

/// Whether the package of a version is kept: it may still serve, it was deployed once, or it was rejected, retired or revoked
/// only since `since`.
pub(crate) fn is_kept(reader: &Reader, version: &versions::Version, since: Timestamp) -> Result<bool, StoreError> {
    let is_over = matches!(version.state, VersionState::Rejected | VersionState::Retired | VersionState::Revoked);
    if !is_over || deployments::was_deployed(reader, &version.model, version.number)? {
        return Ok(true);
    }
    let moved = audit::find(reader, version.audit_seq)?;
    Ok(moved.is_none_or(|moved| moved.entry.at >= since))
}
