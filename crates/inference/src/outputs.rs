//! Which of a graph's outputs hold the label and the numbers, and what the forms mean in which converters write them.
//!
//! A classifier answers a label and one number per class. An outlier detector answers the label -1 or 1 and one margin, that of 1; a clustering
//! answers the number of the cluster and one number per cluster. A regressor answers one number.

use std::{borrow::Cow, sync::Arc};

use crate::{
    error::LoadError,
    onnx::{AttributeValue, Dim, ModelProto, NodeProto, TensorData, TensorProto, ValueInfo, element},
    tensor::Value,
};

/// Which of the graph's outputs hold what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct OutputSlots {
    pub label: Option<usize>,
    /// Probabilities of a classifier, the values of a regressor.
    pub numbers: usize,
}

/// What the joined columns are called.
const JOINED: &str = "kilter.joined_columns";

/// The shape of a column.
const COLUMN: &str = "kilter.column";

/// The output that detectors and mixtures have beside their scores when `score_samples` is asked for.
const SCORE_SAMPLES: &str = "score_samples";

/// The most outputs of which one is a class.
const MAX_COLUMNS: usize = 1_000;

fn is_label(info: &ValueInfo) -> bool {
    matches!(info.element, element::INT64 | element::STRING | element::INT32)
}

fn width(info: &ValueInfo) -> Option<i64> {
    match info.shape.as_deref() {
        Some([_, Dim::Fixed(width)]) => Some(*width),
        Some([_]) => Some(1),
        _ => None,
    }
}

/// skl2onnx with `zipmap="columns"` makes every class an output: here they become one again.
pub(crate) fn join_columns(proto: &mut ModelProto) {
    let outputs = &proto.graph.outputs;
    let columns: Vec<&ValueInfo> = outputs.iter().filter(|info| !is_label(info)).collect();
    let is_column = |info: &&ValueInfo| info.element != 0 && width(info) == Some(1) && info.name != SCORE_SAMPLES;
    let has_label = columns.len() + 1 == outputs.len();
    if !has_label || !(2..=MAX_COLUMNS).contains(&columns.len()) || !columns.iter().all(is_column) {
        return;
    }
    let turned: Vec<String> = (0..columns.len()).map(|at| format!("{JOINED}.{at}")).collect();
    let reshape = |(info, name): (&&ValueInfo, &String)| NodeProto::new("", "Reshape", &[&info.name, COLUMN], &[name]);
    let mut nodes: Vec<NodeProto> = columns.iter().zip(&turned).map(reshape).collect();
    let names: Vec<&str> = turned.iter().map(String::as_str).collect();
    nodes.push(NodeProto::new("", "Concat", &names, &[JOINED]).with("axis", AttributeValue::Int(1)));
    let column = TensorProto { name: COLUMN.into(), dims: vec![2], data: TensorData::Int(vec![-1, 1]) };
    let dims = vec![Dim::Free(String::new()), Dim::Fixed(columns.len() as i64)];
    let joined = ValueInfo { name: JOINED.into(), element: columns[0].element, shape: Some(dims) };
    proto.graph.initializers.push(column);
    proto.graph.nodes.extend(nodes);
    proto.graph.outputs.retain(is_label);
    proto.graph.outputs.push(joined);
}

/// Labels are whole numbers or texts, probabilities and values are floats (or a list of maps, which `ZipMap` makes).
pub(crate) fn slots(infos: &[ValueInfo]) -> Result<OutputSlots, LoadError> {
    let label = infos.iter().position(is_label);
    let mut numbers = infos.iter().enumerate().filter(|(_, info)| !is_label(info) && info.name != SCORE_SAMPLES);
    let first = numbers.next();
    let labels = infos.iter().filter(|info| is_label(info)).count();
    match (first, numbers.next(), labels) {
        (Some((numbers, _)), None, 0 | 1) => Ok(OutputSlots { label, numbers }),
        _ => Err(LoadError::UnknownOutputs(format!(
            "expected a label and probabilities, or one value; found {:?}",
            infos.iter().map(|info| &info.name).take(10).collect::<Vec<_>>()
        ))),
    }
}

impl OutputSlots {
    /// The classes of a label that no node names: -1 and 1 beside one number, else the numbers of the columns.
    pub fn numbered_classes(&self, infos: &[ValueInfo]) -> Option<Vec<String>> {
        let label = &infos[self.label?];
        match width(&infos[self.numbers]) {
            _ if label.element == element::STRING => None,
            Some(1) => Some(vec!["-1".into(), "1".into()]),
            Some(width) if (2..=100_000).contains(&width) => Some((0..width).map(|at| at.to_string()).collect()),
            _ => None,
        }
    }
}

/// The class numbers behind a label tensor. Where classes are texts, a whole number is the place of one (as skl2onnx writes it for
/// `OneVsOneClassifier`).
pub(crate) fn class_indices(labels: &Value, classes: &[Arc<str>]) -> Result<Vec<u32>, String> {
    let unknown = |name: &str| format!("the model answered the unknown class `{name}`");
    let find = |name: &str| classes.iter().position(|class| **class == *name).map(|at| at as u32);
    let are_numbers = classes.iter().all(|class| class.parse::<i64>().is_ok());
    match labels {
        Value::Text(tensor) => tensor.data.iter().map(|name| find(name).ok_or_else(|| unknown(name))).collect(),
        Value::Int(tensor) => {
            let index = |&label: &i64| match are_numbers {
                true => find(&label.to_string()),
                false => u32::try_from(label).ok().filter(|&at| (at as usize) < classes.len()),
            };
            tensor.data.iter().map(|label| index(label).ok_or_else(|| unknown(&label.to_string()))).collect()
        }
        other => Err(format!("labels are texts or whole numbers, not a {}", other.kind())),
    }
}

/// Margins of two classes whose label is the other one's are turned: `SVMClassifier` answers the margin of the first class as that of the
/// second, and its label is right. Probabilities are not touched.
pub(crate) fn align_margins(numbers: &mut Cow<'_, [f32]>, picked: &[u32], classes: usize) {
    if classes != 2 || numbers.len() != 2 * picked.len() {
        return;
    }
    let is_turned = |pair: &[f32], class: u32| {
        let class = class as usize;
        class < 2 && pair[0] == -pair[1] && pair[class] < pair[1 - class]
    };
    if numbers.chunks_exact(2).zip(picked).any(|(pair, &class)| is_turned(pair, class)) {
        let pairs = numbers.to_mut().chunks_exact_mut(2).zip(picked);
        pairs.filter(|(pair, class)| is_turned(pair, **class)).for_each(|(pair, _)| pair.swap(0, 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(name: &str, element: i32, width: i64) -> ValueInfo {
        let shape = Some(vec![Dim::Free("N".into()), Dim::Fixed(width)]);
        ValueInfo { name: name.into(), element, shape }
    }

    #[test]
    fn a_label_that_no_node_names_is_numbered() {
        let (label, score) = (info("label", element::INT64, 1), info("scores", element::FLOAT, 1));
        let of = |infos: &[ValueInfo]| slots(infos).unwrap().numbered_classes(infos);
        assert_eq!(of(&[label.clone(), score.clone()]), Some(vec!["-1".into(), "1".into()]));
        let samples = info(SCORE_SAMPLES, element::FLOAT, 1);
        assert_eq!(of(&[label.clone(), score.clone(), samples]), Some(vec!["-1".into(), "1".into()]));
        assert_eq!(of(&[label.clone(), info("scores", element::FLOAT, 3)]).unwrap(), ["0", "1", "2"]);
        assert_eq!(of(&[info("label", element::STRING, 1), score.clone()]), None);
        assert_eq!(of(std::slice::from_ref(&score)), None);
        for refused in [vec![score.clone(), score.clone()], vec![label.clone()], vec![label.clone(), label, score]] {
            assert!(slots(&refused).is_err(), "{refused:?}");
        }
    }

    #[test]
    fn margins_follow_the_label_and_probabilities_do_not() {
        let check = |numbers: &[f32], picked: &[u32], expected: &[f32]| {
            let mut numbers = Cow::Borrowed(numbers);
            align_margins(&mut numbers, picked, 2);
            assert_eq!(&*numbers, expected);
        };
        check(&[0.5, -0.5, -2.0, 2.0], &[1, 0], &[-0.5, 0.5, 2.0, -2.0]);
        check(&[-0.5, 0.5, 0.0, 0.0], &[1, 0], &[-0.5, 0.5, 0.0, 0.0]);
        check(&[0.7, 0.3], &[1], &[0.7, 0.3]);
    }
}
