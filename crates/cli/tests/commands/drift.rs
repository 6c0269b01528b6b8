//! `profile`, `drift`, and SQL over the prediction log: with good, bad and hostile input.

use crate::World;

/// 600 rows; from `shift` on everything is as much larger, and every third city another.
fn people(rows: u32, shift: u32, city: &str) -> String {
    let mut text = "id,age,income,city,member,at\n".to_owned();
    for row in 0..rows {
        let age = 20 + (row * 7 + row / 13) % 50 + shift;
        let income = f64::from((row * 7919) % 997) * 10.5 + f64::from(shift) * 100.0;
        let city = ["Rome", "Oslo", city][(row % 3) as usize];
        let member = row % 2 == 0;
        text += &format!("{row},{age},{income},{city},{member},2026-01-{:02}\n", 1 + row % 28);
    }
    text
}

fn world() -> World {
    let world = World::new();
    world.write("old.csv", &people(600, 0, "Bern"));
    world.write("same.csv", &people(400, 0, "Bern"));
    world.write("new.csv", &people(400, 30, "Kyiv"));
    world
}

fn column<'a>(document: &'a serde_json::Value, name: &str) -> &'a serde_json::Value {
    let columns = document["columns"].as_array().unwrap();
    columns.iter().find(|column| column["column"] == name).unwrap_or_else(|| panic!("no {name} in {document}"))
}

/// A page that stands alone and fits.
pub fn check_page(html: &str) {
    assert!(html.starts_with("<!doctype html>") && html.len() < 300_000, "{}", html.len());
    for outside in ["<script", "src=", "href=", "http://", "https://", "url("] {
        assert!(!html.contains(outside), "{outside}");
    }
}

#[test]
fn a_table_is_described_column_by_column() {
    let world = world();
    let result = world.json(&["profile", "old.csv", "--html", "page.html"]);
    assert_eq!((result["rows"].as_u64(), result["columns"].as_array().unwrap().len()), (Some(600), 6));
    let age = column(&result, "age");
    assert_eq!(
        (age["kind"].as_str(), age["missing"].as_u64(), age["distinct"].as_u64()),
        (Some("number"), Some(0), Some(50))
    );
    assert_eq!(age["numbers"]["quantiles"][3]["share"], 0.5);
    assert_eq!(column(&result, "id")["warnings"][0], "identifier");
    assert_eq!(column(&result, "city")["top"][0]["rows"], 200);
    assert_eq!(column(&result, "at")["times"][0], "2026-01-01T00:00:00Z");
    let output = world.kilter(&["profile", "old.csv", "--columns", "age,city"]);
    assert!(output.out.starts_with("600 rows, 2 columns\ncolumn  kind"), "{}", output.out);
    check_page(&world.read("page.html"));
    assert_eq!(world.json(&["profile", "old.csv"]), world.json(&["profile", "old.csv"]), "the same every time");
}

#[test]
fn a_profile_is_stored_read_again_and_added_to() {
    let world = world();
    let stored = world.json(&["profile", "old.csv", "--out", "old.profile"]);
    assert!(stored["bytes"].as_u64().unwrap() < 15_000);
    let again = world.json(&["profile", "old.profile"]);
    assert_eq!(again["columns"], stored["columns"]);
    let merged = world.json(&["profile", "new.csv", "--merge", "old.profile", "--out", "both.profile"]);
    assert_eq!((merged["rows"].as_u64(), column(&merged, "city")["distinct"].as_u64()), (Some(1000), Some(4)));
    world.json(&["profile", "new.csv", "--like", "old.profile", "--out", "new.profile"]);
    let parts = world.json(&["profile", "new.profile", "--merge", "old.profile", "--out", "parts.profile"]);
    assert_eq!(parts["columns"], merged["columns"]);
    world.json(&["profile", "same.csv", "--out", "other.profile"]);
    let problem = world.problem(&["profile", "other.profile", "--merge", "old.profile"], 1);
    assert!(problem["hint"].as_str().unwrap().contains("--like"), "{problem}");
}

#[test]
fn what_changed_stands_first_and_what_did_not_is_calm() {
    let world = world();
    let result = world.json(&["drift", "old.csv", "new.csv", "--html", "page.html"]);
    assert_eq!((result["level"].as_str(), result["is_exact"].as_bool()), (Some("alert"), Some(true)));
    assert_eq!(result["columns"][0]["level"], "alert");
    let city = column(&result, "city");
    assert_eq!((city["unseen"][0]["value"].as_str(), city["unseen"][0]["rows"].as_u64()), (Some("Kyiv"), Some(133)));
    let income = column(&result, "income");
    let effect = income["headline"]["effect"].as_f64().unwrap();
    assert!(effect > 0.2 && effect < income["headline"]["value"].as_f64().unwrap(), "{income}");
    assert_eq!(income["headline"]["measure"], "w1_over_sd");
    assert_eq!(column(&result, "member")["level"], "calm");
    assert_eq!(column(&result, "id")["level"], "unjudged");
    let page = world.read("page.html");
    check_page(&page);
    assert!(page.contains("✕") && page.contains("Kyiv") && page.contains("<svg"));
    let calm = world.json(&["drift", "old.csv", "same.csv", "--fail-on", "warn"]);
    assert_eq!((calm["level"].as_str(), calm["counts"]["alert"].as_u64()), (Some("unjudged"), Some(0)));
}

#[test]
fn a_stored_profile_serves_as_the_reference() {
    let world = world();
    world.json(&["profile", "old.csv", "--out", "old.profile"]);
    let exact = world.json(&["drift", "old.csv", "new.csv"]);
    let stored = world.json(&["drift", "old.profile", "new.csv"]);
    assert_eq!(stored["is_exact"], false);
    let levels = |result: &serde_json::Value| {
        let columns = result["columns"].as_array().unwrap();
        columns.iter().map(|column| format!("{} {}", column["column"], column["level"])).collect::<Vec<_>>()
    };
    assert_eq!(levels(&exact), levels(&stored));
}

#[test]
fn the_exit_code_says_what_was_asked_of_it() {
    let world = world();
    let exit = |arguments: &[&str]| world.kilter(arguments).exit;
    assert_eq!(exit(&["drift", "old.csv", "new.csv"]), 0);
    assert_eq!(exit(&["drift", "old.csv", "new.csv", "--fail-on", "alert"]), 3);
    assert_eq!(exit(&["drift", "old.csv", "new.csv", "--fail-on", "alert", "--columns", "member"]), 0);
    assert_eq!(exit(&["drift", "old.csv", "same.csv", "--fail-on", "warn"]), 0);
    assert_eq!(exit(&["drift", "old.csv", "new.csv", "--fail-on", "never"]), 2);
    let quiet = world.kilter(&["drift", "old.csv", "new.csv", "--fail-on", "alert", "--quiet"]);
    assert_eq!((quiet.exit, quiet.out.as_str()), (3, ""));
}

#[test]
fn changed_columns_are_told() {
    let world = World::new();
    world.write("old.csv", "a,b,gone\n1,x,1\n2,y,2\n");
    world.write("new.csv", "a,b,fresh\none,,1\ntwo,,2\n");
    let result = world.json(&["drift", "old.csv", "new.csv"]);
    let schema: Vec<_> =
        result["schema"].as_array().unwrap().iter().map(|change| change["change"].as_str().unwrap()).collect();
    assert_eq!(schema, ["removed", "added", "retyped"]);
    let output = world.kilter(&["drift", "old.csv", "new.csv"]);
    assert!(
        output.out.contains("✕ column `gone` is missing") && output.out.contains("✓ column `fresh` is new"),
        "{}",
        output.out
    );
}

#[test]
fn strange_tables_get_a_clear_word_and_never_a_panic() {
    let world = World::new();
    let hundred = |cell: &dyn Fn(usize) -> String| (0..100).map(|row| cell(row) + "\n").collect::<String>();
    world.write("good.csv", &format!("x\n{}", hundred(&|row| (row as f64 * 1.5).to_string())));
    world.write("one.csv", "x\n7\n");
    world.write("no_rows.csv", "x\n");
    world.write("constant.csv", &format!("x\n{}", hundred(&|_| "5".to_owned())));
    world.write("missing.csv", &format!("x,y\n{}", hundred(&|_| "NA,1".to_owned())));
    world
        .write("infinite.csv", &format!("x\n{}", hundred(&|row| if row % 2 == 0 { "inf" } else { "-inf" }.to_owned())));
    world.write("huge.csv", &format!("x\n{}", hundred(&|row| format!("{}e300", row as i64 - 50))));
    let strange = ["one.csv", "no_rows.csv", "constant.csv", "missing.csv", "infinite.csv", "huge.csv"];
    for name in strange {
        let result = world.json(&["profile", name, "--html", "page.html", "--out", "strange.profile"]);
        check_page(&world.read("page.html"));
        assert_eq!(world.json(&["profile", "strange.profile"])["columns"], result["columns"], "{name}");
        for (old, new) in [("good.csv", name), (name, "good.csv"), (name, name), ("strange.profile", "good.csv")] {
            let result = world.json(&["drift", old, new, "--html", "page.html"]);
            let page = world.read("page.html");
            check_page(&page);
            assert!(!result.to_string().contains("NaN") && !page.contains("NaN"), "{old} {new}");
        }
    }
    let level =
        |old: &str, new: &str| world.json(&["drift", old, new, "--columns", "x"])["columns"][0]["level"].clone();
    assert_eq!(level("good.csv", "one.csv"), "too_few");
    assert_eq!(level("good.csv", "missing.csv"), "alert");
    assert_eq!(level("good.csv", "infinite.csv"), "alert");
    let warning = |name: &str| world.json(&["profile", name])["columns"][0]["warnings"][0].clone();
    assert_eq!(warning("missing.csv"), "all_missing");
    assert_eq!(warning("constant.csv"), "constant");
    assert_eq!(warning("infinite.csv"), "infinite");
}

#[test]
fn bad_input_is_told_with_the_way_out() {
    let world = world();
    world.write("empty.csv", "");
    world.write("cut.parquet", "PAR1 and no more");
    world.write("cut.profile", "kilterPR\u{1}\u{3}abc");
    let cases: &[(&[&str], i32, &str)] = &[
        (&["profile", "nowhere.csv"], 4, "file_not_found"),
        (&["profile", "empty.csv"], 1, "file_invalid"),
        (&["profile", "cut.parquet"], 1, "file_invalid"),
        (&["profile", "cut.profile"], 1, "file_invalid"),
        (&["profile", "old.csv", "--columns", "agee"], 2, "column_unknown"),
        (&["profile", "old.csv", "--exclude", "agee"], 2, "column_unknown"),
        (&["profile", "old.csv", "--like", "old.csv"], 1, "file_invalid"),
        (&["profile", "old.csv", "--out", "no/such/folder.profile"], 4, "file_not_found"),
        (&["drift", "old.csv", "nowhere.csv"], 4, "file_not_found"),
        (&["drift", "cut.parquet", "new.csv"], 1, "file_invalid"),
        (&["drift", "cut.profile", "new.csv"], 1, "file_invalid"),
        (&["drift", "old.csv", "new.csv", "--columns", "nothing"], 2, "column_unknown"),
        (&["drift", "old.csv"], 2, "usage_invalid"),
        (&["sql", "select 1", "--data", "nowhere"], 4, "not_found"),
    ];
    for (arguments, exit, code) in cases {
        let problem = world.problem(arguments, *exit);
        assert_eq!(problem["code"], *code, "{arguments:?}: {problem}");
        assert_ne!(problem["hint"], "", "{arguments:?}");
    }
}

#[test]
fn names_cannot_become_markup_of_a_page() {
    let world = World::new();
    let evil = "<img src=x onerror=alert(1)>";
    let table = |city: &str| {
        let rows: String = (0..120).map(|row| format!("{row}.5,{city}{}\n", row % 3)).collect();
        format!("\"<script>alert('x')</script>\",\"&\"\n{rows}")
    };
    world.write("old.csv", &table("a"));
    world.write("new.csv", &table(evil));
    for arguments in
        [&["drift", "old.csv", "new.csv", "--html", "p.html"][..], &["profile", "new.csv", "--html", "p.html"]]
    {
        world.json(arguments);
        let page = world.read("p.html");
        assert!(!page.contains("<script") && !page.contains("<img"), "{arguments:?}");
        assert!(page.contains("&lt;script&gt;"), "{arguments:?}");
    }
}

#[test]
fn tens_of_thousands_of_categories_are_counted_and_compared_together() {
    let world = World::new();
    // Half of the rows share ten values, so that the column is no identifier.
    let table = |shift: usize| {
        let cell = |row: usize| {
            if row.is_multiple_of(2) { format!("top{}", row % 20) } else { format!("v{}", row / 2 % 60_000 + shift) }
        };
        format!("code\n{}", (0..240_000).map(|row| cell(row) + "\n").collect::<String>())
    };
    world.write("old.csv", &table(0));
    world.write("new.csv", &table(30_000));
    let result = world.json(&["profile", "old.csv", "--html", "page.html"]);
    assert_eq!(
        (result["columns"][0]["distinct"].as_u64(), result["columns"][0]["kind"].as_str()),
        (Some(60_010), Some("category"))
    );
    assert_eq!(result["columns"][0]["warnings"][0], "many_categories");
    check_page(&world.read("page.html"));
    let result = world.json(&["drift", "old.csv", "new.csv"]);
    assert!(result["columns"][0]["distances"][0]["value"].as_f64().is_some(), "{result}");
}

#[test]
fn a_page_of_a_thousand_columns_keeps_to_its_size() {
    let world = World::new();
    let names: Vec<String> = (0..1000).map(|at| format!("column number {at}")).collect();
    let mut text = names.join(",") + "\n";
    for row in 0..60 {
        let cells: Vec<String> = (0..1000).map(|at| ((row * 31 + at * 17) % 101).to_string()).collect();
        text += &(cells.join(",") + "\n");
    }
    world.write("wide.csv", &text);
    for arguments in
        [&["drift", "wide.csv", "wide.csv", "--html", "p.html"][..], &["profile", "wide.csv", "--html", "p.html"]]
    {
        world.json(arguments);
        check_page(&world.read("p.html"));
        assert!(world.read("p.html").contains("Left out"));
    }
}

#[test]
fn the_prediction_log_is_queried_by_the_name_of_its_endpoint() {
    use kilter_domain::{
        ids::EndpointName,
        table::{Column, Table},
    };
    use kilter_lake::{Lake, LogKind};
    let world = World::new();
    let lake = Lake::new(world.path().join("data/lake"));
    let table = Table::new(vec![
        ("_time".into(), Column::Time((0..100).map(|at| Some(at * 1000)).collect())),
        ("_score".into(), Column::Float((0..100).map(|at| f64::from(at % 10) / 10.0).collect())),
    ])
    .unwrap();
    let endpoint: EndpointName = "churn-eu".parse().unwrap();
    lake.publish(&lake.stage(LogKind::Predictions, &endpoint, 1, &table).unwrap()).unwrap();
    let query = "select count(*) as n, ks(_score, _time >= '1970-01-01T00:00:50') as ks from predictions_churn_eu";
    let result = world.json(&["sql", query, "--data", "data"]);
    assert_eq!((result["rows"][0]["n"].as_u64(), result["rows"][0]["ks"].as_f64()), (Some(100), Some(0.0)), "{result}");
    assert_eq!(
        (result["logs"][0]["table"].as_str(), result["logs"][0]["rows"].as_u64()),
        (Some("predictions_churn_eu"), Some(100))
    );
    let output = world.kilter(&["sql", query, "--data", "data"]);
    assert!(output.out.contains("100 sealed rows until 1970-01-01T00:01:39Z"), "{}", output.out);
    let problem = world.problem(&["sql", "select * from predictions_churn_us", "--data", "data"], 2);
    assert!(problem["detail"].as_str().unwrap().contains("did you mean `predictions_churn_eu`"), "{problem}");
}
