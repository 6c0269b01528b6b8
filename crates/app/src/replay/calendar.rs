//! The calendar of a replay: when serving starts and where periods end, when the contract does not say so.

use kilter_domain::time::{Span, SpanUnit, Timestamp};

use super::history::History;

/// Labelled rows below which no model is worth training.
const LEAST_ROWS: usize = 100;
/// A replay has at most this many periods; a shorter period is an error of the contract.
pub const MOST_PERIODS: usize = 5_000;

const LENGTHS: [Span; 6] = [
    Span { count: 12, unit: SpanUnit::Month },
    Span { count: 3, unit: SpanUnit::Month },
    Span { count: 1, unit: SpanUnit::Month },
    Span { count: 1, unit: SpanUnit::Week },
    Span { count: 1, unit: SpanUnit::Day },
    Span { count: 1, unit: SpanUnit::Hour },
];

/// The longest usual period that divides `first..=last` at least twelve times, else the one that divides it most.
pub fn usual_period(first: Timestamp, last: Timestamp) -> Span {
    let length = last.millis().saturating_sub(first.millis());
    let fits = |span: &&Span| length / span.millis().max(1) >= 12;
    *LENGTHS.iter().find(fits).unwrap_or(&LENGTHS[LENGTHS.len() - 1])
}

/// The first period boundary at which a fifth of the rows is labelled, and at least a hundred are.
///
/// `None` when that never happens before the last event.
pub fn usual_start(history: &History, period: Span) -> Option<Timestamp> {
    let (first, last) = history.span()?;
    let least = LEAST_ROWS.max(history.table.rows() / 5);
    let mut known: Vec<Timestamp> = history.events.iter().zip(&history.known).map(|(&e, &k)| e.max(k)).collect();
    known.sort_unstable();
    let enough = *known.get(least)?;
    boundaries(floor(first, period), period, last).find(|&boundary| boundary >= enough && boundary <= last)
}

/// `start`, then every end of a period, until one lies behind `last`.
pub fn boundaries(start: Timestamp, period: Span, last: Timestamp) -> impl Iterator<Item = Timestamp> {
    let nth = move |n: usize| start.after(Span { count: period.count.saturating_mul(n as i64), unit: period.unit });
    let mut behind = false;
    (0..=MOST_PERIODS).map(nth).take_while(move |&boundary| !std::mem::replace(&mut behind, boundary > last))
}

/// The calendar boundary of a period at or before `time`: midnight, and the first of a month for months.
fn floor(time: Timestamp, period: Span) -> Timestamp {
    let date = time.civil().date();
    let day = if period.unit == SpanUnit::Month { 1 } else { date.day() };
    match period.unit {
        SpanUnit::Hour | SpanUnit::Minute | SpanUnit::Second => time,
        _ => Timestamp::from_date(date.year(), date.month(), day).unwrap_or(time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn periods_end_behind_the_last_event() {
        let ends: Vec<_> = boundaries(date("1997-01-31"), Span::months(1), date("1997-03-30")).collect();
        assert_eq!(ends, ["1997-01-31", "1997-02-28", "1997-03-31"].map(date));
    }

    #[test]
    fn the_usual_period_follows_the_length_of_the_data() {
        assert_eq!(usual_period(date("1997-01-01"), date("1998-06-30")), Span::months(1));
        assert_eq!(usual_period(date("2024-01-01"), date("2024-01-20")), Span::days(1));
    }
}
