//! A tree as a filter. What is written reads back as the same tree.

use std::fmt::{self, Display, Formatter};

use super::{Comparison, Condition, Entity, Expression, Key, lex::is_plain};

/// A tree and what it is about, for `Display`.
pub(super) struct Written<'e> {
    pub expression: &'e Expression,
    pub entity: Entity,
}

impl Display for Written<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let entity = self.entity;
        match self.expression {
            Expression::Compare(comparison) => write_comparison(out, comparison, entity),
            Expression::Not(operand) => match **operand {
                Expression::And(_) | Expression::Or(_) => {
                    write!(out, "NOT ({})", Written { expression: operand, entity })
                }
                _ => write!(out, "NOT {}", Written { expression: operand, entity }),
            },
            Expression::And(parts) => join(out, parts, " AND ", |out, part| match part {
                Expression::And(_) | Expression::Or(_) => write!(out, "({})", Written { expression: part, entity }),
                _ => write!(out, "{}", Written { expression: part, entity }),
            }),
            Expression::Or(parts) => join(out, parts, " OR ", |out, part| match part {
                Expression::Or(_) => write!(out, "({})", Written { expression: part, entity }),
                _ => write!(out, "{}", Written { expression: part, entity }),
            }),
        }
    }
}

fn join<T>(
    out: &mut Formatter<'_>,
    parts: &[T],
    between: &str,
    write: impl Fn(&mut Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            out.write_str(between)?;
        }
        write(out, part)?;
    }
    Ok(())
}

fn write_comparison(out: &mut Formatter<'_>, comparison: &Comparison, entity: Entity) -> fmt::Result {
    write_key(out, &comparison.key, entity)?;
    match &comparison.condition {
        Condition::Number(operator, number) => write!(out, " {} {}", operator.sign(), Number(*number)),
        Condition::Text(operator, text) => write!(out, " {} {}", operator.sign(), Text(text)),
        Condition::List { is_in, values } => {
            out.write_str(if *is_in { " IN (" } else { " NOT IN (" })?;
            join(out, values, ", ", |out, value| write!(out, "{}", Text(value)))?;
            out.write_str(")")
        }
        Condition::IsMissing(true) => out.write_str(" IS NULL"),
        Condition::IsMissing(false) => out.write_str(" IS NOT NULL"),
    }
}

fn write_key(out: &mut Formatter<'_>, key: &Key, entity: Entity) -> fmt::Result {
    let name = key.name(entity);
    if is_plain(name) {
        write!(out, "{}.{name}", key.family())
    } else {
        write!(out, "{}.`{}`", key.family(), name.replace('`', "``"))
    }
}

impl Key {
    /// What comes before the dot.
    pub(super) const fn family(&self) -> &'static str {
        match self {
            Self::Attribute(_) => "attribute",
            Self::Metric(_) => "metric",
            Self::Param(_) => "parameter",
            Self::Tag(_) => "tag",
            Self::Dataset(_) => "dataset",
        }
    }

    /// What comes behind it.
    pub(super) fn name(&self, entity: Entity) -> &str {
        match self {
            Self::Attribute(attribute) => attribute.name(entity),
            Self::Metric(name) | Self::Param(name) | Self::Tag(name) => name,
            Self::Dataset(field) => field.as_str(),
        }
    }
}

struct Text<'t>(&'t str);

impl Display for Text<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(out, "'{}'", self.0.replace('\'', "''"))
    }
}

struct Number(f64);

impl Display for Number {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        // The other form of Rust never has an exponent: 300 zeros.
        if self.0.abs() < 1e15 && self.0.fract() == 0.0 {
            write!(out, "{}", self.0)
        } else {
            write!(out, "{:?}", self.0)
        }
    }
}
