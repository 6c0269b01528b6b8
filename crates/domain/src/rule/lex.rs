//! Words, numbers and signs of a rule, each with its place.

use super::{ExactNumber, Number, RuleError, Unit};

/// A piece of a rule.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// `auc`, `lift@0.05`; quoted when it was written in backticks and so is never a keyword.
    Name {
        text: String,
        is_quoted: bool,
    },
    /// In single quotes.
    Text(String),
    Number(Number),
    /// `>=`, `(`, `..`, ...
    Sign(&'static str),
    End,
}

/// A token and where it stands, in bytes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PositionedToken {
    pub token: Token,
    pub start: usize,
    pub end: usize,
}

/// Longer signs first: the first that fits is taken.
const SIGNS: &[&str] = &["..", "<=", ">=", "==", "!=", "<", ">", "(", ")", "{", "}", ",", "|", "*", "+", "-", "."];

/// What people write for a sign that the language spells otherwise.
const MISTAKEN: &[(&str, &str)] = &[
    ("=>", ">="),
    ("=<", "<="),
    ("<>", "!="),
    ("&&", "and"),
    ("||", "or"),
    ("=", "=="),
    ("≥", ">="),
    ("≤", "<="),
    ("≠", "!="),
];

/// All tokens of `text`, the last of which is [`Token::End`].
pub(super) fn tokenize(text: &str) -> Result<Vec<PositionedToken>, RuleError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let (token, length) = token(text, at, first)?;
        tokens.push(PositionedToken { token, start: at, end: at + length });
        at += length;
    }
    tokens.push(PositionedToken { token: Token::End, start: text.len(), end: text.len() });
    Ok(tokens)
}

fn token(text: &str, at: usize, first: char) -> Result<(Token, usize), RuleError> {
    let rest = &text[at..];
    match first {
        '0'..='9' => number(text, at),
        '`' => quoted(text, at, '`').map(|(text, length)| (Token::Name { text, is_quoted: true }, length)),
        '\'' => quoted(text, at, '\'').map(|(text, length)| (Token::Text(text), length)),
        _ if is_name_start(first) => {
            let length = name_length(rest);
            Ok((Token::Name { text: rest[..length].to_owned(), is_quoted: false }, length))
        }
        _ => match (MISTAKEN.iter().find(|(wrong, _)| starts_with_mistake(rest, wrong)), sign(rest)) {
            (Some((wrong, right)), _) => {
                Err(RuleError::new(text, at, at + wrong.len(), "an operator").hint(format!("write `{right}`")))
            }
            (None, Some(sign)) => Ok((Token::Sign(sign), sign.len())),
            (None, None) => Err(RuleError::new(text, at, at + first.len_utf8(), "a name, a number or an operator")),
        },
    }
}

/// `==` starts with `=`, `=<` does not end in a sign of ours: only what is not the right sign is a mistake.
fn starts_with_mistake(rest: &str, wrong: &str) -> bool {
    rest.starts_with(wrong) && !rest.starts_with("==")
}

fn sign(rest: &str) -> Option<&'static str> {
    SIGNS.iter().find(|sign| rest.starts_with(**sign)).copied()
}

pub(super) fn is_name_start(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

/// Letters, digits and `_`; then perhaps `@` and a number, as in `lift@0.05`.
fn name_length(rest: &str) -> usize {
    let word = prefix(rest, |c| c.is_alphanumeric() || c == '_');
    let Some(parameter) = rest[word..].strip_prefix('@') else { return word };
    let whole = prefix(parameter, |c| c.is_ascii_digit());
    if whole == 0 {
        return word;
    }
    let fraction = parameter[whole..].strip_prefix('.').map_or(0, |digits| prefix(digits, |c| c.is_ascii_digit()));
    word + 1 + whole + if fraction > 0 { 1 + fraction } else { 0 }
}

/// Whether `text` reads back as one unquoted name.
pub(super) fn is_plain_name(text: &str) -> bool {
    text.starts_with(is_name_start) && name_length(text) == text.len()
}

fn prefix(text: &str, keep: impl Fn(char) -> bool) -> usize {
    text.find(|c| !keep(c)).unwrap_or(text.len())
}

/// A quoted text; the quote itself is written twice inside of it.
fn quoted(text: &str, at: usize, quote: char) -> Result<(String, usize), RuleError> {
    let mut content = String::new();
    let mut letters = text[at + 1..].char_indices().peekable();
    while let Some((offset, letter)) = letters.next() {
        if letter != quote {
            content.push(letter);
        } else if letters.peek().is_some_and(|(_, next)| *next == quote) {
            letters.next();
            content.push(quote);
        } else if content.is_empty() && quote == '`' {
            return Err(RuleError::new(text, at, at + offset + 2, "a name between the backticks"));
        } else {
            return Ok((content, offset + 2));
        }
    }
    Err(RuleError::new(text, at, text.len(), "the closing quote").hint(format!("add {quote} at the end of the name")))
}

/// Digits with underscores, a fraction, an exponent, and a unit right behind.
fn number(text: &str, at: usize) -> Result<(Token, usize), RuleError> {
    let rest = &text[at..];
    let is_digit = |c: char| c.is_ascii_digit() || c == '_';
    let mut length = prefix(rest, is_digit);
    if let Some(fraction) =
        rest[length..].strip_prefix('.').filter(|tail| tail.starts_with(|c: char| c.is_ascii_digit()))
    {
        length += 1 + prefix(fraction, is_digit);
    }
    length += exponent_length(&rest[length..]);
    let suffix = unit_length(&rest[length..]);
    let (digits, unit) = (&rest[..length], &rest[length..length + suffix]);
    let end = at + length + suffix;
    let unit = Unit::ALL.into_iter().find(|known| known.suffix() == unit).ok_or_else(|| {
        let units = Unit::ALL.iter().skip(1).map(|known| known.suffix()).collect::<Vec<_>>().join(", ");
        RuleError::new(text, at + length, end, "a unit").hint(format!("the units are {units}"))
    })?;
    let written = digits.replace('_', "").parse::<f64>().ok().filter(|number| number.is_finite());
    match written {
        Some(written) => {
            let rest = whole(digits).filter(|_| unit == Unit::Plain).map_or(0.0, |whole| ExactNumber::from(whole).rest);
            Ok((Token::Number(Number { written, rest, unit }), length + suffix))
        }
        None => Err(RuleError::new(text, at, end, "a number that a double can hold")),
    }
}

/// A number without a fraction and an exponent, that is not beyond what any column holds.
fn whole(digits: &str) -> Option<i128> {
    let digits = digits.replace('_', "");
    (digits.len() <= 30).then(|| digits.parse().ok()).flatten()
}

fn exponent_length(tail: &str) -> usize {
    let Some(power) = tail.strip_prefix(['e', 'E']) else { return 0 };
    let signed = power.strip_prefix(['+', '-']).unwrap_or(power);
    match prefix(signed, |c| c.is_ascii_digit()) {
        0 => 0,
        digits => tail.len() - signed.len() + digits,
    }
}

fn unit_length(tail: &str) -> usize {
    if tail.starts_with('%') { 1 } else { prefix(tail, |c| c.is_alphabetic() || c == '_') }
}
