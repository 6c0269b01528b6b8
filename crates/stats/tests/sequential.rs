//! What evidence promises: false alarms at most as often as stated, however often one looks; drift found soon.

use kilter_stats::drift::{CategoricalReference, NumericReference};
use kilter_stats::random::Random;
use kilter_stats::sequential::{
    BettingSequence, ColumnEvidence, ConformalMartingale, EmpiricalBernstein, RateVerdict, count_e_value, judge_rate,
    model_detector, model_e_process, msprt, rate_e_value,
};

fn normals(random: &mut Random, n: usize, shift: f64) -> Vec<f64> {
    (0..n).map(|_| random.normal() + shift).collect()
}

#[test]
fn without_drift_a_model_alarms_at_most_as_often_as_alpha_says() {
    let (models, windows) = (120, 60);
    let (mut ever, mut detected) = (0, 0);
    for model in 0..models {
        let mut random = Random::seeded(1000 + model);
        // A small reference: its error is shared by all windows, and the bets must pay for it.
        let references: Vec<NumericReference> =
            (0..3).map(|_| NumericReference::of(&normals(&mut random, 300, 0.0)).unwrap()).collect();
        let mut columns: Vec<ColumnEvidence> = references.iter().map(ColumnEvidence::numeric).collect();
        let (mut most, mut high) = (0.0f64, 0.0f64);
        for _ in 0..windows {
            for (column, reference) in columns.iter_mut().zip(&references) {
                column.update_numeric(&reference.count(&normals(&mut random, 100, 0.0))).unwrap();
            }
            most = most.max(model_e_process(&columns));
            high = high.max(model_detector(&columns));
        }
        ever += usize::from(most >= 20.0);
        detected += usize::from(high >= 1000.0);
    }
    // 5 % of 120 is 6, plus three standard errors 7.2; 60 windows of a 1,000-window budget are 6 %.
    assert!(ever <= 13, "{ever} of {models} models alarmed at alpha 0.05");
    assert!(detected <= 14, "{detected} of {models} detectors alarmed");
}

#[test]
fn a_shift_a_spread_and_a_new_mix_of_categories_are_found_within_few_windows() {
    let mut random = Random::seeded(7);
    let reference = NumericReference::of(&normals(&mut random, 5000, 0.0)).unwrap();
    for (shift, scale, most) in [(0.15, 1.0, 4), (0.0, 1.15, 4), (-0.4, 1.0, 1), (0.0, 0.8, 2)] {
        let mut column = ColumnEvidence::numeric(&reference);
        for _ in 0..20 {
            column.update_numeric(&reference.count(&normals(&mut random, 1000, 0.0))).unwrap();
        }
        assert!(column.detector() < 1000.0);
        let mut delay = 0;
        while column.detector() < 1000.0 && delay < 50 {
            let values: Vec<f64> = normals(&mut random, 1000, 0.0).iter().map(|z| shift + scale * z).collect();
            column.update_numeric(&reference.count(&values)).unwrap();
            delay += 1;
        }
        assert!(delay <= most, "shift {shift}, scale {scale}: {delay} windows");
    }
    let draw = |random: &mut Random, n: usize, p: f64| -> Vec<&'static str> {
        (0..n).map(|_| if random.uniform() < p { "yes" } else { "no" }).collect()
    };
    let reference = CategoricalReference::of(draw(&mut random, 5000, 0.3).into_iter().map(Some)).unwrap();
    let mut column = ColumnEvidence::categorical(&reference);
    for _ in 0..20 {
        column.update_categorical(&reference.count(draw(&mut random, 500, 0.3).into_iter().map(Some))).unwrap();
    }
    assert!(column.detector() < 1000.0 && column.e_process() < 20.0);
    for _ in 0..3 {
        column.update_categorical(&reference.count(draw(&mut random, 500, 0.42).into_iter().map(Some))).unwrap();
    }
    assert!(column.detector() >= 1000.0, "{}", column.detector());
}

#[test]
fn missing_values_are_evidence_too() {
    let mut random = Random::seeded(3);
    let reference = NumericReference::of(&normals(&mut random, 3000, 0.0)).unwrap();
    let mut column = ColumnEvidence::numeric(&reference);
    let mut values = normals(&mut random, 500, 0.0);
    values.iter_mut().step_by(20).for_each(|value| *value = f64::NAN);
    for _ in 0..2 {
        column.update_numeric(&reference.count(&values)).unwrap();
    }
    assert!(column.detector() > 1000.0, "{}", column.detector());
}

#[test]
fn confidence_sequences_hold_at_all_times() {
    // Share of runs in which the interval ever left out the mean; nominal 10 %, checked at 2,000 rows each.
    let laws: [(&str, f64); 3] = [("coin", 0.1), ("uniform", 0.5), ("skewed", 1.0 / 3.0)];
    for (law, mean) in laws {
        let (mut bernstein_missed, mut betting_missed) = (0, 0);
        for seed in 0..100 {
            let mut random = Random::seeded(500 + seed);
            let mut bernstein = EmpiricalBernstein::new((0.0, 1.0), 0.9).unwrap();
            let mut betting = BettingSequence::new((0.0, 1.0), 0.9).unwrap();
            let (mut missed, mut lost) = (false, false);
            for _ in 0..800 {
                let u = random.uniform();
                let x = match law {
                    "coin" => f64::from(u8::from(u < 0.1)),
                    "uniform" => u,
                    _ => u * u,
                };
                bernstein.add(x).unwrap();
                betting.add(x).unwrap();
                missed |= !bernstein.estimate().unwrap().holds(mean);
                lost |= !betting.estimate().unwrap().holds(mean);
            }
            bernstein_missed += usize::from(missed);
            betting_missed += usize::from(lost);
            let (wide, narrow) = (bernstein.estimate().unwrap(), betting.estimate().unwrap());
            assert!(wide.high - wide.low < 0.2 && narrow.high - narrow.low < 0.16, "{law} {wide:?} {narrow:?}");
        }
        assert!(bernstein_missed <= 19 && betting_missed <= 19, "{law}: {bernstein_missed} {betting_missed} of 100");
    }
}

#[test]
fn the_mean_e_value_of_a_rate_at_its_limit_is_at_most_one() {
    for (rows, limit) in [(20u64, 0.1), (50, 0.02), (10, 0.5)] {
        for rate in [limit, 0.5 * limit] {
            let mut mean = 0.0;
            for hits in 0..=rows {
                let log = kilter_stats::distributions::ln_choose(rows as f64, hits as f64)
                    + hits as f64 * f64::ln(rate)
                    + (rows - hits) as f64 * f64::ln_1p(-rate);
                mean += log.exp() * rate_e_value(hits, rows, limit).unwrap();
            }
            assert!(mean <= 1.0 + 1e-9 && mean > 0.0, "{rows} {limit} {rate}: {mean}");
        }
    }
    let mean: f64 = (0..200)
        .map(|k| {
            let log = k as f64 * f64::ln(6.0)
                - 6.0
                - kilter_stats::distributions::ln_choose(k as f64, 0.0)
                - (1..=k).map(|i| f64::ln(i as f64)).sum::<f64>();
            log.exp() * count_e_value(k, 6.0).unwrap()
        })
        .sum();
    assert!((mean - 1.0).abs() < 1e-6, "{mean}");
}

#[test]
fn rates_are_calm_warn_and_alert_by_the_default_rule() {
    assert_eq!(judge_rate((10, 1000), (4, 400)).unwrap().verdict, RateVerdict::Calm);
    assert_eq!(judge_rate((0, 1000), (1, 1000)).unwrap().verdict, RateVerdict::Warning);
    assert_eq!(judge_rate((0, 1000), (12, 1000)).unwrap().verdict, RateVerdict::Alert);
    assert_eq!(judge_rate((10, 1000), (100, 1000)).unwrap().verdict, RateVerdict::Alert);
    assert!(judge_rate((0, 0), (1, 1)).is_err() && judge_rate((1, 1), (2, 1)).is_err());
    assert!(judge_rate((5, 5), (5, 5)).is_ok());
}

#[test]
fn an_msprt_of_no_difference_rarely_crosses_and_of_a_difference_soon_does() {
    let mut crossed = 0;
    for seed in 0..200 {
        let mut random = Random::seeded(seed);
        let (mut sum, mut ever) = (0.0, false);
        for n in 1..=500 {
            sum += random.normal();
            ever |= msprt(sum / n as f64, n, 1.0, 0.1).unwrap() >= 20.0;
        }
        crossed += usize::from(ever);
    }
    assert!(crossed <= 19, "{crossed} of 200");
    assert!(msprt(0.5, 100, 1.0, 0.1).unwrap() > 1000.0);
}

#[test]
fn hostile_windows_are_refused_and_change_nothing() {
    let reference = NumericReference::of(&[1.0, 2.0, 3.0]).unwrap();
    let other = NumericReference::of(&(0..1000).map(f64::from).collect::<Vec<_>>()).unwrap();
    let mut column = ColumnEvidence::numeric(&reference);
    let before = column.clone();
    assert!(column.update_numeric(&other.window()).is_err());
    assert!(column.update_numeric_strata(&[(3, &reference.window())]).is_err());
    let names = CategoricalReference::of([Some("a")]).unwrap();
    assert!(column.update_categorical(&names.window()).is_err());
    assert_eq!(column, before);
    column.update_numeric(&reference.window()).unwrap();
    assert!(column.detector().is_finite() && column.e_process() <= 1.0 + 1e-12);
    for values in [vec![f64::NAN; 50], vec![f64::INFINITY; 50], vec![1e300; 5000]] {
        (0..40).for_each(|_| column.update_numeric(&reference.count(&values)).unwrap());
        assert!(column.detector().is_finite() && !column.e_process().is_nan());
    }
}

#[test]
fn a_conformal_martingale_keeps_its_promise_and_finds_a_shift() {
    let edges: Vec<f64> = (-30..=30).map(|i| f64::from(i) / 10.0).collect();
    let (mut ever, mut found) = (0, 0);
    for seed in 0..200 {
        let mut random = Random::seeded(900 + seed);
        let mut martingale = ConformalMartingale::new(&edges, seed).unwrap();
        ever += usize::from((0..1500).any(|_| martingale.add(random.normal()) >= 20.0));
        found += usize::from((0..400).any(|_| martingale.add(random.normal() + 1.0) >= 1000.0));
    }
    // 5 % of 200 is 10, plus three standard errors 9.2.
    assert!(ever <= 19, "{ever} of 200 streams without change reached 20");
    assert!(found >= 195, "{found} of 200 shifts were found");
}

#[test]
fn a_conformal_martingale_of_strange_values_stays_a_number() {
    let mut martingale = ConformalMartingale::new(&[0.0, 1.0], 1).unwrap();
    for _ in 0..5000 {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.5, -0.0, 1e300] {
            assert!(martingale.add(value).is_finite());
        }
    }
    assert_eq!(martingale.count(), 25_000);
    for edges in [vec![], vec![1.0, 1.0], vec![f64::NAN], vec![2.0, 1.0]] {
        assert!(ConformalMartingale::new(&edges, 1).is_err());
    }
    // A constant stream says nothing.
    let mut constant = ConformalMartingale::new(&[0.0, 1.0], 2).unwrap();
    assert!((0..5000).all(|_| constant.add(1.0) < 20.0));
}
