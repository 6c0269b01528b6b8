//! The text of a LightGBM model: `key=value` lines of a header, then of each tree, then parameters.

mod header;
mod text;
mod tree;

use self::{
    header::{Header, PANDAS},
    text::{FORMAT, shown},
};
use super::native::{Description, NativeModel, broken, kind_of, unsupported};
use crate::{
    ensemble::{EnsembleParts, Link, Precision, Scorer},
    error::LoadError,
    signature::{SIGNATURE_KEY, Task},
    trees::{Forest, Tree},
};

/// Reads a model.
pub(super) fn read(bytes: &[u8]) -> Result<NativeModel, LoadError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        broken(FORMAT, format!("byte {} is not UTF-8; the file may be of another format", error.valid_up_to()))
    })?;
    let mut lines = text.lines().map(str::trim_end).peekable();
    let header = Header::read(&mut lines)?;
    let mut trees: Vec<Tree> = Vec::new();
    let outputs = header.outputs;
    let ended = loop {
        match lines.next() {
            Some("end of trees") => break true,
            Some(line) if line.starts_with("Tree=") => {
                let at = trees.len();
                let made = tree::read(&mut lines, (at % outputs) as u32);
                trees.push(made.map_err(|error| error.of_tree(at))?);
            }
            Some("") => {}
            Some(line) => return Err(broken(FORMAT, format!("`{}` is no tree", shown(line)))),
            None => break false,
        }
    };
    if !ended || header.trees.is_some_and(|announced| announced != trees.len()) {
        let announced = header.trees.map_or("more".to_owned(), |trees| trees.to_string());
        return Err(broken(FORMAT, format!("it is cut off: it has {} of {announced} trees", trees.len())));
    }
    let rest: Vec<&str> = lines.collect();
    let columns = header.columns(&rest)?;
    let (link, task) = link(&header.objective, outputs)?;
    let forest = Forest::new(&trees, outputs).map_err(|reason| broken(FORMAT, reason))?;
    let written = rest.iter().find_map(|line| line.strip_prefix(SIGNATURE_KEY)?.strip_prefix(':'));
    let described = Description {
        kinds: columns.iter().map(kind_of).collect(),
        names_columns: !header.has_numbered_names(),
        names: header.names,
        task,
        written: written.map(str::to_owned),
    };
    let iterations = trees.len().div_ceil(outputs).max(1);
    let parts = EnsembleParts {
        columns,
        precision: Precision::Double,
        scorer: Scorer::Forest(Box::new(forest)),
        base: vec![0.0; outputs],
        divisor: if header.is_average { iterations as f64 } else { 1.0 },
        link,
    };
    NativeModel::new(FORMAT, parts, described)
}

/// What the objective makes of scores, and which question it answers.
fn link(objective: &[&str], outputs: usize) -> Result<(Link, Task), LoadError> {
    let number = |key: &str| {
        let value = objective.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix(':'));
        let read = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite() && *number > 0.0);
        value.map_or(Ok(1.0), |text| {
            read(text).ok_or_else(|| broken(FORMAT, format!("`{}` is no {key} of an objective", shown(text))))
        })
    };
    let has = |word: &str| objective.contains(&word);
    let name = objective.first().copied().unwrap_or_default();
    let made = match name {
        "binary" => (Link::Logistic { scale: number("sigmoid")? }, Task::Binary),
        "multiclass" | "softmax" => (Link::Softmax, Task::Multiclass),
        "multiclassova" | "multiclass_ova" | "ova" | "ovr" => {
            (Link::Logistic { scale: number("sigmoid")? }, Task::Multiclass)
        }
        "poisson" | "gamma" | "tweedie" => (Link::Exp, Task::Regression),
        "cross_entropy" | "xentropy" => (Link::Logistic { scale: 1.0 }, Task::Regression),
        "cross_entropy_lambda" | "xentlambda" => (Link::LogOnePlusExp, Task::Regression),
        "regression" | "regression_l1" | "huber" | "fair" | "quantile" | "mape" if has("sqrt") => {
            (Link::SignedSquare, Task::Regression)
        }
        // Without an objective (a custom one) LightGBM answers raw scores.
        "" | "custom" | "none" | "regression" | "regression_l1" | "huber" | "fair" | "quantile" | "mape"
        | "lambdarank" | "rank_xendcg" => (Link::Identity, Task::Regression),
        other => return Err(unsupported(FORMAT, format!("its objective `{}` is not known", shown(other)))),
    };
    match (made.1, outputs) {
        (Task::Multiclass, 2..) | (Task::Binary | Task::Regression, 1) => Ok(made),
        _ => Err(unsupported(
            FORMAT,
            format!("its objective is `{name}`, and it has {outputs} scores per row, whose meaning is not known"),
        )),
    }
}

/// The file with a line for a signature, before the last one: LightGBM's Python looks for its own line there.
pub(super) fn with_signature(bytes: &[u8], signature: &str) -> Vec<u8> {
    let at = bytes.windows(PANDAS.len()).rposition(|window| window == PANDAS.as_bytes()).unwrap_or(bytes.len());
    let (before, after) = bytes.split_at(at);
    let line_end: &[u8] = if before.ends_with(b"\n") { b"" } else { b"\n" };
    [before, line_end, SIGNATURE_KEY.as_bytes(), b":", signature.as_bytes(), b"\n", after].concat()
}
