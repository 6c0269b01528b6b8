//! A first `kilter.toml` for a table: `kilter init --from data.csv`.
//!
//! Holds true: what is written always reads as a contract, whatever the columns are called. Guesses are said to be
//! guesses, in comments beside them.

mod guess;

use std::fmt::Write as _;

use self::guess::Guess;
use crate::table::ColumnType;

/// What is known of one column.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnSummary {
    pub name: String,
    pub column_type: ColumnType,
    /// Distinct values, missing ones aside.
    pub distinct: u64,
    pub missing: u64,
    /// The smallest and the largest value, as [`Column::label`](crate::table::Column::label) writes them.
    pub min: Option<String>,
    pub max: Option<String>,
    /// Some of its values, in no order; a few suffice.
    pub samples: Vec<String>,
}

/// What a contract is written from.
#[derive(Clone, Debug)]
pub struct InitFrom<'a> {
    /// For the project's name: the folder's.
    pub name: &'a str,
    /// The file of the table, relative to the project.
    pub path: &'a str,
    pub rows: u64,
    pub columns: &'a [ColumnSummary],
    /// The column to predict, where it was said; `None`: it is guessed.
    pub label: Option<&'a str>,
}

/// What the label asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    Binary,
    Multiclass,
    Regression,
}

/// The text of a small contract with comments, which [`Contract::parse`](super::Contract::parse) reads.
pub fn init(from: &InitFrom<'_>) -> String {
    let guess = Guess::of(from.rows, from.columns, from.label);
    let mut text = String::new();
    // Writing into a text does not fail.
    let _ = write(&mut text, from, &guess);
    text
}

fn write(out: &mut String, from: &InitFrom<'_>, guess: &Guess<'_>) -> std::fmt::Result {
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
        writeln!(out, "# [step.train]\n# run = \"kilter fit {{in.{dataset}}} --target COLUMN --out {{out.model}}\"")?;
        return writeln!(out, "# in  = [\"{dataset}\"]\n# out = {{ model = \"work/model\" }}");
    };
    steps(out, guess, &dataset, label)?;
    gate(out, guess.question(label))?;
    watch(out, guess, label)
}

fn data(out: &mut String, from: &InitFrom<'_>, guess: &Guess<'_>, dataset: &str) -> std::fmt::Result {
    writeln!(
        out,
        "# {} rows, {} columns. Guessed from names and values: look these over.",
        from.rows,
        from.columns.len()
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
    writeln!(out, "# sensitive = [\"COLUMN\"]   # columns by which fairness is watched")?;
    writeln!(out, "require = [\"rows >= {}\"]\n", (from.rows / 10).max(1))
}

fn steps(out: &mut String, guess: &Guess<'_>, dataset: &str, label: &ColumnSummary) -> std::fmt::Result {
    let time = guess.time.map_or_else(String::new, |time| format!(" --time {}", shell_word(&time.name)));
    writeln!(out, "# Steps are commands: any language may stand here.")?;
    writeln!(out, "[step.split]")?;
    writeln!(out, "run = {}", quoted(&format!("kilter split {{in.{dataset}}} {{out.train}} {{out.test}}{time}")))?;
    writeln!(out, "in  = [\"{dataset}\"]")?;
    writeln!(out, "out = {{ train = \"work/train.parquet\", test = \"work/test.parquet\" }}\n")?;
    // A column whose name has a comma cannot stand in a list of the command line.
    let not_features = guess.not_features().into_iter().filter(|name| !name.contains(','));
    let excluded: Vec<&str> = not_features.collect();
    let exclude = match excluded.is_empty() {
        true => String::new(),
        false => format!(" --exclude {}", shell_word(&excluded.join(","))),
    };
    writeln!(out, "[step.train]")?;
    let target = shell_word(&label.name);
    writeln!(
        out,
        "run = {}",
        quoted(&format!("kilter fit {{in.train}} --target {target}{exclude} --out {{out.model}}"))
    )?;
    writeln!(out, "in  = [\"split.train\"]\nout = {{ model = \"work/model\" }}\n")
}

fn gate(out: &mut String, question: Question) -> std::fmt::Result {
    let rules = match question {
        Question::Binary => "\"auc >= 0.6\", \"auc >= champion.auc - 0.002\"",
        Question::Multiclass => "\"accuracy >= 0.5\", \"accuracy >= champion.accuracy - 0.005\"",
        Question::Regression => "\"r2 >= 0.1\", \"rmse <= champion.rmse * 1.02\"",
    };
    writeln!(
        out,
        "# A candidate must be good enough, and not worse than the version that serves. Set your own bounds."
    )?;
    writeln!(out, "[gate.quality]\non    = \"split.test\"\nrules = [{rules}]\n")?;
    writeln!(out, "[package]\nmodel = \"train.model\"\n")?;
    writeln!(
        out,
        "[deploy.production]\ncanary = {{ steps = [10, 50, 100], every = \"1h\", abort = [\"error_rate > 1%\"] }}\n"
    )
}

fn watch(out: &mut String, guess: &Guess<'_>, label: &ColumnSummary) -> std::fmt::Result {
    let accuracy = match guess.question(label) {
        Question::Binary => "auc >= 0.6",
        Question::Multiclass => "accuracy >= 0.5",
        Question::Regression => "r2 >= 0.1",
    };
    writeln!(out, "[monitor]\nevery    = \"1d\"\naccuracy = [\"{accuracy}\"]")?;
    writeln!(out, "drift    = [\"psi(*) < 0.25\", \"psi(score) < 0.25\"]\n")?;
    writeln!(out, "# A new version meets the same gates as any other.")?;
    writeln!(out, "[retrain]\nwhen = [\"monitor.accuracy failing\"]")
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

/// A text as one word of a shell.
fn shell_word(text: &str) -> String {
    let is_plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.,/:@+".contains(c));
    if is_plain { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}
