//! The command line: reads what a person typed, states the intention, says what came of it.
//!
//! Invariants: every command answers as text and, with `--json`, as one document; an exit code means the same in every
//! command; nothing is coloured or animated where it would end up in a file; a closed pipe is the end, not a failure.
//! Out of scope: decisions. What a command does is done by the crates below; here are words and arguments.

mod byte_size;
mod cli;
mod commands;
mod connect;
mod context;
mod credentials;
mod env;
mod fs;
mod input;
mod memory;
mod python_args;
mod server_config;
mod ui;

use std::{ffi::OsString, process::ExitCode};

use clap::{
    CommandFactory, FromArgMatches,
    error::{ContextKind, ContextValue},
};
use kilter_api::{Code, Exit, Problem};

use crate::ui::options::GlobalOptions;

pub use cli::Cli;
pub use ui::{
    error::CliError,
    output::Output,
    text_table::TextTable,
    view::{Answer, Page, Status},
};

/// Reads the arguments of the process, does what they say and tells how it went.
pub fn main() -> ExitCode {
    run(std::env::args_os().collect()).into()
}

/// Does what `arguments` (the program's name first) say.
pub fn run(arguments: Vec<OsString>) -> Exit {
    let asked_for_json = arguments.iter().any(|argument| argument == "--json");
    let mut command = match server_config::with_defaults(Cli::command(), &arguments) {
        Ok(command) => command,
        Err(error) => return fail(error, asked_for_json),
    };
    let parsed = command.try_get_matches_from_mut(arguments).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return refuse(&error.format(&mut command), asked_for_json),
    };
    let mut output = Output::new(&cli.shared);
    let ran = memory::bound_tables().and_then(|()| cli.command.run(&mut output));
    match ran.and_then(|answer| output.answer(&answer)) {
        Ok(exit) => exit,
        Err(CliError::PipeClosed) => Exit::Done,
        Err(CliError::Problem(problem)) => output.problem(&problem),
    }
}

/// Shows why the settings of the server cannot be used.
fn fail(error: CliError, as_json: bool) -> Exit {
    match error {
        CliError::PipeClosed => Exit::Done,
        CliError::Problem(problem) => {
            let options = GlobalOptions { json: as_json, ..GlobalOptions::default() };
            Output::new(&options).problem(&problem)
        }
    }
}

/// Shows help and version where they were asked for, and what is wrong with the arguments otherwise.
fn refuse(error: &clap::Error, as_json: bool) -> Exit {
    if !error.use_stderr() || !as_json {
        // Nothing can be said any more when the terminal is gone.
        let _ = error.print();
        return if error.use_stderr() { Exit::Usage } else { Exit::Done };
    }
    let text = error.render().to_string();
    let detail = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
    let problem = Problem::new(Code::UsageInvalid, detail);
    Output::json_only().problem(&match suggestion(error) {
        Some(name) => problem.hint(format!("did you mean `{name}`?")),
        None => problem,
    })
}

/// The name that was most likely meant.
fn suggestion(error: &clap::Error) -> Option<String> {
    let kinds = [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::SuggestedValue];
    kinds.into_iter().find_map(|kind| match error.get(kind)? {
        ContextValue::String(name) => Some(name.clone()),
        ContextValue::Strings(names) => names.last().cloned(),
        _ => None,
    })
}
