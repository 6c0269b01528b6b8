//! The alert about a rollout whose versions do not receive the shares that are set.

use kilter_domain::{
    alert::{AlertKey, AlertTopic, Breach, Hysteresis},
    rule::{Measurement, MetricId, RuleOutcome, RuleVerdict},
    time::Interval,
};
use kilter_store::monitor::alert as alerts;

use crate::{
    alert::lifecycle::{EndpointAlerts, WindowResult},
    app::App,
    authz::AuthorizedContext,
    deployment::{exposure::SampleRatioReading, target::Target},
    monitor::error::MonitorError,
};

/// Opens or ends the alert about the shares at an endpoint; it may run twice.
pub(crate) fn update_sample_ratio_alert(
    app: &App,
    context: &AuthorizedContext,
    target: &Target<'_>,
    reading: Option<&SampleRatioReading>,
) -> Result<(), MonitorError> {
    let endpoint = &target.endpoint;
    let key = AlertKey::new(endpoint.clone(), AlertTopic::SampleRatio);
    let open = app.store().read(|reader| alerts::find_open(reader, &key))?;
    let hysteresis = Hysteresis { fire_after: 1, ..Hysteresis::default() };
    let monitor = target.project.contract.monitor.as_ref();
    let at = EndpointAlerts { hysteresis, ..EndpointAlerts::new(app, context, endpoint, monitor) };
    let mismatch = reading.filter(|reading| reading.is_mismatch()).map(outcome);
    match (mismatch, open) {
        (None, None) => Ok(()),
        (None, Some(alert)) => Ok(at.resolve(&alert, "no two versions share the traffic by this split any more")?),
        // Each pass would count the same anew.
        (Some(outcome), Some(alert))
            if Breach::all_of(std::slice::from_ref(&outcome)).is_subset(&alert.detail.notified) =>
        {
            Ok(())
        }
        (Some(outcome), _) => {
            let window = Interval::new(context.at, context.at);
            at.update(WindowResult::unexplained(&AlertTopic::SampleRatio, window, &[outcome]))?;
            Ok(())
        }
    }
}

fn outcome(reading: &SampleRatioReading) -> RuleOutcome {
    let rule = format!("version {} receives {} % of the entities", reading.candidate.0, reading.percent);
    let text =
        format!("{}: it is neither widened nor promoted, and no comparison of the two counts", reading.sentence());
    let measured = Measurement {
        value: reading.p_value,
        whole: None,
        interval: None,
        count: reading.entities(),
        estimated: false,
        note: None,
    };
    let metric = MetricId::named("sample_ratio_p_value");
    RuleOutcome { measured: Some(measured), ..RuleOutcome::new(rule, metric, RuleVerdict::Failed, text) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kilter_domain::{deployment::DeploymentState, time::Timestamp};
    use kilter_store::{
        PageRequest, audit as entries, deployment as deployments,
        monitor::alert::{self as alerts, AlertFilter},
    };

    use super::*;
    use crate::{
        deployment::{
            deploy,
            experiment::experiment_at,
            rollout,
            tests::{endpoint, house},
        },
        model::golden_replay::tests::{TestFolder, customers, finite, trained},
        prediction::{compact, predict},
    };

    const SPLIT: &str = "canary = { steps = [20, 100], every = \"1h\", min_rows = 50 }";

    /// Version 1 live, version 2 a canary of 20 %.
    fn canary(folder: &std::path::Path) -> TestFolder {
        let house = house(folder, SPLIT);
        let (onnx, _) = trained();
        for number in [house.version(&onnx, None), house.version(&onnx, None)] {
            house.deploy(number).unwrap();
        }
        house
    }

    /// Asks for one row of each id, and seals what was recorded; the version that answered each.
    fn ask(house: &TestFolder, ids: &[String], version: Option<u64>) -> Vec<u64> {
        let serving = predict::serving(&house.app, &endpoint()).unwrap();
        let rows = finite(&customers()).select(|name| name != "left");
        let answered = ids.iter().map(|id| {
            let request = serving.endpoint().request(rows.take(&[0])).unwrap().with_ids(vec![Arc::from(id.as_str())]);
            let request = match version {
                Some(number) => request.at_version(number, serving.endpoint()).unwrap(),
                None => request,
            };
            serving.endpoint().infer(request, house.context.at).unwrap().versions[0].number
        });
        let answered = answered.collect();
        compact::compact_log(&house.app, &endpoint()).unwrap();
        answered
    }

    fn ids(of: &str, count: usize) -> Vec<String> {
        (0..count).map(|id| format!("{of}-{id}")).collect()
    }

    /// One step of the loop an hour later; the stage of the candidate then.
    fn step(house: &mut TestFolder) -> Option<DeploymentState> {
        house.context = AuthorizedContext::system("test", Timestamp(house.context.at.millis() + 3_600_000));
        let target = Target::of(&house.project, &house.project.contract.deploy[0]);
        let ratio = rollout::advance_rollout(&house.app, &house.context, &target).unwrap();
        update_sample_ratio_alert(&house.app, &house.context, &target, ratio.as_ref()).unwrap();
        house.app.store().read(|reader| deployments::candidate(reader, &endpoint())).unwrap().map(|found| found.state)
    }

    fn open_alerts(house: &TestFolder) -> Vec<(AlertKey, String)> {
        let filter = AlertFilter { open: true, endpoint: Some(endpoint()) };
        let found = house.app.store().read(|reader| alerts::list(reader, &filter, &PageRequest::first(10))).unwrap();
        found.items.into_iter().map(|alert| (alert.key, alert.detail.text)).collect()
    }

    #[test]
    fn a_canary_that_receives_less_than_its_share_gets_no_further_until_it_is_taken_back() {
        let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let (mut sound, mut broken) = (canary(folders[0].path()), canary(folders[1].path()));
        let all = ids("customer", 800);
        let answered = ask(&sound, &all, None);
        // Half of those whom the candidate would answer are lost on their way.
        let mut met = 0;
        let arrived: Vec<String> = all
            .iter()
            .zip(&answered)
            .filter(|(_, version)| {
                met += u32::from(**version == 2);
                **version == 1 || met.is_multiple_of(2)
            })
            .map(|(id, _)| id.clone())
            .collect();
        ask(&broken, &arrived, None);
        assert_eq!((step(&mut sound), open_alerts(&sound)), (None, vec![]), "it went live");

        let held = Some(DeploymentState::Canary { percent: 20 });
        assert_eq!(step(&mut broken), held);
        let alerts = open_alerts(&broken);
        let [(key, text)] = &alerts[..] else { panic!("{alerts:?}") };
        assert_eq!(key.to_string(), "churn/sample_ratio");
        assert!(text.starts_with("version 2 received ") && text.contains("where 20 % is set (p = "), "{text}");
        let before = entries_of(&broken, "sample_ratio_alert");
        assert_eq!(before.len(), 1);
        assert!(before[0].iter().any(|evidence| evidence.contains("sample_ratio_p_value")), "{before:?}");
        // Another look says nothing new, and holds it.
        assert_eq!(step(&mut broken), held);
        assert_eq!(entries_of(&broken, "sample_ratio_alert").len(), 1);
        deploy::roll_back_at(&broken.app, &broken.context, &endpoint(), "the split is broken").unwrap();
        assert_eq!((step(&mut broken), open_alerts(&broken)), (None, vec![]));
    }

    fn entries_of(house: &TestFolder, action: &str) -> Vec<Vec<String>> {
        let found = house.app.store().read(|reader| entries::list(reader, &PageRequest::first(1000))).unwrap();
        let of = found.items.into_iter().filter(|record| record.entry.action == action);
        of.map(|record| record.entry.evidence.iter().map(ToString::to_string).collect()).collect()
    }

    #[test]
    fn entities_count_once_and_what_was_asked_by_number_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let house = canary(folder.path());
        let reading =
            || experiment_at(&house.app, &endpoint(), None, house.context.at).unwrap().comparison.sample_ratio;
        ask(&house, &ids("test", 200), Some(2));
        assert_eq!(reading().map(|reading| reading.entities()), Some(0));
        let answered = ask(&house, &ids("customer", 100), None);
        let first = reading().unwrap();
        let met = answered.iter().filter(|version| **version == 2).count() as u64;
        assert_eq!((first.champion, first.candidate), ((1, 100 - met), (2, met)));
        ask(&house, &ids("customer", 100), None);
        assert_eq!(reading(), Some(first), "those who come again are the same");
        assert!(!first.is_mismatch());
    }
}
