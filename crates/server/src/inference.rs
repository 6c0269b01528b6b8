//! The protocols that predictions are asked for by.

pub(crate) mod answer;
pub(crate) mod rest_v2;
