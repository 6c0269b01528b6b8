//! The replica's side: the plan that it follows, verified, and what answers by it.
//!
//! Invariants: a version begins to answer only if its package is signed, its files are those that were signed, its approval is whole and
//! its golden requests are answered as before; where that is not so what answered before goes on, unless it is the refused version itself.
//! An endpoint that is not in the plan answers nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Arc, Mutex},
};

use kilter_blobs::TreeEntry;
use kilter_domain::{digest::Digest, error_chain::with_causes, ids::EndpointName, time::Timestamp};
use kilter_package::{CheckResult, Export, check_signature};
use kilter_serving::{
    Candidate, Endpoint, EndpointOptions, Limits, LoadRequest, Mode, PredictionLog, Routes, ServedVersion, VersionRef,
    recording_policy::{HashKey, RecordingPolicy},
};

use crate::{
    app::App,
    causes::StorageError,
    components::{
        serving::{SealMark, Serving},
        serving_registry::LoadFailure,
    },
    deployment::routes,
    lock::lock,
    model::{load, served::LoadTime},
    replication::{
        cache::{PackageListing, ReplicaCache},
        error::ReplicationError,
        statements::{EndpointClaim, KeyRing, RecordingClaim, VerifiedPlan, VersionClaim},
    },
};

/// A process that answers as the deployments of a server say.
pub struct Replica {
    pub(super) app: App,
    keys: KeyRing,
    pub(super) cache: ReplicaCache,
    /// The plan by which it answers.
    held: Mutex<Option<Arc<VerifiedPlan>>>,
    /// Why packages did not come.
    not_come: Mutex<BTreeMap<Digest, String>>,
}

/// Why a version does not begin to answer.
struct Refused {
    reason: String,
    /// Whether it may not answer at all, so that it stops where it does.
    is_forbidden: bool,
}

impl Replica {
    /// A replica on a platform of its own, which keeps in its folder what it fetches. Endpoints with records that were not sent yet are
    /// open again.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub fn open(app: App, keys: KeyRing) -> Result<Self, ReplicationError> {
        let cache = ReplicaCache::open(&app)?;
        let replica = Self { app, keys, cache, held: Mutex::default(), not_come: Mutex::default() };
        let logs = replica.app.folder().join("log");
        for folder in logs.read_dir().into_iter().flatten().flatten() {
            if let Some(name) = folder.file_name().to_str().and_then(|name| name.parse::<EndpointName>().ok()) {
                replica.serving(&name)?;
            }
        }
        Ok(replica)
    }

    /// The name under which it sends records.
    pub fn id(&self) -> &str {
        &self.cache.id
    }

    /// When the plan was made by which it answers.
    pub fn plan_made(&self) -> Option<Timestamp> {
        lock(&self.held).as_ref().map(|held| held.claim.at)
    }

    /// Answers by the plan of the last time, if one is kept; why endpoints do not follow it. `None` where none is kept.
    ///
    /// # Errors
    /// When the folder cannot be read, or the kept plan is not believed any more.
    pub fn resume(&self, now: Timestamp) -> Result<Option<Vec<(EndpointName, String)>>, ReplicationError> {
        let Some(signed) = self.cache.plan()? else { return Ok(None) };
        let plan = VerifiedPlan::verify(signed, &self.keys, None)?;
        Ok(Some(self.apply(plan, now)))
    }

    /// A plan that has come, if it is believed.
    ///
    /// # Errors
    /// When no trusted key signed it, or it is an old one.
    pub fn verify(&self, signed: crate::replication::statements::SignedPlan) -> Result<VerifiedPlan, ReplicationError> {
        VerifiedPlan::verify(signed, &self.keys, self.plan_made())
    }

    /// Versions of a plan whose packages are not kept here.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn missing_packages(&self, plan: &VerifiedPlan) -> Result<Vec<VersionClaim>, ReplicationError> {
        let mut missing = Vec::new();
        for version in plan.claim.versions() {
            if self.cache.signatures(&version.digest)?.is_none() {
                missing.push(version.clone());
            }
        }
        Ok(missing)
    }

    /// The files of a package that are to be fetched, each with its size.
    ///
    /// # Errors
    /// When the list is not that of the package.
    pub fn missing_files(
        &self,
        version: &VersionClaim,
        listing: &PackageListing,
    ) -> Result<Vec<TreeEntry>, ReplicationError> {
        let found = Digest::of(&listing.tree.to_bytes());
        if found != version.digest {
            let what = format!("the package of {}@{}", version.model, version.version);
            return Err(ReplicationError::invalid(what, "the list of its files has another digest"));
        }
        Ok(ReplicaCache::missing_files(self.app.blobs(), &listing.tree))
    }

    /// Where the bytes of a file gather that is on its way; what is there already need not come again.
    pub fn partial_file(&self, file: &TreeEntry) -> PathBuf {
        self.cache.partial(&file.digest)
    }

    /// Keeps a file that has come as a whole.
    ///
    /// # Errors
    /// When it is another one than was asked for; nothing of it is kept.
    pub fn keep_file(&self, file: &TreeEntry) -> Result<(), ReplicationError> {
        self.cache.keep_file(self.app.blobs(), file)
    }

    /// Notes that all files of a package have come.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn keep_package(&self, version: &VersionClaim, listing: &PackageListing) -> Result<(), ReplicationError> {
        lock(&self.not_come).remove(&version.digest);
        self.cache.keep_package(self.app.blobs(), version, listing)
    }

    /// Remembers why a package did not come, for whoever asks why its version does not answer.
    pub fn note_failed_fetch(&self, version: &VersionClaim, reason: String) {
        lock(&self.not_come).insert(version.digest, reason);
    }

    /// Answers by a plan from now on, and keeps it; the endpoints that do not follow it, and why.
    ///
    /// # Errors
    /// When the plan cannot be kept.
    pub fn follow(&self, plan: VerifiedPlan, now: Timestamp) -> Result<Vec<(EndpointName, String)>, ReplicationError> {
        let signed = plan.signed.clone();
        let refused = self.apply(plan, now);
        self.cache.keep_plan(&signed)?;
        Ok(refused)
    }

    /// Looks again whether what answers may: approvals end as time goes on, also while the server is away.
    pub fn recheck(&self, now: Timestamp) {
        let Some(held) = lock(&self.held).clone() else { return };
        for claim in &held.claim.endpoints {
            let ended =
                self.versions_of(claim).into_iter().any(|version| self.admission(&held, claim, version, now).is_err());
            if ended {
                self.follow_endpoint(&held, claim, now);
            }
        }
    }

    fn versions_of<'c>(&self, claim: &'c EndpointClaim) -> Vec<&'c VersionClaim> {
        let candidate = claim.candidate.as_ref().map(|candidate| &candidate.version);
        [Some(&claim.live), candidate].into_iter().flatten().collect()
    }

    fn apply(&self, plan: VerifiedPlan, now: Timestamp) -> Vec<(EndpointName, String)> {
        let plan = Arc::new(plan);
        *lock(&self.held) = Some(plan.clone());
        let named: BTreeSet<&EndpointName> = plan.claim.endpoints.iter().map(|claim| &claim.endpoint).collect();
        for (endpoint, serving) in self.app.components().endpoints.list() {
            if !named.contains(&endpoint) {
                serving.endpoint().deploy(Routes::nothing());
                self.app.components().endpoints.clear_failure(&endpoint);
            }
        }
        let follow = |claim: &EndpointClaim| Some((claim.endpoint.clone(), self.follow_endpoint(&plan, claim, now)?));
        plan.claim.endpoints.iter().filter_map(follow).collect()
    }

    /// Lets an endpoint answer as the plan says; what of it is refused, and why.
    fn follow_endpoint(&self, plan: &VerifiedPlan, claim: &EndpointClaim, now: Timestamp) -> Option<String> {
        let (endpoints, endpoint) = (&self.app.components().endpoints, &claim.endpoint);
        let failure = match self.publish(plan, claim, now) {
            Ok(candidate) => LoadFailure { live: None, candidate },
            Err(reason) => LoadFailure { live: Some(reason), candidate: None },
        };
        let refused = failure.live.clone().or_else(|| failure.candidate.clone());
        match &refused {
            None => endpoints.clear_failure(endpoint),
            Some(reason) => {
                if endpoints.failure(endpoint).as_ref() != Some(&failure) {
                    tracing::error!(%endpoint, %reason, "the plan of the server is not followed");
                }
                endpoints.set_failure(endpoint, failure);
            }
        }
        refused
    }

    /// Why the candidate gets no requests, if it does not.
    ///
    /// # Errors
    /// Why the live version does not answer.
    fn publish(&self, plan: &VerifiedPlan, claim: &EndpointClaim, now: Timestamp) -> Result<Option<String>, String> {
        let serving = self.serving(&claim.endpoint).map_err(|error| with_causes(&error))?;
        let answering = serving.endpoint().routes();
        let load = |version: &VersionClaim| self.load(plan, claim, version, &answering, now);
        let live = load(&claim.live).map_err(|refused| {
            let is_itself = answering.champion().is_some_and(|champion| champion.version() == reference(&claim.live));
            if refused.is_forbidden && is_itself {
                serving.endpoint().deploy(Routes::nothing());
            }
            refused.reason
        })?;
        let (candidate, refused) = match &claim.candidate {
            None => (None, None),
            Some(candidate) => match load(&candidate.version) {
                Ok(version) => {
                    let mode = candidate.percent.map_or(Mode::Shadow, |percent| Mode::Canary { percent });
                    (Some(Candidate { version, mode }), None)
                }
                Err(refused) => (None, Some(refused.reason)),
            },
        };
        let routes = self.routes(plan, claim, live, candidate).map_err(|error| with_causes(&error))?;
        serving.endpoint().deploy(routes);
        Ok(refused)
    }

    fn routes(
        &self,
        plan: &VerifiedPlan,
        claim: &EndpointClaim,
        live: Arc<ServedVersion>,
        candidate: Option<Candidate>,
    ) -> Result<Routes, ReplicationError> {
        let package = load::read_package(&self.app, claim.live.digest)?;
        let recorded = routes::with_context(package.manifest.recorded.clone(), &claim.context);
        let policy = recording_policy(&claim.recording, plan.signed.hash_key.as_deref());
        Ok(Routes::new(live, candidate, &recorded)?.with_recording(policy))
    }

    /// Whether a version may answer at an endpoint now.
    fn admission(
        &self,
        plan: &VerifiedPlan,
        claim: &EndpointClaim,
        version: &VersionClaim,
        now: Timestamp,
    ) -> Result<LoadRequest, String> {
        let approval = plan.approval(version, &self.keys).map_err(|error| with_causes(&error))?;
        let admits = approval.check(claim.admits, Some(&claim.endpoint), now)?;
        let (version, model, state) = (reference(version), version.digest, approval.state);
        Ok(LoadRequest { version, model, state, admits, threshold: None })
    }

    /// A version that answers already keeps its counters; another one is loaded and verified.
    fn load(
        &self,
        plan: &VerifiedPlan,
        claim: &EndpointClaim,
        version: &VersionClaim,
        answering: &Routes,
        now: Timestamp,
    ) -> Result<Arc<ServedVersion>, Refused> {
        let admission = self.admission(plan, claim, version, now);
        let admission = admission.map_err(|reason| Refused { reason, is_forbidden: true })?;
        if let Some(served) = answering.versions().find(|served| served.version() == admission.version) {
            return Ok(served.clone());
        }
        // What answers already is replaced by what is in memory and tested.
        let time = match answering.champion() {
            None => LoadTime::of_stored(&self.app),
            Some(_) => LoadTime::Now,
        };
        self.load_verified(plan, version, admission, time).map(Arc::new).map_err(|error| {
            // Bytes may come whole, and a package may be signed again.
            if error.is_damaged() || matches!(error, ReplicationError::Untrusted { .. }) {
                self.cache.forget_package(&version.digest);
            }
            let name = format!("{}@{}", version.model, version.version);
            Refused { reason: format!("{name} is not served: {}", with_causes(&error)), is_forbidden: false }
        })
    }

    fn load_verified(
        &self,
        plan: &VerifiedPlan,
        version: &VersionClaim,
        admission: LoadRequest,
        time: LoadTime,
    ) -> Result<ServedVersion, ReplicationError> {
        let signatures = self.cache.signatures(&version.digest)?;
        let not_come = || {
            let reason = lock(&self.not_come).get(&version.digest).cloned();
            ReplicationError::NotFetched(reason.unwrap_or_else(|| "it is on its way".to_owned()))
        };
        let signatures = signatures.ok_or_else(not_come)?;
        let package = load::read_package(&self.app, version.digest)?;
        let files = match package.file_hashes() {
            Some(listed) => listed,
            None => Export { blobs: self.app.blobs(), tree: package.tree(), signature: None }.hash()?,
        };
        self.check_signed(plan, &signatures, &files)?;
        let admission = LoadRequest { model: package.model, threshold: Some(package.manifest.threshold), ..admission };
        routes::serve_version(&self.app, &package, &admission, time)
    }

    /// Refuses files that no trusted key signed.
    fn check_signed(
        &self,
        plan: &VerifiedPlan,
        signatures: &[String],
        files: &kilter_package::FileHashes,
    ) -> Result<(), ReplicationError> {
        let find = |id: &str| self.keys.find(&plan.signed.keys, id);
        let mut reason = "nobody signed it".to_owned();
        for signature in signatures {
            match check_signature(signature.as_bytes(), files, &find) {
                CheckResult::Passed(_) => return Ok(()),
                CheckResult::Failed(why) | CheckResult::Skipped(why) => reason = why,
            }
        }
        Err(ReplicationError::untrusted("the package", reason))
    }

    /// An endpoint with its log, opened if it is not yet.
    fn serving(&self, name: &EndpointName) -> Result<Arc<Serving>, StorageError> {
        let endpoints = &self.app.components().endpoints;
        let serving = endpoints.find_or_open(name, || self.open_endpoint(name))?;
        endpoints.mark_given(name);
        Ok(serving)
    }

    fn open_endpoint(&self, name: &EndpointName) -> Result<Serving, StorageError> {
        let folder = self.app.folder().join("log").join(name.as_str());
        let (log, recovery) = PredictionLog::open(folder, self.app.options().recording.clone())?;
        for damage in &recovery.damage {
            tracing::error!(endpoint = %name, %damage, "part of the prediction log cannot be read");
        }
        let log = Arc::new(log);
        let options = EndpointOptions { limits: Limits::default(), id_prefix: self.app.new_id() };
        Ok(Serving {
            endpoint: Endpoint::new(name.clone(), options, Some(log.clone())),
            log,
            sealing: Mutex::default(),
            merges: Mutex::default(),
            sealed: Mutex::new(SealMark { until: Timestamp(0), appended: Some(0) }),
            losses: vec![],
        })
    }
}

fn reference(version: &VersionClaim) -> VersionRef {
    VersionRef { number: u64::from(version.version), digest: version.digest }
}

fn recording_policy(claim: &RecordingClaim, hash_key: Option<&str>) -> RecordingPolicy {
    RecordingPolicy {
        sample_share: claim.sample,
        hashed: claim.hash.clone(),
        dropped: claim.drop.clone(),
        drops_features: claim.drops_features,
        key: hash_key.map(|key| HashKey::new(key.as_bytes())),
    }
}
