//! Every section and key of `kilter.toml`: the one list behind unknown-key errors, the JSON Schema and the reference.
//!
//! Invariants: the reader takes no key that is not here, and asks for each one that is (a test watches both).

mod operation;
mod section_spec;

use self::section_spec::KeyKind::{
    Any, Bool, Choice, Count, Inputs, Map, Number, Path, Percents, Rules, Search, Section, Span, Text, Texts, When,
    Word,
};
use self::{
    operation::{COST, INPUT, LABELS, MONITOR, RECORD, RETRAIN, THRESHOLD},
    section_spec::{key, section},
};

pub use self::section_spec::{Key, KeyKind, SectionSpec};

/// Every table, in the order of the lifecycle.
pub const SECTIONS: &[SectionSpec] = &[
    section("project", "what the model is for, and who answers for it", PROJECT),
    section("project.roles", "who holds which role: `user:NAME`, `group:NAME`, `svc:NAME`", ROLES),
    section("objective.*", "what the business wants, in numbers", OBJECTIVE),
    section("data.*", "a dataset: where it is, what its columns are for, what must hold of it", DATA),
    section("env", "what the steps run in; part of every cache key", ENV),
    section("step.*", "one command of the workflow", STEP),
    section("step.*.retry", "when a failed step is tried again", RETRY),
    section("step.*.needs", "what a step needs of its machine", NEEDS),
    section("step.*.sweep", "many runs of a step with other parameters", SWEEP),
    section("input.*", "what a served version accepts of an input that its model reads; kept in its package", INPUT),
    section("gate.*", "rules that a candidate must meet", GATE),
    section("package", "what becomes a version", PACKAGE),
    section("package.sample", "golden requests, kept with their answers", SAMPLE),
    section("approve", "how a validated version becomes approved", APPROVE),
    section("deploy.*", "a place where versions answer", DEPLOY),
    section("deploy.*.canary", "how traffic moves to a new version", CANARY),
    section("deploy.*.experiment", "how a new version is compared with the live one at a fixed split", EXPERIMENT),
    section("monitor", "what is watched while a version serves", MONITOR),
    section("monitor.labels", "where the truth comes from", LABELS),
    section("retrain", "when a new version is trained without being asked", RETRAIN),
    section(
        "threshold",
        "how the operating threshold of a binary model follows its labels, without a retraining",
        THRESHOLD,
    ),
    section("threshold.cost", "what wrong decisions cost, in one unit", COST),
    section("record", "what is recorded of a version that serves, and how long it is kept", RECORD),
    section("replay", "how `kilter replay` plays a dataset as production", REPLAY),
];

/// The names of the top level: the sections, and `params`, whose keys are the user's.
pub fn top_level() -> Vec<&'static str> {
    let mut names: Vec<&'static str> = SECTIONS.iter().filter_map(|section| section.path.split('.').next()).collect();
    names.dedup();
    let after_env = names.iter().position(|name| *name == "env").map_or(names.len(), |at| at + 1);
    names.insert(after_env, "params");
    names
}

/// The table of that path.
pub fn spec(path: &str) -> Option<&'static SectionSpec> {
    SECTIONS.iter().find(|section| section.path == path)
}

const PROJECT: &[Key] = &[
    key("name", Text, "the folder's name", "1 to 64 letters, digits, `-`, `_` or `.`", "\"churn\""),
    key(
        "purpose",
        Text,
        "none",
        "what the model is for; part of its card",
        "\"Rank customers by the risk of leaving\"",
    ),
    key("not_for", Texts, "none", "uses that the model is not meant for", "[\"pricing\"]"),
    key(
        "risk",
        Choice(&["low", "medium", "high"]),
        "low",
        "how much harm a wrong model can do: sets the defaults of `[approve]`",
        "\"medium\"",
    ),
    key("owner", Text, "nobody", "the one who is accountable", "\"user:ana\""),
    key("roles", Section("project.roles"), "nobody", "who holds which role", "{ developer = [\"user:dev\"] }"),
];

const ROLES: &[Key] = &[
    key("owner", Texts, "nobody", "accountable; retires and revokes", "[\"user:ana\"]"),
    key("developer", Texts, "nobody", "creates, runs, submits", "[\"user:dev\"]"),
    key("validator", Texts, "nobody", "approves and rejects, never own work", "[\"user:vera\"]"),
    key("operator", Texts, "nobody", "deploys and rolls back", "[\"user:ops\", \"svc:ci\"]"),
    key("consumer", Texts, "nobody", "predicts and sends labels", "[\"svc:crm-portal\"]"),
    key("auditor", Texts, "nobody", "reads and verifies everything", "[\"user:eve\"]"),
    key("admin", Texts, "nobody", "users, keys and settings", "[\"user:root\"]"),
];

const OBJECTIVE: &[Key] = &[
    key("kpi", Text, "none", "what is counted", "\"saved customers per 1000 calls\""),
    key("baseline", Number(f64::MIN, f64::MAX), "none", "what it is without the model", "31.0"),
    key("target", Text, "none", "what it must become: a comparison", "\">= 40.0\""),
    key("source", Path, "none", "the query that measures it after deployment", "\"sql/save_rate.sql\""),
    key("review", Span, "never", "how often people review it", "\"90d\""),
];

const DATA: &[Key] = &[
    key(
        "path",
        Text,
        "none",
        "a file inside of the project, `s3://BUCKET/KEY` (with a `/` at its end: everything below), `https://ADDRESS`, or `sql:FILE` with a query",
        "\"data/customers.parquet\"",
    ),
    key(
        "database",
        Text,
        "none",
        "where the address of the PostgreSQL is that `sql:` asks: `env:NAME` or `file:PATH`",
        "\"env:CUSTOMERS_DB\"",
    ),
    key("schema", Path, "taken from the data", "the JSON Schema of its rows", "\"schemas/customers.json\""),
    key(
        "time",
        Text,
        "none",
        "the event-time column: timestamps, dates as text, whole years, or a number of the row (each counts as a second)",
        "\"snapshot_at\"",
    ),
    key(
        "id",
        Texts,
        "the row's number",
        "the columns that identify a row, and so a prediction",
        "[\"customer_id\", \"snapshot_at\"]",
    ),
    key("label", Text, "none", "the column to predict", "\"churned\""),
    key("label_time", Text, "none", "the column that says when the label became known", "\"label_available_at\""),
    key(
        "label_delay",
        Span,
        "known at once",
        "how long after the event the label becomes known; not beside `label_time`",
        "\"60d\"",
    ),
    key("positive", Word, "the second of two in order", "the class that counts as positive, as text", "\"1\""),
    key("weight", Text, "every row counts once", "the column of row weights", "\"person_weight\""),
    key("sensitive", Texts, "none", "columns by which fairness is watched", "[\"gender\", \"age_band\"]"),
    key("ignore", Texts, "none", "columns that are never features", "[\"notes\"]"),
    key(
        "not_leaking",
        Texts,
        "none: a column that predicts the label alone refuses the version",
        "columns that may predict the label alone, because they are known when a prediction is made",
        "[\"light\"]",
    ),
    key(
        "categorical",
        Texts,
        "guessed from the values",
        "columns that are categories, whatever their type",
        "[\"region\"]",
    ),
    key(
        "require",
        Rules,
        "nothing",
        "what must hold before the data is used",
        "[\"rows >= 100_000\", \"unique(customer_id)\"]",
    ),
];

const ENV: &[Key] = &[
    key(
        "python",
        Text,
        "none",
        "the Python that steps run with: a version, or conditions like `>=3.10,<3.12`",
        "\"3.11\"",
    ),
    key(
        "lock",
        Path,
        "none",
        "the lock of the packages that steps run with: `uv.lock`, or requirements of pip (`*.txt`)",
        "\"uv.lock\"",
    ),
];

const STEP: &[Key] = &[
    key(
        "run",
        Text,
        "required",
        "the shell command; `{in.NAME}`, `{out.NAME}` and `{params.NAME}` are filled in",
        "\"python train.py {in.train} {out.model}\"",
    ),
    key(
        "in",
        Inputs,
        "nothing",
        "what it reads: a dataset `NAME` or an output `STEP.NAME`; `{in.NAME}` is the last word, or the name you give",
        "[\"split.train\"]",
    ),
    key("out", Map, "nothing", "what it writes: a name and a path each", "{ model = \"work/model.onnx\" }"),
    key(
        "params",
        Texts,
        "none",
        "the parts of `[params]` that it may see; no other part changes its cache key",
        "[\"train\"]",
    ),
    key("metrics", Text, "none", "the output whose JSON holds metrics", "\"report\""),
    key("retry", Section("step.*.retry"), "never", "when it is tried again", "{ times = 2, on = [\"timeout\"] }"),
    key("timeout", Span, "none", "when it is killed", "\"1h\""),
    key("needs", Section("step.*.needs"), "anything", "what it needs of its machine", "{ cpu = 2, memory = \"8GiB\" }"),
    key("max_output", Text, "64GiB", "the most that one output may have; more fails the step", "\"200GiB\""),
    key(
        "sweep",
        Section("step.*.sweep"),
        "one run",
        "many runs with other parameters",
        "{ trials = 40, goal = \"max auc\", search = { lr = \"log 1e-5..1e-1\" } }",
    ),
    key("code", Texts, "files that the command names", "globs of the files that are its code", "[\"src/**/*.py\"]"),
    key(
        "env",
        Texts,
        "none",
        "environment variables that are handed through; all others are scrubbed",
        "[\"HTTPS_PROXY\"]",
    ),
    key("cwd", Path, "the project", "the folder it runs in", "\"training\""),
    key("cache", Bool, "true", "whether an equal run may be answered from the cache", "false"),
    key("deterministic", Bool, "true", "whether equal inputs give equal outputs", "false"),
];

const RETRY: &[Key] = &[
    key("times", Count(0, 20), "0", "how often after the first try", "2"),
    key(
        "on",
        Texts,
        "any failure",
        "what is worth another try: `exit:N`, `signal:N`, `timeout`",
        "[\"exit:137\", \"timeout\"]",
    ),
    key("backoff", Span, "1s", "the wait before the first retry; it doubles each time", "\"30s\""),
];

const NEEDS: &[Key] = &[
    key("cpu", Number(0.0, 4096.0), "any", "cores", "2"),
    key("memory", Text, "any", "a size", "\"8GiB\""),
    key("gpu", Count(0, 1024), "none", "devices", "1"),
];

const SWEEP: &[Key] = &[
    key("trials", Count(1, 10_000), "required", "how many runs", "40"),
    key("parallel", Count(1, 1_000), "1", "how many at a time", "2"),
    key("goal", Text, "required", "`max METRIC` or `min METRIC`", "\"max auc\""),
    key(
        "search",
        Search,
        "required",
        "parameter names, with `log A..B`, `float A..B`, `int A..B` or a list each",
        "{ max_depth = \"int 3..10\" }",
    ),
];

const GATE: &[Key] = &[
    key("rules", Rules, "required", "all of them must hold", "[\"auc >= 0.82\", \"auc >= champion.auc - 0.002\"]"),
    key(
        "dataset",
        Text,
        "the platform's own hold-out",
        "the output on whose rows the rules are measured",
        "\"split.test\"",
    ),
];

const PACKAGE: &[Key] = &[
    key("model", Text, "required", "the output that is the model", "\"train.model\""),
    key("name", Text, "the project's name", "the name of the registered model", "\"churn\""),
    key("include", Texts, "nothing", "globs of further files, packed below `code/`", "[\"docs/**\"]"),
    key("sample", Section("package.sample"), "none", "golden requests", "{ from = \"split.test\", rows = 50 }"),
    key(
        "sign",
        Text,
        "not asked for",
        "`key:NAME`: a version needs a valid signature to be submitted. Every package is signed, by the key of the platform",
        "\"key:release\"",
    ),
    key("licence", Text, "none", "the licence of the model", "\"Apache-2.0\""),
    key("push", Text, "nowhere", "`oci://`: where it is pushed", "\"oci://registry.example/models/churn\""),
];

const SAMPLE: &[Key] = &[
    key("from", Text, "required", "the output whose rows are taken", "\"split.test\""),
    key("rows", Count(1, 10_000), "50", "how many", "50"),
];

const APPROVE: &[Key] = &[
    key(
        "rule",
        Text,
        "by risk: low `auto`, medium `1 of validator`, high `1 of validator and owner`",
        "who must approve; `auto`: a version that passed its gates is approved",
        "\"1 of validator and owner\"",
    ),
    key("four_eyes", Bool, "true", "an approver is never author, starter or submitter", "true"),
    key(
        "needs",
        Texts,
        "every gate",
        "what must be there before: `gate.*`, `gate.NAME`, `card`, `review.independent`",
        "[\"gate.*\", \"card\"]",
    ),
    key("expire", Span, "by risk: low never, medium `1y`, high `6mo`", "how long an approval is valid", "\"180d\""),
];

const DEPLOY: &[Key] = &[
    key(
        "auto",
        Bool,
        "false",
        "versions are deployed here automatically: approved ones, in places not called `production` validated ones too",
        "true",
    ),
    key("target", Choice(&["http", "batch", "stream", "library"]), "http", "how answers leave", "\"http\""),
    key("shadow", Span, "none", "how long a new version answers unseen first", "\"24h\""),
    key(
        "canary",
        Section("deploy.*.canary"),
        "live at once",
        "how traffic moves",
        "{ steps = [5, 25, 100], every = \"2h\" }",
    ),
    key(
        "experiment",
        Section("deploy.*.experiment"),
        "none",
        "how it is compared at a fixed split; not beside `canary`",
        "{ percent = 50, metric = \"loss\" }",
    ),
    key("rollback", Choice(&["auto", "manual"]), "auto", "who takes a bad version back", "\"auto\""),
    key("consumers", Texts, "unknown", "who calls it", "[\"crm-portal:/next-best-action\"]"),
    key(
        "threshold",
        Number(f64::MIN, f64::MAX),
        "by the goal of [threshold], else 0.5",
        "the score from which on a new version decides \"yes\"",
        "0.35",
    ),
];

const CANARY: &[Key] = &[
    key("steps", Percents, "[10, 50, 100]", "percent of the traffic, growing, the last one 100", "[5, 25, 100]"),
    key("every", Span, "1h", "how long each step lasts at least", "\"2h\""),
    key("min_rows", Count(0, 1_000_000_000), "50", "how many answers each step needs at least", "200"),
    key(
        "abort",
        Rules,
        "nothing",
        "the version is taken back as soon as one of these rules is true",
        "[\"error_rate > 1%\"]",
    ),
];

const EXPERIMENT: &[Key] = &[
    key("percent", Count(1, 99), "50", "the share of the entities that the new version answers", "50"),
    key(
        "metric",
        Choice(&["loss", "label", "latency"]),
        "loss",
        "what decides: a lower loss on labelled rows, a higher share of positive labels, or a shorter time for a request",
        "\"label\"",
    ),
    key(
        "min_entities",
        Count(50, 1_000_000_000),
        "1000",
        "how many entities each version must have met before anything is decided",
        "5000",
    ),
    key("every", Span, "1h", "how often it is looked at", "\"6h\""),
    key("max_duration", Span, "until it is decided", "how long it lasts at most", "\"14d\""),
    key(
        "decide",
        Choice(&["ask", "auto"]),
        "ask",
        "who decides: a person by `kilter experiment decide`, or the platform as soon as the result is known",
        "\"auto\"",
    ),
    key(
        "undecided",
        Choice(&["ask", "stop", "promote"]),
        "ask",
        "what becomes of it if nothing is known at the end of `max_duration`",
        "\"stop\"",
    ),
    key(
        "abort",
        Rules,
        "nothing",
        "the version is taken back as soon as one of these rules is true",
        "[\"error_rate > 1%\"]",
    ),
];

const REPLAY: &[Key] = &[
    key("data", Text, "the only dataset with a label", "which dataset is played", "\"customers\""),
    key(
        "start",
        When,
        "chosen from the data",
        "when serving begins: a date, a year, or a share of the rows",
        "\"2015-01-01\"",
    ),
    key("period", Span, "the monitor's window", "the length of a reported period", "\"1mo\""),
    key("end", When, "the end of the data", "when it ends: a date or a year", "\"2019-01-01\""),
    key("seed", Count(0, u32::MAX as u64), "0", "the seed of everything random", "7"),
    key("batch_rows", Count(1, 1_000_000), "chosen by the replay", "rows of one request", "500"),
    key("metric", Text, "chosen by the task", "the headline metric", "\"auc\""),
];

/// What may stand at the top without a schema: the user's parameters.
pub const PARAMS: Key =
    key("params", Any, "none", "the parameters of the steps, as nested tables", "{ train = { lr = 3e-4 } }");
