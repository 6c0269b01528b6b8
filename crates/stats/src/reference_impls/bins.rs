//! Histograms as numpy draws them: bins closed on the left, the last one closed on both sides.

/// `count + 1` equally spaced edges from `low` to `high`.
pub fn even_edges(low: f64, high: f64, count: usize) -> Vec<f64> {
    let step = (high - low) / count as f64;
    let mut edges: Vec<f64> = (0..=count).map(|i| i as f64 * step + low).collect();
    edges[count] = high;
    edges
}

/// How many bins a rule draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinRule {
    /// `log2 n + 1`.
    Sturges,
    /// Sturges, corrected for skewness (Doane 1976).
    Doane,
}

/// Edges over the range of ascending `sorted` values by a rule; a constant sample gets one bin of width 1. Empty input
/// gives no edges.
pub fn rule_edges(sorted: &[f64], rule: BinRule) -> Vec<f64> {
    let (Some(low), Some(high)) = (sorted.first(), sorted.last()) else { return Vec::new() };
    if low == high {
        return vec![low - 0.5, high + 0.5];
    }
    let n = sorted.len() as f64;
    let bins = match rule {
        BinRule::Sturges => n.log2() + 1.0,
        BinRule::Doane => {
            let mean = sorted.iter().sum::<f64>() / n;
            let sd = (sorted.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
            let skew = sorted.iter().map(|x| ((x - mean) / sd).powi(3)).sum::<f64>() / n;
            let noise = (6.0 * (n - 2.0) / ((n + 1.0) * (n + 3.0))).sqrt();
            if sorted.len() > 2 { 1.0 + n.log2() + (1.0 + skew.abs() / noise).log2() } else { 1.0 }
        }
    };
    // numpy divides the range by a width first, and so may round differently from `bins.ceil()`.
    let width = (high - low) / bins;
    even_edges(*low, *high, ((high - low) / width).ceil() as usize)
}

/// Counts of ascending `sorted` values in the bins of `edges`; values outside are not counted.
pub fn histogram(sorted: &[f64], edges: &[f64]) -> Vec<f64> {
    let Some((last, rest)) = edges.split_last() else { return Vec::new() };
    let mut places: Vec<usize> = rest.iter().map(|edge| sorted.partition_point(|x| x < edge)).collect();
    places.push(sorted.partition_point(|x| x <= last));
    places.windows(2).map(|pair| pair[1].saturating_sub(pair[0]) as f64).collect()
}

/// Counts with open ends: below the first edge, the bins, above the last edge.
pub fn open_histogram(sorted: &[f64], edges: &[f64]) -> Vec<f64> {
    let (Some(first), Some(last)) = (edges.first(), edges.last()) else { return vec![sorted.len() as f64] };
    let below = sorted.partition_point(|x| x < first) as f64;
    let above = (sorted.len() - sorted.partition_point(|x| x <= last)) as f64;
    let mut counts = vec![below];
    counts.extend(histogram(sorted, edges));
    counts.push(above);
    counts
}
