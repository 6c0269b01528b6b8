//! Rules are judged on the rows of a window, and the alert of their topic follows.

use std::collections::{BTreeMap, BTreeSet};

use kilter_domain::{
    alert::{AlertState, AlertTopic, MonitorKind},
    contract::Trigger,
    rule::{JudgeMode, Measurement, Rule, RuleOutcome},
    time::{Interval, Span},
};
use kilter_evaluation::{
    labelled_predictions::LabelledPredictions,
    monitor_metrics::{AlarmPolicy, GroupedRows, MinSample, WindowRows},
};
use kilter_store::monitor::Reading;

use crate::{
    alert::lifecycle::{Explanation, WindowResult},
    model::load,
    monitor::error::MonitorError,
    monitor::{
        default_rules::{self, WatchedRule},
        root_cause::{Causes, Remedy, RootCauseInput},
        rows_read::{Basis, RowsRead},
        rule_span::{covered, pending},
        usage,
        version_context::VersionContext,
        window_data::WindowData,
    },
    prediction::window_sample::{GroupSample, WindowSample},
};

/// Behind the sentence of a rule that nobody wrote.
const BY_DEFAULT: &str = " (a default: the contract states no rule about it)";

impl VersionContext<'_> {
    /// What labels say of a window.
    pub(super) fn judge_labelled_window(&mut self, data: &WindowData) -> Result<Vec<Reading>, MonitorError> {
        let mut readings = vec![self.label_coverage_reading(data.window, &data.rows())];
        for kind in [MonitorKind::Performance, MonitorKind::Bias] {
            readings.extend(self.judge_rules(kind, data)?);
        }
        Ok(readings)
    }

    /// Judges the rules of a kind on a window and moves its alert.
    pub(super) fn judge_rules(&mut self, kind: MonitorKind, data: &WindowData) -> Result<Vec<Reading>, MonitorError> {
        let rules = self.rules(kind, false);
        self.judge(&AlertTopic::of_rules(kind), &rules, data)
    }

    pub(super) fn judge(
        &mut self,
        topic: &AlertTopic,
        rules: &[WatchedRule],
        data: &WindowData,
    ) -> Result<Vec<Reading>, MonitorError> {
        let window = data.window;
        let mut outcomes: Vec<(RowsRead, &WatchedRule, RuleOutcome)> = Vec::new();
        let mut spans: Vec<Option<Span>> = rules.iter().map(|watched| self.span(&watched.rule)).collect();
        spans.sort_unstable_by_key(|span| span.map(Span::millis));
        spans.dedup();
        let changed = self.evidence.named();
        for span in spans {
            let (over, of_span) =
                (covered(window, span), rules.iter().filter(|watched| self.span(&watched.rule) == span));
            let (early, ripe): (Vec<_>, Vec<_>) =
                of_span.partition(|watched| self.waits(topic.monitor(), &watched.rule, over));
            let answered = data.rows_of(over)?;
            let pending = |rule: &Rule| pending(rule, self.deployment.number, over, self.since);
            let unread = RowsRead { rows: answered.row_count(), share: None };
            outcomes.extend(early.into_iter().map(|watched| (unread, watched, pending(&watched.rule))));
            if ripe.is_empty() {
                continue;
            }
            let has_estimates = rules.iter().any(|watched| default_rules::is_estimate(&watched.rule));
            let metrics = self.window_metrics(&answered, over, has_estimates)?;
            for watched in ripe {
                let rows = metrics.window_rows(self, &changed);
                let mut outcome = watched.rule.judge(&rows, JudgeMode::Evidence);
                let basis = Basis::of(&watched.rule.quantity);
                outcome.text += &basis.sentence(&answered);
                outcomes.push((
                    RowsRead {
                        rows: answered.row_count(),
                        share: basis.share(&answered).filter(|_| answered.totals.is_some()),
                    },
                    watched,
                    outcome,
                ));
            }
        }
        for (_, watched, outcome) in &mut outcomes {
            if watched.is_default {
                outcome.text += BY_DEFAULT;
            }
        }
        let judged: Vec<RuleOutcome> = outcomes.iter().map(|(_, _, outcome)| self.alert_outcome(outcome)).collect();
        let explain = || self.explain(topic.monitor(), data);
        let result = WindowResult { topic, window, outcomes: &judged, explain: &explain };
        let is_past = self.deployment.live_until.is_some();
        if self.is_news && (!is_past || judged.iter().any(RuleOutcome::is_failed)) {
            let state = self.at.alerts().update(result)?;
            if *topic == AlertTopic::Drift {
                self.follow_alert(state);
            }
        }
        let reading = |(read, watched, outcome): &(RowsRead, &WatchedRule, RuleOutcome)| {
            self.reading(topic, window, *read, (outcome, watched.is_default))
        };
        Ok(outcomes.iter().map(reading).collect())
    }

    /// An outcome as an alert has it: of a version that was replaced, with its number.
    fn alert_outcome(&self, outcome: &RuleOutcome) -> RuleOutcome {
        let text = match self.deployment.live_until {
            Some(until) => {
                format!(
                    "version {}, which served until {}: {}",
                    self.deployment.number,
                    until.civil().date(),
                    outcome.text
                )
            }
            None => outcome.text.clone(),
        };
        RuleOutcome { text, ..outcome.clone() }
    }

    /// Why a metric is out of bounds, if that is known. A failure here never keeps an alert from being raised.
    fn explain(&self, kind: MonitorKind, data: &WindowData) -> Option<Explanation> {
        if !matches!(kind, MonitorKind::Drift | MonitorKind::Performance) {
            return None;
        }
        let found = self.root_cause(data).inspect_err(|error| {
            tracing::warn!(endpoint = %self.at.endpoint, %error, "could not find the causes of an alert");
        });
        let causes = found.ok()?;
        let retrains = self.at.retrain.is_some_and(|retrain| {
            retrain.when.iter().any(|when| matches!(when, Trigger::Failing { kind: failing, .. } if *failing == kind))
        });
        let remedy = match (retrains, kind) {
            (true, _) => Remedy::Retrains,
            (false, MonitorKind::Performance) => Remedy::Retrain,
            (false, _) => Remedy::Watch,
        };
        let sentence = causes.sentence(self.package.manifest.signature.task, remedy);
        Some(Explanation { sentence, metrics: causes.metrics(), root_cause: causes.root_cause() })
    }

    fn root_cause(&self, data: &WindowData) -> Result<Causes, MonitorError> {
        let scratch = self.at.app.scratch(&self.at.app.new_id())?;
        let sample = self.package.sample(self.at.app.blobs(), scratch.path())?;
        let (_, model) = load::load_version(self.at.app, &self.deployment.model, self.deployment.number)?;
        let answered = data.rows();
        let input = RootCauseInput {
            manifest: &self.package.manifest,
            reference: self.reference(),
            model: &model,
            sample: sample.as_ref(),
            answered: &answered.rows,
            labelled: &answered.labelled,
            evidence: &self.evidence,
        };
        Ok(input.causes())
    }

    /// What becomes of the evidence when the alert that rests on it moved: over means that it begins anew.
    fn follow_alert(&mut self, state: Option<AlertState>) {
        match state {
            Some(AlertState::Resolved) => self.evidence.restart(),
            Some(_) => self.evidence.has_alert = true,
            None if self.evidence.has_alert => self.evidence.restart(),
            None => {}
        }
    }

    /// Whether a span is not over. An endpoint that began to answer within it has no whole span: a part is not the span, but
    /// for a hundredth, which is what a start in the middle of things takes. Where another model answered before, its rows
    /// are not this version's: drift, which compares seasons, and whatever counts wait for a whole span of the version.
    /// What requests bring is as wrong in a part as in the whole; of all else half of the span is the version's.
    fn waits(&self, kind: MonitorKind, rule: &Rule, span: Interval) -> bool {
        let length = span.end.millis() - span.start.millis();
        let missing = self.since.millis() - span.start.millis();
        match self.took_over {
            Some(_) if kind == MonitorKind::Drift || usage::counts(&rule.quantity) => missing > length / 100,
            Some(_) if kind == MonitorKind::Data => false,
            Some(_) => missing > length / 2,
            None => missing > length / 100,
        }
    }

    /// Everything that the rules of a window may ask, computed once.
    fn window_metrics<'r>(
        &self,
        answered: &'r WindowSample,
        window: Interval,
        estimated: bool,
    ) -> Result<WindowMetrics<'r>, MonitorError> {
        let signature = &self.package.manifest.signature;
        let threshold = self.package.manifest.threshold;
        let outcomes = answered.labelled.outcomes(signature.task, &signature.classes, threshold);
        let decisions = answered.rows.decisions(signature.task, &signature.classes, threshold);
        // They are drawn hundreds of times: only where a rule asks for them.
        let estimates = if estimated { self.estimates(&answered.rows) } else { BTreeMap::new() };
        let facts = usage::facts(answered, usage::errors_in(self.at.app, self.at.endpoint, window)?);
        let group = |(name, of): (&String, &'r GroupSample)| {
            let grouped = GroupedRows {
                table: &of.rows.table,
                decisions: of.rows.decisions(signature.task, &signature.classes, threshold),
                labelled_table: &of.labelled.table,
                outcomes: of.labelled.outcomes(signature.task, &signature.classes, threshold),
            };
            (name.clone(), grouped)
        };
        let groups = answered.groups.iter().map(group).collect();
        Ok(WindowMetrics { answered, outcomes, decisions, estimates, groups, facts })
    }
}

/// What the rules of one window are measured on.
struct WindowMetrics<'r> {
    answered: &'r WindowSample,
    outcomes: LabelledPredictions,
    decisions: LabelledPredictions,
    estimates: BTreeMap<String, Measurement>,
    groups: BTreeMap<String, GroupedRows<'r>>,
    facts: BTreeMap<String, f64>,
}

impl WindowMetrics<'_> {
    fn window_rows<'s>(&'s self, version: &'s VersionContext, changed: &'s BTreeSet<String>) -> WindowRows<'s> {
        WindowRows {
            now: version.at.context.at,
            table: &self.answered.rows.table,
            events: &self.answered.rows.events,
            scores: &self.answered.rows.scores,
            reference: version.reference(),
            outcomes: &self.outcomes,
            outcomes_table: &self.answered.labelled.table,
            groups: &self.groups,
            counted: self.answered.totals.as_ref().map(|totals| &totals.counted),
            decisions: &self.decisions,
            estimates: &self.estimates,
            facts: &self.facts,
            consumers: &self.answered.rows.consumers,
            min_sample: MinSample {
                rows: usize::try_from(version.at.monitor.min_rows).unwrap_or(usize::MAX),
                labelled: version.at.monitor.min_labelled,
            },
            alarm_policy: Some(AlarmPolicy {
                tail: version.at.budget.tail(),
                is_changed: version.evidence.is_alarmed(),
                changed,
            }),
        }
    }
}
