//! The language: what each entity takes, and what errors say.

use super::{display::Written, *};
use crate::tracking::ExperimentId;

pub(super) const ENTITIES: [Entity; 5] =
    [Entity::Run, Entity::Experiment, Entity::RegisteredModel, Entity::ModelVersion, Entity::LoggedModel];

/// Each operator with a value that goes with it.
const OPERATORS: [(&str, &str); 15] = [
    ("=", "= 'x'"),
    ("!=", "!= 'x'"),
    ("LIKE", "LIKE 'x%'"),
    ("ILIKE", "ilike 'x%'"),
    ("IN", "IN ('x', \"y\")"),
    ("NOT IN", "not in ('x')"),
    ("IS NULL", "IS NULL"),
    ("IS NOT NULL", "is not null"),
    ("= n", "= 1"),
    ("!= n", "!= -1.0"),
    ("< n", "< 1e3"),
    ("<= n", "<= +2"),
    ("> n", "> 0"),
    (">= n", ">= 3."),
    ("> 0.5", "> 0.5"),
];

fn accepted(entity: Entity, key: &str) -> String {
    let takes = |(name, form): &(&'static str, &str)| {
        Expression::parse(entity, &format!("{key} {form}")).is_ok().then_some(*name)
    };
    OPERATORS.iter().filter_map(takes).collect::<Vec<_>>().join(" ")
}

const NUMBERS: &str = "= n != n < n <= n > n >= n > 0.5";
const WHOLE: &str = "= n != n < n <= n > n >= n";
const TEXTS: &str = "= != LIKE ILIKE";
const LISTS: &str = "= != LIKE ILIKE IN NOT IN";
const PRESENCE: &str = "= != LIKE ILIKE IS NULL IS NOT NULL";

#[test]
fn each_key_of_each_entity_takes_its_operators_and_no_other() {
    let check = |entity, keys: &[&str], operators: &str| {
        for key in keys {
            assert_eq!(accepted(entity, key), operators, "{entity:?} {key}");
        }
    };
    check(Entity::Run, &["metric.k", "metrics.k", "metrics.`a b`", "metrics.\"a b\"", "`metrics`.k"], NUMBERS);
    check(
        Entity::Run,
        &["param.k", "params.k", "parameter.k", "parameters.`a/b c`", "tag.k", "tags.mlflow.k"],
        PRESENCE,
    );
    for family in ["", "attribute.", "attributes.", "attr.", "run."] {
        let of = |key: &str| format!("{family}{key}");
        for key in ["`run name`", "run_name", "status", "user_id", "artifact_uri"] {
            check(Entity::Run, &[&of(key)], TEXTS);
        }
        check(Entity::Run, &[&of("run_id")], LISTS);
        for key in ["start_time", "created", "Created", "end_time", "\"start_time\""] {
            check(Entity::Run, &[&of(key)], NUMBERS);
        }
    }
    check(Entity::Run, &["dataset.name", "datasets.digest", "dataset.context"], LISTS);

    check(Entity::Experiment, &["name", "attribute.name"], TEXTS);
    check(Entity::Experiment, &["tag.k", "tags.k"], PRESENCE);
    check(Entity::Experiment, &["creation_time", "last_update_time"], WHOLE);
    check(Entity::RegisteredModel, &["name"], LISTS);
    check(Entity::RegisteredModel, &["tag.k", "tags.k"], TEXTS);
    check(Entity::ModelVersion, &["name", "run_id"], LISTS);
    check(Entity::ModelVersion, &["source_path", "tags.k"], TEXTS);
    check(Entity::ModelVersion, &["version_number"], WHOLE);
    let texts = ["name", "model_id", "model_type", "attributes.status", "source_run_id", "experiment_id", "params.k"];
    check(Entity::LoggedModel, &texts, LISTS);
    check(Entity::LoggedModel, &["tags.k"], LISTS);
    let times = ["creation_timestamp", "creation_time", "last_updated_timestamp", "last_updated_time", "metrics.k"];
    check(Entity::LoggedModel, &times, NUMBERS);

    // An experiment's id is a number in quotes.
    for form in ["= '7'", "!= \"7\"", "IN ('7', '08')", "NOT IN ('7')"] {
        assert!(Expression::parse(Entity::Experiment, &format!("experiment_id {form}")).is_ok(), "{form}");
    }
    assert_eq!(accepted(Entity::Experiment, "experiment_id"), "");
    // A version's number may be in quotes.
    assert!(Expression::parse(Entity::ModelVersion, "version_number >= '7'").is_ok());
}

#[test]
fn no_entity_takes_keys_of_another() {
    let refused = [
        (
            Entity::Run,
            ["name = 'x'", "model_id = 'x'", "attribute.lifecycle_stage = 'x'", "dataset.source = 'x'", "m.a > 1"],
        ),
        (
            Entity::Experiment,
            ["metrics.a > 1", "params.a = 'x'", "status = 'x'", "dataset.name = 'x'", "run.name = 'x'"],
        ),
        (
            Entity::RegisteredModel,
            ["metrics.a > 1", "last_updated_timestamp > 1", "version_number = 1", "run_id = 'x'", "x = 'y'"],
        ),
        (
            Entity::ModelVersion,
            ["params.a = 'x'", "creation_timestamp > 1", "source = 'x'", "stage = 'x'", "status = 'x'"],
        ),
        (
            Entity::LoggedModel,
            ["dataset.name = 'x'", "run_id = 'x'", "start_time > 1", "artifact_uri = 'x'", "run.name = 'x'"],
        ),
    ];
    for (entity, filters) in refused {
        for filter in filters {
            let error = Expression::parse(entity, filter).unwrap_err();
            let text = error.to_string();
            assert!(
                text.starts_with("Invalid attribute key")
                    || text.starts_with("Invalid dataset key")
                    || text.starts_with("Invalid entity type"),
                "{filter}: {text}"
            );
        }
    }
}

fn written(filter: &str) -> String {
    let expression = Expression::parse(Entity::Run, filter).unwrap_or_else(|error| panic!("{filter}: {error}"));
    expression
        .map(|expression| Written { expression: &expression, entity: Entity::Run }.to_string())
        .unwrap_or_default()
}

#[test]
fn not_binds_closer_than_and_and_and_closer_than_or() {
    let cases = [
        ("  ", ""),
        ("metrics.a>.5 and params.b='x'", "metric.a > 0.5 AND parameter.b = 'x'"),
        ("tags.a='1' or tags.b='2' and tags.c='3'", "tag.a = '1' OR tag.b = '2' AND tag.c = '3'"),
        ("(tags.a='1' or tags.b='2') and tags.c='3'", "(tag.a = '1' OR tag.b = '2') AND tag.c = '3'"),
        ("not tags.a='1' and tags.b='2'", "NOT tag.a = '1' AND tag.b = '2'"),
        ("NOT (tags.a='1' AND (tags.b='2'))", "NOT (tag.a = '1' AND tag.b = '2')"),
        ("tags.a='1' AND (tags.b='2' AND tags.c='3')", "tag.a = '1' AND tag.b = '2' AND tag.c = '3'"),
        ("not not((tags.a='1'))", "NOT NOT tag.a = '1'"),
        ("tags.`a``b` = \"it's\"", "tag.`a``b` = 'it''s'"),
        ("tags.a = 'it''s' AND tags.b = 'C:\\'", "tag.a = 'it''s' AND tag.b = 'C:\\'"),
        ("tags.a = \"say \"\"yes\"\"\"", "tag.a = 'say \"yes\"'"),
        ("\"run_id\" IN ('a' , 'b',)", "attribute.run_id IN ('a', 'b')"),
        ("metrics.val/loss-1 < -1.5E-3", "metric.val/loss-1 < -0.0015"),
        ("tags.and = 'or' AND tags.größe = '名'", "tag.and = 'or' AND tag.größe = '名'"),
        ("Created >= 1700000000000", "attribute.start_time >= 1700000000000"),
    ];
    for (filter, expected) in cases {
        assert_eq!(written(filter), expected, "{filter}");
        assert_eq!(written(expected), expected);
    }
}

#[test]
fn errors_have_the_texts_that_clients_know() {
    let cases = [
        ("metric.acc >= 0.94; metrics.rmse < 1", "Search filter contained multiple expression"),
        ("m.acc >= 0.94", "Invalid entity type 'm'"),
        (
            "acc >= 0.94",
            "Invalid attribute key 'acc' specified. Valid keys are ['run_id', 'run_name', 'status', 'user_id', 'artifact_uri', 'start_time', 'end_time']",
        ),
        ("p.model >= 'LR'", "Invalid entity type"),
        ("attri.x != 1", "Invalid entity type"),
        ("a.x != 1", "Invalid entity type"),
        ("metrics.A > 0.1 NAND params.B = 'LR'", "Invalid clause(s) in filter string: 'NAND'"),
        ("`metrics.A > 0.1", "Invalid clause(s) in filter string"),
        ("param`.A > 0.1", "Invalid clause(s) in filter string"),
        ("attribute.start != 1", "Invalid attribute key"),
        ("dataset.fake = 'x'", "Invalid dataset key 'fake'"),
        ("metric.model = 'LR'", "Expected numeric value type for metric"),
        ("metric.model = '5'", "Expected numeric value type for metric"),
        ("metrics.acc != metrics.acc", "Expected numeric value type for metric"),
        ("start_time > 'x'", "Expected numeric value type for numeric attribute"),
        ("params.acc = 5", "Expected a quoted string value for param"),
        ("tags.acc = 5", "Expected a quoted string value for tag"),
        ("attribute.status = 1", "Expected a quoted string value for attributes"),
        ("1.0 > metrics.acc", "Invalid comparison clause. Expected 'Identifier' found '1.0'"),
        ("1=1", "Expected 'Identifier' found"),
        ("params.acc = LR", "value is either not quoted or unidentified quote types"),
        ("tags.acc = `LR`", "value is either not quoted or unidentified quote types"),
        ("params.'acc = LR", "Invalid clause(s) in filter string"),
        ("params.acc = 'LR", "Invalid clause(s) in filter string"),
        ("params.acc = LR'", "Invalid clause(s) in filter string"),
        ("params.acc = \"LR'", "Invalid clause(s) in filter string"),
        ("tags.acc = = 'LR'", "Invalid clause(s) in filter string"),
        ("attribute.status IS 'RUNNING'", "Invalid clause(s) in filter string"),
        ("params.acc LR !=", "Invalid clause(s) in filter string"),
        ("params.acc LR", "Invalid clause(s) in filter string"),
        ("metric.acc !=", "Invalid clause(s) in filter string"),
        ("metrics.a > 1 AND", "Invalid clause(s) in filter string"),
        ("(metrics.a > 1", "Invalid clause(s) in filter string"),
        ("metrics.a > 1)", "Invalid clause(s) in filter string: ')'"),
        ("metrics.a > 1 -- all", "Invalid clause(s) in filter string"),
        ("metrics.a > 1;", "Invalid clause(s) in filter string"),
        ("metrics.a ~ 1", "Invalid comparator '~'"),
        (
            "params.a > 'x'",
            "Invalid comparator '>' for parameter 'a': not one of ['=', '!=', 'LIKE', 'ILIKE', 'IS NULL', 'IS NOT NULL']",
        ),
        ("metrics.a LIKE 1", "Invalid comparator 'LIKE'"),
        ("tags.a == 'x'", "Invalid comparator '=='"),
        ("status IS NULL", "IS NULL / IS NOT NULL is only supported for tags and params"),
        ("status IN ('a')", "Only ['run_id'] support comparison with a list"),
        ("run_id IN ()", "expected a non-empty list of string values, but got empty list"),
        ("run_id IN (1)", "but got different type in list"),
        ("run_id IN ('a' 'b')", "but got ill-formed list"),
        ("run_id IN 'a'", "but got ill-formed list"),
        ("metrics.a > 1e999", "out of the range"),
        ("metrics.a > 1x", "Invalid clause(s)"),
        ("tags.a = '\0'", "NUL"),
    ];
    for (filter, expected) in cases {
        let error = Expression::parse(Entity::Run, filter).unwrap_err().to_string();
        assert!(error.contains(expected), "{filter}: {error}");
    }
    let error = Expression::parse(Entity::Experiment, "experiment_id = 'x'").unwrap_err().to_string();
    assert_eq!(error, "Invalid experiment ID 'x'. Experiment ID must be a valid integer.");
    let error = Expression::parse(Entity::Experiment, "creation_time > 1.5").unwrap_err().to_string();
    assert_eq!(error, "Invalid value for numeric attribute 'creation_time': 1.5. It must be a whole number.");
}

#[test]
fn what_is_beyond_a_bound_is_refused() {
    let refused = |filter: String| Expression::parse(Entity::Run, &filter).unwrap_err();
    let one = "tags.a = 'x'";
    let comparisons = |count: usize| vec![one; count].join(" OR ");
    assert!(Expression::parse(Entity::Run, &comparisons(MAX_COMPARISONS)).is_ok());
    let error = refused(comparisons(MAX_COMPARISONS + 1));
    assert_eq!(error, SearchError::TooMany { what: "comparisons", most: MAX_COMPARISONS });
    let brackets = |depth| format!("{}{one}{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Expression::parse(Entity::Run, &brackets(MAX_DEPTH)).is_ok());
    assert_eq!(refused(brackets(MAX_DEPTH + 1)), SearchError::TooDeep { most: MAX_DEPTH });
    assert_eq!(refused(brackets(100_000)), SearchError::TooDeep { most: MAX_DEPTH });
    assert_eq!(refused(format!("{}{one}", "NOT ".repeat(60_000))), SearchError::TooDeep { most: MAX_DEPTH });
    assert!(matches!(refused("x".repeat(MAX_FILTER_BYTES + 1)), SearchError::TooLong { what: "filter", .. }));
    let list = |count| format!("run_id IN ({})", vec!["'a'"; count].join(","));
    assert!(Expression::parse(Entity::Run, &list(MAX_LIST_VALUES)).is_ok());
    assert!(matches!(refused(list(MAX_LIST_VALUES + 1)), SearchError::TooMany { .. }));
    let pattern = format!("tags.a LIKE '{}'", "%".repeat(MAX_PATTERN_BYTES + 1));
    assert!(matches!(refused(pattern), SearchError::TooLong { what: "pattern", .. }));
    let long = refused(format!("{} = 'x'", "k".repeat(100_000)));
    assert!(long.to_string().len() < 600, "{long}");
}

fn order_of(scope: Scope, clauses: &[&str]) -> Result<String, SearchError> {
    let entity = scope.entity();
    let clauses: Vec<String> = clauses.iter().map(|clause| (*clause).to_owned()).collect();
    let search = Search::parse(scope, "", &clauses)?;
    let item = |item: &OrderItem| {
        let direction = if item.is_ascending { "" } else { " DESC" };
        format!("{}.{}{direction}", item.key.family(), item.key.name(entity))
    };
    Ok(search.order().iter().map(item).collect::<Vec<_>>().join(", "))
}

pub(super) fn scope_of(entity: Entity) -> Scope {
    let (experiments, projects, view) = (Vec::new(), Projects::Every, View::Active);
    match entity {
        Entity::Run => Scope::Runs { experiments, view },
        Entity::Experiment => Scope::Experiments { projects, view },
        Entity::RegisteredModel => Scope::RegisteredModels { projects },
        Entity::ModelVersion => Scope::ModelVersions { projects },
        Entity::LoggedModel => Scope::LoggedModels { experiments, datasets: Vec::new() },
    }
}

#[test]
fn every_order_ends_in_what_breaks_ties() {
    let tie = "attribute.start_time DESC, attribute.run_id";
    let updated = "attribute.last_updated_timestamp DESC, attribute.name, attribute.version_number DESC";
    let cases: [(Entity, &[&str], &str); 16] = [
        (Entity::Run, &[], tie),
        (Entity::Run, &["metrics.`a b` desc"], &format!("metric.a b DESC, {tie}")),
        (Entity::Run, &["params.a", "tags.b ASC"], &format!("parameter.a, tag.b, {tie}")),
        (Entity::Run, &["start_time ASC"], "attribute.start_time, attribute.run_id"),
        (Entity::Run, &["attributes.Created desc", "run_id DESC"], "attribute.start_time DESC, attribute.run_id DESC"),
        (Entity::Experiment, &[], "attribute.creation_time DESC, attribute.experiment_id"),
        (Entity::Experiment, &["name"], "attribute.name, attribute.experiment_id DESC"),
        (Entity::Experiment, &["attribute.experiment_id asc"], "attribute.experiment_id"),
        (Entity::RegisteredModel, &[], "attribute.name"),
        (Entity::RegisteredModel, &["timestamp DESC"], "attribute.last_updated_timestamp DESC, attribute.name"),
        (Entity::ModelVersion, &[], updated),
        (Entity::ModelVersion, &["version_number ASC"], "attribute.version_number, attribute.name"),
        (
            Entity::ModelVersion,
            &["creation_timestamp"],
            "attribute.creation_timestamp, attribute.name, attribute.version_number DESC",
        ),
        (Entity::LoggedModel, &[], "attribute.creation_timestamp DESC, attribute.model_id"),
        (
            Entity::LoggedModel,
            &["metrics.a DESC"],
            "metric.a DESC, attribute.creation_timestamp DESC, attribute.model_id",
        ),
        (Entity::LoggedModel, &["model_id"], "attribute.model_id, attribute.creation_timestamp DESC"),
    ];
    for (entity, clauses, expected) in cases {
        assert_eq!(order_of(scope_of(entity), clauses).unwrap(), expected, "{entity:?} {clauses:?}");
    }
}

#[test]
fn an_order_that_cannot_be_is_refused() {
    let cases: [(Entity, &[&str], &str); 10] = [
        (Entity::Run, &["metrics.a >"], "Invalid order_by clause 'metrics.a >'. Could not be parsed."),
        (Entity::Run, &["'metrics.a'"], "Invalid order_by clause"),
        (Entity::Run, &[""], "Invalid order_by clause"),
        (Entity::Run, &["metrics.a ASCENDING"], "Invalid ordering key in order_by clause"),
        (Entity::Run, &["x.a"], "Invalid entity type 'x'"),
        (Entity::Run, &["dataset.name"], "Invalid order_by entity: dataset"),
        (Entity::Run, &["start_time", "created DESC"], "`order_by` contains duplicate fields"),
        (Entity::Experiment, &["tags.a"], "Invalid order_by entity: tag"),
        (Entity::RegisteredModel, &["stage DESC"], "Invalid order by key 'stage' specified. Valid keys are"),
        (Entity::ModelVersion, &["stage"], "Invalid attribute key 'stage'"),
    ];
    for (entity, clauses, expected) in cases {
        let error = order_of(scope_of(entity), clauses).unwrap_err().to_string();
        assert!(error.contains(expected), "{clauses:?}: {error}");
    }
    let many: Vec<String> = (0..21).map(|number| format!("metrics.m{number}")).collect();
    assert!(matches!(Search::parse(scope_of(Entity::Run), "", &many), Err(SearchError::TooMany { .. })));
    let long = ["x".repeat(100_000)];
    assert!(matches!(Search::parse(scope_of(Entity::Run), "", &long), Err(SearchError::TooLong { .. })));
}

#[test]
fn logged_models_are_sorted_by_attributes_and_by_metrics_on_a_dataset() {
    let item = |field: &str, dataset: Option<&str>, digest: Option<&str>| LoggedModelOrder {
        field_name: field.to_owned(),
        is_ascending: false,
        dataset_name: dataset.map(str::to_owned),
        dataset_digest: digest.map(str::to_owned),
    };
    let parse = |items: &[LoggedModelOrder]| Search::parse_logged_models(vec![ExperimentId(1)], Vec::new(), "", items);
    let search = parse(&[item("metrics.a b", Some("d"), Some("1")), item("creation_time", None, None)]).unwrap();
    let dataset = DatasetSelector { name: "d".to_owned(), digest: Some("1".to_owned()) };
    let first = OrderItem { key: Key::Metric("a b".to_owned()), is_ascending: false, dataset: Some(dataset) };
    assert_eq!(search.order()[0], first);
    assert_eq!(search.order().len(), 3);
    let on_two = [item("metrics.a", Some("d"), None), item("metrics.a", Some("e"), None)];
    assert!(parse(&on_two).is_ok(), "one metric on two datasets is two fields");
    for (refused, expected) in [
        (item("params.a", None, None), "Invalid order by field name: params.a"),
        (item("nothing", None, None), "Invalid order by field name: nothing"),
        (item("metrics.a", None, Some("1")), "`dataset_digest` can only be specified"),
    ] {
        let error = parse(&[refused]).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn prompts_are_found_only_where_the_filter_asks_for_them() {
    let filter = |text: &str| Search::parse(scope_of(Entity::RegisteredModel), text, &[]).unwrap().to_string();
    assert_eq!(filter(""), "tag.mlflow.prompt.is_prompt != 'true'");
    assert_eq!(
        filter("name = 'a' OR name = 'b'"),
        "(attribute.name = 'a' OR attribute.name = 'b') AND tag.mlflow.prompt.is_prompt != 'true'"
    );
    assert_eq!(filter("tags.`mlflow.prompt.is_prompt` = 'true'"), "tag.mlflow.prompt.is_prompt = 'true'");
    let runs = Search::parse(scope_of(Entity::Run), "", &[]).unwrap();
    assert_eq!(runs.filter(), None);
}

#[test]
fn a_page_token_is_what_clients_take_apart() {
    let token = PageToken { offset: 100 };
    // python3 -c 'import base64, json; print(base64.b64encode(json.dumps({"offset": 100}).encode()))'
    assert_eq!(token.to_string(), "eyJvZmZzZXQiOiAxMDB9");
    assert_eq!("".parse(), Ok(PageToken { offset: 0 }));
    assert_eq!("eyJvZmZzZXQiOiAiMTAwIn0=".parse(), Ok(token), "a number in quotes");
    let refused = |text: &str| text.parse::<PageToken>().unwrap_err().to_string();
    assert_eq!(refused("*"), "Invalid page token, could not base64-decode");
    assert_eq!(refused("aGVsbG8="), "Invalid page token, decoded value=hello");
    assert_eq!(refused("e30="), "Invalid page token, parsed value={}");
    assert_eq!(refused("eyJvZmZzZXQiOiAtMX0="), "Invalid page token, parsed value={\"offset\":-1}");
    assert_eq!(refused(&"A".repeat(200_000)), "Invalid page token, could not base64-decode");
}
