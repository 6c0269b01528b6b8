//! A model folder of MLflow as one archive: what a package has in the place of the file of a model.
//!
//! Invariants: the archive follows from the files alone; a folder with links, devices or more than [`MAX_BYTES`] bytes is refused.

use std::{fs, io, path::Path};

use kilter_blobs::BlobError;
use tempfile::TempDir;

use crate::{
    archive::{ArchiveWriter, unpack},
    error::PackageError,
    files::{is_executable, list},
    layout::MAX_BYTES,
};

/// The longest text that is taken out of an archive.
const MAX_TEXT: usize = 1 << 20;
/// The name of the archive while it is unpacked.
const ARCHIVE: &str = "model.tar";

/// The archive of the model folder `folder`.
///
/// # Errors
/// If the folder has something that no package has, is too large, or cannot be read.
pub fn pack_model_folder(folder: &Path) -> Result<Vec<u8>, PackageError> {
    let files = list(folder)?;
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| PackageError::from(BlobError::Io { attempted: "read", path, source })
    };
    let bytes: u64 = files.iter().map(|(.., metadata)| metadata.len()).sum();
    if bytes > MAX_BYTES {
        let source = io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("the model is {bytes} bytes, at most {MAX_BYTES} are packed"),
        );
        return Err(failed(folder)(source));
    }
    let mut archive = ArchiveWriter::new(Vec::with_capacity(bytes as usize + 1024 * (files.len() + 1)));
    for (path, place, metadata) in files {
        let file = fs::File::open(&place).map_err(failed(&place))?;
        archive.add(path.as_str(), is_executable(&metadata), metadata.len(), file).map_err(failed(&place))?;
    }
    archive.finish().map_err(failed(folder))
}

/// Unpacks the archive of a model into the folder `model` of `above`, which is not there yet.
///
/// # Errors
/// If the archive is damaged or has something that no package has, or cannot be written.
pub fn unpack_model_folder(archive: &[u8], above: &Path) -> Result<std::path::PathBuf, PackageError> {
    let (packed, target) = (above.join(ARCHIVE), above.join("model"));
    let failed = |source| PackageError::from(BlobError::Io { attempted: "write", path: target.clone(), source });
    fs::write(&packed, archive).map_err(failed)?;
    fs::create_dir(&target).map_err(failed)?;
    let found = unpack(&packed, &target)?;
    fs::remove_file(&packed).map_err(failed)?;
    Ok(found)
}

/// The text of a file at the top of an archive; `None` where there is none, or it is no text of this size.
pub(crate) fn text_in(archive: &[u8], path: &str) -> Result<Option<String>, PackageError> {
    let failed = |source| PackageError::from(BlobError::Io { attempted: "make", path: ARCHIVE.into(), source });
    let above = TempDir::new().map_err(failed)?;
    let folder = unpack_model_folder(archive, above.path())?;
    let text = fs::read(folder.join(path)).ok().filter(|bytes| bytes.len() <= MAX_TEXT);
    Ok(text.and_then(|bytes| String::from_utf8(bytes).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_of_a_folder_follows_from_its_files_and_unpacks_to_them() {
        let above = tempfile::tempdir().unwrap();
        let folder = above.path().join("a");
        fs::create_dir_all(folder.join("code")).unwrap();
        fs::write(folder.join("MLmodel"), "flavors:\n").unwrap();
        fs::write(folder.join("requirements.txt"), "numpy\n").unwrap();
        fs::write(folder.join("code/model.py"), "x = 1\n").unwrap();
        let packed = pack_model_folder(&folder).unwrap();
        assert_eq!(kilter_inference::Format::of(&packed), kilter_inference::Format::Pyfunc);
        fs::rename(&folder, above.path().join("b")).unwrap();
        assert_eq!(pack_model_folder(&above.path().join("b")).unwrap(), packed);
        let target = above.path().join("c");
        fs::create_dir(&target).unwrap();
        let unpacked = unpack_model_folder(&packed, &target).unwrap();
        assert_eq!(fs::read_to_string(unpacked.join("code/model.py")).unwrap(), "x = 1\n");
        assert_eq!(text_in(&packed, "requirements.txt").unwrap().as_deref(), Some("numpy\n"));
        assert_eq!(text_in(&packed, "python_env.yaml").unwrap(), None);
        assert!(unpack_model_folder(&packed[..700], &above.path().join("b")).is_err());
        std::os::unix::fs::symlink("/etc/passwd", above.path().join("b/link")).unwrap();
        assert!(pack_model_folder(&above.path().join("b")).is_err());
    }
}
