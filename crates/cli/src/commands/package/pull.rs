//! `kilter package pull`: a package from a registry.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use kilter_app::oci::{self, Attachment, OciAddress};
use kilter_domain::plural::counted;
use kilter_server::error::problem_of;
use serde::Serialize;

use super::registry_args::RegistryArgs;
use crate::ui::{
    error::{CliError, disk},
    view::{Answer, Page, Status},
};

/// Bring a package from an OCI registry, with its signature and what else refers to it.
///
/// Every file is compared with its digest. The folder appears when it is whole; what an interrupted pull has left is used by the next.
/// Approvals and results of gates come into a folder beside it, because nothing is added to a signed package.
#[derive(Debug, Args)]
pub(crate) struct Pull {
    /// Where from: oci://HOST/REPOSITORY:TAG, or …@sha256:DIGEST.
    #[arg(value_name = "ADDRESS")]
    address: String,
    /// The new folder.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    registry: RegistryArgs,
}

#[derive(Serialize)]
struct PulledDocument {
    address: String,
    out: PathBuf,
    files: usize,
    bytes: u64,
    is_signed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<PathBuf>,
    attachments_left_out: usize,
}

impl Pull {
    pub(super) fn run(self) -> Result<Answer, CliError> {
        let address: OciAddress = self.address.parse().map_err(|error| problem_of(&error))?;
        let pulled = oci::pull(&address, &self.out, &self.registry.options()).map_err(|error| problem_of(&error))?;
        let attachments = keep_attachments(&self.out, &pulled.attachments)?;
        let sentence = format!("{} in {}", counted(pulled.files, "file"), self.out.display());
        let mut page = Page::new().marked(Status::Ok, sentence).line(format!(
            "{}, {}",
            counted(pulled.bytes, "byte"),
            pulled.address
        ));
        if !pulled.is_signed {
            page = page.marked(Status::Warn, "it came without a signature");
        }
        if pulled.attachments_left_out > 0 {
            let left_out = counted(pulled.attachments_left_out, "document");
            page =
                page.marked(Status::Warn, format!("{left_out} about it did not come: too large, or not what they say"));
        }
        for path in &attachments {
            page = page.line(format!("with {}", path.display()));
        }
        let document = PulledDocument {
            address: pulled.address.to_string(),
            out: self.out,
            files: pulled.files,
            bytes: pulled.bytes,
            is_signed: pulled.is_signed,
            attachments,
            attachments_left_out: pulled.attachments_left_out,
        };
        Ok(Answer::done(&document, page))
    }
}

/// Writes what refers to a package into the folder `NAME.attachments` beside it.
fn keep_attachments(out: &Path, attachments: &[Attachment]) -> Result<Vec<PathBuf>, CliError> {
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(".attachments");
    let folder = out.with_file_name(name);
    // Two statements may have one name: how many there are of it.
    let (mut written, mut of_name) = (Vec::new(), BTreeMap::new());
    for attachment in attachments {
        fs::create_dir_all(&folder).map_err(|error| disk("write to", &folder, &error))?;
        let mut path = folder.join(&attachment.name);
        let count = of_name.entry(&attachment.name).or_insert(1);
        while path.exists() {
            *count += 1;
            path = folder.join(format!("{count}-{}", attachment.name));
        }
        fs::write(&path, &attachment.bytes).map_err(|error| disk("write", &path, &error))?;
        written.push(path);
    }
    Ok(written)
}
