//! `kilter key`: the keys that sign packages and checkpoints.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use kilter_api::{self as api, KeyPurpose};
use kilter_client::Client;
use serde_json::json;

use crate::{
    connect::ConnectArgs,
    fs::write_new,
    ui::{
        error::CliError,
        view::{Answer, Page, Status, TextTable, minute},
    },
};

/// List, rotate, revoke and export the keys that sign packages and checkpoints.
#[derive(Debug, Args)]
pub(crate) struct Keys {
    #[command(subcommand)]
    what: KeyVerb,
}

#[derive(Debug, Subcommand)]
enum KeyVerb {
    /// List the public keys, newest first.
    List {
        #[command(flatten)]
        connect: ConnectArgs,
    },
    /// Make a new key of this data folder and sign with it from now on. What the old key signed stays valid.
    Rotate {
        /// What the new key signs.
        #[arg(long, value_enum, default_value_t = Purpose::Package)]
        purpose: Purpose,
        /// The reason, for the audit log.
        #[arg(long, value_name = "TEXT", default_value = "rotated in the terminal")]
        reason: String,
        #[command(flatten)]
        connect: ConnectArgs,
    },
    /// Revoke a key: nothing that it signed is valid any more, and versions that it signed do not serve.
    Revoke {
        /// The id of the key, or its first 8 characters or more.
        #[arg(value_name = "ID")]
        id: String,
        /// The reason, for the audit log.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        connect: ConnectArgs,
    },
    /// Write a public key as PEM, for those who verify without this platform. A private key is never shown.
    Export {
        /// The id of the key, or its first 8 characters or more.
        #[arg(value_name = "ID")]
        id: String,
        /// The file to write; without it the key is shown.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        #[command(flatten)]
        connect: ConnectArgs,
    },
}

/// What a key signs.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Purpose {
    /// Packages, and statements about them.
    Package,
    /// Checkpoints of the audit log.
    Checkpoint,
}

impl From<Purpose> for KeyPurpose {
    fn from(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Package => Self::Package,
            Purpose::Checkpoint => Self::Checkpoint,
        }
    }
}

impl Keys {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        match self.what {
            KeyVerb::List { connect } => list_keys(&connect),
            KeyVerb::Rotate { purpose, reason, connect } => {
                let body = api::RotateKey { purpose: purpose.into(), reason: Some(reason) };
                let key = connect.api()?.call(async |api| api.rotate_key(&body).await)?;
                let sentence = format!("{} key {} signs from now on", key.purpose, short(&key.id));
                Ok(Answer::done(&key, Page::new().marked(Status::Ok, sentence)))
            }
            KeyVerb::Revoke { id, reason, connect } => {
                let body = api::Reason { reason: Some(reason) };
                let key = connect.api()?.call(async |api| api.revoke_key(&id, &body).await)?;
                let sentence =
                    format!("{} key {} is revoked: nothing that it signed is valid", key.purpose, short(&key.id));
                Ok(Answer::done(&key, Page::new().marked(Status::Ok, sentence)))
            }
            KeyVerb::Export { id, out, connect } => {
                let key = connect.api()?.call(async |api| api.key(&id).await)?;
                let page = match out {
                    None => Page::new().line(key.public_key.trim_end().to_owned()),
                    Some(path) => {
                        write_new(&path, key.public_key.as_bytes())?;
                        Page::new().marked(
                            Status::Ok,
                            format!("{} key {} is in {}", key.purpose, short(&key.id), path.display()),
                        )
                    }
                };
                Ok(Answer::done(&key, page))
            }
        }
    }
}

fn list_keys(connect: &ConnectArgs) -> Result<Answer, CliError> {
    let found = connect.api()?.call(Client::keys)?;
    if found.items.is_empty() {
        let page = Page::new().line("there is no key yet: the first version that is registered makes one");
        return Ok(Answer::done(&json!({ "keys": found.items }), page));
    }
    let mut table = TextTable::new(["key", "signs", "state", "since", "until"]);
    for key in &found.items {
        let until = key.ended.map(minute).unwrap_or_default();
        let cells = [short(&key.id).to_owned(), key.purpose.to_string(), key.state.to_string()];
        table.row(cells.into_iter().chain([minute(key.since), until]));
    }
    Ok(Answer::done(&json!({ "keys": found.items }), Page::new().table(table)))
}

/// The beginning of an id, which commands take.
fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}
