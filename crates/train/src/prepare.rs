//! From chosen columns to the numbers a learner takes: written as an ONNX graph first, then computed by that graph.

use std::sync::Arc;

use kilter_domain::{
    table::{Column, Table},
    time::{DAY_MS, HOUR_MS},
};
use kilter_inference::{Infinite, InputKind, onnx::AttributeValue, onnx::element};

use crate::{
    categories::Categories,
    columns::ChosenColumn,
    date_features::{Calendar, DatePart},
    graph::Graph,
    options::{FeatureKind, Learner, TrainOptions},
    report::{ExcludedColumn, UsedColumn},
    target::Target,
    vocabulary::{Rank, Vocabulary},
};

/// Terms that are kept when the options do not say: trees look at each, a linear model at those that occur.
const TERMS_OF_TREES: usize = 256;
const TERMS_OF_LINEAR: usize = 20_000;

/// A matrix in the graph, and the column of the table each of its columns comes from.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub value: String,
    /// Index into [`Prepared::used`].
    pub origins: Vec<usize>,
    /// Whether the block is a text's terms.
    pub is_text: bool,
}

/// The graph up to the learner.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prepared {
    pub graph: Graph,
    pub blocks: Vec<Block>,
    pub used: Vec<UsedColumn>,
    pub left_out: Vec<ExcludedColumn>,
    pub notes: Vec<String>,
}

/// What the preparation of columns needs to know.
struct Context<'a> {
    target: &'a Target,
    options: &'a TrainOptions,
    infinite: Infinite,
}

/// Writes the preparation of `chosen` columns of `table` (trained rows only).
pub(crate) fn prepare(chosen: &[ChosenColumn], table: &Table, target: &Target, options: &TrainOptions) -> Prepared {
    let mut prepared = Prepared::default();
    prepared.graph.reserve(table.names().iter().map(String::as_str));
    let infinite = match options.learner {
        Learner::Boosting => Infinite::Passed,
        Learner::Linear => Infinite::Refused,
    };
    let context = Context { target, options, infinite };
    let mut dense = Dense::default();
    let mut texts = Vec::new();
    for column in chosen {
        let Some(values) = table.get(&column.name) else { continue };
        match column.kind {
            FeatureKind::Numeric | FeatureKind::Boolean => number(&mut prepared, &mut dense, &context, column, values),
            FeatureKind::Categorical => categorical(&mut prepared, &mut dense, &context, column, values),
            FeatureKind::Time => time(&mut prepared, &mut dense, &context, column, values),
            FeatureKind::Text => texts.extend(text(&mut prepared, &context, column, values)),
        }
    }
    for input in &mut prepared.graph.signature {
        input.optional = options.optional.contains(&input.name);
    }
    match options.learner {
        Learner::Boosting => join_for_trees(&mut prepared, dense, texts),
        Learner::Linear => join_for_linear(&mut prepared, dense, texts),
    }
    prepared
}

/// Values `[N, k]` that will be joined side by side.
#[derive(Default)]
struct Dense {
    /// Plain numbers `[N, 1]` with what the training rows say of them.
    numbers: Vec<(String, usize, Moments)>,
    /// Other parts: value, width, origin.
    parts: Vec<(String, usize, usize)>,
}

/// Mean and spread of a column's float32 values.
struct Moments {
    mean: f64,
    deviation: f64,
    has_missing: bool,
}

impl Moments {
    fn of(column: &Column, weights: &[f64]) -> Self {
        let value = |row: usize| f64::from(column.number(row) as f32);
        let present: Vec<usize> = (0..column.len()).filter(|&row| value(row).is_finite()).collect();
        let total: f64 = present.iter().map(|&row| weights[row]).sum::<f64>().max(f64::MIN_POSITIVE);
        let mean = present.iter().map(|&row| weights[row] * value(row)).sum::<f64>() / total;
        let spread = present.iter().map(|&row| weights[row] * (value(row) - mean).powi(2)).sum::<f64>() / total;
        Self { mean, deviation: spread.sqrt(), has_missing: (0..column.len()).any(|row| value(row).is_nan()) }
    }
}

impl Prepared {
    fn use_column(&mut self, column: &ChosenColumn, how: String) -> usize {
        self.used.push(UsedColumn { column: column.name.clone(), kind: column.kind, how, missing: column.missing });
        self.used.len() - 1
    }
}

fn number(prepared: &mut Prepared, dense: &mut Dense, context: &Context<'_>, column: &ChosenColumn, values: &Column) {
    let kind = match column.kind {
        FeatureKind::Boolean if matches!(values, Column::Bool(_)) => InputKind::Boolean,
        _ => InputKind::Number,
    };
    let moments = Moments::of(values, &context.target.weights);
    let how = match (context.options.learner, moments.has_missing) {
        (Learner::Boosting, _) => "as it is; missing values go where they fit best".to_owned(),
        (Learner::Linear, false) => "standardised".to_owned(),
        (Learner::Linear, true) => "standardised; missing is the mean and a flag".to_owned(),
    };
    let origin = prepared.use_column(column, how);
    let input = prepared.graph.input(&column.name, kind, context.infinite);
    dense.numbers.push((input, origin, moments));
}

fn categorical(
    prepared: &mut Prepared,
    dense: &mut Dense,
    context: &Context<'_>,
    column: &ChosenColumn,
    values: &Column,
) {
    let categories = Categories::of(values, context.options.params.max_categories);
    let rare = if categories.has_rare { ", the rarer ones as one" } else { "" };
    let order =
        if context.options.learner == Learner::Boosting { " in the order of the target" } else { ", one flag each" };
    let origin = prepared.use_column(column, format!("{} categories{order}{rare}", categories.kept.len()));
    let graph = &mut prepared.graph;
    let input = graph.input(&column.name, InputKind::Text, context.infinite);
    let keys = |extra: Option<&str>| {
        let kept = categories.kept.iter().map(|label| label.to_string());
        AttributeValue::Texts(kept.chain(extra.map(str::to_owned)).collect())
    };
    match context.options.learner {
        Learner::Boosting => {
            let ranks = categories.ranks(values, &context.target.outcome, &context.target.weights);
            let default = if categories.has_rare { ranks[categories.kept.len()] } else { f32::NAN };
            let known = ranks[..categories.kept.len()].iter().copied().chain([f32::NAN]).collect();
            let settings = [
                ("keys_strings", keys(Some(""))),
                ("values_floats", AttributeValue::Floats(known)),
                ("default_float", AttributeValue::Float(default)),
            ];
            let rank = graph.ml("LabelEncoder", &[&input], &format!("{}:rank", column.name), &settings);
            dense.parts.push((rank, 1, origin));
        }
        Learner::Linear => {
            let groups = categories.groups() as i64;
            let default = if categories.has_rare { groups - 1 } else { -1 };
            let missing = if categories.has_missing { groups } else { -1 };
            let known = (0..categories.kept.len() as i64).chain([missing]).collect();
            let settings = [
                ("keys_strings", keys(Some(""))),
                ("values_int64s", AttributeValue::Ints(known)),
                ("default_int64", AttributeValue::Int(default)),
            ];
            let group = graph.ml("LabelEncoder", &[&input], &format!("{}:group", column.name), &settings);
            let all = (0..groups + i64::from(categories.has_missing)).collect();
            let (flags, width) = one_hot(graph, &column.name, &group, all);
            dense.parts.push((flags, width, origin));
        }
    }
}

/// One flag per category of `value` (`[N, 1]` whole numbers): `[N, categories]`.
fn one_hot(graph: &mut Graph, hint: &str, value: &str, categories: Vec<i64>) -> (String, usize) {
    let width = categories.len();
    let settings = [("cats_int64s", AttributeValue::Ints(categories)), ("zeros", AttributeValue::Int(1))];
    let flags = graph.ml("OneHotEncoder", &[value], &format!("{hint}:flags"), &settings);
    let shape = graph.ints(&format!("{hint}:shape"), &[2], vec![-1, width as i64]);
    (graph.core("Reshape", &[&flags, &shape], &format!("{hint}:flags"), &[]), width)
}

fn time(prepared: &mut Prepared, dense: &mut Dense, context: &Context<'_>, column: &ChosenColumn, values: &Column) {
    let times: Vec<i64> = match values {
        Column::Time(times) | Column::Int(times) => times.iter().flatten().copied().collect(),
        _ => Vec::new(),
    };
    let bounds = times.iter().min().zip(times.iter().max());
    let days = bounds.map_or(0, |(first, last)| last.saturating_sub(*first) / DAY_MS);
    // Dates without a time of day have one hour.
    let has_hours = times.iter().any(|time| time.rem_euclid(DAY_MS) / HOUR_MS != times[0].rem_euclid(DAY_MS) / HOUR_MS);
    let is_usable = |part: &DatePart| {
        let has_values = context.options.learner == Learner::Boosting || !part.values().is_empty();
        days >= part.least_days() && has_values && (*part != DatePart::Hour || has_hours)
    };
    let parts: Vec<DatePart> = DatePart::ALL.into_iter().filter(is_usable).collect();
    if parts.is_empty() {
        let why = format!("a time: its {days} days are too few to learn from hours, weekdays or seasons");
        prepared.left_out.push(ExcludedColumn { column: column.name.clone(), why });
        return;
    }
    let names: Vec<&str> = parts.iter().map(|part| part.name()).collect();
    let origin = prepared.use_column(column, names.join(", "));
    let mut calendar = Calendar::new(&mut prepared.graph, &column.name);
    let made: Vec<(DatePart, String)> = parts
        .iter()
        .map(|&part| match context.options.learner {
            Learner::Boosting => (part, calendar.number(part)),
            Learner::Linear => (part, calendar.category(part)),
        })
        .collect();
    for (part, value) in made {
        match context.options.learner {
            Learner::Boosting => dense.parts.push((value, 1, origin)),
            Learner::Linear => {
                let hint = format!("{}:{}", column.name, part.name());
                let (flags, width) = one_hot(&mut prepared.graph, &hint, &value, part.values());
                dense.parts.push((flags, width, origin));
            }
        }
    }
}

fn text(prepared: &mut Prepared, context: &Context<'_>, column: &ChosenColumn, values: &Column) -> Option<Block> {
    let texts: &[Option<Arc<str>>] = match values {
        Column::Text(texts) => texts,
        _ => &[],
    };
    let (default, rank) = match context.options.learner {
        Learner::Boosting => {
            let target = context.target;
            (TERMS_OF_TREES, Rank::Target { outcome: &target.outcome, weights: &target.weights })
        }
        Learner::Linear => (TERMS_OF_LINEAR, Rank::Frequency),
    };
    let most = context.options.params.max_terms.unwrap_or(default);
    let Some(vocabulary) = Vocabulary::of(texts, most, &rank) else {
        let why = "a text in which no word occurs twice".to_owned();
        prepared.left_out.push(ExcludedColumn { column: column.name.clone(), why });
        return None;
    };
    let broken = texts.iter().flatten().filter(|text| text.contains(['\n', '\t'])).count();
    if broken * 20 > texts.len() {
        prepared.notes.push(format!(
            "`{}` holds line breaks or tabs in {broken} rows: words are split at spaces alone, so that words beside \
             them are not seen",
            column.name
        ));
    }
    let origin = prepared.use_column(column, format!("{} words and pairs of words", vocabulary.len()));
    let graph = &mut prepared.graph;
    let input = graph.input(&column.name, InputKind::Text, context.infinite);
    let mut value = vocabulary.write(graph, &input);
    if context.options.learner == Learner::Linear {
        value = vocabulary.weigh(graph, &input, &value);
    }
    Some(Block { value, origins: vec![origin; vocabulary.len()], is_text: true })
}

/// One matrix: numbers, other parts and terms side by side.
fn join_for_trees(prepared: &mut Prepared, dense: Dense, texts: Vec<Block>) {
    let numbers = dense.numbers.into_iter().map(|(value, origin, _)| (value, vec![origin]));
    let parts = dense.parts.into_iter().map(|(value, width, origin)| (value, vec![origin; width]));
    let texts = texts.into_iter().map(|block| (block.value, block.origins));
    let all: Vec<(String, Vec<usize>)> = numbers.chain(parts).chain(texts).collect();
    if !all.is_empty() {
        prepared.blocks.push(concat(&mut prepared.graph, all));
    }
}

fn concat(graph: &mut Graph, parts: Vec<(String, Vec<usize>)>) -> Block {
    let names: Vec<&str> = parts.iter().map(|(name, _)| name.as_str()).collect();
    let value = graph.core("Concat", &names, "features", &[("axis", AttributeValue::Int(1))]);
    Block { value, origins: parts.into_iter().flat_map(|(_, origins)| origins).collect(), is_text: false }
}

/// Standardised numbers, flags of missing ones and of categories in one matrix; each text in its own, which is sparse.
fn join_for_linear(prepared: &mut Prepared, dense: Dense, texts: Vec<Block>) {
    let mut parts = Vec::new();
    if !dense.numbers.is_empty() {
        parts.extend(standardised(&mut prepared.graph, &dense.numbers));
    }
    parts.extend(dense.parts.into_iter().map(|(value, width, origin)| (value, vec![origin; width])));
    if !parts.is_empty() {
        prepared.blocks.push(concat(&mut prepared.graph, parts));
    }
    prepared.blocks.extend(texts);
}

fn standardised(graph: &mut Graph, numbers: &[(String, usize, Moments)]) -> Vec<(String, Vec<usize>)> {
    let names: Vec<&str> = numbers.iter().map(|(name, ..)| name.as_str()).collect();
    let joined = graph.core("Concat", &names, "numbers", &[("axis", AttributeValue::Int(1))]);
    let means: Vec<f32> = numbers.iter().map(|(.., moments)| moments.mean as f32).collect();
    let settings = [
        ("imputed_value_floats", AttributeValue::Floats(means.clone())),
        ("replaced_value_float", AttributeValue::Float(f32::NAN)),
    ];
    let filled = graph.ml("Imputer", &[&joined], "numbers:filled", &settings);
    let scale = |moments: &Moments| match (1.0 / moments.deviation) as f32 {
        scale if scale.is_finite() && scale > 0.0 => scale,
        _ => 1.0,
    };
    let settings = [
        ("offset", AttributeValue::Floats(means)),
        ("scale", AttributeValue::Floats(numbers.iter().map(|(.., moments)| scale(moments)).collect())),
    ];
    let scaled = graph.ml("Scaler", &[&filled], "numbers:scaled", &settings);
    let mut parts = vec![(scaled, numbers.iter().map(|(_, origin, _)| *origin).collect())];
    let flagged: Vec<usize> = (0..numbers.len()).filter(|&at| numbers[at].2.has_missing).collect();
    if !flagged.is_empty() {
        let picks = graph.ints("numbers:picks", &[flagged.len()], flagged.iter().map(|&at| at as i64).collect());
        let picked = graph.core("Gather", &[&joined, &picks], "numbers:picked", &[("axis", AttributeValue::Int(1))]);
        let missing = graph.core("IsNaN", &[&picked], "numbers:missing", &[]);
        let to = AttributeValue::Int(i64::from(element::FLOAT));
        let flags = graph.core("Cast", &[&missing], "numbers:flags", &[("to", to)]);
        parts.push((flags, flagged.iter().map(|&at| numbers[at].1).collect()));
    }
    parts
}
