//! Bodies of `POST /v2/models/NAME/infer`: the first two bytes say where the JSON ends and binary data begin, if anywhere.
#![no_main]

mod common;

use std::sync::LazyLock;

use kilter_domain::time::Timestamp;
use kilter_serving::{Endpoint, EventTimes, v2::RequestBody};
use libfuzzer_sys::fuzz_target;

static ENDPOINT: LazyLock<Endpoint> = LazyLock::new(common::endpoint);

fuzz_target!(|data: &[u8]| {
    let Some(([low, high], bytes)) = data.split_first_chunk() else { return };
    let stated = usize::from(u16::from_le_bytes([*low, *high]));
    let body = RequestBody { bytes, json_length: (stated > 0).then_some(stated) };
    for times in [EventTimes::Now, EventTimes::Stated] {
        if let Ok(request) = ENDPOINT.read(body, times) {
            let rows = request.rows();
            let Ok(response) = ENDPOINT.infer(request, Timestamp(0)) else { continue };
            assert_eq!(response.scores.len(), rows);
            let _ = response.to_body();
        }
    }
});
