//! Pairs of a number and a flag, kept until the answer is asked for.

use std::{
    mem::{size_of, take},
    sync::Arc,
};

use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array},
        datatypes::{DataType, Float64Type},
    },
    common::{DataFusionError, Result, ScalarValue, utils::SingleRowListArrayBuilder},
    logical_expr::Accumulator,
};
use kilter_stats::{
    drift::{Sample, distance, ks_and_w1},
    performance::{BinaryRows, Labelled, metric},
};

use super::statistic::Statistic;

/// What an unfinished aggregate hands over.
pub(super) const STATE: &[(&str, DataType)] = &[("values", DataType::Float64), ("flags", DataType::Boolean)];

/// The threshold of metrics that decide; none of ours does.
const THRESHOLD: f64 = 0.5;

#[derive(Debug)]
pub(super) struct NumberPairs {
    statistic: Statistic,
    values: Vec<f64>,
    flags: Vec<bool>,
}

impl NumberPairs {
    pub(super) fn new(statistic: Statistic) -> Self {
        Self { statistic, values: Vec::new(), flags: Vec::new() }
    }

    fn samples(&self) -> (Sample, Sample) {
        let of = |wanted: bool| {
            let pairs = self.values.iter().zip(&self.flags);
            let values: Vec<f64> = pairs.filter(|(_, flag)| **flag == wanted).map(|(value, _)| *value).collect();
            Sample::of(&values)
        };
        (of(false), of(true))
    }

    fn answer(&self) -> Option<f64> {
        match self.statistic {
            Statistic::Performance(name) => {
                let rows = BinaryRows::scored(&self.flags, &self.values, THRESHOLD).ok()?;
                metric(name, &Labelled::Binary(rows)).ok().map(|estimate| estimate.value)
            }
            Statistic::Distance(measure) => {
                let (reference, current) = self.samples();
                distance(measure, &reference, &current).ok().map(|distance| distance.value)
            }
            Statistic::Wasserstein => {
                let (reference, current) = self.samples();
                ks_and_w1(reference.values(), current.values()).ok().map(|(_, w1)| w1)
            }
            Statistic::Tail(measure) => {
                let (reference, current) = self.samples();
                distance(measure, &reference, &current).ok().and_then(|distance| distance.p)
            }
        }
    }
}

impl Accumulator for NumberPairs {
    fn update_batch(&mut self, arguments: &[ArrayRef]) -> Result<()> {
        let values = arguments[0].as_primitive::<Float64Type>();
        for (value, flag) in values.iter().zip(flags(&arguments[1])?) {
            // NaN is a missing value here as everywhere.
            if let (Some(value), Some(flag)) = (value.filter(|value| !value.is_nan()), flag) {
                self.values.push(value);
                self.flags.push(flag);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64(self.answer()))
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.values.capacity() * 8 + self.flags.capacity()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let values: ArrayRef = Arc::new(Float64Array::from(take(&mut self.values)));
        let flags: ArrayRef = Arc::new(BooleanArray::from(take(&mut self.flags)));
        Ok(vec![list(values), list(flags)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let (values, flags) = (states[0].as_list::<i32>(), states[1].as_list::<i32>());
        for row in 0..values.len() {
            self.update_batch(&[values.value(row), flags.value(row)])?;
        }
        Ok(())
    }
}

/// An array as one value of a list.
pub(super) fn list(values: ArrayRef) -> ScalarValue {
    SingleRowListArrayBuilder::new(values).build_list_scalar()
}

/// The second argument as yes and no: a condition, or the numbers 1 and 0.
pub(super) fn flags(array: &ArrayRef) -> Result<Vec<Option<bool>>> {
    match array.data_type() {
        DataType::Boolean => Ok(array.as_boolean().iter().collect()),
        _ => array.as_primitive::<Float64Type>().iter().map(|value| value.map(yes_or_no).transpose()).collect(),
    }
}

fn yes_or_no(value: f64) -> Result<bool> {
    match value {
        0.0 => Ok(false),
        1.0 => Ok(true),
        _ => Err(DataFusionError::Execution(format!(
            "the second argument is {value}, and not 1 or 0: write a condition, like label > 0"
        ))),
    }
}
