//! Environments of models: made once per lock, whole, or refused.

use std::{env, fs, path::PathBuf, process::Command};

use kilter_runtimes::python::{EnvironmentError, Environments};

fn python() -> Option<PathBuf> {
    let python = env::var_os("KILTER_PYTHON").map_or_else(|| PathBuf::from("/usr/bin/python3"), PathBuf::from);
    let has_venv = Command::new(&python).args(["-c", "import ensurepip, venv"]).output();
    match has_venv.is_ok_and(|output| output.status.success()) {
        true => Some(python),
        false => {
            eprintln!("skipped: KILTER_PYTHON is no Python that makes environments");
            None
        }
    }
}

#[test]
fn an_environment_is_made_once_per_lock_and_only_whole() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    fs::create_dir(&model).unwrap();
    let environments = Environments::PerLock { python: python.clone(), folder: folder.path().join("environments") };
    assert!(matches!(environments.interpreter(&model), Err(EnvironmentError::NoLock)));
    fs::write(model.join("requirements.txt"), "# nothing\n").unwrap();
    let made = environments.interpreter(&model).unwrap();
    let since = fs::metadata(&made).unwrap().modified().unwrap();
    assert_eq!(environments.interpreter(&model).unwrap(), made, "the same lock");
    assert_eq!(fs::metadata(&made).unwrap().modified().unwrap(), since);
    let runs = Command::new(&made).args(["-m", "pip", "--version"]).output().unwrap();
    assert!(runs.status.success(), "it was renamed after it was made: {runs:?}");
    // A package that is nowhere: nothing has the name of its lock.
    fs::write(model.join("requirements.txt"), "./no-such-package-here\n").unwrap();
    let error = environments.interpreter(&model).unwrap_err().to_string();
    assert!(error.contains("pip install failed") && error.contains(".log"), "{error}");
    let environments_made = fs::read_dir(folder.path().join("environments")).unwrap();
    let folders = environments_made.filter(|entry| entry.as_ref().unwrap().path().is_dir()).count();
    assert_eq!(folders, 1);
}

#[test]
fn a_model_of_another_python_is_refused_with_the_one_that_it_needs() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("requirements.txt"), "").unwrap();
    fs::write(folder.path().join("python_env.yaml"), "python: 2.7.18\nbuild_dependencies:\n- pip\n").unwrap();
    let environments = Environments::PerLock { python, folder: folder.path().join("e") };
    let error = environments.interpreter(folder.path()).unwrap_err().to_string();
    assert!(error.contains("made with Python 2.7") && error.contains("name a Python 2.7 with `--python`"), "{error}");
    let none = Environments::Ready(folder.path().join("none"));
    assert!(matches!(none.interpreter(folder.path()), Err(EnvironmentError::NoPython { .. })));
}
