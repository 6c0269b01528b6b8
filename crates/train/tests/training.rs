//! What training promises: the same bytes, sensible choices of columns, clear errors, models that learned something.

#[path = "common/tables.rs"]
mod tables;

use std::sync::Arc;

use kilter_domain::{
    table::{Column, Table},
    time::Timestamp,
};
use kilter_inference::{Model, PredictError};
use kilter_train::{FeatureKind, Learner, Task, TrainError, TrainOptions, TrainedModel, train_model};
use tables::{ALL, Dice, With, other_targets, people};

fn options(target: &str, learner: Learner) -> TrainOptions {
    let mut options = TrainOptions::new(target);
    options.learner = learner;
    options.exclude = other_targets(target);
    options
}

fn model(fitted: &TrainedModel) -> Model {
    Model::from_onnx(&fitted.onnx).unwrap()
}

/// The probability that a random positive row scores above a random negative one.
fn auc(scores: &[f64], is_positive: &[bool]) -> f64 {
    let (mut wins, mut pairs) = (0.0, 0.0);
    for (a, _) in scores.iter().zip(is_positive).filter(|pair| *pair.1) {
        for (b, _) in scores.iter().zip(is_positive).filter(|pair| !*pair.1) {
            pairs += 1.0;
            wins += if a > b { 1.0 } else { f64::from(u8::from(a == b)) / 2.0 };
        }
    }
    wins / pairs
}

fn texts(table: &Table, name: &str) -> Vec<Arc<str>> {
    let column = table.get(name).unwrap();
    (0..column.len()).map(|row| column.label(row).unwrap()).collect()
}

#[test]
fn the_same_rows_and_seed_give_the_same_bytes_whatever_the_threads() {
    for learner in [Learner::Boosting, Learner::Linear] {
        for target in ["binary", "kind", "value"] {
            let table = people(900, 5, ALL);
            let with_threads = |threads: usize, seed: u64| {
                let mut options = options(target, learner);
                (options.params.threads, options.params.rounds, options.seed) = (Some(threads), 25, seed);
                train_model(&table, &options).unwrap()
            };
            let one = with_threads(1, 7);
            for threads in [2, 3, 16] {
                let many = with_threads(threads, 7);
                assert!(one.onnx == many.onnx, "{learner:?} {target}: {threads} threads change the model");
                let mut report = many.report;
                report.params.threads = Some(1);
                assert_eq!(one.report, report, "{learner:?} {target}");
            }
            if learner == Learner::Boosting {
                assert!(one.onnx != with_threads(1, 8).onnx, "the seed draws the rows held back");
            }
        }
    }
}

#[test]
fn models_learn_what_is_in_the_columns_and_generalise() {
    let (train, test) = (people(3_000, 1, ALL), people(1_500, 2, ALL));
    for learner in [Learner::Boosting, Learner::Linear] {
        let fitted = train_model(&train, &options("binary", learner)).unwrap();
        let prediction = model(&fitted).predict(&test).unwrap();
        let truth: Vec<bool> = texts(&test, "binary").iter().map(|label| &**label == "yes").collect();
        let auc = auc(prediction.scores(), &truth);
        assert!(auc > 0.85, "{learner:?}: {auc}");

        let fitted = train_model(&train, &options("kind", learner)).unwrap();
        let labels = model(&fitted).predict(&test).unwrap().labels().unwrap();
        let right = labels.iter().zip(texts(&test, "kind")).filter(|(ours, truth)| **ours == *truth).count();
        assert!(right as f64 / 1_500.0 > 0.65, "{learner:?}: {right} of 1500");

        let fitted = train_model(&train, &options("value", learner)).unwrap();
        let answers = model(&fitted).predict(&test).unwrap();
        let truth = test.get("value").unwrap().numbers().unwrap();
        let mean = truth.iter().sum::<f64>() / truth.len() as f64;
        let squares = |of: &dyn Fn(usize) -> f64| (0..truth.len()).map(|row| of(row).powi(2)).sum::<f64>();
        let r2 = 1.0 - squares(&|row| truth[row] - answers.scores()[row]) / squares(&|row| truth[row] - mean);
        assert!(r2 > 0.6, "{learner:?}: {r2}");
    }
}

#[test]
fn classes_are_in_order_and_the_positive_one_can_be_chosen() {
    let table = people(400, 3, With::default());
    let fitted = train_model(&table, &options("binary", Learner::Linear)).unwrap();
    assert_eq!(fitted.report.classes, ["no", "yes"]);
    let mut turned = options("binary", Learner::Linear);
    turned.positive = Some("no".into());
    let turned = train_model(&table, &turned).unwrap();
    assert_eq!(turned.report.classes, ["yes", "no"]);
    let (a, b) = (model(&fitted).predict(&table).unwrap(), model(&turned).predict(&table).unwrap());
    for (a, b) in a.scores().iter().zip(b.scores()) {
        assert!((a + b - 1.0).abs() < 1e-4, "{a} {b}");
    }
    assert_eq!(a.labels(), b.labels());
}

#[test]
fn the_task_is_inferred_from_the_target() {
    let table = people(300, 3, With::default());
    for (target, task) in
        [("binary", Task::Binary), ("flag", Task::Binary), ("kind", Task::Multiclass), ("value", Task::Regression)]
    {
        let fitted = train_model(&table, &options(target, Learner::Linear)).unwrap();
        assert_eq!(fitted.report.task, task, "{target}");
        let model = model(&fitted);
        assert_eq!((model.signature().task, model.signature().target.as_deref()), (task, Some(target)));
        assert_eq!(model.signature().classes, fitted.report.classes);
    }
}

#[test]
fn rows_without_weight_count_for_nothing_and_weights_act_like_repeated_rows() {
    let table = people(600, 9, With { categories: true, ..With::default() });
    // Three times the weight is the row three times, but for what counts rows: bins, categories, leaf sizes.
    let weights: Vec<i64> = (0..600).map(|row| 1 + 2 * i64::from(row % 3 == 0)).collect();
    let repeated: Vec<usize> = (0..600).flat_map(|row| std::iter::repeat_n(row, weights[row] as usize)).collect();
    let mut weighted = table.select(|name| name != "weight");
    weighted.push("w", Column::Int(weights.iter().map(|&w| Some(w)).collect())).unwrap();
    let mut with_weight = options("value", Learner::Linear);
    with_weight.exclude.retain(|name| name != "weight");
    with_weight.weight = Some("w".into());
    let mut without = with_weight.clone();
    without.weight = None;
    without.exclude.push("w".into());
    let a = model(&train_model(&weighted, &with_weight).unwrap()).predict(&weighted).unwrap();
    let b = model(&train_model(&weighted.take(&repeated), &without).unwrap()).predict(&weighted).unwrap();
    for (a, b) in a.scores().iter().zip(b.scores()) {
        assert!((a - b).abs() < 0.5, "{a} {b}");
    }
    let mut zero = weighted.select(|name| name != "w");
    zero.push("w", Column::Int((0..600).map(|row| Some(i64::from(row < 300))).collect())).unwrap();
    let half = train_model(&zero, &with_weight).unwrap();
    assert_eq!((half.report.rows, half.report.rows_left_out), (300, 300));
}

#[test]
fn identifiers_constants_and_empty_columns_are_left_out_with_the_reason() {
    let mut table = people(300, 4, With::default()).select(|name| ["age", "income", "flag"].contains(&name));
    let text = |of: &dyn Fn(usize) -> String| Column::Text((0..300).map(|row| Some(of(row).into())).collect());
    let int = |of: &dyn Fn(i64) -> i64| Column::Int((0..300).map(|row| Some(of(row))).collect());
    table.push("ticket", text(&|row| format!("T-{row}"))).unwrap();
    table.push("customer_id", int(&|row| (row * 7_919) % 100_003)).unwrap();
    table.push("row", int(&|row| row + 5)).unwrap();
    table.push("country", text(&|_| "US".to_owned())).unwrap();
    table.push("nothing", Column::Float(vec![f64::NAN; 300])).unwrap();
    table.push("snapshot", Column::Time((0..300).map(|row| Some(row * 1_000)).collect())).unwrap();
    table.push("paid", int(&|row| row % 9)).unwrap();
    let report = train_model(&table, &TrainOptions::new("flag")).unwrap().report;
    let why = |column: &str| {
        let found = report.left_out.iter().find(|out| out.column == column);
        found.unwrap_or_else(|| panic!("{column} was used")).why.clone()
    };
    assert!(why("ticket").contains("identifier"), "{}", why("ticket"));
    assert!(why("customer_id").contains("identifier"), "{}", why("customer_id"));
    assert!(why("row").contains("counts the rows"), "{}", why("row"));
    assert!(why("country").contains("same value"), "{}", why("country"));
    assert!(why("nothing").contains("no values"), "{}", why("nothing"));
    assert!(why("snapshot").contains("too few"), "{}", why("snapshot"));
    assert!(why("flag").contains("target"), "{}", why("flag"));
    let used: Vec<&str> = report.used.iter().map(|used| used.column.as_str()).collect();
    assert_eq!(used, ["age", "income", "paid"]);
    let total: f64 = report.importance.iter().map(|importance| importance.share).sum();
    assert!((total - 1.0).abs() < 1e-9, "{total}");
}

#[test]
fn stated_kinds_win_over_guesses() {
    let table = people(400, 4, With::default());
    let mut options = options("flag", Learner::Boosting);
    options.kinds.insert("age".into(), FeatureKind::Categorical);
    let fitted = train_model(&table, &options).unwrap();
    assert!(fitted.report.used.iter().any(|used| used.column == "age" && used.kind == FeatureKind::Categorical));
    // Whole numbers are taken as the texts that a person would write.
    model(&fitted).predict(&table).unwrap();
    options.kinds.insert("income".into(), FeatureKind::Time);
    assert!(matches!(train_model(&table, &options), Err(TrainError::BadColumn { column, .. }) if column == "income"));
}

#[test]
fn bad_requests_are_refused_with_the_thing_named() {
    let table = people(100, 4, With::default());
    let check = |change: &dyn Fn(&mut TrainOptions), expected: &str| {
        let mut options = options("flag", Learner::Boosting);
        change(&mut options);
        let error = train_model(&table, &options).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(&|o| o.target = "flg".into(), "did you mean `flag`");
    check(&|o| o.exclude.push("incom".into()), "did you mean `income`");
    check(&|o| o.weight = Some("kind".into()), "weights are finite numbers");
    check(&|o| o.positive = Some("2".into()), "the positive class `2` does not occur");
    check(&|o| o.include = Some(vec![]), "no column is left");
    check(&|o| o.params.learning_rate = f64::NAN, "learning_rate");
    check(&|o| o.params.max_leaves = 1, "max_leaves");
    check(&|o| (o.target, o.task) = ("kind".into(), Some(Task::Regression)), "needs numbers");
    check(&|o| (o.target, o.task) = ("kind".into(), Some(Task::Binary)), "has 3 classes");
    let one_class =
        table.take(&(0..100).filter(|&row| table.get("flag").unwrap().number(row) == 1.0).collect::<Vec<_>>());
    let error = train_model(&one_class, &options("flag", Learner::Boosting)).unwrap_err().to_string();
    assert!(error.contains("one class, `1`"), "{error}");
    let error = train_model(&table.take(&[0, 1, 2]), &options("flag", Learner::Boosting)).unwrap_err().to_string();
    assert!(error.contains("3 rows"), "{error}");
    let mut infinite = table.clone().select(|name| name != "value");
    let values = (0..100).map(|row| if row == 7 { f64::INFINITY } else { row as f64 }).collect();
    infinite.push("value", Column::Float(values)).unwrap();
    let error = train_model(&infinite, &options("value", Learner::Boosting)).unwrap_err().to_string();
    assert!(error.contains("inf"), "{error}");
}

#[test]
fn infinite_numbers_are_values_to_trees_and_refused_by_linear_models() {
    let mut table = people(400, 4, With::default()).select(|name| name != "income");
    let values = (0..400).map(|row| [1.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN][row % 4]).collect();
    table.push("income", Column::Float(values)).unwrap();
    let trees = model(&train_model(&table, &options("flag", Learner::Boosting)).unwrap());
    assert!(trees.predict(&table).unwrap().scores().iter().all(|score| score.is_finite()));
    let error = train_model(&table, &options("flag", Learner::Linear)).unwrap_err();
    assert!(matches!(&error, TrainError::BadColumn { column, .. } if column == "income"), "{error}");
    let finite = people(400, 4, With::default());
    let linear = model(&train_model(&finite, &options("flag", Learner::Linear)).unwrap());
    let error = linear.predict(&table).unwrap_err();
    assert!(matches!(&error, PredictError::NotFinite { column, row: 1, .. } if column == "income"), "{error}");
}

#[test]
fn parts_of_dates_are_those_of_the_calendar() {
    // The target is a part of the date: a tree that finds it in every year has the right one.
    let mut dice = Dice(3);
    let day = 86_400_000;
    let times: Vec<i64> = (0..4_000).map(|_| -3_000 * day + (dice.roll() % (6_000 * day as u64)) as i64).collect();
    let check = |name: &str, of: &dyn Fn(Timestamp) -> i64| {
        let target = times.iter().map(|&time| Some(of(Timestamp(time)))).collect();
        let columns = vec![
            ("at".into(), Column::Time(times.iter().map(|&time| Some(time)).collect())),
            ("part".into(), Column::Int(target)),
        ];
        let mut options = TrainOptions::new("part");
        (options.task, options.params.min_child) = (Some(Task::Multiclass), 1);
        let fitted = train_model(&Table::new(columns).unwrap(), &options).unwrap();
        // Every half day of the years around 1900 and 2000 (one a leap year, one not) and the ends of the calendar.
        let far = (0..1_500).map(|half| (-2_208_988_800_000 + half * day / 2, 946_684_800_000 + half * day / 2));
        let mut asked: Vec<i64> = far.flat_map(|(a, b)| [a, b]).collect();
        asked.extend([-62_135_596_800_000, 253_402_207_200_000, -377_704_000_000_000]);
        let rows = Column::Time(asked.iter().map(|&time| Some(time)).collect());
        let labels = model(&fitted).predict(&Table::new(vec![("at".into(), rows)]).unwrap()).unwrap().labels().unwrap();
        for (time, label) in asked.iter().zip(labels) {
            assert_eq!(*label, of(Timestamp(*time)).to_string(), "{name} of {}", Timestamp(*time));
        }
    };
    check("weekday", &|time| i64::from(time.civil().weekday().to_monday_zero_offset()));
    check("month", &|time| i64::from(time.civil().month()));
    check("half day", &|time| i64::from(time.civil().hour() >= 12));
}

#[test]
fn a_model_says_which_column_is_wrong_and_how() {
    let table = people(300, 4, ALL);
    let model = model(&train_model(&table, &options("binary", Learner::Boosting)).unwrap());
    let without = table.select(|name| name != "income");
    let mut renamed = without.clone();
    renamed.push("incme", Column::Float(vec![1.0; 300])).unwrap();
    let error = model.predict(&renamed).unwrap_err().to_string();
    assert!(error.contains("`income` is missing") && error.contains("did you mean `incme`"), "{error}");
    let mut texts = without.clone();
    let values = (0..300).map(|row| if row == 5 { Some("lots".into()) } else { None }).collect();
    texts.push("income", Column::Text(values)).unwrap();
    let error = model.predict(&texts).unwrap_err().to_string();
    assert!(error.contains("income") && error.contains("row 5") && error.contains("`lots`"), "{error}");
    // Whole numbers and booleans are numbers, a text without values is missing, times may be written out.
    let mut coerced = table.select(|name| !["income", "member", "joined"].contains(&name));
    coerced.push("income", Column::Text(vec![None; 300])).unwrap();
    coerced.push("member", Column::Int(vec![Some(1); 300])).unwrap();
    coerced.push("joined", Column::Text(vec![Some("2018-03-01T10:00:00Z".into()); 300])).unwrap();
    assert_eq!(model.predict(&coerced).unwrap().rows(), 300);
    assert_eq!(model.predict(&table.take(&[])).unwrap().rows(), 0);
    assert!(model.predict(&without.take(&[])).is_err());
}

#[test]
fn one_row_at_a_time_answers_the_same_as_all_at_once() {
    let table = people(2_500, 6, ALL);
    for (learner, target) in [(Learner::Boosting, "kind"), (Learner::Linear, "value"), (Learner::Boosting, "flag")] {
        let model = model(&train_model(&table, &options(target, learner)).unwrap());
        let all = model.predict(&table).unwrap();
        for row in (0..2_500).step_by(97) {
            let one = model.predict(&table.take(&[row])).unwrap();
            assert_eq!(one.scores()[0].to_bits(), all.scores()[row].to_bits(), "{learner:?} {target} row {row}");
        }
    }
}
