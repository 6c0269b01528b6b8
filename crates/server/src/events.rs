//! How events leave the platform: webhooks and mail.
//!
//! Invariants: a secret signs, and is never sent or shown; no request goes to an address that only this machine should reach (link-local,
//! where clouds keep credentials) unless that is allowed; every answer is bounded in time and size. Out of scope: who is sent what, and when
//! it is tried again.

pub(crate) mod registry_webhook;
pub(crate) mod smtp;
pub(crate) mod target;
pub(crate) mod webhook;

pub use target::{EventOptions, MailTarget, SmtpOptions, WebhookKey, WebhookTarget, is_mail_address};
