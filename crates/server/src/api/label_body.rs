//! The body of a label request, read within bounds: straight into columns, no tree of values in between.
//!
//! Invariants: a request holds at most [`MAX_LABELS`] labels, an id [`MAX_ID_BYTES`] and a text [`MAX_TEXT_BYTES`]; what is
//! beyond ends the reading, so a request never takes more memory than its body and a few megabytes.

use std::{borrow::Cow, fmt, marker::PhantomData, sync::Arc};

use kilter_api::{Code, Problem};
use kilter_app::prediction;
use kilter_domain::{table::Column, time::Timestamp};
use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};

use crate::api::bad_request;

/// The most labels of one request.
pub(crate) const MAX_LABELS: usize = 100_000;
/// The longest prediction id, in bytes; no longer one can have been given.
pub(crate) const MAX_ID_BYTES: usize = 300;
/// The longest label that is a text, in bytes.
pub(crate) const MAX_TEXT_BYTES: usize = 1_024;

/// What a request says.
pub(crate) struct LabelRequest {
    pub labels: prediction::Labels,
    /// Whether it wants to know how many of the ids are known.
    pub count_known: bool,
}

/// Reads the body of `POST /api/v1/endpoints/{endpoint}/labels`; what became known at an unstated time did so at `now`.
///
/// # Errors
/// When it is not JSON, no labels, past a bound, or its parts do not fit together.
pub(crate) fn read(body: &[u8], now: Timestamp) -> Result<LabelRequest, Problem> {
    let body: Body = serde_json::from_slice(body).map_err(|error| parse_error(&error))?;
    let (ids, values) = (body.ids.0, body.values.0);
    let known_at = match body.known_at {
        None => vec![now; ids.len()],
        Some(times) => times.0.into_iter().map(|Time(time)| time).collect(),
    };
    if values.len() != ids.len() || known_at.len() != ids.len() {
        return Err(bad_request(format!(
            "{} ids, {} values, {} times: there must be as many of each",
            ids.len(),
            values.len(),
            known_at.len()
        )));
    }
    let ids = ids.into_iter().map(|Id(id)| id).collect();
    let labels = prediction::Labels { ids, values: column(values)?, known_at };
    Ok(LabelRequest { labels, count_known: body.count_known })
}

fn parse_error(error: &serde_json::Error) -> Problem {
    let text = format!("the body cannot be read: {error}");
    match text.contains(TOO_MANY) {
        true => Problem::new(Code::BodyTooLarge, text).hint(format!("send at most {MAX_LABELS} labels in a request")),
        false => Problem::new(Code::RequestInvalid, text),
    }
}

/// In the text of the error that a list which is too long ends with.
const TOO_MANY: &str = "more labels than a request may hold";

/// [`kilter_api::Labels`], as it is read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    ids: Bounded<Id>,
    values: Bounded<Label>,
    #[serde(default)]
    known_at: Option<Bounded<Time>>,
    #[serde(default)]
    count_known: bool,
}

/// A list of at most [`MAX_LABELS`].
struct Bounded<T>(Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Bounded<T> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_seq(BoundedVisitor(PhantomData)).map(Self)
    }
}

struct BoundedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for BoundedVisitor<T> {
    type Value = Vec<T>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            if values.len() == MAX_LABELS {
                return Err(A::Error::custom(format!("{TOO_MANY} ({MAX_LABELS})")));
            }
            values.push(value);
        }
        Ok(values)
    }
}

struct Id(Arc<str>);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        text(input, "an id", MAX_ID_BYTES).map(|text| Self(Arc::from(&*text)))
    }
}

struct Time(Timestamp);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        text(input, "a time", MAX_TEXT_BYTES)?.parse().map(Self).map_err(D::Error::custom)
    }
}

fn text<'de, D: Deserializer<'de>>(input: D, what: &str, limit: usize) -> Result<Cow<'de, str>, D::Error> {
    let text = BorrowedText::deserialize(input)?.0;
    match text.len() > limit {
        true => Err(D::Error::custom(format!("{what} has {} bytes; at most {limit} are taken", text.len()))),
        false => Ok(text),
    }
}

#[derive(Deserialize)]
struct BorrowedText<'a>(#[serde(borrow)] Cow<'a, str>);

/// One truth, before it is known of which kind all of them are.
#[derive(Clone, Debug, PartialEq)]
enum Label {
    Missing,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Arc<str>),
}

impl<'de> Deserialize<'de> for Label {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(LabelVisitor)
    }
}

struct LabelVisitor;

impl<'de> Visitor<'de> for LabelVisitor {
    type Value = Label;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a label: a text, a number, true, false or null")
    }

    fn visit_unit<E: Error>(self) -> Result<Label, E> {
        Ok(Label::Missing)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Label, E> {
        Ok(Label::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Label, E> {
        Ok(Label::Int(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Label, E> {
        Ok(i64::try_from(value).map_or(Label::Float(value as f64), Label::Int))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Label, E> {
        Ok(Label::Float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Label, E> {
        match value.len() > MAX_TEXT_BYTES {
            true => Err(E::custom(format!("a label has {} bytes; at most {MAX_TEXT_BYTES} are taken", value.len()))),
            false => Ok(Label::Text(Arc::from(value))),
        }
    }
}

/// Values of one kind as a column; `null` is a missing value of any kind.
fn column(values: Vec<Label>) -> Result<Column, Problem> {
    let all = |is_kind: fn(&Label) -> bool| values.iter().all(|value| *value == Label::Missing || is_kind(value));
    if all(|value| matches!(value, Label::Bool(_))) {
        let value = |value: &Label| if let Label::Bool(value) = value { Some(*value) } else { None };
        return Ok(Column::Bool(values.iter().map(value).collect()));
    }
    if all(|value| matches!(value, Label::Int(_))) {
        let value = |value: &Label| if let Label::Int(value) = value { Some(*value) } else { None };
        return Ok(Column::Int(values.iter().map(value).collect()));
    }
    if all(|value| matches!(value, Label::Int(_) | Label::Float(_))) {
        let number = |value: &Label| match value {
            Label::Int(value) => *value as f64,
            Label::Float(value) => *value,
            _ => f64::NAN,
        };
        return Ok(Column::Float(values.iter().map(number).collect()));
    }
    if all(|value| matches!(value, Label::Text(_))) {
        let value = |value| if let Label::Text(value) = value { Some(value) } else { None };
        return Ok(Column::Text(values.into_iter().map(value).collect()));
    }
    Err(bad_request("labels are all texts, all numbers or all true/false".to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(body: &[u8], now: Timestamp) -> Result<prediction::Labels, Problem> {
        super::read(body, now).map(|sent| sent.labels)
    }

    fn read_values(values: Value, ids: usize) -> Result<prediction::Labels, Problem> {
        let ids: Vec<String> = (0..ids).map(|id| id.to_string()).collect();
        read(json!({ "ids": ids, "values": values }).to_string().as_bytes(), Timestamp(7))
    }

    #[test]
    fn labels_are_of_one_kind_and_null_takes_one_back() {
        assert_eq!(read_values(json!([1, null]), 2).unwrap().values, Column::Int(vec![Some(1), None]));
        assert_eq!(read_values(json!([true, false]), 2).unwrap().values, Column::Bool(vec![Some(true), Some(false)]));
        assert!(
            matches!(read_values(json!([1, 0.5]), 2).unwrap().values, Column::Float(values) if values == [1.0, 0.5])
        );
        assert_eq!(read_values(json!(["yes", null]), 2).unwrap().values, Column::Text(vec![Some("yes".into()), None]));
        assert!(read_values(json!(["yes", 1]), 2).unwrap_err().detail.contains("all texts"));
        assert!(read_values(json!([{}]), 1).is_err());
    }

    #[test]
    fn every_id_needs_its_value_and_its_time() {
        assert!(read_values(json!([1]), 2).unwrap_err().detail.starts_with("2 ids, 1 values"));
        let refused = |body: Value| read(body.to_string().as_bytes(), Timestamp(0)).unwrap_err();
        assert_eq!(refused(json!({ "ids": ["a"], "values": [1], "known_at": ["soon"] })).code, "request_invalid");
        assert!(refused(json!({ "ids": ["a"], "values": [1], "more": 1 })).detail.contains("unknown field `more`"));
        let times = json!({ "ids": ["a"], "values": [1], "known_at": ["2026-05-01T00:00:00Z"] }).to_string();
        assert_eq!(read(times.as_bytes(), Timestamp(0)).unwrap().known_at[0].to_string(), "2026-05-01T00:00:00Z");
    }

    #[test]
    fn what_is_past_a_bound_is_refused_with_the_bound() {
        let many = MAX_LABELS + 1;
        let refused = read_values(json!(vec![1; many]), many).unwrap_err();
        assert_eq!(refused.code, "body_too_large");
        assert!(refused.detail.contains("100000") && refused.hint.contains("100000"), "{refused:?}");
        assert_eq!(read_values(json!(vec![1; MAX_LABELS]), MAX_LABELS).unwrap().ids.len(), MAX_LABELS);
        let long = |bytes: usize| json!({ "ids": ["i".repeat(bytes)], "values": ["v"] }).to_string();
        assert!(read(long(MAX_ID_BYTES).as_bytes(), Timestamp(0)).is_ok());
        let refused = read(long(MAX_ID_BYTES + 1).as_bytes(), Timestamp(0)).unwrap_err();
        assert!(refused.detail.contains("an id has 301 bytes; at most 300"), "{refused}");
        let refused = read_values(json!(["v".repeat(MAX_TEXT_BYTES + 1)]), 1).unwrap_err();
        assert!(refused.detail.contains("a label has 1025 bytes; at most 1024"), "{refused}");
    }
}
