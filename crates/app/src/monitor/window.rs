//! Windows: intervals of a fixed calendar, so that every evaluation cuts the past in the same places.

use kilter_domain::time::{HOUR_MS, Interval, Span, SpanUnit, Timestamp};

/// Windows of one length that follow one another from an anchor.
#[derive(Clone, Copy, Debug)]
pub struct Calendar {
    anchor: Timestamp,
    every: Span,
    /// The number of the first window: 0, and less if records are older than the anchor.
    first: i64,
}

impl Calendar {
    /// Windows of length `every` from `since` on: from the first of its month for months, from midnight for days and
    /// weeks, from the full hour for hours.
    pub fn new(since: Timestamp, every: Span) -> Self {
        let time = since.civil();
        let midnight = |day| Timestamp::from_date(time.year(), time.month(), day).unwrap_or(since);
        let anchor = match every.unit {
            SpanUnit::Month => midnight(1),
            SpanUnit::Day | SpanUnit::Week => midnight(time.day()),
            SpanUnit::Hour => Timestamp(since.millis().div_euclid(HOUR_MS) * HOUR_MS),
            SpanUnit::Minute | SpanUnit::Second => since,
        };
        Self { anchor, every: Span { count: every.count.max(1), unit: every.unit }, first: 0 }
    }

    /// The same windows, and those before them from `earliest` on: the past is cut in the same places.
    pub fn reaching_back_to(mut self, earliest: Timestamp) -> Self {
        let (length, back) = (self.every.millis().max(1), earliest.millis().saturating_sub(self.anchor.millis()));
        if back < 0 {
            // Months vary in length by less than a tenth: a guess that is a little low is walked up.
            self.first = match self.every.unit {
                SpanUnit::Month => back / length * 11 / 10 - 1,
                _ => back.div_euclid(length),
            };
            while self.boundary(self.first + 1) <= earliest {
                self.first += 1;
            }
        }
        self
    }

    /// The time before the endpoint was made, as far as windows reach back into it.
    pub fn past(&self) -> Option<Interval> {
        (self.first < 0).then(|| Interval::new(self.start(), self.anchor))
    }

    fn boundary(&self, number: i64) -> Timestamp {
        self.anchor.after(Span { count: self.every.count.saturating_mul(number), unit: self.every.unit })
    }

    fn window(&self, number: i64) -> Interval {
        Interval { start: self.boundary(number), end: self.boundary(number + 1) }
    }

    /// Where the first window begins.
    pub fn start(&self) -> Timestamp {
        self.boundary(self.first)
    }

    /// The windows that ended in `after < end <= until`, oldest first, at most `most` of them (the newest).
    pub fn ended(&self, after: Timestamp, until: Timestamp, most: usize) -> Vec<Interval> {
        let Some(last) = self.last_ended(until) else { return vec![] };
        let mut found: Vec<Interval> = (self.first..=last)
            .rev()
            .map(|number| self.window(number))
            .take_while(|w| w.end > after)
            .take(most)
            .collect();
        found.reverse();
        found
    }

    /// The end of the window that holds `time`.
    pub fn next_end(&self, time: Timestamp) -> Timestamp {
        self.boundary(self.last_ended(time).map_or(self.first + 1, |last| last + 2))
    }

    /// The number of the last window that ended at or before `until`.
    fn last_ended(&self, until: Timestamp) -> Option<i64> {
        if self.boundary(self.first + 1) > until {
            return None;
        }
        // Months vary in length by less than a tenth: a guess that is a little low is walked up.
        let length = self.every.millis().max(1);
        let mut number = self.first + ((until.millis() - self.start().millis()) / length) * 9 / 10;
        number = number.max(self.first + 1);
        while self.boundary(number) > until {
            number -= 1;
        }
        while self.boundary(number + 1) <= until {
            number += 1;
        }
        Some(number - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn windows_reach_back_to_what_was_brought_in_and_are_cut_in_the_same_places() {
        for every in [Span::months(1), Span::days(7), Span::days(1)] {
            let calendar = Calendar::new(date("1997-05-14"), every);
            let back = calendar.reaching_back_to(date("1996-11-20"));
            let (start, until) = (back.start(), date("1997-08-15"));
            assert!(start <= date("1996-11-20") && date("1996-11-20") < start.after(every), "{start}");
            let all = back.ended(Timestamp(i64::MIN), until, 1_000);
            let later = calendar.ended(Timestamp(i64::MIN), until, 1_000);
            assert_eq!(all[all.len() - later.len()..], later);
            assert!(all.windows(2).all(|pair| pair[0].end == pair[1].start) && all[0].start == start);
        }
        let back = Calendar::new(date("1997-05-14"), Span::days(1)).reaching_back_to(date("1997-05-11"));
        let past = back.past().unwrap();
        assert_eq!((past.start, past.end), (date("1997-05-11"), date("1997-05-14")));
        assert_eq!(back.ended(Timestamp(i64::MIN), past.end, 10).len(), 3);
        let calendar = Calendar::new(date("1997-05-14"), Span::days(1));
        assert_eq!(calendar.past(), None);
        assert_eq!(calendar.reaching_back_to(date("1998-01-01")).start(), calendar.start());
    }

    #[test]
    fn months_follow_the_calendar() {
        let calendar = Calendar::new(date("1997-05-01"), Span::months(1));
        let ended = calendar.ended(date("1997-06-01"), date("1997-08-15"), 100);
        let shown: Vec<_> = ended.iter().map(|window| (window.start, window.end)).collect();
        assert_eq!(shown, vec![(date("1997-06-01"), date("1997-07-01")), (date("1997-07-01"), date("1997-08-01")),]);
        assert_eq!(calendar.next_end(date("1997-08-01")), date("1997-09-01"));
        assert_eq!(calendar.next_end(date("1997-05-01")), date("1997-06-01"));
    }

    #[test]
    fn nothing_has_ended_before_the_first_window_is_over() {
        let calendar = Calendar::new(date("2026-01-01T10:30:00Z"), Span::days(1));
        assert!(calendar.ended(date("2025-01-01"), date("2026-01-01T23:59:59Z"), 10).is_empty());
        assert_eq!(calendar.ended(date("2025-01-01"), date("2026-01-02"), 10).len(), 1);
    }

    #[test]
    fn many_windows_are_bounded_to_the_newest() {
        let calendar = Calendar::new(date("2000-01-01"), Span::days(1));
        let ended = calendar.ended(date("2000-01-01"), date("2026-01-01"), 3);
        assert_eq!(ended.last().unwrap().end, date("2026-01-01"));
        assert_eq!(ended.len(), 3);
    }
}
