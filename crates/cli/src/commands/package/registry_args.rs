//! How a registry is reached, as commands are told.

use clap::Args;
use kilter_app::oci::RegistryOptions;

/// How a registry is reached.
#[derive(Debug, Args)]
pub(super) struct RegistryArgs {
    /// Also speak to a registry on another machine without encryption. One on this machine is spoken to without it.
    #[arg(long)]
    plain_http: bool,
}

impl RegistryArgs {
    pub(super) fn options(&self) -> RegistryOptions {
        RegistryOptions { plain_http: self.plain_http, ..RegistryOptions::default() }
    }
}
