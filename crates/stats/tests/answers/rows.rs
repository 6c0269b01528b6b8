//! Performance, fairness, data quality and online detectors on a single table.

use super::set::{Case, Column, Set, Table};
use kilter_stats::change_detection::{Adwin, Ddm, Direction, Eddm, HddmA, HddmW, PageHinkley};
use kilter_stats::drift::{CategoricalReference, Moments, NumericReference, Sample};
use kilter_stats::fairness::Groups;
use kilter_stats::performance::{
    BinaryRows, Confusion, Labelled, MulticlassRows, Rate, RegressionRows, confusion_matrix, metric,
};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap, HashSet};

pub fn answer(set: &Set, case: &Case) -> Option<Result<Value, String>> {
    Some(match case.metric.as_str() {
        "binary_scores" => binary_scores(set, case),
        "binary_labels" => binary_labels(set, case),
        "multiclass" => multiclass(set, case),
        "regression" => regression(set, case),
        "group_fairness" => fairness(set, case),
        "counts" => counts(set, case),
        "numeric_summary" => summary(set, case),
        "delayed_labels_as_of" => delayed(set, case),
        "adwin" | "page_hinkley" | "ddm" | "eddm" | "hddm_a" | "hddm_w" => online(set, case),
        _ => return None,
    })
}

fn flags(values: &[f64]) -> Vec<bool> {
    values.iter().map(|value| *value == 1.0).collect()
}

fn value(name: &str, rows: &Labelled) -> Value {
    metric(name, rows).map_or(Value::Null, |estimate| json!(estimate.value))
}

fn binary_scores(set: &Set, case: &Case) -> Result<Value, String> {
    let table = set.of(case, "file")?;
    let (truth, score) = (flags(&table.numbers("y_true")?), table.numbers("score")?);
    let weight = table.numbers("weight")?;
    let rows = BinaryRows::scored(&truth, &score, 0.5).map_err(|error| error.to_string())?;
    let weighted = Labelled::Binary(rows.with_weights(&weight).map_err(|error| error.to_string())?);
    let rows = Labelled::Binary(rows);
    Ok(json!({
        "roc_auc": value("auc", &rows), "roc_auc_weighted": value("auc", &weighted),
        "average_precision": value("average_precision", &rows), "log_loss": value("log_loss", &rows),
        "brier": value("brier", &rows), "gini": value("gini", &rows), "ks": value("ks", &rows),
        "ece_equal_width_10": value("ece@10", &rows), "ece_equal_mass_10": value("ece_mass@10", &rows),
        "mce_equal_width_10": value("mce@10", &rows), "lift_top10pct": value("lift@10", &rows),
    }))
}

fn binary_labels(set: &Set, case: &Case) -> Result<Value, String> {
    let table = set.of(case, "file")?;
    let (truth, decision) = (flags(&table.numbers("y_true")?), flags(&table.numbers("y_pred")?));
    let weight = table.numbers("weight")?;
    let rows = BinaryRows::decided(&truth, &decision).map_err(|error| error.to_string())?;
    let weighted = Labelled::Binary(rows.with_weights(&weight).map_err(|error| error.to_string())?);
    let counts = Confusion::of(&rows);
    let rows = Labelled::Binary(rows);
    let mut answer = Map::new();
    answer.insert(
        "confusion".to_owned(),
        json!({"tn": counts.true_negative.rows, "fp": counts.false_positive.rows, "fn": counts.false_negative.rows, "tp": counts.true_positive.rows}),
    );
    for name in
        ["accuracy", "balanced_accuracy", "precision", "recall", "f1", "f2", "mcc", "cohen_kappa", "specificity"]
    {
        answer.insert(name.to_owned(), value(name, &rows));
    }
    answer.insert("f1_weighted_rows".to_owned(), value("f1", &weighted));
    Ok(Value::Object(answer))
}

/// Texts as numbers of their ascending order.
pub fn codes(names: &[String], column: &[Option<String>]) -> Vec<u32> {
    let place: HashMap<&str, u32> = names.iter().enumerate().map(|(i, name)| (name.as_str(), i as u32)).collect();
    column.iter().map(|value| value.as_deref().and_then(|value| place.get(value)).copied().unwrap_or(0)).collect()
}

fn multiclass(set: &Set, case: &Case) -> Result<Value, String> {
    let table = set.of(case, "file")?;
    let columns: Vec<&(String, Column)> = table.columns.iter().filter(|(name, _)| name.starts_with("p_")).collect();
    let names: Vec<String> = columns.iter().map(|(name, _)| name[2..].to_owned()).collect();
    let k = names.len();
    let (truth, decision) = (codes(&names, &table.texts("y_true")?), codes(&names, &table.texts("y_pred")?));
    let parts: Vec<Vec<f64>> = columns.iter().map(|(_, column)| column.numbers()).collect();
    // "Probabilities renormalised to sum 1": rounding may order rows anew.
    let sum = |row: usize| parts.iter().map(|part| part[row]).sum::<f64>();
    let p: Vec<f64> = (0..truth.len()).flat_map(|row| parts.iter().map(move |part| part[row] / sum(row))).collect();
    let rows = MulticlassRows::scored(&truth, k, &p)
        .and_then(|rows| rows.with_decisions(&decision))
        .map_err(|error| error.to_string())?;
    let table: Vec<Vec<u64>> =
        confusion_matrix(&rows).chunks(k).map(|line| line.iter().map(|x| *x as u64).collect()).collect();
    let rows = Labelled::Multiclass(rows);
    let mut answer = Map::new();
    for (key, name) in [
        ("accuracy", "accuracy"),
        ("f1_macro", "f1_macro"),
        ("f1_weighted", "f1_weighted"),
        ("f1_micro", "f1_micro"),
        ("precision_macro", "precision_macro"),
        ("recall_macro", "recall_macro"),
        ("log_loss", "log_loss"),
        ("roc_auc_ovr_macro", "auc_ovr"),
        ("roc_auc_ovo_macro", "auc_ovo"),
        ("brier_multiclass", "brier"),
        ("top2_accuracy", "top_k@2"),
    ] {
        answer.insert(key.to_owned(), value(name, &rows));
    }
    answer.insert("confusion".to_owned(), json!(table));
    Ok(Value::Object(answer))
}

fn regression(set: &Set, case: &Case) -> Result<Value, String> {
    let table = set.of(case, "file")?;
    let (truth, predicted) = (table.numbers("y_true")?, table.numbers("y_pred")?);
    let rows = Labelled::Regression(RegressionRows::new(&truth, &predicted).map_err(|error| error.to_string())?);
    let names = [
        "mae",
        "mse",
        "rmse",
        "mape",
        "smape",
        "r2",
        "medae",
        "msle",
        "rmsle",
        "explained_variance",
        "max_error",
        "mean_error",
    ];
    let mut answer: Map<String, Value> = names.iter().map(|name| ((*name).to_owned(), value(name, &rows))).collect();
    answer.insert("pinball_90".to_owned(), value("pinball@0.9", &rows));
    Ok(Value::Object(answer))
}

fn fairness(set: &Set, case: &Case) -> Result<Value, String> {
    let table = set.of(case, "file")?;
    let (truth, decision) = (flags(&table.numbers("y_true")?), flags(&table.numbers("y_pred")?));
    let parts: Vec<Vec<Option<String>>> =
        case.texts("sensitive").iter().map(|name| table.texts(name)).collect::<Result<_, _>>()?;
    let label =
        |row: usize| parts.iter().map(|part| part[row].clone().unwrap_or_default()).collect::<Vec<String>>().join("|");
    let labels: Vec<String> = (0..truth.len()).map(label).collect();
    let names: Vec<String> = labels.iter().collect::<std::collections::BTreeSet<_>>().into_iter().cloned().collect();
    let place: BTreeMap<&str, u32> = names.iter().enumerate().map(|(i, name)| (name.as_str(), i as u32)).collect();
    let group: Vec<u32> = labels.iter().map(|label| place[label.as_str()]).collect();
    let groups = Groups::of(&group, names.len(), &truth, &decision, None).map_err(|error| error.to_string())?;
    fairness_answer(&groups, &names, place[case.need("privileged")?] as usize).map_err(|error| error.to_string())
}

const RATES: [(&str, Rate); 8] = [
    ("selection_rate", Rate::SelectionRate),
    ("tpr", Rate::Recall),
    ("fpr", Rate::FalsePositiveRate),
    ("fnr", Rate::FalseNegativeRate),
    ("tnr", Rate::Specificity),
    ("precision", Rate::Precision),
    ("accuracy", Rate::Accuracy),
    ("base_rate", Rate::BaseRate),
];

fn fairness_answer(groups: &Groups, names: &[String], privileged: usize) -> kilter_stats::MetricResult<Value> {
    let rates = |table: &Confusion| -> Value {
        let mut line: Map<String, Value> =
            RATES.iter().map(|(name, rate)| ((*name).to_owned(), json!(table.proportion(*rate).share()))).collect();
        line.insert("n".to_owned(), json!(table.rows()));
        Value::Object(line)
    };
    let (mut by, mut impact, mut parity, mut odds) = (Map::new(), Map::new(), Map::new(), Map::new());
    for (group, name) in names.iter().enumerate() {
        by.insert(name.clone(), groups.table(group).map_or(Value::Null, rates));
        impact.insert(name.clone(), json!(groups.disparate_impact(group, privileged, 0.95, 1)?.value));
        let parity_of = groups.difference_to(group, privileged, Rate::SelectionRate, 0.95, 1)?;
        parity.insert(name.clone(), json!(parity_of.value));
        odds.insert(name.clone(), json!(groups.average_odds_difference(group, privileged, 0.95, 1)?.value));
    }
    let all = groups.summary_of(0.95, 1)?;
    let violations: Vec<&String> = all.four_fifths_violations.iter().map(|group| &names[*group]).collect();
    Ok(json!({
        "by_group": by, "overall": rates(&groups.overall()),
        "demographic_parity_difference": all.demographic_parity.difference.value,
        "demographic_parity_ratio": all.demographic_parity.ratio.map(|ratio| ratio.value),
        "equalized_odds_difference": all.equalized_odds_difference.value,
        "equalized_odds_ratio": all.equalized_odds_ratio.map(|ratio| ratio.value),
        "equal_opportunity_difference": all.equal_opportunity.difference.value,
        "predictive_parity_difference": all.predictive_parity.difference.value,
        "disparate_impact_vs_privileged": impact, "statistical_parity_difference_vs_privileged": parity,
        "average_odds_difference_vs_privileged": odds, "four_fifths_violations": violations,
    }))
}

fn counts(set: &Set, case: &Case) -> Result<Value, String> {
    let (reference, current) = (set.of(case, "ref")?, set.of(case, "cur")?);
    let missing = |table: &Table| -> Map<String, Value> {
        let of = |column: &Column| column.texts().iter().filter(|value| value.is_none()).count();
        table.columns.iter().map(|(name, column)| (name.clone(), json!(of(column)))).collect()
    };
    let (mut unseen, mut outside, mut distinct, mut constant) = (Map::new(), Map::new(), Map::new(), Vec::new());
    for (name, column) in &current.columns {
        let texts = column.texts();
        let values: HashSet<&String> = texts.iter().flatten().collect();
        distinct.insert(name.clone(), json!(values.len()));
        if values.len() + usize::from(texts.contains(&None)) == 1 {
            constant.push(name.clone());
        }
        let before = reference.column(name)?;
        if let (Column::Number(old), Column::Number(new)) = (before, column) {
            let profile = NumericReference::of(old).map_err(|error| error.to_string())?;
            let window = profile.count(new);
            outside.insert(name.clone(), json!(window.below + window.above));
        } else {
            let old = before.texts();
            let profile = CategoricalReference::of(old.iter().map(Option::as_deref)).map_err(|e| e.to_string())?;
            unseen.insert(name.clone(), json!(profile.count(texts.iter().map(Option::as_deref)).unseen));
        }
    }
    let mut rows: HashSet<Vec<Option<String>>> = HashSet::new();
    let lines: Vec<Vec<Option<String>>> = current.columns.iter().map(|(_, column)| column.texts()).collect();
    let duplicates =
        (0..current.rows()).filter(|row| !rows.insert(lines.iter().map(|line| line[*row].clone()).collect())).count();
    Ok(json!({
        "rows": [reference.rows(), current.rows()], "missing_ref": missing(&reference),
        "missing_cur": missing(&current), "unseen": unseen, "out_of_range": outside, "constant": constant,
        "duplicates": duplicates, "distinct": distinct,
    }))
}

fn summary(set: &Set, case: &Case) -> Result<Value, String> {
    let current = set.of(case, "cur")?;
    let mut answer = Map::new();
    for (name, column) in current.columns.iter().filter(|(_, column)| column.is_number()) {
        let sample = Sample::of(&column.numbers());
        let mut moments = Moments::default();
        moments.add_all(sample.values());
        let one = || -> kilter_stats::MetricResult<Value> {
            let (low, high) = moments.range()?;
            let mut quantiles = Map::new();
            for p in [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99] {
                quantiles.insert(p.to_string(), json!(sample.quantile(p)?));
            }
            Ok(json!({
                "mean": moments.mean()?, "std": moments.sd(1)?, "min": low, "max": high, "quantiles": quantiles,
                "skew": moments.skewness().ok(), "kurtosis": moments.kurtosis().ok(),
            }))
        };
        answer.insert(name.clone(), one().map_err(|error| error.to_string())?);
    }
    Ok(Value::Object(answer))
}

fn online(set: &Set, case: &Case) -> Result<Value, String> {
    let values = set.of(case, "file")?.numbers(case.need("column")?)?;
    let given = case.params.get("params").unwrap_or(&case.params);
    let number = |key: &str| given.get(key).and_then(Value::as_f64);
    let mut add: Box<dyn FnMut(f64) -> bool> = match case.metric.as_str() {
        "adwin" => {
            let mut adwin = Adwin::default();
            number("delta").inspect(|x| adwin.delta = *x);
            number("clock").inspect(|x| adwin.clock = *x as u64);
            number("max_buckets").inspect(|x| adwin.max_buckets = *x as usize);
            number("min_window_length").inspect(|x| adwin.min_part = *x);
            number("grace_period").inspect(|x| adwin.grace = *x);
            Box::new(move |x| adwin.add(x))
        }
        "page_hinkley" => {
            let mut page = PageHinkley::default();
            number("min_instances").inspect(|x| page.min_instances = *x as u64);
            number("delta").inspect(|x| page.delta = *x);
            number("threshold").inspect(|x| page.threshold = *x);
            number("alpha").inspect(|x| page.alpha = *x);
            page.direction = match given.get("mode").and_then(Value::as_str) {
                Some("up") => Direction::Up,
                Some("down") => Direction::Down,
                _ => Direction::Both,
            };
            Box::new(move |x| page.add(x))
        }
        "ddm" => {
            let mut ddm = Ddm::default();
            Box::new(move |x| ddm.add(x == 1.0))
        }
        "eddm" => {
            let mut eddm = Eddm::default();
            Box::new(move |x| eddm.add(x == 1.0))
        }
        "hddm_a" => {
            let mut hddm = HddmA::default();
            Box::new(move |x| hddm.add(x == 1.0))
        }
        _ => {
            let mut hddm = HddmW::default();
            Box::new(move |x| hddm.add(x == 1.0))
        }
    };
    let detections: Vec<usize> =
        values.iter().enumerate().filter(|(_, value)| add(**value)).map(|(place, _)| place).collect();
    Ok(json!({"detections": detections}))
}

/// Days since 1970 of `YYYY-MM-DD` (Hinnant's algorithm).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn date(day: i64) -> String {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted - era * 146_097;
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let mp = (5 * of_year + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    format!("{:04}-{month:02}-{:02}", year + era * 400 + i64::from(month <= 2), of_year - (153 * mp + 2) / 5 + 1)
}

/// Seconds of `YYYY-MM-DD hh:mm:ss`.
pub fn seconds(stamp: &str) -> Result<i64, String> {
    let parts: Vec<i64> = stamp.split(['-', ' ', 'T', ':']).filter_map(|part| part.parse().ok()).collect();
    let [year, month, day, rest @ ..] = parts.as_slice() else { return Err(format!("`{stamp}` is no time")) };
    let at = |i: usize| rest.get(i).copied().unwrap_or(0);
    Ok(days(*year, *month, *day) * 86_400 + at(0) * 3600 + at(1) * 60 + at(2))
}

struct Event {
    at: i64,
    score: f64,
    decision: bool,
}

/// For every midnight of the 60 days after the first event: what was known then.
fn delayed(set: &Set, case: &Case) -> Result<Value, String> {
    let (events, labels) = (set.of(case, "events")?, set.of(case, "labels")?);
    let times = |table: &Table, name: &str| -> Result<Vec<i64>, String> {
        table.texts(name)?.iter().flatten().map(|stamp| seconds(stamp)).collect()
    };
    let (at, score, decision) = (times(&events, "ts")?, events.numbers("score")?, events.numbers("pred")?);
    let ids = events.texts("id")?;
    let place: HashMap<&String, usize> = ids.iter().flatten().enumerate().map(|(row, id)| (id, row)).collect();
    let events: Vec<Event> =
        (0..at.len()).map(|row| Event { at: at[row], score: score[row], decision: decision[row] == 1.0 }).collect();
    let (label_at, label, label_id) = (times(&labels, "label_ts")?, labels.numbers("y")?, labels.texts("id")?);
    let first = at.iter().min().copied().unwrap_or(0).div_euclid(86_400);
    let mut answer = Map::new();
    for day in first..first + 60 {
        let now = day * 86_400;
        let mut known: HashMap<&String, (i64, bool)> = HashMap::new();
        for (row, id) in label_id.iter().enumerate() {
            if let (Some(id), true) = (id, label_at[row] <= now) {
                known.insert(id, (label_at[row], label[row] == 1.0));
            }
        }
        let orphans = known.keys().filter(|id| !place.contains_key(**id)).count();
        let by_row: HashMap<usize, (i64, bool)> =
            known.iter().filter_map(|(id, label)| place.get(*id).map(|row| (*row, *label))).collect();
        answer.insert(format!("{}T00:00:00", date(day)), as_of(&events, &by_row, now, orphans)?);
    }
    Ok(Value::Object(answer))
}

fn as_of(events: &[Event], known: &HashMap<usize, (i64, bool)>, now: i64, orphans: usize) -> Result<Value, String> {
    let mut cohorts: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for (row, event) in events.iter().enumerate().filter(|(_, event)| event.at <= now) {
        cohorts.entry(event.at.div_euclid(86_400)).or_default().push(row);
    }
    let (mut table, mut lags) = (Map::new(), Vec::new());
    for (day, rows) in cohorts {
        let (mut truth, mut score, mut decision) = (Vec::new(), Vec::new(), Vec::new());
        for row in rows.iter().filter(|row| known.contains_key(row)) {
            let (at, label) = known[row];
            lags.push((at - events[*row].at) as f64);
            truth.push(label);
            score.push(events[*row].score);
            decision.push(events[*row].decision);
        }
        let labelled = Labelled::Binary(
            BinaryRows::scored(&truth, &score, 0.5)
                .and_then(|rows| rows.with_decisions(&decision))
                .map_err(|error| error.to_string())?,
        );
        let both = truth.contains(&true) && truth.contains(&false);
        let if_both = |name: &str| if both { value(name, &labelled) } else { Value::Null };
        table.insert(
            date(day),
            json!({
                "n": rows.len(), "labelled": truth.len(), "coverage": truth.len() as f64 / rows.len() as f64,
                "accuracy": value("accuracy", &labelled), "f1": if_both("f1"), "roc_auc": if_both("auc"),
            }),
        );
    }
    let total = lags.len();
    let lags = Sample::of(&lags);
    Ok(json!({
        "cohorts": table, "orphan_labels": orphans, "labelled_total": total,
        "lag_seconds": {"p50": lags.quantile(0.5).ok(), "p90": lags.quantile(0.9).ok()},
    }))
}
