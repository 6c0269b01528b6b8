//! Labels and the classes of a model: spellings that mean the same, words that mean nothing, labels that change.

use kilter_domain::{digest::Digest, run::Cause, table::Column};
use serde_json::Value;

use crate::{
    World, customers,
    live_project::{Live, asked, texts, watched},
    monitors::{Past, played},
};

/// A project whose model is trained on `coded.csv` (`left` is 0 or 1) and measured on `rows.csv`, where `left` has these
/// words.
fn in_words(no: &str, yes: &str) -> World {
    let world = World::new();
    let coded = customers();
    world.write("coded.csv", &coded);
    let word = |line: &str| match line.rsplit_once(',') {
        Some((rest, "0")) => format!("{rest},{no}\n"),
        Some((rest, "1")) => format!("{rest},{yes}\n"),
        _ => format!("{line}\n"),
    };
    world.write("rows.csv", &coded.lines().map(word).collect::<String>());
    world.write(
        "kilter.toml",
        "[project]\nname = \"churn\"\n[data.rows]\npath = \"rows.csv\"\ntime = \"at\"\nlabel = \"left\"\n\
         [data.coded]\npath = \"coded.csv\"\n\
         [step.train]\nrun = \"kilter train {in.coded} --target left --exclude id,at --param rounds=20 --out {out.model}\"\n\
         in = [\"coded\"]\nout = { model = \"work/model\" }\n\
         [gate.q]\nrules = [\"accuracy >= 0.5\", \"npv >= 0.3\"]\n\
         [package]\nmodel = \"train.model\"\n[deploy.production]\nauto = true\n",
    );
    world
}

#[test]
fn a_gate_on_labels_in_other_words_is_undecided_and_names_them() {
    let world = in_words("no", "yes");
    let output = world.kilter(&["run"]);
    assert!(output.exit == 8 && output.out.contains("undecided"), "{}{}", output.out, output.err);
    let version = world.json(&["model", "show", "churn@1"]);
    assert_eq!(version["gates"][0]["verdict"], "undecided", "{version:#}");
    let words = "not one of the 100 labels is a class of the model (`0`, `1`); they read `";
    let shown = world.kilter(&["model", "show", "churn@1", "--verbose"]).out;
    assert!(version.to_string().contains(words) && shown.contains(words), "{shown}{version:#}");
    assert!(world.json(&["status"])["endpoints"][0]["live"].is_null());
    let rules = ["--rule", "accuracy >= 0.8", "--rule", "npv >= 0.9"];
    let evaluated = world.kilter(&[&["evaluate", "work/model", "rows.csv", "--target", "left"], &rules[..]].concat());
    assert!(evaluated.exit == 3 && evaluated.out.contains("not one of the 400 labels"), "{}", evaluated.out);
    let fairness = ["fairness", "work/model", "rows.csv", "--groups", "region", "--target", "left"];
    let refused = world.kilter(&fairness);
    assert!(refused.exit == 2 && refused.err.contains("have no value in common: 0, 1, no, yes"), "{}", refused.err);
    let alone = world.kilter(&["evaluate", "work/model", "rows.csv", "--target", "left"]);
    assert!(alone.exit == 3 && alone.out.contains("not one of the 400 labels"), "{}", alone.out);
}

#[test]
fn spellings_of_the_classes_are_measured_alike_by_every_command() {
    let result = |no: &str, yes: &str| {
        let world = in_words(no, yes);
        assert_eq!(world.json(&["run"])["version"]["state"], "approved", "{no} {yes}");
        let model = ["work/model", "rows.csv", "--target", "left"];
        let evaluated = world.json(&[&["evaluate"], &model[..]].concat());
        let fairness = world.json(&[&["fairness", "--groups", "region"], &model[..]].concat());
        let rates = fairness["overall"]["rates"].clone();
        (evaluated["accuracy"].clone(), evaluated["npv"].clone(), evaluated["unknown_labels"].clone(), rates)
    };
    let coded = result("0", "1");
    assert_eq!(coded.2, 0);
    for [no, yes] in [["0.0", "1.0"], [" 0", "1 "], ["False", "True"], ["FALSE", "true"]] {
        assert_eq!(result(no, yes), coded, "{no} {yes}");
    }
}

#[test]
fn few_labels_of_no_class_are_left_out_of_an_evaluation_and_named() {
    let world = in_words("0", "1");
    world.json(&["run"]);
    let with = |unknown: usize| {
        let rows = world.read("rows.csv");
        let changed = |(at, line): (usize, &str)| match line.rsplit_once(',') {
            Some((rest, _)) if (1..=unknown).contains(&at) => format!("{rest},maybe\n"),
            _ => format!("{line}\n"),
        };
        world.write("some.csv", &rows.lines().enumerate().map(changed).collect::<String>());
        world.kilter(&["evaluate", "work/model", "some.csv", "--target", "left", "--rule", "accuracy >= 0.5"])
    };
    let few = with(20);
    let left_out = "20 of 400 labels are not a class of the model (`0`, `1`): `maybe` (20); left out";
    assert!(few.exit == 0 && few.out.contains(left_out), "{}", few.out);
    let many = with(21);
    assert!(
        many.exit == 3 && many.out.contains("21 of 400 labels") && many.out.contains("was not measured"),
        "{}",
        many.out
    );
}

const WORDS: &str = "every = \"1d\"\nperformance = [\"accuracy >= 0.65\"]\nmin_labelled = 0.5\n\
                     [retrain]\nwhen = [\"monitor.performance failing\", \"monitor.data failing\"]";

fn of_kind<'r>(report: &'r Value, kind: &str) -> Vec<&'r Value> {
    report["timeline"].as_array().unwrap().iter().filter(|entry| entry["kind"] == kind).collect()
}

#[test]
fn a_past_whose_labels_change_their_words_raises_no_alarm_about_performance_and_trains_nothing() {
    let past = Past { spelled: Some((40, ["no", "yes"])), ..Past::STEADY };
    let report = played(&past, "", WORDS).1;
    assert!(of_kind(&report, "performance_alert").is_empty(), "{report:#}");
    assert_eq!(of_kind(&report, "trained").len(), 1, "{report:#}");
    let data = of_kind(&report, "data_alert");
    let reason = data[0]["reason"].as_str().unwrap();
    assert!(reason.contains("`yes` (") && reason.contains("`no` (") && reason.contains("write the labels"), "{reason}");
    assert!(!reason.contains("only a retraining"), "{reason}");
    let last = report["periods"].as_array().unwrap().last().unwrap();
    assert!(last["served"].is_null(), "{last}");
}

#[test]
fn a_past_whose_labels_change_their_spelling_alone_is_measured_on() {
    let past = Past { spelled: Some((40, ["0.0", " 1 "])), ..Past::STEADY };
    let (spelled, plain) = (played(&past, "", WORDS).1, played(&Past::STEADY, "", WORDS).1);
    assert_eq!(spelled["periods"], plain["periods"]);
    assert!(of_kind(&spelled, "data_alert").is_empty() && of_kind(&spelled, "performance_alert").is_empty());
}

const ACCURACY: &str = "performance = [\"accuracy >= 0.6\"]\n[retrain]\nwhen = [\"monitor.performance failing\", \"monitor.data failing\"]";

#[test]
fn labels_in_other_words_leave_a_monitor_undecided_until_they_are_corrected() {
    let mut live = watched("left", ACCURACY);
    let (ids, columns, left) = asked(80);
    live.ask(1, &ids, columns);
    live.label(1, &ids, texts(left.iter().map(|left| if *left { "Y" } else { "N" })));
    assert!(live.look(2).is_none(), "nothing is trained");
    let reading = live.reading("accuracy");
    assert!(reading["value"].is_null() && reading["verdict"] == "undecided", "{reading}");
    assert!(reading["reason"].as_str().unwrap().contains("not one of the 80 labels is a class"), "{reading}");
    let alerts = live.alerts();
    let words = &alerts["churn/unknown_labels"];
    assert_eq!(
        (alerts.keys().filter(|cause| !cause.ends_with("/drift")).count(), words["state"].as_str()),
        (1, Some("firing"))
    );
    let text = words["detail"]["text"].as_str().unwrap();
    assert!(text.contains("`Y` (") && text.contains("`N` (") && !text.contains("learn"), "{text}");
    live.label(2, &ids, Column::Bool(left.iter().copied().map(Some).collect()));
    assert!(live.look(3).is_none());
    let reading = live.reading("accuracy");
    assert!(reading["value"].as_f64().is_some_and(|accuracy| accuracy > 0.6), "{reading}");
    assert_eq!(live.alerts()["churn/unknown_labels"]["state"], "resolved");
}

#[test]
fn labels_of_every_spelling_make_the_same_reading() {
    let (ids, columns, left) = asked(80);
    let spelled = |no: &str, yes: &str| texts(left.iter().map(|left| if *left { yes } else { no }));
    let numbers = Column::Float(left.iter().map(|left| f64::from(u8::from(*left))).collect());
    let forms = [numbers, spelled("0", "1"), spelled("0.0", "1.0"), spelled(" 0", "1 "), spelled("false", "TRUE")];
    let mut live = watched("left", "performance = [\"accuracy >= 0.1\"]");
    let mut readings = Vec::new();
    for (at, form) in (1i64..).zip(forms) {
        let ids: Vec<String> = ids.iter().map(|id| format!("{at}-{id}")).collect();
        live.ask(2 * at, &ids, columns.clone());
        live.label(2 * at, &ids, form);
        live.look(2 * at + 1);
        let reading = live.reading("accuracy");
        assert_eq!(reading["window_start"], live.hour(2 * at).to_string());
        readings.push(reading["value"].as_f64().unwrap());
    }
    assert!(readings.iter().all(|value| *value == readings[0]), "{readings:?}");
    assert!(live.alerts().keys().all(|cause| cause.ends_with("/drift")));
}

#[test]
fn labels_that_are_corrected_are_measured_again() {
    let mut live = watched("left", "performance = [\"accuracy >= 0.1\"]");
    let (ids, columns, left) = asked(80);
    live.ask(1, &ids, columns);
    let values = |left: &[bool]| Column::Bool(left.iter().copied().map(Some).collect());
    live.label(1, &ids, values(&left));
    live.look(2);
    let before = live.reading("accuracy");
    let right = (before["value"].as_f64().unwrap() * 80.0).round();
    live.look(3);
    assert_eq!(live.reading("accuracy")["as_of"], before["as_of"], "nothing new came");
    // Twenty labels were wrong; every one of them turns a right answer into a wrong one or the other way round.
    let corrected: Vec<bool> = left[..20].iter().map(|left| !left).collect();
    live.label(3, &ids[..20], values(&corrected));
    live.look(4);
    let after = live.reading("accuracy");
    assert_eq!((after["window_start"].clone(), after["count"].as_u64()), (before["window_start"].clone(), Some(80)));
    assert!((after["value"].as_f64().unwrap() * 80.0).round() != right && after["as_of"] != before["as_of"], "{after}");
    // What is taken back is no label any more.
    live.label(4, &ids[..40], Column::Bool(vec![None; 40]));
    live.look(5);
    assert_eq!(live.reading("accuracy")["count"], 40);
}

#[test]
fn an_alert_about_a_class_that_was_taken_back_ends() {
    let mut live = watched("region", "min_labelled = 0.1");
    let (ids, columns, _) = asked(90);
    let Column::Text(regions) = columns[2].1.clone() else { panic!("regions are texts") };
    live.ask(1, &ids, columns[..2].to_vec());
    let result = |at: usize| if at < 6 { "east" } else { regions[at].as_deref().unwrap() };
    live.label(1, &ids, texts((0..90).map(result)));
    live.look(2);
    let alerts = live.alerts();
    let text = alerts["churn/unknown_class:east"]["detail"]["text"].as_str().unwrap();
    assert!(
        text.starts_with("6 of 90 labels since ") && text.contains("name `east`, which version 1 cannot answer"),
        "{text}"
    );
    live.label(2, &ids[..3], texts(["north"; 3]));
    live.look(3);
    assert_eq!(live.alerts()["churn/unknown_class:east"]["state"], "resolved", "three are left, which may be slips");
}

#[test]
fn a_file_of_labels_is_told_which_ids_and_words_were_known() {
    let live = watched("left", "");
    let (ids, columns, left) = asked(40);
    live.ask(1, &ids, columns);
    let mut live = live;
    let file = |words: [&str; 2]| {
        let line = |(id, left): (&String, &bool)| format!("{id},{}\n", words[usize::from(*left)]);
        format!("id,label\n{}nobody,{}\n", ids.iter().zip(&left).map(line).collect::<String>(), words[0])
    };
    live.world.write("labels.csv", &file(["0", "1"]));
    let result = live.result(&["label", "churn", "labels.csv"]);
    let counts = ["labels", "known_ids", "unknown_ids"].map(|name| result[name].as_u64().unwrap());
    assert_eq!((counts, result["unknown_examples"][0].as_str()), ([41, 40, 1], Some("nobody")));
    assert_eq!(result["unknown_labels"], serde_json::json!([]));
    // The predictions are in the lake now.
    live.look(2);
    live.world.write("labels.csv", &file(["no", "yes"]));
    let result = live.result(&["label", "churn", "labels.csv"]);
    assert_eq!(result["known_ids"], 40);
    let words = result["unknown_labels"][0].as_str().unwrap();
    assert!(words.starts_with("not one of the 41 labels is a class of the model (`0`, `1`); they read"), "{words}");
}

#[test]
fn a_promotion_that_made_it_worse_is_reported_once_its_labels_are_in() {
    let report = |better: bool| {
        let mut live = watched("left", "performance = [\"accuracy >= 0.1\"]");
        let (ids, columns, left) = asked(200);
        let ask = |live: &Live, hour: i64| {
            let ids: Vec<String> = ids.iter().map(|id| format!("{hour}-{id}")).collect();
            live.ask(hour, &ids, columns.clone());
            live.label(hour, &ids, Column::Bool(left.iter().copied().map(Some).collect()));
        };
        for hour in 1..4 {
            ask(&live, hour);
            live.look(hour + 1);
        }
        // The next version learns from labels that are turned round, or from the same ones.
        let turned = |line: &str| match line.rsplit_once(',') {
            Some((rest, "0")) if !better => format!("{rest},1\n"),
            Some((rest, "1")) if !better => format!("{rest},0\n"),
            _ => format!("{line}\n"),
        };
        let rows = live.world.read("customers.csv");
        // A row more: what nothing changed in makes no version.
        let more = "400,2024-01-01,50,10,north,0\n";
        live.world.write("customers.csv", &(rows.lines().map(turned).collect::<String>() + more));
        live.retrain(5);
        assert_eq!(live.result(&["status"])["endpoints"][0]["live"]["version"], 2);
        for hour in 6..9 {
            ask(&live, hour);
            live.look(hour + 1);
        }
        live.alerts().get("churn/promotion").cloned()
    };
    assert!(report(true).is_none());
    let alert = report(false).expect("it is surely worse");
    let text = alert["detail"]["text"].as_str().unwrap();
    assert!(text.starts_with("since version 2 took over on ") && text.contains("version 1 reached "), "{text}");
}

#[test]
fn data_that_grew_by_rows_of_the_past_starts_a_training_that_knows_their_digest() {
    let live = watched("left", "[retrain]\nwhen = [\"data.customers grew 10%\"]");
    assert!(live.look(1).is_none(), "nothing grew");
    let rows = live.world.read("customers.csv");
    let more: String = rows.lines().skip(1).take(39).enumerate().map(|(at, line)| format!("9{at}{line}\n")).collect();
    live.world.write("customers.csv", &format!("{rows}{more}"));
    assert!(live.look(2).is_none(), "39 of 400 are less than a tenth");
    let last = rows.lines().last().unwrap();
    live.world.write("customers.csv", &format!("{rows}{more}8{last}\n"));
    let trained = live.look(3).expect("a tenth was added");
    let bytes = live.world.read("customers.csv");
    let Cause::NewData { dataset, digest } = trained.cause else { panic!("{:?}", trained.cause) };
    assert_eq!((dataset.as_str(), digest), ("customers", Digest::of(bytes.as_bytes())));
    assert!(live.look(4).is_none(), "what was trained on is not new any more");
}
