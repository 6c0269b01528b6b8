//! Options that every command takes.

use clap::{Args, ValueEnum};

/// Options that every command takes.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct GlobalOptions {
    /// Write one JSON document; a failure is a JSON document on standard error.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Write only failures (and the document of --json). The exit code is the result.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Show reasons in full, and every column of a table. Without it, a line has at most 100 characters.
    #[arg(long, short, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
    /// When to use colour: `auto` checks the terminal and NO_COLOR.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) color: ColorChoice,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    #[default]
    Auto,
    Always,
    Never,
}
