//! What drift promises: the profile agrees with raw rows, counts merge, and the noise floor is the noise floor.

use kilter_stats::drift::{CategoricalReference, Measure, NumericReference, Sample, distance};
use kilter_stats::random::Random;

fn draw(seed: u64, n: usize, law: &str) -> Vec<f64> {
    let mut random = Random::seeded(seed);
    (0..n)
        .map(|_| match law {
            "normal" => random.normal(),
            "shifted" => random.normal() + 0.2,
            "lognormal" => random.normal().exp(),
            "heavy" => random.normal() / (random.uniform() + 0.01),
            "counts" => (random.normal().abs() * 3.0).floor(),
            "two" => f64::from(u8::from(random.uniform() < 0.3)),
            _ => 7.0,
        })
        .collect()
}

#[test]
fn a_profile_agrees_with_the_raw_rows() {
    for (reference, current) in [
        ("normal", "normal"),
        ("normal", "shifted"),
        ("lognormal", "lognormal"),
        ("heavy", "heavy"),
        ("counts", "counts"),
        ("two", "two"),
        ("normal", "lognormal"),
        ("counts", "normal"),
    ] {
        let (a, b) = (draw(1, 20_000, reference), draw(2, 3_000, current));
        let profile = NumericReference::of(&a).unwrap();
        let window = profile.count(&b);
        let (a, b) = (Sample::of(&a), Sample::of(&b));
        for measure in Measure::NUMERIC {
            let exact = distance(measure, &a, &b).unwrap();
            let stored = profile.distance(&window, measure).unwrap();
            let slack = match measure {
                Measure::Ks => 1.0 / 256.0 + 1e-3,
                Measure::W1OverSd => 2e-3 + 0.01 * exact.value,
                _ => 1e-12,
            };
            assert!((exact.value - stored.value).abs() <= slack, "{reference} {current} {exact:?} {stored:?}");
            assert!(
                (exact.expected - stored.expected).abs() <= 0.03 * exact.expected + 1e-12,
                "{reference} {current} {exact:?} {stored:?}"
            );
        }
    }
}

#[test]
fn windows_merge_by_addition() {
    let profile = NumericReference::of(&draw(1, 5000, "lognormal")).unwrap();
    let values = draw(2, 4000, "heavy");
    let whole = profile.count(&values);
    let mut parts = profile.count(&values[..1500]);
    let mut slow = profile.window();
    values[1500..].iter().for_each(|value| profile.add(&mut slow, *value));
    parts.merge(&slow).unwrap();
    assert_eq!(whole.bins(), parts.bins());
    for measure in Measure::NUMERIC {
        let (a, b) = (profile.distance(&whole, measure).unwrap(), profile.distance(&parts, measure).unwrap());
        assert!((a.value - b.value).abs() < 1e-9);
    }
    assert!((whole.moments.kurtosis().unwrap() - parts.moments.kurtosis().unwrap()).abs() < 1e-6);
    assert!(profile.window().merge(&NumericReference::of(&[1.0]).unwrap().window()).is_err());
}

#[test]
fn the_mean_distance_without_drift_is_the_expectation() {
    let reference = draw(1, 20_000, "normal");
    let sample = Sample::of(&reference);
    for n in [100, 1000] {
        for measure in Measure::NUMERIC.into_iter().filter(|measure| *measure != Measure::Chi2) {
            let drawn: Vec<_> = (0..100)
                .map(|seed| distance(measure, &sample, &Sample::of(&draw(50 + seed, n, "normal"))).unwrap())
                .collect();
            let mean = drawn.iter().map(|distance| distance.value).sum::<f64>() / 100.0;
            let expected = drawn[0].expected;
            assert!((mean / expected - 1.0).abs() < 0.15, "{measure:?} n={n}: mean {mean}, expected {expected}");
        }
    }
}

#[test]
fn the_mean_distance_of_categories_without_drift_is_the_expectation() {
    let names: Vec<String> = (0..30).map(|name| format!("k{name}")).collect();
    let column = |seed: u64, n: usize| -> Vec<&str> {
        let mut random = Random::seeded(seed);
        (0..n).map(|_| names[(random.uniform() * random.uniform() * 30.0) as usize].as_str()).collect()
    };
    let reference = CategoricalReference::of(column(1, 10_000).into_iter().map(Some)).unwrap();
    for measure in [Measure::Tvd, Measure::Js, Measure::Psi, Measure::LInfinity, Measure::Hellinger] {
        let drawn: Vec<_> = (0..60)
            .map(|seed| reference.distance(&reference.count(column(9 + seed, 1500).into_iter().map(Some)), measure))
            .map(Result::unwrap)
            .collect();
        let mean = drawn.iter().map(|distance| distance.value).sum::<f64>() / 60.0;
        let expected = drawn.iter().map(|distance| distance.expected).sum::<f64>() / 60.0;
        assert!((mean / expected - 1.0).abs() < 0.15, "{measure:?}: mean {mean}, expected {expected}");
    }
}

#[test]
fn unseen_values_are_named_and_rare_ones_are_not_unseen() {
    let many: Vec<String> = (0..3000).map(|name| format!("v{name:04}")).collect();
    let reference = CategoricalReference::of(many.iter().map(|value| Some(value.as_str()))).unwrap();
    let window = reference.count([Some("v0001"), Some("v2999"), Some("new"), Some("new"), None]);
    assert_eq!((window.rows, window.missing, window.unseen), (5, 1, 2));
    assert_eq!(window.other + window.counts().iter().sum::<u64>(), 2);
    assert_eq!(window.unseen_values, [("new".to_owned(), 2)]);
    let json = serde_json::to_string(&reference).unwrap();
    let back: CategoricalReference = serde_json::from_str(&json).unwrap();
    assert_eq!(back, reference);
    assert_eq!(back.count([Some("v2999")]).unseen, 0);
}

#[test]
fn hostile_columns_get_a_word_and_never_a_nan() {
    assert!(NumericReference::of(&[]).is_err());
    assert!(NumericReference::of(&[f64::NAN, f64::INFINITY]).is_err());
    let columns: [&[f64]; 6] =
        [&[7.0], &[7.0, 7.0, 7.0], &[f64::NAN], &[f64::INFINITY, 1.0], &[f64::MAX, f64::MIN], &[0.0, -0.0, 1e-300]];
    for reference in columns.iter().filter_map(|column| NumericReference::of(column).ok()) {
        for column in columns {
            let window = reference.count(column);
            for measure in Measure::NUMERIC {
                if let Ok(distance) = reference.distance(&window, measure) {
                    assert!(!distance.value.is_nan() && !distance.effect.is_nan(), "{distance:?}");
                }
            }
        }
    }
    assert!(CategoricalReference::of([None, None]).is_err());
}
