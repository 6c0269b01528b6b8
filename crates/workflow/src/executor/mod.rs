//! Executes one attempt of one step as a local process, and says how it ended.
//!
//! Invariants: the child sees only the environment that was handed in; a time-out or a cancellation ends the whole
//! process group, grandchildren included; nothing of the group outlives the attempt; a log has a bound and keeps its
//! head and its tail. The clock and sleeping stand here and nowhere above.
//!
//! Out of scope: what a step is, its inputs, outputs and cache (the modules beside it), other places to execute (Ray,
//! Slurm, Kubernetes), and any judgement of the result beyond how the process ended.

mod attempt;
mod cancel;
mod descendants;
mod environment;
mod execute;
mod log;
mod orphan;
mod retry;

pub use attempt::{Attempt, Command, End, Outcome, RunnerError, Tee};
pub use cancel::CancelToken;
pub use environment::{inherited_environment, link_tool};
pub use execute::execute;
pub use orphan::ProcessMark;
pub use retry::{InvalidRetryOn, Retry, RetryOn, execute_with_retries};
