//! A value over time (or over another value), with its interval as a band and the bounds that it is held to.

use std::fmt::Write;

use crate::{
    State,
    figure::{Figure, axis, dot, line, tenth, text},
    number::number,
};

/// From the left (room for the numbers of the axis), from the top, width and height.
const PLOT: (f64, f64, f64, f64) = (56.0, 10.0, 414.0, 150.0);
/// Bounds farther from the values than this many of their ranges are not drawn.
const FAR: f64 = 2.0;

/// Values in order.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// What is shown.
    pub caption: String,
    /// From left to right.
    pub points: Vec<SeriesPoint>,
    /// The bounds that the values are held to: low and high.
    pub bounds: [Option<f64>; 2],
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
    /// How it is judged.
    pub state: State,
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

/// The bounds that are worth their room: one that is far away would flatten the values.
fn near_bounds(series: &Series) -> Vec<f64> {
    let ends = series.points.iter().filter_map(|point| point.value).flat_map(|(value, low, high)| [value, low, high]);
    let (low, high) = ends
        .filter(|end| end.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), end| (low.min(end), high.max(end)));
    let is_near = |bound: &f64| {
        let room = FAR * (high - low);
        bound.is_finite() && (room <= 0.0 || (low - room..=high + room).contains(bound))
    };
    series.bounds.into_iter().flatten().filter(is_near).collect()
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
        for bound in near_bounds(series) {
            drawing += &line("limit", (left, scale.y(bound)), (left + width, scale.y(bound)));
        }
        if series.diagonal {
            drawing += &line("limit", (left, scale.y(scale.x.0)), (left + width, scale.y(scale.x.1)));
        }
        drawing += &bands(series, &scale);
        for point in &series.points {
            drawing += &mark(point, &scale);
        }
        drawing += &ticks(series, &scale);
        let label = format!("{}: {} values with their intervals", series.caption, series.points.len());
        Self::new(&series.caption, None, label, top + height + 22.0, drawing)
    }
}

/// The band and the line of every stretch without a gap.
fn bands(series: &Series, scale: &Scale) -> String {
    let is_measured = |point: &SeriesPoint| point.value.is_some_and(|value| value.0.is_finite());
    let mut drawing = String::new();
    for stretch in series.points.split(|point| !is_measured(point)).filter(|stretch| stretch.len() > 1) {
        let (mut line, mut lower) = (String::new(), Vec::new());
        let mut upper = String::new();
        for (at, (x, (value, low, high))) in
            stretch.iter().filter_map(|point| Some((point.x, point.value?))).enumerate()
        {
            let (step, x) = (if at == 0 { "M" } else { "L" }, tenth(scale.x(x)));
            // Writing into a text cannot fail.
            let _ = write!(line, "{step}{x} {}", tenth(scale.y(value)));
            let _ = write!(upper, "{step}{x} {}", tenth(scale.y(high)));
            lower.push(format!("L{x} {}", tenth(scale.y(low))));
        }
        lower.reverse();
        drawing +=
            &format!("<path class=\"band\" d=\"{upper}{}Z\"/><path class=\"curve\" d=\"{line}\"/>", lower.concat());
    }
    drawing
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
        SeriesPoint { x, label: format!("day {x}"), value, state: State::Ok, is_open: false }
    }

    fn series(points: Vec<SeriesPoint>) -> Series {
        Series { caption: "auc".into(), points, bounds: [Some(0.5), None], diagonal: false }
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
        assert!(html.contains("x1=\"56\" y1=\"160\" x2=\"470\" y2=\"160\""), "{html}");
    }

    #[test]
    fn a_bound_that_is_far_away_does_not_flatten_the_values() {
        let values = vec![point(0.0, Some((0.8, 0.7, 0.9))), point(1.0, Some((0.7, 0.6, 0.8)))];
        let far = Series { bounds: [Some(-1.0), Some(0.95)], ..series(values) };
        assert_eq!(Figure::series(&far).html().matches("class=\"limit\"").count(), 1);
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
            let html = Figure::series(&Series { bounds: [Some(numbers[5]), Some(numbers[7])], diagonal: true, ..series(points) }).html();
            prop_assert!(!html.contains("NaN") && !html.contains("\"inf"), "{}", html);
        }
    }
}
