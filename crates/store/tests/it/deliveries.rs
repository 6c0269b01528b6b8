//! Events on their way: who gets what first, what is sent again, and what is forgotten.

use kilter_domain::time::Timestamp;
use kilter_store::{
    audit,
    delivery::{self, Again, Delivery, DeliveryState},
    page::PageRequest,
    setting,
};
use serde_json::json;

use crate::world::World;

/// A log with `entries` entries, each planned for these targets at its number.
fn planned(entries: u64, targets: &'static [&'static str]) -> World {
    let world = World::empty();
    for number in 1..=entries {
        let at = i64::try_from(number).unwrap();
        world.act(at, move |audited| setting::put(audited, "test", &json!(number)).map(drop)).unwrap();
        world
            .write(move |tx| {
                let wanted: Vec<_> = targets.iter().map(|target| ((*target).to_owned(), number)).collect();
                delivery::plan(tx, number, &wanted, Timestamp(at))
            })
            .unwrap();
    }
    world
}

fn due(world: &World, at: i64, limit: u32) -> Vec<Delivery> {
    world.store.read(|reader| delivery::due(reader, Timestamp(at), limit)).unwrap()
}

fn shown(due: &[Delivery]) -> Vec<(&str, u64)> {
    due.iter().map(|delivery| (delivery.target.as_str(), delivery.seq)).collect()
}

fn settle(world: &World, key: u64, state: DeliveryState, at: i64) {
    world.write(move |tx| delivery::settle(tx, key, (state, Timestamp(at)), "")).unwrap();
}

fn what_is_due_comes_in_the_order_of_the_log_and_a_backlog_hides_no_other_target() {
    let world = planned(6, &["mail:a", "webhook:b"]);
    let all = due(&world, 100, 10);
    assert_eq!(shown(&all).len(), 12);
    assert!(all.is_sorted_by_key(|delivery| delivery.seq));
    assert_eq!(shown(&due(&world, 100, 2)), [("mail:a", 1), ("webhook:b", 1), ("mail:a", 2), ("webhook:b", 2)]);
    // The first event of a target failed: it comes again at its time, before the later ones that are due then.
    settle(&world, all[0].key, DeliveryState::Pending, 200);
    assert_eq!(shown(&due(&world, 100, 1)), [("webhook:b", 1), ("mail:a", 2)]);
    assert_eq!(shown(&due(&world, 200, 1)), [("mail:a", 1), ("webhook:b", 1)]);
    assert_eq!(due(&world, 200, 1)[0].attempts, 1);
}

fn what_ended_is_forgotten_by_its_state_and_age() {
    let world = planned(3, &["mail:a"]);
    let keys: Vec<u64> = due(&world, 100, 10).iter().map(|delivery| delivery.key).collect();
    settle(&world, keys[0], DeliveryState::Delivered, 50);
    settle(&world, keys[1], DeliveryState::Dead, 50);
    let forget = |state, before| world.write(move |tx| delivery::forget(tx, state, Timestamp(before), 10)).unwrap();
    assert_eq!(forget(DeliveryState::Dead, 50), 0, "it is not that old");
    assert_eq!(forget(DeliveryState::Delivered, 51), 1);
    assert_eq!(forget(DeliveryState::Dead, 51), 1);
    let left = world.store.read(|reader| delivery::list(reader, None, &PageRequest::first(10))).unwrap().items;
    assert_eq!((left.len(), left[0].state), (1, DeliveryState::Pending), "what is not sent stays");
}

fn what_is_sent_again_has_its_entry_and_what_is_not_has_none() {
    let world = planned(3, &["mail:a", "webhook:b"]);
    for delivery in due(&world, 100, 10) {
        let is_dead = delivery.target == "mail:a";
        settle(&world, delivery.key, if is_dead { DeliveryState::Dead } else { DeliveryState::Delivered }, 50);
    }
    let replay = |state, last| {
        let again = Again { first: 1, last, target: None, state };
        world.act(60, move |audited| delivery::replay(audited, &again)).unwrap()
    };
    assert_eq!(replay(Some(DeliveryState::Dead), 2), 2);
    let size = || world.store.read(audit::size).unwrap();
    let last = world.store.read(|reader| audit::find(reader, 4)).unwrap().unwrap().entry;
    assert_eq!((last.object.as_str(), last.after.as_deref(), size()), ("outbox:audit", Some("2 pending"), 4));
    assert_eq!(shown(&due(&world, 60, 10)), [("mail:a", 1), ("mail:a", 2)]);
    assert_eq!((replay(Some(DeliveryState::Dead), 2), size()), (0, 4), "nothing changed");
    assert_eq!(replay(None, 3), 4, "the rest");
    world.assert_sound();
}

both_databases![
    what_is_due_comes_in_the_order_of_the_log_and_a_backlog_hides_no_other_target,
    what_ended_is_forgotten_by_its_state_and_age,
    what_is_sent_again_has_its_entry_and_what_is_not_has_none,
];
