//! An inference request: from the bytes of a body to tensors with typed columns.

use std::{borrow::Cow, cell::Cell, fmt};

use kilter_domain::table::Column;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{
    Datatype, InputProblem, Limits, V2Error,
    context::Context,
    data::{DataSeed, Fault, Label},
    outputs::{OutputFormat, OutputsSeed},
    parameter_value::Parameters,
    parameters::{Lenient, ParametersSeed, TensorParameters, TensorParametersSeed},
    raw::read_raw,
};

/// A request as it was sent; which columns it makes depends on the model ([`super::KnownInputs::rows`]).
#[derive(Debug, Default, PartialEq)]
pub struct Request {
    /// An id that the response repeats.
    pub id: Option<String>,
    /// Parameters of the request.
    pub parameters: Parameters,
    /// Its tensors.
    pub inputs: Vec<Tensor>,
    /// The outputs that are wanted; empty for all.
    pub outputs: Vec<String>,
    /// How they are wanted.
    pub format: OutputFormat,
}

/// One input tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// One or two numbers; their product is the length of `values`.
    pub shape: Vec<u64>,
    /// Its type.
    pub datatype: Datatype,
    /// Row-major.
    pub values: Column,
}

impl Tensor {
    /// How many rows it has.
    pub fn rows(&self) -> usize {
        // The product of the shape was checked against what the body can hold.
        self.shape.first().map_or(0, |rows| *rows as usize)
    }

    /// Values in a row: 1 for the shape `[rows]`.
    pub fn width(&self) -> u64 {
        self.shape.get(1).copied().unwrap_or(1)
    }
}

/// The body of `POST /v2/models/NAME/infer`.
#[derive(Clone, Copy, Debug)]
pub struct RequestBody<'a> {
    /// JSON, and the binary data of tensors behind it.
    pub bytes: &'a [u8],
    /// Bytes of the JSON, as the header `Inference-Header-Content-Length` states them; `None`: all are JSON.
    pub json_length: Option<usize>,
}

/// All of the bytes are JSON.
impl<'a, B: AsRef<[u8]> + ?Sized> From<&'a B> for RequestBody<'a> {
    fn from(bytes: &'a B) -> Self {
        Self { bytes: bytes.as_ref(), json_length: None }
    }
}

/// Reads the body of `POST /v2/models/NAME/infer`.
///
/// # Errors
/// When it is too large, not JSON, not a request, a tensor contradicts its own shape or datatype, or binary data is
/// missing or left over.
pub fn read_request<'a>(body: impl Into<RequestBody<'a>>, limits: &Limits) -> Result<Request, V2Error> {
    let RequestBody { bytes, json_length } = body.into();
    if bytes.len() > limits.body_bytes {
        return Err(V2Error::BodyTooLarge { bytes: bytes.len(), limit: limits.body_bytes });
    }
    let stated = json_length.unwrap_or(bytes.len());
    let split = bytes.split_at_checked(stated);
    let (body, binary) = split.ok_or(V2Error::JsonLength { stated, bytes: bytes.len() })?;
    let fault = Fault::default();
    // A value takes at least two bytes of JSON or one of binary data.
    let max_values = body.len() / 2 + 1 + binary.len();
    let context = Context { limits, max_values, fault: &fault, binary: Cell::new(binary) };
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = RequestSeed(&context).deserialize(&mut json).and_then(|request| json.end().map(|()| request));
    let request = read.map_err(|error| fault.take().unwrap_or_else(|| explain(&error, body)))?;
    match context.binary.get().len() {
        0 => Ok(request),
        left => Err(V2Error::BinaryLeft { left }),
    }
}

/// What serde says, with its place and, where it is a bare NaN, how a missing value is written.
pub(crate) fn explain(error: &serde_json::Error, body: &[u8]) -> V2Error {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    // serde_json adds the place to its words; it stands in fields of its own here.
    let reason = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason).to_owned();
    if error.is_data() {
        return V2Error::NotARequest { reason, line, column };
    }
    V2Error::NotJson { names_nan: names_nan(body, line, column), reason, line, column }
}

/// Whether a bare NaN or Infinity, which Python writes by default, stands where the reader stopped.
fn names_nan(body: &[u8], line: usize, column: usize) -> bool {
    let Some(line) = body.split(|byte| *byte == b'\n').nth(line.saturating_sub(1)) else { return false };
    let from = column.saturating_sub(3).min(line.len());
    let near = &line[from..line.len().min(from + 12)];
    [&b"NaN"[..], b"Inf"].iter().any(|word| near.windows(3).any(|bytes| bytes == *word))
}

struct RequestSeed<'a>(&'a Context<'a>);

impl<'de> DeserializeSeed<'de> for RequestSeed<'_> {
    type Value = Request;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Request, D::Error> {
        input.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RequestSeed<'_> {
    type Value = Request;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object with `inputs`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Request, A::Error> {
        let mut request = Request::default();
        let mut has_inputs = false;
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match &*key {
                "id" => request.id = self.request_id(map.next_value::<Lenient<'de>>()?)?,
                "parameters" => {
                    (request.parameters, request.format.binary) = map.next_value_seed(ParametersSeed(self.0))?;
                }
                "outputs" => (request.outputs, request.format.by_name) = map.next_value_seed(OutputsSeed(self.0))?,
                "inputs" if has_inputs => return Err(A::Error::duplicate_field("inputs")),
                "inputs" => {
                    request.inputs = map.next_value_seed(InputsSeed(self.0))?;
                    has_inputs = true;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if has_inputs && !request.inputs.is_empty() { Ok(request) } else { Err(self.0.fault.raise(V2Error::NoInputs)) }
    }
}

impl RequestSeed<'_> {
    /// Clients send an empty id when they have none.
    fn request_id<E: Error>(&self, value: Lenient<'_>) -> Result<Option<String>, E> {
        match value {
            Lenient::Text(text) if text.is_empty() => Ok(None),
            value => ParametersSeed(self.0).text("id", value),
        }
    }
}

struct InputsSeed<'a>(&'a Context<'a>);

impl<'de> DeserializeSeed<'de> for InputsSeed<'_> {
    type Value = Vec<Tensor>;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Vec<Tensor>, D::Error> {
        input.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for InputsSeed<'_> {
    type Value = Vec<Tensor>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list of tensors")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<Tensor>, A::Error> {
        let mut tensors = Vec::with_capacity(4);
        let limit = self.0.limits.inputs;
        while let Some(tensor) = list.next_element_seed(TensorSeed { context: self.0, at: tensors.len() })? {
            if tensors.len() == limit {
                return Err(self.0.fault.raise(V2Error::TooManyInputs { inputs: limit + 1, limit }));
            }
            tensors.push(tensor);
        }
        Ok(tensors)
    }
}

struct TensorSeed<'a> {
    context: &'a Context<'a>,
    at: usize,
}

impl<'de> DeserializeSeed<'de> for TensorSeed<'_> {
    type Value = Tensor;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Tensor, D::Error> {
        input.deserialize_any(self)
    }
}

/// A tensor half read: its fields may come in any order.
#[derive(Default)]
struct Draft<'de> {
    name: Option<String>,
    shape: Option<(Vec<u64>, usize)>,
    datatype: Option<Datatype>,
    values: Option<Column>,
    /// Data that came before the shape or the datatype.
    early: Option<&'de RawValue>,
    parameters: TensorParameters,
}

impl<'de> Visitor<'de> for TensorSeed<'_> {
    type Value = Tensor;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "a tensor (an object) as input number {}", self.at)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tensor, A::Error> {
        let mut draft = Draft::default();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match &*key {
                "name" if draft.name.is_some() => return Err(self.raise(&draft, InputProblem::StatesTwice("name"))),
                "shape" if draft.shape.is_some() => return Err(self.raise(&draft, InputProblem::StatesTwice("shape"))),
                "datatype" if draft.datatype.is_some() => {
                    return Err(self.raise(&draft, InputProblem::StatesTwice("datatype")));
                }
                "data" if draft.values.is_some() || draft.early.is_some() => {
                    return Err(self.raise(&draft, InputProblem::StatesTwice("data")));
                }
                "name" => match map.next_value::<Lenient<'de>>()? {
                    Lenient::Text(name) => draft.name = Some(name.into_owned()),
                    _ => return Err(self.raise(&draft, InputProblem::BadName)),
                },
                "shape" => {
                    let shape = map.next_value_seed(ShapeSeed)?;
                    draft.shape = Some(self.checked_shape(&draft, shape)?);
                }
                "datatype" => draft.datatype = Some(self.datatype(&draft, map.next_value::<Lenient<'de>>()?)?),
                "data" => match (draft.datatype, &draft.shape) {
                    (Some(datatype), Some((shape, count))) => {
                        let label = self.label(&draft);
                        let fault = self.context.fault;
                        let seed = DataSeed { datatype, shape, count: *count, label, fault };
                        draft.values = Some(map.next_value_seed(seed)?);
                    }
                    _ => draft.early = Some(map.next_value()?),
                },
                "parameters" => draft.parameters = map.next_value_seed(TensorParametersSeed)?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        self.finish(draft)
    }
}

impl TensorSeed<'_> {
    fn label<'d>(&self, draft: &'d Draft<'_>) -> Label<'d> {
        Label { name: draft.name.as_deref(), at: self.at }
    }

    fn raise<E: Error>(&self, draft: &Draft<'_>, problem: InputProblem) -> E {
        self.context.fault.raise(V2Error::Input { input: self.label(draft).to_string(), problem })
    }

    fn datatype<E: Error>(&self, draft: &Draft<'_>, stated: Lenient<'_>) -> Result<Datatype, E> {
        let Lenient::Text(text) = stated else {
            return Err(self.raise(draft, InputProblem::UnknownDatatype("not a text".into())));
        };
        Datatype::parse(&text)
            .ok_or_else(|| self.raise(draft, InputProblem::UnknownDatatype(text.chars().take(30).collect())))
    }

    /// The shape and its product. A value takes some bytes of the body, so nothing larger can be true; knowing that before
    /// reading keeps a lie about the shape from costing memory.
    fn checked_shape<E: Error>(&self, draft: &Draft<'_>, shape: Option<Vec<u64>>) -> Result<(Vec<u64>, usize), E> {
        let Some(shape) = shape else { return Err(self.raise(draft, InputProblem::BadShape)) };
        let product = shape.iter().try_fold(1u64, |product, size| product.checked_mul(*size));
        let most = self.context.max_values;
        match product.and_then(|count| usize::try_from(count).ok()).filter(|count| *count <= most) {
            Some(count) if shape.iter().all(|size| *size <= most as u64) => Ok((shape, count)),
            _ => Err(self.raise(draft, InputProblem::HugeShape(shape))),
        }
    }

    /// The next `size` bytes behind the JSON.
    fn take_binary(&self, size: u64) -> Result<&[u8], InputProblem> {
        let binary = self.context.binary.get();
        let taken = usize::try_from(size).ok().and_then(|size| binary.split_at_checked(size));
        let (taken, rest) = taken.ok_or(InputProblem::BinaryMissing { stated: size, left: binary.len() })?;
        self.context.binary.set(rest);
        Ok(taken)
    }

    fn finish<E: Error>(&self, mut draft: Draft<'_>) -> Result<Tensor, E> {
        let lacks = |field| InputProblem::Lacks(field);
        if draft.name.is_none() {
            return Err(self.raise(&draft, lacks("name")));
        }
        let Some(datatype) = draft.datatype else { return Err(self.raise(&draft, lacks("datatype"))) };
        let Some((shape, count)) = draft.shape.take() else { return Err(self.raise(&draft, lacks("shape"))) };
        if draft.parameters.has_shared_memory {
            return Err(self.raise(&draft, InputProblem::SharedMemory));
        }
        let values = match (draft.values.take(), draft.early, draft.parameters.binary_data_size) {
            (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => {
                return Err(self.raise(&draft, InputProblem::DataTwice));
            }
            (Some(values), _, None) => values,
            (None, Some(raw), None) => {
                let label = self.label(&draft);
                let seed = DataSeed { datatype, shape: &shape, count, label, fault: self.context.fault };
                seed.deserialize(&mut serde_json::Deserializer::from_str(raw.get())).map_err(E::custom)?
            }
            (None, None, Some(size)) => {
                let taken = self.take_binary(size).and_then(|bytes| read_raw(datatype, &shape, bytes));
                taken.map_err(|problem| self.raise(&draft, problem))?
            }
            (None, None, None) => return Err(self.raise(&draft, lacks("data"))),
        };
        Ok(Tensor { name: draft.name.unwrap_or_default(), shape, datatype, values })
    }
}

/// A shape, or `None` for what is none: not a list, of too many or no dimensions, with something that is not a size.
struct ShapeSeed;

impl<'de> DeserializeSeed<'de> for ShapeSeed {
    type Value = Option<Vec<u64>>;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Self::Value, D::Error> {
        input.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for ShapeSeed {
    type Value = Option<Vec<u64>>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a shape: a list of sizes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut shape = Vec::with_capacity(2);
        let mut is_valid = true;
        while let Some(size) = list.next_element::<Lenient<'de>>()? {
            match size {
                Lenient::Unsigned(size) if shape.len() < 2 => shape.push(size),
                _ => is_valid = false,
            }
        }
        Ok((is_valid && !shape.is_empty()).then_some(shape))
    }
}
