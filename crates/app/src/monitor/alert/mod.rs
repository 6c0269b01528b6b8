//! Alerts: how they open and close, what people do with them, who is notified.

pub(crate) mod actions;
pub(crate) mod lifecycle;
pub(crate) mod notify;
