//! How much memory a table may take: a part of what this process may use, or what `KILTER_TABLE_MEMORY` says.
//!
//! A command holds a table, what it makes of it, and for a moment both in two forms. So a table gets a sixth of the memory
//! there is: what a machine, a container or `ulimit -v` gives is then enough for the command, and a table that is too
//! large is refused with its size instead of ending the process.

use std::fs;

use kilter_api::Problem;
use rustix::process::{Resource, getrlimit};

use crate::{
    byte_size::Size,
    ui::error::{CliError, usage},
};

/// A table gets one part of so many of the memory there is.
const PARTS: u64 = 6;
/// Never more than this, unless it is asked for.
const MAX_DEFAULT_BYTES: u64 = 4 << 30;
/// Never less than this: every machine has it.
const MIN_DEFAULT_BYTES: u64 = 64 << 20;

const VARIABLE: &str = "KILTER_TABLE_MEMORY";

/// Sets how much memory the tables of this process may take.
///
/// # Errors
/// When `KILTER_TABLE_MEMORY` is not a size.
pub(crate) fn bound_tables() -> Result<(), CliError> {
    let bytes = match std::env::var(VARIABLE) {
        Ok(text) => text.parse::<Size>().map_err(|why| wrong(&why))?.bytes() as u64,
        Err(_) => default_bytes(&limits()),
    };
    kilter_lake::set_table_memory(usize::try_from(bytes).unwrap_or(usize::MAX));
    Ok(())
}

fn wrong(why: &str) -> CliError {
    let CliError::Problem(problem) = usage(format!("{VARIABLE}: {why}")) else { return CliError::PipeClosed };
    let problem: Problem = problem.hint("write a size like 2GiB, or unset it");
    problem.into()
}

/// A part of the smallest of `limits`.
fn default_bytes(limits: &[u64]) -> u64 {
    let there_is = limits.iter().copied().min().unwrap_or(u64::MAX);
    (there_is / PARTS).clamp(MIN_DEFAULT_BYTES, MAX_DEFAULT_BYTES)
}

/// What bounds the memory of this process: the machine, its container, its own limits.
fn limits() -> Vec<u64> {
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let machine = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:")).and_then(kib);
    let container = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let container = container.iter().find_map(|path| fs::read_to_string(path).ok()?.trim().parse().ok());
    let own = [Resource::As, Resource::Data].map(|resource| getrlimit(resource).current);
    [machine, container].into_iter().chain(own).flatten().collect()
}

/// The bytes of a line like `  16384 kB`.
fn kib(text: &str) -> Option<u64> {
    text.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_gets_a_sixth_of_the_least_memory_within_bounds() {
        assert_eq!(default_bytes(&[12 << 30, 6 << 30]), 1 << 30);
        assert_eq!(default_bytes(&[256 << 30]), MAX_DEFAULT_BYTES);
        assert_eq!(default_bytes(&[100 << 20]), MIN_DEFAULT_BYTES);
        assert_eq!(default_bytes(&[]), MAX_DEFAULT_BYTES);
        assert_eq!(kib("   24576 kB"), Some(24 << 20));
    }
}
