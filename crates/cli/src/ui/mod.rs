//! What a person sees: the answer of a command as text or JSON, progress, failures and their exit codes.

pub(crate) mod error;
pub(crate) mod estimate;
pub(crate) mod headline;
pub(crate) mod options;
pub(crate) mod output;
pub(crate) mod progress;
pub(crate) mod terminal;
pub(crate) mod text_table;
pub(crate) mod unread;
pub(crate) mod view;
