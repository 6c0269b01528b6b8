//! What a model reaches from chunk to chunk, realised and estimated, in NannyML's form.

use super::chunks::{Learned, Roles, add_errors, bounds, chunks, lower_upper};
use super::rows::codes;
use super::set::{Case, Set, Table};
use kilter_stats::boost::Feature;
use kilter_stats::performance::{BinaryRows, Labelled, MulticlassRows, RegressionRows, metric};
use kilter_stats::performance_estimation::{
    Calibration, ClassCalibrations, DirectLoss, Expected, Loss, expected_classes,
};
use kilter_stats::reference_impls::nannyml::sampling_error::{self, Component};
use kilter_stats::reference_impls::nannyml::{
    band, estimated, estimated_average_precision, is_realized, needs_calibration,
};
use serde_json::{Map, Value, json};
use std::rc::Rc;

pub(super) struct Model<'a> {
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
    pub(super) fn of(set: &Set, case: &'a Case) -> Result<Self, String> {
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

    pub(super) fn realized(&self) -> Result<Value, String> {
        let mut metrics = Map::new();
        for (key, name) in self.metrics() {
            let limits = band(&self.measured(&self.reference, name)?, self.limits());
            let line = lower_upper(&self.measured(&self.analysis, name)?, (limits.map(|b| b.0), limits.map(|b| b.1)));
            metrics.insert((*key).to_owned(), Value::Object(line));
        }
        Ok(json!({"chunks": bounds(&chunks(self.analysis.rows(), self.size)), "metrics": metrics}))
    }

    /// Sampling errors; with estimates, their confidence bounds, too.
    pub(super) fn errors(&self, estimates: Option<&Map<String, Value>>) -> Result<Value, String> {
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

    pub(super) fn direct_loss(&self) -> Result<Value, String> {
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

    pub(super) fn estimated(&self, errors: bool) -> Result<Value, String> {
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
