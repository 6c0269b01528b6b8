//! The help pages as a person sees them, beside their committed text. `KILTER_UPDATE=1` writes the files.

use std::{env, fs, path::PathBuf};

use crate::World;

/// The pages that are compared: the arguments before `--help`.
const PAGES: [&[&str]; 12] = [
    &[],
    &["run"],
    &["runs"],
    &["train"],
    &["deploy"],
    &["model"],
    &["deployment"],
    &["monitor"],
    &["monitor", "show"],
    &["alert"],
    &["evaluate"],
    &["drift"],
];

/// Compares `text` with the committed file of this name.
fn check_snapshot(name: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/help").join(format!("{name}.txt"));
    if env::var_os("KILTER_UPDATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == text, "{name}.txt differs; KILTER_UPDATE=1 writes it again. Now:\n{text}");
}

#[test]
fn help_pages_are_those_of_the_committed_files() {
    let world = World::new();
    for page in PAGES {
        let shown = world.kilter(&[page, &["--help"]].concat());
        assert_eq!(shown.exit, 0, "{}", shown.err);
        let name = if page.is_empty() { "kilter".to_owned() } else { page.join("-") };
        check_snapshot(&name, &shown.out);
    }
}
