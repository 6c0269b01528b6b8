//! `check`, `schema`, `init`, and a whole `run`.

use crate::{World, customers};

#[test]
fn an_invalid_contract_is_told_with_its_lines_and_cures_and_exits_with_3() {
    let world = World::new();
    world.write(
        "kilter.toml",
        "[project]\nname = \"x\"\nownr = \"user:ana\"\n\n[step.a]\nrun = \"true\"\nin = [\"nothing\"]\n",
    );
    let output = world.kilter(&["check"]);
    assert_eq!(output.exit, 3, "{}{}", output.out, output.err);
    assert!(output.out.contains("kilter.toml:3:1") && output.out.contains("owner"), "{}", output.out);
    let output = world.kilter(&["check", "--json"]);
    let document: serde_json::Value = serde_json::from_str(&output.out).unwrap();
    assert_eq!((document["valid"].as_bool(), document["errors"][0]["line"].as_u64()), (Some(false), Some(3)));
}

#[test]
fn the_schema_is_a_json_schema_of_the_contract() {
    let schema = World::new().json(&["schema"]);
    assert!(schema["$schema"].as_str().unwrap().contains("json-schema.org"));
    assert!(schema["properties"]["monitor"].is_object());
}

#[test]
fn a_first_contract_is_valid_and_an_existing_one_is_left_alone() {
    let world = World::new();
    world.write("data/customers.csv", &customers());
    assert_eq!(world.kilter(&["init", "--from", "data/customers.csv"]).exit, 0);
    assert_eq!(world.json(&["check"])["valid"], true, "{}", world.read("kilter.toml"));
    world.write("kilter.toml", "# mine\n");
    assert_eq!(world.problem(&["init", "--from", "data/customers.csv"], 6)["code"], "file_exists");
    assert_eq!(world.read("kilter.toml"), "# mine\n");
}

#[test]
fn the_column_to_predict_may_be_said_and_must_be_there() {
    let world = World::new();
    world.write("tickets.csv", "text,queue,n\nlost my card,card,1\ncannot log in,login,2\nlost it,card,3\n");
    let output = world.kilter(&["init", "--from", "tickets.csv"]);
    assert!(output.exit == 0 && output.out.contains("--label COLUMN"), "{}{}", output.out, output.err);
    std::fs::remove_file(world.path().join("kilter.toml")).unwrap();
    let problem = world.problem(&["init", "--from", "tickets.csv", "--label", "queu"], 2);
    assert_eq!(problem["hint"], "did you mean `queue`?", "{problem}");
    let written = world.json(&["init", "--from", "tickets.csv", "--label", "queue"]);
    assert_eq!(written["label"], "queue");
    assert!(world.read("kilter.toml").contains("--target queue"), "{}", world.read("kilter.toml"));
    assert_eq!(world.json(&["check"])["valid"], true);
}

const PROJECT: &str = r#"
[project]
name = "churn"
[data.customers]
path  = "customers.csv"
time  = "at"
id    = ["id"]
label = "left"
[step.split]
run = "kilter data split {in.customers} {out.train} {out.test} --time at"
in  = ["customers"]
out = { train = "work/train.parquet", test = "work/test.parquet" }
[step.train]
run = "kilter train {in.train} --target left --exclude id,at --param rounds=20 --out {out.model}"
in  = ["split.train"]
out = { model = "work/model" }
[gate.quality]
dataset = "split.test"
rules   = ["auc >= BOUND"]
[package]
model = "train.model"
[deploy.production]
auto = true
"#;

pub fn project(bound: &str) -> World {
    let world = World::new();
    world.write("customers.csv", &customers());
    world.write("kilter.toml", &PROJECT.replace("BOUND", bound));
    world
}

#[test]
fn a_run_makes_a_version_that_its_gate_approves_and_the_next_run_takes_its_steps_from_the_cache() {
    let world = project("0.55");
    let ran = world.json(&["run"]);
    assert_eq!((ran["version"]["number"].as_u64(), ran["version"]["state"].as_str()), (Some(1), Some("approved")));
    assert_eq!(world.json(&["status"])["endpoints"][0]["live"]["version"], 1);
    assert_eq!(world.json(&["model", "show", "churn@1"])["gates"][0]["verdict"], "passed");
    assert_eq!(world.json(&["audit", "verify"])["valid"], true);
    let explained = world.json(&["run", "--dry-run"]);
    let states: Vec<_> =
        explained["run"]["steps"].as_array().unwrap().iter().map(|step| step["state"].clone()).collect();
    assert_eq!(states, ["cached", "cached"]);
}

#[test]
fn a_version_that_a_gate_refuses_exits_with_3_and_never_serves() {
    let world = project("1.0");
    let output = world.kilter(&["run"]);
    assert_eq!(output.exit, 3, "{}{}", output.out, output.err);
    assert!(output.out.contains("rejected by a gate"), "{}", output.out);
    assert!(world.json(&["status"])["endpoints"][0]["live"].is_null());
}

#[test]
fn a_step_that_fails_is_told_with_the_end_of_its_log() {
    let world = World::new();
    world.write("kilter.toml", "[project]\nname = \"x\"\n[step.a]\nrun = \"sh -c 'echo so it goes; exit 9'\"\n");
    let output = world.kilter(&["run"]);
    assert_eq!(output.exit, 1, "{}{}", output.out, output.err);
    assert!(output.err.contains("so it goes"), "{}", output.err);
    let file = output.err.lines().find_map(|line| line.split_once("its whole log is ")).expect("the log is named").1;
    assert_eq!(std::fs::read_to_string(world.path().join(file)).unwrap(), "so it goes\n");
}

#[test]
fn a_replay_that_cannot_train_says_what_the_step_said() {
    let world = project("0.55");
    let contract = world.read("kilter.toml").replace("[package]", "[replay]\nstart = \"2024-06-01\"\n[package]");
    world.write("kilter.toml", &contract.replace("--target left", "--target lift"));
    let problem = world.problem(&["replay", "."], 1);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("the first training failed: step `") && detail.contains("exit code 2"), "{problem}");
    assert!(detail.contains("did you mean `left`"), "{problem}");
    let kept = world.problem(&["replay", ".", "--keep", "state"], 1);
    let hint = kept["hint"].as_str().unwrap();
    let file = hint.strip_prefix("its whole log is `").and_then(|rest| rest.strip_suffix('`')).expect(hint);
    assert!(std::fs::read_to_string(world.path().join(file)).unwrap().contains("lift"), "{kept}");
}

/// A project whose contract is `contract` over 400 customers.
fn checked(contract: &str) -> (crate::CommandOutput, serde_json::Value) {
    let world = World::new();
    world.write("customers.csv", &customers());
    world.write("kilter.toml", contract);
    let output = world.kilter(&["check", "--json"]);
    let document = serde_json::from_str(&output.out).unwrap_or_default();
    (output, document)
}

#[test]
fn names_of_columns_are_held_against_the_data() {
    let (output, document) = checked(&PROJECT.replace("BOUND", "0.5"));
    assert_eq!((output.exit, &document["warnings"]), (0, &serde_json::json!([])), "{document}");
    for (right, wrong, line, near) in [
        ("time  = \"at\"", "time  = \"att\"", 6, "`at`"),
        ("label = \"left\"", "label = \"lefft\"", 8, "`left`"),
        ("id    = [\"id\"]", "id    = [\"id\", \"agee\"]", 7, "`age`"),
        ("label = \"left\"", "label = \"left\"\nsensitive = [\"regio\"]", 9, "`region`"),
        ("label = \"left\"", "label = \"left\"\nignore = [\"visit\"]", 9, "`visits`"),
        ("label = \"left\"", "label = \"left\"\nrequire = [\"null(agge) == 0\"]", 9, "`age`"),
        ("\"auc >= BOUND\"", "\"auc >= 0.5\", \"auc.slice(regon) >= 0.5\"", 19, "`region`"),
        ("auto = true", "auto = true\n[monitor]\ndrift = [\"psi(*) < 0.2\", \"psi(visitts) < 0.2\"]", 25, "`visits`"),
    ] {
        let (output, document) = checked(&PROJECT.replace(right, wrong).replace("BOUND", "0.5"));
        let error = &document["errors"][0];
        assert_eq!((output.exit, error["line"].as_u64()), (3, Some(line)), "{wrong}: {document}");
        assert!(error["hint"].as_str().unwrap().contains(near), "{wrong}: {error}");
    }
    // What a step of one's own hands on may have columns that the dataset has not.
    let own = PROJECT.replace("kilter data split {in.customers}", "python split.py {in.customers}");
    let (output, document) = checked(&own.replace("auc >= BOUND", "auc.slice(age_band) >= 0.5"));
    assert_eq!(output.exit, 0, "{document}");
    let warnings = document["warnings"].to_string();
    assert!(warnings.contains("kilter.toml:19") && warnings.contains("age_band"), "{warnings}");
}

#[test]
fn names_of_metrics_are_held_against_the_task() {
    let of = |label: &str, rule: &str| {
        let contract =
            PROJECT.replace("label = \"left\"", &format!("label = \"{label}\"")).replace("auc >= BOUND", rule);
        checked(&contract.replace("--target left", &format!("--target {label}")))
    };
    for (label, rule) in [
        ("left", "auc >= 0.5"),
        ("left", "p99_ms <= 100"),
        ("left", "auc >= champion.auc - 0.01"),
        ("age", "rmse <= champion.rmse * 1.1"),
        ("region", "accuracy >= 0.5"),
    ] {
        let (output, document) = of(label, rule);
        assert_eq!(output.exit, 0, "{label} {rule}: {document}");
    }
    for (label, rule, words) in [
        ("age", "auc >= 0.5", "`auc` is a metric of binary models, and `age` asks for a regression one"),
        ("left", "rmse <= 3", "`rmse` is a metric of regression models, and `left` asks for a binary one"),
        ("region", "r2 >= 0.1", "`r2` is a metric of regression models, and `region` asks for a multiclass one"),
        ("left", "acuracy >= 0.5", "there is no metric `acuracy`"),
        ("age", "rmse <= champion.auc", "`auc` is a metric of binary models"),
    ] {
        let (output, document) = of(label, rule);
        let error = &document["errors"][0];
        assert_eq!((output.exit, error["line"].as_u64()), (3, Some(19)), "{label} {rule}: {document}");
        assert!(error["message"].as_str().unwrap().contains(words), "{label} {rule}: {error}");
    }
}

#[test]
fn keys_that_do_nothing_yet_are_named_with_their_lines() {
    let text = PROJECT.replace("BOUND", "0.5")
        + "[env]\nlock = \"conda-lock.yml\"\n[objective.calls]\nkpi = \"saved customers\"\n";
    let text = text.replace(
        "model = \"train.model\"",
        "model = \"train.model\"\nsign = \"key:release\"\npush = \"oci://example/churn\"",
    );
    let sweep = "sweep = { trials = 4, goal = \"max auc\", search = { rounds = \"int 5..50\" } }";
    let text = text.replace("[gate.quality]", &format!("{sweep}\n[gate.quality]"));
    let (output, document) = checked(&text);
    assert_eq!(output.exit, 0, "{document}{}", output.err);
    let warnings: Vec<&str> =
        document["warnings"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    assert!(warnings.iter().any(|warning| warning.contains("nothing measures objective `calls`")), "{warnings:?}");
    let line = 1 + text.lines().position(|line| line.starts_with("sweep")).unwrap();
    let result = format!("kilter.toml:{line}: `sweep` does nothing yet: ");
    assert!(warnings.iter().any(|warning| warning.starts_with(&result)), "{result} in {warnings:?}");
    assert!(!warnings.iter().any(|warning| warning.contains("`sign` does nothing yet")), "{warnings:?}");
    let lock = "no environment is made from `conda-lock.yml`: it only goes into the keys of steps";
    assert!(warnings.iter().any(|warning| warning.contains(lock)), "{warnings:?}");
}

#[test]
fn a_first_contract_leaves_out_what_tells_the_label_and_what_looks_like_an_id() {
    let world = World::new();
    let mut text = "token,day,age,refund,left\n".to_owned();
    for row in 0..400u32 {
        let noise = row.wrapping_mul(2_654_435_761) >> 20;
        let left = u32::from(noise % 60 + (row * 37) % 50 > 55);
        text += &format!(
            "t{:x},2024-{:02}-{:02},{},{},{left}\n",
            noise * 1000 + row,
            1 + row / 40,
            1 + row % 28,
            20 + noise % 60,
            left * 50 + row % 9
        );
    }
    world.write("customers.csv", &text);
    let written = world.json(&["init", "--from", "customers.csv", "--label", "left"]);
    assert_eq!(written["telling"], serde_json::json!(["refund"]), "{written}");
    let contract = world.read("kilter.toml");
    assert!(contract.contains("ignore = [\"refund\", \"token\"]"), "{contract}");
    assert!(
        contract.contains("`refund` alone ranks the label") && contract.contains("`token` looks like an id"),
        "{contract}"
    );
    assert!(contract.contains("--exclude day,refund,token"), "{contract}");
    assert!(contract.contains("\"ece <= "), "{contract}");
    // 400 rows in ten months: a window of a month would hold too few to be judged, and one of a year all of them.
    assert!(contract.contains("every       = \"3mo\"   # about "), "{contract}");
    assert_eq!(world.json(&["check"])["warnings"], serde_json::json!([]), "{contract}");
}

#[test]
fn a_first_contract_agrees_with_fit_about_the_task_and_reads_texts_by_words() {
    let numbers = |of: &dyn Fn(u32) -> String| {
        let mut text = "x,note,label\n".to_owned();
        for row in 0..400u32 {
            let noise = row.wrapping_mul(2_654_435_761) >> 20;
            text += &format!("{},the customer {noise} wrote about parcel {row},{}\n", noise % 97, of(noise));
        }
        text
    };
    let kinds: [(&str, &dyn Fn(u32) -> String); 4] = [
        ("binary", &|noise| (noise % 2).to_string()),
        ("multiclass", &|noise| ["red", "green", "blue"][(noise % 3) as usize].to_owned()),
        ("regression", &|noise| (noise % 5).to_string()),
        ("regression", &|noise| (noise % 997).to_string()),
    ];
    for (task, of) in kinds {
        let world = World::new();
        world.write("t.csv", &numbers(of));
        world.json(&["init", "--from", "t.csv", "--label", "label"]);
        let contract = world.read("kilter.toml");
        assert!(contract.contains("--learner linear"), "{contract}");
        let output = world.kilter(&["run"]);
        assert!([0, 3].contains(&output.exit), "{}{}", output.out, output.err);
        let fit: serde_json::Value = serde_json::from_str(&world.read("work/model/training.json")).unwrap();
        assert_eq!(fit["task"], task, "{contract}");
        let lead = if task == "binary" {
            "auc"
        } else if task == "multiclass" {
            "accuracy"
        } else {
            "r2"
        };
        // Keys of a section stand in one column.
        let rules = contract.lines().find(|line| line.starts_with("rules ")).unwrap_or_default();
        assert!(rules.contains(&format!("= [\"{lead} >= ")), "{contract}");
    }
}

#[test]
fn a_first_contract_is_written_anew_only_when_a_person_or_force_says_so() {
    let world = World::new();
    world.write("customers.csv", &customers());
    world.json(&["init", "--from", "customers.csv"]);
    let first = world.read("kilter.toml");
    assert_eq!(world.kilter(&["init", "--from", "customers.csv", "--label", "left"]).exit, 0, "nothing would change");
    let problem = world.problem(&["init", "--from", "customers.csv", "--label", "region"], 6);
    assert_eq!(problem["code"], "file_exists");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("-label = \"left\"") && detail.contains("+label = \"region\""), "{detail}");
    assert_eq!(world.read("kilter.toml"), first);
    world.json(&["init", "--from", "customers.csv", "--label", "region", "--force"]);
    assert!(world.read("kilter.toml").contains("label = \"region\""));
}

#[test]
fn a_table_outside_of_the_project_is_copied_into_it_and_the_original_stays() {
    let world = World::new();
    world.write("elsewhere/customers.csv", &customers());
    let written = world.json(&["init", "--from", "elsewhere/customers.csv", "project"]);
    assert_eq!(written["copied"], "project/data/customers.csv");
    assert!(world.read("project/kilter.toml").contains("path = \"data/customers.csv\""));
    assert_eq!(world.read("project/data/customers.csv"), world.read("elsewhere/customers.csv"));
    assert_eq!(world.json(&["check", "project"])["warnings"], serde_json::json!([]));
    world.write("other/data/customers.csv", "x\n1\n");
    let taken = world.problem(&["init", "--from", "elsewhere/customers.csv", "other"], 6);
    assert_eq!(
        (taken["code"].as_str(), world.read("other/data/customers.csv").as_str()),
        (Some("file_exists"), "x\n1\n")
    );
}

#[test]
fn a_replay_whose_windows_are_too_many_proposes_longer_ones() {
    let world = World::new();
    let mut text = "unix,x,y\n".to_owned();
    // 215 days: 5,160 hours, and a replay has at most 5,000 periods.
    for row in 0..2000u32 {
        let noise = row.wrapping_mul(2_654_435_761) >> 20;
        let second = 1_704_067_200 + row * 9_288;
        text += &format!("{second},{},{}\n", noise % 97, u32::from(noise % 97 + noise % 31 > 60));
    }
    world.write("customers.csv", &text);
    let contract = PROJECT
        .replace("time  = \"at\"", "time  = \"unix\"")
        .replace("--time at", "--time unix")
        .replace("--exclude id,at", "--exclude unix")
        .replace("id    = [\"id\"]\n", "")
        .replace("label = \"left\"", "label = \"y\"")
        .replace("--target left", "--target y")
        .replace("BOUND", "0.5");
    // As a stated period it is refused before anything is played; as `every` of [monitor] the report counts by days.
    world.write("kilter.toml", &(contract + "[replay]\nperiod = \"30m\"\n"));
    let problem = world.kilter(&["replay", "."]);
    assert!(problem.exit != 0 && problem.err.contains("set `period = \"1d\"`"), "{}", problem.err);
}

#[test]
fn names_that_differ_in_their_case_alone_are_refused_by_check_and_before_anything_is_recorded() {
    let world = project("0.55");
    let contract = world.read("kilter.toml");
    world.write("kilter.toml", &contract.replace("[deploy.production]", "[deploy.Production]\n[deploy.production]"));
    let output = world.kilter(&["check"]);
    assert!(output.exit == 3 && output.out.contains("differ in their case alone"), "{}", output.out);
    assert!(world.problem(&["run"], 2).to_string().contains("differ in their case alone"));
    world.write("kilter.toml", &contract);
    assert_eq!(world.kilter(&["run"]).exit, 0, "nothing of it was recorded");
    // Another project of the same data folder: its project, model and endpoint would be called alike.
    world.write("other/kilter.toml", &contract.replace("name = \"churn\"", "name = \"Churn\""));
    world.write("other/customers.csv", &customers());
    let data = world.path().join(".kilter");
    let problem = world.problem(&["run", "--project", "other", "--data", data.to_str().unwrap()], 6);
    assert!(problem.to_string().contains("`churn`, and `Churn` differs in its case alone"), "{problem}");
}
