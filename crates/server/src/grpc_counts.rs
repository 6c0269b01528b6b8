//! The methods of gRPC that the server has, and how many of their calls ended with which code.
//!
//! Counting takes no lock; memory is fixed. A call of a method that there is not is counted as one of none.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Codes of gRPC: 0 (OK) to 16 (UNAUTHENTICATED).
const CODES: [&str; 17] = [
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
];

/// The service of the Open Inference Protocol.
pub(crate) const INFERENCE: &str = "inference.GRPCInferenceService";
/// The service of health checks.
pub(crate) const HEALTH: &str = "grpc.health.v1.Health";

/// How a method is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallType {
    /// One message each way.
    Unary,
    /// One message, any number of answers.
    ServerStream,
    /// Any number of messages and answers.
    BidiStream,
}

impl CallType {
    /// As the metrics of gRPC's own servers name it.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Unary => "unary",
            Self::ServerStream => "server_stream",
            Self::BidiStream => "bidi_stream",
        }
    }
}

/// A method.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Method {
    /// Package and name of its service.
    pub(crate) service: &'static str,
    /// Its name.
    pub(crate) name: &'static str,
    /// How it is called.
    pub(crate) call_type: CallType,
}

const fn method(service: &'static str, name: &'static str, call_type: CallType) -> Method {
    Method { service, name, call_type }
}

/// Every method, and last what is none.
pub(crate) const METHODS: [Method; 17] = [
    method(INFERENCE, "ServerLive", CallType::Unary),
    method(INFERENCE, "ServerReady", CallType::Unary),
    method(INFERENCE, "ModelReady", CallType::Unary),
    method(INFERENCE, "ServerMetadata", CallType::Unary),
    method(INFERENCE, "ModelMetadata", CallType::Unary),
    method(INFERENCE, "ModelInfer", CallType::Unary),
    method(INFERENCE, "ModelStreamInfer", CallType::BidiStream),
    method(INFERENCE, "ModelConfig", CallType::Unary),
    method(INFERENCE, "ModelStatistics", CallType::Unary),
    method(INFERENCE, "RepositoryIndex", CallType::Unary),
    method(INFERENCE, "RepositoryModelLoad", CallType::Unary),
    method(INFERENCE, "RepositoryModelUnload", CallType::Unary),
    method(HEALTH, "Check", CallType::Unary),
    method(HEALTH, "Watch", CallType::ServerStream),
    method("grpc.reflection.v1.ServerReflection", "ServerReflectionInfo", CallType::BidiStream),
    method("grpc.reflection.v1alpha.ServerReflection", "ServerReflectionInfo", CallType::BidiStream),
    method("unknown", "unknown", CallType::Unary),
];

impl Method {
    /// Whether it is none.
    pub(crate) fn is_unknown(&self) -> bool {
        *self == METHODS[METHODS.len() - 1]
    }

    /// The method of an address: `/inference.GRPCInferenceService/ModelInfer`.
    pub(crate) fn of_path(path: &str) -> &'static Self {
        let named = path.strip_prefix('/').and_then(|path| path.split_once('/'));
        let is_named = |method: &&Self| named == Some((method.service, method.name));
        METHODS.iter().find(is_named).unwrap_or(&METHODS[METHODS.len() - 1])
    }
}

/// How many calls ended with each code, by method.
#[derive(Debug)]
pub(crate) struct GrpcCounts([[AtomicU64; CODES.len()]; METHODS.len()]);

impl Default for GrpcCounts {
    fn default() -> Self {
        Self([const { [const { AtomicU64::new(0) }; CODES.len()] }; METHODS.len()])
    }
}

/// The calls of one method that ended with one code.
pub(crate) struct Handled {
    pub(crate) method: &'static Method,
    pub(crate) code: &'static str,
    pub(crate) count: u64,
}

impl Handled {
    /// The labels of its sample.
    pub(crate) fn labels(&self) -> [(&'static str, &'static str); 4] {
        [
            ("grpc_type", self.method.call_type.as_str()),
            ("grpc_service", self.method.service),
            ("grpc_method", self.method.name),
            ("grpc_code", self.code),
        ]
    }
}

impl GrpcCounts {
    /// Counts a call that ended.
    pub(crate) fn count(&self, method: &Method, code: i32) {
        let at = METHODS.iter().position(|known| known == method);
        let codes = at.and_then(|at| self.0.get(at));
        if let Some(count) = codes.and_then(|codes| codes.get(usize::try_from(code).unwrap_or(2))) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// What was counted until now, without what never happened.
    pub(crate) fn snapshot(&self) -> Vec<Handled> {
        let of_method = |(method, codes): (&'static Method, &[AtomicU64; CODES.len()])| {
            let handled =
                codes.iter().zip(CODES).map(|(count, code)| Handled { method, code, count: count.load(Relaxed) });
            handled.collect::<Vec<_>>()
        };
        let all = METHODS.iter().zip(&self.0).flat_map(of_method);
        all.filter(|handled| handled.count > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_method_and_code() {
        let counts = GrpcCounts::default();
        counts.count(Method::of_path("/inference.GRPCInferenceService/ModelInfer"), 0);
        counts.count(Method::of_path("/inference.GRPCInferenceService/ModelInfer"), 3);
        counts.count(Method::of_path("/inference.GRPCInferenceService/ModelInfer"), 3);
        counts.count(Method::of_path("/other/ModelInfer"), 12);
        let found: Vec<_> =
            counts.snapshot().iter().map(|handled| (handled.method.name, handled.code, handled.count)).collect();
        assert_eq!(
            found,
            [("ModelInfer", "OK", 1), ("ModelInfer", "InvalidArgument", 2), ("unknown", "Unimplemented", 1)]
        );
    }
}
