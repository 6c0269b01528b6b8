//! What a provider says of someone, and whether that is meant for us and valid now.

use kilter_app::identity::ProvenByProvider;
use kilter_domain::{actor::Actor, time::Timestamp};
use serde_json::{Map, Value};

/// How far the clocks of the provider and of this machine may differ, in seconds.
const MAX_SKEW_SECONDS: i64 = 60;

/// Why claims are not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ClaimError {
    #[error("it has no claim `{0}`, or none of the right kind")]
    Missing(&'static str),
    #[error("it is by {found}, and not by {expected}")]
    Issuer { found: String, expected: String },
    #[error("it is for {found}, and not for `{expected}`")]
    Audience { found: String, expected: String },
    #[error(
        "it expired {seconds} s ago; the clocks of the provider and of this server may differ by {MAX_SKEW_SECONDS} s"
    )]
    Expired { seconds: i64 },
    #[error(
        "it is valid only in {seconds} s: the clock of the provider is ahead, or that of this server behind, by more than {MAX_SKEW_SECONDS} s"
    )]
    Future { seconds: i64 },
    #[error("it does not belong to this login")]
    Nonce,
    #[error("it proves a login, and is no token for an API")]
    LoginOnly,
    #[error("its claim `{claim}` is `{name}`, which cannot be the name of an actor: letters, digits and `-_.@`")]
    Name { claim: String, name: String },
}

impl ClaimError {
    /// What is wrong, without what the token says.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Missing(_) => "claim missing",
            Self::Issuer { .. } => "other issuer",
            Self::Audience { .. } => "other audience",
            Self::Expired { .. } => "expired at the provider",
            Self::Future { .. } => "not valid yet",
            Self::Nonce => "other login",
            Self::LoginOnly => "token of a login",
            Self::Name { .. } => "no name of an actor",
        }
    }
}

/// What is expected of a token.
#[derive(Clone, Debug)]
pub(crate) struct Expected<'a> {
    pub issuer: &'a str,
    /// Whom it must be for.
    pub audience: &'a str,
    /// The number of the login that it must belong to; `None` for a token of an API.
    pub nonce: Option<&'a str>,
}

/// Which claims say who someone is.
#[derive(Clone, Debug)]
pub(crate) struct ClaimNames {
    /// The name of a person.
    pub user: String,
    /// The groups.
    pub groups: String,
}

fn text<'a>(claims: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, ClaimError> {
    claims.get(name).and_then(Value::as_str).ok_or(ClaimError::Missing(name))
}

/// A time in seconds; a number that is written as a text is none.
fn seconds(claims: &Map<String, Value>, name: &'static str) -> Result<Option<i64>, ClaimError> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_f64().map(|seconds| Some(seconds as i64)).ok_or(ClaimError::Missing(name)),
    }
}

/// When the claims end, if they are by the provider, for us, and valid now.
///
/// # Errors
/// [`ClaimError`], with what differs.
pub(crate) fn check(
    claims: &Map<String, Value>,
    expected: &Expected<'_>,
    now: Timestamp,
) -> Result<Timestamp, ClaimError> {
    let issuer = text(claims, "iss")?;
    if issuer != expected.issuer {
        return Err(ClaimError::Issuer { found: shown(issuer), expected: expected.issuer.to_owned() });
    }
    check_audience(claims, expected)?;
    let now_seconds = now.millis().div_euclid(1000);
    let expires = seconds(claims, "exp")?.ok_or(ClaimError::Missing("exp"))?;
    if expires.saturating_add(MAX_SKEW_SECONDS) <= now_seconds {
        return Err(ClaimError::Expired { seconds: now_seconds - expires });
    }
    for begins in [seconds(claims, "nbf")?, seconds(claims, "iat")?].into_iter().flatten() {
        if begins.saturating_sub(MAX_SKEW_SECONDS) > now_seconds {
            return Err(ClaimError::Future { seconds: begins.saturating_sub(now_seconds) });
        }
    }
    match (expected.nonce, claims.get("nonce").and_then(Value::as_str)) {
        (Some(wanted), found) if found != Some(wanted) => Err(ClaimError::Nonce),
        (None, Some(_)) => Err(ClaimError::LoginOnly),
        _ => Ok(Timestamp(expires.saturating_add(MAX_SKEW_SECONDS).saturating_mul(1000))),
    }
}

fn check_audience(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<(), ClaimError> {
    let all: Vec<&str> = match claims.get("aud") {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => return Err(ClaimError::Missing("aud")),
    };
    let wrong = || ClaimError::Audience { found: shown(&all.join(", ")), expected: expected.audience.to_owned() };
    if !all.contains(&expected.audience) {
        return Err(wrong());
    }
    // A login that is for several names whom it was made for.
    let is_login = expected.nonce.is_some();
    let party = claims.get("azp").and_then(Value::as_str);
    match is_login && (all.len() > 1 || party.is_some()) && party != Some(expected.audience) {
        true => Err(wrong()),
        false => Ok(()),
    }
}

/// Who it is: a service where the provider says that the token is the client's own, else a person by the claim that names people.
///
/// # Errors
/// When nobody is named, or by a name that no actor has.
pub(crate) fn identity(claims: &Map<String, Value>, names: &ClaimNames) -> Result<ProvenByProvider, ClaimError> {
    let subject = text(claims, "sub").or_else(|_| text(claims, "client_id"))?;
    let client =
        ["client_id", "azp", "cid", "appid"].into_iter().find_map(|name| claims.get(name).and_then(Value::as_str));
    let person = claims.get(&names.user).and_then(Value::as_str).filter(|name| !name.is_empty());
    let says = |name: &str, word: &str| claims.get(name).and_then(Value::as_str) == Some(word);
    // Providers say it in their own ways: the client is the subject, or the subject or the name is made of it, or a claim has it.
    let is_own = |client: &str| {
        subject == client
            || subject == format!("{client}@clients")
            || person.is_some_and(|person| person == format!("service-account-{client}"))
    };
    let is_service = client.is_some_and(is_own) || says("gty", "client-credentials") || says("idtyp", "app");
    let (claim, kind, name) = match is_service {
        true => ("sub", "svc", client.unwrap_or(subject)),
        // A person without a name is nobody, and never the client that they use.
        false => (names.user.as_str(), "user", person.unwrap_or_default()),
    };
    let invalid = || ClaimError::Name { claim: claim.to_owned(), name: shown(name) };
    let actor: Actor = format!("{kind}:{name}").parse().map_err(|_| invalid())?;
    let groups = match claims.get(&names.groups) {
        Some(Value::Array(groups)) => groups.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::String(group)) => vec![group.clone()],
        _ => Vec::new(),
    };
    let known = (text(claims, "iss")?.to_owned(), subject.to_owned());
    let expires = seconds(claims, "exp")?.ok_or(ClaimError::Missing("exp"))?;
    Ok(ProvenByProvider::new(known, actor, groups, Timestamp(expires.saturating_mul(1000))))
}

fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn claims(more: Value) -> Map<String, Value> {
        let Value::Object(mut claims) = json!({
            "iss": "https://login.example", "aud": "kilter", "sub": "7", "exp": NOW + 300, "iat": NOW,
        }) else {
            unreachable!()
        };
        claims.extend(more.as_object().unwrap().clone());
        claims
    }

    fn checked(more: Value, nonce: Option<&str>) -> Result<Timestamp, ClaimError> {
        let expected = Expected { issuer: "https://login.example", audience: "kilter", nonce };
        check(&claims(more), &expected, Timestamp(NOW * 1000))
    }

    #[test]
    fn a_clock_that_is_a_minute_off_is_forgiven_and_two_minutes_are_not() {
        assert!(checked(json!({}), None).is_ok());
        assert!(checked(json!({ "iat": NOW + 60, "nbf": NOW + 60 }), None).is_ok());
        assert!(checked(json!({ "exp": NOW - 59 }), None).is_ok());
        assert_eq!(checked(json!({ "iat": NOW + 120 }), None), Err(ClaimError::Future { seconds: 120 }));
        assert_eq!(checked(json!({ "nbf": NOW + 61 }), None), Err(ClaimError::Future { seconds: 61 }));
        assert_eq!(checked(json!({ "exp": NOW - 120 }), None), Err(ClaimError::Expired { seconds: 120 }));
        let error = checked(json!({ "iat": NOW + 120 }), None).unwrap_err().to_string();
        assert!(error.contains("clock of the provider is ahead"), "{error}");
    }

    #[test]
    fn claims_of_another_kind_are_missing_and_never_skipped() {
        for (name, value) in
            [("exp", json!("1800000300")), ("exp", json!(null)), ("nbf", json!("x")), ("aud", json!(7))]
        {
            assert!(matches!(checked(json!({ name: value }), None), Err(ClaimError::Missing(_))), "{name}");
        }
        assert_eq!(
            checked(json!({ "iss": "https://evil.example" }), None).unwrap_err(),
            ClaimError::Issuer { found: "https://evil.example".into(), expected: "https://login.example".into() }
        );
    }

    #[test]
    fn a_token_is_for_us_and_for_this_login() {
        assert!(checked(json!({ "aud": ["other", "kilter"] }), None).is_ok());
        assert!(matches!(checked(json!({ "aud": ["other"] }), None), Err(ClaimError::Audience { .. })));
        assert!(checked(json!({ "nonce": "n" }), Some("n")).is_ok());
        assert_eq!(checked(json!({}), Some("n")), Err(ClaimError::Nonce));
        assert_eq!(checked(json!({ "nonce": "m" }), Some("n")), Err(ClaimError::Nonce));
        assert_eq!(checked(json!({ "nonce": "n" }), None), Err(ClaimError::LoginOnly));
        let several = |azp: &str| checked(json!({ "nonce": "n", "aud": ["kilter", "b"], "azp": azp }), Some("n"));
        assert!(several("kilter").is_ok() && several("b").is_err());
    }

    #[test]
    fn a_person_is_named_by_a_claim_and_a_client_is_a_service() {
        let names = ClaimNames { user: "preferred_username".into(), groups: "groups".into() };
        let of = |more: Value| identity(&claims(more), &names);
        let ana = of(json!({ "preferred_username": "ana", "groups": ["ds", "risk"] })).unwrap();
        assert_eq!((ana.actor.to_string().as_str(), ana.groups().len(), ana.subject.as_str()), ("user:ana", 2, "7"));
        let service = of(json!({ "sub": "ci", "client_id": "ci" })).unwrap();
        assert_eq!(service.actor.to_string(), "svc:ci");
        // As Keycloak and Auth0 name the client's own token.
        let keycloak = json!({ "sub": "0198", "azp": "ci", "preferred_username": "service-account-ci" });
        let auth0 = json!({ "sub": "ci@clients", "azp": "ci", "gty": "client-credentials" });
        for own in [keycloak, auth0] {
            assert_eq!(of(own).unwrap().actor.to_string(), "svc:ci");
        }
        // A person who used a client and has no name here is not the client.
        assert!(matches!(of(json!({ "azp": "portal" })), Err(ClaimError::Name { .. })));
        // A client whose token has the name of a person stays a service.
        let service = of(json!({ "sub": "ci", "azp": "ci", "preferred_username": "ana" })).unwrap();
        assert_eq!(service.actor.to_string(), "svc:ci");
        assert!(matches!(of(json!({ "preferred_username": "a b" })), Err(ClaimError::Name { .. })));
    }
}
