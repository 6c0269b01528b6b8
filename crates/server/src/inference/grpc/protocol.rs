//! Messages and service of the Open Inference Protocol, made of `proto/inference.proto` by `tools/grpc`.
#![allow(clippy::all, dead_code, missing_docs, unreachable_pub)]

include!("../../../proto/inference.rs");
