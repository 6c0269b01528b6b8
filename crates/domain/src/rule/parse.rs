//! The one parser of the rule language, by recursive descent.

use std::str::FromStr;

use super::{
    Condition, FUNCTIONS, Function, Literal, Number, RuleError, Unit,
    ast::{Arg, Bound, BoundExpr, Quantity, Rule},
    lex::{PositionedToken, Token, tokenize},
    op::Op,
};
use crate::{nearest::nearest, time::Span};

/// A rule longer than this (in bytes) is refused.
pub const MAX_RULE_BYTES: usize = 2_000;
/// How deep conditions nest.
const MAX_DEPTH: usize = 8;
/// How many words a set holds.
const MAX_SET: usize = 200;

const OPS: [(&str, Op); 6] =
    [("<", Op::Less), ("<=", Op::AtMost), (">", Op::More), (">=", Op::AtLeast), ("==", Op::Equal), ("!=", Op::Unequal)];

impl Op {
    /// As written.
    pub fn sign(self) -> &'static str {
        OPS.iter().find(|(_, op)| *op == self).map_or("", |(sign, _)| sign)
    }
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        Self::parse(text)
    }
}

impl FromStr for Quantity {
    type Err = RuleError;

    /// Reads the left side of a rule.
    fn from_str(text: &str) -> Result<Self, RuleError> {
        if text.len() > MAX_RULE_BYTES {
            return Err(RuleError::new(text, 0, 0, format!("at most {MAX_RULE_BYTES} bytes")));
        }
        let mut parser = Parser { text, tokens: tokenize(text)?, at: 0 };
        let quantity = parser.quantity()?;
        match parser.peek() {
            Token::End => Ok(quantity),
            _ => Err(parser.expected("the end of the metric")),
        }
    }
}

impl Rule {
    /// Reads a rule. Errors name the column, what was expected, and the nearest known name.
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        if text.len() > MAX_RULE_BYTES {
            return Err(RuleError::new(text, 0, 0, format!("at most {MAX_RULE_BYTES} bytes"))
                .hint("split it into several rules"));
        }
        let mut parser = Parser { text, tokens: tokenize(text)?, at: 0 };
        let quantity = parser.quantity()?;
        let bound = parser.bound(&quantity)?;
        let over = parser.over()?;
        match parser.peek() {
            Token::End => Ok(Rule { quantity, bound, over }),
            _ if over.is_some() => Err(parser.expected("the end of the rule")),
            _ => Err(parser.expected("`over` and a length of time, or the end of the rule")),
        }
    }
}

/// Reads `>= 40.0`: the target of an objective.
pub fn parse_target(text: &str) -> Result<(Op, Number), RuleError> {
    let mut parser = Parser { text, tokens: tokenize(text)?, at: 0 };
    let op = parser.op().ok_or_else(|| parser.expected("a comparison like `>= 40`"))?;
    let number = parser.number()?;
    match parser.peek() {
        Token::End => Ok((op, number)),
        _ => Err(parser.expected("the end of the target")),
    }
}

struct Parser<'t> {
    text: &'t str,
    tokens: Vec<PositionedToken>,
    at: usize,
}

impl Parser<'_> {
    fn placed(&self) -> &PositionedToken {
        // The last token is `End`, and nothing moves past it.
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn peek(&self) -> &Token {
        &self.placed().token
    }

    fn next(&mut self) {
        self.at = (self.at + 1).min(self.tokens.len() - 1);
    }

    fn expected(&self, what: impl Into<String>) -> RuleError {
        let placed = self.placed();
        RuleError::new(self.text, placed.start, placed.end, what)
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        let is_there = matches!(self.peek(), Token::Sign(found) if *found == sign);
        if is_there {
            self.next();
        }
        is_there
    }

    fn need_sign(&mut self, sign: &str) -> Result<(), RuleError> {
        if self.take_sign(sign) { Ok(()) } else { Err(self.expected(format!("`{sign}`"))) }
    }

    fn is_keyword(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Name { text, is_quoted: false } if text == word)
    }

    fn take_keyword(&mut self, word: &str) -> bool {
        let is_there = self.is_keyword(word);
        if is_there {
            self.next();
        }
        is_there
    }

    fn name(&mut self, what: &str) -> Result<String, RuleError> {
        let Token::Name { text, .. } = self.peek() else { return Err(self.expected(what)) };
        let name = text.clone();
        self.next();
        Ok(name)
    }

    fn number(&mut self) -> Result<Number, RuleError> {
        let is_negative = self.take_sign("-");
        let Token::Number(number) = *self.peek() else { return Err(self.expected("a number")) };
        self.next();
        Ok(if is_negative { Number { written: -number.written, rest: -number.rest, ..number } } else { number })
    }

    fn op(&mut self) -> Option<Op> {
        let Token::Sign(sign) = self.peek() else { return None };
        let op = OPS.iter().find(|(known, _)| known == sign).map(|(_, op)| *op)?;
        self.next();
        Some(op)
    }

    fn quantity(&mut self) -> Result<Quantity, RuleError> {
        let start = self.at;
        let name = self.name("a metric or a function")?;
        if self.take_sign("(") {
            return self.call(&name, start);
        }
        Ok(Quantity::Metric { name, slice: self.slice()? })
    }

    /// `.slice(column)`.
    fn slice(&mut self) -> Result<Option<String>, RuleError> {
        if !self.take_sign(".") {
            return Ok(None);
        }
        if !self.take_keyword("slice") {
            return Err(self.expected("`slice(column)`"));
        }
        self.need_sign("(")?;
        let column = self.name("a column")?;
        self.need_sign(")")?;
        Ok(Some(column))
    }

    fn call(&mut self, name: &str, start: usize) -> Result<Quantity, RuleError> {
        let Some(function) = Function::named(name) else {
            let placed = &self.tokens[start];
            let error = RuleError::new(self.text, placed.start, placed.end, "a function");
            let names = || FUNCTIONS.iter().map(|entry| entry.name);
            return Err(error.hint(match nearest(name, names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the functions are {}", names().collect::<Vec<_>>().join(", ")),
            }));
        };
        let args = self.args(function)?;
        let condition = if self.take_sign("|") { Some(self.any(0)?) } else { None };
        match self.take_sign(")") {
            true => Ok(Quantity::Call { function, args, condition }),
            false if condition.is_some() => Err(self.expected("`and`, `or` or `)`")),
            false => Err(self.expected("`,`, `|` or `)`")),
        }
    }

    fn args(&mut self, function: Function) -> Result<Vec<Arg>, RuleError> {
        let entry = function.entry();
        let (least, most) = entry.arity;
        let mut args = Vec::new();
        loop {
            let start = self.at;
            let arg = match self.take_sign("*") {
                true if entry.takes_every => Arg::Every,
                true => {
                    self.at = start;
                    return Err(self.expected("a name").hint(format!("`*` has no meaning here: {}", entry.usage)));
                }
                false => Arg::Name(self.name("a name").map_err(|error| error.hint(format!("write {}", entry.usage)))?),
            };
            if args.len() == most {
                self.at = start;
                return Err(self.expected(format!("at most {most} names")).hint(format!("write {}", entry.usage)));
            }
            args.push(arg);
            if function == Function::Monotone && args.len() == 3 {
                self.direction(&args, start)?;
            }
            if !self.take_sign(",") {
                break;
            }
        }
        if args.len() >= least {
            Ok(args)
        } else {
            Err(self.expected(format!("{least} names")).hint(format!("write {}", entry.usage)))
        }
    }

    fn direction(&mut self, args: &[Arg], start: usize) -> Result<(), RuleError> {
        if matches!(args.last(), Some(Arg::Name(word)) if word == "up" || word == "down") {
            return Ok(());
        }
        self.at = start;
        Err(self.expected("`up` or `down`"))
    }

    fn bound(&mut self, quantity: &Quantity) -> Result<Bound, RuleError> {
        let start = self.at;
        let bound = self.any_bound(quantity)?;
        match misfit(quantity, &bound) {
            None => Ok(bound),
            Some((expected, hint)) => {
                let from = self.tokens[start].start;
                let end = self.tokens[self.at.saturating_sub(1).max(start)].end;
                Err(RuleError::new(self.text, from, end, expected).hint(hint))
            }
        }
    }

    fn any_bound(&mut self, quantity: &Quantity) -> Result<Bound, RuleError> {
        if let Some(op) = self.op() {
            return Ok(Bound::Compare(op, self.bound_expr()?));
        }
        if self.take_keyword("known") {
            return Ok(Bound::Known);
        }
        if self.take_keyword("in") {
            return if self.take_sign("{") { Ok(Bound::OneOf(self.set()?)) } else { self.range() };
        }
        match quantity {
            Quantity::Call { function, .. } if function.is_statement() => Ok(Bound::Holds),
            _ => Err(self.expected("a comparison (`>= 0.8`), `in low..high`, `in {a, b}` or `known`")),
        }
    }

    fn range(&mut self) -> Result<Bound, RuleError> {
        let start = self.at;
        let low = self.number()?;
        self.need_sign("..")?;
        let high = self.number()?;
        if low.value() <= high.value() {
            return Ok(Bound::Within(low, high));
        }
        let end = self.tokens[self.at - 1].end;
        let error = RuleError::new(self.text, self.tokens[start].start, end, "the smaller end first");
        Err(error.hint(format!("write `{high}..{low}`")))
    }

    /// After the `{`.
    fn set(&mut self) -> Result<Vec<String>, RuleError> {
        let mut words = Vec::new();
        loop {
            if words.len() == MAX_SET {
                return Err(self.expected(format!("at most {MAX_SET} values")));
            }
            words.push(self.word()?);
            if self.take_sign("}") {
                return Ok(words);
            }
            if !self.take_sign(",") {
                return Err(self.expected("`,` or `}`"));
            }
        }
    }

    /// A value of a column: a word, a quoted text, or a number, all as text.
    fn word(&mut self) -> Result<String, RuleError> {
        let is_negative = self.take_sign("-");
        let written = &self.text[self.placed().start..self.placed().end];
        let word = match self.peek() {
            // Long names of digits are kept as they are written.
            Token::Number(_) if written.len() > 15 && written.bytes().all(|byte| byte.is_ascii_digit()) => {
                format!("{}{written}", if is_negative { "-" } else { "" })
            }
            Token::Number(number) if is_negative => format!("-{number}"),
            Token::Number(number) => number.to_string(),
            Token::Name { text, .. } | Token::Text(text) if !is_negative => text.clone(),
            _ => return Err(self.expected("a value")),
        };
        self.next();
        Ok(word)
    }

    fn bound_expr(&mut self) -> Result<BoundExpr, RuleError> {
        if self.take_keyword("expected") {
            return Ok(BoundExpr::Expected);
        }
        if self.is_keyword("champion") {
            self.next();
            return self.champion();
        }
        match self.peek() {
            Token::Number(_) | Token::Sign("-") => self.number().map(BoundExpr::Number),
            Token::Name { text, .. } if nearest(text, ["champion"]).is_some() => {
                Err(self.expected("a number or `champion.METRIC`").hint("did you mean `champion`?"))
            }
            Token::Name { .. } | Token::Text(_) => Err(self
                .expected("a number, `champion.METRIC` or `expected`")
                .hint("values of a column are compared with `values(column) in {a, b}`")),
            _ => Err(self.expected("a number, `champion.METRIC` or `expected`")),
        }
    }

    /// After `champion`: `.auc.slice(region) * 1.02 - 0.002`.
    fn champion(&mut self) -> Result<BoundExpr, RuleError> {
        self.need_sign(".")?;
        let metric = self.name("a metric")?;
        let slice = self.slice()?;
        let factor = if self.take_sign("*") { self.number()?.value() } else { 1.0 };
        let offset = match self.peek() {
            Token::Sign("+") => {
                self.next();
                self.number()?.value()
            }
            Token::Sign("-") => self.number()?.value(),
            _ => 0.0,
        };
        Ok(BoundExpr::Champion { metric, slice, factor, offset })
    }

    fn over(&mut self) -> Result<Option<Span>, RuleError> {
        if !self.take_keyword("over") {
            return Ok(None);
        }
        let placed = self.placed().clone();
        let span: Option<Span> = match placed.token {
            Token::Number(_) => self.text[placed.start..placed.end].replace('_', "").parse().ok(),
            _ => None,
        };
        match span.filter(|span| span.count > 0) {
            Some(span) => {
                self.next();
                Ok(Some(span))
            }
            None => Err(self.expected("a length of time like `1d`").hint("the units are s, m, h, d, w, mo, y")),
        }
    }

    fn any(&mut self, depth: usize) -> Result<Condition, RuleError> {
        let first = self.all(depth)?;
        let mut parts = vec![first];
        while self.take_keyword("or") {
            parts.push(self.all(depth)?);
        }
        Ok(joined(parts, Condition::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Condition, RuleError> {
        let mut parts = vec![self.comparison(depth)?];
        while self.take_keyword("and") {
            parts.push(self.comparison(depth)?);
        }
        Ok(joined(parts, Condition::All))
    }

    fn comparison(&mut self, depth: usize) -> Result<Condition, RuleError> {
        if depth == MAX_DEPTH {
            return Err(self.expected(format!("at most {MAX_DEPTH} parentheses inside of each other")));
        }
        if self.take_sign("(") {
            let inner = self.any(depth + 1)?;
            self.need_sign(")")?;
            return Ok(inner);
        }
        let column = self.name("a column")?;
        if self.take_keyword("in") {
            self.need_sign("{")?;
            return Ok(Condition::OneOf { column, values: self.set()? });
        }
        let op = self.op().ok_or_else(|| self.expected("a comparison or `in {a, b}`"))?;
        Ok(Condition::Compare { column, op, literal: self.literal()? })
    }

    fn literal(&mut self) -> Result<Literal, RuleError> {
        let literal = match self.peek() {
            Token::Number(_) | Token::Sign("-") => return self.number().map(Literal::Number),
            Token::Name { text, .. } | Token::Text(text) => Literal::Text(text.clone()),
            _ => return Err(self.expected("a number, a word or a text in single quotes")),
        };
        self.next();
        Ok(literal)
    }
}

fn joined(mut parts: Vec<Condition>, join: impl FnOnce(Vec<Condition>) -> Condition) -> Condition {
    match (parts.len(), parts.pop()) {
        (1, Some(only)) => only,
        (_, last) => join(parts.into_iter().chain(last).collect()),
    }
}

/// What a bound would have to be for that quantity, when it is not: what is expected, and a hint.
fn misfit(quantity: &Quantity, bound: &Bound) -> Option<(&'static str, &'static str)> {
    let function = match quantity {
        Quantity::Call { function, .. } => Some(*function),
        Quantity::Metric { .. } => None,
    };
    match (function, bound) {
        (Some(Function::Values), Bound::OneOf(_)) => None,
        (Some(Function::Values), _) => Some(("`in {a, b}`", "the values of a column are a set, not a number")),
        (_, Bound::OneOf(_)) => Some(("a comparison or `in low..high`", "a set of values fits `values(column)` only")),
        (Some(Function::Share), Bound::Known) => None,
        (_, Bound::Known) => Some(("a comparison", "`known` fits `share(column)` only")),
        (Some(Function::Replay), Bound::Compare(Op::Equal, BoundExpr::Expected)) => None,
        (_, Bound::Compare(_, BoundExpr::Expected)) => Some(("a number", "`== expected` fits `replay(sample)` only")),
        (Some(Function::Age), Bound::Compare(_, BoundExpr::Number(number))) if !number.unit.is_time() => {
            Some(("a length of time like `2d`", "an age needs a unit"))
        }
        (Some(Function::Age), Bound::Within(low, high)) if !low.unit.is_time() || !high.unit.is_time() => {
            Some(("lengths of time like `1h..2d`", "an age needs a unit"))
        }
        _ => None,
    }
}

impl Unit {
    /// Whether it measures time.
    pub const fn is_time(self) -> bool {
        !matches!(self, Self::Plain | Self::Percent | Self::KiB | Self::MiB | Self::GiB)
    }
}
