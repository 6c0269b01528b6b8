//! `kilter token`: what a program shows to be known.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use kilter_api::{self as api, Secret};
use kilter_client::Client;
use kilter_domain::{actor::Action, identity::TokenScope, ids::ProjectName, time::Span};
use serde_json::json;

use super::account_name;
use crate::{
    connect::ConnectArgs,
    context::now,
    credentials::write_private,
    ui::{
        error::{CliError, disk},
        view::{Answer, Page, Status, TextTable, minute},
    },
};

/// Create, list and revoke tokens.
#[derive(Debug, Args)]
pub(crate) struct Tokens {
    #[command(subcommand)]
    verb: TokenVerb,
}

#[derive(Debug, Subcommand)]
enum TokenVerb {
    /// Create a token. Its text is shown once.
    Create(Create),
    /// List tokens: yours, and those of services that you answer for.
    List {
        #[command(flatten)]
        connect: ConnectArgs,
    },
    /// Revoke a token for good.
    Revoke {
        /// The id of the token, as `kilter token list` shows it.
        id: String,
        #[command(flatten)]
        connect: ConnectArgs,
    },
}

#[derive(Debug, Args)]
struct Create {
    /// The name of the token, for lists.
    #[arg(default_value = "token")]
    name: String,
    /// Whose it is, like `svc:ci`. Default: yours.
    #[arg(long = "for", value_name = "ACCOUNT")]
    account: Option<String>,
    /// A right that it may use, like `predict`, `run` or `deploy`. Can be repeated. Default: all of its owner.
    #[arg(long = "right", value_name = "RIGHT")]
    rights: Vec<Action>,
    /// A project that it may be used in. Can be repeated. Default: all.
    #[arg(long = "project", value_name = "NAME")]
    projects: Vec<ProjectName>,
    /// For how long it is valid, at most 366 days. Default: 90 days, or until the token ends that makes it.
    #[arg(long, value_name = "TIME")]
    valid: Option<Span>,
    /// The file to write it to, for `--token-file`. Only you can read it. Default: it is shown.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl Tokens {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        match self.verb {
            TokenVerb::Create(create) => create.run(),
            TokenVerb::List { connect } => list(&connect),
            TokenVerb::Revoke { id, connect } => {
                let revoked = connect.api()?.call(async |api| api.revoke_token(&id).await)?;
                let page = Page::new()
                    .marked(Status::Ok, format!("the token `{}` of {} is revoked", revoked.name, revoked.actor));
                Ok(Answer::done(&revoked, page))
            }
        }
    }
}

fn some<T: Ord>(values: Vec<T>) -> Option<std::collections::BTreeSet<T>> {
    (!values.is_empty()).then(|| values.into_iter().collect())
}

impl Create {
    fn run(self) -> Result<Answer, CliError> {
        let new = api::NewToken {
            actor: self.account.as_deref().map(account_name).transpose()?,
            name: self.name,
            scope: TokenScope { actions: some(self.rights), projects: some(self.projects) },
            valid: self.valid,
        };
        let api::TokenCreated { info, token: Secret(text) } =
            self.connect.api()?.call(async |api| api.create_token(&new).await)?;
        let what = format!(
            "token `{}` of {}, for {}, valid until {}",
            info.name,
            info.actor,
            info.scope,
            minute(info.expires)
        );
        let page = Page::new().marked(Status::Ok, what);
        match &self.out {
            Some(file) => {
                write_private(file, format!("{text}\n").as_bytes()).map_err(|error| disk("write", file, &error))?;
                let page = page.line(format!("It is in {}: `--token-file {}`", file.display(), file.display()));
                Ok(Answer::done(&json!({ "info": info, "file": file }), page))
            }
            None => {
                let page = page.line(text.clone()).line("It is not stored, and is not shown again.");
                Ok(Answer::done(&json!({ "info": info, "token": text }), page))
            }
        }
    }
}

fn list(connect: &ConnectArgs) -> Result<Answer, CliError> {
    let (found, now) = (connect.api()?.call(Client::tokens)?, now());
    let mut table = TextTable::new(["token", "of", "name", "for", "last used", "is"]);
    for token in &found.tokens {
        let is = match token.revoked {
            Some(at) => format!("revoked {}", minute(at)),
            None if token.expires <= now => format!("expired {}", minute(token.expires)),
            None => format!("valid until {}", minute(token.expires)),
        };
        let used = token.last_used.map_or_else(|| "never".to_owned(), minute);
        table.row([token.id.clone(), token.actor.to_string(), token.name.clone(), token.scope.to_string(), used, is]);
    }
    let page = match found.tokens.is_empty() {
        true => Page::new().line("There is no token yet: kilter token create"),
        false => Page::new().table(table),
    };
    Ok(Answer::done(&found, page))
}
