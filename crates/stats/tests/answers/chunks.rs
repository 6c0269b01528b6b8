//! Readings of chunk after chunk against a reference, in NannyML's form.

use super::drift::counted;
use super::model_chunks::Model;
use super::set::{Case, Column, Set, Table};
use kilter_stats::boost::{Feature, Shape};
use kilter_stats::drift::{CategoricalReference, NumericReference, Sample};
use kilter_stats::multivariate::{FrequencyCode, MeanFill, Reconstruction, domain_classifier};
use kilter_stats::reference_impls::nannyml::{Categorical, Numeric, NumericDrift, band, categorical};
use serde_json::{Map, Value, json};

pub fn answer(set: &Set, case: &Case) -> Option<Result<Value, String>> {
    let errors = case.metric.ends_with("_sampling_error");
    Some(match case.metric.trim_end_matches("_sampling_error") {
        "nannyml_univariate" => univariate(set, case),
        "missing_rate" | "unseen_rate" | "out_of_range_rate" => quality(set, case),
        "pca_reconstruction" => pca(set, case),
        "realized_binary" | "realized_multiclass" | "realized_regression" => {
            Model::of(set, case).and_then(|model| if errors { model.errors(None) } else { model.realized() })
        }
        "dle_regression" => Model::of(set, case).and_then(|model| model.direct_loss()),
        "domain_classifier_auc" => domain(set, case),
        "cbpe_binary" | "cbpe_multiclass" => Model::of(set, case).and_then(|model| model.estimated(errors)),
        _ => return None,
    })
}

/// `[start, end]` of chunks of `size` rows; the last may be shorter.
pub fn chunks(rows: usize, size: usize) -> Vec<(usize, usize)> {
    (0..rows).step_by(size).map(|from| (from, (from + size).min(rows))).collect()
}

pub fn bounds(chunks: &[(usize, usize)]) -> Value {
    json!(chunks.iter().map(|(from, to)| [*from, to - 1]).collect::<Vec<_>>())
}

pub(super) fn lower_upper(values: &[f64], band: (Option<f64>, Option<f64>)) -> Map<String, Value> {
    let outside = |value: &f64| band.0.is_some_and(|low| *value < low) || band.1.is_some_and(|high| *value > high);
    let n = values.len();
    let mut line = Map::new();
    line.insert("value".to_owned(), json!(values.iter().map(|v| (!v.is_nan()).then_some(*v)).collect::<Vec<_>>()));
    line.insert("lower_threshold".to_owned(), json!(vec![band.0; n]));
    line.insert("upper_threshold".to_owned(), json!(vec![band.1; n]));
    line.insert("alert".to_owned(), json!(values.iter().map(outside).collect::<Vec<_>>()));
    line
}

fn univariate(set: &Set, case: &Case) -> Result<Value, String> {
    let (reference, analysis) = (set.of(case, "ref")?, set.of(case, "ana")?);
    let (size, as_categories) = (case.chunk()?, case.texts("as_cat"));
    let parts = chunks(analysis.rows(), size);
    let mut metrics = Map::new();
    for name in case.texts("features") {
        let (a, b) = (reference.column(&name)?, analysis.column(&name)?);
        let line = match (a, b) {
            (Column::Number(a), Column::Number(b)) if !as_categories.contains(&name) => numeric_methods(a, b, size)?,
            _ => categorical_methods(a, b, size)?,
        };
        metrics.insert(name, line);
    }
    Ok(json!({"chunks": bounds(&parts), "metrics": metrics}))
}

fn numeric_methods(reference: &[f64], analysis: &[f64], size: usize) -> Result<Value, String> {
    let whole = Sample::of(reference);
    let mut line = Map::new();
    for (name, method, limit) in [
        ("kolmogorov_smirnov", Numeric::KolmogorovSmirnov, Some(1.0)),
        ("jensen_shannon", Numeric::JensenShannon, None),
        ("wasserstein", Numeric::Wasserstein, None),
        ("hellinger", Numeric::Hellinger, None),
    ] {
        let fitted = NumericDrift::fit(method, &whole).map_err(|error| error.to_string())?;
        let values = |rows: &[f64]| -> Vec<f64> {
            let parts = chunks(rows.len(), size);
            parts.iter().map(|(from, to)| fitted.at(&Sample::of(&rows[*from..*to])).unwrap_or(f64::NAN)).collect()
        };
        let upper = band(&values(reference), (None, limit)).map(|band| band.1);
        line.insert(name.to_owned(), Value::Object(lower_upper(&values(analysis), (None, upper))));
    }
    Ok(Value::Object(line))
}

fn categorical_methods(reference: &Column, analysis: &Column, size: usize) -> Result<Value, String> {
    let mut line = Map::new();
    for (name, method) in [
        ("chi2", Categorical::Chi2),
        ("jensen_shannon", Categorical::JensenShannon),
        ("l_infinity", Categorical::LInfinity),
        ("hellinger", Categorical::Hellinger),
    ] {
        let values = |column: &Column| -> Vec<(f64, Option<f64>)> {
            let parts = chunks(column.len(), size);
            let one = |part: Column| {
                let (a, b) = counted(reference, &part);
                categorical(method, &a, &b).unwrap_or((f64::NAN, None))
            };
            parts.iter().map(|(from, to)| one(column.slice(*from, *to))).collect()
        };
        let first = |pairs: &[(f64, Option<f64>)]| pairs.iter().map(|pair| pair.0).collect::<Vec<f64>>();
        let got = values(analysis);
        let upper = if method == Categorical::Chi2 {
            None
        } else {
            band(&first(&values(reference)), (None, None)).map(|band| band.1)
        };
        let mut columns = lower_upper(&first(&got), (None, upper));
        if method == Categorical::Chi2 {
            let alert: Vec<bool> = got.iter().map(|pair| pair.1.is_some_and(|p| p < 0.05)).collect();
            columns.insert("alert".to_owned(), json!(alert));
        }
        line.insert(name.to_owned(), Value::Object(columns));
    }
    Ok(Value::Object(line))
}

fn quality(set: &Set, case: &Case) -> Result<Value, String> {
    let (reference, analysis) = (set.of(case, "ref")?, set.of(case, "ana")?);
    let size = case.chunk()?;
    let parts = chunks(analysis.rows(), size);
    let mut metrics = Map::new();
    for name in case.texts("columns") {
        let (a, b) = (reference.column(&name)?, analysis.column(&name)?);
        let rates = |column: &Column| -> Result<Vec<f64>, String> {
            chunks(column.len(), size).iter().map(|(from, to)| rate(case, a, &column.slice(*from, *to))).collect()
        };
        let got = rates(b)?;
        let line = if case.metric == "missing_rate" {
            missing_line(a, &rates(a)?, &got, &parts)
        } else {
            lower_upper(&got, (None, Some(0.0)))
        };
        metrics.insert(name, Value::Object(line));
    }
    Ok(json!({"chunks": bounds(&parts), "metrics": metrics}))
}

fn rate(case: &Case, reference: &Column, chunk: &Column) -> Result<f64, String> {
    let rows = chunk.len() as f64;
    let say = |error: kilter_stats::Unmeasured| error.to_string();
    Ok(match case.metric.as_str() {
        "missing_rate" => chunk.texts().iter().filter(|value| value.is_none()).count() as f64 / rows,
        "out_of_range_rate" => {
            let window = NumericReference::of(&reference.numbers()).map_err(say)?.count(&chunk.numbers());
            (window.below + window.above) as f64 / rows
        }
        _ => {
            let (old, new) = (reference.texts(), chunk.texts());
            let profile = CategoricalReference::of(old.iter().map(Option::as_deref)).map_err(say)?;
            let window = profile.count(new.iter().map(Option::as_deref));
            // A missing value is unseen there, unless the reference has missing values, too.
            let missing = if old.contains(&None) { 0 } else { window.missing };
            (window.unseen + missing) as f64 / rows
        }
    })
}

fn missing_line(reference: &Column, before: &[f64], got: &[f64], parts: &[(usize, usize)]) -> Map<String, Value> {
    let share = reference.texts().iter().filter(|value| value.is_none()).count() as f64 / reference.len() as f64;
    let limits = band(before, (Some(0.0), Some(1.0)));
    let mut line = lower_upper(got, (limits.map(|band| band.0), limits.map(|band| band.1)));
    let errors: Vec<f64> =
        parts.iter().map(|(from, to)| (share * (1.0 - share)).sqrt() / ((to - from) as f64).sqrt()).collect();
    add_errors(&mut line, got, &errors, (Some(0.0), Some(1.0)));
    line
}

pub(super) fn add_errors(
    line: &mut Map<String, Value>,
    values: &[f64],
    errors: &[f64],
    limits: (Option<f64>, Option<f64>),
) {
    let pairs = || values.iter().zip(errors);
    let low = |x: f64| limits.0.map_or(x, |limit| x.max(limit));
    let high = |x: f64| limits.1.map_or(x, |limit| x.min(limit));
    line.insert("sampling_error".to_owned(), json!(errors));
    line.insert(
        "upper_confidence_boundary".to_owned(),
        json!(pairs().map(|(value, error)| high(value + 3.0 * error)).collect::<Vec<f64>>()),
    );
    line.insert(
        "lower_confidence_boundary".to_owned(),
        json!(pairs().map(|(value, error)| low(value - 3.0 * error)).collect::<Vec<f64>>()),
    );
}

fn pca(set: &Set, case: &Case) -> Result<Value, String> {
    let (reference, analysis) = (set.of(case, "ref")?, set.of(case, "ana")?);
    let (size, categories) = (case.chunk()?, case.texts("categorical"));
    let say = |error: kilter_stats::Unmeasured| error.to_string();
    let (mut old, mut new) = (Vec::new(), Vec::new());
    for name in case.texts("features") {
        let (a, b) = (reference.column(&name)?, analysis.column(&name)?);
        if categories.contains(&name) {
            let (a, b) = (a.texts(), b.texts());
            let code = FrequencyCode::fit(a.iter().map(Option::as_deref)).map_err(say)?;
            old.push(code.encode(a.iter().map(Option::as_deref)));
            new.push(code.encode(b.iter().map(Option::as_deref)));
        } else {
            let (a, b) = (a.numbers(), b.numbers());
            let fill = MeanFill::fit(&a).map_err(say)?;
            old.push(fill.complete(&a));
            new.push(fill.complete(&b));
        }
    }
    let old: Vec<&[f64]> = old.iter().map(Vec::as_slice).collect();
    let new: Vec<&[f64]> = new.iter().map(Vec::as_slice).collect();
    let fitted = Reconstruction::fit(&old, case.number("share").unwrap_or(0.65)).map_err(say)?;
    let readings = |columns: &[&[f64]]| -> Result<Vec<(f64, f64)>, String> {
        let errors = fitted.errors(columns).map_err(say)?;
        let one = |part: &[f64]| {
            let n = part.len() as f64;
            let mean = part.iter().sum::<f64>() / n;
            (mean, (part.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0) / n).sqrt())
        };
        Ok(chunks(errors.len(), size).iter().map(|(from, to)| one(&errors[*from..*to])).collect())
    };
    let (before, got) = (readings(&old)?, readings(&new)?);
    let values: Vec<f64> = got.iter().map(|reading| reading.0).collect();
    let limits = band(&before.iter().map(|reading| reading.0).collect::<Vec<f64>>(), (None, None));
    // A lower limit at or below zero is taken away there.
    let low = limits.map(|band| band.0).filter(|low| *low > 0.0);
    let mut line = lower_upper(&values, (low, limits.map(|band| band.1)));
    add_errors(&mut line, &values, &got.iter().map(|reading| reading.1).collect::<Vec<f64>>(), (Some(0.0), None));
    Ok(json!({
        "chunks": bounds(&chunks(analysis.rows(), size)), "n_components": fitted.components(),
        "metrics": {"reconstruction_error": line},
    }))
}

/// Which columns a model's tables mean. Parameters say it, of this case or of another about the same tables; else the
/// names that everybody uses, and the truth is the column that is left.
pub struct Roles {
    pub truth: String,
    pub decision: String,
    /// Class name and column; one entry for a binary model.
    pub probability: Vec<(String, String)>,
}

impl Roles {
    pub fn of(set: &Set, case: &Case, table: &Table) -> Result<Self, String> {
        let related: Vec<&Case> =
            std::iter::once(case).chain(set.cases.iter().filter(|other| other.data == case.data)).collect();
        let result = |key: &str| related.iter().find_map(|case| case.params.get(key).filter(|value| !value.is_null()));
        let has = |name: &str| table.column(name).is_ok();
        let decision = result("y_pred").and_then(Value::as_str).unwrap_or("y_pred").to_owned();
        let probability = match result("y_pred_proba") {
            Some(Value::Object(classes)) => {
                classes.iter().map(|(class, c)| (class.clone(), c.as_str().unwrap_or_default().to_owned())).collect()
            }
            Some(Value::String(column)) => vec![("1".to_owned(), column.clone())],
            _ if has("y_pred_proba") => vec![("1".to_owned(), "y_pred_proba".to_owned())],
            _ => {
                let names = table.columns.iter().filter_map(|(name, _)| name.strip_prefix("p_"));
                names.map(|class| (class.to_owned(), format!("p_{class}"))).collect::<Vec<_>>()
            }
        };
        let features: Vec<String> = related.iter().flat_map(|case| case.texts("features")).collect();
        let used = |name: &str| {
            name == decision || probability.iter().any(|(_, c)| c == name) || features.iter().any(|f| f == name)
        };
        let truth = result("y_true").and_then(Value::as_str).map(str::to_owned).or_else(|| {
            let common = ["y_true", "y", "target", "label"].into_iter().find(|name| has(name)).map(str::to_owned);
            common.or_else(|| table.columns.iter().map(|(name, _)| name).rfind(|name| !used(name)).cloned())
        });
        let truth = truth.ok_or("no column can be the truth")?;
        let mut probability = probability;
        probability.sort();
        Ok(Roles { truth, decision, probability })
    }
}

/// A column of two tables for a learner, over the categories of both.
pub(super) enum Learned {
    Number(Vec<f64>, Vec<f64>),
    Category(Vec<u32>, Vec<u32>),
}

impl Learned {
    pub(super) fn of(reference: &Column, analysis: &Column) -> Self {
        if let (Column::Number(a), Column::Number(b)) = (reference, analysis) {
            return Learned::Number(a.clone(), b.clone());
        }
        let (a, b) = (reference.texts(), analysis.texts());
        let mut names: Vec<&String> = a.iter().chain(&b).flatten().collect();
        names.sort();
        names.dedup();
        let code = |column: &[Option<String>]| -> Vec<u32> {
            let place = |value: &String| names.binary_search(&value).map_or(u32::MAX, |place| place as u32);
            column.iter().map(|value| value.as_ref().map_or(u32::MAX, place)).collect()
        };
        Learned::Category(code(&a), code(&b))
    }

    pub(super) fn reference(&self, (from, to): (usize, usize)) -> Feature<'_> {
        match self {
            Learned::Number(a, _) => Feature::Number(&a[from..to]),
            Learned::Category(a, _) => Feature::Category(&a[from..to]),
        }
    }

    pub(super) fn analysis(&self, (from, to): (usize, usize)) -> Feature<'_> {
        match self {
            Learned::Number(_, b) => Feature::Number(&b[from..to]),
            Learned::Category(_, b) => Feature::Category(&b[from..to]),
        }
    }
}

fn domain(set: &Set, case: &Case) -> Result<Value, String> {
    let (reference, analysis) = (set.of(case, "ref")?, set.of(case, "ana")?);
    let mut columns = Vec::new();
    for name in case.texts("features") {
        columns.push(Learned::of(reference.column(&name)?, analysis.column(&name)?));
    }
    let rows = case.number("ref_rows").map_or(reference.rows(), |rows| (rows as usize).min(reference.rows()));
    let window = case.numbers("ana_rows");
    let (from, to) = match window[..] {
        [from, to] => (from as usize, (to as usize).min(analysis.rows())),
        _ => (0, analysis.rows()),
    };
    let parts = chunks(to - from, case.chunk()?);
    let old: Vec<Feature> = columns.iter().map(|column| column.reference((0, rows))).collect();
    let mut values = Vec::new();
    for (start, end) in &parts {
        let new: Vec<Feature> = columns.iter().map(|column| column.analysis((from + start, from + end))).collect();
        let shape = Shape { trees: 50, ..Shape::default() };
        values.push(domain_classifier(&old, &new, shape).map_err(|error| error.to_string())?.auc.value);
    }
    let line = lower_upper(&values, (Some(0.45), Some(0.65)));
    Ok(json!({"chunks": bounds(&parts), "metrics": {"domain_classifier_auroc": line}}))
}
