//! How many files and sockets this process may hold open.

use rustix::process::{Resource, getrlimit, setrlimit};

/// More than a server ever needs, and far below what a kernel can hold.
const WANTED: u64 = 65_536;

/// Raises the number of files and sockets that may be open to what the system allows, and answers it.
///
/// Many systems start a process with 1,024, which connections alone would use up; then neither the log nor the
/// metadata could open a file.
pub(crate) fn raise_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let current = limit.current.unwrap_or(u64::MAX);
    let allowed = limit.maximum.unwrap_or(u64::MAX).min(WANTED);
    if current >= allowed {
        return current;
    }
    let raised = rustix::process::Rlimit { current: Some(allowed), maximum: limit.maximum };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => allowed,
        Err(_) => current,
    }
}

/// Connections may take half of what can be open: the other half is for the log, tables and metadata.
pub(crate) fn most_connections(wanted: usize, open_files: u64) -> usize {
    let half = usize::try_from(open_files / 2).unwrap_or(usize::MAX).max(1);
    if wanted > half {
        tracing::warn!(wanted, allowed = half, "fewer connections than wanted: this process may open few files");
    }
    wanted.min(half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_half_of_the_files_to_everything_else() {
        assert_eq!(most_connections(1_024, 65_536), 1_024);
        assert_eq!(most_connections(1_024, 256), 128);
        assert!(raise_limit() >= 256);
    }
}
