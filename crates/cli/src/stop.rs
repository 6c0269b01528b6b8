//! Why a command ended before its answer.

use std::io;

use kilter_api::{Code, Problem};

/// What keeps a command from answering.
#[derive(Debug)]
pub enum Stop {
    /// It failed, and this is what to tell. Boxed: it is large, and rare.
    Problem(Box<Problem>),
    /// Whoever read the answer has seen enough (`kilter … | head`).
    PipeClosed,
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl Stop {
    /// What a failed write of an answer means.
    pub fn writing(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::PipeClosed,
            _ => Problem::new(Code::StorageFailed, "could not write the answer").caused_by(Some(error)).into(),
        }
    }
}
