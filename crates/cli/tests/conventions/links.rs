//! Links between the pages of the repository: the file is there, and so is the heading.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::source::root;

/// Every Markdown page of the repository.
fn pages() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder can be read") {
            let path = entry.expect("a folder can be read").path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() && !name.starts_with('.') && name != "target" && name != "node_modules" {
                folders.push(path);
            } else if name.ends_with(".md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The lines of a page that are no block of code, with their numbers.
fn prose(page: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_code = false;
    page.lines().enumerate().filter_map(move |(number, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        (!is_code && !is_fence).then_some((number + 1, line))
    })
}

/// The text outside of backticks (`true`) and between them.
fn parts(line: &str) -> impl Iterator<Item = (bool, &str)> {
    line.split('`').enumerate().map(|(at, part)| (at % 2 == 0, part))
}

/// What the links of a line lead to: `](TARGET)`, also where the text of the link stands in backticks.
fn targets(line: &str) -> Vec<&str> {
    line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target.trim()).collect()
}

/// Pages of the repository that a line names in backticks, like `docs/index.md`.
fn named_pages(line: &str) -> Vec<&str> {
    let is_page = |part: &str| part.starts_with("docs/") && part.ends_with(".md") && !part.contains([' ', '*', '<']);
    parts(line).filter(|(is_prose, part)| !is_prose && is_page(part)).map(|(_, part)| part).collect()
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, line) in prose(page).filter(|(_, line)| line.starts_with('#')) {
        let anchor: String = line
            .trim_start_matches('#')
            .trim()
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        let mut again = (1..).map(|number| format!("{anchor}-{number}"));
        match found.contains(&anchor) {
            true => found.extend(again.find(|anchor| !found.contains(anchor))),
            false => found.extend([anchor]),
        }
    }
    found
}

/// Why a link of the page at `path` leads nowhere; `None` when it leads somewhere, or out of the repository.
fn dead(path: &Path, page: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let place = if file.is_empty() { path.to_owned() } else { path.parent()?.join(file) };
    if !place.exists() {
        return Some(format!("there is no {file}"));
    }
    let text = if file.is_empty() { page.to_owned() } else { fs::read_to_string(&place).unwrap_or_default() };
    anchor.filter(|anchor| !anchors(&text).contains(*anchor)).map(|anchor| format!("{file} has no heading #{anchor}"))
}

#[test]
fn every_link_between_pages_leads_to_a_page_and_a_heading() {
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for path in pages() {
        let page = fs::read_to_string(&path).expect("a page can be read");
        for (number, line) in prose(&page) {
            let mut problems: Vec<String> =
                targets(line).iter().filter_map(|target| dead(&path, &page, target)).collect();
            let missing = named_pages(line).into_iter().filter(|name| !root().join(name).exists());
            problems.extend(missing.map(|name| format!("there is no {name}")));
            checked += targets(line).len();
            wrong.extend(problems.into_iter().map(|problem| format!("{}:{number}: {problem}", path.display())));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(checked > 60, "links were looked at: {checked}");
}

#[test]
fn every_page_of_the_documentation_is_in_its_index() {
    let docs = root().join("docs");
    let index = fs::read_to_string(docs.join("index.md")).expect("the index can be read");
    let linked: BTreeSet<&str> = index.lines().flat_map(targets).collect();
    for path in pages() {
        let Ok(name) = path.strip_prefix(&docs) else { continue };
        let name = name.to_str().expect("names of pages are plain");
        let is_listed = name == "index.md" || name.starts_with("decisions/") || linked.contains(name);
        assert!(is_listed, "docs/index.md does not say what docs/{name} is for");
    }
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let (path, page) = (root().join("README.md"), "# One `two`: Three\n## Four\n## Four\n");
    for right in ["#one-two-three", "#four", "#four-1", "docs/index.md", "docs", "https://example.com/x#y"] {
        assert_eq!(dead(&path, page, right), None, "{right}");
    }
    for wrong in ["#five", "#four-2", "docs/none.md", "docs/index.md#none"] {
        assert!(dead(&path, page, wrong).is_some(), "{wrong}");
    }
    assert_eq!(named_pages("see `docs/none.md` and `docs/*.md`"), ["docs/none.md"]);
}
