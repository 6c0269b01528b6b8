//! The data folder: what lies in it, who may read it, whether it is whole, how it is copied and repaired.

pub(crate) mod artifacts;
pub(crate) mod backup;
pub(crate) mod bucket;
pub(crate) mod error;
pub(crate) mod integrity;
pub(crate) mod layout;
pub(crate) mod platform_copy;
pub(crate) mod recovery;

pub use crate::private_files::{open_to_others, temporary_folder};
pub use backup::{BackupError, Manifest, back_up, restore};
pub use bucket::open_lake;
pub use error::DataFolderError;
pub use integrity::accept_losses;
pub use integrity::{PartCheck, check_data_folder};
pub use layout::{check_presence, damage, storage_state};
pub use platform_copy::{CopyTarget, PlatformCopy, copy_platform};
pub use recovery::recover;
