//! A project: its contract, its runs, and a replay of its past.

pub(crate) mod check;
pub(crate) mod demo;
pub(crate) mod init;
pub(crate) mod replay;
mod replay_page;
mod replay_words;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod schema;
