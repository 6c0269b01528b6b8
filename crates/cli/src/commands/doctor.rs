//! `kilter doctor`: looks at what Kilter needs from this machine and at every file of a data folder, and says what to do
//! where something is not right.

use std::{
    fs,
    io::Write,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use clap::Args;
use kilter_api::{Check, Code, Exit, Problem};
use kilter_app::{
    App, AppOptions, DatabaseUrl, StorageOptions, audit,
    data_folder::{self, PartCheck, check_data_folder},
    garbage::{self, GarbageOptions},
};
use kilter_domain::{plural::counted, time::Timestamp};
use kilter_server::error::problem_of;
use serde::Serialize;

use crate::{
    byte_size::in_words,
    context::{DatabaseArgs, StorageArgs, act, now},
    ui::{
        error::CliError,
        view::{Answer, Page, Status},
    },
};

/// Less free space than this is a failure: one busy day of predictions fits into it.
const MIN_FREE_BYTES: u64 = 1 << 30;

/// Check what Kilter needs from this machine, and whether every file of the data folder is intact.
///
/// Database, blobs, prediction log, lake and counts are read and compared with the digests that are kept of them; a server
/// may run meanwhile. Changes nothing but a small file that it writes into the data folder and removes again. Ends with 1 when
/// something that is needed is not right; what is optional never fails it.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// The data folder to check.
    #[arg(long, value_name = "DIR", env = "KILTER_DATA", default_value = ".kilter", hide_env_values = true)]
    data: PathBuf,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    storage: StorageArgs,
    /// The file with the token of the server.
    #[arg(long, value_name = "FILE", env = "KILTER_TOKEN_FILE", hide_env_values = true)]
    token_file: Option<PathBuf>,
    /// The port of the server.
    #[arg(long, default_value_t = 8484)]
    port: u16,
    /// The Python whose optional packages are checked.
    #[arg(long, value_name = "PROGRAM", default_value = "python3")]
    python: PathBuf,
    /// Accept that the rows of partitions which are missing or damaged are lost: they leave the index, with an entry in the
    /// audit table, and what is measured goes on without them. The server must not run.
    #[arg(long)]
    accept_loss: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    version: &'static str,
    checks: Vec<Check>,
    /// Nothing here is needed; a step may want it.
    optional: Vec<Check>,
    /// Every file of the data folder that is damaged or missing, with what to do.
    faults: Vec<String>,
    /// Partitions whose loss was accepted now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    accepted: Vec<PathBuf>,
}

impl Doctor {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        let accepted = if self.accept_loss { self.accept()? } else { Vec::new() };
        let report = self.inspect(accepted, self.database.url()?.as_ref(), self.storage.options()?.as_ref());
        let mut page = Page::new().line(format!("kilter {}", report.version));
        for path in &report.accepted {
            page = page.marked(Status::Warn, format!("{}: its rows are given up", path.display()));
        }
        for check in &report.checks {
            page = page
                .marked(if check.ok { Status::Ok } else { Status::Bad }, format!("{}: {}", check.name, check.detail));
        }
        for fault in report.faults.iter().take(MAX_SHOWN) {
            page = page.line(format!("    {fault}"));
        }
        if report.faults.len() > MAX_SHOWN {
            page = page.line(format!("    and {} more: see --json", report.faults.len() - MAX_SHOWN));
        }
        for check in &report.optional {
            let mark = if check.ok { Status::Ok } else { Status::None };
            page = page.marked(mark, format!("{} (optional): {}", check.name, check.detail));
        }
        Ok(Answer::done(&report, page).exit(if report.ok { Exit::Done } else { Exit::Failed }))
    }

    fn inspect(
        &self,
        accepted: Vec<PathBuf>,
        database: Option<&DatabaseUrl>,
        storage: Option<&StorageOptions>,
    ) -> Report {
        let mut checks = vec![
            folder(&self.data),
            space(&self.data),
            privacy(&self.data, self.token_file.as_deref()),
            clock(&self.data),
            port(self.port),
        ];
        let mut faults = Vec::new();
        if self.data.is_dir() {
            checks.extend(disk_use(&self.data, database, storage));
            for part in check_data_folder(&self.data, database, storage) {
                checks.push(check(part.name, whole(&part)));
                faults.extend(part.faults.iter().map(ToString::to_string));
            }
        }
        Report {
            ok: checks.iter().all(|check| check.ok),
            version: env!("CARGO_PKG_VERSION"),
            checks,
            optional: vec![python(&self.python), onnxruntime(&self.python)],
            faults,
            accepted,
        }
    }

    fn accept(&self) -> Result<Vec<PathBuf>, CliError> {
        let tool = std::env::current_exe().map_err(|error| Problem::of(Code::Internal, &error))?;
        let (database, storage) = (self.database.url()?, self.storage.options()?);
        let options = AppOptions { database, storage, ..AppOptions::new(tool) };
        let app = App::open(&self.data, options).map_err(|error| problem_of(&error))?;
        Ok(data_folder::accept_losses(&app, &act()).map_err(|error| problem_of(&error))?)
    }
}

/// Faults that are shown at most; the document holds all of them.
const MAX_SHOWN: usize = 20;

fn whole(part: &PartCheck) -> Result<String, String> {
    match part.faults.len() {
        0 if part.files == 1 => Ok("1 file, whole".to_owned()),
        0 => Ok(format!("{} files, all whole", part.files)),
        faults => Err(format!("{}, see below", counted(faults, "fault"))),
    }
}

fn check(name: &str, found: Result<String, String>) -> Check {
    let ok = found.is_ok();
    Check { name: name.to_owned(), ok, detail: found.unwrap_or_else(|wrong| wrong) }
}

/// The nearest folder above `path` (or itself) that exists.
fn nearest_existing(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    absolute.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("/")).to_owned()
}

/// Whether the data folder, or the folder that it would be made in, can be written.
fn folder(data: &Path) -> Check {
    let place = nearest_existing(data);
    let found = match (fs::metadata(data), probe(&place)) {
        (Ok(meta), _) if !meta.is_dir() => Err(format!("`{}` is not a folder: choose another --data", data.display())),
        (_, Err(error)) => Err(format!("cannot write into `{}` ({error}): give yourself the right", place.display())),
        (Ok(_), Ok(_)) => Ok(format!("`{}` can be written", data.display())),
        (Err(_), Ok(_)) => Ok(format!("`{}` does not exist yet and can be made", data.display())),
    };
    check("data folder", found)
}

/// Whether others than their owner can get at the data folder and the token.
fn privacy(data: &Path, token: Option<&Path>) -> Check {
    let open: Vec<String> = [Some(data), token].into_iter().flatten().filter_map(kilter_app::open_to_others).collect();
    let found = if open.is_empty() { Ok("nobody but its owner".to_owned()) } else { Err(open.join("; ")) };
    check("who can read it", found)
}

/// Writes a small file durably, removes it, and answers when the disk says it was written.
fn probe(folder: &Path) -> std::io::Result<SystemTime> {
    let path = folder.join(format!(".kilter-doctor-{}.tmp", std::process::id()));
    let written = fs::File::create_new(&path).and_then(|mut file| {
        file.write_all(b"kilter doctor\n")?;
        file.sync_all()?;
        file.metadata()?.modified()
    });
    let _ = fs::remove_file(&path);
    written
}

fn space(data: &Path) -> Check {
    let place = nearest_existing(data);
    let found = match rustix::fs::statvfs(&place) {
        Err(error) => Err(format!("cannot be determined for `{}`: {error}", place.display())),
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            let gib = free as f64 / f64::from(1 << 30);
            match free >= MIN_FREE_BYTES {
                true => Ok(format!("{gib:.1} GiB free")),
                false => Err(format!("{gib:.2} GiB free, less than 1 GiB: make room, or choose another --data")),
            }
        }
    };
    check("disk space", found)
}

/// What each part of the data folder has of the disk, and what can be freed; nothing where the folder cannot be read, which
/// another check says.
fn disk_use(data: &Path, database: Option<&DatabaseUrl>, storage: Option<&StorageOptions>) -> Vec<Check> {
    let options = |tool| AppOptions { database: database.cloned(), storage: storage.cloned(), ..AppOptions::new(tool) };
    let opened = std::env::current_exe().ok().and_then(|tool| App::open_for_reading(data, options(tool)).ok());
    let Some(app) = opened else { return Vec::new() };
    let mut checks: Vec<Check> = checkpoints(&app).into_iter().collect();
    if let Ok(mut used) = garbage::measure_disk_use(&app) {
        used.bytes.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        let all: u64 = used.bytes.iter().map(|(_, bytes)| bytes).sum();
        let parts: Vec<String> = used
            .bytes
            .iter()
            .filter(|(_, bytes)| *bytes > 0)
            .map(|(kind, bytes)| format!("{} {}", kind.as_str().replace('_', " "), in_words(*bytes)))
            .collect();
        checks.push(check("disk use", Ok(format!("{} ({})", in_words(all), parts.join(", ")))));
    }
    if let Ok(found) = garbage::find_garbage(&app, &GarbageOptions::new(now())) {
        let (bytes, count) = (found.bytes(), found.garbage.len());
        let free = match count {
            0 => "none".to_owned(),
            _ => format!("{} can be freed; `kilter gc` lists it", in_words(bytes)),
        };
        checks.push(check("garbage", Ok(free)));
    }
    checks
}

/// Whether the newest checkpoint of the audit log is at every place to which it is published; nothing before the first one.
fn checkpoints(app: &App) -> Option<Check> {
    let newest = audit::newest_checkpoint(app).ok()??;
    let places = audit::place_states(app).ok()?;
    let wrong: Vec<String> = places
        .iter()
        .filter_map(|state| {
            let (since, error) = state.place.failure.as_ref()?;
            Some(format!("{} fails since {since}: {error}", state.place.place))
        })
        .collect();
    let found = match wrong.is_empty() {
        true => Ok(format!(
            "{} entries of the audit log signed {}, published to {}",
            newest.size,
            newest.at,
            counted(places.len(), "place")
        )),
        false => Err(wrong.join("; ")),
    };
    Some(check("checkpoints", found))
}

fn millis(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

/// Whether the clock of the machine and that of the disk agree, and stand after this program was written.
fn clock(data: &Path) -> Check {
    let now = millis(SystemTime::now());
    let written = probe(&nearest_existing(data)).map_or(now, millis);
    let apart_s = (now - written).abs() / 1_000;
    let oldest = Timestamp::from_date(2026, 1, 1).map_or(0, Timestamp::millis);
    let found = match (now >= oldest, apart_s <= 5) {
        (false, _) => Err(format!("it says {}, which is past: set the clock", Timestamp(now))),
        (_, false) => Err(format!("it is {apart_s} s apart from the clock of the disk: synchronise them")),
        (true, true) => Ok(format!("it says {}", Timestamp(now))),
    };
    check("clock", found)
}

fn port(port: u16) -> Check {
    let found = match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => Ok(format!("{port} on 127.0.0.1 is free")),
        Err(error) => Err(format!("{port} on 127.0.0.1 cannot be used ({error}): choose another --port")),
    };
    check("port", found)
}

fn python(program: &Path) -> Check {
    check("python", ask(program, &["--version"]).map_err(|why| format!("{why}; steps in Python need it")))
}

fn onnxruntime(program: &Path) -> Check {
    let found = ask(program, &["-c", "import onnxruntime; print(onnxruntime.__version__)"]);
    check("onnxruntime", found.map_err(|_| "not installed; only comparisons with it need it".to_owned()))
}

fn ask(program: &Path, arguments: &[&str]) -> Result<String, String> {
    let answer = Command::new(program).args(arguments).output().map_err(|_| format!("no `{}`", program.display()))?;
    match answer.status.success() {
        true => Ok(String::from_utf8_lossy(&answer.stdout).trim().to_owned()),
        false => Err(format!("`{}` does not run", program.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_can_be_written_is_told_and_left_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        assert!(folder(dir.path()).ok);
        assert!(folder(&dir.path().join("not/yet")).detail.contains("can be made"));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_in_the_place_of_the_data_folder_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data");
        fs::write(&path, "mine").unwrap();
        assert!(!folder(&path).ok);
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    }

    #[test]
    fn a_port_that_someone_listens_on_is_told() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let taken = listener.local_addr().unwrap().port();
        let check = port(taken);
        assert!(!check.ok && check.detail.contains("--port"), "{check:?}");
    }
}
