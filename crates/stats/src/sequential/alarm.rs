//! From many columns' evidence to one alarm for a model, and to the names of the columns behind it.

use super::column::ColumnEvidence;

/// The mean detector over columns: it stays a detector, whatever depends on whatever. Raise the alarm when it reaches
/// the number of windows that may pass, on average, before a false one.
pub fn model_detector<'a>(columns: impl IntoIterator<Item = &'a ColumnEvidence>) -> f64 {
    mean(columns.into_iter().map(ColumnEvidence::detector))
}

/// The mean e-process over columns: without drift it ever reaches `1 / alpha` with probability at most `alpha`.
pub fn model_e_process<'a>(columns: impl IntoIterator<Item = &'a ColumnEvidence>) -> f64 {
    mean(columns.into_iter().map(ColumnEvidence::e_process))
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0u64), |(sum, count), value| (sum + value, count + 1));
    if count == 0 { 0.0 } else { sum / count as f64 }
}

/// The e-BH procedure: which hypotheses are rejected with a false discovery rate of at most `alpha`, under any dependence.
///
/// * `e_values`: one per hypothesis, each at least 0 with mean at most 1 when the hypothesis is true; NaN counts as none.
/// * `alpha`: the false discovery rate, in `(0, 1)`.
///
/// ```text
/// reject the j largest, for the largest j with e_(j) >= K / (α j),   K hypotheses
/// ```
///
/// Returns indices in falling order of evidence. Wang & Ramdas (2022), doi:10.1111/rssb.12489.
///
/// ```
/// use kilter_stats::sequential::e_benjamini_hochberg;
/// assert_eq!(e_benjamini_hochberg(&[1.0, 60.0, 0.5, 30.0], 0.1), [1, 3]);
/// ```
pub fn e_benjamini_hochberg(e_values: &[f64], alpha: f64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..e_values.len()).filter(|i| !e_values[*i].is_nan()).collect();
    order.sort_by(|a, b| e_values[*b].total_cmp(&e_values[*a]).then(a.cmp(b)));
    let k = e_values.len() as f64;
    let kept = (1..=order.len()).rev().find(|j| e_values[order[j - 1]] >= k / (alpha * *j as f64)).unwrap_or(0);
    order.truncate(kept);
    order
}

/// An e-value from a p-value, by the integral over all power calibrators.
///
/// * `p`: a p-value in `[0, 1]`; NaN counts as 1.
///
/// ```text
/// e = ∫_0^1 κ p^(κ - 1) dκ = (1 - p + p ln p) / (p ln² p),   ½ at p = 1
/// ```
///
/// It is smaller than `1/p`: that is the price of holding under any dependence. Vovk & Wang (2021), doi:10.1214/20-AOS2020.
///
/// ```
/// use kilter_stats::sequential::p_to_e;
/// assert!(p_to_e(1e-6) > 1000.0 && p_to_e(1.0) == 0.5);
/// ```
pub fn p_to_e(p: f64) -> f64 {
    if p.is_nan() || p >= 1.0 {
        return 0.5;
    }
    let p = p.max(1e-300);
    let log = p.ln();
    // Near one the two terms cancel; the limit is one half.
    if p > 0.999 { 0.5 } else { (1.0 - p + p * log) / (p * log * log) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e_bh_rejects_the_largest_that_their_number_pays_for() {
        assert_eq!(e_benjamini_hochberg(&[1.0, 60.0, 0.5, 30.0], 0.1), [1, 3]);
        assert_eq!(e_benjamini_hochberg(&[1.0, 39.0, 0.5, 1.0], 0.1), Vec::<usize>::new());
        assert_eq!(e_benjamini_hochberg(&[], 0.1), Vec::<usize>::new());
        assert_eq!(e_benjamini_hochberg(&[f64::NAN, f64::INFINITY], 0.1), [1]);
    }

    #[test]
    fn an_e_value_from_a_p_value_has_mean_one() {
        let steps = 2_000_000;
        let mean: f64 = (0..steps).map(|i| p_to_e((i as f64 + 0.5) / steps as f64)).sum::<f64>() / steps as f64;
        // The integral converges slowly at zero: 1 / ln(1 / p) of it lies below p.
        assert!(mean < 1.0 && mean > 0.9, "{mean}");
        assert!(p_to_e(1e-6) > 1000.0 && p_to_e(f64::NAN) == 0.5);
    }
}
