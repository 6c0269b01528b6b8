//! One worker process: started, asked, ended.
//!
//! Invariants: the process has an environment of its own and no open file of ours but one end of a socket pair and the pipe of its log; it
//! leads a process group, which ends with it; it ends by itself when the server is gone.

use std::{
    env, fs,
    io::{self, Read, Write},
    os::{fd::OwnedFd, unix::net::UnixStream, unix::process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tempfile::TempDir;

use super::{
    frame::{Answer, Asked, FrameError, read_answer, read_ready},
    log::{Tail, WorkerLog},
    settings::WorkerSettings,
};

/// The program of a worker.
const WORKER: &str = include_str!("worker.py");
/// How long the socket is waited for before it is asked whether the worker lives and has time left.
const SLICE: Duration = Duration::from_millis(100);
/// Variables of the server that a worker keeps: where libraries and devices are, and the time zone.
const KEPT_VARIABLES: [&str; 3] = ["LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "TZ"];
/// Variables that give each worker one thread: several workers do more than several threads of one.
const THREADS: [&str; 4] = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"];

/// The files of a model in a folder of ours, which is gone when the model is no longer used.
#[derive(Debug)]
pub struct ModelFolder {
    above: TempDir,
    model: PathBuf,
}

impl ModelFolder {
    /// The model folder `model`, which lies in `above`.
    pub const fn new(above: TempDir, model: PathBuf) -> Self {
        Self { above, model }
    }

    /// The folder that MLflow wrote.
    pub fn model(&self) -> &Path {
        &self.model
    }

    /// Puts the program of a worker beside the model, with folders for what it writes.
    fn prepare(&self) -> io::Result<PathBuf> {
        let program = self.above.path().join("kilter_worker.py");
        fs::write(&program, WORKER)?;
        fs::create_dir_all(self.home())?;
        Ok(program)
    }

    fn home(&self) -> PathBuf {
        self.above.path().join("home")
    }
}

/// How the workers of a model are started.
#[derive(Debug)]
pub(super) struct Launch {
    pub python: PathBuf,
    pub folder: ModelFolder,
    pub log: Arc<WorkerLog>,
    pub settings: WorkerSettings,
}

/// Why a worker did not start.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    #[error("`{}` cannot be started: {source}", python.display())]
    Spawn { python: PathBuf, source: io::Error },
    #[error("{0}")]
    Model(String),
    #[error("its model was not loaded within {} s; see {}", .limit.as_secs(), log.display())]
    TimedOut { limit: Duration, log: PathBuf },
    #[error("{0}")]
    Ended(String),
}

/// Why a worker did not answer. It is ended then.
#[derive(Debug)]
pub(super) enum AskError {
    TimedOut,
    Lost(String),
}

/// A worker whose model is loaded.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    stream: UnixStream,
    tail: Tail,
    log: PathBuf,
    /// Calls that it answered.
    pub calls: u64,
    /// Whether another one is started in its place.
    pub is_replaced: bool,
}

impl Process {
    /// Starts a worker, and waits until its model is loaded. What the worker says of the model, as JSON.
    pub fn start(launch: &Launch) -> Result<(Self, String), StartError> {
        let failed = |source| StartError::Spawn { python: launch.python.clone(), source };
        let process = Self::spawn(launch).map_err(failed)?;
        let limit = launch.settings.start_timeout;
        let deadline = Instant::now() + limit;
        match read_ready(&mut process.timed(deadline)) {
            Ok(Answer::Ready(text)) => Ok((process, text)),
            Ok(Answer::Refused(reason) | Answer::Failed(reason)) => Err(StartError::Model(reason)),
            Ok(Answer::Outcome(_)) => Err(StartError::Ended("the worker answered before it was asked".to_owned())),
            Err(_) if Instant::now() >= deadline => {
                Err(StartError::TimedOut { limit, log: launch.log.path().to_owned() })
            }
            Err(error) => Err(StartError::Ended(process.reason(&error))),
        }
    }

    fn spawn(launch: &Launch) -> io::Result<Self> {
        let program = launch.folder.prepare()?;
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_read_timeout(Some(SLICE))?;
        ours.set_write_timeout(Some(SLICE))?;
        let mut command = Command::new(&launch.python);
        command
            .arg("-u")
            .arg(program)
            .arg(launch.folder.model())
            .arg(std::process::id().to_string())
            .arg(launch.settings.memory_bytes.to_string())
            .current_dir(launch.folder.home())
            .env_clear()
            .envs(environment(&launch.python, &launch.folder.home()))
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0);
        let mut child = command.spawn()?;
        // The end of the worker stays open in `command`: without it a dead worker would not be seen.
        drop(command);
        let tail = child.stderr.take().map(|stderr| launch.log.follow(stderr)).unwrap_or_default();
        let log = launch.log.path().to_owned();
        Ok(Self { child, stream: ours, tail, log, calls: 0, is_replaced: false })
    }

    /// Sends a request, and waits for its answer.
    pub fn ask(&mut self, frame: &[u8], asked: Asked, limit: Duration) -> Result<Answer, AskError> {
        let deadline = Instant::now() + limit;
        let mut socket = self.timed(deadline);
        let answered = socket.write_all(frame).map_err(FrameError::Io).and_then(|()| read_answer(&mut socket, asked));
        self.calls += 1;
        answered.map_err(|error| match error {
            FrameError::Io(_) if Instant::now() >= deadline => AskError::TimedOut,
            error => AskError::Lost(self.reason(&error)),
        })
    }

    /// The memory that it has, in bytes; `None` where the system does not say it.
    pub fn resident_bytes(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kibibytes << 10)
    }

    /// Whether it ended by itself, or somebody ended it.
    pub fn has_ended(&self) -> bool {
        exit_status(&self.child).is_some()
    }

    fn timed(&self, deadline: Instant) -> Timed<'_> {
        Timed { stream: &self.stream, child: &self.child, deadline }
    }

    /// Why it is lost: how it ended, and the last line that it wrote.
    fn reason(&self, error: &FrameError) -> String {
        // Its last words are on their way: they are read until it is gone, or for a moment.
        let ended = (0..20).find_map(|_| {
            exit_status(&self.child).or_else(|| {
                std::thread::sleep(Duration::from_millis(10));
                None
            })
        });
        let how = match ended {
            Some(ended) => ended,
            None => error.to_string(),
        };
        let line = self.tail.last_line().map(|line| format!(", its last line was `{line}`")).unwrap_or_default();
        format!("{how}{line}; see {}", self.log.display())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The dead leader was not reaped yet, so its number is still that of its group. An error means that nobody is left.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

/// How a child ended, where it did; it stays unreaped.
fn exit_status(child: &Child) -> Option<String> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    let status = waitid(WaitId::Pid(Pid::from_child(child)), options).ok()??;
    let by_signal = || status.terminating_signal().map(|signal| format!("it was ended by signal {signal}"));
    status.exit_status().map(|code| format!("it ended with code {code}")).or_else(by_signal)
}

/// The socket of a worker, until a time, and as long as the worker lives.
struct Timed<'p> {
    stream: &'p UnixStream,
    child: &'p Child,
    deadline: Instant,
}

impl Timed<'_> {
    fn until<T>(&self, mut call: impl FnMut(&UnixStream) -> io::Result<T>) -> io::Result<T> {
        loop {
            match call(self.stream) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
            if Instant::now() >= self.deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
            // A process that the model forked may hold the socket open.
            if exit_status(self.child).is_some() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

impl Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.until(|mut stream| stream.read(buffer))
    }
}

impl Write for Timed<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.until(|mut stream| stream.write(buffer))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The variables of a worker: no token, key or address of the server is among them.
fn environment(python: &Path, home: &Path) -> Vec<(&'static str, std::ffi::OsString)> {
    let programs = python.parent().map(|folder| format!("{}:/usr/bin:/bin", folder.display()));
    let text = |text: &str| std::ffi::OsString::from(text);
    let mut all = vec![
        ("PATH", text(programs.as_deref().unwrap_or("/usr/bin:/bin"))),
        ("HOME", home.into()),
        ("TMPDIR", home.into()),
        ("LANG", text("C.UTF-8")),
        ("PYTHONUNBUFFERED", text("1")),
        ("PYTHONNOUSERSITE", text("1")),
        ("PYTHONHASHSEED", text("0")),
        // What MLflow tells its makers stays here.
        ("MLFLOW_DISABLE_TELEMETRY", text("true")),
        ("DO_NOT_TRACK", text("true")),
    ];
    all.extend(THREADS.map(|name| (name, text("1"))));
    all.extend(KEPT_VARIABLES.iter().filter_map(|name| Some((*name, env::var_os(name)?))));
    all
}
