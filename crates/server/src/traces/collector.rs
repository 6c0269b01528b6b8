//! Deliveries to the collector: each is bounded in time and size, and that it is away is reported once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use async_trait::async_trait;
use axum::{
    body::Bytes,
    http::{Request, Response},
};
use kilter_domain::error_chain::with_causes;
use opentelemetry_http::{HttpClient, HttpError};
use reqwest::{Client, redirect::Policy};
use tokio::runtime::Handle;

use crate::traces::settings::TraceError;

/// The most bytes of an answer that are read: what it says is not looked at.
const MAX_ANSWER: usize = 64 << 10;

/// The way to the collector. The thread that sends has no runtime of its own, so requests run on that of the server.
#[derive(Clone, Debug)]
pub(super) struct Collector {
    client: Client,
    runtime: Handle,
    is_away: Arc<AtomicBool>,
}

impl Collector {
    /// # Errors
    /// If the machine gives no client.
    pub(super) fn new(runtime: Handle, timeout: Duration) -> Result<Self, TraceError> {
        let client = Client::builder().timeout(timeout).redirect(Policy::none()).build();
        let client = client.map_err(|error| TraceError::Unusable(with_causes(&error)))?;
        Ok(Self { client, runtime, is_away: Arc::default() })
    }

    /// Logs that it does not take spans, or does again.
    fn report(&self, sent: &Result<Response<Bytes>, HttpError>) {
        let fault = match sent {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(format!("it answered {}", response.status())),
            Err(error) => Some(with_causes(&**error)),
        };
        match fault {
            Some(reason) if !self.is_away.swap(true, Relaxed) => {
                tracing::warn!(reason, "the collector of traces does not take them: spans are lost until it does");
            }
            None if self.is_away.swap(false, Relaxed) => tracing::info!("the collector of traces takes them again"),
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let sent = self.runtime.spawn(async move { send(&client, request).await }).await;
        let sent = sent.unwrap_or_else(|error| Err(error.into()));
        self.report(&sent);
        sent
    }
}

async fn send(client: &Client, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let request = reqwest::Request::try_from(request).map_err(reqwest::Error::without_url)?;
    let mut answer = client.execute(request).await.map_err(reqwest::Error::without_url)?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
        let room = MAX_ANSWER - body.len();
        body.extend_from_slice(&part[..part.len().min(room)]);
        if body.len() == MAX_ANSWER {
            break;
        }
    }
    let mut response = Response::new(body.into());
    (*response.status_mut(), *response.headers_mut()) = (status, headers);
    Ok(response)
}
