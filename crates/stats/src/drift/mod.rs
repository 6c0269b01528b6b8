//! Drift: how far current values are from a reference, and how far that is beyond what chance does.
//!
//! Invariants: missing values are dropped (and counted) per column, infinities count as missing for distances; every
//! distance comes with its expectation without drift at these sample sizes; a frozen profile answers without raw rows,
//! merges by addition, and agrees with the exact distances. Out of scope: alarms over time, which are `sequential`.
//!
//! ```
//! use kilter_stats::drift::{Measure, NumericReference};
//! let reference: Vec<f64> = (0..1000).map(|i| f64::from(i % 100)).collect();
//! let current: Vec<f64> = reference.iter().map(|x| x + 10.0).collect();
//! let profile = NumericReference::of(&reference)?;
//! let window = profile.count(&current);
//! let drift = profile.distance(&window, Measure::Ks)?;
//! assert_eq!((drift.value * 100.0).round(), 10.0);
//! assert!(drift.effect > 0.0 && drift.effect < drift.value);
//! # Ok::<(), kilter_stats::Unmeasured>(())
//! ```

mod bytes;
mod categorical;
mod counts;
mod distribution_ref;
pub mod expectation;
mod format;
mod kolmogorov;
mod measure;
mod moments;
mod numeric;
mod sample;
mod scalar;
mod seasons;
pub mod shares;
mod sort;
mod standardised;
mod tally;
mod two_sample;
mod variation;
mod window;

pub use bytes::FormatError;
pub(crate) use bytes::{Reader, Writer};
pub use categorical::{CategoricalCounts, CategoricalReference, TOP_VALUES};
pub use counts::NumericCounts;
pub use distribution_ref::{DistributionRef, categorical_tally, numeric_tally};
pub use kolmogorov::{EXACT_ROWS, one_sample_tail, two_sample_tail};
pub use measure::{Distance, Measure};
pub use moments::Moments;
pub use numeric::{NumericReference, QUANTILE_BINS};
pub use sample::{
    PSI_FLOOR, Sample, binned_distance, distance, distances, ks_and_w1, quantile_edges, right_closed_counts,
};
pub use scalar::Scalar;
pub use seasons::{HOURS, MONTHS, RowTimes, Season, SeasonEffect, SeasonalCycle, SeasonalStrata, find_season};
pub use standardised::StandardisedReference;
pub use tally::Tally;
pub use two_sample::{
    Alternative, TestResult, anderson_darling, cramer_von_mises, energy_distance, ks_asymptotic, ks_exact, ks_test,
    mann_whitney, t_test, two_proportions,
};
pub use variation::{Block, MAX_BLOCKS, MEASURES, NullExpectation, SpanVariation, Variation};
