//! Failures in the words of gRPC: the code that says what the HTTP status says, and when to come again.

use kilter_api::Problem;
use tonic::{
    Status,
    metadata::{MetadataMap, MetadataValue},
};

use crate::error::V2Error;

/// When a client may send a request again that was refused for lack of room, in milliseconds. Retry policies of gRPC's
/// own clients read it.
const RETRY_PUSHBACK: &str = "grpc-retry-pushback-ms";
const RETRY_AFTER_MS: i64 = 1_000;

/// The code that says what an HTTP status says. None of a client's mistakes is INTERNAL.
const fn code(status: u16) -> tonic::Code {
    match status {
        401 => tonic::Code::Unauthenticated,
        403 | 421 => tonic::Code::PermissionDenied,
        404 => tonic::Code::NotFound,
        405 | 415 | 501 => tonic::Code::Unimplemented,
        409 => tonic::Code::FailedPrecondition,
        408 | 504 => tonic::Code::DeadlineExceeded,
        413 | 429 | 507 => tonic::Code::ResourceExhausted,
        503 => tonic::Code::Unavailable,
        400..=499 => tonic::Code::InvalidArgument,
        _ => tonic::Code::Internal,
    }
}

/// The failure of a request for a prediction.
pub(super) fn of_error(error: V2Error) -> Status {
    make(code(error.status), error.error)
}

/// The refusal of a request. What to do next stands behind what is wrong, as a message of gRPC is one text.
pub(super) fn of_problem(problem: &Problem) -> Status {
    make(code(problem.status), format!("{problem}; {}", problem.hint))
}

/// The request took longer than it may.
pub(super) fn too_late(what: &str) -> Status {
    Status::deadline_exceeded(format!(
        "{what} took longer than the client or the server waits: send less at once, or raise the deadline and \
         `kilter server --timeout`"
    ))
}

/// The server ends, and another process will answer.
pub(super) fn stopping() -> Status {
    make(tonic::Code::Unavailable, "the server stops: send the request again".to_owned())
}

fn make(code: tonic::Code, message: String) -> Status {
    if code != tonic::Code::Unavailable {
        return Status::new(code, message);
    }
    let mut metadata = MetadataMap::new();
    metadata.insert(RETRY_PUSHBACK, MetadataValue::from(RETRY_AFTER_MS));
    Status::with_metadata(code, message, metadata)
}

#[cfg(test)]
mod tests {
    use kilter_api::Code;

    use super::*;

    #[test]
    fn a_status_of_http_has_its_code_and_only_ours_is_internal() {
        for status in 400..500 {
            let code = code(status);
            assert!(code != tonic::Code::Internal && code != tonic::Code::Unknown, "{status} {code:?}");
        }
        let of = |status| of_error(V2Error { status, error: "x".to_owned() });
        assert_eq!(of(500).code(), tonic::Code::Internal);
        let unavailable = of(503);
        assert_eq!(unavailable.code(), tonic::Code::Unavailable);
        assert_eq!(unavailable.metadata().get(RETRY_PUSHBACK).unwrap(), "1000");
        let refused = of_problem(&Problem::new(Code::TimedOut, "late").hint("send less"));
        assert_eq!((refused.code(), refused.message()), (tonic::Code::DeadlineExceeded, "late; send less"));
    }
}
