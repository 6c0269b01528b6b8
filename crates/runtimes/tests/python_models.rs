//! Models of the real MLflow in worker processes: they answer as in Python, and what they do wrong costs only its own requests.
//!
//! The models are made by `models.py` with the Python of `KILTER_MLFLOW_PYTHON`; without one the tests say so and pass.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use kilter_domain::{
    digest::Digest,
    table::{Column, Table},
};
use kilter_inference::{ExecutorError, InputKind, LoadError, Missing, Model, PredictError, Task};
use kilter_runtimes::python::{ModelFolder, WorkerSettings, load};
use serde_json::Value;

/// The Python with MLflow, and the models that it made once for all tests.
struct TestModels {
    python: PathBuf,
    folder: PathBuf,
    expected: Value,
}

fn made() -> Option<&'static TestModels> {
    static MADE: OnceLock<Option<TestModels>> = OnceLock::new();
    MADE.get_or_init(make).as_ref()
}

fn make() -> Option<TestModels> {
    let named = std::env::var_os("KILTER_MLFLOW_PYTHON").map(PathBuf::from);
    let usual = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/kilter/mlflow-venv/bin/python"));
    let python = named.or_else(usual)?;
    let has_mlflow = Command::new(&python).args(["-c", "import mlflow, sklearn"]).output();
    if !has_mlflow.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: KILTER_MLFLOW_PYTHON is no Python with MLflow; ./test makes one");
        return None;
    }
    let folder = models(&python);
    let expected = serde_json::from_slice(&fs::read(folder.join("expected.json")).unwrap()).unwrap();
    Some(TestModels { python, folder, expected })
}

/// The models of the script, made once per text of it: each test is a process of its own.
fn models(python: &Path) -> PathBuf {
    let script = include_str!("models.py");
    let name = format!("python-models-{}", Digest::of(script.as_bytes()).short());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&name);
    fs::create_dir_all(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let guard = fs::File::create(folder.with_extension("lock")).unwrap();
    guard.lock().unwrap();
    if !folder.is_dir() {
        let beside = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let output =
            Command::new(python).args(["-c", script]).arg(beside.path()).current_dir(beside.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        fs::rename(beside.path(), &folder).unwrap();
    }
    folder
}

impl TestModels {
    /// A model of the folder; its log is `LOGS/NAME.log`.
    fn load_with(&self, name: &str, logs: &Path, settings: WorkerSettings) -> Result<Model, LoadError> {
        let above = tempfile::tempdir().unwrap();
        let model = above.path().join("model");
        copy(&self.folder.join(name), &model);
        load(&self.python, ModelFolder::new(above, model), &logs.join(format!("{name}.log")), settings, None)
    }

    fn load(&self, name: &str) -> Model {
        self.load_with(name, &self.logs(), WorkerSettings::default()).unwrap()
    }

    fn logs(&self) -> PathBuf {
        self.folder.with_extension("logs")
    }

    fn numbers(&self, path: &str) -> Vec<f64> {
        let numbers = self.expected.pointer(path).unwrap().as_array().unwrap();
        numbers.iter().map(|value| value.as_f64().unwrap()).collect()
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => assert!(fs::copy(entry.path(), target).is_ok()),
        }
    }
}

fn table(columns: Vec<(&str, Column)>) -> Table {
    Table::new(columns.into_iter().map(|(name, column)| (name.to_owned(), column)).collect()).unwrap()
}

fn xs(values: &[f64]) -> Table {
    table(vec![("x", Column::Float(values.to_vec()))])
}

/// Columns of the rows that the models of blocks are asked.
fn block(made: &TestModels, name: impl Fn(usize) -> String) -> Table {
    let rows = made.expected["forest_rows"].as_array().unwrap();
    let column = |at: usize| Column::Float(rows.iter().map(|row| row[at].as_f64().unwrap()).collect());
    Table::new((0..5).map(|at| (name(at), column(at))).collect()).unwrap()
}

fn error(model: &Model, table: &Table) -> ExecutorError {
    match model.predict(table) {
        Err(PredictError::Executor(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn columns_of_every_type_reach_the_model_as_python_has_them_with_what_is_missing() {
    let Some(made) = made() else { return };
    let model = made.load("rules");
    let kinds: Vec<_> = model.signature().inputs.iter().map(|input| (input.name.as_str(), input.kind)).collect();
    assert_eq!(
        kinds,
        [
            ("city", InputKind::Text),
            ("age", InputKind::Number),
            ("count", InputKind::Integer),
            ("member", InputKind::Boolean),
            ("since", InputKind::Time)
        ]
    );
    assert_eq!(model.signature().input("count").unwrap().missing, Missing::Refused);
    // In another order, and with a column that nobody asked for.
    let rows = table(vec![
        ("since", Column::Time(vec![Some(1_767_323_045_678), None, Some(-86_400_000)])),
        ("other", Column::Int(vec![Some(1); 3])),
        ("count", Column::Int(vec![Some(1), Some(2), Some(3)])),
        ("member", Column::Bool(vec![Some(true), Some(false), Some(true)])),
        ("age", Column::Float(vec![1.5, f64::NAN, 3.0])),
        ("city", Column::Text(vec![Some("Kyoto".into()), None, Some("Ås".into())])),
    ]);
    assert_eq!(model.predict(&rows).unwrap().scores(), made.numbers("/rules"));
    let none = rows.take(&[]);
    assert_eq!(model.predict(&none).unwrap().rows(), 0);
    for (change, expected) in [
        (("count", Column::Int(vec![None; 3])), "has no value in row 0"),
        (("count", Column::Float(vec![0.5; 3])), "row 0 is `0.5`"),
        (("age", Column::Text(vec![Some("old".into()); 3])), "row 0 is `old`"),
    ] {
        let mut columns: Vec<_> =
            rows.names().iter().map(|name| (name.clone(), rows.get(name).unwrap().clone())).collect();
        columns.iter_mut().filter(|(name, _)| name == change.0).for_each(|(_, column)| *column = change.1.clone());
        let error = model.predict(&Table::new(columns).unwrap()).unwrap_err();
        assert!(error.is_caller_error() && error.to_string().contains(expected), "{error}");
    }
    assert!(matches!(model.predict(&xs(&[1.0])), Err(PredictError::MissingColumns { .. })));
}

#[test]
fn estimators_answer_their_probabilities_margins_and_values() {
    let Some(made) = made() else { return };
    let forest = made.load("forest");
    let classes = made.expected["forest"]["classes"].as_array().unwrap();
    assert!(forest.signature().classes.iter().eq(classes.iter().map(|class| class.as_str().unwrap())));
    let rows = block(made, |at| format!("X_{at}"));
    let answered = forest.predict(&rows).unwrap();
    let probabilities = made.numbers("/forest/probabilities");
    assert_eq!(answered.probabilities().unwrap(), probabilities.iter().map(|&value| value as f32).collect::<Vec<_>>());
    let labels = made.expected["forest"]["labels"].as_array().unwrap();
    assert!(
        answered.labels().unwrap().iter().zip(labels).all(|(label, expected)| **label == *expected.as_str().unwrap())
    );
    // A block takes the columns that a table has, in their order.
    let named = made.load("forest").named_by(&block(made, |at| format!("column {at}")), |_| true).unwrap();
    assert_eq!(named.predict(&block(made, |at| format!("column {at}"))).unwrap(), answered);

    let process = made.load("process");
    assert_eq!((process.signature().task, process.signature().inputs[1].name.as_str()), (Task::Regression, "b"));
    let rows = block(made, |at| ["a", "b", "c", "d", "e"][at].to_owned());
    let largest = process
        .predict(&rows)
        .unwrap()
        .scores()
        .iter()
        .zip(made.numbers("/process"))
        .fold(0.0, |largest, (a, b)| f64::max(largest, (a - b).abs()));
    assert!(largest <= 1e-12, "one thread and several may add in another order: {largest}");

    let margin = made.load("margin");
    let answered = margin.predict(&block(made, |at| format!("X_{at}"))).unwrap();
    assert!(answered.is_margin() && margin.signature().classes == ["false", "true"]);
    assert_eq!(answered.scores(), made.numbers("/margin"));
}

#[test]
fn labels_alone_are_classes_when_the_model_states_them_and_refused_when_it_does_not() {
    let Some(made) = made() else { return };
    let answered = made.load("choice").predict(&xs(&[1.0, -2.0, 0.0])).unwrap();
    assert_eq!(
        (answered.scores(), answered.probabilities()),
        (&[1.0, 0.0, 0.0][..], Some(&[0.0, 1.0, 1.0, 0.0, 1.0, 0.0][..]))
    );
    for (name, expected) in
        [("unstated", r#"metadata={"classes": ["no", "yes"]}"#), ("unsigned", "it has no signature; log it with")]
    {
        let error = made.load_with(name, &made.logs(), WorkerSettings::default()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn what_a_model_does_wrong_costs_only_its_own_request() {
    let Some(made) = made() else { return };
    let logs = tempfile::tempdir().unwrap();
    let settings =
        WorkerSettings { request_timeout: Duration::from_secs(2), memory_bytes: 3 << 30, ..WorkerSettings::default() };
    let model = made.load_with("trouble", logs.path(), settings).unwrap();
    let ask = |value: f64| model.predict(&xs(&[value]));
    assert_eq!(ask(3.0).unwrap().scores(), [6.0]);
    assert_eq!(
        error(&model, &xs(&[-1.0])),
        ExecutorError::Refused { reason: "ValueError: -1 is not taken".to_owned() }
    );
    let failed = error(&model, &xs(&[-2.0])).to_string();
    assert_eq!(failed, "the model failed: KeyError: 'a table that is gone'");
    let wrong = error(&model, &xs(&[-5.0])).to_string();
    assert!(wrong.contains("shape (2,) for 1 rows; one number per row is needed"), "{wrong}");
    let large = error(&model, &xs(&[-6.0])).to_string();
    assert!(large.contains("MemoryError"), "{large}");
    assert_eq!(ask(-7.0).unwrap().scores(), [1.0], "it sees no token, and what it prints and reads is not the socket");
    assert_eq!(model.worker_counts().unwrap().restarts, 0, "all of this was one worker");

    let lost = error(&model, &xs(&[-3.0])).to_string();
    assert!(lost.contains("it ended with code 3, its last line was `last words`"), "{lost}");
    assert_eq!(model.worker_counts().unwrap().restarts, 2, "another worker was asked, and ended too");
    let begin = Instant::now();
    assert_eq!(ask(4.0).unwrap().scores(), [8.0]);
    println!("the request after it waited {} ms for a new worker", begin.elapsed().as_millis());

    let begin = Instant::now();
    assert_eq!(error(&model, &xs(&[-4.0])), ExecutorError::TimedOut { limit: Duration::from_secs(2) });
    assert!(begin.elapsed() < Duration::from_secs(6), "{:?}", begin.elapsed());
    assert_eq!(ask(5.0).unwrap().scores(), [10.0]);
    let counts = model.worker_counts().unwrap();
    assert_eq!((counts.timeouts, counts.restarts, counts.alive, counts.waiting), (1, 3, 1, 0));
    let log = fs::read_to_string(logs.path().join("trouble.log")).unwrap();
    assert!(log.contains("last words") && log.contains("Traceback") && log.contains("printed"), "{log}");
}

/// Sends `requests` of the values at once from threads of their own.
fn at_once(model: &Arc<Model>, requests: Vec<Vec<f64>>) -> Vec<Result<Vec<f64>, PredictError>> {
    let ask = |values: Vec<f64>| {
        let model = model.clone();
        thread::spawn(move || model.predict(&xs(&values)).map(|answered| answered.scores().to_vec()))
    };
    let asked: Vec<_> = requests.into_iter().map(ask).collect();
    asked.into_iter().map(|thread| thread.join().unwrap()).collect()
}

#[test]
fn requests_that_wait_are_joined_and_a_wrong_one_does_not_spoil_the_others() {
    let Some(made) = made() else { return };
    let settings = WorkerSettings { request_timeout: Duration::from_secs(5), ..WorkerSettings::default() };
    let model = Arc::new(made.load_with("trouble", &made.logs(), settings).unwrap());
    let before = model.worker_counts().unwrap();
    // The first takes 50 ms: those behind it wait together.
    let mut requests = vec![vec![-9.0]];
    requests.extend((0..40).map(|at| vec![f64::from(at), 0.5]));
    requests.push(vec![7.0, -1.0]);
    requests.push(vec![-3.0]);
    let answered = at_once(&model, requests);
    for (at, answer) in answered[1..41].iter().enumerate() {
        assert_eq!(answer.as_ref().unwrap(), &[2.0 * at as f64, 1.0]);
    }
    assert!(matches!(&answered[41], Err(PredictError::Executor(ExecutorError::Refused { .. }))), "{:?}", answered[41]);
    assert!(matches!(&answered[42], Err(PredictError::Executor(ExecutorError::Lost { .. }))), "{:?}", answered[42]);
    // Without wrong ones fewer calls than requests are made.
    let (between, mut requests) = (model.worker_counts().unwrap(), vec![vec![-9.0]]);
    requests.extend((0..40).map(|at| vec![f64::from(at)]));
    assert!(at_once(&model, requests).iter().all(Result::is_ok));
    let after = model.worker_counts().unwrap();
    assert_eq!((between.requests - before.requests, after.requests - between.requests), (43, 41));
    assert!(after.batches - between.batches < 35, "{after:?} after {between:?}");
}

#[test]
fn more_requests_than_may_wait_are_refused_and_those_that_were_taken_are_answered() {
    let Some(made) = made() else { return };
    let settings = WorkerSettings { max_waiting: 5, batch_rows: 1, ..WorkerSettings::default() };
    let model = Arc::new(made.load_with("trouble", &made.logs(), settings).unwrap());
    let answered = at_once(&model, vec![vec![-9.0]; 40]);
    let refused = answered
        .iter()
        .filter(|answer| matches!(answer, Err(PredictError::Executor(ExecutorError::Overloaded { waiting: 5 }))));
    let (refused, answers) = (refused.count(), answered.iter().filter(|answer| answer.is_ok()).count());
    assert_eq!(refused + answers, 40, "{answered:?}");
    assert!(refused > 0 && answers >= 6, "{refused} refused, {answers} answered");
    assert_eq!(model.worker_counts().unwrap().overloads, refused as u64);
    assert_eq!(model.predict(&xs(&[1.0])).unwrap().scores(), [2.0]);
}

#[test]
fn workers_that_are_killed_under_load_cost_no_request() {
    let Some(made) = made() else { return };
    let settings = WorkerSettings { workers: 2, ..WorkerSettings::default() };
    let model = Arc::new(made.load_with("trouble", &made.logs(), settings).unwrap());
    let pid = |model: &Model| model.predict(&xs(&[-8.0])).unwrap().scores()[0] as i32;
    let (is_done, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let load: Vec<_> = (0..4)
        .map(|_| {
            let (model, is_done, answered) = (model.clone(), is_done.clone(), answered.clone());
            thread::spawn(move || {
                while !is_done.load(Relaxed) {
                    assert_eq!(model.predict(&xs(&[1.0, 2.0])).unwrap().scores(), [2.0, 4.0]);
                    answered.fetch_add(1, Relaxed);
                }
            })
        })
        .collect();
    for _ in 0..5 {
        let restarts = model.worker_counts().unwrap().restarts;
        let killed = Command::new("kill").args(["-9", &pid(&model).to_string()]).status().unwrap();
        assert!(killed.success());
        let begin = Instant::now();
        // Two kills of one request are more than it survives: the worker is back before the next.
        while model.worker_counts().is_some_and(|counts| counts.restarts == restarts || counts.alive < 2) {
            assert!(begin.elapsed() < Duration::from_secs(60));
            thread::sleep(Duration::from_millis(20));
        }
        println!("a killed worker was replaced after {} ms", begin.elapsed().as_millis());
    }
    is_done.store(true, Relaxed);
    load.into_iter().for_each(|thread| thread.join().expect("no request failed"));
    let counts = model.worker_counts().unwrap();
    assert!(counts.restarts >= 5 && answered.load(Relaxed) > 50, "{counts:?}, {answered:?} answered");
    println!("{} requests were answered, none failed", answered.load(Relaxed));
}

#[test]
fn a_worker_is_replaced_after_its_calls_and_ends_with_its_model() {
    let Some(made) = made() else { return };
    let settings = WorkerSettings { recycle_after: 10, ..WorkerSettings::default() };
    let model = made.load_with("trouble", &made.logs(), settings).unwrap();
    let pid = || model.predict(&xs(&[-8.0])).unwrap().scores()[0] as i32;
    let (first, begin) = (pid(), Instant::now());
    while pid() == first {
        assert!(begin.elapsed() < Duration::from_secs(60), "it was never replaced");
        thread::sleep(Duration::from_millis(10));
    }
    let last = pid();
    let runs = |pid: i32| Path::new(&format!("/proc/{pid}")).exists();
    assert!(!runs(first) && runs(last));
    drop(model);
    assert!(!runs(last), "nobody uses it any more");
}
