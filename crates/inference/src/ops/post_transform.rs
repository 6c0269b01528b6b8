//! What classifiers of `ai.onnx.ml` do to their raw scores at the end.

use super::Attributes;

/// The `post_transform` attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PostTransform {
    None,
    Logistic,
    Softmax,
    SoftmaxZero,
}

impl PostTransform {
    pub fn of(node: &Attributes<'_>) -> Result<Self, String> {
        Ok(match node.text("post_transform", "NONE")? {
            "NONE" => Self::None,
            "LOGISTIC" => Self::Logistic,
            "SOFTMAX" => Self::Softmax,
            "SOFTMAX_ZERO" => Self::SoftmaxZero,
            other => return Err(format!("post_transform {other} is not supported")),
        })
    }

    /// Transforms the scores of one row in place.
    pub fn apply(self, scores: &mut [f32]) {
        match self {
            Self::None => {}
            Self::Logistic => scores.iter_mut().for_each(|score| *score = logistic(*score)),
            Self::Softmax => softmax(scores, false),
            Self::SoftmaxZero => softmax(scores, true),
        }
    }
}

pub(crate) fn logistic(x: f32) -> f32 {
    (1.0 / (1.0 + (-f64::from(x)).exp())) as f32
}

/// Softmax of one row; with `keep_zeros` scores of zero stay zero (SOFTMAX_ZERO).
pub(super) fn softmax(scores: &mut [f32], keep_zeros: bool) {
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0f64;
    let zero = |score: f32| keep_zeros && (-0.000_000_1..=0.000_000_1).contains(&score);
    let raised: Vec<f64> = scores
        .iter()
        .map(|&score| if zero(score) { 0.0 } else { f64::from(score - largest).exp() })
        .inspect(|value| sum += value)
        .collect();
    scores
        .iter_mut()
        .zip(raised)
        .for_each(|(score, value)| *score = if sum > 0.0 { (value / sum) as f32 } else { 0.0 });
}
