//! A fresh DataFusion session for each query: its bounds, its manners, its functions.
//!
//! Functions of our own (`psi`, `ks`, `auc` as aggregates over columns, see [`super::functions`]) are registered beside
//! the built-in ones in [`open`], so that every query knows them.

use std::sync::Arc;

use datafusion::{
    execution::object_store::ObjectStoreUrl,
    execution::{
        SessionStateBuilder,
        disk_manager::{DiskManagerBuilder, DiskManagerMode},
        runtime_env::RuntimeEnvBuilder,
    },
    object_store::{limit::LimitStore, local::LocalFileSystem},
    prelude::{SessionConfig, SessionContext},
};

use super::functions;
use crate::{
    sql_error::{SqlError, VOLATILE},
    sql_options::SqlOptions,
};

/// Files that one query has open at the same time.
const MAX_OPEN_FILES: usize = 16;

pub(super) fn open(options: &SqlOptions) -> Result<SessionContext, SqlError> {
    let disk = match &options.temporary {
        Some(folder) => DiskManagerMode::Directories(vec![folder.clone()]),
        None => DiskManagerMode::OsTmpDirectory,
    };
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_limit(options.memory_bytes, 1.0)
        .with_disk_manager_builder(
            DiskManagerBuilder::default().with_mode(disk).with_max_temp_directory_size(options.disk_bytes),
        )
        .build()
        .map_err(|error| SqlError::Runtime { what: error.to_string() })?;
    let mut config = SessionConfig::new().with_target_partitions(options.threads.max(1)).with_information_schema(false);
    let settings = config.options_mut();
    settings.sql_parser.enable_ident_normalization = false;
    settings.sql_parser.collect_spans = true;
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(Arc::new(runtime))
        .with_default_features()
        .build();
    let session = SessionContext::new_with_state(state);
    // Planning looks at every file of a table at the same time: of a thousand partitions a thousand would be open.
    let files = LimitStore::new(LocalFileSystem::new(), MAX_OPEN_FILES);
    session.register_object_store(ObjectStoreUrl::local_filesystem().as_ref(), Arc::new(files));
    functions::register(&session);
    if !options.volatile {
        VOLATILE.iter().for_each(|name| session.deregister_udf(name));
    }
    Ok(session)
}
