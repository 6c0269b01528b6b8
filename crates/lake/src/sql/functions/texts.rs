//! Texts by how often each occurs where the flag is false and where it is true.

use std::{
    collections::HashMap,
    mem::{size_of, take},
    sync::Arc,
};

use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray, Int64Array, StringArray},
        datatypes::{DataType, Int64Type},
    },
    common::{Result, ScalarValue},
    logical_expr::Accumulator,
};
use kilter_stats::drift::binned_distance;

use super::{
    numbers::{flags, list},
    statistic::Statistic,
};

/// What an unfinished aggregate hands over.
pub(super) const STATE: &[(&str, DataType)] =
    &[("texts", DataType::Utf8), ("reference", DataType::Int64), ("current", DataType::Int64)];

#[derive(Debug)]
pub(super) struct TextPairs {
    statistic: Statistic,
    counts: HashMap<String, [i64; 2]>,
    bytes: usize,
}

impl TextPairs {
    pub(super) fn new(statistic: Statistic) -> Self {
        Self { statistic, counts: HashMap::new(), bytes: 0 }
    }

    fn add(&mut self, text: &str, rows: [i64; 2]) {
        if let Some(counts) = self.counts.get_mut(text) {
            counts[0] += rows[0];
            counts[1] += rows[1];
        } else {
            self.bytes += text.len() + 64;
            self.counts.insert(text.to_owned(), rows);
        }
    }

    fn answer(&self) -> Option<f64> {
        // In an order of their own, so that sums of floats do not depend on the hash.
        let mut counts: Vec<(&String, &[i64; 2])> = self.counts.iter().collect();
        counts.sort_unstable();
        let side = |at: usize| counts.iter().map(|(_, rows)| rows[at] as f64).collect::<Vec<f64>>();
        let (reference, current) = (side(0), side(1));
        match self.statistic {
            Statistic::Distance(measure) => {
                binned_distance(measure, &reference, &current).ok().map(|distance| distance.value)
            }
            Statistic::Tail(measure) => binned_distance(measure, &reference, &current).ok().and_then(|found| found.p),
            Statistic::Performance(_) | Statistic::Wasserstein => None,
        }
    }
}

impl Accumulator for TextPairs {
    fn update_batch(&mut self, arguments: &[ArrayRef]) -> Result<()> {
        for (text, flag) in arguments[0].as_string::<i32>().iter().zip(flags(&arguments[1])?) {
            if let (Some(text), Some(flag)) = (text, flag) {
                self.add(text, if flag { [0, 1] } else { [1, 0] });
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64(self.answer()))
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.bytes
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let counts: Vec<(String, [i64; 2])> = take(&mut self.counts).into_iter().collect();
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values(counts.iter().map(|(text, _)| text)));
        let side =
            |at: usize| -> ArrayRef { Arc::new(Int64Array::from_iter_values(counts.iter().map(|(_, rows)| rows[at]))) };
        Ok(vec![list(texts), list(side(0)), list(side(1))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [texts, reference, current] = [0, 1, 2].map(|at| states[at].as_list::<i32>());
        for row in 0..texts.len() {
            let (texts, reference, current) = (texts.value(row), reference.value(row), current.value(row));
            let (reference, current) = (reference.as_primitive::<Int64Type>(), current.as_primitive::<Int64Type>());
            for (at, text) in texts.as_string::<i32>().iter().enumerate() {
                if let Some(text) = text {
                    self.add(text, [reference.value(at), current.value(at)]);
                }
            }
        }
        Ok(())
    }
}
