//! Numbers that are hard to hold: whole numbers that doubles round, and values that stand for "no value".

use serde_json::{Value, json};

use crate::{World, server::Server};

/// The first of the ids: beyond 2^60, where doubles are 256 apart.
const FIRST: i64 = 1_790_000_000_000_000_000;

/// 500 rows of accounts in turn, the label told by the row.
fn accounts(offsets: &[i64], prefix: &str) -> String {
    let mut text = "account,amount,y\n".to_owned();
    for row in 0..500usize {
        let offset = offsets[(row * 7919) % offsets.len()];
        text += &format!("{prefix}{},{},{}\n", FIRST + offset, (row * 31) % 97, row % 2);
    }
    text
}

const OLD: [i64; 6] = [1, 3, 5, 8, 11, 13];
const NEW: [i64; 6] = [21, 34, 55, 71, 100, 111];

fn column<'a>(document: &'a Value, name: &str) -> &'a Value {
    let columns = document["columns"].as_array().unwrap();
    columns.iter().find(|column| column["column"] == name).unwrap_or_else(|| panic!("no {name} in {document}"))
}

/// The column of a comparison, exactly and against a stored profile, which must agree.
fn drift(world: &World, old: &str, new: &str, name: &str) -> Value {
    let exact = world.json(&["drift", old, new, "--columns", name]);
    world.json(&["profile", old, "--columns", name, "--out", "old.profile"]);
    let stored = world.json(&["drift", "old.profile", new, "--columns", name]);
    let (exact, stored) = (column(&exact, name).clone(), column(&stored, name).clone());
    assert_eq!((&exact["level"], &exact["unseen"]), (&stored["level"], &stored["unseen"]), "{exact}\n{stored}");
    exact
}

#[test]
fn ids_beyond_2_53_are_compared_and_named_as_they_are() {
    let world = World::new();
    world.write("old.csv", &accounts(&OLD, ""));
    world.write("new.csv", &accounts(&NEW, ""));
    world.write("old_text.csv", &accounts(&OLD, "A"));
    world.write("new_text.csv", &accounts(&NEW, "A"));
    let numbers = drift(&world, "old.csv", "new.csv", "account");
    let texts = drift(&world, "old_text.csv", "new_text.csv", "account");
    assert_eq!(numbers["distances"], texts["distances"], "as texts of the same digits");
    assert_eq!((&numbers["headline"]["value"], &numbers["level"]), (&json!(1.0), &json!("alert")), "{numbers}");
    assert_eq!(numbers["unseen"][0]["value"].as_str().map(str::len), Some(19), "{numbers}");
    assert_eq!(drift(&world, "old.csv", "old.csv", "account")["level"], "calm");

    let result = world.json(&["profile", "old.csv"]);
    let account = column(&result, "account");
    assert_eq!((&account["distinct"], &account["warnings"]), (&json!(6), &json!([])), "{account}");
    let numbers = &account["numbers"];
    assert_eq!((numbers["min"].as_i64(), numbers["max"].as_i64()), (Some(FIRST + 1), Some(FIRST + 13)), "{account}");
    assert_eq!(
        numbers["quantiles"][3]["value"].as_i64().map(|median| (FIRST + 5..=FIRST + 8).contains(&median)),
        Some(true)
    );
    assert!((numbers["sd"].as_f64().unwrap() - 4.2).abs() < 0.1, "{numbers}");
    let top: Vec<i64> =
        account["top"].as_array().unwrap().iter().map(|top| top["value"].as_str().unwrap().parse().unwrap()).collect();
    assert!(top.len() == 6 && top.iter().all(|id| OLD.contains(&(id - FIRST))), "{account}");
}

#[test]
fn many_ids_beyond_2_53_are_compared_by_their_order_and_merge() {
    let world = World::new();
    let spread: Vec<i64> = (0..200).map(|i| i * i % 199).collect();
    // Some rows hold -1: "no account", as far from the others as a whole number can be.
    let with_sentinel = |shift: i64| {
        let offsets: Vec<i64> = spread.iter().map(|offset| offset + shift).chain([-1 - FIRST, -1 - FIRST]).collect();
        accounts(&offsets, "")
    };
    world.write("old.csv", &with_sentinel(0));
    world.write("new.csv", &with_sentinel(120));
    let moved = drift(&world, "old.csv", "new.csv", "account");
    assert_eq!((&moved["kind"], &moved["level"]), (&json!("number"), &json!("alert")), "{moved}");
    let ks = moved["distances"].as_array().unwrap().iter().find(|distance| distance["measure"] == "ks").unwrap();
    assert!((ks["value"].as_f64().unwrap() - 0.65).abs() < 0.05, "{moved}");
    assert_eq!(drift(&world, "old.csv", "old.csv", "account")["level"], "calm");

    world.json(&["profile", "old.csv", "--out", "old.profile"]);
    world.json(&["profile", "new.csv", "--like", "old.profile", "--out", "new.profile"]);
    let both = world.json(&["profile", "new.profile", "--merge", "old.profile"]);
    let numbers = &column(&both, "account")["numbers"];
    assert_eq!((numbers["min"].as_i64(), numbers["max"].as_i64()), (Some(-1), Some(FIRST + 196 + 120)), "{both}");
}

#[test]
fn requirements_on_ids_beyond_2_53_are_judged_by_all_digits() {
    let world = World::new();
    world.write("rows.csv", &accounts(&OLD, ""));
    let contract = |rule: &str| {
        let text = format!(
            "[project]\nname = \"accounts\"\n[data.rows]\npath = \"rows.csv\"\nlabel = \"y\"\nrequire = [\"{rule}\"]\n"
        );
        let step = "[step.train]\nrun = \"kilter train {in.rows} --target y --include amount --out {out.model}\"\nin = [\"rows\"]\nout = { model = \"work/model\" }\n[package]\nmodel = \"train.model\"\n";
        world.write("kilter.toml", &(text + step));
        world.kilter(&["run"])
    };
    let last = FIRST + 13;
    for (rule, holds) in [
        (format!("max(account) <= {}", last - 1), false),
        (format!("max(account) <= {last}"), true),
        (format!("min(account) > {FIRST}"), true),
        (format!("min(account) > {}", FIRST + 1), false),
        (format!("max(account) == {last}"), true),
        ("sd(account) < 100".to_owned(), true),
        ("sd(account) < 4".to_owned(), false),
        ("distinct(account) == 6".to_owned(), true),
        (format!("null(account | account > {}) == 0", FIRST + 12), true),
        (format!("distinct(account | account > {}) == 1", FIRST + 12), true),
        (format!("distinct(account | account == {}) == 0", FIRST + 12), true),
        (format!("values(account) in {{{}}}", OLD.map(|offset| (FIRST + offset).to_string()).join(", ")), true),
    ] {
        let output = contract(&rule);
        assert_eq!(output.exit == 0, holds, "{rule}: {}{}", output.out, output.err);
        if rule == format!("max(account) <= {}", last - 1) {
            let result = format!("{}{}", output.out, output.err);
            assert!(result.contains(&format!("= {last}, required <= {}", last - 1)), "{result}");
        }
    }
}

#[test]
fn rows_that_differ_beyond_2_53_do_not_repeat_each_other() {
    let world = World::new();
    let mut text = "account,y\n".to_owned();
    (0..400i64).for_each(|row| text += &format!("{},{}\n", FIRST + (row * 7919) % 401, row % 2));
    world.write("rows.csv", &text);
    world.write("kilter.toml", "[project]\nname = \"accounts\"\n[data.rows]\npath = \"rows.csv\"\nlabel = \"y\"\n[step.split]\nrun = \"kilter data split {in.rows} {out.train} {out.test}\"\nin = [\"rows\"]\nout = { train = \"work/train.parquet\", test = \"work/test.parquet\" }\n[step.train]\nrun = \"kilter train {in.train} --target y --out {out.model}\"\nin = [\"split.train\"]\nout = { model = \"work/model\" }\n[gate.quality]\ndataset = \"split.test\"\nrules = [\"auc >= 0\"]\n[package]\nmodel = \"train.model\"\n");
    let output = world.kilter(&["run"]);
    assert_eq!(output.exit, 0, "{}{}", output.out, output.err);
    let shown = world.kilter(&["model", "show", "accounts@1"]);
    assert!(!shown.out.contains("repeat"), "{}", shown.out);
}

#[test]
fn ids_that_are_served_are_those_that_were_trained_on() {
    let world = World::new();
    let mut text = "account,small,x,y\n".to_owned();
    let row = |row: i64| (OLD[(row * 7919 % 6) as usize], (row * 31 % 97 - 48) as f64 / 10.0);
    for at in 0..600 {
        let (offset, x) = row(at);
        text += &format!("{},{offset},{x},{}\n", FIRST + offset, i64::from(x + (at % 5) as f64 > 1.0));
    }
    world.write("data.csv", &text);
    world.write("kilter.toml", "[project]\nname = \"accounts\"\n[data.rows]\npath = \"data.csv\"\nlabel = \"y\"\n[step.train]\nrun = \"kilter train {in.rows} --target y --out {out.model}\"\nin = [\"rows\"]\nout = { model = \"work/model\" }\n[package]\nmodel = \"train.model\"\n[deploy.production]\nauto = true\n");
    let output = world.kilter(&["run"]);
    assert_eq!(output.exit, 0, "{}{}", output.out, output.err);
    let server = Server::start(&world);
    let rows: Vec<(i64, f64)> = (0..600).map(row).collect();
    let tensor = |name: &str, datatype: &str, data: Vec<Value>| json!({ "name": name, "datatype": datatype, "shape": [600], "data": data });
    let body = json!({ "inputs": [
        tensor("account", "INT64", rows.iter().map(|row| json!(FIRST + row.0)).collect()),
        tensor("small", "INT64", rows.iter().map(|row| json!(row.0)).collect()),
        tensor("x", "FP64", rows.iter().map(|row| json!(row.1)).collect()),
    ] });
    let (status, answer) = server.ask("POST", "/v2/models/accounts/infer", &body);
    assert_eq!(status, 200, "{answer}");
    let (_, profile) =
        server.get("/api/v1/endpoints/accounts/columns?since=2020-01-01T00:00:00Z&until=2100-01-01T00:00:00Z");
    let columns = profile["versions"][0]["columns"].as_array().unwrap();
    let psi = |name: &str| {
        let column = columns.iter().find(|column| column["column"] == name).unwrap();
        column["distances"][0]["value"].as_f64().unwrap()
    };
    assert_eq!(psi("account"), psi("small"), "{profile}");
    assert!(psi("account") < 0.01, "{profile}");
}

/// Rows of a column that is normal about `mean`, with what stands for "no value" among them.
fn sensor(mean: f64, seed: u64, sentinel: impl Fn(usize) -> Option<&'static str>) -> String {
    let mut state = seed;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / (1u64 << 24) as f64
    };
    let mut text = "x\n".to_owned();
    for row in 0..500 {
        let normal = (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
        text += &match sentinel(row) {
            Some(sentinel) => format!("{sentinel}\n"),
            None => format!("{:.4}\n", mean + 8.0 * normal),
        };
    }
    text
}

#[test]
fn a_sentinel_hides_no_shift_and_invents_none() {
    let world = World::new();
    let every = |step: usize, sentinel: &'static str| move |row: usize| (row % step == 1).then_some(sentinel);
    let of_both_signs = |row: usize| (row % 50 == 1).then_some(if row % 100 == 1 { "1e308" } else { "-1e308" });
    type Sentinel = Box<dyn Fn(usize) -> Option<&'static str>>;
    let kinds: [(&str, Sentinel); 12] = [
        ("nothing", Box::new(|_| None)),
        ("1 % of -9999", Box::new(every(100, "-9999"))),
        ("5 % of -9999", Box::new(every(20, "-9999"))),
        ("20 % of -9999", Box::new(every(5, "-9999"))),
        ("1 % of 99999", Box::new(every(100, "99999"))),
        ("one of -9999", Box::new(every(1000, "-9999"))),
        ("one of 1.79769e308", Box::new(every(1000, "1.7976931348623157e308"))),
        ("1 % of -3.4e38", Box::new(every(100, "-3.40282e38"))),
        ("1e308 of both signs", Box::new(of_both_signs)),
        ("1 % of inf", Box::new(every(100, "inf"))),
        ("1 % of -inf", Box::new(every(100, "-inf"))),
        ("1 % of 2147483647", Box::new(every(100, "2147483647"))),
    ];
    for (name, sentinel) in &kinds {
        world.write("old.csv", &sensor(15.0, 1, sentinel));
        world.write("same.csv", &sensor(15.0, 2, sentinel));
        world.write("moved.csv", &sensor(23.0, 3, sentinel));
        let moved = drift(&world, "old.csv", "moved.csv", "x");
        assert_eq!(moved["level"], "alert", "{name}: {moved}");
        assert_eq!(drift(&world, "old.csv", "same.csv", "x")["level"], "calm", "{name}");
    }
    let output = world.kilter(&["drift", "old.csv", "moved.csv", "--fail-on", "alert"]);
    assert_eq!(output.exit, 3, "{}", output.out);
    assert!(output.out.lines().next().unwrap().contains("by KS"), "what decided is what is said: {}", output.out);
}

#[test]
fn a_sentinel_that_only_one_table_has_hides_no_shift() {
    let world = World::new();
    world.write("clean.csv", &sensor(15.0, 1, |_| None));
    world.write("moved.csv", &sensor(23.0, 2, |_| None));
    world.write("marked.csv", &sensor(15.0, 3, |row| (row % 100 == 1).then_some("-9999")));
    world.write("moved_marked.csv", &sensor(23.0, 4, |row| (row % 100 == 1).then_some("-9999")));
    assert_eq!(drift(&world, "clean.csv", "moved_marked.csv", "x")["level"], "alert");
    assert_eq!(drift(&world, "marked.csv", "moved.csv", "x")["level"], "alert");
    assert_eq!(drift(&world, "marked.csv", "clean.csv", "x")["level"], "calm", "fewer of them is no drift");
}
