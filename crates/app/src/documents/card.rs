//! The model card: front matter as model hubs read it, sections from records, and parts that people write.

use std::fmt::Write as _;

use kilter_domain::{actor::Action, ids::ModelName};
use kilter_store::model::{
    self as versions,
    card::{self as cards, Parts},
};

use crate::{
    app::App,
    approval::{ApproveError, project_of},
    authz::refused_actions,
    causes::InvalidState,
    components::access::permit,
    context::RequestContext,
    documents::{
        document::{Document, Section},
        dossier::Dossier,
    },
};

/// All parts that people may write.
const PARTS: [&str; 5] = ["limitations", "ethics", "oversight", "data", "notes"];
/// Characters of a part at most.
const MAX_PART_CHARS: usize = 20_000;

/// Someone writes parts of the card of a version; parts that are not named stay as they are.
///
/// # Errors
/// When they may not, there is no such version, or a part has no such name or is too long; the refusal has its entry.
pub fn set_card(
    app: &App,
    context: &RequestContext,
    (model, number): (&ModelName, u32),
    parts: &Parts,
) -> Result<(), ApproveError> {
    let project = project_of(app, model)?;
    let object = versions::object(model, number);
    refused_actions::record_if_refused(app, context, "card.write", &object, || {
        permit(&project, context, Action::Submit)?;
        app.store().read(|reader| versions::get(reader, model, number))?;
        for (part, text) in parts {
            check_part(part, text)?;
        }
        let known = app.store().read(|reader| cards::newest(reader, model, number))?;
        let mut all = known.map(|card| card.parts).unwrap_or_default();
        all.extend(parts.clone());
        let (entry, model) = (context.audit_event("card.write", "", vec![]), model.clone());
        app.store().write(move |tx| cards::record(&tx.audited(entry), &model, number, &all))?;
        Ok(())
    })
}

fn check_part(part: &str, text: &str) -> Result<(), InvalidState> {
    let invalid = |state: &str, how: String| InvalidState {
        what: "part of the card",
        id: part.to_owned(),
        state: state.to_owned(),
        how,
    };
    if !PARTS.contains(&part) {
        return Err(invalid("unknown", format!("write {}", PARTS.join(", "))));
    }
    if text.chars().count() > MAX_PART_CHARS {
        return Err(invalid("too long", format!("write at most {MAX_PART_CHARS} characters")));
    }
    Ok(())
}

pub(super) fn card(dossier: &Dossier) -> Document {
    let stated = &dossier.project.contract.project;
    let not_for = (!stated.not_for.is_empty()).then(|| format!("Not for: {}.", stated.not_for.join(", ")));
    let package = dossier.package.as_ref();
    let summary = package.map(|package| {
        let outcome =
            if package.classes.is_empty() { String::new() } else { format!(" of {}", package.classes.join(", ")) };
        format!(
            "A {} model{outcome}, {} bytes of ONNX, trained on {} rows. Its operating threshold is {}.",
            package.task, package.bytes, package.trained_rows, package.threshold
        )
    });
    let inputs = package.map(|package| package.inputs.clone()).unwrap_or_default();
    let owner = stated.owner.as_ref().map(|owner| format!("Owner: {owner}."));
    let sections = vec![
        Section::new("Model details")
            .stated(summary, "the package cannot be read")
            .text(format!(
                "Version {}, {}, package {}.",
                dossier.name(),
                dossier.record.version.state,
                dossier.record.version.digest
            ))
            .stated(owner, "the contract names no owner (`[project] owner`)")
            .text(format!("Made by {}.", joined(dossier.record.makers()))),
        Section::new("Intended use")
            .stated(stated.purpose.clone(), "the contract states no purpose (`[project] purpose`)")
            .stated(not_for, "the contract excludes no use (`[project] not_for`)"),
        Section::new("Objectives").table(
            &["objective", "KPI", "target", "baseline", "last value", "target is", "measured"],
            dossier.objective_rows(),
            "the contract has no objective (`[objective.NAME]`)",
        ),
        Section::new("Inputs").table(
            &["column", "type"],
            inputs.into_iter().map(|(name, kind)| vec![name, kind]).collect(),
            "the package cannot be read",
        ),
        Section::new("Training data")
            .table(&["dataset", "digest", "rows", "path"], dossier.data(), "the run did not record its data")
            .human("data", dossier.human("data")),
        Section::new("Metrics on held-out rows").table(&["metric", "value"], dossier.metrics(), "nothing was measured"),
        Section::new("Gates").text(dossier.policy()).table(
            &["gate", "rule", "verdict", "measured", "on"],
            dossier.gates(),
            "the contract has no gate",
        ),
        Section::new("Limitations").human("limitations", dossier.human("limitations")),
        Section::new("Ethical considerations").human("ethics", dossier.human("ethics")),
        Section::new("Human oversight").human("oversight", dossier.human("oversight")),
        Section::new("Approvals").table(
            &["by", "as", "on", "until", "condition"],
            dossier.approvals(),
            "nobody approved this version",
        ),
        Section::new("Notes").human("notes", dossier.human("notes")),
    ];
    Document { title: format!("Model card of {}", dossier.name()), front_matter: front_matter(dossier), sections }
}

pub(super) fn joined<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

/// The YAML that model hubs read.
fn front_matter(dossier: &Dossier) -> String {
    let version = &dossier.record.version;
    let task = match dossier.package.as_ref().map(|package| package.task.as_str()) {
        Some("regression") => "tabular-regression",
        _ => "tabular-classification",
    };
    let mut text =
        format!("library_name: onnx\npipeline_tag: {task}\ntags:\n- kilter\n- {}\n", quoted(version.model.as_str()));
    let data = dossier.data();
    if !data.is_empty() {
        text += "datasets:\n";
        data.iter().for_each(|row| text += &format!("- {}\n", quoted(&row[0])));
    }
    let metrics: Vec<(String, f64)> = version
        .metrics
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), value.as_f64()?)))
        .collect();
    if !metrics.is_empty() {
        let dataset = data.first().map_or("held-out rows", |row| row[0].as_str());
        let _ = write!(
            text,
            "metrics:\n{}model-index:\n- name: {}\n  results:\n  - task:\n      type: {task}\n    dataset:\n      name: {}\n      type: {}\n    metrics:\n",
            metrics.iter().map(|(name, _)| format!("- {}\n", quoted(name))).collect::<String>(),
            quoted(&dossier.name()),
            quoted(dataset),
            quoted(dataset),
        );
        for (name, value) in metrics {
            let _ = writeln!(text, "    - type: {}\n      value: {value}", quoted(&name));
        }
    }
    text
}

/// A text as YAML takes it whatever it holds.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
