//! Models, their versions, and what people decide about a version.

pub(crate) mod approve;
