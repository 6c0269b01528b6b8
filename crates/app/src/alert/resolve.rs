//! Alerts that end with the version that they are about.
//!
//! Invariant: an alert about labels that the version which serves now cannot answer either stays open.

use kilter_domain::{
    alert::AlertTopic,
    ids::{EndpointName, ModelName},
};
use kilter_evaluation::labelled_predictions::ClassMatcher;
use kilter_inference::Signature;
use kilter_store::{
    PageRequest,
    monitor::{alert as alerts, alert::Alert},
};

use crate::{
    alert::error::AlertError, alert::lifecycle::EndpointAlerts, app::App, authz::AuthorizedContext, model::load,
    prediction::logged::Label, project::folder::Project,
};

impl App {
    /// Resolves the open alerts of an endpoint: the version that they are about no longer serves. Those about classes
    /// that the version which serves now (`by`) cannot answer either stay open.
    pub(crate) fn resolve_alerts(
        &self,
        context: &AuthorizedContext,
        project: &Project,
        endpoint: &EndpointName,
        by: (&ModelName, u32),
        reason: &str,
    ) -> Result<(), AlertError> {
        let package = load::read_version(self, by.0, by.1)?;
        let at = EndpointAlerts::new(self, context, endpoint, project.contract.monitor.as_ref());
        let filter = alerts::AlertFilter { endpoint: Some(endpoint.clone()), open: true };
        let open = self.store().read(|reader| alerts::list(reader, &filter, &PageRequest::first(100)))?;
        let signature = &package.manifest.signature;
        for alert in open
            .items
            .into_iter()
            .filter(|alert| alert.key.topic.ends_with_version() && !is_unknown_to(alert, signature))
        {
            at.resolve(&alert, &format!("{}: {reason}", alert.key.topic.monitor()))?;
        }
        Ok(())
    }
}

/// Whether an alert is about labels that a model cannot answer either.
fn is_unknown_to(alert: &Alert, signature: &Signature) -> bool {
    let matcher = ClassMatcher::new(&signature.classes);
    let is_unknown = |word: &str| !Label::Text(word.into()).fits(signature.task, &matcher);
    match &alert.key.topic {
        AlertTopic::UnknownClass(class) => is_unknown(class),
        AlertTopic::UnknownLabels => alert.detail.columns.iter().any(|word| is_unknown(word)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use kilter_domain::{
        alert::{AlertDetail, AlertState},
        time::{Interval, Timestamp},
    };
    use kilter_inference::Task;

    use super::*;

    fn alert(key: &str, words: &[&str]) -> Alert {
        let columns = words.iter().map(|word| (*word).to_owned()).collect();
        let detail = AlertDetail { columns, ..AlertDetail::new(Interval::new(Timestamp(0), Timestamp(1)), "") };
        Alert {
            id: "a".into(),
            key: key.parse().unwrap(),
            state: AlertState::Firing { clean: 0 },
            opened: Timestamp(0),
            fired: None,
            acknowledged: None,
            resolved: None,
            audit_seq: 1,
            detail,
        }
    }

    #[test]
    fn an_alert_ends_with_a_version_that_knows_its_class_and_with_no_other() {
        let classes = vec!["Windows".to_owned(), "1".to_owned()];
        let known = Signature { inputs: vec![], task: Task::Multiclass, classes, target: Some("queue".into()) };
        let is_unknown = |key: &str, words: &[&str]| is_unknown_to(&alert(key, words), &known);
        assert!(is_unknown("tickets/unknown_class:macOS", &[]) && !is_unknown("tickets/unknown_class:Windows", &[]));
        assert!(!is_unknown("tickets/unknown_class:1.0", &[]) && !is_unknown("tickets/performance", &[]));
        assert!(is_unknown("tickets/unknown_labels", &["low", "1"]) && !is_unknown("tickets/unknown_labels", &[" 1"]));
    }
}
