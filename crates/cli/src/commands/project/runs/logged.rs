//! What the commands of runs share: a run by its id, and the words for what it logged.

use kilter_api::{self as api, Code, Problem};

use crate::{connect::Api, ui::error::CliError};

/// The run of this id.
pub(super) fn tracked_run(api: &Api, id: &str) -> Result<api::TrackedRun, CliError> {
    api.call(async |api| api.tracked_run(id).await)
}

/// The id, if it can be one.
pub(super) fn checked_id(id: String) -> Result<String, CliError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match !id.is_empty() && id.chars().all(is_plain) {
        true => Ok(id),
        false => Err(Problem::new(Code::NotFound, "this is not the id of a run")
            .hint("see the ids with `kilter runs list`")
            .into()),
    }
}

/// The newest run, if there is one.
pub(super) fn newest(id: Option<String>) -> Result<String, CliError> {
    let missing = || Problem::new(Code::NotFound, "there is no run yet").hint("start one with `kilter run`");
    Ok(id.ok_or_else(missing)?)
}

/// Where a run stands: in the words of the platform where it executed the run.
pub(super) fn state_word(run: &api::TrackedRun) -> String {
    match &run.executed {
        Some(executed) => word(executed.state),
        None => run.status.as_str().to_owned(),
    }
}

/// A state of a run or of a step, in a word.
pub(super) fn word(state: impl std::fmt::Debug) -> String {
    format!("{state:?}").to_lowercase()
}

/// A value of a metric as people read it.
pub(super) fn metric_text(point: &api::MetricValue) -> String {
    point.value.map_or_else(|| "NaN".to_owned(), kilter_report::number)
}

/// Whether clients of MLflow write the tag to say how they work, not what was tried.
pub(super) fn is_system_tag(name: &str) -> bool {
    name.starts_with("mlflow.")
}
