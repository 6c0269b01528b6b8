//! Keys that the contract takes and that do nothing yet: said by `kilter check`, so that nobody relies on them.
//!
//! Invariants: a key leaves this list with the change that makes it do something; each of them is a key of the contract (a
//! test watches it).

use super::{ContractError, check::Check};

/// The path of a key (`*` for a name that the user chooses), and what happens instead.
pub(super) const UNUSED: &[(&str, &str)] = &[
    ("data.*.schema", "rows are not held against a JSON Schema; write what must hold into `require`"),
    ("step.*.sweep", "the step runs once, with the values of [params]"),
    ("step.*.needs.gpu", "devices are not counted: two steps may run on one at a time"),
    ("deploy.*.target", "answers leave by HTTP, whatever it says"),
];

/// A warning for each key of the contract that does nothing.
pub(super) fn keys(check: &Check<'_>) -> Vec<ContractError> {
    let mut warnings = Vec::new();
    for (path, place) in check.reader.places() {
        let found = UNUSED.iter().find(|(pattern, _)| fits(pattern, &path));
        if let Some((_, instead)) = found {
            let key = path.rsplit('.').next().unwrap_or_default();
            let message = format!("`{key}` does nothing yet: {instead}");
            warnings.push(ContractError { place, message, hint: None, line: 0, column: 0 });
        }
    }
    warnings.extend(foreign_lock(check));
    warnings
}

/// A lock that `uv` makes no environment from.
fn foreign_lock(check: &Check<'_>) -> Option<ContractError> {
    let lock = check.contract.env.lock.as_deref().filter(|lock| !is_python_lock(lock))?;
    let message = format!("no environment is made from `{lock}`: it only goes into the keys of steps");
    let hint = "state a `uv.lock`, or a `requirements.txt` with hashes, and steps run in what it locks".to_owned();
    Some(check.warning("env.lock", message, Some(hint)))
}

/// Whether an environment is made from a lock of this name: one of `uv`, or requirements of pip.
pub fn is_python_lock(path: &str) -> bool {
    path.rsplit('/').next() == Some("uv.lock") || path.ends_with(".txt")
}

/// A warning for each objective that nothing measures.
pub(super) fn objectives(check: &Check<'_>) -> Vec<ContractError> {
    let unmeasured = check.contract.objectives.iter().filter(|objective| objective.source.is_none());
    let warning = |objective: &super::Objective| {
        let message = format!("nothing measures objective `{}`: it is a note for people", objective.name);
        let hint = "add `source = \"sql/NAME.sql\"`: a query over `predictions` and `labels`, or a table".to_owned();
        check.warning(&format!("objective.{}", objective.name), message, Some(hint))
    };
    unmeasured.map(warning).collect()
}

fn fits(pattern: &str, path: &str) -> bool {
    let (mut pattern, mut path) = (pattern.split('.'), path.split('.'));
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return true,
            (Some("*"), Some(_)) => {}
            (Some(a), Some(b)) if a == b => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::every_key;

    #[test]
    fn each_of_them_is_a_key_of_the_contract() {
        let known: Vec<String> = every_key().map(|(section, key)| format!("{}.{}", section.path, key.name)).collect();
        for (path, _) in UNUSED {
            assert!(known.iter().any(|known| known == path), "{path} is no key");
        }
    }

    #[test]
    fn a_pattern_fits_names_of_one_part() {
        assert!(fits("step.*.sweep", "step.train.sweep") && !fits("step.*.sweep", "step.train.sweep.trials"));
        assert!(!fits("step.*.sweep", "step.train") && !fits("package.include", "package.sign"));
    }
}
