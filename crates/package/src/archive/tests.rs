use std::process::Command;

use proptest::prelude::*;

use super::*;

fn written(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ArchiveWriter::new(Vec::new());
    for (path, bytes) in files {
        archive.add(path, false, bytes.len() as u64, *bytes).unwrap();
    }
    archive.finish().unwrap()
}

/// The place of the folder in an archive, and its files.
type Unpacked = (String, Vec<(String, Vec<u8>)>);

/// What unpacking these bytes comes to, or why not.
fn unpacked(bytes: &[u8]) -> Result<Unpacked, String> {
    let dir = tempfile::tempdir().unwrap();
    let (archive, target) = (dir.path().join("a.tar"), dir.path().join("out"));
    fs::write(&archive, bytes).unwrap();
    fs::create_dir(&target).unwrap();
    let folder = unpack(&archive, &target).map_err(|error| kilter_domain::error_chain::with_causes(&error))?;
    let top = folder.strip_prefix(&target).unwrap().to_str().unwrap().to_owned();
    let files = crate::files::list(&target).unwrap();
    let files = files.into_iter().map(|(path, place, _)| (path.to_string(), fs::read(place).unwrap()));
    Ok((top, files.collect()))
}

#[test]
fn what_was_packed_is_unpacked_and_the_real_tar_lists_the_same() {
    let long = format!("churn-7/{}file", "deep/".repeat(40));
    let files: Vec<(&str, &[u8])> =
        vec![("churn-7/MLmodel", b"a"), ("churn-7/empty", b""), (&long, &[7; 1025]), ("churn-7/\u{fc}", b"umlaut")];
    let bytes = written(&files);
    assert_eq!(bytes, written(&files), "the same files are the same bytes");
    let (top, mut found) = unpacked(&bytes).unwrap();
    let mut expected: Vec<(String, Vec<u8>)> =
        files.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec())).collect();
    found.sort();
    expected.sort();
    assert_eq!((top.as_str(), found), ("churn-7", expected));
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.tar"), &bytes).unwrap();
    let listed = Command::new("tar")
        .args(["--numeric-owner", "--utc", "-tvf", "a.tar"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(
        listed.contains(&long) && listed.lines().all(|line| line.contains("0/0") && line.contains("1970-01-01")),
        "{listed}"
    );
}

/// A header with a right checksum.
fn entry(name: &str, kind: u8, bytes: &[u8]) -> Vec<u8> {
    let mut all = header(name, kind, 0o644, bytes.len() as u64).to_vec();
    all.extend_from_slice(bytes);
    all.resize(all.len().next_multiple_of(BLOCK), 0);
    all
}

#[test]
fn an_archive_that_attacks_is_refused_and_nothing_leaves_the_target() {
    let end = [0; BLOCK * 2];
    let refused = |entries: &[Vec<u8>]| unpacked(&[entries.concat().as_slice(), &end].concat()).unwrap_err();
    assert!(refused(&[entry("../evil", b'0', b"x")]).contains("`../evil`, which is no path inside of a package"));
    assert!(refused(&[entry("/etc/evil", b'0', b"x")]).contains("`/etc/evil`"));
    assert!(refused(&[entry("p/link", b'2', b"")]).contains("`p/link`, which is a link"));
    assert!(refused(&[entry("p/link", b'1', b"")]).contains("is a link"));
    assert!(refused(&[entry("p/pipe", b'6', b"")]).contains("is no plain file"));
    assert!(refused(&[entry("p/sparse", b'S', b"")]).contains("is no plain file"), "a hole is larger than its archive");
    assert!(refused(&[entry("p/a", b'0', b"x"), entry("./p/a", b'0', b"y")]).contains("is there twice"));
    assert!(refused(&[entry("p/a", b'0', b"x"), entry("p/a/b", b'0', b"y")]).contains("cannot be read or unpacked"));
    let longer = extended_record("../far").to_vec();
    assert!(refused(&[entry("@", b'x', &longer), entry("p/a", b'0', b"x")]).contains("`../far`"));
    let mut bomb = header("p/bomb", b'0', 0o644, 1 << 40).to_vec();
    bomb.extend_from_slice(&end);
    assert!(unpacked(&bomb).unwrap_err().contains("larger than the archive"));
    assert!(unpacked(b"\x1f\x8b\x08 and so on").unwrap_err().contains("is compressed (gzip)"));
    assert!(unpacked(&written(&[("a", b"x")])[..BLOCK * 2]).unwrap_err().contains("its end is missing"));
}

proptest! {
    #[test]
    fn bytes_nobody_chose_are_an_archive_only_when_they_are_one(at: proptest::sample::Index, byte: u8, cut in 0..3000usize) {
        let mut bytes = written(&[("p/a", b"first"), ("p/b", &[1; 700])]);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes.truncate(bytes.len().min(3000 - cut));
        if let Ok((_, files)) = unpacked(&bytes) {
            prop_assert!(files.len() <= 2);
            prop_assert!(files.iter().all(|(path, _)| path.parse::<TreePath>().is_ok()));
        }
    }
}
