//! What the tree operators do with the sums: base values, averages, labels and post transforms, as onnxruntime does.

use super::{
    ensemble,
    read::{self, LeafNames},
};
use crate::{
    ops::{Arguments, Attributes, ClassLabels, Operator, OperatorStructure, Outputs, PostTransform},
    tensor::{Tensor, Value},
    trees::{Aggregate, Forest, Rows},
};

type Built = Result<Box<dyn Operator>, String>;

#[derive(Debug)]
struct Regressor {
    forest: Forest,
    targets: usize,
    base: Vec<f64>,
    aggregate: Aggregate,
    /// Sums are divided by this: the number of trees for averages.
    divisor: f64,
    post: PostTransform,
    /// Of doubles the answers are doubles too.
    keeps_doubles: bool,
}

/// What becomes of the leaves, and what sums of so many trees are divided by.
fn aggregate(name: &str, trees: usize) -> Result<(Aggregate, f64), String> {
    Ok(match name {
        "SUM" => (Aggregate::Sum, 1.0),
        "AVERAGE" => (Aggregate::Sum, trees.max(1) as f64),
        "MIN" => (Aggregate::Min, 1.0),
        "MAX" => (Aggregate::Max, 1.0),
        other => return Err(format!("aggregate_function {other} does not exist")),
    })
}

/// `TreeEnsemble`: numbers of its own stand for names.
pub(super) fn ensemble(node: &Attributes<'_>) -> Built {
    let targets = outputs(node.int("n_targets", 1)?)?;
    let forest = Forest::new(&ensemble::trees(node, targets)?, targets)?;
    let name = match node.int("aggregate_function", 1)? {
        0 => "AVERAGE",
        1 => "SUM",
        2 => "MIN",
        3 => "MAX",
        other => return Err(format!("aggregate_function {other} does not exist")),
    };
    let (aggregate, divisor) = aggregate(name, forest.trees())?;
    let post = match node.int("post_transform", 0)? {
        0 => PostTransform::None,
        1 => PostTransform::Softmax,
        2 => PostTransform::Logistic,
        3 => PostTransform::SoftmaxZero,
        other => return Err(format!("post_transform {other} is not supported")),
    };
    Ok(Box::new(Regressor { forest, targets, base: Vec::new(), aggregate, divisor, post, keeps_doubles: true }))
}

pub(super) fn regressor(node: &Attributes<'_>) -> Built {
    let targets = outputs(node.int("n_targets", 1)?)?;
    let trees = read::trees(node, &LeafNames { prefix: "target", outputs: "target_ids" }, targets)?;
    let forest = Forest::new(&trees, targets)?;
    let (aggregate, divisor) = aggregate(node.text("aggregate_function", "SUM")?, forest.trees())?;
    let (base, post) = (base_values(node, targets)?, PostTransform::of(node)?);
    Ok(Box::new(Regressor { forest, targets, base, aggregate, divisor, post, keeps_doubles: false }))
}

fn outputs(count: i64) -> Result<usize, String> {
    usize::try_from(count)
        .ok()
        .filter(|count| (1..=100_000).contains(count))
        .ok_or_else(|| format!("{count} outputs are out of range"))
}

fn base_values(node: &Attributes<'_>, outputs: usize) -> Result<Vec<f64>, String> {
    let base = node.numbers("base_values")?.into_owned();
    if base.is_empty() || base.len() == outputs {
        Ok(base)
    } else {
        Err(format!("there are {} base values for {outputs} outputs", base.len()))
    }
}

/// What the forest makes of `value`, by row and output, and the number of rows.
fn answers(forest: &Forest, value: &Value, aggregate: Aggregate) -> Result<(usize, Vec<f64>), String> {
    if let Value::Double(tensor) = value {
        let (rows, columns) = tensor.shape.matrix();
        return Ok((rows, forest.answer(Rows::Double(&tensor.data), (rows, columns), aggregate, &[])?));
    }
    let tensor = value.floats()?;
    let (rows, columns) = tensor.shape.matrix();
    Ok((rows, forest.answer(Rows::Single(&tensor.data), (rows, columns), aggregate, &[])?))
}

impl Operator for Regressor {
    fn memory_bytes(&self) -> usize {
        self.forest.memory_bytes()
    }

    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let (rows, answers) = answers(&self.forest, inputs.get(0)?, self.aggregate)?;
        let base = |at: usize| self.base.get(at % self.targets).copied().unwrap_or(0.0);
        let score = |(at, answer): (usize, f64)| answer / self.divisor + base(at);
        let scores = answers.into_iter().enumerate().map(score);
        if self.keeps_doubles && self.post == PostTransform::None && matches!(inputs.get(0)?, Value::Double(_)) {
            return Ok(vec![Value::Double(Tensor::new(&[rows, self.targets], scores.collect())?)]);
        }
        let mut scores: Vec<f32> = scores.map(|score| score as f32).collect();
        if self.post != PostTransform::None {
            scores.chunks_exact_mut(self.targets).for_each(|row| self.post.apply(row));
        }
        let scores = Tensor::new(&[rows, self.targets], scores)?;
        Ok(vec![match inputs.get(0)? {
            Value::Double(_) if self.keeps_doubles => Value::Double(scores.map(|&score| f64::from(score))),
            _ => Value::Float(scores),
        }])
    }

    fn structure(&self) -> OperatorStructure<'_> {
        match self.aggregate {
            Aggregate::Sum | Aggregate::SumSingle => OperatorStructure::Forest {
                forest: &self.forest,
                divisor: self.divisor,
                base: &self.base,
                is_merged: false,
            },
            // The least and the largest of trees are no sum that could be split.
            Aggregate::Min | Aggregate::Max => OperatorStructure::Opaque,
        }
    }
}

#[derive(Debug)]
struct Classifier {
    forest: Forest,
    labels: ClassLabels,
    base: Vec<f64>,
    post: PostTransform,
    binary: Option<Binary>,
}

/// Two classes of which only one gets votes: onnxruntime derives the other's score.
#[derive(Clone, Copy, Debug)]
struct Binary {
    /// Votes are probabilities: the other class gets the rest to one, and a half decides.
    is_probability: bool,
}

pub(super) fn classifier(node: &Attributes<'_>) -> Built {
    let labels = node.classes("classlabels_strings", "classlabels_int64s")?;
    let classes = outputs(labels.len() as i64)?;
    let trees = read::trees(node, &LeafNames { prefix: "class", outputs: "class_ids" }, classes)?;
    let (ids, weights) = (node.ints("class_ids")?, node.numbers("class_weights")?);
    let has_one_class = ids.iter().all(|id| Some(id) == ids.first());
    let binary =
        (classes == 2 && has_one_class).then(|| Binary { is_probability: weights.iter().all(|&weight| weight >= 0.0) });
    let base = match binary {
        Some(_) if node.numbers("base_values")?.len() == 1 => node.numbers("base_values")?.into_owned(),
        _ => base_values(node, classes)?,
    };
    if binary.is_some() && base.len() == 2 {
        return Err("two base values for one class with votes are not supported".into());
    }
    let forest = Forest::new(&trees, classes)?;
    Ok(Box::new(Classifier { forest, labels, base, post: PostTransform::of(node)?, binary }))
}

impl Classifier {
    /// The class of one row; its scores are transformed in place. Both are of the rounded sum, as a caller sees it: a
    /// forest that parts in halves is decided as its own 0.5 says.
    fn decide(&self, scores: &mut [f32]) -> usize {
        let Some(binary) = self.binary else {
            let best = (1..scores.len()).fold(0, |best, at| if scores[at] > scores[best] { at } else { best });
            self.post.apply(scores);
            return best;
        };
        let score = scores[0] + scores[1];
        let (is_positive, pair) = match (binary.is_probability, self.post) {
            (true, _) => (score > 0.5, [1.0 - score, score]),
            (false, PostTransform::Logistic) => {
                (score > 0.0, [crate::ops::logistic(-score), crate::ops::logistic(score)])
            }
            (false, _) => (score > 0.0, [-score, score]),
        };
        scores.copy_from_slice(&pair);
        usize::from(is_positive)
    }
}

impl Operator for Classifier {
    fn memory_bytes(&self) -> usize {
        self.forest.memory_bytes()
    }

    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let classes = self.labels.len();
        let (rows, sums) = answers(&self.forest, inputs.get(0)?, Aggregate::Sum)?;
        let base = |at: usize| match self.base.len() == classes {
            true => self.base[at % classes],
            false if at.is_multiple_of(classes) => self.base.first().copied().unwrap_or(0.0),
            false => 0.0,
        };
        let mut scores: Vec<f32> = sums.into_iter().enumerate().map(|(at, sum)| (sum + base(at)) as f32).collect();
        let picked: Vec<usize> = scores.chunks_exact_mut(classes).map(|row| self.decide(row)).collect();
        Ok(vec![self.labels.pick(&picked)?, Value::Float(Tensor::new(&[rows, classes], scores)?)])
    }

    fn classes(&self) -> Option<Vec<String>> {
        Some(self.labels.names())
    }

    fn structure(&self) -> OperatorStructure<'_> {
        let is_merged = self.binary.is_some();
        OperatorStructure::Forest { forest: &self.forest, divisor: 1.0, base: &self.base, is_merged }
    }
}
