//! What must hold over time: seasons are no drift, false alarms stay within their budget, drift is found soon.

use super::set::{Case, Set};
use kilter_stats::drift::{
    CategoricalReference, NumericReference, Sample, ks_and_w1, quantile_edges, right_closed_counts, shares,
};
use kilter_stats::random::Random;
use kilter_stats::sequential::{ColumnEvidence, e_benjamini_hochberg, model_detector, model_e_process};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Answers that break their rule are errors, so an answer here has passed.
pub fn answer(set: &Set, case: &Case) -> Option<Result<Value, String>> {
    match case.metric.as_str() {
        "seasonal_reference" => Some(seasonal(set, case)),
        "false_alarm_control" => Some(false_alarms(case)),
        "detection_delay" => Some(delay(case)),
        _ => None,
    }
}

fn whole(case: &Case, key: &str, or: usize) -> usize {
    case.number(key).map_or(or, |value| value as usize)
}

/// Runs `one` for each of `count` models on all processors; results in order.
fn each_model<T: Send>(count: usize, one: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        let mut done = Vec::new();
        loop {
            let model = next.fetch_add(1, Ordering::Relaxed);
            if model >= count {
                return done;
            }
            done.push((model, one(model)));
        }
    };
    let mut all: Vec<(usize, T)> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        handles.into_iter().flat_map(|handle| handle.join().unwrap()).collect()
    });
    all.sort_by_key(|(model, _)| *model);
    all.into_iter().map(|(_, result)| result).collect()
}

/// A model's columns, each with its reference and evidence, and its own stream of normals.
struct Stream {
    random: Random,
    references: Vec<NumericReference>,
    columns: Vec<ColumnEvidence>,
    buffer: Vec<f64>,
}

impl Stream {
    fn new(seed: u64, features: usize, rows: usize) -> Self {
        let mut random = Random::seeded(seed);
        let mut buffer = Vec::new();
        let references: Vec<NumericReference> = (0..features)
            .map(|_| {
                normals(&mut random, &mut buffer, rows, 0.0);
                NumericReference::of(&buffer).unwrap()
            })
            .collect();
        let columns = references.iter().map(ColumnEvidence::numeric).collect();
        Stream { random, references, columns, buffer }
    }

    fn window(&mut self, rows: usize, shift: impl Fn(usize) -> f64) {
        for (index, (column, reference)) in self.columns.iter_mut().zip(&self.references).enumerate() {
            normals(&mut self.random, &mut self.buffer, rows, shift(index));
            column.update_numeric(&reference.count(&self.buffer)).unwrap();
        }
    }
}

fn normals(random: &mut Random, into: &mut Vec<f64>, rows: usize, shift: f64) {
    into.clear();
    while into.len() < rows {
        let (a, b) = random.normal_pair();
        into.push(a + shift);
        into.push(b + shift);
    }
    into.truncate(rows);
}

fn seed(case: &Case, model: usize) -> u64 {
    Random::seeded(case.number("seed").unwrap_or(1.0) as u64).bits()
        ^ (model as u64).wrapping_mul(0x2545_f491_4f6c_dd1d)
}

fn false_alarms(case: &Case) -> Result<Value, String> {
    let (models, windows) = (whole(case, "models", 200), whole(case, "windows", 200));
    let (features, rows) = (whole(case, "features", 20), whole(case, "rows_per_window", 200));
    let (reference, alpha) = (whole(case, "reference_rows", 5000), case.number("alpha").unwrap_or(0.05));
    let ever = each_model(models, |model| {
        let mut stream = Stream::new(seed(case, model), features, reference);
        (0..windows).any(|_| {
            stream.window(rows, |_| 0.0);
            model_e_process(&stream.columns) >= 1.0 / alpha
        })
    });
    let share = ever.iter().filter(|alarmed| **alarmed).count() as f64 / models as f64;
    let bound = case.expected["max_fraction_of_models_with_any_alarm"].as_f64().unwrap_or(alpha);
    println!("false alarms: {share} of {models} models ever alarmed, at most {bound:.3} may");
    if share > bound {
        return Err(format!("{share} of the models alarmed, {bound} may"));
    }
    Ok(json!({"fraction_of_models_with_any_alarm": share}))
}

fn delay(case: &Case) -> Result<Value, String> {
    let (models, windows) = (whole(case, "models", 40), whole(case, "windows", 230));
    let (features, rows) = (whole(case, "features", 50), whole(case, "rows_per_window", 1000));
    let (change, shifted) = (whole(case, "change_at", 200), whole(case, "shifted_features", 1));
    let (shift, budget) = (case.number("shift_sd").unwrap_or(0.15), case.number("arl_windows").unwrap_or(1000.0));
    let reference = whole(case, "reference_rows", 10_000);
    // Per model: false alarms before the change, and windows from the change to the alarm.
    let runs = each_model(models, |model| {
        let mut stream = Stream::new(seed(case, model), features, reference);
        let mut false_alarms = 0;
        for window in 0..windows {
            let by = if window >= change { shift } else { 0.0 };
            stream.window(rows, |feature| if feature < shifted { by } else { 0.0 });
            if model_detector(&stream.columns) >= budget {
                if window >= change {
                    return (false_alarms, Some(window - change + 1));
                }
                false_alarms += 1;
                stream.columns.iter_mut().for_each(ColumnEvidence::restart);
            }
        }
        (false_alarms, None)
    });
    let mut delays: Vec<usize> = runs.iter().map(|run| run.1.unwrap_or(usize::MAX)).collect();
    delays.sort_unstable();
    let median = delays[models / 2];
    let found = delays.iter().filter(|delay| **delay <= 30).count() as f64 / models as f64;
    let false_alarms: usize = runs.iter().map(|run| run.0).sum();
    println!(
        "delay: median {median} windows, {found} found within 30, {false_alarms} false alarms in {} clean windows",
        models * change
    );
    let most = case.expected["max_median_delay_windows"].as_f64().unwrap_or(6.0);
    let least = case.expected["min_detected_within_30"].as_f64().unwrap_or(0.95);
    let allowed = models as f64 * change as f64 / budget;
    if median as f64 > most || found < least || false_alarms as f64 > allowed + 3.0 * allowed.sqrt() {
        return Err(format!("median delay {median}, found {found}, {false_alarms} false alarms"));
    }
    Ok(json!({"median_delay_windows": median, "detected_within_30": found}))
}

/// Numbers in a text, in order.
fn numbers_in(text: &str) -> Vec<usize> {
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

struct Season {
    hour: Vec<usize>,
    value: Vec<f64>,
    kind: Vec<Option<String>>,
}

impl Season {
    fn rows(&self, from: usize, to: usize) -> Vec<usize> {
        (0..self.hour.len()).filter(|row| (from..to).contains(&self.hour[*row])).collect()
    }

    fn values(&self, rows: &[usize]) -> Vec<f64> {
        rows.iter().map(|row| self.value[*row]).collect()
    }

    fn kinds(&self, rows: &[usize]) -> Vec<Option<&str>> {
        rows.iter().map(|row| self.kind[*row].as_deref()).collect()
    }
}

fn seasonal(set: &Set, case: &Case) -> Result<Value, String> {
    let table = set.of(case, "file")?;
    let at = table.numbers("ts")?;
    let first = at.iter().copied().fold(f64::INFINITY, f64::min);
    let season = Season {
        hour: at.iter().map(|at| ((at - first) / 3600.0).round() as usize).collect(),
        value: table.numbers("value")?,
        kind: table.texts("kind")?,
    };
    // "reference = first 28 days; days 28..56 have no drift; ..."
    let days = numbers_in(case.text("rule").unwrap_or_default());
    let (reference, change) = (days.first().copied().unwrap_or(28), days.get(2).copied().unwrap_or(56));
    let last = season.hour.iter().max().copied().unwrap_or(0) / 24 + 1;
    let naive = json!({
        "hour": naive(&season, 24 * reference, 24 * change, 1)?, "day": naive(&season, 24 * reference, 24 * change, 24)?,
    });
    let alerts = matched(&season, reference, last)?;
    let clean = alerts.iter().filter(|(day, _)| *day < change).count();
    let found = alerts.iter().find(|(day, value)| *day >= change && *value).map(|(day, _)| day - change + 1);
    println!(
        "seasons: {clean} alerts on {} clean days, drift found on day {found:?} after it began",
        change - reference
    );
    if clean > 1 || found.is_none_or(|day| day > 3) {
        return Err(format!("{clean} alerts on clean days, drift found after {found:?} days"));
    }
    Ok(json!({"naive_false_alarms_pooled_reference": naive, "alerts_on_clean_days": clean, "days_to_alert": found}))
}

/// What a pooled reference says of the clean windows.
fn naive(season: &Season, from: usize, to: usize, hours: usize) -> Result<Value, String> {
    let reference = Sample::of(&season.values(&season.rows(0, from)));
    let sd = reference.mean_and_sd(0.0).map_err(|error| error.to_string())?.1;
    let edges = quantile_edges(reference.values(), 10);
    let of = |sample: &Sample| shares::shares(&right_closed_counts(sample.values(), &edges));
    let p = of(&reference);
    let (mut far, mut unstable, mut windows) = (0, 0, 0);
    for start in (from..to).step_by(hours) {
        let window = Sample::of(&season.values(&season.rows(start, start + hours)));
        let w1 = ks_and_w1(reference.values(), window.values()).map_err(|error| error.to_string())?.1;
        windows += 1;
        far += usize::from(w1 / sd >= 0.1);
        unstable += usize::from(shares::psi(&p, &of(&window), 1e-4) >= 0.2);
    }
    Ok(json!({"windows": windows, "w1_ge_0_1": far, "psi_deciles_ge_0_2": unstable}))
}

/// Daily windows against a reference of each hour of the week; the alarm is the mean of both columns' detectors at a
/// budget of one false alarm in 1,000 windows, and e-BH names the columns. Days of alerts, and whether `value` is named.
fn matched(season: &Season, reference: usize, last: usize) -> Result<Vec<(usize, bool)>, String> {
    let say = |error: kilter_stats::Unmeasured| error.to_string();
    let by_hour = |rows: &[usize]| -> Vec<Vec<usize>> {
        let mut strata = vec![Vec::new(); 168];
        rows.iter().for_each(|row| strata[season.hour[*row] % 168].push(*row));
        strata
    };
    let before = by_hour(&season.rows(0, 24 * reference));
    let values: Vec<NumericReference> =
        before.iter().map(|rows| NumericReference::of(&season.values(rows)).map_err(say)).collect::<Result<_, _>>()?;
    let kinds: Vec<CategoricalReference> = before
        .iter()
        .map(|rows| CategoricalReference::of(season.kinds(rows)).map_err(say))
        .collect::<Result<_, _>>()?;
    let mut columns = [
        ColumnEvidence::numeric_strata(&values.iter().collect::<Vec<_>>()),
        ColumnEvidence::categorical_strata(&kinds.iter().collect::<Vec<_>>()),
    ];
    let mut alerts = Vec::new();
    for day in reference..last {
        let strata = by_hour(&season.rows(24 * day, 24 * day + 24));
        let used: Vec<usize> = (0..168).filter(|stratum| !strata[*stratum].is_empty()).collect();
        let counted: Vec<_> =
            used.iter().map(|stratum| values[*stratum].count(&season.values(&strata[*stratum]))).collect();
        let parts: Vec<_> = used.iter().copied().zip(&counted).collect();
        columns[0].update_numeric_strata(&parts).map_err(say)?;
        let counted: Vec<_> =
            used.iter().map(|stratum| kinds[*stratum].count(season.kinds(&strata[*stratum]))).collect();
        let parts: Vec<_> = used.iter().copied().zip(&counted).collect();
        columns[1].update_categorical_strata(&parts).map_err(say)?;
        if model_detector(&columns) >= 1000.0 {
            let evidence: Vec<f64> = columns.iter().map(ColumnEvidence::e_process).collect();
            let named = e_benjamini_hochberg(&evidence, 0.1);
            alerts.push((day, named.contains(&0)));
            columns.iter_mut().for_each(ColumnEvidence::restart);
        }
    }
    Ok(alerts)
}
