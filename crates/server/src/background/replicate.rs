//! A replica follows its server: asks for the plan, fetches packages, and hands on what was recorded, each in a thread of its own.
//!
//! Invariants: a request waits for none of it; while the server is away what answers goes on, and how long that lasts is seen in `/ready`,
//! `/metrics` and the log; nothing is tried without a pause in between.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use kilter_api::{self as api, Code, Problem};
use kilter_app::replication::{
    OfferedKey, PackageEntry, PackageListing, PackageTree, Replica, ReplicationError, SignedApproval, SignedPlan,
    VersionClaim,
};
use kilter_domain::{error_chain::with_causes, ids::EndpointName};
use tokio::runtime::{Builder, Runtime};

use crate::{
    error::problem_of,
    state::AppState,
    tasks::Importance,
    upstream::{Upstream, UpstreamError},
};

/// How long the server waits for a change before it answers that there is none.
const WAIT: Duration = Duration::from_secs(10);
/// The pause after an answer, so that a server whose plan changes all the time is not asked all the time.
const PAUSE: Duration = Duration::from_millis(100);
/// The pause after a failure: it doubles up to the longest.
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LONGEST_RETRY: Duration = Duration::from_secs(5);
/// How often records are handed on.
const DELIVER_EVERY: Duration = Duration::from_secs(1);
/// How often a file is asked for that did not come to its end; what came of it stays.
const ATTEMPTS: u32 = 3;
/// The longest that a step is expected to take: a package may be large.
const LIMIT: Duration = Duration::from_secs(10 * 60);
/// Failures that a message names.
const MAX_NAMED: usize = 3;

/// Why a replica does not follow its server.
#[derive(Debug)]
pub(crate) enum SyncError {
    /// The server cannot be reached.
    Away(String),
    /// It refuses what is asked, or is not believed.
    Refused(Box<Problem>),
    /// Endpoints do not follow the plan; the others do.
    Endpoints(Vec<(EndpointName, String)>),
}

impl SyncError {
    fn sentence(&self) -> String {
        match self {
            Self::Away(why) => format!("the server is away, and what was followed before goes on: {why}"),
            Self::Refused(problem) => problem.to_string(),
            Self::Endpoints(refused) => {
                let named = refused.iter().take(MAX_NAMED);
                let named: Vec<String> = named.map(|(endpoint, why)| format!("`{endpoint}`: {why}")).collect();
                let more = refused.len().saturating_sub(MAX_NAMED);
                let more = if more == 0 { String::new() } else { format!("; and {more} more") };
                format!("the plan of the server is not followed at {}{more}", named.join("; "))
            }
        }
    }
}

impl From<UpstreamError> for SyncError {
    fn from(error: UpstreamError) -> Self {
        match error {
            UpstreamError::Away(why) => Self::Away(why),
            UpstreamError::Refused(problem) => Self::Refused(problem),
        }
    }
}

impl From<ReplicationError> for SyncError {
    fn from(error: ReplicationError) -> Self {
        Self::Refused(Box::new(problem_of(&error)))
    }
}

/// A replica and its server.
pub(crate) struct Follower {
    replica: Arc<Replica>,
    upstream: Upstream,
}

impl Follower {
    pub(crate) fn new(replica: Arc<Replica>, upstream: Upstream) -> Self {
        Self { replica, upstream }
    }

    /// Answers by the plan of the last time, then by that of the server. An error where there is no plan to answer by, and the server is not
    /// only away.
    pub(crate) fn begin(&self, state: &AppState) -> Result<(), Problem> {
        let runtime = runtime()?;
        let resumed = match self.replica.resume(state.now()) {
            Ok(resumed) => resumed.is_some(),
            Err(error) => {
                tracing::error!(error = with_causes(&error), "the plan of the last time is not used");
                false
            }
        };
        match runtime.block_on(self.sync(state, None, Duration::ZERO)) {
            Ok(_) => Ok(()),
            Err(SyncError::Refused(problem)) if !resumed => Err(*problem),
            Err(error) => {
                tracing::warn!("{}", error.sentence());
                Ok(())
            }
        }
    }

    /// Follows and hands on records until the server stops.
    pub(crate) fn start(self, state: &AppState) {
        let follower = Arc::new(self);
        let tasks: [(&str, Work); 2] = [("replicate", run_following), ("deliver", run_delivering)];
        for (name, work) in tasks {
            let (state, follower) = (state.clone(), follower.clone());
            let started = thread::Builder::new().name(name.to_owned()).spawn(move || work(&state, &follower));
            if let Err(error) = started {
                tracing::error!(%error, task = name, "a background task stands still: its thread could not be started");
            }
        }
    }

    /// One question to the server, and what follows from its answer; the tag of the plan that is followed.
    async fn sync(&self, state: &AppState, tag: Option<&str>, wait: Duration) -> Result<Option<String>, SyncError> {
        let Some((plan, tag)) = self.upstream.plan(tag, wait).await? else { return Ok(None) };
        let plan = self.replica.verify(signed(plan))?;
        for version in self.replica.missing_packages(&plan)? {
            match self.fetch(&version).await {
                Ok(()) => {}
                Err(SyncError::Away(why)) => return Err(SyncError::Away(why)),
                Err(error) => self.replica.note_failed_fetch(&version, error.sentence()),
            }
        }
        let refused = self.replica.follow(plan, state.now())?;
        if refused.is_empty() { Ok(Some(tag)) } else { Err(SyncError::Endpoints(refused)) }
    }

    async fn fetch(&self, version: &VersionClaim) -> Result<(), SyncError> {
        let (model, digest) = (version.model.as_str(), version.digest.to_string());
        let began = Instant::now();
        let listing = listing(self.upstream.package(model, &digest).await?)?;
        for file in self.replica.missing_files(version, &listing)? {
            let (name, place) = (file.digest.to_string(), self.replica.partial_file(&file));
            let mut attempt = 1;
            loop {
                match self.upstream.fetch_file((model, &digest, &name), file.bytes, &place).await {
                    Ok(()) => break,
                    Err(UpstreamError::Away(_)) if attempt < ATTEMPTS => attempt += 1,
                    Err(error) => return Err(error.into()),
                }
            }
            self.replica.keep_file(&file)?;
        }
        self.replica.keep_package(version, &listing)?;
        let (number, seconds) = (version.version, began.elapsed().as_secs_f64());
        tracing::info!(model, version = number, bytes = listing.tree.bytes(), seconds, "a package has come");
        Ok(())
    }

    /// Hands on what was recorded so far.
    async fn deliver(&self) -> Result<(), SyncError> {
        for (endpoint, segments) in self.replica.undelivered()? {
            for segment in segments {
                for part in self.replica.deliveries(&endpoint, segment)? {
                    let place = (self.replica.id(), part.first, part.last);
                    self.upstream.send_records(endpoint.as_str(), place, part.bytes).await?;
                }
                self.replica.delivered(&endpoint, segment)?;
            }
        }
        Ok(())
    }
}

/// What a thread does until the server stops.
type Work = fn(&AppState, &Follower);

fn runtime() -> Result<Runtime, Problem> {
    Builder::new_current_thread().enable_all().build().map_err(|error| Problem::of(Code::Internal, &error))
}

fn run_following(state: &AppState, follower: &Follower) {
    let Ok(runtime) = runtime().inspect_err(|problem| tracing::error!(%problem, "the server is not followed")) else {
        return;
    };
    let (mut tag, mut retry): (Option<String>, _) = (None, FIRST_RETRY);
    loop {
        let known = tag.clone();
        let synced = state.background().step("replicate", (Importance::Optional, LIMIT), || {
            // Without a plan to compare with the server has nothing to wait for.
            let wait = if known.is_some() { WAIT } else { Duration::ZERO };
            runtime.block_on(follower.sync(state, known.as_deref(), wait)).map_err(|error| error.sentence())
        });
        follower.replica.recheck(state.now());
        let pause = match synced {
            Some(new) => {
                tag = new.or(tag);
                retry = FIRST_RETRY;
                PAUSE
            }
            None => {
                // What was refused is asked for again.
                tag = None;
                let pause = retry;
                retry = (2 * retry).min(LONGEST_RETRY);
                pause
            }
        };
        if !state.signals().rest(pause) {
            return;
        }
    }
}

fn run_delivering(state: &AppState, follower: &Follower) {
    let Ok(runtime) = runtime().inspect_err(|problem| tracing::error!(%problem, "records are not handed on")) else {
        return;
    };
    while state.signals().rest(DELIVER_EVERY) {
        deliver(state, follower, &runtime);
    }
    // What was answered last goes with it, if the server is there; if not, it waits on the disk.
    deliver(state, follower, &runtime);
}

fn deliver(state: &AppState, follower: &Follower, runtime: &Runtime) {
    state.background().step("deliver records", (Importance::Optional, LIMIT), || {
        runtime.block_on(follower.deliver()).map_err(|error| match error {
            SyncError::Away(why) => format!("records wait on the disk for their server: {why}"),
            error => format!("records wait on the disk: {}", error.sentence()),
        })
    });
}

fn signed(plan: api::ServingPlan) -> SignedPlan {
    let approval =
        |one: api::SignedApproval| SignedApproval { model: one.model, version: one.version, statement: one.statement };
    SignedPlan {
        plan: plan.plan,
        approvals: plan.approvals.into_iter().map(approval).collect(),
        keys: plan.keys.into_iter().map(|key| OfferedKey { id: key.id, public_key: key.public_key }).collect(),
        hash_key: plan.hash_key.map(|key| key.0),
    }
}

/// The list of a package, as it is kept; what is no list of files says nothing.
fn listing(files: api::PackageFiles) -> Result<PackageListing, SyncError> {
    let invalid = |why: String| {
        let detail = format!("the server lists the files of a package wrongly: {why}");
        SyncError::Refused(Box::new(Problem::new(Code::PackageInvalid, detail)))
    };
    let entry = |file: api::PackageFile| {
        Ok(PackageEntry {
            path: file.path.parse().map_err(|error| invalid(format!("`{}`: {error}", file.path)))?,
            executable: file.executable,
            digest: file.digest.parse().map_err(|_| invalid(format!("`{}` has no digest", file.path)))?,
            bytes: file.bytes,
        })
    };
    let entries = files.files.into_iter().map(entry).collect::<Result<_, SyncError>>()?;
    let tree = PackageTree::new(entries).map_err(|error| invalid(error.to_string()))?;
    Ok(PackageListing { tree, signatures: files.signatures })
}
