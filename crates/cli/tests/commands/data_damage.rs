//! Every kind of file of a data folder is cut, flipped and deleted: what follows are the right answers, or a refusal or a
//! report that names the file and what to do. Never silently other numbers.
//!
//! `./test --replays -- swept` sweeps finely; without it a sample runs. `KILTER_FLIPS` says how many bits of a file flip.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use kilter_app::{
    App, AppOptions,
    column_stats::{self, Span},
    data_folder::{self, check_data_folder},
    deployment,
    prediction::{self, PredictionFilter},
};
use kilter_domain::time::Timestamp;
use kilter_server::api::{models::models, status::status};
use kilter_store::PageRequest;
use serde_json::json;

use crate::{
    World,
    prediction_log::{ask_once, live, open},
    server::Server,
};

/// What is known of a data folder, and what was said to be wrong with it.
#[derive(Debug, Default)]
struct Facts {
    answers: String,
    reports: Vec<String>,
}

/// A data folder with everything in it: versions, answers and labels in partitions, answers that are not sealed yet, counts.
fn full_folder() -> World {
    let world = live();
    let server = Server::start(&world);
    let asked: Vec<String> = (0..4).flat_map(|_| ask_once(&server)).collect();
    let labels = json!({ "ids": asked, "values": [1, 0, 1, 0, 1, 0, 1, 0] });
    assert_eq!(server.ask("POST", "/api/v1/endpoints/churn/labels", &labels).0, 200);
    server.signal("-TERM");
    assert_eq!(server.wait(), Some(0));
    let server = Server::start(&world);
    (0..3).for_each(|_| drop(ask_once(&server)));
    server.signal("-KILL");
    drop(server);
    // Closed in good order, with the rows of the killed server still in the log.
    drop(open(&world));
    world
}

/// Everything that people are told from a folder, or why they are told nothing.
fn facts(data: &Path) -> Result<Facts, String> {
    let tool = env!("CARGO_BIN_EXE_kilter").into();
    let output = |error: &dyn std::error::Error| {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let _ = write!(text, ": {cause}");
            source = cause.source();
        }
        text
    };
    let app = App::open(data, AppOptions { column_stats: true, ..AppOptions::new(tool) });
    let app = app.map_err(|error| output(&error))?;
    let churn = "churn".parse().unwrap();
    if let Some(refused) = deployment::refused_at(&app, &churn) {
        return Err(refused);
    }
    prediction::compact_log(&app, &churn).map_err(|error| output(&error))?;
    let always = (Timestamp(0), Timestamp(i64::MAX / 2));
    let answered = prediction::logged_predictions(&app, &churn, PredictionFilter::Answers, always, always.1)
        .map_err(|error| output(&error))?;
    let mut rows: BTreeMap<String, String> = BTreeMap::new();
    for row in 0..answered.len() {
        let (score, label) = (answered.scores[row], answered.labels[row].clone());
        let age = answered.table.get("age").map(|column| column.number(row));
        rows.insert(answered.ids[row].to_string(), format!("{score} {label:?} {age:?} {}", answered.events[row]));
    }
    let problem = |problem: kilter_api::Problem| format!("{} {:?}", problem.detail, problem.causes);
    let models = models(&app, &PageRequest::first(100)).map_err(problem)?;
    let status = status(&app, Timestamp(0)).map_err(problem)?;
    let span = Span { since: Timestamp(0), until: Timestamp(i64::MAX / 4) };
    let profile = column_stats::endpoint_column_stats(&app, &churn, span).map_err(|error| output(&error))?;
    let mut reports = data_folder::damage(&app);
    if profile.unreadable > 0 {
        reports.push(format!("{} files of counts are missing or damaged", profile.unreadable));
    }
    let counted: u64 = profile.versions.iter().map(|version| version.rows).sum();
    let live = status.endpoints.first().and_then(|endpoint| endpoint.live.clone());
    let answers = format!("{rows:?} {models:?} {live:?} {counted} {}", status.audit_entries);
    Ok(Facts { answers, reports })
}

/// The files of a folder that the platform keeps, below it.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(current) = folders.pop() {
        for entry in fs::read_dir(&current).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false => found.push(entry.path().strip_prefix(folder).unwrap().to_owned()),
            }
        }
    }
    found.sort();
    // The cache of steps can be made again, and is no part of what is promised.
    let caches = ["actions", "hashes", "bin", "profiles", "tmp", "locks", "scratch", "known", ".gitignore"];
    found.retain(|path| !caches.iter().any(|cache| path.starts_with(cache)));
    found
}

/// A copy whose files share their bytes with the folder, besides one.
fn copy_with(folder: &Path, files: &[PathBuf], changed: &Path, bytes: Option<&[u8]>) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in files {
        let to = copy.path().join(file);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        match (file == changed, bytes) {
            (false, _) => drop(fs::copy(folder.join(file), &to).unwrap()),
            (true, Some(bytes)) => fs::write(&to, bytes).unwrap(),
            (true, None) => {}
        }
    }
    copy
}

/// The damages of a file: cut at some lengths, flipped in some bits, deleted.
fn damages(bytes: &[u8], flips: usize) -> Vec<(String, Option<Vec<u8>>)> {
    let mut cuts = vec![0, 1, bytes.len() / 2, bytes.len().saturating_sub(1)];
    cuts.retain(|&length| length < bytes.len());
    cuts.dedup();
    let mut found: Vec<_> =
        cuts.into_iter().map(|length| (format!("cut at {length}"), Some(bytes[..length].to_vec()))).collect();
    for flip in 0..flips.min(bytes.len()) {
        let (at, bit) = ((flip.wrapping_mul(2_654_435_761) + flip * bytes.len() / flips) % bytes.len(), flip % 8);
        let mut flipped = bytes.to_vec();
        flipped[at] ^= 1 << bit;
        found.push((format!("bit {bit} of byte {at} flipped"), Some(flipped)));
    }
    found.push(("deleted".to_owned(), None));
    found
}

/// What kind of file it is, for the count.
fn kind(file: &Path) -> &'static str {
    match file.components().next().map(|part| part.as_os_str().to_string_lossy().into_owned()).as_deref() {
        Some("kilter.db") => "database",
        Some("blobs") => "blobs",
        Some("log") => "prediction log",
        Some("lake") => "lake",
        Some("served") => "counts",
        _ => "other",
    }
}

fn sweep(flips: usize) {
    let world = full_folder();
    let folder = world.path().join(".kilter");
    let files = files_below(&folder);
    for kinds in ["kilter.db", "blobs/objects", "log/churn/", "lake/predictions", "lake/labels", "served/churn"] {
        assert!(files.iter().any(|file| file.to_string_lossy().starts_with(kinds)), "{kinds} is missing in {files:?}");
    }
    let whole = facts(copy_with(&folder, &files, Path::new(""), None).path()).unwrap();
    assert_eq!(whole.reports, [""; 0], "a whole folder is reported as such");
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for file in &files {
        let bytes = fs::read(folder.join(file)).unwrap();
        let flips = if kind(file) == "database" { flips * 8 } else { flips };
        for (damage, damaged) in damages(&bytes, flips) {
            let copy = copy_with(&folder, &files, file, damaged.as_deref());
            let before = check_data_folder(copy.path(), None, None);
            let found = facts(copy.path());
            // What was torn off when the log was opened lies aside now.
            let faults = before.into_iter().chain(check_data_folder(copy.path(), None, None));
            let result = faults.flat_map(|part| part.faults).map(|fault| fault.to_string()).collect::<Vec<_>>();
            let outcome = match found {
                Ok(found) if found.answers == whole.answers => "right answers",
                Ok(found) if names(&found.reports, file) || names(&result, file) => "reported",
                Err(refusal) if names(std::slice::from_ref(&refusal), file) => "refused",
                Ok(found) => {
                    wrong.push(format!(
                        "{} {damage}: other answers, and {:?} {result:?}",
                        file.display(),
                        found.reports
                    ));
                    "SILENT"
                }
                Err(refusal) => {
                    wrong.push(format!("{} {damage}: refused without file and cure: {refusal}", file.display()));
                    "UNCLEAR"
                }
            };
            *counts.entry((kind(file), outcome)).or_default() += 1;
        }
    }
    for ((kind, outcome), count) in &counts {
        println!("{kind}: {count} {outcome}");
    }
    println!("{} damages of {} files", counts.values().sum::<usize>(), files.len());
    assert!(wrong.is_empty(), "{} damages are not told:\n{}", wrong.len(), wrong.join("\n"));
}

/// Whether one of the texts names the file (a blob by its digest) and says what to do.
fn names(texts: &[String], file: &Path) -> bool {
    let name = file.file_name().unwrap().to_string_lossy().into_owned();
    let short = name.chars().take(10).collect::<String>();
    let is_named = |text: &String| {
        text.contains(&name) || text.contains("kilter.db") || text.contains(&short) || text.contains("files of counts")
    };
    let cures = ["restore", "delete", "backup", "doctor", "copy", "missing or damaged"];
    texts.iter().any(|text| is_named(text) && cures.iter().any(|cure| text.contains(cure)))
}

#[test]
fn no_damage_of_any_file_gives_other_answers_silently() {
    sweep(3);
}

#[test]
#[ignore = "some thousand damaged folders: ten minutes; ./test --replays -- swept"]
fn every_file_is_swept_finely() {
    let flips = std::env::var("KILTER_FLIPS").ok().and_then(|text| text.parse().ok()).unwrap_or(64);
    sweep(flips);
}

#[test]
fn a_database_that_is_missing_or_empty_is_no_new_platform() {
    let world = full_folder();
    let database = world.path().join(".kilter/kilter.db");
    let kept = fs::read(&database).unwrap();
    for (bytes, word) in [(None, "missing"), (Some(&[][..]), "empty")] {
        match bytes {
            None => fs::remove_file(&database).unwrap(),
            Some(bytes) => fs::write(&database, bytes).unwrap(),
        }
        for command in [&["server", "--port", "0"][..], &["status"], &["run"]] {
            let problem = world.problem(command, 1);
            let detail = problem["detail"].as_str().unwrap();
            assert_eq!(problem["code"], "data_damaged", "{command:?}: {problem}");
            assert!(detail.contains("kilter.db is") && detail.contains(word), "{detail}");
            assert!(detail.contains("kilter restore"), "{detail}");
        }
        let report = world.kilter(&["doctor", "--port", "0"]);
        assert!(report.exit == 1 && report.out.contains("kilter.db"), "{}", report.out);
    }
    fs::write(&database, kept).unwrap();
    assert_eq!(world.json(&["status"])["endpoints"][0]["live"]["version"], 1);
}

#[test]
fn what_is_deleted_under_a_running_server_is_noticed_and_nothing_is_acknowledged() {
    for what in ["kilter.db", "log/churn", "."] {
        let world = live();
        let server = Server::start(&world);
        ask_once(&server);
        let folder = world.path().join(".kilter");
        match what {
            "kilter.db" => fs::remove_file(folder.join(what)).unwrap(),
            "." => fs::remove_dir_all(&folder).unwrap(),
            what => fs::remove_dir_all(folder.join(what)).unwrap(),
        }
        let (status, ready) = server.get("/ready");
        assert_eq!((status, ready["ready"].as_bool()), (503, Some(false)), "{what}: {ready}");
        let answers = [
            server.ask("POST", "/v2/models/churn/infer", &crate::predictions::rows()),
            server.ask("POST", "/api/v1/endpoints/churn/labels", &json!({ "ids": ["a"], "values": [1] })),
            server.ask("POST", "/api/v1/endpoints/churn/deploy", &json!({ "version": 1 })),
        ];
        let is_of_log = [what != "kilter.db", what != "kilter.db", what != "log/churn"];
        for ((status, answer), must_fail) in answers.iter().zip(is_of_log) {
            // A version that is live already is refused whatever the folder.
            assert!(!must_fail || *status == 503 || *status == 409, "{what}: {status} {answer}");
            assert!(*status != 200 || !must_fail, "{what}: {status} {answer}");
        }
    }
}

#[test]
fn a_partition_that_is_lost_stops_what_rests_on_it_until_its_loss_is_accepted() {
    let world = full_folder();
    let folder = world.path().join(".kilter/lake/predictions/churn");
    let partition = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&partition).unwrap();
    let at = bytes.len() / 3;
    bytes[at] ^= 4;
    fs::write(&partition, bytes).unwrap();
    let name = partition.file_name().unwrap().to_string_lossy().into_owned();
    let query = ["sql", "select count(*) as n from predictions_churn", "--data", ".kilter"];
    let problem = world.problem(&query, 1);
    assert!(problem["detail"].as_str().unwrap().contains(&name), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("--accept-loss"), "{problem}");
    let report = world.kilter(&["doctor", "--port", "0"]);
    assert_eq!(report.exit, 1, "{}", report.out);
    assert!(report.out.contains(&name) && report.out.contains("lake: 1 fault"), "{}", report.out);

    let report = world.json(&["doctor", "--port", "0", "--accept-loss"]);
    assert_eq!(report["accepted"].as_array().unwrap().len(), 1, "{report}");
    let app = open(&world);
    assert_eq!(crate::prediction_log::sealed(&app).len(), 6, "the other rows are answered for");
    drop(app);
    assert_eq!(world.json(&["audit", "verify"])["valid"], true);
    let entries = world.json(&["audit", "list"]);
    assert!(entries.to_string().contains("recording.accept_loss"), "{entries}");
}
