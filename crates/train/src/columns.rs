//! What each column is to the model, or why it stays out.

use std::{collections::HashSet, sync::Arc};

use kilter_domain::table::{Column, Table};

use crate::{
    error::TrainError,
    options::{FeatureKind, Reserved, TrainOptions},
    report::ExcludedColumn,
    target,
};

/// A column that the model will read.
#[derive(Clone, Debug)]
pub(crate) struct ChosenColumn {
    pub name: String,
    pub kind: FeatureKind,
    pub missing: usize,
}

/// Words in the mean above which mostly distinct texts are prose, not names.
const PROSE_WORDS: f64 = 3.0;
/// The share of distinct values above which texts are identifiers or prose.
const MOSTLY_DISTINCT: f64 = 0.5;
/// Distinct values above which a number called an id is one.
const MANY_IDS: usize = 200;

/// Sorts the columns of `table` (trained rows only) into chosen ones and others.
pub(crate) fn choose(
    table: &Table,
    options: &TrainOptions,
) -> Result<(Vec<ChosenColumn>, Vec<ExcludedColumn>), TrainError> {
    check_names(table, options)?;
    let (mut chosen, mut left_out) = (Vec::new(), Vec::new());
    for (name, column) in table.columns() {
        match decide(name, column, options)? {
            Ok(kind) => {
                let missing = (0..column.len()).filter(|&row| is_missing(column, row)).count();
                chosen.push(ChosenColumn { name: name.to_owned(), kind, missing });
            }
            Err(why) => left_out.push(ExcludedColumn { column: name.to_owned(), why }),
        }
    }
    if chosen.is_empty() {
        Err(TrainError::NoColumns {
            reasons: left_out.iter().take(20).map(|out| format!("`{}`: {}", out.column, out.why)).collect(),
        })
    } else {
        Ok((chosen, left_out))
    }
}

/// Every column that the options name must exist: a typing error must not change the model in silence.
fn check_names(table: &Table, options: &TrainOptions) -> Result<(), TrainError> {
    options.exclude.iter().try_for_each(|name| target::column(table, "an excluded column", name).map(drop))?;
    let included = options.include.iter().flatten();
    included.into_iter().try_for_each(|name| target::column(table, "an included column", name).map(drop))?;
    options.optional.iter().try_for_each(|name| target::column(table, "an optional column", name).map(drop))?;
    options.kinds.keys().try_for_each(|name| target::column(table, "a column of a stated kind", name).map(drop))
}

/// In texts an empty one is missing too: the graph has no other way to say it.
pub(crate) fn is_missing(column: &Column, row: usize) -> bool {
    match column {
        Column::Text(texts) => texts[row].as_deref().is_none_or(str::is_empty),
        column => column.is_missing(row),
    }
}

/// The kind of the column, or why it stays out.
fn decide(name: &str, column: &Column, options: &TrainOptions) -> Result<Result<FeatureKind, String>, TrainError> {
    let out = |why: &str| Ok(Err(why.to_owned()));
    if name == options.target {
        return out("it is the target");
    }
    if options.weight.as_deref() == Some(name) {
        return out("it holds the row weights");
    }
    if options.exclude.iter().any(|excluded| excluded == name) {
        return out("excluded by the options");
    }
    let is_included = || options.include.iter().flatten().any(|included| included == name);
    if let Some(Reserved { reason, may_be_named }) = options.reserved.get(name) {
        match (may_be_named, is_included()) {
            (false, true) => {
                return Err(TrainError::Reserved { column: name.to_owned(), reason: reason.clone() });
            }
            (true, true) => {}
            (true, false) if options.kinds.contains_key(name) => {}
            (_, false) => return out(reason),
        }
    }
    if options.include.as_ref().is_some_and(|included| !included.iter().any(|other| other == name)) {
        return out("not among the included columns");
    }
    if name.is_empty() {
        return out("it has no name");
    }
    if let Some(why) = says_nothing(column) {
        return out(why);
    }
    if let Some(&kind) = options.kinds.get(name) {
        return stated(name, column, kind).map(Ok);
    }
    Ok(guess(name, column))
}

fn says_nothing(column: &Column) -> Option<&'static str> {
    let mut first = None;
    let mut missing = 0;
    for row in 0..column.len() {
        if is_missing(column, row) {
            missing += 1;
            continue;
        }
        let here = column.label(row);
        match &first {
            None => first = here,
            Some(_) if first == here => {}
            Some(_) => return None,
        }
    }
    match (first, missing) {
        (None, _) => Some("it has no values"),
        (Some(_), 0) => Some("it has the same value in every row"),
        // One value and missing ones: whether it is there may say something.
        (Some(_), _) => None,
    }
}

/// A kind that the options state, where the column can be taken so.
fn stated(name: &str, column: &Column, kind: FeatureKind) -> Result<FeatureKind, TrainError> {
    let (label, reason) = match (kind, column) {
        (FeatureKind::Numeric, Column::Text(_)) => ("numeric", "it holds texts"),
        (FeatureKind::Numeric, Column::Time(_)) => ("numeric", "it holds times"),
        (FeatureKind::Boolean, Column::Text(_) | Column::Time(_) | Column::Float(_)) => {
            ("boolean", "it holds other values")
        }
        (FeatureKind::Categorical, Column::Time(_)) => ("categorical", "it holds times"),
        (FeatureKind::Text, column) if !matches!(column, Column::Text(_)) => ("text", "it holds no texts"),
        (FeatureKind::Time, Column::Text(_) | Column::Bool(_) | Column::Float(_)) => ("time", "it holds no times"),
        (kind, _) => return Ok(kind),
    };
    Err(TrainError::BadColumn { column: name.to_owned(), kind: label, reason: reason.to_owned() })
}

fn guess(name: &str, column: &Column) -> Result<FeatureKind, String> {
    match column {
        Column::Float(_) => Ok(FeatureKind::Numeric),
        Column::Bool(_) => Ok(FeatureKind::Boolean),
        Column::Time(_) => Ok(FeatureKind::Time),
        Column::Int(values) => guess_int(name, values),
        Column::Text(texts) => guess_text(texts),
    }
}

/// Whether a name ends in the word "id": `id`, `customer_id`, `customerId`, `ID`.
fn is_called_id(name: &str) -> bool {
    let ends = |suffix: &str| name.strip_suffix(suffix);
    matches!(name, "id" | "Id" | "ID")
        || ["_id", "_ID", "-id", " id", ".id"].iter().any(|suffix| ends(suffix).is_some())
        || ends("Id").or(ends("ID")).is_some_and(|rest| rest.ends_with(|c: char| c.is_ascii_lowercase()))
}

fn guess_int(name: &str, values: &[Option<i64>]) -> Result<FeatureKind, String> {
    let distinct: HashSet<i64> = values.iter().flatten().copied().collect();
    if is_called_id(name) && (distinct.len() > MANY_IDS || distinct.len() * 2 > values.len()) {
        return Err(format!("an identifier: by its name and {} distinct numbers", distinct.len()));
    }
    let mut pairs = values.windows(2);
    let counts_rows =
        values.len() > 2 && pairs.all(|pair| matches!(pair, [Some(a), Some(b)] if a.checked_add(1) == Some(*b)));
    if counts_rows { Err("it counts the rows".to_owned()) } else { Ok(FeatureKind::Numeric) }
}

fn guess_text(texts: &[Option<Arc<str>>]) -> Result<FeatureKind, String> {
    let present: Vec<&str> = texts.iter().flatten().map(|text| &**text).filter(|text| !text.is_empty()).collect();
    let distinct: HashSet<&str> = present.iter().copied().collect();
    let words: usize = distinct.iter().map(|text| text.split_whitespace().count()).sum();
    let mean_words = words as f64 / distinct.len().max(1) as f64;
    let is_mostly_distinct = distinct.len() as f64 > MOSTLY_DISTINCT * present.len() as f64 && distinct.len() > 20;
    match (is_mostly_distinct, mean_words >= PROSE_WORDS) {
        (true, true) => Ok(FeatureKind::Text),
        (true, false) => Err(format!("an identifier: {} distinct texts in {} rows", distinct.len(), present.len())),
        // Long texts that repeat are still prose when there are too many to be categories.
        (false, true) if distinct.len() > 500 && mean_words >= 2.0 * PROSE_WORDS => Ok(FeatureKind::Text),
        (false, _) => Ok(FeatureKind::Categorical),
    }
}
