//! Whether a package may be served by a process that has no registry: its files, its signature, its golden requests, and the approval
//! that came with it.

use std::path::{Path, PathBuf};

use kilter_api::{Code, Problem};
use kilter_app::package::{ApprovalClaim, CheckResult, PublicKey, Verified, verify_approval, verify_folder};
use kilter_domain::{deployment::AdmissionPolicy, error_chain::with_causes, model::VersionState, time::Timestamp};

use crate::ui::error::{CliError, disk, usage};

/// The file of a folder of statements that says who approved a version.
pub(super) const APPROVAL_FILE: &str = "approval.sigstore.json";
const MAX_BYTES: u64 = 16 << 20;

/// What is asked of a package.
pub(super) struct PackageCheck {
    /// The keys of which one must have signed it; none: nobody vouches.
    pub(super) keys: Vec<PublicKey>,
    pub(super) allow_unsigned: bool,
    pub(super) require_approval: bool,
    /// The statement of its approval that came with it.
    pub(super) approval: Option<Vec<u8>>,
    pub(super) now: Timestamp,
}

/// What was found of a package.
pub(super) struct CheckedPackage {
    /// The model that it is a version of.
    pub(super) model: String,
    /// Who signed it, where that was checked.
    pub(super) signature: Option<String>,
    /// Who approved it, where that was checked.
    pub(super) approval: Option<String>,
}

impl PackageCheck {
    /// Checks the package in `folder`.
    pub(super) fn check(&self, folder: &Path) -> Result<CheckedPackage, CliError> {
        let refuse = |why: &str, hint: &str| {
            let detail = format!("the package {} is not served: {why}", folder.display());
            CliError::from(Problem::new(Code::PackageNotSigned, detail).hint(hint.to_owned()))
        };
        if self.keys.is_empty() && !self.allow_unsigned {
            let hint = "name the public key that signed it (--key FILE; `kilter key export` writes it), or pass --allow-unsigned";
            return Err(refuse("nobody says whose signature it must have", hint));
        }
        let verified = verify_folder(folder, &|id| self.key(id))?;
        for check in [&verified.hashes, &verified.golden] {
            if let CheckResult::Failed(why) = check {
                return Err(refuse(why, "take the package from its source again"));
            }
        }
        let signature = match &verified.signature {
            CheckResult::Passed(said) => Some(said.clone()),
            _ if self.keys.is_empty() => None,
            CheckResult::Failed(why) | CheckResult::Skipped(why) => {
                return Err(refuse(why, "name the key that signed it, or take the package from its source again"));
            }
        };
        let approval = self.approval_of(&verified).map_err(|why| {
            refuse(&why, "serve a version that is approved, or take package and statements from their source again")
        })?;
        let model = verified.manifest.map(|manifest| manifest.model.to_string()).unwrap_or_default();
        Ok(CheckedPackage { model, signature, approval })
    }

    fn key(&self, id: &str) -> Result<PublicKey, String> {
        let named: Vec<String> = self.keys.iter().map(|key| format!("{:.12}", key.id())).collect();
        let found = self.keys.iter().find(|key| key.id() == id).cloned();
        found.ok_or_else(|| match named.is_empty() {
            true => "no key is named".to_owned(),
            false => format!("it was signed with the key {id:.12}, not with {}", named.join(" or ")),
        })
    }

    /// What the statement of its approval says, which must be whole where there is one.
    fn approval_of(&self, verified: &Verified) -> Result<Option<String>, String> {
        let Some(statement) = self.approval.as_ref().filter(|_| !self.keys.is_empty()) else {
            return match self.require_approval {
                false => Ok(None),
                true => Err(format!("no signed statement of its approval came with it ({APPROVAL_FILE})")),
            };
        };
        let claim = verify_approval(statement, &verified.digest, &|id| self.key(id))?;
        let is_over = matches!(claim.state, VersionState::Rejected | VersionState::Revoked | VersionState::Retired);
        if is_over || self.require_approval || claim.state == VersionState::Approved {
            claim.check(AdmissionPolicy::Approved, None, self.now)?;
        }
        Ok(Some(sentence(&claim)))
    }
}

fn sentence(claim: &ApprovalClaim) -> String {
    let by: Vec<String> = claim.approvals.iter().map(|vote| vote.by.to_string()).collect();
    match (claim.state, by.is_empty()) {
        (VersionState::Approved, true) => "approved: its policy asks nobody".to_owned(),
        (VersionState::Approved, false) => format!("approved by {}", by.join(", ")),
        (state, _) => format!("{state}, not approved"),
    }
}

/// The public keys in files.
pub(super) fn read_keys(files: &[PathBuf]) -> Result<Vec<PublicKey>, CliError> {
    let read = |file: &PathBuf| {
        let text = kilter_app::read_bounded_text(file, 1 << 16).map_err(|error| disk("read the key", file, &error))?;
        PublicKey::from_pem(&text).map_err(|error| usage(format!("`{}`: {}", file.display(), with_causes(&error))))
    };
    files.iter().map(read).collect()
}

/// The statement of the approval in a folder of statements.
pub(super) fn read_approval(folder: &Path) -> Result<Vec<u8>, CliError> {
    let file = folder.join(APPROVAL_FILE);
    kilter_app::read_bounded(&file, MAX_BYTES).map_err(|error| disk("read the statement", &file, &error))
}
