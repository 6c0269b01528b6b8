//! Passwords, read where nobody sees them.

use std::{
    io::{self, BufRead, IsTerminal},
    path::Path,
};

use kilter_api::{Code, Problem, Secret};

use crate::ui::error::{CliError, disk};

const MAX_BYTES: u64 = 4096;

/// A password: of a file, else of the terminal without showing it, else a line of standard input.
pub(super) fn read_password(file: Option<&Path>, prompt: &str) -> Result<Secret, CliError> {
    let text = match file {
        Some(file) => kilter_app::read_bounded_text(file, MAX_BYTES).map_err(|error| disk("read", file, &error))?,
        None if io::stdin().is_terminal() => rpassword::prompt_password(prompt).map_err(|error| failed(&error))?,
        None => {
            let mut line = String::new();
            io::stdin().lock().read_line(&mut line).map_err(|error| failed(&error))?;
            line
        }
    };
    Ok(Secret(text.trim_end_matches(['\n', '\r']).to_owned()))
}

/// A new password; at a terminal it is typed twice.
pub(super) fn read_new_password(file: Option<&Path>) -> Result<Secret, CliError> {
    let first = read_password(file, "New password: ")?;
    if file.is_none() && io::stdin().is_terminal() && read_password(None, "Again: ")? != first {
        return Err(Problem::new(Code::UsageInvalid, "the two passwords differ").into());
    }
    Ok(first)
}

fn failed(error: &io::Error) -> CliError {
    Problem::new(Code::UsageInvalid, "no password could be read").caused_by(Some(error)).into()
}
