//! MLflow's API of a server, and its artifacts as streams.

use std::error::Error;

use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use hyper::{
    Method, Response,
    body::{Body, Bytes},
};
use kilter_api::{ImportFinished, ImportRecords, Imported, Problem};

use crate::{client::Client, transport::StreamBody};

/// A body of another kind as one that a client sends.
pub fn stream_body<B>(body: B) -> StreamBody
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    UnsyncBoxBody::new(body.map_err(Into::into))
}

/// Every method fails with what the API answers, and if the server cannot be reached.
#[allow(clippy::missing_errors_doc)]
impl Client {
    /// Status and body of an answer of MLflow's API; `body` is JSON, empty for one that has none.
    pub async fn mlflow(&self, method: Method, path: &str, body: Bytes) -> Result<(u16, Bytes), Problem> {
        let response = self.answer(method, path, body).await?;
        Ok((response.status().as_u16(), response.into_body()))
    }

    /// Stores a file as an artifact, or reads one: at a path of the proxy, escaped.
    pub async fn artifact(
        &self,
        method: Method,
        path: &str,
        body: StreamBody,
    ) -> Result<Response<StreamBody>, Problem> {
        self.stream(method, path, body).await
    }

    /// Brings things that another tracking server has.
    pub async fn import_records(&self, body: &ImportRecords) -> Result<Imported, Problem> {
        self.post("/api/v1/imports/mlflow", body).await
    }

    /// Records that an import came to its end.
    pub async fn finish_import(&self, body: &ImportFinished) -> Result<Imported, Problem> {
        self.post("/api/v1/imports/mlflow/finish", body).await
    }
}
