//! What an endpoint waits for: which version, why it does not answer yet, who can change that and by which command.
//!
//! Invariants: nothing serves, or a newer version is there, only with the next step named. Out of scope: what is
//! wrong with what serves; that is refused, or an alert.

use kilter_domain::{
    actor::{Action, Principal, Role},
    ids::EndpointName,
    model::VersionState,
    time::Timestamp,
};
use kilter_store::{PageRequest, deployment as deployments, deployment::Deployment, model as versions, model::Version};

use crate::{
    app::App,
    causes::StorageError,
    deployment::{auto_deploy, routes, target::Target},
    model::votes,
    project::{ProjectError, folder::Project},
};

/// Versions that are looked at, newest first.
const MAX_VERSIONS: u32 = 100;

/// The next step towards a version that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextStep {
    /// The version that is waited with; `None` while there is none.
    pub version: Option<u32>,
    /// What is waited for, for a person.
    pub reason: String,
    /// Who can take the step: roles with their people.
    pub who: Vec<String>,
    /// The command that takes the step.
    pub command: String,
}

/// What an endpoint waits for; `None` where what serves is the newest that may.
///
/// # Errors
/// When the metadata cannot be read.
pub fn waiting_at(app: &App, endpoint: &EndpointName, now: Timestamp) -> Result<Option<NextStep>, ProjectError> {
    let Some(project) = routes::project_at(app, endpoint)? else { return Ok(None) };
    let Some(deploy) = project.deploy_at(endpoint) else { return Ok(None) };
    let target = Target::of(&project, deploy);
    let model = project.model();
    let (live, candidate, newest) = app.store().read(|reader| {
        let newest = versions::list(reader, &model, None, &PageRequest::first(MAX_VERSIONS))?.items;
        Ok((deployments::live(reader, endpoint)?, deployments::candidate(reader, endpoint)?, newest))
    })?;
    let is_newer = |version: &&Version| {
        live.as_ref().is_none_or(|live| live.model != version.model || live.number < version.number)
    };
    let last = newest.first().cloned();
    for version in newest.iter().filter(is_newer) {
        let is_past = matches!(version.state, VersionState::Rejected | VersionState::Retired | VersionState::Revoked);
        let was_here =
            app.store().read(|reader| deployments::was_requested(reader, endpoint, &version.model, version.number))?;
        if !is_past && !was_here {
            return Ok(Some(next_step_of(app, &target, version, candidate.as_ref(), now)?));
        }
    }
    Ok((live.is_none() && candidate.is_none()).then(|| nothing(last.as_ref())))
}

fn next_step_of(
    app: &App,
    target: &Target<'_>,
    version: &Version,
    candidate: Option<&Deployment>,
    now: Timestamp,
) -> Result<NextStep, StorageError> {
    let Target { project, deploy, .. } = target;
    let (number, named) = (version.number, format!("{}@{}", version.model, version.number));
    let waiting =
        |reason: String, who: Vec<String>, command: String| NextStep { version: Some(number), reason, who, command };
    let show = format!("kilter model show {named}");
    if deploy.admission_policy().accepts(version.state) {
        return find_admitted_version(app, target, version, candidate);
    }
    Ok(match version.state {
        VersionState::Validated => {
            let missing = votes::missing_approval(app, project, version, now)?;
            let missing = if missing.is_empty() { "a yes".to_owned() } else { missing.join("; ") };
            let roles = project.contract.approve.rule.quorums.iter().map(|quorum| quorum.role);
            let who = roles.map(|role| people(project, role)).collect();
            waiting(
                format!("v{number} passed its gates and waits for {missing}"),
                who,
                format!("kilter approve {named}"),
            )
        }
        VersionState::Draft => waiting(format!("v{number} is a draft that was not submitted"), vec![], show),
        _ => waiting(format!("v{number} is undecided: something was not measured"), vec![], show),
    })
}

/// A version that the place takes and that was never asked for there.
fn find_admitted_version(
    app: &App,
    target: &Target<'_>,
    version: &Version,
    candidate: Option<&Deployment>,
) -> Result<NextStep, StorageError> {
    let Target { project, deploy, endpoint } = target;
    let (number, state) = (version.number, version.state);
    let place = if project.main_deploy().is_some_and(|main| main.name == deploy.name) {
        String::new()
    } else {
        format!("{} ", deploy.name)
    };
    let command = format!("kilter deploy {place}--version {number}");
    let operators = || Action::Deploy.roles().iter().map(|role| people(project, *role)).collect();
    let refusal = auto_deploy::was_refused(app, version, endpoint)?;
    let (reason, who) = match (candidate, refusal) {
        (Some(candidate), _) => {
            let trial = format!("v{number} is {state} and waits until v{} is live or taken back", candidate.number);
            (trial, Vec::new())
        }
        (None, Some(refusal)) => (format!("v{number} is {state} and was not deployed: {refusal}"), operators()),
        (None, None) if deploy.auto => {
            (format!("v{number} is {state}; a running server deploys it within seconds"), operators())
        }
        (None, None) => (format!("v{number} is {state} and not deployed"), operators()),
    };
    Ok(NextStep { version: Some(number), reason, who, command })
}

/// Nothing serves and no version can be waited with.
fn nothing(last: Option<&Version>) -> NextStep {
    match last {
        None => NextStep {
            version: None,
            reason: "no version was made yet".to_owned(),
            who: Vec::new(),
            command: "kilter run".to_owned(),
        },
        Some(last) => NextStep {
            version: Some(last.number),
            reason: format!("the newest version, v{}, is {}; a fix is a new version", last.number, last.state),
            who: Vec::new(),
            command: format!("kilter model show {}@{}", last.model, last.number),
        },
    }
}

/// A role and who has it: `validator (user:ana, user:ben)`.
fn people(project: &Project, role: Role) -> String {
    let stated = &project.contract.project;
    let owner = stated.owner.iter().filter(|_| role == Role::Owner);
    let named: Vec<String> =
        stated.roles.get(&role).into_iter().flatten().chain(owner).map(Principal::to_string).collect();
    let gives_roles = stated.roles.values().any(|given| !given.is_empty());
    match (named.is_empty(), gives_roles) {
        (false, _) => format!("{role} ({})", named.join(", ")),
        (true, true) => format!("{role} (nobody has this role: name someone in [project.roles])"),
        (true, false) => format!("{role} (anyone: the contract gives no roles)"),
    }
}
