//! Who decides that less is asked: looser contracts, emergencies, and the inbox of what waits for whom.

use serde_json::Value;

use crate::{
    World,
    lifecycle::{by, governed, live, shown, state},
};

fn change(world: &World, from: &str, to: &str) {
    let contract = world.read("kilter.toml");
    assert!(contract.contains(from), "{from}: {contract}");
    world.write("kilter.toml", &contract.replace(from, to));
}

fn inbox(world: &World, who: &str) -> Vec<(String, String)> {
    let items = shown(world, who, &["inbox"])["items"].clone();
    let word = |item: &Value, key: &str| item[key].as_str().unwrap().to_owned();
    items.as_array().unwrap().iter().map(|item| (word(item, "kind"), word(item, "subject"))).collect()
}

#[test]
fn a_looser_gate_is_a_proposal_until_a_validator_accepts_it() {
    let world = governed("0.999", "");
    assert_eq!(by(&world, "ona", &["run"]).0, 3);
    change(&world, "auc >= 0.999", "auc >= 0.55");
    assert_eq!(by(&world, "dev", &["run"]).0, 5, "a developer does not even propose it");
    let (exit, text) = by(&world, "ona", &["run"]);
    assert!(exit == 8 && text.contains("without `auc >= 0.999`") && text.contains("kilter policy"), "{text}");
    assert_eq!(by(&world, "ona", &["run"]).0, 8, "it is the same proposal");
    let listed = shown(&world, "vera", &["policy", "list", "churn"])["items"].clone();
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    let id = listed[0]["id"].as_str().unwrap();
    assert_eq!(inbox(&world, "vera"), [("policy".to_owned(), id.to_owned())]);
    assert_eq!(inbox(&world, "ona"), [], "whoever proposes does not accept");
    assert_eq!(by(&world, "ona", &["policy", "accept", "churn", id]).0, 5);
    assert_eq!(by(&world, "vera", &["policy", "reject", "churn", id]).0, 6, "a no needs its reason");
    let (exit, text) = by(&world, "vera", &["policy", "accept", "churn", &id[id.len() - 8..], "--reason", "a pilot"]);
    assert!(exit == 0 && text.contains("is accepted"), "{text}");
    assert_eq!(by(&world, "vito", &["policy", "accept", "churn", id]).0, 6, "it is decided once");
    let (exit, text) = by(&world, "dev", &["run"]);
    assert_eq!(exit, 0, "the contract of the file is in force: {text}");
    assert_eq!(state(&world, "churn@2"), "approved");
    assert_eq!(by(&world, "auditor", &["audit", "verify"]).0, 0);
}

#[test]
fn a_proposal_is_over_when_another_contract_came_into_force() {
    let world = governed("0.55", "");
    assert_eq!(by(&world, "ona", &["run"]).0, 0);
    change(&world, "auc >= 0.55", "auc >= 0.5");
    assert_eq!(by(&world, "ona", &["run"]).0, 8);
    change(&world, "auc >= 0.5\"", "auc >= 0.56\"");
    assert_eq!(by(&world, "ona", &["run", "--force"]).0, 0, "stricter counts at once");
    let id = shown(&world, "vera", &["policy", "list", "churn"])["items"][0]["id"].as_str().unwrap().to_owned();
    let (exit, text) = by(&world, "vera", &["policy", "accept", "churn", &id]);
    assert!(exit == 6 && text.contains("no longer in force"), "{text}");
    assert_eq!(shown(&world, "vera", &["policy", "list", "churn"])["items"][0]["state"], "superseded");
}

#[test]
fn the_owner_does_not_get_rid_of_the_validators() {
    let world = governed("0.55", "");
    assert_eq!(by(&world, "ona", &["run"]).0, 0);
    change(&world, "validator = [\"user:vera\", \"user:vito\"]\n", "");
    let (exit, text) = by(&world, "ona", &["run"]);
    assert!(exit == 8 && text.contains("nobody is a validator any more"), "{text}");
}

/// A version waits for its approval; an admin lets it answer all the same.
#[test]
fn an_emergency_is_recorded_shown_reviewed_and_taken_back() {
    let world = governed("0.55", "[approve]\nrule = \"validator\"");
    change(&world, "auto = true\n", "");
    assert_eq!(by(&world, "dev", &["run"]).0, 8);
    let deploy =
        |who: &str, reason: &str| by(&world, who, &["deploy", "--version", "1", "--break-glass", "--reason", reason]);
    assert_eq!(by(&world, "ida", &["deploy", "--version", "1", "--break-glass"]).0, 2, "it needs a reason");
    assert_eq!(deploy("ida", "  ").0, 6);
    assert_eq!(deploy("olga", "fraud wave").0, 5, "an operator breaks no glass");
    let (exit, text) = deploy("ida", "fraud wave");
    assert!(exit == 0 && text.contains("is live"), "{text}");
    assert_eq!((live(&world), state(&world, "churn@1")), (1.into(), "validated".to_owned()));
    let alerts = shown(&world, "vera", &["alert", "list"])["alerts"].clone();
    assert_eq!((&alerts[0]["kind"], alerts.as_array().unwrap().len()), (&"break_glass".into(), 1), "{alerts}");
    assert!(by(&world, "auditor", &["model", "show", "churn@1"]).1.contains("without its approval"));
    assert!(by(&world, "auditor", &["status"]).1.contains("without its approval"));
    assert!(inbox(&world, "vera").contains(&("break_glass".to_owned(), "churn@1".to_owned())));
    let (exit, text) = by(&world, "vera", &["approve", "churn@1"]);
    assert!(exit == 8 && text.contains("an answer to 1 open findings"), "{text}");
    let listed = shown(&world, "vera", &["break-glass", "list", "churn"])["break_glasses"].clone();
    let id = listed[0]["id"].as_str().unwrap();
    let review = |who: &str, verdict: &str| {
        by(&world, who, &["break-glass", "review", "churn", id, verdict, "--reason", "seen the wave"])
    };
    assert_eq!(review("ida", "--justified").0, 5, "an admin reviews nothing");
    let (exit, text) = review("vera", "--unjustified");
    assert!(exit == 0 && text.contains("unjustified, and taken away"), "{text}");
    assert_eq!(live(&world), Value::Null);
    assert_eq!(shown(&world, "vera", &["alert", "list"])["alerts"], serde_json::json!([]));
    assert_eq!(review("vito", "--justified").0, 6, "it is reviewed once");
    let (exit, text) = by(&world, "olga", &["deploy", "--version", "1"]);
    assert!(exit == 6 && text.contains("must be approved"), "it is as any other again: {text}");
    assert_eq!(by(&world, "auditor", &["audit", "verify"]).0, 0);
}

#[test]
fn the_inbox_has_what_each_can_decide() {
    let world = governed("0.55", "[approve]\nrule = \"1 of validator and owner\"\nneeds = [\"review.independent\"]");
    assert_eq!(by(&world, "dev", &["run"]).0, 8);
    let of = |kind: &str| (kind.to_owned(), "churn@1".to_owned());
    assert_eq!(inbox(&world, "vera"), [of("review"), of("approval")]);
    assert_eq!(inbox(&world, "ona"), [of("approval")]);
    assert_eq!(inbox(&world, "dev"), []);
    assert_eq!(by(&world, "vera", &["review", "churn@1"]).0, 0);
    assert_eq!(by(&world, "vera", &["approve", "churn@1"]).0, 8);
    assert_eq!(inbox(&world, "vera"), [], "her yes is there");
    assert_eq!(inbox(&world, "vito"), [of("approval")]);
    let (_, text) = by(&world, "dev", &["inbox", "--all"]);
    assert!(text.contains("kilter approve churn@1"), "{text}");
    assert_eq!(by(&world, "vito", &["return", "churn@1", "--reason", "x"]).0, 0);
    assert_eq!(inbox(&world, "vito"), [of("gate")]);
}

#[test]
fn the_inbox_of_a_developer_has_the_card_that_is_missing() {
    let world = governed("0.55", "[approve]\nneeds = [\"card\"]");
    let (exit, text) = by(&world, "dev", &["run"]);
    assert_eq!(exit, 8, "it is no fault of the run: {text}");
    assert_eq!(state(&world, "churn@1"), "validated");
    assert_eq!(inbox(&world, "dev"), [("card".to_owned(), "churn@1".to_owned())]);
    let (_, text) = by(&world, "dev", &["inbox"]);
    assert!(text.contains("its card lacks") && text.contains("kilter card churn@1 --out MODEL_CARD.md"), "{text}");
    let (_, text) = by(&world, "auditor", &["model", "show", "churn@1"]);
    assert!(text.contains("missing: a complete card"), "{text}");
}
