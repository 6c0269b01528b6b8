//! Searches of experiments and runs, page by page: what whoever asks may not read is not found.

use std::collections::BTreeMap;

use kilter_domain::{
    actor::Action,
    search::{PageToken, Projects, Scope, Search, View},
    tracking::ExperimentId,
};
use kilter_store::{
    StoreError,
    search::{self, SearchPage},
    tracking::{
        Tags,
        dataset::{self, DatasetSummary},
        experiment::{self, Experiment},
        logged_run::{self, LoggedRun},
    },
};

use super::{TrackingError, access, experiments::get_experiment_by_name};
use crate::{app::App, authz, context::RequestContext};

/// Datasets of a search.
const MAX_DATASETS: u32 = 1_000;

/// What is searched, as the filter language states it.
#[derive(Clone, Debug, PartialEq)]
pub struct Query<'q> {
    /// What must hold; empty: everything is found.
    pub filter: &'q str,
    /// By what it is sorted; empty: as the kind of thing is by default.
    pub order_by: &'q [String],
    /// Whether deleted things are found.
    pub view: View,
    /// Where the page begins.
    pub token: PageToken,
    /// How many things the page has at most.
    pub limit: u32,
}

/// One page of what was found.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundPage<T> {
    /// The things, in order.
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<PageToken>,
}

/// Runs of these experiments, with everything that they logged.
///
/// # Errors
/// When the filter or the order cannot be read.
pub fn search_runs(
    app: &App,
    context: &RequestContext,
    experiments: &[ExperimentId],
    query: &Query<'_>,
) -> Result<FoundPage<LoggedRun>, TrackingError> {
    let scope = Scope::Runs { experiments: access::readable(app, context, experiments)?, view: query.view };
    find(app, scope, query, logged_run::read_by_keys)
}

/// As [`search_runs`], in the experiments of these names (none: in all that are not deleted and may be read), each with its experiment.
///
/// # Errors
/// When there is no such experiment, its project may not be read, or filter or order cannot be read.
pub fn search_runs_by_name(
    app: &App,
    context: &RequestContext,
    names: &[String],
    query: &Query<'_>,
) -> Result<FoundPage<(LoggedRun, Experiment)>, TrackingError> {
    let experiments = match names.is_empty() {
        true => all_experiments(app, context)?,
        false => {
            let id_of = |name: &String| Ok(get_experiment_by_name(app, context, name)?.0.id);
            names.iter().map(id_of).collect::<Result<_, TrackingError>>()?
        }
    };
    let found = find(app, Scope::Runs { experiments, view: query.view }, query, logged_run::read_by_keys)?;
    let with_experiments = app.store().read(|reader| {
        let mut known: BTreeMap<ExperimentId, Experiment> = BTreeMap::new();
        let with_experiment = |run: LoggedRun| {
            let id = run.run.experiment;
            let of = match known.get(&id) {
                Some(of) => of.clone(),
                None => known.entry(id).or_insert(experiment::get(reader, id)?).clone(),
            };
            Ok((run, of))
        };
        found.items.into_iter().map(with_experiment).collect::<Result<Vec<_>, StoreError>>()
    })?;
    Ok(FoundPage { items: with_experiments, next: found.next })
}

/// Every experiment that is not deleted and that whoever asks may read.
fn all_experiments(app: &App, context: &RequestContext) -> Result<Vec<ExperimentId>, TrackingError> {
    let search = Search::parse(experiments_of(app, context, View::Active)?, "", &[])?;
    let page = SearchPage { token: PageToken { offset: 0 }, limit: search::MAX_LIMIT };
    // The key of an experiment is its id.
    Ok(app.store().read(|reader| search::find(reader, &search, page))?.keys.into_iter().map(ExperimentId).collect())
}

/// The experiments that whoever asks may read.
fn experiments_of(app: &App, context: &RequestContext, view: View) -> Result<Scope, TrackingError> {
    access::authorize_outside(context, Action::Read)?;
    let projects = Projects::Only(authz::readable(app, context).projects.into_iter().collect());
    Ok(Scope::Experiments { projects, view })
}

/// Experiments with their tags.
///
/// # Errors
/// When the filter or the order cannot be read.
pub fn search_experiments(
    app: &App,
    context: &RequestContext,
    query: &Query<'_>,
) -> Result<FoundPage<(Experiment, Tags)>, TrackingError> {
    find(app, experiments_of(app, context, query.view)?, query, experiment::read_by_keys)
}

/// Datasets that runs of these experiments read, with the experiment of each: at most 1,000.
///
/// # Errors
/// When the metadata cannot be read.
pub fn search_datasets(
    app: &App,
    context: &RequestContext,
    experiments: &[ExperimentId],
) -> Result<Vec<(ExperimentId, DatasetSummary)>, TrackingError> {
    let readable = access::readable(app, context, experiments)?;
    Ok(app.store().read(|reader| {
        let mut found = Vec::new();
        for experiment in readable {
            let left = MAX_DATASETS.saturating_sub(u32::try_from(found.len()).unwrap_or(MAX_DATASETS));
            found.extend(dataset::list(reader, experiment, left)?.into_iter().map(|summary| (experiment, summary)));
        }
        Ok(found)
    })?)
}

fn find<T>(
    app: &App,
    scope: Scope,
    query: &Query<'_>,
    read: fn(&kilter_store::Reader, &[i64]) -> Result<Vec<T>, StoreError>,
) -> Result<FoundPage<T>, TrackingError> {
    let search = Search::parse(scope, query.filter, query.order_by)?;
    let page = SearchPage { token: query.token, limit: query.limit };
    Ok(app.store().read(|reader| {
        let found = search::find(reader, &search, page)?;
        Ok(FoundPage { items: read(reader, &found.keys)?, next: found.next })
    })?)
}
