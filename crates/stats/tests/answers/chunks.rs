//! Readings of chunk after chunk against a reference, in NannyML's form.

use super::drift::counted;
use super::rows::codes;
use super::set::{Case, Column, Set, Table};
use kilter_stats::boost::{Feature, Shape};
use kilter_stats::drift::{CategoricalReference, NumericReference, Sample};
use kilter_stats::multivariate::{FrequencyCode, MeanFill, Reconstruction, domain_classifier};
use kilter_stats::performance::{BinaryRows, Labelled, MulticlassRows, RegressionRows, metric};
use kilter_stats::performance_estimation::{
    Calibration, ClassCalibrations, DirectLoss, Expected, Loss, expected_classes,
};
use kilter_stats::reference_impls::nannyml::sampling_error::{self, Component};
use kilter_stats::reference_impls::nannyml::{
    Categorical, Numeric, NumericDrift, band, categorical, estimated, estimated_average_precision, is_realized,
    needs_calibration,
};
use serde_json::{Map, Value, json};
use std::rc::Rc;

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

fn lower_upper(values: &[f64], band: (Option<f64>, Option<f64>)) -> Map<String, Value> {
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

fn add_errors(line: &mut Map<String, Value>, values: &[f64], errors: &[f64], limits: (Option<f64>, Option<f64>)) {
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
enum Learned {
    Number(Vec<f64>, Vec<f64>),
    Category(Vec<u32>, Vec<u32>),
}

impl Learned {
    fn of(reference: &Column, analysis: &Column) -> Self {
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

    fn reference(&self, (from, to): (usize, usize)) -> Feature<'_> {
        match self {
            Learned::Number(a, _) => Feature::Number(&a[from..to]),
            Learned::Category(a, _) => Feature::Category(&a[from..to]),
        }
    }

    fn analysis(&self, (from, to): (usize, usize)) -> Feature<'_> {
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

struct Model<'a> {
    case: &'a Case,
    kind: &'static str,
    roles: Roles,
    reference: Rc<Table>,
    analysis: Rc<Table>,
    size: usize,
}

/// One part of a table in the words of `stats`.
struct Part {
    truth: Vec<f64>,
    decision: Vec<f64>,
    probability: Vec<f64>,
}

impl<'a> Model<'a> {
    fn of(set: &Set, case: &'a Case) -> Result<Self, String> {
        let (reference, analysis) = (set.of(case, "ref")?, set.of(case, "ana")?);
        let kind = ["binary", "multiclass", "regression"].into_iter().find(|kind| case.metric.contains(kind));
        let roles = Roles::of(set, case, &reference)?;
        Ok(Model { case, kind: kind.unwrap_or("binary"), roles, reference, analysis, size: case.chunk()? })
    }

    fn classes(&self) -> Vec<String> {
        self.roles.probability.iter().map(|(class, _)| class.clone()).collect()
    }

    /// Complete rows of `from..to`.
    fn part(&self, table: &Table, (from, to): (usize, usize)) -> Result<Part, String> {
        let column = |name: &str| -> Result<Vec<f64>, String> {
            let part = table.column(name)?.slice(from, to);
            Ok(if self.kind == "multiclass" && !name.starts_with("p_") && !self.is_probability(name) {
                codes(&self.classes(), &part.texts()).into_iter().map(f64::from).collect()
            } else {
                part.numbers()
            })
        };
        let truth = column(&self.roles.truth)?;
        let decision = column(&self.roles.decision)?;
        let parts: Vec<Vec<f64>> =
            self.roles.probability.iter().map(|(_, name)| column(name)).collect::<Result<_, _>>()?;
        let complete: Vec<usize> = (0..truth.len())
            .filter(|row| !truth[*row].is_nan() && !decision[*row].is_nan() && parts.iter().all(|p| !p[*row].is_nan()))
            .collect();
        Ok(Part {
            truth: complete.iter().map(|row| truth[*row]).collect(),
            decision: complete.iter().map(|row| decision[*row]).collect(),
            probability: complete.iter().flat_map(|row| parts.iter().map(|part| part[*row])).collect(),
        })
    }

    fn is_probability(&self, name: &str) -> bool {
        self.roles.probability.iter().any(|(_, column)| column == name)
    }

    fn metrics(&self) -> &'static [(&'static str, &'static str)] {
        match self.kind {
            "multiclass" => &[("roc_auc", "auc_ovr"), ("f1", "f1_macro"), ("accuracy", "accuracy")],
            "regression" => &[("mae", "mae"), ("mape", "mape"), ("mse", "mse"), ("rmse", "rmse")],
            _ => &[
                ("roc_auc", "auc"),
                ("f1", "f1"),
                ("precision", "precision"),
                ("recall", "recall"),
                ("specificity", "specificity"),
                ("accuracy", "accuracy"),
                ("average_precision", "average_precision"),
            ],
        }
    }

    fn limits(&self) -> (Option<f64>, Option<f64>) {
        (Some(0.0), (self.kind != "regression").then_some(1.0))
    }

    /// A metric of every chunk; NaN where it is undefined.
    fn measured(&self, table: &Table, name: &str) -> Result<Vec<f64>, String> {
        let one = |part: Part| -> kilter_stats::MetricResult<f64> {
            let flag = |values: &[f64]| values.iter().map(|x| *x == 1.0).collect::<Vec<bool>>();
            let class = |values: &[f64]| values.iter().map(|x| *x as u32).collect::<Vec<u32>>();
            let (truth, decision) = (flag(&part.truth), flag(&part.decision));
            let (classes, decided) = (class(&part.truth), class(&part.decision));
            let rows = match self.kind {
                "multiclass" => Labelled::Multiclass(
                    MulticlassRows::scored(&classes, self.roles.probability.len(), &part.probability)?
                        .with_decisions(&decided)?,
                ),
                "regression" => Labelled::Regression(RegressionRows::new(&part.truth, &part.decision)?),
                _ => Labelled::Binary(BinaryRows::scored(&truth, &part.probability, 0.5)?.with_decisions(&decision)?),
            };
            Ok(metric(name, &rows)?.value)
        };
        let key = self.metrics().iter().find(|(_, ours)| *ours == name).map_or(name, |(key, _)| *key);
        let is_there = |part: &Part| {
            self.kind == "regression" || is_realized(key, different(&part.truth), different(&part.decision))
        };
        chunks(table.rows(), self.size)
            .into_iter()
            .map(|chunk| {
                let part = self.part(table, chunk)?;
                Ok(if is_there(&part) { one(part).unwrap_or(f64::NAN) } else { f64::NAN })
            })
            .collect()
    }

    fn realized(&self) -> Result<Value, String> {
        let mut metrics = Map::new();
        for (key, name) in self.metrics() {
            let limits = band(&self.measured(&self.reference, name)?, self.limits());
            let line = lower_upper(&self.measured(&self.analysis, name)?, (limits.map(|b| b.0), limits.map(|b| b.1)));
            metrics.insert((*key).to_owned(), Value::Object(line));
        }
        Ok(json!({"chunks": bounds(&chunks(self.analysis.rows(), self.size)), "metrics": metrics}))
    }

    /// Sampling errors; with estimates, their confidence bounds, too.
    fn errors(&self, estimates: Option<&Map<String, Value>>) -> Result<Value, String> {
        let whole = self.part(&self.reference, (0, self.reference.rows()))?;
        let parts = chunks(self.analysis.rows(), self.size);
        let mut metrics = Map::new();
        for (key, _) in self.metrics().iter().filter(|(key, _)| *key != "average_precision") {
            let errors: Vec<f64> = parts.iter().map(|(from, to)| self.error(key, &whole, to - from)).collect();
            let mut line = Map::new();
            let values: Vec<f64> = estimates
                .and_then(|estimates| estimates[*key]["value"].as_array())
                .into_iter()
                .flatten()
                .map(|value| value.as_f64().unwrap_or(f64::NAN))
                .collect();
            if values.is_empty() {
                line.insert("sampling_error".to_owned(), json!(errors));
            } else {
                add_errors(&mut line, &values, &errors, self.limits());
            }
            metrics.insert((*key).to_owned(), Value::Object(line));
        }
        Ok(json!({"chunks": bounds(&parts), "metrics": metrics}))
    }

    fn error(&self, key: &str, whole: &Part, n: usize) -> f64 {
        let rows = whole.truth.len() as f64;
        if self.kind == "regression" {
            let pairs = || whole.truth.iter().zip(&whole.decision);
            let squared: Vec<f64> = pairs().map(|(y, p)| (y - p).powi(2)).collect();
            return match key {
                "mae" => sampling_error::mean(&pairs().map(|(y, p)| (y - p).abs()).collect::<Vec<_>>()),
                "mape" => sampling_error::mean(&pairs().map(|(y, p)| (y - p).abs() / y).collect::<Vec<_>>()),
                "mse" => sampling_error::mean(&squared),
                _ => sampling_error::root(&squared),
            }
            .on(n);
        }
        let table = |class: f64| {
            let mut cells = [0.0; 4];
            for (truth, decision) in whole.truth.iter().zip(&whole.decision) {
                let place = match (*truth == class, *decision == class) {
                    (true, true) => 0,
                    (false, true) => 1,
                    (true, false) => 2,
                    (false, false) => 3,
                };
                cells[place] += 1.0;
            }
            cells
        };
        let right = whole.truth.iter().zip(&whole.decision).filter(|(t, d)| t == d).count() as f64;
        let auc = |class: f64, column: usize, width: usize| -> Component {
            let truth: Vec<bool> = whole.truth.iter().map(|t| *t == class).collect();
            let score: Vec<f64> = whole.probability.iter().skip(column).step_by(width).copied().collect();
            sampling_error::auc(&truth, &score)
        };
        if self.kind == "multiclass" {
            let k = self.roles.probability.len();
            return match key {
                "roc_auc" => {
                    let classes: Vec<Component> = (0..k).map(|class| auc(class as f64, class, k)).collect();
                    sampling_error::over_classes(&classes, n, 1.2)
                }
                "f1" => {
                    let classes: Vec<Component> = (0..k)
                        .map(|class| table(class as f64))
                        .map(|[tp, fp, fn_, _]| sampling_error::class_f1(tp, fp, fn_, rows))
                        .collect();
                    sampling_error::over_classes(&classes, n, 1.0)
                }
                _ => sampling_error::rate(right, rows - right, rows).on(n),
            };
        }
        let [tp, fp, fn_, tn] = table(1.0);
        match key {
            "roc_auc" => auc(1.0, 0, 1),
            "f1" => sampling_error::f1(tp, fp, fn_, rows),
            "precision" => sampling_error::rate(tp, fp, rows),
            "recall" => sampling_error::rate(tp, fn_, rows),
            "specificity" => sampling_error::rate(tn, fp, rows),
            _ => sampling_error::rate(right, rows - right, rows),
        }
        .on(n)
    }

    fn direct_loss(&self) -> Result<Value, String> {
        let whole = (0, self.reference.rows());
        let say = |error: kilter_stats::Unmeasured| error.to_string();
        let mut columns = Vec::new();
        for name in self.case.texts("features").iter().chain([&self.roles.decision]) {
            columns.push(Learned::of(self.reference.column(name)?, self.analysis.column(name)?));
        }
        let (truth, predicted) =
            (self.reference.numbers(&self.roles.truth)?, self.reference.numbers(&self.roles.decision)?);
        let features: Vec<Feature> = columns.iter().map(|column| column.reference(whole)).collect();
        let mut metrics = Map::new();
        for (name, loss) in [("mae", Loss::Absolute), ("rmse", Loss::Squared)] {
            let fitted = DirectLoss::fit(&features, &predicted, &truth, loss).map_err(say)?;
            let mut values = Vec::new();
            for chunk in chunks(self.analysis.rows(), self.size) {
                let part: Vec<Feature> = columns.iter().map(|column| column.analysis(chunk)).collect();
                values.push(fitted.estimate(&part, 0.95).map_err(say)?.value);
            }
            let realized = self.measured(&self.analysis, name)?;
            let apart = |values: &[f64]| {
                values.iter().zip(&realized).map(|(a, b)| (a - b).abs()).sum::<f64>() / realized.len() as f64
            };
            let oracle = self.case.params["oracle_mean_abs_error_vs_realized"][name].as_f64();
            println!("direct loss, {name}: mean error {:.2}, the oracle's is {oracle:?}", apart(&values));
            if oracle.is_some_and(|oracle| apart(&values) > 1.25 * oracle) {
                return Err(format!("{name}: {} from the realised loss, oracle {oracle:?}", apart(&values)));
            }
            let limits = band(&self.measured(&self.reference, name)?, self.limits());
            let line = lower_upper(&values, (limits.map(|b| b.0), limits.map(|b| b.1)));
            metrics.insert(name.to_owned(), Value::Object(line));
        }
        Ok(json!({"chunks": bounds(&chunks(self.analysis.rows(), self.size)), "metrics": metrics}))
    }

    fn estimated(&self, errors: bool) -> Result<Value, String> {
        let values = if self.kind == "multiclass" { self.estimated_classes()? } else { self.estimated_binary()? };
        let mut metrics = Map::new();
        for (key, name) in self.metrics() {
            let Some(got) = values.iter().find(|(known, _)| known == key).map(|(_, values)| values) else { continue };
            let limits = band(&self.measured(&self.reference, name)?, self.limits());
            let line = lower_upper(got, (limits.map(|b| b.0), limits.map(|b| b.1)));
            metrics.insert((*key).to_owned(), Value::Object(line));
        }
        if errors {
            return self.errors(Some(&metrics));
        }
        let mut answer = json!({"chunks": bounds(&chunks(self.analysis.rows(), self.size)), "metrics": metrics});
        if self.kind == "binary" {
            answer["needs_calibration"] = json!(self.calibration()?.1);
        }
        Ok(answer)
    }

    fn calibration(&self) -> Result<(Calibration, bool), String> {
        let whole = self.part(&self.reference, (0, self.reference.rows()))?;
        let truth: Vec<bool> = whole.truth.iter().map(|y| *y == 1.0).collect();
        calibration(&truth, &whole.probability)
    }

    fn estimated_binary(&self) -> Result<Vec<(&'static str, Vec<f64>)>, String> {
        let (calibration, _) = self.calibration()?;
        let mut values: Vec<(&'static str, Vec<f64>)> =
            self.metrics().iter().map(|(key, _)| (*key, Vec::new())).collect();
        for chunk in chunks(self.analysis.rows(), self.size) {
            let part = self.part(&self.analysis, chunk)?;
            let decision: Vec<bool> = part.decision.iter().map(|d| *d == 1.0).collect();
            let expected =
                Expected::new(&part.probability, &decision, &calibration).map_err(|error| error.to_string())?;
            for (key, values) in &mut values {
                let value = match *key {
                    "average_precision" => estimated_average_precision(expected.probabilities(), &part.probability),
                    key => estimated(key, &expected),
                };
                values.push(value.unwrap_or(f64::NAN));
            }
        }
        Ok(values)
    }

    fn estimated_classes(&self) -> Result<Vec<(&'static str, Vec<f64>)>, String> {
        let whole = self.part(&self.reference, (0, self.reference.rows()))?;
        let k = self.roles.probability.len();
        let classes = (0..k)
            .map(|class| {
                let truth: Vec<bool> = whole.truth.iter().map(|y| *y == class as f64).collect();
                let score: Vec<f64> = whole.probability.iter().skip(class).step_by(k).copied().collect();
                Ok(calibration(&truth, &score)?.0)
            })
            .collect::<Result<Vec<_>, String>>()?;
        let calibrations = ClassCalibrations::of(classes);
        let (mut auc, mut f1, mut accuracy) = (Vec::new(), Vec::new(), Vec::new());
        for chunk in chunks(self.analysis.rows(), self.size) {
            let part = self.part(&self.analysis, chunk)?;
            let decision: Vec<u32> = part.decision.iter().map(|d| *d as u32).collect();
            let got = expected_classes(&part.probability, &decision, &calibrations).map_err(|e| e.to_string())?;
            auc.push(got.auc_ovr);
            f1.push(got.f1_macro);
            accuracy.push(got.accuracy);
        }
        Ok(vec![("roc_auc", auc), ("f1", f1), ("accuracy", accuracy)])
    }
}

fn different(values: &[f64]) -> usize {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.dedup();
    sorted.len()
}

fn calibration(truth: &[bool], score: &[f64]) -> Result<(Calibration, bool), String> {
    let needed = needs_calibration(truth, score).map_err(|error| error.to_string())?;
    let fitted = if needed {
        BinaryRows::scored(truth, score, 0.5).and_then(|rows| Calibration::fit(&rows)).map_err(|e| e.to_string())?
    } else {
        Calibration::trusted(score.len() as u64)
    };
    Ok((fitted, needed))
}
