//! Names of drift measures, what each is expected to be without drift, and from where it matters.
//!
//! A distance between two samples of one law is not zero: it has an expectation that shrinks with the sample sizes.
//! Every [`Distance`] carries that expectation and the effect left after it, so thresholds mean the same at every size.

use crate::outcome::{MetricResult, Unmeasured};
use serde::{Deserialize, Serialize};

/// A measure of how far a current sample is from the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Wasserstein-1 distance over the reference's standard deviation (ddof 0). Numeric only.
    W1OverSd,
    /// Kolmogorov-Smirnov distance. Numeric only.
    Ks,
    /// Population stability index; numeric columns on reference deciles; shares are floored at 1e-4.
    Psi,
    /// Jensen-Shannon distance, base 2 (square root of the divergence).
    Js,
    /// Total variation distance: half the sum of absolute differences of shares.
    Tvd,
    /// Largest absolute difference of a share.
    LInfinity,
    /// Hellinger distance.
    Hellinger,
    /// Bias-corrected Cramer's V of the homogeneity table (both samples' errors count); its evidence is chi-square's.
    Chi2,
}

impl Measure {
    /// Measures of numeric columns, headline first.
    pub const NUMERIC: [Measure; 7] =
        [Measure::W1OverSd, Measure::Ks, Measure::Psi, Measure::Js, Measure::Tvd, Measure::Hellinger, Measure::Chi2];
    /// Measures of categorical columns, headline first.
    pub const CATEGORICAL: [Measure; 6] =
        [Measure::Tvd, Measure::Js, Measure::Psi, Measure::LInfinity, Measure::Hellinger, Measure::Chi2];

    /// The word that people write.
    pub fn name(self) -> &'static str {
        match self {
            Measure::W1OverSd => "w1_over_sd",
            Measure::Ks => "ks",
            Measure::Psi => "psi",
            Measure::Js => "js",
            Measure::Tvd => "tvd",
            Measure::LInfinity => "linf",
            Measure::Hellinger => "hellinger",
            Measure::Chi2 => "chi2",
        }
    }

    /// The measure called `name`, or what the names are.
    pub fn named(name: &str) -> MetricResult<Measure> {
        let found = match name {
            "w1_over_sd" | "w1" | "wasserstein" => Measure::W1OverSd,
            "ks" => Measure::Ks,
            "psi" => Measure::Psi,
            "js" => Measure::Js,
            "tvd" => Measure::Tvd,
            "linf" | "l_infinity" => Measure::LInfinity,
            "hellinger" => Measure::Hellinger,
            "chi2" => Measure::Chi2,
            _ => {
                let all = "w1_over_sd, ks, psi, js, tvd, linf, hellinger, chi2";
                return Err(Unmeasured::bad_input(name, format!("it is no drift measure; there are {all}")));
            }
        };
        Ok(found)
    }

    /// Effects from which drift is worth a note, a warning and an alert (monitoring page, default rule 5).
    pub fn steps(self) -> [f64; 3] {
        match self {
            Measure::W1OverSd | Measure::Js | Measure::Chi2 => [0.05, 0.1, 0.2],
            Measure::Psi => [0.05, 0.1, 0.25],
            Measure::Ks | Measure::Tvd | Measure::LInfinity | Measure::Hellinger => [0.03, 0.05, 0.1],
        }
    }
}

/// How far a current sample is from the reference, by one measure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Distance {
    /// By which measure.
    pub measure: Measure,
    /// The distance as defined.
    pub value: f64,
    /// Its expectation at these sample sizes if nothing had changed.
    pub expected: f64,
    /// What is left: `max(0, value - expected)`.
    pub effect: f64,
    /// P(a value at least this large) without drift, where the law is known (KS, chi-square on the bins); else `None`.
    pub p: Option<f64>,
    /// Reference rows with a value.
    pub reference_rows: u64,
    /// Current rows with a value.
    pub current_rows: u64,
}

impl Distance {
    pub(crate) fn new(
        measure: Measure,
        value: f64,
        expected: f64,
        p: Option<f64>,
        rows: (u64, u64),
    ) -> MetricResult<Self> {
        if value.is_nan() || expected.is_nan() {
            return Err(Unmeasured::undefined(measure.name(), "the arithmetic left the numbers"));
        }
        let effect = (value - expected).max(0.0);
        Ok(Distance { measure, value, expected, effect, p, reference_rows: rows.0, current_rows: rows.1 })
    }

    /// The expectation of independent rows if the window had another number of them: it goes with `1/m + 1/n`, or with
    /// its root.
    pub fn expected_at(&self, rows: u64) -> f64 {
        let delta = |n: u64| 1.0 / self.reference_rows.max(1) as f64 + 1.0 / n.max(1) as f64;
        let ratio = delta(rows) / delta(self.current_rows);
        self.expected * if self.measure == Measure::Psi { ratio } else { ratio.sqrt() }
    }

    /// The distance with another expectation.
    pub fn expecting(self, expected: f64) -> Self {
        Distance { expected, effect: (self.value - expected).max(0.0), ..self }
    }
}
