//! What every request passes: who asks, whether they may, where from, how long.

pub(crate) mod authorize;
pub(crate) mod cross_origin;
pub(crate) mod observe;
pub(crate) mod pause;
