//! Pictures of one line per name: the name at the left, a bar or a point, and a note at the right. Names and notes get the
//! room that they need, what they leave is the picture's.

use crate::{
    Status,
    figure::{Figure, WIDTH, dot, finite, line, rect, text},
    number::{number, percent},
    text_width::{shorten_to_fit, text_width},
};

/// Pixels that the longest name and the longest note get.
const MAX_NAME: f64 = 150.0;
const MAX_NOTE: f64 = 130.0;
/// Between a name, the picture and a note.
const GAP: f64 = 8.0;

/// A pair of shares with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// What the bar is of.
    pub name: String,
    /// Of the reference.
    pub reference: f64,
    /// Of the current table.
    pub current: f64,
}

/// A value with its interval.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    /// What it is of.
    pub name: String,
    /// The value; `None` shows the note alone.
    pub value: Option<(f64, f64, f64)>,
    /// What stands behind it (the numbers, or why there are none).
    pub note: String,
    /// How it is judged.
    pub state: Status,
}

/// Where the picture between the names and the notes begins, and how wide it is.
#[derive(Clone, Copy)]
struct Columns {
    left: f64,
    width: f64,
}

impl Columns {
    fn of<'t>(names: impl Iterator<Item = &'t str>, notes: impl Iterator<Item = &'t str>) -> Self {
        let name = names.map(text_width).fold(0.0, f64::max).clamp(40.0, MAX_NAME);
        let note = notes.map(text_width).fold(0.0, f64::max).min(MAX_NOTE);
        let left = name + GAP;
        Self { left, width: WIDTH - left - note - 2.0 * GAP }
    }

    fn name(self, y: f64, name: &str) -> String {
        text(self.left - GAP, y, "end", "name", &shorten_to_fit(name, MAX_NAME))
    }

    /// A note behind the picture.
    fn note(self, y: f64, note: &str) -> String {
        self.note_at(self.left + self.width, y, note)
    }

    /// A note behind `x`.
    fn note_at(self, x: f64, y: f64, note: &str) -> String {
        text(x + GAP, y, "start", "", &shorten_to_fit(note, MAX_NOTE))
    }
}

fn names<'b, T>(bars: &'b [T], name: impl Fn(&'b T) -> &'b str) -> impl Iterator<Item = &'b str> {
    bars.iter().map(name)
}

impl Figure {
    /// Shares of one table by category.
    pub fn ranking(caption: &str, bars: &[(String, f64)]) -> Self {
        let longest = bars.iter().map(|bar| bar.1).filter(|x| x.is_finite()).fold(1e-12, f64::max);
        let notes: Vec<String> = bars.iter().map(|bar| percent(bar.1)).collect();
        let columns = Columns::of(names(bars, |bar| &bar.0), notes.iter().map(String::as_str));
        let step = 20.0;
        let mut drawing = String::new();
        for (at, ((name, share), note)) in bars.iter().zip(&notes).enumerate() {
            let (y, long) = (4.0 + step * at as f64, columns.width * finite(*share) / longest);
            drawing += &columns.name(y + 11.0, name);
            drawing += &rect("refbar", (columns.left, y), (long, 13.0));
            drawing += &columns.note_at(columns.left + long, y + 11.0, note);
        }
        let label = format!("{caption}: shares of the rows by category");
        Self::new(caption, None, label, 8.0 + step * bars.len() as f64, drawing)
    }

    /// Shares of two tables by category.
    pub fn bars(caption: &str, bars: &[Bar]) -> Self {
        let longest =
            bars.iter().map(|bar| bar.reference.max(bar.current)).filter(|x| x.is_finite()).fold(1e-12, f64::max);
        let note = |bar: &Bar| format!("{} → {}", percent(bar.reference), percent(bar.current));
        let notes: Vec<String> = bars.iter().map(note).collect();
        let columns = Columns::of(names(bars, |bar| &bar.name), notes.iter().map(String::as_str));
        let step = 26.0;
        let mut drawing = String::new();
        for (at, (bar, note)) in bars.iter().zip(&notes).enumerate() {
            let y = 4.0 + step * at as f64;
            drawing += &columns.name(y + 14.0, &bar.name);
            for (class, share, down) in [("refbar", bar.reference, 0.0), ("curbar", bar.current, 10.0)] {
                let long = columns.width * finite(share) / longest;
                drawing += &rect(class, (columns.left, y + down), (long, 9.0));
            }
            let end = columns.left + columns.width * finite(bar.reference.max(bar.current)) / longest;
            drawing += &columns.note_at(end, y + 14.0, note);
        }
        let label = format!("{caption}: shares of the reference and of the current rows by category");
        Self::new(caption, Some(("reference", "current")), label, 8.0 + step * bars.len() as f64, drawing)
    }

    /// Values with their intervals under each other, and a line where something is promised.
    pub fn ranges(caption: &str, ranges: &[Range], limit: Option<f64>) -> Self {
        let columns = Columns::of(names(ranges, |range| &range.name), names(ranges, |range| &range.note));
        let limit = limit.filter(|limit| limit.is_finite());
        let ends = ranges.iter().filter_map(|range| range.value).flat_map(|(value, low, high)| [value, low, high]);
        let (low, high) = ends
            .chain(limit)
            .filter(|x| x.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        let span = if high > low { high - low } else { 1.0 };
        let x = |value: f64| columns.left + columns.width * ((value - low) / span).clamp(0.0, 1.0);
        let (step, bottom) = (22.0, 8.0 + 22.0 * ranges.len() as f64);
        let mut drawing = limit.map_or_else(String::new, |limit| line("limit", (x(limit), 2.0), (x(limit), bottom)));
        for (at, range) in ranges.iter().enumerate() {
            let y = 14.0 + step * at as f64;
            drawing += &columns.name(y + 4.0, &range.name);
            let state = range.state.class();
            if let Some((value, low, high)) = range.value.filter(|value| value.0.is_finite()) {
                let end = |end: f64, open: f64| if end.is_finite() { x(end) } else { open };
                let (from, to) = (end(low, columns.left), end(high, columns.left + columns.width));
                drawing += &format!("<g class=\"{state}\">");
                drawing += &line(&format!("whisker {state}"), (from, y), (to, y));
                drawing += &dot(state, x(value), y, 4.0);
                drawing += "</g>";
            }
            drawing += &columns.note(y + 4.0, &range.note);
        }
        drawing += &scale(columns, bottom + 12.0, (low, high), limit.map(|limit| (x(limit), limit)));
        Self::new(caption, None, format!("{caption}: values with their intervals"), bottom + 16.0, drawing)
    }

    /// Signed values by name, from a line at zero: what pushes up to the right, what pushes down to the left.
    pub fn pushes(caption: &str, bars: &[(String, f64, String)]) -> Self {
        let columns = Columns::of(names(bars, |bar| &bar.0), names(bars, |bar| &bar.2));
        let values = || bars.iter().map(|bar| bar.1).filter(|value| value.is_finite());
        let (down, up) = (values().fold(0.0, f64::min).abs(), values().fold(0.0, f64::max));
        let scale = columns.width / (down + up).max(1e-12);
        let (zero, step) = (columns.left + scale * down, 20.0);
        let bottom = 8.0 + step * bars.len() as f64;
        let mut drawing = line("axis", (zero, 2.0), (zero, bottom));
        for (at, (name, value, note)) in bars.iter().enumerate() {
            let (y, long) = (4.0 + step * at as f64, scale * finite(value.abs()));
            let (class, x) = if *value < 0.0 { ("refbar", zero - long) } else { ("curbar", zero) };
            drawing += &columns.name(y + 11.0, name);
            drawing += &rect(class, (x, y), (long, 13.0));
            drawing += &columns.note(y + 11.0, note);
        }
        let label = format!("{caption}: what pushes up and what pushes down");
        Self::new(caption, Some(("lower", "higher")), label, bottom, drawing)
    }
}

/// The numbers under the picture: where it begins and ends, and the bound, which goes before an end that it would meet.
fn scale(columns: Columns, y: f64, (low, high): (f64, f64), limit: Option<(f64, f64)>) -> String {
    let (left, right) = (columns.left, columns.left + columns.width);
    if high <= low {
        return String::new();
    }
    let (low_text, high_text) = (number(low), number(high));
    let bound = limit.map(|(x, limit)| {
        let half = text_width(&number(limit)) / 2.0;
        (x.clamp(left + half, (right - half).max(left + half)), half, number(limit))
    });
    let is_free =
        |from: f64, to: f64| bound.as_ref().is_none_or(|(x, half, _)| to + GAP <= x - half || x + half + GAP <= from);
    let mut drawing = String::new();
    if is_free(left, left + text_width(&low_text)) {
        drawing += &text(left, y, "start", "", &low_text);
    }
    if is_free(right - text_width(&high_text), right) {
        drawing += &text(right, y, "end", "", &high_text);
    }
    if let Some((x, _, bound)) = &bound {
        drawing += &text(*x, y, "middle", "name", bound);
    }
    drawing
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_open_interval_reaches_the_edge_and_a_missing_value_shows_its_note() {
        let range = |value, note: &str| Range { name: "a".into(), value, note: note.into(), state: Status::Bad };
        let figure =
            Figure::ranges("gap", &[range(Some((0.1, 0.0, f64::INFINITY)), "0.1"), range(None, "too few")], Some(0.2));
        let html = figure.html();
        assert_eq!(html.matches("<circle").count(), 1);
        let columns = Columns::of(["a"].into_iter(), ["0.1", "too few"].into_iter());
        let end = format!("x2=\"{}\"", crate::figure::tenth(columns.left + columns.width));
        assert!(html.contains(&end) && html.contains("too few") && html.contains("class=\"limit\""), "{html}");
        // The scale says where it begins, and what is asked; the bound is its end too, and is written once.
        assert!(html.contains(">0</text>") && html.matches(">0.2</text>").count() == 1, "{html}");
    }

    #[test]
    fn pushes_start_at_zero_and_keep_their_proportion() {
        let bars = [("a".to_owned(), 3.0, "+3".to_owned()), ("b".to_owned(), -1.0, "-1".to_owned())];
        let html = Figure::pushes("row 1", &bars).html();
        let widths: Vec<f64> =
            html.split(" width=\"").skip(1).map(|rest| rest.split('"').next().unwrap().parse().unwrap()).collect();
        assert_eq!(widths.len(), 2, "{html}");
        assert!((widths[0] - 3.0 * widths[1]).abs() < 0.3, "{widths:?}");
        let zero = 48.0 + widths[1];
        assert!(html.contains("class=\"refbar\" x=\"48\"") && html.contains(&format!("class=\"curbar\" x=\"{zero}\"")));
    }

    /// Where the texts of a picture begin and end.
    fn texts(html: &str) -> Vec<(f64, f64)> {
        let attribute = |tag: &str, name: &str| -> String {
            tag.split(&format!("{name}=\"")).nth(1).unwrap().split('"').next().unwrap().to_owned()
        };
        let text = |tag: &str| {
            let (x, content) = (attribute(tag, " x").parse::<f64>().unwrap(), tag.split('>').nth(1).unwrap());
            let content = content.strip_suffix("</text").unwrap().replace("&lt;", "<");
            let width = text_width(&content);
            match attribute(tag, "text-anchor").as_str() {
                "end" => (x - width, x),
                "middle" => (x - width / 2.0, x + width / 2.0),
                _ => (x, x + width),
            }
        };
        html.split("<text").skip(1).map(text).collect()
    }

    proptest! {
        #[test]
        fn whatever_names_and_numbers_are_no_text_is_cut_by_the_edge_of_its_picture(
            names in proptest::collection::vec("[a-zA-Z0-9_ 西é]{0,90}", 1..5),
            values in proptest::collection::vec(-1e9..1e9_f64, 5),
        ) {
            let note = |value: f64| format!("{}, 123\u{202f}456 rows", number(value));
            let all: Vec<(&String, f64)> = names.iter().zip(values).collect();
            let range = |(name, value): &(&String, f64)| Range {
                name: (*name).clone(), value: Some((*value, value - 1.0, value + 9.0)), note: note(*value), state: Status::Ok,
            };
            let bar = |(name, value): &(&String, f64)| {
                let share = value.abs() / 1e9;
                Bar { name: (*name).clone(), reference: share, current: 1.0 - share }
            };
            let push = |(name, value): &(&String, f64)| ((*name).clone(), *value, note(*value));
            let share = |(name, value): &(&String, f64)| ((*name).clone(), value.abs() / 1e9);
            for figure in [
                Figure::ranges("a", &all.iter().map(range).collect::<Vec<_>>(), Some(0.5)),
                Figure::bars("a", &all.iter().map(bar).collect::<Vec<_>>()),
                Figure::pushes("a", &all.iter().map(push).collect::<Vec<_>>()),
                Figure::ranking("a", &all.iter().map(share).collect::<Vec<_>>()),
            ] {
                let html = figure.html();
                for (from, to) in texts(&html) {
                    prop_assert!(from >= -0.1 && to <= WIDTH + 0.1, "{from} to {to}: {html}");
                }
            }
        }
    }
}
