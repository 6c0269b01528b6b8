//! Parts of a date, computed inside the graph from epoch milliseconds (UTC) with whole-number operators alone, so that
//! every runtime gets the same answer. Source: Howard Hinnant, "chrono-compatible low-level date algorithms".

use kilter_inference::{Infinite, InputKind, MISSING_TIME, onnx::AttributeValue, onnx::element};

use kilter_domain::time::{DAY_MS, HOUR_MS};

use crate::graph::Graph;

/// A part of a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DatePart {
    /// 0 to 23.
    Hour,
    /// 0 (Monday) to 6.
    DayOfWeek,
    /// 1 to 12.
    Month,
    /// `31 * (month - 1) + day`: a date has the same number in every year.
    DayOfYear,
}

/// Years -9999 to 9999, as the platform's times.
const EARLIEST_MS: i64 = -377_705_116_800_000;
const LATEST_MS: i64 = 253_402_300_799_999;
/// Days from the first of March 0000 to 1970, plus 30 cycles of 400 years: everything below is positive.
const SHIFT_DAYS: i64 = 719_468 + 30 * CYCLE_DAYS;
const CYCLE_DAYS: i64 = 146_097;

impl DatePart {
    pub const ALL: [Self; 4] = [Self::Hour, Self::DayOfWeek, Self::Month, Self::DayOfYear];

    pub fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::DayOfWeek => "day of week",
            Self::Month => "month",
            Self::DayOfYear => "day of year",
        }
    }

    /// The training rows must span this many days: a part that they have not seen turn round once teaches the date,
    /// not the season.
    pub fn least_days(self) -> i64 {
        match self {
            Self::Hour => 2,
            Self::DayOfWeek => 14,
            Self::Month | Self::DayOfYear => 365,
        }
    }

    /// All values, ascending; empty where there are too many to be categories.
    pub fn values(self) -> Vec<i64> {
        match self {
            Self::Hour => (0..24).collect(),
            Self::DayOfWeek => (0..7).collect(),
            Self::Month => (1..=12).collect(),
            Self::DayOfYear => Vec::new(),
        }
    }
}

/// The parts of one time column in the graph.
pub(crate) struct Calendar<'a> {
    graph: &'a mut Graph,
    column: &'a str,
    missing: String,
    days: String,
    ms: String,
}

impl<'a> Calendar<'a> {
    /// Adds the input for `column` and what all parts share.
    pub fn new(graph: &'a mut Graph, column: &'a str) -> Self {
        let input = graph.input(column, InputKind::Time, Infinite::Refused);
        let mut calendar = Self { graph, column, missing: String::new(), days: String::new(), ms: String::new() };
        let marker = calendar.constant(MISSING_TIME);
        calendar.missing = calendar.op("Equal", &[&input, &marker], "missing");
        let (low, high) = (calendar.constant(EARLIEST_MS), calendar.constant(LATEST_MS));
        let bounded = calendar.op("Max", &[&input, &low], "bounded");
        let bounded = calendar.op("Min", &[&bounded, &high], "bounded");
        calendar.ms = calendar.with("Add", &bounded, SHIFT_DAYS * DAY_MS);
        calendar.days = calendar.with("Div", &calendar.ms.clone(), DAY_MS);
        calendar
    }

    fn constant(&mut self, value: i64) -> String {
        self.graph.ints(&format!("{}:{value}", self.column), &[1], vec![value])
    }

    fn op(&mut self, op: &str, inputs: &[&str], hint: &str) -> String {
        self.graph.core(op, inputs, &format!("{}:{hint}", self.column), &[])
    }

    /// `left op value`.
    fn with(&mut self, op: &str, left: &str, value: i64) -> String {
        let right = self.constant(value);
        self.op(op, &[left, &right], &op.to_lowercase())
    }

    /// Whole numbers `[N, 1]`; where the time is missing they mean nothing.
    fn whole(&mut self, part: DatePart) -> String {
        let days = self.days.clone();
        match part {
            DatePart::Hour => {
                let hours = self.with("Div", &self.ms.clone(), HOUR_MS);
                self.with("Mod", &hours, 24)
            }
            DatePart::DayOfWeek => {
                // The first of March 0000 is a Wednesday.
                let moved = self.with("Add", &days, 2);
                self.with("Mod", &moved, 7)
            }
            DatePart::Month => {
                let (_, month) = self.march_month(&days);
                self.month(&month)
            }
            DatePart::DayOfYear => {
                let (day, march_month) = self.march_month(&days);
                let month = self.month(&march_month);
                let begins = self.month_begins(&march_month);
                let day = self.op("Sub", &[&day, &begins], "day");
                let month = self.with("Mul", &month, 31);
                let sum = self.op("Add", &[&month, &day], "day");
                // The day counts from 0 and the month from 1.
                self.with("Add", &sum, 1 - 31)
            }
        }
    }

    /// Day of the year and month, both counted from the first of March and from 0.
    fn march_month(&mut self, days: &str) -> (String, String) {
        let day = self.with("Mod", days, CYCLE_DAYS);
        let year = {
            let fourth = self.with("Div", &day, 1_460);
            let hundredth = self.with("Div", &day, 36_524);
            let four_hundredth = self.with("Div", &day, 146_096);
            let year = self.op("Sub", &[&day, &fourth], "year");
            let year = self.op("Add", &[&year, &hundredth], "year");
            let year = self.op("Sub", &[&year, &four_hundredth], "year");
            self.with("Div", &year, 365)
        };
        let begins = {
            let whole = self.with("Mul", &year, 365);
            let fourth = self.with("Div", &year, 4);
            let hundredth = self.with("Div", &year, 100);
            let begins = self.op("Add", &[&whole, &fourth], "begins");
            self.op("Sub", &[&begins, &hundredth], "begins")
        };
        let day = self.op("Sub", &[&day, &begins], "march_day");
        let fifth = self.with("Mul", &day, 5);
        let fifth = self.with("Add", &fifth, 2);
        let month = self.with("Div", &fifth, 153);
        (day, month)
    }

    /// 1 to 12 from the month counted from March.
    fn month(&mut self, march_month: &str) -> String {
        let moved = self.with("Add", march_month, 2);
        let month = self.with("Mod", &moved, 12);
        self.with("Add", &month, 1)
    }

    fn month_begins(&mut self, march_month: &str) -> String {
        let scaled = self.with("Mul", march_month, 153);
        let scaled = self.with("Add", &scaled, 2);
        self.with("Div", &scaled, 5)
    }

    /// The part as float32 `[N, 1]`, NaN where the time is missing.
    pub fn number(&mut self, part: DatePart) -> String {
        let whole = self.whole(part);
        let hint = format!("{}:{}", self.column, part.name());
        let to = AttributeValue::Int(i64::from(element::FLOAT));
        let float = self.graph.core("Cast", &[&whole], &hint, &[("to", to)]);
        let nan = self.graph.floats(&format!("{}:nan", self.column), &[1], vec![f32::NAN]);
        self.graph.core("Where", &[&self.missing, &nan, &float], &hint, &[])
    }

    /// The part as a whole number `[N, 1]`, -1 where the time is missing.
    pub fn category(&mut self, part: DatePart) -> String {
        let whole = self.whole(part);
        let none = self.constant(-1);
        self.graph.core("Where", &[&self.missing, &none, &whole], &format!("{}:{}", self.column, part.name()), &[])
    }
}

#[cfg(test)]
mod tests {
    use kilter_domain::{
        table::{Column, Table},
        time::Timestamp,
    };
    use kilter_inference::{Features, Matrix};

    use super::*;

    fn expected(part: DatePart, time: i64) -> i64 {
        let civil = Timestamp(time).civil();
        match part {
            DatePart::Hour => i64::from(civil.hour()),
            DatePart::DayOfWeek => i64::from(civil.weekday().to_monday_zero_offset()),
            DatePart::Month => i64::from(civil.month()),
            DatePart::DayOfYear => 31 * (i64::from(civil.month()) - 1) + i64::from(civil.day()),
        }
    }

    /// What the graph says of `times` (`None` is missing), as numbers and as categories.
    fn computed(part: DatePart, times: &[Option<i64>]) -> [Vec<f32>; 2] {
        let mut graph = Graph::default();
        let mut calendar = Calendar::new(&mut graph, "at");
        let outputs = [calendar.number(part), calendar.category(part)];
        let outputs = outputs.each_ref().map(|name| (name.as_str(), element::FLOAT, Some(1)));
        let features = Features::new(&graph.model(&outputs, Vec::new()), &graph.signature).unwrap();
        let table = Table::new(vec![("at".into(), Column::Time(times.to_vec()))]).unwrap();
        let made = features.of(&table).unwrap().into_iter().map(|matrix| match matrix {
            Matrix::Dense { data, .. } => data,
            Matrix::Sparse { .. } => panic!("parts of dates are dense"),
        });
        made.collect::<Vec<_>>().try_into().unwrap()
    }

    #[test]
    fn every_part_is_that_of_the_calendar_from_one_end_to_the_other() {
        let day = DAY_MS;
        // Every 7 hours around leap days of all sorts (1600, 1900, 2000, 2024, 0, -400) and the ends of the calendar.
        let around = [-11_676_096_000_000, -2_203_891_200_000, 951_782_400_000, 1_709_164_800_000, 0];
        let ancient = [-62_162_208_000_000, -74_784_816_000_000, -377_705_000_000_000, 253_402_000_000_000];
        let near = |&time: &i64| (-100..100).map(move |step| time + step * 7 * HOUR_MS + 13);
        let mut times: Vec<i64> = around.iter().chain(&ancient).flat_map(near).collect();
        times.retain(|time| (-377_705_000_000_000..=253_402_200_000_000).contains(time));
        times.extend((0..3_000).map(|step| -1_000 * day + step * 3 * day / 4));
        for part in DatePart::ALL {
            let [numbers, categories] = computed(part, &times.iter().copied().map(Some).collect::<Vec<_>>());
            for ((&time, number), category) in times.iter().zip(numbers).zip(categories) {
                assert_eq!(number, expected(part, time) as f32, "{} of {}", part.name(), Timestamp(time));
                assert_eq!(number, category, "{} of {}", part.name(), Timestamp(time));
            }
        }
    }

    #[test]
    fn a_missing_time_has_no_parts_and_the_wildest_one_does_no_harm() {
        for part in DatePart::ALL {
            let [numbers, categories] = computed(part, &[None, Some(i64::MIN + 1), Some(i64::MAX)]);
            assert!(numbers[0].is_nan() && numbers[1].is_finite() && numbers[2].is_finite(), "{numbers:?}");
            assert_eq!(categories[0], -1.0);
        }
    }
}
