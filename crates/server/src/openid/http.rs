//! Questions to the provider: each is bounded in time and size, and after one that did not reach it nobody asks for a few seconds.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use kilter_domain::error_chain::with_causes;
use reqwest::{Client, RequestBuilder, Url, header, redirect::Policy};
use serde::de::DeserializeOwned;

use super::error::ProviderError;

/// How long the provider may take.
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);
/// The largest answer of the provider.
const MAX_BYTES: usize = 1 << 20;
/// For how long nobody asks after a question that did not reach the provider, or that it did not answer as it should.
pub(super) const PAUSE: Duration = Duration::from_secs(5);

/// The way to the provider.
pub(super) struct ProviderHttp {
    issuer: String,
    pub(super) client: Client,
    /// When a question did not reach it last, and why.
    unreached: Mutex<Option<(Instant, String)>>,
}

impl ProviderHttp {
    /// # Errors
    /// If the address is none, or others could read what is said on the way to it.
    pub(super) fn new(issuer: &str, timeout: Duration) -> Result<Self, String> {
        let url = Url::parse(issuer).map_err(|error| format!("`{issuer}`: {error}"))?;
        if !is_private(&url) {
            return Err(format!("`{issuer}` is not an https address, and not on this machine"));
        }
        let client = Client::builder().timeout(timeout).redirect(Policy::none()).build();
        let client = client.map_err(|error| error.to_string())?;
        Ok(Self { issuer: issuer.to_owned(), client, unreached: Mutex::default() })
    }

    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    pub(super) fn unavailable(&self, reason: impl ToString) -> ProviderError {
        ProviderError::Unavailable { issuer: self.issuer.clone(), reason: reason.to_string() }
    }

    /// Asks, and reads the answer.
    ///
    /// # Errors
    /// If the provider is not reached, was not a moment ago, or does not answer with JSON.
    pub(super) async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ProviderError> {
        let unreached = self.unreached().clone();
        if let Some((_, reason)) = unreached.filter(|(at, _)| at.elapsed() < PAUSE) {
            return Err(self.unavailable(format!("{reason}; it is asked again in a few seconds")));
        }
        // The address is in the message already; a query could have a secret.
        let failed = |error: reqwest::Error| {
            let reason = with_causes(&error.without_url());
            *self.unreached() = Some((Instant::now(), reason.clone()));
            self.unavailable(reason)
        };
        let mut answer = request.header(header::ACCEPT, "application/json").send().await.map_err(failed)?;
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(failed)? {
            body.extend_from_slice(&part);
            if body.len() > MAX_BYTES {
                return Err(self.unavailable("its answer is too long"));
            }
        }
        if status.is_server_error() {
            return Err(self.unavailable(format!("it answers {status}")));
        }
        serde_json::from_slice(&body)
            .map_err(|_| self.unavailable(format!("it answers {status}, and not as it should")))
    }

    fn unreached(&self) -> MutexGuard<'_, Option<(Instant, String)>> {
        self.unreached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether nobody on the way can read what is said there: TLS, or this machine itself.
pub(super) fn is_private(url: &Url) -> bool {
    let is_local = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && is_local)
}
