//! The objectives of XGBoost: where scores start, what they become, and which question they answer.

use crate::{ensemble::Link, signature::Task};

/// What an objective does with scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Objective {
    task: Task,
    link: Link,
    /// How the base score of the file becomes a raw score.
    start: Start,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Start {
    Same,
    Logit,
    Log,
}

impl Objective {
    /// The objective of this name; `None` for one that is not known.
    pub fn of(name: &str) -> Option<Self> {
        let logistic = Link::Logistic { scale: 1.0 };
        let (task, link, start) = match name {
            "binary:logistic" => (Task::Binary, logistic, Start::Logit),
            "binary:logitraw" => (Task::Binary, Link::Identity, Start::Same),
            "binary:hinge" => (Task::Binary, Link::Step, Start::Same),
            "multi:softprob" | "multi:softmax" => (Task::Multiclass, Link::Softmax, Start::Same),
            "reg:logistic" => (Task::Regression, logistic, Start::Logit),
            "count:poisson" | "reg:gamma" | "reg:tweedie" | "survival:cox" | "survival:aft" => {
                (Task::Regression, Link::Exp, Start::Log)
            }
            "reg:squarederror"
            | "reg:linear"
            | "reg:squaredlogerror"
            | "reg:pseudohubererror"
            | "reg:absoluteerror"
            | "reg:quantileerror"
            | "rank:pairwise"
            | "rank:ndcg"
            | "rank:map" => (Task::Regression, Link::Identity, Start::Same),
            _ => return None,
        };
        Some(Self { task, link, start })
    }

    pub const fn task(self) -> Task {
        self.task
    }

    pub const fn link(self) -> Link {
        self.link
    }

    pub fn is_multiclass(self) -> bool {
        self.task == Task::Multiclass
    }

    /// Where the `outputs` scores of a row start, in the unit in which trees add.
    pub fn base(self, written: &[f64], outputs: usize) -> Result<Vec<f64>, String> {
        let start = |written: f64| {
            let start = match self.start {
                Start::Same => written,
                Start::Logit => -(1.0 / written - 1.0).ln(),
                Start::Log => written.ln(),
            };
            let start = f64::from(start as f32);
            if start.is_finite() { Ok(start) } else { Err(format!("its base score is {written}")) }
        };
        match written {
            [one] => Ok(vec![start(*one)?; outputs]),
            all if all.len() == outputs => all.iter().map(|&one| start(one)).collect(),
            all => Err(format!("it has {} base scores for {outputs} scores per row", all.len())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_scores_are_in_the_unit_of_the_trees() {
        let base = |name: &str, written: &[f64], outputs| Objective::of(name).unwrap().base(written, outputs);
        assert_eq!(base("binary:logistic", &[0.5], 1).unwrap(), [0.0]);
        assert_eq!(base("count:poisson", &[1.0], 1).unwrap(), [0.0]);
        assert_eq!(base("multi:softprob", &[0.5], 3).unwrap(), [0.5; 3]);
        assert_eq!(base("multi:softprob", &[0.0, 0.25, 1.0], 3).unwrap(), [0.0, 0.25, 1.0]);
        assert!(base("multi:softprob", &[0.5; 2], 3).unwrap_err().contains("2 base scores"));
        assert!(base("binary:logistic", &[1.0], 1).unwrap_err().contains("base score is 1"));
        assert_eq!(Objective::of("reg:own"), None);
    }
}
