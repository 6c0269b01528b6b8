//! The filter that each partition keeps of its ids: whether one of them is in it need not be read to be known.

use std::{fs::File, path::Path, sync::Arc};

use parquet::file::{
    properties::ReaderProperties,
    reader::{FileReader, SerializedFileReader},
    serialized_reader::ReadOptionsBuilder,
};

use super::names::ID_COLUMN;
use crate::{
    error::{LakeError, damaged},
    source::io,
};

/// Whether the filters of a file may hold one of the ids; a file without them may hold any.
pub(super) fn may_hold(path: &Path, ids: &[Arc<str>]) -> Result<bool, LakeError> {
    let file = File::open(path).map_err(|source| io("open", path, source))?;
    let properties = ReaderProperties::builder().set_read_bloom_filter(true).build();
    let options = ReadOptionsBuilder::new().with_reader_properties(properties).build();
    let reader = SerializedFileReader::new_with_options(file, options).map_err(|error| damaged(path, error))?;
    let schema = reader.metadata().file_metadata().schema_descr();
    let Some(column) = schema.columns().iter().position(|column| column.name() == ID_COLUMN) else { return Ok(false) };
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group).map_err(|error| damaged(path, error))?;
        match group.get_column_bloom_filter(column) {
            Some(filter) if !ids.iter().any(|id| filter.check(&**id)) => {}
            _ => return Ok(true),
        }
    }
    Ok(false)
}
