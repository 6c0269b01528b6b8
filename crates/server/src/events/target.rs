//! Whom events are sent to, as a person says it.

use std::path::PathBuf;

use kilter_api::Secret;
use kilter_app::events::Target;

/// Where events go.
#[derive(Clone, Debug, Default)]
pub struct EventOptions {
    /// Addresses that get a request for each event.
    pub webhooks: Vec<WebhookTarget>,
    /// People who get a mail for each event.
    pub mails: Vec<MailTarget>,
    /// The server that takes mail.
    pub smtp: Option<SmtpOptions>,
    /// Whether webhooks may be at link-local addresses.
    pub allow_link_local: bool,
}

/// An address that gets a request for each event.
#[derive(Clone, Debug)]
pub struct WebhookTarget {
    /// `NAME` of `webhook:NAME`.
    pub name: String,
    /// The address.
    pub url: String,
    /// What signs its requests.
    pub secret: Secret,
}

/// Someone who gets a mail for each event.
#[derive(Clone, Debug)]
pub struct MailTarget {
    /// `NAME` of `mail:NAME`.
    pub name: String,
    /// The address.
    pub address: String,
}

/// The server that takes mail.
#[derive(Clone, Debug)]
pub struct SmtpOptions {
    /// Its name.
    pub host: String,
    /// Its port: 465 speaks TLS from the start, others after STARTTLS.
    pub port: u16,
    /// Whom mail is from.
    pub from: String,
    /// The name that this platform logs in by, and its password.
    pub login: Option<(String, Secret)>,
    /// The file with the authorities whose certificates are believed; `None`: those that this machine trusts.
    pub authorities: Option<PathBuf>,
}

impl EventOptions {
    /// Every target. Each gets governance acts; alerts go where the contract of their project says.
    pub(crate) fn targets(&self) -> Vec<Target> {
        let webhooks = self.webhooks.iter().map(|target| format!("webhook:{}", target.name));
        let mails = self.mails.iter().map(|target| format!("mail:{}", target.name));
        webhooks.chain(mails).map(|name| Target { name, governance: true }).collect()
    }
}
