use std::{
    sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    thread,
};

use kilter_domain::table::{Column, Table};
use kilter_serving::endpoint::{ModelSlot, NotLoaded, Predictor};
use kilter_train::{TrainOptions, train_model};
use proptest::prelude::*;

use super::{super::ServedModel, *};

const ROWS: usize = 60;

/// Rows whose label changes at another value for each seed, so that each has a model of its own.
fn rows(seed: usize) -> Table {
    let number = |factor: usize| Column::Float((0..ROWS).map(|row| ((row * factor) % 17) as f64).collect());
    let label = |row: usize| if (row * 5) % 17 > 3 + 3 * seed { "yes" } else { "no" };
    let labels = Column::Text((0..ROWS).map(|row| Some(label(row).into())).collect());
    Table::new(vec![("a".into(), number(5)), ("b".into(), number(3)), ("left".into(), labels)]).unwrap()
}

fn trained(seed: usize) -> Vec<u8> {
    train_model(&rows(seed), &TrainOptions::new("left")).unwrap().onnx
}

/// The file of a model, and how often it was read.
struct File {
    bytes: Vec<u8>,
    reads: AtomicUsize,
    is_damaged: AtomicBool,
    /// A read says that it began, and goes on when it is told to.
    pause: Option<Mutex<(mpsc::Sender<()>, mpsc::Receiver<()>)>>,
}

impl File {
    fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, reads: AtomicUsize::new(0), is_damaged: AtomicBool::new(false), pause: None }
    }
}

impl ReadModel for File {
    fn read(&self) -> Result<Arc<Model>, String> {
        if let Some(pause) = &self.pause {
            let pause = lock(pause);
            pause.0.send(()).unwrap();
            pause.1.recv().unwrap();
        }
        self.reads.fetch_add(1, SeqCst);
        if self.is_damaged.load(SeqCst) {
            return Err("the blob is damaged".to_owned());
        }
        Ok(Arc::new(Model::from_bytes(&self.bytes).unwrap()))
    }

    fn explainable(&self, model: Arc<Model>) -> Arc<ExplainableModel> {
        Arc::new(ExplainableModel::new(model, Box::new(|| None)))
    }
}

fn serve(memory: &ModelMemory, file: &Arc<File>) -> ServedModel {
    let model = Model::from_bytes(&file.bytes).unwrap();
    let takes = (model.signature().clone(), model.format());
    ServedModel::new(memory, Digest::of(&file.bytes), file.clone(), takes)
}

fn scores(model: &dyn Predictor) -> Vec<f64> {
    model.predict(&rows(0)).unwrap().scores
}

fn bytes_of(file: &File) -> u64 {
    Model::from_bytes(&file.bytes).unwrap().memory_bytes()
}

/// Files of models, each other, and which of them are in memory.
fn files(count: usize) -> Vec<Arc<File>> {
    (0..count).map(|seed| Arc::new(File::new(trained(seed)))).collect()
}

fn loaded(served: &[ServedModel]) -> Vec<usize> {
    (0..served.len()).filter(|at| served[*at].memory_bytes().is_some()).collect()
}

#[test]
fn over_the_bound_the_model_that_was_asked_for_least_recently_is_released() {
    let files = files(3);
    let limit = files.iter().map(|file| bytes_of(file)).sum::<u64>() - 1;
    let memory = ModelMemory::new(Some(limit));
    let served: Vec<_> = files.iter().map(|file| serve(&memory, file)).collect();
    assert!(
        loaded(&served).is_empty() && files.iter().all(|file| file.reads.load(SeqCst) == 0),
        "nothing was asked for"
    );
    for at in [0, 1, 0, 2] {
        served[at].get().unwrap();
    }
    assert_eq!(loaded(&served), [0, 2]);
    let again = served[1].get().unwrap();
    assert_eq!(loaded(&served), [1, 2], "the model of the oldest request went");
    let counts = memory.counts();
    assert_eq!((counts.loads, counts.evictions, counts.failures, counts.loaded), (4, 2, 0, 2));
    assert!(counts.bytes <= limit && counts.load_time > Duration::ZERO, "{counts:?}");
    assert!(memory.release_excess() && !memory.release_excess(), "something was released once");
    let before = scores(&*Model::from_bytes(&files[1].bytes).map(Arc::new).unwrap());
    assert_eq!(scores(&*again), before, "it answers as before");
}

#[test]
fn a_model_that_is_larger_than_the_bound_serves_alone() {
    let files = files(2);
    let memory = ModelMemory::new(Some(1));
    let served: Vec<_> = files.iter().map(|file| serve(&memory, file)).collect();
    for at in [0, 1, 1] {
        served[at].get().unwrap();
        memory.release_excess();
        assert_eq!(loaded(&served), [at]);
    }
    assert_eq!(files[1].reads.load(SeqCst), 1, "it stays until another one is asked for");
}

#[test]
fn what_a_request_has_in_hand_is_not_read_again() {
    let files = files(2);
    let memory = ModelMemory::new(Some(1));
    let served: Vec<_> = files.iter().map(|file| serve(&memory, file)).collect();
    let in_hand = served[0].get().unwrap();
    served[1].get().unwrap();
    assert_eq!(loaded(&served), [1]);
    assert_eq!(scores(&*in_hand), scores(&*served[0].get().unwrap()));
    assert_eq!(files[0].reads.load(SeqCst), 1);
    drop(in_hand);
}

#[test]
fn requests_during_a_load_wait_for_it_and_no_other_model_does() {
    let (began, begins) = mpsc::channel();
    let (go, goes) = mpsc::channel();
    let slow = File { pause: Some(Mutex::new((began, goes))), ..File::new(trained(1)) };
    let (slow, other) = (Arc::new(slow), Arc::new(File::new(trained(2))));
    let memory = ModelMemory::new(Some(u64::MAX));
    let (slow_model, other_model) = (serve(&memory, &slow), serve(&memory, &other));
    let together = Barrier::new(8);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                together.wait();
                scores(&*slow_model.get().unwrap())
            });
        }
        begins.recv().unwrap();
        scores(&*other_model.get().unwrap());
        assert!(slow_model.memory_bytes().is_none());
        go.send(()).unwrap();
    });
    assert_eq!((slow.reads.load(SeqCst), other.reads.load(SeqCst)), (1, 1));
}

#[test]
fn a_load_that_fails_says_why_and_is_tried_again_when_it_is_asked_to() {
    let file = Arc::new(File::new(trained(1)));
    let memory = ModelMemory::new(Some(1));
    let served = serve(&memory, &file);
    file.is_damaged.store(true, SeqCst);
    for _ in 0..3 {
        let failed = served.get().map(|_| ()).unwrap_err();
        assert_eq!(failed, NotLoaded::Failed { reason: "the blob is damaged".to_owned() });
    }
    assert_eq!(file.reads.load(SeqCst), 1, "a damaged file is not read for every request");
    assert_eq!(served.failure().as_deref(), Some("the blob is damaged"));
    file.is_damaged.store(false, SeqCst);
    served.load().unwrap();
    assert_eq!((served.failure(), file.reads.load(SeqCst)), (None, 2));
    assert_eq!((memory.counts().loads, memory.counts().failures), (1, 1));
}

#[test]
fn what_cannot_be_loaded_is_asked_for_again_and_nothing_stays_of_it() {
    let (memory, digest) = (ModelMemory::default(), Digest::of(b"model"));
    let explainable = |model: Arc<Model>| Arc::new(ExplainableModel::new(model, Box::new(|| None)));
    let failed = |why: &'static str| memory.find_or_load(digest, explainable, || Err(why)).map(|_| ());
    assert_eq!((failed("first"), failed("second")), (Err("first"), Err("second")));
    memory.release_excess();
    assert!(lock(&memory.0.slots).is_empty());
}

#[test]
fn of_models_that_no_version_serves_a_bounded_number_stays() {
    let (memory, bytes) = (ModelMemory::default(), trained(1));
    let explainable = |model: Arc<Model>| Arc::new(ExplainableModel::new(model, Box::new(|| None)));
    let served = serve(&memory, &Arc::new(File::new(trained(2))));
    served.get().unwrap();
    for number in 0..MAX_UNSERVED + 5 {
        let load = || Model::from_bytes(&bytes);
        memory.find_or_load(Digest::of(&number.to_le_bytes()), explainable, load).unwrap();
    }
    assert_eq!(memory.counts().loaded, MAX_UNSERVED as u64 + 1, "and the one that serves");
    assert!(served.memory_bytes().is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_requests_under_any_bound_are_answered_as_without_one(
        asked in prop::collection::vec(0_usize..4, 1..24),
        share in 0.0..1.5_f64,
    ) {
        let files = files(4);
        let all: u64 = files.iter().map(|file| bytes_of(file)).sum();
        let limit = (all as f64 * share) as u64;
        let memory = ModelMemory::new(Some(limit));
        let served: Vec<_> = files.iter().map(|file| serve(&memory, file)).collect();
        for at in asked {
            let expected = scores(&Model::from_bytes(&files[at].bytes).unwrap());
            prop_assert_eq!(scores(&*served[at].get().unwrap()), expected);
            // What many rows at once need came with the answer.
            memory.release_excess();
            let counts = memory.counts();
            prop_assert!(counts.bytes <= limit || counts.loaded == 1, "{:?}", counts);
            prop_assert!(served[at].memory_bytes().is_some(), "what was asked for last stays");
        }
    }
}
