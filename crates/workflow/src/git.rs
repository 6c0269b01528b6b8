//! Which commit of the code a run saw. A project without Git has none; that is no error.

use std::{path::Path, process::Command};

use kilter_blobs::answer_bounded;
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

/// Longest answer of `git` about a commit, and about the files that differ from it: one line each.
const MAX_STATE_BYTES: u64 = 256 << 20;
/// The largest difference that is kept.
const MAX_PATCH_BYTES: u64 = 16 << 20;
/// The difference as `git apply` takes it, whatever the person who runs it has configured: no other program, no other form of a
/// file, the usual prefixes and lines of context, submodules by their commits.
const PATCH: [&str; 14] = [
    "diff",
    "--binary",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--no-renames",
    "--unified=3",
    "--src-prefix=a/",
    "--dst-prefix=b/",
    "--submodule=short",
    "--relative",
    "HEAD",
    "--",
    ".",
];

/// The answer of `git` in the project folder; `None` if it fails or answers more than `limit` bytes.
fn ask(project: &Path, words: &[&str], limit: u64) -> Option<Vec<u8>> {
    let mut git = Command::new("git");
    // Stands above what the command line asks for.
    git.env_remove("GIT_DIFF_OPTS").arg("--no-optional-locks").args(words).current_dir(project);
    answer_bounded(&mut git, b"", limit).ok().flatten()
}

/// Asks `git`; `None` without Git, a repository or a commit.
pub(crate) fn state(project: &Path) -> Option<GitState> {
    let words = ["status", "--porcelain=v2", "--branch", "--untracked-files=no"];
    let state = parse(&String::from_utf8_lossy(&ask(project, &words, MAX_STATE_BYTES)?))?;
    let (author, email) = author(project).unzip();
    Some(GitState { author, email, ..state })
}

/// Name and e-mail address of the author of the commit that is checked out.
fn author(project: &Path) -> Option<(String, String)> {
    let answer = ask(project, &["log", "-1", "--no-show-signature", "--format=%an%x00%ae"], MAX_STATE_BYTES)?;
    let text = String::from_utf8_lossy(&answer);
    text.trim_end().split_once('\0').map(|(name, email)| (name.to_owned(), email.to_owned()))
}

/// How the tracked files of the project differ from the commit, as `git apply` takes it; `None` without Git, or where they differ by
/// more than 16 MiB.
pub fn patch(project: &Path) -> Option<Vec<u8>> {
    ask(project, &PATCH, MAX_PATCH_BYTES).filter(|patch| !patch.is_empty())
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
    fn a_patch_applies_whatever_the_person_has_configured() {
        let folder = tempfile::tempdir().unwrap();
        let git = |words: &[&str]| {
            let ours = ["-c", "user.name=ana", "-c", "user.email=ana@example.org", "-c", "commit.gpgsign=false"];
            let done = Command::new("git").args(ours).args(words).current_dir(folder.path()).output().unwrap();
            assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
        };
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        git(&["init", "--quiet"]);
        write(".gitattributes", "*.csv diff=table\n");
        write("a.csv", "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
        write("moved.py", &"the same line\n".repeat(20));
        git(&["add", "."]);
        git(&["commit", "--quiet", "-m", "first"]);
        for (name, value) in [
            ("diff.noprefix", "true"),
            ("diff.mnemonicPrefix", "true"),
            ("diff.context", "0"),
            ("diff.external", "true"),
            ("diff.table.textconv", "tac"),
            ("diff.table.command", "true"),
            ("diff.renames", "copies"),
            ("color.diff", "always"),
        ] {
            git(&["config", name, value]);
        }
        write("a.csv", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n");
        git(&["mv", "moved.py", "there.py"]);
        let patch = patch(folder.path()).unwrap();
        let text = String::from_utf8(patch.clone()).unwrap();
        assert!(text.starts_with("diff --git a/a.csv b/a.csv\n") && text.contains("\n 4\n-5\n+five\n 6\n"), "{text}");
        git(&["reset", "--quiet", "--hard"]);
        let place = folder.path().join("dirty.patch");
        std::fs::write(&place, patch).unwrap();
        git(&["apply", "dirty.patch"]);
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!((read("a.csv").lines().nth(4).unwrap(), read("there.py").len()), ("five", 280));
        assert!(!folder.path().join("moved.py").exists());
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
