//! Which commit of the code a run saw. A project without Git has none; that is no error.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use serde::{Deserialize, Serialize};

/// The commit checked out in the project folder, and whether tracked files differ from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitState {
    /// The id of the commit, in hex.
    pub commit: String,
    /// Whether a tracked file differs from the commit; files that Git does not track do not count.
    pub dirty: bool,
}

/// Asks `git`; `None` without Git, a repository or a commit.
pub(crate) fn state(project: &Path) -> Option<GitState> {
    let output = Command::new("git")
        .args(["--no-optional-locks", "status", "--porcelain=v2", "--branch", "--untracked-files=no"])
        .current_dir(project)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    parse(&String::from_utf8_lossy(&output.stdout))
}

fn parse(text: &str) -> Option<GitState> {
    let commit = text.lines().find_map(|line| line.strip_prefix("# branch.oid "))?;
    let dirty = text.lines().any(|line| !line.starts_with('#'));
    (commit != "(initial)").then(|| GitState { commit: commit.to_owned(), dirty })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_tracked_file_makes_the_state_dirty() {
        let clean = "# branch.oid 0123abc\n# branch.head main\n";
        assert_eq!(parse(clean).unwrap(), GitState { commit: "0123abc".to_owned(), dirty: false });
        assert!(parse(&format!("{clean}1 .M N... 100644 100644 100644 a b file\n")).unwrap().dirty);
        assert_eq!(parse("# branch.oid (initial)\n# branch.head main\n"), None);
        assert_eq!(parse(""), None);
    }
}
