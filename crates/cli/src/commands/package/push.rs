//! `kilter package push`: a package into a registry.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use kilter_app::{
    oci::{self, ArtifactFacts, Attachment, MAX_ATTACHMENT_BYTES, OciAddress},
    package::BUNDLE_TYPE,
};
use kilter_domain::plural::counted;
use kilter_server::error::problem_of;
use serde::{Deserialize, Serialize};

use super::{package_ref::OpenedPackage, registry_args::RegistryArgs};
use crate::{
    context::{DataFolder, now},
    ui::{
        error::{CliError, disk},
        view::{Answer, Page, Status},
    },
};

/// Send a package to an OCI registry, as a CNCF ModelPack artifact with its signature.
///
/// Each file is a layer, byte for byte. What the registry has already is not sent again, and a transfer that is interrupted goes on.
/// The login is that of Docker or Podman, or KILTER_REGISTRY_USER and KILTER_REGISTRY_PASSWORD.
#[derive(Debug, Args)]
pub(crate) struct Push {
    /// The folder of the package, or a version of the data folder, like churn@3.
    #[arg(value_name = "PACKAGE")]
    package: String,
    /// Where to: oci://HOST/REPOSITORY:TAG.
    #[arg(value_name = "ADDRESS")]
    address: String,
    /// A folder with statements about the package, like approvals and results of gates: each file becomes a document that refers to it.
    #[arg(long, value_name = "DIR")]
    evidence: Option<PathBuf>,
    #[command(flatten)]
    registry: RegistryArgs,
    #[command(flatten)]
    data: DataFolder,
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

/// Every file of a folder as a document that refers to the package, by the ending of its name.
fn evidence(folder: &Path) -> Result<Vec<Attachment>, CliError> {
    let failed = |error: &std::io::Error| disk("read", folder, error);
    let entries = fs::read_dir(folder).map_err(|error| failed(&error))?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| failed(&error))?;
    paths.retain(|path| path.is_file());
    paths.sort();
    let attachment = |path: PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let media_type = match () {
            () if name.contains(".sigstore.") || name.ends_with(".sig") => BUNDLE_TYPE,
            () if name.contains(".intoto.") => "application/vnd.in-toto+json",
            () if name.ends_with(".json") => "application/json",
            () => "application/octet-stream",
        };
        let bytes =
            kilter_app::read_bounded(&path, MAX_ATTACHMENT_BYTES).map_err(|error| disk("read", &path, &error))?;
        Ok(Attachment { name, media_type: media_type.to_owned(), bytes })
    };
    paths.into_iter().map(attachment).collect()
}

/// The model that `package.json` names, else the repository; the version is the tag.
fn facts_of_folder(folder: &Path, address: &OciAddress) -> ArtifactFacts {
    let named = kilter_app::read_bounded(&folder.join("package.json"), 16 << 20).ok();
    let named: Option<PackageNames> = named.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let name = named.map_or_else(|| address.repository.clone(), |named| named.model);
    let version = if address.is_digest() { "0".to_owned() } else { address.reference.clone() };
    ArtifactFacts { name, version, at: Some(now()), ..ArtifactFacts::default() }
}

impl Push {
    pub(super) fn run(self) -> Result<Answer, CliError> {
        let address: OciAddress = self.address.parse().map_err(|error| problem_of(&error))?;
        let package = OpenedPackage::open(&self.package, &self.data)?;
        let mut facts = match &package.stored {
            Some(stored) => stored.facts(now()),
            None => facts_of_folder(&package.folder, &address),
        };
        facts.attachments = self.evidence.as_deref().map_or(Ok(Vec::new()), evidence)?;
        let pushed = oci::push(&package.folder, &facts, &address, &self.registry.options())
            .map_err(|error| problem_of(&error))?;
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
