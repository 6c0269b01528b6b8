//! The linear models of `ai.onnx.ml`.

use super::{
    Arguments, Attributes, Built, Operator, OperatorStructure, Outputs, PostTransform, attributes::ClassLabels,
};
use crate::tensor::{Tensor, Value};

pub(super) fn build(node: &Attributes<'_>) -> Option<Built> {
    Some(match node.kind() {
        "LinearRegressor" => regressor(node),
        "LinearClassifier" => classifier(node),
        _ => return None,
    })
}

/// Weights by class, then by feature.
#[derive(Debug)]
struct Scores {
    outputs: usize,
    coefficients: Vec<f32>,
    intercepts: Vec<f32>,
}

impl Scores {
    fn anatomy(&self) -> OperatorStructure<'_> {
        let Self { outputs, coefficients, intercepts } = self;
        OperatorStructure::Linear { outputs: *outputs, coefficients, intercepts }
    }

    fn new(outputs: usize, coefficients: &[f32], intercepts: &[f32]) -> Result<Self, String> {
        if outputs == 0 || !coefficients.len().is_multiple_of(outputs) {
            return Err(format!("{} coefficients do not make {outputs} outputs", coefficients.len()));
        }
        if !intercepts.is_empty() && intercepts.len() != outputs {
            return Err(format!("there are {} intercepts for {outputs} outputs", intercepts.len()));
        }
        Ok(Self { outputs, coefficients: coefficients.to_vec(), intercepts: intercepts.to_vec() })
    }

    /// Row-major rows x outputs.
    fn of(&self, value: &Value) -> Result<Vec<f32>, String> {
        let tensor = value.floats()?;
        let (rows, columns) = tensor.shape.matrix();
        let width = self.coefficients.len() / self.outputs;
        if columns != width {
            return Err(format!("the model has {width} coefficients, the rows have {columns} values"));
        }
        let size = rows.checked_mul(self.outputs).filter(|&size| size <= crate::tensor::MAX_ELEMENTS);
        let mut scores = Vec::with_capacity(size.ok_or("the result would be too large")?);
        for row in 0..rows {
            let values = &tensor.data[row * columns..(row + 1) * columns];
            for output in 0..self.outputs {
                let weights = &self.coefficients[output * width..(output + 1) * width];
                let sum: f64 = values.iter().zip(weights).map(|(&x, &w)| f64::from(x) * f64::from(w)).sum();
                scores.push((sum + self.intercepts.get(output).map_or(0.0, |&b| f64::from(b))) as f32);
            }
        }
        Ok(scores)
    }
}

#[derive(Debug)]
struct Regressor {
    scores: Scores,
    post: PostTransform,
}

fn regressor(node: &Attributes<'_>) -> Built {
    let targets = usize::try_from(node.int("targets", 1)?).map_err(|_| "targets must be positive")?;
    let scores = Scores::new(targets, node.floats("coefficients")?, node.floats("intercepts")?)?;
    Ok(Box::new(Regressor { scores, post: PostTransform::of(node)? }))
}

impl Operator for Regressor {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let mut scores = self.scores.of(inputs.get(0)?)?;
        let width = self.scores.outputs;
        scores.chunks_exact_mut(width).for_each(|row| self.post.apply(row));
        Ok(vec![Value::Float(Tensor::new(&[scores.len() / width, width], scores)?)])
    }

    fn is_sigmoid(&self) -> bool {
        self.post == PostTransform::Logistic
    }

    fn structure(&self) -> OperatorStructure<'_> {
        self.scores.anatomy()
    }
}

#[derive(Debug)]
struct Classifier {
    scores: Scores,
    labels: ClassLabels,
    post: PostTransform,
}

fn classifier(node: &Attributes<'_>) -> Built {
    let labels = node.classes("classlabels_strings", "classlabels_ints")?;
    let intercepts = node.floats("intercepts")?;
    // A binary model may carry one row of weights; the other class then gets the opposite score.
    let outputs = if intercepts.is_empty() { labels.len() } else { intercepts.len() };
    if labels.len() < 2 || (outputs != labels.len() && (outputs, labels.len()) != (1, 2)) {
        return Err(format!("there are {} classes for {outputs} scores", labels.len()));
    }
    let scores = Scores::new(outputs, node.floats("coefficients")?, intercepts)?;
    Ok(Box::new(Classifier { scores, labels, post: PostTransform::of(node)? }))
}

impl Operator for Classifier {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let scores = self.scores.of(inputs.get(0)?)?;
        let classes = self.labels.len();
        let mut picked = Vec::with_capacity(scores.len() / self.scores.outputs);
        let mut all = Vec::with_capacity(scores.len() / self.scores.outputs * classes);
        for row in scores.chunks_exact(self.scores.outputs) {
            if let [score] = *row {
                picked.push(usize::from(score > 0.0));
                all.extend(match self.post {
                    PostTransform::Logistic => {
                        [super::post_transform::logistic(-score), super::post_transform::logistic(score)]
                    }
                    _ => [-score, score],
                });
                continue;
            }
            picked.push((1..row.len()).fold(0, |best, at| if row[at] > row[best] { at } else { best }));
            let start = all.len();
            all.extend_from_slice(row);
            self.post.apply(&mut all[start..]);
        }
        let labels = self.labels.pick(&picked)?;
        Ok(vec![labels, Value::Float(Tensor::new(&[picked.len(), classes], all)?)])
    }

    fn classes(&self) -> Option<Vec<String>> {
        Some(self.labels.names())
    }

    fn is_sigmoid(&self) -> bool {
        self.post == PostTransform::Logistic
    }

    fn structure(&self) -> OperatorStructure<'_> {
        self.scores.anatomy()
    }
}
