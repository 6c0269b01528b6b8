//! Sending a few bytes to an `https://` address.
//!
//! Invariants: one request, bounded in time; a redirect is not followed; of an address only scheme and host are shown.

use std::{thread, time::Duration};

use reqwest::{Client, Url, header::CONTENT_TYPE, redirect::Policy};
use tokio::runtime::Builder;

use crate::download::DownloadError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(20);

/// Sends `body` by POST. Any status of success counts as received.
///
/// # Errors
/// When it is no address, nobody answers there within 20 s, or the answer is no success.
pub fn post(url: &str, content_type: &str, body: Vec<u8>) -> Result<(), DownloadError> {
    let parsed = Url::parse(url)
        .map_err(|error| DownloadError::Address { address: "the text".to_owned(), reason: error.to_string() })?;
    let address = parsed.origin().ascii_serialization();
    let unavailable = |reason: String| DownloadError::Unavailable { address: address.clone(), reason };
    let send = || {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| unavailable(error.to_string()))?;
        let client = Client::builder().connect_timeout(CONNECT_TIMEOUT).timeout(TIMEOUT).redirect(Policy::none());
        let client =
            client.user_agent("kilter").build().map_err(|error| unavailable(error.without_url().to_string()))?;
        let request = client.post(parsed.clone()).header(CONTENT_TYPE, content_type).body(body);
        // The clock of its timeout is that of the runtime, so it begins inside.
        let answer = runtime.block_on(async move { request.send().await });
        let answer = answer.map_err(|error| unavailable(error.without_url().to_string()))?;
        match answer.status().is_success() {
            true => Ok(()),
            false => Err(DownloadError::Refused { address: address.clone(), status: answer.status().as_u16() }),
        }
    };
    // A thread of its own: the caller may be in an async context, which must not be blocked by another one.
    thread::scope(|scope| scope.spawn(send).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
