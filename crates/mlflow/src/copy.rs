//! A copy: what a source has is brought to a target, and compared there.
//!
//! A run is brought in an order by which its state says how far it is: its record first, then the points of its metrics, the latest
//! of each at the end. So a copy that was ended anywhere is begun again: what is the same is passed over, and nothing is there twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
    sync::{Arc, Mutex},
};

use kilter_domain::{
    tracking::{ExperimentId, Lifecycle, RunStatus},
    transfer::{ExperimentRecord, LoggedModelRecord, PointsRecord, Record, RunRecord},
};

use crate::{
    TransferError,
    folder_write::FolderTarget,
    platform::Platform,
    report::{Kind, Report},
    same::{Common, HistorySums, digest_of, latest},
    source::{Owner, Source, SourceRun, is_copied},
    target::{Batch, Target},
};

/// Points of one record.
const POINTS: usize = 10_000;

/// What is asked of a copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CopyOptions {
    /// Nothing is changed; what would be brought is counted.
    pub is_dry_run: bool,
    /// Also what is the same already is read and compared again: histories of runs that ended, and bytes of files.
    pub is_whole: bool,
}

/// Brings everything that `source` has to the platform, and compares it. `progress` is told of each step.
///
/// # Errors
/// When something cannot be read or written. What was brought stays, and the same import goes on from there.
pub fn import(
    source: &dyn Source,
    platform: &Platform,
    options: CopyOptions,
    progress: &dyn Fn(&Report),
) -> Result<Report, TransferError> {
    copy(source, platform, options, progress)
}

/// Writes everything that the platform shows to a folder as MLflow's file store has it, and compares it.
///
/// # Errors
/// When something cannot be read or written. The same export goes on from there.
pub fn export(
    platform: &Platform,
    folder: &FolderTarget,
    options: CopyOptions,
    progress: &dyn Fn(&Report),
) -> Result<Report, TransferError> {
    copy(platform.source(), folder, options, progress)
}

fn copy(
    source: &dyn Source,
    target: &dyn Target,
    options: CopyOptions,
    progress: &dyn Fn(&Report),
) -> Result<Report, TransferError> {
    let (report, places, models) = (Report::default(), BTreeMap::new(), BTreeSet::new());
    let mut work = Copy { source, target, options, progress, report, places, models };
    let experiments = work.experiments()?;
    for experiment in &experiments {
        source.logged_models(*experiment, &mut |models| work.models(models))?;
        source.runs(*experiment, &mut |runs| work.runs(runs))?;
    }
    work.registry()?;
    if !options.is_dry_run {
        target.finish(&source.name(), &work.report)?;
    }
    Ok(work.report)
}

pub(crate) struct Copy<'c> {
    pub(crate) source: &'c dyn Source,
    pub(crate) target: &'c dyn Target,
    pub(crate) options: CopyOptions,
    pub(crate) progress: &'c dyn Fn(&Report),
    pub(crate) report: Report,
    /// For each experiment of the source: its id here, where its artifacts were, and where they are.
    pub(crate) places: BTreeMap<ExperimentId, Place>,
    /// The ids of logged models that came.
    models: BTreeSet<String>,
}

/// Where an experiment of the source is here.
#[derive(Clone)]
pub(crate) struct Place {
    id: ExperimentId,
    pub(crate) was: String,
    location: String,
}

impl Copy<'_> {
    /// Finds for each experiment the one that it is here, and brings them.
    fn experiments(&mut self) -> Result<Vec<ExperimentId>, TransferError> {
        let theirs = self.source.experiments()?;
        let ours = self.target.source().experiments()?;
        let mut taken: BTreeSet<ExperimentId> = ours.iter().map(|ours| ours.id).collect();
        let mut next = theirs.iter().chain(&ours).map(|known| known.id.0).max().unwrap_or_default();
        let mut batch = Batch::new(self.target);
        let mut wanted = Vec::new();
        for experiment in &theirs {
            let same = find_same(experiment, &ours);
            let id = match same {
                Some(same) => same.id,
                None if !taken.contains(&experiment.id) => experiment.id,
                None => {
                    next += 1;
                    ExperimentId(next)
                }
            };
            taken.insert(id);
            if id != experiment.id {
                self.report.mapped.push((experiment.name.clone(), experiment.id.0, id.0));
            }
            let record = mapped_experiment(experiment, same, (id, self.target.location(id)));
            let place =
                Place { id, was: experiment.artifact_location.clone(), location: record.artifact_location.clone() };
            self.places.insert(experiment.id, place);
            if same.is_none_or(|same| same.common(&record) != record) {
                self.report.count_mut(Kind::Experiments).brought += 1;
                if !self.options.is_dry_run {
                    batch.add(Record::Experiment(record.clone()))?;
                }
            }
            wanted.push(record);
        }
        batch.flush()?;
        let now = self.target.source().experiments()?;
        for want in &wanted {
            let here = now.iter().find(|here| here.id == want.id).map(|here| digest_of(&here.common(want)));
            self.compare(Kind::Experiments, digest_of(want), here, || format!("experiment `{}`", want.name));
        }
        (self.progress)(&self.report);
        Ok(theirs.iter().map(|experiment| experiment.id).collect())
    }

    pub(crate) fn compare(&mut self, kind: Kind, source: u128, here: Option<u128>, name: impl FnOnce() -> String) {
        match self.options.is_dry_run {
            false => self.report.compare(kind, source, here, name),
            true => {
                let count = self.report.count_mut(kind);
                count.source.add(source);
                if let Some(here) = here.filter(|here| *here == source) {
                    count.here.add(here);
                }
            }
        }
    }

    fn place(&self, of: ExperimentId) -> Result<Place, TransferError> {
        let place = self.places.get(&of).cloned();
        place.ok_or_else(|| TransferError::unreadable(self.source.name(), format!("there is no experiment {of}")))
    }

    /// Brings a page of runs: records, histories, then files.
    fn runs(&mut self, runs: Vec<SourceRun>) -> Result<(), TransferError> {
        let mut batch = Batch::new(self.target);
        let mut changed: Vec<(&SourceRun, RunRecord)> = Vec::new();
        for run in &runs {
            let want = self.mapped_run(&run.record)?;
            let have = self.target.run(want.experiment, &want.id)?;
            if have.as_ref().is_some_and(|have| self.is_unchanged(run, &want, have)) {
                self.report.unchanged_runs += 1;
                let digest = digest_of(&want);
                self.report.compare(Kind::Runs, digest, Some(digest), String::new);
            } else {
                self.report.count_mut(Kind::Runs).brought += 1;
                if !self.options.is_dry_run {
                    batch.add(Record::Run(Box::new(want.clone())))?;
                }
                changed.push((run, want));
            }
        }
        match self.options.is_dry_run {
            true => changed.iter().for_each(|(_, want)| {
                self.report.count_mut(Kind::Runs).source.add(digest_of(want));
            }),
            false => self.bring_histories(&mut batch, &changed)?,
        }
        self.unlisted_models(&runs)?;
        for run in &runs {
            let uri = self.mapped_run(&run.record)?.artifact_uri;
            self.files(&Owner::run(&run.record), &uri)?;
        }
        (self.progress)(&self.report);
        Ok(())
    }

    /// Brings models that runs read or made and that no list had: deleted ones.
    fn unlisted_models(&mut self, runs: &[SourceRun]) -> Result<(), TransferError> {
        for run in runs {
            for id in run.record.output_models.keys().chain(&run.record.input_models) {
                if self.models.insert(id.clone())
                    && let Some(model) = self.source.unlisted_model(id)?
                {
                    self.models(vec![model])?;
                }
            }
        }
        Ok(())
    }

    /// Whether a run is here as it is there, so that nothing of it is brought. One that goes on is brought again.
    fn is_unchanged(&self, run: &SourceRun, want: &RunRecord, have: &SourceRun) -> bool {
        let has_ended = !matches!(want.status, RunStatus::Running | RunStatus::Scheduled);
        !self.options.is_whole
            && has_ended
            && have.record.common(want) == *want
            && run.latest.iter().all(|(metric, latest)| {
                have.latest.get(metric).is_some_and(|have| digest_of(have) == digest_of(latest))
            })
    }

    fn bring_histories(
        &mut self,
        batch: &mut Batch<'_>,
        changed: &[(&SourceRun, RunRecord)],
    ) -> Result<(), TransferError> {
        let by_id: BTreeMap<&str, &SourceRun> = changed.iter().map(|(run, _)| (run.record.id.as_str(), *run)).collect();
        let runs: Vec<&SourceRun> = changed.iter().map(|(run, _)| *run).collect();
        let mut there = HistorySums::default();
        self.source.histories(&runs, &mut |part| {
            there.add(&part);
            let latest = by_id.get(part.run.as_str()).and_then(|run| run.latest.get(&part.metric)).map(digest_of);
            let others = part.points.into_iter().filter(|point| Some(digest_of(point)) != latest).collect::<Vec<_>>();
            for points in others.chunks(POINTS) {
                let (run, metric) = (part.run.clone(), part.metric.clone());
                batch.add(Record::Points(PointsRecord { run, metric, points: points.to_vec() }))?;
            }
            Ok(())
        })?;
        for run in &runs {
            for (metric, latest) in &run.latest {
                let (run, metric) = (run.record.id.clone(), metric.clone());
                batch.add(Record::Points(PointsRecord { run, metric, points: vec![*latest] }))?;
            }
        }
        batch.flush()?;
        let ours: Vec<SourceRun> =
            changed.iter().map(|(run, want)| SourceRun { record: want.clone(), latest: run.latest.clone() }).collect();
        let mut here = HistorySums::default();
        self.target.source().histories(&ours.iter().collect::<Vec<_>>(), &mut |part| {
            here.add(&part);
            Ok(())
        })?;
        for (run, want) in changed {
            let found = self.target.run(want.experiment, &want.id)?;
            let found = found.map(|have| digest_of(&have.record.common(want)));
            self.report.compare(Kind::Runs, digest_of(want), found, || format!("run `{}`", want.id));
            let (theirs, ours) = (there.of(&run.record.id), here.of(&want.id));
            let count = self.report.count_mut(Kind::Points);
            count.source.add_all(theirs);
            count.here.add_all(ours);
            count.brought += theirs.count;
            if theirs != ours {
                let (theirs, ours) = (theirs.count, ours.count);
                self.report.differ(format!(
                    "the histories of run `{}` are not the same: {theirs} points there, {ours} here",
                    want.id
                ));
            }
        }
        Ok(())
    }

    fn mapped_run(&self, run: &RunRecord) -> Result<RunRecord, TransferError> {
        let place = self.place(run.experiment)?;
        let artifact_uri = match is_copied(&run.artifact_uri) {
            true => format!("{}/{}/artifacts", self.own_location(&place), run.id),
            false => run.artifact_uri.clone(),
        };
        Ok(RunRecord { experiment: place.id, artifact_uri, ..run.clone() })
    }

    /// Brings a page of logged models with their files.
    fn models(&mut self, models: Vec<LoggedModelRecord>) -> Result<(), TransferError> {
        let mut batch = Batch::new(self.target);
        let mut wanted = Vec::new();
        for model in &models {
            self.models.insert(model.id.clone());
            let want = self.mapped_model(model)?;
            let have = self.target.logged_model(&want)?;
            if have.is_none_or(|have| have.common(&want) != want) {
                self.report.count_mut(Kind::LoggedModels).brought += 1;
                if !self.options.is_dry_run {
                    batch.add(Record::LoggedModel(Box::new(want.clone())))?;
                }
            }
            wanted.push(want);
        }
        batch.flush()?;
        for (model, want) in models.iter().zip(&wanted) {
            let here = self.target.logged_model(want)?.map(|have| digest_of(&have.common(want)));
            self.compare(Kind::LoggedModels, digest_of(want), here, || format!("logged model `{}`", want.id));
            if want.lifecycle == Lifecycle::Active {
                self.files(&Owner::model(model), &want.artifact_uri)?;
            }
        }
        (self.progress)(&self.report);
        Ok(())
    }

    fn mapped_model(&self, model: &LoggedModelRecord) -> Result<LoggedModelRecord, TransferError> {
        let place = self.place(model.experiment)?;
        let artifact_uri = match is_copied(&model.artifact_uri) {
            true => format!("{}/models/{}/artifacts", self.own_location(&place), model.id),
            false => model.artifact_uri.clone(),
        };
        let mut metrics = latest(model.metrics.clone());
        crate::json::sort_metrics(&mut metrics);
        Ok(LoggedModelRecord { experiment: place.id, artifact_uri, metrics, ..model.clone() })
    }

    /// Brings the files of a run or a model that are not here with as many bytes.
    fn files(&mut self, owner: &Owner, target_uri: &str) -> Result<(), TransferError> {
        if !owner.is_copied() {
            self.report.kept_elsewhere += 1;
            return Ok(());
        }
        let theirs = self.source.files(owner)?;
        if theirs.is_empty() {
            return Ok(());
        }
        let experiment = self.place(owner.experiment)?.id;
        let ours = Owner { uri: target_uri.to_owned(), experiment, ..owner.clone() };
        let here: BTreeMap<String, u64> =
            self.target.source().files(&ours)?.into_iter().map(|file| (file.path, file.bytes)).collect();
        for file in theirs {
            let name = || format!("the file `{}` of {}", file.path, owner.shown());
            let is_here = here.get(&file.path) == Some(&file.bytes);
            // A name and a size: what they add up to where bytes are not read.
            let facts = digest_of(&(&owner.id, &file.path, file.bytes));
            if (is_here && !self.options.is_whole) || self.options.is_dry_run {
                self.report.count_mut(Kind::Artifacts).brought += u64::from(!is_here);
                self.compare(Kind::Artifacts, facts, is_here.then_some(facts), name);
                continue;
            }
            let digest = self.bring_file(owner, &ours, &file.path)?;
            let kept = self.target.digest_of_file(&ours, &file.path)?;
            let is_same = kept.as_ref() == Some(&digest);
            self.report.count_mut(Kind::Artifacts).brought += 1;
            let shown = kept.map(|_| if is_same { facts } else { facts.wrapping_add(1) });
            self.report.compare(Kind::Artifacts, facts, shown, name);
        }
        Ok(())
    }

    /// Brings one file; the digest of the bytes that the source gave.
    fn bring_file(&mut self, owner: &Owner, ours: &Owner, path: &str) -> Result<String, TransferError> {
        let read = Arc::new(Mutex::new((blake3::Hasher::new(), 0_u64)));
        let reader = HashingReader { reader: self.source.open(owner, path)?, read: Arc::clone(&read) };
        self.target.put_file(ours, path, Box::new(reader))?;
        let read = read.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.report.bytes += read.1;
        Ok(read.0.finalize().to_hex().to_string())
    }

    /// Where files that are copied lie here: in the place of the experiment, if the target keeps what is there.
    pub(crate) fn own_location(&self, place: &Place) -> String {
        match self.target.has_files_of(&place.location) {
            true => place.location.trim_end_matches('/').to_owned(),
            false => self.target.location(place.id),
        }
    }
}

/// The experiment here that an experiment of the source is: of the same name, or else of the same moment.
fn find_same<'o>(experiment: &ExperimentRecord, ours: &'o [ExperimentRecord]) -> Option<&'o ExperimentRecord> {
    if experiment.id == ExperimentId::DEFAULT {
        return ours.iter().find(|ours| ours.id == ExperimentId::DEFAULT);
    }
    let by_name = ours.iter().find(|ours| ours.name == experiment.name);
    // It has got another name since.
    let by_time = || ours.iter().find(|ours| ours.created == experiment.created && ours.id == experiment.id);
    by_name.or_else(by_time)
}

/// The experiment as it is here. One that was here before it came keeps what it is, and gets the tags.
fn mapped_experiment(
    theirs: &ExperimentRecord,
    same: Option<&ExperimentRecord>,
    (id, own): (ExperimentId, String),
) -> ExperimentRecord {
    match same {
        Some(same) if same.created != theirs.created => ExperimentRecord { tags: theirs.tags.clone(), ..same.clone() },
        _ => {
            let location = match (same, is_copied(&theirs.artifact_location)) {
                (Some(same), _) => same.artifact_location.clone(),
                (None, true) => own,
                (None, false) => theirs.artifact_location.clone(),
            };
            ExperimentRecord { id, artifact_location: location, ..theirs.clone() }
        }
    }
}

/// A reader of which the bytes are counted and hashed as they go by.
struct HashingReader<R> {
    reader: R,
    read: Arc<Mutex<(blake3::Hasher, u64)>>,
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let count = self.reader.read(into)?;
        let mut read = self.read.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        read.0.update(&into[..count]);
        read.1 += count as u64;
        Ok(count)
    }
}
