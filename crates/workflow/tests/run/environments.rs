//! Python environments: made from a lock by the real `uv`, or found as they are installed.

use super::*;
use std::{collections::BTreeSet as Set, env, process::Command as Process};

/// Wheels of `hello`, and a lock for one of them, written by the Python of this machine.
const WHEELS: &str = r#"
import base64, hashlib, os, sys, zipfile
os.makedirs("wheels", exist_ok=True)
for version in ("1.0", "2.0"):
    info = "hello-%s.dist-info/" % version
    files = {"hello.py": "VALUE = %s\n" % version, info + "METADATA": "Metadata-Version: 2.1\nName: Hello\nVersion: %s\n" % version,
             info + "WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
    digest = lambda text: base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
    files[info + "RECORD"] = "".join("%s,sha256=%s,%d\n" % (name, digest(text), len(text)) for name, text in files.items()) + info + "RECORD,,\n"
    path = "wheels/hello-%s-py3-none-any.whl" % version
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in files.items(): wheel.writestr(zipfile.ZipInfo(name), text)
    print(version, hashlib.sha256(open(path, "rb").read()).hexdigest())
"#;

/// The `uv` of this machine or of the venv of the tests.
fn uv() -> Option<PathBuf> {
    let named = env::var_os("KILTER_UV").map(PathBuf::from);
    let beside = || Some(PathBuf::from(env::var_os("KILTER_PYTHON")?).with_file_name("uv"));
    let of_venv = || Some(PathBuf::from(env::var_os("HOME")?).join(".cache/kilter/venv/bin/uv"));
    let on_path = env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join("uv")).find(|path| path.is_file());
    let found = named.or_else(beside).filter(|path| path.is_file()).or_else(of_venv).filter(|path| path.is_file());
    let found = found.or(on_path);
    if found.is_none() {
        println!("skipped: there is no uv (PyPI: uv; ./test installs it)");
    }
    found
}

/// A project with a step that prints what is installed, and the hashes of its wheels by version.
fn locked() -> Option<(World, BTreeMap<String, String>)> {
    let mut world = World::new();
    world.options.uv = Some(uv()?);
    let output = Process::new("python3").args(["-c", WHEELS]).current_dir(world.path("")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let hashes = text.lines().map(|line| line.split_once(' ').unwrap()).map(|(v, h)| (v.to_owned(), h.to_owned()));
    let hashes: BTreeMap<String, String> = hashes.collect();
    world.step("show: -> x=x | python -c 'import hello; print(hello.VALUE)' > {out.x}");
    world.parts.environment.lock = Some("requirements.txt".parse().unwrap());
    require(&world, "1.0", &hashes["1.0"]);
    Some((world, hashes))
}

fn require(world: &World, version: &str, hash: &str) {
    let text = format!("--no-index\n--find-links wheels\nhello=={version} --hash=sha256:{hash}\n");
    world.write("requirements.txt", &text);
}

fn made(world: &World) -> usize {
    world.events.iter().filter(|event| matches!(event, RunEvent::EnvironmentStarted { .. })).count()
}

fn environments(world: &World) -> Vec<PathBuf> {
    let entries = fs::read_dir(world.path(".kilter/environments")).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.join("bin").is_dir()).collect()
}

#[test]
fn a_step_runs_in_the_environment_of_its_lock_and_is_executed_again_when_a_package_changes() {
    let Some((mut world, hashes)) = locked() else { return };
    let record = world.run();
    assert_eq!((states(&record).as_str(), world.read("x").as_str()), ("show: succeeded", "1.0\n"), "{record:?}");
    assert_eq!(made(&world), 1);
    let step = record.step("show").unwrap();
    let environment = &record.environments[0];
    assert_eq!(step.environment, Some(environment.digest()));
    assert_eq!(environment.packages, BTreeMap::from([("hello".to_owned(), "1.0".to_owned())]));
    assert_eq!(environment.lock.as_deref(), Some("requirements.txt"));

    let record = world.run();
    assert_eq!((states(&record).as_str(), made(&world)), ("show: cached", 0));
    assert_eq!(record.step("show").unwrap().environment, Some(environment.digest()));

    require(&world, "2.0", &hashes["2.0"]);
    let record = world.run();
    assert_eq!((states(&record).as_str(), world.read("x").as_str()), ("show: succeeded", "2.0\n"));
    assert!(changes(&record, "show").contains("environment.package.hello: 1.0 -> 2.0"), "{}", changes(&record, "show"));

    // What is known needs no environment, also after it was removed.
    require(&world, "1.0", &hashes["1.0"]);
    environments(&world).iter().for_each(|folder| fs::remove_dir_all(folder).unwrap());
    assert_eq!((states(&world.run()).as_str(), made(&world)), ("show: cached", 0));
    world.options.force = Force::All;
    assert_eq!((states(&world.run()).as_str(), made(&world)), ("show: succeeded", 1));
}

#[test]
fn a_lock_of_uv_is_installed_as_it_stands() {
    let Some((mut world, _)) = locked() else { return };
    world.write(
        "env/pyproject.toml",
        "[project]\nname = \"churn\"\nversion = \"0\"\nrequires-python = \">=3.9\"\ndependencies = [\"hello==2.0\"]\n\
         [tool.uv.sources]\nhello = { path = \"../wheels/hello-2.0-py3-none-any.whl\" }\n",
    );
    let uv = world.options.uv.clone().unwrap();
    let locked = Process::new(uv).args(["lock", "--offline"]).current_dir(world.path("env")).output().unwrap();
    assert!(locked.status.success(), "{}", String::from_utf8_lossy(&locked.stderr));
    let before = world.read("env/uv.lock");
    world.parts.environment.lock = Some("env/uv.lock".parse().unwrap());
    let record = world.run();
    assert_eq!((states(&record).as_str(), world.read("x").as_str()), ("show: succeeded", "2.0\n"), "{record:?}");
    assert_eq!(world.read("env/uv.lock"), before);
    let left: Set<String> = fs::read_dir(world.path("env"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(left, Set::from(["pyproject.toml".to_owned(), "uv.lock".to_owned()]), "nothing is left in the project");
}

/// A backend of a package that needs nothing else: `build_editable` leads to the folder, `build_wheel` copies it.
const BACKEND: &str = r#"
import base64, hashlib, os, zipfile
def line(name, text):
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
    return "%s,sha256=%s,%d\n" % (name, digest, len(text))
def write(folder, files):
    info = "shared-1.0.dist-info/"
    files = dict(files, **{info + "METADATA": "Metadata-Version: 2.1\nName: shared\nVersion: 1.0\n",
                           info + "WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"})
    files[info + "RECORD"] = "".join(line(name, text) for name, text in files.items()) + info + "RECORD,,\n"
    with zipfile.ZipFile(os.path.join(folder, "shared-1.0-py3-none-any.whl"), "w") as wheel:
        for name, text in files.items(): wheel.writestr(name, text)
    return "shared-1.0-py3-none-any.whl"
def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    return write(wheel_directory, {"shared.pth": os.getcwd() + "\n"})
def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    return write(wheel_directory, {"shared.py": open("shared.py").read()})
"#;

#[test]
fn a_package_that_is_a_folder_is_part_of_the_key_by_its_content() {
    let Some((mut world, _)) = locked() else { return };
    world.write("libs/shared/backend.py", BACKEND);
    world.write(
        "libs/shared/pyproject.toml",
        "[build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\".\"]\n[project]\nname = \"shared\"\nversion = \"1.0\"\n",
    );
    world.parts.steps.clear();
    world.step("show: -> x=x | python -c 'import shared as s; print(s.VALUE)' > {out.x}");
    for (requirement, shown) in [("-e ./libs/shared", "1.0 (editable "), ("./libs/shared", "1.0 (folder sha256:")] {
        world.write("libs/shared/shared.py", "VALUE = 1\n");
        world.write("requirements.txt", &format!("--no-index\n{requirement}\n"));
        let record = world.run();
        assert_eq!((states(&record).as_str(), world.read("x").as_str()), ("show: succeeded", "1\n"), "{record:?}");
        let version = &record.environments[0].packages["shared"];
        assert!(version.starts_with(shown), "{requirement}: {version}");
        world.write("libs/shared/.env", "a file that is no part of the package\n");
        assert_eq!((states(&world.run()).as_str(), made(&world)), ("show: cached", 0), "{requirement}");
        world.write("libs/shared/shared.py", "VALUE = 2\n");
        let record = world.run();
        assert_eq!((states(&record).as_str(), world.read("x").as_str()), ("show: succeeded", "2\n"), "{requirement}");
        let changes = changes(&record, "show");
        assert!(changes.contains(&format!("environment.package.shared: {version} -> {shown}")), "{changes}");
        fs::remove_file(world.path("libs/shared/.env")).unwrap();
    }
}

#[test]
fn an_environment_that_cannot_be_made_is_an_error_with_a_way_out() {
    let Some((mut world, hashes)) = locked() else { return };
    let mut refused = |change: &dyn Fn(&mut World), expected: &[&str]| {
        require(&world, "1.0", &hashes["1.0"]);
        (world.parts.environment.python, world.options.uv) = (None, uv());
        change(&mut world);
        let record = world.run();
        let error = error_of(&record, "show").to_owned();
        assert_eq!(states(&record), "show: failed");
        expected.iter().for_each(|words| assert!(error.contains(words), "{words}: {error}"));
        assert!(
            !world.path("x").exists()
                && environments(&world).iter().all(|folder| !folder.join(".kilter-complete").exists())
        );
    };
    refused(
        &|world| require(world, "1.0", &hashes["2.0"]),
        &[
            "`requirements.txt` could not be made",
            "Hash mismatch for `hello==1.0`",
            "do not install it before you know why",
        ],
    );
    refused(
        &|world| world.parts.environment.python = Some("3.99".to_owned()),
        &["No interpreter found for Python 3.99", "correct `python` in [env]"],
    );
    refused(
        &|world| world.write("requirements.txt", "--index-url http://127.0.0.1:9/simple\nhello==1.0\n"),
        &["http://127.0.0.1:9/simple/hello/", "see whether the package index can be reached"],
    );
    refused(
        &|world| world.options.uv = Some(world.path("no-uv")),
        &["is made by `uv`, which is not on the PATH; install it (`pip install uv`), or name it by KILTER_UV"],
    );
    refused(
        &|world| world.write("requirements.txt", "-r gone.txt\n"),
        &["`gone.txt`, which the environment of the steps is made from, cannot be read"],
    );
}

#[test]
fn an_environment_that_is_used_is_not_removed_and_one_that_is_not_is() {
    let Some((mut world, _)) = locked() else { return };
    world.run();
    let state = kilter_workflow::StateFolder::new(world.path(".kilter"), None);
    assert_eq!(state.old_environments(std::time::UNIX_EPOCH), []);
    let later = std::time::SystemTime::now() + Duration::from_secs(60);
    let [stored] = &state.old_environments(later)[..] else { panic!("one environment") };
    let lock = fs::File::open(stored.folder.with_extension("lock")).unwrap();
    lock.lock_shared().unwrap();
    assert!(!stored.remove().unwrap() && stored.folder.is_dir());
    drop(lock);
    assert!(stored.remove().unwrap() && !stored.folder.exists());
    world.options.force = Force::All;
    assert_eq!(states(&world.run()), "show: succeeded");
}

#[test]
fn without_a_lock_the_installed_packages_are_part_of_the_key() {
    let mut world = World::new();
    let made =
        Process::new("python3").args(["-m", "venv", "--without-pip", "venv"]).current_dir(world.path("")).output();
    assert!(made.unwrap().status.success());
    let site = fs::read_dir(world.path("venv/lib")).unwrap().next().unwrap().unwrap().path().join("site-packages");
    let install = |version: &str| {
        let info = site.join(format!("some_thing-{version}.dist-info"));
        fs::create_dir(&info).unwrap();
        fs::write(info.join("METADATA"), format!("Metadata-Version: 2.1\nName: Some.Thing\nVersion: {version}\n"))
            .unwrap();
    };
    install("1.0");
    world.step("a: -> x=x | venv/bin/python -c 'print(1)' > {out.x}");
    world.step("b: -> y=y | echo 1 > {out.y}");
    let record = world.run();
    assert_eq!(record.environments[0].packages, BTreeMap::from([("some-thing".to_owned(), "1.0".to_owned())]));
    assert_eq!(record.step("b").unwrap().environment, None);
    assert_eq!(states(&world.run()), "a: cached, b: cached");

    fs::remove_dir_all(site.join("some_thing-1.0.dist-info")).unwrap();
    install("1.1");
    let record = world.run();
    assert_eq!(states(&record), "a: succeeded, b: cached");
    assert_eq!(changes(&record, "a"), "environment.package.some-thing: 1.0 -> 1.1");

    // The Python that the contract asks for is the one that runs, or nothing does.
    world.parts.environment.python = Some("2.7".to_owned());
    let record = world.run();
    assert!(
        error_of(&record, "a").starts_with("[env] python asks for 2.7, and the step would run with 3."),
        "{record:?}"
    );
}

#[test]
fn a_project_without_python_asks_no_interpreter() {
    let mut world = pipeline();
    world.run();
    assert!(!world.path(".kilter/environments").exists());
}
