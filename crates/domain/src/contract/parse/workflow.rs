//! `[data.*]` and `[step.*]`.

use super::names::{output_ref, plain_name};
use crate::{
    contract::{
        DEFAULT_MAX_OUTPUT_BYTES, DatabaseSource, Dataset, Input, Needs, Output, Retry, RetryOn, SearchSpace, Source,
        Step, Sweep, field::Field, path::location, section::Section,
    },
    rule::{Bound, BoundExpr, Rule, Unit},
};

pub(super) fn dataset(name: &str, field: &Field<'_, '_>) -> Option<Dataset> {
    let section = field.section("data.*")?;
    let name = plain_name(name, field, "dataset");
    let dataset = |name| Dataset {
        name,
        path: section.field("path").and_then(|field| field.read(location)),
        database: section.field("database").and_then(|field| field.read(database)),
        schema: section.path("schema"),
        time: section.text("time"),
        id: section.texts("id"),
        label: section.text("label"),
        label_time: section.text("label_time"),
        label_delay: section.field("label_delay").and_then(|field| field.parsed()),
        positive: section.field("positive").and_then(|field| field.word()),
        weight: section.text("weight"),
        sensitive: section.texts("sensitive"),
        ignore: section.texts("ignore"),
        not_leaking: section.texts("not_leaking"),
        categorical: section.texts("categorical"),
        require: section.rules("require"),
    };
    let dataset = dataset(name?);
    if dataset.label_time.is_some() && dataset.label_delay.is_some() {
        let hint = "keep the column if there is one; it knows more than a fixed delay".to_owned();
        section.error(format!("[{}] has both `label_time` and `label_delay`", section.path), hint);
    }
    let is_query = dataset.path.as_ref().is_some_and(|path| path.as_str().starts_with("sql:"));
    if is_query != dataset.database.is_some() {
        let (message, hint) = match is_query {
            true => ("a query needs `database`", "write database = \"env:NAME\": the variable with its address"),
            false => ("`database` is for `path = \"sql:FILE\"` alone", "take it out, or name the file with the query"),
        };
        section.error(format!("[{}]: {message}", section.path), hint.to_owned());
    }
    section.finish();
    Some(dataset)
}

/// `env:CUSTOMERS_DB`, `file:/run/secrets/customers`.
fn database(text: &str) -> Result<DatabaseSource, String> {
    let wrong = || {
        // It may be the address itself, with a password.
        "this is not where the address of a database is: write `env:NAME` or `file:PATH`; the address itself may hold a \
         password, and does not belong into the contract"
            .to_owned()
    };
    match text.split_once(':') {
        Some(("env", name)) => variable(name).map(DatabaseSource::Variable).map_err(|_| wrong()),
        Some(("file", path)) if !path.trim().is_empty() && !path.contains(char::is_control) => {
            Ok(DatabaseSource::File(path.to_owned()))
        }
        _ => Err(wrong()),
    }
}

pub(super) fn step(name: &str, field: &Field<'_, '_>) -> Option<Step> {
    let section = field.section("step.*")?;
    let name = plain_name(name, field, "step");
    let run = section.needed("run").and_then(|field| command(&field));
    let step = |name| Step {
        name,
        run: run.unwrap_or_default(),
        inputs: section.field("in").map(|field| inputs(&field)).unwrap_or_default(),
        outputs: section.field("out").map(|field| outputs(&field)).unwrap_or_default(),
        params: section.texts("params"),
        metrics: section.text("metrics"),
        retry: section.section("retry").map(retry).unwrap_or_default(),
        timeout: section.span("timeout"),
        needs: section.section("needs").map(needs).unwrap_or_default(),
        max_output_bytes: section
            .field("max_output")
            .and_then(|field| field.read(size))
            .unwrap_or(DEFAULT_MAX_OUTPUT_BYTES),
        sweep: section.section("sweep").and_then(sweep),
        code: section.paths("code"),
        env: section.list("env").iter().filter_map(|field| field.read(variable)).collect(),
        cwd: section.path("cwd").unwrap_or_default(),
        cache: section.bool("cache").unwrap_or(true),
        deterministic: section.bool("deterministic").unwrap_or(true),
    };
    let step = step(name?);
    section.finish();
    Some(step)
}

fn command(field: &Field<'_, '_>) -> Option<String> {
    let text = field.text()?;
    if text.trim().is_empty() {
        field.error("`run` is empty", "write the command of the step".to_owned());
    }
    Some(text.to_owned())
}

fn variable(text: &str) -> Result<String, String> {
    let is_name = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if is_name && !text.starts_with(|c: char| c.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err(format!("`{text}` is not the name of an environment variable: write the name alone, as `HTTPS_PROXY`"))
    }
}

/// A list of references, or a table of names with a reference each.
fn inputs(field: &Field<'_, '_>) -> Vec<Input> {
    if field.is_table() {
        let named = |(name, field): (&str, Field<'_, '_>)| {
            let source = field.read(source)?;
            port(name, &field).map(|name| Input { name, source })
        };
        return field.entries().into_iter().filter_map(|entry| named((entry.name, entry.field))).collect();
    }
    let mut inputs: Vec<Input> = Vec::new();
    for field in field.list() {
        let Some(source) = field.read(source) else { continue };
        let name = match &source {
            Source::Dataset(name) => name.as_str().to_owned(),
            Source::Output { output, .. } => output.clone(),
        };
        if inputs.iter().any(|input| input.name == name) {
            let hint = format!(
                "give each a name: in = {{ first = ..., second = ... }}, used as {{in.first}} (two are called `{name}`)"
            );
            field.error(format!("two inputs are called `{name}`"), hint);
        }
        inputs.push(Input { name, source });
    }
    inputs
}

fn source(text: &str) -> Result<Source, String> {
    if text.contains('.') {
        output_ref(text).map(|output| Source::Output { step: output.step, output: output.output })
    } else {
        text.parse().map(Source::Dataset).map_err(|error: crate::ids::InvalidName| error.to_string())
    }
}

fn outputs(field: &Field<'_, '_>) -> Vec<Output> {
    let output = |(name, field): (&str, Field<'_, '_>)| {
        let path = field.path()?;
        port(name, &field).map(|name| Output { name, path })
    };
    field.entries().into_iter().filter_map(|entry| output((entry.name, entry.field))).collect()
}

/// The name of an input or output.
fn port(name: &str, field: &Field<'_, '_>) -> Option<String> {
    let is_name =
        !name.is_empty() && name.len() <= 64 && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    if !is_name {
        field.error(format!("`{name}` cannot name an input or output"), "use letters, digits, `-` and `_`".to_owned());
    }
    is_name.then(|| name.to_owned())
}

fn retry(section: Section<'_, '_>) -> Retry {
    let default = Retry::default();
    let retry = Retry {
        times: section.count("times").map_or(default.times, |times| times as u32),
        on: section.list("on").iter().filter_map(|field| field.read(retry_on)).collect(),
        backoff: section.span("backoff").unwrap_or(default.backoff),
    };
    section.finish();
    retry
}

fn retry_on(text: &str) -> Result<RetryOn, String> {
    let unknown = || format!("`{text}` is no kind of failure: write `exit:137`, `signal:9` or `timeout`");
    let number =
        |digits: &str, most: i32| digits.parse::<i32>().ok().filter(|n| (1..=most).contains(n)).ok_or_else(unknown);
    match text.split_once(':') {
        None if text == "timeout" => Ok(RetryOn::Timeout),
        Some(("exit", code)) => number(code, 255).map(RetryOn::Exit),
        Some(("signal", signal)) => number(signal, 64).map(RetryOn::Signal),
        _ => Err(unknown()),
    }
}

fn needs(section: Section<'_, '_>) -> Needs {
    let needs = Needs {
        cpu: section.number("cpu"),
        memory_bytes: section.field("memory").and_then(|field| field.read(size)),
        gpu: section.count("gpu").map(|gpu| gpu as u32),
    };
    section.finish();
    needs
}

/// `8GiB`, by the number syntax of rules.
fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a size: write KiB, MiB or GiB, like \"8GiB\"");
    let rule = Rule::parse(&format!("size <= {text}")).map_err(|_| wrong())?;
    match rule.bound {
        Bound::Compare(_, BoundExpr::Number(number))
            if matches!(number.unit, Unit::KiB | Unit::MiB | Unit::GiB)
                && rule.over.is_none()
                && (1.0..1e18).contains(&number.value()) =>
        {
            Ok(number.value() as u64)
        }
        _ => Err(wrong()),
    }
}

fn sweep(section: Section<'_, '_>) -> Option<Sweep> {
    let trials = section.needed("trials").and_then(|_| section.count("trials"));
    let goal = section.needed("goal").and_then(|field| field.read(goal));
    let search = section.needed("search").map(|field| search(&field));
    let parallel = section.count("parallel").unwrap_or(1) as u32;
    section.finish();
    let (metric, maximize) = goal?;
    Some(Sweep { trials: trials? as u32, parallel, metric, maximize, search: search? })
}

fn goal(text: &str) -> Result<(String, bool), String> {
    let wrong = || format!("`{text}` is not a goal: write `max METRIC` or `min METRIC`");
    let (direction, metric) = text.trim().split_once(' ').ok_or_else(wrong)?;
    let metric = metric.trim();
    match direction {
        "max" | "min" if !metric.is_empty() && !metric.contains(' ') => Ok((metric.to_owned(), direction == "max")),
        _ => Err(wrong()),
    }
}

fn search(field: &Field<'_, '_>) -> Vec<(String, SearchSpace)> {
    let space = |name: &str, field: &Field<'_, '_>| {
        let space = if field.is_list() {
            let choices: Vec<_> = field.list().iter().filter_map(Field::json).collect();
            if choices.is_empty() {
                field.error(format!("`{name}` has no choices"), None);
            }
            SearchSpace::Choice(choices)
        } else {
            field.read(space)?
        };
        Some((name.to_owned(), space))
    };
    field.entries().iter().filter_map(|entry| space(entry.name, &entry.field)).collect()
}

fn space(text: &str) -> Result<SearchSpace, String> {
    let wrong =
        || format!("`{text}` is not a search range: write `log 1e-5..1e-1`, `float 0.1..0.9`, `int 3..10`, or a list");
    let (kind, range) = text.trim().split_once(' ').ok_or_else(wrong)?;
    let (low, high) = range.trim().split_once("..").ok_or_else(wrong)?;
    let ends = || -> Option<(f64, f64)> {
        let (low, high): (f64, f64) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
        (low.is_finite() && high.is_finite() && low < high).then_some((low, high))
    };
    match kind {
        "log" => {
            ends().filter(|(low, _)| *low > 0.0).map(|(low, high)| SearchSpace::Log { low, high }).ok_or_else(wrong)
        }
        "float" => ends().map(|(low, high)| SearchSpace::Float { low, high }).ok_or_else(wrong),
        "int" => match (low.trim().parse(), high.trim().parse()) {
            (Ok(low), Ok(high)) if low < high => Ok(SearchSpace::Int { low, high }),
            _ => Err(wrong()),
        },
        _ => Err(wrong()),
    }
}
