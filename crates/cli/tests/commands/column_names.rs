//! Columns that are hard to name or to hold: commas, quotes and braces in names, whole numbers of 64 bits without a sign.

use serde_json::{Value, json};

use crate::World;

/// 300 rows: a leak that tells the outcome, a group, a number, and decisions.
fn rows() -> String {
    let mut text = "\"Race, ethnicity\",x,\"Outcome, 1 year\",\"leak, future\",pred\n".to_owned();
    for row in 0..300u32 {
        let noise = row.wrapping_mul(2_654_435_761) >> 20;
        let outcome = u32::from(noise % 100 > 60);
        let group = ["A", "B", "C, other"][(row % 3) as usize];
        text +=
            &format!("\"{group}\",{},{outcome},{},{}\n", noise % 17 + outcome * 3, outcome * 10 + row % 5, noise % 2);
    }
    text
}

fn used(world: &World, folder: &str) -> Vec<String> {
    let fit: Value = serde_json::from_str(&world.read(&format!("{folder}/training.json"))).unwrap();
    fit["used"].as_array().unwrap().iter().map(|used| used["column"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_column_with_a_comma_can_stand_in_every_list() {
    let world = World::new();
    world.write("d.csv", &rows());
    let fit = |lists: &[&str]| {
        world.json(&[&["train", "d.csv", "--target", "Outcome, 1 year", "--out", "m"], lists].concat());
        used(&world, "m")
    };
    let without = ["Race, ethnicity", "x", "pred"];
    assert_eq!(fit(&["--exclude", "leak, future"]), without, "as it is");
    assert_eq!(fit(&["--exclude", "\"leak, future\""]), without, "in quotes");
    assert_eq!(fit(&["--exclude", "\"leak, future\",pred"]), ["Race, ethnicity", "x"]);
    assert_eq!(fit(&["--exclude", "pred,leak, future"]), ["Race, ethnicity", "x"]);
    assert_eq!(fit(&["--exclude", "pred", "--exclude", "leak, future"]), ["Race, ethnicity", "x"], "twice");
    assert_eq!(fit(&["--include", "x,\"Race, ethnicity\""]), ["Race, ethnicity", "x"]);
    assert_eq!(fit(&["--include", "x", "--categorical", "x", "--numeric", "pred"]), ["x"]);
    let unknown =
        world.problem(&["train", "d.csv", "--target", "Outcome, 1 year", "--out", "m", "--exclude", "leek"], 2);
    assert!(unknown.to_string().contains("leek"), "{unknown}");
    let open = world.kilter(&["train", "d.csv", "--target", "x", "--out", "m", "--exclude", "\"leak"]);
    assert!(open.exit == 2 && open.err.contains("not closed"), "{}", open.err);

    let fairness = |groups: &str| {
        world.json(&["fairness", "d.csv", "--predicted", "pred", "--target", "Outcome, 1 year", "--groups", groups])
    };
    assert_eq!(fairness("Race, ethnicity"), fairness("\"Race, ethnicity\""));
    let privileged = ["--privileged", "Race, ethnicity=C, other"];
    let named =
        ["fairness", "d.csv", "--predicted", "pred", "--target", "Outcome, 1 year", "--groups", "Race, ethnicity"];
    assert_eq!(world.kilter(&[&named[..], &privileged].concat()).exit, 0);

    let names = |arguments: &[&str]| -> Vec<String> {
        let result = world.json(arguments);
        result["columns"]
            .as_array()
            .unwrap()
            .iter()
            .map(|column| column["column"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&["profile", "d.csv", "--exclude", "leak, future,x"]).len(), 3);
    assert_eq!(names(&["profile", "d.csv", "--columns", "\"leak, future\",x"]), ["x", "leak, future"]);
    assert_eq!(names(&["drift", "d.csv", "d.csv", "--columns", "leak, future"]), ["leak, future"]);
    let hint = world.problem(&["profile", "d.csv", "--columns", "leak"], 2);
    assert!(hint["hint"].as_str().unwrap().contains("double quotes"), "{hint}");

    assert_eq!(world.kilter(&["data", "split", "d.csv", "a.csv", "b.csv", "--by", "Race, ethnicity,x"]).exit, 0);
    fit(&["--include", "x"]);
    let slices = world.json(&["evaluate", "m", "d.csv", "--slice", "Race, ethnicity"]);
    assert_eq!(slices["slices"].as_array().unwrap().len(), 3, "{slices}");
    world.json(&["predict", "d.csv", "--model", "m", "--out", "s.csv", "--keep", "\"Race, ethnicity\",x"]);
    assert!(world.read("s.csv").starts_with("\"Race, ethnicity\",x,score"), "{}", &world.read("s.csv")[..80]);
}

#[test]
fn a_first_contract_names_every_column_as_it_is() {
    for name in [
        "snapshot, utc",
        "say \"when\" time",
        "it's time",
        "-time",
        "{in.rows} time",
        "{print $1} $HOME `x` time",
        "ünïcode ☃ time",
        " padded time",
        "two\nlines time",
        "back\\slash time",
    ] {
        let world = World::new();
        let quoted = format!("\"{}\"", name.replace('"', "\"\""));
        let mut text = format!("{quoted},\"visit, no\",spend,churned\n");
        for row in 0..400u32 {
            let noise = row.wrapping_mul(2_654_435_761) >> 20;
            let day = format!("2024-{:02}-{:02}", 1 + row / 40, 1 + row % 28);
            text += &format!("{day},{},{},{}\n", noise % 1000, noise % 97, u32::from(noise % 97 + noise % 31 > 60));
        }
        world.write("ids.csv", &text);
        world.json(&["init", "--from", "ids.csv", "--label", "churned"]);
        let contract = world.read("kilter.toml");
        assert_eq!(world.json(&["check"])["valid"], true, "{contract}");
        let output = world.kilter(&["run"]);
        assert!(output.exit == 0 || output.exit == 3, "{name}: {}{}\n{contract}", output.out, output.err);
        let used = used(&world, "work/model");
        assert_eq!(used, ["visit, no", "spend"], "{name}:\n{contract}");
    }
}

/// A table with a column of hashes from 2^63 on.
fn hashes() -> World {
    let world = World::new();
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/cases/one-uint64-column/t.parquet");
    std::fs::copy(data, world.path().join("t.parquet")).unwrap();
    world
}

#[test]
fn a_column_of_64_bits_without_a_sign_sinks_no_table() {
    let world = hashes();
    for arguments in [
        &["profile", "t.parquet"][..],
        &["drift", "t.parquet", "t.parquet"],
        &["data", "split", "t.parquet", "a.parquet", "b.parquet"],
        &["train", "t.parquet", "--target", "y", "--include", "x,g", "--out", "m"],
        &["train", "t.parquet", "--target", "y", "--exclude", "user_hash", "--out", "m"],
        &["train", "t.parquet", "--target", "y", "--out", "m"],
        &["predict", "t.parquet", "--model", "m", "--out", "s.parquet"],
        &["evaluate", "m", "t.parquet"],
        &["explain", "m", "t.parquet"],
        &["fairness", "t.parquet", "--predicted", "y", "--target", "y", "--groups", "g"],
        &["sql", "select max(user_hash) from t", "-t", "t=t.parquet"],
        &["profile", "t.parquet", "--exclude", "user_hash"],
        &["init", "--from", "t.parquet", "--label", "y"],
    ] {
        let output = world.kilter(arguments);
        assert_eq!(output.exit, 0, "{arguments:?}: {}{}", output.out, output.err);
    }
    let largest = world.json(&["sql", "select max(user_hash) as most, count(*) as rows from t", "-t", "t=t.parquet"]);
    let most = largest["rows"][0]["most"].as_str().or_else(|| largest["rows"][0][0].as_str()).map(str::to_owned);
    let most: u64 = most.unwrap_or_else(|| panic!("{largest}")).parse().unwrap();
    assert!(most > 1 << 63, "{most}");
    let back = world.kilter(&["sql", "select user_hash from t", "-t", "t=t.parquet", "--out", "h.csv"]);
    assert_eq!(back.exit, 0, "{}", back.err);
    assert!(world.read("h.csv").contains(&most.to_string()), "in all digits");
    assert_eq!(world.json(&["check"])["valid"], json!(true), "{}", world.read("kilter.toml"));
}

#[test]
fn a_number_of_the_row_is_a_time_in_its_own_order() {
    let world = World::new();
    let mut text = "row,x,y\n".to_owned();
    for row in 1..=2000u32 {
        let noise = row.wrapping_mul(2_654_435_761) >> 20;
        text += &format!("{row},{},{}\n", noise % 97, u32::from(noise % 97 + noise % 31 > 60));
    }
    world.write("rows.csv", &text);
    world.json(&["data", "split", "rows.csv", "old.csv", "new.csv", "--time", "row", "--share", "0.25"]);
    let first = world.read("new.csv").lines().nth(1).unwrap().to_owned();
    assert!(first.starts_with("1501,"), "{first}");
    world.write(
        "kilter.toml",
        "[project]\nname = \"p\"\n[data.rows]\npath = \"rows.csv\"\ntime = \"row\"\nlabel = \"y\"\n[step.split]\nrun = \"kilter data split {in.rows} {out.train} {out.test} --time row\"\nin = [\"rows\"]\nout = { train = \"work/train.parquet\", test = \"work/test.parquet\" }\n[step.train]\nrun = \"kilter train {in.train} --target y --exclude row --param rounds=20 --out {out.model}\"\nin = [\"split.train\"]\nout = { model = \"work/model\" }\n[gate.quality]\ndataset = \"split.test\"\nrules = [\"auc >= 0.5\"]\n[package]\nmodel = \"train.model\"\n[deploy.production]\nauto = true\n[monitor]\nevery = \"250s\"\nperformance = [\"auc >= 0.5\"]\n",
    );
    assert_eq!(world.json(&["check"])["valid"], true);
    let report = world.json(&["replay", "."]);
    let periods = report["periods"].as_array().unwrap();
    // 2,000 rows, the first fifth trained on: windows of 250 rows each.
    assert!((6..=8).contains(&periods.len()), "{report}");
}
