//! Documents about versions, filled from records: model card, Annex IV, SR 26-2; and the inventory of all models.
//!
//! Invariants: what is filled comes from a record; what no record says is a gap and says so; what people write stays in marked
//! parts, and is a record too.

pub(crate) mod annex_iv;
pub(crate) mod card;
pub(crate) mod document;
pub(crate) mod dossier;
pub(crate) mod inventory;
pub(crate) mod of_version;
pub(crate) mod sr_26_2;

pub use card::{CardEdit, set_card};
pub use document::{Block, Document, DocumentKind, Section};
pub use inventory::{InventoryEntry, inventory};
pub use of_version::document;
