//! What people decide about versions: approvals, rejections, reviews, waivers, and the ends of a version.

pub(crate) mod decide;
pub(crate) mod error;
pub(crate) mod lapse;
pub(crate) mod lifecycle;
pub(crate) mod policy;
pub(crate) mod rejudge;
pub(crate) mod review;
pub(crate) mod settle;
pub(crate) mod standing;
#[cfg(test)]
mod tests;
pub(crate) mod waiver;

pub use decide::{Approved, Yes, approve, project_of, reject};
pub use error::ApproveError;
pub use lapse::lapse_versions;
pub use lifecycle::{Retirement, Submitted, retire, revoke, submit, take_back};
pub use policy::{accept_policy, proposals, reject_policy};
pub use review::{Reviewed, RuleReview, review};
pub use standing::{Standing, exceptions, standing};
pub use waiver::{NewWaiver, WaiverScope, grant_waiver, revoke_waiver};
