//! What is wrong is told, with its place and its fix.

use kilter_domain::contract::{Contract, Location};

use crate::{errors, one_error, parse};

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
    one_error("[monitor]\nfor_windows = 0\n", 2, &["from 1 to 1000"]);
    one_error("[monitor]\nmin_labelled = 3\n", 2, &["must be a share", "30%"]);
    one_error("[monitor]\nfalse_alarm_rate = \"few\"\n", 2, &["1 per 1y"]);
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
        ("monitor.drft failing", "data, performance, drift, bias or usage"),
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
    one_error(&with("[gate.g]\nrules = [\"auc > 0\"]\ndataset = \"split.tst\"\n"), 9, &["`test`"]);
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

#[test]
fn no_output_stands_where_the_contract_its_lock_the_data_or_the_history_is() {
    for (path, what) in [
        ("kilter.toml", "the contract"),
        ("kilter.lock", "the lock file"),
        (".kilter", "the data folder"),
        (".kilter/blobs", "the data folder"),
        (".git", "the history"),
        (".git/config", "the history"),
    ] {
        let text = format!("[step.a]\nrun = \"cp x {{out.o}}\"\nout = {{ o = \"{path}\" }}\n");
        one_error(&text, 3, &[&format!("`{path}` would overwrite {what}"), "like `work/o`"]);
    }
    for path in ["kilter.toml.bak", "work/kilter.toml", ".gitignored", "kilter"] {
        parse(&format!("[step.a]\nrun = \"cp x {{out.o}}\"\nout = {{ o = \"{path}\" }}\n"));
    }
}

#[test]
fn input_rules_that_do_nothing_or_contradict_each_other_are_refused() {
    one_error("[input.age]\nmin = 120\nmax = 0\n", 1, &["`min` is 120 and `max` 0", "exchange"]);
    one_error("[input.age]\non_range = \"flag\"\n", 1, &["`on_range` and neither `min` nor `max`", "min = 0"]);
    one_error("[input.plan]\non_values = \"flag\"\n", 1, &["`on_values` and no `values`"]);
    one_error("[input.plan]\nvalues = []\n", 1, &["accepts no value at all"]);
    one_error("[input.age]\nimpute = 3\n", 1, &["no rule of it takes another value", "on_null = \"impute\""]);
    one_error("[input.age]\nmax = 120\non_range = \"impute\"\nimpute = 121\n", 1, &["`impute` is 121"]);
    one_error("[input.plan]\nvalues = [\"a\"]\non_values = \"impute\"\nimpute = \"b\"\n", 1, &["`impute` is b"]);
    one_error("[input.age]\nmin = \"0\"\n", 2, &["must be a number"]);
    one_error(
        "[input.age]\non_null = \"drop\"\n",
        2,
        &["`drop` is not a on_null", "there are: reject, flag, impute, allow"],
    );
    one_error("[input.age]\nvalues = [[1]]\n", 2, &["must be a text, a number, or true or false"]);
    one_error("[input.__id]\nmin = 0\n", 1, &["`__id` names no input"]);
    one_error("[input.age]\nmaximum = 0\n", 2, &["unknown key `maximum`"]);
}

#[test]
fn a_recording_that_contradicts_itself_or_its_monitors_is_refused() {
    one_error("[record]\nsample = 0\n", 2, &["a sample of nothing", "\"10%\""]);
    one_error("[record]\nsample = 1.5\n", 2, &["must be a share"]);
    one_error("[record]\nhash = [\"a\"]\ndrop = [\"a\"]\n", 1, &["`a` is in `hash` and in `drop`"]);
    one_error(
        "[record]\ndrop = [\"email\", \"gender\"]\n[monitor]\nbias = [\"ratio(selected, gender) in 0.8..1.25\"]\n",
        2,
        &["`gender` is not recorded", "ratio(selected, gender)", "`hash`"],
    );
}
