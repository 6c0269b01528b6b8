//! When a failed attempt is worth another one.

use std::{fmt, str::FromStr, time::Duration};

use super::{
    attempt::{End, Outcome},
    cancel::CancelToken,
};

/// Longest wait between two attempts, however often the backoff has doubled.
const MAX_BACKOFF: Duration = Duration::from_secs(3600);

/// A kind of failure that is retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryOn {
    /// Any failure but a cancellation.
    Any,
    /// The step took longer than its timeout.
    Timeout,
    /// This exit code; a process killed by signal N counts as 128 + N, as in a shell.
    Exit(i32),
    /// This signal; a shell whose command was killed by signal N ends with 128 + N.
    Signal(i32),
}

/// A text that is no retry condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a retry condition: write `any`, `timeout`, an exit code like `exit:137` or a signal like `signal:9`"
)]
pub struct InvalidRetryOn(pub String);

impl FromStr for RetryOn {
    type Err = InvalidRetryOn;

    fn from_str(text: &str) -> Result<Self, InvalidRetryOn> {
        let invalid = || InvalidRetryOn(text.to_owned());
        match text {
            "any" => Ok(Self::Any),
            "timeout" => Ok(Self::Timeout),
            _ => {
                let (kind, number) = text.split_once(':').ok_or_else(invalid)?;
                let number: u8 = number.parse().map_err(|_| invalid())?;
                match (kind, number) {
                    ("exit", code) => Ok(Self::Exit(code.into())),
                    ("signal", signal @ 1..=64) => Ok(Self::Signal(signal.into())),
                    _ => Err(invalid()),
                }
            }
        }
    }
}

impl fmt::Display for RetryOn {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => write!(out, "any"),
            Self::Timeout => write!(out, "timeout"),
            Self::Exit(code) => write!(out, "exit:{code}"),
            Self::Signal(signal) => write!(out, "signal:{signal}"),
        }
    }
}

/// How often, after what, and how soon a step is tried again.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Retry {
    /// Attempts after the first.
    pub times: u32,
    /// The failures that are tried again; none if it is empty.
    pub on: Vec<RetryOn>,
    /// The wait before the second attempt; it doubles for each further one, up to an hour.
    pub backoff: Duration,
}

impl Retry {
    /// The wait before the next attempt, after attempt `number` (1 is the first) ended so; `None` when it stays failed.
    pub fn wait_after(&self, end: &End, number: u32) -> Option<Duration> {
        let matches = |on: &RetryOn| match on {
            RetryOn::Any => true,
            RetryOn::Timeout => *end == End::TimedOut,
            RetryOn::Exit(code) => end.exit_code() == Some(*code),
            RetryOn::Signal(signal) => end.exit_code() == Some(128 + signal),
        };
        let is_failure = !end.is_success() && *end != End::Cancelled;
        let doublings = number.saturating_sub(1).min(20);
        (is_failure && number <= self.times && self.on.iter().any(matches))
            .then(|| self.backoff.saturating_mul(1 << doublings).min(MAX_BACKOFF))
    }
}

/// Executes attempt 1, 2, … until one succeeds or no retry is due; returns the number and the outcome of the last.
/// `waiting` gets each attempt that failed and the time until the next.
///
/// # Errors
/// What `attempt` answers when an attempt could not be started or watched; no other one follows.
pub fn execute_with_retries<E>(
    retry: &Retry,
    cancel: &CancelToken,
    attempt: &mut dyn FnMut(u32) -> Result<Outcome, E>,
    waiting: &mut dyn FnMut(u32, &End, Duration),
) -> Result<(u32, Outcome), E> {
    let mut number = 1;
    loop {
        let outcome = attempt(number)?;
        let Some(wait) = retry.wait_after(&outcome.end, number) else { return Ok((number, outcome)) };
        waiting(number, &outcome.end, wait);
        if cancel.sleep(wait) {
            return Ok((number, Outcome { end: End::Cancelled, ..outcome }));
        }
        number = number.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_read_back_what_they_write_and_others_are_refused() {
        for text in ["any", "timeout", "exit:137", "exit:0", "signal:9"] {
            assert_eq!(text.parse::<RetryOn>().unwrap().to_string(), text);
        }
        for text in ["", "exit", "exit:", "exit:256", "exit:-1", "Timeout", "signal:0", "signal:65"] {
            assert!(text.parse::<RetryOn>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_the_named_failures_are_retried_and_the_wait_doubles() {
        let second = Duration::from_secs(1);
        let retry =
            Retry { times: 2, on: vec![RetryOn::Exit(137), RetryOn::Timeout, RetryOn::Signal(15)], backoff: second };
        for (end, number, wait) in [
            (End::Exited(137), 1, Some(second)),
            (End::Signalled(9), 2, Some(2 * second)),
            (End::TimedOut, 2, Some(2 * second)),
            (End::TimedOut, 3, None),
            (End::Exited(1), 1, None),
            (End::Exited(0), 1, None),
            (End::Signalled(15), 1, Some(second)),
            (End::Exited(143), 1, Some(second)),
            (End::Cancelled, 1, None),
        ] {
            assert_eq!(retry.wait_after(&end, number), wait, "{end:?} {number}");
        }
        let any = Retry { times: 40, on: vec![RetryOn::Any], backoff: second };
        assert_eq!(any.wait_after(&End::Cancelled, 1), None);
        assert_eq!(any.wait_after(&End::Exited(1), 30), Some(MAX_BACKOFF));
    }
}
