//! Models of Python in worker processes: the folder that MLflow wrote, loaded by its own packages.

mod counters;
mod environment;
mod frame;
mod log;
mod model;
mod pool;
mod process;
mod settings;

pub use environment::{EnvironmentError, Environments};
pub use model::{ModelFolder, load};
pub use settings::WorkerSettings;
