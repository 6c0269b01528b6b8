//! What the tree operators do with the sums: base values, averages, labels and post transforms, as onnxruntime does.

use super::{
    forest::Forest,
    read::{self, LeafNames},
};
use crate::{
    ops::{Anatomy, Arguments, Attributes, ClassLabels, Operator, Outputs, PostTransform},
    tensor::{Tensor, Value},
};

type Built = Result<Box<dyn Operator>, String>;

#[derive(Debug)]
struct Regressor {
    forest: Forest,
    targets: usize,
    base: Vec<f32>,
    /// Sums are divided by this: the number of trees for averages.
    divisor: f32,
    post: PostTransform,
}

pub(super) fn regressor(node: &Attributes<'_>) -> Built {
    let targets = outputs(node.int("n_targets", 1)?)?;
    let trees = read::trees(node, &LeafNames { prefix: "target", outputs: "target_ids" }, targets)?;
    let forest = Forest::new(&trees, targets)?;
    let divisor = match node.text("aggregate_function", "SUM")? {
        "SUM" => 1.0,
        "AVERAGE" => forest.trees().max(1) as f32,
        other => return Err(format!("aggregate_function {other} is not supported")),
    };
    let base = base_values(node, targets)?;
    Ok(Box::new(Regressor { forest, targets, base, divisor, post: PostTransform::of(node)? }))
}

fn outputs(count: i64) -> Result<usize, String> {
    usize::try_from(count)
        .ok()
        .filter(|count| (1..=100_000).contains(count))
        .ok_or_else(|| format!("{count} outputs are out of range"))
}

fn base_values(node: &Attributes<'_>, outputs: usize) -> Result<Vec<f32>, String> {
    if node.has("base_values_as_tensor") {
        return Err("double precision base values are not supported".into());
    }
    let base = node.floats("base_values")?.to_vec();
    match base.is_empty() || base.len() == outputs {
        true => Ok(base),
        false => Err(format!("there are {} base values for {outputs} outputs", base.len())),
    }
}

/// Row-major rows x outputs sums of the forest, and the number of rows.
fn sums(forest: &Forest, value: &Value, outputs: usize) -> Result<(usize, Vec<f32>), String> {
    let tensor = value.floats()?;
    let (rows, columns) = tensor.shape.matrix();
    let size = rows.checked_mul(outputs).filter(|&size| size <= crate::tensor::MAX_ELEMENTS);
    let mut sums = vec![0.0; size.ok_or("the result would be too large")?];
    forest.sum(&tensor.data, columns, &mut sums)?;
    Ok((rows, sums))
}

impl Operator for Regressor {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let (rows, sums) = sums(&self.forest, inputs.get(0)?, self.targets)?;
        let base = |at: usize| self.base.get(at % self.targets).copied().unwrap_or(0.0);
        let mut scores: Vec<f32> = sums.iter().enumerate().map(|(at, sum)| sum / self.divisor + base(at)).collect();
        if self.post != PostTransform::None {
            scores.chunks_exact_mut(self.targets).for_each(|row| self.post.apply(row));
        }
        Ok(vec![Value::Float(Tensor::new(&[rows, self.targets], scores)?)])
    }

    fn anatomy(&self) -> Anatomy<'_> {
        Anatomy::Forest { forest: &self.forest, divisor: self.divisor, base: self.base.clone(), is_merged: false }
    }
}

#[derive(Debug)]
struct Classifier {
    forest: Forest,
    labels: ClassLabels,
    base: Vec<f32>,
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
    let (ids, weights) = (node.ints("class_ids")?, node.floats("class_weights")?);
    let has_one_class = ids.iter().all(|id| Some(id) == ids.first());
    let binary =
        (classes == 2 && has_one_class).then(|| Binary { is_probability: weights.iter().all(|&weight| weight >= 0.0) });
    let base = match binary {
        Some(_) if node.floats("base_values")?.len() == 1 => node.floats("base_values")?.to_vec(),
        _ => base_values(node, classes)?,
    };
    if binary.is_some() && base.len() == 2 {
        return Err("two base values for one class with votes are not supported".into());
    }
    let forest = Forest::new(&trees, classes)?;
    Ok(Box::new(Classifier { forest, labels, base, post: PostTransform::of(node)?, binary }))
}

impl Classifier {
    /// The class of one row; its scores are transformed in place.
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
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let classes = self.labels.len();
        let (rows, sums) = sums(&self.forest, inputs.get(0)?, classes)?;
        let base = |at: usize| match self.base.len() == classes {
            true => self.base[at % classes],
            false if at.is_multiple_of(classes) => self.base.first().copied().unwrap_or(0.0),
            false => 0.0,
        };
        let mut scores: Vec<f32> = sums.iter().enumerate().map(|(at, sum)| sum + base(at)).collect();
        let picked: Vec<usize> = scores.chunks_exact_mut(classes).map(|row| self.decide(row)).collect();
        Ok(vec![self.labels.pick(&picked)?, Value::Float(Tensor::new(&[rows, classes], scores)?)])
    }

    fn classes(&self) -> Option<Vec<String>> {
        Some(self.labels.names())
    }

    fn anatomy(&self) -> Anatomy<'_> {
        let is_merged = self.binary.is_some();
        Anatomy::Forest { forest: &self.forest, divisor: 1.0, base: self.base.clone(), is_merged }
    }
}
