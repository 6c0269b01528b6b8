//! `{in.x}`, `{out.x}` and `{params.x}` in a command, filled so that the shell takes each value as it is.

use std::{collections::BTreeSet, fmt};

use crate::executor::Command;
use kilter_domain::contract::{Placeholder, PlaceholderKind, placeholders};
use serde_json::{Map, Value};

/// A piece of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    Text(&'a str),
    Input(&'a str),
    Output(&'a str),
    /// A path below `[params]`.
    Param(&'a str),
}

impl fmt::Display for Part<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => out.write_str(text),
            Self::Input(name) => write!(out, "{{in.{name}}}"),
            Self::Output(name) => write!(out, "{{out.{name}}}"),
            Self::Param(path) => write!(out, "{{params.{path}}}"),
        }
    }
}

/// The text as pieces, whose texts together are the text.
pub(crate) fn parts(text: &str) -> Vec<Part<'_>> {
    let mut found = Vec::new();
    let mut done = 0;
    for Placeholder { kind, place, .. } in placeholders(text) {
        if place.start > done {
            found.push(Part::Text(&text[done..place.start]));
        }
        // Between the braces stands the kind, a dot and the name.
        let (_, name) = text[place.start + 1..place.end - 1].split_once('.').unwrap_or_default();
        found.push(match kind {
            PlaceholderKind::In => Part::Input(name),
            PlaceholderKind::Out => Part::Output(name),
            PlaceholderKind::Params => Part::Param(name),
        });
        done = place.end;
    }
    if done < text.len() {
        found.push(Part::Text(&text[done..]));
    }
    found
}

/// The value at a dotted path below `[params]`.
pub(crate) fn param<'a>(params: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let mut parts = path.split('.');
    let first = params.get(parts.next()?)?;
    parts.try_fold(first, |value, part| value.get(part))
}

/// Whether a path is one of the declared ones, or lies below one.
pub(crate) fn is_declared(declared: &BTreeSet<String>, path: &str) -> bool {
    declared
        .iter()
        .any(|table| path.strip_prefix(table.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

/// Whether a command holds this placeholder.
pub(crate) fn mentions(command: &Command, wanted: &Part<'_>) -> bool {
    let words = match command {
        Command::Shell(line) => std::slice::from_ref(line),
        Command::Program(words) => words.as_slice(),
    };
    words.iter().any(|word| parts(word).contains(wanted))
}

/// A value as it stands in a command.
pub(crate) fn value_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The command with every placeholder replaced by what `value` says; in a shell line the value stays one word,
/// whatever it holds, also inside quotes.
pub(crate) fn substitute(command: &Command, value: &dyn Fn(&Part<'_>) -> Option<String>) -> Command {
    match command {
        Command::Shell(line) => Command::Shell(substitute_shell(line, value)),
        Command::Program(words) => {
            let fill = |part: &Part<'_>| value(part).unwrap_or_else(|| part.to_string());
            Command::Program(words.iter().map(|word| parts(word).iter().map(fill).collect()).collect())
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quote {
    None,
    Single,
    Double,
}

fn substitute_shell(line: &str, value: &dyn Fn(&Part<'_>) -> Option<String>) -> String {
    let (mut out, mut quote) = (String::new(), Quote::None);
    for part in parts(line) {
        match (part, value(&part)) {
            (Part::Text(text), _) => {
                quote = quote_after(quote, text);
                out.push_str(text);
            }
            (_, Some(value)) => out.push_str(&quoted(quote, &value)),
            (part, None) => out.push_str(&part.to_string()),
        }
    }
    out
}

fn quote_after(mut quote: Quote, text: &str) -> Quote {
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        quote = match (quote, c) {
            (Quote::None, '\'') => Quote::Single,
            (Quote::None, '"') => Quote::Double,
            (Quote::Single, '\'') | (Quote::Double, '"') => Quote::None,
            (Quote::None | Quote::Double, '\\') => {
                chars.next();
                quote
            }
            _ => quote,
        };
    }
    quote
}

fn quoted(quote: Quote, value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_./:@%+,=-".contains(c);
    match quote {
        Quote::None if !value.is_empty() && value.chars().all(is_plain) => value.to_owned(),
        Quote::None => format!("'{}'", value.replace('\'', r"'\''")),
        Quote::Single => value.replace('\'', r"'\''"),
        Quote::Double => value.chars().fold(String::new(), |mut out, c| {
            if "\"\\$`".contains(c) {
                out.push('\\');
            }
            out.push(c);
            out
        }),
    }
}

/// The environment variable with the path of an input or output: `KILTER_IN_SPLIT_TRAIN` for input `split.train`.
pub(crate) fn path_variable(kind: &str, name: &str) -> String {
    let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    format!("KILTER_{kind}_{name}").to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_our_placeholders_are_read() {
        let found = parts("awk '{print}' ${HOME} {in.a} {{out.b-c}} {params.t.lr}{nope.x} {in.} {in.a b}");
        assert_eq!(
            found,
            [
                Part::Text("awk '{print}' ${HOME} "),
                Part::Input("a"),
                Part::Text(" {"),
                Part::Output("b-c"),
                Part::Text("} "),
                Part::Param("t.lr"),
                Part::Text("{nope.x} {in.} {in.a b}"),
            ]
        );
    }

    #[test]
    fn a_param_is_declared_by_its_table_or_its_path() {
        let declared = BTreeSet::from(["train".to_owned(), "split.share".to_owned()]);
        for (path, expected) in
            [("train", true), ("train.lr", true), ("trainer", false), ("split", false), ("split.share", true)]
        {
            assert_eq!(is_declared(&declared, path), expected, "{path}");
        }
    }

    proptest! {
        #[test]
        fn the_pieces_of_any_text_are_the_text(text in "[a-z{}. '$]{0,30}|.{0,20}") {
            prop_assert_eq!(parts(&text).iter().map(Part::to_string).collect::<String>(), text);
        }

        #[test]
        fn a_value_is_one_word_for_the_shell_whatever_it_holds(value in "[ -~äß\n]{0,12}") {
            let line = "printf '%s\\n' {in.a} \"<{in.a}>\" '({in.a})'; printf '%s' \\\"";
            let filled = substitute_shell(line, &|part| matches!(part, Part::Input(_)).then(|| value.clone()));
            let output = std::process::Command::new("sh").arg("-c").arg(&filled).output().unwrap();
            let expected = format!("{value}\n<{value}>\n({value})\n\"");
            prop_assert_eq!(String::from_utf8(output.stdout).unwrap(), expected, "{}", filled);
        }
    }
}
