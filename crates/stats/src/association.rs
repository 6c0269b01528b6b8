//! How far one variable follows another, whatever the units: by ranks, and by the most frequent class.

use crate::outcome::{MetricResult, Unmeasured, all_finite, same_length};

/// Spearman's rank correlation of pairs, -1 to 1; equal values share the mean of their places.
///
/// # Errors
/// Lengths that differ, fewer than two pairs, values that are not finite, a side that does not vary.
pub fn spearman(a: &[f64], b: &[f64]) -> MetricResult<f64> {
    same_length("pairs", &[a.len(), b.len()])?;
    if a.len() < 2 {
        return Err(Unmeasured::too_few("pairs", a.len(), 2));
    }
    all_finite("pairs", a)?;
    all_finite("pairs", b)?;
    pearson(&ranks(a), &ranks(b))
}

/// The share of the errors of always answering the most frequent class that is spared by answering the most frequent
/// class of each value: Goodman and Kruskal's lambda (1954), 0 to 1. One line of `counts` is one value: its rows by class,
/// the classes in one order.
///
/// # Errors
/// Lines of different lengths; rows of one class alone, of which there is no error to spare.
pub fn lambda(counts: &[Vec<u64>]) -> MetricResult<f64> {
    same_length("classes", &counts.iter().map(Vec::len).collect::<Vec<_>>())?;
    let most = |counts: &[u64]| counts.iter().max().copied().unwrap_or(0);
    let classes = counts.first().map_or(0, Vec::len);
    let of_class: Vec<u64> = (0..classes).map(|class| counts.iter().map(|line| line[class]).sum()).collect();
    let (rows, base) = (of_class.iter().sum::<u64>(), most(&of_class));
    if rows == base {
        return Err(Unmeasured::too_few("classes", usize::from(rows > 0), 2));
    }
    let right: u64 = counts.iter().map(|line| most(line)).sum();
    Ok((right - base) as f64 / (rows - base) as f64)
}

/// The place of each value in their order, from 0 on.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut from = 0;
    for tied in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let middle = from as f64 + (tied.len() - 1) as f64 / 2.0;
        tied.iter().for_each(|&row| ranks[row] = middle);
        from += tied.len();
    }
    ranks
}

fn pearson(a: &[f64], b: &[f64]) -> MetricResult<f64> {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let product = |x: &[f64], mean_x: f64, y: &[f64], mean_y: f64| -> f64 {
        x.iter().zip(y).map(|(x, y)| (x - mean_x) * (y - mean_y)).sum()
    };
    let spread = (product(a, mean_a, a, mean_a) * product(b, mean_b, b, mean_b)).sqrt();
    if spread > 0.0 {
        Ok((product(a, mean_a, b, mean_b) / spread).clamp(-1.0, 1.0))
    } else {
        Err(Unmeasured::bad_input("pairs", "one side does not vary"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_share_their_place() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 2.0]), [2.5, 0.0, 2.5, 1.0]);
    }

    /// scipy 1.17.1, `spearmanr`.
    #[test]
    fn ranks_correlate_as_in_scipy() {
        let (a, b) =
            ([3.0, 1.0, 3.0, 2.0, 5.0, 8.0, 8.0, 8.0, -1.0, 0.5], [2.0, 7.0, 1.0, 8.0, 2.0, 8.0, 1.0, 8.0, 2.0, 8.0]);
        assert!((spearman(&a, &b).unwrap() - -0.061_322_236_314_950_77).abs() < 1e-12);
        assert_eq!(spearman(&[1.0, 2.0, 9.0], &[9.0, 2.0, 1.0]), Ok(-1.0));
        assert!(spearman(&[1.0, 1.0], &[1.0, 2.0]).is_err() && spearman(&[1.0, f64::NAN], &[1.0, 2.0]).is_err());
        assert!(spearman(&[1.0], &[1.0]).is_err() && spearman(&[1.0, 2.0], &[1.0]).is_err());
    }

    #[test]
    fn values_that_name_their_class_spare_errors() {
        // 35 of 100 rows are wrong by the most frequent class, 15 by the most frequent of each value.
        assert!((lambda(&[vec![30, 10], vec![5, 55]]).unwrap() - 20.0 / 35.0).abs() < 1e-15);
        assert_eq!(lambda(&[vec![7, 0], vec![0, 7]]), Ok(1.0));
        assert!(lambda(&[vec![7, 0]]).is_err() && lambda(&[]).is_err() && lambda(&[vec![1, 2], vec![1]]).is_err());
    }
}
