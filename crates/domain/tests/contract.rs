//! `kilter.toml`: the whole sample reads, every default is resolved, and everything wrong is told with place and fix.

use kilter_domain::{
    actor::{Principal, Role},
    alert::MonitorKind,
    contract::{
        Contract, FalseAlarms, GrewBy, Location, Need, Patience, PlaceholderKind, Reference, ReplayStart, Risk,
        SearchSpace, Source, Target, Then, ThresholdGoal, Trigger, placeholders,
    },
    deployment::Admits,
    time::{Span, Timestamp},
};
use proptest::prelude::*;

const SAMPLE: &str = include_str!("contract/sample.toml");

fn parse(text: &str) -> Contract {
    Contract::parse(text).unwrap_or_else(|errors| panic!("{errors}"))
}

/// Place and text of every error.
fn errors(text: &str) -> Vec<(usize, String)> {
    let errors = Contract::parse(text).expect_err("something is wrong with it");
    errors
        .iter()
        .map(|error| (error.line, format!("{} | {}", error.message, error.hint.clone().unwrap_or_default())))
        .collect()
}

/// The one error of a text: its line, and all of these words in it.
#[track_caller]
fn one_error(text: &str, line: usize, words: &[&str]) {
    let errors = errors(text);
    assert_eq!(errors.len(), 1, "{text}\n{errors:#?}");
    assert_eq!(errors[0].0, line, "{errors:#?}");
    for word in words {
        assert!(errors[0].1.contains(word), "`{word}` is not in: {}", errors[0].1);
    }
}

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
    assert_eq!(contract.deployment("staging").unwrap().admits(), Admits::Validated);
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
    assert_eq!((monitor.every, monitor.hold, monitor.min_rows), (Span::days(1), 1, 50));
    assert_eq!((monitor.min_labelled, monitor.reference), (0.3, Reference::Training));
    assert_eq!(monitor.false_alarms.windows_between(monitor.every), 1000.0);
    let retrain = contract.retrain.as_ref().unwrap();
    assert_eq!((retrain.then, retrain.budget, retrain.cooldown, retrain.window), (Then::Candidate, None, None, None));
    let canary = contract.deploy[0].canary.as_ref().unwrap();
    assert_eq!((canary.steps.as_slice(), canary.every.to_string()), (&[10, 50, 100][..], "1h".to_owned()));
    assert!(contract.steps[0].cache && contract.steps[0].deterministic);
}

#[test]
fn the_risk_sets_the_approval_wherever_it_stands_in_the_file() {
    for (risk, rule, expire) in [
        ("low", "auto", None),
        ("medium", "1 of validator", Some("12mo")),
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
run = "kilter fit {in.people} --out {out.model}"
in = ["people"]
out = { model = "work/model.onnx", test = "work/test.parquet" }
code = ["src/*.py"]
env = ["HOME"]
cwd = "training"
cache = false
deterministic = false

[gate.quality]
rules = ["auc >= 0.7"]
on = "train.test"

[deploy.production]
auto = true
threshold = 0.35
canary = { min_rows = 20 }

[monitor]
every = "1mo"
hold = 2
min_rows = 100
min_labelled = 0.5
reference = "last 6mo"
false_alarms = "1 per 1y"
data = ["missing(*) <= 5%", "labelled >= 30%"]

[retrain]
when = [
  "schedule every 30d",
  "monitor.accuracy failing",
  "monitor.bias failing 2 windows",
  "monitor.drift failing 3d",
  "data.people grew 1000 rows",
]
cooldown = "7d"
window = "6mo"
then = "draft"

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
    assert_eq!(contract.gates[0].on.as_ref().unwrap().to_string(), "train.test");
    assert_eq!(contract.deploy[0].threshold, Some(0.35));
    assert_eq!(
        contract.deploy[0].admits(),
        Admits::Approved,
        "production takes only approved versions, automatic or not"
    );
    let monitor = contract.monitor.as_ref().unwrap();
    assert_eq!(monitor.reference, Reference::Rolling(Span::months(6)));
    assert_eq!(monitor.false_alarms, FalseAlarms::PerSpan { count: 1, per: Span::months(12) });
    assert_eq!(monitor.false_alarms.windows_between(monitor.every), 12.0);
    let when = &contract.retrain.as_ref().unwrap().when;
    assert_eq!(when[0], Trigger::Every(Span::days(30)));
    assert_eq!(when[1], Trigger::Failing { kind: MonitorKind::Accuracy, patience: Patience::AtOnce });
    assert_eq!(when[2], Trigger::Failing { kind: MonitorKind::Bias, patience: Patience::Windows(2) });
    assert_eq!(when[3], Trigger::Failing { kind: MonitorKind::Drift, patience: Patience::For(Span::days(3)) });
    assert_eq!(when[4], Trigger::Grew { data: "people".parse().unwrap(), by: GrewBy::Rows(1000) });
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

// ---- what is wrong is told

#[test]
fn several_errors_are_told_at_once_in_the_order_of_the_file() {
    let text = "[monitr]\nevery = \"1d\"\n\n[gate.quality]\nrules = [\"auc => 0.8\", \"psii(x) < 1\"]\nruls = 3\n\n[step.a]\nrun = \"{in.x}\"\n";
    let errors = errors(text);
    let lines: Vec<usize> = errors.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [1, 5, 5, 6, 9], "{errors:#?}");
    for (at, word) in ["`monitor`", "`>=`", "`psi`", "`rules`", "in = [\"STEP.OUTPUT\"]"].iter().enumerate() {
        assert!(errors[at].1.contains(word), "{word}: {}", errors[at].1);
    }
}

#[test]
fn an_error_is_shown_as_a_compiler_shows_it() {
    let text = "[project]\nname = \"churn\"\n\n[gate.quality]\nrules = [\"auc >= champoin.auc\"]\n";
    let shown = Contract::parse(text).unwrap_err().to_string();
    assert_eq!(
        shown,
        "kilter.toml:5:18: error: in rule `auc >= champoin.auc`: expected a number or `champion.METRIC`, found `champoin`\n\
         \u{20} |\n\
         5 | rules = [\"auc >= champoin.auc\"]\n\
         \u{20} |                  ^^^^^^^^\n\
         \u{20} = did you mean `champion`?"
    );
    let renamed = Contract::parse(text).unwrap_err().in_file("other.toml").to_string();
    assert!(renamed.starts_with("other.toml:5:18"));
}

#[test]
fn unknown_sections_and_keys_are_refused_with_the_nearest_name() {
    one_error("[moniter]\n", 1, &["unknown section `moniter`", "did you mean `monitor`?"]);
    one_error("[frobnicate]\n", 1, &["unknown section", "there are: project, objective, data, env, params, step"]);
    one_error("name = \"x\"\n", 1, &["unknown section `name`"]);
    one_error("[project]\nnmae = \"x\"\n", 2, &["unknown key `nmae` in [project]", "did you mean `name`?"]);
    one_error("[data.d]\nlable = \"y\"\n", 2, &["did you mean `label`?"]);
    one_error("[monitor]\nlabels = { dely = \"1d\" }\n", 2, &["[monitor.labels]", "did you mean `delay`?"]);
    one_error("[data.d]\npath = \"x\"\nmonitor = { every = \"1d\" }\n", 3, &["a section of its own", "[monitor]"]);
    one_error("[data]\npath = \"x\"\n", 2, &["[data.NAME]"]);
    one_error("data = 3\n", 1, &["[data.NAME]"]);
}

#[test]
fn values_of_the_wrong_kind_are_refused_with_the_fix() {
    one_error("[project]\nname = 3\n", 2, &["must be a text, found a whole number", "\"3\""]);
    one_error("[project]\nname = \"a b\"\n", 2, &["not a valid project name"]);
    one_error("[project]\nrisk = \"hihg\"\n", 2, &["`hihg` is not a risk", "did you mean `high`?"]);
    one_error("[project]\nnot_for = \"pricing\"\n", 2, &["must be a list", "[\"pricing\"]"]);
    one_error("[project]\nowner = \"ana\"\n", 2, &["user:NAME"]);
    one_error("[project]\nroles = { boss = [\"user:x\"] }\n", 2, &["unknown key `boss`", "there are: owner"]);
    one_error("[monitor]\nevery = \"soon\"\n", 2, &["not a length of time", "7d"]);
    one_error("[monitor]\nevery = \"0d\"\n", 2, &["longer than nothing"]);
    one_error("[monitor]\nhold = 0\n", 2, &["from 1 to 1000"]);
    one_error("[monitor]\nmin_labelled = 3\n", 2, &["must be a share", "30%"]);
    one_error("[monitor]\nfalse_alarms = \"few\"\n", 2, &["1 per 1y"]);
    one_error("[monitor]\nreference = \"yesterday\"\n", 2, &["last 30d"]);
    one_error("[monitor]\nalert = [\"pigeon:x\"]\n", 2, &["webhook:NAME"]);
    one_error("[deploy.p]\ncanary = { steps = [5, 50] }\n", 2, &["end at 100"]);
    one_error("[deploy.p]\ncanary = { steps = [50, 5, 100] }\n", 2, &["must grow"]);
    one_error("[deploy.p]\ncanary = { steps = [0, 100] }\n", 2, &["from 1 to 100"]);
    one_error("[deploy.p]\nauto = \"yes\"\n", 2, &["true or false"]);
    one_error("[deploy.p]\nthreshold = nan\n", 2, &["cannot be NaN"]);
    one_error("[approve]\nrule = \"1 of developer\"\n", 2, &["cannot approve"]);
    one_error("[approve]\nneeds = [\"luck\"]\n", 2, &["review.independent"]);
    one_error("[objective.o]\ntarget = \"40\"\n", 2, &["a comparison like"]);
    one_error("[gate.g]\nrules = []\n", 2, &["lets everything through"]);
    one_error("[gate.g]\n", 1, &["[gate.g] needs `rules`", "add `rules = "]);
    one_error("[step.s]\n", 1, &["needs `run`"]);
    one_error("[step.s]\nrun = \" \"\n", 2, &["is empty"]);
    one_error("[step.s]\nrun = \"x\"\nretry = { on = [\"sometimes\"] }\n", 3, &["exit:137"]);
    one_error("[step.s]\nrun = \"x\"\nneeds = { memory = \"8GB\" }\n", 3, &["8GiB"]);
    one_error("[step.s]\nrun = \"x\"\nneeds = { cpu = 0 }\n", 3, &["above 0"]);
    one_error("[step.s]\nrun = \"x\"\nenv = [\"A=b\"]\n", 3, &["the name alone"]);
    one_error("[step.s]\nrun = \"x\"\nsweep = { trials = 3, goal = \"auc\", search = {} }\n", 3, &["max METRIC"]);
    one_error(
        "[step.s]\nrun = \"x\"\nsweep = { trials = 3, goal = \"max auc\", search = { a = \"log 0..1\" } }\n",
        3,
        &["log 1e-5..1e-1"],
    );
    one_error("[step.\"a.b\"]\nrun = \"x\"\n", 1, &["it has a dot"]);
    one_error("[package]\nmodel = \"model\"\n", 2, &["STEP.OUTPUT"]);
    one_error("[data.d]\nlabel_time = \"t\"\nlabel_delay = \"1d\"\n", 1, &["both `label_time` and `label_delay`"]);
    one_error("[data.d]\npath = \"ftp://x\"\n", 2, &["not a place that data comes from"]);
    one_error("[replay]\nstart = 0.0\n", 2, &["rows before and after"]);
    one_error("[replay]\nstart = 12\n", 2, &["a year like 2015"]);
    one_error("[replay]\nstart = 2019\nend = 2018\n", 1, &["before it starts"]);
    one_error("params = 3\n", 1, &["[params.NAME]"]);
}

#[test]
fn triggers_that_mean_nothing_are_refused() {
    for (trigger, word) in [
        ("moniter.drift failing", "did you mean `monitor`?"),
        ("monitor.drft failing", "data, accuracy, drift, bias or usage"),
        ("monitor.drift sometimes", "write `monitor.drift failing`"),
        ("monitor.drift failing soon", "`3d` or `2 windows`"),
        ("schedule '0 3 1 *'", "it has 4 fields"),
        ("schedule every day", "length of time"),
        ("data.d grew much", "grew 10%"),
        ("", "is not a trigger"),
    ] {
        let text = format!("[data.d]\n[monitor]\n[retrain]\nwhen = [\"{trigger}\"]\n");
        one_error(&text, 4, &[word]);
    }
}

#[test]
fn names_that_are_not_declared_are_refused_with_the_nearest_one() {
    let steps =
        "[data.people]\n[params.train]\nlr = 1\n[step.split]\nrun = \"x\"\nout = { train = \"a\", test = \"b\" }\n";
    let with = |more: &str| format!("{steps}{more}");
    one_error(&with("[step.t]\nrun = \"x\"\nin = [\"splt.train\"]\n"), 9, &["there is no step `splt`", "`split`"]);
    one_error(&with("[step.t]\nrun = \"x\"\nin = [\"split.tran\"]\n"), 9, &["no output `tran`", "`train`"]);
    one_error(&with("[step.t]\nrun = \"x\"\nin = [\"peple\"]\n"), 9, &["no dataset `peple`", "`people`"]);
    one_error(&with("[step.t]\nrun = \"x\"\nin = [\"split\"]\n"), 9, &["`split` is a step", "`split.train`"]);
    one_error(&with("[step.t]\nrun = \"x\"\nin = { a = \"splt.train\" }\n"), 9, &["`split`"]);
    one_error(
        &with("[step.t]\nrun = \"x\"\nin = [\"split.train\", \"split.train\"]\n"),
        9,
        &["two inputs are called `train`"],
    );
    one_error(
        &with("[step.t]\nrun = \"cat {in.trian}\"\nin = [\"split.train\"]\n"),
        8,
        &["no input `trian`", "`train`"],
    );
    one_error(&with("[step.t]\nrun = \"cat {out.model}\"\n"), 8, &["out = { model = \"work/model\" }"]);
    one_error(
        &with("[step.t]\nrun = \"cat {input.train}\"\nin = [\"split.train\"]\n"),
        8,
        &["did you mean `{in.train}`?"],
    );
    one_error(&with("[step.t]\nrun = \"cat {params.train.lr}\"\n"), 8, &["params = [\"train.lr\"]"]);
    one_error(&with("[step.t]\nrun = \"x\"\nparams = [\"trian\"]\n"), 9, &["no parameter `trian`", "`train`"]);
    one_error(&with("[step.t]\nrun = \"x\"\nparams = [\"train.lrr\"]\n"), 9, &["`lr`"]);
    one_error(&with("[step.t]\nrun = \"x\"\nmetrics = \"report\"\n"), 9, &["no output `report`"]);
    one_error(&with("[package]\nmodel = \"split.model\"\n"), 8, &["no output `model`", "there are: train, test"]);
    one_error(&with("[gate.g]\nrules = [\"auc > 0\"]\non = \"split.tst\"\n"), 9, &["`test`"]);
    one_error(&with("[approve]\nneeds = [\"gate.qualty\"]\n"), 8, &["no gate `qualty`"]);
    one_error(&with("[retrain]\nrun = [\"splitt\"]\n"), 8, &["`split`"]);
    one_error(&with("[retrain]\nwhen = [\"monitor.drift failing\"]\n"), 8, &["nothing is monitored", "drift = [...]"]);
    one_error(&with("[retrain]\nwhen = [\"data.persons grew 10%\"]\n"), 8, &["no dataset `persons`"]);
    one_error(&with("[replay]\ndata = \"peopl\"\n"), 8, &["`people`"]);
}

#[test]
fn a_cycle_is_named_step_by_step() {
    let text = "[step.a]\nrun = \"x\"\nin = [\"c.o\"]\nout = { o = \"1\" }\n[step.b]\nrun = \"x\"\nin = [\"a.o\"]\nout = { o = \"2\" }\n\
                [step.c]\nrun = \"x\"\nin = [\"b.o\"]\nout = { o = \"3\" }\n";
    let errors = errors(text);
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].1.contains("b → c → a → b") || errors[0].1.contains("a → b → c → a"), "{}", errors[0].1);
    one_error("[step.a]\nrun = \"x\"\nin = [\"a.o\"]\nout = { o = \"1\" }\n", 3, &["a → a"]);
}

#[test]
fn a_thousand_steps_in_a_row_are_no_trouble_and_more_are_refused() {
    let mut text = "[step.s0]\nrun = \"x\"\nout = { o = \"o0\" }\n".to_owned();
    for n in 1..1_000 {
        text += &format!("[step.s{n}]\nrun = \"x\"\nin = [\"s{}.o\"]\nout = {{ o = \"o{n}\" }}\n", n - 1);
    }
    assert_eq!(parse(&text).steps.len(), 1_000);
    text += "[step.last]\nrun = \"x\"\n";
    assert!(errors(&text)[0].1.contains("more than 1000"));
    let outputs = |step: usize| (0..1_000).map(|n| format!("o{n} = \"{step}/{n}\"")).collect::<Vec<_>>().join(", ");
    let wide: String = (0..11).map(|n| format!("[step.s{n}]\nrun = \"x\"\nout = {{ {} }}\n", outputs(n))).collect();
    assert!(errors(&wide)[0].1.contains("more than 10000"));
}

#[test]
fn paths_that_leave_the_project_are_refused() {
    for path in ["../x", "/etc/passwd", "a/../../b", "~/x", "C:/x"] {
        one_error(
            &format!("[step.s]\nrun = \"x\"\nout = {{ o = \"{path}\" }}\n"),
            3,
            &["leaves the project", "stay inside"],
        );
        one_error(&format!("[data.d]\nschema = \"{path}\"\n"), 2, &["leaves the project"]);
        one_error(
            &format!(
                "[package]\nmodel = \"s.o\"\ninclude = [\"{path}\"]\n[step.s]\nrun = \"x\"\nout = {{ o = \"o\" }}\n"
            ),
            3,
            &["leaves the project"],
        );
    }
    one_error("[data.d]\npath = \"../x.csv\"\n", 2, &["leaves the project"]);
    assert!(matches!(&parse("[data.d]\npath = \"s3://b/x\"\n").data[0].path, Some(Location::Remote(_))));
}

#[test]
fn outputs_never_overwrite_each_other_nor_a_dataset() {
    let two = |one: &str, other: &str| {
        format!("[data.d]\npath = \"data/d.csv\"\n[step.s]\nrun = \"x\"\nout = {{ a = \"{one}\", b = \"{other}\" }}\n")
    };
    one_error(&two("work/a", "work/a"), 5, &["is written by `s.a` too"]);
    one_error(&two("work", "./work/b"), 5, &["is written by `s.a` too"]);
    one_error(&two("work/a", "data/d.csv"), 5, &["would overwrite dataset `d`"]);
    one_error(&two("work/a", "data"), 5, &["would overwrite dataset `d`"]);
    parse(&two("work/a", "work/ab"));
}

#[test]
fn what_is_not_toml_is_told_with_its_line() {
    for (text, line) in
        [("[project\nname = \"x\"\n", 1), ("[project]\nname = x\n", 2), ("[project]\nname = \"x\"\nname = \"y\"\n", 3)]
    {
        let errors = errors(text);
        assert!(errors.iter().any(|(at, _)| *at == line), "{text}: {errors:?}");
        assert!(errors[0].1.contains("not TOML"), "{errors:?}");
    }
}

#[test]
fn a_file_without_end_is_refused() {
    let errors = Contract::parse(&"#".repeat(2 << 20)).unwrap_err();
    assert!(errors.to_string().contains("more than"));
    let many: String = (0..500).map(|n| format!("[unknown{n}]\n")).collect();
    assert!(Contract::parse(&many).unwrap_err().count() <= 100);
}

// ---- the policy

#[test]
fn the_policy_is_the_same_however_the_file_is_laid_out() {
    let one = parse("[gate.b]\nrules = [\"auc>=0.80\"]\n[gate.a]\nrules = [\"rows >= 1_000\"]\n");
    let two = parse("# a comment\n[gate.a]\nrules = ['rows >= 1000']\n[gate.b]\nrules = [\"auc >= 0.8\"]\n[monitor]\n");
    assert_eq!(one.policy_text(), two.policy_text());
    assert_eq!(one.policy_digest(), two.policy_digest());
    let stricter = parse("[gate.a]\nrules = ['rows >= 1000']\n[gate.b]\nrules = [\"auc >= 0.81\"]\n");
    assert_ne!(one.policy_digest(), stricter.policy_digest());
}

#[test]
fn the_policy_of_the_sample_is_canonical_json() {
    let text = parse(SAMPLE).policy_text();
    let sorted: std::collections::BTreeMap<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&sorted).unwrap(), text);
    assert!(text.contains(r#""rule":"1 of validator and 1 of owner""#), "{text}");
    assert!(text.contains(r#""auc >= champion.auc - 0.002""#), "{text}");
}

// ---- anything at all

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_text_is_a_contract_or_a_list_of_errors(text in "\\PC{0,200}") {
        if let Err(errors) = Contract::parse(&text) {
            prop_assert!(errors.count() > 0 && !errors.to_string().is_empty());
        }
    }

    #[test]
    fn any_change_of_the_sample_is_a_contract_or_a_list_of_errors(
        at in 0..SAMPLE.len(), cut in 0..12_usize, with in "[ -~\n\"é]{0,8}",
    ) {
        let mut text = SAMPLE.to_owned();
        let boundary = |text: &str, mut at: usize| { while !text.is_char_boundary(at) { at -= 1; } at };
        let start = boundary(&text, at);
        let end = boundary(&text, (start + cut).min(text.len())).max(start);
        text.replace_range(start..end, &with);
        if let Err(errors) = Contract::parse(&text) {
            prop_assert!(errors.count() > 0 && !errors.to_string().is_empty());
            for error in errors.iter() {
                prop_assert!(error.line >= 1 && error.line <= text.lines().count().max(1) + 1);
            }
        }
    }

    #[test]
    fn lines_of_the_sample_in_any_order_are_a_contract_or_a_list_of_errors(
        picks in prop::collection::vec(0..200_usize, 0..60),
    ) {
        let lines: Vec<&str> = SAMPLE.lines().collect();
        let text: String = picks.into_iter().map(|at| format!("{}\n", lines[at % lines.len()])).collect();
        if let Err(errors) = Contract::parse(&text) {
            prop_assert!(errors.count() > 0 && !errors.to_string().is_empty());
        }
    }
}

#[test]
fn a_threshold_has_one_goal() {
    let goal =
        |text: &str| Contract::parse(&format!("[threshold]\n{text}\n")).map(|contract| contract.threshold.unwrap());
    let tuning = goal("cost = { false_positive = 1, false_negative = 20 }\nevery = \"7d\"").unwrap();
    assert_eq!(tuning.goal, ThresholdGoal::Cost { false_positive: 1.0, false_negative: 20.0 });
    assert_eq!((tuning.over, tuning.every, tuning.min_rows), (Span::days(30), Some(Span::days(7)), 200));
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
