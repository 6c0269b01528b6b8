//! Rows of a log some at a time, for whoever needs all of them and may not hold them, and partitions that become one that way.

use std::ops::{ControlFlow, Range};

use kilter_domain::{
    digest::Digest,
    ids::EndpointName,
    table::{Column, Table},
    time::Timestamp,
};

use super::{KnownPartition, Lake, LogKind, Partition, StagedPartition, digest_of, rows_in, staged_path};
use crate::{
    arrow_types,
    error::LakeError,
    format::Format,
    parquet::ParquetTable,
    partitions::names::{ID_COLUMN, TIME_COLUMN},
    read::ReadOptions,
    read_options::MemoryBound,
    source::Source,
    write::{Target, create_folder, encode, not_written, parquet_writer},
};

impl Lake {
    /// Hands over the rows of these partitions whose time lies in `times`, some at a time: in the order, with the columns and of the
    /// types of [`Lake::read`]. Columns in the options that no partition has are left out. `take` may stop it.
    ///
    /// # Errors
    /// A partition that is missing or does not have the bytes that were added, or a batch that needs more memory than allowed.
    pub fn scan(
        &self,
        kind: LogKind,
        endpoint: &EndpointName,
        known: &[KnownPartition],
        times: Range<Timestamp>,
        options: &ReadOptions,
        take: &mut dyn FnMut(Table) -> ControlFlow<()>,
    ) -> Result<(), LakeError> {
        let Some(mut table) = self.plan(kind, endpoint, known, &ReadOptions { columns: None, ..options.clone() })?
        else {
            return Ok(());
        };
        if let Some(names) = &options.columns {
            let is_read = |name: &String| name == TIME_COLUMN || names.contains(name);
            table.columns.retain(|(name, _)| is_read(name));
        }
        let path = self.folder(kind, endpoint);
        let names: Vec<String> = table.columns.iter().map(|(name, _)| name.clone()).collect();
        let is_asked =
            |name: &str| options.columns.as_ref().is_none_or(|asked| asked.iter().any(|asked| asked == name));
        table.scan(&MemoryBound { bytes: options.memory_bytes }, &mut |columns| {
            let named = names.iter().cloned().zip(columns).collect();
            let batch = Table::new(named).map_err(|source| LakeError::Table { path: path.clone(), source })?;
            let rows = rows_in(&batch, &times);
            let batch = if rows.len() == batch.rows() { batch } else { batch.into_rows(&rows) };
            Ok(if rows.is_empty() { ControlFlow::Continue(()) } else { take(batch.into_columns(is_asked)) })
        })
    }

    /// Writes the rows of these partitions, in their order, as partition `seq`, under a name that nobody reads; a batch of them is held,
    /// and what the writer has compressed. When it returns, the bytes survive a loss of power, and are in the object store if there is one.
    ///
    /// # Errors
    /// As [`Lake::read`]; when there is none, or a row has no time; what the disk or the object store answers.
    pub fn stage_merged(
        &self,
        kind: LogKind,
        endpoint: &EndpointName,
        seq: u64,
        sources: &[KnownPartition],
    ) -> Result<StagedPartition, LakeError> {
        let folder = self.folder(kind, endpoint);
        let options = ReadOptions::default();
        let Some(table) = self.plan(kind, endpoint, sources, &options)? else {
            return Err(LakeError::EmptyFolder { path: folder });
        };
        let no_time = |row| LakeError::NoTime { path: folder.clone(), column: TIME_COLUMN, row };
        let at = table.columns.iter().position(|(name, _)| name == TIME_COLUMN).ok_or_else(|| no_time(None))?;
        let has_ids = table.columns.iter().any(|(name, _)| name == ID_COLUMN);
        create_folder(&folder)?;
        let (path, schema) = (self.path_of(kind, endpoint, seq), arrow_types::schema(&table.columns));
        let target = Target::create(&staged_path(&path))?;
        let filtered = has_ids.then_some((ID_COLUMN, table.rows));
        let mut writer = parquet_writer(target.file()?, &path, schema.clone(), &[], filtered)?;
        let (mut rows, mut span) = (0, None);
        table.scan(&MemoryBound { bytes: options.memory_bytes }, &mut |columns| {
            let Some(Column::Time(times)) = columns.get(at) else { return Err(no_time(None)) };
            if let Some(row) = times.iter().position(Option::is_none) {
                return Err(no_time(Some(rows + row)));
            }
            for time in times.iter().flatten() {
                let (min, max) = span.unwrap_or((*time, *time));
                span = Some((min.min(*time), max.max(*time)));
            }
            let written = times.len();
            encode(&mut writer, &path, &schema, &columns.iter().collect::<Vec<_>>(), 0..written)?;
            rows += written;
            Ok(ControlFlow::Continue(()))
        })?;
        let (min, max) = span.ok_or_else(|| no_time(None))?;
        for (key, time) in [(super::MIN_TIME, min), (super::MAX_TIME, max)] {
            writer.append_key_value_metadata(parquet::file::metadata::KeyValue::new(key.to_owned(), time.to_string()));
        }
        writer.close().map_err(|error| not_written(&path, error))?;
        target.commit()?;
        let (digest, bytes) = staged_digest(&path)?;
        self.upload(kind, endpoint, (seq, digest), &staged_path(&path))?;
        let (min_time, max_time) = (Timestamp(min), Timestamp(max));
        Ok(StagedPartition { partition: Partition { seq, path, rows: rows as u64, bytes, min_time, max_time }, digest })
    }

    /// The table that these partitions are together; `None` without any.
    fn plan(
        &self,
        kind: LogKind,
        endpoint: &EndpointName,
        known: &[KnownPartition],
        options: &ReadOptions,
    ) -> Result<Option<ParquetTable>, LakeError> {
        let files = known.iter().map(|known| self.verify(kind, endpoint, known)).collect::<Result<Vec<_>, _>>()?;
        if files.is_empty() {
            return Ok(None);
        }
        let source = Source { path: self.folder(kind, endpoint), format: Format::Parquet, files };
        ParquetTable::plan(source, options, true).map(Some)
    }
}

fn staged_digest(path: &std::path::Path) -> Result<(Digest, u64), LakeError> {
    let staged = staged_path(path);
    let bytes = std::fs::metadata(&staged).map_err(|source| crate::source::io("read", &staged, source))?.len();
    Ok((digest_of(&staged)?, bytes))
}
