//! The region that a value must lie in, and what a measurement says about it.

use super::{ExactNumber, JudgeMode, Limits, Measurement, NotMeasured, Op, RuleVerdict, Undecided};

/// Where a value must lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Region {
    Compare(Op, ExactNumber),
    /// Both ends included.
    Within(ExactNumber, ExactNumber),
}

impl Region {
    pub(super) fn contains(self, value: ExactNumber) -> bool {
        match self {
            Self::Compare(Op::Less, bound) => value < bound,
            Self::Compare(Op::AtMost, bound) => value <= bound,
            Self::Compare(Op::More, bound) => value > bound,
            Self::Compare(Op::AtLeast, bound) => value >= bound,
            Self::Compare(Op::Equal, bound) => value == bound,
            Self::Compare(Op::Unequal, bound) => value != bound,
            Self::Within(low, high) => low <= value && value <= high,
        }
    }

    /// How far inside the value lies; negative: how far outside.
    pub(super) fn margin(self, value: f64) -> f64 {
        match self {
            Self::Compare(Op::Less | Op::AtMost, bound) => bound.value - value,
            Self::Compare(Op::More | Op::AtLeast, bound) => value - bound.value,
            Self::Compare(Op::Equal, bound) => -(value - bound.value).abs(),
            Self::Compare(Op::Unequal, bound) => (value - bound.value).abs(),
            Self::Within(low, high) => (value - low.value).min(high.value - value),
        }
    }

    pub(super) fn limits(self) -> Limits {
        match self {
            Self::Compare(Op::Less | Op::AtMost, bound) => Limits { low: None, high: Some(bound.value) },
            Self::Compare(Op::More | Op::AtLeast, bound) => Limits { low: Some(bound.value), high: None },
            Self::Compare(Op::Equal, bound) => Limits { low: Some(bound.value), high: Some(bound.value) },
            Self::Compare(Op::Unequal, _) => Limits::default(),
            Self::Within(low, high) => Limits { low: Some(low.value), high: Some(high.value) },
        }
    }

    /// NaN is no value: it was not measured.
    pub(super) fn verdict(self, measurement: &Measurement, mode: JudgeMode) -> RuleVerdict {
        let value = measurement.value;
        if value.is_nan() {
            return RuleVerdict::Undecided(Undecided::NotMeasured(NotMeasured {
                missing: format!("the value is not a number (over {} rows)", measurement.count),
                how: "measure it over rows for which it is defined".into(),
            }));
        }
        let (low, high) = match (mode, measurement.interval) {
            (JudgeMode::Evidence, Some((low, high))) if low <= value && value <= high => (low.into(), high.into()),
            _ => (measurement.exact(), measurement.exact()),
        };
        match (self.contains(low) && self.contains(high) && self.has_no_hole(low, high), self.is_beside(low, high)) {
            (true, _) => RuleVerdict::Passed,
            (false, true) => RuleVerdict::Failed,
            (false, false) => RuleVerdict::Undecided(Undecided::NearLimit),
        }
    }

    /// Whether everything between two values of the region is in it too.
    fn has_no_hole(self, low: ExactNumber, high: ExactNumber) -> bool {
        match self {
            Self::Compare(Op::Unequal, bound) => bound < low || high < bound,
            Self::Compare(..) | Self::Within(..) => true,
        }
    }

    /// Whether nothing from `low` to `high` is in the region.
    fn is_beside(self, low: ExactNumber, high: ExactNumber) -> bool {
        match self {
            Self::Compare(Op::Less | Op::AtMost, _) => !self.contains(low),
            Self::Compare(Op::More | Op::AtLeast, _) => !self.contains(high),
            Self::Compare(Op::Equal, bound) => bound < low || high < bound,
            Self::Compare(Op::Unequal, bound) => low == bound && high == bound,
            Self::Within(floor, ceiling) => high < floor || ceiling < low,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(value: f64, interval: Option<(f64, f64)>) -> Measurement {
        Measurement { value, whole: None, interval, count: 100, estimated: false, note: None }
    }

    #[test]
    fn evidence_fails_only_when_the_whole_interval_is_on_the_wrong_side() {
        let near = RuleVerdict::Undecided(Undecided::NearLimit);
        for (region, value, interval, wanted) in [
            (Region::Compare(Op::AtLeast, 0.8.into()), 0.79, Some((0.77, 0.81)), near.clone()),
            (Region::Compare(Op::AtLeast, 0.8.into()), 0.75, Some((0.73, 0.77)), RuleVerdict::Failed),
            (Region::Compare(Op::AtLeast, 0.8.into()), 0.85, Some((0.82, 0.87)), RuleVerdict::Passed),
            (Region::Compare(Op::AtLeast, 0.8.into()), 0.79, None, RuleVerdict::Failed),
            (Region::Compare(Op::Less, 0.2.into()), 0.25, Some((0.2, 0.3)), RuleVerdict::Failed),
            (Region::Compare(Op::AtMost, 0.2.into()), 0.25, Some((0.2, 0.3)), near.clone()),
            (Region::Within(0.8.into(), 1.25.into()), 1.3, Some((1.2, 1.4)), near.clone()),
            (Region::Within(0.8.into(), 1.25.into()), 1.3, Some((1.26, 1.4)), RuleVerdict::Failed),
            (Region::Within(0.8.into(), 1.25.into()), 1.0, Some((0.9, 1.1)), RuleVerdict::Passed),
            (Region::Compare(Op::Unequal, 0.0.into()), 1.0, Some((-1.0, 2.0)), near.clone()),
            (Region::Compare(Op::Unequal, 0.0.into()), 1.0, Some((0.5, 2.0)), RuleVerdict::Passed),
            (Region::Compare(Op::Equal, 0.0.into()), 0.0, None, RuleVerdict::Passed),
            (Region::Compare(Op::Equal, 0.0.into()), 1.0, Some((0.5, 2.0)), RuleVerdict::Failed),
        ] {
            assert_eq!(region.verdict(&measured(value, interval), JudgeMode::Evidence), wanted, "{region:?} {value}");
        }
    }

    #[test]
    fn a_point_is_judged_by_its_value_alone() {
        let region = Region::Compare(Op::AtLeast, 0.8.into());
        assert_eq!(region.verdict(&measured(0.79, Some((0.7, 0.9))), JudgeMode::Point), RuleVerdict::Failed);
        assert_eq!(region.verdict(&measured(0.80, Some((0.7, 0.9))), JudgeMode::Point), RuleVerdict::Passed);
    }

    #[test]
    fn what_is_not_a_number_neither_passes_nor_fails() {
        for op in [Op::Less, Op::AtMost, Op::More, Op::AtLeast, Op::Equal, Op::Unequal] {
            for mode in [JudgeMode::Point, JudgeMode::Evidence] {
                let verdict = Region::Compare(op, 0.0.into()).verdict(&measured(f64::NAN, None), mode);
                assert!(matches!(verdict, RuleVerdict::Undecided(Undecided::NotMeasured(_))), "{op:?}");
            }
        }
    }
}
