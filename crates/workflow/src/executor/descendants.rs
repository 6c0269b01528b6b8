//! Every process that an attempt started, also one that left its group and its session.
//!
//! A process that calls `setsid` is in no group of ours, and one whose parent has ended belongs to nobody that we know. Two
//! things keep it in sight: this process adopts what its descendants leave behind (`PR_SET_CHILD_SUBREAPER`), and each
//! attempt carries a variable that names it, which its descendants inherit. What cleared the variable and left its parent
//! is found among the adopted ones once no other attempt runs. Outside of Linux there is no `/proc`: there only the
//! group ends.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::{
        Once,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

/// The variable that names the attempt, by its log.
pub(crate) const ATTEMPT_VARIABLE: &str = "KILTER_ATTEMPT";

/// How often what still runs is looked for: a process may start others while it is ended.
const MAX_ROUNDS: usize = 50;
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// Attempts that run in this process.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// An attempt whose processes are known until this is dropped.
pub(crate) struct Descendants {
    leader: i32,
    /// `KILTER_ATTEMPT=…`, as it stands in the environment of a process.
    mark: Vec<u8>,
    /// When the leader started, in the kernel's ticks since boot.
    began: u64,
}

/// What `/proc` says of a process.
struct Process {
    pid: i32,
    parent: i32,
    group: i32,
    session: i32,
    is_dead: bool,
    began: u64,
}

impl Descendants {
    /// Those of the process `leader`, whose environment names the attempt by `log`.
    pub(crate) fn of(leader: u32, log: &Path) -> Self {
        RUNNING.fetch_add(1, Ordering::SeqCst);
        let leader = i32::try_from(leader).unwrap_or_default();
        Self { leader, mark: mark(log), began: process(leader).map_or(0, |process| process.began) }
    }

    /// Kills every one of them that still runs, and takes those that are dead out of the list of processes.
    pub(crate) fn end(&self) {
        for _ in 0..MAX_ROUNDS {
            let (alive, dead): (Vec<_>, Vec<_>) = self.find().into_iter().partition(|process| !process.is_dead);
            dead.iter().for_each(reap);
            if alive.is_empty() {
                return;
            }
            alive.iter().filter_map(|process| Pid::from_raw(process.pid)).for_each(|pid| {
                // An error means that it has ended meanwhile.
                let _ = kill_process(pid, Signal::KILL);
            });
            thread::sleep(PAUSE);
        }
    }

    /// Those that exist, but for the leader, whom its own parent waits for.
    fn find(&self) -> Vec<Process> {
        let mine = std::process::id() as i32;
        let own_session = process(mine).map_or(0, |process| process.session);
        let is_alone = RUNNING.load(Ordering::SeqCst) == 1;
        let all = processes();
        let mut below = BTreeSet::from([self.leader]);
        // Parents stand before their children only by chance: go on until nobody is added.
        loop {
            let found: Vec<i32> = all
                .iter()
                .filter(|process| below.contains(&process.parent) && !below.contains(&process.pid))
                .map(|process| process.pid)
                .collect();
            if found.is_empty() {
                break;
            }
            below.extend(found);
        }
        let is_ours = |process: &Process| {
            let was_adopted = process.parent == mine && process.session != own_session && process.began >= self.began;
            below.contains(&process.pid)
                || process.group == self.leader
                || (is_alone && was_adopted)
                || self.carries_mark(process.pid)
        };
        all.into_iter()
            .filter(|process| process.pid != self.leader && process.pid != mine && is_ours(process))
            .collect()
    }

    fn carries_mark(&self, pid: i32) -> bool {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == self.mark)
    }
}

impl Drop for Descendants {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Kills what an attempt of a process that was killed has left behind; `log` names the attempt.
pub(crate) fn end_marked(log: &Path) {
    let mark = mark(log);
    for process in processes() {
        let environment = fs::read(format!("/proc/{}/environ", process.pid)).unwrap_or_default();
        let is_marked = environment.split(|byte| *byte == 0).any(|variable| variable == mark);
        if let (true, Some(pid)) = (is_marked, Pid::from_raw(process.pid)) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// From now on processes whose parent has ended become children of this one instead of the system's first.
pub(crate) fn adopt_orphans() {
    static ADOPT: Once = Once::new();
    ADOPT.call_once(|| {
        #[cfg(target_os = "linux")]
        // Without it only those that keep the variable are found.
        let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    });
}

fn mark(log: &Path) -> Vec<u8> {
    let log = std::path::absolute(log).unwrap_or_else(|_| log.to_owned());
    let mut mark = format!("{ATTEMPT_VARIABLE}=").into_bytes();
    mark.extend_from_slice(log.as_os_str().as_encoded_bytes());
    mark
}

/// Takes a dead child that was adopted out of the list of processes. One that another part of this process started is in
/// our own session and group, and is never handed in here.
fn reap(dead: &Process) {
    if dead.parent == std::process::id() as i32 {
        let _ = waitpid(Pid::from_raw(dead.pid), WaitOptions::NOHANG);
    }
}

fn processes() -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| process(entry.file_name().to_str()?.parse().ok()?)).collect()
}

/// Fields of `/proc/PID/stat`; the name in field 2 may hold blanks and brackets, so they are counted from its last bracket.
fn process(pid: i32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<i32>().ok();
    Some(Process {
        pid,
        is_dead: matches!(fields.first(), Some(&"Z" | &"X")),
        parent: number(1)?,
        group: number(2)?,
        session: number(3)?,
        began: fields.get(19)?.parse().ok()?,
    })
}
