//! `evaluate`: pictures that agree with their metrics, another model on the same rows, rules and exit codes.

use serde_json::Value;

use crate::{
    World,
    drift::check_page,
    fairness::{csv, employment},
};

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

fn close(found: f64, wanted: f64) {
    assert!((found - wanted).abs() < 1e-9, "{found} and not {wanted}");
}

fn named<'a>(list: &'a Value, key: &str, name: &str) -> &'a Value {
    let found = list.as_array().unwrap().iter().find(|item| item[key] == name);
    found.unwrap_or_else(|| panic!("no {name} in {list}"))
}

#[test]
fn the_pictures_of_a_binary_model_agree_with_its_metrics_and_with_counting() {
    let world = employment();
    let result = world.json(&["evaluate", "model", "test.csv", "--slice", "SEX", "--html", "page.html"]);
    let rows = csv(&world.read("scored.csv"), &["employed", "score"]);
    let count = |truth: &str, decision: bool| {
        rows.iter().filter(|row| row[0] == truth && (row[1].parse::<f64>().unwrap() >= 0.5) == decision).count()
    };
    let confusion = &result["confusion"];
    let counted = [count("1", true), count("0", true), count("1", false), count("0", false)];
    let names = ["true_positive", "false_positive", "false_negative", "true_negative"];
    assert_eq!(names.map(|name| confusion[name].as_u64().unwrap() as usize), counted);
    close(number(&result["accuracy"]), (counted[0] + counted[3]) as f64 / rows.len() as f64);
    let curve = result["curve"].as_array().unwrap();
    assert!(curve.len() <= 101 && curve.len() > 50, "{}", curve.len());
    let points: Vec<(f64, f64)> = std::iter::once((0.0, 0.0))
        .chain(curve.iter().map(|point| (number(&point["false_positive_rate"]), number(&point["true_positive_rate"]))))
        .collect();
    let area: f64 = points.windows(2).map(|pair| (pair[1].0 - pair[0].0) * (pair[0].1 + pair[1].1) / 2.0).sum();
    // A chord lies below the curve, by little.
    assert!((number(&result["auc"]) - area).abs() < 1e-3, "{area}");
    let bins = result["calibration"].as_array().unwrap();
    let ece: f64 = bins
        .iter()
        .map(|bin| {
            number(&bin["weight"]) / rows.len() as f64 * (number(&bin["observed"]) - number(&bin["predicted"])).abs()
        })
        .sum();
    close(number(&result["ece"]), ece);
    let page = world.read("page.html");
    check_page(&page);
    assert!(
        page.matches("<svg").count() == 4 && page.contains("ROC") && page.contains("SEX=1") && !page.contains("NaN")
    );
}

#[test]
fn another_model_is_compared_row_by_row() {
    let world = employment();
    let fit = ["train", "train.csv", "--target", "employed", "--include", "AGEP,SEX", "--seed", "3", "--out", "less"];
    world.json(&[&fit[..], &["--param", "rounds=5"]].concat());
    let result = world.json(&["evaluate", "model", "test.csv", "--against", "less", "--html", "page.html"]);
    let compared = &result["against"]["metrics"];
    world.json(&["predict", "test.csv", "--model", "less", "--out", "less.csv"]);
    let of = |name: &str| csv(&world.read(name), &["employed", "score"]);
    let right = |row: &[String]| (row[0] == "1") == (row[1].parse::<f64>().unwrap() >= 0.5);
    let (ours, theirs) = (of("scored.csv"), of("less.csv"));
    let gained = ours.iter().zip(&theirs).filter(|(a, b)| right(a) && !right(b)).count() as f64;
    let lost = ours.iter().zip(&theirs).filter(|(a, b)| !right(a) && right(b)).count() as f64;
    let (n, accuracy) = (ours.len() as f64, named(compared, "metric", "accuracy"));
    close(number(&accuracy["difference"]["value"]), (gained - lost) / n);
    // McNemar's error of a paired difference.
    let error = ((gained + lost) / n - ((gained - lost) / n).powi(2)).sqrt() / n.sqrt();
    let width = number(&accuracy["difference"]["high"]) - number(&accuracy["difference"]["low"]);
    assert!((width / (2.0 * 1.96 * error) - 1.0).abs() < 0.01, "{width} {error}");
    assert_eq!(
        (accuracy["judged"].as_str(), named(compared, "metric", "log_loss")["judged"].as_str()),
        (Some("better"), Some("better"))
    );
    check_page(&world.read("page.html"));
    let same = world.json(&["evaluate", "model", "test.csv", "--against", "model"]);
    let auc = named(&same["against"]["metrics"], "metric", "auc");
    assert_eq!((number(&auc["difference"]["value"]), auc["judged"].as_str()), (0.0, Some("even")));
}

#[test]
fn rules_decide_the_exit_code_and_the_undecided_is_said() {
    let world = employment();
    let judge = |rules: &[&str]| {
        let rules: Vec<&str> = rules.iter().flat_map(|rule| ["--rule", rule]).collect();
        world.kilter(&[&["evaluate", "model", "test.csv", "--against", "model"], &rules[..]].concat())
    };
    let held = judge(&["auc >= 0.8", "auc >= champion.auc - 0.01", "gap(recall, SEX) <= 0.2", "rows > 1000"]);
    assert!(held.exit == 0 && held.out.contains("✓"), "{}", held.out);
    let broken = judge(&["auc >= 0.8", "auc >= 0.99"]);
    assert!(broken.exit == 3 && broken.out.contains("✕ auc = 0."), "{}", broken.out);
    let unknown = judge(&["p99_ms < 10"]);
    assert!(unknown.exit == 3 && unknown.out.contains("◆"), "{}", unknown.out);
    assert_eq!(judge(&["auc >= "]).exit, 2);
    let alone = world.problem(&["evaluate", "model", "test.csv", "--rule", "auc >= champion.auc"], 2);
    assert!(alone["hint"].as_str().unwrap().contains("--against"), "{alone}");
    let result =
        world.kilter(&["evaluate", "model", "test.csv", "--rule", "auc >= 0.99", "--html", "page.html", "--json"]);
    let document: Value = serde_json::from_str(&result.out).unwrap();
    assert_eq!((result.exit, document["rules"][0]["verdict"].as_str()), (3, Some("failed")));
    assert!(world.read("page.html").contains("✕ fails"));
}

#[test]
fn several_classes_and_numbers_have_their_own_pictures() {
    let world = World::new();
    let row = |row: u32| {
        let kind = ["x", "y", "z"][(row % 3) as usize];
        format!(
            "{},{},{kind},{}\n",
            row % 3 + u32::from(row.is_multiple_of(10)),
            row % 7,
            (row % 3) * 10 + row % 7 + row % 2
        )
    };
    world.write("rows.csv", &("a,b,kind,much\n".to_owned() + &(0..600).map(row).collect::<String>()));
    world.json(&["train", "rows.csv", "--target", "kind", "--exclude", "much", "--out", "kinds"]);
    world.json(&[
        "train",
        "rows.csv",
        "--target",
        "much",
        "--task",
        "regression",
        "--exclude",
        "kind",
        "--out",
        "numbers",
    ]);
    let result = world.json(&["evaluate", "kinds", "rows.csv", "--html", "page.html"]);
    world.json(&["predict", "rows.csv", "--model", "kinds", "--out", "kinds.csv"]);
    let rows = csv(&world.read("kinds.csv"), &["kind", "predicted"]);
    for class in ["x", "y", "z"] {
        let found = named(&result["classes"], "class", class);
        let hits = rows.iter().filter(|row| row[0] == class && row[1] == class).count() as f64;
        let (truth, decided) =
            (rows.iter().filter(|r| r[0] == class).count(), rows.iter().filter(|r| r[1] == class).count());
        close(number(&found["recall"]["value"]), hits / truth as f64);
        close(number(&found["precision"]["value"]), hits / decided as f64);
        close(number(&found["f1"]["value"]), 2.0 * hits / (truth + decided) as f64);
    }
    // The confusion matrix: its lines add up to the classes in truth, its columns to what they were taken for.
    let matrix = &result["matrix"];
    let names: Vec<&str> = matrix["classes"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    let cell = |truth: usize, decision: usize| matrix["rows"][truth][decision].as_u64().unwrap();
    for (at, name) in names.iter().enumerate() {
        let found = named(&result["classes"], "class", name);
        let (truth, decided) =
            (0..names.len()).fold((0, 0), |sums, other| (sums.0 + cell(at, other), sums.1 + cell(other, at)));
        assert_eq!((found["rows"].as_u64(), found["decided"].as_u64()), (Some(truth), Some(decided)), "{name}");
    }
    assert!(world.read("page.html").contains("Confusion matrix"));
    check_page(&world.read("page.html"));
    let result = world.json(&["evaluate", "numbers", "rows.csv", "--html", "page.html"]);
    let bins = result["predicted"].as_array().unwrap();
    assert_eq!(bins.iter().map(|bin| bin["rows"].as_u64().unwrap()).sum::<u64>(), 600);
    close(result["residuals"]["shares"].as_array().unwrap().iter().map(number).sum(), 1.0);
    let page = world.read("page.html");
    check_page(&page);
    assert!(page.contains("Residuals") && page.matches("<svg").count() == 2, "{page}");
    let problem = world.problem(&["evaluate", "numbers", "rows.csv", "--against", "kinds", "--target", "much"], 2);
    assert!(problem["detail"].as_str().unwrap().contains("different questions"), "{problem}");
}

#[test]
fn rows_without_a_label_or_of_one_class_are_told_not_guessed() {
    let world = employment();
    let text = world.read("test.csv");
    let mut lines = text.lines();
    let head = lines.next().unwrap();
    let place = head.split(',').position(|name| name == "employed").unwrap();
    let with = |label: &str| {
        let line = |line: &str| {
            let mut cells: Vec<&str> = line.split(',').collect();
            cells[place] = label;
            cells.join(",") + "\n"
        };
        format!("{head}\n{}", lines.clone().take(200).map(line).collect::<String>())
    };
    world.write("none.csv", &with(""));
    world.write("one.csv", &with("1"));
    world.write("empty.csv", &format!("{head}\n"));
    for name in ["none.csv", "one.csv", "empty.csv"] {
        let arguments = ["evaluate", "model", name, "--against", "model", "--slice", "SEX", "--html", "page.html"];
        let output = world.kilter(&[&arguments[..], &["--json"]].concat());
        let result: Value = serde_json::from_str(&output.out).unwrap();
        assert!(
            named(&result["metrics"], "metric", "auc")["missing"].is_string() && !result.to_string().contains("NaN"),
            "{result}"
        );
        // Of one class some metrics can be measured; without a label none.
        assert_eq!(output.exit, if name == "one.csv" { 0 } else { 3 }, "{name}: {result}");
        check_page(&world.read("page.html"));
        assert_eq!(world.kilter(&["evaluate", "model", name, "--rule", "auc >= 0.5"]).exit, 3);
    }
    world.write("words.csv", &with("yes"));
    let words = world.kilter(&["evaluate", "model", "words.csv"]);
    let output = "✕ not one of the 200 labels is a class of the model (`0`, `1`); they read `yes` (200)";
    assert!(words.exit == 3 && words.out.contains(output) && !words.out.contains("accuracy"), "{}", words.out);
    assert_eq!(world.kilter(&["evaluate", "model", "words.csv", "--rule", "npv >= 0.1"]).exit, 3);
    assert_eq!(world.problem(&["evaluate", "model", "test.csv", "--against", "nowhere"], 4)["code"], "file_not_found");
    assert_eq!(world.problem(&["evaluate", "model", "test.csv", "--slice", "age"], 2)["code"], "column_unknown");
}

/// A model that answers margins, and its rows.
pub fn margins() -> World {
    let world = World::new();
    let case = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/cases/margins-decided-at-one-half");
    for file in ["margin.onnx", "rows.csv"] {
        std::fs::copy(case.join(file), world.path().join(file)).unwrap();
    }
    world
}

#[test]
fn a_model_that_answers_margins_is_decided_at_its_own_zero() {
    let world = margins();
    let evaluated = world.json(&["evaluate", "margin.onnx", "rows.csv", "--target", "y"]);
    close(number(&evaluated["accuracy"]), 0.6325);
    assert!((number(&evaluated["recall"]) - 0.5855).abs() < 5e-5, "{}", evaluated["recall"]);
    // As the model's own decisions are, row by row.
    world.json(&["predict", "rows.csv", "--model", "margin.onnx", "--out", "scored.csv"]);
    let rows = csv(&world.read("scored.csv"), &["y", "predicted"]);
    let right = rows.iter().filter(|row| row[0] == row[1]).count();
    close(number(&evaluated["accuracy"]), right as f64 / rows.len() as f64);
    let output = world.kilter(&["evaluate", "margin.onnx", "rows.csv", "--target", "y"]).out;
    assert!(output.contains("Decided above 0:"), "{output}");
    let fairness = world.json(&["fairness", "margin.onnx", "rows.csv", "--target", "y", "--groups", "X_0"]);
    let rates = &fairness["overall"]["rates"];
    close(number(&named(rates, "rate", "accuracy")["value"]), 0.6325);
    // A stated threshold may be any number; that of probabilities lies between 0 and 1.
    let at = |threshold: &str| {
        world.json(&["evaluate", "margin.onnx", "rows.csv", "--target", "y", "--threshold", threshold])
    };
    close(number(&at("0.5")["accuracy"]), 0.605);
    assert!(number(&at("-1.5")["recall"]) > number(&evaluated["recall"]));
    let probabilities = employment();
    let problem = probabilities.problem(&["evaluate", "model", "test.csv", "--threshold", "1.5"], 2);
    assert_eq!(problem["code"], "usage_invalid");
}

#[test]
fn a_version_that_answers_margins_is_gated_and_served_at_its_own_zero() {
    let world = margins();
    world.write(
        "kilter.toml",
        "[project]\nname = \"margins\"\n[data.rows]\npath = \"rows.csv\"\nlabel = \"y\"\n\
         [step.train]\nrun = \"mkdir -p {out.model} && cp margin.onnx {out.model}/model.onnx\"\n\
         in = [\"rows\"]\ncode = [\"margin.onnx\"]\nout = { model = \"work/model\" }\n\
         [gate.q]\nrules = [\"recall >= 0.4\"]\n[package]\nmodel = \"train.model\"\n",
    );
    // At one half it would find three in ten.
    let ran = world.json(&["run"]);
    assert_eq!(ran["version"]["state"], "approved", "{ran:#}");
}
