//! Distances and tests of one column.

use super::set::{Case, Column, Set, Table};
use kilter_stats::drift::shares::{
    hellinger, homogeneity, js_distance, js_distance_base2, l_infinity, psi, shares, tvd,
};
use kilter_stats::drift::{
    Alternative, Sample, anderson_darling, cramer_von_mises, energy_distance, ks_and_w1, ks_asymptotic, ks_exact,
    ks_test, mann_whitney, quantile_edges, right_closed_counts, t_test, two_proportions,
};
use kilter_stats::reference_impls::bins::open_histogram;
use kilter_stats::reference_impls::evidently;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub fn answer(set: &Set, case: &Case) -> Option<Result<Value, String>> {
    if case.metric == "evidently_default_preset" {
        return Some(preset(set, case));
    }
    let known = [
        "ks_2samp",
        "wasserstein_1",
        "energy_distance",
        "energy_distance_evidently",
        "anderson_darling_k2_statistic",
        "psi_quantile_bins",
        "psi_fixed_edges",
        "js_distance_fixed_edges",
        "chi2_homogeneity",
        "categorical_distances",
        "tvd",
        "ztest_p",
        "chi2_gof_p_evidently",
        "psi_evidently",
        "js_evidently",
        "kl_evidently",
        "hellinger_evidently",
        "wasserstein_norm_evidently",
        "ks_p_evidently",
        "t_test_p",
        "mann_whitney_p",
        "cramer_von_mises_p",
    ];
    known.contains(&case.metric.as_str()).then(|| one_column(set, case))
}

fn one_column(set: &Set, case: &Case) -> Result<Value, String> {
    let (reference, current) = (set.of(case, "ref")?, set.of(case, "cur")?);
    let name = case.need("column")?;
    match (reference.column(name)?, current.column(name)?) {
        (Column::Number(a), Column::Number(b)) => numeric(case, &Sample::of(a), &Sample::of(b)),
        (a, b) => {
            let (a, b) = counted(a, b);
            categorical(case, &a, &b)
        }
    }
    .map_err(|error| error.to_string())
}

fn numeric(case: &Case, a: &Sample, b: &Sample) -> kilter_stats::MetricResult<Value> {
    let edges = case.numbers("edges");
    let opened = |sample: &Sample| shares(&open_histogram(sample.values(), &edges));
    let floor = case.number("eps").unwrap_or(1e-4);
    Ok(match case.metric.as_str() {
        "ks_2samp" => {
            let (exact, limit) = (ks_exact(a, b)?, ks_asymptotic(a, b)?);
            json!({"statistic": exact.statistic, "p_exact": exact.p, "p_asymp": limit.p})
        }
        "wasserstein_1" => json!(ks_and_w1(a.values(), b.values())?.1),
        "energy_distance" | "energy_distance_evidently" => json!(energy_distance(a, b)?),
        "anderson_darling_k2_statistic" => json!(anderson_darling(a, b)?),
        "psi_quantile_bins" => {
            let edges = quantile_edges(a.values(), case.number("bins").unwrap_or(10.0) as usize);
            let of = |sample: &Sample| shares(&right_closed_counts(sample.values(), &edges));
            json!(psi(&of(a), &of(b), floor))
        }
        "psi_fixed_edges" => json!(psi(&opened(a), &opened(b), floor)),
        "js_distance_fixed_edges" => {
            let (p, q) = (opened(a), opened(b));
            json!({"base2": js_distance_base2(&p, &q), "nat": js_distance(&p, &q)})
        }
        "ks_p_evidently" => json!(ks_test(a, b)?.p),
        "t_test_p" => json!(t_test(a, b)?.p),
        "mann_whitney_p" => json!(mann_whitney(a, b, Alternative::Less)?.p),
        "cramer_von_mises_p" => json!(cramer_von_mises(a, b)?.p),
        "wasserstein_norm_evidently" => json!(evidently::wasserstein_norm(a, b)?),
        "hellinger_evidently" => json!(evidently::numeric_hellinger(a, b)),
        "psi_evidently" | "js_evidently" | "kl_evidently" => {
            let (p, q) = evidently::numeric_shares(a, b);
            json!(match case.metric.as_str() {
                "psi_evidently" => evidently::psi(&p, &q),
                "js_evidently" => js_distance(&shares(&p), &shares(&q)),
                _ => evidently::kl(&p, &q),
            })
        }
        other => return Err(kilter_stats::Unmeasured::bad_input(other, "it is not for numeric columns")),
    })
}

/// Counts of two columns over their values in ascending order.
pub fn counted(a: &Column, b: &Column) -> (Vec<f64>, Vec<f64>) {
    let mut counts: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    a.texts().into_iter().flatten().for_each(|value| counts.entry(value).or_default().0 += 1.0);
    b.texts().into_iter().flatten().for_each(|value| counts.entry(value).or_default().1 += 1.0);
    counts.into_values().unzip()
}

fn categorical(case: &Case, a: &[f64], b: &[f64]) -> kilter_stats::MetricResult<Value> {
    let (p, q) = (shares(a), shares(b));
    let empty = || kilter_stats::Unmeasured::too_few("rows", 0, 1);
    Ok(match case.metric.as_str() {
        "chi2_homogeneity" => {
            let test = homogeneity(a, b).ok_or_else(empty)?;
            json!({"statistic": test.statistic, "p": test.p, "dof": test.dof, "g_statistic": test.g, "g_p": test.g_p})
        }
        "categorical_distances" => json!({
            "l_infinity": l_infinity(&p, &q), "tvd": tvd(&p, &q), "hellinger": hellinger(&p, &q),
            "js_base2": js_distance_base2(&p, &q), "js_nat": js_distance(&p, &q), "psi": evidently::psi(&p, &q),
        }),
        "tvd" => json!(tvd(&p, &q)),
        "ztest_p" => {
            let rest = |counts: &[f64]| (counts[1..].iter().sum::<f64>() as u64, counts.iter().sum::<f64>() as u64);
            json!(two_proportions(rest(a), rest(b))?.p)
        }
        "chi2_gof_p_evidently" => json!(evidently::chi2_goodness_p(a, b)?),
        "psi_evidently" => json!(evidently::psi(&p, &q)),
        "kl_evidently" => json!(evidently::kl(&p, &q)),
        "js_evidently" => json!(js_distance(&p, &q)),
        "hellinger_evidently" => json!(hellinger(&p, &q)),
        other => return Err(kilter_stats::Unmeasured::bad_input(other, "it is not for categorical columns")),
    })
}

fn preset(set: &Set, case: &Case) -> Result<Value, String> {
    let (reference, current) = (set.of(case, "ref")?, set.of(case, "cur")?);
    let mut columns = serde_json::Map::new();
    let mut drifted = 0;
    for (name, column) in &reference.columns {
        let reading = read(column, &current, name)?;
        drifted += usize::from(reading.drifted);
        columns.insert(
            name.clone(),
            json!({"test": reading.test, "score": reading.score, "threshold": reading.threshold, "drifted": reading.drifted}),
        );
    }
    let share = drifted as f64 / reference.columns.len() as f64;
    let limit = case.number("drift_share").unwrap_or(0.5);
    Ok(json!({"columns": columns, "n_drifted": drifted, "share": share, "dataset_drift": share >= limit}))
}

fn read(column: &Column, current: &Table, name: &str) -> Result<evidently::PresetReading, String> {
    match (column, current.column(name)?) {
        (Column::Number(a), Column::Number(b)) => evidently::preset_numeric(&Sample::of(a), &Sample::of(b)),
        (a, b) => {
            let (a, b) = counted(a, b);
            evidently::preset_categorical(&a, &b)
        }
    }
    .map_err(|error| error.to_string())
}
