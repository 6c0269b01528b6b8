//! Support vector machines of `ai.onnx.ml`, after the reference of ONNX and onnxruntime's answers.
//!
//! Invariants: sums run in double precision. A classifier of two classes answers its one margin as `[-margin, margin]`; of more classes, one score a
//! pair of classes (`0/1`, `0/2`, …, `1/2`, …), or a probability a class where the file holds Platt's parameters.

use super::{Arguments, Attributes, Built, Operator, Outputs, PostTransform, attributes::ClassLabels};
use crate::tensor::{MAX_ELEMENTS, Tensor, Value};

pub(super) fn build(node: &Attributes<'_>) -> Option<Built> {
    Some(match node.kind() {
        "SVMRegressor" => regressor(node),
        "SVMClassifier" => classifier(node),
        _ => return None,
    })
}

/// What two vectors make of each other.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kernel {
    Linear,
    /// `(gamma * x.v + coef0)^degree`.
    Poly {
        gamma: f64,
        coef0: f64,
        degree: f64,
    },
    /// `exp(-gamma * |x - v|^2)`.
    Rbf {
        gamma: f64,
    },
    /// `tanh(gamma * x.v + coef0)`.
    Sigmoid {
        gamma: f64,
        coef0: f64,
    },
}

impl Kernel {
    fn of(node: &Attributes<'_>) -> Result<Self, String> {
        let parameters = node.floats("kernel_params")?;
        let parameter = |at: usize| parameters.get(at).map_or(0.0, |&value| f64::from(value));
        let (gamma, coef0) = (parameter(0), parameter(1));
        Ok(match node.text("kernel_type", "LINEAR")? {
            "LINEAR" => Self::Linear,
            // A degree is a whole number, written as a float.
            "POLY" => Self::Poly { gamma, coef0, degree: parameter(2).trunc() },
            "RBF" => Self::Rbf { gamma },
            "SIGMOID" => Self::Sigmoid { gamma, coef0 },
            other => return Err(format!("kernel_type {other} does not exist")),
        })
    }

    fn of_pair(self, row: &[f64], vector: &[f64]) -> f64 {
        let dot = || row.iter().zip(vector).map(|(x, v)| x * v).sum::<f64>();
        match self {
            Self::Linear => dot(),
            Self::Poly { gamma, coef0, degree } => (gamma * dot() + coef0).powf(degree),
            Self::Rbf { gamma } => (-gamma * row.iter().zip(vector).map(|(x, v)| (x - v) * (x - v)).sum::<f64>()).exp(),
            Self::Sigmoid { gamma, coef0 } => (gamma * dot() + coef0).tanh(),
        }
    }
}

/// Vectors of one width, each compared with a row by the kernel.
#[derive(Debug)]
struct Vectors {
    kernel: Kernel,
    width: usize,
    /// Row-major vectors x width.
    vectors: Vec<f64>,
}

impl Vectors {
    fn new(kernel: Kernel, numbers: &[f32], count: usize) -> Result<Self, String> {
        if count == 0 || numbers.is_empty() || !numbers.len().is_multiple_of(count) {
            return Err(format!("{} numbers do not make {count} vectors", numbers.len()));
        }
        let vectors = numbers.iter().map(|&value| f64::from(value)).collect();
        Ok(Self { kernel, width: numbers.len() / count, vectors })
    }

    fn count(&self) -> usize {
        self.vectors.len() / self.width
    }

    /// Calls `see` with the kernels of each row; returns the number of rows. `outputs` is what the caller makes of a row.
    fn each(&self, value: &Value, outputs: usize, mut see: impl FnMut(&[f64])) -> Result<usize, String> {
        let tensor = value.doubles()?;
        let (rows, columns) = tensor.shape.matrix();
        if columns != self.width {
            return Err(format!("the support vectors have {} numbers, the rows have {columns}", self.width));
        }
        if rows.saturating_mul(outputs) > MAX_ELEMENTS {
            return Err("the result would be too large".into());
        }
        let mut kernels = vec![0.0; self.count()];
        for row in tensor.data.chunks_exact(columns) {
            let vectors = self.vectors.chunks_exact(self.width);
            kernels.iter_mut().zip(vectors).for_each(|(kernel, vector)| *kernel = self.kernel.of_pair(row, vector));
            see(&kernels);
        }
        Ok(rows)
    }
}

fn dot(coefficients: &[f32], kernels: &[f64]) -> f64 {
    coefficients.iter().zip(kernels).map(|(&weight, kernel)| f64::from(weight) * kernel).sum()
}

#[derive(Debug)]
struct Regressor {
    vectors: Vectors,
    /// One a vector.
    coefficients: Vec<f32>,
    rho: f32,
    /// Answers 1 above zero and -1 elsewhere.
    is_one_class: bool,
    post: PostTransform,
}

fn regressor(node: &Attributes<'_>) -> Built {
    let coefficients = node.floats("coefficients")?;
    let count = usize::try_from(node.int("n_supports", 0)?).map_err(|_| "n_supports is negative")?;
    let &[rho] = node.floats("rho")? else { return Err("rho must be one number".into()) };
    // Without support vectors the coefficients are the one vector of a linear model.
    let (vectors, coefficients) = match count {
        0 => (Vectors::new(Kernel::Linear, coefficients, 1)?, vec![1.0]),
        count => (Vectors::new(Kernel::of(node)?, node.floats("support_vectors")?, count)?, coefficients.to_vec()),
    };
    if coefficients.len() != vectors.count() {
        return Err(format!("there are {} coefficients for {} support vectors", coefficients.len(), vectors.count()));
    }
    let is_one_class = node.int("one_class", 0)? != 0;
    Ok(Box::new(Regressor { vectors, coefficients, rho, is_one_class, post: PostTransform::of(node)? }))
}

impl Operator for Regressor {
    fn memory_bytes(&self) -> usize {
        self.vectors.vectors.capacity() * size_of::<f64>()
    }

    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let mut scores = Vec::new();
        let rows = self.vectors.each(inputs.get(0)?, 1, |kernels| {
            let sum = dot(&self.coefficients, kernels) + f64::from(self.rho);
            scores.push(match self.is_one_class {
                true if sum > 0.0 => 1.0,
                true => -1.0,
                false => sum as f32,
            });
        })?;
        scores.iter_mut().for_each(|score| self.post.apply(std::slice::from_mut(score)));
        Ok(vec![Value::Float(Tensor::new(&[rows, 1], scores)?)])
    }

    fn is_sigmoid(&self) -> bool {
        self.post == PostTransform::Logistic
    }
}

#[derive(Debug)]
struct Classifier {
    labels: ClassLabels,
    classes: usize,
    vectors: Vectors,
    post: PostTransform,
    margins: Margins,
}

/// How kernels become scores.
#[derive(Debug)]
enum Margins {
    /// One vector a class, whose score is the kernel and `rho`.
    Linear {
        rho: f32,
    },
    Pairs(Pairs),
}

/// One margin a pair of classes, each of the support vectors of both.
#[derive(Debug)]
struct Pairs {
    /// Row-major (classes - 1) x vectors.
    coefficients: Vec<f32>,
    /// Where the vectors of each class begin, and the number of all.
    starts: Vec<usize>,
    /// One a pair.
    rho: Vec<f32>,
    /// Platt's parameters of each pair.
    sigmoids: Option<(Vec<f32>, Vec<f32>)>,
}

fn classifier(node: &Attributes<'_>) -> Built {
    let labels = node.classes("classlabels_strings", "classlabels_ints")?;
    let classes = labels.len();
    if !(2..=1_000).contains(&classes) {
        return Err(format!("a classifier of {classes} classes is not supported"));
    }
    let (coefficients, rho) = (node.floats("coefficients")?, node.floats("rho")?);
    let per_class = node.ints("vectors_per_class")?;
    if per_class.iter().all(|&count| count == 0) {
        let &[rho, ..] = rho else { return Err("rho is missing".into()) };
        let vectors = Vectors::new(Kernel::Linear, coefficients, classes)?;
        let margins = Margins::Linear { rho };
        return Ok(Box::new(Classifier { labels, classes, vectors, post: PostTransform::of(node)?, margins }));
    }
    if per_class.len() != classes {
        return Err(format!("vectors_per_class has {} entries for {classes} classes", per_class.len()));
    }
    let mut starts = vec![0usize];
    for &count in per_class {
        let end = usize::try_from(count).ok().and_then(|count| starts[starts.len() - 1].checked_add(count));
        starts.push(end.filter(|&end| end <= coefficients.len()).ok_or("vectors_per_class does not fit")?);
    }
    let vectors = Vectors::new(Kernel::of(node)?, node.floats("support_vectors")?, starts[classes])?;
    let pairs = classes * (classes - 1) / 2;
    if coefficients.len() != (classes - 1) * vectors.count() || rho.len() != pairs {
        return Err(format!(
            "{} coefficients and {} of rho do not fit {classes} classes and {} support vectors",
            coefficients.len(),
            rho.len(),
            vectors.count()
        ));
    }
    let (a, b) = (node.floats("prob_a")?, node.floats("prob_b")?);
    let sigmoids = match (a.len(), b.len()) {
        (0, _) => None,
        (of_a, of_b) if of_a == pairs && of_b == pairs => Some((a.to_vec(), b.to_vec())),
        (of_a, of_b) => {
            return Err(format!("{of_a} of prob_a and {of_b} of prob_b do not fit {pairs} pairs of classes"));
        }
    };
    let margins = Margins::Pairs(Pairs { coefficients: coefficients.to_vec(), starts, rho: rho.to_vec(), sigmoids });
    Ok(Box::new(Classifier { labels, classes, vectors, post: PostTransform::of(node)?, margins }))
}

impl Pairs {
    /// The margins of all pairs of one row, and how many pairs each class wins.
    fn of_row(&self, kernels: &[f64], margins: &mut Vec<f64>, votes: &mut [u32]) {
        let (classes, vectors) = (votes.len(), kernels.len());
        margins.clear();
        votes.fill(0);
        for first in 0..classes {
            for second in first + 1..classes {
                let part = |line: usize, class: usize| {
                    let own = self.starts[class]..self.starts[class + 1];
                    dot(&self.coefficients[line * vectors..][own.clone()], &kernels[own])
                };
                let margin = part(second - 1, first) + part(first, second) + f64::from(self.rho[margins.len()]);
                votes[if margin > 0.0 { first } else { second }] += 1;
                margins.push(margin);
            }
        }
    }
}

/// The first of the largest.
fn largest<T: PartialOrd>(values: &[T]) -> usize {
    (1..values.len()).fold(0, |best, at| if values[at] > values[best] { at } else { best })
}

impl Classifier {
    /// The class of a row whose scores are given, as onnxruntime decides: with two classes and positive weights alone a half is the border.
    fn decide(&self, votes: &[u32]) -> usize {
        match &self.margins {
            Margins::Pairs(pairs) if self.classes == 2 && pairs.sigmoids.is_none() => {
                let all_positive = pairs.coefficients.iter().all(|&weight| weight >= 0.0);
                if all_positive { 1 } else { largest(votes) }
            }
            _ => largest(votes),
        }
    }

    fn write(&self, scores: &[f64], out: &mut Vec<f32>) {
        let start = out.len();
        match *scores {
            [margin] if self.post == PostTransform::Logistic => {
                out.extend([super::logistic(-margin as f32), super::logistic(margin as f32)]);
                return;
            }
            [margin] => out.extend([-margin as f32, margin as f32]),
            _ => out.extend(scores.iter().map(|&score| score as f32)),
        }
        self.post.apply(&mut out[start..]);
    }
}

impl Operator for Classifier {
    fn memory_bytes(&self) -> usize {
        self.vectors.vectors.capacity() * size_of::<f64>()
    }

    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let (mut picked, mut out) = (Vec::new(), Vec::new());
        let (mut scores, mut votes) = (Vec::new(), vec![0u32; self.classes]);
        let width = match &self.margins {
            Margins::Pairs(pairs) if pairs.sigmoids.is_none() => pairs.rho.len().max(2),
            _ => self.classes,
        };
        let rows = self.vectors.each(inputs.get(0)?, width, |kernels| {
            match &self.margins {
                Margins::Linear { rho } => {
                    scores.clear();
                    scores.extend(kernels.iter().map(|kernel| kernel + f64::from(*rho)));
                    picked.push(largest(&scores));
                }
                Margins::Pairs(pairs) => {
                    pairs.of_row(kernels, &mut scores, &mut votes);
                    picked.push(self.decide(&votes));
                    if let Some((a, b)) = &pairs.sigmoids {
                        scores = coupled(&scores, a, b, self.classes);
                    }
                }
            }
            self.write(&scores, &mut out);
        })?;
        Ok(vec![self.labels.pick(&picked)?, Value::Float(Tensor::new(&[rows, width], out)?)])
    }

    fn classes(&self) -> Option<Vec<String>> {
        Some(self.labels.names())
    }

    fn is_sigmoid(&self) -> bool {
        self.post == PostTransform::Logistic || matches!(&self.margins, Margins::Pairs(Pairs { sigmoids: Some(_), .. }))
    }
}

/// The probabilities of all classes from those of pairs: libsvm's `multiclass_probability`, the second method of Wu, Lin and Weng (2004,
/// "Probability estimates for multi-class classification by pairwise coupling", JMLR 5).
fn coupled(margins: &[f64], a: &[f32], b: &[f32], classes: usize) -> Vec<f64> {
    let mut pairwise = vec![0.0f64; classes * classes];
    let mut pair = 0;
    for first in 0..classes {
        for second in first + 1..classes {
            let exponent = margins[pair] * f64::from(a[pair]) + f64::from(b[pair]);
            let share = (1.0 / (1.0 + exponent.exp())).clamp(1e-7, 1.0 - 1e-7);
            pairwise[first * classes + second] = share;
            pairwise[second * classes + first] = 1.0 - share;
            pair += 1;
        }
    }
    let r = |row: usize, column: usize| pairwise[row * classes + column];
    let mut q = vec![0.0f64; classes * classes];
    for t in 0..classes {
        for other in (0..classes).filter(|&other| other != t) {
            q[t * classes + t] += r(other, t) * r(other, t);
            q[t * classes + other] = -r(other, t) * r(t, other);
        }
    }
    solve(&q, classes)
}

/// Minimises `p' q p` over probabilities `p`, coordinate by coordinate, until no gradient is off by more than `0.005 / classes`.
fn solve(q: &[f64], classes: usize) -> Vec<f64> {
    let mut p = vec![1.0 / classes as f64; classes];
    let mut gradient = vec![0.0f64; classes];
    for _ in 0..classes.max(100) {
        let row = |t: usize| &q[t * classes..(t + 1) * classes];
        for (t, value) in gradient.iter_mut().enumerate() {
            *value = row(t).iter().zip(&p).map(|(q, p)| q * p).sum();
        }
        let mut product: f64 = p.iter().zip(&gradient).map(|(p, g)| p * g).sum();
        let error = gradient.iter().map(|value| (value - product).abs()).fold(0.0, f64::max);
        if error < 0.005 / classes as f64 {
            break;
        }
        for t in 0..classes {
            let diagonal = q[t * classes + t];
            let step = (product - gradient[t]) / diagonal;
            let shrink = 1.0 + step;
            p[t] += step;
            product = (product + step * (step * diagonal + 2.0 * gradient[t])) / (shrink * shrink);
            gradient.iter_mut().zip(row(t)).for_each(|(value, q)| *value = (*value + step * q) / shrink);
            p.iter_mut().for_each(|p| *p /= shrink);
        }
    }
    p
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_that_agree_give_their_own_probabilities() {
        // Two classes: the probability of the first is the sigmoid of its pair.
        let p = coupled(&[0.7], &[-2.0], &[0.1], 2);
        let wanted = 1.0 / (1.0 + (0.7f64 * -2.0 + f64::from(0.1f32)).exp());
        assert!((p[0] - wanted).abs() < 2e-3 && (p[0] + p[1] - 1.0).abs() < 1e-12, "{p:?} {wanted}");
        // Three classes that nothing tells apart.
        let p = coupled(&[0.0; 3], &[-1.0; 3], &[0.0; 3], 3);
        assert!(p.iter().all(|p| (p - 1.0 / 3.0).abs() < 1e-12), "{p:?}");
    }

    #[test]
    fn kernels_are_those_of_libsvm() {
        let (x, v) = ([1.0, 2.0], [0.5, -1.0]);
        assert_eq!(Kernel::Linear.of_pair(&x, &v), -1.5);
        assert_eq!(Kernel::Poly { gamma: 2.0, coef0: 1.0, degree: 3.0 }.of_pair(&x, &v), -8.0);
        assert_eq!(Kernel::Sigmoid { gamma: 2.0, coef0: 1.0 }.of_pair(&x, &v), (-2.0f64).tanh());
        assert_eq!(Kernel::Rbf { gamma: 0.5 }.of_pair(&x, &v), (-0.5f64 * 9.25).exp());
    }
}
