//! A rule as text. What is written reads back as the same rule.

use std::fmt::{self, Display, Formatter};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{
    Condition, Literal,
    ast::{Arg, Bound, BoundExpr, Quantity, Rule},
    lex::is_plain_name,
    number::write_number,
    op::Op,
};

/// Words that mean something by themselves, so that a name of that spelling is quoted.
const KEYWORDS: [&str; 8] = ["over", "in", "and", "or", "known", "expected", "champion", "slice"];

/// A name, in backticks where it would not read back otherwise.
struct Name<'n>(&'n str);

impl Display for Name<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        if is_plain_name(self.0) && !KEYWORDS.contains(&self.0) {
            out.write_str(self.0)
        } else {
            write!(out, "`{}`", self.0.replace('`', "``"))
        }
    }
}

/// A value of a column: a plain word, or in single quotes.
struct Word<'w>(&'w str);

impl Display for Word<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        // Short whole numbers read back as the same text without quotes.
        let is_whole = self.0 == "0"
            || (self.0.len() <= 15 && self.0.bytes().all(|c| c.is_ascii_digit()) && !self.0.starts_with('0'));
        if is_whole && !self.0.is_empty() { out.write_str(self.0) } else { write!(out, "{}", Text(self.0)) }
    }
}

/// A text that is compared with: a plain word, or in single quotes. A number without quotes would be a number.
struct Text<'w>(&'w str);

impl Display for Text<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        if is_plain_name(self.0) && !KEYWORDS.contains(&self.0) {
            out.write_str(self.0)
        } else {
            write!(out, "'{}'", self.0.replace('\'', "''"))
        }
    }
}

fn list<T: Display>(out: &mut Formatter<'_>, items: impl IntoIterator<Item = T>, between: &str) -> fmt::Result {
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            out.write_str(between)?;
        }
        write!(out, "{item}")?;
    }
    Ok(())
}

fn slice(out: &mut Formatter<'_>, slice: Option<&String>) -> fmt::Result {
    slice.map_or(Ok(()), |column| write!(out, ".slice({})", Name(column)))
}

impl Display for Rule {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(out, "{}{}", self.quantity, self.bound)?;
        self.over.map_or(Ok(()), |span| write!(out, " over {span}"))
    }
}

impl Display for Quantity {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Metric { name, slice: by } => {
                write!(out, "{}", Name(name))?;
                slice(out, by.as_ref())
            }
            Self::Call { function, args, condition } => {
                write!(out, "{function}(")?;
                list(out, args, ", ")?;
                if let Some(condition) = condition {
                    write!(out, " | {condition}")?;
                }
                out.write_str(")")
            }
        }
    }
}

impl Display for Arg {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every => out.write_str("*"),
            Self::Name(name) => write!(out, "{}", Name(name)),
        }
    }
}

/// With the space before it.
impl Display for Bound {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compare(op, bound) => write!(out, " {op} {bound}"),
            Self::Within(low, high) => write!(out, " in {low}..{high}"),
            Self::OneOf(words) => {
                out.write_str(" in {")?;
                list(out, words.iter().map(|word| Word(word)), ", ")?;
                out.write_str("}")
            }
            Self::Holds => Ok(()),
            Self::Known => out.write_str(" known"),
        }
    }
}

impl Display for BoundExpr {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(out, "{number}"),
            Self::Expected => out.write_str("expected"),
            Self::Champion { metric, slice: by, factor, offset } => {
                write!(out, "champion.{}", Name(metric))?;
                slice(out, by.as_ref())?;
                if *factor != 1.0 {
                    out.write_str(" * ")?;
                    write_number(out, *factor)?;
                }
                if *offset == 0.0 {
                    return Ok(());
                }
                out.write_str(if *offset < 0.0 { " - " } else { " + " })?;
                write_number(out, offset.abs())
            }
        }
    }
}

impl Display for Op {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_str(self.sign())
    }
}

impl Display for Condition {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compare { column, op, literal } => write!(out, "{} {op} {literal}", Name(column)),
            Self::OneOf { column, values } => {
                write!(out, "{} in {{", Name(column))?;
                list(out, values.iter().map(|word| Word(word)), ", ")?;
                out.write_str("}")
            }
            Self::All(parts) => list(out, parts.iter().map(|part| Inside { part, of_all: true }), " and "),
            Self::Any(parts) => list(out, parts.iter().map(|part| Inside { part, of_all: false }), " or "),
        }
    }
}

/// A part of a condition, in parentheses where it would bind otherwise.
struct Inside<'c> {
    part: &'c Condition,
    of_all: bool,
}

impl Display for Inside<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self.part {
            Condition::Any(_) => write!(out, "({})", self.part),
            Condition::All(_) if self.of_all => write!(out, "({})", self.part),
            part => write!(out, "{part}"),
        }
    }
}

impl Display for Literal {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(out, "{number}"),
            Self::Text(text) => write!(out, "{}", Text(text)),
        }
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        String::deserialize(input)?.parse().map_err(serde::de::Error::custom)
    }
}
