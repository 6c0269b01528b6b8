//! A request for predictions as a message, read into the request that every protocol becomes.
//!
//! Invariants: sizes are checked before values are read; a value is of the input's datatype or refused, never cast; every
//! failure names the input.

use kilter_domain::table::Column;
use kilter_serving::v2::{
    Datatype, InputProblem, Limits, ParameterValue, Parameters, Request, Tensor, V2Error, read_raw,
};
use prost::bytes::Bytes;

use crate::inference::grpc::protocol::{
    InferParameter, InferTensorContents, ModelInferRequest,
    infer_parameter::ParameterChoice,
    model_infer_request::{InferInputTensor, InferRequestedOutputTensor},
};

/// Says that an input or output is in memory that client and server share.
const SHARED_MEMORY: &str = "shared_memory_region";
/// Asks for the best classes of an output in place of its values.
const CLASSIFICATION: &str = "classification";

/// Reads a message.
pub(super) fn read(message: ModelInferRequest, limits: &Limits) -> Result<Request, V2Error> {
    let ModelInferRequest { id, parameters, inputs, outputs, raw_input_contents, .. } = message;
    if inputs.len() > limits.inputs {
        return Err(V2Error::TooManyInputs { inputs: inputs.len(), limit: limits.inputs });
    }
    if inputs.is_empty() {
        return Err(V2Error::NoInputs);
    }
    let is_raw = !raw_input_contents.is_empty();
    if is_raw && raw_input_contents.len() != inputs.len() {
        return Err(V2Error::RawInputs { raw: raw_input_contents.len(), inputs: inputs.len() });
    }
    let mut request = Request { id: request_id(id, limits)?, ..Request::default() };
    for (name, value) in &parameters {
        request.parameters.set(name, value_of(value), limits)?;
    }
    request.outputs = outputs.into_iter().map(output).collect::<Result<_, _>>()?;
    let mut left = limits.body_bytes as u64;
    let mut raw = raw_input_contents.into_iter();
    for (at, input) in inputs.into_iter().enumerate() {
        let label = if input.name.is_empty() { format!("number {at}") } else { format!("`{}`", input.name) };
        let values = if is_raw { raw.next() } else { None };
        let tensor = tensor(input, values, &mut left);
        request.inputs.push(tensor.map_err(|problem| V2Error::Input { input: label, problem })?);
    }
    Ok(request)
}

/// Clients send an empty id when they have none.
fn request_id(id: String, limits: &Limits) -> Result<Option<String>, V2Error> {
    let mut parameters = Parameters::default();
    if !id.is_empty() {
        parameters.set("prediction_id", ParameterValue::Text(&id), limits).map_err(|error| match error {
            V2Error::BadParameter { problem, .. } => V2Error::BadParameter { name: "id".to_owned(), problem },
            error => error,
        })?;
    }
    Ok(parameters.prediction_id)
}

fn value_of(value: &InferParameter) -> ParameterValue<'_> {
    match &value.parameter_choice {
        None => ParameterValue::Null,
        Some(ParameterChoice::StringParam(text)) => ParameterValue::Text(text),
        Some(ParameterChoice::Int64Param(number)) => ParameterValue::Whole(*number),
        Some(ParameterChoice::Uint64Param(number)) => {
            i64::try_from(*number).map_or(ParameterValue::Other, ParameterValue::Whole)
        }
        Some(ParameterChoice::BoolParam(value)) => ParameterValue::Bool(*value),
        Some(ParameterChoice::DoubleParam(_)) => ParameterValue::Other,
    }
}

fn output(output: InferRequestedOutputTensor) -> Result<String, V2Error> {
    let refused = |parameter: &str, problem: &str| V2Error::BadParameter {
        name: parameter.to_owned(),
        problem: format!("of the output `{}` {problem}", output.name.chars().take(80).collect::<String>()),
    };
    if output.parameters.contains_key(SHARED_MEMORY) {
        return Err(refused(SHARED_MEMORY, "asks for memory that client and server share: there is none here"));
    }
    match output.parameters.get(CLASSIFICATION).map(value_of) {
        None | Some(ParameterValue::Null | ParameterValue::Whole(0)) => Ok(output.name),
        Some(_) => Err(refused(CLASSIFICATION, "is only answered over REST: take the output `probabilities`")),
    }
}

/// Reads one input; `left` counts down the values that the request may still have.
fn tensor(input: InferInputTensor, raw: Option<Bytes>, left: &mut u64) -> Result<Tensor, InputProblem> {
    let InferInputTensor { name, datatype, shape, parameters, contents } = input;
    if name.is_empty() {
        return Err(InputProblem::Lacks("name"));
    }
    if parameters.contains_key(SHARED_MEMORY) {
        return Err(InputProblem::SharedMemory);
    }
    let known = Datatype::parse(&datatype);
    let datatype = known.ok_or_else(|| InputProblem::UnknownDatatype(datatype.chars().take(30).collect()))?;
    let sizes: Option<Vec<u64>> = shape.iter().map(|size| u64::try_from(*size).ok()).collect();
    let shape = sizes.filter(|shape| (1..=2).contains(&shape.len())).ok_or(InputProblem::BadShape)?;
    let count = shape.iter().try_fold(1u64, |count, size| count.checked_mul(*size));
    match count.and_then(|count| left.checked_sub(count)) {
        Some(rest) => *left = rest,
        None => return Err(InputProblem::HugeShape(shape)),
    }
    let contents = contents.unwrap_or_default();
    let values = match raw {
        Some(bytes) => {
            if let Some((field, _)) = contents.fields().into_iter().find(|(_, count)| *count > 0) {
                return Err(InputProblem::RawAndTyped(field));
            }
            read_raw(datatype, &shape, &bytes)?
        }
        None => typed(datatype, &shape, contents)?,
    };
    Ok(Tensor { name, shape, datatype, values })
}

impl InferTensorContents {
    /// How many values each field has.
    fn fields(&self) -> [(&'static str, usize); 8] {
        [
            ("bool_contents", self.bool_contents.len()),
            ("int_contents", self.int_contents.len()),
            ("int64_contents", self.int64_contents.len()),
            ("uint_contents", self.uint_contents.len()),
            ("uint64_contents", self.uint64_contents.len()),
            ("fp32_contents", self.fp32_contents.len()),
            ("fp64_contents", self.fp64_contents.len()),
            ("bytes_contents", self.bytes_contents.len()),
        ]
    }
}

/// The field that has the values of a datatype; none for those that are only sent as bytes.
const fn field_of(datatype: Datatype) -> Option<&'static str> {
    match datatype {
        Datatype::Bool => Some("bool_contents"),
        Datatype::Int8 | Datatype::Int16 | Datatype::Int32 => Some("int_contents"),
        Datatype::Int64 => Some("int64_contents"),
        Datatype::Uint8 | Datatype::Uint16 | Datatype::Uint32 => Some("uint_contents"),
        Datatype::Uint64 => Some("uint64_contents"),
        Datatype::Fp32 => Some("fp32_contents"),
        Datatype::Fp64 => Some("fp64_contents"),
        Datatype::Bytes => Some("bytes_contents"),
        Datatype::Fp16 | Datatype::Bf16 => None,
    }
}

/// The values of an input that are sent in the field of its datatype.
fn typed(datatype: Datatype, shape: &[u64], contents: InferTensorContents) -> Result<Column, InputProblem> {
    let field = field_of(datatype).ok_or(InputProblem::OnlyBinary(datatype))?;
    if let Some((found, _)) = contents.fields().into_iter().find(|(name, count)| *name != field && *count > 0) {
        return Err(InputProblem::WrongField { found, field, datatype });
    }
    let (low, high) = datatype.whole_range().unwrap_or((i64::MIN, i64::MAX));
    let whole = |(at, value): (usize, i128)| {
        let within = i64::try_from(value).ok().filter(|value| (low..=high).contains(value));
        within.map(Some).ok_or_else(|| InputProblem::BadValue { value: value.to_string(), at, datatype })
    };
    let wholes = |values: &mut dyn Iterator<Item = i128>| values.enumerate().map(whole).collect::<Result<_, _>>();
    let column = match datatype {
        Datatype::Bool => Column::Bool(contents.bool_contents.into_iter().map(Some).collect()),
        Datatype::Int8 | Datatype::Int16 | Datatype::Int32 => {
            Column::Int(wholes(&mut contents.int_contents.into_iter().map(i128::from))?)
        }
        Datatype::Int64 => Column::Int(contents.int64_contents.into_iter().map(Some).collect()),
        Datatype::Uint8 | Datatype::Uint16 | Datatype::Uint32 => {
            Column::Int(wholes(&mut contents.uint_contents.into_iter().map(i128::from))?)
        }
        Datatype::Uint64 => Column::Int(wholes(&mut contents.uint64_contents.into_iter().map(i128::from))?),
        Datatype::Fp32 => Column::Float(contents.fp32_contents.into_iter().map(f64::from).collect()),
        Datatype::Fp64 => Column::Float(contents.fp64_contents),
        Datatype::Bytes => Column::Text(texts(&contents.bytes_contents)?),
        Datatype::Fp16 | Datatype::Bf16 => return Err(InputProblem::OnlyBinary(datatype)),
    };
    let expected = shape.iter().product();
    match column.len() as u64 == expected {
        true => Ok(column),
        false => Err(InputProblem::WrongCount { found: column.len().to_string(), expected, shape: shape.to_vec() }),
    }
}

fn texts(values: &[Bytes]) -> Result<Vec<Option<std::sync::Arc<str>>>, InputProblem> {
    let one = |(at, value): (usize, &Bytes)| match str::from_utf8(value) {
        Ok(text) => Ok(Some(text.into())),
        Err(_) => Err(InputProblem::NotUtf8 { at }),
    };
    values.iter().enumerate().map(one).collect()
}
