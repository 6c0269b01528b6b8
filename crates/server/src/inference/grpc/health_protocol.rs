//! Messages and service of health checks, made of `proto/health.proto` by `tools/grpc`.
#![allow(clippy::all, dead_code, missing_docs, unreachable_pub)]

include!("../../../proto/grpc.health.v1.rs");
