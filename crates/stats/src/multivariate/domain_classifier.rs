//! The domain classifier: can a learner tell current rows from reference rows? Its cross-fitted AUC is 0.5 when it
//! cannot, and its odds are the density ratio by which reference rows are reweighted (M-CBPE, PAPE).

use crate::boost::{Feature, Forest, Goal, Shape};
use crate::outcome::{MetricResult, Unmeasured};
use crate::performance::{BinaryRows, Labelled, Metric};

/// Parts of the cross-fit.
const FOLDS: usize = 5;

/// What the classifier found.
#[derive(Debug, Clone, PartialEq)]
pub struct DomainClassifier {
    /// Cross-fitted AUC with DeLong's interval.
    pub auc: crate::outcome::Estimate,
    /// For each reference row, how much more likely it is among current rows (mean one): `d / (1 - d)` scaled by the
    /// sample sizes, cut at 50.
    pub density_ratio: Vec<f64>,
}

/// Fits the classifier in five folds, each a contiguous part of either sample. Columns must agree in kind and order.
pub fn domain_classifier(reference: &[Feature], current: &[Feature], shape: Shape) -> MetricResult<DomainClassifier> {
    if reference.len() != current.len() || reference.is_empty() {
        return Err(Unmeasured::bad_input("features", "reference and current must have the same columns"));
    }
    let (m, n) = (reference[0].len(), current[0].len());
    if m.min(n) < 5 * FOLDS {
        return Err(Unmeasured::too_few("rows in the reference or the current sample", m.min(n), 5 * FOLDS));
    }
    let fold = |row: usize, rows: usize| row * FOLDS / rows;
    let mut score = vec![0.0; m + n];
    let truth: Vec<bool> = (0..m + n).map(|row| row >= m).collect();
    for part in 0..FOLDS {
        let inside = |row: usize| if row < m { fold(row, m) == part } else { fold(row - m, n) == part };
        let (test, train): (Vec<usize>, Vec<usize>) = (0..m + n).partition(|row| inside(*row));
        let target: Vec<f64> = train.iter().map(|row| f64::from(u8::from(truth[*row]))).collect();
        let learned = SampledRows::of(reference, current, &train)?;
        let forest = Forest::fit(&learned.features(), &target, Goal::Logistic, shape)?;
        let asked = SampledRows::of(reference, current, &test)?;
        for (row, p) in test.iter().zip(forest.predict(&asked.features())?) {
            score[*row] = p;
        }
    }
    let rows = BinaryRows::scored(&truth, &score, 0.5)?;
    let auc = Metric::Auc.measure(&Labelled::Binary(rows), 0.95)?;
    let odds = |p: f64| (p / (1.0 - p).max(1e-9) * m as f64 / n as f64).min(50.0);
    let mut density_ratio: Vec<f64> = score[..m].iter().map(|p| odds(*p)).collect();
    let mean = density_ratio.iter().sum::<f64>() / m as f64;
    density_ratio.iter_mut().for_each(|ratio| *ratio /= mean);
    Ok(DomainClassifier { auc, density_ratio })
}

/// Some rows of reference and current together.
struct SampledRows {
    columns: Vec<Column>,
}

enum Column {
    Number(Vec<f64>),
    Category(Vec<u32>),
}

impl SampledRows {
    fn of(reference: &[Feature], current: &[Feature], rows: &[usize]) -> MetricResult<Self> {
        fn pick<T: Copy>(a: &[T], b: &[T], rows: &[usize]) -> Vec<T> {
            rows.iter().map(|row| if *row < a.len() { a[*row] } else { b[*row - a.len()] }).collect()
        }
        let columns = reference.iter().zip(current).map(|pair| match pair {
            (Feature::Number(a), Feature::Number(b)) => Ok(Column::Number(pick(a, b, rows))),
            (Feature::Category(a), Feature::Category(b)) => Ok(Column::Category(pick(a, b, rows))),
            _ => Err(Unmeasured::bad_input("features", "a column is numeric here and categorical there")),
        });
        Ok(SampledRows { columns: columns.collect::<MetricResult<_>>()? })
    }

    fn features(&self) -> Vec<Feature<'_>> {
        self.columns
            .iter()
            .map(|column| match column {
                Column::Number(values) => Feature::Number(values),
                Column::Category(values) => Feature::Category(values),
            })
            .collect()
    }
}
