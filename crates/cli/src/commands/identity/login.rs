//! `kilter login`, `logout` and `whoami`: a token for this person, stored for all commands.

use std::path::PathBuf;

use clap::Args;
use kilter_api as api;
use kilter_client::Client;
use serde_json::json;

use super::{account_name, browser::by_provider, secret_input::read_password};
use crate::{
    connect::ConnectArgs,
    context::act,
    credentials,
    ui::{
        error::CliError,
        output::Output,
        view::{Answer, Page, Status, minute},
    },
};

/// Log in, and store a token for the other commands: in `kilter/credentials.json` of your configuration folder.
///
/// The token is valid for 12 hours, for this server or data folder alone.
#[derive(Debug, Args)]
pub(crate) struct Login {
    /// Your name. Default: that of the system.
    name: Option<String>,
    /// The file with your password. Default: asked for, or the first line of standard input.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Log in by the OpenID provider of the server, with a browser.
    #[arg(long, conflicts_with_all = ["name", "password_file"])]
    provider: bool,
    /// The port of this machine to which the provider sends the browser back; it has to know it.
    #[arg(long, value_name = "PORT", default_value_t = 18484, requires = "provider")]
    redirect_port: u16,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl Login {
    pub(crate) fn run(self, output: &Output) -> Result<Answer, CliError> {
        let session = match self.provider {
            true => by_provider(&self.connect.api()?, self.redirect_port, output)?,
            false => self.by_password()?,
        };
        credentials::store_token(&self.connect.platform_name(), Some(session.token.clone()))?;
        let until = minute(session.expires);
        let page = Page::new().marked(Status::Ok, format!("you are {} until {until}", session.actor));
        Ok(Answer::done(&json!({ "actor": session.actor, "expires": session.expires }), page))
    }

    fn by_password(&self) -> Result<api::Session, CliError> {
        let actor = self.name.as_deref().map_or_else(|| Ok(act().actor), account_name)?;
        let api = self.connect.api()?;
        let password = read_password(self.password_file.as_deref(), &format!("Password of {}: ", actor.name()))?;
        let body = api::Login { actor, password };
        api.call(async |api| api.log_in(&body).await)
    }
}

/// Log out: remove the token that `kilter login` stored.
#[derive(Debug, Args)]
pub(crate) struct Logout {
    #[command(flatten)]
    connect: ConnectArgs,
}

impl Logout {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        let removed = credentials::store_token(&self.connect.platform_name(), None)?;
        let text = if removed { "the stored token is removed" } else { "no token was stored" };
        Ok(Answer::done(&json!({ "removed": removed }), Page::new().marked(Status::Ok, text)))
    }
}

/// Show who you are to the platform, and by what that is known.
#[derive(Debug, Args)]
pub(crate) struct WhoAmI {
    #[command(flatten)]
    connect: ConnectArgs,
}

impl WhoAmI {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        let me = self.connect.api()?.call(Client::who_am_i)?;
        let how = if me.proven { "proven by a token" } else { "as you say: nobody has an account" };
        let page = Page::new().marked(Status::Ok, format!("{}, {how}", me.actor));
        let page = me.on_behalf.iter().fold(page, |page, owner| page.line(format!("{owner} answers for it")));
        let page = match me.groups.is_empty() {
            true => page,
            false => page.line(format!("member of {}", me.groups.join(", "))),
        };
        let page = if me.admin { page.line("administers the platform") } else { page };
        Ok(Answer::done(&me, page.line(format!("may use {}", me.scope))))
    }
}
