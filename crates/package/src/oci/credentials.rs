//! Who asks a registry: from the environment, from the files of Docker and Podman, or from their helpers.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use kilter_blobs::{answer_bounded, read_bounded};
use serde::Deserialize;
use serde_json::Value;

use super::error::OciError;

/// Longest file of logins that is read.
const MAX_BYTES: u64 = 4 << 20;
/// Longest answer of a helper: one login.
const MAX_ANSWER_BYTES: u64 = 1 << 20;

/// A name and what proves it.
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    /// A name and a password, or an access token in its place.
    Password {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
    /// A token that is exchanged for others (`identitytoken`).
    Identity(String),
}

impl std::fmt::Debug for Login {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Login(…)")
    }
}

/// The login for a host; `None` where nobody has stated one.
pub(crate) fn find(host: &str) -> Result<Option<Login>, OciError> {
    let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    if let (Some(user), Some(password)) = (variable("KILTER_REGISTRY_USER"), variable("KILTER_REGISTRY_PASSWORD")) {
        return Ok(Some(Login::Password { user, password }));
    }
    for file in files() {
        if let Some(login) = in_file(&file, host)? {
            return Ok(Some(login));
        }
    }
    Ok(None)
}

fn files() -> Vec<PathBuf> {
    let at = |variable: &str, rest: &str| env::var_os(variable).map(|folder| Path::new(&folder).join(rest));
    let named = env::var_os("REGISTRY_AUTH_FILE").map(PathBuf::from);
    let docker = at("DOCKER_CONFIG", "config.json").or_else(|| at("HOME", ".docker/config.json"));
    [named, docker, at("XDG_RUNTIME_DIR", "containers/auth.json")].into_iter().flatten().collect()
}

#[derive(Deserialize)]
struct LoginFile {
    #[serde(default)]
    auths: std::collections::BTreeMap<String, Value>,
    #[serde(default, rename = "credHelpers")]
    helpers: std::collections::BTreeMap<String, String>,
    #[serde(default, rename = "credsStore")]
    store: Option<String>,
}

fn in_file(path: &Path, host: &str) -> Result<Option<Login>, OciError> {
    if !path.metadata().is_ok_and(|found| found.is_file() && found.len() <= MAX_BYTES) {
        return Ok(None);
    }
    let wrong = |reason: String| OciError::Login { host: host.to_owned(), reason };
    let bytes = read_bounded(path, MAX_BYTES).map_err(|error| wrong(format!("{}: {error}", path.display())))?;
    // What the parser says could quote the file.
    let file: LoginFile = serde_json::from_slice(&bytes)
        .map_err(|error| wrong(format!("{}, line {}: no JSON of logins", path.display(), error.line())))?;
    if let Some(helper) = file.helpers.get(host).or(file.store.as_ref())
        && let Some(login) = of_helper(helper, host)?
    {
        return Ok(Some(login));
    }
    let entry = file.auths.iter().find(|(name, _)| host_of(name) == host).map(|(_, entry)| entry);
    let Some(entry) = entry else { return Ok(None) };
    let text = |name: &str| entry.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    if let Some(token) = text("identitytoken") {
        return Ok(Some(Login::Identity(token.to_owned())));
    }
    if let (Some(user), Some(password)) = (text("username"), text("password")) {
        return Ok(Some(Login::Password { user: user.to_owned(), password: password.to_owned() }));
    }
    let Some(auth) = text("auth") else { return Ok(None) };
    let decoded = STANDARD.decode(auth).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let pair = decoded.as_deref().and_then(|text| text.trim_end_matches('\0').split_once(':'));
    let (user, password) = pair.ok_or_else(|| wrong(format!("`auth` in {} is no NAME:PASSWORD", path.display())))?;
    Ok(Some(Login::Password { user: user.to_owned(), password: password.to_owned() }))
}

/// Entries name a host, or an address on it: `https://index.docker.io/v1/`.
fn host_of(name: &str) -> &str {
    let rest = name.split_once("://").map_or(name, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperAnswer {
    username: String,
    secret: String,
}

/// Asks `docker-credential-NAME`, as Docker does; a helper that knows no login for the host is no error.
fn of_helper(helper: &str, host: &str) -> Result<Option<Login>, OciError> {
    let wrong = |reason: String| OciError::Login { host: host.to_owned(), reason };
    let is_name = helper.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    let program = format!("docker-credential-{helper}");
    if !is_name {
        return Err(wrong(format!("`{program}` is no name of a helper")));
    }
    let answer = answer_bounded(Command::new(&program).arg("get"), host.as_bytes(), MAX_ANSWER_BYTES);
    let answer = answer.map_err(|error| wrong(format!("`{program}` could not be asked: {error}")))?;
    let Some(answer) = answer else { return Ok(None) };
    let answer: HelperAnswer =
        serde_json::from_slice(&answer).map_err(|_| wrong(format!("`{program}` answers no login")))?;
    Ok(Some(match answer.username.as_str() {
        "<token>" => Login::Identity(answer.secret),
        _ => Login::Password { user: answer.username, password: answer.secret },
    }))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn found(text: &str, host: &str) -> Result<Option<Login>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        fs::write(&path, text).unwrap();
        in_file(&path, host).map_err(|error| error.to_string())
    }

    #[test]
    fn logins_of_docker_are_read_and_nothing_of_them_is_shown() {
        let auth = STANDARD.encode("ana:se:cret");
        let file = format!(
            r#"{{"auths": {{"https://a.example/v1/": {{"auth": "{auth}"}}, "b.example:5000": {{"identitytoken": "t0ken"}},
                "c.example": {{"auth": "bm9uZQ=="}}, "d.example": {{}}}}}}"#
        );
        let login = found(&file, "a.example").unwrap().unwrap();
        assert_eq!(login, Login::Password { user: "ana".to_owned(), password: "se:cret".to_owned() });
        assert_eq!(format!("{login:?}"), "Login(…)");
        assert_eq!(found(&file, "b.example:5000"), Ok(Some(Login::Identity("t0ken".to_owned()))));
        assert_eq!(found(&file, "b.example"), Ok(None));
        assert_eq!(found(&file, "d.example"), Ok(None));
        assert!(found(&file, "c.example").unwrap_err().contains("is no NAME:PASSWORD"));
        let error = found("{\"auths\": {\"a.example\": {\"auth\": \"c2VjcmV0\"", "a.example").unwrap_err();
        assert!(error.contains("no JSON of logins") && !error.contains("c2VjcmV0"), "{error}");
        let error = found(r#"{"credHelpers": {"a.example": "../evil"}}"#, "a.example").unwrap_err();
        assert!(error.contains("is no name of a helper"), "{error}");
    }
}
