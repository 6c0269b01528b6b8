//! The kinds of model files, and what tells them apart.

use serde::{Deserialize, Serialize};

/// Where the header of a tar archive says that it is one.
const TAR_MAGIC_AT: usize = 257;

/// A kind of model file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Format {
    /// An ONNX file.
    #[default]
    #[serde(rename = "onnx")]
    Onnx,
    /// The text that `Booster.save_model` of LightGBM writes.
    #[serde(rename = "lightgbm")]
    LightGbm,
    /// What `Booster.save_model("model.json")` of XGBoost writes.
    #[serde(rename = "xgboost-json")]
    XgboostJson,
    /// What `Booster.save_model("model.ubj")` of XGBoost writes.
    #[serde(rename = "xgboost-ubjson")]
    XgboostUbjson,
    /// A model folder of MLflow as one tar archive, which its own Python answers.
    #[serde(rename = "pyfunc")]
    Pyfunc,
}

impl Format {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Onnx, Self::LightGbm, Self::XgboostJson, Self::XgboostUbjson, Self::Pyfunc];

    /// The kind that the first bytes tell; what is none of the others is taken for ONNX.
    pub fn of(bytes: &[u8]) -> Self {
        let mut visible = bytes.iter().filter(|byte| !byte.is_ascii_whitespace());
        match (visible.next(), visible.next()) {
            _ if is_lightgbm(bytes) => Self::LightGbm,
            _ if is_tar(bytes) => Self::Pyfunc,
            (Some(b'{'), Some(b'"')) => Self::XgboostJson,
            // A key is a length and that many bytes; `$` and `#` announce members of one type or number.
            (Some(b'{'), Some(b'i' | b'U' | b'I' | b'l' | b'L' | b'$' | b'#')) if bytes[0] == b'{' => {
                Self::XgboostUbjson
            }
            _ => Self::Onnx,
        }
    }

    /// How the field calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Onnx => "ONNX",
            Self::LightGbm => "LightGBM",
            Self::XgboostJson | Self::XgboostUbjson => "XGBoost",
            Self::Pyfunc => "MLflow pyfunc",
        }
    }

    /// The library that reads the file: what model hubs call its name.
    pub const fn library(self) -> &'static str {
        match self {
            Self::Onnx => "onnx",
            Self::LightGbm => "lightgbm",
            Self::XgboostJson | Self::XgboostUbjson => "xgboost",
            Self::Pyfunc => "mlflow",
        }
    }

    /// The file name in a folder or a package.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Onnx => "model.onnx",
            Self::LightGbm => "model.lgb",
            Self::XgboostJson => "model.json",
            Self::XgboostUbjson => "model.ubj",
            Self::Pyfunc => "model.tar",
        }
    }

    /// The names that Triton's FIL backend gives to files of this kind: such folders serve as they are.
    pub const fn fil_names(self) -> &'static [&'static str] {
        match self {
            Self::LightGbm => &["model.txt"],
            Self::XgboostJson => &["xgboost.json"],
            Self::XgboostUbjson => &["xgboost.ubj"],
            Self::Onnx | Self::Pyfunc => &[],
        }
    }
}

/// Whether the bytes begin as LightGBM's text does.
fn is_lightgbm(bytes: &[u8]) -> bool {
    bytes.strip_prefix(b"tree").is_some_and(|rest| matches!(rest.first(), Some(b'\n' | b'\r')))
}

/// Whether the bytes begin as a tar archive does.
fn is_tar(bytes: &[u8]) -> bool {
    bytes.get(TAR_MAGIC_AT..).is_some_and(|rest| rest.starts_with(b"ustar"))
}

/// What a library calls the columns of a model that was trained on a matrix without names.
pub(crate) const fn block_name(format: Format) -> &'static str {
    match format {
        Format::Onnx => "input",
        Format::LightGbm => "Column",
        Format::XgboostJson | Format::XgboostUbjson => "f",
        Format::Pyfunc => "X",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_the_format() {
        let tar = [&[b'm'; TAR_MAGIC_AT][..], b"ustar\x0000"].concat();
        assert_eq!((Format::of(&tar), Format::of(&tar[..TAR_MAGIC_AT + 4])), (Format::Pyfunc, Format::Onnx));
        for (bytes, format) in [
            (&b"tree\nversion=v4\n"[..], Format::LightGbm),
            (b"tree\r\nversion=v4\r\n", Format::LightGbm),
            (b"{\"learner\":{}}", Format::XgboostJson),
            (b" {\n  \"learner\": {}}", Format::XgboostJson),
            (b"{L\x00\x00\x00\x00\x00\x00\x00\x07learner{}}", Format::XgboostUbjson),
            (b"\x08\x08\x12\x05", Format::Onnx),
            (b"treetop", Format::Onnx),
            (b"", Format::Onnx),
        ] {
            assert_eq!(Format::of(bytes), format, "{:?}", String::from_utf8_lossy(bytes));
        }
    }
}
