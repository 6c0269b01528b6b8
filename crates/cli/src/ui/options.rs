//! Options that every command takes.

use clap::{Args, ValueEnum};

/// Options that every command takes.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct GlobalOptions {
    /// Answer with one JSON document; a failure is one too, on standard error.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print only failures (and the document of --json). The exit code is the answer.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// When to use colour. `auto` asks the terminal, and NO_COLOR.
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
