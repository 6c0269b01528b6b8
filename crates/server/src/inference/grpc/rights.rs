//! Who may call which method: whoever may use the address of REST that does the same, by the one table of rights.

use kilter_api::{
    Code, Problem,
    rights::{ProjectScope, Requirement, requirement_of_route},
};
use kilter_app::authz::{Authorized, Grant, Subject, act};
use tonic::{Request, Status};

use crate::{
    caller::{Caller, allow},
    inference::grpc::status,
    state::AppState,
};

/// ModelStatistics without the name of a model.
pub(super) const ALL_STATISTICS: &str = "ModelStatistics of all models";

/// Each method that asks for something, and the route that does the same.
const ROUTES: &[(&str, &str, &str)] = &[
    ("ServerMetadata", "GET", "/v2"),
    ("ModelReady", "GET", "/v2/models/{model}/ready"),
    ("ModelMetadata", "GET", "/v2/models/{model}"),
    ("ModelConfig", "GET", "/v2/models/{model}"),
    ("ModelInfer", "POST", "/v2/models/{model}/infer"),
    ("ModelStatistics", "GET", "/v2/models/{model}/stats"),
    (ALL_STATISTICS, "GET", "/v2/models/stats"),
    ("RepositoryIndex", "POST", "/v2/repository/index"),
    ("RepositoryModelLoad", "POST", "/v2/repository/models/{model}/load"),
    ("RepositoryModelUnload", "POST", "/v2/repository/models/{model}/unload"),
];

/// Who asks, or why they are nobody. A stream is asked of once.
#[derive(Clone)]
pub(super) struct Identified(pub(super) Result<Caller, Box<Problem>>);

/// Who sent a request.
pub(super) fn caller<T>(request: &Request<T>) -> Result<Caller, Status> {
    match request.extensions().get::<Identified>() {
        Some(Identified(Ok(caller))) => Ok(caller.clone()),
        Some(Identified(Err(problem))) => Err(status::of_problem(problem)),
        None => Err(Status::unauthenticated("nobody asked who sent the request")),
    }
}

/// Asks for the right to call `method`, of a model where it names one.
pub(super) async fn require(
    state: &AppState,
    caller: Caller,
    method: &str,
    model: Option<&str>,
) -> Result<Option<Grant>, Status> {
    let route = ROUTES.iter().find(|(name, ..)| *name == method);
    let requirement = route.and_then(|(_, verb, path)| requirement_of_route(verb, path));
    match requirement {
        Some(Requirement::Nothing(_)) => Ok(None),
        Some(Requirement::Right(action, scope)) => {
            let subject = match scope {
                // A name that there cannot be is nobody's, and answered as unknown.
                ProjectScope::Endpoint => model.and_then(|model| model.parse().ok()).map(Subject::Endpoint),
                ProjectScope::AnyProject => Some(Subject::AnyProject),
                ProjectScope::EveryProject => Some(Subject::EveryProject),
                _ => Some(Subject::Platform),
            };
            let granted = allow(state, caller, (action, scope), subject).await;
            granted.map(Some).map_err(|problem| status::of_problem(&problem))
        }
        _ => {
            let detail = format!("{method} has no row in the table of rights, so nobody may call it");
            Err(status::of_problem(&Problem::new(Code::PermissionDenied, detail)))
        }
    }
}

/// The right to deploy that was asked for.
pub(super) fn as_deployer(grant: Option<Grant>) -> Result<Authorized<act::Deploy>, Status> {
    let deployer = grant.and_then(Grant::to::<act::Deploy>);
    deployer.ok_or_else(|| Status::permission_denied("the right to deploy was not asked for by this method"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grpc_counts::{INFERENCE, METHODS};

    #[test]
    fn every_method_asks_for_what_its_route_asks() {
        for (name, verb, path) in ROUTES {
            let is_known = |method: &crate::grpc_counts::Method| method.service == INFERENCE && method.name == *name;
            assert!(*name == ALL_STATISTICS || METHODS.iter().any(is_known), "{name}");
            assert!(requirement_of_route(verb, path).is_some(), "{name}: {verb} {path} has no row");
        }
        let open = ["ServerLive", "ServerReady"];
        let asked = |name: &str| name == "ModelStreamInfer" || ROUTES.iter().any(|(known, ..)| *known == name);
        for method in METHODS.iter().filter(|method| method.service == INFERENCE && !open.contains(&method.name)) {
            assert!(asked(method.name), "{} asks for nothing", method.name);
        }
    }
}
