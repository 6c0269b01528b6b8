//! Tokens: what a caller shows to be known. Of a token only the SHA-256 is kept; the text is seen once, by its owner.

use kilter_domain::{
    actor::{Actor, Role},
    time::Timestamp,
};

use crate::{
    Page, PageRequest, Reader, StoreError, Tx,
    audit::{AuditedTx, Change, table},
    database::{self, Row, named_params},
    row,
    statement::statements,
};

const LIST: &str = "token";

statements! {
    INSERT = "create the token": "
        INSERT INTO token (id, hash, name, actor, roles, created, expires, audit_seq)
        VALUES (:id, :hash, :name, :actor, :roles, :created, :expires, :audit_seq)";
    REVOKE = "revoke the token": "
        UPDATE token SET revoked = :revoked, audit_seq = :audit_seq WHERE id = :id AND revoked IS NULL";
    USED = "note the use of the token": "
        UPDATE token SET last_used = :at WHERE id = :id AND coalesce(last_used, :at) <= :at";
    FIND = "read the token": "
        SELECT * FROM token WHERE id = :id";
    FIND_BY_HASH = "find the token": "
        SELECT * FROM token WHERE hash = :hash";
    NEWEST = "list tokens": "
        SELECT * FROM token WHERE key < :below ORDER BY key DESC LIMIT :limit";
}

/// A token that is about to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    /// A uuid v7; handed in.
    pub id: String,
    /// SHA-256 of the token's text.
    pub hash: [u8; 32],
    /// Its name.
    pub name: String,
    /// Whom it speaks for: `user:ana`, `svc:ci`.
    pub actor: Actor,
    /// What they may do.
    pub roles: Vec<Role>,
    /// When it ends by itself.
    pub expires: Option<Timestamp>,
}

/// A token, without what it takes to use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Who it acts as.
    pub actor: Actor,
    /// What they may do.
    pub roles: Vec<Role>,
    /// When it was recorded.
    pub created: Timestamp,
    /// When it was used last.
    pub last_used: Option<Timestamp>,
    /// When it ends by itself.
    pub expires: Option<Timestamp>,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
    /// The number of its entry in the audit log.
    pub audit_seq: u64,
}

impl Token {
    /// Whether it opens anything at `now`.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|expires| now < expires)
    }
}

/// Creates a token.
///
/// # Errors
/// When id or hash is taken.
pub fn create(audited: &AuditedTx, new: &NewToken) -> Result<Token, StoreError> {
    let object = format!("token:{}", new.id);
    let change = Change { after: Some("valid"), ..Change::of(&object) };
    let params = named_params! {
        ":id": new.id, ":hash": new.hash.as_slice(), ":name": new.name, ":actor": new.actor.to_string(),
        ":roles": row::text_of(INSERT.attempt, &new.roles)?, ":created": audited.at().millis(),
        ":expires": new.expires.map(Timestamp::millis), ":revoked": None::<i64>,
    };
    audited.write_row(&table::TOKEN, &change, &INSERT, params)?;
    get(audited.tx(), &new.id)
}

/// Revokes a token for good.
///
/// # Errors
/// When there is no such token, or it is revoked already.
pub fn revoke(audited: &AuditedTx, id: &str) -> Result<Token, StoreError> {
    if let Some(revoked) = get(audited.tx(), id)?.revoked {
        let reason = format!("token `{id}` was revoked at {revoked} already");
        return Err(StoreError::Conflict { attempted: REVOKE.attempt, reason });
    }
    let object = format!("token:{id}");
    let change = Change { before: Some("valid"), after: Some("revoked"), ..Change::of(&object) };
    let params = named_params! { ":id": id, ":revoked": audited.at().millis() };
    audited.write_row(&table::TOKEN, &change, &REVOKE, params)?;
    get(audited.tx(), id)
}

/// Notes that a token was used. Uses are many: call it once a minute and token, not once a request.
pub fn note_use(tx: &Tx, id: &str, at: Timestamp) -> Result<(), StoreError> {
    tx.execute(&USED, named_params! { ":id": id, ":at": at.millis() }).map(drop)
}

/// The token with this hash, valid or not.
pub fn find_by_hash(reader: &Reader, hash: &[u8; 32]) -> Result<Option<Token>, StoreError> {
    reader.one(&FIND_BY_HASH, named_params! { ":hash": hash.as_slice() }, token)
}

/// The token, or an error that names it.
pub fn get(reader: &Reader, id: &str) -> Result<Token, StoreError> {
    reader
        .one(&FIND, named_params! { ":id": id }, token)?
        .ok_or_else(|| StoreError::NotFound { what: "token", id: id.to_owned() })
}

/// All tokens, newest first.
pub fn list(reader: &Reader, page: &PageRequest) -> Result<Page<Token>, StoreError> {
    let params = named_params! { ":below": page.below(LIST)?, ":limit": page.probe() };
    Ok(page.page(LIST, reader.all(&NEWEST, params, |row| Ok((row.get("key")?, token(row)?)))?))
}

fn token(row: &Row) -> database::Result<Token> {
    Ok(Token {
        id: row.get("id")?,
        name: row.get("name")?,
        actor: row::parsed(row, "actor")?,
        roles: row::document(row, "roles")?,
        created: row::time(row, "created")?,
        last_used: row::maybe_time(row, "last_used")?,
        expires: row::maybe_time(row, "expires")?,
        revoked: row::maybe_time(row, "revoked")?,
        audit_seq: row.get("audit_seq")?,
    })
}
