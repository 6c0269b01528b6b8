//! The Open Inference Protocol (V2) over gRPC, with health checks and reflection.
//!
//! Invariants: a method does what the address of REST does that is named beside it, by the same code, for the same people;
//! a message is bounded before it is read; a client's mistake is never INTERNAL; one request of a stream that fails ends none
//! of the others. Out of scope: gRPC-Web, shared memory.

mod bounds;
mod call;
pub(crate) mod codec;
mod health;
mod health_protocol;
mod message_body;
mod protocol;
mod request;
mod response;
mod rights;
mod service;
mod status;
pub(crate) mod stop;

use axum::{Router, middleware::from_fn_with_state};

use crate::{
    inference::grpc::{
        health::HealthService, health_protocol::health_server::HealthServer,
        protocol::grpc_inference_service_server::GrpcInferenceServiceServer, service::InferenceService, stop::Stop,
    },
    state::AppState,
};

/// What reflection tells of both.
const DESCRIPTORS: &[u8] = include_bytes!("../../proto/descriptors.binpb");

/// Every service, with everything around it that bounds and observes a call.
pub(crate) fn router(state: &AppState, stop: &Stop) -> Router {
    // The body of a request has bounded it already.
    let inference = GrpcInferenceServiceServer::new(InferenceService { state: state.clone(), stop: stop.clone() })
        .max_decoding_message_size(usize::MAX);
    let health = HealthServer::new(HealthService { state: state.clone(), stop: stop.clone() });
    let router = Router::new()
        .route_service("/inference.GRPCInferenceService/{method}", inference)
        .route_service("/grpc.health.v1.Health/{method}", health);
    with_reflection(router).layer(from_fn_with_state(state.clone(), call::run))
}

/// Adds the services by which tools find the others. Its older name is what many tools still ask for.
fn with_reflection(router: Router) -> Router {
    let builder = || tonic_reflection::server::Builder::configure().register_encoded_file_descriptor_set(DESCRIPTORS);
    match (builder().build_v1(), builder().build_v1alpha()) {
        (Ok(v1), Ok(v1alpha)) => router
            .route_service("/grpc.reflection.v1.ServerReflection/{method}", v1)
            .route_service("/grpc.reflection.v1alpha.ServerReflection/{method}", v1alpha),
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!(%error, "the descriptors of the services are not readable: there is no reflection");
            router
        }
    }
}
