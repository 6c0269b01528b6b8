//! What questions to a closed model find out, beside scikit-learn's numbers and what algebra says.

use kilter_stats::Unmeasured;
use kilter_stats::explain::{Shuffles, dependence, dependence_grid, permutation_importance};
use kilter_stats::random::Random;

#[test]
fn a_shuffled_column_costs_what_algebra_says() {
    // Squared error of y = 2 a + b when a is replaced by an independent copy: 2 * 2^2 * var(a).
    let mut random = Random::seeded(5);
    let rows: Vec<[f64; 3]> = (0..4000).map(|_| [random.normal(), random.normal(), random.normal()]).collect();
    let model = |row: &[f64; 3]| 2.0 * row[0] + row[1];
    let measure = |shuffled: Option<(usize, &[usize])>| {
        let miss = |at: usize| {
            let mut row = rows[at];
            if let Some((column, order)) = shuffled {
                row[column] = rows[order[at]][column];
            }
            (model(&row) - model(&rows[at])).powi(2)
        };
        Ok((0..rows.len()).map(miss).sum::<f64>() / rows.len() as f64)
    };
    let found = permutation_importance(3, rows.len(), Shuffles { count: 10, seed: 1 }, false, measure).unwrap();
    assert!((found[0].value - 8.0).abs() < 0.5 && (found[1].value - 2.0).abs() < 0.2, "{found:?}");
    assert!(found[2].value == 0.0 && found[0].low < found[0].value && found[0].count == 10);
    let again = permutation_importance(3, rows.len(), Shuffles { count: 10, seed: 1 }, false, measure).unwrap();
    assert_eq!(found, again, "the seed decides");
}

#[test]
fn a_grid_is_scikit_learns() {
    // scikit-learn 1.9, sklearn.inspection._partial_dependence._grid_from_X(X, (0.05, 0.95), grid_resolution=5).
    let values: Vec<f64> = (0..37).map(|i| f64::from(i * i % 53) / 4.0).collect();
    let grid = dependence_grid(&values, 5).unwrap();
    for (got, want) in grid.iter().zip(SCIKIT) {
        assert!((got - want).abs() < 1e-9, "{grid:?}");
    }
    assert_eq!(dependence_grid(&[3.0, 1.0, f64::NAN, 3.0, f64::INFINITY], 5).unwrap(), [1.0, 3.0]);
    assert!(dependence_grid(&[f64::NAN], 5).is_err() && dependence_grid(&[1.0, 2.0], 1).is_err());
}

const SCIKIT: [f64; 5] = [0.445, 3.535, 6.625, 9.715, 12.805];

#[test]
fn dependence_is_the_mean_of_the_rows_own_curves() {
    let rows: Vec<f64> = (0..10).map(f64::from).collect();
    let made =
        dependence(&[0.0, 1.0, 2.0], 10, |value| Ok(rows.iter().map(|row| row * value + 1.0).collect())).unwrap();
    assert_eq!(made.mean, [1.0, 5.5, 10.0]);
    assert_eq!(made.individual[3], [1.0, 4.0, 7.0]);
    let few = dependence(&[1.0], 4, |_| Ok(rows.clone())).unwrap();
    assert_eq!(few.individual, [[0.0], [2.0], [5.0], [7.0]]);
}

#[test]
fn models_that_answer_badly_are_said_so() {
    assert!(dependence(&[], 1, |_| Ok(vec![1.0])).is_err());
    assert!(dependence(&[1.0], 1, |_| Ok(vec![])).is_err());
    assert!(dependence(&[1.0], 1, |_| Ok(vec![f64::NAN])).is_err());
    assert!(dependence(&[1.0, 2.0], 1, |value| Ok(vec![0.0; value as usize])).is_err());
    let broken = || Err(Unmeasured::undefined("auc", "all rows are of one class"));
    assert!(permutation_importance(1, 10, Shuffles { count: 3, seed: 1 }, true, |_| broken()).is_err());
    assert!(permutation_importance(1, 1, Shuffles { count: 3, seed: 1 }, true, |_| Ok(1.0)).is_err());
    assert!(permutation_importance(1, 10, Shuffles { count: 3, seed: 1 }, true, |_| Ok(f64::INFINITY)).is_err());
}
