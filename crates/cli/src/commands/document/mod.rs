//! Documents about versions, the inventory of all models, and objectives.

pub(crate) mod card;
pub(crate) mod inventory;
pub(crate) mod objective;
mod page;
pub(crate) mod report;
