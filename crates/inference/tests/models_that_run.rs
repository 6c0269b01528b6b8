//! Models of the real libraries answer as those libraries do: trained and exported by `tests/python/models_that_run/make.py`, with the Python
//! named by `KILTER_PYTHON` (default `~/.cache/kilter/venv/bin/python`); without one the test says so and is skipped.
//!
//! `KILTER_UPDATE=1` writes the table of `docs/reference/models-that-run.md`. Each model also gets one row alone, and none.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use kilter_domain::table::{Column, Table};
use kilter_inference::{Model, Prediction};
use serde_json::Value;

/// Marks around the part of the page that is written here.
const MARKS: [&str; 2] = ["<!-- table: begin -->\n", "<!-- table: end -->\n"];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn python() -> PathBuf {
    let default = || PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".cache/kilter/venv/bin/python");
    env::var_os("KILTER_PYTHON").map_or_else(default, PathBuf::from)
}

/// A number, or the text of one that JSON does not have.
fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| value.as_str().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN))
}

fn column(document: &Value) -> (String, Column) {
    let values = document["values"].as_array().unwrap();
    let column = match document["type"].as_str().unwrap() {
        "text" => Column::Text(values.iter().map(|value| value.as_str().map(Arc::from)).collect()),
        "integer" => Column::Int(values.iter().map(Value::as_i64).collect()),
        _ => Column::Float(values.iter().map(number).collect()),
    };
    (document["name"].as_str().unwrap().to_owned(), column)
}

/// What Kilter answered in the form of the library: `width` numbers a row.
fn numbers(answer: &Prediction, width: usize) -> Vec<f64> {
    match answer.probabilities() {
        None => answer.scores().to_vec(),
        // A margin is one number: that of the second class.
        Some(pairs) if width == 1 => pairs.chunks_exact(2).map(|pair| f64::from(pair[1])).collect(),
        Some(numbers) => numbers.iter().map(|&value| f64::from(value)).collect(),
    }
}

/// The largest difference, relative to the number where it is above one.
fn difference(found: &[f64], wanted: &[f64]) -> f64 {
    let of = |(found, wanted): (&f64, &f64)| match found == wanted {
        true => 0.0,
        false => (found - wanted).abs() / wanted.abs().max(1.0),
    };
    // NaN is no small difference.
    found.iter().zip(wanted).map(of).fold(0.0, |all: f64, one| if one > all || one.is_nan() { one } else { all })
}

/// One line of the table, or what is wrong.
fn check(folder: &Path, name: &str) -> Result<(Value, f64), String> {
    let text = fs::read_to_string(folder.join(format!("{name}.json"))).map_err(|error| error.to_string())?;
    let document: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let bytes = fs::read(folder.join(format!("{name}.onnx"))).map_err(|error| error.to_string())?;
    let model = Model::from_onnx(&bytes).map_err(|error| format!("does not load: {error}"))?;
    let columns = document["columns"].as_array().unwrap().iter().map(column).collect();
    let table = Table::new(columns).map_err(|error| error.to_string())?;
    let rows = table.rows();
    let answer = model.predict(&table).map_err(|error| format!("does not run: {error}"))?;
    let wanted: Vec<Vec<f64>> = document["numbers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row.as_array().unwrap().iter().map(number).collect())
        .collect();
    let (width, wanted) = (wanted[0].len(), wanted.concat());
    let found = numbers(&answer, width);
    if found.len() != wanted.len() {
        return Err(format!("{} numbers and not {}", found.len(), wanted.len()));
    }
    let largest = difference(&found, &wanted);
    let tolerance = document["tolerance"].as_f64().unwrap();
    if largest.is_nan() || largest > tolerance {
        return Err(format!(
            "differs by {largest:.2e}, more than {tolerance:.0e}: {:?} and not {:?}",
            &found[..4.min(found.len())],
            &wanted[..4.min(wanted.len())]
        ));
    }
    if let Some(labels) = document["labels"].as_array() {
        let classes: Vec<&str> =
            document["classes"].as_array().unwrap().iter().map(|class| class.as_str().unwrap()).collect();
        if model.signature().classes != classes {
            return Err(format!("the classes are {:?} and not {classes:?}", model.signature().classes));
        }
        let found = answer.labels().ok_or("it answers no labels")?;
        let wrong = found.iter().zip(labels).filter(|(found, wanted)| Some(&***found) != wanted.as_str()).count();
        if wrong > 0 {
            return Err(format!("{wrong} of {rows} labels differ"));
        }
    }
    let alone = model.predict(&table.take(&[rows - 1])).map_err(|error| format!("one row: {error}"))?;
    let apart = difference(&numbers(&alone, width), &found[found.len() - numbers(&alone, width).len()..]);
    if apart.is_nan() || apart > 1e-6 {
        return Err(format!("a row alone is answered differently by {apart:.1e}"));
    }
    match model.predict(&table.take(&[])) {
        Ok(none) if none.rows() == 0 => Ok((document, largest)),
        other => Err(format!("no rows: {other:?}")),
    }
}

fn line((document, largest): &(Value, f64)) -> String {
    let text = |key: &str| document[key].as_str().unwrap().replace('|', "\\|");
    let rounded = if *largest == 0.0 { "0".to_owned() } else { format!("{largest:.0e}") };
    let tolerance = document["tolerance"].as_f64().unwrap();
    format!("| `{}` | {} | {} | {rounded} | {tolerance:.0e} |\n", text("model"), text("options"), text("library"))
}

#[test]
fn models_answer_as_the_libraries_that_trained_them() {
    let (python, folder) = (python(), Path::new(env!("CARGO_TARGET_TMPDIR")).join("models_that_run"));
    let script = repository().join("tests/python/models_that_run/make.py");
    let made = Command::new(&python).arg(script).arg(&folder).output();
    let index = match &made {
        Ok(output) if output.status.success() => fs::read_to_string(folder.join("index.json")).unwrap(),
        Ok(output) if !String::from_utf8_lossy(&output.stderr).contains("ModuleNotFoundError") => {
            panic!("{}", String::from_utf8_lossy(&output.stderr))
        }
        _ => {
            return println!(
                "SKIPPED: {} has no scikit-learn, skl2onnx, LightGBM and XGBoost; ./test makes one",
                python.display()
            );
        }
    };
    let index: Value = serde_json::from_str(&index).unwrap();
    assert_eq!(index["failed"], serde_json::json!([]), "models that the converters refused");
    let (mut lines, mut wrong) = (Vec::new(), Vec::new());
    for name in index["models"].as_array().unwrap() {
        let name = name.as_str().unwrap();
        match check(&folder, name) {
            Ok(found) => lines.push(line(&found)),
            Err(reason) => wrong.push(format!("{name}: {reason}")),
        }
    }
    assert!(wrong.is_empty(), "{} of {} models:\n{}", wrong.len(), wrong.len() + lines.len(), wrong.join("\n"));
    assert!(lines.len() >= 60, "{}", lines.len());
    compare_page(&lines);
}

/// The page has a line per model. Differences are those of the machine that wrote it: the figures may vary, what is listed may not.
fn compare_page(lines: &[String]) {
    let path = repository().join("docs/reference/models-that-run.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(MARKS[0]).expect("the mark of the table");
    let (table, after) = rest.split_once(MARKS[1]).expect("the end of the table");
    let head = "| model | settings | library | largest difference | tolerance |\n|---|---|---|---|---|\n";
    if env::var_os("KILTER_UPDATE").is_some() {
        let fresh = [before, MARKS[0], head, &lines.concat(), MARKS[1], after].concat();
        return fs::write(path, fresh).unwrap();
    }
    let without_figures = |line: &str| {
        let cells: Vec<&str> = line.split(" | ").collect();
        [&cells[..cells.len().saturating_sub(2)], &cells[cells.len().saturating_sub(1)..]].concat().join(" | ")
    };
    let listed: Vec<String> = table.lines().skip(2).map(without_figures).collect();
    let found: Vec<String> = lines.iter().map(|line| without_figures(line.trim_end())).collect();
    assert!(
        listed == found,
        "docs/reference/models-that-run.md lists other models: write it anew with KILTER_UPDATE=1"
    );
}
