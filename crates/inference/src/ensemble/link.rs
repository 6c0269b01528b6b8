//! From raw scores to answers, as the objectives of LightGBM and XGBoost do it.

/// What an objective makes of the raw scores of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Link {
    Identity,
    /// `sign(x) x^2`: LightGBM was trained on square roots.
    SignedSquare,
    Exp,
    /// `ln(1 + exp(x))`.
    LogOnePlusExp,
    /// `1 / (1 + exp(-scale x))` of each score.
    Logistic {
        scale: f64,
    },
    /// 1 above zero, else 0.
    Step,
    Softmax,
}

impl Link {
    /// Turns the scores of one row into answers.
    pub fn apply(self, scores: &mut [f64]) {
        let each = |scores: &mut [f64], change: fn(f64) -> f64| scores.iter_mut().for_each(|x| *x = change(*x));
        match self {
            Self::Identity => {}
            Self::SignedSquare => each(scores, |x| x.signum() * x * x),
            Self::Exp => each(scores, f64::exp),
            Self::LogOnePlusExp => each(scores, |x| x.exp().ln_1p()),
            Self::Logistic { scale } => scores.iter_mut().for_each(|x| *x = 1.0 / (1.0 + (-scale * *x).exp())),
            Self::Step => each(scores, |x| f64::from(u8::from(x > 0.0))),
            Self::Softmax => softmax(scores),
        }
    }

    /// The first class's score beside that of the second: the rest to one of a probability, the opposite of a margin.
    pub fn second_class(self) -> fn(f64) -> f64 {
        match self {
            Self::Logistic { .. } | Self::Step => |score| 1.0 - score,
            _ => |score| -score,
        }
    }
}

fn softmax(scores: &mut [f64]) {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    scores.iter_mut().for_each(|score| *score = (*score - largest).exp());
    let sum: f64 = scores.iter().sum();
    scores.iter_mut().for_each(|score| *score /= sum);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(link: Link, scores: &[f64]) -> Vec<f64> {
        let mut scores = scores.to_vec();
        link.apply(&mut scores);
        scores
    }

    #[test]
    fn scores_become_answers_and_extremes_stay_numbers() {
        assert_eq!(of(Link::SignedSquare, &[-3.0, 2.0, 0.0]), [-9.0, 4.0, 0.0]);
        assert_eq!(of(Link::Step, &[-1.0, 0.0, 1e-300]), [0.0, 0.0, 1.0]);
        assert_eq!(of(Link::Logistic { scale: 2.0 }, &[0.0, 1e4, -1e4]), [0.5, 1.0, 0.0]);
        assert_eq!(of(Link::Softmax, &[1e4, 1e4, -1e4]), [0.5, 0.5, 0.0]);
        assert!((of(Link::LogOnePlusExp, &[0.0])[0] - 2f64.ln()).abs() < 1e-15);
        assert_eq!((Link::Step.second_class()(1.0), Link::Identity.second_class()(1.0)), (0.0, -1.0));
    }
}
