//! The data plane follows the store: what it says is live, shadow or canary is what answers.

use std::sync::Arc;

use kilter_domain::{
    deployment::{Admits, DeploymentState},
    ids::EndpointName,
};
use kilter_inference::{Input, InputKind};
use kilter_serving::{Admission, Candidate, Mode, Routes, ServedVersion, VersionRef, counters::ScoreEdges};
use kilter_store::{
    PageRequest,
    deployment::{self as deployments, Deployment},
};

use crate::{
    App,
    error::AppError,
    measure::reference::{ColumnReference, SCORE},
    package::Package,
    project::Project,
    recorded,
    run::with_causes,
};

impl App {
    /// Opens every endpoint that serves, as the store says.
    pub(crate) fn resume_serving(&self) -> Result<(), AppError> {
        let mut page = PageRequest::first(1000);
        loop {
            let listed = self.store().read(|reader| deployments::list_serving(reader, &page))?;
            for deployment in &listed.items {
                if self.serving(&deployment.endpoint).is_none() {
                    self.open_serving(&deployment.endpoint)?;
                    self.resume_endpoint(&deployment.endpoint)?;
                }
            }
            match listed.next {
                Some(cursor) => page = PageRequest::first(1000).after(cursor),
                None => return Ok(()),
            }
        }
    }

    /// One version that is damaged, or answers otherwise here, takes no other endpoint down with it.
    fn resume_endpoint(&self, endpoint: &EndpointName) -> Result<(), AppError> {
        match self.follow_endpoint(endpoint) {
            Err(refused) if refused.is_of_a_version() => {
                let because = with_causes(&refused);
                tracing::error!(%endpoint, %because, "the endpoint serves nothing");
                self.lock_refused().insert(endpoint.clone(), because);
                Ok(())
            }
            followed => followed,
        }
    }

    /// Why the live version of an endpoint was refused when it was loaded; `None` where it answers, or nothing is live.
    pub fn refused_at(&self, endpoint: &EndpointName) -> Option<String> {
        self.lock_refused().get(endpoint).cloned()
    }

    pub(crate) fn follow(&self, endpoint: &EndpointName, _project: &Project) -> Result<(), AppError> {
        self.follow_endpoint(endpoint)
    }

    /// Loads what the store says serves at an endpoint, and lets it answer.
    pub(crate) fn follow_endpoint(&self, endpoint: &EndpointName) -> Result<(), AppError> {
        let serving = self.open_serving(endpoint)?;
        let (live, candidate) = self
            .store()
            .read(|reader| Ok((deployments::live(reader, endpoint)?, deployments::candidate(reader, endpoint)?)))?;
        let Some(live) = live else {
            serving.endpoint().deploy(Routes::nothing());
            self.lock_refused().remove(endpoint);
            return Ok(());
        };
        let now = serving.endpoint().routes();
        let admits = self.admits_at(endpoint)?;
        let champion = self.served(&live, &now, admits)?;
        let candidate = match candidate {
            Some(candidate) => {
                let mode = match candidate.state {
                    DeploymentState::Canary { percent } => Mode::Canary { percent },
                    _ => Mode::Shadow,
                };
                match self.served(&candidate, &now, admits) {
                    // What serves goes on without a candidate that answers otherwise than it was judged by.
                    Err(refused @ AppError::GoldenDiffers { .. }) => {
                        tracing::error!(%endpoint, %refused, "the candidate is not asked");
                        None
                    }
                    version => Some(Candidate { version: version?, mode }),
                }
            }
            None => None,
        };
        let recorded = self.recorded_inputs(endpoint, &live)?;
        let routes = Routes::new(champion, candidate, &recorded)?;
        serving.endpoint().deploy(routes);
        self.lock_refused().remove(endpoint);
        Ok(())
    }

    /// A version that is served already keeps its counters; another is loaded and verified.
    fn served(&self, deployment: &Deployment, now: &Routes, admits: Admits) -> Result<Arc<ServedVersion>, AppError> {
        let (package, _) = self.loaded(&deployment.model, deployment.number)?;
        let version = VersionRef { number: u64::from(deployment.number), digest: package.digest };
        if let Some(served) = now.versions().find(|served| served.version() == version) {
            return Ok(served.clone());
        }
        let state = self.version_state(&deployment.model, deployment.number)?;
        let model = kilter_domain::digest::Digest::of(&package.model_bytes);
        let threshold = Some(package.manifest.threshold);
        let admission = Admission { version, model, state, admits, threshold };
        let served = ServedVersion::load(&package.model_bytes, &admission, score_edges(&package))?;
        self.check_golden(&package, served.trial())?;
        Ok(Arc::new(match self.counts_profiles() {
            true => served.with_profile(self.open_profile(&deployment.endpoint, version, &package)),
            false => served,
        }))
    }

    /// The project that an endpoint belongs to, as its contract was last registered; its files are not looked for.
    pub fn project_at(&self, endpoint: &EndpointName) -> Result<Option<Project>, AppError> {
        let found = self.store().read(|reader| deployments::find_endpoint(reader, endpoint))?;
        found.map(|endpoint| self.recorded_project(&endpoint.project)).transpose()
    }

    fn admits_at(&self, endpoint: &EndpointName) -> Result<Admits, AppError> {
        let project = self.project_at(endpoint)?;
        let deploy = project.as_ref().and_then(|project| project.deploy_at(endpoint));
        Ok(deploy.map_or(Admits::Approved, kilter_domain::contract::Deploy::admits))
    }

    /// Columns that requests may carry for the record: as the live version knows them, and those that the contract names
    /// since (their type is not known: they are recorded as text).
    fn recorded_inputs(&self, endpoint: &EndpointName, live: &Deployment) -> Result<Vec<Input>, AppError> {
        let (package, _) = self.loaded(&live.model, live.number)?;
        let mut inputs = package.manifest.recorded.clone();
        let project = self.project_at(endpoint)?;
        for name in project.iter().flat_map(|project| recorded::names(&project.contract)) {
            if !inputs.iter().any(|input| input.name == name) {
                inputs.push(recorded::input(name, InputKind::Text));
            }
        }
        Ok(inputs)
    }
}

/// The quantiles of the score on held-out rows: what the score of production is compared with.
fn score_edges(package: &Package) -> ScoreEdges {
    match package.reference.columns.get(SCORE) {
        Some(ColumnReference::Numeric(reference)) => {
            ScoreEdges::new((1..20).map(|twentieth| reference.quantile(f64::from(twentieth) / 20.0)).collect())
        }
        _ => ScoreEdges::new(vec![]),
    }
}
