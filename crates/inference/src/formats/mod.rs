//! Files of models: which kind one is, and the readers of the text of LightGBM and of the JSON and UBJSON of XGBoost.
//!
//! Invariants: hostile bytes give an error, never a panic; memory is a small multiple of the file; a file that says something a reader does
//! not know is refused with it, never answered without it. Out of scope: ONNX, which [`crate::onnx`] reads.

mod format;
mod lightgbm;
mod native;
mod xgboost;

use crate::{error::LoadError, onnx, signature::SIGNATURE_KEY};
pub use format::Format;
pub(crate) use format::block_name;
pub(crate) use native::NativeModel;

/// A model of a boosting library; `None` for other bytes.
pub(crate) fn read(bytes: &[u8]) -> Result<Option<NativeModel>, LoadError> {
    match Format::of(bytes) {
        Format::Onnx => Ok(None),
        Format::LightGbm => lightgbm::read(bytes).map(Some),
        Format::XgboostJson => xgboost::read_json(bytes).map(Some),
        Format::XgboostUbjson => xgboost::read_ubjson(bytes).map(Some),
        Format::Pyfunc => Err(LoadError::NeedsPython),
    }
}

/// The file with a signature in it. What was in it stays, and its own library still reads it.
pub(crate) fn with_signature(format: Format, bytes: Vec<u8>, signature: &str) -> Vec<u8> {
    match format {
        Format::Onnx => onnx::with_metadata(bytes, SIGNATURE_KEY, signature),
        Format::LightGbm => lightgbm::with_signature(&bytes, signature),
        Format::XgboostJson => xgboost::json_with_signature(&bytes, signature),
        Format::XgboostUbjson => xgboost::ubjson_with_signature(&bytes, signature),
        // The manifest of the package keeps it: the folder stays as MLflow wrote it.
        Format::Pyfunc => bytes,
    }
}
