//! What is right is read: every section, every default.

use kilter_domain::{
    actor::{Principal, Role},
    alert::MonitorKind,
    contract::{
        Contract, FalseAlarmRate, FireAfter, GrowthThreshold, Location, Need, OnSuccess, OnUnseen, PlaceholderKind,
        Reference, ReplayStart, Risk, SearchSpace, Source, Target, ThresholdGoal, Trigger, placeholders,
    },
    deployment::AdmissionPolicy,
    input_rule::{InputPolicy, InputValue},
    time::{Span, Timestamp},
};

use crate::{SAMPLE, one_error, parse};

#[test]
fn the_whole_sample_reads() {
    let contract = parse(SAMPLE);
    let project = &contract.project;
    assert_eq!(project.name.as_ref().unwrap().as_str(), "churn");
    assert_eq!(project.risk, Risk::Medium);
    assert_eq!(project.owner, Some(Principal::User("ana".into())));
    assert_eq!(project.roles[&Role::Validator], [Principal::Group("model-risk".into())]);
    assert_eq!(contract.objectives[0].target.unwrap().1.value(), 40.0);
    let data = &contract.data[0];
    assert_eq!(data.path, Some(Location::File("data/customers.parquet".into())));
    assert_eq!(data.require.len(), 4);
    assert_eq!(contract.params["train"]["lr"], 3e-4);
    let names: Vec<&str> = contract.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["split", "train", "evaluate"], "steps keep the order of the file");
    let train = &contract.steps[1];
    assert_eq!((train.retry.times, train.retry.on.len(), train.retry.backoff), (2, 2, Span::seconds(30)));
    assert_eq!(train.needs.memory_bytes, Some(8 << 30));
    let sweep = train.sweep.as_ref().unwrap();
    assert_eq!((sweep.trials, sweep.parallel, sweep.metric.as_str(), sweep.maximize), (40, 2, "auc", true));
    assert_eq!(sweep.search[1].1, SearchSpace::Int { low: 3, high: 10 });
    assert_eq!(contract.steps[2].metrics.as_deref(), Some("report"));
    assert_eq!(contract.gates.iter().map(|gate| gate.rules.len()).collect::<Vec<_>>(), [4, 3, 2, 3]);
    let package = contract.package.as_ref().unwrap();
    assert_eq!(package.sign.as_deref(), Some("release"));
    assert_eq!(package.sample.as_ref().unwrap().rows, 50);
    assert_eq!(contract.approve.rule.to_string(), "1 of validator and 1 of owner");
    assert_eq!(contract.approve.expire, Some(Span::days(180)));
    let production = contract.deployment("production").unwrap();
    let canary = production.canary.as_ref().unwrap();
    assert_eq!((canary.steps.as_slice(), canary.abort.len(), canary.min_rows), (&[5, 25, 100][..], 3, 50));
    assert_eq!(production.target, Target::Http);
    assert_eq!(contract.deployment("staging").unwrap().admission_policy(), AdmissionPolicy::Validated);
    let monitor = contract.monitor.as_ref().unwrap();
    assert_eq!(monitor.labels.delay, Some(Span::days(60)));
    assert_eq!(monitor.rules(MonitorKind::Drift).len(), 2);
    let retrain = contract.retrain.as_ref().unwrap();
    assert_eq!(retrain.when.len(), 4);
    assert!(matches!(&retrain.when[0], Trigger::Cron(cron) if cron.to_string() == "0 3 1 * *"));
    assert_eq!(retrain.budget.unwrap().to_string(), "10 runs / 30d");
}

#[test]
fn an_empty_contract_is_one_and_has_every_default() {
    let contract = parse("");
    assert_eq!(contract.project.risk, Risk::Low);
    assert!(contract.approve.rule.is_auto() && contract.approve.expire.is_none());
    assert_eq!(contract.approve.needs, [Need::EveryGate]);
    assert!(contract.monitor.is_none() && contract.retrain.is_none() && contract.package.is_none());
    assert_eq!(contract, Contract::default());
}

#[test]
fn defaults_are_resolved_once() {
    let text = "[monitor]\n[retrain]\n[deploy.p]\ncanary = {}\n[step.a]\nrun = \"x\"\n[approve]\n[replay]\n";
    let contract = parse(text);
    let monitor = contract.monitor.as_ref().unwrap();
    assert_eq!((monitor.every, monitor.for_windows, monitor.min_rows), (Span::days(1), 1, 50));
    assert_eq!((monitor.min_labelled, monitor.reference), (0.3, Reference::Training));
    assert_eq!(monitor.false_alarm_rate.windows_between(monitor.every), 1000.0);
    let retrain = contract.retrain.as_ref().unwrap();
    assert_eq!(
        (retrain.on_success, retrain.budget, retrain.cooldown, retrain.window),
        (OnSuccess::Candidate, None, None, None)
    );
    let canary = contract.deploy[0].canary.as_ref().unwrap();
    assert_eq!((canary.steps.as_slice(), canary.every.to_string()), (&[10, 50, 100][..], "1h".to_owned()));
    assert!(contract.steps[0].cache && contract.steps[0].deterministic);
}

#[test]
fn the_risk_sets_the_approval_wherever_it_stands_in_the_file() {
    for (risk, rule, expire) in [
        ("low", "auto", None),
        ("medium", "1 of validator", Some("1y")),
        ("high", "1 of validator and 1 of owner", Some("6mo")),
    ] {
        let contract = parse(&format!("[approve]\nfour_eyes = false\n[project]\nrisk = \"{risk}\""));
        assert_eq!(contract.approve.rule.to_string(), rule);
        assert_eq!(contract.approve.expire.map(|span| span.to_string()).as_deref(), expire);
        assert!(!contract.requirements().four_eyes);
    }
}

#[test]
fn what_monitors_and_replays_need_is_read() {
    let contract = parse(
        r#"
[data.people]
path = "data/people.csv"
time = "year"
id = ["person", "year"]
label = "employed"
label_time = "known_at"
positive = 1
weight = "w"
ignore = ["notes"]
categorical = ["region"]
sensitive = ["sex"]

[step.train]
run = "kilter train {in.people} --out {out.model}"
in = ["people"]
out = { model = "work/model.onnx", test = "work/test.parquet" }
code = ["src/*.py"]
env = ["HOME"]
cwd = "training"
cache = false
deterministic = false

[gate.quality]
rules = ["auc >= 0.7"]
dataset = "train.test"

[deploy.production]
auto = true
threshold = 0.35
canary = { min_rows = 20 }

[monitor]
every = "1mo"
for_windows = 2
min_rows = 100
min_labelled = 0.5
reference = "last 6mo"
false_alarm_rate = "1 per 1y"
data = ["missing(*) <= 5%", "labelled >= 30%"]

[retrain]
when = [
  "schedule every 30d",
  "monitor.performance failing",
  "monitor.bias failing 2 windows",
  "monitor.drift failing 3d",
  "data.people grew 1000 rows",
]
cooldown = "7d"
window = "6mo"
on_success = "draft"

[replay]
data = "people"
start = 2016
period = "1y"
end = 2019-06-01
seed = 7
batch_rows = 500
metric = "auc"
"#,
    );
    let data = &contract.data[0];
    assert_eq!((data.id.len(), data.positive.as_deref(), data.label_time.as_deref()), (2, Some("1"), Some("known_at")));
    assert_eq!(contract.gates[0].dataset.as_ref().unwrap().to_string(), "train.test");
    assert_eq!(contract.deploy[0].threshold, Some(0.35));
    assert_eq!(
        contract.deploy[0].admission_policy(),
        AdmissionPolicy::Approved,
        "production takes only approved versions, automatic or not"
    );
    let monitor = contract.monitor.as_ref().unwrap();
    assert_eq!(monitor.reference, Reference::Rolling(Span::months(6)));
    assert_eq!(monitor.false_alarm_rate, FalseAlarmRate::PerSpan { count: 1, per: Span::months(12) });
    assert_eq!(monitor.false_alarm_rate.windows_between(monitor.every), 12.0);
    let when = &contract.retrain.as_ref().unwrap().when;
    assert_eq!(when[0], Trigger::Every(Span::days(30)));
    assert_eq!(when[1], Trigger::Failing { kind: MonitorKind::Performance, patience: FireAfter::AtOnce });
    assert_eq!(when[2], Trigger::Failing { kind: MonitorKind::Bias, patience: FireAfter::Windows(2) });
    assert_eq!(when[3], Trigger::Failing { kind: MonitorKind::Drift, patience: FireAfter::For(Span::days(3)) });
    assert_eq!(when[4], Trigger::Grew { data: "people".parse().unwrap(), by: GrowthThreshold::Rows(1000) });
    assert_eq!(contract.replay.start, Some(ReplayStart::At(Timestamp::from_date(2016, 1, 1).unwrap())));
    assert_eq!(contract.replay.end, Timestamp::from_date(2019, 6, 1));
    assert_eq!(contract.replayed().unwrap().name.as_str(), "people");
    for (start, wanted) in [("0.3", 0.3), ("\"30%\"", 0.3)] {
        assert_eq!(parse(&format!("[replay]\nstart = {start}")).replay.start, Some(ReplayStart::Share(wanted)));
    }
}

#[test]
fn inputs_are_named_by_their_last_word_or_by_the_user() {
    let contract = parse(
        "[data.d]\n[step.a]\nrun = \"x\"\nout = { model = \"a\" }\n[step.b]\nrun = \"x\"\nout = { model = \"b\" }\n\
         [step.c]\nrun = \"{in.left} {in.right} {in.d}\"\nin = { left = \"a.model\", right = \"b.model\", d = \"d\" }",
    );
    let inputs = &contract.steps[2].inputs;
    assert_eq!(inputs.iter().map(|input| input.name.as_str()).collect::<Vec<_>>(), ["left", "right", "d"]);
    assert!(matches!(&inputs[2].source, Source::Dataset(name) if name.as_str() == "d"));
    let found = placeholders(&contract.steps[2].run);
    assert!(found.len() == 3 && found.iter().all(|placeholder| placeholder.kind == PlaceholderKind::In));
}

#[test]
fn a_threshold_has_one_goal() {
    let goal =
        |text: &str| Contract::parse(&format!("[threshold]\n{text}\n")).map(|contract| contract.threshold.unwrap());
    let tuning = goal("cost = { false_positive = 1, false_negative = 20 }\nevery = \"7d\"").unwrap();
    assert_eq!(tuning.goal, ThresholdGoal::Cost { false_positive: 1.0, false_negative: 20.0 });
    assert_eq!((tuning.window, tuning.every, tuning.min_rows), (Span::days(30), Some(Span::days(7)), 200));
    assert_eq!(goal("fpr = \"1%\"").unwrap().goal, ThresholdGoal::FalsePositiveRate(0.01));
    one_error("[threshold]\n", 1, &["what the threshold is chosen for", "fpr = \"1%\""]);
    one_error(
        "[threshold]\nfpr = 0.1\ncost = { false_positive = 1, false_negative = 2 }\n",
        1,
        &["one goal", "remove"],
    );
    one_error("[threshold]\nfpr = 1\n", 2, &["between 0 and 1"]);
    one_error("[threshold]\ncost = { false_positive = 1 }\n", 2, &["needs `false_negative`"]);
    one_error("[threshold]\ncost = { false_positive = 0, false_negative = 2 }\n", 2, &["cannot be 0"]);
}

#[test]
fn input_rules_have_their_defaults_and_names_of_any_text() {
    let contract = parse(
        "[input.age]\nmin = 0\nmax = 120\non_null = \"impute\"\n[input.\"monthly income\"]\nvalues = [1, 2.5, true, \"x\"]\n\
         [input.plan]\non_unseen = \"allow\"\non_null = \"allow\"\n",
    );
    let [age, income, plan] = &contract.inputs[..] else { panic!("{:?}", contract.inputs) };
    assert_eq!(
        (age.min, age.max, age.on_range, age.on_null),
        (Some(0.0), Some(120.0), InputPolicy::Reject, Some(InputPolicy::Impute))
    );
    assert_eq!((age.on_unseen, age.imputes(), plan.imputes()), (OnUnseen::Unstated, true, false));
    assert_eq!((income.name.as_str(), income.on_values), ("monthly income", InputPolicy::Reject));
    let values =
        [InputValue::Whole(1), InputValue::Number(2.5), InputValue::Bool(true), InputValue::Text("x".to_owned())];
    assert_eq!(income.values, values);
    assert_eq!((plan.on_unseen, plan.on_null), (OnUnseen::Allow, None));
}
