//! Why a request cannot be answered as it is. Each is the client's to mend, and says how.

use kilter_inference::InputKind;

use super::Datatype;

/// A request that is refused; nothing was predicted or recorded.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum V2Error {
    #[error("the body has {bytes} bytes; at most {limit} are accepted, send fewer rows at once")]
    BodyTooLarge { bytes: usize, limit: usize },
    #[error("the body is not JSON: {reason} at line {line} column {column}{}", if *.names_nan { "; JSON has no NaN or Infinity, write null for a missing value" } else { "" })]
    NotJson { reason: String, line: usize, column: usize, names_nan: bool },
    #[error("the body is JSON, but not an inference request: {reason} at line {line} column {column}")]
    NotARequest { reason: String, line: usize, column: usize },
    #[error(
        "the header Inference-Header-Content-Length says that {stated} bytes of the body are JSON, and the body has {bytes}"
    )]
    JsonLength { stated: usize, bytes: usize },
    #[error("the body has {left} bytes behind the binary data of all inputs: is a `binary_data_size` too small?")]
    BinaryLeft { left: usize },
    #[error(
        "the request has {raw} entries in `raw_input_contents` for {inputs} inputs: each input has one, in their order"
    )]
    RawInputs { raw: usize, inputs: usize },
    #[error("the request has no `inputs`: it must hold a list of tensors")]
    NoInputs,
    #[error("the parameter `{name}` {problem}")]
    BadParameter { name: String, problem: String },
    #[error("the input {input} {problem}")]
    Input { input: String, problem: InputProblem },
    #[error("there is no input `{name}`{}; the model takes {}", hint(.nearest), list(.known))]
    UnknownInput { name: String, nearest: Option<String>, known: Vec<String> },
    #[error("the request gives none of the model's inputs; the model takes {}", list(.known))]
    NoFeatures { known: Vec<String> },
    #[error("the request has {rows} rows; at most {limit} are accepted at once")]
    TooManyRows { rows: usize, limit: usize },
    #[error("the request has no rows: every shape must begin with at least 1")]
    NoRows,
    #[error("the request has {inputs} inputs; at most {limit} are accepted")]
    TooManyInputs { inputs: usize, limit: usize },
    #[error("{problem}")]
    Scoring { problem: String },
    #[error("the request asks for more than {limit} outputs")]
    TooManyOutputs { limit: usize },
    #[error("there is no output `{name}`{}; the model answers {}", hint(.nearest), list(.known))]
    UnknownOutput { name: String, nearest: Option<String>, known: Vec<String> },
}

/// What is wrong with one input tensor.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum InputProblem {
    #[error("has no `{0}`")]
    Lacks(&'static str),
    #[error("states `{0}` twice")]
    StatesTwice(&'static str),
    #[error("stands twice in the request")]
    StandsTwice,
    #[error("must be an object with name, shape, datatype and data, not {0}")]
    NotATensor(String),
    #[error("has a name that is not a text")]
    BadName,
    #[error(
        "has the unknown datatype `{0}`; known are BOOL, INT8 to INT64, UINT8 to UINT64, FP16, BF16, FP32, FP64 and BYTES"
    )]
    UnknownDatatype(String),
    #[error(
        "has a shape that is not a list of 1 or 2 whole numbers of at least 0: write [rows], [rows, 1] or [rows, width]"
    )]
    BadShape,
    #[error("has the shape {0:?}, which is more values than the body can hold")]
    HugeShape(Vec<u64>),
    #[error("has {found} values; its shape {shape:?} says {expected}")]
    WrongCount { found: String, expected: u64, shape: Vec<u64> },
    #[error("has {found} bytes of data; its shape {shape:?} says {expected}")]
    WrongBytes { found: usize, expected: u64, shape: Vec<u64> },
    #[error(
        "has {found} bytes of data, which ends within the value at position {at}: each value is its length in 4 bytes \
         (little-endian) and its text"
    )]
    CutOff { at: usize, found: usize },
    #[error("has {left} bytes left after its {count} values")]
    BytesLeft { left: usize, count: usize },
    #[error("has a text at position {at} that is not UTF-8")]
    NotUtf8 { at: usize },
    #[error("is {0}, whose values are sent as bytes, not as JSON: use binary data, gRPC, or FP32")]
    OnlyBinary(Datatype),
    #[error(
        "has {stated} bytes of binary data by its `binary_data_size`, and {left} are left in the body behind the JSON (whose \
         length is stated by the header Inference-Header-Content-Length)"
    )]
    BinaryMissing { stated: u64, left: usize },
    #[error("has both `data` and `binary_data_size`: send its values once")]
    DataTwice,
    #[error("has values in `{0}` while the request has `raw_input_contents`: send them once")]
    RawAndTyped(&'static str),
    #[error("has values in `{found}`; those of {datatype} are in `{field}`")]
    WrongField { found: &'static str, field: &'static str, datatype: Datatype },
    #[error("is in shared memory, which this server does not have: send its values")]
    SharedMemory,
    #[error("has a list of {found} values inside of its data where its shape {shape:?} says {expected}")]
    Ragged { found: String, expected: u64, shape: Vec<u64> },
    #[error("nests its data deeper than its shape {0:?}")]
    TooDeep(Vec<u64>),
    #[error("mixes values and lists in its data: write it flat, or nested as its shape says")]
    MixedNesting,
    #[error("has data that is not a list")]
    NotAList,
    #[error("has the value {value} at position {at}, which is not {datatype}{}", range(*.datatype))]
    BadValue { value: String, at: usize, datatype: Datatype },
    #[error("has {rows} rows while `{other}` has {other_rows}")]
    RowsDiffer { rows: usize, other: String, other_rows: usize },
    #[error("has {width} columns; a single input has the shape [rows] or [rows, 1]")]
    TooWide { width: u64 },
    #[error("has {width} columns; the model takes {expected} numeric inputs, in this order: {}", list(.names))]
    WrongWidth { width: u64, expected: usize, names: Vec<String> },
    #[error("has {width} values; the model takes {expected} inputs, in this order: {}", list(.names))]
    WrongRow { width: u64, expected: usize, names: Vec<String> },
    #[error("has the value {value} in row {row}, and {before} before it: the values of a column are of one kind")]
    MixedValues { value: String, row: usize, before: &'static str },
    #[error("has the value {value} in row {row}, which 64 signed bits do not hold")]
    TooLarge { value: String, row: usize },
    #[error("gives the model's numeric inputs as one block, and `{0}` gives one of them again")]
    GivenTwice(String),
    #[error("is {datatype}; the model takes {} there", describe(*.kind))]
    WrongKind { datatype: Datatype, kind: InputKind },
    #[error("has the value {value} in row {row}; the model takes {} there", describe(*.kind))]
    WrongValue { value: String, row: usize, kind: InputKind },
    #[error("must be {0}")]
    BadReserved(&'static str),
    #[error("has no value in row {0}, where every row needs one")]
    NoValue(usize),
    #[error("has a value of {bytes} bytes in row {row}; at most {limit} are accepted")]
    LongValue { bytes: usize, row: usize, limit: usize },
    #[error("is only accepted in replay and backfill: a live prediction happens now")]
    TimeNotAccepted,
    #[error("has the value `{value}` in row {row} again: prediction ids are unique, labels find their row by them")]
    RepeatedId { value: String, row: usize },
}

impl V2Error {
    /// The HTTP status that says the same.
    pub const fn status(&self) -> u16 {
        match self {
            Self::BodyTooLarge { .. } => 413,
            _ => 400,
        }
    }

    pub(super) fn input(name: &str, problem: InputProblem) -> Self {
        Self::Input { input: format!("`{name}`"), problem }
    }
}

fn hint(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or(String::new(), |name| format!("; did you mean `{name}`?"))
}

/// At most a dozen names: an error is read by a person.
pub(crate) fn list(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let mut text = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}

fn range(datatype: Datatype) -> String {
    match (datatype, datatype.whole_range()) {
        (Datatype::Uint64, Some((low, high))) => {
            format!(" (whole numbers from {low} to {high}; columns are 64-bit signed)")
        }
        (_, Some((low, high))) => format!(" (whole numbers from {low} to {high})"),
        (Datatype::Bytes, None) => " (texts)".to_owned(),
        (Datatype::Bool, None) => " (true or false)".to_owned(),
        (_, None) => " (numbers within its range)".to_owned(),
    }
}

fn describe(kind: InputKind) -> &'static str {
    match kind {
        InputKind::Number => "a number (FP32, FP64 or an integer type)",
        InputKind::Integer => "a whole number (INT64)",
        InputKind::Boolean => "true or false (BOOL)",
        InputKind::Text => "a text (BYTES)",
        InputKind::Time => "a time (INT64 milliseconds since 1970, or BYTES like 2026-03-01T12:00:00Z)",
    }
}
