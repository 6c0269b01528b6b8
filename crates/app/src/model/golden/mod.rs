//! Golden requests: rows that a version carries with the answers that its model gave.

pub(crate) mod difference;
pub(crate) mod replay;
pub(crate) mod requests;
pub(crate) mod sample;
pub(crate) mod table;
