//! Documents are filled from records, say what no record says, and people write the rest; objectives are measured.

use serde_json::Value;

use crate::{
    World,
    lifecycle::{by, governed, high_risk, shown},
};

fn written(world: &World, arguments: &[&str], file: &str) -> String {
    let (exit, text) = by(world, "auditor", &[arguments, &["--out", file]].concat());
    assert_eq!(exit, 0, "{text}");
    world.read(file)
}

/// Acceptance check 9: the card and the documents of regulators, with their gaps marked.
#[test]
fn documents_are_filled_from_records_and_mark_their_gaps() {
    let world = high_risk("Dev <dev@example.org>");
    assert_eq!(by(&world, "dev", &["run"]).0, 8);
    assert_eq!(by(&world, "vito", &["review", "churn@1", "--reason", "measured anew"]).0, 0);
    assert_eq!(by(&world, "vito", &["approve", "churn@1"]).0, 8);
    assert_eq!(by(&world, "ona", &["approve", "churn@1"]).0, 0);
    let card = written(&world, &["card", "churn@1"], "card.md");
    for part in [
        "---\nlibrary_name: onnx\npipeline_tag: tabular-classification\n",
        "model-index:\n- name: \"churn@1\"",
        "whom to call",
        "Not for: pricing.",
        "| quality | auc >= 0.55 | passed |",
        "<!-- human:limitations -->\nNot for pricing.\n<!-- /human:limitations -->",
        "| user:vito | validator |",
        "| saved | saved customers |",
    ] {
        assert!(card.contains(part), "{part}:\n{card}");
    }
    let annex = written(&world, &["report", "annex-iv", "churn@1"], "annex.md");
    for part in [
        "# Technical documentation (Annex IV) of churn@1",
        "## 1. General description",
        "## 9. Post-market monitoring plan",
        "GAP: the risk management file of Article 9",
        "| user:vito | ",
        "confirmed",
        "The desk may ignore each score.",
    ] {
        assert!(annex.contains(part), "{part}:\n{annex}");
    }
    let html = written(&world, &["report", "annex-iv", "churn@1"], "annex.html");
    assert!(html.starts_with("<!doctype html>") && html.contains("GAP: ") && !html.contains("<script"), "{html}");
    assert!(!html.contains("http://") && !html.contains("https://"), "a page needs nothing else");
    let sheet = written(&world, &["report", "sr-26-2", "churn@1"], "sheet.md");
    assert!(sheet.contains("## Effective challenge") && sheet.contains("user:vito measured it again"), "{sheet}");
    assert!(sheet.contains("Risk tier: high."), "{sheet}");
    let document = shown(&world, "auditor", &["report", "annex-iv", "churn@1"]);
    assert!(document["gaps"].as_array().unwrap().len() > 5, "{}", document["gaps"]);
    assert_eq!(by(&world, "auditor", &["report", "annex-iv", "churn@7"]).0, 4);
}

#[test]
fn a_card_without_its_human_parts_blocks_an_approval_and_a_person_writes_them() {
    let world = high_risk("Dev <dev@example.org>");
    world.write("docs/MODEL_CARD.md", "# nothing yet\n");
    let git = ["-c", "user.name=Dev", "-c", "user.email=dev@example.org", "commit", "-qam", "x"];
    assert!(std::process::Command::new("git").args(git).current_dir(world.path()).status().unwrap().success());
    assert_eq!(by(&world, "dev", &["run"]).0, 8);
    assert_eq!(by(&world, "vito", &["review", "churn@1"]).0, 0);
    let (exit, text) = by(&world, "vera", &["approve", "churn@1"]);
    assert!(exit == 8 && text.contains("the part `limitations`"), "{text}");
    let card = written(&world, &["card", "churn@1"], "card.md");
    let filled = card.replace("_Nobody has written this yet._", "Written by hand.");
    world.write("card.md", &filled);
    // A file that is there keeps what was written in it.
    assert_eq!(written(&world, &["card", "churn@1"], "card.md").matches("Written by hand.").count(), 5);
    assert_eq!(by(&world, "vera", &["card", "churn@1", "--set", "card.md"]).0, 5, "a validator does not write it");
    assert_eq!(by(&world, "dev", &["card", "churn@1", "--set", "kilter.toml"]).0, 2, "no part is in there");
    let (exit, text) = by(&world, "dev", &["card", "churn@1", "--set", "card.md"]);
    assert_eq!(exit, 0, "{text}");
    let (exit, text) = by(&world, "ona", &["approve", "churn@1"]);
    assert!(exit == 0 && text.contains("is approved"), "{text}");
    assert_eq!(by(&world, "auditor", &["audit", "verify"]).0, 0);
}

/// Two people change one card: the second learns of the first, and overwrites nothing.
#[test]
fn a_part_of_a_card_that_someone_else_wrote_meanwhile_is_a_conflict() {
    let world = governed("0.55", "[project.roles]\ndeveloper = [\"user:dev\", \"user:dan\"]\n#");
    let contract = world.read("kilter.toml");
    let roles = contract.rfind("[project.roles]").unwrap();
    let rest = contract[roles..].replace("[project.roles]", "").replace("developer = [\"user:dev\"]\n", "");
    world.write("kilter.toml", &(contract[..roles].replace("\n#", "\n") + &rest));
    let (exit, text) = by(&world, "dev", &["run"]);
    assert_eq!(exit, 0, "{text}");
    written(&world, &["card", "churn@1"], "dev.md");
    let fill = |file: &str, part: &str, text: &str| {
        let (begin, end) = (format!("<!-- human:{part} -->\n"), format!("\n<!-- /human:{part} -->"));
        let card = world.read(file);
        let (head, rest) = card.split_once(&begin).unwrap();
        let (_, tail) = rest.split_once(&end).unwrap();
        world.write(file, &format!("{head}{begin}{text}{end}{tail}"));
    };
    let send =
        |who: &str, file: &str, more: &[&str]| by(&world, who, &[&["card", "churn@1", "--set", file], more].concat());
    fill("dev.md", "ethics", "by dev");
    assert_eq!(send("dev", "dev.md", &[]).0, 0);
    written(&world, &["card", "churn@1"], "dan.md");
    assert!(world.read("dan.md").contains("<!-- card revision "), "{}", world.read("dan.md"));
    // Both change one part; each changes one of their own.
    fill("dan.md", "ethics", "by dan");
    fill("dan.md", "notes", "by dan");
    assert_eq!(send("dan", "dan.md", &[]).0, 0);
    fill("dev.md", "limitations", "by dev");
    assert_eq!(send("dev", "dev.md", &[]).0, 6, "it never read what dan wrote in its place");
    let (exit, text) = send("dev", "dev.md", &["--json"]);
    let problem: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((exit, &problem["code"]), (6, &"invalid_state".into()));
    assert!(text.contains("part of the card `ethics`") && text.contains("written by user:dan"), "{text}");
    let text = problem.to_string();
    let revision: String = text.split_once("--revision ").unwrap().1.chars().take_while(char::is_ascii_digit).collect();
    fill("dev.md", "ethics", "by dan and dev");
    assert_eq!(send("dev", "dev.md", &["--revision", &revision]).0, 0);
    let card = written(&world, &["card", "churn@1"], "now.md");
    for part in ["by dan and dev\n<!-- /human:ethics", "by dev\n<!-- /human:limitations", "by dan\n<!-- /human:notes"] {
        assert!(card.contains(part), "{part}: {card}");
    }
    assert_eq!(send("dev", "dev.md", &["--revision", "1"]).0, 4, "no card has it");
}

#[test]
fn the_inventory_says_what_a_live_model_lacks() {
    let world = governed("0.55", "");
    assert_eq!(by(&world, "dev", &["run"]).0, 0);
    let inventory = shown(&world, "auditor", &["inventory"]);
    let entry = &inventory["items"][0];
    assert_eq!(
        (&entry["owner"], &entry["risk"], &entry["live"][0]["version"]),
        (&"user:ona".into(), &"low".into(), &1.into())
    );
    let findings: Vec<&str> = entry["findings"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(findings.contains(&"it is live and has no objective"), "{findings:?}");
    assert!(findings.contains(&"it is live and has no monitor") && !findings.contains(&"it is live and has no owner"));
    let (_, text) = by(&world, "auditor", &["inventory"]);
    assert!(text.contains("churn: it is live and has no objective"), "{text}");
}

#[test]
fn an_objective_is_measured_and_a_missed_one_is_an_alert_until_it_is_met() {
    let objective = "[objective.saved]\nkpi = \"saved per 1000 calls\"\nbaseline = 31.0\ntarget = \">= 40\"\nsource = \"kpi.csv\"\n\
        [objective.nothing]\nkpi = \"none\"\nsource = \"missing.sql\"\n[objective.rows]\ntarget = \"> 100\"\nsource = \"rows.sql\"";
    let world = governed("0.55", objective);
    world.write("kpi.csv", "day,value\n2024-01-01,33\n2024-01-02,35.5\n");
    world.write("rows.sql", "SELECT count(*) AS value FROM customers");
    let (exit, text) = by(&world, "dev", &["run"]);
    assert_eq!(exit, 0, "{text}");
    assert_eq!(by(&world, "auditor", &["objective", "measure", "churn"]).0, 5, "who reads measures nothing");
    let measured = shown(&world, "dev", &["objective", "measure", "churn"]);
    let of = |measured: &Value, name: &str| {
        let items = measured["items"].as_array().unwrap().clone();
        items.into_iter().find(|item| item["name"] == name).unwrap()
    };
    let saved = of(&measured, "saved");
    assert_eq!((&saved["readings"][0]["value"], &saved["readings"][0]["is_met"]), (&35.5.into(), &false.into()));
    assert_eq!((&saved["baseline"], &saved["target"]), (&31.0.into(), &">= 40".into()));
    assert!(saved["metrics"]["auc"].is_number(), "beside the metrics of what serves: {saved}");
    assert_eq!(of(&measured, "rows")["readings"][0]["value"], 400.0, "{measured}");
    let nothing = of(&measured, "nothing");
    assert!(nothing["readings"][0]["note"].as_str().unwrap().contains("missing.sql"), "{nothing}");
    let alerts = shown(&world, "auditor", &["alert", "list"])["alerts"].clone();
    assert_eq!((alerts.as_array().unwrap().len(), &alerts[0]["kind"]), (1, &"objective".into()), "{alerts}");
    let findings = shown(&world, "auditor", &["inventory"])["items"][0]["findings"].to_string();
    assert!(
        findings.contains("objective saved is missed") && findings.contains("objective nothing could not"),
        "{findings}"
    );
    world.write("kpi.csv", "day,value\n2024-01-01,33\n2024-01-03,41\n");
    let measured = shown(&world, "dev", &["objective", "measure", "churn"]);
    assert_eq!(of(&measured, "saved")["readings"].as_array().unwrap().len(), 2, "over time");
    assert_eq!(shown(&world, "auditor", &["alert", "list"])["alerts"], serde_json::json!([]));
    let (_, text) = by(&world, "auditor", &["objective", "list", "churn"]);
    assert!(text.contains("saved: saved per 1000 calls, target >= 40, 31 before the model"), "{text}");
}
