//! Any search of anything finds what the slow model finds, in the same order.

use std::cell::Cell;

use kilter_domain::search::Attribute;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use super::*;

/// As many searches are made of each entity and database.
const CASES: u32 = 400;
/// Names of metrics, parameters and tags; others are missing everywhere.
const NAMES: [&str; 3] = ["a", "b c", "mlflow.prompt.is_prompt"];
const TEXTS: [&str; 14] = ["", "x", "X", "xy", "xay", "%", "_", "*x", "[x]", "ä", "Ä", "it's \"so\"", "a\\b", "true"];
const PATTERNS: [&str; 14] = ["", "%", "x%", "X", "%y", "x_y", "_", "__", "%'%", "*%", "[x]", "ä", "%\\%", "%x%_"];
const NUMBERS: [f64; 6] = [-1.0, 0.0, 0.5, 1.0, 2.0, 1.797_693_134_862_315_7e308];

fn one_of<T: Copy + std::fmt::Debug + 'static>(values: &'static [T]) -> impl Strategy<Value = T> {
    prop::sample::select(values)
}

fn text() -> impl Strategy<Value = String> {
    one_of(&TEXTS).prop_map(str::to_owned)
}

fn thing(entity: Entity) -> impl Strategy<Value = Thing> {
    let metric = (
        one_of(&NAMES),
        prop_oneof![4 => one_of(&NUMBERS), 1 => Just(f64::NAN)],
        0..2_i64,
        0..3_i64,
        one_of(&["", "d", "e"]),
        one_of(&["r", "s"]),
    )
        .prop_map(|(name, value, step, at, dataset, run)| Metric {
            step,
            at,
            dataset: dataset.to_owned(),
            run: run.to_owned(),
            ..Metric::of(name, value)
        });
    let by_name = || prop::collection::btree_map(one_of(&NAMES).prop_map(str::to_owned), text(), 0..3);
    let dataset = (one_of(&["d", "e"]), one_of(&["1", "2"]), one_of(&["", "train", "x"]))
        .prop_map(|(name, digest, context)| [name, digest, context].map(str::to_owned));
    let numbers = (0..3_i64, 0..3_i64, prop::option::of(0..3_i64), prop::option::of(0..3_i64));
    let texts = (text(), text(), text(), prop::option::of(text()), 0..3_usize);
    let facts = (1..=2_i64, prop::bool::weighted(0.25));
    let values = (prop::collection::vec(metric, 0..5), by_name(), by_name(), prop::collection::vec(dataset, 0..3));
    (facts, texts, numbers, values).prop_map(move |((experiment, is_deleted), texts, numbers, values)| {
        let mut thing = Thing::new(entity, 0);
        (thing.experiment, thing.is_deleted) = (experiment, is_deleted);
        let (first, second, third, source_run, status) = texts;
        if entity == Entity::Run {
            thing.set_text(Attribute::RunName, &first);
        }
        thing.set_text(Attribute::UserId, &second);
        thing.set_text(Attribute::SourcePath, &second);
        thing.set_text(Attribute::ModelType, &third);
        thing.set_text(Attribute::ExperimentId, &experiment.to_string());
        if let Some(source_run) = source_run {
            thing.set_text(Attribute::SourceRunId, &source_run);
        }
        let statuses =
            if entity == Entity::Run { ["RUNNING", "FINISHED", "KILLED"] } else { ["PENDING", "READY", "FAILED"] };
        thing.set_text(Attribute::Status, statuses[status]);
        let (created, updated, started, ended) = numbers;
        for (attribute, number) in [
            (Attribute::CreationTime, Some(created)),
            (Attribute::LastUpdateTime, Some(updated)),
            (Attribute::VersionNumber, Some(created + 1)),
            (Attribute::StartTime, started),
            (Attribute::EndTime, ended),
        ] {
            if let Some(number) = number {
                thing.attributes.insert(attribute, Value::Number(number));
            }
        }
        (thing.metrics, thing.params, thing.tags, thing.datasets) = values;
        keep_what_a_table_holds(&mut thing);
        thing
    })
}

/// Keys are unique in the tables: the first of each stays.
fn keep_what_a_table_holds(thing: &mut Thing) {
    let is_run = thing.entity == Entity::Run;
    let mut seen = Vec::new();
    thing.metrics.retain(|metric| {
        let key = if is_run {
            (metric.name.clone(), String::new(), String::new())
        } else {
            (metric.name.clone(), metric.dataset.clone(), metric.run.clone())
        };
        let is_new = !seen.contains(&key);
        seen.push(key);
        is_new
    });
    let mut seen = Vec::new();
    thing.datasets.retain(|[name, digest, _]| {
        let key = (name.clone(), digest.clone());
        let is_new = !seen.contains(&key);
        seen.push(key);
        is_new
    });
    let has_metrics = matches!(thing.entity, Entity::Run | Entity::LoggedModel);
    if !has_metrics {
        thing.metrics.clear();
        thing.params.clear();
    }
    if !is_run {
        thing.datasets.clear();
    }
}

/// At least one thing of an entity, each with a key and names of its own.
fn things(entity: Entity) -> impl Strategy<Value = Vec<Thing>> {
    prop::collection::vec(thing(entity), 3..8).prop_map(move |mut things| {
        for (place, thing) in things.iter_mut().enumerate() {
            thing.key = i64::try_from(place).unwrap() + 1;
            let id = format!("thing-{}", thing.key);
            for attribute in [Attribute::Name, Attribute::RunId, Attribute::ModelId] {
                thing.set_text(attribute, &id);
            }
            if entity == Entity::Experiment {
                thing.set_text(Attribute::ExperimentId, &thing.key.to_string());
            }
        }
        things
    })
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn text_condition(lists: bool) -> BoxedStrategy<String> {
    let ids = || {
        let ids: &'static [&'static str] = &["thing-1", "thing-2", "d", "e", "1", "train", "READY", "FINISHED"];
        one_of(ids).prop_map(str::to_owned)
    };
    let equal =
        (one_of(&["=", "!="]), prop_oneof![text(), ids()]).prop_map(|(sign, text)| format!("{sign} {}", quoted(&text)));
    let like =
        (one_of(&["LIKE", "ILIKE"]), one_of(&PATTERNS)).prop_map(|(sign, text)| format!("{sign} {}", quoted(text)));
    let list = (one_of(&["IN", "NOT IN"]), prop::collection::vec(prop_oneof![text(), ids()], 1..4)).prop_map(
        |(sign, texts)| format!("{sign} ({})", texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", ")),
    );
    if lists { prop_oneof![equal, like, list].boxed() } else { prop_oneof![equal, like].boxed() }
}

fn number_condition(numbers: &'static [f64]) -> impl Strategy<Value = String> {
    (one_of(&["=", "!=", "<", "<=", ">", ">="]), one_of(numbers))
        .prop_map(|(sign, number)| format!("{sign} {number:?}"))
}

fn joined(
    keys: impl Strategy<Value = String> + 'static,
    condition: impl Strategy<Value = String> + 'static,
) -> BoxedStrategy<String> {
    (keys, condition).prop_map(|(key, condition)| format!("{key} {condition}")).boxed()
}

fn comparison(entity: Entity) -> BoxedStrategy<String> {
    let named = |family: &'static str| one_of(&NAMES).prop_map(move |name| format!("{family}.`{name}`"));
    let keys = |keys: &'static [&'static str]| one_of(keys).prop_map(str::to_owned);
    let presence = || one_of(&["IS NULL", "IS NOT NULL"]).prop_map(str::to_owned);
    let whole: &[f64] = &[-1.0, 0.0, 1.0, 2.0, 9e15, 1e300];
    match entity {
        Entity::Run => prop_oneof![
            joined(named("metrics"), number_condition(&NUMBERS)),
            joined(prop_oneof![named("params"), named("tags")], prop_oneof![text_condition(false), presence().boxed()]),
            joined(keys(&["run_name", "status", "user_id", "artifact_uri"]), text_condition(false)),
            joined(keys(&["run_id", "dataset.name", "dataset.digest", "dataset.context"]), text_condition(true)),
            joined(keys(&["start_time", "end_time"]), number_condition(&[-1.0, 0.0, 0.5, 1.0, 2.0, 1e300])),
        ]
        .boxed(),
        Entity::Experiment => prop_oneof![
            joined(named("tags"), prop_oneof![text_condition(false), presence().boxed()]),
            joined(keys(&["name"]), text_condition(false)),
            joined(keys(&["experiment_id"]), keys(&["= '1'", "!= '01'", "IN ('2', '7')", "NOT IN ('1')"])),
            joined(keys(&["creation_time", "last_update_time"]), number_condition(whole)),
        ]
        .boxed(),
        Entity::RegisteredModel => {
            prop_oneof![joined(named("tags"), text_condition(false)), joined(keys(&["name"]), text_condition(true)),]
                .boxed()
        }
        Entity::ModelVersion => prop_oneof![
            joined(named("tags"), text_condition(false)),
            joined(keys(&["name", "run_id"]), text_condition(true)),
            joined(keys(&["source_path"]), text_condition(false)),
            joined(keys(&["version_number"]), number_condition(whole)),
        ]
        .boxed(),
        Entity::LoggedModel => prop_oneof![
            joined(named("metrics"), number_condition(&NUMBERS)),
            joined(prop_oneof![named("params"), named("tags")], text_condition(true)),
            joined(
                keys(&["name", "model_id", "model_type", "status", "source_run_id", "experiment_id"]),
                text_condition(true)
            ),
            joined(keys(&["creation_timestamp", "last_updated_time"]), number_condition(&NUMBERS)),
        ]
        .boxed(),
    }
}

fn filter(entity: Entity) -> BoxedStrategy<String> {
    let any = comparison(entity).prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" AND "))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" OR "))),
            inner.prop_map(|inner| format!("NOT ({inner})")),
        ]
    });
    prop_oneof![1 => Just(String::new()), 9 => any].boxed()
}

fn order(entity: Entity) -> BoxedStrategy<Vec<String>> {
    let keys: &'static [&'static str] = match entity {
        Entity::Run => &[
            "metrics.a",
            "metrics.`b c`",
            "params.a",
            "tags.`b c`",
            "start_time",
            "end_time",
            "run_name",
            "status",
            "run_id",
        ],
        Entity::Experiment => &["name", "experiment_id", "creation_time", "last_update_time"],
        Entity::RegisteredModel => &["name", "timestamp", "creation_timestamp"],
        Entity::ModelVersion => &["name", "version_number", "creation_timestamp", "last_updated_timestamp"],
        Entity::LoggedModel => {
            &["metrics.a", "metrics.`b c`", "name", "creation_time", "status", "source_run_id", "experiment_id"]
        }
    };
    let item = (one_of(keys), one_of(&["", " ASC", " DESC"]));
    prop::collection::vec(item, 0..3)
        .prop_map(|mut items| {
            items.dedup_by_key(|(key, _)| *key);
            if items.len() == 2 && items[0].0 == items[1].0 {
                items.truncate(1)
            }
            items.iter().map(|(key, direction)| format!("{key}{direction}")).collect()
        })
        .boxed()
}

fn scope(entity: Entity) -> BoxedStrategy<Scope> {
    let experiments = || {
        let choices: &'static [&'static [i64]] = &[&[], &[1], &[2, 3], &[1, 2], &[3, 2, 1]];
        one_of(choices).prop_map(|experiments| experiments.iter().copied().map(ExperimentId).collect::<Vec<_>>())
    };
    let view = || one_of(&[View::Active, View::Deleted, View::All]);
    match entity {
        Entity::Run => {
            (experiments(), view()).prop_map(|(experiments, view)| Scope::Runs { experiments, view }).boxed()
        }
        Entity::Experiment => view().prop_map(|view| Scope::Experiments { projects: Projects::Every, view }).boxed(),
        Entity::LoggedModel => {
            let dataset =
                (one_of(&["d", "e"]), prop::option::of(one_of(&["d1", "other"]))).prop_map(|(name, digest)| {
                    DatasetSelector { name: name.to_owned(), digest: digest.map(str::to_owned) }
                });
            (experiments(), prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(dataset, 1..3)])
                .prop_map(|(experiments, datasets)| Scope::LoggedModels { experiments, datasets })
                .boxed()
        }
        other => Just(everything(other)).boxed(),
    }
}

/// How many searches of the same things are made: filling tables costs more than searching them.
const SEARCHES: usize = 8;

fn finds_what_the_model_finds(store: &Store, entity: Entity) {
    let searches = prop::collection::vec((scope(entity), filter(entity), order(entity)), SEARCHES);
    let config = Config {
        cases: CASES / SEARCHES as u32,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    };
    // Searches that find some of the things: where all or none are found, little is shown.
    let telling = Cell::new(0);
    let run = TestRunner::new(config).run(&(things(entity), searches), |(things, searches)| {
        fill(store, &things);
        for (scope, filter, order) in searches {
            let search = Search::parse(scope, &filter, &order);
            let search = search.map_err(|error| TestCaseError::fail(format!("{filter} {order:?}: {error}")))?;
            let found = page(store, &search, 0, 100).keys;
            telling.set(telling.get() + u32::from(!found.is_empty() && found.len() < things.len()));
            prop_assert_eq!(found, find_slowly(&things, &search), "{} {:?}", search, order);
        }
        Ok(())
    });
    run.unwrap_or_else(|failed| panic!("{entity:?}: {failed}"));
    assert!(telling.get() > CASES / 50, "{entity:?}: only {} of {CASES} searches find some and not all", telling.get());
}

fn runs_are_found_as_the_model_finds_them(store: &Store) {
    finds_what_the_model_finds(store, Entity::Run);
}

fn experiments_are_found_as_the_model_finds_them(store: &Store) {
    finds_what_the_model_finds(store, Entity::Experiment);
}

fn registered_models_are_found_as_the_model_finds_them(store: &Store) {
    finds_what_the_model_finds(store, Entity::RegisteredModel);
}

fn versions_are_found_as_the_model_finds_them(store: &Store) {
    finds_what_the_model_finds(store, Entity::ModelVersion);
}

fn logged_models_are_found_as_the_model_finds_them(store: &Store) {
    finds_what_the_model_finds(store, Entity::LoggedModel);
}

both_databases! {
    runs_are_found_as_the_model_finds_them,
    experiments_are_found_as_the_model_finds_them,
    registered_models_are_found_as_the_model_finds_them,
    versions_are_found_as_the_model_finds_them,
    logged_models_are_found_as_the_model_finds_them,
}
