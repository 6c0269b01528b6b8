//! A server that speaks MLflow's REST API, as a source: an MLflow server, or this platform.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io::Read,
};

use kilter_domain::{
    tracking::{ExperimentId, Lifecycle},
    transfer::{ExperimentRecord, LoggedModelRecord, RegisteredModelRecord, VersionRecord},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;

use crate::{
    TransferError,
    http::Transport,
    json::{ExperimentJson, Int, LoggedModelJson, MetricJson, RegisteredModelJson, RunJson, VersionJson},
    source::{Each, HistoryPart, Owner, Source, SourceFile, SourceRun},
};

const API: &str = "/api/2.0/mlflow";
const PROXY: &str = "/api/2.0/mlflow-artifacts/artifacts";
/// Runs that are read at a time: as many as one request asks the histories of.
const RUNS: usize = 100;
/// Other things that are read at a time.
const THINGS: usize = 1000;
/// Points of a page of a history, and of an answer about many runs.
const POINTS: usize = 25_000;
/// Files of one owner at most.
const MAX_FILES: usize = 1_000_000;
const NOT_IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A text as a part of an address.
pub(crate) fn escaped(text: &str) -> String {
    utf8_percent_encode(text, NOT_IN_PATH).to_string()
}

/// A path of an artifact in an address: its `/` stay.
pub(crate) fn proxy_path(path: &str) -> String {
    let parts: Vec<String> = path.split('/').map(escaped).collect();
    format!("{PROXY}/{}", parts.join("/"))
}

/// The path below the root of the artifacts that a server keeps itself.
pub(crate) fn proxied(uri: &str) -> Option<String> {
    let rest = uri.strip_prefix("mlflow-artifacts:")?;
    let path = match rest.strip_prefix("//") {
        Some(rest) if !rest.starts_with('/') => rest.split_once('/').map_or("", |(_, path)| path),
        _ => rest,
    };
    Some(path.trim_matches('/').to_owned())
}

/// A server that speaks MLflow's REST API.
pub struct RestSource<T> {
    transport: T,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(default)]
    files: Vec<FileJson>,
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
struct FileJson {
    path: String,
    #[serde(default)]
    is_dir: bool,
    #[serde(default)]
    file_size: Int,
}

#[derive(Deserialize)]
struct History {
    #[serde(default)]
    metrics: Vec<MetricJson>,
    next_page_token: Option<String>,
}

/// A page of any kind of thing: the field with the things has another name for each.
#[derive(Deserialize)]
struct Page<T> {
    #[serde(
        default = "Vec::new",
        alias = "experiments",
        alias = "runs",
        alias = "models",
        alias = "registered_models",
        alias = "model_versions"
    )]
    items: Vec<T>,
    next_page_token: Option<String>,
}

#[allow(private_bounds, reason = "what is asked of a server is no concern of those who copy")]
impl<T: Transport> RestSource<T> {
    /// The server behind `transport`.
    pub fn new(transport: T) -> Self {
        Self { transport }
    }

    fn get<R: DeserializeOwned>(&self, path: &str) -> Result<Option<R>, TransferError> {
        let found = self.transport.call(Method::GET, path, None)?;
        found.map(|bytes| self.read(path, &bytes)).transpose()
    }

    fn post<R: DeserializeOwned>(&self, path: &str, body: &serde_json::Value) -> Result<Option<R>, TransferError> {
        let found = self.transport.call(Method::POST, path, Some(body.to_string().into_bytes()))?;
        found.map(|bytes| self.read(path, &bytes)).transpose()
    }

    fn read<R: DeserializeOwned>(&self, path: &str, bytes: &[u8]) -> Result<R, TransferError> {
        let what = || format!("{} at {}", self.transport.name(), path.split('?').next().unwrap_or(path));
        serde_json::from_slice(bytes).map_err(|error| TransferError::unreadable(what(), error))
    }

    fn missing(&self, path: &str) -> TransferError {
        TransferError::unreadable(self.transport.name(), format!("there is nothing at {path}: is it an MLflow server?"))
    }

    /// Every page of a search by POST.
    fn search<J: DeserializeOwned>(
        &self,
        path: &str,
        body: serde_json::Value,
        each: &mut dyn FnMut(Vec<J>) -> Result<(), TransferError>,
    ) -> Result<bool, TransferError> {
        let mut body = body;
        loop {
            let Some(page) = self.post::<Page<J>>(path, &body)? else { return Ok(false) };
            each(page.items)?;
            match page.next_page_token.filter(|token| !token.is_empty()) {
                None => return Ok(true),
                Some(token) => body["page_token"] = token.into(),
            }
        }
    }

    /// Every page of a search by GET.
    fn list<J: DeserializeOwned>(
        &self,
        path: &str,
        each: &mut dyn FnMut(Vec<J>) -> Result<(), TransferError>,
    ) -> Result<(), TransferError> {
        let mut token = String::new();
        loop {
            let Some(page) = self.get::<Page<J>>(&format!("{path}{token}"))? else { return Ok(()) };
            each(page.items)?;
            match page.next_page_token.filter(|token| !token.is_empty()) {
                None => return Ok(()),
                Some(next) => token = format!("&page_token={}", escaped(&next)),
            }
        }
    }

    /// The run of an id, if there is one.
    pub(crate) fn run(&self, id: &str) -> Result<Option<SourceRun>, TransferError> {
        #[derive(Deserialize)]
        struct Found {
            run: RunJson,
        }
        let found: Option<Found> = self.get(&format!("{API}/runs/get?run_id={}", escaped(id)))?;
        found.map(|found| found.run.run()).transpose()
    }

    /// The logged model of an id, if there is one; one that is deleted too, where the server shows it.
    pub(crate) fn logged_model(&self, id: &str) -> Result<Option<LoggedModelRecord>, TransferError> {
        #[derive(Deserialize)]
        struct Found {
            model: LoggedModelJson,
        }
        let path = format!("{API}/logged-models/{}", escaped(id));
        if let Some(found) = self.get::<Found>(&path)? {
            return found.model.record().map(Some);
        }
        let deleted: Option<Found> = self.get(&format!("{path}?allow_deleted=true"))?;
        let deleted = deleted.map(|found| found.model.record()).transpose()?;
        Ok(deleted.map(|model| LoggedModelRecord { lifecycle: Lifecycle::Deleted, ..model }))
    }

    fn history(&self, run: &str, metric: &str, each: Each<'_, HistoryPart>) -> Result<(), TransferError> {
        let path = format!(
            "{API}/metrics/get-history?run_id={}&metric_key={}&max_results={POINTS}",
            escaped(run),
            escaped(metric)
        );
        let mut token = String::new();
        loop {
            let page: History = self.get(&format!("{path}{token}"))?.ok_or_else(|| self.missing(&path))?;
            let points = page.metrics.iter().map(MetricJson::point).collect();
            each(HistoryPart { run: run.to_owned(), metric: metric.to_owned(), points })?;
            match page.next_page_token.filter(|token| !token.is_empty()) {
                None => return Ok(()),
                Some(next) => token = format!("&page_token={}", escaped(&next)),
            }
        }
    }

    /// The histories of one metric of many runs, if one answer has all of them.
    fn short_histories(&self, runs: &[&str], metric: &str) -> Option<Vec<HistoryPart>> {
        let ids: Vec<String> = runs.iter().map(|run| format!("run_id={}", escaped(run))).collect();
        let path = format!(
            "/ajax-api/2.0/mlflow/metrics/get-history-bulk?{}&metric_key={}&max_results={POINTS}",
            ids.join("&"),
            escaped(metric)
        );
        // NaN is no JSON in this answer of MLflow's server, and older servers have no such route: then each history is asked for.
        let found: History = self.get(&path).ok().flatten()?;
        if found.metrics.len() >= POINTS {
            return None;
        }
        let mut parts: BTreeMap<&str, HistoryPart> = BTreeMap::new();
        for metric_json in &found.metrics {
            let run = *runs.iter().find(|run| **run == metric_json.run_id)?;
            let part = parts.entry(run).or_insert_with(|| HistoryPart {
                run: run.to_owned(),
                metric: metric.to_owned(),
                points: Vec::new(),
            });
            part.points.push(metric_json.point());
        }
        (parts.len() == runs.len()).then(|| parts.into_values().collect())
    }

    fn listed(&self, owner: &Owner, folder: &str) -> Result<Vec<FileJson>, TransferError> {
        let base = match (proxied(&owner.uri), owner.is_model) {
            (Some(root), _) if folder.is_empty() => format!("{PROXY}?path={}", escaped(&root)),
            (Some(root), _) => format!("{PROXY}?path={}", escaped(&format!("{root}/{folder}"))),
            (None, false) => format!("{API}/artifacts/list?run_id={}&path={}", escaped(&owner.id), escaped(folder)),
            (None, true) => format!(
                "{API}/logged-models/{}/artifacts/directories?artifact_directory_path={}",
                escaped(&owner.id),
                escaped(folder)
            ),
        };
        // Of the proxy paths are below the folder that is asked for; else below that of the owner.
        let is_below = proxied(&owner.uri).is_some() && !folder.is_empty();
        let mut found = Vec::new();
        let mut token = String::new();
        loop {
            let Some(page) = self.get::<Listed>(&format!("{base}{token}"))? else { return Ok(found) };
            let whole = |file: FileJson| match is_below {
                true => FileJson { path: format!("{folder}/{}", file.path), ..file },
                false => file,
            };
            found.extend(page.files.into_iter().map(whole));
            match page.next_page_token.filter(|token| !token.is_empty()) {
                None => return Ok(found),
                Some(next) => token = format!("&page_token={}", escaped(&next)),
            }
        }
    }
}

/// Whether a path that a server names stays below the folder that it is of.
pub(crate) fn is_inside(path: &str) -> bool {
    !path.is_empty() && !path.contains(['\\', '\0']) && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

#[allow(private_bounds, reason = "what is asked of a server is no concern of those who copy")]
impl<T: Transport> Source for RestSource<T> {
    fn name(&self) -> String {
        self.transport.name()
    }

    fn experiments(&self) -> Result<Vec<ExperimentRecord>, TransferError> {
        let mut found = Vec::new();
        let path = format!("{API}/experiments/search");
        let is_there = self.search(
            &path,
            json!({ "view_type": "ALL", "max_results": THINGS, "order_by": ["creation_time ASC"] }),
            &mut |page: Vec<ExperimentJson>| {
                for experiment in page {
                    found.push(experiment.record()?);
                }
                Ok(())
            },
        )?;
        if is_there { Ok(found) } else { Err(self.missing(&path)) }
    }

    fn runs(&self, experiment: ExperimentId, each: Each<'_, Vec<SourceRun>>) -> Result<(), TransferError> {
        let body = json!({
            "experiment_ids": [experiment.to_string()], "run_view_type": "ALL", "max_results": RUNS,
            "order_by": ["attributes.start_time ASC"],
        });
        self.search(&format!("{API}/runs/search"), body, &mut |page: Vec<RunJson>| {
            each(page.into_iter().map(RunJson::run).collect::<Result<_, _>>()?)
        })
        .map(drop)
    }

    fn histories(&self, runs: &[&SourceRun], each: Each<'_, HistoryPart>) -> Result<(), TransferError> {
        for runs in runs.chunks(RUNS) {
            let metrics: BTreeSet<&str> = runs.iter().flat_map(|run| run.latest.keys().map(String::as_str)).collect();
            for metric in metrics {
                let of: Vec<&str> = runs
                    .iter()
                    .filter(|run| run.latest.contains_key(metric))
                    .map(|run| run.record.id.as_str())
                    .collect();
                match if of.len() > 1 { self.short_histories(&of, metric) } else { None } {
                    Some(parts) => parts.into_iter().try_for_each(&mut *each)?,
                    None => of.iter().try_for_each(|run| self.history(run, metric, each))?,
                }
            }
        }
        Ok(())
    }

    fn logged_models(
        &self,
        experiment: ExperimentId,
        each: Each<'_, Vec<LoggedModelRecord>>,
    ) -> Result<(), TransferError> {
        let body = json!({ "experiment_ids": [experiment.to_string()], "max_results": 100 });
        self.search(&format!("{API}/logged-models/search"), body, &mut |page: Vec<LoggedModelJson>| {
            each(page.into_iter().map(LoggedModelJson::record).collect::<Result<_, _>>()?)
        })
        .map(drop)
    }

    fn unlisted_model(&self, id: &str) -> Result<Option<LoggedModelRecord>, TransferError> {
        self.logged_model(id)
    }

    fn files(&self, owner: &Owner) -> Result<Vec<SourceFile>, TransferError> {
        let mut found = Vec::new();
        let mut folders = VecDeque::from([String::new()]);
        while let Some(folder) = folders.pop_front() {
            for file in self.listed(owner, &folder)? {
                if !is_inside(&file.path) || file.path == folder || found.len() + folders.len() >= MAX_FILES {
                    let reason = format!("it lists the file `{}`", file.path);
                    return Err(TransferError::unreadable(owner.shown(), reason));
                }
                match file.is_dir {
                    true => folders.push_back(file.path),
                    false => found.push(SourceFile {
                        path: file.path,
                        bytes: u64::try_from(file.file_size.0).unwrap_or_default(),
                    }),
                }
            }
        }
        found.sort();
        Ok(found)
    }

    fn open(&self, owner: &Owner, path: &str) -> Result<Box<dyn Read + Send>, TransferError> {
        let address = match (proxied(&owner.uri), owner.is_model) {
            (Some(root), _) => proxy_path(&format!("{root}/{path}")),
            (None, false) => {
                format!("/get-artifact?run_uuid={0}&run_id={0}&path={1}", escaped(&owner.id), escaped(path))
            }
            (None, true) => format!(
                "/ajax-api/2.0/mlflow/logged-models/{}/artifacts/files?artifact_file_path={}",
                escaped(&owner.id),
                escaped(path)
            ),
        };
        self.transport.download(&address)
    }

    fn registered_models(&self, each: Each<'_, Vec<RegisteredModelRecord>>) -> Result<(), TransferError> {
        let path = format!("{API}/registered-models/search?max_results={THINGS}");
        self.list(&path, &mut |page: Vec<RegisteredModelJson>| {
            each(page.into_iter().map(RegisteredModelJson::record).collect::<Result<_, _>>()?)
        })
    }

    fn versions(&self, each: Each<'_, Vec<VersionRecord>>) -> Result<(), TransferError> {
        let path = format!("{API}/model-versions/search?max_results={THINGS}");
        self.list(&path, &mut |page: Vec<VersionJson>| {
            each(page.into_iter().map(VersionJson::record).collect::<Result<_, _>>()?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_an_artifact_is_found_below_the_root() {
        for (uri, path) in [
            ("mlflow-artifacts:/1/run/artifacts", Some("1/run/artifacts")),
            ("mlflow-artifacts://host:5000/1/a", Some("1/a")),
            ("mlflow-artifacts:///1/a/", Some("1/a")),
            ("s3://bucket/1", None),
            ("/tmp/mlruns/1", None),
        ] {
            assert_eq!(proxied(uri).as_deref(), path, "{uri}");
        }
        assert_eq!(proxy_path("1/a b/é?"), format!("{PROXY}/1/a%20b/%C3%A9%3F"));
    }
}
