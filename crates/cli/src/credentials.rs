//! The tokens that `kilter login` stored: one file of the person, one token per platform.
//!
//! Invariants: only its owner can read the file; it is written whole or not at all; a file that others can read is not used.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use kilter_api::{Code, Problem, Token};
use serde::{Deserialize, Serialize};

use crate::ui::error::{CliError, disk};

const MAX_BYTES: u64 = 1 << 20;

/// What is stored of a platform.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Stored {
    token: kilter_api::Secret,
}

/// Where the file is: below `XDG_CONFIG_HOME`, else below `.config` of the home folder.
fn path() -> Option<PathBuf> {
    let folder = |variable: &str| std::env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from);
    let config = folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")))?;
    Some(config.join("kilter").join("credentials.json"))
}

/// How a platform is called in the file: the address of its server, else its data folder.
pub(crate) fn platform_name(server: Option<&str>, data: &Path) -> String {
    match server {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => fs::canonicalize(data).unwrap_or_else(|_| data.to_owned()).display().to_string(),
    }
}

/// The token that is stored for a platform.
pub(crate) fn stored_token(platform: &str) -> Result<Option<Token>, CliError> {
    let Some(path) = path() else { return Ok(None) };
    let stored = read(&path)?.remove(platform);
    Ok(stored.and_then(|stored| Token::new(&stored.token.0)).map(|token| token.with_file(path)))
}

/// Stores the token of a platform, or removes it; whether something changed.
pub(crate) fn store_token(platform: &str, token: Option<kilter_api::Secret>) -> Result<bool, CliError> {
    let path = path().ok_or_else(|| {
        Problem::new(
            Code::UsageInvalid,
            "there is no folder to store the token in: neither HOME nor XDG_CONFIG_HOME is set",
        )
    })?;
    let mut all = read(&path)?;
    let changed = match token {
        Some(token) => all.insert(platform.to_owned(), Stored { token }).is_none_or(|_| true),
        None => all.remove(platform).is_some(),
    };
    if changed {
        write(&path, &all).map_err(|error| disk("write", &path, &error))?;
    }
    Ok(changed)
}

fn read(path: &Path) -> Result<BTreeMap<String, Stored>, CliError> {
    let text = match kilter_app::read_bounded_text(path, MAX_BYTES) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(disk("read", path, &error)),
    };
    let mode = fs::metadata(path).map_or(0, |found| found.mode());
    if mode & 0o077 != 0 {
        let detail = format!("others on this machine can read the tokens in `{}`", path.display());
        let hint = format!("`chmod 600 {}`, and log in again: someone may have read them", path.display());
        return Err(Problem::new(Code::FileInvalid, detail).hint(hint).into());
    }
    serde_json::from_str(&text).map_err(|error| {
        let detail = format!("`{}` does not hold tokens as `kilter login` stores them", path.display());
        Problem::new(Code::FileInvalid, detail).caused_by(Some(&error)).hint("remove it, and log in again").into()
    })
}

fn write(path: &Path, all: &BTreeMap<String, Stored>) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let beside = path.with_extension(format!("{}.tmp", std::process::id()));
    let written = write_private(&beside, &serde_json::to_vec_pretty(all)?).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // What is left of a failed attempt is ours; the first error says why.
        let _ = fs::remove_file(&beside);
    }
    written
}

/// Writes a new file that only its owner can read.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
