//! The parser of filters, by recursive descent.

use super::{
    Comparison, Condition, DatasetField, Entity, Expression, Key, NumberOperator, SearchError, TextOperator,
    attribute::{Kind, quoted_list},
    error::describe,
    excerpt::excerpt,
    lex::{Lexeme, Token, tokenize, unexpected},
};

/// A filter longer than this (in bytes) is refused.
pub const MAX_FILTER_BYTES: usize = 256 * 1024;
/// As many comparisons has a filter at most.
pub const MAX_COMPARISONS: usize = 100;
/// As many values have all lists of a filter together at most.
pub const MAX_LIST_VALUES: usize = 10_000;
/// As deep are brackets and `NOT` nested at most.
pub const MAX_DEPTH: usize = 50;
/// A pattern of `LIKE` longer than this (in bytes) is refused.
pub const MAX_PATTERN_BYTES: usize = 10_000;

impl Expression {
    /// Reads a filter on `entity`; `None` where it is empty and everything is found.
    ///
    /// # Errors
    /// When it is none, names a key or an operator that the entity does not have, or is beyond a bound of this module.
    pub fn parse(entity: Entity, filter: &str) -> Result<Option<Self>, SearchError> {
        if filter.len() > MAX_FILTER_BYTES {
            return Err(SearchError::TooLong { what: "filter", bytes: filter.len(), most: MAX_FILTER_BYTES });
        }
        if filter.contains('\0') {
            return Err(SearchError::Nul);
        }
        let mut parser = Parser { entity, tokens: tokenize(filter)?, at: 0, comparisons: 0, values: 0 };
        if parser.peek().token == Token::End {
            return Ok(None);
        }
        let expression = parser.disjunction(0)?;
        match parser.peek() {
            end if end.token == Token::End => Ok(Some(expression)),
            other => Err(unexpected(other.text, "AND, OR or the end of the filter")),
        }
    }
}

struct Parser<'t> {
    entity: Entity,
    /// The last is the end.
    tokens: Vec<Lexeme<'t>>,
    at: usize,
    comparisons: usize,
    values: usize,
}

/// What a comparator says, before its value is known.
enum Comparator {
    Sign(NumberOperator),
    Pattern(TextOperator),
    List { is_in: bool },
}

impl<'t> Parser<'t> {
    fn peek(&self) -> &Lexeme<'t> {
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn next(&mut self) -> Lexeme<'t> {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let is_there = self.peek().is_word(word);
        self.at += usize::from(is_there);
        is_there
    }

    fn disjunction(&mut self, depth: usize) -> Result<Expression, SearchError> {
        let mut parts = vec![self.conjunction(depth)?];
        while self.takes_word("OR") {
            parts.push(self.conjunction(depth)?);
        }
        Ok(Expression::any(parts))
    }

    fn conjunction(&mut self, depth: usize) -> Result<Expression, SearchError> {
        let mut parts = vec![self.negation(depth)?];
        while self.takes_word("AND") {
            parts.push(self.negation(depth)?);
        }
        Ok(Expression::all(parts))
    }

    fn negation(&mut self, depth: usize) -> Result<Expression, SearchError> {
        if depth > MAX_DEPTH {
            return Err(SearchError::TooDeep { most: MAX_DEPTH });
        }
        if self.takes_word("NOT") {
            return Ok(Expression::Not(Box::new(self.negation(depth + 1)?)));
        }
        if self.peek().token != Token::Open {
            return self.comparison().map(Expression::Compare);
        }
        self.next();
        let inner = self.disjunction(depth + 1)?;
        match self.next() {
            close if close.token == Token::Close => Ok(inner),
            other => Err(unexpected(other.text, "AND, OR or a closing bracket")),
        }
    }

    fn comparison(&mut self) -> Result<Comparison, SearchError> {
        self.comparisons += 1;
        if self.comparisons > MAX_COMPARISONS {
            return Err(SearchError::TooMany { what: "comparisons", most: MAX_COMPARISONS });
        }
        let key = self.key()?;
        if self.takes_word("IS") {
            return self.presence(key);
        }
        let sign = self.next();
        let comparator = self.comparator(&sign, &key)?;
        let condition = match (comparator, accepts(self.entity, &key)) {
            (Comparator::List { is_in }, accepts) => self.list(&key, is_in, accepts)?,
            (comparator, Accepts::Numbers(number)) => {
                let number = self.number(&key, number)?;
                match comparator {
                    Comparator::Sign(operator) => Condition::Number(operator, number),
                    _ => return Err(self.wrong_operator(sign.text, &key)),
                }
            }
            (comparator, Accepts::Texts { patterns, .. }) => {
                let text = self.text(&key)?;
                let operator = match comparator {
                    Comparator::Sign(NumberOperator::Equal) => TextOperator::Equal,
                    Comparator::Sign(NumberOperator::NotEqual) => TextOperator::NotEqual,
                    Comparator::Pattern(operator) if patterns => operator,
                    _ => return Err(self.wrong_operator(sign.text, &key)),
                };
                check_pattern(operator, &text)?;
                Condition::Text(operator, self.checked(&key, text)?)
            }
        };
        Ok(Comparison { key, condition })
    }

    fn key(&mut self) -> Result<Key, SearchError> {
        let token = self.next();
        match token.token {
            Token::Name { family, key, .. } => parse_key(self.entity, family.as_deref(), &key, Kind::is_filtered),
            // A text at the place of a key is the name of an attribute.
            Token::Quoted { value, is_double: true } => parse_key(self.entity, None, &value, Kind::is_filtered),
            Token::Number(_) | Token::Quoted { .. } => Err(SearchError::NoKey(excerpt(token.text))),
            _ => Err(unexpected(token.text, "a comparison")),
        }
    }

    fn comparator(&mut self, sign: &Lexeme<'_>, key: &Key) -> Result<Comparator, SearchError> {
        if sign.token == Token::Operator {
            let known = NumberOperator::ALL.into_iter().find(|operator| operator.sign() == sign.text);
            return known.map(Comparator::Sign).ok_or_else(|| self.wrong_operator(sign.text, key));
        }
        if let Some(pattern) = [TextOperator::Like, TextOperator::ILike].into_iter().find(|p| sign.is_word(p.sign())) {
            return Ok(Comparator::Pattern(pattern));
        }
        if sign.is_word("IN") {
            return Ok(Comparator::List { is_in: true });
        }
        if sign.is_word("NOT") && self.takes_word("IN") {
            return Ok(Comparator::List { is_in: false });
        }
        Err(unexpected(sign.text, "an operator behind the key"))
    }

    fn wrong_operator(&self, operator: &str, key: &Key) -> SearchError {
        let valid = match accepts(self.entity, key) {
            Accepts::Numbers(_) => quoted_list(NumberOperator::ALL.into_iter().map(NumberOperator::sign)),
            Accepts::Texts { patterns, lists, presence } => {
                let plain = ["=", "!="].into_iter();
                let patterns = ["LIKE", "ILIKE"].into_iter().filter(move |_| patterns);
                let lists = ["IN", "NOT IN"].into_iter().filter(move |_| lists);
                let presence = ["IS NULL", "IS NOT NULL"].into_iter().filter(move |_| presence);
                quoted_list(plain.chain(patterns).chain(lists).chain(presence))
            }
        };
        SearchError::Operator { operator: excerpt(operator), key: describe(key, self.entity), valid }
    }

    /// `NULL` or `NOT NULL`, behind `IS`.
    fn presence(&mut self, key: Key) -> Result<Comparison, SearchError> {
        let is_missing = !self.takes_word("NOT");
        if !self.takes_word("NULL") {
            return Err(unexpected(self.peek().text, "NULL or NOT NULL behind IS"));
        }
        if !matches!(accepts(self.entity, &key), Accepts::Texts { presence: true, .. }) {
            let valid = match self.entity {
                Entity::Run => "tags and params",
                Entity::Experiment => "tags",
                _ => "tags of runs and experiments, and params of runs",
            };
            return Err(SearchError::NoPresence { key: describe(&key, self.entity), valid });
        }
        Ok(Comparison { key, condition: Condition::IsMissing(is_missing) })
    }

    fn number(&mut self, key: &Key, numbers: Numbers) -> Result<f64, SearchError> {
        let token = self.value()?;
        let number = match token.token {
            Token::Number(number) => number,
            Token::Quoted { value, .. } if numbers == Numbers::WholeOrText => {
                let whole = value.trim().parse::<i64>().map_err(|_| self.not_whole(key, token.text))?;
                whole as f64
            }
            _ => {
                let described = describe(key, self.entity);
                let key = if matches!(key, Key::Metric(_)) { described } else { format!("numeric {described}") };
                return Err(SearchError::NotANumber { key, found: excerpt(token.text) });
            }
        };
        if numbers != Numbers::Any && number.fract() != 0.0 {
            return Err(self.not_whole(key, token.text));
        }
        Ok(number)
    }

    fn not_whole(&self, key: &Key, found: &str) -> SearchError {
        SearchError::NotWhole { key: key.name(self.entity).to_owned(), found: excerpt(found) }
    }

    fn text(&mut self, key: &Key) -> Result<String, SearchError> {
        let token = self.value()?;
        match token.token {
            Token::Quoted { value, .. } => Ok(value),
            Token::Name { .. } => Err(SearchError::NotQuoted(excerpt(token.text))),
            _ => {
                let key =
                    if matches!(key, Key::Attribute(_)) { "attributes".to_owned() } else { key.family().to_owned() };
                Err(SearchError::NotAText { key, found: excerpt(token.text) })
            }
        }
    }

    /// What stands at the place of a value.
    fn value(&mut self) -> Result<Lexeme<'t>, SearchError> {
        let token = self.next();
        match token.token {
            Token::Number(_) | Token::Quoted { .. } | Token::Name { .. } | Token::Open => Ok(token),
            _ => Err(unexpected(token.text, "a value behind the operator")),
        }
    }

    fn list(&mut self, key: &Key, is_in: bool, accepts: Accepts) -> Result<Condition, SearchError> {
        if !matches!(accepts, Accepts::Texts { lists: true, .. }) {
            let valid = self.entity.names(Kind::takes_lists);
            return Err(SearchError::NoList { key: describe(key, self.entity), valid });
        }
        if self.next().token != Token::Open {
            return Err(SearchError::List("ill-formed list: it begins with a bracket"));
        }
        let mut values = Vec::new();
        loop {
            let token = self.next();
            match token.token {
                Token::Quoted { value, .. } => values.push(self.checked(key, value)?),
                Token::Close if values.is_empty() => return Err(SearchError::List("empty list")),
                // A comma may stand behind the last.
                Token::Close => break,
                Token::Number(_) => return Err(SearchError::List("different type in list: a number")),
                _ => return Err(SearchError::List("ill-formed list: its values are in quotes")),
            }
            self.values += 1;
            if self.values > MAX_LIST_VALUES {
                return Err(SearchError::TooMany { what: "values in lists", most: MAX_LIST_VALUES });
            }
            match self.next().token {
                Token::Comma => {}
                Token::Close => break,
                _ => return Err(SearchError::List("ill-formed list: its values are separated by commas")),
            }
        }
        Ok(Condition::List { is_in, values })
    }

    /// The value of a key that has only some.
    fn checked(&self, key: &Key, value: String) -> Result<String, SearchError> {
        let Key::Attribute(attribute) = key else { return Ok(value) };
        if self.entity.kind(*attribute) != Kind::NumberAsText {
            return Ok(value);
        }
        // As it is stored: without zeros before it.
        let number = value.trim().parse::<i64>().map_err(|_| SearchError::ExperimentId(excerpt(&value)))?;
        Ok(number.to_string())
    }
}

fn check_pattern(operator: TextOperator, text: &str) -> Result<(), SearchError> {
    let is_pattern = matches!(operator, TextOperator::Like | TextOperator::ILike);
    if is_pattern && text.len() > MAX_PATTERN_BYTES {
        return Err(SearchError::TooLong { what: "pattern", bytes: text.len(), most: MAX_PATTERN_BYTES });
    }
    Ok(())
}

impl Kind {
    pub(super) fn is_filtered(self) -> bool {
        self != Self::OrderOnly
    }

    fn takes_lists(self) -> bool {
        matches!(self, Self::TextOrList | Self::NumberAsText)
    }
}

/// Which numbers a key is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Numbers {
    Any,
    Whole,
    /// Whole numbers, also in quotes.
    WholeOrText,
}

/// What a key is compared with, and how.
enum Accepts {
    Numbers(Numbers),
    Texts { patterns: bool, lists: bool, presence: bool },
}

fn accepts(entity: Entity, key: &Key) -> Accepts {
    let is_of_logged_model = entity == Entity::LoggedModel;
    match key {
        Key::Metric(_) => Accepts::Numbers(Numbers::Any),
        Key::Param(_) | Key::Tag(_) => Accepts::Texts {
            patterns: true,
            lists: is_of_logged_model,
            presence: matches!(entity, Entity::Run | Entity::Experiment),
        },
        Key::Dataset(_) => Accepts::Texts { patterns: true, lists: true, presence: false },
        Key::Attribute(attribute) => match entity.kind(*attribute) {
            Kind::Text | Kind::OrderOnly => Accepts::Texts { patterns: true, lists: false, presence: false },
            Kind::TextOrList => Accepts::Texts { patterns: true, lists: true, presence: false },
            Kind::NumberAsText => Accepts::Texts { patterns: false, lists: true, presence: false },
            Kind::Number => Accepts::Numbers(Numbers::Any),
            Kind::WholeNumber => Accepts::Numbers(Numbers::Whole),
            Kind::WholeNumberOrText => Accepts::Numbers(Numbers::WholeOrText),
        },
    }
}

/// The key that is written as `family.name`, or as `name` where it is an attribute that `is_wanted` takes.
pub(super) fn parse_key(
    entity: Entity,
    family: Option<&str>,
    name: &str,
    is_wanted: fn(Kind) -> bool,
) -> Result<Key, SearchError> {
    let key = match family.unwrap_or("attribute") {
        "attribute" | "attributes" | "attr" => None,
        "run" if entity == Entity::Run => None,
        "tag" | "tags" => Some(Key::Tag(name.to_owned())),
        "metric" | "metrics" if entity.is_logged_to() => Some(Key::Metric(name.to_owned())),
        "param" | "params" | "parameter" | "parameters" if entity.is_logged_to() => Some(Key::Param(name.to_owned())),
        "dataset" | "datasets" if entity == Entity::Run => return dataset_key(name),
        other => {
            let valid = match entity {
                Entity::Run => "['metric', 'parameter', 'tag', 'attribute', 'dataset']",
                Entity::LoggedModel => "['attributes', 'metrics', 'params', 'tags']",
                _ => "('attribute', 'tag', 'tags')",
            };
            return Err(SearchError::UnknownFamily { name: excerpt(other), valid });
        }
    };
    if let Some(key) = key {
        return Ok(key);
    }
    let entry = entity.entry_named(name).filter(|entry| is_wanted(entry.kind));
    entry.map(|entry| Key::Attribute(entry.attribute)).ok_or_else(|| SearchError::UnknownKey {
        family: "attribute",
        key: excerpt(name),
        valid: entity.names(is_wanted),
    })
}

fn dataset_key(name: &str) -> Result<Key, SearchError> {
    let field = DatasetField::ALL.into_iter().find(|field| field.as_str() == name);
    field.map(Key::Dataset).ok_or_else(|| SearchError::UnknownKey {
        family: "dataset",
        key: excerpt(name),
        valid: quoted_list(DatasetField::ALL.into_iter().map(DatasetField::as_str)),
    })
}
