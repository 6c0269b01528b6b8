//! Model versions: what is packaged, how a version moves through its states, and who approved it.

pub(crate) mod approval_mode;
pub(crate) mod card_gaps;
pub(crate) mod error;
pub(crate) mod explainable;
pub(crate) mod facts;
pub(crate) mod golden_replay;
pub(crate) mod input_rules;
pub(crate) mod kept;
pub(crate) mod load;
pub(crate) mod mlflow_folder;
pub(crate) mod runtime;
pub(crate) mod served;
pub(crate) mod signature;
pub(crate) mod version_record;
pub(crate) mod votes;
pub use crate::components::model_memory::ModelMemoryCounts;
pub use approval_mode::ApprovalMode;
pub use card_gaps::REQUIRED_PARTS;
pub use error::VersionError;
pub use input_rules::InputRuleError;
pub use kilter_package::{PackageError, golden::GoldenError};
pub use runtime::ModelLoader;
pub use served::{memory_counts, release_excess};
