//! Two versions at a fixed split: compared, listed, decided, and computed again afterwards.

use serde_json::{Value, json};

use crate::{pinned_versions::two_versions, server::Server};

/// Requests of one row for entities from..to, with ids that begin with `prefix`.
fn ask(server: &Server, prefix: &str, from: usize, to: usize) -> Vec<String> {
    let one = |entity: usize| {
        let body = json!({
            "parameters": { "entity": format!("customer-{entity}"), "prediction_id": format!("{prefix}-{entity}") },
            "inputs": [
                { "name": "age", "datatype": "FP64", "shape": [1], "data": [20 + entity % 60] },
                { "name": "visits", "datatype": "FP64", "shape": [1], "data": [entity % 19] },
                { "name": "region", "datatype": "BYTES", "shape": [1], "data": ["north"] },
            ]
        });
        let (status, answer) = server.ask("POST", "/v2/models/churn/infer", &body);
        assert_eq!(status, 200, "{answer}");
        answer["model_version"].as_str().unwrap().to_owned()
    };
    (from..to).map(one).collect()
}

fn metric<'v>(found: &'v Value, name: &str) -> &'v Value {
    found["metrics"].as_array().unwrap().iter().find(|metric| metric["metric"] == name).unwrap()
}

#[test]
fn an_experiment_is_compared_by_first_answers_decided_by_a_person_and_computed_again() {
    let world = two_versions("[deploy.production.experiment]\npercent = 50\nmin_entities = 50\nmetric = \"label\"");
    let server = Server::start(&world);
    let early = world.json(&["experiment", "show"]);
    assert_eq!(
        (&early["result"], &early["champion"], &early["candidate"]),
        (&"not_enough_data".into(), &1.into(), &2.into())
    );
    let versions = ask(&server, "p", 0, 300);
    // Those who come again are no new entities.
    ask(&server, "again", 0, 40);
    let met = versions.iter().filter(|version| *version == "2").count();
    assert!((100..200).contains(&met), "{met} of 300 entities met version 2");
    let labels: Vec<u8> = versions.iter().map(|version| u8::from(version == "2")).collect();
    let ids: Vec<String> = (0..300).map(|entity| format!("p-{entity}")).collect();
    let labels = json!({ "ids": ids, "values": labels });
    assert_eq!(server.ask("POST", "/api/v1/endpoints/churn/labels", &labels).0, 200);
    // The decision seals what was recorded; until then the loop does, within seconds.
    let decided = world.json(&["experiment", "decide", "promote", "--reason", "more of them stay"]);
    assert_eq!((&decided["state"], &decided["version"]), (&"live".into(), &2.into()), "{decided}");
    let again = world.problem(&["experiment", "decide", "promote"], 6);
    assert!(again["detail"].as_str().unwrap().contains("without an experiment that runs"), "{again}");

    let entry = world.json(&["audit", "list"])["entries"]
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["action"] == "promoted")
        .unwrap()
        .clone();
    let at = entry["at"].as_str().unwrap().to_owned();
    let found = world.json(&["experiment", "show", "--version", "2", "--as-of", &at]);
    assert_eq!(found["result"], "better", "{found}");
    let ratio = &found["sample_ratio"];
    assert_eq!(
        (ratio["champion_entities"].as_u64(), ratio["candidate_entities"].as_u64()),
        (Some(300 - met as u64), Some(met as u64))
    );
    assert_eq!((&ratio["percent"], &ratio["is_mismatch"]), (&50.into(), &false.into()));
    let label = metric(&found, "label");
    assert_eq!((label["difference"].as_f64(), label["count"].as_u64()), (Some(1.0), Some(300)), "{label}");
    assert!(metric(&found, "latency")["difference"].as_f64().unwrap() > 0.0);
    assert!(metric(&found, "score")["low"].as_f64().unwrap() < metric(&found, "score")["high"].as_f64().unwrap());
    assert_eq!(metric(&found, "error_rate")["difference"], 0.0);
    // The entry of the decision has the same numbers.
    let evidence = world.json(&["audit", "show", &entry["seq"].to_string()]).to_string();
    for number in ["label_difference", "candidate_entities", "sample_ratio_p_value"] {
        assert!(evidence.contains(number), "{number}: {evidence}");
    }
    assert_eq!(world.json(&["experiment", "show", "--version", "2", "--as-of", &at]), found);

    let listed = world.json(&["experiment", "exposures", "--version", "2", "--after", "10", "--limit", "20"]);
    assert_eq!((listed["total"].as_u64(), listed["exposures"].as_array().unwrap().len()), (Some(300), 20));
    let first = &listed["exposures"][0];
    assert_eq!(
        (&first["id"], first["entity"].as_str().unwrap().len(), &first["percent"]),
        (&"p-10".into(), 16, &50.into())
    );
    assert_eq!(first["version"].to_string(), versions[10]);
    assert_eq!(world.json(&["audit", "verify"])["valid"], true);
}

#[test]
fn an_experiment_and_a_canary_exclude_each_other_and_bad_questions_are_refused() {
    let world = two_versions("canary = { steps = [10, 100] }\n");
    let contract = world.read("kilter.toml");
    world.write("kilter.toml", &format!("{contract}[deploy.production.experiment]\npercent = 50\n"));
    let output = world.kilter(&["check"]);
    assert!(
        output.exit == 3 && output.out.contains("leave out `canary` or `experiment`"),
        "{}{}",
        output.out,
        output.err
    );
    world.write("kilter.toml", &contract);
    let refused = world.problem(&["experiment", "decide", "stop"], 6);
    assert!(refused["detail"].as_str().unwrap().contains("without an experiment that runs"), "{refused}");
    assert_eq!(world.json(&["experiment", "show"])["candidate"], 2, "a canary is compared too");
    assert_eq!(world.problem(&["experiment", "show", "--version", "9"], 4)["code"], "not_found");
    assert_eq!(world.problem(&["experiment", "exposures", "--limit", "0"], 2)["code"], "request_invalid");
    assert_eq!(world.json(&["rollback"])["live"]["version"], 1);
    assert_eq!(world.problem(&["experiment", "show"], 4)["code"], "not_found");
}
