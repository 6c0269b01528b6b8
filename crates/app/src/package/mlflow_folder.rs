//! A model folder that MLflow wrote with the flavor `onnx`.
//!
//! Of `MLmodel` only what says where the model is is read, line by line: it is YAML as MLflow writes it.

use std::path::{Path, PathBuf};

use kilter_blobs::{ensure_inside, read_bounded_text};

const MAX_BYTES: u64 = 4 << 20;

/// The ONNX file of a folder of MLflow; `None` if it is none, or has another flavor.
pub(super) fn onnx_file(folder: &Path) -> Option<PathBuf> {
    let text = read_bounded_text(&folder.join("MLmodel"), MAX_BYTES).ok()?;
    let data = data_of_onnx(&text)?;
    ensure_inside(folder, Path::new(data)).ok().filter(|path| path.is_file())
}

/// `flavors: onnx: data: FILE`.
fn data_of_onnx(text: &str) -> Option<&str> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut lines = text.lines().skip_while(|line| line.trim_end() != "flavors:").skip(1);
    let onnx = lines.by_ref().find(|line| line.trim() == "onnx:")?;
    let inner = lines.take_while(|line| indent(line) > indent(onnx));
    let data = inner.filter_map(|line| line.trim().strip_prefix("data:")).next()?;
    Some(data.trim().trim_matches(['\'', '"']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_the_flavor_onnx_is_found_and_no_other() {
        let text = "artifact_path: model\nflavors:\n  onnx:\n    code: null\n    data: model.onnx\n  python_function:\n    data: other.onnx\nrun_id: x\n";
        assert_eq!(data_of_onnx(text), Some("model.onnx"));
        assert_eq!(data_of_onnx(&text.replace("data: model.onnx", "data: 'a b.onnx'")), Some("a b.onnx"));
        assert_eq!(data_of_onnx(&text.replace("  onnx:\n    code: null\n    data: model.onnx\n", "")), None);
        assert_eq!(data_of_onnx("onnx:\n  data: x"), None);
    }
}
