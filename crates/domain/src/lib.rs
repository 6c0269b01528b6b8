//! The words of the house: what a table, a digest, a rule, a contract, a version *is*.
//!
//! Holds true: a value of these types is valid because it exists (parsed at the door).
//! Deliberately absent: clock, file, socket, database. `now`, seeds and ids are handed in.

pub mod digest;
pub mod ids;
pub mod table;
pub mod time;
