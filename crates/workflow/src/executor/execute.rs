//! Starts the process, watches it, and ends it with everything that it started.

use std::{
    fs,
    io::{self, PipeReader, Read},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::absolute,
    process::{self, Child, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use wait4::Wait4;

use super::{
    attempt::{Attempt, Command, End, Outcome, RunnerError, Tee},
    cancel::CancelToken,
    descendants::{ATTEMPT_VARIABLE, Descendants, adopt_orphans},
    log::BoundedLog,
    orphan::ProcessMark,
};

/// How soon a cancellation is noticed.
const CANCEL_LATENCY: Duration = Duration::from_millis(25);
/// How long a process that left the group may hold the output open before it is given up.
const OUTPUT_GRACE: Duration = Duration::from_secs(2);

/// Runs the attempt to its end.
///
/// # Errors
/// When it could not start, or its output could not be written. A process that ran and failed is an [`Outcome`].
pub fn execute(attempt: &Attempt, cancel: &CancelToken) -> Result<Outcome, RunnerError> {
    let log_failed = |source| RunnerError::Log { path: attempt.log.clone(), source };
    let log = BoundedLog::create(&attempt.log, attempt.log_limit_bytes).map_err(log_failed)?;
    let log = Arc::new(Mutex::new(log));
    let began = Instant::now();
    adopt_orphans();
    let (child, output) = start(attempt)?;
    let descendants = Descendants::of(child.id(), &attempt.log);
    let hidden_below = own_peak_bytes();
    if let (Some(path), Some(mark)) = (&attempt.mark, ProcessMark::of(child.id())) {
        // Without the note the process merely outlives a killed Kilter, as any child does.
        let _ = mark.write(path);
    }
    let drained = drain(output, Arc::clone(&log), attempt.tee.clone());
    let stopped = watch(&child, attempt, cancel, began);
    let pid = child.id();
    // The leader is dead but not reaped, so its number still names this group and no other.
    signal_group(&child, Signal::KILL);
    descendants.end();
    let used = child.wait4().map_err(|source| RunnerError::Wait { pid, source })?;
    let wall_ms = began.elapsed().as_millis() as u64;
    let _ = drained.recv_timeout(OUTPUT_GRACE);
    let left_out = log.lock().unwrap_or_else(PoisonError::into_inner).finish().map_err(log_failed)?;
    Ok(Outcome {
        end: stopped.unwrap_or_else(|| end_of(used.status)),
        wall_ms,
        cpu_ms: (used.rusage.utime + used.rusage.stime).as_millis() as u64,
        max_rss_bytes: Some(used.rusage.maxrss).filter(|peak| *peak > hidden_below),
        log_bytes_left_out: left_out,
    })
}

fn start(attempt: &Attempt) -> Result<(Child, PipeReader), RunnerError> {
    let (program, arguments) = match &attempt.command {
        Command::Shell(line) if line.trim().is_empty() => return Err(RunnerError::EmptyCommand),
        Command::Shell(line) => ("sh", vec!["-c", line.as_str()]),
        Command::Program(words) => match words.split_first() {
            Some((program, rest)) => (program.as_str(), rest.iter().map(String::as_str).collect()),
            None => return Err(RunnerError::EmptyCommand),
        },
    };
    let spawn = || -> io::Result<(Child, PipeReader)> {
        // One pipe for both streams keeps their lines in the order they were written.
        let (reader, writer) = io::pipe()?;
        let child = process::Command::new(program)
            .args(arguments)
            .current_dir(&attempt.folder)
            .env_clear()
            .envs(&attempt.environment)
            .env(ATTEMPT_VARIABLE, absolute(&attempt.log)?)
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .process_group(0)
            .spawn()?;
        Ok((child, reader))
    };
    spawn().map_err(|source| RunnerError::Start { program: program.to_owned(), folder: attempt.folder.clone(), source })
}

/// Copies the output to the log until everyone has closed it, then says so.
fn drain(mut output: PipeReader, log: Arc<Mutex<BoundedLog>>, tee: Option<Tee>) -> Receiver<()> {
    let (done, drained) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0; 16 * 1024];
        loop {
            match output.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    log.lock().unwrap_or_else(PoisonError::into_inner).push(&buffer[..count]);
                    tee.iter().for_each(|tee| tee(&buffer[..count]));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        let _ = done.send(());
    });
    drained
}

/// Waits until the leader is dead (not yet reaped). `Some` says why we ended it.
fn watch(child: &Child, attempt: &Attempt, cancel: &CancelToken, began: Instant) -> Option<End> {
    let (dead, died) = mpsc::channel();
    let pid = Pid::from_child(child);
    thread::spawn(move || {
        // NOWAIT leaves the dead process in place: its number stays taken until the group is gone.
        while let Err(error) = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
            if error != rustix::io::Errno::INTR {
                break;
            }
        }
        let _ = dead.send(());
    });
    let stopped = loop {
        if died.recv_timeout(CANCEL_LATENCY) != Err(RecvTimeoutError::Timeout) {
            return None;
        }
        if cancel.is_cancelled() {
            break End::Cancelled;
        }
        if attempt.timeout.is_some_and(|limit| began.elapsed() >= limit) {
            break End::TimedOut;
        }
    };
    signal_group(child, Signal::TERM);
    if died.recv_timeout(attempt.grace).is_err() {
        signal_group(child, Signal::KILL);
        let _ = died.recv();
    }
    Some(stopped)
}

fn signal_group(child: &Child, signal: Signal) {
    // An error here means that nobody is left in the group.
    let _ = kill_process_group(Pid::from_child(child), signal);
}

/// Peak resident memory of this process: the least that the kernel reports for a child. Zero where it is not known.
fn own_peak_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")).and_then(|kib| kib.trim().parse::<u64>().ok());
    kib.unwrap_or_default().saturating_mul(1024)
}

fn end_of(status: ExitStatus) -> End {
    match (status.code(), status.signal()) {
        (Some(code), _) => End::Exited(code),
        (None, signal) => End::Signalled(signal.unwrap_or_default()),
    }
}
