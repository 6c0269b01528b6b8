//! A tree of files as one blob: the sorted list of (path, executable bit, digest, size), whose own digest is the
//! digest of the whole folder. Empty folders, owners and times are not part of it.

use std::{collections::HashSet, fmt::Write as _};

use kilter_domain::digest::Digest;

use crate::path::{TreePath, UnsafePath};

const HEADER: &str = "kilter-tree/v1";
/// Most files that one tree may hold.
pub const MAX_ENTRIES: usize = 5_000_000;

/// One file of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeEntry {
    /// Where it is in the tree.
    pub path: TreePath,
    /// Whether it may be executed.
    pub executable: bool,
    /// Of its bytes.
    pub digest: Digest,
    /// How many bytes it has.
    pub bytes: u64,
}

/// The files of a folder, sorted by path, each path once, none of them below another.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Tree {
    entries: Vec<TreeEntry>,
}

/// Why some bytes or entries are not a tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum TreeError {
    #[error("it does not begin with `{HEADER}`")]
    Header,
    #[error("line {line} is not `x|- DIGEST SIZE PATH`")]
    Line { line: usize },
    #[error("line {line}: the path is not allowed in a tree")]
    Path { line: usize, source: UnsafePath },
    #[error("the paths are not sorted, or one stands twice: `{0}`")]
    Order(String),
    #[error("`{0}` is a file and a folder at once")]
    FileAndFolder(String),
    #[error("it holds more than {MAX_ENTRIES} files")]
    TooMany,
}

impl Tree {
    /// A tree of these files, in any order.
    pub fn new(mut entries: Vec<TreeEntry>) -> Result<Self, TreeError> {
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Self::of_sorted(entries)
    }

    fn of_sorted(entries: Vec<TreeEntry>) -> Result<Self, TreeError> {
        if entries.len() > MAX_ENTRIES {
            return Err(TreeError::TooMany);
        }
        if let Some(pair) = entries.windows(2).find(|pair| pair[0].path >= pair[1].path) {
            return Err(TreeError::Order(pair[1].path.to_string()));
        }
        let files: HashSet<&str> = entries.iter().map(|entry| entry.path.as_str()).collect();
        let both = entries.iter().flat_map(|entry| entry.path.parents()).find(|folder| files.contains(folder));
        match both.map(str::to_owned) {
            Some(path) => Err(TreeError::FileAndFolder(path)),
            None => Ok(Self { entries }),
        }
    }

    /// The files, sorted by path.
    pub fn entries(&self) -> &[TreeEntry] {
        &self.entries
    }

    /// The file with this path.
    pub fn entry(&self, path: &str) -> Option<&TreeEntry> {
        let at = self.entries.binary_search_by(|entry| entry.path.as_str().cmp(path)).ok()?;
        self.entries.get(at)
    }

    /// Bytes of all files together.
    pub fn bytes(&self) -> u64 {
        self.entries.iter().fold(0, |sum, entry| sum.saturating_add(entry.bytes))
    }

    /// The manifest as it is stored; equal trees give equal bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!("{HEADER}\n");
        for TreeEntry { path, executable, digest, bytes } in &self.entries {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{} {digest} {bytes} {path}", if *executable { 'x' } else { '-' });
        }
        text.into_bytes()
    }

    /// Reads a manifest; refuses whatever [`Tree::to_bytes`] would not have written.
    pub fn parse(bytes: &[u8]) -> Result<Self, TreeError> {
        let text = std::str::from_utf8(bytes).map_err(|_| TreeError::Header)?;
        let lines = text.strip_prefix(HEADER).and_then(|rest| rest.strip_prefix('\n')).ok_or(TreeError::Header)?;
        let mut entries = Vec::new();
        for (at, line) in lines.split_inclusive('\n').enumerate() {
            if at >= MAX_ENTRIES {
                return Err(TreeError::TooMany);
            }
            entries.push(parse_line(at + 2, line)?);
        }
        Self::of_sorted(entries)
    }
}

fn parse_line(number: usize, line: &str) -> Result<TreeEntry, TreeError> {
    let bad = || TreeError::Line { line: number };
    let mut parts = line.strip_suffix('\n').ok_or_else(bad)?.splitn(4, ' ');
    let mut next = || parts.next().ok_or_else(bad);
    let executable = match next()? {
        "x" => true,
        "-" => false,
        _ => return Err(bad()),
    };
    let digest = next()?;
    // Upper-case hex would be a second way to write the same tree.
    let digest = digest.parse().ok().filter(|read: &Digest| read.to_string() == digest).ok_or_else(bad)?;
    let size = next()?;
    let bytes: u64 = size.parse().map_err(|_| bad())?;
    if bytes.to_string() != size {
        return Err(bad());
    }
    let path = next()?.parse().map_err(|source| TreeError::Path { line: number, source })?;
    Ok(TreeEntry { path, executable, digest, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(path: &str) -> TreeEntry {
        TreeEntry { path: path.parse().unwrap(), executable: false, digest: Digest::of(path.as_bytes()), bytes: 3 }
    }

    #[test]
    fn a_manifest_reads_back_what_it_writes() {
        let tree = Tree::new(vec![entry("b/c d"), entry("a.b"), entry("a/b"), entry("ü")]).unwrap();
        assert_eq!(Tree::parse(&tree.to_bytes()).unwrap(), tree);
    }

    #[test]
    fn manifests_that_could_write_elsewhere_or_twice_are_refused() {
        let digest = Digest::of(b"");
        for (lines, expected) in [
            (format!("- {digest} 0 ../x\n"), "line 2: the path is not allowed in a tree"),
            (format!("- {digest} 0 /etc/passwd\n"), "line 2: the path is not allowed in a tree"),
            (format!("- {digest} 0 a//b\n"), "line 2: the path is not allowed in a tree"),
            (format!("- {digest} 0 b\n- {digest} 0 a\n"), "the paths are not sorted, or one stands twice: `a`"),
            (format!("- {digest} 0 a\n- {digest} 0 a\n"), "the paths are not sorted, or one stands twice: `a`"),
            (format!("- {digest} 0 a\n- {digest} 0 a.b\n- {digest} 0 a/b\n"), "`a` is a file and a folder at once"),
            (format!("- {digest} 0 a"), "line 2 is not `x|- DIGEST SIZE PATH`"),
            (format!("- {digest} 00 a\n"), "line 2 is not `x|- DIGEST SIZE PATH`"),
            (format!("- {} 0 a\n", digest.to_string().to_uppercase()), "line 2 is not `x|- DIGEST SIZE PATH`"),
        ] {
            let error = Tree::parse(format!("{HEADER}\n{lines}").as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), expected, "{lines}");
        }
        assert_eq!(Tree::parse(b"\xff"), Err(TreeError::Header));
    }

    proptest! {
        #[test]
        fn bytes_nobody_chose_are_a_tree_only_when_they_write_back_the_same(
            lines in prop::collection::vec("[x-] [0-9a-f]{64} [0-9]{1,3} [a-c/.]{1,6}\n", 0..5),
            noise in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        ) {
            let mut bytes = format!("{HEADER}\n{}", lines.concat()).into_bytes();
            if let Some((at, byte)) = noise {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Ok(tree) = Tree::parse(&bytes) {
                prop_assert_eq!(tree.to_bytes(), bytes);
            }
        }
    }
}
