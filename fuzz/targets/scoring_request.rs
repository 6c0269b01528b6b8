//! Bodies of MLflow's scoring routes and of KServe V1: the first byte chooses the format.
#![no_main]

mod common;

use std::sync::LazyLock;

use kilter_domain::time::Timestamp;
use kilter_serving::{
    Endpoint,
    scoring::{self, JsonFormat, ScoringFormat},
};
use libfuzzer_sys::fuzz_target;

static ENDPOINT: LazyLock<Endpoint> = LazyLock::new(common::endpoint);

fuzz_target!(|data: &[u8]| {
    let Some((format, body)) = data.split_first() else { return };
    let format = match format % 3 {
        0 => ScoringFormat::Csv,
        1 => ScoringFormat::Json(JsonFormat::KserveV1),
        _ => ScoringFormat::Json(JsonFormat::Mlflow),
    };
    if let Ok(request) = scoring::read(&ENDPOINT, body, format)
        && let Ok(response) = ENDPOINT.infer(request, Timestamp(0))
    {
        let _ = scoring::write_predictions(&response);
    }
});
