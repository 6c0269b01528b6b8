//! Placeholders of a step's command: `{in.train}`, `{out.model}`, `{params.train.lr}`.
//!
//! Invariants: any other brace is the shell's and stays as it is.

use std::ops::Range;

use crate::nearest::nearest;

/// What a placeholder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlaceholderKind {
    /// `{in.NAME}`: an input.
    In,
    /// `{out.NAME}`: an output.
    Out,
    /// `{params.PATH}`: a value of `[params]`.
    Params,
}

/// A placeholder in a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placeholder {
    /// What the name behind the dot means.
    pub kind: PlaceholderKind,
    /// What follows the first dot: `model`, `train.lr`.
    pub name: String,
    /// Where it stands in the command, in bytes, braces included.
    pub place: Range<usize>,
}

/// What a command may have that looks like a placeholder.
pub(super) enum TemplatePart {
    Placeholder(Placeholder),
    /// `{inn.x}`: the word that was probably meant.
    Mistaken {
        text: String,
        meant: &'static str,
    },
}

/// Everything in braces that is, or nearly is, a placeholder.
pub(super) fn scan(command: &str) -> Vec<TemplatePart> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(open) = command[at..].find('{').map(|open| at + open) {
        at = open + 1;
        let Some(close) = command[at..].find(['}', '{']).map(|close| at + close) else { break };
        if command.as_bytes()[close] == b'{' {
            continue;
        }
        // `${in.x}` is the shell's.
        let is_shell = command[..open].ends_with('$');
        if let Some(piece) = (!is_shell).then(|| piece(&command[at..close], open..close + 1)).flatten() {
            found.push(piece);
        }
        at = close + 1;
    }
    found
}

fn piece(inner: &str, place: Range<usize>) -> Option<TemplatePart> {
    let (word, name) = inner.split_once('.')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    let kind = match word {
        _ if !is_name => return None,
        "in" => PlaceholderKind::In,
        "out" => PlaceholderKind::Out,
        "params" => PlaceholderKind::Params,
        word => {
            let meant = match word {
                "input" | "inputs" | "ins" => "in",
                "output" | "outputs" | "outs" => "out",
                word if word.len() > 3 => nearest(word, ["params"])?,
                _ => return None,
            };
            let meant = ["in", "out", "params"].into_iter().find(|known| *known == meant)?;
            return Some(TemplatePart::Mistaken { text: inner.to_owned(), meant });
        }
    };
    Some(TemplatePart::Placeholder(Placeholder { kind, name: name.to_owned(), place }))
}

/// The placeholders of a command, in order.
pub fn placeholders(command: &str) -> Vec<Placeholder> {
    let placeholder = |found| match found {
        TemplatePart::Placeholder(placeholder) => Some(placeholder),
        TemplatePart::Mistaken { .. } => None,
    };
    scan(command).into_iter().filter_map(placeholder).collect()
}

/// The command with every placeholder replaced by what `fill` says; the first one that it does not know is the error.
pub fn filled(command: &str, fill: impl Fn(&Placeholder) -> Option<String>) -> Result<String, Placeholder> {
    let mut text = String::with_capacity(command.len());
    let mut done = 0;
    for placeholder in placeholders(command) {
        let Some(value) = fill(&placeholder) else { return Err(placeholder) };
        text.push_str(&command[done..placeholder.place.start]);
        text.push_str(&value);
        done = placeholder.place.end;
    }
    text.push_str(&command[done..]);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_and_the_braces_of_the_shell_stay() {
        let command = "awk '{print $1}' {in.train} > {out.model}; echo ${HOME} ${in.x} {a,b} {params.train.lr} {";
        let fill = |placeholder: &Placeholder| Some(format!("<{:?} {}>", placeholder.kind, placeholder.name));
        assert_eq!(
            filled(command, fill).unwrap(),
            "awk '{print $1}' <In train> > <Out model>; echo ${HOME} ${in.x} {a,b} <Params train.lr> {"
        );
    }

    #[test]
    fn an_unknown_placeholder_is_the_error() {
        assert_eq!(filled("x {in.a} {in.b}", |p| (p.name == "a").then(String::new)).unwrap_err().name, "b");
    }

    #[test]
    fn a_misspelt_word_is_seen() {
        let mistaken =
            scan("x {input.a} {parms.b} {jq.c}").iter().filter(|f| matches!(f, TemplatePart::Mistaken { .. })).count();
        assert_eq!(mistaken, 2);
    }
}
