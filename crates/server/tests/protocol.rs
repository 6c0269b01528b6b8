//! The Rust and the descriptors of the gRPC services were made of the protocols that stand beside them. They are committed, because
//! what makes them compiles longer than the server's own gRPC; `cargo run --manifest-path tools/grpc/Cargo.toml` makes them anew.

use std::{fs, path::Path};

#[test]
fn the_committed_code_was_made_of_the_committed_protocols() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    let digests = fs::read_to_string(folder.join("digests.txt")).unwrap();
    let mut names: Vec<&str> = Vec::new();
    for line in digests.lines() {
        let (digest, name) = line.split_once("  ").unwrap();
        let found = blake3::hash(&fs::read(folder.join(name)).unwrap()).to_hex();
        assert_eq!(found.as_str(), digest, "proto/{name} changed: `cargo run --manifest-path tools/grpc/Cargo.toml`");
        names.push(name);
    }
    names.push("digests.txt");
    names.sort_unstable();
    let mut files: Vec<String> =
        fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    files.sort_unstable();
    assert_eq!(files, names);
}
