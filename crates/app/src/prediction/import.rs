//! Past predictions, answered elsewhere or before there was an endpoint: recorded with their own times, beside what is answered here.
//!
//! Invariants: an id that is recorded is left as it is, so bringing a file in twice, or again after it was cut off, changes nothing;
//! what a request was answered for is on the disk; labels are recorded before their predictions, so that a cut in between loses
//! none; no row is of a version that is not registered, or of a time to come. The file has one entry in the audit log, made
//! before the first of its rows. Personal columns are treated as those of a live request; no sample is drawn.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::{Arc, PoisonError},
};

use kilter_domain::{
    ids::{EndpointName, ModelName},
    table::{Column, Table},
    time::Timestamp,
};
use kilter_inference::{InputKind, Task};
use kilter_package::Package;
use kilter_serving::{
    Durability, LabelBatch, PredictionBatch, PredictionLog, Role, VersionRef, prediction_log::Probabilities,
    recording_policy::RecordingPolicy,
};
use kilter_store::{model as versions, setting};
use serde_json::{Value, json};

use crate::{
    app::App,
    authz::{Subject, access_map, act},
    causes::NoLiveVersion,
    clock_skew::is_ahead,
    context::RequestContext,
    model::load,
    prediction::{error::ImportError, label_checks, predict},
    project::folder::Project,
    recording_policy, registered,
};

/// Rows of one record of the log.
const RECORD_ROWS: usize = 2_000;
/// The longest prediction id, in bytes.
const MAX_ID_BYTES: usize = 300;

/// A file of past predictions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PredictionFile {
    /// The SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
    /// The rows that it has.
    pub rows: u64,
    /// Why it is brought in.
    pub reason: String,
}

/// Past predictions; all lists have as many entries as `ids`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PastPredictions {
    /// The SHA-256 of the file that they are of.
    pub sha256: String,
    /// Prediction ids.
    pub ids: Vec<Arc<str>>,
    /// When each happened.
    pub times: Vec<Timestamp>,
    /// The version that answered each.
    pub versions: Vec<u32>,
    /// The score of each.
    pub scores: Vec<f64>,
    /// The predicted class of each.
    pub predicted: Option<Vec<Option<Arc<str>>>>,
    /// The probability of each class, row by row.
    pub probabilities: Option<Vec<Vec<f32>>>,
    /// What turned out to be true; `null`: not known.
    pub labels: Option<Vec<Value>>,
    /// When each label became known.
    pub known_at: Option<Vec<Timestamp>>,
    /// What went in, by column.
    pub features: Vec<(String, Vec<Value>)>,
}

/// What became of past predictions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportedPredictions {
    /// Rows that were recorded.
    pub imported: usize,
    /// Rows whose id was recorded before.
    pub known: usize,
    /// Rows that are not recorded, with the reason.
    pub refused: Vec<(usize, String)>,
    /// Columns that no version of the rows knows.
    pub left_out: BTreeSet<String>,
}

fn setting_of(endpoint: &EndpointName, sha256: &str) -> String {
    format!("endpoint.{endpoint}.imported.{sha256}")
}

/// Writes down that a file is brought in; the number of its entry in the audit log. A file that is known has its entry.
///
/// # Errors
/// When the actor may not deploy at the endpoint, nothing is live there, or the digest is none.
pub fn begin_import(
    app: &App,
    context: &RequestContext,
    endpoint: &EndpointName,
    file: &PredictionFile,
) -> Result<u64, ImportError> {
    let by = access_map::require_act::<act::Deploy>(app, context, &Subject::Endpoint(endpoint.clone()))?;
    predict::serving(app, endpoint).ok_or_else(|| NoLiveVersion { endpoint: endpoint.clone() })?;
    if file.sha256.len() != 64 || !file.sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(ImportError::Digest(file.sha256.chars().take(80).collect()));
    }
    let name = setting_of(endpoint, &file.sha256);
    let known = app.store().read(|reader| setting::find(reader, &name))?;
    if let Some(known) = known {
        return Ok(known.audit_seq);
    }
    let why = if file.reason.is_empty() { String::new() } else { format!(": {}", file.reason) };
    let reason = format!(
        "{} past predictions are brought in at `{endpoint}`, of the file with SHA-256 {}{why}",
        file.rows, file.sha256
    );
    let draft = by.audit_event("prediction.import", reason, vec![]);
    let value = json!({ "endpoint": endpoint.as_str(), "sha256": file.sha256, "rows": file.rows });
    Ok(app.store().write(move |tx| Ok(setting::put(&tx.audited(draft), &name, &value)?.audit_seq))?)
}

/// Records past predictions of a file that [`begin_import`] knows. What is imported is on the disk when this returns.
///
/// # Errors
/// When the actor may not deploy at the endpoint, the file was not begun, its lists do not fit together, or the log does not take
/// them. Rows that are wrong are no error: they are told one by one.
pub fn import_predictions(
    app: &App,
    context: &RequestContext,
    endpoint: &EndpointName,
    past: &PastPredictions,
) -> Result<ImportedPredictions, ImportError> {
    access_map::require_act::<act::Deploy>(app, context, &Subject::Endpoint(endpoint.clone()))?;
    past.check_lists()?;
    let name = setting_of(endpoint, &past.sha256);
    if app.store().read(|reader| setting::find(reader, &name))?.is_none() {
        return Err(ImportError::NotBegun { sha256: past.sha256.chars().take(80).collect() });
    }
    let serving = predict::serving(app, endpoint).ok_or_else(|| NoLiveVersion { endpoint: endpoint.clone() })?;
    let project = project_of(app, endpoint)?;
    // Two imports of the same ids side by side would both find them new.
    let lock = app.components().endpoints.change_lock(endpoint);
    let _alone = lock.lock().unwrap_or_else(PoisonError::into_inner);
    let mut done = ImportedPredictions::default();
    let of_version = PastVersions::load(app, &project.model(), &past.versions)?;
    let found = label_checks::known_ids(app, endpoint, &past.ids)?;
    let new: HashSet<&str> = found.unknown.iter().map(|id| &**id).collect();
    let mut rows = Vec::new();
    let mut seen = HashSet::new();
    for row in 0..past.ids.len() {
        match past.problem(row, context.at, &of_version, &mut seen) {
            Some(reason) => done.refused.push((row, reason)),
            None if new.contains(&*past.ids[row]) => rows.push(row),
            None => done.known += 1,
        }
    }
    done.left_out = past.left_out(&of_version);
    let policy = recording_policy::policy_of(app, &project.contract)?.without_sample();
    let importer = Importer { past, of_version: &of_version, log: serving.log(), policy, now: context.at };
    importer.record_labels(&rows)?;
    done.imported = importer.record_predictions(&rows)?;
    Ok(done)
}

fn project_of(app: &App, endpoint: &EndpointName) -> Result<Project, ImportError> {
    let found = app.store().read(|reader| kilter_store::deployment::find_endpoint(reader, endpoint))?;
    let endpoint = found.ok_or_else(|| NoLiveVersion { endpoint: endpoint.clone() })?;
    Ok(registered::recorded_project(app, &endpoint.project)?)
}

/// The versions that rows are of.
struct PastVersions(BTreeMap<u32, PastVersion>);

struct PastVersion {
    version: VersionRef,
    package: Arc<Package>,
}

impl PastVersions {
    fn load(app: &App, model: &ModelName, numbers: &[u32]) -> Result<Self, ImportError> {
        let mut found = BTreeMap::new();
        for number in numbers.iter().copied().collect::<BTreeSet<u32>>() {
            let Some(stored) = app.store().read(|reader| versions::find(reader, model, number))? else { continue };
            let version = VersionRef { number: u64::from(number), digest: stored.digest };
            let package = load::read_package(app, stored.digest)?;
            found.insert(number, PastVersion { version, package });
        }
        Ok(Self(found))
    }
}

impl PastVersion {
    /// What a column holds; `None` if this version neither reads nor records it.
    fn kind(&self, name: &str) -> Option<InputKind> {
        let manifest = &self.package.manifest;
        let recorded = || manifest.recorded.iter().find(|input| input.name == name);
        manifest.signature.input(name).or_else(recorded).map(|input| input.kind)
    }
}

impl PastPredictions {
    fn check_lists(&self) -> Result<(), ImportError> {
        let rows = self.ids.len();
        let length = |list: Option<usize>| list.unwrap_or(rows);
        let lists = [
            ("times", self.times.len()),
            ("versions", self.versions.len()),
            ("scores", self.scores.len()),
            ("predicted", length(self.predicted.as_ref().map(Vec::len))),
            ("probabilities", length(self.probabilities.as_ref().map(Vec::len))),
            ("labels", length(self.labels.as_ref().map(Vec::len))),
            ("known_at", length(self.known_at.as_ref().map(Vec::len))),
        ];
        let features = self.features.iter().map(|(name, values)| (name.as_str(), values.len()));
        match lists.into_iter().chain(features).find(|(_, found)| *found != rows) {
            Some((list, found)) => Err(ImportError::Ragged { list: list.to_owned(), found, rows }),
            None => Ok(()),
        }
    }

    /// Why a row cannot be recorded.
    fn problem<'p>(
        &'p self,
        row: usize,
        now: Timestamp,
        versions: &PastVersions,
        seen: &mut HashSet<&'p str>,
    ) -> Option<String> {
        let id = &*self.ids[row];
        if id.is_empty() || id.len() > MAX_ID_BYTES {
            return Some(format!("its id has {} bytes; 1 to {MAX_ID_BYTES} are accepted", id.len()));
        }
        if !seen.insert(id) {
            return Some(format!("the id `{id}` stands before it in the file"));
        }
        if is_ahead(self.times[row], now) {
            return Some(format!("it happens at {}, and it is {now}", self.times[row]));
        }
        let Some(version) = versions.0.get(&self.versions[row]) else {
            return Some(format!("there is no version {} of the model", self.versions[row]));
        };
        self.answer_problem(row, version).or_else(|| self.feature_problem(row, version))
    }

    fn answer_problem(&self, row: usize, version: &PastVersion) -> Option<String> {
        let signature = &version.package.manifest.signature;
        let (score, classes) = (self.scores[row], &signature.classes);
        if !score.is_finite() {
            return Some("its score is no number".to_owned());
        }
        if signature.task != Task::Regression && !(0.0..=1.0).contains(&score) {
            return Some(format!("its score {score} is no probability"));
        }
        let predicted = self.predicted.as_ref().and_then(|predicted| predicted[row].as_deref());
        match (signature.task, predicted) {
            (Task::Regression, Some(_)) => return Some("a regression has no predicted class".to_owned()),
            (Task::Regression, None) => {}
            (_, None) => return Some("it has no predicted class".to_owned()),
            (_, Some(class)) if !classes.iter().any(|known| known == class) => {
                return Some(format!("`{class}` is no class of version {}: {}", version.version, classes.join(", ")));
            }
            (_, Some(_)) => {}
        }
        let probabilities = self.probabilities.as_ref().map(|all| &all[row])?;
        let is_share = |value: &f32| (0.0..=1.0).contains(value);
        let fits = probabilities.len() == classes.len() && probabilities.iter().all(is_share);
        (!fits).then(|| format!("it needs {} probabilities from 0 to 1, one a class", classes.len()))
    }

    fn feature_problem(&self, row: usize, version: &PastVersion) -> Option<String> {
        let wrong = self.features.iter().find_map(|(name, values)| {
            let kind = version.kind(name)?;
            (!fits(&values[row], kind)).then_some((name, &values[row], kind))
        });
        wrong.map(|(name, value, kind)| {
            let shown: String = value.to_string().chars().take(80).collect();
            format!("the column `{name}` is {shown}, and version {} takes {} there", version.version, kind.words())
        })
    }

    fn left_out(&self, versions: &PastVersions) -> BTreeSet<String> {
        let is_known = |name: &str| versions.0.values().any(|version| version.kind(name).is_some());
        self.features.iter().map(|(name, _)| name).filter(|name| !is_known(name)).cloned().collect()
    }
}

fn fits(value: &Value, kind: InputKind) -> bool {
    match (kind, value) {
        (_, Value::Null) => true,
        // Whole numbers beyond 64 signed bits would be rounded.
        (InputKind::Number, value) => value.is_i64() || value.is_f64(),
        (InputKind::Integer, value) => value.is_i64(),
        (InputKind::Boolean, value) => value.is_boolean(),
        (InputKind::Text, value) => value.is_string(),
        (InputKind::Time, value) => value.as_str().is_some_and(|text| text.parse::<Timestamp>().is_ok()),
    }
}

/// Writes rows that were found right.
struct Importer<'i> {
    past: &'i PastPredictions,
    of_version: &'i PastVersions,
    log: &'i PredictionLog,
    policy: RecordingPolicy,
    now: Timestamp,
}

impl Importer<'_> {
    fn record_labels(&self, rows: &[usize]) -> Result<(), ImportError> {
        let Some(labels) = &self.past.labels else { return Ok(()) };
        let labelled: Vec<usize> = rows.iter().copied().filter(|row| !labels[*row].is_null()).collect();
        for rows in labelled.chunks(RECORD_ROWS) {
            let known_at = |row: &usize| match &self.past.known_at {
                Some(known_at) => known_at[*row].min(self.now),
                None => self.past.times[*row].min(self.now),
            };
            self.log.append_labels(&LabelBatch {
                recorded_at: self.now,
                ids: rows.iter().map(|row| self.past.ids[*row].clone()).collect(),
                values: label_column(rows.iter().map(|row| &labels[*row]).collect()),
                known_at: rows.iter().map(known_at).collect(),
            })?;
        }
        Ok(())
    }

    /// Records the rows of each version; how many.
    fn record_predictions(&self, rows: &[usize]) -> Result<usize, ImportError> {
        let mut count = 0;
        for (number, version) in &self.of_version.0 {
            let own: Vec<usize> = rows.iter().copied().filter(|row| self.past.versions[*row] == *number).collect();
            for rows in own.chunks(RECORD_ROWS) {
                let batch = self.batch(version, rows);
                if let Some(recorded) = self.policy.recorded(&batch, None) {
                    self.log.append(&recorded)?;
                }
                count += rows.len();
            }
        }
        // What is acknowledged at once is brought to the disk by sealing it.
        if count > 0 && self.log.durability() == Durability::Buffered {
            self.log.rotate()?;
        }
        Ok(count)
    }

    fn batch(&self, version: &PastVersion, rows: &[usize]) -> PredictionBatch {
        let past = self.past;
        let signature = &version.package.manifest.signature;
        let features = past.features.iter().filter_map(|(name, values)| {
            let kind = version.kind(name)?;
            Some((name.clone(), feature_column(rows.iter().map(|row| &values[*row]).collect(), kind)))
        });
        let class = |row: &usize, predicted: &Vec<Option<Arc<str>>>| predicted[*row].clone().unwrap_or_default();
        let labels = past.predicted.as_ref().filter(|_| signature.task != Task::Regression);
        let probabilities = past.probabilities.as_ref().filter(|_| signature.task == Task::Multiclass);
        PredictionBatch {
            version: version.version,
            role: Role::Imported,
            consumer: None,
            recorded_at: self.now,
            latency_us: 0,
            ids: rows.iter().map(|row| past.ids[*row].clone()).collect(),
            event_times: rows.iter().map(|row| past.times[*row].min(self.now)).collect(),
            // A name that stands twice was one column of the file; lengths are those of the rows.
            features: Table::new(features.collect()).unwrap_or_default(),
            scores: rows.iter().map(|row| past.scores[*row]).collect(),
            labels: labels.map(|predicted| rows.iter().map(|row| class(row, predicted)).collect()),
            probabilities: probabilities.map(|all| Probabilities {
                classes: signature.classes.len(),
                values: rows.iter().flat_map(|row| all[*row].iter().copied()).collect(),
            }),
            details: None,
        }
    }
}

/// Numbers stay numbers; whatever else is among them makes all of them texts, as with labels that are sent.
fn label_column(values: Vec<&Value>) -> Column {
    if values.iter().all(|value| value.is_number()) {
        return Column::Float(values.iter().map(|value| value.as_f64().unwrap_or(f64::NAN)).collect());
    }
    let text = |value: &&Value| match value {
        Value::Null => None,
        Value::String(text) => Some(Arc::from(text.as_str())),
        other => Some(Arc::from(other.to_string())),
    };
    Column::Text(values.iter().map(text).collect())
}

/// A column of values that fit the kind. Whole numbers stay whole where all of them are.
fn feature_column(values: Vec<&Value>, kind: InputKind) -> Column {
    match kind {
        InputKind::Number if values.iter().any(|value| value.is_f64()) => {
            Column::Float(values.iter().map(|value| value.as_f64().unwrap_or(f64::NAN)).collect())
        }
        InputKind::Number | InputKind::Integer => Column::Int(values.iter().map(|value| value.as_i64()).collect()),
        InputKind::Boolean => Column::Bool(values.iter().map(|value| value.as_bool()).collect()),
        InputKind::Text => Column::Text(values.iter().map(|value| value.as_str().map(Arc::from)).collect()),
        InputKind::Time => {
            let time = |value: &&Value| Some(value.as_str()?.parse::<Timestamp>().ok()?.millis());
            Column::Time(values.iter().map(time).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_keep_their_types_and_nothing_is_rounded() {
        let column = |values: Value, kind| feature_column(values.as_array().unwrap().iter().collect(), kind);
        let large = 9_007_199_254_740_993_i64;
        assert_eq!(column(json!([large, null]), InputKind::Number), Column::Int(vec![Some(large), None]));
        assert_eq!(column(json!([1, 0.5]), InputKind::Number), Column::Float(vec![1.0, 0.5]));
        assert_eq!(column(json!([true, null]), InputKind::Boolean), Column::Bool(vec![Some(true), None]));
        assert_eq!(column(json!(["1970-01-01T00:00:01Z"]), InputKind::Time), Column::Time(vec![Some(1_000)]));
        assert!(!fits(&json!(0.5), InputKind::Integer) && !fits(&json!("x"), InputKind::Number));
        assert!(!fits(&json!(u64::MAX), InputKind::Integer) && !fits(&json!(u64::MAX), InputKind::Number));
        assert!(fits(&json!(i64::MIN), InputKind::Number) && fits(&Value::Null, InputKind::Time));
    }

    #[test]
    fn labels_are_numbers_if_all_of_them_are() {
        let (one, two, text) = (json!(1), json!(0.5), json!("yes"));
        assert_eq!(label_column(vec![&one, &two]), Column::Float(vec![1.0, 0.5]));
        assert_eq!(label_column(vec![&one, &text]), Column::Text(vec![Some("1".into()), Some("yes".into())]));
    }
}
