//! Whether a version's world has changed: evidence over windows against its frozen reference, within the rate of false
//! alarms that the contract states.
//!
//! Invariants: each row bets once, when its window is first read, and each label once, when it comes; without a change
//! the alarm comes on average no sooner than after the stated number of windows (an e-detector, averaged over features,
//! score, prediction and loss, whatever depends on whatever); e-BH names the columns. A column has the lesser of two
//! evidences: that of its rows, which holds for any law of rows that do not depend on each other, and that of its windows,
//! for which rows may depend and follow a season. What both hold for holds for the lesser. Evidence says *that* something
//! changed; rules say whether it is large enough to matter, and an alert needs both. A new version begins anew.

use std::collections::{BTreeMap, BTreeSet};

use kilter_domain::{
    contract::Monitor,
    log_position::LogPosition,
    table::Column,
    time::{Interval, Timestamp},
};
use kilter_evaluation::{
    column_reference::ColumnReference,
    column_view::ColumnView,
    reference::{LOSS, PREDICTION, Reference, SCORE},
};
use kilter_stats::{
    drift::{Block, DistributionRef},
    sequential::{ColumnEvidence, WindowEvidence, WindowReference, e_benjamini_hochberg},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::prediction::logged::LoggedPredictions;

/// Monitors that share the rate of false alarms: drift, performance, estimates, bias, data.
const MONITORS: f64 = 5.0;
/// The false discovery rate of the columns that are named.
const DISCOVERY: f64 = 0.1;
/// Columns whose numbers a reading keeps, strongest first.
const MAX_NAMED: usize = 20;
/// Windows whose labels are waited for at most.
const MAX_WAITING: usize = 200;

/// What is believed about one version at one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DriftDetector {
    columns: BTreeMap<String, ColumnEvidence>,
    /// The same columns, by windows.
    #[serde(default)]
    by_window: BTreeMap<String, WindowEvidence>,
    /// For each column whose latest windows together speak against "no change": since when, and how much.
    rising: BTreeMap<String, Excursion>,
    /// The columns that an alarm named, and since when they rose; empty while there is no alarm.
    named: BTreeMap<String, Timestamp>,
    alarmed: bool,
    /// Whether an alert was opened on it: when that one is over, the evidence begins anew.
    pub has_alert: bool,
    /// Up to which label those of each window (by its end) have bet.
    labels: BTreeMap<i64, LogPosition>,
}

/// A run of windows that together speak against "no change" (the excursion of a CUSUM: the likeliest beginning).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Excursion {
    since: Timestamp,
    /// The sum of their log e-values; above zero.
    sum: f64,
}

/// How sure a monitor must be, from the rate of false alarms that the contract states.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// Windows that pass, on average, before one monitor raises a false alarm.
    pub windows: f64,
}

impl Budget {
    pub fn of(monitor: &Monitor) -> Self {
        Self { windows: MONITORS * monitor.false_alarm_rate.windows_between(monitor.every) }
    }

    /// The chance of a false alarm that one window of one monitor may take; never more than that of a 95 % interval.
    pub fn tail(self) -> f64 {
        (1.0 / self.windows).min(0.025)
    }
}

impl DriftDetector {
    /// Nothing seen yet of what is compared with `reference`.
    pub fn begin(reference: &Reference) -> Self {
        let names = || reference.columns.keys().chain(reference.answers.keys());
        let columns = names().filter_map(|name| Some((name.clone(), evidence_of(&reference.view(name)?))));
        Self { columns: columns.collect(), ..Self::default() }.with_window_evidence(reference)
    }

    /// The same with evidence by windows, which earlier versions did not keep.
    pub fn with_window_evidence(mut self, reference: &Reference) -> Self {
        for name in self.columns.keys().filter(|name| !self.by_window.contains_key(*name)).cloned().collect::<Vec<_>>()
        {
            let Some(view) = reference.view(&name) else { continue };
            if let Ok(known) = WindowReference::of(view.law, &view.tallies, &view.directions) {
                self.by_window.insert(name, known.begin());
            }
        }
        self
    }

    /// Takes the answers of a window that was not seen before.
    pub fn update(&mut self, reference: &Reference, answered: &LoggedPredictions, window: Interval) {
        if answered.is_empty() {
            return;
        }
        let score = Column::Float(answered.scores.clone());
        let predicted = Column::Text(answered.predicted.clone());
        for name in self.columns.keys().filter(|name| *name != LOSS).cloned().collect::<Vec<_>>() {
            let column = match name.as_str() {
                SCORE => Some(&score),
                PREDICTION => Some(&predicted),
                name => answered.table.get(name),
            };
            let Some(column) = column else { continue };
            self.update_column(reference, (&name, column), &answered.events, window);
        }
    }

    /// Lets a window of a column bet: its rows each against its stratum, and its blocks.
    fn update_column(
        &mut self,
        reference: &Reference,
        (name, column): (&str, &Column),
        events: &[Timestamp],
        window: Interval,
    ) {
        let known = reference.columns.get(name).or_else(|| reference.answers.get(name));
        let (Some(known), Some(view)) = (known, reference.view(name)) else { return };
        let Some(codes) = known.codes(column) else { return };
        let blocks = view.blocks(&codes, events);
        let Some(evidence) = self.columns.get_mut(name) else { return };
        if !update_evidence(evidence, known, &view, &blocks) {
            return;
        }
        let mut latest = evidence.latest_e_value();
        if let (Some(by_window), Ok(of_windows)) =
            (self.by_window.get_mut(name), WindowReference::of(view.law, &view.tallies, &view.directions))
        {
            let length = (window.end.millis() - window.start.millis()) as f64;
            let part = view.block_ms.map_or(1.0, |block| length / block.max(1) as f64);
            of_windows.update(by_window, &blocks, part);
            latest = latest.min(by_window.latest_e_value());
        }
        update_excursion(&mut self.rising, name, latest, window);
    }

    /// Takes the losses of the rows of a window whose labels came since the last time. `sequences` are the places of
    /// the labels in the log, one for each loss.
    pub fn update_losses(&mut self, reference: &Reference, losses: &[f64], sequences: &[i64], window: Interval) {
        if !reference.answers.contains_key(LOSS) || !self.columns.contains_key(LOSS) {
            return;
        }
        let mut seen = self.labels.get(&window.end.millis()).cloned().unwrap_or_default();
        let is_fresh = |(_, sequence): &(&f64, &i64)| !seen.covers(**sequence);
        let fresh: Vec<f64> = losses.iter().zip(sequences).filter(is_fresh).map(|(loss, _)| *loss).collect();
        if fresh.is_empty() {
            return;
        }
        seen.extend(sequences.iter().copied());
        self.labels.insert(window.end.millis(), seen);
        while self.labels.len() > MAX_WAITING {
            self.labels.pop_first();
        }
        self.update_column(reference, (LOSS, &Column::Float(fresh)), &[], window);
    }

    /// Raises the alarm, and names columns, where the evidence has reached the budget.
    pub fn check_alarm(&mut self, budget: Budget) {
        self.alarmed |= self.detector() >= budget.windows;
        if !self.alarmed {
            return;
        }
        let names: Vec<&String> = self.columns.keys().collect();
        let values: Vec<f64> = self.columns.keys().map(|name| self.e_process(name)).collect();
        let discovered = e_benjamini_hochberg(&values, DISCOVERY).into_iter().map(|at| names[at]);
        // What made the mean cross is named too, when e-BH has not the means for it yet.
        let crossed = self.columns.keys().filter(|name| self.detector_of(name) >= budget.windows);
        let named = discovered.chain(crossed).filter_map(|name| Some((name.clone(), self.rising.get(name)?.since)));
        for (name, since) in named.collect::<Vec<_>>() {
            self.named.entry(name).or_insert(since);
        }
    }

    /// The mean detector over the columns that were seen: it stays a detector, whatever depends on whatever.
    pub fn detector(&self) -> f64 {
        let seen: Vec<f64> = self
            .columns
            .iter()
            .filter(|(_, column)| column.windows() > 0)
            .map(|(name, _)| self.detector_of(name))
            .collect();
        seen.iter().sum::<f64>() / seen.len().max(1) as f64
    }

    fn detector_of(&self, name: &str) -> f64 {
        let of_rows = self.columns.get(name).map_or(0.0, ColumnEvidence::detector);
        self.by_window.get(name).map_or(of_rows, |windows| of_rows.min(windows.detector()))
    }

    fn e_process(&self, name: &str) -> f64 {
        let of_rows = self.columns.get(name).map_or(0.0, ColumnEvidence::e_process);
        self.by_window.get(name).map_or(of_rows, |windows| of_rows.min(windows.e_process()))
    }

    /// Whether the evidence reached the budget since it began.
    pub const fn is_alarmed(&self) -> bool {
        self.alarmed
    }

    /// The columns that the alarm names.
    pub fn named(&self) -> BTreeSet<String> {
        self.named.keys().cloned().collect()
    }

    /// Since when a column has risen.
    pub fn since(&self, column: &str) -> Option<Timestamp> {
        self.named.get(column).copied()
    }

    /// Forgets the evidence, not what was learned of the columns: after an alert is over.
    pub fn restart(&mut self) {
        self.columns.values_mut().for_each(ColumnEvidence::restart);
        self.by_window.values_mut().for_each(WindowEvidence::restart);
        self.rising.clear();
        self.named.clear();
        self.alarmed = false;
        self.has_alert = false;
    }

    /// The numbers for a reading.
    pub fn summary(&self, budget: Budget) -> Value {
        let mut strongest: Vec<_> = self.columns.iter().filter(|(_, column)| column.windows() > 0).collect();
        strongest.sort_by(|a, b| self.detector_of(b.0).total_cmp(&self.detector_of(a.0)).then(a.0.cmp(b.0)));
        let column = |(name, _): (&String, &ColumnEvidence)| {
            json!({
                "column": name,
                "detector": self.detector_of(name),
                "e_value": self.e_process(name),
                "since": self.rising.get(name).map(|rise| rise.since),
                "basis": self.by_window.get(name).map(WindowEvidence::basis),
            })
        };
        json!({
            "windows_between_false_alarms": budget.windows / MONITORS,
            "alarm_at": budget.windows,
            "is_alarmed": self.alarmed,
            "named": self.named.keys().collect::<Vec<_>>(),
            "columns": strongest.into_iter().take(MAX_NAMED).map(column).collect::<Vec<_>>(),
        })
    }
}

fn update_excursion(rising: &mut BTreeMap<String, Excursion>, name: &str, e_value: f64, window: Interval) {
    let before = rising.get(name).copied().unwrap_or(Excursion { since: window.start, sum: 0.0 });
    let sum = before.sum + e_value.max(f64::MIN_POSITIVE).ln();
    match sum > 0.0 {
        true => drop(rising.insert(name.to_owned(), Excursion { sum, ..before })),
        false => drop(rising.remove(name)),
    }
}

/// The evidence of a column's rows over its strata. Where the reference has no row of one, no row of it bets.
fn evidence_of(view: &ColumnView) -> ColumnEvidence {
    let whole = view.law.tally();
    let strata = || view.tallies.iter().map(|tally| if tally.values() > 0 { tally } else { &whole });
    match view.law {
        DistributionRef::Numeric(reference) => {
            let strata: Vec<_> = strata().map(|tally| reference.stratum(tally)).collect();
            ColumnEvidence::numeric_strata(&strata.iter().collect::<Vec<_>>())
        }
        DistributionRef::Categorical(reference) => {
            let strata: Vec<_> = strata().map(|tally| reference.stratum(tally)).collect();
            ColumnEvidence::categorical_strata(&strata.iter().collect::<Vec<_>>())
        }
    }
}

/// Lets the rows of a window bet, each against its stratum; whether they could.
fn update_evidence(
    evidence: &mut ColumnEvidence,
    reference: &ColumnReference,
    view: &ColumnView,
    blocks: &[Block],
) -> bool {
    let mut whole = Block::default();
    blocks.iter().for_each(|block| whole.merge(block));
    let is_known = |stratum: &usize| view.tallies.get(*stratum).is_some_and(|tally| tally.values() > 0);
    let strata = whole.strata(view.law.width());
    let strata = strata.iter().filter(|(stratum, _)| is_known(stratum));
    match reference {
        ColumnReference::Numeric(reference) => {
            let counts: Vec<_> = strata.map(|(stratum, tally)| (*stratum, reference.as_counts(tally))).collect();
            let counts: Vec<_> = counts.iter().map(|(stratum, counts)| (*stratum, counts)).collect();
            !counts.is_empty() && evidence.update_numeric_strata(&counts).is_ok()
        }
        ColumnReference::Categorical(reference) => {
            let counts: Vec<_> = strata.map(|(stratum, tally)| (*stratum, reference.as_counts(tally))).collect();
            let counts: Vec<_> = counts.iter().map(|(stratum, counts)| (*stratum, counts)).collect();
            !counts.is_empty() && evidence.update_categorical_strata(&counts).is_ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kilter_domain::{
        table::Table,
        time::{DAY_MS, HOUR_MS, Span, SpanUnit},
    };
    use kilter_stats::random::Random;

    use super::*;
    use kilter_evaluation::column_view::ReferenceTimes;

    const BUDGET: Budget = Budget { windows: 1000.0 };

    fn day(n: i64) -> Interval {
        Interval { start: Timestamp(n * DAY_MS), end: Timestamp((n + 1) * DAY_MS) }
    }

    /// A day of rows; `x` is larger by `shift`, `y` follows the hour of the day.
    fn rows(random: &mut Random, day: i64, count: usize, shift: f64) -> LoggedPredictions {
        let events: Vec<Timestamp> =
            (0..count).map(|i| Timestamp(day * DAY_MS + i as i64 * DAY_MS / count as i64)).collect();
        let x: Vec<f64> = (0..count).map(|_| random.normal() + shift).collect();
        let y: Vec<f64> = events
            .iter()
            .map(|e| (e.millis().div_euclid(HOUR_MS).rem_euclid(24)) as f64 + 0.1 * random.normal())
            .collect();
        let place: Column = Column::Text((0..count).map(|i| Some(Arc::from(["a", "b", "c"][i % 3]))).collect());
        let table = Table::new(vec![
            ("x".into(), Column::Float(x)),
            ("y".into(), Column::Float(y.clone())),
            ("place".into(), place),
        ])
        .unwrap();
        LoggedPredictions {
            table,
            scores: y.iter().map(|y| y / 24.0).collect(),
            events,
            ..LoggedPredictions::default()
        }
        .filled()
    }

    impl LoggedPredictions {
        fn filled(mut self) -> Self {
            let rows = self.scores.len();
            self.ids = (0..rows).map(|i| Arc::from(i.to_string())).collect();
            (self.predicted, self.labels, self.consumers) = (vec![None; rows], vec![None; rows], vec![None; rows]);
            (self.versions, self.requests) = (vec![1; rows], vec![0; rows]);
            (self.label_sequences, self.latencies_us) = (vec![None; rows], vec![None; rows]);
            self
        }
    }

    fn reference(random: &mut Random) -> Reference {
        let days: Vec<LoggedPredictions> = (0..28).map(|n| rows(random, n - 28, 150, 0.0)).collect();
        let events: Vec<Timestamp> = days.iter().flat_map(|day| day.events.clone()).collect();
        let scores: Vec<f64> = days.iter().flat_map(|day| day.scores.clone()).collect();
        let column = |name: &str| -> Column {
            let parts: Vec<f64> = days.iter().flat_map(|day| day.table.get(name).unwrap().numbers().unwrap()).collect();
            Column::Float(parts)
        };
        let place = Column::Text((0..scores.len()).map(|i| Some(Arc::from(["a", "b", "c"][i % 3]))).collect());
        let table = Table::new(vec![("x".into(), column("x")), ("y".into(), column("y")), ("place".into(), place)]);
        let table = table.unwrap();
        let times = ReferenceTimes { events: &events, every: Some(Span::days(1)), ..ReferenceTimes::default() };
        let answer = |name| (name, Column::Float(scores.clone()), events.clone());
        let answers = [answer(SCORE), answer(LOSS)];
        Reference::of(&table, |_| true).with_score(&scores).with_losses(&scores).with_times(&table, times, &answers)
    }

    #[test]
    fn quiet_windows_raise_no_alarm_and_a_shift_is_named_with_its_beginning() {
        let mut random = Random::seeded(3);
        let reference = reference(&mut random);
        assert!(reference.season.is_some(), "the score follows the hour");
        let mut evidence = DriftDetector::begin(&reference);
        for n in 0..60 {
            evidence.update(&reference, &rows(&mut random, n, 150, 0.0), day(n));
            evidence.check_alarm(BUDGET);
        }
        assert!(!evidence.is_alarmed(), "{}", evidence.summary(BUDGET));
        let mut alarm = None;
        for n in 60..90 {
            evidence.update(&reference, &rows(&mut random, n, 150, 0.5), day(n));
            evidence.check_alarm(BUDGET);
            alarm = alarm.or(evidence.is_alarmed().then_some(n));
        }
        assert!(alarm.is_some_and(|n| n < 70), "{alarm:?}");
        assert_eq!(evidence.named(), BTreeSet::from(["x".to_owned()]));
        let since = evidence.since("x").unwrap();
        assert!((55..=61).contains(&(since.millis() / DAY_MS)), "{since}");
    }

    #[test]
    fn hours_are_compared_with_their_like() {
        let mut random = Random::seeded(5);
        let reference = reference(&mut random);
        let mut evidence = DriftDetector::begin(&reference);
        for n in 0..48 {
            // Windows of one hour: of the pooled reference each of them is a part far off.
            let whole = rows(&mut random, n / 24, 24 * 30, 0.0);
            let hour = n % 24;
            let inside = whole.filter(|row| whole.events[row].millis() / HOUR_MS % 24 == hour);
            let start = Timestamp(n * HOUR_MS);
            evidence.update(
                &reference,
                &inside,
                Interval { start, end: start.after(Span { count: 1, unit: SpanUnit::Hour }) },
            );
            evidence.check_alarm(BUDGET);
        }
        assert!(!evidence.is_alarmed(), "{}", evidence.summary(BUDGET));
    }

    #[test]
    fn each_label_bets_once_and_a_rising_loss_raises_the_alarm() {
        let mut random = Random::seeded(9);
        let reference = Reference::default().with_losses(&(0..2000).map(|_| random.uniform()).collect::<Vec<_>>());
        let mut evidence = DriftDetector::begin(&reference);
        let losses: Vec<f64> = (0..100).map(|_| random.uniform()).collect();
        let sequences: Vec<i64> = (0..100).collect();
        evidence.update_losses(&reference, &losses, &sequences, day(0));
        let once = evidence.clone();
        evidence.update_losses(&reference, &losses, &sequences, day(0));
        assert_eq!(evidence, once, "the same labels came again");
        for n in 1..20 {
            let worse: Vec<f64> = (0..100).map(|_| random.uniform() + 0.3).collect();
            evidence.update_losses(&reference, &worse, &(n * 100..n * 100 + 100).collect::<Vec<_>>(), day(n));
            evidence.check_alarm(BUDGET);
        }
        assert!(evidence.is_alarmed() && evidence.named().contains("loss"));
        evidence.restart();
        assert!(!evidence.is_alarmed() && evidence.named().is_empty());
    }

    #[test]
    fn evidence_reads_back_as_it_was() {
        let mut random = Random::seeded(1);
        let reference = reference(&mut random);
        let mut evidence = DriftDetector::begin(&reference);
        (0..3).for_each(|n| evidence.update(&reference, &rows(&mut random, n, 150, 0.0), day(n)));
        let text = serde_json::to_string(&evidence).unwrap();
        let mut back: DriftDetector = serde_json::from_str(&text).unwrap();
        let next = rows(&mut random, 3, 150, 2.0);
        back.update(&reference, &next, day(3));
        evidence.update(&reference, &next, day(3));
        assert!((back.detector().ln() - evidence.detector().ln()).abs() < 1e-6);
    }
}
