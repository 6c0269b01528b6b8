//! A note of which process group runs, so that the next start can end what a killed Kilter left behind.

use std::{fs, io, path::Path};

use rustix::process::{Pid, Signal, kill_process_group};

use super::descendants;

/// The leader of a process group, distinguished from later processes of the same number by its start time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessMark {
    pid: i32,
    /// In the kernel's ticks since boot.
    started: u64,
}

impl ProcessMark {
    /// The mark of a running process; `None` where the system does not tell start times (outside of Linux).
    pub fn of(pid: u32) -> Option<Self> {
        let pid = i32::try_from(pid).ok()?;
        Some(Self { pid, started: start_time(pid)? })
    }

    /// Writes the mark to `path`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        fs::write(path, format!("{} {}\n", self.pid, self.started))
    }

    /// Reads a mark; `None` when there is none or it was torn.
    pub fn read(path: &Path) -> Option<Self> {
        let text = fs::read_to_string(path).ok()?;
        let (pid, started) = text.strip_suffix('\n')?.split_once(' ')?;
        Some(Self { pid: pid.parse().ok().filter(|pid| *pid > 1)?, started: started.parse().ok()? })
    }

    /// Kills every process that still names the attempt by its log, whatever became of its leader and its group.
    pub fn end_attempt(log: &Path) {
        descendants::end_marked(log);
    }

    /// Kills the process group if its leader still runs; says whether it did.
    pub fn end(&self) -> bool {
        let still_runs = start_time(self.pid) == Some(self.started);
        still_runs && Pid::from_raw(self.pid).is_some_and(|group| kill_process_group(group, Signal::KILL).is_ok())
    }
}

/// Field 22 of `/proc/PID/stat`; the name in field 2 may hold blanks and brackets, so count from its last bracket.
fn start_time(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(19)?.parse().ok()
}
