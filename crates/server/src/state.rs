//! What every handler shares.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use kilter_wire::v1::{Check, Readiness};

use crate::{error::ServerError, options::ServerOptions};

/// The house as the handlers see it. Cloning is cheap.
#[derive(Clone)]
pub struct House(Arc<Inner>);

struct Inner {
    options: ServerOptions,
    began: Instant,
    is_stopping: AtomicBool,
}

impl House {
    /// Opens what the options name.
    ///
    /// # Errors
    /// When the data folder cannot be used.
    pub fn open(options: ServerOptions) -> Result<Self, ServerError> {
        fs::create_dir_all(&options.data)
            .map_err(|source| ServerError::DataFolder { path: options.data.clone(), source })?;
        Ok(Self(Arc::new(Inner { options, began: Instant::now(), is_stopping: AtomicBool::new(false) })))
    }

    /// How the server is run.
    pub fn options(&self) -> &ServerOptions {
        &self.0.options
    }

    /// How long it has been open.
    pub(crate) fn uptime(&self) -> Duration {
        self.0.began.elapsed()
    }

    /// From now on it is not ready: balancers send requests elsewhere while it finishes.
    pub(crate) fn begin_to_stop(&self) {
        self.0.is_stopping.store(true, Ordering::Relaxed);
    }

    /// Whether requests may be sent here, and why not.
    pub(crate) fn readiness(&self) -> Readiness {
        let is_stopping = self.0.is_stopping.load(Ordering::Relaxed);
        let data = &self.options().data;
        let has_folder = data.is_dir();
        let checks = vec![
            check("accepting", !is_stopping, if is_stopping { "stopping: finishes what it has begun" } else { "yes" }),
            check("data folder", has_folder, if has_folder { "there" } else { "gone: bring it back and start again" }),
        ];
        Readiness { ready: checks.iter().all(|check| check.ok), checks }
    }
}

fn check(name: &str, ok: bool, detail: &str) -> Check {
    Check { name: name.to_owned(), ok, detail: detail.to_owned() }
}
