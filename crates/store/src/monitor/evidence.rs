//! What the monitors of an endpoint believe so far: running sums over windows that are not read again.
//!
//! Invariants: an endpoint has one document; it is replaced in the transaction that records the readings of the window
//! it has just seen, so after a crash both are there or neither is.

use kilter_domain::{
    ids::{EndpointName, ModelName},
    time::Timestamp,
};
use serde_json::Value;

use crate::{
    Reader, StoreError, Tx,
    database::{self, Row, named_params},
    row,
    statement::statements,
};

statements! {
    PUT = "keep the evidence": "
        INSERT INTO evidence (endpoint, model, number, through, document)
        VALUES (:endpoint, :model, :number, :through, :document)
        ON CONFLICT (endpoint) DO UPDATE
        SET model = excluded.model, number = excluded.number, through = excluded.through, document = excluded.document";
    FIND = "read the evidence": "
        SELECT * FROM evidence WHERE endpoint = :endpoint";
}

/// The evidence about the version that answers at an endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// The endpoint that it belongs to.
    pub endpoint: EndpointName,
    /// The model that it belongs to.
    pub model: ModelName,
    /// The number of the version in its model.
    pub number: u32,
    /// The end of the last window that it has seen.
    pub through: Timestamp,
    /// The state of the tests, as JSON.
    pub document: Value,
}

/// Keeps the evidence of an endpoint; what was kept before is replaced.
pub fn put(tx: &Tx, evidence: &Evidence) -> Result<(), StoreError> {
    let params = named_params! {
        ":endpoint": evidence.endpoint.as_str(), ":model": evidence.model.as_str(), ":number": evidence.number,
        ":through": evidence.through.millis(), ":document": row::text_of(PUT.attempt, &evidence.document)?,
    };
    tx.execute(&PUT, params).map(drop)
}

/// The evidence of an endpoint, if any was kept.
pub fn find(reader: &Reader, endpoint: &EndpointName) -> Result<Option<Evidence>, StoreError> {
    reader.one(&FIND, named_params! { ":endpoint": endpoint.as_str() }, evidence)
}

fn evidence(row: &Row) -> database::Result<Evidence> {
    Ok(Evidence {
        endpoint: row::parsed(row, "endpoint")?,
        model: row::parsed(row, "model")?,
        number: row.get("number")?,
        through: row::time(row, "through")?,
        document: row::document(row, "document")?,
    })
}
