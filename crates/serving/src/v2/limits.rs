//! Bounds of a request, and the inputs that are no feature: ids, entities, times.

/// Names that begin with this are Kilter's own: no feature may bear one.
pub const RESERVED: &str = "__";

/// The input that gives each row its prediction id.
pub const ID_INPUT: &str = "__id";

/// The input that gives each row the entity to which a canary's split sticks.
pub const ENTITY_INPUT: &str = "__entity";

/// The input that gives each row its event time: INT64 milliseconds or BYTES in RFC 3339.
pub const TIME_INPUT: &str = "__time";

/// What one request may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a body. In memory a request takes at most about ten times as many.
    pub body_bytes: usize,
    /// Rows of a request.
    pub rows: usize,
    /// Input tensors of a request.
    pub inputs: usize,
    /// Bytes of a prediction id, an entity or a consumer.
    pub id_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body_bytes: 16 << 20, rows: 100_000, inputs: 10_000, id_bytes: 256 }
    }
}
