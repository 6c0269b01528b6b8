//! From a table to a file: whole or not at all. The bytes go to a temporary file beside the target, reach the
//! disk, and take the target's name; a crash or a full disk leaves what was there before. Equal tables give equal
//! bytes: no clock, no version, no random order goes into a file.

use std::{
    fs::{self, File, OpenOptions},
    io::{BufWriter, Write},
    ops::Range,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use kilter_domain::table::{Column, ColumnType, Table};
use parquet::{
    arrow::{ArrowWriter, arrow_writer::ArrowWriterOptions},
    basic::{Compression, ZstdLevel},
    file::{metadata::KeyValue, properties::WriterProperties},
    schema::types::ColumnPath,
};

use crate::{
    arrow_types,
    error::LakeError,
    format::Format,
    source::io,
    text_writer::{TextError, TextWriter},
};

/// Rows that are turned into Arrow and encoded at once.
const BATCH_ROWS: usize = 8192;
const GROUP_ROWS: usize = 1 << 18;
/// How often the filter of a column says yes to a value that it does not hold.
const FILTER_ERROR: f64 = 0.000_1;

/// Writes a table in the format that the ending of `path` tells, in one atomic step.
///
/// A text file says less than a table: in CSV an empty text reads back as missing, and a text column of nothing but
/// numbers as numbers. Parquet keeps everything.
///
/// # Errors
/// An unknown ending, a value that the format cannot say (an infinity in JSON), or what the disk answers.
pub fn write_table(path: &Path, table: &Table) -> Result<(), LakeError> {
    let columns: Vec<&Column> = table.columns().map(|(_, column)| column).collect();
    let mut writer = TableWriter::create(path, arrow_types::columns_of(table))?;
    for from in (0..table.rows()).step_by(BATCH_ROWS) {
        writer.write(&columns, from, table.rows().min(from + BATCH_ROWS))?;
    }
    writer.finish()
}

/// A table file in the making, written a piece at a time.
pub(crate) struct TableWriter {
    target: Target,
    columns: Vec<(String, ColumnType)>,
    rows: Rows,
}

enum Rows {
    Parquet(Box<ArrowWriter<File>>),
    Text(TextWriter<BufWriter<File>>),
}

impl TableWriter {
    pub fn create(path: &Path, columns: Vec<(String, ColumnType)>) -> Result<Self, LakeError> {
        let format = Format::of(path)?;
        let target = Target::create(path)?;
        let file = target.file()?;
        let rows = match format {
            Format::Parquet => {
                Rows::Parquet(Box::new(parquet_writer(file, path, arrow_types::schema(&columns), &[], None)?))
            }
            _ => {
                let names = columns.iter().map(|(name, _)| name.clone()).collect();
                let mut writer = TextWriter::new(BufWriter::with_capacity(1 << 16, file), format, names);
                writer.header().map_err(|source| io("write", path, source))?;
                Rows::Text(writer)
            }
        };
        Ok(Self { target, columns, rows })
    }

    /// Writes rows `from..to` of the columns, which are of the types that the writer was made for.
    pub fn write(&mut self, columns: &[&Column], from: usize, to: usize) -> Result<(), LakeError> {
        let path = self.target.path();
        match &mut self.rows {
            Rows::Parquet(writer) => encode(writer, path, &arrow_types::schema(&self.columns), columns, from..to),
            Rows::Text(writer) => (from..to).try_for_each(|row| {
                writer.row(columns, row).map_err(|error| match error {
                    TextError::Io(source) => io("write", path, source),
                    TextError::Value { column, what } => LakeError::Unwritable {
                        path: path.to_owned(),
                        column: self.columns[column].0.clone(),
                        row,
                        what,
                    },
                })
            }),
        }
    }

    /// Completes the file, and gives it its name.
    pub fn finish(self) -> Result<(), LakeError> {
        let path = self.target.path();
        match self.rows {
            Rows::Parquet(writer) => drop(writer.close().map_err(|error| not_written(path, error))?),
            Rows::Text(writer) => writer.finish().map_err(|source| io("write", path, source))?,
        }
        self.target.commit()
    }
}

/// A file that takes its name only when it is whole; dropped before that, it vanishes.
pub(crate) struct Target {
    path: PathBuf,
    temporary: PathBuf,
    file: File,
    committed: bool,
}

impl Target {
    pub fn create(path: &Path) -> Result<Self, LakeError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // The leading dot keeps a folder's readers away from it.
        let unique = format!(".{name}.{}.{}.tmp", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let temporary = path.with_file_name(unique);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&temporary)
            .map_err(|source| io("create a file beside", path, source))?;
        Ok(Self { path: path.to_owned(), temporary, file, committed: false })
    }

    /// Another handle on the same file, to write with.
    pub fn file(&self) -> Result<File, LakeError> {
        self.file.try_clone().map_err(|source| io("open", &self.path, source))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the file its name, replacing what bore it.
    pub fn commit(mut self) -> Result<(), LakeError> {
        self.sync()?;
        fs::rename(&self.temporary, &self.path).map_err(|source| io("replace", &self.path, source))?;
        self.committed = true;
        sync_folder(&self.path)
    }

    /// Writes the file whole and gives it its name, replacing what bore it.
    pub fn write(mut self, bytes: &[u8]) -> Result<(), LakeError> {
        self.file.write_all(bytes).map_err(|source| io("write", &self.path, source))?;
        self.commit()
    }

    fn sync(&self) -> Result<(), LakeError> {
        self.file.sync_all().map_err(|source| io("write", &self.path, source))
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if !self.committed {
            // Nothing to do about a failure here; a leftover has a dot and is never read.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Makes a folder and what is missing above it; their names survive a loss of power.
pub(crate) fn create_folder(folder: &Path) -> Result<(), LakeError> {
    let is_missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
    let missing: Vec<&Path> = folder.ancestors().take_while(is_missing).collect();
    fs::create_dir_all(folder).map_err(|source| io("create", folder, source))?;
    missing.into_iter().try_for_each(sync_folder)
}

/// Makes a new name in a folder survive a loss of power.
pub(crate) fn sync_folder(path: &Path) -> Result<(), LakeError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|source| io("write the folder of", path, source))
}

/// Parquet with the same bytes for the same rows: fixed writer name, zstd, no Arrow schema on the side.
pub(crate) fn parquet_writer<W: Write + Send>(
    out: W,
    path: &Path,
    schema: SchemaRef,
    notes: &[(&str, String)],
    filtered: Option<(&str, u64)>,
) -> Result<ArrowWriter<W>, LakeError> {
    let notes: Vec<_> = notes.iter().map(|(key, value)| KeyValue::new((*key).to_owned(), value.clone())).collect();
    let mut properties = WriterProperties::builder()
        .set_created_by("kilter".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_key_value_metadata((!notes.is_empty()).then_some(notes));
    if let Some((column, rows)) = filtered {
        let column = ColumnPath::from(column);
        properties = properties
            .set_column_bloom_filter_enabled(column.clone(), true)
            .set_column_bloom_filter_fpp(column.clone(), FILTER_ERROR)
            .set_column_bloom_filter_max_ndv(column, rows.min(GROUP_ROWS as u64).max(1));
    }
    let options = ArrowWriterOptions::new().with_properties(properties.build()).with_skip_arrow_metadata(true);
    ArrowWriter::try_new_with_options(out, schema, options).map_err(|error| not_written(path, error))
}

pub(crate) fn not_written(path: &Path, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> LakeError {
    io("write", path, std::io::Error::other(error))
}

/// A table as the bytes of a Parquet file, with notes in its footer, and a filter of the values of one column where it has
/// that.
pub(crate) fn parquet_bytes(
    path: &Path,
    table: &Table,
    notes: &[(&str, String)],
    filtered: &str,
) -> Result<Vec<u8>, LakeError> {
    let schema = arrow_types::schema(&arrow_types::columns_of(table));
    let columns: Vec<&Column> = table.columns().map(|(_, column)| column).collect();
    let mut bytes = Vec::new();
    let filtered = table.get(filtered).map(|column| (filtered, column.len() as u64));
    let mut writer = parquet_writer(&mut bytes, path, schema.clone(), notes, filtered)?;
    for from in (0..table.rows()).step_by(BATCH_ROWS) {
        encode(&mut writer, path, &schema, &columns, from..table.rows().min(from + BATCH_ROWS))?;
    }
    writer.close().map_err(|error| not_written(path, error))?;
    Ok(bytes)
}

/// Writes rows of columns as one batch.
pub(crate) fn encode<W: Write + Send>(
    writer: &mut ArrowWriter<W>,
    path: &Path,
    schema: &SchemaRef,
    columns: &[&Column],
    rows: Range<usize>,
) -> Result<(), LakeError> {
    let arrays = columns.iter().map(|column| arrow_types::array(column, rows.start, rows.end)).collect();
    let batch = RecordBatch::try_new(schema.clone(), arrays).map_err(|error| not_written(path, error))?;
    writer.write(&batch).map_err(|error| not_written(path, error))
}
