//! A model of an ONNX file: its graph, and how columns go in and answers come out.

use std::{borrow::Cow, ops::Range, sync::OnceLock};

use kilter_domain::table::Table;

use crate::{
    error::{LoadError, PredictError},
    graph::{BLOCK_ROWS, Graph},
    input::{self, InputSlot},
    onnx::{ModelProto, element},
    outputs::{self, OutputSlots},
    prediction::Prediction,
    signature::{BASELINE_KEY, Infinite, Input, InputKind, Missing, SIGNATURE_KEY, Signature, Task},
    tensor::Value,
};

/// A graph with its inputs and outputs.
#[derive(Debug)]
pub(crate) struct OnnxModel {
    pub graph: Graph,
    pub slots: Vec<InputSlot>,
    pub outputs: OutputSlots,
    /// Whether one score a row is a probability: a sigmoid made it.
    answers_probabilities: bool,
    /// How many rows run at once; found out with the first row.
    block_rows: OnceLock<usize>,
}

/// What an ONNX file says.
pub(crate) struct OnnxFile {
    pub model: OnnxModel,
    pub signature: Signature,
    pub has_written_signature: bool,
    /// What each column adds to each score of a linear model in the mean over its training rows: columns x scores.
    pub baseline: Option<Vec<f64>>,
}

impl OnnxFile {
    /// Reads an ONNX file. Operators and their settings are checked here.
    pub fn read(bytes: &[u8]) -> Result<Self, LoadError> {
        let mut proto = ModelProto::decode(bytes)?;
        outputs::join_columns(&mut proto);
        let graph = Graph::compile(&proto)?;
        let slots = input::slots(&proto)?;
        let outputs = outputs::slots(&proto.graph.outputs)?;
        let written = written_signature(&proto)?;
        let has_written_signature = written.is_some();
        let signature = match written {
            Some(signature) => signature,
            None => guessed_signature(&slots, &outputs, &graph, &proto)?,
        };
        let width: usize = slots.iter().map(|slot| slot.width).sum();
        if signature.inputs.len() != width {
            return Err(LoadError::BadSignature {
                key: SIGNATURE_KEY.into(),
                reason: format!("it names {} columns, the graph takes {width}", signature.inputs.len()),
            });
        }
        let baseline = written_baseline(&proto, &signature)?;
        let answers_probabilities = graph.is_made_by_sigmoid(graph.output(outputs.numbers));
        let model = OnnxModel { graph, slots, outputs, answers_probabilities, block_rows: OnceLock::new() };
        Ok(Self { model, signature, has_written_signature, baseline })
    }
}

impl OnnxModel {
    /// How many rows run through the graph at once: what lies between two nodes stays small, whatever the table's size and
    /// however wide the graph is.
    pub fn block_rows(&self, inputs: &[Input], table: &Table) -> usize {
        if let Some(rows) = self.block_rows.get() {
            return *rows;
        }
        let first = 0..table.rows().min(1);
        match input::values(&self.slots, inputs, table, first) {
            Ok(first) if table.rows() > 0 => *self.block_rows.get_or_init(|| self.graph.block_rows(first)),
            // A row that does not fit is reported by the block that it stands in.
            _ => BLOCK_ROWS,
        }
    }

    /// Adds the answers to the rows `rows` of `table`.
    pub fn predict(
        &self,
        inputs: &[Input],
        table: &Table,
        rows: Range<usize>,
        answer: &mut Prediction,
    ) -> Result<(), PredictError> {
        let values = input::values(&self.slots, inputs, table, rows.clone())?;
        let results = self.graph.run(values)?;
        let wrong = |reason: String| PredictError::Node { node: "the outputs".into(), reason };
        let numbers = &results[self.outputs.numbers];
        if answer.task() == Task::Regression {
            return answer.push_values(&numbers.doubles().map_err(wrong)?.data, rows.len()).map_err(wrong);
        }
        let mut numbers = self.by_class(numbers, answer.classes.len(), rows.len()).map_err(wrong)?;
        let picked = match self.outputs.label {
            None => None,
            Some(at) => Some(outputs::class_indices(&results[at], &answer.classes).map_err(wrong)?),
        };
        if let Some(picked) = &picked {
            outputs::align_margins(&mut numbers, picked, answer.classes.len());
        }
        answer.push_classes(&numbers, picked, rows.len()).map_err(wrong)
    }

    /// Whether `table` has the columns.
    pub fn check(&self, inputs: &[Input], table: &Table) -> Result<(), PredictError> {
        input::values(&self.slots, inputs, table, 0..0).map(drop)
    }

    /// One number a class and row. Some binary models (support vectors, ridge) answer one score a row: the second
    /// class's, of which the first has the rest to one (a probability) or the opposite (a margin, which parts at 0).
    fn by_class<'v>(&self, numbers: &'v Value, classes: usize, rows: usize) -> Result<Cow<'v, [f32]>, String> {
        let numbers = match numbers.floats()? {
            Cow::Borrowed(tensor) => Cow::Borrowed(&tensor.data[..]),
            Cow::Owned(tensor) => Cow::Owned(tensor.data),
        };
        if classes != 2 || numbers.len() != rows {
            return Ok(numbers);
        }
        let first = |score: f32| if self.answers_probabilities { 1.0 - score } else { -score };
        Ok(numbers.iter().flat_map(|&score| [first(score), score]).collect())
    }
}

fn written_signature(proto: &ModelProto) -> Result<Option<Signature>, LoadError> {
    let found = proto.metadata.iter().find(|(key, _)| key == SIGNATURE_KEY);
    let bad = |reason| LoadError::BadSignature { key: SIGNATURE_KEY.into(), reason };
    found.map(|(_, text)| Signature::parse(text).map_err(bad)).transpose()
}

/// By column of the signature, what it adds to each score in the mean. One entry a column, all of one length.
fn written_baseline(proto: &ModelProto, signature: &Signature) -> Result<Option<Vec<f64>>, LoadError> {
    let Some((key, text)) = proto.metadata.iter().find(|(key, _)| key == BASELINE_KEY) else {
        return Ok(None);
    };
    let bad = |reason: String| LoadError::BadSignature { key: key.clone(), reason };
    let columns: Vec<Vec<f64>> = serde_json::from_str(text).map_err(|error| bad(error.to_string()))?;
    let scores = match signature.task {
        Task::Multiclass => signature.classes.len(),
        _ => 1,
    };
    if columns.len() == signature.inputs.len() && columns.iter().all(|column| column.len() == scores) {
        Ok(Some(columns.concat()))
    } else {
        Err(bad(format!("it does not hold {scores} numbers for each of {} columns", signature.inputs.len())))
    }
}

/// What can be known of a foreign file: a matrix input `x` of `n` columns takes the columns `x_0` to `x_{n-1}`.
fn guessed_signature(
    slots: &[InputSlot],
    outputs: &OutputSlots,
    graph: &Graph,
    proto: &ModelProto,
) -> Result<Signature, LoadError> {
    let mut inputs = Vec::new();
    for slot in slots {
        let kind = match slot.element {
            element::STRING => InputKind::Text,
            element::INT64 | element::INT32 => InputKind::Integer,
            element::BOOL => InputKind::Boolean,
            _ => InputKind::Number,
        };
        // Whole numbers and booleans have no missing value; floats and texts hand theirs (NaN, "") to the model.
        let missing = match kind {
            InputKind::Integer | InputKind::Boolean => Missing::Refused,
            _ => Missing::Allowed,
        };
        let name = |at: usize| if slot.width == 1 { slot.name.clone() } else { format!("{}_{at}", slot.name) };
        let input = |at: usize| Input { name: name(at), kind, missing, infinite: Infinite::Passed, optional: false };
        inputs.extend((0..slot.width).map(input));
    }
    let classes = match outputs.label {
        None => Vec::new(),
        Some(label) => graph
            .classes(graph.output(label))
            .or_else(|| outputs.numbered_classes(&proto.graph.outputs))
            .ok_or_else(|| LoadError::UnknownOutputs("there is a label, but no node names the classes".into()))?,
    };
    let task = match (outputs.label, classes.len()) {
        (None, _) => Task::Regression,
        (_, 2) => Task::Binary,
        _ => Task::Multiclass,
    };
    Ok(Signature { inputs, task, classes, target: None })
}
