//! `kilter user`: who may come in.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use kilter_api as api;
use kilter_client::Client;
use kilter_domain::actor::ActorKind;

use super::{
    account_name,
    secret_input::{read_new_password, read_password},
};
use crate::{
    connect::ConnectArgs,
    ui::{
        error::CliError,
        view::{Answer, Page, Status, TextTable, minute},
    },
};

/// Add, list and change accounts: the people and services that may come in.
///
/// The first account is made by whoever can read the data folder. From then on a name alone is nobody: commands and requests carry
/// a token (`kilter login`, `kilter token create`).
#[derive(Debug, Args)]
pub(crate) struct Users {
    #[command(subcommand)]
    verb: UserVerb,
}

#[derive(Debug, Subcommand)]
enum UserVerb {
    /// Add a person (`ana`) or a service (`svc:ci`).
    Add(Add),
    /// List accounts.
    List {
        #[command(flatten)]
        connect: ConnectArgs,
    },
    /// Keep an account out. Its tokens do nothing from now on.
    Disable(Named),
    /// Let a disabled account in again.
    Enable(Named),
    /// Set the groups of an account, and whether it administers the platform.
    Groups(Groups),
    /// Set a password. Without a name, your own.
    Password(Password),
}

#[derive(Debug, Args)]
struct Add {
    /// `NAME` of a person, or `svc:NAME` of a service.
    name: String,
    /// A group that it is a member of. Can be repeated.
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// It administers the platform: accounts, tokens of services, where events are sent. It approves nothing by that.
    #[arg(long)]
    admin: bool,
    /// The person who answers for a service. Default: you.
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// The file with the password. Default: asked for, or the first line of standard input.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    #[command(flatten)]
    connect: ConnectArgs,
}

#[derive(Debug, Args)]
struct Named {
    /// `NAME` of a person, or `svc:NAME` of a service.
    name: String,
    #[command(flatten)]
    connect: ConnectArgs,
}

#[derive(Debug, Args)]
struct Groups {
    /// `NAME` of a person, or `svc:NAME` of a service.
    name: String,
    /// All groups that it is a member of from now on.
    groups: Vec<String>,
    /// Whether it administers the platform; without it that stays as it is.
    #[arg(long, value_name = "true|false")]
    admin: Option<bool>,
    #[command(flatten)]
    connect: ConnectArgs,
}

#[derive(Debug, Args)]
struct Password {
    /// Whose; needs the administration of the platform.
    name: Option<String>,
    /// The file with the new password. Default: asked for, or the next line of standard input.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// The file with your password so far. Default: asked for, or the first line of standard input.
    #[arg(long, value_name = "FILE")]
    current_file: Option<PathBuf>,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl Users {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        match self.verb {
            UserVerb::Add(add) => add.run(),
            UserVerb::List { connect } => list(&connect),
            UserVerb::Disable(named) => named.set_disabled(true),
            UserVerb::Enable(named) => named.set_disabled(false),
            UserVerb::Groups(groups) => groups.run(),
            UserVerb::Password(password) => password.run(),
        }
    }
}

impl Add {
    fn run(self) -> Result<Answer, CliError> {
        let actor = account_name(&self.name)?;
        let is_person = actor.kind == ActorKind::User;
        let owner = self.owner.as_deref().map(account_name).transpose()?;
        let api = self.connect.api_made()?;
        let password = is_person.then(|| read_new_password(self.password_file.as_deref())).transpose()?;
        let new = api::NewAccount { actor, password, groups: self.groups, admin: self.admin, owner };
        let made = api.call(async |api| api.create_account(&new).await)?;
        let next = match is_person {
            true => format!("→ `kilter login {}`", made.actor.name()),
            false => format!("→ `kilter token create --for {}`", made.actor),
        };
        let page = Page::new().marked(Status::Ok, format!("{} may come in{}", made.actor, rights(&made))).line(next);
        Ok(Answer::done(&made, page))
    }
}

/// What an account is, for a sentence.
fn rights(account: &api::Account) -> String {
    let admin = if account.admin { ", and administers the platform" } else { "" };
    match account.groups.is_empty() {
        true => admin.to_owned(),
        false => format!(" as a member of {}{admin}", account.groups.join(", ")),
    }
}

fn list(connect: &ConnectArgs) -> Result<Answer, CliError> {
    let found = connect.api()?.call(Client::accounts)?;
    let mut table = TextTable::new(["account", "groups", "is", "by", "since"]);
    for account in &found.accounts {
        let is = match (account.disabled, account.admin) {
            (Some(since), _) => format!("disabled since {}", minute(since)),
            (None, true) => "administers".to_owned(),
            (None, false) => "let in".to_owned(),
        };
        let by = match (&account.owner, &account.issuer) {
            (Some(owner), _) => format!("tokens; {owner} answers"),
            (None, Some(issuer)) => issuer.clone(),
            (None, None) => "password".to_owned(),
        };
        table.row([account.actor.to_string(), account.groups.join(", "), is, by, minute(account.created)]);
    }
    let page = match found.accounts.is_empty() {
        true => Page::new().line("Nobody has an account: who acts is what the caller says"),
        false => Page::new().table(table),
    };
    Ok(Answer::done(&found, page))
}

impl Named {
    fn set_disabled(self, disabled: bool) -> Result<Answer, CliError> {
        let name = account_name(&self.name)?.to_string();
        let change = api::ChangeAccount { disabled: Some(disabled), ..api::ChangeAccount::default() };
        let changed = self.connect.api()?.call(async |api| api.change_account(&name, &change).await)?;
        let page = match disabled {
            true => Page::new().marked(Status::Ok, format!("{} is disabled; its tokens do nothing", changed.actor)),
            false => Page::new().marked(Status::Ok, format!("{} may come in again", changed.actor)),
        };
        Ok(Answer::done(&changed, page))
    }
}

impl Groups {
    fn run(self) -> Result<Answer, CliError> {
        let name = account_name(&self.name)?.to_string();
        let change =
            api::ChangeAccount { groups: Some(self.groups), admin: self.admin, ..api::ChangeAccount::default() };
        let changed = self.connect.api()?.call(async |api| api.change_account(&name, &change).await)?;
        let groups = match changed.groups.is_empty() {
            true => "of no group".to_owned(),
            false => format!("of {}", changed.groups.join(", ")),
        };
        let page = Page::new().marked(Status::Ok, format!("{} is a member {groups}", changed.actor));
        Ok(Answer::done(&changed, page))
    }
}

impl Password {
    fn run(self) -> Result<Answer, CliError> {
        let api = self.connect.api()?;
        let (name, current) = match &self.name {
            Some(name) => (account_name(name)?.to_string(), None),
            None => {
                let own = api.call(Client::who_am_i)?.actor.to_string();
                (own, Some(read_password(self.current_file.as_deref(), "Password so far: ")?))
            }
        };
        let password = read_new_password(self.password_file.as_deref())?;
        let body = api::ChangePassword { current, password };
        let changed = api.call(async |api| api.set_password(&name, &body).await)?;
        let page = Page::new().marked(
            Status::Ok,
            format!("{} has another password; sessions that began with the one before are over", changed.actor),
        );
        Ok(Answer::done(&changed, page))
    }
}
