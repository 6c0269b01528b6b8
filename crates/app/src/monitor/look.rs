//! One look at an endpoint: the windows that ended, and older ones whose labels have matured meanwhile.

use std::{collections::BTreeMap, sync::Arc};

use kilter_domain::{
    alert::{Hold, MonitorKind},
    contract::Monitor,
    ids::EndpointName,
    rule::{JudgeMode, Measurement, Rule, RuleOutcome},
    time::{Span, Timestamp},
};
use kilter_inference::Task;
use kilter_stats::estimated::Expected;
use kilter_store::{
    PageRequest,
    deployment::Deployment,
    monitor::{self as readings, Reading, ReadingFilter, RuleWord},
};
use serde_json::json;

use super::{Calendar, Subject, Window, defaults};
use crate::{
    App,
    error::AppError,
    gate::subject,
    ledger::Act,
    measure::{
        measurement,
        window::{Least, WindowRows},
    },
    outcomes::headline,
    package::Package,
    prediction::{Answered, Who},
    project::Project,
};

/// Windows that one look reads at most; a longer absence leaves the oldest unread.
const MOST_WINDOWS: usize = 400;
/// Windows whose labels are waited for at most.
const MOST_MATURING: usize = 60;
/// Draws behind the interval of an estimate.
const DRAWS: usize = 200;
/// The reading that every window gets when it is first looked at.
const ROWS: &str = "rows";
/// The reading of how many labels a judgement of performance rests on.
const COVERAGE: &str = "labelled";

/// What is looked at: one endpoint and the version that is live there.
struct Scene<'a> {
    app: &'a App,
    act: &'a Act,
    endpoint: &'a EndpointName,
    monitor: &'a Monitor,
    live: Deployment,
    package: Arc<Package>,
    calendar: Calendar,
}

impl App {
    /// Looks at what ended and matured up to `act.at` at one endpoint of a project.
    pub fn look(&self, act: &Act, project: &Project, endpoint: &EndpointName) -> Result<(), AppError> {
        let Some(monitor) = &project.contract.monitor else { return Ok(()) };
        let live = self.store().read(|reader| kilter_store::deployment::live(reader, endpoint))?;
        let Some(live) = live else { return Ok(()) };
        let (package, _) = self.loaded(&live.model, live.number)?;
        let calendar = self.calendar(project, endpoint)?.unwrap_or(Calendar::new(act.at, monitor.every));
        let scene = Scene { app: self, act, endpoint, monitor, live, package, calendar };
        scene.fresh()?;
        scene.matured()
    }

    /// The windows of an endpoint, anchored where it was made; `None` where nothing is monitored.
    pub fn calendar(&self, project: &Project, endpoint: &EndpointName) -> Result<Option<Calendar>, AppError> {
        let Some(monitor) = &project.contract.monitor else { return Ok(None) };
        let known = self.store().read(|reader| kilter_store::deployment::find_endpoint(reader, endpoint))?;
        Ok(known.map(|endpoint| Calendar::new(endpoint.created, monitor.every)))
    }
}

impl Scene<'_> {
    /// Windows that ended since the last look: rows, quality, drift, decisions, estimates.
    fn fresh(&self) -> Result<(), AppError> {
        let seen = self.last_seen()?;
        for window in self.calendar.ended(seen, self.act.at, MOST_WINDOWS) {
            let rows = self.rows(window, None)?;
            let mut made = vec![self.seen(window, &rows)];
            for kind in [MonitorKind::Data, MonitorKind::Drift, MonitorKind::Usage] {
                made.extend(self.watch(kind, window)?);
            }
            made.extend(self.watch_estimates(window)?);
            self.record(made)?;
        }
        Ok(())
    }

    /// Windows since this version went live whose labels are not all known: performance and fairness, again.
    fn matured(&self) -> Result<(), AppError> {
        let since = self.live.live_since.unwrap_or(self.act.at);
        for window in self.calendar.ended(since, self.act.at, MOST_MATURING) {
            let rows = self.rows(window, None)?;
            let known = self.known_coverage(window)?;
            let is_first = known.is_none();
            if rows.is_empty() || known.is_some_and(|(_, judged)| judged == rows.labelled() as u64) {
                continue;
            }
            let mut made = vec![self.judged_coverage(window, &rows)];
            made.extend(self.watch(MonitorKind::Accuracy, window)?);
            if is_first || rows.labelled() > 0 {
                made.extend(self.watch(MonitorKind::Bias, window)?);
            }
            self.record(made)?;
        }
        Ok(())
    }

    /// The end of the newest window that was read; nothing before the endpoint's first window counts.
    fn last_seen(&self) -> Result<Timestamp, AppError> {
        let filter = ReadingFilter { monitor: Some(MonitorKind::Usage), metric: Some(ROWS.to_owned()) };
        let page = PageRequest::first(1);
        let found = self.app.store().read(|reader| readings::list(reader, self.endpoint, &filter, &page))?;
        Ok(found.items.first().map_or(Timestamp(i64::MIN), |reading| reading.window_end))
    }

    /// When a window was last judged on labels, and on how many.
    fn known_coverage(&self, window: Window) -> Result<Option<(Timestamp, u64)>, AppError> {
        let history = self.app.store().read(|reader| {
            let kind = Some(MonitorKind::Accuracy);
            readings::history(reader, self.endpoint, kind, COVERAGE, (window.start, window.end), 1000)
        })?;
        let of_this = history.into_iter().filter(|reading| {
            reading.window_start == window.start
                && reading.version.as_ref().is_some_and(|(_, number)| *number == self.live.number)
        });
        Ok(of_this.map(|reading| (reading.as_of, reading.count)).next_back())
    }

    /// What the live version answered in a window, or over a span that ends with it.
    fn rows(&self, window: Window, over: Option<Span>) -> Result<Answered, AppError> {
        let start = over.map_or(window.start, |span| window.end.before(span));
        let answered = self.app.answered(self.endpoint, Who::Answers, (start, window.end), self.act.at)?;
        Ok(answered.filter(|row| answered.versions[row] == self.live.number))
    }

    /// Judges the rules of a kind on a window and moves its alert.
    fn watch(&self, kind: MonitorKind, window: Window) -> Result<Vec<Reading>, AppError> {
        let rules = self.rules(kind, false)?;
        self.judge(Subject { kind, estimated: false }, &rules, window)
    }

    fn watch_estimates(&self, window: Window) -> Result<Vec<Reading>, AppError> {
        let mut rules = self.rules(MonitorKind::Accuracy, true)?;
        if rules.is_empty() {
            // Without a rule the estimate is still read, and bounded by nothing: every finite value is above -1e300.
            let name = headline(self.package.manifest.signature.task);
            rules.extend(format!("estimated({name}) >= -1").parse::<Rule>().ok());
        }
        self.judge(Subject { kind: MonitorKind::Accuracy, estimated: true }, &rules, window)
    }

    fn rules(&self, kind: MonitorKind, estimated: bool) -> Result<Vec<Rule>, AppError> {
        let model = &self.live.model;
        let version = self.app.store().read(|reader| kilter_store::model::get(reader, model, self.live.number))?;
        let task = self.package.manifest.signature.task;
        let metric = version.metrics.get(headline(task)).and_then(serde_json::Value::as_f64);
        let rules = defaults::rules(self.monitor, kind, &self.package, metric);
        Ok(rules.into_iter().filter(|rule| defaults::is_estimate(rule) == estimated).collect())
    }

    fn judge(&self, subject: Subject, rules: &[Rule], window: Window) -> Result<Vec<Reading>, AppError> {
        let mut outcomes: Vec<(usize, RuleOutcome)> = Vec::new();
        let mut spans: Vec<Option<Span>> = rules.iter().map(|rule| self.span(rule)).collect();
        spans.dedup();
        for span in spans {
            let answered = self.rows(window, span)?;
            let sheet = self.sheet(&answered)?;
            for rule in rules.iter().filter(|rule| self.span(rule) == span) {
                outcomes.push((answered.len(), rule.judge(&sheet.window(self), JudgeMode::Evidence)));
            }
        }
        let hold = Hold { fire_after: self.monitor.hold.max(1), ..Hold::default() };
        let judged: Vec<RuleOutcome> = outcomes.iter().map(|(_, outcome)| outcome.clone()).collect();
        self.app.alert(self.act, self.endpoint, subject, window, &judged, hold)?;
        Ok(outcomes.iter().map(|(rows, outcome)| self.reading(subject, window, *rows, outcome)).collect())
    }

    /// The span of a rule when it is not that of the window.
    fn span(&self, rule: &Rule) -> Option<Span> {
        rule.over.filter(|over| *over != self.monitor.every)
    }

    fn reading(&self, subject_of: Subject, window: Window, rows: usize, outcome: &RuleOutcome) -> Reading {
        let measured = outcome.measured.as_ref();
        Reading {
            endpoint: self.endpoint.clone(),
            monitor: subject_of.kind,
            metric: subject(&outcome.rule),
            window_start: window.start,
            window_end: window.end,
            value: measured.map(|measured| measured.value),
            low: measured.and_then(|measured| Some(measured.interval?.0)),
            high: measured.and_then(|measured| Some(measured.interval?.1)),
            count: measured.map_or(rows as u64, |measured| measured.count),
            verdict: Some(match measured {
                Some(_) => RuleWord::from(&outcome.verdict),
                None => RuleWord::Undecided,
            }),
            as_of: self.act.at,
            estimated: subject_of.estimated,
            version: Some((self.live.model.clone(), self.live.number)),
            detail: serde_json::to_value(outcome).unwrap_or_else(|_| json!({})),
        }
    }

    /// How many rows a window has: the mark that it was looked at.
    fn seen(&self, window: Window, rows: &Answered) -> Reading {
        self.counted(MonitorKind::Usage, ROWS, window, rows, rows.len() as f64, rows.len() as u64)
    }

    /// How many labels the judgement of a window rests on.
    fn judged_coverage(&self, window: Window, rows: &Answered) -> Reading {
        let share = rows.labelled() as f64 / rows.len().max(1) as f64;
        self.counted(MonitorKind::Accuracy, COVERAGE, window, rows, share, rows.labelled() as u64)
    }

    fn counted(
        &self,
        monitor: MonitorKind,
        metric: &str,
        window: Window,
        rows: &Answered,
        value: f64,
        count: u64,
    ) -> Reading {
        Reading {
            endpoint: self.endpoint.clone(),
            monitor,
            metric: metric.to_owned(),
            window_start: window.start,
            window_end: window.end,
            value: Some(value),
            low: None,
            high: None,
            count,
            verdict: None,
            as_of: self.act.at,
            estimated: false,
            version: Some((self.live.model.clone(), self.live.number)),
            detail: json!({ "rows": rows.len(), "labelled": rows.labelled() }),
        }
    }

    fn record(&self, made: Vec<Reading>) -> Result<(), AppError> {
        Ok(self.app.store().write(move |tx| readings::record(tx, &made))?)
    }

    /// Everything that the rules of a window may ask, computed once.
    fn sheet<'r>(&self, answered: &'r Answered) -> Result<Sheet<'r>, AppError> {
        let signature = &self.package.manifest.signature;
        let threshold = self.package.manifest.threshold;
        let outcomes = answered.outcomes(signature.task, &signature.classes, threshold);
        let decisions = answered.decisions(signature.task, &signature.classes, threshold);
        let estimates = self.estimates(answered);
        let mut facts = BTreeMap::new();
        facts.insert("requests".to_owned(), answered.len() as f64);
        Ok(Sheet { answered, outcomes, decisions, estimates, facts, package: self.package.clone() })
    }

    /// The metrics of a binary version as its calibrated scores expect them.
    fn estimates(&self, answered: &Answered) -> BTreeMap<String, Measurement> {
        let mut found = BTreeMap::new();
        let (Some(calibration), Task::Binary) =
            (&self.package.reference.calibration, self.package.manifest.signature.task)
        else {
            return found;
        };
        let threshold = self.package.manifest.threshold;
        let scores: Vec<f64> = answered.scores.iter().copied().filter(|score| score.is_finite()).collect();
        let decisions: Vec<bool> = scores.iter().map(|score| *score >= threshold).collect();
        let Ok(expected) = Expected::new(&scores, &decisions, calibration) else { return found };
        for name in ["auc", "accuracy", "f1", "precision", "recall"] {
            if let Ok(estimate) = expected.estimate(name, calibration, 0.95, DRAWS, 0) {
                found.insert(name.to_owned(), Measurement { estimated: true, ..measurement(&estimate) });
            }
        }
        found
    }
}

/// What the rules of one window are measured on.
struct Sheet<'r> {
    answered: &'r Answered,
    outcomes: crate::outcomes::Outcomes,
    decisions: crate::outcomes::Outcomes,
    estimates: BTreeMap<String, Measurement>,
    facts: BTreeMap<String, f64>,
    package: Arc<Package>,
}

impl Sheet<'_> {
    fn window<'s>(&'s self, scene: &Scene) -> WindowRows<'s> {
        WindowRows {
            now: scene.act.at,
            table: &self.answered.table,
            scores: &self.answered.scores,
            reference: &self.package.reference,
            outcomes: &self.outcomes,
            decisions: &self.decisions,
            estimates: &self.estimates,
            facts: &self.facts,
            least: Least {
                rows: usize::try_from(scene.monitor.min_rows).unwrap_or(usize::MAX),
                labelled: scene.monitor.min_labelled,
            },
        }
    }
}
