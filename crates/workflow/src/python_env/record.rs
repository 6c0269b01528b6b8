//! What an environment consists of.

use std::{collections::BTreeMap, path::PathBuf};

use kilter_domain::digest::Digest;
use serde::{Deserialize, Serialize};

/// Changes when the meaning of a record changes.
const DOMAIN: &[u8] = b"python-environment/v1\n";

/// A Python and the packages that are installed in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PythonEnvironment {
    /// The implementation, like `cpython`.
    pub implementation: String,
    /// The whole version, like `3.11.7`.
    pub version: String,
    /// System, processor and C library, like `linux-x86_64-gnu`.
    pub platform: String,
    /// Version by name. A package from elsewhere than an index also says which: `1.0 (git 4f3a…)`, `1.0 (editable 9c0d…)`.
    pub packages: BTreeMap<String, String>,
    /// The lock that it was made from, relative to the project; `None`: it is as it was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
    /// Where the interpreter is on this machine; empty where that says nothing. No part of the digest.
    #[serde(default, skip_serializing_if = "is_nowhere")]
    pub path: PathBuf,
}

fn is_nowhere(path: &std::path::Path) -> bool {
    path.as_os_str().is_empty()
}

impl PythonEnvironment {
    /// Its identity: the same for the same interpreter version, platform and packages on any machine.
    pub fn digest(&self) -> Digest {
        let mut text = format!("{}\n{}\n{}\n", self.implementation, self.version, self.platform);
        for (name, version) in &self.packages {
            text.push_str(&format!("{name}=={version}\n"));
        }
        Digest::of(&[DOMAIN, text.as_bytes()].concat())
    }

    /// What is otherwise here than in `before`, one fact each: the Python, or a package with both versions.
    pub fn changes_since(&self, before: &Self) -> Vec<String> {
        let python = |of: &Self| format!("{} {} on {}", of.implementation, of.version, of.platform);
        let mut found = Vec::new();
        if python(self) != python(before) {
            found.push(format!("{} -> {}", python(before), python(self)));
        }
        let names: std::collections::BTreeSet<&String> = self.packages.keys().chain(before.packages.keys()).collect();
        for name in names {
            match (before.packages.get(name), self.packages.get(name)) {
                (was, now) if was == now => {}
                (was, now) => {
                    let shown = |version: Option<&String>| version.map_or_else(|| "absent".to_owned(), Clone::clone);
                    found.push(format!("{name} {} -> {}", shown(was), shown(now)));
                }
            }
        }
        found
    }

    /// One field per fact, so that a changed package is named where a step is executed because of it.
    pub(crate) fn key_fields(&self) -> BTreeMap<String, String> {
        let packages = self.packages.iter().map(|(name, version)| (format!("package.{name}"), version.clone()));
        let interpreter = format!("{} {}", self.implementation, self.version);
        packages.chain([("interpreter".to_owned(), interpreter)]).collect()
    }
}

/// The machine that this is.
pub(crate) fn platform() -> String {
    let libc = if cfg!(target_env = "musl") { "musl" } else { "gnu" };
    format!("{}-{}-{libc}", std::env::consts::OS, std::env::consts::ARCH)
}
