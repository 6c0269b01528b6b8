//! Paths that cannot leave the folder they are joined to.

use std::{
    fmt,
    path::{Component, Path, PathBuf},
    str::FromStr,
};

/// Longest relative path that a tree may hold, in bytes.
pub const MAX_PATH_BYTES: usize = 4096;

/// A relative path of plain components, written with `/`; it can be joined to any folder and stays inside of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TreePath(String);

/// Why a path cannot be joined to a folder safely.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum UnsafePath {
    #[error("it is empty")]
    Empty,
    #[error("it is longer than {MAX_PATH_BYTES} bytes")]
    TooLong,
    #[error("it is not UTF-8")]
    NotUtf8,
    #[error("it holds a control character or a backslash")]
    BadCharacter,
    #[error("it must be relative to the folder")]
    Absolute,
    #[error("it must not hold `.`, `..` or an empty part")]
    NotPlain,
    #[error("`{}` in it is a symbolic link, which may lead outside of the folder", .0.display())]
    Symlink(PathBuf),
}

impl FromStr for TreePath {
    type Err = UnsafePath;

    fn from_str(text: &str) -> Result<Self, UnsafePath> {
        if text.is_empty() {
            return Err(UnsafePath::Empty);
        }
        if text.len() > MAX_PATH_BYTES {
            return Err(UnsafePath::TooLong);
        }
        if text.chars().any(|c| c.is_control() || c == '\\') {
            return Err(UnsafePath::BadCharacter);
        }
        if text.starts_with('/') || Path::new(text).is_absolute() {
            return Err(UnsafePath::Absolute);
        }
        if text.split('/').any(|part| matches!(part, "" | "." | "..")) {
            Err(UnsafePath::NotPlain)
        } else {
            Ok(Self(text.to_owned()))
        }
    }
}

impl TreePath {
    /// The path as `a/b/c`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// This path below `folder`.
    pub fn below(&self, folder: &Path) -> PathBuf {
        self.0.split('/').fold(folder.to_owned(), |path, part| path.join(part))
    }

    /// The same of a path relative to a walked folder.
    pub(crate) fn of_relative(path: &Path) -> Result<Self, UnsafePath> {
        let parts: Option<Vec<&str>> = path
            .components()
            .map(|part| match part {
                Component::Normal(part) => part.to_str(),
                _ => None,
            })
            .collect();
        parts.ok_or(UnsafePath::NotUtf8)?.join("/").parse()
    }

    /// The folders above the last part: `a`, `a/b` of `a/b/c`.
    pub(crate) fn parents(&self) -> impl Iterator<Item = &str> {
        self.0.match_indices('/').map(|(at, _)| &self.0[..at])
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// `relative` below `root`, refused when it could lead outside: by its own parts, or by a symbolic link that stands
/// on the way (checked on the disk as it is now; what does not exist yet is fine).
pub fn ensure_inside(root: &Path, relative: &Path) -> Result<PathBuf, UnsafePath> {
    if relative.is_absolute() {
        return Err(UnsafePath::Absolute);
    }
    let text = relative.to_str().ok_or(UnsafePath::NotUtf8)?;
    let trimmed = text.strip_prefix("./").unwrap_or(text).trim_end_matches('/');
    let path: TreePath = trimmed.parse()?;
    let mut walked = root.to_owned();
    for part in path.as_str().split('/') {
        walked.push(part);
        if walked.symlink_metadata().is_ok_and(|found| found.is_symlink()) {
            return Err(UnsafePath::Symlink(PathBuf::from(part)));
        }
    }
    Ok(walked)
}
