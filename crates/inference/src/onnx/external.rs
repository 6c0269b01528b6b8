//! A model whose larger tensors are in other files, as the `onnx` package and MLflow write it, made one file.

use super::{
    decode::{MAX_BYTES, bounded, entry},
    wire::{Field, Reader, Writer},
};
use crate::error::LoadError;

/// Field of a model: its graph.
const GRAPH: u32 = 7;
/// Field of a graph: an initialiser.
const INITIALIZER: u32 = 5;
/// Fields of a tensor: its name, its bytes, where they are, and whether they are elsewhere.
const NAME: u32 = 8;
const RAW: u32 = 9;
const EXTERNAL: u32 = 13;
const DATA_LOCATION: u32 = 14;

/// Where the bytes of a tensor are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExternalData {
    /// The file, relative to that of the model.
    pub location: String,
    /// The first byte.
    pub offset: u64,
    /// How many bytes; `None`: to the end of the file.
    pub length: Option<u64>,
}

/// Gives the bytes of a tensor, at most so many, or the reason why not.
pub type ReadTensor<'r> = dyn FnMut(&ExternalData, u64) -> Result<Vec<u8>, String> + 'r;

/// The model as one file: each tensor that is in another file gets its bytes from `read`. A model that is one file already stays
/// as it is.
///
/// # Errors
/// If the bytes are no ONNX model, `read` fails (with its reason), or the model would be larger than 512 MiB.
pub fn inline_external(bytes: Vec<u8>, read: &mut ReadTensor<'_>) -> Result<Vec<u8>, LoadError> {
    let (mut out, mut is_changed) = (Writer::default(), false);
    let mut left = MAX_BYTES as u64;
    let mut model = Reader::new(&bytes, 0);
    while let Some(field) = model.next()? {
        if field.number != GRAPH {
            out.copy(&field);
            continue;
        }
        let mut inner = Writer::default();
        let mut graph = field.message()?;
        while let Some(field) = graph.next()? {
            match external(&field)? {
                Some((name, place)) => {
                    let failed = |reason| broken(&name, &place.location, reason);
                    let data = read(&place, left).map_err(failed)?;
                    left = left.saturating_sub(data.len() as u64);
                    inner.put(INITIALIZER, &inlined(&field, &data)?);
                    is_changed = true;
                }
                None => inner.copy(&field),
            }
        }
        out.put(GRAPH, &inner.bytes);
        bounded("the model with the tensors of its other files in bytes", out.bytes.len(), MAX_BYTES)?;
    }
    Ok(if is_changed { out.bytes } else { bytes })
}

fn broken(tensor: &str, location: &str, reason: String) -> LoadError {
    LoadError::BrokenGraph(format!(
        "the tensor `{tensor}` keeps its data in `{location}`, which cannot be read: {reason}"
    ))
}

/// The name of an initialiser that is in another file, and where; `None` for everything else.
fn external(field: &Field<'_>) -> Result<Option<(String, ExternalData)>, LoadError> {
    if field.number != INITIALIZER {
        return Ok(None);
    }
    let (mut name, mut place) = (String::new(), None::<ExternalData>);
    let mut tensor = field.message()?;
    while let Some(field) = tensor.next()? {
        match field.number {
            NAME => name = field.text()?,
            EXTERNAL => {
                let (key, value) = entry(&field)?;
                let place = place.get_or_insert_default();
                let number = || {
                    let wrong = || format!("its {key} `{value}` is no number");
                    value.parse::<u64>().map_err(|_| broken(&name, &place.location, wrong()))
                };
                match key.as_str() {
                    "offset" => place.offset = number()?,
                    "length" => place.length = Some(number()?),
                    "location" => place.location = value,
                    _ => {}
                }
            }
            _ => {}
        }
    }
    Ok(place.map(|place| (name, place)))
}

/// The tensor with its bytes in it.
fn inlined(field: &Field<'_>, data: &[u8]) -> Result<Vec<u8>, LoadError> {
    let mut out = Writer::default();
    let mut tensor = field.message()?;
    while let Some(field) = tensor.next()? {
        if ![RAW, EXTERNAL, DATA_LOCATION].contains(&field.number) {
            out.copy(&field);
        }
    }
    out.put(RAW, data);
    Ok(out.bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::{ModelProto, TensorData};

    /// A model of one initialiser, with these entries of external data or with its bytes.
    fn model(entries: &[(&str, &str)]) -> Vec<u8> {
        let mut out = Writer::default();
        out.int(1, 8);
        out.message(GRAPH, |graph| {
            graph.message(INITIALIZER, |tensor| {
                tensor.int(1, 2);
                tensor.int(2, 1);
                tensor.put(NAME, b"w");
                for (key, value) in entries {
                    tensor.message(EXTERNAL, |entry| {
                        entry.put(1, key.as_bytes());
                        entry.put(2, value.as_bytes());
                    });
                }
                if entries.is_empty() {
                    tensor.put(RAW, &[0; 8]);
                } else {
                    tensor.int(DATA_LOCATION, 1);
                }
            });
            graph.put(2, b"g");
        });
        out.bytes
    }

    #[test]
    fn a_tensor_of_another_file_comes_into_the_model() {
        let split = model(&[("location", "w.data"), ("offset", "4"), ("length", "8")]);
        let mut asked = Vec::new();
        let whole = inline_external(split, &mut |place, _| {
            asked.push(place.clone());
            Ok([1.5f32.to_le_bytes(), 2.5f32.to_le_bytes()].concat())
        });
        let whole = whole.unwrap();
        assert_eq!(asked, [ExternalData { location: "w.data".to_owned(), offset: 4, length: Some(8) }]);
        let decoded = ModelProto::decode(&whole).unwrap();
        assert_eq!(decoded.graph.name, "g");
        assert_eq!(decoded.graph.initializers[0].data, TensorData::Float(vec![1.5, 2.5]));
        // One that is whole is not touched, and nothing is asked.
        let untouched = inline_external(model(&[]), &mut |_, _| panic!("nothing is elsewhere")).unwrap();
        assert_eq!(untouched, model(&[]));
    }

    #[test]
    fn what_is_wrong_with_another_file_is_said_with_the_tensor() {
        let refused = |entries: &[(&str, &str)]| {
            inline_external(model(entries), &mut |_, _| Err("it is not there".to_owned())).unwrap_err().to_string()
        };
        let error = refused(&[("location", "w.data")]);
        assert!(error.contains("`w` keeps its data in `w.data`, which cannot be read: it is not there"), "{error}");
        let error = refused(&[("location", "w.data"), ("offset", "-1")]);
        assert!(error.contains("its offset `-1` is no number"), "{error}");
        assert!(inline_external(b"no model".to_vec(), &mut |_, _| Ok(Vec::new())).is_err());
    }
}
