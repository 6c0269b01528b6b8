//! The tables whose rows are written with their entries, and what an entry says of its row.
//!
//! Invariants: an entry carries the digest of every column that only moves with an entry, so a row cannot be changed
//! alone. Left out are counts that move without one, and say so here: `alert.windows` and `alert.detail` (each window
//! counts), `token.last_used`, `registry_webhook.secret` (by its digest it could be guessed), the `replica` of a run or deployment (whose process it is under way in), and the `until` of intervals, which the entry of the next one states.

use kilter_domain::audit::Outcome;

use super::row_digest::RowDigest;
use crate::{
    StoreError, Tx,
    database::{Params, Value},
    statement::Statement,
};

/// How the rows of a table belong to their entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    /// Each entry has a row of its own, for ever.
    Facts,
    /// As [`Rows::Facts`]; a row ends when the next one of its object begins.
    Intervals,
    /// One row an object: it belongs to the last entry that moved it.
    States,
}

/// A table whose rows are written with their entries.
#[derive(Debug)]
pub(crate) struct AuditedTable {
    /// Its name.
    pub name: &'static str,
    /// How the audit log calls a row, over the columns of `t`.
    pub object: &'static str,
    /// What the names of its objects begin with.
    pub prefix: &'static str,
    /// How many rows it has.
    pub rows: Rows,
    /// The columns that only move with an entry.
    pub columns: &'static [&'static str],
    /// Finds the row that is about to be changed; empty where rows are only added.
    pub find: &'static str,
}

macro_rules! tables {
    ($($constant:ident = $name:literal, $prefix:literal || $object:literal, $rows:ident, [$($column:literal),*], $find:literal;)*) => {
        $(pub(crate) const $constant: AuditedTable = AuditedTable {
            name: $name,
            object: concat!("'", $prefix, "' || ", $object),
            prefix: $prefix,
            rows: Rows::$rows,
            columns: &[$($column),*],
            find: $find,
        };)*
        /// Every one of them.
        pub(crate) const TABLES: &[&AuditedTable] = &[$(&$constant),*];
    };
}

tables! {
    PROJECT = "project", "project:" || "t.name", States, ["name", "created"], "";
    CONTRACT = "contract", "contract:" || "t.project", Facts, ["project", "number", "digest", "text", "since"], "";
    MODEL = "model", "model:" || "t.name", States, ["name", "project", "created"], "";
    ENDPOINT = "endpoint", "endpoint:" || "t.name", States, ["name", "project", "created"], "";
    RUN = "run", "run:" || "t.id", States,
        ["id", "project", "cause", "state", "created", "started", "ended", "record"], "id = :id";
    VERSION = "model_version", "version:" || "t.model || '/' || t.number", States,
        ["model", "number", "state", "run", "makers", "digest", "signature", "policy", "policy_digest", "metrics", "created"],
        "model = :model AND number = :number";
    VERDICT = "verdict", "verdict:" || "t.model || '/' || t.number || '/' || t.gate", Facts,
        ["model", "number", "gate", "outcome", "evidence", "policy_digest", "at"], "";
    APPROVAL = "approval", "approval:" || "t.model || '/' || t.number", Facts,
        ["model", "number", "by", "role", "decision", "conditions", "at", "expires"], "";
    VERSION_ACT = "version_act", "version_act:" || "t.model || '/' || t.number", Facts,
        ["model", "number", "kind", "by", "on_behalf", "document", "at"], "";
    VERSION_CARD = "version_card", "version_card:" || "t.model || '/' || t.number", Facts,
        ["model", "number", "by", "parts", "at"], "";
    WAIVER = "waiver", "waiver:" || "t.id", States,
        ["id", "model", "number", "gate", "rule", "state", "by", "reason", "since", "until"], "id = :id";
    POLICY_PROPOSAL = "policy_proposal", "policy_proposal:" || "t.id", States,
        ["id", "project", "base", "digest", "text", "changes", "state", "by", "created", "decided_by", "decided"],
        "id = :id";
    BREAK_GLASS = "break_glass", "break_glass:" || "t.id", States,
        ["id", "endpoint", "model", "number", "state", "by", "reason", "at", "due", "reviewed_by", "reviewed"],
        "id = :id";
    ALIAS = "alias", "alias:" || "t.model || '@' || t.alias", Intervals, ["model", "alias", "number", "since"], "";
    DEPLOYMENT = "deployment", "deployment:" || "t.id", States,
        ["id", "endpoint", "model", "number", "state", "canary_percent", "created", "started", "ended", "live_since",
         "live_until", "reason"], "id = :id";
    ALERT = "alert", "alert:" || "t.id", States,
        ["id", "endpoint", "alert_key", "monitor", "state", "muted_until", "opened", "fired", "acknowledged", "resolved"],
        "id = :id";
    THRESHOLD = "threshold", "threshold:" || "t.project || '/' || t.rule", Intervals,
        ["project", "rule", "low", "high", "since", "reason"], "";
    RETRAIN_DECISION = "retrain_decision", "retrain:" || "t.project", Facts,
        ["project", "cause", "outcome", "run", "blocker", "reason", "at"], "";
    ACCOUNT = "account", "account:" || "t.actor", States,
        ["actor", "owner", "password", "member_of", "is_admin", "issuer", "subject", "created", "disabled"],
        "actor = :actor";
    TOKEN = "token", "token:" || "t.id", States,
        ["id", "hash", "name", "actor", "scope", "is_session", "created", "expires", "revoked"], "id = :id";
    SIGNING_KEY = "signing_key", "key:" || "t.id", States,
        ["id", "purpose", "public_key", "state", "since", "ended"], "id = :id";
    PACKAGE_SIGNATURE = "package_signature", "signature:" || "t.digest || '/' || t.signing_key", Facts,
        ["digest", "signing_key", "bundle", "at"], "";
    WEBHOOK = "registry_webhook", "webhook:" || "t.id", States,
        ["id", "name", "url", "description", "events", "state", "created", "updated"], "id = :id";
    SETTING = "setting", "setting:" || "t.name", States, ["name", "value", "since"], "";
}

impl AuditedTable {
    /// What an entry says of a row that `params` write: over the stored row where they leave a column as it is.
    pub(crate) fn digest_of(&self, tx: &Tx, params: Params<'_>) -> Result<RowDigest, StoreError> {
        let attempt = "write the digest of a row";
        let failed = |error| StoreError::of(attempt, error);
        let written = |column: &str| {
            params.iter().find(|(name, _)| name.strip_prefix(':') == Some(column)).map(|(_, value)| *value)
        };
        let mut stored = Vec::new();
        if self.columns.iter().any(|column| written(column).is_none()) {
            let sql = format!("SELECT {} FROM {} AS t WHERE {}", self.columns.join(", "), self.name, self.find);
            stored = tx.values(attempt, &sql, params, self.columns.len())?;
        }
        let mut digest = RowDigest::default();
        for (place, column) in self.columns.iter().enumerate() {
            match written(column) {
                Some(value) => digest.add(column, value.to_value().map_err(failed)?),
                None => digest.add(column, stored.get(place).unwrap_or(&Value::Null).into()),
            }
        }
        Ok(digest)
    }
}

impl super::record::AuditedTx<'_> {
    /// Writes a row and the entry of it; the entry's `seq`. `params` are those of the statement without `:audit_seq`,
    /// and may name columns that the statement leaves as they are.
    pub(crate) fn write_row(
        &self,
        table: &AuditedTable,
        change: &super::record::Change<'_>,
        statement: &Statement,
        params: Params<'_>,
    ) -> Result<u64, StoreError> {
        let row = table.digest_of(self.tx(), params)?;
        let seq = super::record::append(self.tx(), &self.event, change, Some(&row), Outcome::Done)?;
        let mut all = params.to_vec();
        all.push((":audit_seq", &seq));
        self.tx().execute_some(statement, &all)?;
        Ok(seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(values: &[(&str, Value)]) -> RowDigest {
        let mut digest = RowDigest::default();
        values.iter().for_each(|(column, value)| digest.add(column, value.into()));
        digest
    }

    #[test]
    fn a_value_that_differs_in_kind_or_column_has_another_digest() {
        let values = [
            Value::Null,
            Value::Integer(0),
            Value::Integer(1),
            Value::Real(1.0),
            Value::Text("1".into()),
            Value::Blob(b"1".to_vec()),
            Value::Text(String::new()),
        ];
        let all: Vec<String> = values.iter().map(|value| digest(&[("a", value.clone())]).evidence()).collect();
        let distinct: std::collections::BTreeSet<&String> = all.iter().collect();
        assert_eq!(distinct.len(), values.len());
        assert_ne!(digest(&[("a", Value::Null)]), digest(&[("b", Value::Null)]));
        assert_eq!(digest(&[("a", Value::Real(-0.0))]), digest(&[("a", Value::Real(0.0))]));
        assert_eq!(digest(&[("a", Value::Real(f64::NAN))]), digest(&[("a", Value::Null)]));
    }

    #[test]
    fn what_differs_is_named_and_an_entry_without_a_digest_says_nothing() {
        let row = |number| {
            digest(&[
                ("name", Value::Text("churn".into())),
                ("value", Value::Text("1".into())),
                ("since", Value::Integer(number)),
            ])
        };
        let evidence = [row(1).evidence(), "auc=0.8".to_owned()];
        assert_eq!(row(1).differs(SETTING.columns, &evidence), Some(vec![]));
        assert_eq!(row(2).differs(SETTING.columns, &evidence), Some(vec!["since"]));
        assert_eq!(row(2).differs(SETTING.columns, &evidence[1..]), None);
    }
}
