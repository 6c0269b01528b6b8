//! Reading what somebody else wrote, a file or the answer of a program, and only up to a bound.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::FileTypeExt,
    path::Path,
    process::{Command, Stdio},
};

/// The bytes of the file at `path`, at most `limit` of them. What is no file is refused before it is opened: a pipe would
/// wait for a writer, a device may never end.
///
/// # Errors
/// What the disk answers; [`io::ErrorKind::InvalidInput`] for what is no file, or larger than `limit` (also when it grows
/// while it is read).
pub fn read_bounded(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let found = fs::metadata(path)?;
    check_is_file(&found)?;
    let too_large = |bytes: u64| {
        let detail = format!("it has {bytes} bytes; at most {limit} are read");
        io::Error::new(io::ErrorKind::InvalidInput, detail)
    };
    if found.len() > limit {
        return Err(too_large(found.len()));
    }
    let mut bytes = Vec::with_capacity(found.len() as usize);
    let read = File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)? as u64;
    if read > limit { Err(too_large(read)) } else { Ok(bytes) }
}

/// What a program writes to its standard output, at most `limit` bytes; `None` if it fails. It reads `input`; what it writes to
/// standard error is dropped. A program that writes more is ended.
///
/// # Errors
/// If the program cannot be started or watched; [`io::ErrorKind::InvalidInput`] if it writes more than `limit` bytes.
pub fn answer_bounded(program: &mut Command, input: &[u8], limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    if let Some(mut pipe) = child.stdin.take() {
        // A program that does not listen answers what it answers.
        let _ = pipe.write_all(input);
    }
    let mut bytes = Vec::new();
    let output = child.stdout.take().map(|output| output.take(limit.saturating_add(1)));
    let read = output.map_or(Ok(0), |mut output| output.read_to_end(&mut bytes));
    if !matches!(read, Ok(read) if read as u64 <= limit) {
        // One that has ended by itself cannot be ended.
        let _ = child.kill();
    }
    let status = child.wait()?;
    if read? as u64 > limit {
        let detail = format!("it answers more than {limit} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, detail));
    }
    Ok(status.success().then_some(bytes))
}

/// [`read_bounded`], as text.
///
/// # Errors
/// As there, and [`io::ErrorKind::InvalidData`] for bytes that are not UTF-8.
pub fn read_bounded_text(path: &Path, limit: u64) -> io::Result<String> {
    let not_text = |_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text");
    String::from_utf8(read_bounded(path, limit)?).map_err(not_text)
}

fn check_is_file(found: &fs::Metadata) -> io::Result<()> {
    let kind = found.file_type();
    let what = match kind {
        _ if kind.is_file() => return Ok(()),
        _ if kind.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        _ if kind.is_fifo() => "a pipe",
        _ if kind.is_socket() => "a socket",
        _ => "a device",
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it is {what}, not a file")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_within_the_bound_is_read_and_everything_else_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, b"1234").unwrap();
        assert_eq!(read_bounded(&path, 4).unwrap(), b"1234");
        let refused = read_bounded(&path, 3).unwrap_err();
        assert!(refused.to_string().contains("4 bytes; at most 3"), "{refused}");
        assert_eq!(read_bounded(folder.path(), 3).unwrap_err().kind(), io::ErrorKind::IsADirectory);
        for device in ["/dev/zero", "/dev/tty", "/dev/null"] {
            let refused = read_bounded(Path::new(device), 3).unwrap_err();
            assert!(refused.to_string().contains("a device"), "{device}: {refused}");
        }
        fs::write(&path, b"\xff").unwrap();
        assert_eq!(read_bounded_text(&path, 3).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_program_answers_within_the_bound_or_is_ended() {
        let shell = |script: &str, limit| answer_bounded(Command::new("sh").args(["-c", script]), b"input", limit);
        assert_eq!(shell("cat", 5).unwrap(), Some(b"input".to_vec()));
        assert_eq!(shell("echo no; exit 3", 5).unwrap(), None);
        // It would never end by itself.
        let endless = shell("while :; do echo more; done", 1 << 20).unwrap_err();
        assert!(endless.to_string().contains("more than 1048576 bytes"), "{endless}");
        let missing = answer_bounded(&mut Command::new("no-such-program"), b"", 5).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }
}
