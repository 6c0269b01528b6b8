//! Messages of `ModelInfer` as the server reads them: the decoder of the protocol, then our reader of its tensors.
#![no_main]

mod common;

mod inference;

use std::sync::LazyLock;

use inference::grpc::{protocol::ModelInferRequest, read};
use kilter_domain::time::Timestamp;
use kilter_serving::{Endpoint, EventTimes};
use libfuzzer_sys::fuzz_target;
use prost::Message;

static ENDPOINT: LazyLock<Endpoint> = LazyLock::new(common::endpoint);

fuzz_target!(|data: &[u8]| {
    let Ok(message) = ModelInferRequest::decode(data) else { return };
    let Ok(request) = read(message, &common::limits()) else { return };
    if let Ok(request) = ENDPOINT.accept(request, EventTimes::Now) {
        let _ = ENDPOINT.infer(request, Timestamp(0));
    }
});
