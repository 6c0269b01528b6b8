//! The published schema and the reference pages say what the parser does: one list of keys feeds them all.
//!
//! `KILTER_UPDATE=1 cargo test -p kilter-domain --test reference` writes the generated parts anew.

use std::{fs, path::PathBuf};

use kilter_domain::{
    contract::{Contract, KeyKind, SECTIONS, every_key, schema, top_level},
    rule::{FUNCTIONS, Rule},
};
use serde_json::Value;

fn file(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// The text of a file of the repository; with `KILTER_UPDATE` set, after writing `wanted` into it.
fn fresh(path: &str, wanted: impl Fn(&str) -> String) {
    let found = fs::read_to_string(file(path)).unwrap_or_default();
    let wanted = wanted(&found);
    if std::env::var_os("KILTER_UPDATE").is_some() {
        fs::create_dir_all(file(path).parent().unwrap()).unwrap();
        fs::write(file(path), &wanted).unwrap();
    }
    let found = fs::read_to_string(file(path)).unwrap_or_default();
    assert!(found == wanted, "{path} is stale: run KILTER_UPDATE=1 cargo test -p kilter-domain --test reference");
}

/// The page with the part between its markers replaced.
fn with_part(page: &str, name: &str, part: &str) -> String {
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
    let start = page.find(&open).unwrap_or_else(|| panic!("the page has no marker {open}")) + open.len();
    let end = start + page[start..].find(&close).unwrap_or_else(|| panic!("the page has no marker {close}"));
    format!("{}{part}{}", &page[..start], &page[end..])
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[test]
fn the_published_schema_is_fresh() {
    fresh("schema/kilter.schema.json", |_| format!("{}\n", serde_json::to_string_pretty(&schema()).unwrap()));
}

#[test]
fn the_reference_of_the_contract_is_fresh() {
    fresh("docs/reference/contract.md", |page| {
        SECTIONS.iter().fold(page.to_owned(), |page, section| {
            let mut table = String::from("| key | meaning | default | example |\n|---|---|---|---|\n");
            for key in section.keys {
                let default = if key.is_required() { "**required**" } else { key.default };
                table += &format!(
                    "| `{}` | {} | {} | `{}` |\n",
                    key.name,
                    cell(key.meaning),
                    cell(default),
                    cell(key.example)
                );
            }
            with_part(&page, &format!("keys of {}", section.path), &table)
        })
    });
}

#[test]
fn the_page_of_the_rule_language_is_fresh() {
    fresh("docs/concepts/rule.md", |page| {
        let mut table = String::from("| function | measures |\n|---|---|\n");
        for entry in FUNCTIONS {
            let every = if entry.takes_every { "; `*` for every feature" } else { "" };
            table += &format!("| `{}` | {}{every} |\n", cell(entry.usage), cell(entry.meaning));
        }
        with_part(page, "functions", &table)
    });
}

#[test]
fn every_rule_of_the_page_reads() {
    let page = fs::read_to_string(file("docs/concepts/rule.md")).unwrap();
    let rules: Vec<&str> = page
        .split("```")
        .skip(1)
        .step_by(2)
        .filter_map(|block| block.strip_prefix("rule\n"))
        .flat_map(str::lines)
        .map(|line| line.split("  #").next().unwrap_or(line).trim())
        .filter(|line| !line.is_empty())
        .collect();
    assert!(rules.len() > 20, "{rules:?}");
    for rule in rules {
        Rule::parse(rule).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn every_contract_of_the_page_reads() {
    let page = fs::read_to_string(file("docs/reference/contract.md")).unwrap();
    let blocks: Vec<&str> =
        page.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix("toml\n")).collect();
    assert!(!blocks.is_empty());
    for block in blocks {
        Contract::parse(block).unwrap_or_else(|errors| panic!("{errors}"));
    }
}

/// The schema of a table at a path like `step.*.retry`.
fn at<'s>(schema: &'s Value, path: &str) -> &'s Value {
    path.split('.').fold(schema, |table, part| match part {
        // The name of a column may be any text.
        "*" if table["patternProperties"].is_null() => &table["additionalProperties"],
        "*" => table["patternProperties"].as_object().unwrap().values().next().unwrap(),
        part => &table["properties"][part],
    })
}

#[test]
fn every_key_that_the_parser_takes_is_in_the_schema_and_no_other() {
    let schema = schema();
    for section in SECTIONS {
        let table = at(&schema, section.path);
        let known: Vec<&String> = table["properties"].as_object().unwrap().keys().collect();
        let keys: Vec<&str> = section.keys.iter().map(|key| key.name).collect();
        assert_eq!(known, keys, "{}", section.path);
        assert_eq!(table["additionalProperties"], false, "{}", section.path);
    }
    assert_eq!(schema["properties"].as_object().unwrap().keys().collect::<Vec<_>>(), top_level());
}

/// A contract in which everything that examples mention is declared.
fn around(section: &str, body: &str) -> String {
    let mut text = String::new();
    for (path, part) in [
        ("data.customers", "label = \"y\"\n"),
        ("params.train", "lr = 1\n"),
        ("step.split", "run = \"x\"\nout = { train = \"w/a\", test = \"w/b\" }\n"),
        ("step.train", "run = \"x\"\nin = [\"split.train\"]\nout = { model = \"w/m\", report = \"w/r\" }\n"),
        ("gate.quality", "rules = [\"auc > 0\"]\n"),
        ("monitor", ""),
    ] {
        if path != section {
            text += &format!("[{path}]\n{part}");
        }
    }
    format!("{text}[{section}]\n{body}")
}

#[test]
fn every_example_of_every_key_reads() {
    for (section, key) in every_key() {
        let name = match section.path.split('.').next() {
            Some("data") => "customers",
            _ => "one",
        };
        let header = section.path.replace('*', name);
        // What the section cannot be without, and what the example needs beside it.
        let mut body = String::new();
        for other in section.keys.iter().filter(|other| other.is_required() && other.name != key.name) {
            body += &format!("{} = {}\n", other.name, if other.name == "run" { "\"x\"" } else { other.example });
        }
        match (section.path, key.name) {
            ("step.*", "run") => body += "in = [\"split.train\"]\nout = { model = \"w/one\" }\n",
            ("data.*", "database") => body += "path = \"sql:sql/customers.sql\"\n",
            ("threshold", "window" | "every" | "min_rows") => body += "fpr = \"1%\"\n",
            ("input.*", "on_range") => body += "min = 0\n",
            ("input.*", "on_values") => body += "values = [\"basic\"]\n",
            ("input.*", "impute") => body += "on_null = \"impute\"\n",
            ("step.*", "metrics") => body += "out = { report = \"w/one\" }\n",
            _ => {}
        }
        if let Some((outer, _)) = header.rsplit_once('.').filter(|_| section.path.starts_with("step.*.")) {
            body = format!("{body}{} = {}\n[{outer}]\nrun = \"x\"\n", key.name, key.example);
        } else if section.path == "package.sample" {
            body = format!("{body}{} = {}\n[package]\nmodel = \"train.model\"\n", key.name, key.example);
        } else {
            body += &format!("{} = {}\n", key.name, key.example);
        }
        let text = around(&header, &body);
        if let Err(errors) = Contract::parse(&text) {
            panic!("{} {}: {errors}", section.path, key.name);
        }
        // A key of that name elsewhere in the table must not be what made it read.
        assert!(text.contains(key.example), "{text}");
        assert!(!matches!(key.kind, KeyKind::Any));
    }
}

#[test]
fn every_example_project_reads() {
    let folder = file("examples");
    let Ok(projects) = fs::read_dir(&folder) else { return };
    for project in projects.flatten() {
        let path = project.path().join("kilter.toml");
        if let Ok(text) = fs::read_to_string(&path) {
            Contract::parse(&text).unwrap_or_else(|errors| panic!("{}", errors.in_file(path.display().to_string())));
        }
    }
}
