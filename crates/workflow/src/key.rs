//! The key of a step: everything its result may depend on, as a record that can be compared field by field.
//!
//! Invariants: equal records have equal keys wherever the project lies; a value that is not in the record cannot reach
//! the step (it sees only the environment it declares). Times and paths of the machine are not part of it.

use std::collections::BTreeMap;

use kilter_domain::digest::Digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::column_roles::RolesByDataset;

/// Changes when the meaning of a record changes, so that old results are not taken for new ones.
const DOMAIN: &[u8] = b"step-key/v1\n";

/// What a result depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// The command as the contract states it: paths are logical (`{in.x}`).
    pub command: Vec<String>,
    /// Whether a shell reads it.
    pub shell: bool,
    /// Working directory relative to the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// The declared parameters.
    pub params: BTreeMap<String, Value>,
    /// Name → kind and digest of what stands there.
    pub inputs: BTreeMap<String, String>,
    /// Path relative to the project → digest.
    pub code: BTreeMap<String, Digest>,
    /// Declared variables → digest of the value (a value may be a secret), `unset` when there is none.
    pub env: BTreeMap<String, String>,
    /// Interpreter, packages, system, and the digest of `kilter` where the command uses it.
    pub environment: BTreeMap<String, String>,
    /// What columns of its data are for, by dataset.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: RolesByDataset,
    /// Names of the outputs.
    pub outputs: Vec<String>,
    /// The output that is read as metrics.
    pub metrics: Option<String>,
}

impl KeyRecord {
    /// The key: BLAKE3 of the domain and the canonical JSON of the record.
    pub fn key(&self) -> Digest {
        let mut bytes = DOMAIN.to_vec();
        canonical(&self.value(), &mut bytes);
        Digest::of(&bytes)
    }

    fn value(&self) -> Value {
        // Maps with text keys and plain values always have a JSON form.
        serde_json::to_value(self).unwrap_or_default()
    }

    /// The fields in which `self` differs from `earlier`, by name.
    pub fn changes_since(&self, earlier: &Self) -> Vec<Change> {
        let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
        flatten(String::new(), &earlier.value(), &mut before);
        flatten(String::new(), &self.value(), &mut after);
        let fields: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let differs = fields.into_iter().filter(|field| before.get(*field) != after.get(*field));
        let shown = |values: &BTreeMap<String, Value>, field: &str| values.get(field).map(shown);
        differs
            .map(|field| Change { field: field.clone(), was: shown(&before, field), now: shown(&after, field) })
            .collect()
    }
}

/// A field of a key that is not what it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Like `params.train.lr`, `code.churn/train.py`, `inputs.split.train`.
    pub field: String,
    /// `None` when it is new.
    pub was: Option<String>,
    /// `None` when it is gone.
    pub now: Option<String>,
}

impl std::fmt::Display for Change {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { field, was, now } = self;
        match (was, now) {
            (Some(was), Some(now)) => write!(out, "{field}: {was} -> {now}"),
            (None, Some(now)) => write!(out, "{field}: new, {now}"),
            (Some(was), None) => write!(out, "{field}: gone, was {was}"),
            (None, None) => write!(out, "{field}"),
        }
    }
}

/// A value as a person reads it: digests are cut to what tells two apart.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let (kind, hex) = text.rsplit_once(':').map_or(("", text.as_str()), |(kind, hex)| (kind, hex));
    match hex.parse::<Digest>() {
        Ok(digest) if kind.is_empty() => digest.short(),
        Ok(digest) => format!("{kind} {}", digest.short()),
        Err(_) => text.chars().take(200).collect(),
    }
}

fn flatten(path: String, value: &Value, into: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                flatten(path, value, into);
            }
        }
        Value::Null => {}
        other => {
            into.insert(path, other.clone());
        }
    }
}

/// JSON with sorted names and no blanks: one text for one value.
fn canonical(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Object(fields) => {
            let sorted: BTreeMap<&String, &Value> = fields.iter().collect();
            list(out, b"{}", sorted, |(name, value), out| {
                out.extend(Value::from(name.as_str()).to_string().bytes());
                out.push(b':');
                canonical(value, out);
            });
        }
        Value::Array(values) => list(out, b"[]", values, canonical),
        plain => out.extend(plain.to_string().bytes()),
    }
}

fn list<T>(
    out: &mut Vec<u8>,
    brackets: &[u8; 2],
    values: impl IntoIterator<Item = T>,
    mut each: impl FnMut(T, &mut Vec<u8>),
) {
    out.push(brackets[0]);
    for (at, value) in values.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        each(value, out);
    }
    out.push(brackets[1]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column_roles::ColumnRoles;
    use serde_json::json;

    fn record() -> KeyRecord {
        KeyRecord {
            command: vec!["python train.py {in.a}".to_owned()],
            shell: true,
            folder: None,
            params: BTreeMap::from([("train".to_owned(), json!({ "lr": 0.1, "depth": 6 }))]),
            inputs: BTreeMap::from([("a".to_owned(), format!("file:{}", Digest::of(b"a")))]),
            code: BTreeMap::from([("train.py".to_owned(), Digest::of(b"code"))]),
            env: BTreeMap::new(),
            environment: BTreeMap::from([("platform".to_owned(), "linux-x86_64-gnu".to_owned())]),
            roles: BTreeMap::new(),
            outputs: vec!["model".to_owned()],
            metrics: None,
        }
    }

    #[test]
    fn the_key_does_not_depend_on_the_order_of_params() {
        let mut other = record();
        other.params.insert("train".to_owned(), json!({ "depth": 6, "lr": 0.1 }));
        assert_eq!(record().key(), other.key());
    }

    #[test]
    fn the_key_is_the_same_for_ever() {
        // A change here means that every cache in the world is dropped: raise the version in DOMAIN on purpose.
        assert_eq!(record().key().short(), "2ed1244ba5ab");
    }

    #[test]
    fn each_field_changes_the_key_and_is_named() {
        type Edit = fn(&mut KeyRecord);
        let edits: [(&str, Edit); 11] = [
            ("command", |r| r.command.push("x".to_owned())),
            ("shell", |r| r.shell = false),
            ("folder", |r| r.folder = Some("sub".to_owned())),
            ("params.train.lr", |r| drop(r.params.insert("train".to_owned(), json!({ "lr": 0.2, "depth": 6 })))),
            ("inputs.a", |r| drop(r.inputs.insert("a".to_owned(), format!("tree:{}", Digest::of(b"a"))))),
            ("code.train.py", |r| r.code.extend([("train.py".to_owned(), Digest::of(b"new"))])),
            ("env.TOKEN", |r| drop(r.env.insert("TOKEN".to_owned(), "unset".to_owned()))),
            ("environment.platform", |r| drop(r.environment.remove("platform"))),
            ("roles.rows.ignore", |r| {
                let roles = ColumnRoles { ignore: vec!["notes".to_owned()], ..ColumnRoles::default() };
                r.roles.insert("rows".to_owned(), roles);
            }),
            ("outputs", |r| r.outputs.push("report".to_owned())),
            ("metrics", |r| r.metrics = Some("report".to_owned())),
        ];
        for (field, edit) in edits {
            let mut other = record();
            edit(&mut other);
            assert_ne!(other.key(), record().key(), "{field}");
            let changes = other.changes_since(&record());
            assert_eq!(changes.iter().map(|change| change.field.as_str()).collect::<Vec<_>>(), [field]);
        }
    }

    #[test]
    fn a_change_reads_like_a_sentence() {
        let mut other = record();
        other.params.insert("train".to_owned(), json!({ "lr": 0.2 }));
        let lines: Vec<String> = other.changes_since(&record()).iter().map(Change::to_string).collect();
        assert_eq!(lines, ["params.train.depth: gone, was 6", "params.train.lr: 0.1 -> 0.2"]);
    }
}
