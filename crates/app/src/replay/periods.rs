//! The calendar of a replay: when serving starts and where periods end, when the contract does not say so.

use kilter_domain::time::{Span, SpanUnit, Timestamp};

use crate::dataset::history::History;

/// Labelled rows below which no model is worth training.
const MIN_ROWS: usize = 100;
/// A replay has at most this many periods; a shorter period is an error of the contract.
pub const MAX_PERIODS: usize = 5_000;

const LENGTHS: [Span; 7] = [
    Span { count: 120, unit: SpanUnit::Month },
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
    *LENGTHS[1..].iter().find(fits).unwrap_or(&LENGTHS[LENGTHS.len() - 1])
}

/// The shortest usual period that is longer than `period` and that `fits` says yes to.
pub fn longer_period(period: Span, fits: impl Fn(Span) -> bool) -> Option<Span> {
    LENGTHS.into_iter().rev().find(|length| length.millis() > period.millis() && fits(*length))
}

/// The first period boundary at which a fifth of the rows is labelled, and at least a hundred are.
///
/// `None` when that never happens before the last event.
pub fn usual_start(history: &History, period: Span) -> Option<Timestamp> {
    let (first, last) = history.span()?;
    let least = MIN_ROWS.max(history.table.rows() / 5);
    let mut known: Vec<Timestamp> = history.events.iter().zip(&history.known).map(|(&e, &k)| e.max(k)).collect();
    known.sort_unstable();
    let enough = *known.get(least)?;
    boundaries(floor(first, period), period, last).find(|&boundary| boundary >= enough && boundary <= last)
}

/// `start`, then every end of a period, until one lies behind `last`.
pub fn boundaries(start: Timestamp, period: Span, last: Timestamp) -> impl Iterator<Item = Timestamp> {
    let nth = move |n: usize| start.after(Span { count: period.count.saturating_mul(n as i64), unit: period.unit });
    let mut behind = false;
    (0..=MAX_PERIODS).map(nth).take_while(move |&boundary| !std::mem::replace(&mut behind, boundary > last))
}

/// Half a century: events of one dataset that are farther apart than this, and than any usual spread, share no past.
const FAR: Span = Span { count: 600, unit: SpanUnit::Month };
/// How many times the length of the middle half of all rows an event may be away from it.
const SPREADS: i64 = 20;

/// The first or last event where it lies so far from the middle half of all rows that it must be a mistake (a year 1, a
/// year 9999), and how many years far. Only the ends that the replay would take for its own are asked about.
pub fn find_outlying_event(history: &History, asks_first: bool, asks_last: bool) -> Option<(usize, Span)> {
    let rows = history.order.len();
    let event = |place: usize| history.events[history.order[place]];
    let (first, last) = (*history.order.first()?, *history.order.last()?);
    let (quarter, three_quarters) = (event(rows / 4), event((rows * 3 / 4).min(rows - 1)));
    let between = |from: Timestamp, to: Timestamp| to.millis().saturating_sub(from.millis());
    let far = FAR.millis().max(between(quarter, three_quarters).saturating_mul(SPREADS));
    let away = |from: Timestamp, to: Timestamp| {
        let years = i64::from(to.civil().year()) - i64::from(from.civil().year());
        (between(from, to) > far).then(|| Span::months(12 * years))
    };
    let after = away(three_quarters, history.events[last]).filter(|_| asks_last).map(|away| (last, away));
    after.or_else(|| away(history.events[first], quarter).filter(|_| asks_first).map(|away| (first, away)))
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
