//! What lives in memory only: each component guards itself, and is empty after a start.
//!
//! Out of scope: what is done with it; the use cases are in the modules of their nouns.

pub(crate) mod access;
pub(crate) mod active_runs;
pub(crate) mod column_stats_registry;
pub(crate) mod contract_cache;
pub(crate) mod error_tally;
pub(crate) mod followed_entries;
pub(crate) mod held_approvals;
pub(crate) mod identities;
pub(crate) mod label_marks;
pub(crate) mod leases;
pub(crate) mod metric_histories;
pub(crate) mod model_memory;
pub(crate) mod past_marks;
pub(crate) mod proven_passwords;
pub(crate) mod publish_retries;
pub(crate) mod refusal_log;
pub(crate) mod serving;
pub(crate) mod serving_registry;
pub(crate) mod signing_keys;
pub(crate) mod threshold_schedule;
pub(crate) mod window_bound;
pub(crate) mod window_labels;
