//! The provider: what it publishes, its keys, the exchange of a code, and whom its tokens prove.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use kilter_api::{Code, Secret};
use kilter_app::identity::ProvenByProvider;
use kilter_domain::time::Timestamp;
use reqwest::{Client, RequestBuilder, Url, header, redirect::Policy};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::error::{Answer, Answered};

use super::{
    claims::{self, ClaimError, ClaimNames, Expected},
    jwt::{self, Jwk, Jwks, JwtError},
};

/// How long the provider may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer of the provider.
const MAX_BYTES: usize = 1 << 20;
/// How long its keys are believed before they are asked for again.
const KEYS_FRESH: Duration = Duration::from_secs(10 * 60);
/// The shortest time between two questions for its keys.
const KEYS_PAUSE: Duration = Duration::from_secs(5);
/// Tokens that were verified, and are not verified again while they are valid.
const MAX_VERIFIED: usize = 4096;
/// For how long a token is believed that the provider was asked about.
const ASKED_FRESH_SECONDS: i64 = 60;

/// What a person says about the provider.
#[derive(Clone, Debug)]
pub struct ProviderOptions {
    /// Its address: what its tokens have as `iss`.
    pub issuer: String,
    /// How it calls this platform.
    pub client_id: String,
    /// What proves to it that this platform asks; `None` for a public client.
    pub client_secret: Option<Secret>,
    /// Whom tokens of services must be for; `None`: none is taken.
    pub audience: Option<String>,
    /// The claim with the name of a person.
    pub user_claim: String,
    /// The claim with the groups.
    pub groups_claim: String,
}

/// Why the word of the provider is not had, or not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProviderError {
    #[error("the OpenID provider {issuer} cannot be asked: {reason}")]
    Unavailable { issuer: String, reason: String },
    #[error("the OpenID provider refused the login: {0}")]
    Refused(String),
    #[error("the token of the OpenID provider is not believed: {0}")]
    Jwt(JwtError),
    #[error("the token of the OpenID provider is not believed: {0}")]
    Claim(ClaimError),
    #[error("the OpenID provider does not know the token, or it is over")]
    Inactive,
    #[error("tokens of an OpenID provider are not taken here: the server was started without --oidc-audience")]
    NoAudience,
}

// The message has the reason already: it is no cause that is said once more.
impl From<JwtError> for ProviderError {
    fn from(error: JwtError) -> Self {
        Self::Jwt(error)
    }
}

impl From<ClaimError> for ProviderError {
    fn from(error: ClaimError) -> Self {
        Self::Claim(error)
    }
}

/// What the provider publishes (OpenID Connect Discovery).
#[derive(Clone, Debug, Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    introspection_endpoint: Option<String>,
}

/// What was read of the provider, and when.
#[derive(Default)]
struct Known {
    metadata: Option<Arc<Metadata>>,
    keys: Arc<Vec<Jwk>>,
    /// When the keys were read; `None`: never.
    read: Option<Instant>,
    asked: Option<Instant>,
}

/// A login that begins: where the person goes, and what proves afterwards that it is this one.
#[derive(Clone, Debug)]
pub(crate) struct LoginStart {
    pub url: String,
    pub state: String,
    pub nonce: String,
    pub verifier: String,
}

/// What comes back from the provider.
#[derive(Clone, Debug)]
pub(crate) struct LoginCode<'a> {
    pub code: &'a str,
    pub redirect_uri: &'a str,
    pub nonce: &'a str,
    pub verifier: &'a str,
}

/// A provider that this server asks.
pub(crate) struct Provider {
    options: ProviderOptions,
    names: ClaimNames,
    client: Client,
    known: tokio::sync::Mutex<Known>,
    verified: Mutex<HashMap<[u8; 32], (ProvenByProvider, Timestamp)>>,
}

impl Provider {
    /// A provider that was not asked yet: a server starts without it too.
    ///
    /// # Errors
    /// When its address is none, or others could read what is said on the way to it.
    pub(crate) fn new(options: ProviderOptions) -> Result<Self, String> {
        let issuer = Url::parse(&options.issuer).map_err(|error| format!("`{}`: {error}", options.issuer))?;
        if !is_private(&issuer) {
            return Err(format!("`{}` is not an https address, and not on this machine", options.issuer));
        }
        let client = Client::builder().timeout(TIMEOUT).redirect(Policy::none()).build();
        Ok(Self {
            names: ClaimNames { user: options.user_claim.clone(), groups: options.groups_claim.clone() },
            client: client.map_err(|error| error.to_string())?,
            options,
            known: Default::default(),
            verified: Default::default(),
        })
    }

    fn unavailable(&self, reason: impl ToString) -> ProviderError {
        ProviderError::Unavailable { issuer: self.options.issuer.clone(), reason: reason.to_string() }
    }

    /// Where a person goes to log in, with the challenge of this login (PKCE, RFC 7636).
    ///
    /// # Errors
    /// When the provider cannot be asked.
    pub(crate) async fn begin(&self, redirect_uri: &str) -> Result<LoginStart, ProviderError> {
        let metadata = self.metadata().await?;
        let mut url = Url::parse(&metadata.authorization_endpoint).map_err(|error| self.unavailable(error))?;
        let [state, nonce, verifier] = [random()?, random()?, random()?];
        let challenge = ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes());
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.options.client_id)
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("scope", "openid profile groups")
            .append_pair("state", &state)
            .append_pair("nonce", &nonce)
            .append_pair("code_challenge", &URL_SAFE_NO_PAD.encode(challenge))
            .append_pair("code_challenge_method", "S256");
        Ok(LoginStart { url: url.into(), state, nonce, verifier })
    }

    /// Whom the provider has let in, by the code that it gave.
    ///
    /// # Errors
    /// When the provider cannot be asked, refuses the code, or says what is not believed.
    pub(crate) async fn finish(
        &self,
        login: &LoginCode<'_>,
        now: Timestamp,
    ) -> Result<ProvenByProvider, ProviderError> {
        let metadata = self.metadata().await?;
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "authorization_code")
            .append_pair("code", login.code)
            .append_pair("redirect_uri", login.redirect_uri)
            .append_pair("code_verifier", login.verifier)
            .append_pair("client_id", &self.options.client_id)
            .finish();
        let request = self.as_client(self.client.post(&metadata.token_endpoint)).body(body);
        let answer: Map<String, Value> = self.send(request).await?;
        if let Some(error) = answer.get("error").and_then(Value::as_str) {
            let detail = answer.get("error_description").and_then(Value::as_str).unwrap_or_default();
            return Err(ProviderError::Refused(format!("{error} {detail}").trim().chars().take(300).collect()));
        }
        let token = answer.get("id_token").and_then(Value::as_str).ok_or(ClaimError::Missing("id_token"))?;
        let claims = self.verified_claims(token).await?;
        let expected =
            Expected { issuer: &metadata.issuer, audience: &self.options.client_id, nonce: Some(login.nonce) };
        claims::check(&claims, &expected, now)?;
        let proven = claims::identity(&claims, &self.names)?;
        match proven.actor.kind {
            kilter_domain::actor::ActorKind::User => Ok(proven),
            // Who logs in is a person, and is named.
            _ => Err(ClaimError::Name { claim: self.names.user.clone(), name: String::new() }.into()),
        }
    }

    /// Whom a token of the provider proves, which a request carries: a signed one by its signature, another by asking.
    ///
    /// # Errors
    /// When the provider cannot be asked, or the token is not believed.
    pub(crate) async fn authenticate(&self, token: &str, now: Timestamp) -> Result<ProvenByProvider, ProviderError> {
        let Some(audience) = &self.options.audience else { return Err(ProviderError::NoAudience) };
        let hash = ring::digest::digest(&ring::digest::SHA256, token.as_bytes());
        let hash: [u8; 32] = hash.as_ref().try_into().unwrap_or_default();
        if let Some((proven, until)) = self.verified().get(&hash)
            && now < *until
        {
            return Ok(proven.clone());
        }
        let (claims, until) = match jwt::looks_like_one(token) {
            true => {
                let claims = self.verified_claims(token).await?;
                let metadata = self.metadata().await?;
                let expected = Expected { issuer: &metadata.issuer, audience, nonce: None };
                let until = claims::check(&claims, &expected, now)?;
                (claims, until)
            }
            false => self.introspect(token, audience, now).await?,
        };
        let proven = claims::identity(&claims, &self.names)?;
        self.remember(hash, (proven.clone(), until), now);
        Ok(proven)
    }

    /// What the provider says of a token that says nothing itself (RFC 7662).
    async fn introspect(
        &self,
        token: &str,
        audience: &str,
        now: Timestamp,
    ) -> Result<(Map<String, Value>, Timestamp), ProviderError> {
        let metadata = self.metadata().await?;
        let Some(endpoint) = &metadata.introspection_endpoint else {
            return Err(JwtError::Malformed("it has not three parts, and the provider says nothing of others").into());
        };
        let body = form_urlencoded::Serializer::new(String::new()).append_pair("token", token).finish();
        let mut claims: Map<String, Value> = self.send(self.as_client(self.client.post(endpoint)).body(body)).await?;
        if claims.get("active").and_then(Value::as_bool) != Some(true) {
            return Err(ProviderError::Inactive);
        }
        // Who answers is the provider: it need not repeat its name.
        claims.entry("iss").or_insert_with(|| metadata.issuer.clone().into());
        let expected = Expected { issuer: &metadata.issuer, audience, nonce: None };
        let until = claims::check(&claims, &expected, now)?;
        Ok((claims, until.min(Timestamp(now.millis() + ASKED_FRESH_SECONDS * 1000))))
    }

    fn verified(&self) -> std::sync::MutexGuard<'_, HashMap<[u8; 32], (ProvenByProvider, Timestamp)>> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what was verified until it ends; where that is too much, what has ended goes first, then any.
    fn remember(&self, hash: [u8; 32], found: (ProvenByProvider, Timestamp), now: Timestamp) {
        let mut verified = self.verified();
        if verified.len() >= MAX_VERIFIED {
            verified.retain(|_, (_, until)| now < *until);
        }
        if verified.len() >= MAX_VERIFIED {
            verified.clear();
        }
        verified.insert(hash, found);
    }

    /// The claims of a token, once a key of the provider has signed it. An unknown key makes us ask for its keys again.
    async fn verified_claims(&self, token: &str) -> Result<Map<String, Value>, ProviderError> {
        let keys = self.keys(false).await?;
        match jwt::verify(token, &keys) {
            Err(JwtError::UnknownKey(_)) => Ok(jwt::verify(token, &self.keys(true).await?)?),
            verified => Ok(verified?),
        }
    }

    async fn metadata(&self) -> Result<Arc<Metadata>, ProviderError> {
        let mut known = self.known.lock().await;
        if let Some(metadata) = &known.metadata {
            return Ok(metadata.clone());
        }
        let issuer = self.options.issuer.trim_end_matches('/');
        let url = format!("{issuer}/.well-known/openid-configuration");
        let metadata: Metadata = self.send(self.client.get(url)).await?;
        if metadata.issuer.trim_end_matches('/') != issuer {
            return Err(self.unavailable(format!("it calls itself {}", metadata.issuer)));
        }
        for endpoint in [&metadata.authorization_endpoint, &metadata.token_endpoint, &metadata.jwks_uri]
            .into_iter()
            .chain(&metadata.introspection_endpoint)
        {
            if !Url::parse(endpoint).is_ok_and(|url| is_private(&url)) {
                return Err(self.unavailable(format!("its address {endpoint} is not https")));
            }
        }
        let metadata = Arc::new(metadata);
        known.metadata = Some(metadata.clone());
        Ok(metadata)
    }

    /// The keys, not older than ten minutes; with `again`, newer than a few seconds.
    async fn keys(&self, again: bool) -> Result<Arc<Vec<Jwk>>, ProviderError> {
        let metadata = self.metadata().await?;
        let mut known = self.known.lock().await;
        let is_fresh = known.read.is_some_and(|at| at.elapsed() < KEYS_FRESH);
        let may_ask = known.asked.is_none_or(|at| at.elapsed() >= KEYS_PAUSE);
        if is_fresh && (!again || !may_ask) {
            return Ok(known.keys.clone());
        }
        known.asked = Some(Instant::now());
        let jwks: Jwks = self.send(self.client.get(&metadata.jwks_uri)).await?;
        known.keys = Arc::new(jwks.known());
        known.read = Some(Instant::now());
        Ok(known.keys.clone())
    }

    /// The request with what proves who this platform is to the provider.
    fn as_client(&self, request: RequestBuilder) -> RequestBuilder {
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        match &self.options.client_secret {
            Some(secret) => request.basic_auth(&self.options.client_id, Some(&secret.0)),
            None => request,
        }
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ProviderError> {
        // The address is in the message already; a query could have a secret.
        let failed = |error: reqwest::Error| self.unavailable(with_sources(&error.without_url()));
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
}

fn with_sources(error: &(dyn std::error::Error + 'static)) -> String {
    kilter_domain::error_chain::with_causes(error)
}

/// Whether nobody on the way can read what is said there: TLS, or this machine itself.
fn is_private(url: &Url) -> bool {
    let is_local = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && is_local)
}

/// 256 bits that nobody can guess.
fn random() -> Result<String, ProviderError> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|_| ProviderError::Refused("the system gave no random bytes".to_owned()))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Whether the address is of a program on the machine of the person, which waits there for the code.
pub(crate) fn is_loopback_redirect(address: &str) -> bool {
    Url::parse(address).is_ok_and(|url| url.scheme() == "http" && is_private(&url) && url.port().is_some())
}

impl Answered for ProviderError {
    fn answer(&self) -> Answer {
        match self {
            Self::Unavailable { .. } => Code::ProviderUnavailable.into(),
            Self::Refused(_) => Code::LoginRefused.into(),
            Self::Jwt(_) | Self::Claim(_) | Self::Inactive | Self::NoAudience => Code::TokenInvalid.into(),
        }
    }
}
