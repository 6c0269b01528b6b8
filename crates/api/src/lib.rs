//! The contract with everyone outside: every request, response and error code, once, for server, CLI, SDK and UI.
//!
//! Holds true: an error has a code, and each code has a status, an exit code and a way out ([`code`]); a failure looks
//! the same over HTTP and in the terminal ([`problem`]); field names here are the words of the glossary.
//! Deliberately absent: logic. Conversions from the words of the house stand where both sides are known.

pub mod code;
pub mod exit;
pub mod problem;
pub mod reference;
pub mod rights;
pub mod v1;

pub use code::Code;
pub use exit::Exit;
pub use problem::Problem;
