//! Pictures as SVG: pure functions from numbers to markup.
//!
//! Coordinates are rounded to a tenth of a pixel; what is not finite is not drawn. Colours come from the page's style
//! sheet, so one picture serves light and dark.

use std::fmt::Write;

use crate::{
    escape::{escaped, short},
    number::{number, percent},
};

pub(crate) const WIDTH: f64 = 420.0;
/// Of a plot with axes: from the left, from the top, its width and height.
const PLOT: (f64, f64, f64, f64) = (48.0, 10.0, 364.0, 140.0);
/// Of a square plot.
const SQUARE: (f64, f64, f64, f64) = (40.0, 10.0, 240.0, 240.0);

/// A picture with its caption.
#[derive(Clone, Debug)]
pub struct Figure {
    caption: String,
    legend: Option<(&'static str, &'static str)>,
    label: String,
    height: f64,
    drawing: String,
}

/// A point of a curve.
pub type CurvePoint = (f64, f64);

/// A bin of a reliability diagram.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReliabilityPoint {
    /// Mean of what was predicted.
    pub predicted: f64,
    /// Share of what came true, with its interval.
    pub observed: (f64, f64, f64),
    /// Share of all rows.
    pub share: f64,
}

impl Figure {
    /// Shares of two tables over the same bins: the reference as an outline, the current one filled.
    pub fn histogram(caption: &str, edges: &[f64], reference: &[f64], current: &[f64]) -> Self {
        let (left, top, width, height) = PLOT;
        let bars = reference.len().min(current.len()).max(1) as f64;
        let tallest = reference.iter().chain(current).copied().filter(|share| share.is_finite()).fold(1e-12, f64::max);
        let steps = |shares: &[f64]| {
            let mut path = format!("M{} {}", tenth(left), tenth(top + height));
            for (at, share) in shares.iter().enumerate() {
                let y = top + height * (1.0 - finite(*share) / tallest);
                // Writing into a text cannot fail.
                let _ = write!(path, "V{}H{}", tenth(y), tenth(left + width * (at + 1) as f64 / bars));
            }
            path + &format!("V{}", tenth(top + height))
        };
        let mut drawing = format!("<path class=\"cur\" d=\"{}Z\"/>", steps(current));
        drawing += &format!("<path class=\"ref\" d=\"{}\"/>", steps(reference));
        drawing += &axis(PLOT);
        for (at, anchor) in [(0, "start"), (edges.len() / 2, "middle"), (edges.len().saturating_sub(1), "end")] {
            if let Some(edge) = edges.get(at) {
                let x = left + width * at as f64 / bars;
                drawing += &text(x, top + height + 14.0, anchor, "", &number(*edge));
            }
        }
        drawing += &text(left - 4.0, top + 8.0, "end", "", &percent(tallest));
        let label = format!("{caption}: shares of the reference and of the current rows in {bars} bins");
        Self::new(caption, Some(("reference", "current")), label, top + height + 20.0, drawing)
    }

    /// Shares of one table over its bins.
    pub fn shape(caption: &str, edges: &[f64], shares: &[f64]) -> Self {
        let figure = Self::histogram(caption, edges, shares, shares);
        let label = format!("{caption}: shares of the rows in {} bins", shares.len());
        Self { legend: None, label, ..figure }
    }

    /// A curve in the unit square (ROC; precision over recall), and the diagonal where it means chance.
    pub fn curve(caption: &str, axes: (&str, &str), points: &[CurvePoint], diagonal: bool) -> Self {
        let mut path = String::new();
        for (at, (x, y)) in points.iter().filter(|(x, y)| x.is_finite() && y.is_finite()).enumerate() {
            let (x, y) = in_square(*x, *y);
            let _ = write!(path, "{}{} {}", if at == 0 { "M" } else { "L" }, tenth(x), tenth(y));
        }
        let mut drawing = square(axes);
        if diagonal {
            drawing += &line("limit", in_square(0.0, 0.0), in_square(1.0, 1.0));
        }
        drawing += &format!("<path class=\"curve\" d=\"{path}\"/>");
        let label = format!("{caption}: {} over {}", axes.1, axes.0);
        Self::new(caption, None, label, SQUARE.1 + SQUARE.3 + 32.0, drawing)
    }

    /// What was predicted beside what came true, bin by bin, with intervals.
    pub fn reliability(caption: &str, points: &[ReliabilityPoint]) -> Self {
        let mut drawing = square(("predicted", "observed"));
        drawing += &line("limit", in_square(0.0, 0.0), in_square(1.0, 1.0));
        for point in points {
            let (observed, low, high) = point.observed;
            let (x, y) = in_square(point.predicted, observed);
            drawing += &line("whisker", (x, in_square(0.0, low).1), (x, in_square(0.0, high).1));
            drawing += &dot("", x, y, 3.0 + 5.0 * finite(point.share).sqrt());
        }
        let label = format!("{caption}: share of what came true over the mean prediction, in {} bins", points.len());
        Self::new(caption, None, label, SQUARE.1 + SQUARE.3 + 32.0, drawing)
    }

    pub(crate) fn new(
        caption: &str,
        legend: Option<(&'static str, &'static str)>,
        label: String,
        height: f64,
        drawing: String,
    ) -> Self {
        Self { caption: caption.to_owned(), legend, label, height, drawing }
    }

    pub(crate) fn html(&self) -> String {
        let legend = self.legend.map_or_else(String::new, |(reference, current)| {
            format!("<span class=\"key ref\"></span>{reference}<span class=\"key cur\"></span>{current}")
        });
        format!(
            "<figure><svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-label=\"{}\">{}</svg>\
             <figcaption>{}{legend}</figcaption></figure>",
            tenth(self.height),
            escaped(&self.label),
            self.drawing,
            escaped(&short(&self.caption, 120))
        )
    }
}

pub(crate) fn finite(value: f64) -> f64 {
    if value.is_finite() { value.max(0.0) } else { 0.0 }
}

pub(crate) fn tenth(value: f64) -> f64 {
    let rounded = (value * 10.0).round() / 10.0;
    if rounded.is_finite() { rounded } else { 0.0 }
}

fn in_square(x: f64, y: f64) -> (f64, f64) {
    let (left, top, width, height) = SQUARE;
    (left + width * finite(x).min(1.0), top + height * (1.0 - finite(y).min(1.0)))
}

pub(crate) fn axis((left, top, width, height): (f64, f64, f64, f64)) -> String {
    line("axis", (left, top + height), (left + width, top + height))
}

fn square((x_name, y_name): (&str, &str)) -> String {
    let (left, top, width, height) = SQUARE;
    let mut drawing = axis(SQUARE) + &line("axis", (left, top), (left, top + height));
    for (at, name) in [(0.0, "0"), (0.5, "0.5"), (1.0, "1")] {
        let (x, y) = in_square(at, at);
        drawing += &text(x, top + height + 13.0, "middle", "", name);
        drawing += &text(left - 5.0, y + 4.0, "end", "", name);
    }
    drawing += &text(left + width / 2.0, top + height + 27.0, "middle", "", x_name);
    drawing + &text(left + width + 8.0, top + 10.0, "start", "", &format!("↑ {y_name}"))
}

pub(crate) fn line(class: &str, from: (f64, f64), to: (f64, f64)) -> String {
    format!(
        "<line class=\"{class}\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>",
        tenth(from.0),
        tenth(from.1),
        tenth(to.0),
        tenth(to.1)
    )
}

pub(crate) fn rect(class: &str, (x, y): (f64, f64), (width, height): (f64, f64)) -> String {
    let (x, y, width) = (tenth(x), tenth(y), tenth(width));
    format!("<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"/>")
}

pub(crate) fn dot(class: &str, x: f64, y: f64, radius: f64) -> String {
    format!("<circle class=\"dot {class}\" cx=\"{}\" cy=\"{}\" r=\"{}\"/>", tenth(x), tenth(y), tenth(radius))
}

pub(crate) fn text(x: f64, y: f64, anchor: &str, class: &str, content: &str) -> String {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    format!("<text x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\"{class}>{}</text>", tenth(x), tenth(y), escaped(content))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bar, Range, Status, text_width::shorten_to_fit};
    use proptest::prelude::*;

    #[test]
    fn a_histogram_has_an_outline_and_a_filling_over_the_same_bins() {
        let figure = Figure::histogram("age", &[0.0, 1.0, 2.0], &[0.25, 0.75], &[0.5, 0.5]);
        let html = figure.html();
        assert_eq!((html.matches("<path").count(), html.matches('V').count()), (2, 6), "{html}");
        // The tallest bar reaches the top, one of a third of it two thirds down.
        assert!(html.contains("V103.3H230V10H412"), "{html}");
        assert!(html.contains("aria-label=\"age: shares"));
    }

    #[test]
    fn curves_and_bins_stay_in_their_square() {
        let curve =
            Figure::curve("ROC", ("false positives", "true positives"), &[(0.0, 0.0), (0.5, 2.0), (1.0, 1.0)], true);
        assert!(curve.html().contains("M40 250L160 10L280 10"), "{}", curve.html());
        let bins = [ReliabilityPoint { predicted: 0.5, observed: (0.4, 0.3, 0.5), share: 0.25 }];
        assert!(Figure::reliability("calibration", &bins).html().contains("cx=\"160\" cy=\"154\" r=\"5.5\""));
    }

    proptest! {
        #[test]
        fn whatever_the_numbers_are_a_picture_has_no_nan_and_no_markup_of_names(
            numbers in proptest::collection::vec(any::<f64>(), 6),
            name in any::<String>(),
        ) {
            let bar = Bar { name: name.clone(), reference: numbers[0], current: numbers[1] };
            let range = Range {
                name: name.clone(),
                value: Some((numbers[2], numbers[3], numbers[4])),
                note: name.clone(),
                state: Status::Warn,
            };
            let figures = [
                Figure::bars(&name, &[bar]),
                Figure::ranking(&name, &[(name.clone(), numbers[0])]),
                Figure::shape(&name, &numbers, &numbers[1..]),
                Figure::ranges(&name, &[range], Some(numbers[5])),
                Figure::histogram(&name, &numbers, &numbers[1..], &numbers[1..]),
                Figure::curve(&name, ("x", "y"), &[(numbers[0], numbers[1])], false),
                Figure::pushes(&name, &[(name.clone(), numbers[0], name.clone()), (name.clone(), numbers[1], name.clone())]),
            ];
            for figure in figures {
                let html = figure.html();
                let attributes: String = html.split('"').skip(1).step_by(2).collect();
                let is_ours = |text: &str| !text.contains("NaN") && !text.contains("inf");
                let shown = [short(&name, 120), shorten_to_fit(&name, 150.0), shorten_to_fit(&name, 130.0), name.clone()];
                let own = shown.iter().fold(html.clone(), |html, name| html.replace(&escaped(name), ""));
                prop_assert!(is_ours(&own), "{own}");
                prop_assert!(!attributes.contains('<'));
            }
        }
    }
}
