//! Model versions: what is packaged, how a version moves through its states, and who approved it.

pub(crate) mod approval;
pub(crate) mod golden;
pub(crate) mod load;
pub(crate) mod model_cache;
pub(crate) mod package;
pub(crate) mod package_run;
pub use approval::{approve, reject};
