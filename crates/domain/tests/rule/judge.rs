//! What a rule says of measurements.

use crate::*;

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
