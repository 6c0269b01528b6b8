//! Where events go: the options of `kilter server` about webhooks and mail.

use std::path::{Path, PathBuf};

use clap::Args;
use kilter_api::Secret;
use kilter_server::{EventOptions, MailTarget, SmtpOptions, WebhookKey, WebhookTarget, is_mail_address, read_secret};

use crate::ui::error::{CliError, usage};

/// The variable with the secret of webhooks that have no file.
pub(crate) const SECRET_VARIABLE: &str = "KILTER_WEBHOOK_SECRET";

/// Where events go.
#[derive(Clone, Debug, Args)]
pub(crate) struct EventArgs {
    /// An address that gets a signed request for each governance act, and for alerts whose contract names `webhook:NAME`.
    /// Can be repeated.
    #[arg(long = "webhook", value_name = "NAME=URL")]
    webhooks: Vec<String>,
    /// The file with the secret that signs the requests of a webhook (`whsec_…`). Default: `KILTER_WEBHOOK_SECRET`.
    #[arg(long = "webhook-secret-file", value_name = "NAME=FILE")]
    webhook_secret_files: Vec<String>,
    /// Let webhooks be at link-local addresses, where machines of clouds keep credentials.
    #[arg(long)]
    allow_link_local_webhooks: bool,
    /// Let webhooks that clients of the registry make be in private networks, and at addresses of http. Without it they are at public
    /// addresses of https, or on this machine where the server answers this machine alone.
    #[arg(long)]
    allow_private_webhooks: bool,
    /// Someone who gets a mail for each governance act, and for alerts whose contract names `mail:NAME`. Can be repeated.
    #[arg(long = "mail", value_name = "NAME=ADDRESS", requires = "smtp")]
    mails: Vec<String>,
    /// The server that takes mail. Port 465 speaks TLS from the start, others after STARTTLS.
    #[arg(long, value_name = "HOST:PORT", requires = "smtp_from")]
    smtp: Option<String>,
    /// Whom mail is from.
    #[arg(long, value_name = "ADDRESS", requires = "smtp")]
    smtp_from: Option<String>,
    /// The name by which the platform logs in to the mail server.
    #[arg(long, value_name = "NAME", requires = "smtp_password_file")]
    smtp_user: Option<String>,
    /// The file with the password of that name. It is sent over TLS alone.
    #[arg(long, value_name = "FILE", requires = "smtp_user")]
    smtp_password_file: Option<PathBuf>,
    /// The file with the authorities whose certificates of mail servers are believed. Default: those of this machine.
    #[arg(long, value_name = "FILE", requires = "smtp")]
    smtp_ca_file: Option<PathBuf>,
}

impl EventArgs {
    pub(crate) fn options(&self) -> Result<EventOptions, CliError> {
        let webhooks = self.webhooks.iter().map(|text| {
            let (name, url) = named("webhook", text)?;
            WebhookTarget::new(name, url, self.key(name)?)
                .map_err(|error| usage(format!("`--webhook {name}=…` cannot be asked: {error}")))
        });
        let mails = self.mails.iter().map(|text| {
            let (name, address) = named("mail", text)?;
            Ok::<_, CliError>(MailTarget { name: name.to_owned(), address: checked(address)? })
        });
        Ok(EventOptions {
            webhooks: webhooks.collect::<Result<_, CliError>>()?,
            mails: mails.collect::<Result<_, CliError>>()?,
            smtp: self.smtp()?,
            allow_link_local: self.allow_link_local_webhooks,
            allow_private: self.allow_private_webhooks,
        })
    }

    /// What signs the requests of a webhook.
    fn key(&self, name: &str) -> Result<WebhookKey, CliError> {
        let (secret, place) = self.secret(name)?;
        WebhookKey::parse(&secret)
            .map_err(|why| usage(format!("the secret of `--webhook {name}=…` in {place} cannot be used: {why}")))
    }

    /// Its secret, and where it is.
    fn secret(&self, name: &str) -> Result<(Secret, String), CliError> {
        for text in &self.webhook_secret_files {
            let (of, file) = named("webhook-secret-file", text)?;
            if of == name {
                return Ok((read_secret(Path::new(file))?, file.to_owned()));
            }
        }
        let stated = std::env::var(SECRET_VARIABLE).ok().filter(|secret| !secret.is_empty());
        stated.map(|secret| (Secret(secret), SECRET_VARIABLE.to_owned())).ok_or_else(|| {
            usage(format!(
                "nothing signs the requests of `--webhook {name}=…`: add `--webhook-secret-file {name}=FILE`, or set {SECRET_VARIABLE}"
            ))
        })
    }

    fn smtp(&self) -> Result<Option<SmtpOptions>, CliError> {
        let (Some(server), Some(from)) = (&self.smtp, &self.smtp_from) else { return Ok(None) };
        let parts = server.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
        let (host, port) = parts
            .ok_or_else(|| usage(format!("`--smtp {server}` needs the form HOST:PORT, like mail.example.com:587")))?;
        let login = match (&self.smtp_user, &self.smtp_password_file) {
            (Some(user), Some(file)) => Some((user.clone(), read_secret(file)?)),
            _ => None,
        };
        let authorities = self.smtp_ca_file.clone();
        Ok(Some(SmtpOptions { host: host.to_owned(), port, from: checked(from)?, login, authorities }))
    }
}

/// The address, if mail can be sent to it or from it.
fn checked(address: &str) -> Result<String, CliError> {
    if is_mail_address(address) {
        return Ok(address.to_owned());
    }
    Err(usage(format!("`{address}` is no address of mail: write it like name@example.com")))
}

fn named<'a>(option: &str, text: &'a str) -> Result<(&'a str, &'a str), CliError> {
    let parts = text.split_once('=').filter(|(name, value)| !name.is_empty() && !value.is_empty());
    parts.ok_or_else(|| {
        usage(format!("`--{option} {text}` needs the form NAME=…, like pager=https://pager.example/kilter"))
    })
}
