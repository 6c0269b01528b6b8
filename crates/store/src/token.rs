//! Tokens: what an account shows to be known. Of a token only the SHA-256 is kept; the text is seen once, by its owner.

use kilter_domain::{actor::Actor, identity::TokenScope, time::Timestamp};

use crate::{
    Page, PageRequest, Reader, StoreError, Tx,
    audit::{AuditedTx, Change, table},
    database::{self, Row, named_params},
    row,
    statement::statements,
};

const LIST: &str = "token";

/// For how long a token that expired is still known by its name: a week, in milliseconds.
const EXPIRED_MS: i64 = 7 * 24 * 3_600_000;

statements! {
    INSERT = "create the token": "
        INSERT INTO token (id, hash, name, actor, scope, is_session, created, expires, audit_seq)
        VALUES (:id, :hash, :name, :actor, :scope, :is_session, :created, :expires, :audit_seq)";
    REVOKE = "revoke the token": "
        UPDATE token SET revoked = :revoked, audit_seq = :audit_seq WHERE id = :id AND revoked IS NULL";
    USED = "note the use of the token": "
        UPDATE token SET last_used = :at WHERE id = :id AND coalesce(last_used, :at) <= :at";
    FIND = "read the token": "
        SELECT * FROM token WHERE id = :id";
    USABLE = "read the tokens that may be used": "
        SELECT * FROM token
        WHERE revoked IS NULL
          AND expires > (SELECT at FROM audit WHERE seq = (SELECT max(seq) FROM audit)) - :margin";
    ANY = "ask whether there was ever a token": "
        SELECT max(key) AS newest FROM token";
    NEWEST = "list tokens": "
        SELECT * FROM token WHERE key < :below AND (actor = :actor OR :actor IS NULL) ORDER BY key DESC LIMIT :limit";
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
    /// Whose it is: `user:ana`, `svc:ci`.
    pub actor: Actor,
    /// What it may be used for, within the rights of its owner.
    pub scope: TokenScope,
    /// Whether a login made it.
    pub is_session: bool,
    /// When it ends by itself.
    pub expires: Timestamp,
}

/// A token, without what it takes to use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its id.
    pub id: String,
    /// SHA-256 of the token's text.
    pub hash: [u8; 32],
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub actor: Actor,
    /// What it may be used for.
    pub scope: TokenScope,
    /// Whether a login made it.
    pub is_session: bool,
    /// When it was recorded.
    pub created: Timestamp,
    /// When it was used last.
    pub last_used: Option<Timestamp>,
    /// When it ends by itself.
    pub expires: Timestamp,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
    /// The number of its entry in the audit log.
    pub audit_seq: u64,
}

/// Creates a token.
///
/// # Errors
/// When id or hash is taken, or there is no such account.
pub fn create(audited: &AuditedTx, new: &NewToken) -> Result<Token, StoreError> {
    let object = object(&new.id);
    let change = Change { after: Some("valid"), ..Change::of(&object) };
    let params = named_params! {
        ":id": new.id, ":hash": new.hash.as_slice(), ":name": new.name, ":actor": new.actor.to_string(),
        ":scope": row::text_of(INSERT.attempt, &new.scope)?, ":is_session": new.is_session,
        ":created": audited.at().millis(), ":expires": new.expires.millis(), ":revoked": None::<i64>,
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
    let object = object(id);
    let change = Change { before: Some("valid"), after: Some("revoked"), ..Change::of(&object) };
    let params = named_params! { ":id": id, ":revoked": audited.at().millis() };
    audited.write_row(&table::TOKEN, &change, &REVOKE, params)?;
    get(audited.tx(), id)
}

/// What the audit log calls a token.
pub fn object(id: &str) -> String {
    format!("token:{id}")
}

/// Notes that a token was used. Uses are many: call it once a minute and token, not once a request.
pub fn note_use(tx: &Tx, id: &str, at: Timestamp) -> Result<(), StoreError> {
    tx.execute(&USED, named_params! { ":id": id, ":at": at.millis() }).map(drop)
}

/// The token, or an error that names it.
pub fn get(reader: &Reader, id: &str) -> Result<Token, StoreError> {
    reader
        .one(&FIND, named_params! { ":id": id }, token)?
        .ok_or_else(|| StoreError::NotFound { what: "token", id: id.to_owned() })
}

/// Every token that is not revoked, without those that expired more than a week before the newest entry of the audit log.
pub fn usable(reader: &Reader) -> Result<Vec<Token>, StoreError> {
    reader.all(&USABLE, named_params! { ":margin": EXPIRED_MS }, token)
}

/// Whether there was ever a token.
pub fn is_any(reader: &Reader) -> Result<bool, StoreError> {
    Ok(reader.one(&ANY, &[], |row| row.get::<_, Option<i64>>("newest"))?.flatten().is_some())
}

/// Tokens, newest first; `actor`: only those of one account.
pub fn list(reader: &Reader, actor: Option<&Actor>, page: &PageRequest) -> Result<Page<Token>, StoreError> {
    let actor = actor.map(Actor::to_string);
    let params = named_params! { ":below": page.below(LIST)?, ":limit": page.probe(), ":actor": actor };
    Ok(page.page(LIST, reader.all(&NEWEST, params, |row| Ok((row.get("key")?, token(row)?)))?))
}

fn token(row: &Row) -> database::Result<Token> {
    Ok(Token {
        id: row.get("id")?,
        hash: row.get("hash")?,
        name: row.get("name")?,
        actor: row::parsed(row, "actor")?,
        scope: row::document(row, "scope")?,
        is_session: row.get("is_session")?,
        created: row::time(row, "created")?,
        last_used: row::maybe_time(row, "last_used")?,
        expires: row::time(row, "expires")?,
        revoked: row::maybe_time(row, "revoked")?,
        audit_seq: row.get("audit_seq")?,
    })
}
