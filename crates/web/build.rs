//! Builds the web UI of `web/` and lists its files, so that the binary holds them.
//!
//! A release build makes it where Node is, every build where `UI_REQUIRE=1` (then a failure is an error). Otherwise the binary has
//! one plain page that says how to get it. Nothing is written into the source tree: `web/` is copied and built below `OUT_DIR`.

use std::{
    env,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

/// What of `web/` a build reads.
const SOURCES: [&str; 8] =
    ["index.html", "package.json", "package-lock.json", ".npmrc", "tsconfig.json", "vite.config.ts", "scripts", "src"];

fn main() {
    println!("cargo::rerun-if-env-changed=UI_REQUIRE");
    let web = Path::new(&variable("CARGO_MANIFEST_DIR")).join("../../web");
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", web.join(source).display());
    }
    let out = PathBuf::from(variable("OUT_DIR"));
    let is_required = env::var("UI_REQUIRE").is_ok_and(|value| value == "1");
    let is_wanted = is_required || variable("PROFILE") == "release";
    let built = is_wanted.then(|| build(&web, &out.join("web")));
    if let Some(Err(reason)) = &built {
        assert!(!is_required, "the web UI was not built: {reason}");
        println!(
            "cargo::warning=this binary has no web UI: {reason}; install Node 20.19 or later with npm, and build again"
        );
    }
    let dist = built.and_then(Result::ok);
    let listed =
        list(dist.as_deref()).unwrap_or_else(|error| panic!("the files of the web UI cannot be listed: {error}"));
    fs::write(out.join("files.rs"), listed)
        .unwrap_or_else(|error| panic!("the list of files cannot be written: {error}"));
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"))
}

/// Copies the sources and builds them; answers with the folder of the result.
fn build(web: &Path, work: &Path) -> Result<PathBuf, String> {
    if !web.join("package.json").exists() {
        return Err(format!("there is no {}", web.display()));
    }
    let copied = SOURCES.iter().try_for_each(|source| replace(&web.join(source), &work.join(source)));
    copied.map_err(|error| format!("its sources cannot be copied: {error}"))?;
    let lock =
        fs::read(work.join("package-lock.json")).map_err(|error| format!("it has no package-lock.json: {error}"))?;
    let installed = work.join("node_modules/.kilter-lock");
    if fs::read(&installed).ok().as_ref() != Some(&lock) {
        run(work, "npm", &["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])?;
        fs::write(&installed, &lock).map_err(|error| format!("{}: {error}", installed.display()))?;
    }
    run(work, "npm", &["run", "--silent", "build"])?;
    Ok(work.join("dist"))
}

fn run(folder: &Path, program: &str, arguments: &[&str]) -> Result<(), String> {
    let command = format!("{program} {}", arguments.join(" "));
    let done = Command::new(program).args(arguments).current_dir(folder).output();
    let done = done.map_err(|error| format!("`{command}` cannot be started: {error}"))?;
    if done.status.success() {
        return Ok(());
    }
    let said = [done.stderr, done.stdout].map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned()).join(" ");
    let begin: String = said.chars().take(600).collect();
    Err(format!("`{command}` failed: {}", begin.replace('\n', " ")))
}

/// Makes `to` what `from` is; what is not there is left out.
fn replace(from: &Path, to: &Path) -> io::Result<()> {
    if to.is_dir() {
        fs::remove_dir_all(to)?;
    }
    if from.is_dir() {
        fs::create_dir_all(to)?;
        return fs::read_dir(from)?.try_for_each(|entry| {
            let entry = entry?;
            replace(&entry.path(), &to.join(entry.file_name()))
        });
    }
    if let Some(above) = to.parent() {
        fs::create_dir_all(above)?;
    }
    if from.exists() { fs::copy(from, to).map(drop) } else { Ok(()) }
}

/// The table of files as Rust: path, bytes, and the bytes compressed where the build made them.
fn list(dist: Option<&Path>) -> io::Result<String> {
    let mut files = Vec::new();
    if let Some(dist) = dist {
        collect(dist, dist, &mut files)?;
    }
    files.sort();
    let mut text = String::from("pub(crate) const FILES: &[File] = &[\n");
    for (path, file) in files.iter().filter(|(path, _)| !path.ends_with(".gz") && !path.ends_with(".br")) {
        let compressed = |suffix: &str| match files.iter().find(|(other, _)| *other == format!("{path}{suffix}")) {
            Some((_, file)) => format!("Some(include_bytes!({file:?}))"),
            None => "None".to_owned(),
        };
        writeln!(
            text,
            "    File {{ path: {path:?}, bytes: include_bytes!({file:?}), gzip: {}, brotli: {} }},",
            compressed(".gz"),
            compressed(".br")
        )
        .map_err(io::Error::other)?;
    }
    text.push_str("];\n");
    Ok(text)
}

fn collect(dist: &Path, folder: &Path, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(dist, &path, files)?;
        } else {
            let below = path.strip_prefix(dist).map_err(io::Error::other)?;
            let name: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
            files.push((name.join("/"), path));
        }
    }
    Ok(())
}
