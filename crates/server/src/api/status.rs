//! What there is and how it stands, in one answer.

use axum::{Json, extract::State};
use kilter_api::{self as api, Problem};
use kilter_app::{App, authz, data_folder, identity, replicas};
use kilter_domain::time::Timestamp;
use kilter_store::{
    PageRequest, StoreError, audit,
    deployment::list_endpoints,
    monitor::alert::{self as store, AlertFilter},
};

use crate::{
    api::{
        MAX_ROWS,
        alerts::alert,
        endpoints::{endpoint_status, exceptions, waits},
        read,
    },
    caller::Caller,
    error::{ApiError, problem_of},
    state::{AppState, blocking},
};

fn sharing_server(server: replicas::SharingServer) -> api::SharingServer {
    let replicas::SharingServer { replica, host, lives, until, projects } = server;
    api::SharingServer { replica: replica.number(), host, lives, until, projects }
}

/// What there is and how it stands.
#[utoipa::path(get, path = "/api/v1/status", tag = "monitoring", responses((status = 200, body = api::Status), (status = 401, body = Problem)))]
pub(crate) async fn get_status(caller: Caller, State(state): State<AppState>) -> Result<Json<api::Status>, ApiError> {
    let (app, now) = (state.app(), state.now());
    let readable = authz::readable(&app, &caller.context(&state));
    let mut status = blocking(move || status(&app, now)).await?;
    status.endpoints.retain(|endpoint| readable.has_project(&endpoint.project));
    status.alerts.retain(|alert| readable.has_endpoint(&alert.endpoint));
    for server in &mut status.servers {
        server.projects.retain(|project| readable.has_project(project));
    }
    status.grpc_address = state.grpc_address().map(|address| address.to_string());
    status.tasks = state.tasks();
    status.tasks.retain(|task| task.project.as_ref().is_none_or(|project| readable.has_project(project)));
    Ok(Json(status))
}

/// Every endpoint and what is open there.
///
/// # Errors
/// When the metadata cannot be read.
pub fn status(app: &App, now: Timestamp) -> Result<api::Status, Problem> {
    let mut status = read(app, |reader| {
        let open = AlertFilter { open: true, ..AlertFilter::default() };
        let alerts: Vec<_> =
            store::list(reader, &open, &PageRequest::first(MAX_ROWS))?.items.iter().map(alert).collect();
        let endpoints = list_endpoints(reader, None, &PageRequest::first(MAX_ROWS))?.items;
        let endpoints = endpoints.into_iter().map(|endpoint| {
            let open = alerts.iter().filter(|alert| alert.endpoint == endpoint.name.as_str()).count() as u64;
            endpoint_status(reader, endpoint, open, app)
        });
        Ok(api::Status {
            endpoints: endpoints.collect::<Result<_, StoreError>>()?,
            alerts,
            single_user: !identity::is_required(app),
            audit_entries: audit::size(reader)?,
            tasks: Vec::new(),
            damage: data_folder::damage(app),
            servers: Vec::new(),
            grpc_address: None,
        })
    })?;
    let servers = replicas::list_servers(app).map_err(|error| problem_of(&error))?;
    status.servers = servers.into_iter().map(sharing_server).collect();
    for endpoint in &mut status.endpoints {
        endpoint.waits = endpoint.name.parse().ok().and_then(|name| waits(app, &name, now));
        endpoint.exceptions = exceptions(app, endpoint, now);
    }
    Ok(status)
}
