//! The life of an alert.

use crate::*;

pub(crate) const NOW: Timestamp = Timestamp(1_000_000);

pub(crate) fn walk(hold: Hysteresis, events: &[AlertEvent]) -> AlertState {
    events.iter().fold(AlertState::opened(hold), |state, event| state.after(*event, hold, NOW).unwrap())
}

#[test]
fn an_alert_fires_when_it_lasts_and_is_resolved_when_that_lasts() {
    use AlertEvent::{Acknowledged, Breached, Clean, NotMeasured};
    let hold = Hysteresis { fire_after: 3, resolve_after: 2 };
    assert_eq!(AlertState::opened(Hysteresis::default()), AlertState::Firing { clean: 0 });
    assert_eq!(walk(hold, &[]), AlertState::Pending { breaches: 1 });
    assert_eq!(walk(hold, &[Breached]), AlertState::Pending { breaches: 2 });
    assert_eq!(walk(hold, &[Breached, Breached]), AlertState::Firing { clean: 0 });
    assert_eq!(walk(hold, &[Breached, Clean]), AlertState::Resolved, "it did not last");
    assert_eq!(
        walk(hold, &[Breached, NotMeasured, NotMeasured]),
        AlertState::Pending { breaches: 2 },
        "unmeasured moves nothing"
    );
    assert_eq!(walk(hold, &[Breached, Breached, Clean]), AlertState::Firing { clean: 1 });
    assert_eq!(walk(hold, &[Breached, Breached, Clean, NotMeasured, Clean]), AlertState::Resolved);
    assert_eq!(walk(hold, &[Breached, Breached, Clean, Breached, Clean]), AlertState::Firing { clean: 1 });
    assert_eq!(walk(hold, &[Breached, Breached, Acknowledged, Clean, Clean]), AlertState::Resolved);
}

#[test]
fn a_mute_ends_by_itself() {
    let hold = Hysteresis::default();
    let until = Timestamp(NOW.millis() + 10);
    let muted = walk(hold, &[AlertEvent::Muted { until }]);
    assert_eq!(muted, AlertState::Muted { until, clean: 0 });
    assert!(muted.is_failing());
    assert_eq!(muted.after(AlertEvent::Breached, hold, NOW).unwrap(), muted);
    assert_eq!(muted.after(AlertEvent::Breached, hold, until).unwrap(), AlertState::Firing { clean: 0 });
    assert_eq!(muted.after(AlertEvent::Unmuted, hold, NOW).unwrap(), AlertState::Firing { clean: 0 });
    let past = AlertEvent::Muted { until: NOW };
    let error = walk(hold, &[]).after(past, hold, NOW).unwrap_err().to_string();
    assert!(error.contains("ends in the future"), "{error}");
}

#[test]
fn every_move_of_an_alert_is_in_the_list_and_no_other() {
    use AlertEvent as Event;
    let until = Timestamp(NOW.millis() + 10);
    let states = [
        AlertState::Pending { breaches: 1 },
        AlertState::Firing { clean: 0 },
        AlertState::Acknowledged { clean: 0 },
        AlertState::Muted { until, clean: 0 },
        AlertState::Resolved,
    ];
    let events = [
        Event::Breached,
        Event::Clean,
        Event::NotMeasured,
        Event::Acknowledged,
        Event::Muted { until },
        Event::Unmuted,
        Event::Resolved,
    ];
    // Where each event leads, by state; `-` is refused.
    let legal = [
        ["pending", "resolved", "pending", "-", "-", "-", "resolved"],
        ["firing", "firing", "firing", "acknowledged", "muted", "-", "resolved"],
        ["acknowledged", "acknowledged", "acknowledged", "-", "muted", "-", "resolved"],
        ["muted", "muted", "muted", "-", "muted", "firing", "resolved"],
        ["-", "resolved", "resolved", "-", "-", "-", "-"],
    ];
    for (from, wanted) in states.into_iter().zip(legal) {
        for (event, wanted) in events.into_iter().zip(wanted) {
            match from.after(event, Hysteresis { fire_after: 9, resolve_after: 9 }, NOW) {
                Ok(to) => assert_eq!(to.as_str(), wanted, "{from:?} {event:?}"),
                Err(error) => assert!(wanted == "-" && !error.needs.is_empty(), "{from:?} {event:?}: {error}"),
            }
        }
        let json = serde_json::to_string(&from).unwrap();
        assert_eq!(serde_json::from_str::<AlertState>(&json).unwrap(), from, "{json}");
    }
}
