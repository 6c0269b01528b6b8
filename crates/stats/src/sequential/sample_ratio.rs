//! Sample-ratio mismatch: did each arm of a split receive the share that was set?
//!
//! A split that is broken (a lost request, a bot, a failure on some of the rows) makes arms that differ in more than the version that
//! answered, and every comparison of them is worthless. The test may be looked at after every unit.

use crate::outcome::{MetricResult, Unmeasured};

/// How tightly the prior of [`SampleRatio`] lies around the shares that were set, in imagined units. Larger finds smaller deviations of
/// large samples, smaller finds gross ones sooner: at 1,000 a half that is 48 % is mostly found within 12,000 units, one that receives
/// nobody within about 100.
const CONCENTRATION: f64 = 1000.0;

/// A sequential test that units (entities) fall into arms with given shares: a Bayes factor against a Dirichlet mixture, whose
/// inverse is a p-value at all times at once.
///
/// * `shares`: the share `θ_i` of each arm, each in `(0, 1)`, together one.
/// * one unit after the other, each once, in the order in which they came.
///
/// Under the shares that were set `p <= α` occurs ever with probability at most `α`, whenever one looks or stops.
///
/// ```text
/// B_n = Γ(κ) / Γ(κ + n) Π_i Γ(κ θ_i + n_i) / (Γ(κ θ_i) θ_i^n_i),   p_n = min(1, min_{m <= n} 1 / B_m),   κ = 1000
/// ```
///
/// Lindon & Malek (2022), "Anytime-valid inference for multinomial count data", arXiv:2011.03567. Agrees with ssrm-test 0.1.5 with
/// `dirichlet_concentration=1000`.
///
/// ```
/// use kilter_stats::sequential::SampleRatio;
/// let mut ratio = SampleRatio::new(&[0.9, 0.1])?;
/// (0..40).for_each(|_| ratio.add(1));
/// assert!(ratio.p_value() < 0.01);
/// assert_eq!(ratio.counts(), [0, 40]);
/// # Ok::<(), kilter_stats::Unmeasured>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SampleRatio {
    shares: Vec<f64>,
    counts: Vec<u64>,
    total: u64,
    /// `ln B_n`
    log_factor: f64,
    /// The largest of all times, and at least `ln 1`.
    highest: f64,
}

impl SampleRatio {
    /// A test of these shares, with no unit yet.
    ///
    /// # Errors
    /// [`Unmeasured::BadInput`] when there are fewer than two arms, or the shares are not positive or do not make one.
    pub fn new(shares: &[f64]) -> MetricResult<Self> {
        let sum: f64 = shares.iter().sum();
        if shares.len() < 2 || shares.iter().any(|share| share.is_nan() || *share <= 0.0) || (sum - 1.0).abs() > 1e-9 {
            let why = format!("the shares {shares:?} are not two or more positive numbers that sum to one");
            return Err(Unmeasured::bad_input("sample ratio", why));
        }
        let counts = vec![0; shares.len()];
        Ok(Self { shares: shares.to_vec(), counts, total: 0, log_factor: 0.0, highest: 0.0 })
    }

    /// Takes the next unit, which fell into an arm; an arm that there is not is ignored.
    pub fn add(&mut self, arm: usize) {
        self.add_together([arm]);
    }

    /// Takes units that came together, as those of one request: the order in which they were written down, mostly one arm after the
    /// other, is none in which they came, and nobody may look between them.
    pub fn add_together(&mut self, arms: impl IntoIterator<Item = usize>) {
        for arm in arms {
            let Some((count, share)) = self.counts.get_mut(arm).zip(self.shares.get(arm)) else { continue };
            // The posterior's prediction of this unit by the share that was set.
            let predicted = (CONCENTRATION * share + *count as f64) / (CONCENTRATION + self.total as f64);
            self.log_factor += (predicted / share).ln();
            *count += 1;
            self.total += 1;
        }
        self.highest = self.highest.max(self.log_factor);
    }

    /// Units in each arm.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// All units.
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The p-value of the shares that were set, valid at any time; 1 before the first unit.
    pub fn p_value(&self) -> f64 {
        (-self.highest).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// Units of two arms in blocks; those of the second lie evenly within a block.
    fn of(shares: [f64; 2], blocks: &[(u64, u64)]) -> SampleRatio {
        let mut ratio = SampleRatio::new(&shares).unwrap();
        for (first, second) in blocks {
            let all = first + second;
            let places: std::collections::BTreeSet<u64> = (0..*second).map(|unit| unit * all / second).collect();
            (0..all).for_each(|unit| ratio.add(usize::from(places.contains(&unit))));
        }
        ratio
    }

    /// By ssrm-test 0.1.5 (its authors' code) with `dirichlet_concentration=1000`, after each block; the closed form with
    /// `scipy.special.gammaln` (1.17.1) agrees. Tolerance: 1e-8 of the value, which is what
    /// differences of `gammaln` of 10,000 units leave.
    #[test]
    fn p_values_are_those_of_the_reference_implementation() {
        let thin = [(100, 5), (900, 45), (800, 20), (2000, 160)];
        let half = [(50, 60), (500, 420), (4000, 4400)];
        let check = |shares: [f64; 2], blocks: &[(u64, u64)], expected: f64| {
            let found = of(shares, blocks).p_value();
            assert!((found - expected).abs() <= 1e-8 * expected, "{shares:?} {blocks:?}: {found}, not {expected}");
        };
        check([0.95, 0.05], &thin[..1], 1.0);
        check([0.95, 0.05], &thin[..3], 0.183_271_074_091_591_9);
        check([0.95, 0.05], &thin, 0.183_271_074_091_591_9);
        check([0.5, 0.5], &half[..1], 0.993_154_995_506_416_1);
        check([0.5, 0.5], &half[..2], 0.425_884_890_139_276_9);
        check([0.5, 0.5], &half, 0.016_713_717_992_765_69);
        check([0.9, 0.1], &[(0, 40)], 0.002_096_028_746_932_537);
    }

    #[test]
    fn a_right_split_is_called_wrong_at_most_as_often_as_alpha_says_whenever_one_stops() {
        let runs = 2_000;
        for (share, units) in [(0.5, 5_000), (0.05, 5_000)] {
            let mut below = [0; 2];
            for run in 0..runs {
                let mut random = Random::seeded(run);
                let mut ratio = SampleRatio::new(&[1.0 - share, share]).unwrap();
                // The p-value only falls: at the end it is the smallest at which anyone could have stopped.
                (0..units).for_each(|_| ratio.add(usize::from(random.uniform() < share)));
                let p = ratio.p_value();
                below[0] += usize::from(p < 0.05);
                below[1] += usize::from(p < 0.01);
            }
            // Expected at most 100 and 20; no allowance of chance is needed, for the test is cautious.
            assert!(below[0] <= 100 && below[1] <= 20, "share {share}: {below:?} of {runs} runs below 5 % and 1 %");
            assert!(below[0] > 10, "share {share}: {below:?}: a test that never errs finds nothing");
        }
    }

    #[test]
    fn a_wrong_split_is_found() {
        // What the second arm loses, and units within which nearly every run finds it at 1 %.
        for (share, lost, units) in [(0.5, 0.08, 15_000), (0.1, 0.2, 12_000), (0.05, 1.0, 600)] {
            let found = (0..200).filter(|run| {
                let mut random = Random::seeded(*run);
                let mut ratio = SampleRatio::new(&[1.0 - share, share]).unwrap();
                while ratio.total() < units {
                    let is_second = random.uniform() < share;
                    if !is_second || random.uniform() >= lost {
                        ratio.add(usize::from(is_second));
                    }
                }
                ratio.p_value() < 0.01
            });
            let found = found.count();
            assert!(
                found >= 180,
                "a share of {share} that loses {lost}: found in {found} of 200 runs of {units} units"
            );
        }
    }

    #[test]
    fn the_order_of_units_that_came_together_says_nothing() {
        let half = || SampleRatio::new(&[0.5, 0.5]).unwrap();
        let (mut together, mut mixed, mut apart) = (half(), half(), half());
        let arms = |unit: usize| usize::from(unit >= 300);
        together.add_together((0..600).map(arms));
        mixed.add_together((0..600).map(|unit| unit % 2));
        (0..600).for_each(|unit| apart.add(arms(unit)));
        assert!((together.p_value() - mixed.p_value()).abs() < 1e-12 && together.p_value() > 0.9, "{together:?}");
        assert!(apart.p_value() < 1e-6, "one after the other they are half a thousand of the same: {apart:?}");
    }

    #[test]
    fn shares_that_are_none_are_refused() {
        for wrong in [&[][..], &[1.0], &[0.5, 0.6], &[0.0, 1.0], &[-0.5, 1.5], &[f64::NAN, 0.5]] {
            assert!(matches!(SampleRatio::new(wrong), Err(Unmeasured::BadInput { .. })), "{wrong:?}");
        }
        let mut ratio = SampleRatio::new(&[0.5, 0.5]).unwrap();
        ratio.add(2);
        assert_eq!((ratio.total(), ratio.p_value()), (0, 1.0));
    }
}
