//! Which Python a step runs, read off its command.

use std::{
    collections::BTreeSet,
    env, fs,
    io::Read,
    path::{Path, PathBuf},
};

use crate::{code_deps::command_words, plan::Step};

/// Longest script that is searched for the word.
const MAX_SCRIPT_BYTES: u64 = 64 << 10;

/// An interpreter as a command names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Interpreter {
    /// A name that is looked up in PATH: `python3`.
    Word(String),
    /// A path.
    At(PathBuf),
}

/// How a step uses Python.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct PythonUse {
    /// Whether what PATH says matters to it: a bare name, a script, a program that is written in Python.
    pub uses_path: bool,
    pub interpreters: BTreeSet<Interpreter>,
}

impl PythonUse {
    /// Errs to the safe side: a word that only looks like Python counts.
    pub(crate) fn of(step: &Step, project: &Path) -> Self {
        let folder = step.folder.as_ref().map_or_else(|| project.to_owned(), |folder| folder.below(project));
        let mut found = Self::default();
        let words = command_words(&step.command);
        for word in &words {
            match word.rsplit_once('/') {
                None if is_python(word) => found.add(Interpreter::Word(word.clone())),
                Some((_, name)) if is_python(name) => found.add(Interpreter::At(folder.join(word))),
                _ if runs_python(word, &folder) => found.add(Interpreter::Word("python3".to_owned())),
                _ => {}
            }
        }
        // `python train.py` names its interpreter; `./train.py` alone does not.
        if !found.uses_python() && words.iter().any(|word| word.ends_with(".py")) {
            found.add(Interpreter::Word("python3".to_owned()));
        }
        found
    }

    pub(crate) fn uses_python(&self) -> bool {
        !self.interpreters.is_empty()
    }

    fn add(&mut self, interpreter: Interpreter) {
        match interpreter {
            Interpreter::Word(word) => {
                self.uses_path = true;
                // A program with an interpreter of its own in its first line.
                self.interpreters.insert(Interpreter::Word(word));
            }
            at => drop(self.interpreters.insert(at)),
        }
    }
}

/// `python`, `python3`, `python3.11`.
fn is_python(word: &str) -> bool {
    word.strip_prefix("python").is_some_and(|version| version.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

/// A shell script of the project that mentions Python, or a program on the PATH whose first line does (`papermill`).
fn runs_python(word: &str, folder: &Path) -> bool {
    let is_name = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if word.ends_with(".sh") {
        return beginning(&folder.join(word), MAX_SCRIPT_BYTES).is_some_and(|text| text.contains("python"));
    }
    let program = if is_name { on_path(word) } else { None };
    let first = program.and_then(|path| beginning(&path, 256));
    first.is_some_and(|text| text.lines().next().is_some_and(|line| line.starts_with("#!") && line.contains("python")))
}

fn beginning(path: &Path, bytes: u64) -> Option<String> {
    let mut text = Vec::new();
    fs::File::open(path).ok()?.take(bytes).read_to_end(&mut text).ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// The file that a name stands for in PATH.
pub(crate) fn on_path(word: &str) -> Option<PathBuf> {
    let paths = env::var_os("PATH")?;
    env::split_paths(&paths).map(|folder| folder.join(word)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_uses_python_by_name_by_path_and_by_its_scripts() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("train.sh"), "exec python3 train.py\n").unwrap();
        fs::write(folder.path().join("copy.sh"), "cp $1 $2\n").unwrap();
        let word = |word: &str| Interpreter::Word(word.to_owned());
        for (command, uses_path, expected) in [
            ("python -m churn.train {in.a}", true, vec![word("python")]),
            ("cat x | python3.11 -c 'pass'", true, vec![word("python3.11")]),
            (".venv/bin/python train.py", false, vec![Interpreter::At(folder.path().join(".venv/bin/python"))]),
            ("./train.py", true, vec![word("python3")]),
            ("sh train.sh", true, vec![word("python3")]),
            ("sh copy.sh", false, vec![]),
            ("kilter data split {in.a} && cp {in.a} pythonic", false, vec![]),
        ] {
            let found = PythonUse::of(&Step::shell(command), folder.path());
            assert_eq!(found, PythonUse { uses_path, interpreters: expected.into_iter().collect() }, "{command}");
        }
    }
}
