//! ONNX files that our own executor refuses, answered by onnxruntime: a shared library that is found when the first of them is loaded.
//!
//! What it is for: convolutions, recurrent nets and whatever else ONNX has. Nothing else of the platform needs the library.
//!
//! Invariants: the library is looked for beside the program (`lib/`), then where `ORT_DYLIB_PATH` says, and nowhere else; without it loading is
//! an error that says how to get it. A model has one session per core, each with one thread. Inputs and outputs have rows as their
//! first dimension, the others known. Out of scope: sequences, maps, GPU.

use std::{
    borrow::Cow,
    env,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, OnceLock, PoisonError},
    thread,
};

use kilter_domain::table::Column;
use kilter_inference::{
    Executor, ExecutorError, Format, Infinite, Input, InputKind, LoadError, Missing, Model, Outcome, SIGNATURE_KEY,
    Signature, Task,
};
use ort::{
    environment::Environment,
    session::{Session, SessionInputValue, builder::GraphOptimizationLevel},
    value::{DynValue, Outlet, Tensor, TensorElementType, ValueType},
};

/// The file of the library beside the program.
const BESIDE: &str = "lib/libonnxruntime.so";
/// The variable with its path.
const VARIABLE: &str = "ORT_DYLIB_PATH";
/// How the runtime is called in errors.
const NAME: &str = "onnxruntime";
/// The most columns of a model.
const MAX_COLUMNS: usize = 100_000;
/// The memory of a session, as a multiple of the file's size: the weights, once more those that are laid out for the kernels, and the arena. An
/// estimate: the library does not say it.
const SESSION_FACTOR: u64 = 2;
/// The most numbers of one tensor.
const MAX_NUMBERS: usize = 1 << 26;

/// Where the library is; `None` where it is not.
pub fn library() -> Option<PathBuf> {
    let beside = env::current_exe().ok().and_then(|program| Some(program.parent()?.join(BESIDE)));
    let named = env::var_os(VARIABLE).map(PathBuf::from);
    [beside, named].into_iter().flatten().find(|path| path.is_file())
}

/// The environment of the process: there is one, of the library that came first.
fn environment(library: &Path) -> Result<&'static Environment, LoadError> {
    static ENVIRONMENT: OnceLock<Result<Environment, String>> = OnceLock::new();
    let make = || {
        let builder =
            ort::init_from(library).map_err(|error| format!("{} cannot be loaded: {error}", library.display()))?;
        builder.with_name("kilter").with_telemetry(false).build().map_err(|error| error.to_string())
    };
    ENVIRONMENT.get_or_init(make).as_ref().map_err(|reason| failed(reason.clone()))
}

fn failed(reason: impl Into<String>) -> LoadError {
    LoadError::Runtime { runtime: NAME, reason: reason.into() }
}

/// Loads an ONNX file with the library that is found.
///
/// # Errors
/// If there is no library, it refuses the file, or the file has inputs or outputs that are no table.
pub fn load(bytes: &[u8]) -> Result<Model, LoadError> {
    let missing = || {
        failed(format!(
            "there is no {BESIDE} beside the program, and {VARIABLE} names no file; get the library with tools/fetch-onnxruntime"
        ))
    };
    load_with(&library().ok_or_else(missing)?, bytes)
}

/// Loads an ONNX file with this library.
///
/// # Errors
/// As [`load`].
pub fn load_with(library: &Path, bytes: &[u8]) -> Result<Model, LoadError> {
    let environment = environment(library)?;
    let first = session(environment, bytes)?;
    let inputs = first.inputs().iter().map(Block::of).collect::<Result<Vec<_>, _>>()?;
    let width: usize = inputs.iter().map(|block| block.width).sum();
    if width == 0 || width > MAX_COLUMNS {
        return Err(failed(format!("it has {width} columns; 1 to {MAX_COLUMNS} are taken")));
    }
    let output = Output::of(first.outputs())?;
    let written = first.metadata().ok().and_then(|metadata| metadata.custom(SIGNATURE_KEY));
    let written: Option<Signature> = written.and_then(|text| serde_json::from_str(&text).ok());
    let found = signature(&inputs, output.classes);
    let has_names = written.is_some() || (inputs.len() > 1 && inputs.iter().all(|block| block.width == 1));
    let kinds = |signature: &Signature| signature.inputs.iter().map(|input| input.kind).collect::<Vec<_>>();
    let fits = |written: &Signature| kinds(written) == kinds(&found) && written.classes.len() == found.classes.len();
    let signature = match written {
        Some(written) if !fits(&written) => return Err(failed("the signature in the file is not that of the model")),
        Some(written) => written,
        None => found,
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut sessions = vec![first];
    for _ in 1..cores {
        sessions.push(session(environment, bytes)?);
    }
    let memory_bytes = bytes.len() as u64 * SESSION_FACTOR * sessions.len() as u64;
    let net = Net { sessions: Mutex::new(sessions), returned: Condvar::new(), inputs, output, memory_bytes };
    Ok(Model::external(Format::Onnx, signature, has_names, Arc::new(net)))
}

fn session(environment: &Environment, bytes: &[u8]) -> Result<Session, LoadError> {
    let open = || -> ort::Result<Session> {
        Session::builder(environment)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .with_intra_threads(1)?
            .with_inter_threads(1)?
            .commit_from_memory(bytes)
    };
    open().map_err(|error| failed(error.to_string()))
}

/// One input of the graph, and the columns that it takes.
#[derive(Clone, Debug)]
struct Block {
    name: String,
    element: TensorElementType,
    /// The dimensions behind the rows.
    inner: Vec<i64>,
    width: usize,
}

impl Block {
    fn of(input: &Outlet) -> Result<Self, LoadError> {
        let wrong = |reason: &str| failed(format!("its input `{}` {reason}", input.name()));
        let ValueType::Tensor { ty, shape, .. } = input.dtype() else { return Err(wrong("is no tensor")) };
        let inner = shape.get(1..).unwrap_or_default().to_vec();
        if shape.is_empty() || inner.iter().any(|size| *size < 1) {
            return Err(wrong("does not say how many columns it has: only the first dimension may be open"));
        }
        kind(*ty).ok_or_else(|| wrong("is of an element type that no request carries"))?;
        let width = inner.iter().try_fold(1usize, |all, size| all.checked_mul(usize::try_from(*size).ok()?));
        let width =
            width.filter(|width| *width <= MAX_COLUMNS).ok_or_else(|| wrong("has more columns than are taken"))?;
        Ok(Self { name: input.name().to_owned(), element: *ty, inner, width })
    }

    /// The names of its columns.
    fn columns(&self) -> impl Iterator<Item = String> {
        let is_one = self.width == 1;
        (0..self.width).map(move |at| if is_one { self.name.clone() } else { format!("{}_{at}", self.name) })
    }

    /// The tensor of its columns, rows first.
    fn tensor(&self, columns: &[Cow<'_, Column>], rows: usize) -> Result<SessionInputValue<'static>, String> {
        if rows.saturating_mul(self.width) > MAX_NUMBERS {
            return Err(format!("{rows} rows of `{}` are more numbers than one call takes", self.name));
        }
        let shape: Vec<i64> = [rows as i64].into_iter().chain(self.inner.iter().copied()).collect();
        let cells = || (0..rows).flat_map(|row| columns.iter().map(move |column| (row, column)));
        let number = |(row, column): (usize, &Cow<'_, Column>)| column.number(row);
        let whole = |(row, column): (usize, &Cow<'_, Column>)| match &**column {
            Column::Int(values) | Column::Time(values) => values[row].unwrap_or_default(),
            other => other.number(row) as i64,
        };
        let text =
            |(row, column): (usize, &Cow<'_, Column>)| column.label(row).map_or(String::new(), |text| text.to_string());
        let made: ort::Result<DynValue> = match self.element {
            TensorElementType::Float32 => {
                Tensor::from_array((shape, cells().map(|cell| number(cell) as f32).collect::<Vec<_>>()))
                    .map(Tensor::into_dyn)
            }
            TensorElementType::Float64 => {
                Tensor::from_array((shape, cells().map(number).collect::<Vec<_>>())).map(Tensor::into_dyn)
            }
            TensorElementType::Int64 => {
                Tensor::from_array((shape, cells().map(whole).collect::<Vec<_>>())).map(Tensor::into_dyn)
            }
            TensorElementType::Int32 => {
                let narrow = cells().map(|cell| i32::try_from(whole(cell)));
                let narrow = narrow.collect::<Result<Vec<_>, _>>();
                let narrow = narrow.map_err(|_| format!("`{}` has a number beyond the range of int32", self.name))?;
                Tensor::from_array((shape, narrow)).map(Tensor::into_dyn)
            }
            TensorElementType::Bool => {
                Tensor::from_array((shape, cells().map(|cell| number(cell) == 1.0).collect::<Vec<_>>()))
                    .map(Tensor::into_dyn)
            }
            _ => Tensor::from_string_array((shape, cells().map(text).collect::<Vec<_>>().as_slice()))
                .map(Tensor::into_dyn),
        };
        made.map(SessionInputValue::from).map_err(|error| error.to_string())
    }
}

/// What a request carries for an element type.
const fn kind(element: TensorElementType) -> Option<InputKind> {
    match element {
        TensorElementType::Float32 | TensorElementType::Float64 => Some(InputKind::Number),
        TensorElementType::Int64 | TensorElementType::Int32 => Some(InputKind::Integer),
        TensorElementType::Bool => Some(InputKind::Boolean),
        TensorElementType::String => Some(InputKind::Text),
        _ => None,
    }
}

/// The output that is the answer.
#[derive(Clone, Debug)]
struct Output {
    name: String,
    /// 0 for a regression.
    classes: usize,
}

impl Output {
    /// The last output of floats with a number per row, or one per row and class.
    fn of(outputs: &[Outlet]) -> Result<Self, LoadError> {
        let answer = |output: &Outlet| {
            let ValueType::Tensor { ty: TensorElementType::Float32 | TensorElementType::Float64, shape, .. } =
                output.dtype()
            else {
                return None;
            };
            let classes = match &shape[..] {
                [_] | [_, 1] => 0,
                [_, classes] if (2..=MAX_COLUMNS as i64).contains(classes) => *classes as usize,
                _ => return None,
            };
            Some(Self { name: output.name().to_owned(), classes })
        };
        outputs.iter().rev().find_map(answer).ok_or_else(|| {
            let names: Vec<String> =
                outputs.iter().map(|output| format!("`{}`: {}", output.name(), output.dtype())).collect();
            failed(format!(
                "none of its outputs ({}) is a number per row, or one per row and class; export it with such an output",
                names.join(", ")
            ))
        })
    }
}

fn signature(inputs: &[Block], classes: usize) -> Signature {
    let input = |block: &Block, name: String| {
        let kind = kind(block.element).unwrap_or(InputKind::Number);
        let missing = match kind {
            InputKind::Integer | InputKind::Boolean | InputKind::Time => Missing::Refused,
            InputKind::Number | InputKind::Text => Missing::Allowed,
        };
        Input { name, kind, missing, infinite: Infinite::Passed, optional: false }
    };
    let task = match classes {
        0 => Task::Regression,
        2 => Task::Binary,
        _ => Task::Multiclass,
    };
    Signature {
        inputs: inputs.iter().flat_map(|block| block.columns().map(|name| input(block, name))).collect(),
        task,
        classes: (0..classes).map(|class| class.to_string()).collect(),
        target: None,
    }
}

/// A model of onnxruntime.
struct Net {
    /// Those that nobody uses now.
    sessions: Mutex<Vec<Session>>,
    returned: Condvar,
    inputs: Vec<Block>,
    output: Output,
    /// What its sessions take, by the size of its file.
    memory_bytes: u64,
}

impl std::fmt::Debug for Net {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Net").field("inputs", &self.inputs).field("output", &self.output).finish_non_exhaustive()
    }
}

impl Net {
    fn run(&self, session: &mut Session, columns: &[Cow<'_, Column>], rows: usize) -> Result<Outcome, String> {
        let (mut rest, mut values) = (columns, Vec::with_capacity(self.inputs.len()));
        for block in &self.inputs {
            let (own, others) = rest.split_at(block.width);
            values.push((block.name.as_str(), block.tensor(own, rows)?));
            rest = others;
        }
        let outputs = session.run(values).map_err(|error| error.to_string())?;
        let answer =
            outputs.get(&self.output.name).ok_or_else(|| format!("it has no output `{}`", self.output.name))?;
        let numbers = match answer.try_extract_tensor::<f32>() {
            Ok((_, numbers)) => numbers.iter().map(|number| f64::from(*number)).collect(),
            Err(_) => answer.try_extract_tensor::<f64>().map_err(|error| error.to_string())?.1.to_vec(),
        };
        Ok(match self.output.classes {
            0 => Outcome::Values(numbers),
            _ => Outcome::Classes(numbers),
        })
    }
}

/// A session that nobody else uses. It is given back whatever happens.
struct Lent<'n> {
    net: &'n Net,
    session: Option<Session>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.net.sessions.lock().unwrap_or_else(PoisonError::into_inner).extend(self.session.take());
        self.net.returned.notify_one();
    }
}

impl Executor for Net {
    fn execute(&self, columns: &[Cow<'_, Column>], rows: usize) -> Result<Outcome, ExecutorError> {
        let mut free = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let session = loop {
            match free.pop() {
                Some(session) => break session,
                None => free = self.returned.wait(free).unwrap_or_else(PoisonError::into_inner),
            }
        };
        drop(free);
        let mut lent = Lent { net: self, session: Some(session) };
        let answered = lent.session.as_mut().map(|session| self.run(session, columns, rows));
        answered
            .unwrap_or_else(|| Err("its session is gone".to_owned()))
            .map_err(|reason| ExecutorError::Failed { reason })
    }

    fn memory_bytes(&self) -> u64 {
        self.memory_bytes
    }
}
