//! Element types of tensors (`TensorProto.DataType`).

/// A number of 32 bits.
pub const FLOAT: i32 = 1;
/// A whole number from 0 to 255.
pub const UINT8: i32 = 2;
/// A whole number of 8 bits.
pub const INT8: i32 = 3;
/// A whole number of 16 bits without sign.
pub const UINT16: i32 = 4;
/// A whole number of 16 bits.
pub const INT16: i32 = 5;
/// A whole number of 32 bits.
pub const INT32: i32 = 6;
/// A whole number of 64 bits.
pub const INT64: i32 = 7;
/// A text.
pub const STRING: i32 = 8;
/// Yes or no.
pub const BOOL: i32 = 9;
/// A number of 64 bits.
pub const DOUBLE: i32 = 11;
/// A whole number of 32 bits without sign.
pub const UINT32: i32 = 12;
/// A whole number of 64 bits without sign.
pub const UINT64: i32 = 13;
