//! The rules that hold where the contract states none: written in the rule language, so that they can be read and changed.

use kilter_domain::{
    alert::MonitorKind,
    contract::Monitor,
    rule::{Arg, Function, Quantity, Rule},
};
use kilter_evaluation::{
    column_reference::ColumnReference,
    labelled_predictions::headline,
    reference::{Reference, SCORE},
};
use kilter_inference::Task;

use kilter_package::Package;

/// Population stability, less what chance explains, beyond which a column has moved enough to matter. The usual reading
/// of the index calls 0.1 a moderate shift and 0.25 a large one; an alert needs evidence over windows besides.
const PSI_LIMIT: f64 = 0.1;
/// What a rate that lies between 0 and 1 may lose against the held-out rows.
const TOLERATED_LOSS: f64 = 0.03;
/// What an error may grow by against the held-out rows.
const TOLERATED_GROWTH: f64 = 1.15;
/// A share of missing or strange values below this is no alarm by itself.
const MIN_SHARE: f64 = 0.01;

/// A rule that is watched, and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchedRule {
    pub rule: Rule,
    /// Nobody wrote it: it holds where the contract says nothing.
    pub is_default: bool,
}

/// What is watched of a version, by kind: the contract's rules, else the usual ones.
pub fn rules(monitor: &Monitor, kind: MonitorKind, package: &Package, metric: Option<f64>) -> Vec<WatchedRule> {
    let stated = monitor.rules(kind);
    let reference = &package.reference;
    let defaults = match kind {
        MonitorKind::Data => quality_rules(reference).into_iter().filter(|rule| !is_stated(rule, stated)).collect(),
        _ if !stated.is_empty() => vec![],
        MonitorKind::Drift => parsed([format!("psi(*) < {PSI_LIMIT}"), format!("psi({SCORE}) < {PSI_LIMIT}")]),
        MonitorKind::Performance => performance_rule(package.manifest.signature.task, metric).into_iter().collect(),
        MonitorKind::Bias | MonitorKind::Usage => vec![],
    };
    let stated = stated.iter().map(|rule| WatchedRule { rule: rule.clone(), is_default: false });
    stated.chain(defaults.into_iter().map(|rule| WatchedRule { rule, is_default: true })).collect()
}

/// Whether the contract states a rule about the same quantity, of the column or of every column.
fn is_stated(default: &Rule, stated: &[Rule]) -> bool {
    let Quantity::Call { function, args, .. } = &default.quantity else { return false };
    stated.iter().any(|rule| match &rule.quantity {
        Quantity::Call { function: of, args: about, .. } => {
            of == function && (about == args || about.as_slice() == [Arg::Every])
        }
        Quantity::Metric { .. } => false,
    })
}

/// Whether a rule asks for an estimate without labels.
pub fn is_estimate(rule: &Rule) -> bool {
    matches!(&rule.quantity, Quantity::Call { function: Function::Estimated, .. })
}

fn parsed<const N: usize>(texts: [String; N]) -> Vec<Rule> {
    texts.iter().filter_map(|text| text.parse().ok()).collect()
}

/// The headline metric may not fall far below what it was on the held-out rows.
fn performance_rule(task: Task, metric: Option<f64>) -> Option<Rule> {
    let (name, value) = (headline(task), metric?);
    let text = match task {
        Task::Regression => format!("{name} <= {}", value * TOLERATED_GROWTH),
        _ => format!("{name} >= {}", (value - TOLERATED_LOSS).max(0.0)),
    };
    text.parse().ok()
}

/// Missing values may not become much more frequent than they were.
fn quality_rules(reference: &Reference) -> Vec<Rule> {
    let features = reference.columns.iter().filter(|(name, _)| *name != SCORE && is_plain(name));
    features.filter_map(|(name, column)| format!("missing({name}) <= {}", missing_limit(column)).parse().ok()).collect()
}

/// Three times the upper end of the reference's share of missing values.
fn missing_limit(column: &ColumnReference) -> f64 {
    let (share, rows) = (column.missing_share(), column.rows().max(1) as f64);
    let upper = share + 3.0 * (share * (1.0 - share) / rows).sqrt() + 3.0 / rows;
    (3.0 * upper).clamp(MIN_SHARE, 1.0)
}

/// Whether a column's name can stand in a rule as it is.
fn is_plain(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stated_rule_takes_the_place_of_the_default_about_the_same() {
        let rule = |text: &str| text.parse::<Rule>().unwrap();
        let default = rule("missing(age) <= 0.01");
        assert!(is_stated(&default, &[rule("auc >= 0.5"), rule("missing(age) <= 40%")]));
        assert!(is_stated(&default, &[rule("missing(*) <= 40%")]));
        assert!(!is_stated(&default, &[rule("missing(city) <= 40%"), rule("unseen(age) == 0")]));
    }
}
