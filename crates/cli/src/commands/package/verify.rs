//! `kilter package verify`: whether a package is what it claims to be.

use std::path::{Path, PathBuf};

use clap::Args;
use kilter_api::Exit;
use kilter_app::package::{CheckResult, PublicKey, Verified, unpack, verify_folder, verify_version};
use serde::Serialize;

use crate::{
    commands::model::version_name::version_named,
    context::DataFolder,
    ui::{
        error::{CliError, disk, usage},
        view::{Answer, Page, Status},
    },
};

/// Verify a package: its files against their list, its signature, and its answers to its golden requests.
///
/// A folder or an archive needs no server and no data folder, only the public key (--key). Exits with 3 if a check fails, and says
/// which.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// A folder, a tar archive, or a version like `churn@3`.
    #[arg(value_name = "PACKAGE")]
    which: String,
    /// The file with the public key (PEM) that must have signed it. Without it the keys of the data folder are asked.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    data: DataFolder,
}

#[derive(Serialize)]
struct Document {
    package: String,
    valid: bool,
    digest: String,
    model: Option<String>,
    checks: Vec<CheckDocument>,
}

#[derive(Serialize)]
struct CheckDocument {
    check: &'static str,
    result: &'static str,
    detail: String,
}

impl Verify {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        let path = Path::new(&self.which);
        let verified = match (path.is_dir(), path.is_file(), self.which.contains('@')) {
            (true, ..) => self.folder(path)?,
            (_, true, _) => {
                let scratch = tempfile::tempdir().map_err(|error| disk("make a folder for", path, &error))?;
                let folder = unpack(path, scratch.path()).map_err(kilter_app::model::PackageError::from)?;
                self.folder(&folder)?
            }
            (.., true) => {
                let (model, number) = version_named(&self.which)?;
                let model = model.parse().map_err(|error: kilter_domain::ids::InvalidName| usage(error.to_string()))?;
                verify_version(&self.data.open_for_reading()?, &model, number)?
            }
            _ => self.folder(path)?,
        };
        let answer = Answer::done(&self.document(&verified), self.page(&verified));
        Ok(if verified.is_valid() { answer } else { answer.exit(Exit::CheckFailed) })
    }

    fn folder(&self, folder: &Path) -> Result<Verified, CliError> {
        let Some(file) = &self.key else {
            if !self.data.path.is_dir() {
                return Err(usage("name the public key that must have signed it: --key FILE"));
            }
            let app = self.data.open_for_reading()?;
            return Ok(verify_folder(folder, &|id| kilter_app::keys::find_trusted_key(&app, id))?);
        };
        let text = kilter_app::read_bounded_text(file, 1 << 16).map_err(|error| disk("read the key", file, &error))?;
        let key = PublicKey::from_pem(&text).map_err(|error| usage(format!("`{}`: {error}", file.display())))?;
        let only = |id: &str| {
            let other = || format!("it was signed with the key {:.12}, not with {:.12}", id, key.id());
            if id == key.id() { Ok(key.clone()) } else { Err(other()) }
        };
        Ok(verify_folder(folder, &only)?)
    }

    fn page(&self, verified: &Verified) -> Page {
        let verdict = match (verified.is_valid(), failed(verified)) {
            (true, _) => format!("{} is valid", self.which),
            (false, Some(check)) => format!("{} is not valid: {check} failed", self.which),
            (false, None) => format!("{} is not signed", self.which),
        };
        let status = if verified.is_valid() { Status::Ok } else { Status::Bad };
        checks(verified).into_iter().fold(Page::new().marked(status, verdict), |page, (name, check)| {
            let status = match check {
                CheckResult::Passed(_) => Status::Ok,
                CheckResult::Failed(_) => Status::Bad,
                CheckResult::Skipped(_) => Status::Warn,
            };
            page.marked(status, format!("{name}: {}", check.detail()))
        })
    }

    fn document(&self, verified: &Verified) -> Document {
        let check = |(check, result): (&'static str, &CheckResult)| {
            let word = match result {
                CheckResult::Passed(_) => "passed",
                CheckResult::Failed(_) => "failed",
                CheckResult::Skipped(_) => "skipped",
            };
            CheckDocument { check, result: word, detail: result.detail().to_owned() }
        };
        Document {
            package: self.which.clone(),
            valid: verified.is_valid(),
            digest: verified.digest.to_string(),
            model: verified.manifest.as_ref().map(|manifest| manifest.model.to_string()),
            checks: checks(verified).into_iter().map(check).collect(),
        }
    }
}

fn checks(verified: &Verified) -> [(&'static str, &CheckResult); 3] {
    [("hashes", &verified.hashes), ("signature", &verified.signature), ("golden", &verified.golden)]
}

fn failed(verified: &Verified) -> Option<String> {
    let failed: Vec<&str> =
        checks(verified).into_iter().filter(|(_, check)| check.is_failure()).map(|(name, _)| name).collect();
    (!failed.is_empty()).then(|| failed.join(", "))
}
