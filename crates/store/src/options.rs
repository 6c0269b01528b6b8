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

    /// What each session with PostgreSQL begins with. Whoever waits for the writer of another server does not wait for
    /// ever, and a server that hangs inside of a transaction loses it.
    pub(crate) const fn postgres_options(self) -> &'static str {
        match self {
            Self::Full => "-c synchronous_commit=on -c lock_timeout=30s -c idle_in_transaction_session_timeout=60s",
            Self::ProcessCrash => {
                "-c synchronous_commit=off -c lock_timeout=30s -c idle_in_transaction_session_timeout=60s"
            }
        }
    }
}

/// Choices that are made when a store is opened; [`Default`] is what a server wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreOptions {
    /// What an acknowledged write survives.
    pub durability: Durability,
}
