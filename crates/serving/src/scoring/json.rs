//! Rows as JSON: data frames by row or by record, instances, inputs.

use std::{borrow::Cow, cell::Cell as StdCell, fmt};

use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{
    cells::{Cell, CellColumn, of_column},
    frame::{ColumnSeed, Frame, Reader, RowsSeed, is_taken, shorten},
    schema::InputSchema,
};
use crate::v2::{
    Context, Fault, InputProblem, Limits, PROBABILITIES, ParametersSeed, Request, Tensor, V2Error, explain,
};

/// Whose format a body has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonFormat {
    /// Of MLflow's scoring server: `dataframe_split`, `dataframe_records`, `instances` or `inputs`, and `params`.
    Mlflow,
    /// Of KServe's V1 protocol: `instances` or `inputs`.
    KserveV1,
}

impl JsonFormat {
    const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Mlflow => &["dataframe_split", "dataframe_records", "instances", "inputs"],
            Self::KserveV1 => &["instances", "inputs"],
        }
    }
}

/// Reads the rows of a body.
///
/// # Errors
/// When it is too large, not JSON, has none or several of the forms of its format, mixes values in a column, or has rows of
/// different lengths.
pub fn read_json(
    body: &[u8],
    format: JsonFormat,
    schema: InputSchema<'_>,
    limits: &Limits,
) -> Result<Request, V2Error> {
    if body.len() > limits.body_bytes {
        return Err(V2Error::BodyTooLarge { bytes: body.len(), limit: limits.body_bytes });
    }
    match read_strict(body, format, schema, limits) {
        // What Python writes for a missing number, as MLflow's own client does.
        Err(V2Error::NotJson { names_nan: true, .. }) => read_strict(&without_nan(body), format, schema, limits),
        read => read,
    }
}

fn read_strict(body: &[u8], format: JsonFormat, schema: InputSchema<'_>, limits: &Limits) -> Result<Request, V2Error> {
    let fault = Fault::default();
    let context = Context { limits, max_values: body.len(), fault: &fault, binary: StdCell::new(&[]) };
    let body_seed = BodySeed { reader: Reader { context: &context, schema }, format };
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = body_seed.deserialize(&mut json).and_then(|request| json.end().map(|()| request));
    read.map_err(|error| fault.take().unwrap_or_else(|| explain(&error, body)))
}

/// The body with `null` for each `NaN` that stands outside of a text.
fn without_nan(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + body.len() / 16);
    let (mut is_text, mut at) = (false, 0);
    while let Some(&byte) = body.get(at) {
        let taken = match byte {
            b'\\' if is_text => 2,
            b'"' => {
                is_text = !is_text;
                1
            }
            b'N' if !is_text && body[at..].starts_with(b"NaN") => {
                out.extend_from_slice(b"null");
                at += 3;
                continue;
            }
            _ => 1,
        };
        out.extend_from_slice(&body[at..(at + taken).min(body.len())]);
        at += taken;
    }
    out
}

/// The whole body.
struct BodySeed<'a> {
    reader: Reader<'a>,
    format: JsonFormat,
}

impl BodySeed<'_> {
    fn wrong_form<E: Error>(&self, problem: &str) -> E {
        let keys = self.format.keys().iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
        self.reader.raise(V2Error::Scoring { problem: format!("{problem}: it must have exactly one of {keys}") })
    }
}

impl<'de> DeserializeSeed<'de> for BodySeed<'_> {
    type Value = Request;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Request, D::Error> {
        input.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for BodySeed<'_> {
    type Value = Request;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object of rows")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Request, A::Error> {
        let mut inputs: Option<Vec<Tensor>> = None;
        let mut request = Request::default();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if self.format.keys().contains(&&*key) {
                if inputs.is_some() {
                    return Err(self.wrong_form("the body gives rows twice"));
                }
                inputs = Some(match &*key {
                    "dataframe_split" => map.next_value_seed(SplitSeed(self.reader))?,
                    "inputs" => map.next_value_seed(InputsSeed(self.reader))?,
                    _ => map.next_value_seed(RowsSeed(self.reader))?.into_tensors(self.reader, None)?,
                });
            } else if key == "params" && self.format == JsonFormat::Mlflow {
                let raw: &RawValue = map.next_value()?;
                request.outputs = self.outputs(raw)?;
                let mut json = serde_json::Deserializer::from_str(raw.get());
                (request.parameters, _) =
                    ParametersSeed(self.reader.context).deserialize(&mut json).map_err(A::Error::custom)?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        request.inputs = inputs.ok_or_else(|| self.wrong_form("the body gives no rows"))?;
        Ok(request)
    }
}

#[derive(Deserialize)]
struct Params {
    #[serde(default)]
    predict_method: Option<String>,
}

impl BodySeed<'_> {
    /// The outputs that the method of scikit-learn stands for; none: the class or value of each row.
    fn outputs<E: Error>(&self, raw: &RawValue) -> Result<Vec<String>, E> {
        let params: Option<Params> = serde_json::from_str(raw.get()).map_err(E::custom)?;
        match params.and_then(|params| params.predict_method).as_deref() {
            None | Some("predict") => Ok(Vec::new()),
            Some("predict_proba") => Ok(vec![PROBABILITIES.to_owned()]),
            Some(other) => {
                let problem = format!("is `{}`, and must be `predict` or `predict_proba`", shorten(other));
                Err(self.reader.raise(V2Error::BadParameter { name: "predict_method".into(), problem }))
            }
        }
    }
}

/// A data frame as pandas writes it with `orient="split"`.
struct SplitSeed<'a>(Reader<'a>);

impl<'de> DeserializeSeed<'de> for SplitSeed<'_> {
    type Value = Vec<Tensor>;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Vec<Tensor>, D::Error> {
        input.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for SplitSeed<'_> {
    type Value = Vec<Tensor>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object with `columns` and `data`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<Tensor>, A::Error> {
        let (mut names, mut frame): (Option<Vec<String>>, Option<Frame>) = (None, None);
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match &*key {
                "columns" if names.is_none() => {
                    let columns: Vec<Cell<'de>> = map.next_value()?;
                    names = Some(columns.iter().map(name_of).collect());
                }
                "data" if frame.is_none() => frame = Some(map.next_value_seed(RowsSeed(self.0))?),
                "columns" | "data" => {
                    let problem = format!("`dataframe_split` has `{key}` twice");
                    return Err(self.0.raise(V2Error::Scoring { problem }));
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let Some(frame) = frame.filter(|frame| frame.names.is_none()) else {
            let problem = "`dataframe_split` has no `data`, a list of rows that are lists".to_owned();
            return Err(self.0.raise(V2Error::Scoring { problem }));
        };
        frame.into_tensors(self.0, names)
    }
}

/// Columns of a data frame may have numbers for names.
fn name_of(cell: &Cell<'_>) -> String {
    match cell {
        Cell::Text(text) => text.to_string(),
        other => other.to_string(),
    }
}

/// `inputs`: an object of columns, or a list of rows.
struct InputsSeed<'a>(Reader<'a>);

impl<'de> DeserializeSeed<'de> for InputsSeed<'_> {
    type Value = Vec<Tensor>;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Vec<Tensor>, D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for InputsSeed<'_> {
    type Value = Vec<Tensor>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object of columns, or a list of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Vec<Tensor>, A::Error> {
        RowsSeed(self.0).visit_seq(list)?.into_tensors(self.0, None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<Tensor>, A::Error> {
        let mut tensors = Vec::new();
        let limit = self.0.context.limits.inputs;
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            let mut frame = Frame::default();
            map.next_value_seed(ColumnSeed { reader: self.0, name: &name, frame: &mut frame })?;
            let Frame { columns, rows, .. } = frame;
            if columns.len() > 1 {
                tensors.extend(self.block(&name, columns, rows)?);
                continue;
            }
            if let Some(column) = columns.into_iter().next().filter(|_| is_taken(self.0.schema.known, &name)) {
                if tensors.len() == limit {
                    return Err(self.0.raise(V2Error::TooManyInputs { inputs: limit + 1, limit }));
                }
                tensors.push(column.into_tensor(self.0.schema.known.kind(&name), name.into_owned(), vec![rows as u64]));
            }
        }
        match tensors.is_empty() {
            true => Err(self.0.raise(V2Error::NoFeatures { known: self.0.schema.known.names() })),
            false => Ok(tensors),
        }
    }
}

impl InputsSeed<'_> {
    /// The columns of an array of two dimensions, by their place.
    fn block<E: Error>(&self, name: &str, columns: Vec<CellColumn>, rows: usize) -> Result<Vec<Tensor>, E> {
        if self.0.schema.known.kind(name).is_some() {
            let width = columns.len() as u64;
            return Err(self.0.raise(of_column(name, InputProblem::TooWide { width })));
        }
        let values = columns.iter().map(CellColumn::len).sum();
        Frame { names: None, columns, rows, values }.into_tensors(self.0, None)
    }
}
