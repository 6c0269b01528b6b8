//! Where the files of a version are: which addresses a client may name, and whose files they are.
//!
//! Invariants: files of a run or a logged model are registered under the id of this run or model, and never by a path that leads
//! elsewhere; an object store is named as it is, and is not asked. Texts are those of MLflow's server.

use kilter_domain::{actor::Action, registry::RegisteredName, search::IS_PROMPT_TAG};
use kilter_store::{
    registry::{RegisteredVersion, model, version},
    tracking::{Tags, logged_model::LoggedModel},
};

use super::{RegistryError, access, aliases};
use crate::{
    app::App,
    causes::NotFound,
    context::RequestContext,
    tracking::{self, TrackingError},
};

/// Schemes whose address names a host, which whoever reads the files would connect to.
const HOST_SCHEMES: [&str; 9] = ["ftp", "sftp", "hdfs", "viewfs", "http", "https", "r2", "b2", "abfss"];
/// What the sources of prompts are.
const PROMPT_SOURCES: [&str; 2] = ["prompt-template", "dummy-source"];

/// Where the files of a version are, as a client says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VersionSource {
    /// Their address.
    pub uri: String,
    /// The run that made them, where it is said.
    pub run_id: Option<String>,
    /// The logged model that they are, where it is said.
    pub model_id: Option<String>,
}

/// A version that a client registers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewClientVersion {
    /// Where its files are, and of which run or logged model.
    pub source: VersionSource,
    /// An address of the run that made it.
    pub run_link: String,
    /// What it is.
    pub description: String,
    /// Its tags.
    pub tags: Tags,
}

/// Where they are once every reference is followed.
pub(super) struct ResolvedSource {
    pub source: String,
    pub storage_location: String,
    pub run_id: String,
    pub logged_model: Option<String>,
}

/// What an address begins with, and the rest.
fn split(uri: &str) -> (&str, &str) {
    let is_scheme = |text: &&(&str, &str)| {
        let mut characters = text.0.chars();
        characters.next().is_some_and(|first| first.is_ascii_alphabetic())
            && characters.all(|character| character.is_ascii_alphanumeric() || "+-.".contains(character))
    };
    uri.split_once(':').as_ref().filter(is_scheme).map_or(("", uri), |(scheme, rest)| (scheme, rest))
}

/// Whether what follows a scheme names a host.
fn host(rest: &str) -> &str {
    rest.strip_prefix("//").map_or("", |rest| rest.split(['/', '?', '#']).next().unwrap_or_default())
}

/// Follows what a client says of the files of a version.
pub(super) fn resolve(
    app: &App,
    context: &RequestContext,
    stated: &VersionSource,
    tags: &Tags,
) -> Result<ResolvedSource, RegistryError> {
    let uri = stated.uri.as_str();
    if tags.get(IS_PROMPT_TAG).is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return prompt(stated);
    }
    let (scheme, rest) = split(uri);
    let lower = scheme.to_ascii_lowercase();
    if HOST_SCHEMES.contains(&lower.as_str()) || (lower == "mlflow-artifacts" && !host(rest).is_empty()) {
        return Err(RegistryError::Scheme { scheme: lower });
    }
    if lower == "models" {
        if !host(rest).is_empty() {
            return Err(RegistryError::source(uri, "Registered model sources must use the active model registry."));
        }
        return match ModelUri::parse(rest) {
            Some(ModelUri::Logged(id)) => of_logged_model(app, context, stated, id),
            Some(ModelUri::Registered { name, which }) => {
                let found = referenced(app, context, stated, (name, which))?;
                of_version(stated, &found)
            }
            None => Err(wrong_owner(uri, "model_id")),
        };
    }
    match stated.model_id.as_deref().filter(|id| !id.is_empty()) {
        Some(id) => of_files_of_model(app, context, stated, id),
        None => of_files_of_run(app, context, stated),
    }
}

fn prompt(stated: &VersionSource) -> Result<ResolvedSource, RegistryError> {
    if !PROMPT_SOURCES.contains(&stated.uri.as_str()) {
        return Err(RegistryError::source(&stated.uri, "Prompt sources must use an MLflow placeholder."));
    }
    Ok(plain(stated))
}

/// The files are at the address itself.
fn plain(stated: &VersionSource) -> ResolvedSource {
    ResolvedSource {
        source: stated.uri.clone(),
        storage_location: stated.uri.clone(),
        run_id: stated.run_id.clone().unwrap_or_default(),
        logged_model: None,
    }
}

fn wrong_owner(uri: &str, parameter: &str) -> RegistryError {
    RegistryError::source(
        uri,
        format!("The {parameter} request parameter must identify the resource that contains the source."),
    )
}

/// What `models:` may name.
#[derive(Debug, PartialEq, Eq)]
enum ModelUri<'u> {
    Logged(&'u str),
    Registered { name: &'u str, which: Which<'u> },
}

/// Which version of a registered model is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which<'u> {
    Number(&'u str),
    Alias(&'u str),
    Stage(&'u str),
    Latest,
}

impl<'u> ModelUri<'u> {
    /// What follows `models:`.
    fn parse(rest: &'u str) -> Option<Self> {
        let path = rest.split('?').next().unwrap_or_default();
        let path = path.strip_prefix("//").map_or(path, |path| path.trim_start_matches('/'));
        let path = path.trim_start_matches('/');
        let (name, suffix) = path.split_once('/').map_or((path, None), |(name, suffix)| (name, Some(suffix)));
        if name.trim().is_empty() || !rest.starts_with('/') {
            return None;
        }
        match suffix {
            Some(suffix) if suffix.trim().is_empty() || suffix.contains('/') => None,
            Some(number) if number.bytes().all(|digit| digit.is_ascii_digit()) => {
                Some(Self::Registered { name, which: Which::Number(number) })
            }
            Some(latest) if latest.eq_ignore_ascii_case("latest") => {
                Some(Self::Registered { name, which: Which::Latest })
            }
            Some(stage) => Some(Self::Registered { name, which: Which::Stage(stage) }),
            None => match name.rsplit_once('@') {
                Some((_, alias)) if alias.trim().is_empty() => None,
                Some((name, alias)) => Some(Self::Registered { name, which: Which::Alias(alias) }),
                None => Some(Self::Logged(name)),
            },
        }
    }
}

/// The version that another one is made from.
fn referenced(
    app: &App,
    context: &RequestContext,
    stated: &VersionSource,
    (name, which): (&str, Which<'_>),
) -> Result<RegisteredVersion, RegistryError> {
    let wrong = || wrong_owner(&stated.uri, "model_id");
    let name: RegisteredName = name.parse().map_err(|_| wrong())?;
    access::project_of(app, context, Action::Read, &name)?;
    let found = app.store().read(|reader| model::get(reader, &name))?;
    if found.tags.get(IS_PROMPT_TAG).is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Err(RegistryError::source(&stated.uri, "Prompt versions cannot be used as model version sources."));
    }
    match which {
        Which::Number(number) => {
            let number = number.parse().map_err(|_| wrong())?;
            Ok(app.store().read(|reader| version::get(reader, &name, number))?)
        }
        Which::Alias(alias) => aliases::get_version_by_alias(app, context, &name, alias),
        Which::Latest => aliases::get_version_by_alias(app, context, &name, "latest"),
        Which::Stage(stage) => {
            let stage = stage.parse().map_err(|_| wrong())?;
            let newest = found.latest.into_iter().find(|version| version.stage == stage);
            newest.ok_or_else(|| {
                let how = "no version of the model is in this stage".to_owned();
                NotFound { what: "version", id: format!("{name}/{stage}"), how }.into()
            })
        }
    }
}

/// Made from another version: of the same files, run and logged model.
fn of_version(stated: &VersionSource, found: &RegisteredVersion) -> Result<ResolvedSource, RegistryError> {
    let model_id = found.logged_model.as_deref().unwrap_or_default();
    let differs = |stated: &Option<String>, known: &str| stated.as_deref().is_some_and(|stated| stated != known);
    // Clients do not know the logged model of a version: the answer of MLflow's server does not say it.
    let names_other_model = differs(&stated.model_id, model_id) && stated.model_id.as_deref() != Some("");
    if differs(&stated.run_id, &found.run_id) || names_other_model {
        let reason = "The run_id and model_id request parameters must match the referenced model version.";
        return Err(RegistryError::source(&stated.uri, reason));
    }
    Ok(ResolvedSource {
        source: format!("models:/{}/{}", found.model, found.number),
        storage_location: found.storage_location.clone(),
        run_id: found.run_id.clone(),
        logged_model: found.logged_model.clone(),
    })
}

/// `models:/m-…`: the logged model of the parameter.
fn of_logged_model(
    app: &App,
    context: &RequestContext,
    stated: &VersionSource,
    id: &str,
) -> Result<ResolvedSource, RegistryError> {
    if stated.model_id.as_deref() != Some(id) {
        return Err(wrong_owner(&stated.uri, "model_id"));
    }
    let found = logged_model(app, context, &stated.uri, id)?;
    Ok(ResolvedSource {
        storage_location: found.artifact_uri.clone(),
        run_id: run_of(stated, &found),
        source: stated.uri.clone(),
        logged_model: Some(found.id),
    })
}

fn run_of(stated: &VersionSource, model: &LoggedModel) -> String {
    let stated = stated.run_id.clone().filter(|id| !id.is_empty());
    stated.or_else(|| model.source_run.clone()).unwrap_or_default()
}

fn logged_model(app: &App, context: &RequestContext, uri: &str, id: &str) -> Result<LoggedModel, RegistryError> {
    tracking::get_logged_model(app, context, id, false).map_err(|error| match error {
        TrackingError::NotFound(_) => wrong_owner(uri, "model_id"),
        other => other.into(),
    })
}

fn of_files_of_model(
    app: &App,
    context: &RequestContext,
    stated: &VersionSource,
    id: &str,
) -> Result<ResolvedSource, RegistryError> {
    let uri = stated.uri.as_str();
    let found = logged_model(app, context, uri, id)?;
    match kind(uri)? {
        Kind::Local if is_within(uri, &found.artifact_uri) => {}
        Kind::Local => return Err(outside(uri, "model_id")),
        Kind::Run(_) => return Err(wrong_owner(uri, "model_id")),
        Kind::Own if !is_within(uri, &found.artifact_uri) => return Err(wrong_owner(uri, "model_id")),
        Kind::Own | Kind::Elsewhere => {}
    }
    Ok(ResolvedSource { run_id: run_of(stated, &found), logged_model: Some(found.id), ..plain(stated) })
}

fn of_files_of_run(
    app: &App,
    context: &RequestContext,
    stated: &VersionSource,
) -> Result<ResolvedSource, RegistryError> {
    let (uri, run) = (stated.uri.as_str(), stated.run_id.as_deref().filter(|id| !id.is_empty()));
    let is_of_run = |run: &str| -> Result<bool, RegistryError> {
        match tracking::get_run(app, context, run) {
            Ok(found) => Ok(is_within(uri, &found.run.artifact_uri)),
            Err(TrackingError::NotFound(_)) => Err(wrong_owner(uri, "run_id")),
            Err(other) => Err(other.into()),
        }
    };
    match (kind(uri)?, run) {
        (Kind::Local, Some(run)) if is_of_run(run)? => {}
        (Kind::Local, _) => return Err(outside(uri, "run_id")),
        (Kind::Run(id), Some(run)) if id == run => {
            // Whoever may not read the run registers nothing of it.
            tracking::get_run(app, context, run)?;
        }
        (Kind::Run(_), _) => return Err(wrong_owner(uri, "run_id")),
        (Kind::Own, Some(run)) if is_of_run(run)? => {}
        (Kind::Own, _) => return Err(wrong_owner(uri, "run_id")),
        (Kind::Elsewhere, _) => {}
    }
    Ok(plain(stated))
}

fn outside(uri: &str, parameter: &str) -> RegistryError {
    let owner = if parameter == "run_id" { "run" } else { "model" };
    RegistryError::source(
        uri,
        format!(
            "To use a local path as a model version source, the {parameter} request parameter has to be specified and the local path has \
             to be contained within the artifact directory of the {owner} specified by the {parameter}."
        ),
    )
}

/// What kind of address it is.
enum Kind<'u> {
    /// A path of the machine.
    Local,
    /// `runs:/ID/…`.
    Run(&'u str),
    /// `mlflow-artifacts:/…`.
    Own,
    /// An object store.
    Elsewhere,
}

fn kind(uri: &str) -> Result<Kind<'_>, RegistryError> {
    let (scheme, rest) = split(uri);
    let is_local = matches!(scheme.to_ascii_lowercase().as_str(), "" | "file");
    if !is_plain_path(rest) {
        return Err(match is_local {
            true => outside(uri, "run_id"),
            false => RegistryError::source(
                uri,
                "If supplying a source as an http, https, local file path, ftp, objectstore, or mlflow-artifacts uri, an absolute path \
                 must be provided without relative path references present. Please provide an absolute path.",
            ),
        });
    }
    match scheme.to_ascii_lowercase().as_str() {
        "" | "file" => Ok(Kind::Local),
        "runs" if !host(rest).is_empty() => Err(wrong_owner(uri, "run_id")),
        "runs" => Ok(Kind::Run(rest.trim_start_matches('/').split('/').next().unwrap_or_default())),
        "mlflow-artifacts" => Ok(Kind::Own),
        _ => Ok(Kind::Elsewhere),
    }
}

/// The text without escapes, however often it was escaped.
fn unescaped(text: &str) -> String {
    let mut text = text.replace('+', " ");
    loop {
        let once = percent_encoding::percent_decode_str(&text).decode_utf8_lossy().into_owned();
        if once == text {
            return text;
        }
        text = once;
    }
}

/// Whether the path of an address is absolute, and says without `.` and `..` where it leads.
fn is_plain_path(rest: &str) -> bool {
    let rest = unescaped(rest);
    let path = rest.strip_prefix("//").map_or(rest.as_str(), |rest| rest.find('/').map_or("", |start| &rest[start..]));
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let parts = || path.split(['/', '\\']);
    path.starts_with('/')
        && !path.trim_matches('/').is_empty()
        && !path.contains('\0')
        && !rest.split('/').any(|part| part == "..")
        && !parts().any(|part| matches!(part, "." | ".."))
}

/// Whether an address lies at another one or below it.
fn is_within(uri: &str, root: &str) -> bool {
    let parts = |uri: &str| {
        let (scheme, rest) = split(uri);
        let authority = host(rest).to_ascii_lowercase();
        let path = rest.strip_prefix("//").map_or(rest, |rest| rest.find('/').map_or("", |start| &rest[start..]));
        let path: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(unescaped).collect();
        // A path without a scheme is that of a file.
        let scheme = if scheme.is_empty() { "file".to_owned() } else { scheme.to_ascii_lowercase() };
        (scheme, authority, path)
    };
    let ((scheme, authority, path), (root_scheme, root_authority, root)) = (parts(uri), parts(root));
    scheme == root_scheme && authority == root_authority && !root.is_empty() && path.starts_with(&root)
}

#[cfg(test)]
mod tests {
    use kilter_store::tracking::experiment::OWN_ARTIFACTS;

    use super::*;

    #[test]
    fn addresses_of_models_are_read_as_clients_write_them() {
        let registered = |name, which| Some(ModelUri::Registered { name, which });
        assert_eq!(ModelUri::parse("/m-1"), Some(ModelUri::Logged("m-1")));
        assert_eq!(ModelUri::parse("/churn/3"), registered("churn", Which::Number("3")));
        assert_eq!(ModelUri::parse("/churn@best"), registered("churn", Which::Alias("best")));
        assert_eq!(ModelUri::parse("/a@b@best"), registered("a@b", Which::Alias("best")));
        assert_eq!(ModelUri::parse("/churn/Latest"), registered("churn", Which::Latest));
        assert_eq!(ModelUri::parse("/churn/Production"), registered("churn", Which::Stage("Production")));
        for bad in ["", "/", "churn/3", "/churn/", "/churn/3/4", "/churn@", "/ /3"] {
            assert_eq!(ModelUri::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_path_that_leads_elsewhere_is_no_source() {
        for good in ["s3://bucket/a/b", "mlflow-artifacts:/1/r/artifacts/model", "gs://b/x y", "dbfs:/a//b", "/a/b"] {
            assert!(is_plain_path(split(good).1), "{good}");
        }
        for bad in [
            "s3://bucket",
            "s3://bucket/a/../b",
            "mlflow-artifacts:/1/%2e%2e/2",
            "mlflow-artifacts:/1/%252e%252e/2",
            "mlflow-artifacts:/1/..%2f2",
            "mlflow-artifacts:/1/%00",
            "dbfs:relative",
            "/a/./b",
            "a/b",
            "..",
        ] {
            assert!(!is_plain_path(split(bad).1), "{bad}");
        }
    }

    #[test]
    fn only_what_lies_below_a_folder_is_within_it() {
        let root = format!("{OWN_ARTIFACTS}1/run/artifacts");
        assert!(is_within(&root, &root) && is_within(&format!("{root}/model"), &root));
        assert!(is_within("mlflow-artifacts:/1//run/art%69facts/model", &root));
        for other in
            ["mlflow-artifacts:/1/run/artifacts2", "mlflow-artifacts:/1/other/artifacts", "s3://1/run/artifacts"]
        {
            assert!(!is_within(other, &root), "{other}");
        }
        assert!(is_within("file:///mlruns/1/r/artifacts/m", "/mlruns/1/r/artifacts"));
        assert!(!is_within("/x", "/"));
    }
}
