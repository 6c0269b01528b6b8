//! Aliases and stages of a model under a contract: they say of a version what the contract lets be said.
//!
//! Invariants: `champion`, `production` and the stage Production are of approved and validly signed versions alone, and are judged by
//! the code that judges a deployment; each change has its entry, and each refusal too. They deploy nothing.

use kilter_domain::{
    deployment::{AdmissionPolicy, DeploymentState},
    error_chain::with_causes,
    ids::{ModelName, ProjectName},
    model::{VersionLabel, VersionState},
    registry::{AliasName, RegisteredName, Stage},
};
use kilter_store::{
    StoreError, Tx,
    model::{self as versions, alias as aliases},
    registry::{self, RegisteredVersion, platform},
};

use super::RegistryError;
use crate::{
    app::App,
    authz::{AuthorizedContext, Subject, access_map, act, refused_actions},
    causes::{InvalidState, NotFound},
    context::RequestContext,
    deployment::{checks, error::DeployError},
    model::{facts, load, signature, version_record::VersionRecord, votes},
    project::folder::Project,
    registered,
};

/// Characters of an alias at most.
const MAX_ALIAS: usize = 64;
/// Why, in the audit log.
const REASON: &str = "asked for by a client of the registry";

/// A version under a contract, in the state in which it was judged.
struct Judged {
    by: AuthorizedContext,
    model: ModelName,
    number: u32,
    state: VersionState,
}

impl Judged {
    /// Refuses what has moved since it was judged.
    fn check_unmoved(&self, tx: &Tx) -> Result<(), StoreError> {
        let actual = versions::get(tx, &self.model, self.number)?.state;
        match actual == self.state {
            true => Ok(()),
            false => Err(StoreError::Moved {
                object: versions::object(&self.model, self.number),
                expected: self.state.to_string(),
                actual: actual.to_string(),
            }),
        }
    }
}

/// Points an alias at a version.
pub(super) fn set_alias(
    app: &App,
    context: &RequestContext,
    project: &ProjectName,
    (name, number): (&RegisteredName, u32),
    alias: &AliasName,
) -> Result<(), RegistryError> {
    let alias = alias.as_str().to_owned();
    if alias.chars().count() > MAX_ALIAS {
        return Err(RegistryError::Governed {
            what: "alias",
            name: alias,
            act: "set",
            reason: format!("under a contract it has at most {MAX_ALIAS} characters"),
        });
    }
    let asked = ("alias.set", format!("alias:{name}@{alias}"));
    let judged = judge(app, context, (project, &model_of(name)?, number), VersionLabel::of_alias(&alias), asked)?;
    let entry = judged.by.audit_event("alias.set", REASON, vec![]);
    Ok(app.store().write(move |tx| {
        judged.check_unmoved(tx)?;
        aliases::point(&tx.audited(entry), &judged.model, &alias, number).map(|_| ())
    })?)
}

/// Takes an alias away, if it is there.
pub(super) fn delete_alias(
    app: &App,
    context: &RequestContext,
    project: &ProjectName,
    name: &RegisteredName,
    alias: &str,
) -> Result<(), RegistryError> {
    let by = permit(app, context, project, VersionLabel::of_alias(alias))?;
    let entry = by.audit_event("alias.delete", REASON, vec![]);
    let (name, alias) = (name.clone(), alias.to_owned());
    let model = model_of(&name)?;
    Ok(app.store().write(move |tx| match aliases::current(tx, &model, &alias)? {
        Some(_) => aliases::remove(&tx.audited(entry), &model, &alias),
        // One that a client set before the contract.
        None => registry::alias::remove(tx, &name, &alias),
    })?)
}

/// Moves a version to a stage.
pub(super) fn move_version(
    app: &App,
    context: &RequestContext,
    project: &ProjectName,
    (name, number): (&RegisteredName, u32),
    (stage, archives_others): (Stage, bool),
) -> Result<RegisteredVersion, RegistryError> {
    let entry_of = |by: &AuthorizedContext| by.audit_event("stage.set", REASON, vec![]);
    let asked = ("stage.set", format!("stage:{name}/{number}"));
    let (judged, entry) = match VersionLabel::of_stage(stage) {
        Some(label) => {
            let judged = judge(app, context, (project, &model_of(name)?, number), label, asked)?;
            let entry = entry_of(&judged.by);
            (Some(judged), entry)
        }
        None => (None, entry_of(&permit(app, context, project, VersionLabel::Name)?)),
    };
    let name = name.clone();
    Ok(app.store().write(move |tx| {
        judged.map_or(Ok(()), |judged| judged.check_unmoved(tx))?;
        platform::put_stage(&tx.audited(entry), (&name, number), (stage, archives_others))
    })?)
}

/// The name of a model under a contract, which is one of the platform's.
fn model_of(name: &RegisteredName) -> Result<ModelName, RegistryError> {
    let missing =
        |_| NotFound { what: "model", id: name.to_string(), how: "see the models with `kilter model list`".to_owned() };
    Ok(name.as_str().parse().map_err(missing)?)
}

/// The right that it takes to give or to take away a label.
fn permit(
    app: &App,
    context: &RequestContext,
    project: &ProjectName,
    label: VersionLabel,
) -> Result<AuthorizedContext, RegistryError> {
    let subject = Subject::Project(project.clone());
    Ok(match label {
        VersionLabel::Production => access_map::require_act::<act::Deploy>(app, context, &subject)?.into(),
        VersionLabel::Staging | VersionLabel::Name => {
            access_map::require_act::<act::Submit>(app, context, &subject)?.into()
        }
    })
}

/// Asks whether something may be said of a version; a refusal has its entry, and says what is missing.
fn judge(
    app: &App,
    context: &RequestContext,
    (project, model, number): (&ProjectName, &ModelName, u32),
    label: VersionLabel,
    (action, object): (&str, String),
) -> Result<Judged, RegistryError> {
    let by = permit(app, context, project, label)?;
    let project = registered::recorded_project(app, project).map_err(DeployError::from)?;
    let judged = refused_actions::record_if_refused(app, context, action, &object, || {
        check(app, context, (&project, model, number), label)
    });
    match judged {
        Ok(state) => Ok(Judged { by, model: model.clone(), number, state }),
        Err(refused) => Err(RegistryError::Refused {
            missing: missing(app, context, (&project, model, number))?,
            reason: with_causes(&refused),
            refused: Box::new(refused),
        }),
    }
}

/// What a deployment asks of a version, as far as the label is about one.
fn check(
    app: &App,
    context: &RequestContext,
    (project, model, number): (&Project, &ModelName, u32),
    label: VersionLabel,
) -> Result<VersionState, DeployError> {
    let Some(version) = app.store().read(|reader| versions::find(reader, model, number))? else {
        let state = format!("not under the contract of `{}`: a client registered it before", project.name);
        let how = format!(
            "make a version of it with `kilter package import models:/{model}/{number} --model {model}`, and use that one"
        );
        return Err(InvalidState { what: "version", id: format!("{model}@{number}"), state, how }.into());
    };
    match label {
        VersionLabel::Production => {
            DeploymentState::requested(version.state, AdmissionPolicy::Approved)?;
            let package = load::read_version(app, model, number)?;
            signature::check_signed(app, &version, &package)?;
            checks::check_traffic(app, model, (number, 100), context.at)?;
        }
        VersionLabel::Staging | VersionLabel::Name if label.fits(version.state) => {}
        VersionLabel::Staging | VersionLabel::Name => {
            let (state, how) = (version.state.to_string(), version.state.next_step().to_owned());
            return Err(InvalidState { what: "version", id: format!("{model}@{number}"), state, how }.into());
        }
    }
    Ok(version.state)
}

/// What a version still lacks to be approved: yeses, the card, rules that did not pass, its signature.
fn missing(
    app: &App,
    context: &RequestContext,
    (project, model, number): (&Project, &ModelName, u32),
) -> Result<Vec<String>, RegistryError> {
    let Some(version) = app.store().read(|reader| versions::find(reader, model, number))? else {
        return Ok(Vec::new());
    };
    let mut missing = match version.state {
        VersionState::Draft | VersionState::Candidate => {
            let record = app.store().read(|reader| VersionRecord::read(reader, model, number, context.at))?;
            record.open_rules(&facts::policy_of(project, &version))
        }
        _ => votes::missing_approval(app, project, &version, context.at).map_err(DeployError::from)?,
    };
    let is_signed = load::read_version(app, model, number)
        .is_ok_and(|package| signature::check_signed(app, &version, &package).is_ok());
    if !is_signed {
        missing.push("a valid signature of its package".to_owned());
    }
    Ok(missing)
}
