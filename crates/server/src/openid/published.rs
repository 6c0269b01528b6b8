//! What the provider publishes: its addresses and its keys.
//!
//! Invariants: one request reads at a time, and the others wait for that one, so however many there are, each waits as long as one question
//! takes; no lock is held meanwhile. After a reading that failed nobody reads for a few seconds. A reading is believed for ten minutes; a key
//! that it does not have makes us read again, at most every few seconds.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use reqwest::Url;
use serde::Deserialize;
use tokio::sync::watch;

use super::{
    error::ProviderError,
    http::{PAUSE, ProviderHttp, is_private},
    jwt::{Jwk, Jwks},
};

/// How long a reading is believed.
const FRESH: Duration = Duration::from_secs(10 * 60);

/// What the provider publishes (OpenID Connect Discovery).
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Metadata {
    pub issuer: String,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    jwks_uri: String,
    pub introspection_endpoint: Option<String>,
}

/// What was read, and when.
pub(super) struct Reading {
    pub metadata: Metadata,
    pub keys: Vec<Jwk>,
    at: Instant,
}

/// Which reading is wanted.
#[derive(Clone, Copy)]
enum Wanted {
    Fresh,
    /// One that was made after this, or just before it.
    After(Instant),
}

/// What was read of the provider.
pub(super) struct Published {
    pub http: ProviderHttp,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    reading: Option<Arc<Reading>>,
    failed: Option<(Instant, ProviderError)>,
    /// Closed by whoever reads now, when they are done.
    under_way: Option<watch::Receiver<()>>,
}

impl State {
    fn usable(&self, wanted: Wanted) -> Option<Arc<Reading>> {
        let reading = self.reading.as_ref()?;
        let age = reading.at.elapsed();
        let is_usable = match wanted {
            Wanted::Fresh => age < FRESH,
            Wanted::After(at) => reading.at > at || age < PAUSE,
        };
        is_usable.then(|| reading.clone())
    }
}

/// Whoever reads now. However that ends, the others go on.
struct Reader<'a> {
    published: &'a Published,
    _done: watch::Sender<()>,
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        self.published.state().under_way = None;
    }
}

impl Published {
    pub(super) fn new(http: ProviderHttp) -> Self {
        Self { http, state: Mutex::default() }
    }

    /// A reading that is not older than ten minutes.
    ///
    /// # Errors
    /// If the provider cannot be asked, or could not a moment ago.
    pub(super) async fn current(&self) -> Result<Arc<Reading>, ProviderError> {
        self.read(Wanted::Fresh).await
    }

    /// A reading that is newer than this one, unless this one is new.
    ///
    /// # Errors
    /// If the provider cannot be asked, or could not a moment ago.
    pub(super) async fn newer_than(&self, reading: &Reading) -> Result<Arc<Reading>, ProviderError> {
        self.read(Wanted::After(reading.at)).await
    }

    async fn read(&self, wanted: Wanted) -> Result<Arc<Reading>, ProviderError> {
        loop {
            let turn = {
                let mut state = self.state();
                if let Some(reading) = state.usable(wanted) {
                    return Ok(reading);
                }
                match (&state.under_way, &state.failed) {
                    (Some(under_way), _) => Err(under_way.clone()),
                    (None, Some((at, error))) if at.elapsed() < PAUSE => return Err(error.clone()),
                    (None, _) => {
                        let (done, under_way) = watch::channel(());
                        state.under_way = Some(under_way);
                        Ok(Reader { published: self, _done: done })
                    }
                }
            };
            match turn {
                Ok(reader) => return reader.read().await,
                // Nothing is ever sent: it ends when the reader does, also when that one's own request was given up.
                Err(mut under_way) => drop(under_way.changed().await),
            }
        }
    }

    async fn ask(&self) -> Result<Reading, ProviderError> {
        let issuer = self.http.issuer().trim_end_matches('/');
        let url = format!("{issuer}/.well-known/openid-configuration");
        let metadata: Metadata = self.http.send(self.http.client.get(url)).await?;
        if metadata.issuer.trim_end_matches('/') != issuer {
            return Err(self.http.unavailable(format!("it calls itself {}", metadata.issuer)));
        }
        for endpoint in [&metadata.authorization_endpoint, &metadata.token_endpoint, &metadata.jwks_uri]
            .into_iter()
            .chain(&metadata.introspection_endpoint)
        {
            if !Url::parse(endpoint).is_ok_and(|url| is_private(&url)) {
                return Err(self.http.unavailable(format!("its address {endpoint} is not https")));
            }
        }
        let jwks: Jwks = self.http.send(self.http.client.get(&metadata.jwks_uri)).await?;
        Ok(Reading { metadata, keys: jwks.known(), at: Instant::now() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader<'_> {
    async fn read(self) -> Result<Arc<Reading>, ProviderError> {
        let asked = self.published.ask().await;
        let mut state = self.published.state();
        let result = asked.map(Arc::new);
        match &result {
            Ok(reading) => (state.reading, state.failed) = (Some(reading.clone()), None),
            Err(error) => state.failed = Some((Instant::now(), error.clone())),
        }
        // Before the reader is dropped, which takes the lock again.
        drop(state);
        result
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    /// A provider that takes connections and answers none, or with this text; how many there were.
    async fn provider(answer: Option<&'static str>) -> (Published, Arc<Mutex<usize>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let http = ProviderHttp::new(&format!("http://{}", listener.local_addr().unwrap()), Duration::from_secs(1));
        let asked = Arc::new(Mutex::new(0));
        let counted = asked.clone();
        tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                *counted.lock().unwrap() += 1;
                if let Some(answer) = answer {
                    assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
                open.push(stream);
            }
        });
        (Published::new(http.unwrap()), asked)
    }

    #[tokio::test]
    async fn requests_wait_for_one_question_to_a_provider_that_does_not_answer_and_then_none_is_asked() {
        let (published, asked) = provider(None).await;
        let published = Arc::new(published);
        let began = Instant::now();
        let waiting: Vec<_> = (0..50)
            .map(|_| {
                let published = published.clone();
                tokio::spawn(async move { published.current().await.map(drop) })
            })
            .collect();
        for one in waiting {
            assert!(matches!(one.await.unwrap(), Err(ProviderError::Unavailable { .. })));
        }
        assert_eq!(*asked.lock().unwrap(), 1, "the others waited for that one");
        assert!(published.current().await.is_err());
        assert_eq!(*asked.lock().unwrap(), 1, "nobody asks for a few seconds");
        assert!(began.elapsed() < Duration::from_secs(4), "{:?}: as long as one question takes", began.elapsed());
    }

    #[tokio::test]
    async fn an_answer_that_is_none_is_remembered_and_a_request_that_is_given_up_passes_its_turn_on() {
        let (published, asked) = provider(Some("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")).await;
        for _ in 0..10 {
            let error = published.current().await.map(drop).unwrap_err().to_string();
            assert!(error.contains("502"), "{error}");
        }
        assert_eq!(*asked.lock().unwrap(), 1);
        let (published, _) = provider(None).await;
        let given_up = tokio::time::timeout(Duration::from_millis(50), published.current()).await;
        assert!(given_up.is_err());
        assert!(published.state().under_way.is_none(), "the next one reads");
    }
}
