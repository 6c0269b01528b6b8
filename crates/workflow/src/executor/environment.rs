//! What a step may see of the environment that Kilter runs in, and where it finds `kilter` itself.

use std::{
    collections::BTreeMap,
    env, fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process,
};

use super::attempt::RunnerError;

/// Names that any command needs to work at all, and that change no result.
const INHERITED: [&str; 10] =
    ["HOME", "KILTER_TABLE_MEMORY", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "SHELL", "TMPDIR", "USER"];

/// The few variables every step gets, and `declared` ones that are set, from the environment of this process. The folders
/// `first` come first in PATH, in their order.
pub fn inherited_environment<'a>(
    declared: impl IntoIterator<Item = &'a str>,
    first: &[&Path],
) -> BTreeMap<String, String> {
    let names = INHERITED.into_iter().chain(declared);
    let mut found: BTreeMap<String, String> =
        names.filter_map(|name| env::var(name).ok().map(|value| (name.to_owned(), value))).collect();
    if !first.is_empty() {
        let rest = found.get("PATH").map_or("/usr/local/bin:/usr/bin:/bin", String::as_str);
        let first: String = first.iter().map(|folder| format!("{}:", folder.display())).collect();
        let path = format!("{first}{rest}");
        found.insert("PATH".to_owned(), path);
    }
    found
}

/// Makes `folder/kilter` lead to `binary`, so that the word `kilter` in a step's command means the running program
/// whatever else is installed. Returns the absolute path of the folder, to stand first in PATH.
///
/// # Errors
/// [`RunnerError::Tool`] when the folder or the link cannot be written.
pub fn link_tool(folder: &Path, binary: &Path) -> Result<PathBuf, RunnerError> {
    let link = folder.join("kilter");
    let failed = |source: io::Error| RunnerError::Tool { path: folder.to_owned(), source };
    fs::create_dir_all(folder).map_err(failed)?;
    if fs::read_link(&link).is_ok_and(|target| target == binary) {
        return folder.canonicalize().map_err(failed);
    }
    // Two runs may do this at once: each makes its own link and renames it over the other's.
    let staged = folder.join(format!(".kilter.{}.{:?}", process::id(), std::thread::current().id()));
    let _ = fs::remove_file(&staged);
    symlink(binary, &staged).and_then(|()| fs::rename(&staged, &link)).map_err(failed)?;
    folder.canonicalize().map_err(failed)
}
