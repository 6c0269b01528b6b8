//! Versions that differ in their threshold alone: they have the bytes of one model.

use std::collections::BTreeSet;

use kilter_domain::{ids::ModelName, time::Timestamp};
use kilter_store::{deployment as deployments, deployment::Deployment};

use crate::{
    app::App,
    causes::StorageError,
    model::{error::VersionError, load},
};

/// The versions that share the model of this one and were live here one after another before it: they differ in
/// their threshold alone. With the moment since which they serve.
pub(crate) fn threshold_siblings(
    app: &App,
    live: &Deployment,
) -> Result<(BTreeSet<u32>, Option<Timestamp>), VersionError> {
    let mut family = BTreeSet::from([live.number]);
    let (mut since, mut number) = (live_since(app, live)?, live.number);
    while let Some(from) = load::read_version(app, &live.model, number)?.manifest.tuned_from {
        if from >= number || !family.insert(from) {
            break;
        }
        number = from;
        let before = match since {
            Some(since) => {
                let moment = Timestamp(since.millis() - 1);
                app.store().read(|reader| deployments::live_at(reader, &live.endpoint, moment))?
            }
            None => None,
        };
        match before.filter(|before| before.number == from) {
            Some(before) => since = live_since(app, &before)?,
            None => break,
        }
    }
    Ok((family, since))
}

/// Since when a deployment is live; no later than its move was written, or than the clock was set back after that.
pub(crate) fn live_since(app: &App, deployment: &Deployment) -> Result<Option<Timestamp>, StorageError> {
    let latest = app.store().read(|reader| kilter_store::clock::at_the_latest(reader, deployment.audit_seq))?;
    Ok(deployment.live_since.map(|since| latest.map_or(since, |latest| since.min(latest))))
}

/// Whether two versions differ in their threshold alone.
pub(crate) fn is_same_model(
    app: &App,
    (model, number): (&ModelName, u32),
    (other_model, other): (&ModelName, u32),
) -> Result<bool, VersionError> {
    if model != other_model {
        return Ok(false);
    }
    let model_of = |number: u32| Ok::<_, VersionError>(load::read_version(app, model, number)?.model);
    Ok(model_of(number)? == model_of(other)?)
}
