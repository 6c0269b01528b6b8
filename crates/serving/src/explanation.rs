//! Why a request was answered as it was: the attributions of its rows, whichever version answered each.

use std::sync::Arc;

use kilter_inference::Attributions;

/// The attributions of the rows of an answer, in the order of the request: for each row and score what every column adds to the base.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Explanation {
    /// The columns that a version which answered reads; a version adds nothing for those that it does not read.
    pub columns: Vec<Arc<str>>,
    /// What each row has a score of: the classes of a model of several classes, one score otherwise.
    pub scores: usize,
    /// Rows x scores: from which score the row starts.
    pub base: Vec<f64>,
    /// Rows x scores x columns, in the unit in which the model adds up.
    pub values: Vec<f64>,
}

impl Explanation {
    /// Puts what one version says of these rows (`count` is that of the whole answer) at their places. `classes` are those of the
    /// answer.
    pub(crate) fn insert(
        &mut self,
        made: &Attributions,
        rows: impl Iterator<Item = usize>,
        count: usize,
        classes: &[String],
    ) {
        let scores = if made.outputs().len() > 1 { classes.len() } else { 1 };
        let place = |score: usize| match scores {
            1 => 0,
            _ => classes.iter().position(|class| *class == made.outputs()[score]).unwrap_or(score),
        };
        let columns = self.widen(made.columns(), scores, count);
        let width = self.columns.len();
        for (from, row) in rows.enumerate() {
            for score in 0..made.outputs().len() {
                let at = row * scores + place(score);
                self.base[at] = made.base()[score];
                let parts = columns.iter().zip(made.of(from, score));
                parts.for_each(|(column, part)| self.values[at * width + column] = *part);
            }
        }
    }

    /// The places of these columns. Room for all rows is made, and what is there already moves where columns are new.
    fn widen(&mut self, columns: &[String], scores: usize, count: usize) -> Vec<usize> {
        let before = self.columns.len();
        let mut place = |name: &String| {
            self.columns.iter().position(|known| **known == **name).unwrap_or_else(|| {
                self.columns.push(Arc::from(name.as_str()));
                self.columns.len() - 1
            })
        };
        let places: Vec<usize> = columns.iter().map(&mut place).collect();
        let width = self.columns.len();
        if width > before {
            let mut values = vec![0.0; count * scores * width];
            for (from, to) in self.values.chunks(before.max(1)).zip(values.chunks_mut(width)) {
                to[..from.len()].copy_from_slice(from);
            }
            self.values = values;
        }
        self.scores = scores;
        self.base.resize(count * scores, 0.0);
        places
    }
}
