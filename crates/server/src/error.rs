//! Failures as responses, and what the errors of the crates below mean to whoever asked.

use std::{error::Error, io, sync::Arc};

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use kilter_api::{Code, Problem};
use kilter_app::{
    AppError,
    dataset::RolesError,
    model::{GoldenError, PackageError},
    replay::ReplayError,
};
use kilter_domain::model::IllegalVersionTransition;
use kilter_serving::{InferError, LoadRejected, prediction_log::LogError, v2::ErrorBody};
use kilter_store::StoreError;
use kilter_workflow::RunError;
use serde::Serialize;

/// When a request that was refused for lack of room may come again, in seconds.
pub(crate) const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// What a handler answers when it cannot do what was asked.
#[derive(Debug)]
pub(crate) struct ApiError(pub(crate) Box<Problem>);

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem))
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // A problem is texts and a number: writing it cannot fail.
        let body = serde_json::to_vec(&self.0).unwrap_or_default();
        let mut response = (status, body).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// A failure in the words of the protocol.
pub(crate) struct V2Error {
    pub(crate) status: u16,
    pub(crate) error: String,
}

impl IntoResponse for V2Error {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, json(&ErrorBody { error: self.error })).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response
    }
}

impl From<InferError> for V2Error {
    fn from(error: InferError) -> Self {
        Self { status: error.status(), error: error.to_string() }
    }
}

/// The caller's token was refused, or the body: the protocol's body, our status.
impl From<ApiError> for V2Error {
    fn from(failure: ApiError) -> Self {
        Self { status: failure.0.status, error: failure.0.to_string() }
    }
}

/// A refusal in the words of the protocol that the address speaks.
pub(crate) fn error_response(path: &str, problem: Problem) -> Response {
    match path.starts_with("/v2") {
        true => V2Error::from(ApiError::from(problem)).into_response(),
        false => ApiError::from(problem.at(path)).into_response(),
    }
}

pub(crate) fn json(body: &impl Serialize) -> Response {
    // Bodies of the protocol are texts and numbers under text keys: writing them cannot fail.
    raw(serde_json::to_vec(body).unwrap_or_default())
}

pub(crate) fn raw(body: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}

/// An error of the platform as a problem.
pub fn problem_of(error: &AppError) -> Problem {
    let problem = Problem::of(code(error), error);
    match error {
        AppError::RightMissing { is_nameless: true, .. } => problem.hint(
            "say who asks with the header `x-kilter-actor: user:NAME` (or `svc:NAME`), or give the role to `svc:api`, which is \
             whoever says nothing",
        ),
        AppError::Package(PackageError::Model { source, .. })
        | AppError::ModelFile { source, .. }
        | AppError::Admit(LoadRejected::Load { source, .. }) => problem.hint(source.hint()),
        AppError::GoldenDiffers { .. } => problem.hint("make a new version with `kilter run`, or deploy another one"),
        _ => problem,
    }
}

/// An error of a replay as a problem.
pub fn replay_problem(error: &ReplayError) -> Problem {
    match error {
        ReplayError::App(error) => problem_of(error),
        ReplayError::Alone { .. } => Problem::of(Code::FileInvalid, error),
        ReplayError::FirstTraining { .. } => Problem::of(Code::StepFailed, error),
        _ => Problem::of(Code::ContractInvalid, error),
    }
}

/// An error of the metadata as a problem.
pub fn store_problem(error: &StoreError) -> Problem {
    Problem::of(store(error), error)
}

fn code(error: &AppError) -> Code {
    match error {
        AppError::NoContract(_) => Code::FileNotFound,
        AppError::Contract(_)
        | AppError::NoName(_)
        | AppError::NotInContract { .. }
        | AppError::Plan(_)
        | AppError::Run(RunError::Plan(_)) => Code::ContractInvalid,
        AppError::NotFound { .. } => Code::NotFound,
        AppError::NoLiveVersion { .. } => Code::NoLiveVersion,
        AppError::InvalidState { .. } => Code::InvalidState,
        AppError::VersionMove(IllegalVersionTransition::Right(_)) => Code::RightMissing,
        AppError::VersionMove(_) | AppError::DeploymentMove(_) | AppError::AlertMove(_) => Code::InvalidState,
        AppError::SignatureDiffers { .. } => Code::SignatureDiffers,
        AppError::RightMissing { .. } => Code::RightMissing,
        AppError::Package(error) => package(error),
        AppError::Golden(error) => golden(error),
        AppError::ModelFile { .. } | AppError::GoldenDiffers { .. } | AppError::Admit(_) | AppError::Routes(_) => {
            Code::ModelInvalid
        }
        AppError::Leakage { .. } | AppError::ReservedInput { .. } => Code::TrainingRefused,
        AppError::Predict { .. } => Code::InvalidRows,
        AppError::ColumnRoles(RolesError::NotATime { .. }) => Code::FileInvalid,
        AppError::ColumnRoles(RolesError::NoTime { .. } | RolesError::NoLabel { .. }) => Code::ContractInvalid,
        AppError::ColumnRoles(RolesError::Column { .. }) | AppError::Table(_) => Code::ColumnUnknown,
        AppError::LabelFromFuture { .. } => Code::RequestInvalid,
        AppError::Infer(error) => infer(error),
        AppError::Store(error) => store(error),
        error if error.is_damage() => Code::DataDamaged,
        AppError::Log(source) => log(source),
        AppError::Run(_) => of_disk(error).unwrap_or(Code::StepFailed),
        AppError::Lake(_) => of_disk(error).unwrap_or(Code::FileInvalid),
        _ => of_disk(error).unwrap_or(Code::StorageFailed),
    }
}

fn package(error: &PackageError) -> Code {
    match error {
        PackageError::PartMissing { .. } | PackageError::Model { .. } => Code::ModelInvalid,
        PackageError::Table(_) => Code::ColumnUnknown,
        error if error.is_damaged() => Code::DataDamaged,
        PackageError::Lake(_) => of_disk(error).unwrap_or(Code::FileInvalid),
        PackageError::Document { .. } | PackageError::Reference(_) | PackageError::Blob(_) => {
            of_disk(error).unwrap_or(Code::StorageFailed)
        }
    }
}

fn golden(error: &GoldenError) -> Code {
    match error {
        GoldenError::Predict(_) => Code::InvalidRows,
        GoldenError::Table(_) => Code::ColumnUnknown,
        GoldenError::Route(_) => Code::ModelInvalid,
        GoldenError::Infer(error) => infer(error),
        GoldenError::Answer(_) => Code::StorageFailed,
    }
}

fn infer(error: &InferError) -> Code {
    match error {
        error if error.status() < 500 => Code::RequestInvalid,
        InferError::NotRecorded { source } => log(source),
        _ => of_disk(error).unwrap_or(Code::StorageFailed),
    }
}

fn log(error: &LogError) -> Code {
    match error {
        LogError::DiskFull { .. } => Code::DiskFull,
        LogError::Busy { .. } => Code::Overloaded,
        LogError::TooLarge { .. } => Code::BodyTooLarge,
        LogError::InUse { .. } => Code::DataFolderInUse,
        LogError::Vanished { .. } => Code::DataVanished,
        _ => Code::StorageFailed,
    }
}

fn store(error: &StoreError) -> Code {
    match error {
        StoreError::InUse { .. } => Code::DataFolderInUse,
        StoreError::NotFound { .. } => Code::NotFound,
        StoreError::Conflict { .. } | StoreError::Moved { .. } => Code::InvalidState,
        StoreError::Invalid { .. } | StoreError::InvalidCursor(_) => Code::RequestInvalid,
        StoreError::DiskFull { .. } => Code::DiskFull,
        StoreError::Busy { .. } => Code::TimedOut,
        StoreError::Damaged { .. } | StoreError::ForeignDatabase { .. } => Code::DataDamaged,
        StoreError::Vanished { .. } => Code::DataVanished,
        error => of_disk(error).unwrap_or(Code::StorageFailed),
    }
}

/// What the disk answered, somewhere beneath.
fn of_disk(error: &(dyn Error + 'static)) -> Option<Code> {
    let mut link = Some(error);
    let mut found = None;
    while let Some(error) = link {
        let shared = || error.downcast_ref::<Arc<io::Error>>().map(|error| &**error);
        found = found.or_else(|| error.downcast_ref::<io::Error>()).or_else(shared);
        link = error.source();
    }
    found.map(|error| match error.kind() {
        io::ErrorKind::NotFound => Code::FileNotFound,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => Code::DiskFull,
        _ => Code::StorageFailed,
    })
}
