//! One module per command, grouped by the noun that it works on.

pub(crate) mod alert;
pub(crate) mod analyse;
pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod completions;
pub(crate) mod data;
pub(crate) mod deployment;
pub(crate) mod doctor;
pub(crate) mod document;
pub(crate) mod gc;
pub(crate) mod identity;
pub(crate) mod inbox;
pub(crate) mod key;
pub(crate) mod label;
pub(crate) mod model;
pub(crate) mod monitor;
pub(crate) mod package;
pub(crate) mod predict;
pub(crate) mod prediction;
pub(crate) mod project;
pub(crate) mod reference;
pub(crate) mod restore;
pub(crate) mod server;
pub(crate) mod status;
pub(crate) mod storage;
pub(crate) mod train;
