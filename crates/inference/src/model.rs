//! A loaded model: from bytes to answers.

use std::{
    borrow::Cow,
    ops::Range,
    sync::{Arc, OnceLock},
};

use kilter_domain::table::Table;

use crate::{
    error::{ExplainError, LoadError, PredictError},
    estimator::prepared::Prepared,
    graph::{BLOCK_ROWS, Graph},
    input::{self, InputSlot},
    onnx::{ModelProto, element},
    outputs::{self, OutputSlots},
    prediction::Prediction,
    signature::{BASELINE_KEY, Infinite, Input, InputKind, Missing, SIGNATURE_KEY, Signature, Task},
    tensor::Value,
};

/// The most numbers of one answer (rows times classes): more would not fit beside its table.
const MAX_ANSWERED: usize = 1 << 27;

/// An immutable, loaded model. `Send + Sync`; share it behind an `Arc`.
#[derive(Debug)]
pub struct Model {
    pub(crate) graph: Graph,
    pub(crate) slots: Vec<InputSlot>,
    signature: Signature,
    classes: Arc<[Arc<str>]>,
    pub(crate) outputs: OutputSlots,
    /// Whether one score a row is a probability: a sigmoid made it.
    answers_probabilities: bool,
    /// What each column adds to each score of a linear model in the mean over its training rows: columns x scores.
    pub(crate) baseline: Option<Vec<f64>>,
    /// How many rows run at once; found out with the first row.
    block_rows: OnceLock<usize>,
    /// Whether the columns have names that somebody gave them, in the file or by a table.
    pub(crate) names_columns: bool,
    /// Whether the file holds its signature.
    pub(crate) has_written_signature: bool,
    /// Made when the first explanation is asked for.
    pub(crate) explanation: OnceLock<Result<Arc<Prepared>, ExplainError>>,
}

impl Model {
    /// Reads an ONNX file. Operators and their settings are checked here.
    pub fn from_onnx(bytes: &[u8]) -> Result<Self, LoadError> {
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
        let classes = signature.classes.iter().map(|name| Arc::from(name.as_str())).collect();
        let baseline = written_baseline(&proto, &signature)?;
        let answers_probabilities = graph.is_made_by_sigmoid(graph.output(outputs.numbers));
        Ok(Self {
            graph,
            slots,
            signature,
            classes,
            outputs,
            answers_probabilities,
            baseline,
            block_rows: OnceLock::new(),
            names_columns: has_written_signature,
            has_written_signature,
            explanation: OnceLock::new(),
        })
    }

    /// What the model takes and answers.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Calls the columns of the signature by these names.
    pub(crate) fn name_columns(&mut self, names: Vec<String>) {
        self.signature.inputs.iter_mut().zip(names).for_each(|(input, name)| input.name = name);
        self.names_columns = true;
    }

    /// The answers to the rows of `table`. Columns are taken by name, others are ignored; numbers, booleans and whole
    /// numbers are converted where nothing is lost but float32 rounding.
    pub fn predict(&self, table: &Table) -> Result<Prediction, PredictError> {
        if table.rows().saturating_mul(self.classes.len()) > MAX_ANSWERED {
            return Err(PredictError::TooMuch { rows: table.rows(), classes: self.classes.len(), limit: MAX_ANSWERED });
        }
        let mut answer = Prediction::empty(self.signature.task, Arc::clone(&self.classes), table.rows());
        let mut start = 0;
        let block = self.block_rows(table);
        while start < table.rows() {
            let end = table.rows().min(start + block);
            self.predict_block(table, start..end, &mut answer)?;
            start = end;
        }
        if table.rows() == 0 {
            // The columns are checked although there is nothing to answer.
            input::values(&self.slots, &self.signature.inputs, table, 0..0)?;
        }
        Ok(answer)
    }

    /// How many rows run through the graph at once: what lies between two nodes stays small, whatever the table's size and
    /// however wide the graph is.
    pub(crate) fn block_rows(&self, table: &Table) -> usize {
        if let Some(rows) = self.block_rows.get() {
            return *rows;
        }
        let first = 0..table.rows().min(1);
        match input::values(&self.slots, &self.signature.inputs, table, first) {
            Ok(first) if table.rows() > 0 => *self.block_rows.get_or_init(|| self.graph.block_rows(first)),
            // A row that does not fit is reported by the block that it stands in.
            _ => BLOCK_ROWS,
        }
    }

    fn predict_block(&self, table: &Table, rows: Range<usize>, answer: &mut Prediction) -> Result<(), PredictError> {
        let values = input::values(&self.slots, &self.signature.inputs, table, rows.clone())?;
        let results = self.graph.run(values)?;
        let wrong = |reason: String| PredictError::Node { node: "the outputs".into(), reason };
        let numbers = &results[self.outputs.numbers];
        if self.signature.task == Task::Regression {
            return answer.push_values(&numbers.doubles().map_err(wrong)?.data, rows.len()).map_err(wrong);
        }
        let mut numbers = self.by_class(numbers, rows.len()).map_err(wrong)?;
        let picked = match self.outputs.label {
            None => None,
            Some(at) => Some(outputs::class_indices(&results[at], &self.classes).map_err(wrong)?),
        };
        if let Some(picked) = &picked {
            outputs::align_margins(&mut numbers, picked, self.classes.len());
        }
        answer.push_classes(&numbers, picked, rows.len()).map_err(wrong)
    }

    /// One number a class and row. Some binary models (support vectors, ridge) answer one score a row: the second
    /// class's, of which the first has the rest to one (a probability) or the opposite (a margin, which parts at 0).
    fn by_class<'v>(&self, numbers: &'v Value, rows: usize) -> Result<Cow<'v, [f32]>, String> {
        let numbers = match numbers.floats()? {
            Cow::Borrowed(tensor) => Cow::Borrowed(&tensor.data[..]),
            Cow::Owned(tensor) => Cow::Owned(tensor.data),
        };
        if self.classes.len() != 2 || numbers.len() != rows {
            return Ok(numbers);
        }
        let first = |score: f32| if self.answers_probabilities { 1.0 - score } else { -score };
        Ok(numbers.iter().flat_map(|&score| [first(score), score]).collect())
    }
}

fn written_signature(proto: &ModelProto) -> Result<Option<Signature>, LoadError> {
    let Some((key, text)) = proto.metadata.iter().find(|(key, _)| key == SIGNATURE_KEY) else {
        return Ok(None);
    };
    let bad = |reason: String| LoadError::BadSignature { key: key.clone(), reason };
    let signature: Signature = serde_json::from_str(text).map_err(|error| bad(error.to_string()))?;
    let fits = match signature.task {
        Task::Regression => signature.classes.is_empty(),
        Task::Binary => signature.classes.len() == 2,
        Task::Multiclass => signature.classes.len() >= 2,
    };
    if fits {
        Ok(Some(signature))
    } else {
        Err(bad(format!("{} classes do not make a {} task", signature.classes.len(), signature.task)))
    }
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
