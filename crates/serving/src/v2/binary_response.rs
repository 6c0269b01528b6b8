//! Answers whose outputs are not all plain JSON: binary data behind the JSON, and the best classes in place of
//! probabilities, as Triton's extensions of the protocol word them.

use std::sync::Arc;

use super::{
    OutputFormat, V2Error,
    response::{Answer, OutputTensor, OutputValues, PROBABILITIES, Separator, begin, number},
};

/// The body of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseBody {
    /// JSON, and binary data of outputs behind it.
    pub bytes: Vec<u8>,
    /// Bytes of the JSON, for the header `Inference-Header-Content-Length`; `None`: all are JSON.
    pub json_length: Option<usize>,
}

/// The body of an answer in the format that its request asked for. `classes` are those of the probabilities.
pub fn write_formatted(answer: &Answer<'_>, format: &OutputFormat, classes: &[String]) -> ResponseBody {
    let (mut bytes, mut binary) = (Vec::with_capacity(256), Vec::new());
    let (mut separator, mut has_binary) = (Separator::default(), false);
    begin(answer, &mut bytes);
    for output in answer.outputs() {
        separator.put(&mut bytes);
        let wanted = format.classification(output.name);
        match (wanted, output.values) {
            (Some(wanted), OutputValues::Singles(values)) => {
                let width = output.shape().get(1).copied().unwrap_or(1);
                let count = wanted.min(width);
                let best = best_classes(values, (width, count), classes);
                has_binary |= write(output.with_texts(&best, count), format, (&mut bytes, &mut binary));
            }
            _ => has_binary |= write(output, format, (&mut bytes, &mut binary)),
        }
    }
    bytes.extend_from_slice(b"]}");
    let json_length = has_binary.then_some(bytes.len());
    bytes.append(&mut binary);
    ResponseBody { bytes, json_length }
}

/// Writes one output as JSON, or its head as JSON and its values as binary data; whether it has binary data.
fn write(output: OutputTensor<'_>, format: &OutputFormat, (json, binary): (&mut Vec<u8>, &mut Vec<u8>)) -> bool {
    if !format.is_binary(output.name) {
        output.write_json(json);
        return false;
    }
    let before = binary.len();
    output.write_raw(binary);
    output.head().write(json);
    json.extend_from_slice(b",\"parameters\":{\"binary_data_size\":");
    number(json, binary.len() - before);
    json.extend_from_slice(b"}}");
    true
}

/// The best classes of each row, best first, each as `PROBABILITY:INDEX:CLASS`; of equal ones the first counts more.
fn best_classes(values: &[f32], (width, count): (usize, usize), classes: &[String]) -> Vec<Arc<str>> {
    let mut best = Vec::with_capacity(values.len().checked_div(width).unwrap_or(0) * count);
    for row in values.chunks(width.max(1)) {
        let mut order: Vec<usize> = (0..row.len()).collect();
        order.sort_by(|one, other| row[*other].total_cmp(&row[*one]));
        let written = order.iter().take(count).map(|&at| match classes.get(at) {
            Some(class) => format!("{:.6}:{at}:{class}", row[at]).into(),
            None => format!("{:.6}:{at}", row[at]).into(),
        });
        best.extend(written);
    }
    best
}

/// Refuses a classification of what are no probabilities of classes, or of no class.
pub(crate) fn check_format(format: &OutputFormat) -> Result<(), V2Error> {
    let refuse = |problem: String| Err(V2Error::BadParameter { name: "classification".into(), problem });
    for (name, options) in &format.by_name {
        match options.classification {
            None => {}
            Some(0) => return refuse(format!("of the output `{name}` must be at least 1")),
            Some(_) if name != PROBABILITIES => {
                let name = name.chars().take(80).collect::<String>();
                return refuse(format!("is for the output `{PROBABILITIES}`, not for `{name}`"));
            }
            Some(_) => {}
        }
    }
    Ok(())
}
