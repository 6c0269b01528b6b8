//! What a replica reads of its server, and what it sends back.
//!
//! Statements are signed texts (in-toto statements in DSSE envelopes, as Sigstore bundles): who reads them verifies them by a key that
//! it was given, and believes nothing else of these documents.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::identity::Secret;

/// What answers where, and what vouches for it (`GET /api/v1/serving-plan`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServingPlan {
    /// The signed statement of the endpoints and of the versions that answer there.
    pub plan: String,
    /// For each version of the plan a signed statement of its state and of who approved it.
    pub approvals: Vec<SignedApproval>,
    /// The public keys by which packages and statements are verified.
    pub keys: Vec<TrustedKey>,
    /// The secret with which personal columns are hashed before they are recorded; absent where no column is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash_key: Option<Secret>,
}

/// What is signed of one version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignedApproval {
    /// The name of the model.
    pub model: String,
    /// The number of the version in the model.
    pub version: u32,
    /// The signed statement.
    pub statement: String,
}

/// A public key whose signatures the platform believes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrustedKey {
    /// The SHA-256 of its PEM text in hex.
    pub id: String,
    /// The public key as PEM.
    pub public_key: String,
}

/// The files of a package (`GET /api/v1/models/{model}/packages/{digest}`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PackageFiles {
    /// The identity of the package: the digest of this list.
    pub digest: String,
    /// Its files, sorted by path.
    pub files: Vec<PackageFile>,
    /// Its signatures, as the file `model.sig` has one.
    pub signatures: Vec<String>,
}

/// A file of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PackageFile {
    /// Where it is in the package.
    pub path: String,
    /// The BLAKE3 digest of its bytes.
    pub digest: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// Whether it may be executed.
    pub executable: bool,
}

/// What became of records that a replica sent (`POST /api/v1/endpoints/{endpoint}/records`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecordsKept {
    /// The number of the last record of the replica that is on the disk here.
    pub through: u64,
    /// Rows that were recorded by this request.
    pub rows: usize,
    /// Rows that were recorded before, so that they are left as they are.
    pub known: usize,
}
