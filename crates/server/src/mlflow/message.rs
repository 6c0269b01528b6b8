//! A request of MLflow's API: its fields, from the query, the body or the path, as the protocol's own reader takes them.
//!
//! Invariants: names are taken in snake case and in camel case; whole numbers as numbers or texts; what is not known is passed over.

use std::{borrow::Cow, mem};

use axum::{
    RequestExt,
    extract::{FromRequest, RawPathParams, Request},
    http::Method,
};
use serde_json::{Map, Value};

use crate::{error::MlflowError, extract::JsonBody, state::AppState};

const HINT: &str = " See the API docs for more information about request parameters.";

/// The fields of a request, or of an object of a list in it.
#[derive(Clone, Debug)]
pub(super) struct Message<'m> {
    fields: Cow<'m, Map<String, Value>>,
    bytes: usize,
}

impl FromRequest<AppState> for Message<'static> {
    type Rejection = MlflowError;

    async fn from_request(mut request: Request, state: &AppState) -> Result<Self, MlflowError> {
        let params = request.extract_parts::<RawPathParams>().await;
        let params = params.map_err(|_| MlflowError::invalid("the path is not UTF-8 once its escapes are read"))?;
        let query = request.uri().query().unwrap_or_default().to_owned();
        let has_no_body = request.method() == Method::GET || axum::body::HttpBody::is_end_stream(request.body());
        let (mut fields, bytes) = match has_no_body {
            true => (without_nul(of_query(&query))?, 0),
            false => {
                let JsonBody(body) = JsonBody::from_request(request, state).await?;
                (of_body(&body)?, body.len())
            }
        };
        for (name, value) in &params {
            fields.insert(name.to_owned(), Value::String(value.to_owned()));
        }
        Ok(Self { fields: Cow::Owned(fields), bytes })
    }
}

/// A name that is there several times is a list.
fn of_query(query: &str) -> Map<String, Value> {
    let mut fields = Map::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let (name, value) = (snake_case(&name), Value::String(value.into_owned()));
        match fields.get_mut(&name) {
            None => drop(fields.insert(name, value)),
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    fields
}

fn of_body(body: &[u8]) -> Result<Map<String, Value>, MlflowError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    let unreadable = |error| MlflowError::new(400, "BAD_REQUEST", format!("the body is not JSON: {error}"));
    let mut value: Value = serde_json::from_slice(body).map_err(unreadable)?;
    // Old clients write the text of the JSON as JSON.
    if let Value::String(inner) = &value {
        value = serde_json::from_str(inner).map_err(unreadable)?;
    }
    to_snake_case(&mut value);
    match value {
        Value::Object(fields) => without_nul(fields),
        Value::Null => Ok(Map::new()),
        _ => Err(MlflowError::new(400, "BAD_REQUEST", "the body is not a JSON object")),
    }
}

/// The fields, unless a text has a NUL: PostgreSQL keeps none, and both databases answer alike.
fn without_nul(fields: Map<String, Value>) -> Result<Map<String, Value>, MlflowError> {
    fn has_nul(value: &Value) -> bool {
        match value {
            Value::String(text) => text.contains('\0'),
            Value::Array(values) => values.iter().any(has_nul),
            Value::Object(fields) => fields.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
            _ => false,
        }
    }
    match fields.iter().find(|(name, value)| name.contains('\0') || has_nul(value)) {
        None => Ok(fields),
        Some((name, _)) => {
            let shown = name.replace('\0', "?");
            Err(MlflowError::invalid(format!(
                "Invalid value for parameter '{shown}' supplied: no text may have a NUL character"
            )))
        }
    }
}

/// Brings the names of all fields into snake case. Those of most clients have it already.
fn to_snake_case(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if fields.keys().any(|name| name.contains(|character: char| character.is_ascii_uppercase())) {
                *fields = mem::take(fields).into_iter().map(|(name, value)| (snake_case(&name), value)).collect();
            }
            fields.values_mut().for_each(to_snake_case);
        }
        Value::Array(values) => values.iter_mut().for_each(to_snake_case),
        _ => {}
    }
}

fn snake_case(name: &str) -> String {
    let mut written = String::with_capacity(name.len());
    for character in name.chars() {
        if character.is_ascii_uppercase() {
            written.push('_');
        }
        written.push(character.to_ascii_lowercase());
    }
    written
}

impl<'m> Message<'m> {
    /// One of the objects of a list.
    pub(super) fn of(value: &'m Value) -> Self {
        let fields = value.as_object().map_or_else(|| Cow::Owned(Map::new()), Cow::Borrowed);
        Self { fields, bytes: 0 }
    }

    /// Bytes of the body.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The value of a field as it was sent; what is `null` was not.
    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    fn wrong(name: &str, value: &Value) -> MlflowError {
        let kind = match value {
            Value::Null => "NoneType",
            Value::Bool(_) => "bool",
            Value::Number(number) if number.is_f64() => "float",
            Value::Number(_) => "int",
            Value::String(_) => "str",
            Value::Array(_) => "list",
            Value::Object(_) => "dict",
        };
        MlflowError::invalid_value(name, value, &format!(" Hint: Value was of type '{kind}'.{HINT}"))
    }

    /// A text.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, MlflowError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(Self::wrong(name, other)),
        }
    }

    /// A text that must be there.
    pub(super) fn required(&self, name: &str) -> Result<&str, MlflowError> {
        match self.text(name)? {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(MlflowError::invalid(format!("Missing value for required parameter '{name}'.{HINT}"))),
        }
    }

    /// The id of a run: `run_uuid` for old clients.
    pub(super) fn run_id(&self) -> Result<&str, MlflowError> {
        match self.text("run_id")? {
            Some(id) if !id.is_empty() => Ok(id),
            _ => match self.text("run_uuid")? {
                Some(id) if !id.is_empty() => Ok(id),
                _ => self.required("run_id"),
            },
        }
    }

    /// A whole number.
    pub(super) fn int(&self, name: &str) -> Result<Option<i64>, MlflowError> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let read = match value {
            Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        read.map(Some).ok_or_else(|| Self::wrong(name, value))
    }

    /// A number; NaN and infinities are texts.
    pub(super) fn number(&self, name: &str) -> Result<Option<f64>, MlflowError> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let read = match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => match text.as_str() {
                "NaN" | "nan" => Some(f64::NAN),
                "Infinity" | "inf" => Some(f64::INFINITY),
                "-Infinity" | "-inf" => Some(f64::NEG_INFINITY),
                text => text.trim().parse().ok(),
            },
            _ => None,
        };
        read.map(Some).ok_or_else(|| Self::wrong(name, value))
    }

    /// A list; one value of a query is a list of one.
    pub(super) fn list(&self, name: &str) -> Result<&[Value], MlflowError> {
        match self.value(name) {
            None => Ok(&[]),
            Some(Value::Array(values)) => Ok(values),
            Some(one @ Value::String(_)) => Ok(std::slice::from_ref(one)),
            Some(other) => Err(Self::wrong(name, other)),
        }
    }

    /// A list of texts.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, MlflowError> {
        let texts = self.list(name)?.iter().map(|value| value.as_str().map(str::to_owned)).collect::<Option<_>>();
        texts.ok_or_else(|| Self::wrong(name, self.value(name).unwrap_or(&Value::Null)))
    }
}

/// A number without a fraction.
fn whole(number: f64) -> Option<i64> {
    let is_whole = number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0;
    // Below 2^53 every whole number is exact.
    is_whole.then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn body(text: &str) -> Message<'static> {
        Message { fields: Cow::Owned(of_body(text.as_bytes()).unwrap()), bytes: text.len() }
    }

    #[test]
    fn names_numbers_and_old_clients_are_read_as_the_protocol_reads_them() {
        let message = body(
            r#"{"runId": "r", "maxResults": "5", "step": 3.0, "value": "NaN", "nothing": null, "more": {"aB": 1}}"#,
        );
        assert_eq!(message.run_id().unwrap(), "r");
        assert_eq!((message.int("max_results").unwrap(), message.int("step").unwrap()), (Some(5), Some(3)));
        assert!(message.number("value").unwrap().unwrap().is_nan());
        assert_eq!(message.text("nothing").unwrap(), None);
        assert_eq!(message.value("more").unwrap()["a_b"], 1);
        assert_eq!(body(r#""{\"run_uuid\": \"x\"}""#).run_id().unwrap(), "x");
        let fields = Cow::Owned(of_query("experiment_ids=1&experiment_ids=2&filter=a%20%3D%201"));
        let query = Message { fields, bytes: 0 };
        assert_eq!(query.texts("experiment_ids").unwrap(), ["1", "2"]);
        assert_eq!(query.texts("filter").unwrap(), ["a = 1"]);
    }

    #[test]
    fn what_is_wrong_is_said_as_mlflow_says_it() {
        let text = |error: MlflowError| format!("{error:?}");
        assert!(
            text(body("{}").required("name").unwrap_err()).contains("Missing value for required parameter 'name'.")
        );
        let error = text(body(r#"{"name": 123}"#).required("name").unwrap_err());
        assert!(error.contains("Invalid value 123 for parameter 'name' supplied: "), "{error}");
        // MLflow's server takes a bare NaN for an empty request, and logs a zero.
        assert!(of_body(br#"{"value": NaN}"#).is_err());
        assert!(text(of_body(br#"{"tags": [{"value": "a\u0000b"}]}"#).unwrap_err()).contains("parameter 'tags'"));
        assert!(of_body(format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000)).as_bytes()).is_err(), "too deep");
    }

    proptest! {
        #[test]
        fn no_body_and_no_query_is_a_panic(text in ".{0,60}") {
            let _ = of_body(text.as_bytes());
            let _ = of_query(&text);
        }
    }
}
