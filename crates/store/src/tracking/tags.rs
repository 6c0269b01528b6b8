//! Tags: names with values that may be written again.

use std::collections::BTreeMap;

use super::names::check_name;
use crate::{
    Reader, StoreError, Tx,
    database::{Params, named_params},
    statement::{Statement, statements},
};

/// Tags by name.
pub type Tags = BTreeMap<String, String>;

statements! {
    PUT_EXPERIMENT = "tag the experiment": "
        INSERT INTO experiment_tag (experiment, name, value) VALUES (:owner, :name, :value)
        ON CONFLICT (experiment, name) DO UPDATE SET value = excluded.value";
    DELETE_EXPERIMENT = "delete the tag of an experiment": "
        DELETE FROM experiment_tag WHERE experiment = :owner AND name = :name";
    EXPERIMENT = "read the tags of an experiment": "
        SELECT name, value FROM experiment_tag WHERE experiment = :owner ORDER BY name";
    PUT_LOGGED_MODEL = "tag the logged model": "
        INSERT INTO logged_model_tag (model, name, value) VALUES (:owner, :name, :value)
        ON CONFLICT (model, name) DO UPDATE SET value = excluded.value";
    DELETE_LOGGED_MODEL = "delete the tag of a logged model": "
        DELETE FROM logged_model_tag WHERE model = :owner AND name = :name";
    LOGGED_MODEL = "read the tags of a logged model": "
        SELECT name, value FROM logged_model_tag WHERE model = :owner ORDER BY name";
    PUT_REGISTERED_MODEL = "tag the registered model": "
        INSERT INTO registered_model_tag (model, name, value) VALUES (:owner, :name, :value)
        ON CONFLICT (model, name) DO UPDATE SET value = excluded.value";
    DELETE_REGISTERED_MODEL = "delete the tag of a registered model": "
        DELETE FROM registered_model_tag WHERE model = :owner AND name = :name";
    REGISTERED_MODEL = "read the tags of a registered model": "
        SELECT name, value FROM registered_model_tag WHERE model = :owner ORDER BY name";
    PUT_REGISTERED_VERSION = "tag the registered version": "
        INSERT INTO registered_version_tag (version, name, value) VALUES (:owner, :name, :value)
        ON CONFLICT (version, name) DO UPDATE SET value = excluded.value";
    DELETE_REGISTERED_VERSION = "delete the tag of a registered version": "
        DELETE FROM registered_version_tag WHERE version = :owner AND name = :name";
    REGISTERED_VERSION = "read the tags of a registered version": "
        SELECT name, value FROM registered_version_tag WHERE version = :owner ORDER BY name";
    PUT_RUN = "tag the run": "
        INSERT INTO run_tag (run, name, value) VALUES (:owner, :name, :value)
        ON CONFLICT (run, name) DO UPDATE SET value = excluded.value";
    DELETE_RUN = "delete the tag of a run": "
        DELETE FROM run_tag WHERE run = :owner AND name = :name";
    RUN = "read the tags of a run": "
        SELECT name, value FROM run_tag WHERE run = :owner ORDER BY name";
}

/// The tags of one kind of thing.
pub(crate) struct TagTable {
    put: &'static Statement,
    delete: &'static Statement,
    list: &'static Statement,
}

pub(crate) const OF_EXPERIMENT: TagTable =
    TagTable { put: &PUT_EXPERIMENT, delete: &DELETE_EXPERIMENT, list: &EXPERIMENT };
pub(crate) const OF_LOGGED_MODEL: TagTable =
    TagTable { put: &PUT_LOGGED_MODEL, delete: &DELETE_LOGGED_MODEL, list: &LOGGED_MODEL };
pub(crate) const OF_REGISTERED_MODEL: TagTable =
    TagTable { put: &PUT_REGISTERED_MODEL, delete: &DELETE_REGISTERED_MODEL, list: &REGISTERED_MODEL };
pub(crate) const OF_REGISTERED_VERSION: TagTable =
    TagTable { put: &PUT_REGISTERED_VERSION, delete: &DELETE_REGISTERED_VERSION, list: &REGISTERED_VERSION };
pub(crate) const OF_RUN: TagTable = TagTable { put: &PUT_RUN, delete: &DELETE_RUN, list: &RUN };

impl TagTable {
    /// Writes tags; one that is there gets the new value.
    pub(crate) fn put<'t>(
        &self,
        tx: &Tx,
        owner: i64,
        tags: impl IntoIterator<Item = (&'t str, &'t str)>,
    ) -> Result<(), StoreError> {
        let tags: Vec<(&str, &str)> = tags.into_iter().collect();
        tags.iter().try_for_each(|(name, _)| check_name(self.put.attempt, name))?;
        let rows: Vec<_> = tags
            .iter()
            .map(|(name, value)| [(":owner", &owner as _), (":name", name as _), (":value", value as _)])
            .collect();
        let rows: Vec<Params<'_>> = rows.iter().map(<[_; 3]>::as_slice).collect();
        if rows.is_empty() { Ok(()) } else { tx.execute_batches(&[(self.put, &rows)]) }
    }

    /// Deletes a tag; whether it was there.
    pub(crate) fn delete(&self, tx: &Tx, owner: i64, name: &str) -> Result<bool, StoreError> {
        Ok(tx.execute(self.delete, named_params! { ":owner": owner, ":name": name })? > 0)
    }

    /// The tags of each owner whose key stands in `rows`.
    pub(crate) fn list_each(&self, reader: &Reader, rows: &[Params<'_>]) -> Result<Vec<Tags>, StoreError> {
        let found = reader.all_each(self.list, rows, |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(found.into_iter().map(|tags| tags.into_iter().collect()).collect())
    }

    /// The tags by name.
    pub(crate) fn list(&self, reader: &Reader, owner: i64) -> Result<Tags, StoreError> {
        let read = |row: &crate::database::Row| Ok((row.get(0)?, row.get(1)?));
        Ok(reader.all(self.list, named_params! { ":owner": owner }, read)?.into_iter().collect())
    }
}
