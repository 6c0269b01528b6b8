//! The bytes of an audit entry.

use crate::*;

pub(crate) fn entry() -> Entry {
    Entry {
        seq: 1,
        at: Timestamp(1_700_000_000_123),
        actor: user("ana"),
        on_behalf: None,
        action: "version.approve".into(),
        object: "version:churn/3".into(),
        object_digest: None,
        outcome: Outcome::Done,
        before: Some("validated".into()),
        after: Some("approved".into()),
        reason_hash: None,
        evidence: vec!["é\n\"".into()],
    }
}

#[test]
fn the_bytes_of_an_entry_are_canonical_json() {
    let text = String::from_utf8(entry().canonical()).unwrap();
    assert_eq!(
        text,
        r#"{"action":"version.approve","actor":"user:ana","actor_kind":"user","after":"approved","at":1700000000123,"before":"validated","evidence":["é\n\""],"object":"version:churn/3","object_digest":null,"on_behalf":null,"outcome":"done","reason_hash":null,"seq":1,"v":1}"#
    );
    let sorted: std::collections::BTreeMap<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&sorted).unwrap(), text);
}

#[test]
fn any_change_of_an_entry_changes_its_bytes() {
    let changes: [fn(&mut Entry); 8] = [
        |entry| entry.seq = 2,
        |entry| entry.at = Timestamp(0),
        |entry| entry.actor = Actor::system("x"),
        |entry| entry.on_behalf = Some(Actor::system("x")),
        |entry| entry.before = None,
        |entry| entry.outcome = Outcome::Denied,
        |entry| entry.reason_hash = Some("00".into()),
        |entry| entry.evidence.clear(),
    ];
    for change in changes {
        let mut other = entry();
        change(&mut other);
        assert_ne!(other.canonical(), entry().canonical());
    }
    let json = serde_json::to_string(&entry()).unwrap();
    assert_eq!(serde_json::from_str::<Entry>(&json).unwrap(), entry());
}
