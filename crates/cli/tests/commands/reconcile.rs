//! The loop of a server that has several projects.

use std::fs;

use serde_json::{Value, json};

use crate::{World, customers, predictions::rows, runs::wait_for, server::Server};

/// A project in a folder of its own, called like it, whose first version is live. Its training does not end while there
/// is a file `hold`.
fn registered(world: &World, name: &str, more: &str) {
    let fit = "kilter train {in.customers} --target left --exclude id,at --param rounds=5 --out {out.model}";
    let contract = format!(
        "[project]\nname = \"{name}\"\n\
         [data.customers]\npath = \"customers.csv\"\nid = [\"id\"]\nlabel = \"left\"\n\
         [step.train]\nrun = \"while test -e ../hold; do touch ../began; sleep 0.1; done; {fit}\"\n\
         in = [\"customers\"]\nout = {{ model = \"work/model\" }}\n\
         [package]\nmodel = \"train.model\"\n[deploy.production]\nauto = true\n{more}\n"
    );
    world.write(&format!("{name}/customers.csv"), &customers());
    world.write(&format!("{name}/kilter.toml"), &contract);
    let output = world.kilter(&["run", "--project", name, "--data", ".kilter"]);
    assert_eq!(output.exit, 0, "{}{}", output.out, output.err);
}

#[test]
fn a_training_that_does_not_end_keeps_no_other_project_from_being_sealed_and_measured() {
    let world = World::new();
    registered(&world, "slow", "[retrain]\nwhen = [\"schedule every 1s\"]");
    registered(&world, "quick", "[monitor]\nevery = \"5s\"\nmin_rows = 1\nusage = [\"rows >= 1\"]");
    let more = customers() + "400,2024-11-01,33,4,north,0\n";
    world.write("slow/customers.csv", &more);
    let hold = world.write("hold", "");
    let server = Server::start(&world);
    let is_training = || json!(world.path().join("began").exists());
    wait_for(is_training, |has_begun| has_begun == true);

    let (status, answer) = server.ask("POST", "/v2/models/quick/infer", &rows());
    assert_eq!(status, 200, "{answer}");
    let partitions = || {
        let found = fs::read_dir(world.path().join(".kilter/lake/predictions/quick"));
        json!(found.into_iter().flatten().count())
    };
    wait_for(partitions, |files| files.as_u64() > Some(0));
    let measured = |page: &Value| page["items"].as_array().unwrap().iter().any(|reading| reading["value"] == 2.0);
    wait_for(|| server.get("/api/v1/endpoints/quick/readings?metric=rows&limit=100").1, measured);
    let runs = || server.get("/api/v1/runs").1;
    assert_eq!(runs()["items"][0]["state"], "running", "the training goes on meanwhile: {}", runs());
    let stuck = server.get("/api/v1/status").1["tasks"].clone();
    assert!(stuck.as_array().unwrap().iter().all(|task| task["ok"] == true), "{stuck:#}");

    fs::remove_file(hold).unwrap();
    wait_for(runs, |page| page["items"][0]["state"] == "succeeded");
}
