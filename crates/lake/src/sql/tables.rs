//! Files as tables of a session. Parquet is left to DataFusion, which skips columns and row groups that a query does
//! not need; text files go through our own reader, so that SQL sees the same types and the same errors as
//! everybody else.

use std::{path::PathBuf, sync::Arc};

use async_trait::async_trait;
use datafusion::{
    arrow::{
        array::RecordBatch,
        datatypes::{Field, Schema, SchemaRef},
    },
    catalog::{Session, TableProvider, streaming::StreamingTable},
    common::{DataFusionError, TableReference},
    datasource::{
        file_format::parquet::ParquetFormat,
        listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl},
    },
    execution::{SendableRecordBatchStream, TaskContext},
    logical_expr::{Expr, TableType},
    physical_plan::{ExecutionPlan, stream::RecordBatchStreamAdapter, streaming::PartitionStream},
    prelude::SessionContext,
};
use url::Url;

use crate::{
    arrow_types,
    error::{LakeError, damaged},
    format::Format,
    parquet::{Merge, check_all_pages, survey},
    read::ReadOptions,
    scan::{Chunks, Scan},
    source::Source,
    sql_error::SqlError,
};

/// Rows that a text file hands over at once.
const CHUNK_ROWS: usize = 8192;

/// Where the rows of a table come from.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// A file, or a folder of files with the same columns.
    Files(PathBuf),
    /// Partitions of the log, whose columns may differ; at least one.
    Log(Source),
}

/// Makes an input the table `name`.
pub(super) fn register(session: &SessionContext, name: &str, input: Input) -> Result<(), LakeError> {
    let reference = TableReference::bare(name.to_owned());
    if session.table_exist(reference.clone()).unwrap_or(false) {
        return Err(SqlError::DuplicateTable { name: name.to_owned() }.into());
    }
    let table: Arc<dyn TableProvider> = match input {
        Input::Log(source) => Arc::new(parquet(&source, Merge::Union)?),
        Input::Files(path) => match Source::open(&path)? {
            source if source.format == Format::Parquet => {
                source.files.iter().try_for_each(|file| check_all_pages(file))?;
                Arc::new(parquet(&source, Merge::Equal)?)
            }
            source => Arc::new(TextTable::new(Scan::plan(source, &ReadOptions::default())?)),
        },
    };
    let registered = session.register_table(reference, table);
    registered.map(drop).map_err(|error| SqlError::Runtime { what: error.to_string() }.into())
}

fn parquet(source: &Source, how: Merge) -> Result<ListingTable, LakeError> {
    let fields = survey(source, how)?.fields;
    // Files may differ in what they promise, so any column may have missing values.
    let fields = fields.into_iter().map(|(name, data_type)| Field::new(name, data_type, true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let url = |file: &PathBuf| {
        let full = std::path::absolute(file).ok().and_then(|file| Url::from_file_path(file).ok());
        let url = full.ok_or_else(|| damaged(file, "its path cannot be written as a URL"))?;
        ListingTableUrl::try_new(url, None).map_err(|error| damaged(file, error))
    };
    let urls = source.files.iter().map(url).collect::<Result<Vec<_>, _>>()?;
    // The list of files is ours: endings and hidden files were judged when the source was opened.
    let options = ListingOptions::new(Arc::new(ParquetFormat::default())).with_file_extension("");
    let config = ListingTableConfig::new_with_multi_paths(urls).with_listing_options(options).with_schema(schema);
    ListingTable::try_new(config).map_err(|error| damaged(&source.path, error))
}

/// CSV, TSV and JSON lines, parsed while the query runs; only the columns that it needs.
#[derive(Debug)]
struct TextTable {
    scan: Scan,
    schema: SchemaRef,
}

impl TextTable {
    fn new(scan: Scan) -> Self {
        let schema = arrow_types::schema(&scan.columns);
        Self { scan, schema }
    }
}

#[async_trait]
impl TableProvider for TextTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let mut scan = self.scan.clone();
        if let Some(places) = projection {
            scan.columns = places.iter().map(|&at| self.scan.columns[at].clone()).collect();
        }
        let schema = arrow_types::schema(&scan.columns);
        let rows = Arc::new(TextRows { scan, schema: schema.clone() });
        StreamingTable::try_new(schema, vec![rows])?.scan(state, None, filters, limit).await
    }
}

#[derive(Debug)]
struct TextRows {
    scan: Scan,
    schema: SchemaRef,
}

impl PartitionStream for TextRows {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let batches = Batches { chunks: self.scan.chunks(), schema: self.schema.clone() };
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), futures::stream::iter(batches)))
    }
}

struct Batches {
    chunks: Chunks,
    schema: SchemaRef,
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, DataFusionError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.chunks.advance(CHUNK_ROWS) {
            Ok(0) => None,
            Ok(rows) => {
                Some(arrow_types::batch(&self.schema, &self.chunks.take(), rows).map_err(DataFusionError::from))
            }
            Err(error) => Some(Err(DataFusionError::External(Box::new(error)))),
        }
    }
}
