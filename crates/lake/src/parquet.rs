//! Reading Parquet: any file that other tools write, as far as its columns have a place in a table.
//!
//! The bytes come from outside. The `parquet` crate answers most damage with an error, but not all: some
//! corrupt pages and footers make it panic (an index, a capacity, an assertion). [`guarded`] turns such a panic into
//! the same error, for a broken file must never end a server; nothing outlives the unwinding but the error, so no
//! half-changed state can be seen. This needs `panic = "unwind"`, the default, in every profile.

use std::{
    any::Any,
    collections::{HashMap, HashSet},
    fs::File,
    ops::ControlFlow,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
};

use arrow::{
    array::RecordBatchReader,
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use kilter_domain::table::{Column, ColumnType};
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{
            ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
        },
    },
    file::{
        metadata::{ParquetMetaData, ParquetMetaDataReader},
        statistics::Statistics,
    },
};

use crate::{
    arrow_types::{self, ConversionError},
    builder::ColumnBuilder,
    claims::{Leaves, check_footer, check_pages},
    csv::MAX_COLUMNS,
    error::{LakeError, damaged},
    read::{ReadOptions, table_memory},
    read_options::MemoryBound,
    scan::chosen,
    source::{Source, io},
};

/// Rows decoded at once, of a table that is not wide.
const BATCH_ROWS: usize = 8192;
/// Cells decoded at once, of a table that is.
const BATCH_CELLS: usize = 1 << 22;

/// Runs `read` over the bytes of `path`; a panic in it becomes an error about the file.
pub(crate) fn guarded<T>(path: &Path, read: impl FnOnce() -> Result<T, LakeError>) -> Result<T, LakeError> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|panic| Err(damaged(path, panic_text(&*panic))))
}

pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("its reader gave up")
}

/// The footer of a Parquet file, with the columns whose type `change` replaces read as that type. A file of too many
/// columns is refused before anything is made of them.
pub(crate) fn footer(
    path: &Path,
    change: impl Fn(&DataType) -> Option<DataType>,
) -> Result<ArrowReaderMetadata, LakeError> {
    let file = File::open(path).map_err(|source| io("open", path, source))?;
    check_footer(&file, path)?;
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&file).map_err(|error| damaged(path, error))?;
    if metadata.file_metadata().schema_descr().num_columns() > MAX_COLUMNS {
        return Err(LakeError::TooManyColumns { path: path.to_owned(), limit: MAX_COLUMNS });
    }
    let metadata = Arc::new(metadata);
    let plain = ArrowReaderMetadata::try_new(metadata.clone(), ArrowReaderOptions::new());
    let plain = plain.map_err(|error| damaged(path, error))?;
    let changed = |field: &Arc<Field>| match change(field.data_type()) {
        Some(data_type) => {
            let field =
                Field::new(field.name(), data_type, field.is_nullable()).with_metadata(field.metadata().clone());
            Arc::new(field)
        }
        None => field.clone(),
    };
    let fields: Vec<_> = plain.schema().fields().iter().map(changed).collect();
    let schema = Arc::new(Schema::new_with_metadata(fields, plain.schema().metadata().clone()));
    // What cannot be read as that type is read as it is.
    Ok(ArrowReaderMetadata::try_new(metadata, ArrowReaderOptions::new().with_schema(schema)).unwrap_or(plain))
}

/// Holds the pages of every column of a file, each column by itself, against what a table may take: a query decides which of
/// them it reads.
pub(crate) fn check_all_pages(path: &Path) -> Result<(), LakeError> {
    guarded(path, || {
        let footer = footer(path, |_| None)?;
        let file = File::open(path).map_err(|source| io("open", path, source))?;
        check_pages(&file, path, footer.metadata(), &Leaves::Each, table_memory())
    })
}

/// Texts are read as views into the pages: a dictionary entry that stands in every row is not copied for each.
fn as_view(data_type: &DataType) -> Option<DataType> {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8).then_some(DataType::Utf8View)
}

/// The rows that a footer counts, if it does not contradict itself.
pub(crate) fn rows(metadata: &ParquetMetaData, path: &Path) -> Result<u64, LakeError> {
    let counts = metadata.row_groups().iter().map(|group| u64::try_from(group.num_rows()).ok());
    let counted = counts.sum::<Option<u64>>();
    counted
        .filter(|counted| u64::try_from(metadata.file_metadata().num_rows()) == Ok(*counted))
        .ok_or_else(|| damaged(path, "its row counts contradict each other"))
}

/// Names and types of every column, and the rows, of all files together. With `union`, files may lack columns.
pub(crate) struct ParquetTable {
    source: Source,
    union: bool,
    pub columns: Vec<(String, ColumnType)>,
    pub rows: u64,
}

impl ParquetTable {
    /// Reads the footers.
    pub fn plan(source: Source, options: &ReadOptions, union: bool) -> Result<Self, LakeError> {
        let survey = survey(&source, if union { Merge::Union } else { Merge::Equal })?;
        let columns = select_columns(&source, &survey, options)?;
        Ok(Self { source, union, columns, rows: survey.rows })
    }

    /// Reads at most `limit` rows of the columns. More rows than fit into the bound are refused by what the footers count.
    pub fn read(&self, limit: usize, bound: &MemoryBound) -> Result<Vec<Column>, LakeError> {
        let mut builders: Vec<_> = self.columns.iter().map(|(_, column)| ColumnBuilder::new(*column)).collect();
        bound.check_rows(&self.source.path, &builders, self.rows.min(limit as u64))?;
        let mut left = limit;
        for path in &self.source.files {
            if left > 0 {
                left -= guarded(path, || self.read_file(path, left, &mut builders, bound))?;
            }
        }
        Ok(builders.iter_mut().map(ColumnBuilder::take).collect())
    }

    /// Hands over the columns of some rows at a time, in the order of the files, until it is told to stop. One batch is held.
    pub fn scan(
        &self,
        bound: &MemoryBound,
        take: &mut dyn FnMut(Vec<Column>) -> Result<ControlFlow<()>, LakeError>,
    ) -> Result<(), LakeError> {
        let mut builders: Vec<_> = self.columns.iter().map(|(_, column)| ColumnBuilder::new(*column)).collect();
        for path in &self.source.files {
            let mut batches = guarded(path, || self.open_file(path, usize::MAX, bound))?;
            while guarded(path, || self.read_batch(path, &mut batches, &mut builders, bound))?.is_some() {
                if take(builders.iter_mut().map(ColumnBuilder::take).collect())?.is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn read_file(
        &self,
        path: &Path,
        limit: usize,
        builders: &mut [ColumnBuilder],
        bound: &MemoryBound,
    ) -> Result<usize, LakeError> {
        let (mut batches, mut read) = (self.open_file(path, limit, bound)?, 0);
        while let Some(rows) = self.read_batch(path, &mut batches, builders, bound)? {
            read += rows;
        }
        // Without columns the batches are empty; the footer still counts.
        Ok(read)
    }

    fn open_file(&self, path: &Path, limit: usize, bound: &MemoryBound) -> Result<FileBatches, LakeError> {
        let file = File::open(path).map_err(|source| io("open", path, source))?;
        let footer = footer(path, as_view)?;
        let here = places_of(footer.schema());
        let places = self.columns.iter().filter_map(|(name, _)| here.get(name.as_str()).copied());
        let mask = ProjectionMask::roots(footer.parquet_schema(), places);
        check_pages(&file, path, footer.metadata(), &Leaves::Of(&mask), bound.bytes)?;
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, footer);
        let batch_rows = (BATCH_CELLS / self.columns.len().max(1)).clamp(1, BATCH_ROWS);
        let reader = reader.with_projection(mask).with_limit(limit).with_batch_size(batch_rows).build();
        let reader = reader.map_err(|error| damaged(path, error))?;
        // Of a projection the columns come in the file's order.
        let projected = reader.schema();
        let places = places_of(&projected);
        let places: Vec<Option<usize>> =
            self.columns.iter().map(|(name, _)| places.get(name.as_str()).copied()).collect();
        Ok(FileBatches { reader, places, projected })
    }

    /// Adds the next rows of a file to the columns; how many, or `None` after the last.
    fn read_batch(
        &self,
        path: &Path,
        batches: &mut FileBatches,
        builders: &mut [ColumnBuilder],
        bound: &MemoryBound,
    ) -> Result<Option<usize>, LakeError> {
        let Some(batch) = batches.reader.next() else { return Ok(None) };
        let batch = batch.map_err(|error| damaged(path, error))?;
        for (((name, wanted), place), builder) in self.columns.iter().zip(&batches.places).zip(&mut *builders) {
            match *place {
                Some(at) => arrow_types::append(builder, batch.column(at)).map_err(|unfit| {
                    unfit_error(path, name, *wanted, batches.projected.field(at).data_type(), unfit)
                })?,
                None if self.union => (0..batch.num_rows()).for_each(|_| builder.push_missing()),
                None => return Err(damaged(path, format!("column `{name}` vanished while it was read"))),
            }
        }
        bound.check(path, builders)?;
        Ok(Some(batch.num_rows()))
    }
}

/// A file that is being read.
struct FileBatches {
    reader: ParquetRecordBatchReader,
    /// Where each column of the table stands in a batch.
    places: Vec<Option<usize>>,
    projected: SchemaRef,
}

/// Where each column of a file stands.
fn places_of(schema: &SchemaRef) -> HashMap<&str, usize> {
    schema.fields().iter().enumerate().map(|(at, field)| (field.name().as_str(), at)).collect()
}

/// What columns the files of one table may have.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Merge {
    /// The same.
    Equal,
    /// Any; a column that holds different things becomes text.
    Union,
}

/// What the footers of all files of a table say.
pub(crate) struct FileSurvey {
    /// Names and Arrow types of the columns that all files together have.
    pub fields: Vec<(String, DataType)>,
    pub rows: u64,
    /// Columns that some file stores as whole numbers which may not go into 64 bits with a sign.
    wide: HashSet<String>,
}

/// Reads the footers.
pub(crate) fn survey(source: &Source, how: Merge) -> Result<FileSurvey, LakeError> {
    let (mut found, mut rows, mut wide) = (MergedSchema::default(), 0, HashSet::new());
    for (index, path) in source.files.iter().enumerate() {
        let (schema, count) = guarded(path, || {
            let footer = footer(path, |_| None)?;
            Ok((footer.schema().clone(), self::rows(footer.metadata(), path)?))
        })?;
        rows += count;
        let mut names = HashSet::new();
        if let Some(field) = schema.fields().iter().find(|field| !names.insert(field.name())) {
            return Err(damaged(path, format!("column `{}` stands twice in it", field.name())));
        }
        let may_be_wide = schema.fields().iter().filter(|field| arrow_types::may_be_wide(field.data_type()));
        wide.extend(may_be_wide.map(|field| field.name().clone()));
        let how = if index == 0 { Merge::Union } else { how };
        found.merge(&schema, how).map_err(|what| LakeError::DifferentColumns {
            path: path.clone(),
            first: source.files[0].clone(),
            what,
        })?;
        if found.columns.len() > MAX_COLUMNS {
            return Err(LakeError::TooManyColumns { path: source.path.clone(), limit: MAX_COLUMNS });
        }
    }
    Ok(FileSurvey { fields: found.columns, rows, wide })
}

/// The columns of the files read so far, in the order they were found.
#[derive(Default)]
struct MergedSchema {
    columns: Vec<(String, DataType)>,
    places: HashMap<String, usize>,
}

impl MergedSchema {
    /// Takes in the columns of one more file; the error is what differs.
    fn merge(&mut self, schema: &SchemaRef, how: Merge) -> Result<(), String> {
        for field in schema.fields() {
            let place = self.places.get(field.name());
            match place.map(|at| &mut self.columns[*at]) {
                None if how == Merge::Union => {
                    self.places.insert(field.name().clone(), self.columns.len());
                    self.columns.push((field.name().clone(), field.data_type().clone()));
                }
                None => return Err(format!("it has a column `{}` that the first has not", field.name())),
                Some((name, known)) => match (arrow_types::common(known, field.data_type()), how) {
                    (Some(common), _) => *known = common,
                    (None, Merge::Union) => *known = DataType::Utf8,
                    (None, Merge::Equal) => {
                        return Err(format!("column `{name}` is {} and not {known}", field.data_type()));
                    }
                },
            }
        }
        let here = places_of(schema);
        match self.columns.iter().find(|(name, _)| !here.contains_key(name.as_str())) {
            Some((name, _)) if how == Merge::Equal => Err(format!("it has no column `{name}`")),
            _ => Ok(()),
        }
    }
}

/// The columns asked for. Those without a type of ours are left out, unless they are named.
fn select_columns(
    source: &Source,
    survey: &FileSurvey,
    options: &ReadOptions,
) -> Result<Vec<(String, ColumnType)>, LakeError> {
    let path = &source.path;
    let is_read = |(_, data_type): &&(String, DataType)| arrow_types::column_type(data_type).is_some();
    let column_type = |data_type: &DataType| arrow_types::column_type(data_type).unwrap_or(ColumnType::Text);
    let typed = |(name, data_type): &(String, DataType)| (name.clone(), column_type(data_type));
    let found = match options.columns {
        Some(_) => survey.fields.iter().map(typed).collect(),
        None => survey.fields.iter().filter(is_read).map(typed).collect(),
    };
    let mut columns = chosen(path, found, options)?;
    let places: HashMap<String, usize> = columns.iter().enumerate().map(|(at, (name, _))| (name.clone(), at)).collect();
    for (name, data_type) in &survey.fields {
        let Some(column) = places.get(name).map(|at| &mut columns[*at]) else { continue };
        if arrow_types::column_type(data_type).is_none() {
            let found = data_type.to_string();
            return Err(LakeError::UnsupportedType { path: path.clone(), column: name.clone(), found });
        }
        if !options.types.contains_key(name) {
            column.1 = exact_type(source, survey, name, column.1)?;
        }
    }
    Ok(columns)
}

/// The type that holds a column without losing a digit: one of unsigned or of long decimal whole numbers is whole where all
/// of its values go into 64 bits, else a text of their digits, as the same numbers are in a text file.
pub(crate) fn exact_type(
    source: &Source,
    survey: &FileSurvey,
    name: &str,
    own: ColumnType,
) -> Result<ColumnType, LakeError> {
    let is_whole = || survey.fields.iter().any(|(known, data_type)| known == name && arrow_types::is_whole(data_type));
    if !survey.wide.contains(name) || !is_whole() {
        return Ok(own);
    }
    for path in &source.files {
        if !guarded(path, || fits(path, name))? {
            return Ok(ColumnType::Text);
        }
    }
    Ok(ColumnType::Int)
}

/// Whether all values of a column of a file go into 64 bits with a sign: by its statistics, else by reading it.
fn fits(path: &Path, name: &str) -> Result<bool, LakeError> {
    let footer = footer(path, |_| None)?;
    let Some(place) = footer.schema().fields().iter().position(|field| field.name() == name) else { return Ok(true) };
    let data_type = footer.schema().field(place).data_type();
    if !arrow_types::may_be_wide(data_type) || is_small(&footer, place) {
        return Ok(true);
    }
    let file = File::open(path).map_err(|source| io("open", path, source))?;
    let mask = ProjectionMask::roots(footer.parquet_schema(), [place]);
    check_pages(&file, path, footer.metadata(), &Leaves::Of(&mask), table_memory())?;
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, footer.clone());
    let reader = builder.with_projection(mask).with_batch_size(BATCH_ROWS).build();
    for batch in reader.map_err(|error| damaged(path, error))? {
        if !arrow_types::fits_int(batch.map_err(|error| damaged(path, error))?.column(0)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether the statistics of an unsigned column say that no value needs the 64th bit: the largest one is stored by its
/// bits, so it would be negative here.
fn is_small(footer: &ArrowReaderMetadata, place: usize) -> bool {
    if *footer.schema().field(place).data_type() != DataType::UInt64 {
        return false;
    }
    let schema = footer.metadata().file_metadata().schema_descr();
    let Some(leaf) = (0..schema.num_columns()).find(|&leaf| schema.get_column_root_idx(leaf) == place) else {
        return false;
    };
    footer.metadata().row_groups().iter().all(|group| match group.column(leaf).statistics() {
        // Old writers ordered such numbers as if they had a sign.
        Some(known) if known.is_min_max_deprecated() => false,
        Some(Statistics::Int64(known)) => known.max_opt().is_some_and(|max| *max >= 0),
        _ => false,
    })
}

pub(crate) fn unfit_error(
    path: &Path,
    column: &str,
    wanted: ColumnType,
    found: &DataType,
    unfit: ConversionError,
) -> LakeError {
    let (path, column) = (path.to_owned(), column.to_owned());
    match unfit {
        ConversionError::Type => LakeError::UnsupportedType { path, column, found: found.to_string() },
        ConversionError::Value(what) => LakeError::OutOfRange { path, column, wanted, what },
    }
}
