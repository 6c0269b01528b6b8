//! Who may do what to a project, and what was refused to whom.

pub(crate) mod access_map;
pub(crate) mod permission;
pub(crate) mod refused_actions;

pub use access_map::Subject;
pub use refused_actions::RefusedAction;
