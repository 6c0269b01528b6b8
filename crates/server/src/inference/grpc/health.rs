//! `grpc.health.v1`: how the server stands, and how each endpoint does.

use std::{pin::Pin, time::Duration};

use futures::Stream;
use tonic::{Request, Response, Status, async_trait};

use crate::{
    grpc_counts::INFERENCE,
    inference::{
        endpoint::serving,
        grpc::{
            call::Deadline,
            health_protocol::{
                HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus, health_server::Health,
            },
            rights, status,
            stop::Stop,
        },
    },
    state::AppState,
};

/// How often someone who watches is told of a change.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The service.
pub(super) struct HealthService {
    pub(super) state: AppState,
    pub(super) stop: Stop,
}

type States = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

#[async_trait]
impl Health for HealthService {
    type WatchStream = States;

    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        self.require(&request).await?;
        match state_of(&self.state, &request.get_ref().service) {
            ServingStatus::ServiceUnknown => Err(Status::not_found("there is no service or endpoint of this name")),
            state => Ok(Response::new(answer(state))),
        }
    }

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<States>, Status> {
        self.require(&request).await?;
        let watch = Watch {
            state: self.state.clone(),
            stop: self.stop.clone(),
            deadline: request.extensions().get::<Deadline>().copied().unwrap_or_default(),
            service: request.into_inner().service,
            last: None,
        };
        Ok(Response::new(Box::pin(watch.states())))
    }
}

impl HealthService {
    /// Probes of the server have no name. An endpoint's name is told to whom REST tells it.
    async fn require(&self, request: &Request<HealthCheckRequest>) -> Result<(), Status> {
        let service = &request.get_ref().service;
        if is_server(service) {
            return Ok(());
        }
        rights::require(&self.state, rights::caller(request)?, "ModelReady", Some(service)).await.map(drop)
    }
}

fn is_server(service: &str) -> bool {
    service.is_empty() || service == INFERENCE
}

fn state_of(state: &AppState, service: &str) -> ServingStatus {
    let is_ready = match is_server(service) {
        true => state.readiness().ready,
        false => match serving(&state.app(), service) {
            Ok(serving) => serving.endpoint().ready().ready && !state.is_stopping(),
            Err(error) if error.status == 404 => return ServingStatus::ServiceUnknown,
            Err(_) => false,
        },
    };
    if is_ready { ServingStatus::Serving } else { ServingStatus::NotServing }
}

fn answer(state: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: state.into() }
}

/// Someone who is told of every change.
struct Watch {
    state: AppState,
    stop: Stop,
    deadline: Deadline,
    service: String,
    last: Option<ServingStatus>,
}

impl Watch {
    /// How the service stands now, and again whenever that changes, until the server stops.
    fn states(self) -> impl Stream<Item = Result<HealthCheckResponse, Status>> {
        futures::stream::unfold(Some(self), |watch| async move {
            let mut watch = watch?;
            loop {
                let now = state_of(&watch.state, &watch.service);
                if watch.last.replace(now) != Some(now) {
                    return Some((Ok(answer(now)), Some(watch)));
                }
                tokio::select! {
                    () = watch.stop.wait() => return Some((Err(status::stopping()), None)),
                    () = watch.deadline.wait() => return Some((Err(status::too_late("Watch")), None)),
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                }
            }
        })
    }
}
