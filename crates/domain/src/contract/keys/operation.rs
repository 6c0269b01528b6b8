//! The keys of what goes on while a version serves: monitors, labels, retraining, the operating threshold.

use super::section_spec::{
    Key,
    KeyKind::{
        self, Choice, Count, Number, Path, Retention, Rules, Section, Share, Span, Text, Texts, Triggers, Word, Words,
    },
    key,
};

pub(super) const MONITOR: &[Key] = &[
    key("every", Span, "1d", "the length of a window", "\"1mo\""),
    key(
        "labels",
        Section("monitor.labels"),
        "sent by prediction id",
        "where the truth comes from",
        "{ delay = \"60d\" }",
    ),
    key("data", Rules, "nothing", "rules on requests", "[\"missing(*) <= 5%\", \"unseen(plan) == 0\"]"),
    key("performance", Rules, "nothing", "rules on metrics, once labels are known", "[\"auc >= 0.80 over 7d\"]"),
    key(
        "drift",
        Rules,
        "nothing",
        "how far columns and score may move from the reference",
        "[\"psi(*) < 0.2 over 1d\"]",
    ),
    key(
        "bias",
        Rules,
        "nothing",
        "rules on differences between groups",
        "[\"ratio(selected, gender) in 0.8..1.25 over 30d\"]",
    ),
    key("usage", Rules, "nothing", "rules on traffic", "[\"requests > 100 over 1d\"]"),
    key("alert", Texts, "the log", "who is notified: `mail:NAME`, `webhook:NAME`, `log`", "[\"mail:crm-ops\"]"),
    key("for_windows", Count(1, 1_000), "1", "how many windows in a row must breach before an alert fires", "2"),
    key("min_rows", Count(1, 1_000_000_000), "50", "windows with fewer rows are not judged", "200"),
    key(
        "min_labelled",
        Share,
        "30%",
        "windows with a smaller share of labels are not judged on performance",
        "\"30%\"",
    ),
    key(
        "reference",
        Text,
        "training",
        "what is compared with: `training`, `previous` (window) or `last SPAN`",
        "\"training\"",
    ),
    key(
        "false_alarm_rate",
        Text,
        "1 per 1000 windows",
        "how many false alarms are acceptable: `N per SPAN` or `N per M windows`",
        "\"1 per 1y\"",
    ),
];

const POLICIES: KeyKind = Choice(&["reject", "flag", "impute"]);
const POLICIES_OR_ALLOW: KeyKind = Choice(&["reject", "flag", "impute", "allow"]);

pub(super) const INPUT: &[Key] = &[
    key("min", Number(f64::MIN, f64::MAX), "none", "the smallest value that is accepted", "0"),
    key("max", Number(f64::MIN, f64::MAX), "none", "the largest value that is accepted", "120"),
    key("values", Words, "any", "every value that is accepted", "[\"basic\", \"plus\"]"),
    key(
        "on_range",
        POLICIES,
        "reject",
        "what becomes of a value outside of `min` and `max`: the request is refused, the row is marked, or another value is taken",
        "\"flag\"",
    ),
    key("on_values", POLICIES, "reject", "what becomes of a value that is not in `values`", "\"flag\""),
    key(
        "on_null",
        POLICIES_OR_ALLOW,
        "allow: the model takes or refuses it",
        "what becomes of a missing value",
        "\"impute\"",
    ),
    key(
        "on_unseen",
        POLICIES_OR_ALLOW,
        "flag, for a text input whose categories are known",
        "what becomes of a category that the training rows do not have",
        "\"reject\"",
    ),
    key("impute", Word, "the median of the training rows, or their most frequent value", "what is taken instead", "35"),
];

pub(super) const LABELS: &[Key] = &[
    key("source", Path, "sent by prediction id", "the query or file that gives them", "\"sql/churned.sql\""),
    key("delay", Span, "`label_delay` of the dataset", "how long after the prediction they come", "\"60d\""),
];

pub(super) const RETRAIN: &[Key] = &[
    key(
        "when",
        Triggers,
        "never",
        "any of: `schedule 'CRON'`, `schedule every SPAN`, `monitor.KIND failing [SPAN | N windows]`, `data.NAME grew N%` or `N rows`",
        "[\"monitor.performance failing\", \"schedule every 30d\"]",
    ),
    key("run", Texts, "every step", "the steps to run", "[\"split\", \"train\"]"),
    key(
        "on_success",
        Choice(&["candidate", "draft"]),
        "candidate",
        "what becomes of the model: submitted to the same gates, or kept for a person",
        "\"candidate\"",
    ),
    key("budget", Text, "no limit", "how many in how long: `N runs / SPAN`", "\"10 runs / 30d\""),
    key(
        "cooldown",
        Span,
        "a window of the monitor, an hour at most; none for schedules",
        "the least time between two; after trainings that failed in a row it is longer",
        "\"7d\"",
    ),
    key("window", Span, "everything", "train only on the newest labelled rows of this span", "\"6mo\""),
];

pub(super) const THRESHOLD: &[Key] = &[
    key(
        "cost",
        Section("threshold.cost"),
        "none",
        "choose the threshold that costs least; this or `fpr` must be there",
        "{ false_positive = 1, false_negative = 20 }",
    ),
    key("fpr", Share, "none", "find as much as possible at a false positive rate of at most this", "\"1%\""),
    key("window", Span, "30d", "the span of matured labels that is used", "\"60d\""),
    key("every", Span, "the monitor's window", "the least time between two looks", "\"7d\""),
    key(
        "min_rows",
        Count(20, 1_000_000_000),
        "200",
        "labelled rows that choosing needs, and judging as many again",
        "1000",
    ),
];

pub(super) const COST: &[Key] = &[
    key("false_positive", Number(0.0, 1e12), "required", "of a \"yes\" that should have been a \"no\"", "1"),
    key("false_negative", Number(0.0, 1e12), "required", "of a \"no\" that should have been a \"yes\"", "20"),
];

pub(super) const RECORD: &[Key] = &[
    key(
        "sample",
        Share,
        "100%",
        "the share of the predictions that are recorded: those of a share of the entities, always the same ones",
        "\"10%\"",
    ),
    key(
        "hash",
        Texts,
        "none",
        "personal columns whose values are recorded as keyed hashes: equal values stay equal",
        "[\"email\"]",
    ),
    key("drop", Texts, "none", "personal columns that are not recorded", "[\"name\"]"),
    key(
        "keep",
        Retention,
        "400d, or as long as monitors read them",
        "how long predictions and their labels are kept, or `forever`",
        "\"2y\"",
    ),
    key(
        "readings",
        Retention,
        "5y, or as long as the predictions",
        "how long readings of monitors are kept, or `forever`",
        "\"10y\"",
    ),
];
