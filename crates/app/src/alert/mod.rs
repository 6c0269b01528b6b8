//! Alerts: how they open, move and close, what people do with them, and who is notified.

pub(crate) mod actions;
pub(crate) mod error;
pub(crate) mod lifecycle;
pub(crate) mod notify;
pub(crate) mod resolve;

pub use actions::handle_alert;
pub use error::AlertError;
