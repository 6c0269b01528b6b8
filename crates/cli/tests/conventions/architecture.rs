//! The picture of the crates in ARCHITECTURE.md is drawn from the tables that the tests use. `KILTER_UPDATE=1` writes it.

use std::{collections::BTreeSet, env, fs};

use crate::{dependencies::ALLOWED, module_order::ORDER, source::root};

const BEGIN: &str = "<!-- crates: drawn by a test -->\n";
const END: &str = "<!-- end of crates -->\n";

/// The crates that `krate` may depend on, without those that another of them brings already.
fn direct(krate: &'static str) -> Vec<&'static str> {
    let below = reachable(krate);
    let brought: BTreeSet<&str> = below.iter().flat_map(|other| reachable(other)).collect();
    ALLOWED.iter().map(|(name, _)| *name).filter(|name| below.contains(name) && !brought.contains(name)).collect()
}

fn reachable(krate: &'static str) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    let mut open = vec![krate];
    while let Some(next) = open.pop() {
        let allowed = ALLOWED.iter().find(|(name, _)| *name == next).map_or(&[] as &[&str], |(_, allowed)| allowed);
        open.extend(allowed.iter().copied().filter(|name| found.insert(*name)));
    }
    found
}

fn drawn() -> String {
    let mut text = "```mermaid\ngraph TD\n".to_owned();
    for (krate, _) in ALLOWED.iter().rev() {
        for below in direct(krate) {
            text += &format!("    {krate} --> {below}\n");
        }
    }
    text += "```\n\n| crate | may depend on | its modules; each imports only those before it |\n|---|---|---|\n";
    for (krate, allowed) in ALLOWED.iter().rev() {
        let modules = ORDER.iter().find(|(name, _)| name == krate).map_or(&[] as &[&str], |(_, modules)| modules);
        let list = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let below = if allowed.is_empty() { "nothing".to_owned() } else { list(allowed) };
        let modules = if modules.is_empty() { "not in order yet".to_owned() } else { list(modules) };
        text += &format!("| `{krate}` | {below} | {modules} |\n");
    }
    text
}

#[test]
fn the_map_of_the_crates_is_drawn_from_the_tables_of_the_tests() {
    let path = root().join("ARCHITECTURE.md");
    let page = fs::read_to_string(&path).expect("ARCHITECTURE.md can be read");
    let (before, rest) = page.split_once(BEGIN).expect("the page marks where the crates begin");
    let (_, after) = rest.split_once(END).expect("the page marks where the crates end");
    let fresh = format!("{before}{BEGIN}{}{END}{after}", drawn());
    if env::var_os("KILTER_UPDATE").is_some() {
        fs::write(&path, fresh).expect("ARCHITECTURE.md can be written");
    } else {
        assert!(page == fresh, "ARCHITECTURE.md has another picture than the tables: run with KILTER_UPDATE=1");
    }
}
