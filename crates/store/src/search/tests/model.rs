//! The slow and obvious model: what a search finds among things in memory.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, HashMap},
};

use kilter_domain::search::{
    Attribute, Comparison, Condition, DatasetField, DatasetSelector, Entity, Expression, IS_PROMPT_TAG, Key,
    NumberOperator, OrderItem, Scope, Search, TextOperator, View,
};

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Text(String),
    Number(i64),
}

#[derive(Clone, Debug)]
pub struct Metric {
    pub name: String,
    pub value: f64,
    pub step: i64,
    pub at: i64,
    /// Of logged models.
    pub dataset: String,
    pub run: String,
}

impl Metric {
    pub fn of(name: &str, value: f64) -> Self {
        Self { name: name.to_owned(), value, step: 0, at: 0, dataset: String::new(), run: String::new() }
    }
}

/// A run, an experiment, a model, as clients see it.
#[derive(Clone, Debug)]
pub struct Thing {
    pub entity: Entity,
    pub key: i64,
    pub experiment: i64,
    pub project: Option<String>,
    pub is_deleted: bool,
    /// Those that are not missing.
    pub attributes: HashMap<Attribute, Value>,
    pub metrics: Vec<Metric>,
    pub params: BTreeMap<String, String>,
    pub tags: BTreeMap<String, String>,
    /// Name, digest and context; an empty context is none.
    pub datasets: Vec<[String; 3]>,
}

impl Thing {
    pub fn new(entity: Entity, key: i64) -> Self {
        let mut thing = Self {
            entity,
            key,
            experiment: 1,
            project: None,
            is_deleted: false,
            attributes: HashMap::new(),
            metrics: Vec::new(),
            params: BTreeMap::new(),
            tags: BTreeMap::new(),
            datasets: Vec::new(),
        };
        let id = format!("thing-{key}");
        for attribute in [Attribute::Name, Attribute::RunId, Attribute::RunName, Attribute::ModelId] {
            thing.set_text(attribute, &id);
        }
        for attribute in [Attribute::UserId, Attribute::ArtifactUri, Attribute::SourcePath, Attribute::ModelType] {
            thing.set_text(attribute, "x");
        }
        thing.set_text(Attribute::Status, if entity == Entity::Run { "FINISHED" } else { "READY" });
        let id = if entity == Entity::Experiment { key } else { 1 };
        thing.set_text(Attribute::ExperimentId, &id.to_string());
        for attribute in [Attribute::CreationTime, Attribute::LastUpdateTime, Attribute::VersionNumber] {
            thing.attributes.insert(attribute, Value::Number(1));
        }
        thing
    }

    pub fn set_text(&mut self, attribute: Attribute, text: &str) {
        self.attributes.insert(attribute, Value::Text(text.to_owned()));
    }
}

/// What a search finds, in order.
pub fn find_slowly(things: &[Thing], search: &Search) -> Vec<i64> {
    let is_found = |thing: &&Thing| {
        is_in(thing, search.scope()) && search.filter().is_none_or(|filter| holds(thing, filter, search.scope()))
    };
    let mut found: Vec<&Thing> = things.iter().filter(is_found).collect();
    found.sort_by(|a, b| {
        let by =
            search.order().iter().map(|item| compare(&sort_value(a, item), &sort_value(b, item), item.is_ascending));
        by.fold(Ordering::Equal, Ordering::then)
    });
    found.iter().map(|thing| thing.key).collect()
}

fn is_in(thing: &Thing, scope: &Scope) -> bool {
    let is_of = |view: &View| match view {
        View::Active => !thing.is_deleted,
        View::Deleted => thing.is_deleted,
        View::All => true,
    };
    match scope {
        Scope::Runs { experiments, view } => experiments.iter().any(|e| e.0 == thing.experiment) && is_of(view),
        Scope::Experiments { view, .. } => is_of(view),
        Scope::RegisteredModels { .. } | Scope::ModelVersions { .. } => true,
        Scope::LoggedModels { experiments, datasets } => {
            let is_measured = datasets.is_empty() || thing.metrics.iter().any(|metric| is_on_one(metric, datasets));
            experiments.iter().any(|e| e.0 == thing.experiment) && is_of(&View::Active) && is_measured
        }
    }
}

fn is_on_one(metric: &Metric, datasets: &[DatasetSelector]) -> bool {
    datasets.iter().any(|d| d.name == metric.dataset && d.digest.as_deref().is_none_or(|digest| digest == "d1"))
}

fn holds(thing: &Thing, expression: &Expression, scope: &Scope) -> bool {
    match expression {
        Expression::And(parts) => parts.iter().all(|part| holds(thing, part, scope)),
        Expression::Or(parts) => parts.iter().any(|part| holds(thing, part, scope)),
        Expression::Not(operand) => !holds(thing, operand, scope),
        Expression::Compare(comparison) => compares(thing, comparison, scope),
    }
}

fn compares(thing: &Thing, Comparison { key, condition }: &Comparison, scope: &Scope) -> bool {
    let is_of_registry = matches!(thing.entity, Entity::RegisteredModel | Entity::ModelVersion);
    match key {
        Key::Attribute(attribute) => value_holds(thing.attributes.get(attribute), condition),
        Key::Metric(name) => thing.metrics.iter().filter(|metric| metric.name == *name).any(|metric| {
            let is_counted = match scope {
                Scope::LoggedModels { datasets, .. } if !datasets.is_empty() => is_on_one(metric, datasets),
                _ => true,
            };
            is_counted && matches!(condition, Condition::Number(operator, number) if number_holds(*operator, metric.value, *number))
        }),
        Key::Param(name) => text_holds(thing.params.get(name).map(String::as_str), condition),
        Key::Tag(name) if name == IS_PROMPT_TAG && is_of_registry && matches!(condition, Condition::Text(TextOperator::Equal | TextOperator::NotEqual, _)) => {
            text_holds(Some(thing.tags.get(name).map_or("false", String::as_str)), condition)
        }
        Key::Tag(name) => text_holds(thing.tags.get(name).map(String::as_str), condition),
        Key::Dataset(field) => thing.datasets.iter().any(|[name, digest, context]| match field {
            DatasetField::Name => text_holds(Some(name), condition),
            DatasetField::Digest => text_holds(Some(digest), condition),
            DatasetField::Context => !context.is_empty() && text_holds(Some(context), condition),
        }),
    }
}

fn value_holds(value: Option<&Value>, condition: &Condition) -> bool {
    match (value, condition) {
        (Some(Value::Number(value)), Condition::Number(operator, number)) => {
            number_holds(*operator, *value as f64, *number)
        }
        (Some(Value::Text(value)), condition) => text_holds(Some(value), condition),
        _ => false,
    }
}

/// NaN by the rules of doubles: unequal to everything, and neither more nor less.
fn number_holds(operator: NumberOperator, value: f64, number: f64) -> bool {
    match operator {
        NumberOperator::Equal => value == number,
        NumberOperator::NotEqual => value != number,
        NumberOperator::Less => value < number,
        NumberOperator::LessOrEqual => value <= number,
        NumberOperator::Greater => value > number,
        NumberOperator::GreaterOrEqual => value >= number,
    }
}

fn text_holds(value: Option<&str>, condition: &Condition) -> bool {
    let Some(value) = value else { return matches!(condition, Condition::IsMissing(true)) };
    let letters = |text: &str| text.chars().collect::<Vec<_>>();
    match condition {
        Condition::Text(TextOperator::Equal, text) => value == text,
        Condition::Text(TextOperator::NotEqual, text) => value != text,
        Condition::Text(TextOperator::Like, pattern) => like(&letters(value), &letters(pattern)),
        Condition::Text(TextOperator::ILike, pattern) => {
            like(&letters(&value.to_ascii_lowercase()), &letters(&pattern.to_ascii_lowercase()))
        }
        Condition::List { is_in, values } => values.iter().any(|one| one == value) == *is_in,
        Condition::IsMissing(is_missing) => !is_missing,
        Condition::Number(..) => false,
    }
}

fn like(text: &[char], pattern: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', rest @ ..] => (0..=text.len()).any(|skipped| like(&text[skipped..], rest)),
        ['_', rest @ ..] => !text.is_empty() && like(&text[1..], rest),
        [letter, rest @ ..] => text.first() == Some(letter) && like(&text[1..], rest),
    }
}

/// By what a thing is sorted.
enum SortValue {
    Number(f64),
    Text(String),
    Missing,
}

fn sort_value(thing: &Thing, item: &OrderItem) -> SortValue {
    let of_text = |text: Option<&String>| text.map_or(SortValue::Missing, |text| SortValue::Text(text.clone()));
    match &item.key {
        // Experiments are sorted by the number that their id is.
        Key::Attribute(Attribute::ExperimentId) if thing.entity == Entity::Experiment => {
            SortValue::Number(thing.key as f64)
        }
        Key::Attribute(attribute) => match thing.attributes.get(attribute) {
            Some(Value::Text(text)) => SortValue::Text(text.clone()),
            Some(Value::Number(number)) => SortValue::Number(*number as f64),
            None => SortValue::Missing,
        },
        Key::Metric(name) => {
            let counts = |metric: &&Metric| {
                let is_on = item.dataset.as_ref().is_none_or(|one| is_on_one(metric, std::slice::from_ref(one)));
                metric.name == *name && is_on
            };
            let latest = thing.metrics.iter().filter(counts).min_by(|a, b| {
                let newer = (b.at, b.step).cmp(&(a.at, a.step));
                newer.then_with(|| (&a.run, &a.dataset).cmp(&(&b.run, &b.dataset)))
            });
            latest.map_or(SortValue::Missing, |metric| SortValue::Number(metric.value))
        }
        Key::Param(name) => of_text(thing.params.get(name)),
        Key::Tag(name) => of_text(thing.tags.get(name)),
        Key::Dataset(_) => SortValue::Missing,
    }
}

fn compare(a: &SortValue, b: &SortValue, is_ascending: bool) -> Ordering {
    let rank = |value: &SortValue| match value {
        SortValue::Missing => 2,
        SortValue::Number(number) if number.is_nan() => 1,
        _ => 0,
    };
    let by_value = match (a, b) {
        (SortValue::Number(a), SortValue::Number(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
        (SortValue::Text(a), SortValue::Text(b)) => a.cmp(b),
        _ => Ordering::Equal,
    };
    rank(a).cmp(&rank(b)).then(if is_ascending { by_value } else { by_value.reverse() })
}
