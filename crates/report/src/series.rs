//! A value over time (or over another value), with its interval as a band and the bounds that it is held to.

use std::fmt::Write;

use crate::{
    Status,
    figure::{Figure, axis, dot, line, tenth, text},
    number::number,
};

/// From the left (room for the numbers of the axis), from the top, width and height.
const PLOT: (f64, f64, f64, f64) = (56.0, 10.0, 356.0, 140.0);
/// A bound farther from the values than this many of their ranges is written at the edge that it lies behind.
const FAR: f64 = 4.0;

/// Values in order.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// What is shown.
    pub caption: String,
    /// From left to right.
    pub points: Vec<SeriesPoint>,
    /// Draws the line on which the value equals its place (predicted against observed).
    pub diagonal: bool,
}

/// One value of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesPoint {
    /// Where it stands from left to right.
    pub x: f64,
    /// How that place is written.
    pub label: String,
    /// The value with its interval; an end may be infinite. `None`: not measured.
    pub value: Option<(f64, f64, f64)>,
    /// The bounds that it is held to: low and high. A point that knows none is held to those of the points around it.
    pub bounds: [Option<f64>; 2],
    /// How it is judged.
    pub state: Status,
    /// Drawn as a ring: estimated, or not final.
    pub is_open: bool,
}

/// From the numbers to the picture.
struct Scale {
    x: (f64, f64),
    y: (f64, f64),
}

impl Scale {
    fn of(series: &Series) -> Self {
        let range = |values: Vec<f64>| {
            let fold = |(low, high): (f64, f64), x: &f64| (low.min(*x), high.max(*x));
            let (low, high) = values.iter().filter(|x| x.is_finite()).fold((f64::INFINITY, f64::NEG_INFINITY), fold);
            match (low.is_finite() && high.is_finite(), high > low) {
                (false, _) => (0.0, 1.0),
                (true, false) => (low - 0.5 * low.abs().max(1e-3), low + 0.5 * low.abs().max(1e-3)),
                (true, true) => (low, high),
            }
        };
        let x = range(series.points.iter().map(|point| point.x).collect());
        let values = series.points.iter().filter_map(|point| point.value);
        let mut ys: Vec<f64> = values.flat_map(|(value, low, high)| [value, low, high]).collect();
        ys.extend(near_bounds(series));
        if series.diagonal {
            ys.extend([x.0, x.1]);
        }
        Self { x, y: range(ys) }
    }

    fn x(&self, x: f64) -> f64 {
        PLOT.0 + PLOT.2 * share(x, self.x)
    }

    fn y(&self, y: f64) -> f64 {
        PLOT.1 + PLOT.3 * (1.0 - share(y, self.y))
    }
}

/// The bounds of one side, point by point: what a point does not know is that of the one before it, else of the one after.
fn bounds_of(series: &Series, side: usize) -> Vec<f64> {
    let known: Vec<Option<f64>> =
        series.points.iter().map(|point| point.bounds[side].filter(|bound| bound.is_finite())).collect();
    let Some(mut bound) = known.iter().flatten().next().copied() else { return Vec::new() };
    let next = |own: &Option<f64>| {
        bound = own.unwrap_or(bound);
        bound
    };
    known.iter().map(next).collect()
}

/// The bounds that are worth their room: one that is far away would flatten the values.
fn near_bounds(series: &Series) -> Vec<f64> {
    let ends = series.points.iter().filter_map(|point| point.value).flat_map(|(value, low, high)| [value, low, high]);
    let (low, high) = ends
        .filter(|end| end.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), end| (low.min(end), high.max(end)));
    let is_near = |bound: &f64| {
        let room = FAR * (high - low);
        room <= 0.0 || (low - room..=high + room).contains(bound)
    };
    (0..2).flat_map(|side| bounds_of(series, side)).filter(is_near).collect()
}

/// Where a value lies between two others; without overflow for the largest floats.
fn share(value: f64, (low, high): (f64, f64)) -> f64 {
    let share = (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0);
    if share.is_nan() { 0.5 } else { share.clamp(0.0, 1.0) }
}

impl Figure {
    /// Values in order as a line, their intervals as a band, what is not measured as a mark on the axis.
    pub fn series(series: &Series) -> Self {
        let (left, top, width, height) = PLOT;
        let scale = Scale::of(series);
        let mut drawing = axis(PLOT);
        for (y, value) in [(top + 8.0, scale.y.1), (top + height, scale.y.0)] {
            drawing += &text(left - 4.0, y, "end", "", &number(value));
        }
        if series.diagonal {
            drawing += &line("limit", (left, scale.y(scale.x.0)), (left + width, scale.y(scale.x.1)));
        }
        drawing += &bands(series, &scale);
        for point in &series.points {
            drawing += &mark(point, &scale);
        }
        drawing += &bound_line(series, &scale, 0);
        drawing += &bound_line(series, &scale, 1);
        drawing += &ticks(series, &scale);
        let label = format!("{}: {} values with their intervals", series.caption, series.points.len());
        Self::new(&series.caption, None, label, top + height + 22.0, drawing)
    }
}

/// What the values are held to, as a dashed line that steps where the rule changed, with the number that holds now.
fn bound_line(series: &Series, scale: &Scale, side: usize) -> String {
    let bounds = bounds_of(series, side);
    let Some(newest) = bounds.last() else { return String::new() };
    let (left, top, width, height) = PLOT;
    let words = format!("{} {}", ["≥", "≤"][side], number(*newest));
    let name = |y: f64, words: &str| text(left + width, y, "end", "bound", words);
    if *newest > scale.y.1 {
        return name(top + 8.0, &format!("{words} ↑"));
    }
    if *newest < scale.y.0 {
        return name(top + height - 4.0, &format!("{words} ↓"));
    }
    let xs: Vec<f64> = series.points.iter().map(|point| scale.x(point.x)).collect();
    let mut path = format!("M{} {}", tenth(left), tenth(scale.y(bounds[0])));
    for at in 1..bounds.len() {
        if bounds[at] != bounds[at - 1] {
            // Writing into a text cannot fail.
            let _ = write!(path, "H{}V{}", tenth((xs[at - 1] + xs[at]) / 2.0), tenth(scale.y(bounds[at])));
        }
    }
    let y = scale.y(*newest);
    let above = if y < top + 14.0 { y + 12.0 } else { y - 4.0 };
    format!("<path class=\"limit\" d=\"{path}H{}\"/>{}", tenth(left + width), name(above, &words))
}

/// The line of every stretch without a gap, and the band of every stretch that has intervals.
fn bands(series: &Series, scale: &Scale) -> String {
    let is_measured = |point: &SeriesPoint| point.value.is_some_and(|value| value.0.is_finite());
    let has_interval = |point: &SeriesPoint| point.value.is_some_and(|(value, low, high)| low < value || value < high);
    let mut drawing = String::new();
    for stretch in series.points.split(|point| !is_measured(point)).filter(|stretch| stretch.len() > 1) {
        for stretch in stretch.split(|point| !has_interval(point)).filter(|stretch| stretch.len() > 1) {
            let upper = path(stretch.iter(), scale, |value| value.2);
            let lower = path(stretch.iter().rev(), scale, |value| value.1).replacen('M', "L", 1);
            drawing += &format!("<path class=\"band\" d=\"{upper}{lower}Z\"/>");
        }
        drawing += &format!("<path class=\"curve\" d=\"{}\"/>", path(stretch.iter(), scale, |value| value.0));
    }
    drawing
}

fn path<'p>(points: impl Iterator<Item = &'p SeriesPoint>, scale: &Scale, pick: fn((f64, f64, f64)) -> f64) -> String {
    let values = points.filter_map(|point| Some((point.x, pick(point.value?))));
    let step = |(at, (x, y)): (usize, (f64, f64))| {
        format!("{}{} {}", if at == 0 { "M" } else { "L" }, tenth(scale.x(x)), tenth(scale.y(y)))
    };
    values.enumerate().map(step).collect()
}

fn mark(point: &SeriesPoint, scale: &Scale) -> String {
    let x = scale.x(point.x);
    let state = point.state.class();
    match point.value.filter(|value| value.0.is_finite()) {
        None => dot("none", x, PLOT.1 + PLOT.3, 2.0),
        Some((value, low, high)) => {
            let class = if point.is_open { "open" } else { state };
            let whisker = line(&format!("whisker {state}"), (x, scale.y(low)), (x, scale.y(high)));
            format!("<g class=\"{state}\">{whisker}{}</g>", dot(class, x, scale.y(value), 3.0))
        }
    }
}

fn ticks(series: &Series, scale: &Scale) -> String {
    let last = series.points.len().saturating_sub(1);
    let places = [(0, "start"), (last / 2, "middle"), (last, "end")];
    let shown = match last {
        0 => &places[..1],
        1 => &[places[0], places[2]],
        _ => &places[..],
    };
    let tick = |(at, anchor): &(usize, &str)| {
        let point = series.points.get(*at)?;
        Some(text(scale.x(point.x), PLOT.1 + PLOT.3 + 15.0, anchor, "", &crate::escape::short(&point.label, 24)))
    };
    shown.iter().filter_map(tick).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn point(x: f64, value: Option<(f64, f64, f64)>) -> SeriesPoint {
        SeriesPoint { x, label: format!("day {x}"), value, bounds: [None, None], state: Status::Ok, is_open: false }
    }

    fn series(points: Vec<SeriesPoint>) -> Series {
        held(points, [Some(0.5), None])
    }

    fn held(mut points: Vec<SeriesPoint>, bounds: [Option<f64>; 2]) -> Series {
        points.iter_mut().for_each(|point| point.bounds = bounds);
        Series { caption: "auc".into(), points, diagonal: false }
    }

    #[test]
    fn a_gap_breaks_the_line_and_is_marked_on_the_axis() {
        let value = Some((0.8, 0.7, 0.9));
        let html =
            Figure::series(&series(vec![point(0.0, value), point(1.0, value), point(2.0, None), point(3.0, value)]))
                .html();
        assert_eq!((html.matches("class=\"band\"").count(), html.matches("<circle").count()), (1, 4), "{html}");
        assert!(html.contains("dot none") && html.contains("class=\"limit\"") && html.contains("day 3"), "{html}");
        // The bound is the lowest of all, so its line lies on the axis.
        assert!(html.contains("d=\"M56 150H412\""), "{html}");
    }

    #[test]
    fn a_bound_that_is_far_away_does_not_flatten_the_values_and_is_written_at_its_edge() {
        let values = vec![point(0.0, Some((0.8, 0.7, 0.9))), point(1.0, Some((0.7, 0.6, 0.8)))];
        let html = Figure::series(&held(values, [Some(-1.0), Some(0.95)])).html();
        assert_eq!(html.matches("class=\"limit\"").count(), 1);
        assert!(html.contains(">≤ 0.95</text>") && html.contains(">≥ -1 ↓</text>"), "{html}");
    }

    #[test]
    fn a_bound_that_was_changed_is_a_step_and_a_window_without_one_has_that_of_its_neighbours() {
        let value = Some((0.8, 0.7, 0.9));
        let mut points: Vec<SeriesPoint> = (0..4).map(|at| point(f64::from(at), value)).collect();
        points[1].bounds = [Some(0.75), None];
        points[2].bounds = [Some(0.85), None];
        let html = Figure::series(&Series { caption: "auc".into(), points, diagonal: false }).html();
        // From the left edge at 0.75, between the second and the third at 0.85, to the right edge.
        assert!(html.contains("class=\"limit\" d=\"M56 115H234V45H412\"") && html.contains(">≥ 0.85</text>"), "{html}");
    }

    #[test]
    fn a_band_is_drawn_between_intervals_only() {
        let points = vec![point(0.0, Some((0.8, 0.1, 0.8))), point(1.0, Some((0.7, 0.7, 0.7)))];
        let html = Figure::series(&series(points)).html();
        assert_eq!((html.matches("class=\"band\"").count(), html.matches("class=\"curve\"").count()), (0, 1));
    }

    #[test]
    fn nothing_and_one_value_are_drawn_too() {
        assert!(!Figure::series(&series(Vec::new())).html().contains("NaN"));
        let alone = Figure::series(&series(vec![point(5.0, Some((0.5, 0.5, f64::INFINITY)))])).html();
        assert!(alone.contains("<circle") && !alone.contains("inf"), "{alone}");
    }

    proptest! {
        #[test]
        fn whatever_the_numbers_are_nothing_leaves_the_plot(numbers in proptest::collection::vec(any::<f64>(), 12)) {
            let points = numbers.chunks(4).map(|n| point(n[0], Some((n[1], n[2], n[3])))).collect();
            let html = Figure::series(&Series { diagonal: true, ..held(points, [Some(numbers[5]), Some(numbers[7])]) }).html();
            prop_assert!(!html.contains("NaN") && !html.contains("\"inf"), "{}", html);
        }
    }
}
