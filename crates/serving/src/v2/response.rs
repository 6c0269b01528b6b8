//! Answers as JSON, written straight into the bytes of the body.

use std::sync::Arc;

use kilter_domain::nearest::nearest;
use kilter_inference::Task;

use super::{Datatype, ID_INPUT, V2Error, raw::write_text};
use crate::explanation::Explanation;

/// INT64 `[rows]`: the number of the version that answered each row.
const VERSION: &str = "__version";

/// FP64 `[rows]`: probability of the positive class, predicted value, or probability of the predicted class.
pub(super) const SCORE: &str = "score";
/// BYTES `[rows]`: the predicted class.
pub(super) const LABEL: &str = "label";
/// FP32 `[rows, classes]`: in the order of the model's classes.
pub(crate) const PROBABILITIES: &str = "probabilities";

/// FP64 `[rows, columns]`, of a model of several classes `[rows, classes, columns]`: what each column adds to the score.
const ATTRIBUTIONS: &str = "attributions";
/// FP64 `[rows]`, of a model of several classes `[rows, classes]`: the score from which the attributions start.
const ATTRIBUTION_BASE: &str = "attribution_base";
/// BYTES `[columns]`: the names of the columns of the attributions.
const ATTRIBUTION_COLUMNS: &str = "attribution_columns";
/// The outputs of an answer that is explained.
const EXPLANATION: [&str; 3] = [ATTRIBUTIONS, ATTRIBUTION_BASE, ATTRIBUTION_COLUMNS];

/// Whether an output is a part of the explanation: to name it is to ask for one.
pub(crate) fn is_explanation(output: &str) -> bool {
    EXPLANATION.contains(&output)
}

/// The outputs there are; `__id` are the prediction ids, by which labels find their row.
pub const OUTPUTS: [&str; 5] = [SCORE, LABEL, PROBABILITIES, ID_INPUT, VERSION];

/// What is answered; `ids`, `scores`, `labels` have one entry a row.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The name that the request used.
    pub model_name: &'a str,
    /// The version that answered.
    pub model_version: &'a str,
    /// The id of the request, given back.
    pub id: Option<&'a str>,
    /// Prediction ids; a label names its row by one.
    pub ids: &'a [Arc<str>],
    /// Which version answered each row; written when they differ, or when `__version` is wanted.
    pub versions: &'a [u64],
    /// One a row.
    pub scores: &'a [f64],
    /// One a row; none for a regression.
    pub labels: Option<&'a [Arc<str>]>,
    /// Row-major.
    pub probabilities: Option<&'a [f32]>,
    /// Why, where the request asked for it.
    pub explanation: Option<&'a Explanation>,
    /// Wanted outputs, checked by [`check_outputs`]; empty for all.
    pub wanted: &'a [String],
    /// Whether `__id` is among "all": the client did not give the ids itself.
    pub made_ids: bool,
    /// The input rules that marked rows, with their numbers of rows; written as a parameter.
    pub flagged: Option<&'a str>,
    /// The input rules that put other values in; written as a parameter.
    pub imputed: Option<&'a str>,
    /// The role of the version, if a request named it or it answered in place of another; `None`: the role of traffic.
    pub route: Option<&'static str>,
}

/// Refuses outputs that a model of this task does not have.
pub(crate) fn check_outputs(wanted: &[String], task: Task) -> Result<(), V2Error> {
    let known: Vec<&str> = outputs_of(task).iter().copied().chain(EXPLANATION).collect();
    match wanted.iter().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(V2Error::UnknownOutput {
            name: name.chars().take(80).collect(),
            nearest: nearest(name, known.iter().copied()).map(str::to_owned),
            known: known.iter().map(|name| (*name).to_owned()).collect(),
        }),
    }
}

fn outputs_of(task: Task) -> &'static [&'static str] {
    match task {
        Task::Regression => &[SCORE, ID_INPUT, VERSION],
        Task::Binary | Task::Multiclass => &OUTPUTS,
    }
}

/// Appends the body of the answer to `out`. A NaN is written as `null`: JSON has no NaN.
pub fn write_response(answer: &Answer<'_>, out: &mut Vec<u8>) {
    let rows = answer.scores.len();
    out.reserve(256 + rows * 64);
    begin(answer, out);
    let mut separator = Separator::default();
    for output in answer.outputs() {
        separator.put(out);
        output.write_json(out);
    }
    out.extend_from_slice(b"]}");
}

/// Writes what stands before the outputs.
pub(super) fn begin(answer: &Answer<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"model_name\":");
    text(out, answer.model_name);
    out.extend_from_slice(b",\"model_version\":");
    text(out, answer.model_version);
    if let Some(id) = answer.id {
        out.extend_from_slice(b",\"id\":");
        text(out, id);
    }
    if answer.parameters().next().is_some() {
        out.extend_from_slice(b",\"parameters\":{");
        let mut separator = Separator::default();
        for (name, value) in answer.parameters() {
            separator.put(out);
            text(out, name);
            out.push(b':');
            text(out, value);
        }
        out.push(b'}');
    }
    out.extend_from_slice(b",\"outputs\":[");
}

/// One tensor of an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OutputTensor<'a> {
    /// Its name.
    pub name: &'static str,
    /// Its datatype.
    pub datatype: Datatype,
    /// Its values, row-major.
    pub values: OutputValues<'a>,
    shape: [usize; 3],
    dimensions: usize,
}

/// The values of an output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OutputValues<'a> {
    /// FP64.
    Doubles(&'a [f64]),
    /// FP32.
    Singles(&'a [f32]),
    /// BYTES.
    Texts(&'a [Arc<str>]),
    /// INT64; none of them is negative.
    Wholes(&'a [u64]),
}

impl<'a> OutputTensor<'a> {
    fn rows(name: &'static str, datatype: Datatype, rows: usize, values: OutputValues<'a>) -> Self {
        Self { name, datatype, values, shape: [rows, 1, 1], dimensions: 1 }
    }

    /// The same output with other values, in as many columns.
    pub(super) fn with_texts<'b>(&self, values: &'b [Arc<str>], columns: usize) -> OutputTensor<'b> {
        let values = OutputValues::Texts(values);
        OutputTensor {
            name: self.name,
            datatype: Datatype::Bytes,
            values,
            shape: [self.shape[0], columns, 1],
            dimensions: 2,
        }
    }

    /// `[rows]`, of the probabilities `[rows, classes]`; see also the outputs of an explanation.
    pub fn shape(&self) -> &[usize] {
        &self.shape[..self.dimensions]
    }

    pub(super) fn head(&self) -> TensorHead<'_> {
        TensorHead::new(self.name, self.datatype.as_str(), self.shape())
    }

    /// Appends the tensor as JSON.
    pub(super) fn write_json(&self, out: &mut Vec<u8>) {
        let head = self.head();
        match self.values {
            OutputValues::Doubles(values) => tensor(out, head, values, |out, value| number(out, *value)),
            OutputValues::Singles(values) => tensor(out, head, values, |out, value| number(out, *value)),
            OutputValues::Texts(values) => tensor(out, head, values, |out, value| text(out, value)),
            OutputValues::Wholes(values) => tensor(out, head, values, |out, value| number(out, *value)),
        }
    }

    /// Appends the values as bytes, as [`super::read_raw`] reads them: NaN and infinities stay what they are.
    pub fn write_raw(&self, out: &mut Vec<u8>) {
        match self.values {
            OutputValues::Doubles(values) => {
                values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes()))
            }
            OutputValues::Singles(values) => {
                values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes()))
            }
            OutputValues::Texts(values) => values.iter().for_each(|value| write_text(value, out)),
            OutputValues::Wholes(values) => values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes())),
        }
    }
}

impl<'a> Answer<'a> {
    /// The parameters of the response, each a text.
    pub fn parameters(&self) -> impl Iterator<Item = (&'static str, &'a str)> + use<'a> {
        let all = [("flagged", self.flagged), ("imputed", self.imputed), ("route", self.route)];
        all.into_iter().filter_map(|(name, value)| Some((name, value?)))
    }

    /// The outputs that are wanted, in the order of [`OUTPUTS`].
    pub fn outputs(&self) -> impl Iterator<Item = OutputTensor<'a>> + use<'a> {
        let rows = self.scores.len();
        let one = |name, datatype, values| OutputTensor::rows(name, datatype, rows, values);
        let probabilities = self.probabilities.map(|values| OutputTensor {
            shape: [rows, values.len().checked_div(rows).unwrap_or(0), 1],
            dimensions: 2,
            ..one(PROBABILITIES, Datatype::Fp32, OutputValues::Singles(values))
        });
        let all = [
            Some(one(SCORE, Datatype::Fp64, OutputValues::Doubles(self.scores))),
            self.labels.map(|labels| one(LABEL, Datatype::Bytes, OutputValues::Texts(labels))),
            probabilities,
            Some(one(ID_INPUT, Datatype::Bytes, OutputValues::Texts(self.ids))),
            Some(one(VERSION, Datatype::Int64, OutputValues::Wholes(self.versions))),
        ];
        let all = all.map(|output| output.filter(|output| is_wanted(self, output.name)));
        all.into_iter().flatten().chain(self.explained().into_iter().flatten())
    }

    /// The outputs of the explanation: those that were named, or all where none was.
    fn explained(&self) -> Option<impl Iterator<Item = OutputTensor<'a>> + use<'a>> {
        let explanation = self.explanation?;
        let (rows, scores, columns) = (self.scores.len(), explanation.scores, explanation.columns.len());
        let of_rows = |name, values, shape: &[usize]| {
            let mut sizes = [rows, 1, 1];
            sizes[1..=shape.len()].copy_from_slice(shape);
            OutputTensor {
                shape: sizes,
                dimensions: 1 + shape.len(),
                ..OutputTensor::rows(name, Datatype::Fp64, rows, values)
            }
        };
        let (values, base) = (OutputValues::Doubles(&explanation.values), OutputValues::Doubles(&explanation.base));
        let all = match scores {
            1 => [of_rows(ATTRIBUTIONS, values, &[columns]), of_rows(ATTRIBUTION_BASE, base, &[])],
            _ => [of_rows(ATTRIBUTIONS, values, &[scores, columns]), of_rows(ATTRIBUTION_BASE, base, &[scores])],
        };
        let names = OutputValues::Texts(&explanation.columns);
        let names = OutputTensor::rows(ATTRIBUTION_COLUMNS, Datatype::Bytes, columns, names);
        let wanted = self.wanted;
        let names_none = !wanted.iter().any(|name| is_explanation(name));
        let is_wanted = move |name: &str| names_none || wanted.iter().any(|wanted| wanted == name);
        Some(all.into_iter().chain([names]).filter(move |output| is_wanted(output.name)))
    }
}

fn is_wanted(answer: &Answer<'_>, name: &str) -> bool {
    match answer.wanted {
        [] if name == ID_INPUT => answer.made_ids,
        [] if name == VERSION => answer.versions.iter().any(|version| Some(version) != answer.versions.first()),
        [] => true,
        wanted => wanted.iter().any(|wanted| wanted == name),
    }
}

#[derive(Default)]
pub(super) struct Separator(bool);

impl Separator {
    pub(super) fn put(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.0, true) {
            out.push(b',');
        }
    }
}

/// What stands before the values of a tensor.
pub(super) struct TensorHead<'a> {
    name: &'a str,
    datatype: &'static str,
    shape: &'a [usize],
}

impl<'a> TensorHead<'a> {
    pub(super) fn new(name: &'a str, datatype: &'static str, shape: &'a [usize]) -> Self {
        Self { name, datatype, shape }
    }

    /// Opens the object of the tensor.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"name\":");
        text(out, self.name);
        out.extend_from_slice(b",\"shape\":[");
        let mut separator = Separator::default();
        self.shape.iter().for_each(|size| {
            separator.put(out);
            number(out, *size);
        });
        out.extend_from_slice(b"],\"datatype\":");
        text(out, self.datatype);
    }
}

pub(super) fn tensor<T>(out: &mut Vec<u8>, head: TensorHead<'_>, values: &[T], write: impl Fn(&mut Vec<u8>, &T)) {
    head.write(out);
    out.extend_from_slice(b",\"data\":[");
    let mut separator = Separator::default();
    values.iter().for_each(|value| {
        separator.put(out);
        write(out, value);
    });
    out.extend_from_slice(b"]}");
}

/// The shortest text that reads back as the same number; `null` for NaN and infinities.
pub(super) fn number(out: &mut Vec<u8>, value: impl serde::Serialize) {
    // Writing a number into memory cannot fail.
    let _ = serde_json::to_writer(out, &value);
}

fn text(out: &mut Vec<u8>, value: &str) {
    // Writing a text into memory cannot fail.
    let _ = serde_json::to_writer(out, value);
}
