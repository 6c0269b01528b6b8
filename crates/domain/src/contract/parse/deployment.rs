//! `[package]` and `[deploy.*]`.

use super::names::{output_ref, plain_name};
use crate::{
    contract::{
        Canary, Deploy, Experiment, ExperimentDecider, ExperimentMetric, ExperimentOutcome, Package, Rollback, Sample,
        Target, field::Field, section::Section,
    },
    time::{Span, SpanUnit},
};

pub(super) fn package(field: &Field<'_, '_>) -> Option<Package> {
    let section = field.section("package")?;
    let model = section.needed("model").and_then(|field| field.read(output_ref));
    let name = section.parsed("name");
    let include = section.paths("include");
    let sample = section.section("sample").and_then(sample);
    let sign = section.field("sign").and_then(|field| field.read(key));
    let licence = section.text("licence");
    let push = section.field("push").and_then(|field| field.read(registry));
    section.finish();
    Some(Package { model: model?, name, include, sample, sign, licence, push })
}

fn sample(section: Section<'_, '_>) -> Option<Sample> {
    let from = section.needed("from").and_then(|field| field.read(output_ref));
    let rows = section.count("rows").unwrap_or(50) as u32;
    section.finish();
    Some(Sample { from: from?, rows })
}

fn key(text: &str) -> Result<String, String> {
    match text.strip_prefix("key:").filter(|name| !name.is_empty()) {
        Some(name) => Ok(name.to_owned()),
        None => Err(format!("`{text}` is not a key: write `key:NAME`")),
    }
}

fn registry(text: &str) -> Result<String, String> {
    match text.strip_prefix("oci://").filter(|rest| !rest.is_empty()) {
        Some(_) => Ok(text.to_owned()),
        None => Err(format!("`{text}` is not a registry: write `oci://HOST/PATH`")),
    }
}

pub(super) fn deploy(name: &str, field: &Field<'_, '_>) -> Option<Deploy> {
    let section = field.section("deploy.*")?;
    let name: Option<crate::ids::EndpointName> = plain_name(name, field, "deployment");
    let target = section.choice("target").map(|at| [Target::Http, Target::Batch, Target::Stream, Target::Library][at]);
    let rollback = section.choice("rollback").map(|at| [Rollback::Auto, Rollback::Manual][at]);
    let deploy = Deploy {
        name: name.as_ref().map(|name| name.as_str().to_owned()).unwrap_or_default(),
        auto: section.bool("auto").unwrap_or(false),
        target: target.unwrap_or_default(),
        shadow: section.span("shadow"),
        canary: section.section("canary").map(canary),
        experiment: section.section("experiment").map(experiment),
        rollback: rollback.unwrap_or_default(),
        consumers: section.texts("consumers"),
        threshold: section.number("threshold"),
    };
    if deploy.canary.is_some() && deploy.experiment.is_some() {
        section.error(
            "a canary grows and an experiment keeps its split: a place has one of them",
            "leave out `canary` or `experiment`".to_owned(),
        );
    }
    section.finish();
    name.map(|_| deploy)
}

fn canary(section: Section<'_, '_>) -> Canary {
    let steps = section.field("steps").and_then(|field| percents(&field));
    let canary = Canary {
        steps: steps.unwrap_or_else(|| vec![10, 50, 100]),
        every: section.span("every").unwrap_or(Span { count: 1, unit: SpanUnit::Hour }),
        min_rows: section.count("min_rows").unwrap_or(50),
        abort: section.rules("abort"),
    };
    section.finish();
    canary
}

fn experiment(section: Section<'_, '_>) -> Experiment {
    use ExperimentOutcome::{Ask, Promote, Stop};
    let metrics = [ExperimentMetric::Loss, ExperimentMetric::Label, ExperimentMetric::Latency];
    let experiment = Experiment {
        // The list of keys states 1 to 99.
        percent: section.count("percent").map_or(50, |percent| percent as u8),
        metric: section.choice("metric").map(|at| metrics[at]).unwrap_or_default(),
        min_entities: section.count("min_entities").unwrap_or(1_000),
        every: section.span("every").unwrap_or(Span { count: 1, unit: SpanUnit::Hour }),
        max_duration: section.span("max_duration"),
        decide: section
            .choice("decide")
            .map(|at| [ExperimentDecider::Ask, ExperimentDecider::Auto][at])
            .unwrap_or_default(),
        undecided: section.choice("undecided").map(|at| [Ask, Stop, Promote][at]).unwrap_or_default(),
        abort: section.rules("abort"),
    };
    section.finish();
    experiment
}

/// 1 to 100, growing, the last one 100.
fn percents(field: &Field<'_, '_>) -> Option<Vec<u8>> {
    let items = field.list();
    let steps: Vec<u8> = items.iter().filter_map(|item| item.count(1, 100)).map(|step| step as u8).collect();
    if steps.len() < items.len() {
        return None;
    }
    if steps.last() == Some(&100) && steps.windows(2).all(|pair| pair[0] < pair[1]) {
        return Some(steps);
    }
    field.error("the steps of a canary must grow and end at 100", "write [5, 25, 100]".to_owned());
    None
}
