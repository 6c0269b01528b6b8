//! Whether a version's world has changed: evidence over windows against its frozen reference, within the rate of false
//! alarms that the contract states.
//!
//! Holds true: each row bets once, when its window is first read, and each label once, when it comes; without a change
//! the alarm comes on average no sooner than after the stated number of windows (an e-detector, averaged over features,
//! score, prediction and loss, whatever depends on whatever); e-BH names the columns. Evidence says *that* something
//! changed; rules say whether it is large enough to matter, and an alert needs both. A new version begins anew.

use std::collections::{BTreeMap, BTreeSet};

use kilter_domain::{contract::Monitor, table::Column, time::Timestamp};
use kilter_stats::evidence::{ColumnEvidence, e_benjamini_hochberg, model_detector};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Window;
use crate::{
    measure::reference::{ColumnCounts, ColumnReference, LOSS, PREDICTION, Reference, SCORE, rows_by_stratum},
    prediction::Answered,
};

/// Monitors that share the rate of false alarms: drift, performance, estimates, bias, data.
const MONITORS: f64 = 5.0;
/// The false discovery rate of the columns that are named.
const DISCOVERY: f64 = 0.1;
/// Columns whose numbers a reading keeps, strongest first.
const MOST_NAMED: usize = 20;
/// Windows whose labels are waited for at most.
const MOST_WAITING: usize = 200;

/// What is believed about one version at one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    columns: BTreeMap<String, ColumnEvidence>,
    /// For each column whose latest windows together speak against "no change": since when, and how much.
    rising: BTreeMap<String, Rise>,
    /// The columns that an alarm named, and since when they rose; empty while there is no alarm.
    named: BTreeMap<String, Timestamp>,
    alarmed: bool,
    /// Whether an alert was opened on it: when that one is over, the evidence begins anew.
    pub has_alert: bool,
    /// The last label of each window (by its end) that has bet.
    labels: BTreeMap<i64, i64>,
}

/// A run of windows that together speak against "no change" (the excursion of a CUSUM: the likeliest beginning).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Rise {
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
        Self { windows: MONITORS * monitor.false_alarms.windows_between(monitor.every) }
    }

    /// The chance of a false alarm that one window of one monitor may take; never more than that of a 95 % interval.
    pub fn tail(self) -> f64 {
        (1.0 / self.windows).min(0.025)
    }
}

impl Evidence {
    /// Nothing seen yet of what is compared with `reference`.
    pub fn begin(reference: &Reference) -> Self {
        let seasonal = |name: &String| reference.season.as_ref().and_then(|season| season.of(name));
        let columns = reference.columns.iter().chain(&reference.answers).filter_map(|(name, column)| {
            let strata = seasonal(name).map_or(std::slice::from_ref(column), |(_, parts)| parts);
            Some((name.clone(), evidence_of(strata)?))
        });
        Self { columns: columns.collect(), ..Self::default() }
    }

    /// Takes the answers of a window that was not seen before.
    pub fn see(&mut self, reference: &Reference, answered: &Answered, window: Window) {
        if answered.is_empty() {
            return;
        }
        let score = Column::Float(answered.scores.clone());
        let predicted = Column::Text(answered.predicted.clone());
        for (name, evidence) in &mut self.columns {
            let column = match name.as_str() {
                SCORE => Some(&score),
                PREDICTION => Some(&predicted),
                LOSS => None,
                name => answered.table.get(name),
            };
            let Some(column) = column else { continue };
            if bets(evidence, reference, name, column, &answered.events) {
                rise(&mut self.rising, name, evidence, window);
            }
        }
    }

    /// Takes the losses of the rows of a window whose labels came since the last time. `sequences` are the places of
    /// the labels in the log, one for each loss.
    pub fn see_losses(&mut self, reference: &Reference, losses: &[f64], sequences: &[i64], window: Window) {
        let Some(known) = reference.answers.get(LOSS) else { return };
        let Some(evidence) = self.columns.get_mut(LOSS) else { return };
        let seen = self.labels.get(&window.end.millis()).copied().unwrap_or(i64::MIN);
        let fresh: Vec<f64> =
            losses.iter().zip(sequences).filter(|(_, sequence)| **sequence > seen).map(|(loss, _)| *loss).collect();
        let Some(newest) = sequences.iter().copied().max().filter(|newest| *newest > seen) else { return };
        self.labels.insert(window.end.millis(), newest);
        while self.labels.len() > MOST_WAITING {
            self.labels.pop_first();
        }
        if let Some(ColumnCounts::Numeric(counts)) = known.count(&Column::Float(fresh))
            && evidence.see_numeric(&counts).is_ok()
        {
            rise(&mut self.rising, LOSS, evidence, window);
        }
    }

    /// Raises the alarm, and names columns, where the evidence has reached the budget.
    pub fn settle(&mut self, budget: Budget) {
        self.alarmed |= self.detector() >= budget.windows;
        if !self.alarmed {
            return;
        }
        let names: Vec<&String> = self.columns.keys().collect();
        let values: Vec<f64> = self.columns.values().map(ColumnEvidence::e_process).collect();
        let discovered = e_benjamini_hochberg(&values, DISCOVERY).into_iter().map(|at| names[at]);
        // What made the mean cross is named too, when e-BH has not the means for it yet.
        let crossed =
            self.columns.iter().filter(|(_, column)| column.detector() >= budget.windows).map(|(name, _)| name);
        for name in discovered.chain(crossed) {
            if let Some(rise) = self.rising.get(name) {
                self.named.entry(name.clone()).or_insert(rise.since);
            }
        }
    }

    /// The mean detector over the columns that were seen.
    pub fn detector(&self) -> f64 {
        model_detector(self.columns.values().filter(|column| column.windows() > 0))
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
        self.rising.clear();
        self.named.clear();
        self.alarmed = false;
        self.has_alert = false;
    }

    /// The numbers for a reading.
    pub fn summary(&self, budget: Budget) -> Value {
        let mut strongest: Vec<_> = self.columns.iter().filter(|(_, column)| column.windows() > 0).collect();
        strongest.sort_by(|a, b| b.1.detector().total_cmp(&a.1.detector()).then(a.0.cmp(b.0)));
        let column = |(name, column): (&String, &ColumnEvidence)| json!({ "column": name, "detector": column.detector(), "e_value": column.e_process(), "since": self.rising.get(name).map(|rise| rise.since) });
        json!({
            "windows_between_false_alarms": budget.windows / MONITORS,
            "alarm_at": budget.windows,
            "is_alarmed": self.alarmed,
            "named": self.named.keys().collect::<Vec<_>>(),
            "columns": strongest.into_iter().take(MOST_NAMED).map(column).collect::<Vec<_>>(),
        })
    }
}

fn rise(rising: &mut BTreeMap<String, Rise>, name: &str, evidence: &ColumnEvidence, window: Window) {
    let before = rising.get(name).copied().unwrap_or(Rise { since: window.start, sum: 0.0 });
    let sum = before.sum + evidence.latest_e_value().max(f64::MIN_POSITIVE).ln();
    match sum > 0.0 {
        true => drop(rising.insert(name.to_owned(), Rise { sum, ..before })),
        false => drop(rising.remove(name)),
    }
}

/// The evidence of a column over its strata, which are of one kind.
fn evidence_of(strata: &[ColumnReference]) -> Option<ColumnEvidence> {
    let mut numeric = Vec::new();
    let mut categorical = Vec::new();
    for stratum in strata {
        match stratum {
            ColumnReference::Numeric(reference) => numeric.push(reference),
            ColumnReference::Categorical(reference) => categorical.push(reference),
        }
    }
    match (numeric.is_empty(), categorical.is_empty()) {
        (false, true) => Some(ColumnEvidence::numeric_strata(&numeric)),
        (true, false) => Some(ColumnEvidence::categorical_strata(&categorical)),
        _ => None,
    }
}

/// Lets a window of a column bet, each row against its stratum; whether it could.
fn bets(
    evidence: &mut ColumnEvidence,
    reference: &Reference,
    name: &str,
    column: &Column,
    events: &[Timestamp],
) -> bool {
    let pooled = reference.columns.get(name).or_else(|| reference.answers.get(name));
    let season = reference.season.as_ref();
    let strata = season.and_then(|season| season.of(name));
    let parts: Option<Vec<(usize, ColumnCounts)>> = match (strata, pooled) {
        (Some((strata, references)), _) => {
            let count = |(stratum, rows): (usize, Vec<usize>)| {
                Some((stratum, references.get(stratum)?.count(&column.take(&rows))?))
            };
            rows_by_stratum(strata, events).into_iter().map(count).collect()
        }
        (None, Some(reference)) => reference.count(column).map(|counts| vec![(0, counts)]),
        (None, None) => None,
    };
    let Some(parts) = parts else { return false };
    let mut numeric = Vec::new();
    let mut categorical = Vec::new();
    for (stratum, counts) in &parts {
        match counts {
            ColumnCounts::Numeric(counts) => numeric.push((*stratum, counts)),
            ColumnCounts::Categorical(counts) => categorical.push((*stratum, counts)),
        }
    }
    match numeric.is_empty() {
        false => evidence.see_numeric_strata(&numeric).is_ok(),
        true => evidence.see_categorical_strata(&categorical).is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kilter_domain::{
        table::Table,
        time::{Span, SpanUnit},
    };
    use kilter_stats::random::Random;

    use super::*;

    const BUDGET: Budget = Budget { windows: 1000.0 };

    fn day(n: i64) -> Window {
        Window { start: Timestamp(n * 86_400_000), end: Timestamp((n + 1) * 86_400_000) }
    }

    /// A day of rows; `x` is larger by `shift`, `y` follows the hour of the day.
    fn rows(random: &mut Random, day: i64, count: usize, shift: f64) -> Answered {
        let events: Vec<Timestamp> =
            (0..count).map(|i| Timestamp(day * 86_400_000 + (i * 86_400_000 / count) as i64)).collect();
        let x: Vec<f64> = (0..count).map(|_| random.normal() + shift).collect();
        let y: Vec<f64> = events
            .iter()
            .map(|e| (e.millis().div_euclid(3_600_000).rem_euclid(24)) as f64 + 0.1 * random.normal())
            .collect();
        let place: Column = Column::Text((0..count).map(|i| Some(Arc::from(["a", "b", "c"][i % 3]))).collect());
        let table = Table::new(vec![
            ("x".into(), Column::Float(x)),
            ("y".into(), Column::Float(y.clone())),
            ("place".into(), place),
        ])
        .unwrap();
        Answered { table, scores: y.iter().map(|y| y / 24.0).collect(), events, ..Answered::default() }.filled()
    }

    impl Answered {
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
        let days: Vec<Answered> = (0..28).map(|n| rows(random, n - 28, 150, 0.0)).collect();
        let events: Vec<Timestamp> = days.iter().flat_map(|day| day.events.clone()).collect();
        let scores: Vec<f64> = days.iter().flat_map(|day| day.scores.clone()).collect();
        let column = |name: &str| -> Column {
            let parts: Vec<f64> = days.iter().flat_map(|day| day.table.get(name).unwrap().numbers().unwrap()).collect();
            Column::Float(parts)
        };
        let place = Column::Text((0..scores.len()).map(|i| Some(Arc::from(["a", "b", "c"][i % 3]))).collect());
        let table = Table::new(vec![("x".into(), column("x")), ("y".into(), column("y")), ("place".into(), place)]);
        let table = table.unwrap();
        Reference::of(&table, |_| true).with_score(&scores).with_losses(&scores).with_season(
            &table,
            &events,
            (&events, &scores),
        )
    }

    #[test]
    fn quiet_windows_raise_no_alarm_and_a_shift_is_named_with_its_beginning() {
        let mut random = Random::seeded(3);
        let reference = reference(&mut random);
        assert!(reference.season.is_some(), "the score follows the hour");
        let mut evidence = Evidence::begin(&reference);
        for n in 0..60 {
            evidence.see(&reference, &rows(&mut random, n, 150, 0.0), day(n));
            evidence.settle(BUDGET);
        }
        assert!(!evidence.is_alarmed(), "{}", evidence.summary(BUDGET));
        let mut alarm = None;
        for n in 60..90 {
            evidence.see(&reference, &rows(&mut random, n, 150, 0.5), day(n));
            evidence.settle(BUDGET);
            alarm = alarm.or(evidence.is_alarmed().then_some(n));
        }
        assert!(alarm.is_some_and(|n| n < 70), "{alarm:?}");
        assert_eq!(evidence.named(), BTreeSet::from(["x".to_owned()]));
        let since = evidence.since("x").unwrap();
        assert!((55..=61).contains(&(since.millis() / 86_400_000)), "{since}");
    }

    #[test]
    fn hours_are_compared_with_their_like() {
        let mut random = Random::seeded(5);
        let reference = reference(&mut random);
        let mut evidence = Evidence::begin(&reference);
        for n in 0..48 {
            // Windows of one hour: of the pooled reference each of them is a part far off.
            let whole = rows(&mut random, n / 24, 24 * 30, 0.0);
            let hour = n % 24;
            let inside = whole.filter(|row| whole.events[row].millis() / 3_600_000 % 24 == hour);
            let start = Timestamp(n * 3_600_000);
            evidence.see(
                &reference,
                &inside,
                Window { start, end: start.after(Span { count: 1, unit: SpanUnit::Hour }) },
            );
            evidence.settle(BUDGET);
        }
        assert!(!evidence.is_alarmed(), "{}", evidence.summary(BUDGET));
    }

    #[test]
    fn each_label_bets_once_and_a_rising_loss_raises_the_alarm() {
        let mut random = Random::seeded(9);
        let reference = Reference::default().with_losses(&(0..2000).map(|_| random.uniform()).collect::<Vec<_>>());
        let mut evidence = Evidence::begin(&reference);
        let losses: Vec<f64> = (0..100).map(|_| random.uniform()).collect();
        let sequences: Vec<i64> = (0..100).collect();
        evidence.see_losses(&reference, &losses, &sequences, day(0));
        let once = evidence.clone();
        evidence.see_losses(&reference, &losses, &sequences, day(0));
        assert_eq!(evidence, once, "the same labels were told again");
        for n in 1..20 {
            let worse: Vec<f64> = (0..100).map(|_| random.uniform() + 0.3).collect();
            evidence.see_losses(&reference, &worse, &(n * 100..n * 100 + 100).collect::<Vec<_>>(), day(n));
            evidence.settle(BUDGET);
        }
        assert!(evidence.is_alarmed() && evidence.named().contains("loss"));
        evidence.restart();
        assert!(!evidence.is_alarmed() && evidence.named().is_empty());
    }

    #[test]
    fn evidence_reads_back_as_it_was() {
        let mut random = Random::seeded(1);
        let reference = reference(&mut random);
        let mut evidence = Evidence::begin(&reference);
        (0..3).for_each(|n| evidence.see(&reference, &rows(&mut random, n, 150, 0.0), day(n)));
        let text = serde_json::to_string(&evidence).unwrap();
        let mut back: Evidence = serde_json::from_str(&text).unwrap();
        let next = rows(&mut random, 3, 150, 2.0);
        back.see(&reference, &next, day(3));
        evidence.see(&reference, &next, day(3));
        assert!((back.detector().ln() - evidence.detector().ln()).abs() < 1e-6);
    }
}
