//! Where a demo is played, and how the program is called there.

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use kilter_api::{Code, Problem};
use tempfile::TempDir;

use crate::{
    commands::project::replay::temporary_state,
    ui::error::{CliError, disk},
};

/// How the program is called here.
pub(super) fn as_typed() -> &'static str {
    if std::env::var_os("CARGO").is_some() { "cargo run --release --" } else { "kilter" }
}

/// The folder that is kept, or one that goes away with what is beside it; what it is played in must be empty.
pub(super) fn folder(keep: Option<&Path>, name: &str) -> Result<(PathBuf, Option<TempDir>), CliError> {
    if let Some(folder) = keep {
        refuse_used(folder)?;
        return Ok((folder.to_owned(), None));
    }
    let temporary = temporary_state()?;
    Ok((temporary.path().join(name), Some(temporary)))
}

/// Takes a folder away that nobody keeps. A store that closes writes its last file beside, so a folder that is not empty yet is looked at
/// again, for two seconds at most.
pub(super) fn remove(temporary: TempDir) -> Result<(), CliError> {
    let folder = temporary.keep();
    let mut left = 40;
    while let Err(error) = fs::remove_dir_all(&folder) {
        match error.kind() {
            io::ErrorKind::NotFound => break,
            io::ErrorKind::DirectoryNotEmpty if left > 0 => left -= 1,
            _ => return Err(disk("remove", &folder, &error)),
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// A folder that holds something is left alone.
fn refuse_used(folder: &Path) -> Result<(), CliError> {
    if folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        let detail = format!("`{}` holds something already", folder.display());
        return Err(Problem::new(Code::FileExists, detail).hint("name an empty folder").into());
    }
    Ok(())
}
