//! What stored profiles promise: small, the same answers, and no bytes that break the reader.

use kilter_stats::drift::{CategoricalReference, FormatError, Measure, NumericReference};
use kilter_stats::random::Random;
use proptest::prelude::*;

fn normals(seed: u64, rows: usize) -> Vec<f64> {
    let mut random = Random::seeded(seed);
    (0..rows).map(|_| random.normal()).collect()
}

#[test]
fn fifty_columns_take_less_than_150_kb() {
    let bytes: usize =
        (0..50).map(|seed| NumericReference::of(&normals(seed, 200_000)).unwrap().to_bytes().len()).sum();
    assert!(bytes < 150_000, "{bytes}");
}

#[test]
fn a_stored_profile_gives_the_same_answers() {
    for values in [normals(1, 50_000), normals(2, 40), (0..5000).map(|i| f64::from(i % 7)).collect(), vec![3.0]] {
        let reference = NumericReference::of(&values).unwrap();
        let bytes = reference.to_bytes();
        let stored = NumericReference::from_bytes(&bytes).unwrap();
        assert_eq!(stored.to_bytes(), bytes);
        let window = reference.count(&normals(3, 2000));
        for measure in Measure::NUMERIC {
            let (Ok(a), Ok(b)) = (reference.distance(&window, measure), stored.distance(&window, measure)) else {
                continue;
            };
            assert!((a.value - b.value).abs() < 1e-3 * a.expected + 1e-12, "{a:?} {b:?}");
        }
        let json = serde_json::to_string(&reference).unwrap();
        assert_eq!(serde_json::from_str::<NumericReference>(&json).unwrap(), reference);
    }
    let names: Vec<String> = (0..1500).map(|i| format!("é{}", i % 1200)).collect();
    let reference = CategoricalReference::of(names.iter().map(|name| Some(name.as_str())).chain([None])).unwrap();
    assert_eq!(CategoricalReference::from_bytes(&reference.to_bytes()).unwrap(), reference);
}

#[test]
fn bytes_of_another_kind_or_version_and_truncated_ones_are_told_apart() {
    let numeric = NumericReference::of(&[1.0, 2.0]).unwrap().to_bytes();
    assert!(matches!(CategoricalReference::from_bytes(&numeric), Err(FormatError::Kind { found: 1, wanted: 2 })));
    let mut later = numeric.clone();
    later[0] = 9;
    assert_eq!(NumericReference::from_bytes(&later), Err(FormatError::Version(9)));
    for end in 0..numeric.len() {
        assert!(NumericReference::from_bytes(&numeric[..end]).is_err());
    }
    let mut more = numeric;
    more.push(0);
    assert_eq!(NumericReference::from_bytes(&more), Err(FormatError::Trailing(1)));
    for json in ["{}", r#"{"edges":[2,1],"deciles":[],"counts":{}}"#] {
        assert!(serde_json::from_str::<NumericReference>(json).is_err());
    }
}

proptest! {
    #[test]
    fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..400), kind in 1u8..3) {
        let mut bytes = bytes;
        if bytes.len() > 2 {
            (bytes[0], bytes[1]) = (1, kind);
        }
        let _ = NumericReference::from_bytes(&bytes);
        let _ = CategoricalReference::from_bytes(&bytes);
    }

    #[test]
    fn a_flipped_byte_is_refused_or_gives_a_profile_that_measures(place in 0usize..3000, flip in 1u8..=255) {
        let mut bytes = NumericReference::of(&normals(1, 700)).unwrap().to_bytes();
        let place = place % bytes.len();
        bytes[place] ^= flip;
        if let Ok(profile) = NumericReference::from_bytes(&bytes) {
            let window = profile.count(&[0.0, 1.0, f64::NAN, -1e300]);
            for measure in Measure::NUMERIC {
                let _ = profile.distance(&window, measure);
            }
            profile.quantile(0.3);
        }
    }

    #[test]
    fn any_column_survives_the_round_trip(values in proptest::collection::vec(any::<f64>(), 1..600)) {
        if let Ok(reference) = NumericReference::of(&values) {
            let stored = NumericReference::from_bytes(&reference.to_bytes());
            prop_assert!(stored.is_ok() || values.iter().any(|x| x.abs() > 1e150), "{stored:?}");
        }
    }

    #[test]
    fn any_categories_survive_the_round_trip(values in proptest::collection::vec(proptest::option::of(".{0,8}"), 1..200)) {
        if let Ok(reference) = CategoricalReference::of(values.iter().map(Option::as_deref)) {
            prop_assert_eq!(CategoricalReference::from_bytes(&reference.to_bytes()).unwrap(), reference);
        }
    }
}
