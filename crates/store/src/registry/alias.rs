//! Names that move between the versions of a model.
//!
//! Those of a model without a contract have one row each; those of others stand in [`crate::model::alias`], with their time, and
//! are read from there. One that a client set before the contract stays until the name is set again.

use kilter_domain::registry::{AliasName, RegisteredName, RegistryEvent};

use super::{event, keys};
use crate::{
    Reader, StoreError, Tx,
    database::{Params, named_params},
    statement::statements,
};

statements! {
    PUT = "set the alias": "
        INSERT INTO registered_model_alias (model, alias, number) VALUES (:model, :alias, :number)
        ON CONFLICT (model, alias) DO UPDATE SET number = excluded.number";
    DELETE = "delete the alias": "
        DELETE FROM registered_model_alias WHERE model = :model AND alias = :alias";
    DELETE_OF_VERSION = "delete the aliases of a version": "
        DELETE FROM registered_model_alias WHERE model = :model AND number = :number";
    OF_MODEL = "list the aliases of a model": "
        SELECT alias, number FROM registered_model_alias WHERE model = :owner
        UNION
        SELECT alias.alias, alias.number FROM alias JOIN registered_model ON registered_model.name = alias.model
        WHERE registered_model.key = :owner AND alias.until IS NULL
        ORDER BY 1";
    OF_VERSION = "list the aliases of a version": "
        SELECT registered_model_alias.alias FROM registered_model_alias
        JOIN registered_version ON registered_version.model = registered_model_alias.model
            AND registered_version.number = registered_model_alias.number
        WHERE registered_version.key = :owner
        UNION
        SELECT alias.alias FROM registered_version
        JOIN registered_model ON registered_model.key = registered_version.model
        JOIN alias ON alias.model = registered_model.name AND alias.number = registered_version.number
        WHERE registered_version.key = :owner AND alias.until IS NULL
        ORDER BY 1";
    RESOLVE = "read which version the alias names": "
        SELECT number FROM registered_model_alias WHERE model = :model AND alias = :alias
        UNION ALL
        SELECT alias.number FROM alias JOIN registered_model ON registered_model.name = alias.model
        WHERE registered_model.key = :model AND alias.alias = :alias AND alias.until IS NULL
        LIMIT 1";
}

/// Points an alias of a model without a contract at a version.
///
/// # Errors
/// When there is no such version.
pub fn set(tx: &Tx, name: &RegisteredName, alias: &AliasName, number: u32) -> Result<(), StoreError> {
    let (model, _) = keys::version_keys(tx, name, number)?;
    tx.execute(&PUT, named_params! { ":model": model, ":alias": alias.as_str(), ":number": number })?;
    let alias = alias.as_str().to_owned();
    event::emit(tx, model, &RegistryEvent::AliasCreated { name: name.clone(), alias, version: number })
}

/// Deletes an alias of a model without a contract, if it is there.
///
/// # Errors
/// When there is no such model.
pub fn remove(tx: &Tx, name: &RegisteredName, alias: &str) -> Result<(), StoreError> {
    let model = keys::model_key(tx, name)?;
    forget(tx, model, alias)?;
    event::emit(tx, model, &RegistryEvent::AliasDeleted { name: name.clone(), alias: alias.to_owned() })
}

/// Deletes an alias, if it is there, and says nothing.
pub(super) fn forget(tx: &Tx, model: i64, alias: &str) -> Result<(), StoreError> {
    tx.execute(&DELETE, named_params! { ":model": model, ":alias": alias }).map(drop)
}

pub(super) fn remove_of_version(tx: &Tx, model: i64, number: u32) -> Result<(), StoreError> {
    tx.execute(&DELETE_OF_VERSION, named_params! { ":model": model, ":number": number }).map(drop)
}

/// The number of the version that an alias names.
///
/// # Errors
/// When there is no such model.
pub fn resolve(reader: &Reader, name: &RegisteredName, alias: &str) -> Result<Option<u32>, StoreError> {
    let params = named_params! { ":model": keys::model_key(reader, name)?, ":alias": alias };
    reader.one(&RESOLVE, params, |row| row.get(0))
}

/// The aliases of each model whose key stands in `owners`.
pub(super) fn of_models(reader: &Reader, owners: &[Params<'_>]) -> Result<Vec<Vec<(String, u32)>>, StoreError> {
    reader.all_each(&OF_MODEL, owners, |row| Ok((row.get(0)?, row.get(1)?)))
}

/// The aliases of each version whose key stands in `owners`.
pub(super) fn of_versions(reader: &Reader, owners: &[Params<'_>]) -> Result<Vec<Vec<String>>, StoreError> {
    reader.all_each(&OF_VERSION, owners, |row| row.get(0))
}
