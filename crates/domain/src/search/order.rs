//! In which order things are found.

use super::{
    Attribute, DatasetSelector, Entity, Key, SearchError,
    attribute::Kind,
    error::describe,
    excerpt::excerpt,
    lex::{Lexeme, Token, tokenize},
    parse::parse_key,
};

/// Items that an order has at most.
const MAX_ITEMS: usize = 20;
/// Bytes of one item at most.
const MAX_ITEM_BYTES: usize = 2_000;

/// One key to sort by. What does not have it comes last, NaN before that, in both directions.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderItem {
    /// The key.
    pub key: Key,
    /// Whether the smallest comes first.
    pub is_ascending: bool,
    /// For a metric of logged models: only what was measured on this dataset counts.
    pub dataset: Option<DatasetSelector>,
}

/// An item of the order of logged models, as clients of MLflow state it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoggedModelOrder {
    /// An attribute, or `metrics.NAME`.
    pub field_name: String,
    /// Whether the smallest comes first.
    pub is_ascending: bool,
    /// For a metric: only what was measured on the dataset of this name counts.
    pub dataset_name: Option<String>,
    /// For a metric: only what was measured on the dataset of this digest counts.
    pub dataset_digest: Option<String>,
}

impl OrderItem {
    const fn new(key: Key, is_ascending: bool) -> Self {
        Self { key, is_ascending, dataset: None }
    }
}

/// The order that `clauses` (`KEY [ASC or DESC]`) state, and by what ties are broken.
pub(super) fn parse_order(entity: Entity, clauses: &[String]) -> Result<Vec<OrderItem>, SearchError> {
    check_count(clauses.len())?;
    let items = clauses.iter().map(|clause| parse_item(entity, clause)).collect::<Result<_, _>>()?;
    complete(entity, items)
}

/// The order of logged models that a client of MLflow states, and by what ties are broken.
pub(super) fn parse_logged_model_order(clauses: &[LoggedModelOrder]) -> Result<Vec<OrderItem>, SearchError> {
    check_count(clauses.len())?;
    complete(Entity::LoggedModel, clauses.iter().map(parse_logged_model_item).collect::<Result<_, _>>()?)
}

fn check_count(items: usize) -> Result<(), SearchError> {
    if items > MAX_ITEMS { Err(SearchError::TooMany { what: "items in its order", most: MAX_ITEMS }) } else { Ok(()) }
}

fn check_item(text: &str) -> Result<(), SearchError> {
    if text.contains('\0') {
        return Err(SearchError::Nul);
    }
    match text.len() {
        bytes if bytes > MAX_ITEM_BYTES => {
            Err(SearchError::TooLong { what: "order_by clause", bytes, most: MAX_ITEM_BYTES })
        }
        _ => Ok(()),
    }
}

fn parse_item(entity: Entity, clause: &str) -> Result<OrderItem, SearchError> {
    check_item(clause)?;
    let not_parsed = || SearchError::OrderSyntax(excerpt(clause));
    let tokens = tokenize(clause).map_err(|_| not_parsed())?;
    let (key, is_ascending) = match tokens.as_slice() {
        [key, _end] => (key, true),
        [key, direction, _end] if direction.is_word("ASC") => (key, true),
        [key, direction, _end] if direction.is_word("DESC") => (key, false),
        [_, Lexeme { token: Token::Name { .. }, .. }, _end] => {
            return Err(SearchError::OrderDirection(excerpt(clause)));
        }
        _ => return Err(not_parsed()),
    };
    let (family, name) = match &key.token {
        Token::Name { family, key, .. } => (family.as_deref(), key),
        Token::Quoted { value, is_double: true } => (None, value),
        _ => return Err(not_parsed()),
    };
    let key = match parse_key(entity, family, name, any) {
        // What clients of the registry know the error by.
        Err(SearchError::UnknownKey { key, valid, .. }) if entity == Entity::RegisteredModel => {
            return Err(SearchError::OrderKey { key, valid });
        }
        other => other?,
    };
    match key {
        Key::Dataset(_) => Err(SearchError::OrderFamily("dataset")),
        Key::Tag(_) | Key::Param(_) if entity != Entity::Run => Err(SearchError::OrderFamily(key.family())),
        key => Ok(OrderItem::new(key, is_ascending)),
    }
}

const fn any(_: Kind) -> bool {
    true
}

fn parse_logged_model_item(clause: &LoggedModelOrder) -> Result<OrderItem, SearchError> {
    let field = clause.field_name.trim();
    check_item(field)?;
    let unknown = || SearchError::OrderField(excerpt(field));
    let key = match field.split_once('.') {
        Some(("metrics", name)) if !name.is_empty() => Key::Metric(without_backticks(name).to_owned()),
        Some(("attributes", name)) => attribute(name).ok_or_else(unknown)?,
        Some(_) => return Err(unknown()),
        None => attribute(field).ok_or_else(unknown)?,
    };
    let dataset = DatasetSelector::parse(clause.dataset_name.as_deref(), clause.dataset_digest.as_deref())?;
    let dataset = dataset.filter(|_| matches!(key, Key::Metric(_)));
    Ok(OrderItem { key, is_ascending: clause.is_ascending, dataset })
}

fn attribute(name: &str) -> Option<Key> {
    Entity::LoggedModel.entry_named(without_backticks(name)).map(|entry| Key::Attribute(entry.attribute))
}

fn without_backticks(name: &str) -> &str {
    name.strip_prefix('`').and_then(|name| name.strip_suffix('`')).unwrap_or(name)
}

/// The items, or those of an order that is not stated, and behind them those that break ties.
fn complete(entity: Entity, mut items: Vec<OrderItem>) -> Result<Vec<OrderItem>, SearchError> {
    for (place, item) in items.iter().enumerate() {
        if items[..place].iter().any(|other| other.key == item.key && other.dataset == item.dataset) {
            return Err(SearchError::OrderTwice(describe(&item.key, entity)));
        }
    }
    let (when_not_stated, ties): (&[_], &[_]) = match entity {
        Entity::Run => (&[], &[(Attribute::StartTime, false), (Attribute::RunId, true)]),
        Entity::Experiment => {
            (&[(Attribute::CreationTime, false), (Attribute::ExperimentId, true)], &[(Attribute::ExperimentId, false)])
        }
        Entity::RegisteredModel => (&[], &[(Attribute::Name, true)]),
        Entity::ModelVersion => {
            (&[(Attribute::LastUpdateTime, false)], &[(Attribute::Name, true), (Attribute::VersionNumber, false)])
        }
        Entity::LoggedModel => (&[], &[(Attribute::CreationTime, false), (Attribute::ModelId, true)]),
    };
    let when_not_stated = when_not_stated.iter().filter(|_| items.is_empty()).copied().collect::<Vec<_>>();
    for (attribute, is_ascending) in when_not_stated.into_iter().chain(ties.iter().copied()) {
        let key = Key::Attribute(attribute);
        if !items.iter().any(|item| item.key == key) {
            items.push(OrderItem::new(key, is_ascending));
        }
    }
    Ok(items)
}
