//! `kilter package push`: a package into a registry.

use std::path::PathBuf;

use clap::Args;
use kilter_app::oci::{self, ArtifactFacts, OciAddress};
use kilter_domain::plural::counted;
use kilter_server::error::problem_of;
use serde::{Deserialize, Serialize};

use super::registry_args::RegistryArgs;
use crate::{
    context::now,
    ui::{
        error::CliError,
        view::{Answer, Page, Status},
    },
};

/// Send a package to an OCI registry, as a CNCF ModelPack artifact with its signature.
///
/// Each file is a layer, byte for byte. What the registry has already is not sent again, and a transfer that is interrupted goes on.
/// The login is that of Docker or Podman, or KILTER_REGISTRY_USER and KILTER_REGISTRY_PASSWORD.
#[derive(Debug, Args)]
pub(crate) struct Push {
    /// The folder of the package.
    #[arg(value_name = "DIR")]
    package: PathBuf,
    /// Where to: oci://HOST/REPOSITORY:TAG.
    #[arg(value_name = "ADDRESS")]
    address: String,
    #[command(flatten)]
    registry: RegistryArgs,
}

#[derive(Serialize)]
struct PushedDocument {
    address: String,
    files: usize,
    bytes: u64,
    sent_bytes: u64,
    attachments: usize,
}

/// What the file `package.json` says that an artifact is named by.
#[derive(Deserialize)]
struct PackageNames {
    model: String,
}

impl Push {
    pub(super) fn run(self) -> Result<Answer, CliError> {
        let address: OciAddress = self.address.parse().map_err(|error| problem_of(&error))?;
        let named = kilter_app::read_bounded(&self.package.join("package.json"), 16 << 20).ok();
        let named: Option<PackageNames> = named.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let name = named.map_or_else(|| address.repository.clone(), |named| named.model);
        let version = if address.is_digest() { "0".to_owned() } else { address.reference.clone() };
        let facts = ArtifactFacts { name, version, at: Some(now()), ..ArtifactFacts::default() };
        let pushed =
            oci::push(&self.package, &facts, &address, &self.registry.options()).map_err(|error| problem_of(&error))?;
        let sent = match pushed.sent_bytes {
            0 => "nothing to send: the registry has every file".to_owned(),
            sent => format!("sent {} of {}", counted(sent, "byte"), pushed.bytes),
        };
        let page = Page::new()
            .marked(
                Status::Ok,
                format!(
                    "{} {} at {address}",
                    counted(pushed.files, "file"),
                    if pushed.files == 1 { "is" } else { "are" }
                ),
            )
            .line(sent)
            .line(format!("pull it by its digest: kilter package pull {} --out DIR", pushed.address));
        let document = PushedDocument {
            address: pushed.address.to_string(),
            files: pushed.files,
            bytes: pushed.bytes,
            sent_bytes: pushed.sent_bytes,
            attachments: pushed.attachments,
        };
        Ok(Answer::done(&document, page))
    }
}
