//! What a model takes and what it answers. `kilter train` writes it into the ONNX file's metadata; for a foreign file it
//! is read off the graph's inputs and outputs.

use kilter_domain::table::Table;
use serde::{Deserialize, Serialize};

/// The key of the ONNX `metadata_props` entry that holds a [`Signature`] as JSON.
pub const SIGNATURE_KEY: &str = "kilter.signature";

/// The key of the entry that says where a linear model's attributions start: a JSON list with one entry an input, each
/// the list of what that column adds to each raw score in the (weighted) mean over the training rows.
pub const BASELINE_KEY: &str = "kilter.baseline";

/// What a model takes and what it answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Signature {
    /// One entry per column that the model reads, in the order of the graph's inputs.
    pub inputs: Vec<Input>,
    /// What it answers.
    pub task: Task,
    /// The classes in the order of the probabilities; empty for regression. Of a binary task the second is the
    /// positive one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// The column that the model was trained to predict, where the file says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

impl Signature {
    /// Reads a signature that was written into a file.
    ///
    /// # Errors
    /// If the text is none, or its classes do not make its task; the reason.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let signature: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let fits = match signature.task {
            Task::Regression => signature.classes.is_empty(),
            Task::Binary => signature.classes.len() == 2,
            Task::Multiclass => signature.classes.len() >= 2,
        };
        if fits {
            Ok(signature)
        } else {
            Err(format!("{} classes do not make a {} task", signature.classes.len(), signature.task))
        }
    }

    /// The input called `name`.
    pub fn input(&self, name: &str) -> Option<&Input> {
        self.inputs.iter().find(|input| input.name == name)
    }

    /// The inputs that `table` has no column for, though the model needs one.
    pub fn absent<'s>(&'s self, table: &'s Table) -> impl Iterator<Item = &'s Input> {
        let mut finder = table.finder();
        self.inputs.iter().filter(move |input| !input.optional && finder.find(&input.name).is_none())
    }
}

/// One column that a model reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: InputKind,
    /// What becomes of a missing value.
    #[serde(default)]
    pub missing: Missing,
    /// What becomes of an infinite number.
    #[serde(default)]
    pub infinite: Infinite,
    /// Whether rows may come without this column: all of its values are then missing. Others are refused: a missing value
    /// is said (`null`), a missing column is a mistake.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

/// What a column holds, as the model sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InputKind {
    /// A number; float32 in the graph, NaN is missing.
    Number,
    /// A whole number; int64 in the graph.
    Integer,
    /// Yes or no; float32 in the graph: 1, 0, NaN for missing.
    Boolean,
    /// UTF-8 text; the empty text is missing.
    Text,
    /// Milliseconds since the epoch, UTC; int64 in the graph, the smallest int64 is missing.
    Time,
}

impl InputKind {
    /// What a value is, in a sentence: `a number`.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Integer => "a whole number",
            Self::Boolean => "true or false",
            Self::Text => "a text",
            Self::Time => "a time",
        }
    }
}

/// What happens to a missing value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// The model knows what to do with it.
    #[default]
    Allowed,
    /// The model was not made for it: an error names the row.
    Refused,
}

/// What happens to an infinite number (or one too large for float32).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Infinite {
    /// It is larger (or smaller) than every threshold, which trees can use.
    Passed,
    /// It would make every answer infinite or NaN: an error names the row.
    #[default]
    Refused,
}

/// The kind of question a model answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// One of two classes.
    Binary,
    /// One of three or more classes.
    Multiclass,
    /// A number.
    Regression,
}

impl std::fmt::Display for Task {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Binary => "binary",
            Self::Multiclass => "multiclass",
            Self::Regression => "regression",
        })
    }
}
