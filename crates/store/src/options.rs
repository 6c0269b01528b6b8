//! How a store is opened.

/// What an acknowledged write survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// `kill -9` and loss of power: each commit waits for the disk.
    #[default]
    Full,
    /// `kill -9`. A loss of power can undo the last commits, never break the file. For stores that can be made
    /// again, such as those of a replay.
    ProcessCrash,
}

impl Durability {
    /// The value of SQLite's `synchronous`.
    pub(crate) const fn synchronous(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::ProcessCrash => "NORMAL",
        }
    }
}

/// Choices that are made when a store is opened; [`Default`] is what a server wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreOptions {
    /// What an acknowledged write survives.
    pub durability: Durability,
}
