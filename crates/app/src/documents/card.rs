//! The model card: front matter as model hubs read it, sections from records, and parts that people write.

use std::fmt::Write as _;

use kilter_domain::{actor::Actor, ids::ModelName, time::Timestamp};
use kilter_store::model::{
    self as versions,
    card::{self as cards, Card, Parts},
};

use crate::{
    app::App,
    approval::{ApproveError, project_of, settle},
    authz::{act, permission::permit, refused_actions},
    causes::{InvalidState, NotFound},
    context::RequestContext,
    documents::{
        document::{Document, Section},
        dossier::Dossier,
    },
};

/// All parts that people may write.
const PARTS: [&str; 5] = ["limitations", "ethics", "oversight", "data", "notes"];
/// Earlier cards that are looked at for who wrote a part.
const MAX_HISTORY: u32 = 200;
/// Characters of a part at most.
const MAX_PART_CHARS: usize = 20_000;

/// Parts of a card that someone wrote.
#[derive(Clone, Copy, Debug)]
pub struct CardEdit<'a> {
    /// The parts, by name; those that are not named stay as they are.
    pub parts: &'a Parts,
    /// The revision of the card that they read and changed; `None`: they read none.
    pub revision: Option<u64>,
}

/// Someone writes parts of the card of a version. A part that someone else changed since the revision that they read is never
/// overwritten; one that they left as they read it stays as it is now.
///
/// # Errors
/// When they may not, there is no such version or revision, a part has no such name, is too long, or was written by someone else
/// meanwhile; the refusal has its entry.
pub fn set_card(
    app: &App,
    context: &RequestContext,
    (model, number): (&ModelName, u32),
    edit: CardEdit<'_>,
) -> Result<(), ApproveError> {
    let project = project_of(app, model)?;
    let object = versions::object(model, number);
    refused_actions::record_if_refused(app, context, "card.write", &object, || {
        let by = permit::<act::Submit>(&project, context)?;
        app.store().read(|reader| versions::get(reader, model, number))?;
        for (part, text) in edit.parts {
            check_part(part, text)?;
        }
        let base = edit.revision.map(|revision| find_revision(app, model, revision)).transpose()?;
        let (entry, parts) = (by.audit_event("card.write", "", vec![]), edit.parts.clone());
        let (by, of) = (by.actor.clone(), model.clone());
        // Read and written in one transaction: who writes at the same time is seen.
        let conflict = app.store().write(move |tx| {
            let history = cards::history(tx, &of, number, MAX_HISTORY)?;
            match merged(base.as_ref(), &history, &parts, &by) {
                Ok(all) => cards::record(&tx.audited(entry), &of, number, &all).map(|_| None),
                Err(conflict) => Ok(Some(conflict)),
            }
        })?;
        match conflict {
            None => Ok(()),
            Some(conflict) => Err(ApproveError::from(written_meanwhile(model, number, &conflict))),
        }
    })?;
    settle::settle_now_complete(app, context.at, &project, number);
    Ok(())
}

fn find_revision(app: &App, model: &ModelName, revision: u64) -> Result<Card, ApproveError> {
    let found = app.store().read(|reader| cards::of_entry(reader, model, revision))?;
    let how = format!("read the card again with `kilter card {model}@VERSION`");
    let unknown = NotFound { what: "revision of the card", id: revision.to_string(), how };
    Ok(found.ok_or(unknown)?)
}

/// A part that someone else wrote meanwhile.
#[derive(Debug)]
struct Conflict {
    part: String,
    by: Actor,
    at: Timestamp,
    /// The revision that has it.
    revision: u64,
}

/// The parts after an edit of what is the newest of `history`; else a part that someone else wrote since `base`, which was read.
fn merged(base: Option<&Card>, history: &[Card], parts: &Parts, by: &Actor) -> Result<Parts, Conflict> {
    let text = |card: &Card, part: &str| card.parts.get(part).cloned().unwrap_or_default();
    let Some(known) = history.first() else { return Ok(parts.clone()) };
    let mut all = known.parts.clone();
    for (part, written) in parts {
        let (read, now) = (base.map(|base| text(base, part)), text(known, part));
        if *written == now || read.as_ref() == Some(written) {
            continue;
        }
        // Who wrote the text that stands, not who wrote another part since.
        let author = history.iter().take_while(|card| text(card, part) == now).last().unwrap_or(known);
        if read.unwrap_or_default() != now && author.by != *by {
            return Err(Conflict {
                part: part.clone(),
                by: author.by.clone(),
                at: author.at,
                revision: known.audit_seq,
            });
        }
        all.insert(part.clone(), written.clone());
    }
    Ok(all)
}

fn written_meanwhile(model: &ModelName, number: u32, conflict: &Conflict) -> InvalidState {
    let Conflict { part, by, at, revision } = conflict;
    let how = format!(
        "see it with `kilter card {model}@{number}`, put both texts together, and send them with `--revision {revision}`"
    );
    let state = format!("written by {by} on {} meanwhile", at.civil().date());
    InvalidState { what: "part of the card", id: part.clone(), state, how }
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
            "A {} model{outcome}, {} bytes of {}, trained on {} rows. Its operating threshold is {}.",
            package.task,
            package.bytes,
            package.format.name(),
            package.trained_rows,
            package.threshold
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
    let revision = dossier.card.as_ref().map(|card| card.audit_seq);
    Document {
        title: format!("Model card of {}", dossier.name()),
        front_matter: front_matter(dossier),
        sections,
        revision,
    }
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
    let library = dossier.package.as_ref().map_or("onnx", |package| package.format.library());
    let mut text = format!(
        "library_name: {library}\npipeline_tag: {task}\ntags:\n- kilter\n- {}\n",
        quoted(version.model.as_str())
    );
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Parts {
        text.split(", ").filter_map(|part| part.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
    }

    fn card(text: &str, by: &str) -> Card {
        Card { number: 1, by: by.parse().unwrap(), parts: parts(text), at: Timestamp(0), audit_seq: 7 }
    }

    /// What becomes of a card when ana read `base` and sends `sent`: `history` is who wrote what, the newest first.
    fn sent(base: Option<&str>, history: &str, sent: &str) -> String {
        let base = base.map(|base| card(base, "user:ana"));
        let written = history.split("; ").filter_map(|one| one.split_once(": "));
        let history: Vec<Card> = written.map(|(by, text)| card(text, &format!("user:{by}"))).collect();
        match merged(base.as_ref(), &history, &parts(sent), &"user:ana".parse().unwrap()) {
            Ok(all) => all.iter().map(|(part, text)| format!("{part}={text}")).collect::<Vec<_>>().join(", "),
            Err(conflict) => format!("{} is by {}", conflict.part, conflict.by),
        }
    }

    #[test]
    fn a_part_that_someone_else_wrote_meanwhile_is_never_overwritten() {
        for (base, history, edit, result) in [
            (None, "", "a=1", "a=1"),
            (Some("a=1"), "ben: a=1", "a=2", "a=2"),
            (Some("a=1"), "ben: a=3; ben: a=1", "a=2", "a is by user:ben"),
            (Some("a=1"), "ben: a=3; ben: a=1", "a=1, b=2", "a=3, b=2"),
            (Some("a=1, b=1"), "ben: a=3, b=1; ben: a=1, b=1", "a=3, b=2", "a=3, b=2"),
            (Some("a=1"), "ben: a=1, b=9; ben: a=1", "a=1, b=2", "b is by user:ben"),
            (None, "ben: a=1", "b=2", "a=1, b=2"),
            (None, "ben: a=1", "a=2", "a is by user:ben"),
            (None, "ana: a=1", "a=2", "a=2"),
            // She sent it once already, and ben wrote another part since.
            (Some("a=1"), "ben: a=3, b=1; ana: a=3; ben: a=1", "a=2", "a=2, b=1"),
            // She sent another part, and what ben wrote before stands.
            (Some("a=1"), "ana: a=3, b=1; ben: a=3; ana: a=1", "a=2", "a is by user:ben"),
        ] {
            assert_eq!(sent(base, history, edit), result, "{base:?}, {history}, {edit}");
        }
    }
}
