//! The statistics that SQL can compute of two columns.

use kilter_stats::drift::Measure;

/// What a function answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Statistic {
    /// A metric of a binary score, by its name in `stats`.
    Performance(&'static str),
    /// A distance between the rows where the flag is false and those where it is true.
    Distance(Measure),
    /// Wasserstein's distance in the unit of the column.
    Wasserstein,
    /// P(such a distance) if nothing differs.
    Tail(Measure),
}

impl Statistic {
    /// Whether texts can be asked: what needs an order cannot.
    pub(super) fn takes_texts(self) -> bool {
        match self {
            Self::Performance(_) | Self::Wasserstein => false,
            Self::Distance(measure) | Self::Tail(measure) => !matches!(measure, Measure::Ks | Measure::W1OverSd),
        }
    }
}
