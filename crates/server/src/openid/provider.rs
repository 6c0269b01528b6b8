//! The provider: the exchange of a code, and whom its tokens prove.

use kilter_api::Secret;
use kilter_app::identity::ProvenByProvider;
use kilter_domain::time::Timestamp;
use reqwest::{RequestBuilder, Url, header};
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use url::form_urlencoded;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    claims::{self, ClaimError, ClaimNames, Expected},
    error::ProviderError,
    http::{ProviderHttp, TIMEOUT, is_private},
    jwt::{self, JwtError},
    published::{Published, Reading},
    verified::{Known, Proof, VerifiedTokens},
};

/// Tokens that the provider is asked about at a time.
const MAX_ASKED: usize = 8;
/// Characters of a token that the provider is asked about: shorter ones could be guessed (RFC 6749, 10.10).
const OPAQUE_CHARS: std::ops::RangeInclusive<usize> = 16..=4096;

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
    published: Published,
    verified: VerifiedTokens,
    asking: Semaphore,
}

impl Provider {
    /// A provider that was not asked yet: a server starts without it too.
    ///
    /// # Errors
    /// When its address is none, or others could read what is said on the way to it.
    pub(crate) fn new(options: ProviderOptions) -> Result<Self, String> {
        Ok(Self {
            names: ClaimNames { user: options.user_claim.clone(), groups: options.groups_claim.clone() },
            published: Published::new(ProviderHttp::new(&options.issuer, TIMEOUT)?),
            options,
            verified: VerifiedTokens::default(),
            asking: Semaphore::new(MAX_ASKED),
        })
    }

    /// Where a person goes to log in, with the challenge of this login (PKCE, RFC 7636).
    ///
    /// # Errors
    /// When the provider cannot be asked.
    pub(crate) async fn begin(&self, redirect_uri: &str) -> Result<LoginStart, ProviderError> {
        let reading = self.published.current().await?;
        let endpoint = Url::parse(&reading.metadata.authorization_endpoint);
        let mut url = endpoint.map_err(|error| self.published.http.unavailable(error))?;
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
        let metadata = &self.published.current().await?.metadata;
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "authorization_code")
            .append_pair("code", login.code)
            .append_pair("redirect_uri", login.redirect_uri)
            .append_pair("code_verifier", login.verifier)
            .append_pair("client_id", &self.options.client_id)
            .finish();
        let http = &self.published.http;
        let request = self.as_client(http.client.post(&metadata.token_endpoint)).body(body);
        let answer: Map<String, Value> = http.send(request).await?;
        if let Some(error) = answer.get("error").and_then(Value::as_str) {
            let detail = answer.get("error_description").and_then(Value::as_str).unwrap_or_default();
            return Err(ProviderError::Refused(format!("{error} {detail}").trim().chars().take(300).collect()));
        }
        let token = answer.get("id_token").and_then(Value::as_str).ok_or(ClaimError::Missing("id_token"))?;
        let (claims, reading) = self.verified_claims(token).await?;
        let issuer = &reading.metadata.issuer;
        let expected = Expected { issuer, audience: &self.options.client_id, nonce: Some(login.nonce) };
        claims::check(&claims, &expected, now)?;
        let proven = claims::identity(&claims, &self.names)?;
        match proven.actor.kind {
            kilter_domain::actor::ActorKind::User => Ok(proven),
            // Who logs in is a person, and is named.
            _ => Err(ClaimError::Name { claim: self.names.user.clone(), name: String::new() }.into()),
        }
    }

    /// Whom a token of the provider proves, which a request carries: a signed one by its signature, another by asking. What was verified
    /// lately is not verified again; while the provider is away, what was verified is believed a while longer (see `verified`).
    ///
    /// # Errors
    /// When the provider cannot be asked, or the token is not believed.
    pub(crate) async fn authenticate(&self, token: &str, now: Timestamp) -> Result<ProvenByProvider, ProviderError> {
        let Some(audience) = &self.options.audience else { return Err(ProviderError::NoAudience) };
        let hash = ring::digest::digest(&ring::digest::SHA256, token.as_bytes());
        let hash: [u8; 32] = hash.as_ref().try_into().unwrap_or_default();
        let stale = match self.verified.find(&hash, now) {
            Known::Verified(proven) => return Ok(proven),
            Known::Refused(error) => return Err(error),
            Known::Stale(proven) => Some(proven),
            Known::Nothing => None,
        };
        let proof = if jwt::looks_like_one(token) { Proof::Signature } else { Proof::Introspection };
        let verified = match proof {
            Proof::Signature => self.verify(token, audience, now).await,
            Proof::Introspection => self.introspect(token, audience, now).await,
        };
        match (verified, stale) {
            (Ok((proven, end)), _) => {
                self.verified.keep(hash, proven.clone(), (proof, end), now);
                Ok(proven)
            }
            (Err(ProviderError::Unavailable { .. }), Some(proven)) => Ok(proven),
            (Err(error @ (ProviderError::Unavailable { .. } | ProviderError::NoToken(_))), _) => Err(error),
            (Err(error), _) => {
                self.verified.refuse(hash, proof, error.clone(), now);
                Err(error)
            }
        }
    }

    /// Whom a signed token proves, and when it ends.
    async fn verify(
        &self,
        token: &str,
        audience: &str,
        now: Timestamp,
    ) -> Result<(ProvenByProvider, Timestamp), ProviderError> {
        let (claims, reading) = self.verified_claims(token).await?;
        let expected = Expected { issuer: &reading.metadata.issuer, audience, nonce: None };
        let end = claims::check(&claims, &expected, now)?;
        Ok((claims::identity(&claims, &self.names)?, end))
    }

    /// Whom the provider says that a token proves, which says nothing itself (RFC 7662), and when it ends.
    async fn introspect(
        &self,
        token: &str,
        audience: &str,
        now: Timestamp,
    ) -> Result<(ProvenByProvider, Timestamp), ProviderError> {
        check_opaque(token)?;
        let reading = self.published.current().await?;
        let (http, metadata) = (&self.published.http, &reading.metadata);
        let Some(endpoint) = &metadata.introspection_endpoint else {
            return Err(ProviderError::NoToken("it has not three parts, and the provider says nothing of others"));
        };
        // Whoever makes tokens up asks the provider no more often than this.
        let place = tokio::time::timeout(TIMEOUT, self.asking.acquire()).await;
        let Ok(Ok(_place)) = place else { return Err(http.unavailable("too many tokens are asked about")) };
        let body = form_urlencoded::Serializer::new(String::new()).append_pair("token", token).finish();
        let mut claims: Map<String, Value> = http.send(self.as_client(http.client.post(endpoint)).body(body)).await?;
        if claims.get("active").and_then(Value::as_bool) != Some(true) {
            return Err(ProviderError::Inactive);
        }
        // Who answers is the provider: it need not repeat its name.
        claims.entry("iss").or_insert_with(|| metadata.issuer.clone().into());
        let expected = Expected { issuer: &metadata.issuer, audience, nonce: None };
        let end = claims::check(&claims, &expected, now)?;
        Ok((claims::identity(&claims, &self.names)?, end))
    }

    /// The claims of a token, once a key of the provider has signed it. An unknown key makes us read its keys again.
    async fn verified_claims(
        &self,
        token: &str,
    ) -> Result<(Map<String, Value>, std::sync::Arc<Reading>), ProviderError> {
        let mut reading = self.published.current().await?;
        let mut verified = jwt::verify(token, &reading.keys);
        if matches!(verified, Err(JwtError::UnknownKey(_))) {
            reading = self.published.newer_than(&reading).await?;
            verified = jwt::verify(token, &reading.keys);
        }
        Ok((verified?, reading))
    }

    /// The request with what proves who this platform is to the provider.
    fn as_client(&self, request: RequestBuilder) -> RequestBuilder {
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        match &self.options.client_secret {
            Some(secret) => request.basic_auth(&self.options.client_id, Some(&secret.0)),
            None => request,
        }
    }
}

/// Refuses what cannot be a token of a provider, before anybody is asked (RFC 6750, 2.1).
fn check_opaque(token: &str) -> Result<(), ProviderError> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    if !token.trim_end_matches('=').bytes().all(is_token) {
        return Err(ProviderError::NoToken("it has characters that no token has"));
    }
    match OPAQUE_CHARS.contains(&token.len()) {
        true => Ok(()),
        false => Err(ProviderError::NoToken("it is too short or too long")),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_a_token_is_refused_before_the_provider_is_asked() {
        for token in ["2YotnFZFEjr1zCsicMWpAA", "mF_9.B5f-4.1JqM-and_more==", "not-a-token-of-anybody"] {
            assert_eq!(check_opaque(token), Ok(()), "{token}");
        }
        for text in ["", "admin", "a password with spaces in it", "\"; DROP TABLE token; --", "tökenötökenötöken"]
        {
            assert!(matches!(check_opaque(text), Err(ProviderError::NoToken(_))), "{text}");
        }
        assert!(check_opaque(&"x".repeat(4097)).is_err());
    }
}
