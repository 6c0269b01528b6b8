//! Files of LightGBM and XGBoost that nobody wrote: an error, never a panic, never an endless walk or a large reservation.

use std::{fs, path::PathBuf};

use kilter_domain::table::{Column, Table};
use kilter_inference::{LoadError, Model};
use proptest::prelude::*;

const FILES: [&str; 9] = [
    "light_sets_gaps.lgb",
    "light_zero_is_missing.lgb",
    "light_frame.lgb",
    "light_multiclass.lgb",
    "boost_sets.json",
    "boost_dart_levels.json",
    "boost_linear_levels.json",
    "boost_frame_ubjson.ubj",
    "boost_one_hot.ubj",
];

fn read(name: &str) -> Vec<u8> {
    fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/boosted").join(name)).unwrap()
}

fn text(name: &str) -> String {
    String::from_utf8(read(name)).unwrap()
}

/// Loads and, where that succeeds, answers and explains some rows.
fn use_it(bytes: &[u8]) {
    let Ok(model) = Model::from_bytes(bytes) else { return };
    let inputs = &model.signature().inputs;
    if inputs.len() > 1_000 || model.signature().classes.len() > 1_000 {
        return;
    }
    let values = || Column::Float(vec![0.0, -1.5, 3.0, 1e9, f64::NAN, f64::INFINITY]);
    let columns = inputs.iter().map(|input| (input.name.clone(), values())).collect();
    // Two columns of one name are no table.
    let Ok(rows) = Table::new(columns) else { return };
    let _ = model.predict(&rows);
    let _ = model.explain(&rows);
}

fn refused(bytes: &[u8], expected: &str) {
    let error = Model::from_bytes(bytes).expect_err("a broken model");
    assert!(error.to_string().contains(expected), "{error}, and not {expected}");
    assert!(!error.hint().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_changed_file_is_refused_or_answers(
        file in 0..FILES.len(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = read(FILES[file]);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        use_it(&bytes);
    }

    /// Digits become others: counts, children and features that point elsewhere.
    #[test]
    fn changed_numbers_are_refused_or_answer(
        file in 0..FILES.len(), changes in prop::collection::vec((any::<prop::sample::Index>(), 0..10u8), 1..8),
    ) {
        let mut bytes = read(FILES[file]);
        let digits: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at].is_ascii_digit()).collect();
        for (at, digit) in changes {
            bytes[digits[at.index(digits.len())]] = b'0' + digit;
        }
        use_it(&bytes);
    }

    #[test]
    fn a_part_of_a_file_twice_or_not_at_all_is_refused_or_answers(
        file in 0..FILES.len(), from in any::<prop::sample::Index>(), length in 1..200usize, twice in any::<bool>(),
    ) {
        let bytes = read(FILES[file]);
        let from = from.index(bytes.len());
        let to = bytes.len().min(from + length);
        use_it(&if twice { [&bytes[..to], &bytes[from..]].concat() } else { [&bytes[..from], &bytes[to..]].concat() });
    }

    #[test]
    fn any_bytes_behind_a_beginning_are_no_model(start in 0..4usize, bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let start: &[u8] = [&b"tree\nversion=v4\n"[..], b"{\"learner\":", b"{L\0\0\0\0\0\0\0\x07learner{", b"{"][start];
        prop_assert!(Model::from_bytes(&[start, &bytes].concat()).is_err());
    }
}

#[test]
fn files_that_are_cut_off_are_no_models() {
    for name in FILES {
        let bytes = read(name);
        // What stands behind the trees of LightGBM's text are parameters that no answer needs.
        let needed = bytes.windows(12).position(|window| window == b"end of trees").unwrap_or(bytes.len() - 1);
        for length in (0..needed).step_by(7) {
            assert!(Model::from_bytes(&bytes[..length]).is_err(), "{name}, {length} bytes");
        }
    }
}

#[test]
fn lists_of_lightgbm_that_do_not_fit_are_refused() {
    let whole = text("light_sets_gaps.lgb");
    let with = |key: &str, value: &str| {
        let line = whole.lines().find(|line| line.split_once('=').is_some_and(|(found, _)| found == key)).unwrap();
        whole.replacen(line, &format!("{key}={value}"), 1).into_bytes()
    };
    refused(&with("version", "v9"), "version is `v9`");
    refused(&with("num_tree_per_iteration", "0"), "out of range");
    refused(&with("num_tree_per_iteration", "99999999999"), "out of range");
    refused(&with("num_tree_per_iteration", "-1"), "no num_tree_per_iteration");
    refused(&with("max_feature_idx", "4000000000"), "number of columns");
    refused(&with("max_feature_idx", "1"), "do not fit 2 features");
    refused(&with("objective", "own"), "objective `own`");
    refused(&with("objective", "binary sigmoid:-1"), "no sigmoid");
    refused(&with("tree_sizes", "1 2"), "cut off");
    refused(&with("num_leaves", "18446744073709551615"), "entries in leaf_value");
    refused(&with("num_leaves", "0"), "no leaf");
    refused(&with("leaf_value", "nan 1 2 3 4 5 6"), "no finite number");
    refused(&with("left_child", "0 0 0 0 0 0"), "root");
    refused(&with("left_child", "1 2 3 4 5 77"), "no node");
    refused(&with("left_child", "1 2 3 4 5 -9223372036854775808"), "no node");
    refused(&with("split_feature", "4294967295 0 0 0 0 0"), "out of range");
    refused(&with("split_feature", "4 4 4 4 4 4"), "read feature 4 of 4");
    refused(&with("decision_type", "12 12 12 12 12 12"), "unknown kind of missing");
    refused(&with("threshold", "nan nan nan nan nan nan"), "");
    refused(&with("num_cat", "18446744073709551615"), "entries in cat_boundaries");
    refused(&with("is_linear", "1"), "linear models");
    let two = whole.replace("pandas_categorical:null", "pandas_categorical:[[\"a\"],[\"b\"],[\"c\"]]");
    refused(two.as_bytes(), "does not say which columns");
    let mixed = whole.replace("pandas_categorical:null", "pandas_categorical:[[\"a\",1],[\"b\"]]");
    refused(mixed.as_bytes(), "neither all texts nor all numbers");
}

#[test]
fn lists_of_xgboost_that_do_not_fit_are_refused() {
    let change = |name: &str, change: &dyn Fn(&mut serde_json::Value)| {
        let mut document: serde_json::Value = serde_json::from_slice(&read(name)).unwrap();
        change(&mut document["learner"]);
        serde_json::to_vec(&document).unwrap()
    };
    let tree = |key: &'static str, value: serde_json::Value| {
        change("boost_sets.json", &|learner| {
            learner["gradient_booster"]["model"]["trees"][0][key] = value.clone();
        })
    };
    let parameter = |key: &'static str, value: &'static str| {
        change("boost_sets.json", &|learner| learner["learner_model_param"][key] = value.into())
    };
    let nodes = |document: &[u8]| {
        let document: serde_json::Value = serde_json::from_slice(document).unwrap();
        document["learner"]["gradient_booster"]["model"]["trees"][0]["left_children"].as_array().unwrap().len()
    };
    let count = nodes(&read("boost_sets.json"));
    let all = |value: i64| serde_json::Value::from(vec![value; count]);
    refused(&tree("left_children", all(0)), "twice");
    refused(&tree("left_children", all(1_000)), "no node 1000");
    refused(&tree("right_children", all(-5)), "no node -5");
    refused(&tree("left_children", serde_json::json!([])), "unlike lengths");
    refused(&tree("split_indices", all(i64::MAX)), "reads feature");
    refused(&tree("split_indices", all(9)), "feature 9 of 4");
    refused(&tree("default_left", all(7)), "no truth value");
    refused(&tree("categories", serde_json::json!([1 << 24])), "categories");
    refused(&tree("categories_sizes", serde_json::json!([i64::MAX])), "categories");
    refused(&tree("split_conditions", serde_json::json!(vec!["nan"; count])), "");
    refused(&parameter("num_feature", "18446744073709551615"), "number of columns");
    refused(&parameter("num_feature", "7"), "do not fit 7 features");
    refused(&parameter("num_class", "1000000000"), "scores per row");
    refused(&parameter("base_score", "[1,2]"), "2 base scores");
    refused(&parameter("base_score", "nan"), "finite numbers");
    refused(
        &change("boost_sets.json", &|learner| learner["objective"]["name"] = "reg:own".into()),
        "objective `reg:own`",
    );
    let booster = |learner: &mut serde_json::Value| learner["gradient_booster"]["name"] = "own".into();
    refused(&change("boost_sets.json", &booster), "booster `own`");
    let info = |learner: &mut serde_json::Value| learner["gradient_booster"]["model"]["tree_info"][0] = 5.into();
    refused(&change("boost_sets.json", &info), "score 5 of 1");
    let weights =
        |learner: &mut serde_json::Value| learner["gradient_booster"]["weight_drop"] = serde_json::json!([1.0]);
    refused(&change("boost_dart_levels.json", &weights), "the weights of 1");
    let weights =
        |learner: &mut serde_json::Value| learner["gradient_booster"]["model"]["weights"] = serde_json::json!([1.0]);
    refused(&change("boost_linear_levels.json", &weights), "weights");
}

#[test]
fn ubjson_that_announces_what_is_not_there_is_refused() {
    const LEARNER: &[u8] = b"{L\0\0\0\0\0\0\0\x07learner";
    for (rest, expected) in [
        (&b"[$d#L\x7f\xff\xff\xff\xff\xff\xff\xff"[..], "cut off"),
        (b"[#L\0\0\0\0\x7f\0\0\0", "cut off"),
        (b"[#l\xff\xff\xff\xff", "no length"),
        (b"[$Z#L\0\0\0\0\x7f\0\0\0", "without bytes"),
        (b"[$i]", "without a number"),
        (b"SL\x7f\xff\xff\xff\xff\xff\xff\xff", "cut off"),
        (b"SU\x01\xff", "not UTF-8"),
        (b"?", "no marker"),
    ] {
        refused(&[LEARNER, rest].concat(), expected);
    }
    let deep = [LEARNER, b"{U\x01x", &b"[".repeat(100_000)].concat();
    refused(&deep, "nested too deeply");
    let behind = [&read("boost_one_hot.ubj")[..], b"x"].concat();
    refused(&behind, "bytes behind its end");
    let error = Model::from_bytes(&[b"{\"learner\":", &b"[".repeat(100_000)[..]].concat()).unwrap_err();
    assert!(matches!(error, LoadError::BrokenFile { .. }), "{error}");
}
