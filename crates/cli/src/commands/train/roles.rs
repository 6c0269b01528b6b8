//! What the contract says that columns are for, taken from the run that executes the step.
//!
//! Invariants: outside of a run nothing changes; an option that is given counts more than what a role suggests, and never
//! more than what the contract forbids (the label, when it became known, `ignore`).

use std::{env, fs, path::Path};

use kilter_api::{Code, Problem};
use kilter_train::{FeatureKind, Reserved, TrainOptions, TrainReport};
use kilter_workflow::{ColumnRoles, ROLES_VARIABLE, RolesByDataset};

use crate::ui::error::{CliError, disk};

/// The roles that the run hands to its step; none outside of a run.
pub(super) fn of_run() -> Result<RolesByDataset, CliError> {
    let Some(path) = env::var_os(ROLES_VARIABLE) else { return Ok(RolesByDataset::new()) };
    let path = Path::new(&path);
    let bytes = fs::read(path).map_err(|error| disk("read the roles of columns", path, &error))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Problem::new(Code::FileInvalid, format!("`{}` does not hold the roles of columns: {error}", path.display()))
            .hint(format!("unset {ROLES_VARIABLE}: a run sets it for its steps"))
            .into()
    })
}

/// The options with what the roles say of the columns of a table.
pub(super) fn apply(roles: &RolesByDataset, columns: &[String], options: &mut TrainOptions) {
    for (dataset, roles) in roles {
        let mut reserve = |column: &String, role: &str, may_be_named: bool| {
            let reason = format!("the contract names it as `{role}` of `{dataset}`");
            let known = options.reserved.get(column).is_some_and(|reserved| !reserved.may_be_named);
            if !known {
                options.reserved.insert(column.clone(), Reserved { reason, may_be_named });
            }
        };
        roles.label.iter().for_each(|column| reserve(column, "label", false));
        roles.label_time.iter().for_each(|column| reserve(column, "label_time", false));
        roles.ignore.iter().for_each(|column| reserve(column, "ignore", false));
        roles.weight.iter().for_each(|column| reserve(column, "weight", true));
        roles.id.iter().for_each(|column| reserve(column, "id", true));
        for column in roles.categorical.iter().filter(|column| columns.contains(column)) {
            options.kinds.entry(column.clone()).or_insert(FeatureKind::Categorical);
        }
        let weight = roles.weight.as_ref().filter(|column| columns.contains(column) && **column != options.target);
        if options.weight.is_none() && options.include.iter().flatten().all(|name| Some(name) != weight) {
            options.weight = weight.cloned();
        }
    }
}

/// What a person should know of columns that were read: a group that fairness is watched by.
pub(super) fn notes(roles: &RolesByDataset, report: &TrainReport) -> Vec<String> {
    let is_read = |column: &&String| report.used.iter().any(|used| used.column == **column);
    let note = |(dataset, roles): (&String, &ColumnRoles)| {
        let read: Vec<String> = roles.sensitive.iter().filter(is_read).map(|column| format!("`{column}`")).collect();
        let verb = if read.len() == 1 { "is" } else { "are" };
        (!read.is_empty()).then(|| {
            format!(
                "{} {verb} sensitive in `{dataset}`, and the model reads what fairness is watched by; `ignore` keeps it out",
                read.join(", ")
            )
        })
    };
    roles.iter().filter_map(note).collect()
}
