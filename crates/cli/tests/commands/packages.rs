//! Packages at the terminal: built, verified without a server, changed by a byte, attacked, imported; and what other tools say.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::{World, contract::project};

/// A project with golden requests and one approved version, and its public key in `key.pub`.
pub fn packed() -> World {
    let world = project("0.55");
    let contract = world.read("kilter.toml");
    let with_sample = contract.replace("[package]\n", "[package]\nsample = { from = \"split.test\", rows = 20 }\n");
    assert_ne!(contract, with_sample);
    world.write("kilter.toml", &with_sample);
    let ran = world.json(&["run"]);
    assert_eq!(ran["version"]["state"], "approved", "{ran}");
    export_key(&world);
    world
}

/// The newest key that signs packages.
fn package_key(world: &World) -> String {
    let listed = world.json(&["key", "list"]);
    let key = listed["keys"].as_array().unwrap().iter().find(|key| key["purpose"] == "package").cloned();
    key.unwrap()["id"].as_str().unwrap().to_owned()
}

pub fn export_key(world: &World) {
    let id = package_key(world);
    assert_eq!(world.kilter(&["key", "export", &id, "--out", "key.pub"]).exit, 0);
}

pub fn build(world: &World, out: &str) -> PathBuf {
    let built = world.json(&["package", "build", "churn@1", "--out", out]);
    assert!(built["files"].as_u64().unwrap() > 15, "{built}");
    world.path().join(out)
}

/// The exit code of `package verify` with the exported key, and each check with its result.
fn verify(world: &World, package: &str) -> (i32, Vec<(String, String, String)>) {
    // From a folder without a platform: the key is all that is needed.
    let elsewhere = tempfile::tempdir().unwrap();
    let (package, key) = (world.path().join(package), world.path().join("key.pub"));
    let output = world
        .command(&["package", "verify", package.to_str().unwrap(), "--key", key.to_str().unwrap(), "--json"])
        .current_dir(elsewhere.path())
        .output()
        .unwrap();
    let text = String::from_utf8(if output.stdout.is_empty() { output.stderr } else { output.stdout }).unwrap();
    let found: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
    let checks = found["checks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let word = |check: &Value, field: &str| check[field].as_str().unwrap().to_owned();
    let checks = checks.iter().map(|check| (word(check, "check"), word(check, "result"), word(check, "detail")));
    let exit = output.status.code().unwrap();
    let checks: Vec<_> = checks.collect();
    if checks.is_empty() {
        return (exit, vec![("error".to_owned(), found["code"].as_str().unwrap().to_owned(), text)]);
    }
    (exit, checks)
}

fn results(checks: &[(String, String, String)]) -> Vec<&str> {
    checks.iter().map(|check| check.1.as_str()).collect()
}

fn edit(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_package_has_everything_that_rebuilding_needs_and_verifies_without_a_server() {
    let world = packed();
    let folder = build(&world, "churn-1");
    for path in [
        "MLmodel",
        "package.json",
        "model/model.onnx",
        "env/python_env.yaml",
        "env/requirements.txt",
        "flow/kilter.toml",
        "flow/kilter.lock",
        "flow/run.json",
        "data/customers.schema.json",
        "data/requirements.json",
        "data/pins.json",
        "sample/requests.jsonl",
        "sample/expected.jsonl",
        "evidence/metrics.json",
        "evidence/provenance.intoto.json",
        "docs/MODEL_CARD.md",
        "sbom.cdx.json",
        "model.sig",
    ] {
        assert!(folder.join(path).is_file(), "{path}");
    }
    let (exit, checks) = verify(&world, "churn-1");
    assert_eq!((exit, results(&checks)), (0, vec!["passed"; 3]), "{checks:?}");
    let stored = world.json(&["package", "verify", "churn@1"]);
    assert_eq!((&stored["valid"], stored["checks"].as_array().unwrap().len()), (&Value::Bool(true), 3));
    let document: Value = serde_json::from_slice(&fs::read(folder.join("package.json")).unwrap()).unwrap();
    assert_eq!(document["schema"], 3);
    assert_eq!(fs::read(folder.join("flow/kilter.toml")).unwrap(), world.read("kilter.toml").into_bytes());
    assert_eq!(fs::read(folder.join("flow/kilter.lock")).unwrap(), world.read("kilter.lock").into_bytes());
    let again = world.kilter(&["package", "build", "churn@1", "--out", "churn-1"]);
    assert!(again.err.contains("is there already"), "{}", again.err);
}

#[test]
fn one_changed_byte_of_any_file_is_found_and_the_check_is_named() {
    let world = packed();
    let folder = build(&world, "p");
    let document: Value = serde_json::from_slice(&fs::read(folder.join("package.json")).unwrap()).unwrap();
    let mut paths: Vec<String> =
        document["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap().to_owned()).collect();
    paths.push("package.json".to_owned());
    paths.push("model.sig".to_owned());
    for path in paths {
        let place = folder.join(&path);
        let as_it_was = fs::read(&place).unwrap();
        edit(&place, |bytes| {
            let at = bytes.len() / 2;
            bytes[at] ^= 1;
        });
        let (exit, checks) = verify(&world, "p");
        assert_eq!(exit, 3, "{path}: {checks:?}");
        assert_eq!(results(&checks)[1], "failed", "{path}: {checks:?}");
        if path != "package.json" && path != "model.sig" {
            assert!(results(&checks)[0] == "failed" && checks[0].2.contains(&path), "{path}: {checks:?}");
        }
        fs::write(&place, as_it_was).unwrap();
    }
    assert_eq!(verify(&world, "p").0, 0);
    fs::write(folder.join("extra.txt"), "x").unwrap();
    let (_, checks) = verify(&world, "p");
    assert_eq!(results(&checks)[..2], ["failed"; 2], "{checks:?}");
    fs::remove_file(folder.join("extra.txt")).unwrap();
    fs::remove_file(folder.join("docs/MODEL_CARD.md")).unwrap();
    let (_, checks) = verify(&world, "p");
    assert!(checks[0].2.contains("`docs/MODEL_CARD.md` is listed and not there"), "{checks:?}");
}

#[test]
fn an_answer_that_is_not_the_expected_one_fails_the_golden_check_alone_where_all_was_signed_again() {
    let world = packed();
    let folder = build(&world, "p");
    let expected = folder.join("sample/expected.jsonl");
    let text = fs::read_to_string(&expected).unwrap();
    let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let score = first["score"].as_f64().unwrap();
    fs::write(&expected, text.replacen(&first["score"].to_string(), &(score / 2.0).to_string(), 1)).unwrap();
    let (exit, checks) = verify(&world, "p");
    assert_eq!((exit, results(&checks)), (3, vec!["failed"; 3]), "{checks:?}");
    assert!(checks[2].2.contains("1 of 20 golden requests have another answer"), "{checks:?}");
}

#[test]
fn a_folder_that_attacks_or_is_of_the_future_is_a_clear_error() {
    let world = packed();
    let folder = build(&world, "p");
    std::os::unix::fs::symlink("/etc/passwd", folder.join("link")).unwrap();
    let (exit, checks) = verify(&world, "p");
    assert!(exit == 1 && checks[0].1 == "package_invalid" && checks[0].2.contains("symbolic link"), "{checks:?}");
    fs::remove_file(folder.join("link")).unwrap();
    let manifest = folder.join("package.json");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replacen("\"schema\": 3", "\"schema\": 4", 1)).unwrap();
    let (exit, checks) = verify(&world, "p");
    assert!(exit == 3 && checks[0].2.contains("has layout 4, this version of Kilter knows up to 3"), "{checks:?}");
    fs::write(&manifest, text.replacen("\"path\": \"MLmodel\"", "\"path\": \"../MLmodel\"", 1)).unwrap();
    let (_, checks) = verify(&world, "p");
    assert!(checks[0].2.contains("`../MLmodel`, which is no path inside of a package"), "{checks:?}");
    fs::write(&manifest, text.replacen("\"path\": \"MLmodel\"", "\"path\": \"sbom.cdx.json\"", 1)).unwrap();
    let (_, checks) = verify(&world, "p");
    assert!(checks[0].2.contains("is listed twice"), "{checks:?}");
    fs::write(&manifest, &text).unwrap();
    fs::remove_file(folder.join("model.sig")).unwrap();
    let (exit, checks) = verify(&world, "p");
    assert_eq!((exit, results(&checks)), (3, vec!["passed", "skipped", "passed"]), "nobody vouches for it");
}

#[test]
fn an_archive_has_the_same_bytes_whenever_it_is_built() {
    let world = packed();
    for name in ["a.tar", "b.tar"] {
        assert_eq!(world.kilter(&["package", "build", "churn@1", "--tar", name]).exit, 0);
    }
    assert_eq!(fs::read(world.path().join("a.tar")).unwrap(), fs::read(world.path().join("b.tar")).unwrap());
    let (exit, checks) = verify(&world, "a.tar");
    assert_eq!((exit, results(&checks)), (0, vec!["passed"; 3]), "{checks:?}");
    let unpacked = Command::new("tar").args(["-xf", "a.tar"]).current_dir(world.path()).status().unwrap();
    assert!(unpacked.success());
    assert_eq!(verify(&world, "churn-1").0, 0);
    let built = build(&world, "folder");
    let differences = world.json(&["package", "diff", "churn-1", built.to_str().unwrap()]);
    assert_eq!(differences["differences"], Value::Array(vec![]));
}

#[test]
fn a_package_from_elsewhere_becomes_a_draft_with_the_same_identity() {
    let (here, there) = (packed(), packed());
    let folder = build(&there, "p");
    let digest = there.json(&["package", "verify", "churn@1"])["digest"].clone();
    let imported = here.json(&["package", "import", folder.to_str().unwrap(), "--model", "churn"]);
    assert_eq!((&imported["version"], &imported["state"]), (&Value::from(2), &Value::from("draft")));
    let stored = here.json(&["package", "verify", "churn@2"]);
    assert_eq!((&stored["digest"], &stored["valid"]), (&digest, &Value::Bool(true)), "signed by this platform");
    edit(&folder.join("model/model.onnx"), |bytes| bytes[100] ^= 1);
    let refused = here.problem(&["package", "import", folder.to_str().unwrap(), "--model", "churn"], 1);
    assert_eq!(refused["code"], "package_invalid");
    let deployed = here.problem(&["deploy", "--version", "2"], 6);
    assert_eq!(deployed["code"], "invalid_state", "a draft does not serve");
}

#[test]
fn a_version_whose_key_is_revoked_serves_again_only_after_it_is_signed_again() {
    let world = packed();
    let live = || world.json(&["status"])["endpoints"][0]["live"]["version"].clone();
    assert_eq!(live(), 1);
    let id = package_key(&world);
    assert_eq!(world.kilter(&["key", "revoke", &id, "--reason", "the laptop is lost"]).exit, 0);
    let (stored, shown) = (world.kilter(&["package", "verify", "churn@1"]), world.kilter(&["status"]));
    assert!(
        stored.exit == 3 && stored.out.contains("signature: the key") && stored.out.contains("is revoked"),
        "{}",
        stored.out
    );
    assert!((shown.out.clone() + &shown.err).contains("not validly signed"), "{}{}", shown.out, shown.err);
    let refused = world.problem(&["deploy", "--version", "1"], 6);
    assert_eq!(refused["code"], "package_not_signed", "{refused}");
    assert_eq!(world.kilter(&["package", "sign", "churn@1"]).exit, 0);
    assert_eq!(world.json(&["package", "verify", "churn@1"])["valid"], true);
    assert_eq!(live(), 1);
    assert_eq!(world.json(&["audit", "verify"])["valid"], true);
}

/// What was done to a version after it was sealed is stated beside the package: waivers, reviews, and what people wrote.
#[test]
fn waivers_reviews_and_the_card_of_people_are_signed_statements_too() {
    let world = crate::lifecycle::high_risk("Dev <dev@example.org>");
    let done = |who: &str, arguments: &[&str], exit: i32| {
        let (found, text) = crate::lifecycle::by(&world, who, arguments);
        assert_eq!(found, exit, "{arguments:?}: {text}");
    };
    done("dev", &["run"], 8);
    done("vito", &["review", "churn@1", "--reason", "measured anew"], 0);
    let waiver = ["waiver", "grant", "churn@1", "--gate", "quality", "--rule", "auc >= 0.55", "--until", "2099-01-01"];
    done("vera", &[&waiver[..], &["--reason", "the pilot of 200 customers"]].concat(), 0);
    done("vera", &["package", "build", "churn@1", "--evidence", "evidence"], 0);
    world.set_variable("USER", "vera");
    export_key(&world);
    let key = kilter_app::package::PublicKey::from_pem(&world.read("key.pub")).unwrap();
    let claim = |begin: &str| {
        let files = fs::read_dir(world.path().join("evidence")).unwrap().map(|file| file.unwrap().path());
        let file = files.filter(|file| file.file_name().unwrap().to_string_lossy().starts_with(begin)).last();
        let bytes = fs::read(file.unwrap_or_else(|| panic!("{begin}"))).unwrap();
        kilter_app::package::Bundle::parse(&bytes).unwrap().statement(&key).unwrap()
    };
    let waived = claim("waiver-");
    assert_eq!(waived.predicate_type, "urn:kilter:waiver:v1");
    assert_eq!((&waived.predicate["rule"], &waived.predicate["in_force"]), (&"auc >= 0.55".into(), &true.into()));
    assert_eq!(waived.predicate["reason"], "the pilot of 200 customers");
    let reviewed = claim("review-").predicate;
    assert_eq!((&reviewed["by"], &reviewed["review"]["outcome"]), (&"user:vito".into(), &"confirmed".into()));
    let card = claim("card.").predicate;
    assert_eq!(card["parts"]["limitations"], "Not for pricing.", "{card}");
}

#[test]
fn statements_about_a_package_are_signed_and_name_it() {
    let world = packed();
    let built = world.json(&["package", "build", "churn@1", "--evidence", "evidence"]);
    let names: Vec<&str> = built["statements"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert!(
        names.contains(&"provenance.sigstore.json") && names.iter().any(|name| name.starts_with("gate-")),
        "{names:?}"
    );
    let key = kilter_app::package::PublicKey::from_pem(&world.read("key.pub")).unwrap();
    for name in names {
        let bundle = kilter_app::package::Bundle::parse(world.read(&format!("evidence/{name}")).as_bytes()).unwrap();
        let statement = bundle.statement(&key).unwrap();
        assert_eq!(statement.subject[0].name, "churn@1", "{name}");
        assert_eq!(statement.subject[0].digest["blake3"], built["digest"].as_str().unwrap());
    }
}

#[test]
fn a_command_that_only_reads_makes_no_key() {
    let world = packed();
    let keys = world.path().join(".kilter/keys");
    let secret = keys.join("package.pem");
    fs::rename(&secret, world.path().join("moved.pem")).unwrap();
    let problem = world.problem(&["package", "build", "churn@1", "--evidence", "evidence"], 6);
    assert_eq!(problem["code"], "invalid_state", "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("what only reads makes none"), "{problem}");
    assert!(!secret.exists() && !world.path().join("evidence").exists());
    assert!(build(&world, "p").join("model.sig").is_file(), "the package itself needs no key");
    // Nor does it sign with one that it was told not to trust.
    fs::rename(world.path().join("moved.pem"), &secret).unwrap();
    let before = fs::read(&secret).unwrap();
    assert_eq!(world.kilter(&["key", "revoke", &package_key(&world), "--reason", "lost"]).exit, 0);
    assert_eq!(world.problem(&["package", "build", "churn@1", "--evidence", "evidence"], 6)["code"], "invalid_state");
    assert_eq!(fs::read(&secret).unwrap(), before);
}

/// The Python with MLflow and the other tools; `None` where `./test` did not make it.
fn other_tools() -> Option<PathBuf> {
    let named = std::env::var_os("KILTER_MLFLOW_PYTHON").map(PathBuf::from);
    let usual = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/kilter/mlflow-venv/bin/python"));
    let python = named.or_else(usual)?;
    let found = Command::new(&python).args(["-c", "import mlflow, model_signing"]).output().ok()?;
    found.status.success().then_some(python)
}

#[test]
fn mlflow_model_signing_cyclonedx_and_slsa_accept_a_package() {
    let Some(python) = other_tools() else {
        println!("skipped: KILTER_MLFLOW_PYTHON is no Python with MLflow and model_signing; ./test makes one");
        return;
    };
    let world = packed();
    let folder = build(&world, "churn-1");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/python/check_package.py");
    let check = |folder: &Path| {
        let output = Command::new(&python).arg(script).arg(folder).arg(world.path().join("key.pub")).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.success(), text)
    };
    let (accepted, said) = check(&folder);
    assert!(accepted, "{said}");
    for tool in ["model_signing", "mlflow", "cyclonedx", "slsa"] {
        assert!(said.contains(&format!("{tool}: ok")), "{said}");
    }
    edit(&folder.join("docs/MODEL_CARD.md"), |bytes| bytes[10] ^= 1);
    let (accepted, said) = check(&folder);
    assert!(!accepted && !said.contains("model_signing: ok"), "{said}");
}

#[test]
fn a_folder_that_mlflow_wrote_becomes_a_draft_that_answers_as_mlflow_does() {
    let Some(python) = other_tools() else {
        println!("skipped: KILTER_MLFLOW_PYTHON is no Python with MLflow and model_signing; ./test makes one");
        return;
    };
    let world = packed();
    let model = build(&world, "p").join("model/model.onnx");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/python/write_mlflow_folders.py");
    let output =
        Command::new(&python).args([script.as_ref(), model.as_os_str()]).current_dir(world.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // A model that is one file: it is the model of the first version.
    let imported = world.json(&["package", "import", "whole", "--model", "churn"]);
    assert_eq!((&imported["version"], &imported["state"]), (&Value::from(2), &Value::from("draft")));
    let verified = world.json(&["package", "verify", "churn@2"]);
    assert_eq!(verified["valid"], true, "{verified}");
    assert_eq!(world.kilter(&["package", "build", "churn@2", "--out", "second"]).exit, 0);
    let answers = |model: &str, rows: &str| {
        world.json(&["predict", "--model", model, rows, "--out", "out.csv"]);
        world.read("out.csv")
    };
    assert_eq!(answers("second/model/model.onnx", "customers.csv"), answers("p/model/model.onnx", "customers.csv"));
    // One whose larger tensors MLflow has put into another file.
    assert!(
        fs::read_dir(world.path().join("split"))
            .unwrap()
            .any(|entry| { entry.unwrap().path().extension().is_some_and(|extension| extension == "data") })
    );
    let imported = world.json(&["package", "import", "split", "--model", "churn"]);
    assert_eq!((&imported["version"], &imported["state"]), (&Value::from(3), &Value::from("draft")));
    assert_eq!(world.kilter(&["package", "build", "churn@3", "--out", "third"]).exit, 0);
    let of_mlflow: Vec<f64> = serde_json::from_str(&world.read("answers.json")).unwrap();
    let ours = crate::fairness::csv(&answers("third/model/model.onnx", "rows.csv"), &["score"]);
    let ours: Vec<f64> = ours.iter().map(|row| row[0].parse().unwrap()).collect();
    assert_eq!(ours.len(), of_mlflow.len());
    ours.iter()
        .zip(&of_mlflow)
        .for_each(|(one, other)| assert!((one - other).abs() <= 1e-5 * other.abs(), "{one} {other}"));
    // Without the other file it is none.
    for entry in fs::read_dir(world.path().join("split")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "data") {
            fs::remove_file(path).unwrap();
        }
    }
    let problem = world.problem(&["package", "import", "split", "--model", "churn"], 1);
    assert_eq!(problem["code"], "model_invalid", "{problem}");
    assert!(problem.to_string().contains("keeps its data in"), "{problem}");
}
