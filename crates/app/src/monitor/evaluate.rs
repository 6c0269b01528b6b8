//! One look at an endpoint: the windows that ended, and older ones whose labels have matured meanwhile.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    sync::Arc,
};

use kilter_domain::{
    alert::{AlertState, MonitorKind},
    contract::{Monitor, Retrain, Trigger},
    ids::EndpointName,
    rule::{JudgeMode, Measurement, Rule, RuleOutcome},
    time::{Span, Timestamp},
};
use kilter_evaluation::{
    labelled_predictions::headline,
    monitor_metrics::{AlarmPolicy, MinSample, WindowRows},
};
use kilter_store::{
    deployment::Deployment,
    monitor as readings,
    monitor::{Reading, evidence as kept},
};

use crate::{
    app::App,
    causes::StorageError,
    context::RequestContext,
    deployment::threshold::siblings,
    error::AppError,
    model::{load, package::Package},
    monitor::{
        alert::lifecycle::{Basis, Explained, Finding, Subject},
        corrections::Corrections,
        default_rules::{self, WatchedRule},
        drift_detector::{Budget, Evidence},
        readings::ROWS,
        root_cause::{Causes, Remedy, Scenery},
        rule_span::{covered, pending},
        superseded_versions,
        unknown_classes::KnownClasses,
        usage,
        window::{Calendar, Window},
    },
    prediction::{
        live,
        logged::{self, LoggedPredictions, PredictionFilter},
    },
    project::folder::Project,
};

/// Windows that one look reads at most; a longer absence leaves the oldest unread.
const MAX_WINDOWS: usize = 400;
/// Behind the sentence of a rule that nobody wrote.
const BY_DEFAULT: &str = " (a default: the contract states no rule about it)";
/// Windows whose labels are waited for at most.
pub(super) const MAX_MATURING: usize = 60;
/// What is looked at: one endpoint and the version that is live there.
pub(super) struct Scene<'a> {
    pub(super) app: &'a App,
    pub(super) context: &'a RequestContext,
    pub(super) endpoint: &'a EndpointName,
    pub(super) monitor: &'a Monitor,
    pub(super) retrain: Option<&'a Retrain>,
    pub(super) live: Deployment,
    /// The live version and those before it that differ in their threshold alone: their scores are one story.
    pub(super) family: BTreeSet<u32>,
    /// Since when they serve: a span that began earlier is not over.
    pub(super) since: Timestamp,
    /// The same where another model served before.
    pub(super) took_over: Option<Timestamp>,
    pub(super) package: Arc<Package>,
    pub(super) calendar: Calendar,
    pub(super) evidence: Evidence,
    pub(super) budget: Budget,
    /// How long labels take, where the contract says so.
    pub(super) delay: Option<Span>,
    /// The window that was read last: several kinds of rules judge the same rows.
    pub(super) read: RefCell<Option<ReadWindow>>,
    /// Labels that were corrected since the last look.
    pub(super) corrections: Corrections,
    /// Whether what is found moves alerts: always of the live version, of one before it when it is news.
    pub(super) is_news: bool,
}

/// The rows of a window, and of which versions they are.
pub(super) struct ReadWindow {
    window: Window,
    versions: BTreeSet<u32>,
    rows: Rc<LoggedPredictions>,
}

impl App {
    /// Looks at what ended and matured up to `act.at` at one endpoint of a project.
    pub fn look(&self, context: &RequestContext, project: &Project, endpoint: &EndpointName) -> Result<(), AppError> {
        let Some(monitor) = &project.contract.monitor else { return Ok(()) };
        let live = self.store().read(|reader| kilter_store::deployment::live(reader, endpoint))?;
        let Some(live) = live else { return Ok(()) };
        let package = match load::load_version(self, &live.model, live.number) {
            // It answers nobody, and everybody is told why: there is nothing to look at.
            Err(refused) if refused.is_of_the_version() && live::refused_at(self, endpoint).is_some() => return Ok(()),
            loaded => loaded?.0,
        };
        let calendar = self.calendar(project, endpoint)?.unwrap_or(Calendar::new(context.at, monitor.every));
        self.tally_errors(context, endpoint)?;
        let evidence = self.evidence_of(endpoint, &live, &package)?;
        let budget = Budget::of(monitor);
        let retrain = project.contract.retrain.as_ref();
        let (family, since) = siblings::threshold_siblings(self, &live)?;
        // A clock that was ahead may have left a moment that is still to come.
        let since = since.map_or(context.at, |since| if since <= context.at { since } else { calendar.start() });
        let took_over = self.took_over(endpoint, since)?;
        let delay = project.labelled_dataset().ok().and_then(|dataset| project.roles(dataset).label_delay);
        let watched =
            calendar.ended(Timestamp(i64::MIN), context.at, superseded_versions::most_maturing(monitor, delay));
        let watched = watched.first().map_or(context.at, |window| window.start);
        let (corrections, mark) = self.corrections(endpoint, (watched, context.at))?;
        let has_corrections = !corrections.is_empty();
        let mut scene = Scene {
            app: self,
            context,
            endpoint,
            monitor,
            retrain,
            live,
            family,
            since,
            took_over,
            package,
            calendar,
            evidence,
            budget,
            delay,
            corrections,
            read: RefCell::default(),
            is_news: true,
        };
        scene.fresh()?;
        let came = scene.matured()?;
        if came {
            scene.judge_promotion()?;
        }
        scene.labels_due()?;
        let classes = scene.known_classes();
        if self.look_back(scene)? || came || has_corrections {
            self.see_classes(context, endpoint, monitor, &classes)?;
        }
        self.components().label_marks.set(endpoint, mark);
        Ok(())
    }

    /// When a version began to answer, where another one did before.
    fn took_over(&self, endpoint: &EndpointName, since: Timestamp) -> Result<Option<Timestamp>, AppError> {
        let moment = Timestamp(since.millis() - 1);
        let before = self.store().read(|reader| kilter_store::deployment::live_at(reader, endpoint, moment))?;
        Ok(before.map(|_| since))
    }

    /// Looks at the versions before the live one, whose labels may come only now; whether some came.
    fn look_back(&self, scene: Scene) -> Result<bool, AppError> {
        let trained_through = scene.package.manifest.trained_through;
        let family = scene.family.clone();
        let (mut scene, mut came) = (scene, false);
        for past in self.replaced(scene.endpoint)? {
            if past.model != scene.live.model || family.contains(&past.number) {
                continue;
            }
            let (package, _) = load::load_version(self, &past.model, past.number)?;
            scene.evidence = Evidence::default();
            scene.family = BTreeSet::from([past.number]);
            scene.package = package;
            scene.since = past.live_since.unwrap_or(scene.since);
            scene.took_over = self.took_over(scene.endpoint, scene.since)?;
            scene.live = past;
            came |= scene.past(trained_through)?;
        }
        Ok(came)
    }

    /// What is believed about the version that is live; another version begins anew.
    fn evidence_of(&self, endpoint: &EndpointName, live: &Deployment, package: &Package) -> Result<Evidence, AppError> {
        let known = self.store().read(|reader| kept::find(reader, endpoint))?;
        match known.filter(|known| known.model == live.model && known.number == live.number) {
            None => Ok(Evidence::begin(&package.reference)),
            Some(known) => {
                let known: Evidence = serde_json::from_value(known.document)
                    .map_err(|source| StorageError::Document { what: "evidence", source })?;
                Ok(known.completed(&package.reference))
            }
        }
    }

    /// The windows of an endpoint, anchored where it was made; `None` where nothing is monitored.
    pub fn calendar(&self, project: &Project, endpoint: &EndpointName) -> Result<Option<Calendar>, AppError> {
        let Some(monitor) = &project.contract.monitor else { return Ok(None) };
        let known = self.store().read(|reader| kilter_store::deployment::find_endpoint(reader, endpoint))?;
        Ok(known.map(|endpoint| Calendar::new(endpoint.created, monitor.every)))
    }
}

impl Scene<'_> {
    /// Windows that ended since the last look: rows, evidence, quality, drift, decisions, estimates.
    fn fresh(&mut self) -> Result<(), AppError> {
        let seen = self.last_seen()?;
        for window in self.calendar.ended(seen, self.context.at, MAX_WINDOWS) {
            let rows = self.rows(window, None)?;
            self.evidence.see(&self.package.reference, &rows, window);
            self.evidence.settle(self.budget);
            let mut made = vec![self.seen(window, &rows), self.believed(window, &rows)];
            for kind in [MonitorKind::Data, MonitorKind::Drift, MonitorKind::Usage] {
                made.extend(self.watch(kind, window)?);
            }
            made.extend(self.watch_estimates(window)?);
            self.record(window, made)?;
        }
        Ok(())
    }

    /// Windows since this version went live whose labels are not all known: performance and fairness, again. Whether
    /// labels came.
    fn matured(&mut self) -> Result<bool, AppError> {
        let mut came = false;
        for window in self.calendar.ended(self.since, self.context.at, self.most_maturing()) {
            let Some(rows) = self.worth_judging(window)? else { continue };
            came = true;
            self.see_losses(&rows, window);
            let mut made = vec![self.judged_coverage(window, &rows)];
            made.extend(self.watch(MonitorKind::Performance, window)?);
            made.extend(self.watch(MonitorKind::Bias, window)?);
            self.record(window, made)?;
        }
        Ok(came)
    }

    pub(super) fn most_maturing(&self) -> usize {
        superseded_versions::most_maturing(self.monitor, self.delay)
    }

    /// What the live version can answer, and the windows in which labels may say otherwise.
    fn known_classes(&self) -> KnownClasses {
        let from = self.package.manifest.trained_through.unwrap_or(Timestamp(i64::MIN));
        let windows = self.calendar.ended(from, self.context.at, self.most_maturing());
        KnownClasses { package: self.package.clone(), version: self.live.number, windows }
    }

    /// Lets the labels that came since the last look bet, once enough of the window's labels are known.
    fn see_losses(&mut self, rows: &LoggedPredictions, window: Window) {
        let enough = self.monitor.min_labelled * rows.len() as f64;
        if (rows.labelled() as f64) < enough {
            return;
        }
        let manifest = &self.package.manifest;
        let outcomes = rows.outcomes(manifest.signature.task, &manifest.signature.classes, manifest.threshold);
        if outcomes.label_check().is_beyond() {
            return;
        }
        let sequences: Vec<i64> =
            outcomes.rows.iter().map(|&row| rows.label_sequences[row].unwrap_or(i64::MIN)).collect();
        self.evidence.see_losses(&self.package.reference, &outcomes.losses(), &sequences, window);
        self.evidence.settle(self.budget);
    }

    /// The end of the newest window that was read and is over; nothing before the endpoint's first window counts.
    fn last_seen(&self) -> Result<Timestamp, AppError> {
        let (kind, now) = (MonitorKind::Usage, self.context.at);
        let found = self.app.store().read(|reader| readings::newest_ended(reader, self.endpoint, kind, ROWS, now))?;
        Ok(found.map_or(Timestamp(i64::MIN), |reading| reading.window_end))
    }

    /// What the live version answered in a window, or over a span that ends with it. At most one window is held at a time.
    pub(super) fn rows(&self, window: Window, over: Option<Span>) -> Result<Rc<LoggedPredictions>, AppError> {
        let window = covered(window, over);
        let mut read = self.read.borrow_mut();
        if let Some(read) = read.as_ref().filter(|read| read.window == window && read.versions == self.family) {
            return Ok(read.rows.clone());
        }
        // The window before goes first: two would need twice the memory.
        *read = None;
        let answered = logged::logged_predictions(
            self.app,
            self.endpoint,
            PredictionFilter::Answers,
            (window.start, window.end),
            self.context.at,
        )?;
        let rows = Rc::new(answered.of_versions(&self.family));
        *read = Some(ReadWindow { window, versions: self.family.clone(), rows: rows.clone() });
        Ok(rows)
    }

    /// Judges the rules of a kind on a window and moves its alert.
    pub(super) fn watch(&mut self, kind: MonitorKind, window: Window) -> Result<Vec<Reading>, AppError> {
        let rules = self.rules(kind, false)?;
        self.judge(Subject { kind, basis: Basis::Measured }, &rules, window)
    }

    pub(super) fn rules(&self, kind: MonitorKind, estimated: bool) -> Result<Vec<WatchedRule>, AppError> {
        let model = &self.live.model;
        let version = self.app.store().read(|reader| kilter_store::model::get(reader, model, self.live.number))?;
        let task = self.package.manifest.signature.task;
        let metric = version.metrics.get(headline(task)).and_then(serde_json::Value::as_f64);
        let rules = default_rules::rules(self.monitor, kind, &self.package, metric);
        Ok(rules.into_iter().filter(|watched| default_rules::is_estimate(&watched.rule) == estimated).collect())
    }

    pub(super) fn judge(
        &mut self,
        subject: Subject,
        rules: &[WatchedRule],
        window: Window,
    ) -> Result<Vec<Reading>, AppError> {
        let mut outcomes: Vec<(usize, &WatchedRule, RuleOutcome)> = Vec::new();
        let mut spans: Vec<Option<Span>> = rules.iter().map(|watched| self.span(&watched.rule)).collect();
        spans.sort_unstable_by_key(|span| span.map(Span::millis));
        spans.dedup();
        let changed = self.evidence.named();
        for span in spans {
            let (over, of_span) =
                (covered(window, span), rules.iter().filter(|watched| self.span(&watched.rule) == span));
            let (early, ripe): (Vec<_>, Vec<_>) =
                of_span.partition(|watched| self.waits(subject.kind, &watched.rule, over));
            let answered = self.rows(window, span)?;
            let pending = |rule: &Rule| pending(rule, self.live.number, over, self.since);
            outcomes.extend(early.into_iter().map(|watched| (answered.len(), watched, pending(&watched.rule))));
            if ripe.is_empty() {
                continue;
            }
            let has_estimates = rules.iter().any(|watched| default_rules::is_estimate(&watched.rule));
            let sheet = self.sheet(&answered, over, has_estimates)?;
            for watched in ripe {
                let rows = sheet.window(self, &changed);
                outcomes.push((answered.len(), watched, watched.rule.judge(&rows, JudgeMode::Evidence)));
            }
        }
        for (_, watched, outcome) in &mut outcomes {
            if watched.is_default {
                outcome.text += BY_DEFAULT;
            }
        }
        let judged: Vec<RuleOutcome> = outcomes.iter().map(|(_, _, outcome)| self.told_of(outcome)).collect();
        let explain = || self.explained(subject, window);
        let finding = Finding { subject, about: None, window, outcomes: &judged, explain: &explain };
        let is_past = self.live.live_until.is_some();
        if self.is_news && (!is_past || judged.iter().any(RuleOutcome::is_failed)) {
            let state = self.app.alert(self.context, self.endpoint, self.monitor, finding)?;
            if subject.kind == MonitorKind::Drift {
                self.follow(state);
            }
        }
        let reading = |(rows, watched, outcome): &(usize, &WatchedRule, RuleOutcome)| {
            self.reading(subject, window, *rows, (outcome, watched.is_default))
        };
        Ok(outcomes.iter().map(reading).collect())
    }

    /// An outcome as an alert tells it: of a version that was replaced, with its number.
    fn told_of(&self, outcome: &RuleOutcome) -> RuleOutcome {
        let text = match self.live.live_until {
            Some(until) => {
                format!("version {}, which served until {}: {}", self.live.number, until.civil().date(), outcome.text)
            }
            None => outcome.text.clone(),
        };
        RuleOutcome { text, ..outcome.clone() }
    }

    /// Why a subject is out of bounds, where that can be said. A failure here never keeps an alert from being raised.
    fn explained(&self, subject: Subject, window: Window) -> Option<Explained> {
        if !matches!(subject.kind, MonitorKind::Drift | MonitorKind::Performance) {
            return None;
        }
        let found = self.causes(window).inspect_err(|error| {
            tracing::warn!(endpoint = %self.endpoint, %error, "could not look for the causes of an alert");
        });
        let causes = found.ok()?;
        let retrains = self.retrain.is_some_and(|retrain| {
            retrain.when.iter().any(|when| matches!(when, Trigger::Failing { kind, .. } if *kind == subject.kind))
        });
        let remedy = match (retrains, subject.kind) {
            (true, _) => Remedy::Retrains,
            (false, MonitorKind::Performance) => Remedy::Retrain,
            (false, _) => Remedy::Watch,
        };
        let sentence = causes.sentence(self.package.manifest.signature.task, remedy);
        Some(Explained { sentence, numbers: causes.numbers(), detail: causes.detail() })
    }

    fn causes(&self, window: Window) -> Result<Causes, AppError> {
        let scratch = self.app.scratch(&self.app.new_id())?;
        let sample = self.package.sample(self.app.blobs(), scratch.path())?;
        let (_, model) = load::load_version(self.app, &self.live.model, self.live.number)?;
        let answered = self.rows(window, None)?;
        let scenery = Scenery {
            manifest: &self.package.manifest,
            reference: &self.package.reference,
            model: &model,
            sample: sample.as_ref(),
            answered: &answered,
            evidence: &self.evidence,
        };
        Ok(scenery.causes())
    }

    /// What becomes of the evidence when the alert that rests on it moved: over means that it begins anew.
    fn follow(&mut self, state: Option<AlertState>) {
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
    fn waits(&self, kind: MonitorKind, rule: &Rule, span: Window) -> bool {
        let length = span.end.millis() - span.start.millis();
        let missing = self.since.millis() - span.start.millis();
        match self.took_over {
            Some(_) if kind == MonitorKind::Drift || usage::counts(&rule.quantity) => missing > length / 100,
            Some(_) if kind == MonitorKind::Data => false,
            Some(_) => missing > length / 2,
            None => missing > length / 100,
        }
    }

    /// The span of a rule when it is not that of the window.
    fn span(&self, rule: &Rule) -> Option<Span> {
        rule.over.filter(|over| *over != self.monitor.every)
    }

    /// Everything that the rules of a window may ask, computed once.
    fn sheet<'r>(
        &self,
        answered: &'r LoggedPredictions,
        window: Window,
        estimated: bool,
    ) -> Result<Sheet<'r>, AppError> {
        let signature = &self.package.manifest.signature;
        let threshold = self.package.manifest.threshold;
        let outcomes = answered.outcomes(signature.task, &signature.classes, threshold);
        let decisions = answered.decisions(signature.task, &signature.classes, threshold);
        // They are drawn hundreds of times: only where a rule asks for them.
        let estimates = if estimated { self.estimates(answered) } else { BTreeMap::new() };
        let facts = usage::facts(answered, self.app.errors_in(self.endpoint, window)?);
        Ok(Sheet { answered, outcomes, decisions, estimates, facts, package: self.package.clone() })
    }
}

/// What the rules of one window are measured on.
struct Sheet<'r> {
    answered: &'r LoggedPredictions,
    outcomes: kilter_evaluation::labelled_predictions::LabelledPredictions,
    decisions: kilter_evaluation::labelled_predictions::LabelledPredictions,
    estimates: BTreeMap<String, Measurement>,
    facts: BTreeMap<String, f64>,
    package: Arc<Package>,
}

impl Sheet<'_> {
    fn window<'s>(&'s self, scene: &Scene, changed: &'s BTreeSet<String>) -> WindowRows<'s> {
        WindowRows {
            now: scene.context.at,
            table: &self.answered.table,
            events: &self.answered.events,
            scores: &self.answered.scores,
            reference: &self.package.reference,
            outcomes: &self.outcomes,
            decisions: &self.decisions,
            estimates: &self.estimates,
            facts: &self.facts,
            consumers: &self.answered.consumers,
            least: MinSample {
                rows: usize::try_from(scene.monitor.min_rows).unwrap_or(usize::MAX),
                labelled: scene.monitor.min_labelled,
            },
            proof: Some(AlarmPolicy { tail: scene.budget.tail(), is_changed: scene.evidence.is_alarmed(), changed }),
        }
    }
}
