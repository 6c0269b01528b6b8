//! Whether one rule is at least as strict as another: whatever meets it meets the other.
//!
//! Invariants: true only where that can be seen from the two rules alone. Of the same quantity over the same span, bounds in numbers
//! are compared as sets of values, bounds beside a champion by their offset, and lists of words as sets. All else is false.

use super::{Bound, BoundExpr, ExactNumber, Op, Rule};

/// The values that a bound in numbers allows.
#[derive(Clone, Copy)]
struct Values {
    /// The lower end, and whether it belongs to them.
    low: Option<(ExactNumber, bool)>,
    /// The upper end, and whether it belongs to them.
    high: Option<(ExactNumber, bool)>,
}

impl Rule {
    /// Whether whatever meets this rule meets `other`.
    pub fn implies(&self, other: &Rule) -> bool {
        if self == other {
            return true;
        }
        if self.quantity != other.quantity || self.over != other.over {
            return false;
        }
        match (&self.bound, &other.bound) {
            (Bound::OneOf(own), Bound::OneOf(theirs)) => own.iter().all(|word| theirs.contains(word)),
            (Bound::Compare(own, one), Bound::Compare(theirs, two)) if is_beside_champion(one) => {
                own == theirs && is_closer(*own, one, two)
            }
            (own, theirs) => match (values(own), values(theirs)) {
                (Some(own), Some(theirs)) => own.are_in(theirs),
                _ => false,
            },
        }
    }
}

const fn is_beside_champion(bound: &BoundExpr) -> bool {
    matches!(bound, BoundExpr::Champion { .. })
}

/// Whether the first of two bounds beside the same champion allows no more than the second.
fn is_closer(op: Op, one: &BoundExpr, two: &BoundExpr) -> bool {
    let (
        BoundExpr::Champion { metric, slice, factor, offset },
        BoundExpr::Champion { metric: metric_2, slice: slice_2, factor: factor_2, offset: offset_2 },
    ) = (one, two)
    else {
        return false;
    };
    let is_same = metric == metric_2 && slice == slice_2 && factor == factor_2;
    is_same
        && match op {
            Op::AtLeast | Op::More => offset >= offset_2,
            Op::AtMost | Op::Less => offset <= offset_2,
            Op::Equal | Op::Unequal => false,
        }
}

fn values(bound: &Bound) -> Option<Values> {
    let (low, high) = match bound {
        Bound::Compare(op, BoundExpr::Number(number)) => {
            let number = number.exact();
            match op {
                Op::Less => (None, Some((number, false))),
                Op::AtMost => (None, Some((number, true))),
                Op::More => (Some((number, false)), None),
                Op::AtLeast => (Some((number, true)), None),
                Op::Equal => (Some((number, true)), Some((number, true))),
                Op::Unequal => return None,
            }
        }
        Bound::Within(low, high) => (Some((low.exact(), true)), Some((high.exact(), true))),
        _ => return None,
    };
    Some(Values { low, high })
}

impl Values {
    fn are_in(self, other: Self) -> bool {
        let is_above = match (self.low, other.low) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some((own, is_in)), Some((theirs, has_end))) => own > theirs || (own == theirs && (has_end || !is_in)),
        };
        let is_below = match (self.high, other.high) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some((own, is_in)), Some((theirs, has_end))) => own < theirs || (own == theirs && (has_end || !is_in)),
        };
        is_above && is_below
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn implies(one: &str, other: &str) -> bool {
        one.parse::<Rule>().unwrap().implies(&other.parse::<Rule>().unwrap())
    }

    #[test]
    fn a_rule_implies_another_where_its_values_are_among_the_others() {
        for (one, other) in [
            ("auc >= 0.82", "auc >= 0.8"),
            ("auc >= 0.8", "auc >= 0.80"),
            ("auc > 0.8", "auc >= 0.8"),
            ("auc >= 0.81", "auc > 0.8"),
            ("ece <= 3%", "ece <= 0.04"),
            ("ratio(selected, gender) in 0.9..1.1", "ratio(selected, gender) in 0.8..1.25"),
            ("p99_ms <= 40", "p99_ms <= 50"),
            ("auc >= champion.auc", "auc >= champion.auc - 0.002"),
            ("rows == 5", "rows in 1..10"),
        ] {
            assert!(implies(one, other), "{one} is as strict as {other}");
        }
        for (one, other) in [
            ("auc >= 0.79", "auc >= 0.8"),
            ("auc >= 0.8", "auc > 0.8"),
            ("auc >= 0.8", "auc in 0.8..1"),
            ("auc >= 0.9", "ece <= 0.1"),
            ("auc.slice(region) >= 0.9", "auc >= 0.8"),
            ("auc >= champion.auc - 0.01", "auc >= champion.auc - 0.002"),
            ("auc >= 0.99", "auc >= champion.auc"),
            ("auc >= champion.auc * 1.01", "auc >= champion.auc"),
            ("rows != 5", "rows != 6"),
        ] {
            assert!(!implies(one, other), "{one} is not known to be as strict as {other}");
        }
    }
}
