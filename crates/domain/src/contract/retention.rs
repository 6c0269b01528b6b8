//! How long what was recorded must be kept, and whether a contract keeps it as long.
//!
//! Invariant: nothing that a monitor or the threshold still reads is past its retention: a contract that says otherwise is
//! refused.

use super::{Contract, ContractError, Reference, Risk, check::Check, record::Retention};
use crate::{
    alert::MonitorKind,
    time::{DAY_MS, Span, SpanUnit},
};

/// Days for which predictions are kept when the contract does not say it: a year and a month, so that a month can be compared
/// with the same month of the year before, and more than twice the six months of article 26 (6) of the EU AI Act.
const KEEP_DAYS: i64 = 400;
/// Years for which readings are kept when the contract does not say it.
const READING_YEARS: i64 = 5;
/// The days for which article 26 (6) of the EU AI Act has the logs of a high-risk system kept.
const HIGH_RISK_DAYS: i64 = 183;

impl Contract {
    /// How long predictions and their labels are kept.
    pub fn prediction_retention(&self) -> Retention {
        let least = days(self.log_days().max(KEEP_DAYS));
        self.record.keep.unwrap_or(Retention::For(least))
    }

    /// How long readings are kept; never shorter than the predictions that they were measured on.
    pub fn reading_retention(&self) -> Retention {
        let keep = self.prediction_retention();
        let readings =
            self.record.readings.unwrap_or(Retention::For(Span { count: 12 * READING_YEARS, unit: SpanUnit::Month }));
        match (readings, keep) {
            (Retention::For(readings), Retention::For(keep)) if length_days(readings) < length_days(keep) => {
                Retention::For(keep)
            }
            (_, Retention::Forever) => Retention::Forever,
            (readings, _) => readings,
        }
    }

    /// The retention of predictions that is stated and ends before what monitors and the threshold read, with the days that they
    /// need.
    pub(super) fn short_retention(&self) -> Option<(Span, i64)> {
        match (self.record.keep, self.log_days()) {
            (Some(Retention::For(keep)), needed) if length_days(keep) < needed => Some((keep, needed)),
            _ => None,
        }
    }

    /// The days of the prediction log that monitors and the threshold may still read: the longest span of a rule or the
    /// reference, the delay of its labels, and a window on either side.
    fn log_days(&self) -> i64 {
        let Some(monitor) = &self.monitor else { return 0 };
        let of_data = self.replayed().and_then(|data| data.label_delay);
        let delay = monitor.labels.delay.or(of_data).map_or(0, length_days);
        let window = length_days(monitor.every);
        let rules = MonitorKind::ALL.iter().flat_map(|kind| monitor.rules(*kind));
        let longest_rule = rules.filter_map(|rule| rule.over).map(length_days).max().unwrap_or(0);
        let reference = match monitor.reference {
            Reference::Training => 0,
            Reference::Previous => window,
            Reference::Rolling(span) => length_days(span),
        };
        let threshold = self.threshold.as_ref().map_or(0, |threshold| length_days(threshold.window));
        longest_rule.max(reference).max(threshold) + delay + 2 * window
    }
}

/// Warns of logs that a high-risk system must keep longer.
pub(super) fn warnings(check: &Check<'_>) -> Vec<ContractError> {
    match check.contract.record.keep {
        Some(Retention::For(keep))
            if check.contract.project.risk == Risk::High && length_days(keep) < HIGH_RISK_DAYS =>
        {
            let message =
                format!("predictions are kept for {keep}: of a high-risk system the EU AI Act asks for six months");
            vec![check.warning("record.keep", message, Some("write keep = \"6mo\" or more".to_owned()))]
        }
        _ => Vec::new(),
    }
}

const fn days(count: i64) -> Span {
    Span { count, unit: SpanUnit::Day }
}

/// The days of a span, rounded up; a month has 31.
fn length_days(span: Span) -> i64 {
    match span.unit {
        SpanUnit::Month => span.count.saturating_mul(31),
        _ => span.millis().saturating_add(DAY_MS - 1) / DAY_MS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(text: &str) -> Result<(String, String), String> {
        let contract = Contract::parse(text).map_err(|errors| errors.to_string())?;
        Ok((contract.prediction_retention().to_string(), contract.reading_retention().to_string()))
    }

    #[test]
    fn predictions_are_kept_as_long_as_something_reads_them() {
        for (text, expected) in [
            ("", ("400d", "5y")),
            ("[record]\nkeep = \"7d\"", ("7d", "5y")),
            ("[record]\nkeep = \"7y\"", ("7y", "7y")),
            ("[record]\nkeep = \"forever\"", ("forever", "forever")),
            ("[record]\nreadings = \"1y\"", ("400d", "400d")),
            ("[record]\nreadings = \"forever\"\nkeep = \"1y\"", ("1y", "forever")),
            ("[monitor]\nevery = \"1y\"\nlabels = { delay = \"1y\" }", ("1116d", "5y")),
        ] {
            let (predictions, readings) = kept(text).unwrap();
            assert_eq!((predictions.as_str(), readings.as_str()), expected, "{text}");
        }
    }

    #[test]
    fn a_retention_that_ends_before_what_reads_it_is_refused() {
        let monitor = "[monitor]\nevery = \"7d\"\nreference = \"last 30d\"\nlabels = { delay = \"60d\" }\n";
        let refused = kept(&format!("{monitor}[record]\nkeep = \"103d\"\n")).unwrap_err();
        assert!(
            refused.contains("kept for 103d, and monitors read 104 days") && refused.contains("keep = \"104d\""),
            "{refused}"
        );
        assert!(kept(&format!("{monitor}[record]\nkeep = \"104d\"\n")).is_ok());
        assert!(kept("[record]\nkeep = \"0d\"").is_err() && kept("[record]\nkeep = \"ever\"").is_err());
        let threshold = "[monitor]\n[threshold]\nfpr = \"1%\"\nwindow = \"60d\"\n[record]\nkeep = \"61d\"";
        assert!(kept(threshold).unwrap_err().contains("62 days"));
    }
}
