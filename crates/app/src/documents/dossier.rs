//! Everything that records say of a version, read once, for whichever document.

use kilter_domain::{ids::ModelName, rule::rounded, time::Timestamp};
use kilter_store::{
    PageRequest, Reader, StoreError, audit,
    deployment::{self as deployments, Deployment},
    model::card::{self as cards, Card},
    run as runs,
};
use kilter_workflow::RunRecord;

use crate::{
    app::App,
    approval::{ApproveError, project_of},
    model::{facts::policy_of, load, version_record::VersionRecord},
    objective::{MeasuredObjective, measure::of_project},
    project::folder::Project,
};

/// Deployments of a version that are read at once.
const MAX_DEPLOYMENTS: u32 = 1000;
/// Entries of the audit log that are listed.
const MAX_ENTRIES: u32 = 200;

/// Everything that records say of a version.
pub(super) struct Dossier {
    pub project: Project,
    pub record: VersionRecord,
    pub run: Option<RunRecord>,
    pub package: Option<PackageFacts>,
    pub deployments: Vec<Deployment>,
    pub objectives: Vec<MeasuredObjective>,
    pub card: Option<Card>,
    pub entries: Vec<audit::Record>,
    pub at: Timestamp,
}

/// What a package says of itself.
pub(super) struct PackageFacts {
    pub task: String,
    pub classes: Vec<String>,
    pub inputs: Vec<(String, String)>,
    pub trained_rows: u64,
    pub trained_through: Option<Timestamp>,
    pub threshold: f64,
    pub datasets: Vec<(String, String)>,
    pub bytes: u64,
    pub format: kilter_inference::Format,
}

impl Dossier {
    pub fn read(app: &App, model: &ModelName, number: u32, at: Timestamp) -> Result<Self, ApproveError> {
        let project = project_of(app, model)?;
        let object = kilter_store::model::object(model, number);
        let (record, card, deployments, entries) = app.store().read(|reader| {
            Ok((
                VersionRecord::read(reader, model, number, at)?,
                cards::newest(reader, model, number)?,
                deployments_of(reader, model, number)?,
                audit::list_of_object(reader, &object, &PageRequest::first(MAX_ENTRIES))?.items,
            ))
        })?;
        let run = match &record.version.run {
            Some(id) => app.store().read(|reader| runs::find(reader, id))?,
            None => None,
        };
        Ok(Self {
            objectives: of_project(app, &project)?,
            package: package_facts(app, model, number),
            run: run.and_then(|run| serde_json::from_value(run.record).ok()),
            deployments,
            project,
            record,
            card,
            entries,
            at,
        })
    }

    /// `churn@3`.
    pub fn name(&self) -> String {
        format!("{}@{}", self.record.version.model, self.record.version.number)
    }

    /// A part that people wrote.
    pub fn human(&self, part: &str) -> Option<&String> {
        self.card.as_ref().and_then(|card| card.parts.get(part)).filter(|text| !text.trim().is_empty())
    }

    /// The metrics on held-out rows.
    pub fn metrics(&self) -> Vec<Vec<String>> {
        let fields = self.record.version.metrics.as_object().into_iter().flatten();
        fields.map(|(name, value)| vec![name.clone(), value.as_f64().map_or(value.to_string(), rounded)]).collect()
    }

    /// Each rule of each gate: gate, rule, verdict, sentence, when.
    pub fn gates(&self) -> Vec<Vec<String>> {
        let mut rows = Vec::new();
        for judged in &self.record.verdicts {
            for outcome in judged.verdict.outcomes() {
                let waived = self.record.waivers.iter().find(|waiver| {
                    waiver.term.covers(&judged.gate, outcome, &self.record.makers()) && !outcome.is_passed()
                });
                let verdict = match (outcome.is_passed(), outcome.is_failed(), waived) {
                    (true, ..) => "passed".to_owned(),
                    (_, _, Some(waiver)) => {
                        format!(
                            "waived until {} by {}: {}",
                            waiver.term.until.civil().date(),
                            waiver.term.by,
                            waiver.reason
                        )
                    }
                    (_, true, _) => "failed".to_owned(),
                    _ => "undecided".to_owned(),
                };
                let when = judged.at.civil().date().to_string();
                rows.push(vec![judged.gate.to_string(), outcome.rule.clone(), verdict, outcome.text.clone(), when]);
            }
        }
        rows
    }

    /// Who said yes, as what, when, until when.
    pub fn approvals(&self) -> Vec<Vec<String>> {
        let said = self.record.valid_votes(self.at);
        said.map(|said| {
            let until = said.expires.map_or_else(|| "no end".to_owned(), |expires| expires.civil().date().to_string());
            let share = said.conditions.max_traffic_percent;
            let share = share.map_or_else(String::new, |share| format!("at most {share} % of the traffic"));
            vec![said.by.to_string(), said.role.to_string(), said.at.civil().date().to_string(), until, share]
        })
        .collect()
    }

    /// Data: name, digest, rows, where it came from.
    pub fn data(&self) -> Vec<Vec<String>> {
        let pins = self.run.iter().flat_map(|run| &run.data);
        pins.map(|(name, pin)| {
            let rows = pin.profile.rows.map_or_else(String::new, |rows| rows.to_string());
            vec![name.to_string(), pin.content.digest.to_string(), rows, pin.path.clone()]
        })
        .collect()
    }

    /// Objectives: name, KPI, target, baseline, last value, whether it is met, when.
    pub fn objective_rows(&self) -> Vec<Vec<String>> {
        let row = |measured: &MeasuredObjective| {
            let objective = &measured.objective;
            let last = measured.readings.first();
            let value = last.map_or_else(
                || "not measured".to_owned(),
                |last| last.value.map_or_else(|| last.note.clone().unwrap_or_default(), rounded),
            );
            let met = match last.and_then(|last| last.is_met) {
                Some(true) => "met",
                Some(false) => "missed",
                None => "unknown",
            };
            vec![
                objective.name.clone(),
                objective.kpi.clone().unwrap_or_default(),
                objective.target.map_or_else(String::new, |(op, number)| format!("{op} {number}")),
                objective.baseline.map_or_else(String::new, rounded),
                value,
                met.to_owned(),
                last.map_or_else(String::new, |last| last.at.civil().date().to_string()),
            ]
        };
        self.objectives.iter().map(row).collect()
    }

    /// The policy that the version is bound to, in sentences.
    pub fn policy(&self) -> String {
        let policy = policy_of(&self.project, &self.record.version);
        let expire = policy.approve.expire.map_or_else(|| "no end".to_owned(), |span| span.to_string());
        format!(
            "Approval: {}; four eyes: {}; an approval holds for {expire}. Policy {}.",
            policy.approve.rule,
            if policy.approve.four_eyes { "yes" } else { "no" },
            self.record.version.policy_digest
        )
    }

    /// Where it answered: endpoint, stage, from, until.
    pub fn deployment_rows(&self) -> Vec<Vec<String>> {
        let time = |time: Option<Timestamp>| time.map_or_else(String::new, |time| time.to_string());
        let row = |one: &Deployment| {
            vec![one.endpoint.to_string(), one.state.to_string(), time(one.live_since), time(one.live_until)]
        };
        self.deployments.iter().map(row).collect()
    }

    /// What was done to it, oldest first: when, who, what, why.
    pub fn history(&self) -> Vec<Vec<String>> {
        let row = |one: &audit::Record| {
            let entry = &one.entry;
            let reason = one.reason.clone().unwrap_or_default();
            vec![entry.seq.to_string(), entry.at.to_string(), entry.actor.to_string(), entry.action.clone(), reason]
        };
        self.entries.iter().rev().map(row).collect()
    }
}

/// Every deployment of a version, newest first.
fn deployments_of(reader: &Reader, model: &ModelName, number: u32) -> Result<Vec<Deployment>, StoreError> {
    let (mut all, mut page) = (Vec::new(), PageRequest::first(MAX_DEPLOYMENTS));
    loop {
        let listed = deployments::list_of_version(reader, model, number, &page)?;
        all.extend(listed.items);
        match listed.next {
            Some(cursor) => page = PageRequest::first(MAX_DEPLOYMENTS).after(cursor),
            None => return Ok(all),
        }
    }
}

fn package_facts(app: &App, model: &ModelName, number: u32) -> Option<PackageFacts> {
    let loaded = load::read_version(app, model, number);
    let package = loaded.inspect_err(|error| tracing::warn!(%error, "a document lacks its package")).ok()?;
    let manifest = &package.manifest;
    let input = |input: &kilter_inference::Input| (input.name.clone(), format!("{:?}", input.kind).to_lowercase());
    Some(PackageFacts {
        task: manifest.signature.task.to_string(),
        classes: manifest.signature.classes.clone(),
        inputs: manifest.signature.inputs.iter().map(input).collect(),
        trained_rows: manifest.trained_rows,
        trained_through: manifest.trained_through,
        threshold: manifest.threshold,
        datasets: manifest.datasets.iter().map(|(name, digest)| (name.clone(), digest.to_string())).collect(),
        bytes: package.model_size(),
        format: package.manifest.format,
    })
}
