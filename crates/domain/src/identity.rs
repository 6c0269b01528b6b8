//! What a token may be used for.
//!
//! Invariants: a scope only takes rights away; it never gives one. Out of scope: how a token is proved.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};

use crate::{actor::Action, ids::ProjectName};

/// What a token may be used for, within the rights of its owner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenScope {
    /// The rights that it may use; `None`: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actions: Option<BTreeSet<Action>>,
    /// The projects that it may be used in; `None`: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projects: Option<BTreeSet<ProjectName>>,
}

impl TokenScope {
    /// Whether it lets its owner do `action` in `project`; `None` is what concerns no single project.
    pub fn allows(&self, action: Action, project: Option<&ProjectName>) -> bool {
        let has_action = self.actions.as_ref().is_none_or(|actions| actions.contains(&action));
        let has_project =
            self.projects.as_ref().is_none_or(|projects| project.is_some_and(|project| projects.contains(project)));
        has_action && has_project
    }

    /// Whether it allows nothing that `other` does not allow.
    pub fn is_within(&self, other: &Self) -> bool {
        fn within<T: Ord>(inner: Option<&BTreeSet<T>>, outer: Option<&BTreeSet<T>>) -> bool {
            match (inner, outer) {
                (_, None) => true,
                (None, Some(_)) => false,
                (Some(inner), Some(outer)) => inner.is_subset(outer),
            }
        }
        within(self.actions.as_ref(), other.actions.as_ref()) && within(self.projects.as_ref(), other.projects.as_ref())
    }
}

impl fmt::Display for TokenScope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |texts: Vec<&str>| if texts.is_empty() { "nothing".to_owned() } else { texts.join(", ") };
        match &self.actions {
            None => out.write_str("all rights of its owner")?,
            Some(actions) => out.write_str(&joined(actions.iter().map(|action| action.as_str()).collect()))?,
        }
        match &self.projects {
            None => Ok(()),
            Some(projects) => {
                write!(out, " in {}", joined(projects.iter().map(ProjectName::as_str).collect()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(actions: Option<&[Action]>, projects: Option<&[&str]>) -> TokenScope {
        TokenScope {
            actions: actions.map(|actions| actions.iter().copied().collect()),
            projects: projects.map(|names| names.iter().map(|name| name.parse().unwrap()).collect()),
        }
    }

    #[test]
    fn a_scope_takes_rights_away_and_projects_that_it_does_not_name() {
        let churn = "churn".parse().unwrap();
        let other = "other".parse().unwrap();
        let all = TokenScope::default();
        assert!(all.allows(Action::Deploy, Some(&churn)) && all.allows(Action::Administer, None));
        let predict = scope(Some(&[Action::Predict]), Some(&["churn"]));
        assert!(predict.allows(Action::Predict, Some(&churn)));
        assert!(!predict.allows(Action::Predict, Some(&other)) && !predict.allows(Action::Deploy, Some(&churn)));
        assert!(!predict.allows(Action::Predict, None), "what concerns every project is beyond one project");
        assert!(predict.is_within(&all) && !all.is_within(&predict) && predict.is_within(&predict));
        assert!(!scope(Some(&[Action::Predict]), None).is_within(&predict));
        assert_eq!(predict.to_string(), "predict in churn");
    }

    #[test]
    fn every_action_reads_back_from_its_name() {
        for action in Action::ALL {
            assert_eq!(action.as_str().parse(), Ok(action));
            assert_eq!(serde_json::to_value(action).unwrap(), action.as_str());
        }
        assert!("fly".parse::<Action>().is_err());
    }
}
