//! The history of a metric: page by page, or reduced to so many points without losing an extreme value.

use std::ops::RangeInclusive;

use kilter_domain::{search::HistoryToken, tracking::HistoryPoint};
use kilter_store::tracking::metric;

use super::{TrackingError, access};
use crate::{app::App, components::metric_histories::MIN_KEPT, context::RequestContext};

/// At most `limit` points (1 to 10,000) of one metric of a run in the order of step and time, from `start` on.
///
/// # Errors
/// When there is no such run, or its project may not be read.
pub fn metric_history(
    app: &App,
    context: &RequestContext,
    (id, name): (&str, &str),
    start: &HistoryToken,
    limit: u32,
) -> Result<Vec<HistoryPoint>, TrackingError> {
    access::authorize_reading(app, context, id)?;
    Ok(app.store().read(|reader| metric::history_page(reader, id, name, start, limit))?)
}

/// The history of one metric of a run, reduced.
#[derive(Clone, Debug, PartialEq)]
pub struct ReducedHistory {
    /// The run.
    pub run: String,
    /// How many points it has at the steps that were asked for.
    pub count: u64,
    /// Those that stay, in the order of step and time.
    pub points: Vec<HistoryPoint>,
}

/// The points of one metric at these steps for each run: at most `most` of a run, 1 to a few thousand.
///
/// Where there are more, they are cut into equal parts in their order, and of each part the first, the last, the smallest and the
/// largest stay (M4, Jugel et al., VLDB 2014): every point that is answered was logged, and no extreme value is lost.
///
/// # Errors
/// When there is no such run, or its project may not be read.
pub fn reduced_histories(
    app: &App,
    context: &RequestContext,
    ids: &[String],
    (name, steps): (&str, RangeInclusive<i64>),
    most: usize,
) -> Result<Vec<ReducedHistory>, TrackingError> {
    ids.iter().try_for_each(|id| access::authorize_reading(app, context, id))?;
    ids.iter().map(|id| reduced_history(app, (id, name), &steps, most)).collect()
}

fn reduced_history(
    app: &App,
    (id, name): (&str, &str),
    steps: &RangeInclusive<i64>,
    most: usize,
) -> Result<ReducedHistory, TrackingError> {
    let histories = &app.components().metric_histories;
    let all = i64::MIN..=i64::MAX;
    let count = || app.store().read(|reader| metric::count_points(reader, id, name, &all));
    let whole = match histories.find((id, name), count)? {
        Some(points) => points,
        // Counted and read on one snapshot: what is kept is whole.
        None => histories.read((id, name), || {
            app.store().read(|reader| {
                let (mut wanted, mut count) = (&all, metric::count_points(reader, id, name, &all)?);
                if count < MIN_KEPT {
                    // It is not kept, so it is read as far as it is asked for.
                    (wanted, count) = (steps, metric::count_points(reader, id, name, steps)?);
                }
                let mut points = Vec::with_capacity(usize::try_from(count).unwrap_or_default());
                metric::each_point_of_steps(reader, id, name, (wanted, count), &mut |point| points.push(point))?;
                Ok(points)
            })
        })?,
    };
    let first = whole.partition_point(|point| point.step < *steps.start());
    let last = whole.partition_point(|point| point.step <= *steps.end());
    let asked = whole.get(first..last).unwrap_or_default();
    let mut reduction = Reduction::new(asked.len() as u64, most);
    asked.iter().for_each(|point| reduction.add(*point));
    Ok(ReducedHistory { run: id.to_owned(), count: asked.len() as u64, points: reduction.end() })
}

/// Reduces points that come in their order, and of which the count is known.
struct Reduction {
    count: u64,
    parts: u64,
    seen: u64,
    /// The first place behind the part.
    until: u64,
    part: Option<Part>,
    kept: Vec<HistoryPoint>,
}

/// What stays of the points of one part, with the place of each.
struct Part {
    points: [(u64, HistoryPoint); 4],
}

impl Reduction {
    fn new(count: u64, most: usize) -> Self {
        let most = most.max(1) as u64;
        let parts = if count <= most { count } else { (most / 4).max(1) };
        Self { count, parts, seen: 0, until: 0, part: None, kept: Vec::new() }
    }

    fn add(&mut self, point: HistoryPoint) {
        let place = self.seen;
        self.seen += 1;
        match &mut self.part {
            Some(part) if place < self.until => part.add(place, point),
            _ => {
                self.close();
                self.until = self.end_of_part(place);
                let point = (place, point);
                self.part = Some(Part { points: [point; 4] });
            }
        }
    }

    /// The first place behind the part that a place is in. Places are below 2^64 because they are counts of rows.
    fn end_of_part(&self, place: u64) -> u64 {
        let (count, parts) = (u128::from(self.count.max(1)), u128::from(self.parts));
        let number = u128::from(place) * parts / count;
        ((number + 1) * count).div_ceil(parts.max(1)) as u64
    }

    fn close(&mut self) {
        let Some(Part { mut points, .. }) = self.part.take() else { return };
        points.sort_by_key(|(place, _)| *place);
        let mut last = None;
        for (place, point) in points {
            if last.replace(place) != Some(place) {
                self.kept.push(point);
            }
        }
    }

    fn end(mut self) -> Vec<HistoryPoint> {
        self.close();
        self.kept
    }
}

impl Part {
    fn add(&mut self, place: u64, point: HistoryPoint) {
        let [_, smallest, largest, last] = &mut self.points;
        // NaN is no extreme value; where one is kept, any number takes its place.
        if point.value < smallest.1.value || (smallest.1.value.is_nan() && !point.value.is_nan()) {
            *smallest = (place, point);
        }
        if point.value > largest.1.value || (largest.1.value.is_nan() && !point.value.is_nan()) {
            *largest = (place, point);
        }
        *last = (place, point);
    }
}

#[cfg(test)]
mod tests {
    use kilter_domain::time::Timestamp;
    use proptest::prelude::*;

    use super::*;

    fn reduce(values: &[f64], most: usize) -> Vec<HistoryPoint> {
        let mut reduction = Reduction::new(values.len() as u64, most);
        for (step, value) in values.iter().enumerate() {
            let point = HistoryPoint { step: step as i64, at: Timestamp(0), value: *value };
            reduction.add(point);
        }
        reduction.end()
    }

    proptest! {
        #[test]
        fn the_ends_and_the_extremes_stay_and_the_order_too(
            values in prop::collection::vec(-100.0..100.0_f64, 1..400), most in 4_usize..60
        ) {
            let kept = reduce(&values, most);
            prop_assert!(kept.len() <= most);
            prop_assert!(kept.is_sorted_by(|a, b| a.step < b.step));
            prop_assert!(kept.iter().all(|point| values[point.step as usize] == point.value));
            let steps: Vec<usize> = kept.iter().map(|point| point.step as usize).collect();
            prop_assert_eq!((steps[0], steps[steps.len() - 1]), (0, values.len() - 1));
            let largest = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::MIN, f64::max);
            prop_assert_eq!(largest(&mut kept.iter().map(|p| p.value)), largest(&mut values.iter().copied()));
            let smallest = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::MAX, f64::min);
            prop_assert_eq!(smallest(&mut kept.iter().map(|p| p.value)), smallest(&mut values.iter().copied()));
            if values.len() <= most {
                prop_assert_eq!(kept.len(), values.len());
            }
        }
    }

    #[test]
    fn a_number_is_kept_beside_nan() {
        let kept = reduce(&[f64::NAN, 1.0, f64::NAN, 3.0, f64::NAN, f64::NAN], 4);
        let numbers: Vec<f64> = kept.iter().map(|point| point.value).filter(|value| !value.is_nan()).collect();
        assert_eq!(numbers, [1.0, 3.0]);
    }
}
