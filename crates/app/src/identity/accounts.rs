//! Accounts: made, changed and listed by those who administer the platform.

use kilter_domain::actor::{Actor, ActorKind, Principal};
use kilter_store::{
    StoreError, Tx,
    account::{self, Account},
    audit::AuditedTx,
    page::PageRequest,
    token,
};

use super::{AccountError, LoginError, authenticate::load_identities, password};
use crate::{
    app::App,
    authz::{AuthorizedContext, administration, refused_actions},
    causes::NotFound,
    context::RequestContext,
};

/// Groups of an account at most.
pub(super) const MAX_GROUPS: usize = 200;

/// An account that is wanted.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// A person or a service.
    pub actor: Actor,
    /// Its password; a service has none.
    pub password: Option<String>,
    /// The groups that it is a member of.
    pub groups: Vec<String>,
    /// Whether it administers the platform; a service does not.
    pub is_admin: bool,
    /// The person who answers for a service; `None`: who makes it.
    pub owner: Option<Actor>,
}

/// What is wanted of an account otherwise; `None`: as it is.
#[derive(Clone, Debug, Default)]
pub struct AccountChange {
    /// The groups that it is a member of.
    pub groups: Option<Vec<String>>,
    /// Whether it administers the platform.
    pub is_admin: Option<bool>,
    /// Whether it is disabled.
    pub is_disabled: Option<bool>,
}

/// Every account, by name.
///
/// # Errors
/// When whoever asks does not administer the platform.
pub fn list_accounts(app: &App, context: &RequestContext) -> Result<Vec<Account>, AccountError> {
    administration::authorize(app, context)?;
    Ok(app.store().read(account::all)?)
}

/// Makes an account.
///
/// # Errors
/// When whoever asks does not administer the platform, the name is taken, or what is wanted is no account.
pub fn create_account(app: &App, context: &RequestContext, new: NewAccount) -> Result<Account, AccountError> {
    let by = administration::authorize(app, context)?;
    let groups = checked_groups(new.groups)?;
    let is_person = new.actor.kind == ActorKind::User;
    let owner = match new.actor.kind {
        ActorKind::User if new.owner.is_some() => {
            return Err(AccountError::Invalid("a person answers for themselves, and has no owner".to_owned()));
        }
        ActorKind::User => None,
        ActorKind::Service => Some(owner_of_service(context, new.owner)?),
        ActorKind::System => {
            return Err(AccountError::Invalid(format!("{} is a part of the platform, and has no account", new.actor)));
        }
    };
    if !is_person && (new.password.is_some() || new.is_admin) {
        return Err(AccountError::Invalid(
            "a service comes in by tokens alone, and does not administer the platform".to_owned(),
        ));
    }
    let password = new.password.as_deref().map(|text| hashed(app, text)).transpose()?;
    let wanted = Account {
        actor: new.actor,
        owner,
        password,
        groups,
        is_admin: new.is_admin,
        provider: None,
        created: context.at,
        disabled: None,
        audit_seq: 0,
    };
    let draft = by.audit_event("account.create", summary(&wanted), vec![]);
    let made = app.store().write(move |tx| account::create(&tx.audited(draft), &wanted))?;
    load_identities(app)?;
    Ok(made)
}

fn owner_of_service(context: &RequestContext, owner: Option<Actor>) -> Result<Actor, AccountError> {
    let by = owner.or_else(|| context.everyone().into_iter().find(|actor| actor.kind == ActorKind::User));
    by.filter(|actor| actor.kind == ActorKind::User).ok_or_else(|| {
        AccountError::Invalid("a person answers for a service: name one as its owner, like user:ana".to_owned())
    })
}

/// Changes groups, administration, or whether an account is disabled.
///
/// # Errors
/// When whoever asks does not administer the platform, or there is no such account.
pub fn change_account(
    app: &App,
    context: &RequestContext,
    actor: &Actor,
    change: AccountChange,
) -> Result<Account, AccountError> {
    let by = administration::authorize(app, context)?;
    if change.is_admin == Some(true) && actor.kind != ActorKind::User {
        return Err(AccountError::Invalid("a service does not administer the platform".to_owned()));
    }
    let groups = change.groups.map(checked_groups).transpose()?;
    let found = find(app, actor)?;
    let disabled = match change.is_disabled {
        None => found.disabled,
        Some(false) => None,
        Some(true) => found.disabled.or(Some(context.at)),
    };
    let action = match (found.disabled, disabled) {
        (None, Some(_)) => "account.disable",
        (Some(_), None) => "account.enable",
        _ => "account.change",
    };
    let wanted = Account {
        groups: groups.unwrap_or_else(|| found.groups.clone()),
        is_admin: change.is_admin.unwrap_or(found.is_admin),
        disabled,
        ..found
    };
    write_change(app, &by, (action, summary(&wanted)), wanted)
}

/// Sets a password. Who changes their own says the one before; sessions that began with that one end.
///
/// # Errors
/// When it is someone else's and whoever asks does not administer the platform, when the one before is wrong, and when the new one
/// is too short.
pub fn set_password(
    app: &App,
    context: &RequestContext,
    actor: &Actor,
    (current, wanted): (Option<&str>, &str),
) -> Result<Account, AccountError> {
    password::check(wanted)?;
    let by = match AuthorizedContext::own(context, actor, None) {
        Some(by) => by,
        None => administration::authorize(app, context)?,
    };
    let found = find(app, actor)?;
    if actor.kind != ActorKind::User || found.provider.is_some() {
        return Err(AccountError::Invalid(format!("{actor} has no password here: it comes in by other means")));
    }
    if *actor == context.actor && !context.credential.has_folder {
        let pause = app.components().identities.login_pause(actor, context.at);
        if pause > 0 {
            return Err(LoginError::Limited { actor: actor.clone(), seconds: pause }.into());
        }
        let stored = found.password.clone();
        let checked = app
            .components()
            .identities
            .check_password(|| password::is_right(current.unwrap_or_default(), stored.as_deref()));
        if !checked.ok_or(LoginError::Busy)? {
            app.components().identities.fail_login(actor, context.at);
            let asked = ("account.password", account::object(actor));
            refused_actions::record_refused_use_case(app, context, (asked.0, &asked.1), "the password before is wrong");
            return Err(LoginError::Refused.into());
        }
    }
    let password = Some(hashed(app, wanted)?);
    write_change(app, &by, ("account.password", String::new()), Account { password, ..found })
}

/// The hash of a new password.
fn hashed(app: &App, text: &str) -> Result<String, AccountError> {
    password::check(text)?;
    let hash = app.components().identities.check_password(|| password::hash(text));
    Ok(hash.ok_or(LoginError::Busy)??)
}

fn write_change(
    app: &App,
    by: &AuthorizedContext,
    (action, reason): (&str, String),
    wanted: Account,
) -> Result<Account, AccountError> {
    let draft = by.audit_event(action, reason, vec![]);
    let ends_sessions = action == "account.password";
    let changed = app.store().write(move |tx| {
        let audited = tx.audited(draft);
        let changed = account::change(&audited, &wanted)?;
        if ends_sessions {
            end_sessions(tx, &audited, &wanted.actor)?;
        }
        Ok(changed)
    })?;
    load_identities(app)?;
    Ok(changed)
}

/// Revokes what logins of an account made.
fn end_sessions(tx: &Tx, audited: &AuditedTx, actor: &Actor) -> Result<(), StoreError> {
    let mut page = PageRequest::first(1000);
    loop {
        let found = token::list(tx, Some(actor), &page)?;
        let open = |token: &&token::Token| token.is_session && token.revoked.is_none() && token.expires > audited.at();
        found.items.iter().filter(open).try_for_each(|token| token::revoke(audited, &token.id).map(drop))?;
        let Some(next) = found.next else { return Ok(()) };
        page = PageRequest::first(1000).after(next);
    }
}

pub(super) fn find(app: &App, actor: &Actor) -> Result<Account, AccountError> {
    let found = app.store().read(|reader| account::find(reader, actor))?;
    found.ok_or_else(|| {
        let how = "see the accounts with `kilter user list`".to_owned();
        NotFound { what: "account", id: actor.to_string(), how }.into()
    })
}

/// What an account is, for the entry: its groups, and whether it administers the platform.
fn summary(account: &Account) -> String {
    let mut parts = Vec::new();
    if account.is_admin {
        parts.push("administers the platform".to_owned());
    }
    if !account.groups.is_empty() {
        parts.push(format!("member of {}", account.groups.join(", ")));
    }
    if let Some(owner) = &account.owner {
        parts.push(format!("{owner} answers for it"));
    }
    parts.join("; ")
}

/// Whether a contract can name this group.
pub(super) fn is_group_name(group: &str) -> bool {
    format!("group:{group}").parse::<Principal>().is_ok()
}

/// The groups in order, without repetitions.
fn checked_groups(mut groups: Vec<String>) -> Result<Vec<String>, AccountError> {
    groups.sort();
    groups.dedup();
    if groups.len() > MAX_GROUPS {
        return Err(AccountError::Invalid(format!("an account is a member of {MAX_GROUPS} groups at most")));
    }
    match groups.iter().find(|group| !is_group_name(group)) {
        Some(group) => Err(AccountError::Invalid(format!("`{group}` is no name of a group"))),
        None => Ok(groups),
    }
}
