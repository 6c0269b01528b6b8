//! Connections and what bounds them. Out of scope: anything of the platform.

pub(crate) mod address;
pub(crate) mod body_pool;
pub(crate) mod connection_threads;
pub(crate) mod connections;
pub(crate) mod file_body;
pub(crate) mod hosts;
pub(crate) mod limits;
pub(crate) mod listener;
pub(crate) mod multiplexed;
pub(crate) mod open_files;
pub(crate) mod plain_text;
pub(crate) mod redact;
pub(crate) mod request_id;
pub(crate) mod session_cookie;
pub(crate) mod shutdown;
pub(crate) mod token;
