//! The rights of every registered project, kept in memory: a prediction asks for its right and never waits for SQL.
//!
//! Invariants: what is kept is what the recorded contracts say; it is read when the platform is opened and after every
//! contract that is recorded. A project whose recorded contract cannot be read gives nobody a right.

use std::{collections::BTreeSet, sync::Arc};

use kilter_domain::{actor::Action, ids::ProjectName};
use kilter_store::{
    PageRequest, StoreError, deployment as deployments, model as versions, monitor::alert as alerts,
    project as projects, run as runs,
};

use crate::{
    app::App,
    authz::{
        administration,
        authorized::{Act, Authorized, Grant},
        error::AuthorizeError,
        permission,
    },
    causes::{PermissionDenied, StorageError},
    components::access::{self, Access, AccessMap, Readable, Subject},
    context::RequestContext,
    registered::recorded_project,
};

/// Projects and endpoints that are read at a time.
const PAGE: u32 = 1000;

/// Reads the rights of every project again.
pub(crate) fn load_access(app: &App) -> Result<(), StorageError> {
    let _alone = app.components().access.loading();
    let mut map = AccessMap::default();
    let mut page = PageRequest::first(PAGE);
    loop {
        let listed = app.store().read(|reader| projects::list(reader, &page))?;
        for project in listed.items {
            let access = recorded_project(app, &project.name).map(|found| Access::of(&project.name, &found.contract));
            map.projects.insert(project.name, access.map_err(|error| error.to_string()));
        }
        let Some(next) = listed.next else { break };
        page = PageRequest::first(PAGE).after(next);
    }
    let mut page = PageRequest::first(PAGE);
    loop {
        let listed = app.store().read(|reader| deployments::list_endpoints(reader, None, &page))?;
        map.endpoints.extend(listed.items.into_iter().map(|endpoint| (endpoint.name, endpoint.project)));
        let Some(next) = listed.next else { break };
        page = PageRequest::first(PAGE).after(next);
    }
    app.components().access.replace(map);
    Ok(())
}

fn access_map(app: &App) -> Arc<AccessMap> {
    app.components().access.current()
}

/// Asks for a right, and leaves an entry where it is missing. What does not exist is nobody's: the intention says so.
///
/// # Errors
/// [`AuthorizeError::Denied`].
pub fn require(
    app: &App,
    context: &RequestContext,
    action: Action,
    subject: &Subject,
) -> Result<Grant, AuthorizeError> {
    check(app, context, action, subject)?;
    Ok(Grant::new(action, context))
}

/// As [`require`], for one act.
pub(crate) fn require_act<A: Act>(
    app: &App,
    context: &RequestContext,
    subject: &Subject,
) -> Result<Authorized<A>, AuthorizeError> {
    check(app, context, A::ACTION, subject)?;
    Ok(Authorized::new(context))
}

fn check(app: &App, context: &RequestContext, action: Action, subject: &Subject) -> Result<(), AuthorizeError> {
    let map = access_map(app);
    let of = |project: &ProjectName| Ok(authorize_known(app, &map, context, action, project)?);
    match subject {
        Subject::Endpoint(name) => map.endpoints.get(name).map_or(Ok(()), of),
        Subject::Project(name) => of(name),
        Subject::Model(name) => {
            let model = app.store().read(|reader| versions::find_model(reader, name))?;
            model.map_or(Ok(()), |model| of(&model.project))
        }
        Subject::Run(id) => app.store().read(|reader| runs::find(reader, id))?.map_or(Ok(()), |run| of(&run.project)),
        Subject::Alert(id) => {
            // As the intention reads it: an id may be written by its end.
            let alert = match app.store().read(|reader| alerts::get(reader, id)) {
                Ok(alert) => Some(alert),
                Err(StoreError::NotFound { .. } | StoreError::Conflict { .. }) => None,
                Err(error) => return Err(error.into()),
            };
            alert.and_then(|alert| map.endpoints.get(&alert.key.endpoint)).map_or(Ok(()), of)
        }
        Subject::EveryProject => map.projects.keys().try_for_each(of),
        Subject::AnyProject => {
            let may = |name: &&ProjectName| access::permitted(&map, context, action, name).is_ok();
            if map.projects.is_empty() || map.projects.keys().any(|name| may(&name)) {
                return Ok(());
            }
            map.projects.keys().next().map_or(Ok(()), of)
        }
        Subject::Platform => Ok(administration::authorize(app, context).map(|_| ())?),
    }
}

/// The right, if memory alone can tell that it is there: no SQL, no entry.
pub fn grant_in_memory(app: &App, context: &RequestContext, action: Action, subject: &Subject) -> Option<Grant> {
    let map = access_map(app);
    let Subject::Endpoint(name) = subject else { return None };
    let project = map.endpoints.get(name)?;
    access::permitted(&map, context, action, project).is_ok().then(|| Grant::new(action, context))
}

/// The right to what a name means that nothing can have: the use case says so.
pub fn grant_of_nothing(context: &RequestContext, action: Action) -> Grant {
    Grant::new(action, context)
}

fn authorize_known(
    app: &App,
    map: &AccessMap,
    context: &RequestContext,
    action: Action,
    project: &ProjectName,
) -> Result<(), PermissionDenied> {
    match map.projects.get(project) {
        Some(Ok(access)) => permission::check(app, context, access, action),
        Some(Err(why)) => Err(access::unreadable(project, why)),
        None => Ok(()),
    }
}

/// The projects in which someone has a right.
pub(crate) fn projects_where(app: &App, context: &RequestContext, action: Action) -> BTreeSet<ProjectName> {
    let map = access_map(app);
    let may = |name: &&ProjectName| access::permitted(&map, context, action, name).is_ok();
    map.projects.keys().filter(may).cloned().collect()
}

/// What whoever asks may read.
pub fn readable(app: &App, context: &RequestContext) -> Readable {
    let map = access_map(app);
    let may = |name: &&ProjectName| access::permitted(&map, context, Action::Read, name).is_ok();
    let endpoints = map.endpoints.iter().filter(|(_, project)| may(project)).map(|(name, _)| name.clone());
    // Models that a process was given belong to no project: whoever may ask it at all may know of them.
    let endpoints = endpoints.chain(app.components().endpoints.given());
    Readable { projects: map.projects.keys().filter(may).cloned().collect(), endpoints: endpoints.collect() }
}
