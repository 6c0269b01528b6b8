//! Words, numbers and signs of a filter.

use super::{SearchError, excerpt::excerpt};

/// A piece of a filter.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A key or a word of the language: `metrics.auc`, `` `run name` ``, `AND`.
    Name {
        family: Option<String>,
        key: String,
        is_quoted: bool,
    },
    /// In single quotes, or in double quotes.
    Quoted {
        value: String,
        is_double: bool,
    },
    Number(f64),
    /// `=`, `>=` and the like, known or not.
    Operator,
    Open,
    Close,
    Comma,
    End,
}

/// A token and how it was written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Lexeme<'t> {
    pub token: Token,
    pub text: &'t str,
}

impl Lexeme<'_> {
    /// Whether it is this word of the language, in any case.
    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(&self.token, Token::Name { family: None, key, is_quoted: false } if key.eq_ignore_ascii_case(word))
    }
}

/// All tokens of `text`, the last of which is [`Token::End`].
pub(super) fn tokenize(text: &str) -> Result<Vec<Lexeme<'_>>, SearchError> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = token(text, rest, first)?;
        tokens.push(Lexeme { token, text: &rest[..length] });
        rest = rest[length..].trim_start();
    }
    tokens.push(Lexeme { token: Token::End, text: "" });
    Ok(tokens)
}

fn token(text: &str, rest: &str, first: char) -> Result<(Token, usize), SearchError> {
    match first {
        '(' => Ok((Token::Open, 1)),
        ')' => Ok((Token::Close, 1)),
        ',' => Ok((Token::Comma, 1)),
        '\'' | '"' => {
            let (value, length) = quoted(rest, first)?;
            Ok((Token::Quoted { value, is_double: first == '"' }, length))
        }
        '<' | '>' | '=' | '~' | '!' => Ok((Token::Operator, prefix(rest, |c| "<>=~!".contains(c)))),
        ';' if !rest[1..].trim().is_empty() => Err(SearchError::SeveralExpressions(excerpt(text))),
        '`' => name(rest),
        '0'..='9' | '+' | '-' | '.' => number(rest),
        _ if is_word_start(first) => name(rest),
        _ => Err(unexpected(&rest[..first.len_utf8()], "a comparison")),
    }
}

pub(super) fn unexpected(found: &str, expected: &'static str) -> SearchError {
    SearchError::Syntax { found: excerpt(found), expected }
}

fn is_word_start(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

/// Also signs that names of metrics have and that mean nothing else here.
fn is_in_word(c: char) -> bool {
    c.is_alphanumeric() || "_.-/:@".contains(c)
}

/// Whether a name behind its family reads back without quotes.
pub(super) fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(is_in_word)
}

fn prefix(text: &str, keep: impl Fn(char) -> bool) -> usize {
    text.find(|c| !keep(c)).unwrap_or(text.len())
}

/// `word`, `family.word`, `` family.`anything` ``, `family."anything"`, `` `anything` ``, `` `family`.word ``.
fn name(rest: &str) -> Result<(Token, usize), SearchError> {
    let (family, start) = if rest.starts_with('`') {
        let (first, length) = quoted(rest, '`')?;
        if !rest[length..].starts_with('.') {
            return Ok((Token::Name { family: None, key: first, is_quoted: true }, length));
        }
        (first, length + 1)
    } else {
        let length = prefix(rest, is_in_word);
        let word = &rest[..length];
        let is_quote_next = rest[length..].starts_with(['`', '"']);
        match word.split_once('.') {
            None => return Ok((Token::Name { family: None, key: word.to_owned(), is_quoted: false }, length)),
            Some((family, "")) if is_quote_next => (family.to_owned(), length),
            Some((family, key)) if !key.is_empty() => {
                let token = Token::Name { family: Some(family.to_owned()), key: key.to_owned(), is_quoted: false };
                return Ok((token, length));
            }
            Some(_) => return Err(unexpected(word, "a key behind the dot")),
        }
    };
    let (key, length) = match rest[start..].chars().next() {
        Some(quote @ ('`' | '"')) => quoted(&rest[start..], quote)?,
        _ => {
            let length = prefix(&rest[start..], is_in_word);
            (rest[start..start + length].to_owned(), length)
        }
    };
    if key.is_empty() {
        return Err(unexpected(&rest[..start + length], "a key behind the dot"));
    }
    Ok((Token::Name { family: Some(family), key, is_quoted: true }, start + length))
}

/// What stands between quotes, and how many bytes it takes with them; the quote itself is written twice inside.
fn quoted(rest: &str, quote: char) -> Result<(String, usize), SearchError> {
    let mut content = String::new();
    let mut letters = rest[1..].char_indices().peekable();
    while let Some((offset, letter)) = letters.next() {
        if letter != quote {
            content.push(letter);
        } else if letters.peek().is_some_and(|(_, next)| *next == quote) {
            letters.next();
            content.push(quote);
        } else if content.is_empty() && quote == '`' {
            return Err(unexpected(&rest[..offset + 2], "a name between the backticks"));
        } else {
            return Ok((content, offset + 2));
        }
    }
    Err(unexpected(rest, "a closing quote"))
}

fn number(rest: &str) -> Result<(Token, usize), SearchError> {
    let sign = usize::from(rest.starts_with(['+', '-']));
    let digits = |from: usize| prefix(&rest[from..], |c| c.is_ascii_digit());
    let mut length = sign + digits(sign);
    let mut digits_seen = length - sign;
    if rest[length..].starts_with('.') {
        let fraction = digits(length + 1);
        digits_seen += fraction;
        length += 1 + fraction;
    }
    if rest[length..].starts_with(['e', 'E']) {
        let exponent_sign = usize::from(rest[length + 1..].starts_with(['+', '-']));
        let exponent = digits(length + 1 + exponent_sign);
        if exponent > 0 {
            length += 1 + exponent_sign + exponent;
        }
    }
    // What is glued to a number makes it none.
    let whole = length + prefix(&rest[length..], is_in_word);
    if digits_seen == 0 || whole > length {
        return Err(unexpected(&rest[..whole.max(1)], "a number"));
    }
    match rest[..length].parse::<f64>() {
        Ok(number) if number.is_finite() => Ok((Token::Number(number), length)),
        _ => Err(SearchError::NumberOutOfRange(excerpt(&rest[..length]))),
    }
}
