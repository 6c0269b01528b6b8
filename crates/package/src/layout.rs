//! Where the parts of a package are.

use kilter_inference::Format;

/// The path of the model inside of a package.
pub const fn model_path(format: Format) -> &'static str {
    match format {
        Format::Onnx => "model/model.onnx",
        Format::LightGbm => "model/model.lgb",
        Format::XgboostJson => "model/model.json",
        Format::XgboostUbjson => "model/model.ubj",
        Format::Pyfunc => "model/model.tar",
    }
}
/// The path of the manifest.
pub const MANIFEST_PATH: &str = "package.json";
pub(crate) const PROFILE_PATH: &str = "reference/profile.bin";
/// Labelled held-out rows with their losses: what causes of drift are weighed on.
pub(crate) const SAMPLE_PATH: &str = "reference/sample.parquet";
/// Golden requests, a row a line.
pub(crate) const REQUESTS_PATH: &str = "sample/requests.jsonl";
/// The answers that the model gave to them.
pub(crate) const EXPECTED_PATH: &str = "sample/expected.jsonl";
/// Golden requests with their answers as the second layout kept them.
pub(crate) const GOLDEN_PATH: &str = "golden/requests.parquet";
/// The reference as the first layout kept it.
pub(crate) const REFERENCE_PATH: &str = "reference.json";
pub(crate) const CONTRACT_PATH: &str = "flow/kilter.toml";
/// A package part larger than this is not read into memory.
pub(crate) const MAX_BYTES: u64 = 2 << 30;
/// The longest manifest that is read.
pub(crate) const MAX_MANIFEST_BYTES: u64 = 64 << 20;
