//! What drift of texts and embeddings, and sketches, promise.

use kilter_stats::random::Random;
use kilter_stats::sketch::{Distinct, Quantiles};
use kilter_stats::text_embedding::{EmbeddingReference, TextReference, trigram_domain_auc};

fn texts(seed: u64, rows: usize, new_words: f64) -> Vec<String> {
    let old = ["payment", "failed", "login", "password", "invoice", "reset", "account", "error", "slow", "page"];
    let new = ["kubernetes", "notarize", "gatekeeper", "xcode"];
    let mut random = Random::seeded(seed);
    (0..rows)
        .map(|_| {
            let words = 3 + random.below(8);
            (0..words)
                .map(|_| if random.uniform() < new_words { new[random.below(4)] } else { old[random.below(10)] })
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect()
}

fn borrowed(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

#[test]
fn texts_that_did_not_change_cannot_be_told_apart_and_new_words_can() {
    let reference = texts(1, 600, 0.0);
    let profile = TextReference::of(&borrowed(&reference)).unwrap();
    let (same, other) = (texts(2, 400, 0.0), texts(3, 400, 0.15));
    let auc = trigram_domain_auc(&borrowed(&reference), &borrowed(&same), 0.95).unwrap();
    assert!(auc.holds(0.5) || auc.low < 0.53, "{auc:?}");
    let auc = trigram_domain_auc(&borrowed(&reference), &borrowed(&other), 0.95).unwrap();
    assert!(auc.low > 0.55, "{auc:?}");
    assert_eq!(profile.compare(&borrowed(&same)).unwrap().unknown_share, 0.0);
    let drift = profile.compare(&borrowed(&other)).unwrap();
    assert!((drift.unknown_share - 0.15).abs() < 0.03, "{drift:?}");
    let back: TextReference = serde_json::from_str(&serde_json::to_string(&profile).unwrap()).unwrap();
    assert_eq!(back, profile);
    assert!(TextReference::of(&["a"]).is_err() && profile.compare(&[]).is_err());
    assert!(profile.compare(&["", "…", "\u{0}"]).is_ok());
}

#[test]
fn embeddings_that_moved_are_found_by_projection_norm_or_kernel() {
    let dimensions = 24;
    let draw = |seed: u64, rows: usize, shift: f64, scale: f64| -> Vec<f64> {
        let mut random = Random::seeded(seed);
        (0..rows * dimensions).map(|i| scale * random.normal() + if i % dimensions < 6 { shift } else { 0.0 }).collect()
    };
    let reference = EmbeddingReference::of(&draw(1, 2000, 0.0, 1.0), dimensions, 9).unwrap();
    let read = |seed: u64, shift: f64, scale: f64| {
        reference.compare(&reference.count(&draw(seed, 800, shift, scale)).unwrap()).unwrap()
    };
    let mut alarms = 0;
    for seed in 10..40 {
        alarms += usize::from(read(seed, 0.0, 1.0).projection.p.unwrap() < 0.05);
    }
    assert!(alarms <= 5, "{alarms} of 30 clean windows");
    let same = read(2, 0.0, 1.0);
    assert!((same.mmd.0 / same.mmd.1 - 1.0).abs() < 0.5, "{same:?}");
    let moved = read(3, 0.6, 1.0);
    assert!(moved.projection.p.unwrap() < 1e-6 && moved.mmd.2 > moved.mmd.1, "{moved:?}");
    assert!(read(4, 0.0, 1.2).norm.value > 0.3);
    let (mut a, b) =
        (reference.count(&draw(5, 50, 0.0, 1.0)).unwrap(), reference.count(&draw(6, 70, 0.0, 1.0)).unwrap());
    a.merge(&b).unwrap();
    assert_eq!(reference.compare(&a).unwrap().norm.current_rows, 120);
    assert!(EmbeddingReference::of(&[1.0; 10], 3, 1).is_err());
}

#[test]
fn distinct_values_are_counted_to_a_few_percent_and_merge() {
    for count in [0u32, 1, 100, 5000, 200_000] {
        let (mut all, mut other) = (Distinct::default(), Distinct::default());
        (0..count).for_each(|i| {
            if i % 2 == 0 { all.add_number(f64::from(i)) } else { other.add(&f64::from(i).to_bits().to_le_bytes()) }
        });
        all.merge(&other.clone());
        all.merge(&other);
        let got = all.estimate();
        assert!((got - f64::from(count)).abs() <= 0.06 * f64::from(count), "{count}: {got}");
    }
}

#[test]
fn quantiles_are_within_one_percent_and_merge() {
    let mut random = Random::seeded(7);
    let mut values: Vec<f64> = (0..20_000).map(|_| (2.0 * random.normal()).exp()).collect();
    let (mut a, mut b) = (Quantiles::default(), Quantiles::default());
    values.iter().enumerate().for_each(|(i, value)| if i % 3 == 0 { a.add(*value) } else { b.add(*value) }.unwrap());
    a.merge(&b);
    values.sort_by(f64::total_cmp);
    for p in [0.01, 0.5, 0.95, 0.99, 0.999] {
        let want = values[(p * 19_999.0) as usize];
        let got = a.quantile(p).unwrap();
        assert!((got / want - 1.0).abs() < 0.0101, "{p}: {got} is not {want}");
    }
    assert!(a.add(f64::NAN).is_err() && Quantiles::default().quantile(0.5).is_err());
    let mut wide = Quantiles::default();
    (0..100_000).for_each(|i| wide.add(1.02f64.powi(i % 30_000 - 15_000).min(1e300)).unwrap());
    assert!(serde_json::to_string(&wide).unwrap().len() < 60_000);
}
