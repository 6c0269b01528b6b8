//! The Open Inference Protocol over gRPC: each method asks for its right and calls what REST calls.

use std::pin::Pin;

use axum::http::HeaderMap;
use futures::Stream;
use kilter_serving::{
    Endpoint, EventTimes,
    endpoint::AnsweredBy,
    v2::{ModelMetadata, ServerMetadata},
};
use prost::Message;
use tonic::{Extensions, Request, Response, Status, Streaming, async_trait, metadata::MetadataMap};

use crate::{
    caller::Caller,
    inference::{
        endpoint::{ask, serving, version_number},
        grpc::{
            call::{CallTrace, Deadline},
            message_body::Places,
            protocol::{
                ModelConfigRequest, ModelConfigResponse, ModelInferRequest, ModelInferResponse, ModelMetadataRequest,
                ModelMetadataResponse, ModelReadyRequest, ModelReadyResponse, ModelStatisticsRequest,
                ModelStatisticsResponse, ModelStreamInferResponse, RepositoryIndexRequest, RepositoryIndexResponse,
                RepositoryModelLoadRequest, RepositoryModelLoadResponse, RepositoryModelUnloadRequest,
                RepositoryModelUnloadResponse, ServerLiveRequest, ServerLiveResponse, ServerMetadataRequest,
                ServerMetadataResponse, ServerReadyRequest, ServerReadyResponse,
                grpc_inference_service_server::GrpcInferenceService,
            },
            request, response, rights, status,
            stop::Stop,
        },
        repository,
        route::{VERSION, asked_version, one_version, put_route},
        statistics,
    },
    net::redact,
    state::AppState,
    traces,
};

/// The service.
pub(super) struct InferenceService {
    pub(super) state: AppState,
    pub(super) stop: Stop,
}

type Answers = Pin<Box<dyn Stream<Item = Result<ModelStreamInferResponse, Status>> + Send>>;

#[async_trait]
impl GrpcInferenceService for InferenceService {
    type ModelStreamInferStream = Answers;

    async fn server_live(&self, _: Request<ServerLiveRequest>) -> Result<Response<ServerLiveResponse>, Status> {
        Ok(Response::new(ServerLiveResponse { live: true }))
    }

    async fn server_ready(&self, _: Request<ServerReadyRequest>) -> Result<Response<ServerReadyResponse>, Status> {
        Ok(Response::new(ServerReadyResponse { ready: self.state.readiness().ready }))
    }

    async fn server_metadata(
        &self,
        request: Request<ServerMetadataRequest>,
    ) -> Result<Response<ServerMetadataResponse>, Status> {
        rights::require(&self.state, rights::caller(&request)?, "ServerMetadata", None).await?;
        let ServerMetadata { name, version, extensions } = ServerMetadata::kilter(env!("CARGO_PKG_VERSION"));
        Ok(Response::new(ServerMetadataResponse { name, version, extensions }))
    }

    async fn model_ready(&self, request: Request<ModelReadyRequest>) -> Result<Response<ModelReadyResponse>, Status> {
        let caller = rights::caller(&request)?;
        let ModelReadyRequest { name, version } = request.into_inner();
        rights::require(&self.state, caller, "ModelReady", Some(&name)).await?;
        metadata(&self.state, &name, &version)?;
        let serving = serving(&self.state.app(), &name).map_err(status::of_error)?;
        Ok(Response::new(ModelReadyResponse { ready: serving.endpoint().ready().ready }))
    }

    async fn model_metadata(
        &self,
        request: Request<ModelMetadataRequest>,
    ) -> Result<Response<ModelMetadataResponse>, Status> {
        let caller = rights::caller(&request)?;
        let ModelMetadataRequest { name, version } = request.into_inner();
        rights::require(&self.state, caller, "ModelMetadata", Some(&name)).await?;
        Ok(Response::new(response::metadata(metadata(&self.state, &name, &version)?)))
    }

    async fn model_config(
        &self,
        request: Request<ModelConfigRequest>,
    ) -> Result<Response<ModelConfigResponse>, Status> {
        let caller = rights::caller(&request)?;
        let ModelConfigRequest { name, version } = request.into_inner();
        rights::require(&self.state, caller, "ModelConfig", Some(&name)).await?;
        let config = response::config(metadata(&self.state, &name, &version)?);
        Ok(Response::new(ModelConfigResponse { config: Some(config) }))
    }

    async fn model_infer(&self, request: Request<ModelInferRequest>) -> Result<Response<ModelInferResponse>, Status> {
        let caller = rights::caller(&request)?;
        // The extensions hold the places of the message until it is answered.
        let (metadata, _extensions, message) = request.into_parts();
        let version = stated_version(metadata)?;
        let (message, answered) = infer(&self.state, caller, message, version).await?;
        let mut headers = HeaderMap::new();
        put_route(&mut headers, answered);
        Ok(Response::from_parts(MetadataMap::from_headers(headers), message, Extensions::new()))
    }

    async fn model_stream_infer(
        &self,
        request: Request<Streaming<ModelInferRequest>>,
    ) -> Result<Response<Answers>, Status> {
        let caller = rights::caller(&request)?;
        let (metadata, extensions, messages) = request.into_parts();
        let stream = InferStream {
            state: self.state.clone(),
            caller,
            version: stated_version(metadata)?,
            messages,
            places: extensions.get::<Places>().cloned().unwrap_or_default(),
            deadline: extensions.get::<Deadline>().copied().unwrap_or_default(),
            trace: extensions.get::<CallTrace>().cloned().unwrap_or_default(),
            stop: self.stop.clone(),
        };
        Ok(Response::new(Box::pin(stream.answers())))
    }

    async fn model_statistics(
        &self,
        request: Request<ModelStatisticsRequest>,
    ) -> Result<Response<ModelStatisticsResponse>, Status> {
        let caller = rights::caller(&request)?;
        let ModelStatisticsRequest { name, version } = request.into_inner();
        let found = if name.is_empty() {
            rights::require(&self.state, caller.clone(), rights::ALL_STATISTICS, None).await?;
            statistics::of_all(&self.state, &caller)
        } else {
            rights::require(&self.state, caller, "ModelStatistics", Some(&name)).await?;
            let version = Some(version.as_str()).filter(|version| !version.is_empty());
            statistics::of_model(&self.state, &name, version).map_err(status::of_error)?
        };
        let model_stats = found.into_iter().map(response::statistics).collect();
        Ok(Response::new(ModelStatisticsResponse { model_stats }))
    }

    async fn repository_index(
        &self,
        request: Request<RepositoryIndexRequest>,
    ) -> Result<Response<RepositoryIndexResponse>, Status> {
        let caller = rights::caller(&request)?;
        rights::require(&self.state, caller.clone(), "RepositoryIndex", None).await?;
        let entries = repository::entries(&self.state, &caller, request.get_ref().ready);
        let models = entries.into_iter().map(response::index_entry).collect();
        Ok(Response::new(RepositoryIndexResponse { models }))
    }

    async fn repository_model_load(
        &self,
        request: Request<RepositoryModelLoadRequest>,
    ) -> Result<Response<RepositoryModelLoadResponse>, Status> {
        let caller = rights::caller(&request)?;
        let RepositoryModelLoadRequest { repository_name, model_name, parameters } = request.into_inner();
        let model_name = named(model_name, repository_name);
        let grant = rights::require(&self.state, caller, "RepositoryModelLoad", Some(&model_name)).await?;
        let by = rights::as_deployer(grant)?;
        let parameter = parameters.into_keys().next();
        repository::load_live(&self.state, by, &model_name, parameter).await.map_err(status::of_error)?;
        Ok(Response::new(RepositoryModelLoadResponse { model_name, is_loaded: true }))
    }

    async fn repository_model_unload(
        &self,
        request: Request<RepositoryModelUnloadRequest>,
    ) -> Result<Response<RepositoryModelUnloadResponse>, Status> {
        let caller = rights::caller(&request)?;
        let RepositoryModelUnloadRequest { repository_name, model_name, .. } = request.into_inner();
        let model_name = named(model_name, repository_name);
        rights::require(&self.state, caller, "RepositoryModelUnload", Some(&model_name)).await?;
        Err(status::of_error(repository::refuse_unload(&self.state, &model_name).await))
    }
}

/// The name of a model, which clients of KServe send where those of Triton send the name of a repository.
fn named(model_name: String, repository_name: String) -> String {
    if model_name.is_empty() { repository_name } else { model_name }
}

/// What an endpoint takes and answers, of one version where one is named.
fn metadata(state: &AppState, model: &str, version: &str) -> Result<ModelMetadata, Status> {
    let serving = serving(&state.app(), model).map_err(status::of_error)?;
    let endpoint = serving.endpoint();
    let found = if version.is_empty() { endpoint.metadata() } else { endpoint.version_metadata(version) };
    found.map_err(|error| status::of_error(error.into()))
}

/// The version that the metadata of a call asks for.
fn stated_version(metadata: MetadataMap) -> Result<Option<u64>, Status> {
    if !metadata.contains_key(VERSION.as_str()) {
        return Ok(None);
    }
    asked_version(&metadata.into_headers()).map_err(|problem| status::of_problem(&problem))
}

/// Asks for the right, then reads, answers and records one message.
async fn infer(
    state: &AppState,
    caller: Caller,
    message: ModelInferRequest,
    version: Option<u64>,
) -> Result<(ModelInferResponse, AnsweredBy), Status> {
    rights::require(state, caller, "ModelInfer", Some(&message.model_name)).await?;
    let serving = serving(&state.app(), &message.model_name).map_err(status::of_error)?;
    let bytes = message.encoded_len();
    let number = match message.model_version.as_str() {
        "" => None,
        version => Some(version_number(&serving, version).map_err(status::of_error)?),
    };
    let version = one_version(number, version).map_err(status::of_error)?;
    let read = move |endpoint: &Endpoint| endpoint.accept(request::read(message, endpoint.limits())?, EventTimes::Now);
    let answered = ask(state, serving, (bytes, version), read, |answered| response::of(&answered)).await;
    answered.map_err(status::of_error)
}

/// The messages of one client, answered in their order.
struct InferStream {
    state: AppState,
    caller: Caller,
    version: Option<u64>,
    messages: Streaming<ModelInferRequest>,
    places: Places,
    deadline: Deadline,
    trace: CallTrace,
    stop: Stop,
}

impl InferStream {
    /// One answer for each message. The stream ends with the client's part of it, at its deadline, when a message cannot be
    /// read at all, and when the server stops; a message that began is answered first.
    fn answers(self) -> impl Stream<Item = Result<ModelStreamInferResponse, Status>> {
        futures::stream::unfold(Some(self), |stream| async move {
            let mut stream = stream?;
            let next = tokio::select! {
                biased;
                () = stream.stop.wait() => Err(status::stopping()),
                () = stream.deadline.wait() => Err(status::too_late("ModelStreamInfer")),
                next = stream.messages.message() => next,
            };
            match next {
                Ok(Some(message)) => {
                    let answer = stream.answer(message).await;
                    Some((Ok(answer), Some(stream)))
                }
                Ok(None) => None,
                Err(status) => Some((Err(status), None)),
            }
        })
    }

    async fn answer(&self, message: ModelInferRequest) -> ModelStreamInferResponse {
        let head = ModelInferResponse {
            model_name: message.model_name.clone(),
            model_version: message.model_version.clone(),
            id: message.id.clone(),
            ..ModelInferResponse::default()
        };
        let limit = self.state.options().limits.request;
        let asked = infer(&self.state, self.caller.clone(), message, self.version);
        let answered = tokio::time::timeout(limit, traces::within(self.trace.0.as_ref(), asked)).await;
        let answered = answered.unwrap_or_else(|_| Err(status::too_late("a request of the stream")));
        if answered.is_err() {
            self.state.signals().fail_request();
        }
        self.places.release();
        let message = |status: Status| {
            let message = status.message();
            redact::shorten(message, &self.state.options().data).unwrap_or_else(|| message.to_owned())
        };
        response::in_stream(answered.map(|(answer, _)| answer).map_err(message), head)
    }
}
