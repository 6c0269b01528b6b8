//! Where a demo is played, and how the program is called there.

use std::path::Path;

use kilter_api::{Code, Problem};

use crate::ui::error::CliError;

/// How the program is called here.
pub(super) fn as_typed() -> &'static str {
    if std::env::var_os("CARGO").is_some() { "cargo run --release --" } else { "kilter" }
}

/// A folder that holds something is left alone.
pub(super) fn refuse_used(folder: &Path) -> Result<(), CliError> {
    if folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        let detail = format!("`{}` holds something already", folder.display());
        return Err(Problem::new(Code::FileExists, detail).hint("name an empty folder").into());
    }
    Ok(())
}
