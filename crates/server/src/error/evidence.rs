//! The codes of the errors of the audit log, and of what an answer rests on.

use kilter_api::Code;
use kilter_app::{audit::AuditError, lineage::LineageError};

use super::answered::{Answer, Answered};

impl Answered for AuditError {
    fn answer(&self) -> Answer {
        match self {
            Self::Changed(_) => Answer::with_hint(
                Code::InvalidState,
                "see what was changed with `kilter audit verify`; after a restore that was meant, move `newest-checkpoint` away",
            ),
            Self::Note(_) => Code::Internal.into(),
            Self::SigningKey(error) => error.answer(),
            Self::NotFound(error) => error.answer(),
            Self::InvalidState(error) => error.answer(),
            Self::Storage(error) => error.answer(),
        }
    }
}

impl Answered for LineageError {
    fn answer(&self) -> Answer {
        match self {
            Self::NotFound(error) => error.answer(),
            Self::Storage(error) => error.answer(),
        }
    }
}
