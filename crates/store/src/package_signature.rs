//! Signatures of packages, kept beside them: a package is the same package whoever signs it.
//!
//! Invariants: a signature is never changed or deleted; a key signs a package once.

use kilter_domain::{digest::Digest, time::Timestamp};

use crate::{
    Reader, StoreError,
    audit::{AuditedTx, Change, table},
    database::{self, Row, named_params},
    row,
    statement::statements,
};

statements! {
    INSERT = "keep the signature of a package": "
        INSERT INTO package_signature (digest, signing_key, bundle, at, audit_seq)
        VALUES (:digest, :signing_key, :bundle, :at, :audit_seq)";
    NEWEST = "read the signatures of a package": "
        SELECT * FROM package_signature WHERE digest = :digest ORDER BY key DESC LIMIT 100";
}

/// A signature of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageSignature {
    /// The package.
    pub digest: Digest,
    /// The id of the key that signed it.
    pub signing_key: String,
    /// The signature, as the file beside the package has it.
    pub bundle: String,
    /// When it was signed.
    pub at: Timestamp,
    /// The number of its entry in the audit log.
    pub audit_seq: u64,
}

/// Keeps a signature. A package that the key signed already keeps the one that it has.
pub fn put(audited: &AuditedTx, digest: &Digest, signing_key: &str, bundle: &str) -> Result<(), StoreError> {
    if list(audited.tx(), digest)?.iter().any(|known| known.signing_key == signing_key) {
        return Ok(());
    }
    let (object, text) = (format!("signature:{digest}/{signing_key}"), digest.to_string());
    let change = Change { object_digest: Some(&text), after: Some("signed"), ..Change::of(&object) };
    let params = named_params! {
        ":digest": text, ":signing_key": signing_key, ":bundle": bundle, ":at": audited.at().millis(),
    };
    audited.write_row(&table::PACKAGE_SIGNATURE, &change, &INSERT, params).map(drop)
}

/// The signatures of a package, newest first.
pub fn list(reader: &Reader, digest: &Digest) -> Result<Vec<PackageSignature>, StoreError> {
    reader.all(&NEWEST, named_params! { ":digest": digest.to_string() }, signature)
}

fn signature(row: &Row) -> database::Result<PackageSignature> {
    Ok(PackageSignature {
        digest: row::parsed(row, "digest")?,
        signing_key: row.get("signing_key")?,
        bundle: row.get("bundle")?,
        at: row::time(row, "at")?,
        audit_seq: row.get("audit_seq")?,
    })
}
