//! Operators of `ai.onnx.ml` that turn columns into numbers.

use std::{collections::HashMap, sync::Arc};

use super::{Arguments, Attributes, Built, Operator, OperatorStructure, Outputs, attributes::ClassLabels};
use crate::{
    onnx::{AttributeValue, TensorData},
    tensor::{Shape, Tensor, Value},
};

pub(super) fn build(node: &Attributes<'_>) -> Option<Built> {
    Some(match node.kind() {
        "LabelEncoder" => label_encoder(node),
        "OneHotEncoder" => one_hot(node),
        "Imputer" => imputer(node),
        "Scaler" => scaler(node),
        "Normalizer" => normalizer(node),
        "Binarizer" => node.float("threshold", 0.0).map(|threshold| Box::new(Binarizer { threshold }) as _),
        "FeatureVectorizer" => Ok(Box::new(FeatureVectorizer)),
        "ArrayFeatureExtractor" => Ok(Box::new(ArrayFeatureExtractor)),
        "ZipMap" => zip_map(node),
        _ => return None,
    })
}

/// A key of an encoder. Floats compare by bits, except that NaN equals NaN and 0 equals -0.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Text(Arc<str>),
    Int(i64),
    Float(u32),
}

impl Key {
    fn float(value: f32) -> Self {
        match value {
            v if v.is_nan() => Self::Float(f32::NAN.to_bits()),
            0.0 => Self::Float(0),
            v => Self::Float(v.to_bits()),
        }
    }
}

/// The values an encoder answers, one per key, and the one for unknown keys at the end.
#[derive(Debug)]
enum EncodedValues {
    Texts(Vec<Arc<str>>),
    Ints(Vec<i64>),
    Floats(Vec<f32>),
}

/// `LabelEncoder` from version 2 on: a table from keys to values.
#[derive(Debug)]
struct LabelEncoder {
    texts: HashMap<Arc<str>, u32>,
    others: HashMap<Key, u32>,
    answers: EncodedValues,
}

fn label_encoder(node: &Attributes<'_>) -> Built {
    if node.opset < 2 {
        return Err("version 1 (classes_strings) is not supported".into());
    }
    let keys = keys(node)?;
    let answers = encoded_values(node)?;
    let count = match &answers {
        EncodedValues::Texts(values) => values.len(),
        EncodedValues::Ints(values) => values.len(),
        EncodedValues::Floats(values) => values.len(),
    };
    if keys.len() + 1 != count {
        return Err(format!("there are {} keys and {} values", keys.len(), count - 1));
    }
    let (mut texts, mut others) = (HashMap::new(), HashMap::new());
    for (at, key) in keys.into_iter().enumerate() {
        // Of equal keys the first counts.
        match key {
            Key::Text(text) => *texts.entry(text).or_insert(at as u32),
            key => *others.entry(key).or_insert(at as u32),
        };
    }
    Ok(Box::new(LabelEncoder { texts, others, answers }))
}

fn tensor_attribute<'a>(node: &Attributes<'a>, name: &str) -> Option<&'a TensorData> {
    match node.node.attribute(name) {
        Some(AttributeValue::Tensor(tensor)) => Some(&tensor.data),
        _ => None,
    }
}

fn keys(node: &Attributes<'_>) -> Result<Vec<Key>, String> {
    let texts = |values: &[String]| values.iter().map(|text| Key::Text(text.as_str().into())).collect();
    if node.has("keys_strings") {
        return Ok(texts(node.texts("keys_strings")?));
    }
    if node.has("keys_int64s") {
        return Ok(node.ints("keys_int64s")?.iter().map(|&value| Key::Int(value)).collect());
    }
    if node.has("keys_floats") {
        return Ok(node.floats("keys_floats")?.iter().map(|&value| Key::float(value)).collect());
    }
    match tensor_attribute(node, "keys_tensor") {
        Some(TensorData::Text(values)) => Ok(texts(values)),
        Some(TensorData::Int(values)) => Ok(values.iter().map(|&value| Key::Int(value)).collect()),
        Some(TensorData::Float(values)) => Ok(values.iter().map(|&value| Key::float(value)).collect()),
        _ => Err("there are no keys of a supported type".into()),
    }
}

fn encoded_values(node: &Attributes<'_>) -> Result<EncodedValues, String> {
    let default = tensor_attribute(node, "default_tensor");
    let default_text = || match default {
        Some(TensorData::Text(values)) if !values.is_empty() => Ok(values[0].as_str()),
        _ => node.text("default_string", "_Unused"),
    };
    let default_int = || match default {
        Some(TensorData::Int(values)) if !values.is_empty() => Ok(values[0]),
        _ => node.int("default_int64", -1),
    };
    let default_float = || match default {
        Some(TensorData::Float(values)) if !values.is_empty() => Ok(values[0]),
        _ => node.float("default_float", -0.0),
    };
    let texts = |values: &[String]| -> Result<EncodedValues, String> {
        let shared = values.iter().map(String::as_str).chain([default_text()?]);
        Ok(EncodedValues::Texts(shared.map(Arc::from).collect()))
    };
    if node.has("values_strings") {
        return texts(node.texts("values_strings")?);
    }
    if node.has("values_int64s") {
        return Ok(EncodedValues::Ints([node.ints("values_int64s")?, &[default_int()?]].concat()));
    }
    if node.has("values_floats") {
        return Ok(EncodedValues::Floats([node.floats("values_floats")?, &[default_float()?]].concat()));
    }
    match tensor_attribute(node, "values_tensor") {
        Some(TensorData::Text(values)) => texts(values),
        Some(TensorData::Int(values)) => Ok(EncodedValues::Ints([&values[..], &[default_int()?]].concat())),
        Some(TensorData::Float(values)) => Ok(EncodedValues::Floats([&values[..], &[default_float()?]].concat())),
        _ => Err("there are no values of a supported type".into()),
    }
}

impl LabelEncoder {
    fn answer(&self, shape: Shape, found: impl Iterator<Item = Option<u32>>) -> Value {
        fn pick<T: Clone>(shape: Shape, values: &[T], found: impl Iterator<Item = Option<u32>>) -> Tensor<T> {
            let last = values.len() - 1;
            let data = found.map(|at| values[at.map_or(last, |at| at as usize)].clone()).collect();
            Tensor { shape, data }
        }
        match &self.answers {
            EncodedValues::Texts(values) => Value::Text(pick(shape, values, found)),
            EncodedValues::Ints(values) => Value::Int(pick(shape, values, found)),
            EncodedValues::Floats(values) => Value::Float(pick(shape, values, found)),
        }
    }
}

impl Operator for LabelEncoder {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let other = |key: Key| self.others.get(&key).copied();
        Ok(vec![match inputs.get(0)? {
            Value::Text(tensor) => {
                self.answer(tensor.shape, tensor.data.iter().map(|text| self.texts.get(&**text).copied()))
            }
            Value::Int(tensor) => self.answer(tensor.shape, tensor.data.iter().map(|&value| other(Key::Int(value)))),
            Value::Float(tensor) => {
                self.answer(tensor.shape, tensor.data.iter().map(|&value| other(Key::float(value))))
            }
            value => return Err(format!("a {} cannot be encoded", value.kind())),
        }])
    }

    fn classes(&self) -> Option<Vec<String>> {
        match &self.answers {
            EncodedValues::Texts(values) => {
                Some(values[..values.len() - 1].iter().map(|text| text.to_string()).collect())
            }
            EncodedValues::Ints(values) => Some(values[..values.len() - 1].iter().map(i64::to_string).collect()),
            EncodedValues::Floats(_) => None,
        }
    }

    fn is_encoder(&self) -> bool {
        true
    }

    fn structure(&self) -> OperatorStructure<'_> {
        OperatorStructure::ByColumn
    }
}

/// `OneHotEncoder`: a new last dimension with a one at the category.
#[derive(Debug)]
struct OneHot {
    texts: HashMap<Arc<str>, usize>,
    ints: HashMap<i64, usize>,
    width: usize,
    zeros: bool,
}

fn one_hot(node: &Attributes<'_>) -> Built {
    let (texts, ints) = (node.texts("cats_strings")?, node.ints("cats_int64s")?);
    if texts.is_empty() == ints.is_empty() {
        return Err("exactly one of cats_strings and cats_int64s must be given".into());
    }
    let zeros = node.int("zeros", 1)? != 0;
    Ok(Box::new(OneHot {
        texts: texts.iter().enumerate().map(|(at, text)| (text.as_str().into(), at)).collect(),
        ints: ints.iter().enumerate().map(|(at, &value)| (value, at)).collect(),
        width: texts.len().max(ints.len()),
        zeros,
    }))
}

impl OneHot {
    fn encode<T>(&self, tensor: &Tensor<T>, find: impl Fn(&T) -> Option<usize>) -> Outputs {
        let shape =
            Shape::new(&[tensor.shape.dims(), &[self.width]].concat()).ok_or("the result would be too large")?;
        let mut data = vec![0.0f32; shape.count()];
        for (at, value) in tensor.data.iter().enumerate() {
            match find(value) {
                Some(category) => data[at * self.width + category] = 1.0,
                None if self.zeros => {}
                None => return Err("a category is unknown, and the model does not allow it".into()),
            }
        }
        Ok(vec![Value::Float(Tensor { shape, data })])
    }
}

impl Operator for OneHot {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let int = |value: i64| self.ints.get(&value).copied();
        match inputs.get(0)? {
            Value::Text(tensor) => self.encode(tensor, |text| self.texts.get(&**text).copied()),
            Value::Int(tensor) => self.encode(tensor, |&value| int(value)),
            Value::Float(tensor) => self.encode(tensor, |&value| int(value as i64)),
            Value::Double(tensor) => self.encode(tensor, |&value| int(value as i64)),
            value => Err(format!("a {} has no categories", value.kind())),
        }
    }
}

/// `value` of column `column`, where a single value counts for all columns.
fn per_column(values: &[f32], column: usize) -> f32 {
    if values.len() == 1 { values[0] } else { values[column] }
}

fn fits(what: &str, values: usize, columns: usize) -> Result<(), String> {
    if values == 1 || values == columns {
        Ok(())
    } else {
        Err(format!("{what} holds {values} values for {columns} columns"))
    }
}

/// `Imputer` on floats.
#[derive(Debug)]
struct Imputer {
    fill: Vec<f32>,
    replaced: f32,
}

fn imputer(node: &Attributes<'_>) -> Built {
    let fill = node.floats("imputed_value_floats")?.to_vec();
    if fill.is_empty() {
        return Err("only imputed_value_floats is supported".into());
    }
    Ok(Box::new(Imputer { fill, replaced: node.float("replaced_value_float", 0.0)? }))
}

impl Operator for Imputer {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let mut tensor = inputs.get(0)?.floats()?.into_owned();
        let (_, columns) = tensor.shape.matrix();
        fits("imputed_value_floats", self.fill.len(), columns)?;
        let is_replaced = |value: f32| if self.replaced.is_nan() { value.is_nan() } else { value == self.replaced };
        for row in tensor.data.chunks_exact_mut(columns.max(1)) {
            for (column, value) in row.iter_mut().enumerate().filter(|(_, value)| is_replaced(**value)) {
                *value = per_column(&self.fill, column);
            }
        }
        Ok(vec![Value::Float(tensor)])
    }

    fn structure(&self) -> OperatorStructure<'_> {
        OperatorStructure::ByColumn
    }
}

/// `Scaler`: `(x - offset) * scale`.
#[derive(Debug)]
struct Scaler {
    offset: Vec<f32>,
    scale: Vec<f32>,
}

fn scaler(node: &Attributes<'_>) -> Built {
    let (offset, scale) = (node.floats("offset")?.to_vec(), node.floats("scale")?.to_vec());
    if offset.is_empty() || scale.is_empty() {
        Err("offset and scale must be given".into())
    } else {
        Ok(Box::new(Scaler { offset, scale }))
    }
}

impl Operator for Scaler {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let mut tensor = inputs.get(0)?.floats()?.into_owned();
        let (_, columns) = tensor.shape.matrix();
        fits("offset", self.offset.len(), columns)?;
        fits("scale", self.scale.len(), columns)?;
        for row in tensor.data.chunks_exact_mut(columns.max(1)) {
            for (column, value) in row.iter_mut().enumerate() {
                *value = (*value - per_column(&self.offset, column)) * per_column(&self.scale, column);
            }
        }
        Ok(vec![Value::Float(tensor)])
    }

    fn structure(&self) -> OperatorStructure<'_> {
        OperatorStructure::ByColumn
    }
}

#[derive(Clone, Copy, Debug)]
enum Norm {
    Max,
    L1,
    L2,
}

fn normalizer(node: &Attributes<'_>) -> Built {
    Ok(Box::new(match node.text("norm", "MAX")? {
        "MAX" => Norm::Max,
        "L1" => Norm::L1,
        "L2" => Norm::L2,
        other => return Err(format!("norm {other} does not exist")),
    }))
}

impl Norm {
    fn scale(self, row: impl Iterator<Item = f32> + Clone) -> f32 {
        match self {
            Self::Max => row.fold(f32::MIN, f32::max),
            Self::L1 => row.map(f32::abs).sum(),
            Self::L2 => row.map(|value| f64::from(value) * f64::from(value)).sum::<f64>().sqrt() as f32,
        }
    }
}

impl Operator for Norm {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let divide = |value: &mut f32, scale: f32| {
            if scale != 0.0 {
                *value /= scale;
            }
        };
        if let (Value::Sparse(matrix), Self::L1 | Self::L2) = (inputs.get(0)?, self) {
            let mut matrix = matrix.clone();
            let mut start = 0;
            for &end in &matrix.ends {
                let row = &mut matrix.entries[start..end];
                let scale = self.scale(row.iter().map(|entry| entry.1));
                row.iter_mut().for_each(|entry| divide(&mut entry.1, scale));
                start = end;
            }
            return Ok(vec![Value::Sparse(matrix)]);
        }
        let mut tensor = inputs.get(0)?.floats()?.into_owned();
        let (_, columns) = tensor.shape.matrix();
        for row in tensor.data.chunks_exact_mut(columns.max(1)) {
            let scale = self.scale(row.iter().copied());
            row.iter_mut().for_each(|value| divide(value, scale));
        }
        Ok(vec![Value::Float(tensor)])
    }
}

#[derive(Debug)]
struct Binarizer {
    threshold: f32,
}

impl Operator for Binarizer {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let tensor = inputs.get(0)?.floats()?;
        Ok(vec![Value::Float(tensor.map(|&value| if value > self.threshold { 1.0 } else { 0.0 }))])
    }

    fn structure(&self) -> OperatorStructure<'_> {
        OperatorStructure::ByColumn
    }
}

/// `FeatureVectorizer`: joins matrices side by side, as float32.
#[derive(Debug)]
struct FeatureVectorizer;

impl Operator for FeatureVectorizer {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let parts = (0..inputs.len()).map(|at| inputs.get(at)?.floats()).collect::<Result<Vec<_>, String>>()?;
        let sizes: Vec<(usize, usize)> = parts.iter().map(|part| part.shape.matrix()).collect();
        let rows = sizes.first().map_or(0, |&(rows, _)| rows);
        if sizes.iter().any(|&(other, _)| other != rows) {
            return Err("the inputs have unlike numbers of rows".into());
        }
        let columns = sizes.iter().map(|&(_, columns)| columns).sum();
        let shape = Shape::new(&[rows, columns]).ok_or("the result would be too large")?;
        let mut data = Vec::with_capacity(shape.count());
        for row in 0..rows {
            for (part, &(_, width)) in parts.iter().zip(&sizes) {
                data.extend_from_slice(&part.data[row * width..(row + 1) * width]);
            }
        }
        Ok(vec![Value::Float(Tensor { shape, data })])
    }

    fn structure(&self) -> OperatorStructure<'_> {
        OperatorStructure::Joined
    }
}

/// `ArrayFeatureExtractor`: picks columns (the last dimension).
#[derive(Debug)]
struct ArrayFeatureExtractor;

impl Operator for ArrayFeatureExtractor {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let picks = &inputs.get(1)?.ints()?.data;
        Ok(vec![match inputs.get(0)? {
            Value::Float(tensor) => Value::Float(extract(tensor, picks)?),
            Value::Double(tensor) => Value::Double(extract(tensor, picks)?),
            Value::Int(tensor) => Value::Int(extract(tensor, picks)?),
            Value::Text(tensor) => Value::Text(extract(tensor, picks)?),
            Value::Bool(tensor) => Value::Bool(extract(tensor, picks)?),
            Value::Sparse(matrix) => Value::Float(extract(&matrix.dense()?, picks)?),
            other => return Err(format!("nothing can be picked from a {}", other.kind())),
        }])
    }

    fn structure(&self) -> OperatorStructure<'_> {
        OperatorStructure::Picked
    }
}

fn extract<T: Clone>(tensor: &Tensor<T>, picks: &[i64]) -> Result<Tensor<T>, String> {
    let columns = tensor.shape.dims().last().copied().unwrap_or(1);
    // Python counts negative places from the end; radius neighbours name so what they then multiply by zero.
    let from_start = |pick: i64| if pick < 0 { pick.saturating_add(columns as i64) } else { pick };
    let place = |&pick: &i64| usize::try_from(from_start(pick)).ok().filter(|&pick| pick < columns).ok_or(pick);
    let picks = picks.iter().map(place);
    let picks = picks.collect::<Result<Vec<_>, _>>().map_err(|pick| format!("column {pick} is not below {columns}"))?;
    let rows = tensor.data.len().checked_div(columns).unwrap_or(0);
    let shape = Shape::new(&[rows, picks.len()]).ok_or("the result would be too large")?;
    let row = |row: usize| picks.iter().map(move |&pick| tensor.data[row * columns + pick].clone());
    let mut data = Vec::with_capacity(shape.count());
    (0..rows).for_each(|at| data.extend(row(at)));
    Ok(Tensor { shape, data })
}

/// `ZipMap` names the columns of a matrix; the matrix itself passes through.
#[derive(Debug)]
struct ZipMap(ClassLabels);

fn zip_map(node: &Attributes<'_>) -> Built {
    Ok(Box::new(ZipMap(node.classes("classlabels_strings", "classlabels_int64s")?)))
}

impl Operator for ZipMap {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        Ok(vec![inputs.get(0)?.clone()])
    }

    fn classes(&self) -> Option<Vec<String>> {
        Some(self.0.names())
    }

    fn structure(&self) -> OperatorStructure<'_> {
        OperatorStructure::Same
    }
}
