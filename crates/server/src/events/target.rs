//! Whom events are sent to, as a person says it.

use std::path::PathBuf;

use base64::{Engine, engine::general_purpose::STANDARD};
use kilter_api::Secret;
use kilter_app::events::Target;
use reqwest::Url;

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
    /// Whether webhooks that clients make may be in private networks, and without TLS.
    pub allow_private: bool,
}

/// An address that gets a request for each event.
#[derive(Clone, Debug)]
pub struct WebhookTarget {
    /// `NAME` of `webhook:NAME`.
    pub name: String,
    /// The address.
    pub url: String,
    /// What signs its requests.
    pub key: WebhookKey,
}

/// What a secret of Standard Webhooks begins with; behind it is base64.
const SECRET_PREFIX: &str = "whsec_";

/// The bytes that sign the requests of a webhook.
#[derive(Clone)]
pub struct WebhookKey(pub(super) Vec<u8>);

impl std::fmt::Debug for WebhookKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("WebhookKey(..)")
    }
}

impl WebhookKey {
    /// The key of a secret: what base64 says behind `whsec_`, else the text itself.
    ///
    /// # Errors
    /// If the text behind `whsec_` is no base64, or the key is empty. The message has nothing of the secret.
    pub fn parse(secret: &Secret) -> Result<Self, &'static str> {
        let key = match secret.0.strip_prefix(SECRET_PREFIX) {
            None => secret.0.clone().into_bytes(),
            Some(text) => STANDARD.decode(text).map_err(|_| "what follows `whsec_` in it is no base64")?,
        };
        if key.is_empty() { Err("it is empty") } else { Ok(Self(key)) }
    }
}

impl WebhookTarget {
    /// A webhook whose address can be asked.
    ///
    /// # Errors
    /// If the address is none of `http` or `https`.
    pub fn new(name: &str, url: &str, key: WebhookKey) -> Result<Self, String> {
        let parsed = Url::parse(url).map_err(|error| format!("`{url}`: {error}"))?;
        if !matches!(parsed.scheme(), "http" | "https") || parsed.host().is_none() {
            return Err(format!("`{url}` is no http or https address"));
        }
        Ok(Self { name: name.to_owned(), url: url.to_owned(), key })
    }
}

/// Whether the text is an address of mail and nothing else: no space, no line break, no bracket.
pub fn is_mail_address(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_graphic() && !"<>()[],;:\\\"".contains(c);
    let halves = text.split_once('@');
    text.len() <= 254
        && halves.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && text.chars().all(is_plain))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_is_no_base64_or_empty_is_refused_and_not_shown() {
        let parse = |text: &str| WebhookKey::parse(&Secret(text.to_owned()));
        assert_eq!(parse("whsec_AAEC").unwrap().0, [0, 1, 2]);
        assert_eq!(parse("any other text").unwrap().0, b"any other text");
        for wrong in ["whsec_", "", "whsec_not base64!", "whsec_AAE", "whsec_AAEC\n"] {
            let error = parse(wrong).unwrap_err();
            assert!(error.starts_with("what follows") || error == "it is empty", "{wrong}: {error}");
        }
        assert_eq!(format!("{:?}", parse("whsec_AAEC").unwrap()), "WebhookKey(..)");
    }

    #[test]
    fn an_address_that_cannot_be_asked_is_refused() {
        let url = |url: &str| WebhookTarget::new("pager", url, WebhookKey(vec![1])).map(drop);
        assert!(url("https://pager.example/kilter").is_ok() && url("http://127.0.0.1:9/x").is_ok());
        for wrong in ["pager.example", "ftp://pager.example", "file:///etc/passwd", "https://"] {
            assert!(url(wrong).is_err(), "{wrong}");
        }
        for address in ["ana@example.com", "a.b+c@x.example"] {
            assert!(is_mail_address(address), "{address}");
        }
        for wrong in ["", "ana", "@x", "a@", "a b@x", "a@x\r\nRCPT TO:<b@x>", "<a@x>", "a@x,b@x", "\"a\"@x"] {
            assert!(!is_mail_address(wrong), "{wrong}");
        }
    }
}
