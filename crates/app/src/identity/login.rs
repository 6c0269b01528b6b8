//! Logging in: a password, or the word of a provider, against a token for half a day.

use std::sync::Arc;

use kilter_domain::{
    actor::{Actor, ActorKind},
    identity::TokenScope,
    time::{Span, Timestamp},
};
use kilter_store::account::{self, Account};

use super::{
    AccountError, LoginError,
    accounts::{MAX_GROUPS, is_group_name},
    authenticate::{authenticate, load_identities},
    password,
    tokens::{New, revoke_token, write_token},
};
use crate::{
    app::App,
    authz::{AuthorizedContext, RefusalTopic, RefusedAction, record_refusal},
    context::{Credential, RequestContext},
};

/// How long a session lasts.
const SESSION_HOURS: i64 = 12;

const LOGIN: &str = "account.login";

/// Someone who is let in.
#[derive(Clone, Debug)]
pub struct Session {
    /// Who it is.
    pub actor: Actor,
    /// The text of the token that proves it from now on.
    pub token: String,
    /// When the token ends.
    pub expires: Timestamp,
}

/// Lets a person in by their password.
///
/// # Errors
/// When name or password is wrong: [`record_failed_login`] writes its entry, beside the answer, so that the time that the answer takes says
/// nothing of the name. When too many logins failed lately or are under way.
pub fn log_in(app: &App, actor: &Actor, password: &str, at: Timestamp) -> Result<Session, LoginError> {
    let account = check_password(app, actor, password, at)?;
    open_session(app, &account.actor, "by password", at)
}

/// The account of a person whose password this is.
fn check_password(app: &App, actor: &Actor, password: &str, at: Timestamp) -> Result<Account, LoginError> {
    let known = &app.components().identities;
    let pause = known.login_pause(actor, at);
    if pause > 0 {
        return Err(LoginError::Limited { actor: actor.clone(), seconds: pause });
    }
    let found = app.store().read(|reader| account::find(reader, actor))?;
    let found = found.filter(|account| account.disabled.is_none() && account.actor.kind == ActorKind::User);
    let stored = found.as_ref().and_then(|account| account.password.clone());
    let checked = known.check_password(|| password::is_right(password, stored.as_deref()));
    let Some(account) = found.filter(|_| checked == Some(true)) else {
        if checked.is_none() {
            return Err(LoginError::Busy);
        }
        known.fail_login(actor, at);
        return Err(LoginError::Refused);
    };
    known.succeed_login(actor);
    Ok(account)
}

/// Who carries a name and a password with a request. A password that was right a moment ago is not checked again while the account is as
/// it was.
///
/// # Errors
/// As [`log_in`].
pub fn authenticate_by_password(
    app: &App,
    actor: &Actor,
    password: &str,
    at: Timestamp,
) -> Result<RequestContext, LoginError> {
    let proven = &app.components().identities.proven_passwords;
    let seq = app.components().identities.current().account(actor).map(|account| account.audit_seq);
    if let Some(credential) = seq.and_then(|seq| proven.find((actor, password), seq, at)) {
        return Ok(RequestContext { at, actor: actor.clone(), credential });
    }
    let account = check_password(app, actor, password, at)?;
    let credential = Arc::new(Credential {
        token: Some((String::new(), "of a password".to_owned())),
        groups: account.groups,
        is_admin: account.is_admin,
        ..Credential::default()
    });
    proven.remember((actor, password), account.audit_seq, credential.clone(), at);
    Ok(RequestContext { at, actor: account.actor, credential })
}

/// Writes that a login by password failed. Names that have no account are counted together.
pub fn record_failed_login(app: &App, actor: &Actor, at: Timestamp) {
    let topic = match app.components().identities.current().account(actor) {
        Some(account) => RefusalTopic::Login(account.actor.clone()),
        None => RefusalTopic::UnknownLogin,
    };
    record_failure(app, (topic, actor), "name or password is wrong, or the account is disabled", at);
}

fn record_failure(app: &App, (topic, actor): (RefusalTopic, &Actor), reason: &str, at: Timestamp) {
    // Nobody is proven: the entry names the account that was tried as its object.
    let context = RequestContext::new(at, Actor::nameless_service());
    let refused =
        RefusedAction { topic, action: LOGIN.to_owned(), object: account::object(actor), reason: reason.to_owned() };
    record_refusal(app, &context, refused);
}

fn open_session(app: &App, actor: &Actor, how: &str, at: Timestamp) -> Result<Session, LoginError> {
    let expires = at.after(Span::seconds(SESSION_HOURS * 3_600));
    let by = AuthorizedContext::logged_in(actor.clone(), at);
    let new =
        New { actor: actor.clone(), name: "login".to_owned(), scope: TokenScope::default(), expires, is_session: true };
    let written = write_token(app, &by, (LOGIN, how.to_owned()), new);
    let (_, token) = written.map_err(login_error)?;
    Ok(Session { actor: actor.clone(), token, expires })
}

/// Ends the session that a token is of: the token proves nothing any more. A token that its owner made is theirs to revoke, and stays.
///
/// # Errors
/// When the metadata cannot be read or written.
pub fn end_session(app: &App, token: &str, at: Timestamp) -> Result<(), AccountError> {
    let Ok(context) = authenticate(app, token, at) else { return Ok(()) };
    let Some((id, _)) = context.credential.token.clone() else { return Ok(()) };
    let is_session = app.store().read(|reader| Ok(kilter_store::token::get(reader, &id)?.is_session))?;
    if is_session {
        revoke_token(app, &context, &id)?;
    }
    Ok(())
}

fn login_error(error: AccountError) -> LoginError {
    match error {
        AccountError::Storage(error) => LoginError::Storage(error),
        AccountError::Login(error) => error,
        _ => LoginError::Refused,
    }
}

/// Whom an OpenID provider has proven, by a token that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenByProvider {
    /// The provider.
    pub issuer: String,
    /// Its own name for them, which it never gives to anybody else.
    pub subject: String,
    /// Their name here.
    pub actor: Actor,
    /// What the token proves, made once for all requests that show it.
    credential: Arc<Credential>,
}

impl ProvenByProvider {
    /// Someone of a provider: who they are there and here, the groups that it says they are a member of, and when the token ends.
    /// Groups that cannot stand in a contract are left out.
    pub fn new((issuer, subject): (String, String), actor: Actor, groups: Vec<String>, expires: Timestamp) -> Self {
        let credential = Credential {
            token: Some((String::new(), format!("of {issuer}"))),
            groups: named_groups(groups),
            max_token_expiry: Some(expires),
            ..Credential::default()
        };
        Self { issuer, subject, actor, credential: Arc::new(credential) }
    }

    /// The groups that they are a member of, in order.
    pub fn groups(&self) -> &[String] {
        &self.credential.groups
    }
}

/// The groups that are names of groups here; others cannot stand in a contract.
fn named_groups(mut groups: Vec<String>) -> Vec<String> {
    groups.retain(|group| is_group_name(group));
    groups.sort();
    groups.dedup();
    groups.truncate(MAX_GROUPS);
    groups
}

/// Lets a person in by the word of a provider. Their account is made at the first login, and has the groups that the provider
/// says at each one.
///
/// # Errors
/// When the name belongs to someone else: to an account with a password, or to another person of the provider.
pub fn log_in_by_provider(app: &App, proven: &ProvenByProvider, at: Timestamp) -> Result<Session, LoginError> {
    let groups = proven.groups().to_vec();
    let found = app.store().read(|reader| account::find(reader, &proven.actor))?;
    check_same(app, proven, found.as_ref(), at)?;
    if found.as_ref().is_some_and(|account| account.disabled.is_some()) {
        record_failure(app, of_account(&proven.actor), "the account is disabled", at);
        return Err(LoginError::Refused);
    }
    let by = AuthorizedContext::logged_in(proven.actor.clone(), at);
    match found {
        Some(account) if account.groups == groups => {}
        Some(account) => {
            let reason = format!("{} says: member of {}", proven.issuer, groups.join(", "));
            let (draft, wanted) = (by.audit_event("account.change", reason, vec![]), Account { groups, ..account });
            app.store().write(move |tx| account::change(&tx.audited(draft), &wanted))?;
        }
        None => {
            let wanted = Account {
                actor: proven.actor.clone(),
                owner: None,
                password: None,
                groups,
                is_admin: false,
                provider: Some((proven.issuer.clone(), proven.subject.clone())),
                created: at,
                disabled: None,
                audit_seq: 0,
            };
            let draft = by.audit_event("account.create", format!("first login by {}", proven.issuer), vec![]);
            app.store().write(move |tx| account::create(&tx.audited(draft), &wanted))?;
        }
    }
    load_identities(app)?;
    open_session(app, &proven.actor, &format!("by {}", proven.issuer), at)
}

/// Whoever shows a token of a provider. A person has logged in once; a service needs no account: what it may do follows from its name
/// and its groups.
///
/// # Errors
/// When the name belongs to someone else, or to an account that is disabled.
pub fn by_provider(app: &App, proven: &ProvenByProvider, at: Timestamp) -> Result<RequestContext, LoginError> {
    let known = app.components().identities.current();
    let account = known.account(&proven.actor);
    check_same(app, proven, account, at)?;
    if account.is_some_and(|account| account.disabled.is_some()) {
        record_failure(app, of_account(&proven.actor), "the account is disabled", at);
        return Err(LoginError::Refused);
    }
    if account.is_none() && proven.actor.kind == ActorKind::User {
        // Names of a provider may change hands: the first login binds one to a person, and before it proves nobody.
        let error = LoginError::Unbound { actor: proven.actor.clone(), issuer: proven.issuer.clone() };
        record_failure(app, (RefusalTopic::UnknownLogin, &proven.actor), &error.to_string(), at);
        return Err(error);
    }
    Ok(RequestContext { at, actor: proven.actor.clone(), credential: proven.credential.clone() })
}

fn of_account(actor: &Actor) -> (RefusalTopic, &Actor) {
    (RefusalTopic::Login(actor.clone()), actor)
}

/// Whether the account of this name, if there is one, is the one that the provider means.
fn check_same(app: &App, proven: &ProvenByProvider, found: Option<&Account>, at: Timestamp) -> Result<(), LoginError> {
    let known = match found.map(|account| &account.provider) {
        None => return Ok(()),
        Some(Some((issuer, subject))) if (issuer, subject) == (&proven.issuer, &proven.subject) => return Ok(()),
        Some(Some(_)) => "someone else of a provider",
        Some(None) => "an account of this platform",
    };
    let error = LoginError::OtherAccount { actor: proven.actor.clone(), issuer: proven.issuer.clone(), known };
    record_failure(app, of_account(&proven.actor), &error.to_string(), at);
    Err(error)
}
