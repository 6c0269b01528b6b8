//! One process for one data folder: an advisory file lock that the kernel releases when its process ends, however it ends.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{Read, Seek, SeekFrom, Write},
    path::Path,
    sync::Arc,
};

use crate::StoreError;

const LOCK_FILE: &str = "store.lock";

/// The lock on a data folder; dropping it lets others in.
pub(crate) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Makes the folder when it is missing, and locks it.
    pub(crate) fn acquire(dir: &Path) -> Result<Self, StoreError> {
        let failed = |attempted, path: &Path| {
            let path = path.to_owned();
            move |source| StoreError::Folder { attempted, path, source: Arc::new(source) }
        };
        let is_new = !dir.exists();
        fs::create_dir_all(dir).map_err(failed("make the data folder", dir))?;
        if is_new && let Some(above) = dir.parent().filter(|above| !above.as_os_str().is_empty()) {
            // The name of the folder must survive a loss of power like what is written into it.
            File::open(above).and_then(|above| above.sync_all()).map_err(failed("sync the folder above", above))?;
        }
        let path = dir.join(LOCK_FILE);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed("open the lock", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::InUse { dir: dir.to_owned(), holder: holder(&mut file) });
            }
            Err(TryLockError::Error(source)) => return Err(failed("lock", &path)(source)),
        }
        sign(&mut file).map_err(failed("sign the lock", &path))?;
        Ok(Self { _file: file })
    }
}

/// Leaves our process id for whoever finds the folder locked.
fn sign(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    write!(file, "{}", std::process::id())
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.take(20).read_to_string(&mut text);
    match read.ok().and_then(|_| text.trim().parse::<u32>().ok()) {
        Some(process) => format!("process {process}"),
        None => "another process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_in_use_names_who_uses_it() {
        let dir = tempfile::tempdir().unwrap();
        let first = FolderLock::acquire(dir.path()).unwrap();
        let Err(StoreError::InUse { holder, .. }) = FolderLock::acquire(dir.path()) else { panic!("locked twice") };
        assert_eq!(holder, format!("process {}", std::process::id()));
        drop(first);
        FolderLock::acquire(dir.path()).unwrap();
    }

    #[test]
    fn a_file_in_the_place_of_the_folder_is_an_error_that_names_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data");
        fs::write(&path, "mine").unwrap();
        let error = FolderLock::acquire(&path).err().unwrap();
        assert!(error.to_string().contains("data"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"mine");
    }
}
