use std::sync::Arc;

use kilter_domain::table::Column;
use kilter_inference::Task;

use super::{rows::Kind, *};

#[test]
fn rows_without_a_label_are_left_out() {
    let truth = Column::Int(vec![Some(1), None, Some(0), Some(0)]);
    let outcomes = LabelledPredictions::of_binary(&["0", "1"], &[0.9, 0.2, 0.7, 0.1], &truth);
    assert_eq!(outcomes.rows, vec![0, 2, 3]);
    assert_eq!(outcomes.cost(None), 1.0);
    assert_eq!(outcomes.filter(|row| row != 2).cost(None), 0.0);
}

#[test]
fn a_class_that_the_model_cannot_know_is_a_miss_not_a_crash() {
    let classes = ["a".to_owned(), "b".to_owned(), "c".to_owned()];
    let labels: Vec<Arc<str>> = vec!["a".into(), "b".into()];
    let answers = RawPredictions {
        task: Task::Multiclass,
        classes: &classes,
        scores: &[0.5, 0.5],
        labels: Some(&labels),
        probabilities: Some(&[0.5, 0.3, 0.2, 0.2, 0.5, 0.3]),
        threshold: Some(0.5),
    };
    let truth = Column::Text(vec![Some("a".into()), Some("macOS".into())]);
    let outcomes = LabelledPredictions::new(answers, &truth, None);
    let why = outcomes.metric("accuracy").unwrap_err().to_string();
    assert_eq!(why, "1 of 2 labels is not a class of the model (`a`, `b`, `c`): `macOS` (1)");
    let beside_another = outcomes.knowing(&["macOS".to_owned()]);
    assert_eq!(beside_another.metric("accuracy").unwrap().value, 0.5);
    assert!(beside_another.metric("log_loss").unwrap().value > 10.0);
}

fn classified(classes: &[&str], labels: &[&str], probabilities: Option<&[f32]>, truth: &[&str]) -> LabelledPredictions {
    let classes: Vec<String> = classes.iter().map(|class| (*class).to_owned()).collect();
    let labels: Vec<Arc<str>> = labels.iter().map(|label| Arc::from(*label)).collect();
    let scores = vec![0.5; labels.len()];
    let answers = RawPredictions {
        task: Task::Multiclass,
        classes: &classes,
        scores: &scores,
        labels: Some(&labels),
        probabilities,
        threshold: None,
    };
    LabelledPredictions::new(answers, &Column::Text(truth.iter().map(|class| Some(Arc::from(*class))).collect()), None)
}

/// A model of two classes that always says the first, on these labels.
fn two_classes(classes: &[&str], truth: Column) -> LabelledPredictions {
    let scores: Vec<f64> = (0..truth.len()).map(|row| 0.1 + 0.001 * row as f64).collect();
    LabelledPredictions::of_binary(classes, &scores, &truth)
}

fn texts<'t>(texts: impl IntoIterator<Item = &'t str>) -> Column {
    Column::Text(texts.into_iter().map(|text| Some(Arc::from(text))).collect())
}

#[test]
fn labels_in_other_words_than_the_classes_measure_nothing() {
    let outcomes = two_classes(&["0", "1"], texts((0..80).map(|row| if row % 4 == 0 { "yes" } else { "no" })));
    assert!(outcomes.is_empty() && outcomes.losses().is_empty());
    for metric in ["accuracy", "npv", "auc", "log_loss", "selection_rate"] {
        let why = outcomes.metric(metric).unwrap_err().to_string();
        assert!(
            why.starts_with("not one of the 80 labels is a class of the model (`0`, `1`); they read `no` (60)"),
            "{why}"
        );
    }
    assert!(outcomes.difference(&outcomes, "accuracy").is_err());
}

#[test]
fn few_labels_of_no_class_are_left_out_and_many_measure_nothing() {
    let with = |unknown: usize| {
        let label = move |row: usize| if row < unknown { "maybe" } else { ["0", "1"][row % 4 / 3] };
        two_classes(&["0", "1"], texts((0..100).map(label)))
    };
    assert_eq!(with(0).metric("accuracy").unwrap().value, 0.75);
    let five = with(5);
    assert_eq!((five.len(), five.metric("accuracy").unwrap().value), (95, 71.0 / 95.0));
    assert!(five.label_check().note().unwrap().contains("`maybe` (5)"));
    assert!(with(6).metric("accuracy").is_err());
    assert!(with(6).filter(|row| row > 50).metric("accuracy").is_err(), "what is asked of the whole holds for a part");
    assert!(five.filter(|row| row < 10).metric("accuracy").is_ok());
}

#[test]
fn spellings_of_one_class_measure_the_same_in_every_task() {
    let row = |row: usize| row % 4 / 3;
    let numbers = Column::Int((0..40).map(|at| Some(row(at) as i64)).collect());
    let truths = [
        numbers,
        Column::Float((0..40).map(|at| row(at) as f64).collect()),
        Column::Bool((0..40).map(|at| Some(row(at) == 1)).collect()),
        texts((0..40).map(|at| ["0.0", "1.0"][row(at)])),
        texts((0..40).map(|at| [" 0 ", " 1 "][row(at)])),
        texts((0..40).map(|at| ["False", "True"][row(at)])),
    ];
    for classes in [["0", "1"], ["false", "true"], ["0.0", "1.0"]] {
        for truth in &truths {
            let outcomes = two_classes(&classes, truth.clone());
            assert_eq!(outcomes.metric("accuracy").unwrap().value, 0.75, "{classes:?} {truth:?}");
            assert_eq!(outcomes.label_check().unknown, 0);
        }
    }
    let several = classified(&["1", "2", "3"], &["1", "2", "3", "3"], None, &["1.0", " 2", "3", "1"]);
    assert_eq!(several.metric("accuracy").unwrap().value, 0.75);
}

#[test]
fn texts_that_state_numbers_measure_a_regression_and_other_words_do_not() {
    let regression = |truth: Column| {
        let answers = RawPredictions {
            task: Task::Regression,
            classes: &[],
            scores: &[1.0, 2.0, 3.0],
            labels: None,
            probabilities: None,
            threshold: None,
        };
        LabelledPredictions::new(answers, &truth, None).metric("mae")
    };
    assert_eq!(regression(texts(["1.5", " 2.5 ", "3.5"])).unwrap().value, 0.5);
    let why = regression(texts(["low", "low", "3.5"])).unwrap_err().to_string();
    assert_eq!(why, "2 of 3 labels are not a number: `low` (2)");
}

#[test]
fn models_that_know_different_classes_are_compared_over_all_of_them() {
    let truth = ["a", "b", "new", "new", "a", "b"];
    let old = classified(&["a", "b"], &["a", "b", "a", "b", "b", "b"], None, &truth);
    let new = classified(&["b", "new", "a"], &["a", "b", "new", "new", "a", "a"], None, &truth);
    assert!(old.metric("accuracy").is_err() && old.len() == 4, "by itself it is measured on what it knows");
    let difference = new.difference(&old, "accuracy").unwrap();
    assert!((difference.value - 2.0 / 6.0).abs() < 1e-12, "{difference:?}");
}

#[test]
fn probabilities_follow_their_class_when_classes_are_numbered_anew() {
    let old = classified(&["a", "b"], &["a", "b"], Some(&[0.8, 0.2, 0.4, 0.6]), &["a", "c"]);
    let all = ["c", "b", "a"].map(Arc::from);
    let Kind::Multiclass { truth, decision, probability, .. } = old.over(&all).kind else { panic!("several classes") };
    assert_eq!((truth, decision), (vec![2, 0], vec![2, 1]));
    let probability: Vec<f32> = probability.unwrap().into_iter().map(|p| p as f32).collect();
    assert_eq!(probability, [0.0, 0.2, 0.8, 0.0, 0.6, 0.4]);
}
