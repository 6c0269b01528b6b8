//! The rule language: every form reads, writes itself back, is refused with a place and a hint, and is judged honestly.

use std::collections::BTreeMap;

use kilter_domain::{
    rule::{
        Arg, Bound, BoundExpr, Champion, Condition, FUNCTIONS, Function, JudgeMode, Literal, Measured, Measurement,
        Measurements, NotMeasured, Number, Op, Part, Quantity, Rule, RuleOutcome, RuleVerdict, Undecided, Unit,
    },
    table::{Column, Table},
    time::Span,
};
use proptest::prelude::*;

const FORMS: &[&str] = &[
    "auc >= 0.82",
    "auc >= champion.auc - 0.002",
    "auc.slice(region) >= 0.78",
    "auc.slice(region) >= champion.auc.slice(region) - 0.01",
    "rmse <= champion.rmse * 1.02",
    "rmse <= champion.rmse * 1.02 + 0.5",
    "ratio(selected, gender) in 0.8..1.25",
    "ratio(selected, gender) in 0.8..1.25 over 30d",
    "gap(tpr, age_band) <= 0.1",
    "psi(*) < 0.2 over 1d",
    "psi(score) < 0.2 over 1d",
    "psi(income) < 0.2",
    "ks(x) < 0.1",
    "w1(x) < 0.1",
    "js(x) < 0.1",
    "tvd(x) < 0.1",
    "error_rate > 1%",
    "p99_ms > 80",
    "size <= 200MiB",
    "mean(score | tenure > 120 and complaints == 0) < 0.2",
    "mean(score | (a > 1 or b < 2) and region in {north, south}) < 0.2",
    "monotone(score, complaints, up)",
    "top_decile_lift >= 3",
    "lift@0.05 >= 3",
    "rows >= 100000",
    "age(snapshot_at) <= 2d",
    "null(customer_id) == 0",
    "unique(customer_id, snapshot_at)",
    "requests > 100 over 1d",
    "share(consumer) known",
    "replay(sample) == expected",
    "min(x) >= 0",
    "max(x) <= 10",
    "mean(x) in -1..1",
    "values(x) in {a, b}",
    "values(x) in {'New York', 3, b}",
    "estimated(auc) >= 0.8",
    "labelled >= 30%",
    "missing(x) <= 1%",
    "missing(*) <= 1%",
    "unseen(x) == 0",
    "calibration_slope in 0.8..1.2",
    "psi(`my column`) < 0.2",
    "mean(x | city == 'New York' and y != -3.5) >= 1e-7",
    "f1 != 0.5",
];

#[test]
fn every_form_reads_and_writes_itself_back() {
    for form in FORMS {
        let rule = Rule::parse(form).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(rule.to_string(), *form);
    }
}

#[test]
fn underscores_spaces_and_zeros_do_not_matter() {
    for (text, same) in [
        ("rows>=100_000", "rows >= 100000"),
        ("  auc   >=0.820 ", "auc >= 0.82"),
        ("psi( * )<0.2 over 1_0d", "psi(*) < 0.2 over 10d"),
        ("auc >= champion.auc-0.002", "auc >= champion.auc - 0.002"),
        ("auc >= champion.auc * 98%", "auc >= champion.auc * 0.98"),
    ] {
        assert_eq!(Rule::parse(text).unwrap().to_string(), same);
    }
}

#[test]
fn numbers_have_the_unit_of_their_measurement() {
    let bound = |text: &str| match Rule::parse(text).unwrap().bound {
        Bound::Compare(_, BoundExpr::Number(number)) => number.value(),
        bound => panic!("{bound:?}"),
    };
    assert_eq!(bound("error_rate > 7%"), 0.07);
    assert_eq!(bound("size <= 200MiB"), 200.0 * 1024.0 * 1024.0);
    assert_eq!(bound("age(t) <= 2d"), 2.0 * 86_400_000.0);
    assert_eq!(bound("p99_ms <= 1s"), 1000.0);
    assert_eq!(bound("rows >= 100_000"), 100_000.0);
}

#[test]
fn a_text_that_is_no_rule_is_refused_with_its_place_and_a_way_out() {
    for (text, column, parts) in [
        ("", 1, &["the end of the rule", "a metric or a function"][..]),
        ("auc", 4, &["a comparison"]),
        ("auc >=", 7, &["a number", "champion.METRIC"]),
        ("auc => 0.8", 5, &["write `>=`"]),
        ("auc = 0.8", 5, &["write `==`"]),
        ("auc ≥ 0.8", 5, &["write `>=`"]),
        ("auc >= champoin.auc", 8, &["did you mean `champion`?"]),
        ("auc >= 0.8 ovr 1d", 12, &["`over`"]),
        ("auc >= 0.8 over", 16, &["a length of time"]),
        ("auc >= 0.8 over 0d", 17, &["a length of time"]),
        ("auc >= 0.8 over 1.5d", 17, &["a length of time"]),
        ("psii(x) < 0.2", 1, &["did you mean `psi`?"]),
        ("frobnicate(x) < 0.2", 1, &["the functions are"]),
        ("psi(x, y) < 0.2", 8, &["at most 1", "psi(column)"]),
        ("gap(tpr) < 0.2", 8, &["2 names", "gap(metric, column)"]),
        ("mean(*) < 0.2", 6, &["`*` has no meaning here"]),
        ("monotone(score, x, sideways)", 20, &["`up` or `down`"]),
        ("psi(x < 0.2", 7, &["`)`"]),
        ("auc.slce(x) > 1", 5, &["slice(column)"]),
        ("auc in 1.25..0.8", 8, &["the smaller end first", "0.8..1.25"]),
        ("auc in {a, b}", 5, &["fits `values(column)` only"]),
        ("values(x) >= 3", 11, &["in {a, b}"]),
        ("auc known", 5, &["fits `share(column)` only"]),
        ("auc == expected", 5, &["fits `replay(sample)` only"]),
        ("age(t) <= 2", 8, &["an age needs a unit"]),
        ("size <= 200MB", 12, &["the units are", "MiB"]),
        ("auc >= 1e999", 8, &["a double can hold"]),
        ("psi(`x) < 0.2", 5, &["closing quote"]),
        ("mean(x | y = 3) < 1", 12, &["write `==`"]),
        ("mean(x | y > 3 && z > 1) < 1", 16, &["write `and`"]),
        ("mean(x | y > 3 z) < 1", 16, &["`and`, `or` or `)`"]),
        ("auc >= 0.8; drop", 11, &["a name, a number or an operator"]),
        ("auc >= 'x'", 8, &["values(column) in {a, b}"]),
    ] {
        let error = Rule::parse(text).unwrap_err();
        let shown = error.to_string();
        assert_eq!(error.column(), column, "{shown}");
        for part in parts {
            assert!(shown.contains(part), "{text}: {shown}");
        }
    }
}

#[test]
fn a_rule_without_end_is_refused() {
    let deep = format!("mean(x | {}a > 1{}) < 1", "(".repeat(100), ")".repeat(100));
    assert!(Rule::parse(&deep).unwrap_err().to_string().contains("parentheses"));
    assert!(Rule::parse(&"a".repeat(100_000)).unwrap_err().to_string().contains("at most"));
}

#[test]
fn a_rule_names_the_metrics_and_columns_that_it_needs() {
    let names = |text: &str| {
        let quantity = Rule::parse(text).unwrap().quantity;
        let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<Vec<_>>();
        (owned(quantity.metrics()), owned(quantity.columns()))
    };
    let strings = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    for (text, metrics, columns) in [
        ("auc.slice(region) >= 0.7", &["auc"][..], &["region"][..]),
        ("gap(tpr, age) <= 0.1", &["tpr"], &["age"]),
        ("mean(score | tenure > 1 and x in {a}) < 1", &[], &["tenure", "x"]),
        ("monotone(score, complaints, up)", &[], &["complaints"]),
        ("estimated(auc) >= 0.8", &["auc"], &[]),
        ("psi(*) < 1", &[], &[]),
        ("replay(sample) == expected", &[], &[]),
    ] {
        assert_eq!(names(text), (strings(metrics), strings(columns)), "{text}");
    }
}

#[test]
fn every_function_has_one_line_and_reads_back_its_name() {
    assert_eq!(Function::Estimated as usize + 1, FUNCTIONS.len(), "the last function has the last line");
    for (at, entry) in FUNCTIONS.iter().enumerate() {
        assert_eq!(entry.function as usize, at);
        assert_eq!(Function::named(entry.name), Some(entry.function));
        assert_eq!(entry.function.name(), entry.name);
        assert!(entry.usage.starts_with(entry.name) && entry.arity.0 >= 1 && entry.arity.0 <= entry.arity.1);
        // The name of the function in JSON is the one in rules.
        assert_eq!(serde_json::to_string(&entry.function).unwrap(), format!("\"{}\"", entry.name));
    }
}

// ---- judging

#[derive(Default)]
struct Numbers {
    measured: BTreeMap<String, Measured>,
    champion: BTreeMap<String, Measured>,
    difference: BTreeMap<String, Measured>,
    has_champion: bool,
}

impl Numbers {
    fn with(quantity: &str, measured: Measured) -> Self {
        Self { measured: [(quantity.to_owned(), measured)].into(), ..Self::default() }
    }

    fn champion(mut self, quantity: &str, measured: Measured) -> Self {
        self.has_champion = true;
        self.champion.insert(quantity.to_owned(), measured);
        self
    }

    fn difference(mut self, quantity: &str, measured: Measured) -> Self {
        self.difference.insert(quantity.to_owned(), measured);
        self
    }
}

fn missing() -> Measured {
    Measured::Nothing(NotMeasured { missing: "no labels yet".into(), how: "send labels".into() })
}

impl Measurements for Numbers {
    fn measure(&self, quantity: &Quantity, _over: Option<Span>) -> Measured {
        self.measured.get(&quantity.to_string()).cloned().unwrap_or_else(missing)
    }

    fn champion(&self, quantity: &Quantity) -> Champion {
        if self.has_champion {
            Champion::Measured(self.champion.get(&quantity.to_string()).cloned().unwrap_or_else(missing))
        } else {
            Champion::None
        }
    }

    fn difference(&self, quantity: &Quantity) -> Option<Measured> {
        self.difference.get(&quantity.to_string()).cloned()
    }
}

fn number(value: f64) -> Measurement {
    Measurement { value, whole: None, interval: None, count: 100, estimated: false, note: None }
}

fn value(value: f64) -> Measured {
    Measured::Value(number(value))
}

fn between(value: f64, low: f64, high: f64) -> Measured {
    Measured::Value(Measurement { interval: Some((low, high)), ..number(value) })
}

fn parts(values: &[(&str, f64)]) -> Measured {
    Measured::Each(
        values.iter().map(|(name, value)| Part { name: (*name).into(), measurement: number(*value) }).collect(),
    )
}

fn judge(rule: &str, numbers: &Numbers, mode: JudgeMode) -> RuleOutcome {
    let outcome = Rule::parse(rule).unwrap().judge(numbers, mode);
    let json = serde_json::to_string(&outcome).unwrap();
    assert_eq!(serde_json::from_str::<RuleOutcome>(&json).unwrap(), outcome, "an outcome survives storage: {json}");
    assert!(!outcome.text.is_empty());
    outcome
}

fn gate(rule: &str, numbers: &Numbers) -> RuleOutcome {
    judge(rule, numbers, JudgeMode::Point)
}

fn is_undecided(outcome: &RuleOutcome) -> bool {
    matches!(outcome.verdict, RuleVerdict::Undecided(_))
}

#[test]
fn what_was_not_measured_is_undecided_and_says_what_to_do() {
    for form in FORMS {
        for numbers in [Numbers::default(), Numbers { has_champion: true, ..Numbers::default() }] {
            for mode in [JudgeMode::Point, JudgeMode::Evidence] {
                let outcome = judge(form, &numbers, mode);
                assert!(is_undecided(&outcome), "{form}: {outcome:?}");
                assert!(outcome.text.contains("no labels yet") && outcome.text.contains("send labels"), "{outcome:?}");
                assert_eq!(outcome.measured, None);
            }
        }
    }
}

#[test]
fn a_value_that_is_not_a_number_is_never_a_pass() {
    for rule in ["auc >= 0.8", "auc < 0.8", "auc in 0..1", "auc != 1", "auc >= champion.auc"] {
        assert!(is_undecided(&gate(rule, &Numbers::with("auc", value(f64::NAN)))), "{rule}");
    }
}

#[test]
fn a_gate_compares_the_value_itself() {
    let numbers = Numbers::with("auc", between(0.81, 0.79, 0.83));
    let passed = gate("auc >= 0.81", &numbers);
    assert!(passed.is_passed());
    assert_eq!(passed.text, "auc = 0.81 [0.79, 0.83], required >= 0.81");
    let failed = gate("auc >= 0.82", &numbers);
    assert!(failed.is_failed());
    assert_eq!(failed.text, "auc = 0.81 [0.79, 0.83], required >= 0.82");
    assert_eq!(failed.limits.low, Some(0.82));
}

#[test]
fn a_monitor_waits_for_the_whole_interval() {
    let numbers = Numbers::with("auc", between(0.81, 0.79, 0.83));
    let near = judge("auc >= 0.82", &numbers, JudgeMode::Evidence);
    assert_eq!(near.verdict, RuleVerdict::Undecided(Undecided::NearLimit));
    assert!(near.text.contains("too close to decide"), "{}", near.text);
    assert!(judge("auc >= 0.84", &numbers, JudgeMode::Evidence).is_failed());
    assert!(judge("auc >= 0.79", &numbers, JudgeMode::Evidence).is_passed());
}

#[test]
fn the_first_version_passes_beside_no_champion_and_says_so() {
    let outcome = gate("auc >= champion.auc - 0.002", &Numbers::with("auc", value(0.7)));
    assert!(outcome.is_passed());
    assert!(outcome.text.contains("no champion to compare"), "{}", outcome.text);
}

#[test]
fn a_paired_difference_decides_before_the_two_values_do() {
    let rule = "auc >= champion.auc - 0.002";
    let apart = Numbers::with("auc", value(0.80)).champion("auc", value(0.81));
    assert!(gate(rule, &apart).is_failed());
    let paired = apart.difference("auc", between(-0.001, -0.004, 0.002));
    let outcome = gate(rule, &paired);
    assert!(outcome.is_passed(), "{}", outcome.text);
    assert!(outcome.text.contains("minus the champion's"), "{}", outcome.text);
    assert_eq!(judge(rule, &paired, JudgeMode::Evidence).verdict, RuleVerdict::Undecided(Undecided::NearLimit));
    // A difference says nothing about a ratio.
    let ratio = Numbers::with("rmse", value(10.0)).champion("rmse", value(9.0)).difference("rmse", value(0.0));
    assert!(gate("rmse <= champion.rmse * 1.02", &ratio).is_failed());
}

#[test]
fn each_slice_is_held_against_its_own_champion() {
    let slices = |values: &[(&str, f64)]| parts(values);
    let numbers =
        Numbers::with("auc.slice(region)", slices(&[("region=n", 0.9), ("region=s", 0.7), ("region=w", 0.8)]))
            .champion("auc.slice(region)", slices(&[("region=n", 0.89), ("region=s", 0.75)]));
    let outcome = gate("auc.slice(region) >= champion.auc.slice(region)", &numbers);
    assert!(outcome.is_failed());
    assert_eq!(outcome.part.as_deref(), Some("region=s"));
    assert_eq!(outcome.parts.len(), 3);
    assert!(matches!(outcome.parts[1].verdict, RuleVerdict::Undecided(_)), "west has no champion: {outcome:?}");
}

#[test]
fn every_part_must_pass_and_the_worst_one_speaks() {
    let numbers = Numbers::with("psi(*)", parts(&[("age", 0.05), ("income", 0.31), ("city", 0.22)]));
    let outcome = gate("psi(*) < 0.2", &numbers);
    assert!(outcome.is_failed());
    assert_eq!(outcome.part.as_deref(), Some("income"));
    assert_eq!(outcome.parts.iter().map(|part| part.name.as_str()).collect::<Vec<_>>(), ["income", "city", "age"]);
    assert_eq!(outcome.text, "2 of 3 failed, worst: psi(income) = 0.31, required < 0.2");
    assert!(gate("psi(*) < 0.4", &numbers).is_passed());
    assert!(is_undecided(&gate("psi(*) < 0.2", &Numbers::with("psi(*)", parts(&[])))), "no parts is no pass");
    let unknown = Numbers::with("psi(*)", parts(&[("age", 0.05), ("income", f64::NAN)]));
    assert!(is_undecided(&gate("psi(*) < 0.2", &unknown)), "one unknown part blocks");
}

#[test]
fn an_infinite_distance_fails_and_survives_storage() {
    let outcome = gate("psi(x) < 0.2", &Numbers::with("psi(x)", between(f64::INFINITY, 0.5, f64::INFINITY)));
    assert!(outcome.is_failed(), "{outcome:?}");
}

#[test]
fn statements_count_their_counter_examples() {
    assert!(gate("unique(id)", &Numbers::with("unique(id)", value(0.0))).is_passed());
    let outcome = gate("unique(id)", &Numbers::with("unique(id)", value(3.0)));
    assert!(outcome.is_failed());
    assert_eq!(outcome.text, "unique(id) = 3, required = 0");
    assert!(gate("replay(sample) == expected", &Numbers::with("replay(sample)", value(1.0))).is_failed());
    assert!(gate("share(c) known", &Numbers::with("share(c)", value(0.99))).is_failed());
    assert!(gate("share(c) known", &Numbers::with("share(c)", value(1.0))).is_passed());
}

#[test]
fn a_set_names_its_strangers() {
    let numbers = Numbers::with("values(x)", Measured::Values(vec!["a".into(), "c".into()]));
    let outcome = gate("values(x) in {a, b}", &numbers);
    assert!(outcome.is_failed());
    assert!(outcome.text.contains("`c`"), "{}", outcome.text);
    assert!(gate("values(x) in {a, b, c}", &numbers).is_passed());
}

#[test]
fn an_estimate_is_called_one() {
    let estimate = Measurement { estimated: true, ..number(0.75) };
    let outcome = gate("estimated(auc) >= 0.8", &Numbers::with("estimated(auc)", Measured::Value(estimate)));
    assert!(outcome.text.contains("estimated before labels"), "{}", outcome.text);
}

#[test]
fn numbers_are_told_in_the_unit_of_the_rule() {
    let outcome = gate("size <= 200MiB", &Numbers::with("size", value(300.0 * 1024.0 * 1024.0)));
    assert_eq!(outcome.text, "size = 300MiB, required <= 200MiB");
}

// ---- conditions over rows

#[test]
fn a_condition_picks_rows_and_a_missing_value_matches_nothing() {
    let table = Table::new(vec![
        ("tenure".into(), Column::Float(vec![100.0, 130.0, f64::NAN, 200.0])),
        ("complaints".into(), Column::Int(vec![Some(0), Some(0), Some(0), Some(2)])),
        ("city".into(), Column::Text(vec![Some("a".into()), Some("New York".into()), None, Some("b".into())])),
        ("at".into(), Column::Time(vec![Some(0), Some(86_400_000), None, Some(2 * 86_400_000)])),
        ("ok".into(), Column::Bool(vec![Some(true), Some(false), None, Some(true)])),
    ])
    .unwrap();
    let rows = |condition: &str| {
        let rule = Rule::parse(&format!("mean(score | {condition}) < 1")).unwrap();
        let Quantity::Call { condition: Some(condition), .. } = rule.quantity else { panic!("no condition") };
        condition.rows(&table)
    };
    let picked = |condition: &str| {
        let rows = rows(condition).unwrap();
        rows.iter().enumerate().filter(|(_, kept)| **kept).map(|(row, _)| row).collect::<Vec<_>>()
    };
    assert_eq!(picked("tenure > 120 and complaints == 0"), [1]);
    assert_eq!(picked("tenure != 100"), [1, 3]);
    assert_eq!(picked("city == 'New York' or tenure >= 200"), [1, 3]);
    assert_eq!(picked("city in {a, b}"), [0, 3]);
    assert_eq!(picked("at >= '1970-01-02'"), [1, 3]);
    assert_eq!(picked("ok == true"), [0, 3]);
    assert_eq!(picked("complaints in {0}"), [0, 1, 2]);
    for (condition, wanted) in
        [("nothing > 1", "no column `nothing`"), ("tenure > long", "holds numbers"), ("at > soon", "holds times")]
    {
        let error = rows(condition).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }
}

// ---- anything at all

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_][a-z0-9_]{0,8}",
        "[a-z]{1,6}@[0-9]{1,2}(\\.[0-9]{1,2})?",
        Just("over".to_owned()),
        Just("champion".to_owned()),
        Just("slice".to_owned()),
        "[ -~äé]{1,8}",
    ]
}

fn any_number() -> impl Strategy<Value = Number> {
    let written = prop_oneof![-1e6..1e6, Just(0.0), Just(1e-300), Just(-1e300), (-1000..1000).prop_map(f64::from)];
    (written, 0..Unit::ALL.len()).prop_map(|(written, unit)| Number { written, rest: 0.0, unit: Unit::ALL[unit] })
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![Just(Op::Less), Just(Op::AtMost), Just(Op::More), Just(Op::AtLeast), Just(Op::Equal), Just(Op::Unequal)]
}

fn condition() -> impl Strategy<Value = Condition> {
    let literal = prop_oneof![any_number().prop_map(Literal::Number), name().prop_map(Literal::Text)];
    let leaf = prop_oneof![
        (name(), op(), literal).prop_map(|(column, op, literal)| Condition::Compare { column, op, literal }),
        (name(), prop::collection::vec(name(), 1..4)).prop_map(|(column, values)| Condition::OneOf { column, values }),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Condition::All),
            prop::collection::vec(inner, 2..4).prop_map(Condition::Any),
        ]
    })
}

fn quantity() -> impl Strategy<Value = Quantity> {
    let call = |function: Function, args: Vec<String>, condition| Quantity::Call {
        function,
        args: args.into_iter().map(Arg::Name).collect(),
        condition,
    };
    prop_oneof![
        (name(), prop::option::of(name())).prop_map(|(name, slice)| Quantity::Metric { name, slice }),
        (name(), prop::option::of(condition())).prop_map(move |(name, condition)| call(
            Function::Mean,
            vec![name],
            condition
        )),
        (name(), name()).prop_map(move |(a, b)| call(Function::Gap, vec![a, b], None)),
        Just(Quantity::Call { function: Function::Psi, args: vec![Arg::Every], condition: None }),
        prop::collection::vec(name(), 1..4).prop_map(move |names| call(Function::Unique, names, None)),
    ]
}

fn bound() -> impl Strategy<Value = Bound> {
    let champion =
        (name(), prop::option::of(name()), prop_oneof![Just(1.0), -3.0..3.0], prop_oneof![Just(0.0), -1.0..1.0])
            .prop_map(|(metric, slice, factor, offset)| BoundExpr::Champion { metric, slice, factor, offset });
    let expr = prop_oneof![any_number().prop_map(BoundExpr::Number), champion];
    prop_oneof![
        (op(), expr).prop_map(|(op, bound)| Bound::Compare(op, bound)),
        (any_number(), any_number()).prop_map(|(a, b)| if a.value() <= b.value() {
            Bound::Within(a, b)
        } else {
            Bound::Within(b, a)
        }),
    ]
}

fn rule() -> impl Strategy<Value = Rule> {
    let over = prop::option::of((1..500_i64).prop_map(Span::days));
    (quantity(), bound(), over).prop_map(|(quantity, bound, over)| Rule { quantity, bound, over })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_rule_that_is_written_reads_back_as_itself(rule in rule()) {
        let text = rule.to_string();
        match Rule::parse(&text) {
            Ok(read) => prop_assert_eq!(read, rule),
            // What is longer than a rule may be is refused, never misread.
            Err(error) => prop_assert!(text.len() > 2000, "{}", error),
        }
    }

    #[test]
    fn any_text_is_read_or_refused_with_a_place_inside_of_it(text in "\\PC{0,60}") {
        if let Err(error) = Rule::parse(&text) {
            prop_assert!(error.column() <= text.chars().count() + 1);
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn any_change_of_a_form_is_read_or_refused(form in 0..FORMS.len(), at in 0..60_usize, with in "[ -~≥]{0,3}") {
        let mut letters: Vec<char> = FORMS[form].chars().collect();
        let at = at.min(letters.len());
        letters.splice(at..(at + 1).min(letters.len()), with.chars());
        let text: String = letters.into_iter().collect();
        if let Ok(rule) = Rule::parse(&text) {
            prop_assert_eq!(Rule::parse(&rule.to_string()).unwrap(), rule);
        }
    }
}
