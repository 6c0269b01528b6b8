//! A first `kilter.toml` for a table: `kilter init --from data.csv`.
//!
//! Invariants: what is written always reads as a contract, whatever the columns are called. Guesses are said to be
//! guesses, in comments beside them.

mod infer_roles;
mod input;

use std::fmt::Write as _;

use self::{infer_roles::InferredRoles, input::Question};
use crate::{
    plural::counted,
    time::{DAY_MS, Timestamp},
};

pub use self::input::{ColumnSummary, InitFrom};

/// The column that the contract predicts, as said or guessed.
pub fn label_of(from: &InitFrom<'_>) -> Option<String> {
    InferredRoles::of(from).label.map(|label| label.name.clone())
}

/// The text of a small contract with comments, which [`Contract::parse`](super::Contract::parse) reads.
pub fn init(from: &InitFrom<'_>) -> String {
    let guess = InferredRoles::of(from);
    let mut text = String::new();
    // Writing into a text does not fail.
    let _ = write(&mut text, from, &guess);
    text
}

fn write(out: &mut String, from: &InitFrom<'_>, guess: &InferredRoles<'_>) -> std::fmt::Result {
    let project = name_like(from.name, "project");
    let dataset =
        name_like(from.path.rsplit('/').next().and_then(|file| file.split('.').next()).unwrap_or(""), "table");
    writeln!(out, "# What Kilter does for this model. Check it with `kilter check`; every key: `kilter schema`,")?;
    writeln!(out, "# docs/reference/contract.md.\n")?;
    writeln!(out, "[project]\nname = {}", quoted(&project))?;
    writeln!(out, "# purpose = \"what the model is for, and whom it serves\"")?;
    writeln!(out, "# owner   = \"user:you\"\n")?;
    data(out, from, guess, &dataset)?;
    let Some(label) = &guess.label else {
        writeln!(out, "# Name the column to predict above, then add a step that trains, for example:")?;
        writeln!(out, "# [step.train]\n# run = \"kilter train {{in.{dataset}}} --target COLUMN --out {{out.model}}\"")?;
        return writeln!(out, "# in  = [\"{dataset}\"]\n# out = {{ model = \"work/model\" }}");
    };
    steps(out, guess, &dataset, label)?;
    gate(out, guess.question(label), from.rows)?;
    watch(out, guess, label, from.rows)
}

fn data(out: &mut String, from: &InitFrom<'_>, guess: &InferredRoles<'_>, dataset: &str) -> std::fmt::Result {
    writeln!(
        out,
        "# {}, {}. Guessed from names and values: please check.",
        counted(from.rows, "row"),
        counted(from.columns.len(), "column")
    )?;
    writeln!(out, "[data.{dataset}]")?;
    match super::path::location(from.path) {
        Ok(location) => writeln!(out, "path = {}", quoted(location.as_str()))?,
        Err(_) => writeln!(out, "# path = \"data/table.csv\"   # a path inside of the project")?,
    }
    match &guess.time {
        Some(time) => writeln!(out, "time = {}   # when a row happened", quoted(&time.name))?,
        None => writeln!(out, "# time = \"COLUMN\"   # when a row happened; needed to replay and to split by time")?,
    }
    if !guess.id.is_empty() {
        let id: Vec<String> = guess.id.iter().map(|column| quoted(&column.name)).collect();
        writeln!(out, "id = [{}]   # what identifies a row", id.join(", "))?;
    }
    match &guess.label {
        Some(label) => writeln!(out, "label = {}   # the column to predict", quoted(&label.name))?,
        None => writeln!(out, "# label = \"COLUMN\"   # the column to predict")?,
    }
    match &guess.label_time {
        Some(column) => writeln!(out, "label_time = {}   # when the label became known", quoted(&column.name))?,
        None if guess.label.is_some() => {
            writeln!(out, "# label_delay = \"30d\"   # how long after the event the label becomes known")?;
        }
        None => {}
    }
    let never: Vec<&ColumnSummary> = guess.telling.iter().chain(&guess.like_ids).copied().collect();
    if !never.is_empty() {
        let names: Vec<String> = never.iter().map(|column| quoted(&column.name)).collect();
        writeln!(out, "ignore = [{}]   # never features:", names.join(", "))?;
        let is_named = |name: &String| guess.telling.iter().any(|column| column.name == *name);
        for (_, sentence) in from.telling.iter().filter(|(name, _)| is_named(name)) {
            writeln!(out, "#   {}", one_line(sentence))?;
        }
        for column in &guess.like_ids {
            writeln!(out, "#   `{}` looks like an id: each row has another value", one_line(&column.name))?;
        }
    }
    writeln!(out, "# sensitive = [\"COLUMN\"]   # columns by which fairness is watched")?;
    writeln!(out, "require = [\"rows >= {}\"]\n", (from.rows / 10).max(1))
}

fn steps(out: &mut String, guess: &InferredRoles<'_>, dataset: &str, label: &ColumnSummary) -> std::fmt::Result {
    let time = guess.time.map_or_else(String::new, |time| option("time", &time.name));
    writeln!(out, "# Steps are commands: any language may stand here.")?;
    writeln!(out, "[step.split]")?;
    writeln!(out, "run = {}", quoted(&format!("kilter data split {{in.{dataset}}} {{out.train}} {{out.test}}{time}")))?;
    writeln!(out, "in  = [\"{dataset}\"]")?;
    writeln!(out, "out = {{ train = \"work/train.parquet\", test = \"work/test.parquet\" }}\n")?;
    let exclude = match guess.not_features()[..] {
        [] => String::new(),
        // Alone, a name needs no quotes: the command takes it as it is.
        [alone] if !alone.contains('"') => option("exclude", alone),
        ref several => option("exclude", &several.iter().map(|name| list_entry(name)).collect::<Vec<_>>().join(",")),
    };
    for column in &guess.prose {
        writeln!(
            out,
            "# `{}` holds texts of several words: the linear learner reads them word by word.",
            one_line(&column.name)
        )?;
    }
    if guess.has_few_numbers(label) {
        writeln!(out, "# The label is predicted as a number; add --task multiclass if its numbers are classes.")?;
    }
    writeln!(out, "[step.train]")?;
    let target = option("target", &label.name);
    let learner = if guess.prose.is_empty() { "" } else { " --learner linear" };
    writeln!(
        out,
        "run = {}",
        quoted(&format!("kilter train {{in.train}}{target}{exclude}{learner} --out {{out.model}}"))
    )?;
    writeln!(out, "in  = [\"split.train\"]\nout = {{ model = \"work/model\" }}\n")
}

fn gate(out: &mut String, question: Question, rows: u64) -> std::fmt::Result {
    let rules = match question {
        Question::Binary => {
            format!("\"auc >= 0.6\", \"ece <= {}\", \"auc >= champion.auc - 0.002\"", calibration_bound(rows / 4))
        }
        Question::Multiclass => "\"accuracy >= 0.5\", \"accuracy >= champion.accuracy - 0.005\"".to_owned(),
        Question::Regression => "\"r2 >= 0.1\", \"rmse <= champion.rmse * 1.02\"".to_owned(),
    };
    writeln!(
        out,
        "# A candidate must be good enough, and not worse than the version that serves. Set your own bounds."
    )?;
    writeln!(out, "[gate.quality]\ndataset = \"split.test\"\nrules   = [{rules}]\n")?;
    writeln!(out, "[package]\nmodel = \"train.model\"\n")?;
    writeln!(
        out,
        "[deploy.production]\ncanary = {{ steps = [10, 50, 100], every = \"1h\", abort = [\"error_rate > 1%\"] }}\n"
    )
}

fn watch(out: &mut String, guess: &InferredRoles<'_>, label: &ColumnSummary, rows: u64) -> std::fmt::Result {
    let performance = match guess.question(label) {
        Question::Binary => format!("\"auc >= 0.6\", \"ece <= {}\"", calibration_bound(WINDOW_ROWS)),
        Question::Multiclass => "\"accuracy >= 0.5\"".to_owned(),
        Question::Regression => "\"r2 >= 0.1\"".to_owned(),
    };
    match guess.time.and_then(|time| window(time, rows)) {
        Some((every, rows)) => writeln!(out, "[monitor]\nevery       = \"{every}\"   # about {rows} rows")?,
        None => writeln!(out, "[monitor]\nevery       = \"1d\"")?,
    }
    writeln!(out, "performance = [{performance}]")?;
    writeln!(out, "drift       = [\"psi(*) < 0.25\", \"psi(score) < 0.25\"]\n")?;
    writeln!(out, "# A new version meets the same gates as any other.")?;
    writeln!(out, "[retrain]\nwhen = [\"monitor.performance failing\"]")
}

/// Rows that a window should hold: four times what a monitor needs to judge at all.
const WINDOW_ROWS: u64 = 200;
/// Windows that the table should be cut into, at least.
const MIN_WINDOWS: f64 = 8.0;

/// The shortest usual window that holds [`WINDOW_ROWS`] rows of the table (fewer, where that would leave hardly a window) and
/// is not shorter than the step between two of its times, and about how many rows that is; `None` where the times say nothing.
fn window(time: &ColumnSummary, rows: u64) -> Option<(&'static str, u64)> {
    const DAY: f64 = DAY_MS as f64;
    const WINDOWS: [(&str, f64); 6] = [
        ("1d", DAY),
        ("7d", 7.0 * DAY),
        ("1mo", 30.0 * DAY),
        ("3mo", 90.0 * DAY),
        ("1y", 365.0 * DAY),
        ("10y", 3650.0 * DAY),
    ];
    let length = time_at(&time.max)? - time_at(&time.min)?;
    if length <= 0.0 || time.distinct < 2 {
        return None;
    }
    let step = length / (time.distinct - 1) as f64;
    let enough = (length * WINDOW_ROWS as f64 / rows.max(1) as f64).min(length / MIN_WINDOWS);
    // Months are not all of one length.
    let least = 0.95 * step.max(enough);
    let (name, window) = WINDOWS.into_iter().find(|(_, window)| *window >= least).unwrap_or(WINDOWS[WINDOWS.len() - 1]);
    Some((name, (rows as f64 * (window / length).min(1.0)).round() as u64))
}

/// A time as the summary of a column writes it: a time, or a year.
fn time_at(value: &Option<String>) -> Option<f64> {
    let value = value.as_deref()?;
    let year = || Timestamp::from_date(value.parse().ok()?, 1, 1);
    value.parse::<Timestamp>().ok().or_else(year).map(|time| time.millis() as f64)
}

/// A calibration error that noise alone does not reach on `rows` rows: ten bins of equal width put about
/// `0.4 sqrt(10 / rows)` into it when the scores are right.
fn calibration_bound(rows: u64) -> f64 {
    let noise = 0.4 * (10.0 / rows.max(40) as f64).sqrt();
    // Steps of a twentieth, as a person would write them.
    ((0.05 + noise) * 20.0).ceil().max(2.0) / 20.0
}

/// A text in a comment.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A text as a name: other characters become `-`, and `or` stands for what has none.
fn name_like(text: &str, or: &str) -> String {
    let letters = text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' });
    let name: String = letters.collect::<String>().trim_matches(['-', '_']).chars().take(64).collect();
    if name.starts_with(|c: char| c.is_ascii_alphanumeric()) { name } else { or.to_owned() }
}

/// A text as a TOML string.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out + "\""
}

/// A column's name as an entry of a list of columns on the command line, as CSV writes it: in double quotes where it holds a
/// comma, a quote or a space at its ends.
pub fn list_entry(name: &str) -> String {
    if name.contains([',', '"']) || name.trim() != name {
        format!("\"{}\"", name.replace('"', "\"\""))
    } else {
        name.to_owned()
    }
}

/// An option of a command with its value. One that begins with a dash is bound to the option, so that it is none itself.
fn option(name: &str, value: &str) -> String {
    format!(" --{name}{}{}", if value.starts_with('-') { '=' } else { ' ' }, shell_word(value))
}

/// A text as one word of a shell. What would read as a placeholder of the command is broken by an end and a beginning of
/// the quotes, which the shell joins.
fn shell_word(text: &str) -> String {
    let is_plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.,/:@+".contains(c));
    if is_plain {
        return text.to_owned();
    }
    let word = format!("'{}'", text.replace('\'', "'\\''"));
    if super::template::scan(&word).is_empty() { word } else { word.replace('{', "{''") }
}
