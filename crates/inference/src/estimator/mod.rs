//! Where the score of a graph comes from: walked back from its answer to the trees or the linear model.

pub(crate) mod lineage;
pub(crate) mod prepared;

use std::collections::BTreeMap;

use crate::{
    graph::{Graph, Step},
    ops::OperatorStructure,
    tensor::Value,
    trees::Forest,
};

/// What makes the raw scores, and of which values of the graph.
#[derive(Debug)]
pub(crate) enum Learner<'a> {
    Forest {
        forest: &'a Forest,
        divisor: f64,
        base: Vec<f64>,
        /// Two outputs of which one has votes are one score.
        is_merged: bool,
        /// The slot of the matrix that the trees read.
        features: usize,
    },
    Linear {
        terms: Vec<Term>,
        intercepts: Vec<f64>,
    },
}

/// A matrix in the graph times weights.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Term {
    pub slot: usize,
    /// Row-major columns x outputs.
    pub weights: Vec<f64>,
    pub outputs: usize,
}

/// The learner behind the slot of the graph's numbers, or why there is not exactly one.
pub(crate) fn find(graph: &Graph, numbers: usize) -> Result<Learner<'_>, String> {
    let (slot, step) = margin(graph, numbers)?;
    match step.operator.structure() {
        OperatorStructure::Forest { forest, divisor, base, is_merged } => {
            let features = step.inputs.first().copied().flatten().ok_or("the trees read nothing")?;
            Ok(Learner::Forest { forest, divisor, base: base.to_vec(), is_merged, features })
        }
        _ => linear(graph, slot),
    }
}

/// The slot of the raw scores and the node that makes it: what lies between it and the answer turns scores into
/// answers (a sigmoid, a softmax, labels).
fn margin(graph: &Graph, numbers: usize) -> Result<(usize, &Step), String> {
    let mut asked = vec![false; graph.slots()];
    asked[numbers] = true;
    let mut found = Vec::new();
    for step in graph.steps().iter().rev() {
        let Some(slot) = step.outputs.iter().flatten().find(|slot| asked[**slot]) else { continue };
        match step.operator.structure() {
            OperatorStructure::Forest { .. }
            | OperatorStructure::Sum
            | OperatorStructure::Product { .. }
            | OperatorStructure::Linear { .. } => {
                found.push((*slot, step));
            }
            _ => step.inputs.iter().flatten().for_each(|input| asked[*input] = true),
        }
    }
    if graph.inputs().iter().any(|input| asked[*input]) {
        return Err("its answer is made of its inputs without trees or a linear model between".into());
    }
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err("it holds no trees and no linear model".into()),
        count => Err(format!("{count} learners make its answer together")),
    }
}

/// Sums, products with constants and linear nodes behind `margin`, taken apart.
fn linear(graph: &Graph, margin: usize) -> Result<Learner<'static>, String> {
    let mut factors: BTreeMap<usize, f64> = BTreeMap::from([(margin, 1.0)]);
    let (mut terms, mut constants) = (Vec::new(), Vec::new());
    for step in graph.steps().iter().rev() {
        // Of a classifier the scores are the second output.
        let asked = step.outputs.iter().flatten().find_map(|output| factors.remove(output));
        let Some(factor) = asked else { continue };
        let input = |at: usize| step.inputs.get(at).copied().flatten();
        let need = |at: usize| input(at).ok_or_else(|| format!("`{}` lacks input {at}", step.label));
        match step.operator.structure() {
            OperatorStructure::Sum => {
                [need(0)?, need(1)?].iter().for_each(|slot| *factors.entry(*slot).or_default() += factor)
            }
            OperatorStructure::Same => *factors.entry(need(0)?).or_default() += factor,
            OperatorStructure::Product { transposed, alpha, beta } => {
                let right = graph.constant(need(1)?).ok_or("two values that depend on the row are multiplied")?;
                terms.push(product(need(0)?, right, transposed, factor * f64::from(alpha))?);
                if let Some(addend) = input(2) {
                    *factors.entry(addend).or_default() += factor * f64::from(beta);
                }
            }
            OperatorStructure::Linear { outputs, coefficients, intercepts } => {
                let columns = coefficients.len() / outputs.max(1);
                let weight = |at: usize| f64::from(coefficients[at % outputs * columns + at / outputs]) * factor;
                let weights = (0..coefficients.len()).map(weight).collect();
                terms.push(Term { slot: need(0)?, weights, outputs });
                constants.push(intercepts.iter().map(|&value| f64::from(value) * factor).collect::<Vec<_>>());
            }
            OperatorStructure::Constant(value) => constants.push(scaled(value, factor)?),
            _ => return Err(format!("the node `{}` is no part of a linear model", step.label)),
        }
    }
    for (slot, factor) in factors {
        let value = graph.constant(slot).ok_or("an input is added to the score without a weight")?;
        constants.push(scaled(value, factor)?);
    }
    let outputs = terms.first().map(|term| term.outputs).ok_or("its score does not depend on the row")?;
    let mut intercepts = vec![0.0; outputs];
    for constant in constants.iter().filter(|constant| !constant.is_empty()) {
        if constant.len() != 1 && constant.len() != outputs {
            return Err(format!("{} intercepts do not fit {outputs} scores", constant.len()));
        }
        (0..outputs).for_each(|at| intercepts[at] += constant[at % constant.len()]);
    }
    if terms.iter().all(|term| term.outputs == outputs) {
        Ok(Learner::Linear { terms, intercepts })
    } else {
        Err("its parts have unlike numbers of scores".into())
    }
}

fn scaled(value: &Value, factor: f64) -> Result<Vec<f64>, String> {
    Ok(value.doubles()?.data.iter().map(|&value| value * factor).collect())
}

fn product(slot: usize, right: &Value, transposed: bool, factor: f64) -> Result<Term, String> {
    let right = right.doubles()?;
    let (rows, columns) = match *right.shape.dims() {
        [rows, columns] => (rows, columns),
        // A vector of weights is one column.
        [rows] if !transposed => (rows, 1),
        ref dims => return Err(format!("weights of the shape {dims:?} are no matrix")),
    };
    let (inner, outputs) = if transposed { (columns, rows) } else { (rows, columns) };
    if outputs == 0 {
        return Err("its weights make no score".into());
    }
    let weight = |at: usize| {
        let (column, output) = (at / outputs, at % outputs);
        right.data[if transposed { output * inner + column } else { column * outputs + output }]
    };
    let weights = (0..inner * outputs).map(|at| weight(at) * factor).collect();
    Ok(Term { slot, weights, outputs })
}
