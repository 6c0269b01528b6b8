//! Places to which checkpoints are published, best where whoever owns the database cannot rewrite them.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    str::FromStr,
    thread,
    time::{Duration, Instant},
};

use kilter_domain::{digest::Digest, error_chain::with_causes};
use kilter_storage::{Created, ObjectStorage, StorageUrl, post};

use crate::{
    checkpoint::Checkpoint,
    signed_note::{SignedNote, parse_notes},
};

/// The longest that Git may take.
const GIT_LIMIT: Duration = Duration::from_secs(20);
const GIT_POLL: Duration = Duration::from_millis(20);
/// The end of a file that is searched for its newest checkpoint.
const MAX_TAIL: u64 = 64 * 1024;
const MAX_OBJECT: u64 = 64 * 1024;
/// The folder of checkpoints below the prefix of an object store.
const OBJECTS: &str = "checkpoints";
/// What the names of tags begin with.
const TAG: &str = "kilter-checkpoint-";

/// A place to which checkpoints are published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublishPlace {
    /// A file that each checkpoint is appended to.
    File(PathBuf),
    /// A repository of Git: a tag for each checkpoint, pushed to `origin` where there is one.
    Git(PathBuf),
    /// An object for each checkpoint, which is created and never replaced.
    Objects(StorageUrl),
    /// An address that gets each checkpoint by POST.
    Webhook(String),
}

/// A text that names no place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no place for checkpoints: write file:/PATH, git:/REPOSITORY, s3://BUCKET/PREFIX or https://ADDRESS")]
pub struct InvalidPlace(String);

impl FromStr for PublishPlace {
    type Err = InvalidPlace;

    fn from_str(text: &str) -> Result<Self, InvalidPlace> {
        let wrong =
            || InvalidPlace(if text.contains("://") { host_of(text) } else { text.chars().take(300).collect() });
        let absolute = |path: &str| Some(PathBuf::from(path)).filter(|path| path.is_absolute()).ok_or_else(wrong);
        match text.split_once(':') {
            Some(("file", path)) => Ok(Self::File(absolute(path)?)),
            Some(("git", path)) => Ok(Self::Git(absolute(path)?)),
            Some(("s3", _)) => text.parse().map(Self::Objects).map_err(|_| wrong()),
            Some(("https" | "http", rest)) if rest.len() > 2 && rest.starts_with("//") => {
                Ok(Self::Webhook(text.to_owned()))
            }
            _ => Err(wrong()),
        }
    }
}

/// As a person sees it, without what may be secret.
impl fmt::Display for PublishPlace {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(out, "file:{}", path.display()),
            Self::Git(path) => write!(out, "git:{}", path.display()),
            Self::Objects(url) => write!(out, "{url}"),
            // The path of such an address is often a secret: a digest tells two of one host apart.
            Self::Webhook(url) => write!(out, "{} ({})", host_of(url), &Digest::of(url.as_bytes()).to_string()[..8]),
        }
    }
}

/// Scheme and host of an address.
fn host_of(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default().rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}").chars().take(300).collect()
}

impl PublishPlace {
    /// Writes a checkpoint there. One that is there already stays.
    pub(crate) fn write(&self, size: u64, note: &str) -> Result<(), String> {
        match self {
            Self::File(path) => append(path, note).map_err(|error| error.to_string()),
            Self::Git(repository) => tag(repository, size, note),
            Self::Objects(url) => create(url, size, note),
            Self::Webhook(url) => {
                post(url, "text/plain; charset=utf-8", note.as_bytes().to_vec()).map_err(|error| with_causes(&error))
            }
        }
    }

    /// The newest checkpoint that is there; `None` if nothing is there yet, or the place only takes.
    ///
    /// # Errors
    /// If the place cannot be read, or has something else.
    pub(crate) fn read_newest(&self) -> Result<Option<SignedNote>, String> {
        match self {
            Self::File(path) if path.exists() => newest(&tail(path).map_err(|error| error.to_string())?),
            Self::File(_) | Self::Webhook(_) => Ok(None),
            Self::Git(repository) => {
                let tags = git(repository, &["tag", "--list", &format!("{TAG}*"), "--sort=-refname"], None)?;
                let Some(newest_tag) = tags.lines().next() else { return Ok(None) };
                newest(&git(repository, &["cat-file", "blob", &format!("{newest_tag}^{{}}")], None)?)
            }
            Self::Objects(url) => {
                let storage = ObjectStorage::open(url).map_err(|error| with_causes(&error))?;
                let found = storage.list(OBJECTS).map_err(|error| with_causes(&error))?;
                let Some(key) = found.into_iter().map(|object| object.key).max() else { return Ok(None) };
                let bytes = storage.read(&key, MAX_OBJECT).map_err(|error| with_causes(&error))?;
                newest(&String::from_utf8_lossy(&bytes.unwrap_or_default()))
            }
        }
    }
}

/// The last of the notes; `None` if there is no text.
fn newest(text: &str) -> Result<Option<SignedNote>, String> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let notes = parse_notes(text).map_err(|error| format!("what is there is no checkpoint: {error}"))?;
    Ok(notes.into_iter().next_back())
}

/// Appends a note, behind an empty line, durably.
fn append(path: &Path, note: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).mode(0o644).open(path)?;
    let gap = if file.metadata()?.len() == 0 { "" } else { "\n" };
    file.write_all(format!("{gap}{note}").as_bytes())?;
    file.sync_all()
}

/// The last notes of a file that grows, from the beginning of one of them.
fn tail(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(MAX_TAIL)))?;
    let mut bytes = Vec::new();
    file.take(MAX_TAIL).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    // The last note begins behind the last empty line that follows a signature.
    let last = lines.windows(2).rposition(|pair| pair[0].starts_with('\u{2014}') && pair[1].is_empty());
    Ok(lines[last.map_or(0, |place| place + 2)..].join("\n") + "\n")
}

fn create(url: &StorageUrl, size: u64, note: &str) -> Result<(), String> {
    let storage = ObjectStorage::open(url).map_err(|error| with_causes(&error))?;
    let key = format!("{OBJECTS}/{size:012}.txt");
    match storage.create(&key, note.as_bytes().to_vec()).map_err(|error| with_causes(&error))? {
        Created::New => Ok(()),
        Created::Exists => {
            let found = storage.read(&key, MAX_OBJECT).map_err(|error| with_causes(&error))?;
            same_head(found.and_then(|bytes| String::from_utf8(bytes).ok()), note, &key)
        }
    }
}

/// Two servers that sign the same size have signatures of their own, over the same head.
fn same_head(found: Option<String>, note: &str, name: &str) -> Result<(), String> {
    let head = |note: &str| note.parse::<SignedNote>().ok()?.text().parse::<Checkpoint>().ok();
    let found = found.as_deref().and_then(head);
    if found.is_some() && found == head(note) {
        Ok(())
    } else {
        Err(format!("`{name}` is there, and is another checkpoint"))
    }
}

/// Tags the note, and pushes the tag where the repository has an `origin`.
fn tag(repository: &Path, size: u64, note: &str) -> Result<(), String> {
    let name = format!("{TAG}{size:012}");
    let blob = git(repository, &["hash-object", "-w", "--stdin"], Some(note))?;
    let exists = git(repository, &["cat-file", "blob", &format!("{name}^{{}}")], None).ok();
    match exists {
        Some(found) => same_head(Some(found), note, &name)?,
        None => {
            let who = ["-c", "user.name=kilter", "-c", "user.email=kilter@localhost"];
            let arguments = [&who[..], &["tag", "--annotate", "--message", note, &name, blob.trim()]].concat();
            git(repository, &arguments, None)?;
        }
    }
    let remotes = git(repository, &["remote"], None)?;
    if remotes.lines().any(|remote| remote == "origin") {
        git(repository, &["push", "--quiet", "origin", &format!("refs/tags/{name}")], None)?;
    }
    Ok(())
}

/// Runs Git, at most [`GIT_LIMIT`]; what it printed. It asks nobody for a password.
fn git(repository: &Path, arguments: &[&str], input: Option<&str>) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("git could not be run: {error}");
    let mut child = Command::new("git")
        .arg("-C")
        .arg(repository)
        .args(arguments)
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
        stdin.write_all(input.as_bytes()).map_err(failed)?;
    }
    let deadline = Instant::now() + GIT_LIMIT;
    while child.try_wait().map_err(failed)?.is_none() {
        if Instant::now() > deadline {
            // What it says is of no use any more.
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("git {} took longer than {} s", arguments[0], GIT_LIMIT.as_secs()));
        }
        thread::sleep(GIT_POLL);
    }
    let done = child.wait_with_output().map_err(failed)?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    Err(format!("git: {}", said.lines().next().unwrap_or("it failed without a word")))
}
