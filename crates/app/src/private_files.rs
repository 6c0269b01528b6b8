//! What only its owner may read: the data folder (what was predicted of whom) and the token.

use std::{
    fs::{self, DirBuilder},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::Path,
};

use tempfile::TempDir;

/// Read, write and search for the owner alone.
const PRIVATE: u32 = 0o700;
/// What others may do, of the bits of a mode.
const OTHERS: u32 = 0o077;

/// Makes `folder` for its owner alone, and what is missing above it as the system does; one that is there is left as it is.
///
/// # Errors
/// What the disk answers.
pub fn create_private_folder(folder: &Path) -> io::Result<()> {
    if let Some(above) = folder.parent().filter(|above| !above.as_os_str().is_empty()) {
        fs::create_dir_all(above)?;
    }
    match DirBuilder::new().mode(PRIVATE).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        made => made,
    }
}

/// A new folder below `above`, for its owner alone; it goes away with its guard. `above` is made if it is missing.
///
/// # Errors
/// What the disk answers.
pub fn temporary_folder(above: &Path, prefix: &str) -> io::Result<TempDir> {
    fs::create_dir_all(above)?;
    tempfile::Builder::new().prefix(prefix).permissions(fs::Permissions::from_mode(PRIVATE)).tempdir_in(above)
}

/// Replaces the file at `path` by `bytes` in one step, durably, for its owner alone. Its folder is made for the owner alone too.
///
/// # Errors
/// What the disk answers.
pub(crate) fn write_private_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    create_private_folder(folder)?;
    let mut file = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o600)).tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    fs::File::open(folder)?.sync_all()
}

/// Why others than its owner can get at the file or folder at `path`, and what to do; `None` when nobody can, or nothing is
/// there.
pub fn open_to_others(path: &Path) -> Option<String> {
    let found = fs::metadata(path).ok()?;
    let mode = found.permissions().mode() & 0o777;
    let wanted = if found.is_dir() { PRIVATE } else { 0o600 };
    let detail =
        || format!("`{}` can be used by others (mode {mode:o}): chmod {wanted:o} `{}`", path.display(), path.display());
    (mode & OTHERS != 0).then(detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_folder_is_its_owners_alone_and_goes_with_its_guard() {
        let above = tempfile::tempdir().unwrap();
        let missing = above.path().join("data/scratch");
        let (first, second) =
            (temporary_folder(&missing, "run-7.").unwrap(), temporary_folder(&missing, "run-7.").unwrap());
        assert_ne!(first.path(), second.path(), "two of one name");
        assert_eq!(first.path().parent(), Some(missing.as_path()));
        assert_eq!(fs::metadata(first.path()).unwrap().permissions().mode() & 0o777, PRIVATE);
        fs::write(first.path().join("half.parquet"), "x").unwrap();
        drop(first);
        let left: Vec<_> = fs::read_dir(&missing).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(left, [second.path()]);
    }

    #[test]
    fn a_folder_is_made_for_its_owner_and_one_that_is_open_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        create_private_folder(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, PRIVATE);
        assert_eq!(open_to_others(&path), None);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).unwrap();
        create_private_folder(&path).unwrap();
        let warning = open_to_others(&path).unwrap();
        assert!(warning.contains("mode 750") && warning.contains("chmod 700"), "{warning}");
        assert_eq!(open_to_others(&folder.path().join("nothing")), None);
        fs::write(folder.path().join("file"), "").unwrap();
        assert!(create_private_folder(&folder.path().join("file")).is_err());
    }
}
