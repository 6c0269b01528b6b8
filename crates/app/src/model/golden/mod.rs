//! Golden requests: rows that a version carries with the answers that its model gave.

pub(crate) mod replay;
pub(crate) mod table;
