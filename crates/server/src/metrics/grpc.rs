//! How the calls of gRPC ended, under the name that the servers of gRPC give it.

use crate::{
    grpc_counts::Handled,
    metrics::text::{family, labels},
};

/// Writes the family.
pub(crate) fn write(page: &mut String, handled: &[Handled]) {
    let samples = handled.iter().map(|handled| (labels(&handled.labels()), handled.count as f64));
    let help = "Calls of gRPC that ended, by method and code.";
    family(page, "grpc_server_handled_total", "counter", help, samples);
}
