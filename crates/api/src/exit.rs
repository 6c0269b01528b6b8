//! What a command's exit code means. The same number means the same thing in every command.

use std::fmt;

/// How a command ended, as the shell sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exit {
    /// It did what was asked.
    Done,
    /// It was asked rightly and could not do it.
    Failed,
    /// The command line, the contract or a value in it cannot be understood.
    Usage,
    /// It worked, and the answer is no: a gate failed, a check found errors, drift was found.
    CheckFailed,
    /// The thing that was named does not exist.
    NotFound,
    /// The caller may not do this.
    Forbidden,
    /// The thing is not in a state that allows this, or someone else holds it.
    Conflict,
    /// The server cannot be reached, or did not answer in time.
    Unreachable,
    /// It goes on when a person has decided.
    PendingApproval,
    /// It was interrupted from the keyboard.
    Interrupted,
}

impl Exit {
    /// Every way a command can end, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::Done,
        Self::Failed,
        Self::Usage,
        Self::CheckFailed,
        Self::NotFound,
        Self::Forbidden,
        Self::Conflict,
        Self::Unreachable,
        Self::PendingApproval,
        Self::Interrupted,
    ];

    /// The number that the shell sees.
    pub const fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::CheckFailed => 3,
            Self::NotFound => 4,
            Self::Forbidden => 5,
            Self::Conflict => 6,
            Self::Unreachable => 7,
            Self::PendingApproval => 8,
            Self::Interrupted => 130,
        }
    }

    /// The meaning in a few words, for the reference.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed: the request was valid, and could not be done",
            Self::Usage => "usage: the command line, the contract or a value cannot be understood",
            Self::CheckFailed => "check failed: the command worked, and the answer is no",
            Self::NotFound => "not found",
            Self::Forbidden => "forbidden",
            Self::Conflict => "conflict: the thing is not in a state that allows this",
            Self::Unreachable => "unreachable, or timed out",
            Self::PendingApproval => "pending approval: a person must decide",
            Self::Interrupted => "interrupted",
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.number())
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}
