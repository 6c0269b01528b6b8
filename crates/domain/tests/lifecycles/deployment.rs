//! The life of a deployment.

use crate::*;

pub(crate) const DEPLOYMENTS: [DeploymentState; 8] = [
    DeploymentState::Requested,
    DeploymentState::Shadow,
    DeploymentState::Canary { percent: 5 },
    DeploymentState::Canary { percent: 50 },
    DeploymentState::Live,
    DeploymentState::Superseded,
    DeploymentState::RolledBack,
    DeploymentState::Stopped,
];

#[test]
fn every_move_of_a_deployment_is_in_the_list_and_no_other() {
    use DeploymentEvent as Event;
    use DeploymentState as State;
    let to = |percent| State::Canary { percent };
    let events = [
        Event::ShadowStarted,
        Event::CanaryStarted { percent: 5 },
        Event::CanaryWidened { percent: 50 },
        Event::WentLive,
        Event::Superseded,
        Event::RolledBack,
        Event::Stopped,
    ];
    let (live, over, back, stop) =
        (Some(State::Live), Some(State::Superseded), Some(State::RolledBack), Some(State::Stopped));
    let legal = [
        [Some(State::Shadow), Some(to(5)), None, live, over, None, stop],
        [None, Some(to(5)), None, live, over, back, stop],
        [None, None, Some(to(50)), live, over, back, stop],
        [None, None, None, live, over, back, stop],
        [None, None, None, None, over, back, stop],
        [None; 7],
        [None; 7],
        [None; 7],
    ];
    for (from, wanted) in DEPLOYMENTS.into_iter().zip(legal) {
        for (event, wanted) in events.into_iter().zip(wanted) {
            let found = from.after(event, VersionState::Approved, AdmissionPolicy::Approved);
            match &found {
                Ok(to) => assert_eq!(Some(*to), wanted, "{from} {event:?}"),
                Err(error) => assert!(
                    wanted.is_none() && error.to_string().contains(&from.to_string()),
                    "{from} {event:?}: {error}"
                ),
            }
        }
    }
}

#[test]
fn only_what_is_approved_answers_and_it_is_asked_at_every_step() {
    for version in VersionState::ALL {
        let may_production = version == VersionState::Approved;
        let may_staging = may_production || version == VersionState::Validated;
        for (admits, may) in [(AdmissionPolicy::Approved, may_production), (AdmissionPolicy::Validated, may_staging)] {
            assert_eq!(DeploymentState::requested(version, admits).is_ok(), may, "{version}");
            for event in [
                DeploymentEvent::ShadowStarted,
                DeploymentEvent::CanaryStarted { percent: 5 },
                DeploymentEvent::WentLive,
            ] {
                assert_eq!(
                    DeploymentState::Requested.after(event, version, admits).is_ok(),
                    may,
                    "{version} {event:?}"
                );
            }
            let widened = DeploymentState::Canary { percent: 5 }.after(
                DeploymentEvent::CanaryWidened { percent: 9 },
                version,
                admits,
            );
            assert_eq!(widened.is_ok(), may, "{version}");
            // Taking a version away is always possible.
            for event in [DeploymentEvent::Stopped, DeploymentEvent::RolledBack, DeploymentEvent::Superseded] {
                assert!(DeploymentState::Live.after(event, version, admits).is_ok(), "{version} {event:?}");
            }
        }
    }
    let error = DeploymentState::requested(VersionState::Candidate, AdmissionPolicy::Approved).unwrap_err().to_string();
    assert!(error.contains("must be approved") && error.contains("its gates must pass first"), "{error}");
}

#[test]
fn a_canary_only_widens() {
    for percent in [0, 5, 4, 101] {
        let canary = DeploymentState::Canary { percent: 5 };
        let found =
            canary.after(DeploymentEvent::CanaryWidened { percent }, VersionState::Approved, AdmissionPolicy::Approved);
        assert!(matches!(found, Err(IllegalDeploymentTransition::Percent { .. })), "{percent}: {found:?}");
    }
    assert_eq!(DeploymentState::Canary { percent: 5 }.to_string(), "canary 5", "as the audit log writes it");
}
