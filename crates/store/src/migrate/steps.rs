//! The steps of the schema, in both dialects, and which of them a database may have.

use kilter_domain::digest::Digest;

use crate::{StoreError, statement::statements};

statements! {
    MADE_AT = "read when the database was made": "SELECT applied FROM migration WHERE number = 1";
}

/// One step of the schema. Its number is its place in [`MIGRATIONS`], counted from 1.
pub(crate) struct Migration {
    /// Its name.
    pub name: &'static str,
    /// What it does, for SQLite.
    pub sqlite: &'static str,
    /// The same for PostgreSQL.
    pub postgres: &'static str,
}

macro_rules! migrations {
    ($($name:literal),* $(,)?) => {
        &[$(Migration {
            name: $name,
            sqlite: include_str!(concat!("../../migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("../../migrations/postgres/", $name, ".sql")),
        }),*]
    };
}

/// Every step there is, in order. Only ever add at the end; a file that was released is never edited.
pub(crate) const MIGRATIONS: &[Migration] = migrations![
    "0001_audit_log",
    "0002_projects_and_data",
    "0003_runs",
    "0004_models",
    "0005_deployments",
    "0006_monitoring",
    "0007_access",
    "0008_evidence",
    "0009_recording",
    "0010_alert_names",
    "0011_replicas",
    "0012_audit_tree",
    "0013_signing_keys",
    "0014_version_acts",
    "0015_identity",
    "0016_checkpoints",
    "0017_policy_and_break_glass",
    "0018_documents",
    "0019_events",
    "0020_package_signatures",
    "0021_tracking",
    "0022_registry",
    "0023_search",
    "0024_registry_of_clients",
    "0025_registry_webhooks",
];

/// Refuses a database that other steps made, or later ones.
pub(crate) fn refuse_foreign(
    applied: &[(String, String)],
    migrations: &[Migration],
    text: impl Fn(&Migration) -> &'static str,
) -> Result<(), StoreError> {
    for (place, ((name, digest), known)) in applied.iter().zip(migrations).enumerate() {
        if *digest != Digest::of(text(known).as_bytes()).to_string() {
            return Err(StoreError::ForeignMigration { number: number(place), name: name.clone() });
        }
    }
    if applied.len() > migrations.len() {
        let (found, known) = (number(applied.len() - 1), number(migrations.len() - 1));
        return Err(StoreError::NewerSchema { found, known });
    }
    Ok(())
}

/// The number of a step in its place.
pub(crate) fn number(place: usize) -> u32 {
    u32::try_from(place + 1).unwrap_or(u32::MAX)
}
