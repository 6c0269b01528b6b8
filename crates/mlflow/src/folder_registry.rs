//! The registry of MLflow's file store: the folder `models`.

use std::{collections::BTreeMap, path::Path};

use kilter_domain::transfer::{RegisteredModelRecord, VersionRecord};

use crate::{
    TransferError,
    folder_files::{META, document, entries, texts},
    json::{stage, version_status},
    source::Each,
};

/// What MLflow calls the stage of a version that was deleted.
const DELETED: &str = "Deleted_Internal";

pub(crate) fn registered_models(
    folder: &Path,
    each: Each<'_, Vec<RegisteredModelRecord>>,
) -> Result<(), TransferError> {
    for entry in entries(folder)?.into_iter().filter(|entry| entry.is_folder) {
        let meta = document(&entry.path)?;
        let wrong = |reason: String| TransferError::unreadable(entry.path.join(META).display().to_string(), reason);
        if meta.required("name").map_err(wrong)? != entry.name {
            return Err(wrong("it is of another model".to_owned()));
        }
        let mut aliases = BTreeMap::new();
        for (alias, version) in texts(&entry.path.join("aliases"))? {
            let number = version.trim().parse().map_err(|_| wrong(format!("the alias `{alias}` is of no version")))?;
            aliases.insert(alias, number);
        }
        let created = meta.int("creation_timestamp").map_err(wrong)?.unwrap_or_default();
        each(vec![RegisteredModelRecord {
            name: entry.name.clone(),
            description: meta.text_or_empty("description"),
            created,
            updated: meta.int("last_updated_timestamp").map_err(wrong)?.unwrap_or(created),
            tags: texts(&entry.path.join("tags"))?,
            aliases,
        }])?;
    }
    Ok(())
}

pub(crate) fn versions(folder: &Path, each: Each<'_, Vec<VersionRecord>>) -> Result<(), TransferError> {
    for model in entries(folder)?.into_iter().filter(|entry| entry.is_folder) {
        for entry in entries(&model.path)?.into_iter().filter(|entry| entry.is_folder) {
            let Some(number) = entry.name.strip_prefix("version-") else { continue };
            let meta = document(&entry.path)?;
            if meta.text("current_stage") == Some(DELETED) {
                continue;
            }
            let wrong = |reason: String| TransferError::unreadable(entry.path.join(META).display().to_string(), reason);
            let created = meta.int("creation_timestamp").map_err(wrong)?.unwrap_or_default();
            each(vec![VersionRecord {
                model: model.name.clone(),
                number: number.parse().map_err(|_| wrong(format!("`{number}` is no version")))?,
                description: meta.text_or_empty("description"),
                user_id: meta.text_or_empty("user_id"),
                stage: stage(meta.text("current_stage")),
                source: meta.text_or_empty("source"),
                run_id: meta.text_or_empty("run_id"),
                run_link: meta.text_or_empty("run_link"),
                status: version_status(meta.text("status")),
                status_message: meta.text_or_empty("status_message"),
                created,
                updated: meta.int("last_updated_timestamp").map_err(wrong)?.unwrap_or(created),
                tags: texts(&entry.path.join("tags"))?,
            }])?;
        }
    }
    Ok(())
}
