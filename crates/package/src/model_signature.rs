//! OpenSSF Model Signing: the list of all files of a model with their SHA-256, as a signed in-toto statement. The real
//! `model_signing verify key` accepts it.
//!
//! Invariants: the list is sorted by name in the order of code points; every name is a relative path that stays inside; a name
//! stands once; the digest of the subject is that of the list.

use std::collections::BTreeMap;

use kilter_blobs::TreePath;
use kilter_keys::{PrivateKey, PublicKey, sha256};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    manifest::MAX_FILES,
    sha256::{hex, of_hex},
    statement::{Bundle, SignatureError, Statement, Subject},
};

/// The kind of the statement.
const PREDICATE: &str = "https://model_signing/signature/v1.0";
/// The file of a package that has its signature.
pub const SIGNATURE_PATH: &str = "model.sig";
/// What `model_signing` leaves out at the top of a folder, beside the signature.
const IGNORED: [&str; 4] = [".git", ".gitattributes", ".github", ".gitignore"];

/// The SHA-256 of every file, by path.
pub type FileHashes = BTreeMap<String, [u8; 32]>;

#[derive(Serialize, Deserialize)]
struct Predicate {
    resources: Vec<Resource>,
    serialization: Serialization,
}

#[derive(Serialize, Deserialize)]
struct Resource {
    name: String,
    algorithm: String,
    digest: String,
}

#[derive(Serialize, Deserialize)]
struct Serialization {
    method: String,
    hash_type: String,
    #[serde(default)]
    allow_symlinks: bool,
    #[serde(default)]
    ignore_paths: Vec<String>,
}

/// The SHA-256 of the list of files: of their raw digests, one after the other.
pub fn root_of<'h>(hashes: impl IntoIterator<Item = &'h [u8; 32]>) -> [u8; 32] {
    let all: Vec<u8> = hashes.into_iter().flatten().copied().collect();
    sha256(&all)
}

/// Signs the list of the files of a model.
///
/// # Errors
/// If the system has no random numbers.
pub fn sign(key: &PrivateKey, name: &str, files: &FileHashes) -> Result<Bundle, SignatureError> {
    let resource = |(name, hash): (&String, &[u8; 32])| Resource {
        name: name.clone(),
        algorithm: "sha256".to_owned(),
        digest: hex(hash),
    };
    let ignored = [SIGNATURE_PATH].into_iter().chain(IGNORED);
    let predicate = Predicate {
        resources: files.iter().map(resource).collect(),
        serialization: Serialization {
            method: "files".to_owned(),
            hash_type: "sha256".to_owned(),
            allow_symlinks: false,
            ignore_paths: ignored.map(str::to_owned).collect(),
        },
    };
    let digest = BTreeMap::from([("sha256".to_owned(), hex(&root_of(files.values())))]);
    let subject = Subject { name: name.to_owned(), digest };
    Bundle::sign(&Statement::new(subject, PREDICATE, json!(predicate)), key)
}

/// The files that `key` signed.
///
/// # Errors
/// If the signature does not verify, or the signed statement is no such list.
pub fn signed_files(bundle: &Bundle, key: &PublicKey) -> Result<FileHashes, SignatureError> {
    let statement = bundle.statement(key)?;
    read_list(statement).map_err(|reason| SignatureError::Statement { reason })
}

fn read_list(statement: Statement) -> Result<FileHashes, String> {
    if statement.predicate_type != PREDICATE {
        return Err(format!("it is a `{}`, not a `{PREDICATE}`", statement.predicate_type));
    }
    let predicate: Predicate = serde_json::from_value(statement.predicate).map_err(|error| error.to_string())?;
    let Serialization { method, hash_type, .. } = &predicate.serialization;
    if (method.as_str(), hash_type.as_str()) != ("files", "sha256") {
        return Err(format!("files are listed by `{method}` and `{hash_type}`; only `files` and `sha256` are read"));
    }
    if predicate.resources.len() > MAX_FILES {
        return Err(format!("it lists more than {MAX_FILES} files"));
    }
    let (mut files, mut in_order) = (FileHashes::new(), Vec::with_capacity(predicate.resources.len()));
    for Resource { name, algorithm, digest } in predicate.resources {
        let path: TreePath = name.parse().map_err(|error| format!("it lists `{name}`: {error}"))?;
        let hash = of_hex(&digest).filter(|_| algorithm == "sha256");
        let hash = hash.ok_or_else(|| format!("`{path}` has no SHA-256"))?;
        in_order.push(hash);
        if files.insert(name, hash).is_some() {
            return Err(format!("it lists `{path}` twice"));
        }
    }
    let root = hex(&root_of(&in_order));
    match &statement.subject[..] {
        [subject] if subject.digest.get("sha256") == Some(&root) => Ok(files),
        _ => Err("the digest of its subject is not that of its list".to_owned()),
    }
}

#[cfg(test)]
mod tests;
