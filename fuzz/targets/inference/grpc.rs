//! The reader of messages of the server.

#[allow(clippy::all, missing_docs)]
pub mod protocol {
    include!("../../../crates/server/proto/inference.rs");
}
/// What the generated service names; nothing is sent here.
pub mod codec {
    pub use tonic_prost::ProstCodec as Codec;
}
#[path = "../../../crates/server/src/inference/grpc/request.rs"]
mod request;

/// Reads a message.
pub fn read(
    message: protocol::ModelInferRequest,
    limits: &kilter_serving::Limits,
) -> Result<kilter_serving::v2::Request, kilter_serving::V2Error> {
    request::read(message, limits)
}
