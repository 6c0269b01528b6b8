//! What a search finds, on both databases: beside a slow and obvious model, with hostile texts, and by which indexes.

mod fixture;
mod model;
mod properties;
mod statements;

use kilter_domain::{
    search::{DatasetSelector, Entity, LoggedModelOrder, PageToken, Projects, Scope, Search, View},
    tracking::ExperimentId,
};

use self::{fixture::*, model::*};
use super::{Found, SearchPage, find};
use crate::Store;

const ENTITIES: [Entity; 5] =
    [Entity::Run, Entity::Experiment, Entity::RegisteredModel, Entity::ModelVersion, Entity::LoggedModel];

/// Everything of an entity.
fn everything(entity: Entity) -> Scope {
    let (experiments, projects, view) = (vec![ExperimentId(1), ExperimentId(2)], Projects::Every, View::All);
    match entity {
        Entity::Run => Scope::Runs { experiments, view },
        Entity::Experiment => Scope::Experiments { projects, view },
        Entity::RegisteredModel => Scope::RegisteredModels { projects },
        Entity::ModelVersion => Scope::ModelVersions { projects },
        Entity::LoggedModel => Scope::LoggedModels { experiments, datasets: Vec::new() },
    }
}

fn page(store: &Store, search: &Search, offset: u64, limit: u32) -> Found {
    let page = SearchPage { token: PageToken { offset }, limit };
    store.read(|reader| find(reader, search, page)).unwrap_or_else(|error| panic!("{search}: {error}"))
}

fn keys(store: &Store, scope: Scope, filter: &str, order: &[&str]) -> Vec<i64> {
    let order: Vec<String> = order.iter().map(|clause| (*clause).to_owned()).collect();
    let search = Search::parse(scope, filter, &order).unwrap_or_else(|error| panic!("{filter}: {error}"));
    page(store, &search, 0, 1_000).keys
}

fn three_runs() -> Vec<Thing> {
    let run = |key: i64, name: &str| {
        let mut run = Thing::new(Entity::Run, key);
        run.set_text(kilter_domain::search::Attribute::RunName, name);
        run
    };
    let (mut first, mut second, third) = (run(1, "Alpha"), run(2, "alpha_2"), run(3, "a%b[c]*?\\"));
    first.metrics.push(Metric::of("auc", 0.9));
    first.params.insert("lr".to_owned(), "0.1".to_owned());
    second.metrics.push(Metric::of("auc", f64::NAN));
    second.params.insert("lr".to_owned(), "0.2".to_owned());
    second.tags.insert("odd key's".to_owned(), "it's".to_owned());
    vec![first, second, third]
}

fn each_operator_means_what_the_language_says(store: &Store) {
    fill(store, &three_runs());
    let found = |filter: &str| {
        let mut keys = keys(store, everything(Entity::Run), filter, &[]);
        keys.sort_unstable();
        keys
    };
    let cases: &[(&str, &[i64])] = &[
        ("", &[1, 2, 3]),
        ("metrics.auc > 0.5", &[1]),
        ("metrics.auc <= 0.9", &[1]),
        ("metrics.auc = 0", &[]),
        ("metrics.auc != 0.9", &[2]),
        ("metrics.auc != 5", &[1, 2]),
        ("NOT metrics.auc > 0.5", &[2, 3]),
        ("params.lr != '0.1'", &[2]),
        ("NOT params.lr = '0.1'", &[2, 3]),
        ("params.lr IS NULL", &[3]),
        ("params.lr IS NOT NULL AND NOT metrics.auc >= 0", &[2]),
        ("run_name LIKE 'alpha%'", &[2]),
        ("run_name LIKE 'A_pha'", &[1]),
        ("run_name ILIKE 'ALPHA%'", &[1, 2]),
        ("run_name LIKE 'alpha_2'", &[2]),
        ("run_name LIKE 'a%b[c]*?\\'", &[3]),
        ("run_name ILIKE 'A%B[C]*?\\'", &[3]),
        ("run_name LIKE '*'", &[]),
        ("run_name LIKE '[Aa]lpha'", &[]),
        ("run_name LIKE '%'", &[1, 2, 3]),
        ("tags.`odd key's` = 'it''s'", &[2]),
        ("tags.\"odd key's\" = \"it's\"", &[2]),
        ("metrics.auc > 0.5 OR params.lr = '0.2'", &[1, 2]),
        ("(metrics.auc > 0.5 OR params.lr = '0.2') AND run_name LIKE 'A%'", &[1]),
        ("run_id IN ('thing-1', 'thing-3')", &[1, 3]),
        ("run_id NOT IN ('thing-1', 'thing-3')", &[2]),
        ("status = 'FINISHED' AND status != 'finished'", &[1, 2, 3]),
    ];
    for (filter, expected) in cases {
        assert_eq!(found(filter), *expected, "{filter}");
    }
    assert_eq!(keys(store, everything(Entity::Run), "", &["metrics.auc ASC"]), [1, 2, 3], "NaN, then missing");
    assert_eq!(keys(store, everything(Entity::Run), "", &["metrics.auc DESC"]), [1, 2, 3], "the same way round");
    assert_eq!(keys(store, everything(Entity::Run), "", &["params.lr DESC"]), [2, 1, 3]);
}

fn projects_and_prompts_are_hidden(store: &Store) {
    let mut models: Vec<Thing> = (1..=4).map(|key| Thing::new(Entity::RegisteredModel, key)).collect();
    models[1].project = Some("churn".to_owned());
    models[2].project = Some("fraud".to_owned());
    models[3].tags.insert("mlflow.prompt.is_prompt".to_owned(), "true".to_owned());
    fill(store, &models);
    let only = |names: &[&str]| {
        let projects = Projects::Only(names.iter().map(|name| name.parse().unwrap()).collect());
        Scope::RegisteredModels { projects }
    };
    assert_eq!(keys(store, everything(Entity::RegisteredModel), "", &[]), [1, 2, 3]);
    assert_eq!(keys(store, only(&["churn"]), "", &[]), [1, 2]);
    assert_eq!(keys(store, only(&[]), "name LIKE '%'", &[]), [1]);
    let prompts = "tags.mlflow.prompt.is_prompt = 'true'";
    assert_eq!(keys(store, everything(Entity::RegisteredModel), prompts, &[]), [4]);
    assert_eq!(
        keys(store, everything(Entity::RegisteredModel), "tags.mlflow.prompt.is_prompt = 'false'", &[]),
        [1, 2, 3]
    );
}

fn a_logged_model_is_sorted_by_its_latest_metric_on_a_dataset(store: &Store) {
    let mut models: Vec<Thing> = (1..=3).map(|key| Thing::new(Entity::LoggedModel, key)).collect();
    let on =
        |value: f64, dataset: &str, at: i64| Metric { at, dataset: dataset.to_owned(), ..Metric::of("auc", value) };
    models[0].metrics = vec![on(0.9, "train", 1), on(0.1, "test", 2)];
    models[1].metrics = vec![on(0.5, "train", 1)];
    fill(store, &models);
    let sorted = |dataset: Option<&str>| {
        let by = LoggedModelOrder {
            field_name: "metrics.auc".to_owned(),
            is_ascending: false,
            dataset_name: dataset.map(str::to_owned),
            dataset_digest: None,
        };
        let search = Search::parse_logged_models(vec![ExperimentId(1)], Vec::new(), "", &[by]).unwrap();
        page(store, &search, 0, 10).keys
    };
    assert_eq!(sorted(Some("train")), [1, 2, 3]);
    assert_eq!(sorted(None), [2, 1, 3], "the latest of the first is that of the test");
    let datasets = vec![DatasetSelector { name: "test".to_owned(), digest: Some("d1".to_owned()) }];
    let scope = Scope::LoggedModels { experiments: vec![ExperimentId(1)], datasets };
    assert_eq!(keys(store, scope.clone(), "", &[]), [1]);
    assert_eq!(keys(store, scope, "metrics.auc > 0.5", &[]), [0_i64; 0], "0.9 was measured elsewhere");
}

fn pages_follow_each_other_without_gap_or_overlap(store: &Store) {
    let runs: Vec<Thing> = (1..=7).map(|key| Thing::new(Entity::Run, key)).collect();
    fill(store, &runs);
    let search = Search::parse(everything(Entity::Run), "", &["end_time".to_owned()]).unwrap();
    let (mut offset, mut walked) = (Some(0), Vec::new());
    while let Some(from) = offset {
        let found = page(store, &search, from, 3);
        walked.extend(found.keys);
        offset = found.next.map(|next| next.offset);
    }
    assert_eq!(walked, page(store, &search, 0, 100).keys);
    assert_eq!(walked.len(), 7);
    assert_eq!(page(store, &search, 0, 7).next, None, "the last page says so");
    assert_eq!(page(store, &search, u64::MAX, 7), Found { keys: Vec::new(), next: None });
}

both_databases! {
    each_operator_means_what_the_language_says,
    projects_and_prompts_are_hidden,
    a_logged_model_is_sorted_by_its_latest_metric_on_a_dataset,
    pages_follow_each_other_without_gap_or_overlap,
}
