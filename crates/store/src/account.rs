//! Accounts: the people and services that may come in, and the groups that they are members of.

use kilter_domain::{actor::Actor, digest::Digest, time::Timestamp};

use crate::{
    Reader, StoreError,
    audit::{AuditedTx, Change, table},
    database::{self, Row, named_params},
    row,
    statement::statements,
};

statements! {
    INSERT = "create the account": "
        INSERT INTO account (actor, owner, password, member_of, is_admin, issuer, subject, created, disabled, audit_seq)
        VALUES (:actor, :owner, :password, :member_of, :is_admin, :issuer, :subject, :created, :disabled, :audit_seq)";
    UPDATE = "change the account": "
        UPDATE account SET owner = :owner, password = :password, member_of = :member_of, is_admin = :is_admin,
                           disabled = :disabled, audit_seq = :audit_seq
        WHERE actor = :actor";
    FIND = "read the account": "
        SELECT * FROM account WHERE actor = :actor";
    ALL = "list accounts": "
        SELECT * FROM account ORDER BY actor";
}

/// Someone who may come in.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// `user:ana`, `svc:ci`.
    pub actor: Actor,
    /// The person who answers for a service.
    pub owner: Option<Actor>,
    /// argon2id as a PHC string; `None`: no password.
    pub password: Option<String>,
    /// The groups that it is a member of.
    pub groups: Vec<String>,
    /// Whether it administers the platform.
    pub is_admin: bool,
    /// The OpenID provider that proves who it is, and the provider's name for it.
    pub provider: Option<(String, String)>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was disabled.
    pub disabled: Option<Timestamp>,
    /// The number of its entry in the audit log.
    pub audit_seq: u64,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Account({})", self.actor)
    }
}

impl Account {
    /// What the entries say of it: another text after each change.
    fn state(&self) -> String {
        let mut parts = vec![if self.disabled.is_none() { "enabled" } else { "disabled" }.to_owned()];
        if self.is_admin {
            parts.push("administers".to_owned());
        }
        if !self.groups.is_empty() {
            parts.push(format!("groups {}", self.groups.join(" ")));
        }
        parts.extend(self.owner.iter().map(|owner| format!("owner {owner}")));
        // Enough to tell that it is another one, and nothing of it.
        let short = |hash: &String| Digest::of(hash.as_bytes()).to_string()[..8].to_owned();
        parts.extend(self.password.iter().map(|hash| format!("password {}", short(hash))));
        parts.join(", ")
    }
}

/// Creates an account; of `account`, `created` and `audit_seq` are not read.
///
/// # Errors
/// When the name is taken.
pub fn create(audited: &AuditedTx, account: &Account) -> Result<Account, StoreError> {
    if find(audited.tx(), &account.actor)?.is_some() {
        let reason = format!("there is an account {} already", account.actor);
        return Err(StoreError::Conflict { attempted: INSERT.attempt, reason });
    }
    let object = object(&account.actor);
    let state = account.state();
    let change = Change { after: Some(&state), ..Change::of(&object) };
    let (issuer, subject) = account.provider.clone().unzip();
    let params = named_params! {
        ":actor": account.actor.to_string(), ":owner": account.owner.as_ref().map(Actor::to_string),
        ":password": account.password, ":member_of": row::text_of(INSERT.attempt, &account.groups)?,
        ":is_admin": account.is_admin, ":issuer": issuer, ":subject": subject, ":created": audited.at().millis(),
        ":disabled": account.disabled.map(Timestamp::millis),
    };
    audited.write_row(&table::ACCOUNT, &change, &INSERT, params)?;
    get(audited.tx(), &account.actor)
}

/// Writes owner, password, groups, administration and whether it is disabled; what is as it was makes no entry.
///
/// # Errors
/// When there is no such account, or it was changed since `account` was read.
pub fn change(audited: &AuditedTx, account: &Account) -> Result<Account, StoreError> {
    let object = object(&account.actor);
    let stored = get(audited.tx(), &account.actor)?;
    audited.check_unmoved(&object, &account.audit_seq.to_string(), &stored.audit_seq.to_string())?;
    let (before, after) = (stored.state(), account.state());
    if before == after {
        return Ok(stored);
    }
    let change = Change { before: Some(&before), after: Some(&after), ..Change::of(&object) };
    let params = named_params! {
        ":actor": account.actor.to_string(), ":owner": account.owner.as_ref().map(Actor::to_string),
        ":password": account.password, ":member_of": row::text_of(UPDATE.attempt, &account.groups)?,
        ":is_admin": account.is_admin, ":disabled": account.disabled.map(Timestamp::millis),
    };
    audited.write_row(&table::ACCOUNT, &change, &UPDATE, params)?;
    get(audited.tx(), &account.actor)
}

/// What the audit log calls an account.
pub fn object(actor: &Actor) -> String {
    format!("account:{actor}")
}

/// The account of this name.
pub fn find(reader: &Reader, actor: &Actor) -> Result<Option<Account>, StoreError> {
    reader.one(&FIND, named_params! { ":actor": actor.to_string() }, account)
}

/// The account, or an error that names it.
pub fn get(reader: &Reader, actor: &Actor) -> Result<Account, StoreError> {
    find(reader, actor)?.ok_or_else(|| StoreError::NotFound { what: "account", id: actor.to_string() })
}

/// All accounts, by name.
pub fn all(reader: &Reader) -> Result<Vec<Account>, StoreError> {
    reader.all(&ALL, &[], account)
}

fn account(row: &Row) -> database::Result<Account> {
    let issuer: Option<String> = row.get("issuer")?;
    let subject: Option<String> = row.get("subject")?;
    Ok(Account {
        actor: row::parsed(row, "actor")?,
        owner: row::maybe_parsed(row, "owner")?,
        password: row.get("password")?,
        groups: row::document(row, "member_of")?,
        is_admin: row.get("is_admin")?,
        provider: issuer.zip(subject),
        created: row::time(row, "created")?,
        disabled: row::maybe_time(row, "disabled")?,
        audit_seq: row.get("audit_seq")?,
    })
}
