//! The log: text for people, one JSON object a line for machines; on standard error.

use tracing_subscriber::{EnvFilter, fmt};

/// How the lines of the log look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// A line of text for each event, for people.
    Text,
    /// A JSON object on a line for each event, for machines.
    Json,
}

/// Begins the log of this process. `filter` is a level (`info`) or levels of parts (`info,kilter_server=debug`).
///
/// # Errors
/// When `filter` cannot be read. A log that has begun already stays as it is.
pub fn init_logs(format: LogFormat, filter: &str, color: bool) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter).map_err(|error| error.to_string())?;
    let base = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let _ = match format {
        LogFormat::Text => base.with_ansi(color).with_target(false).try_init(),
        LogFormat::Json => base.json().flatten_event(true).with_current_span(false).try_init(),
    };
    Ok(())
}
