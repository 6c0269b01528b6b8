//! A model folder that MLflow wrote: its flavors, and the file of one that runs here (`onnx`, `lightgbm` or `xgboost`).
//!
//! Of `MLmodel` only what says where the model is is read, line by line: it is YAML as MLflow writes it. MLflow keeps the larger
//! tensors of a model in files beside it; a package has its model in one file.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use kilter_blobs::{BlobError, ensure_inside, read_bounded, read_bounded_text};
use kilter_domain::{digest::Digest, error_chain::with_causes};
use kilter_inference::{
    Format,
    onnx::{ExternalData, inline_external},
};
use kilter_package::PackageError;

const MAX_BYTES: u64 = 4 << 20;
/// The largest model that is read.
const MAX_MODEL_BYTES: u64 = 2 << 30;

/// The flavors whose files run in the process.
pub(crate) const NATIVE_FLAVORS: [&str; 3] = ["onnx", "lightgbm", "xgboost"];

/// The flavor of every model that MLflow loads.
pub(crate) const PYFUNC: &str = "python_function";

/// The model file of a folder of MLflow; `None` if it is none, or has no flavor that runs.
pub(crate) fn model_file(folder: &Path) -> Option<PathBuf> {
    let text = read_bounded_text(&folder.join("MLmodel"), MAX_BYTES).ok()?;
    let data = NATIVE_FLAVORS.iter().find_map(|flavor| data_of(flavor, &text))?;
    ensure_inside(folder, Path::new(data)).ok().filter(|path| path.is_file())
}

/// The flavors of a folder of MLflow, in their order; `None` if it is none.
pub(crate) fn flavors(folder: &Path) -> Option<Vec<String>> {
    let text = read_bounded_text(&folder.join("MLmodel"), MAX_BYTES).ok()?;
    Some(flavors_of(&text))
}

/// The keys below `flavors:`.
fn flavors_of(text: &str) -> Vec<String> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let inner = text.lines().skip_while(|line| line.trim_end() != "flavors:").skip(1);
    let inner: Vec<&str> = inner.take_while(|line| indent(line) > 0).collect();
    let first = inner.first().map_or(0, |line| indent(line));
    let keys = inner.into_iter().filter(|line| indent(line) == first);
    keys.filter_map(|line| line.trim().strip_suffix(':')).map(str::to_owned).collect()
}

/// The model as one file; that of an ONNX file with the tensors that are in other files of its folder.
pub(crate) fn read_model(path: &Path) -> Result<Vec<u8>, PackageError> {
    let failed = |source| BlobError::Io { attempted: "read", path: path.to_owned(), source };
    let bytes = read_bounded(path, MAX_MODEL_BYTES).map_err(failed)?;
    if Format::of(&bytes) != Format::Onnx {
        return Ok(bytes);
    }
    let (digest, folder) = (Digest::of(&bytes), path.parent().unwrap_or(Path::new("")));
    inline_external(bytes, &mut |place, limit| read_tensor(folder, place, limit))
        .map_err(|source| PackageError::Model { digest, source })
}

/// The bytes of a tensor that is in a file of `folder`, at most `limit` of them.
fn read_tensor(folder: &Path, place: &ExternalData, limit: u64) -> Result<Vec<u8>, String> {
    let path = ensure_inside(folder, Path::new(&place.location)).map_err(|error| with_causes(&error))?;
    let found = path.metadata().map_err(|error| error.to_string())?;
    if !found.is_file() {
        return Err("it is no file".to_owned());
    }
    let rest = found.len().checked_sub(place.offset).ok_or("it ends before the tensor begins")?;
    let length = place.length.unwrap_or(rest);
    if length > rest.min(limit) {
        return Err(format!("{length} bytes are announced, {} can be read", rest.min(limit)));
    }
    let read = || {
        let (mut file, mut bytes) = (File::open(&path)?, Vec::with_capacity(length as usize));
        file.seek(SeekFrom::Start(place.offset))?;
        file.take(length).read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(bytes)
    };
    read().map_err(|error| error.to_string())
}

/// `flavors: FLAVOR: data: FILE`.
fn data_of<'t>(flavor: &str, text: &'t str) -> Option<&'t str> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut lines = text.lines().skip_while(|line| line.trim_end() != "flavors:").skip(1);
    let key = lines.by_ref().find(|line| line.trim().strip_suffix(':') == Some(flavor))?;
    let inner = lines.take_while(|line| indent(line) > indent(key));
    let data = inner.filter_map(|line| line.trim().strip_prefix("data:")).next()?;
    Some(data.trim().trim_matches(['\'', '"']))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_tensor_is_read_from_the_folder_of_its_model_and_from_nowhere_else() {
        let above = tempfile::tempdir().unwrap();
        let folder = above.path().join("model");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("w.data"), b"0123456789").unwrap();
        fs::write(above.path().join("secret"), b"0123456789").unwrap();
        std::os::unix::fs::symlink(above.path().join("secret"), folder.join("link")).unwrap();
        let read = |location: &str, offset, length| {
            read_tensor(&folder, &ExternalData { location: location.to_owned(), offset, length }, 8)
        };
        assert_eq!(read("w.data", 2, Some(3)).unwrap(), b"234");
        assert_eq!(read("w.data", 8, None).unwrap(), b"89");
        for (location, offset, length, reason) in [
            ("w.data", 0, None, "10 bytes are announced, 8 can be read"),
            ("w.data", 8, Some(3), "3 bytes are announced, 2 can be read"),
            ("w.data", 11, None, "it ends before the tensor begins"),
            ("gone", 0, None, "No such file"),
            (".", 0, None, ""),
            ("../secret", 0, None, ""),
            ("/etc/passwd", 0, None, ""),
            ("link", 0, None, ""),
        ] {
            let error = read(location, offset, length).unwrap_err();
            assert!(error.contains(reason), "{location}: {error}");
        }
    }

    #[test]
    fn the_flavors_are_the_keys_below_their_line() {
        let text = "artifact_path: m\nflavors:\n  onnx:\n    data: model.onnx\n  python_function:\n    env:\n      conda: x\nrun_id: x\n";
        assert_eq!(flavors_of(text), ["onnx", "python_function"]);
        assert_eq!(flavors_of("run_id: x\n"), [""; 0]);
    }

    #[test]
    fn the_file_of_the_flavor_onnx_is_found_and_no_other() {
        let text = "artifact_path: model\nflavors:\n  onnx:\n    code: null\n    data: model.onnx\n  python_function:\n    data: other.onnx\nrun_id: x\n";
        let data_of_onnx = |text: &str| data_of("onnx", text).map(str::to_owned);
        assert_eq!(data_of_onnx(text).as_deref(), Some("model.onnx"));
        assert_eq!(data_of_onnx(&text.replace("data: model.onnx", "data: 'a b.onnx'")).as_deref(), Some("a b.onnx"));
        assert_eq!(data_of_onnx(&text.replace("  onnx:\n    code: null\n    data: model.onnx\n", "")), None);
        assert_eq!(data_of_onnx("onnx:\n  data: x"), None);
        assert_eq!(data_of("xgboost", &text.replace("onnx:", "xgboost:")), Some("model.onnx"));
    }
}
