//! Which commit of the code a run saw. A project without Git has none; that is no error.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use kilter_domain::actor::Actor;
use serde::{Deserialize, Serialize};

/// The commit checked out in the project folder, and whether tracked files differ from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitState {
    /// The id of the commit, in hex.
    pub commit: String,
    /// Whether a tracked file differs from the commit; files that Git does not track do not count.
    pub dirty: bool,
    /// Who wrote the commit, by name; runs of earlier versions do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The e-mail address of the author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

impl GitState {
    /// The users that the author of the commit may be: by e-mail address, by its part before the `@`, and by name. Git proves
    /// none of them, so each is taken for a maker.
    pub fn authors(&self) -> Vec<Actor> {
        let email = self.email.as_deref().unwrap_or_default().to_lowercase();
        let local = email.split('@').next().unwrap_or_default();
        let name = self.author.as_deref().unwrap_or_default().to_lowercase();
        let words: Vec<&str> = name.split_whitespace().collect();
        let mut names = vec![email.clone(), local.to_owned()];
        names.extend(["", ".", "-", "_"].map(|between| words.join(between)));
        let mut authors: Vec<Actor> = names.iter().filter_map(|name| Actor::user(name).ok()).collect();
        authors.sort();
        authors.dedup();
        authors
    }
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
    let state = parse(&String::from_utf8_lossy(&output.stdout))?;
    let (author, email) = author(project).unzip();
    Some(GitState { author, email, ..state })
}

/// Name and e-mail address of the author of the commit that is checked out.
fn author(project: &Path) -> Option<(String, String)> {
    let output = Command::new("git")
        .args(["--no-optional-locks", "log", "-1", "--no-show-signature", "--format=%an%x00%ae"])
        .current_dir(project)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim_end().split_once('\0').map(|(name, email)| (name.to_owned(), email.to_owned()))
}

/// The largest difference that is kept.
const MAX_PATCH_BYTES: usize = 16 << 20;

/// How the tracked files of the project differ from the commit, as `git apply` takes it; `None` without Git, or where they differ by
/// more than 16 MiB.
pub fn patch(project: &Path) -> Option<Vec<u8>> {
    let output = Command::new("git")
        .args([
            "--no-optional-locks",
            "diff",
            "--binary",
            "--no-color",
            "--no-ext-diff",
            "--relative",
            "HEAD",
            "--",
            ".",
        ])
        .current_dir(project)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    Some(output.stdout).filter(|patch| !patch.is_empty() && patch.len() <= MAX_PATCH_BYTES)
}

fn parse(text: &str) -> Option<GitState> {
    let commit = text.lines().find_map(|line| line.strip_prefix("# branch.oid "))?;
    let dirty = text.lines().any(|line| !line.starts_with('#'));
    (commit != "(initial)").then(|| GitState { commit: commit.to_owned(), dirty, author: None, email: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_tracked_file_makes_the_state_dirty() {
        let clean = "# branch.oid 0123abc\n# branch.head main\n";
        let state = GitState { commit: "0123abc".to_owned(), dirty: false, author: None, email: None };
        assert_eq!(parse(clean).unwrap(), state);
        assert!(parse(&format!("{clean}1 .M N... 100644 100644 100644 a b file\n")).unwrap().dirty);
        assert_eq!(parse("# branch.oid (initial)\n# branch.head main\n"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn the_author_of_a_commit_is_each_user_that_they_may_be() {
        let of = |author: &str, email: &str| {
            let (author, email) = (Some(author.to_owned()), Some(email.to_owned()));
            let state = GitState { commit: "0123abc".to_owned(), dirty: false, author, email };
            state.authors().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        let all = "user:ana user:ana-li user:ana.li user:ana@example.org user:ana_li user:anali";
        assert_eq!(of("Ana Li", "Ana@example.org"), all);
        assert_eq!(of("", ""), "");
        assert_eq!(of("Zoë", "zoe+git@example.org"), "", "what is no name of a user names nobody");
    }
}
