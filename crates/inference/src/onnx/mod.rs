//! ONNX files as plain structs: what of `onnx.proto` classical models use, decoded with bounds and encoded again.
//!
//! Invariants: decoding never panics and never allocates more than a small multiple of the file's size; encoding is
//! deterministic. Out of scope: functions, training info, sparse initialisers (refused, not skipped, where they would
//! change the answer); a model whose data is in other files is refused until [`inline_external`] has made it one file.

mod decode;
pub mod element;
mod encode;
mod external;
mod proto;
mod wire;

pub use self::proto::{
    Attribute, AttributeValue, Dim, GraphProto, ML, ModelProto, NodeProto, TensorData, TensorProto, ValueInfo,
};
pub use encode::with_metadata;
pub use external::{ExternalData, ReadTensor, inline_external};
