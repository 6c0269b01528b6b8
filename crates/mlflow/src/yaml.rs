//! The `meta.yaml` of MLflow's folders: names with texts, numbers and lists of texts.
//!
//! Invariants: any bytes are a document or an error, in time and memory in proportion to them: nothing refers to something else, and
//! nothing is nested deeply.

use std::collections::BTreeMap;

use kilter_domain::transfer::Texts;
use saphyr_parser::{Event, Parser, ScalarStyle};

/// How deeply things may be nested.
const MAX_DEPTH: usize = 8;

/// Something in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    /// Nothing.
    Null,
    /// A text, a number or a word.
    Text(String),
    /// Things in their order.
    List(Vec<Node>),
    /// Things by name.
    Map(BTreeMap<String, Node>),
}

/// A document: things by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Document(BTreeMap<String, Node>);

impl Document {
    /// Reads a document.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser::new_from_str(text);
        let mut next = || match parser.next_event() {
            None => Ok(Event::StreamEnd),
            Some(Ok((event, _))) => Ok(event),
            Some(Err(error)) => Err(error.to_string()),
        };
        for expected in ["the beginning", "a document"] {
            if matches!(next()?, Event::StreamEnd) {
                return Err(format!("{expected} is missing"));
            }
        }
        let first = next()?;
        match node(first, &mut next, 0)? {
            Node::Map(map) => Ok(Self(map)),
            _ => Err("it has no names".to_owned()),
        }
    }

    /// A text that is there.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name) {
            Some(Node::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A text; empty where there is none.
    pub(crate) fn text_or_empty(&self, name: &str) -> String {
        self.text(name).unwrap_or_default().to_owned()
    }

    /// A text that must be there.
    pub(crate) fn required(&self, name: &str) -> Result<&str, String> {
        self.text(name).ok_or_else(|| format!("`{name}` is missing"))
    }

    /// A whole number that is there.
    pub(crate) fn int(&self, name: &str) -> Result<Option<i64>, String> {
        self.text(name).map(|text| text.parse().map_err(|_| format!("`{name}` is `{text}`, no number"))).transpose()
    }

    /// Texts by name.
    pub(crate) fn texts(&self, name: &str) -> Texts {
        let Some(Node::Map(map)) = self.0.get(name) else { return Texts::new() };
        let text = |(name, node): (&String, &Node)| match node {
            Node::Text(text) => Some((name.clone(), text.clone())),
            _ => None,
        };
        map.iter().filter_map(text).collect()
    }
}

fn node<'e>(
    event: Event<'e>,
    next: &mut impl FnMut() -> Result<Event<'e>, String>,
    depth: usize,
) -> Result<Node, String> {
    if depth > MAX_DEPTH {
        return Err("it is nested too deeply".to_owned());
    }
    match event {
        Event::Scalar(text, style, 0, _) => Ok(match (style, text.as_ref()) {
            (ScalarStyle::Plain, "" | "~" | "null" | "Null" | "NULL") => Node::Null,
            _ => Node::Text(text.into_owned()),
        }),
        Event::SequenceStart(0, _) => {
            let mut list = Vec::new();
            loop {
                match next()? {
                    Event::SequenceEnd => return Ok(Node::List(list)),
                    event => list.push(node(event, next, depth + 1)?),
                }
            }
        }
        Event::MappingStart(0, _) => {
            let mut map = BTreeMap::new();
            loop {
                let name = match next()? {
                    Event::MappingEnd => return Ok(Node::Map(map)),
                    Event::Scalar(name, _, 0, _) => name.into_owned(),
                    _ => return Err("a name is no text".to_owned()),
                };
                let value = next()?;
                if map.insert(name.clone(), node(value, next, depth + 1)?).is_some() {
                    return Err(format!("`{name}` is there twice"));
                }
            }
        }
        Event::Alias(_) | Event::Scalar(..) | Event::SequenceStart(..) | Event::MappingStart(..) => {
            Err("it refers to a part of itself".to_owned())
        }
        _ => Err("it ends too early".to_owned()),
    }
}

/// A document that is written, name by name.
#[derive(Default)]
pub(crate) struct Writer(String);

impl Writer {
    pub(crate) fn text(mut self, name: &str, text: &str) -> Self {
        self.0 += &format!("{name}: {}\n", quoted(text));
        self
    }

    /// A text, or nothing where it is empty.
    pub(crate) fn text_or_null(self, name: &str, text: Option<&str>) -> Self {
        match text.filter(|text| !text.is_empty()) {
            Some(text) => self.text(name, text),
            None => self.word(name, "null"),
        }
    }

    /// A number or a word of YAML.
    pub(crate) fn word(mut self, name: &str, word: impl std::fmt::Display) -> Self {
        self.0 += &format!("{name}: {word}\n");
        self
    }

    pub(crate) fn int_or_null(self, name: &str, number: Option<i64>) -> Self {
        match number {
            Some(number) => self.word(name, number),
            None => self.word(name, "null"),
        }
    }

    pub(crate) fn texts(mut self, name: &str, texts: &Texts) -> Self {
        if texts.is_empty() {
            return self.word(name, "{}");
        }
        self.0 += &format!("{name}:\n");
        for (name, text) in texts {
            self.0 += &format!("  {}: {}\n", quoted(name), quoted(text));
        }
        self
    }

    pub(crate) fn end(self) -> String {
        self.0
    }
}

/// A text in double quotes, of ASCII alone, which every reader of YAML takes.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out += "\\\"",
            '\\' => out += "\\\\",
            '\n' => out += "\\n",
            '\t' => out += "\\t",
            ' '..='~' => out.push(c),
            c if (c as u32) < 0x100 => out += &format!("\\x{:02X}", c as u32),
            c if (c as u32) < 0x1_0000 => out += &format!("\\u{:04X}", c as u32),
            c => out += &format!("\\U{:08X}", c as u32),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_mlflow_writes_is_read() {
        let text = "artifact_uri: file:///tmp/a b\nend_time: null\nexperiment_id: '0'\nname: 'it''s\n\n  two lines'\nlong: one two\n  \
                    three\nquoted: \"a\\tb \\\n  \\ c\\xE9\"\nstart_time: 17\ntags: []\nbare: yes\nof:\n  a: b\n  ? c\n  : 'd'\n";
        let read = Document::parse(text).unwrap();
        assert_eq!(read.text("artifact_uri"), Some("file:///tmp/a b"));
        assert_eq!((read.text("end_time"), read.text("name")), (None, Some("it's\ntwo lines")));
        assert_eq!((read.text("long"), read.text("quoted")), (Some("one two three"), Some("a\tb  cé")));
        assert_eq!((read.int("start_time"), read.text("bare")), (Ok(Some(17)), Some("yes")));
        assert_eq!(read.texts("of"), Texts::from([("a".into(), "b".into()), ("c".into(), "d".into())]));
        assert!(read.int("bare").is_err() && read.required("nothing").is_err());
    }

    #[test]
    fn what_refers_to_itself_is_nested_or_twice_is_refused() {
        let deep = format!("a: {}", "[".repeat(100_000));
        for text in
            ["a: &x 1\nb: *x\n", "a: 1\na: 2\n", "- a\n", "", "a: [", "a: &x [*x]", deep.as_str(), "? [a]\n: b\n"]
        {
            assert!(Document::parse(text).is_err(), "{}", &text[..text.len().min(40)]);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_document_or_an_error(text in "[a-c:?&*!|>'\"\\[\\]{}, \\n\\t#%@`-]{0,60}") {
            let _ = Document::parse(&text);
        }

        #[test]
        fn what_is_written_is_read_again(text in any::<String>(), name in "[a-z é.]{1,8}") {
            // A reader of YAML takes no NUL, also not escaped by some; none is ever in a text of a client.
            let text = text.replace('\0', "");
            let texts = Texts::from([(name, text.clone())]);
            let written = Writer::default().text("a", &text).texts("b", &texts).int_or_null("c", None).end();
            let read = Document::parse(&written).unwrap();
            prop_assert_eq!(read.text("a").unwrap(), text);
            prop_assert_eq!(read.texts("b"), texts);
            prop_assert_eq!(read.int("c").unwrap(), None);
        }
    }
}
