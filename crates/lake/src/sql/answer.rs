//! The rows of a query on their way out: into a table, or through to a file a batch at a time.

use std::{collections::HashSet, path::Path, sync::Arc};

use datafusion::{
    arrow::{
        array::RecordBatch,
        datatypes::{DataType, Field},
    },
    common::DataFusionError,
    execution::{SendableRecordBatchStream, context::SQLOptions},
    prelude::SessionContext,
};
use futures::StreamExt;
use kilter_domain::table::{Column, ColumnType, Table};

use crate::{
    arrow_types::{self, ConversionError},
    builder::ColumnBuilder,
    error::LakeError,
    sql_error::SqlError,
    sql_options::SqlOptions,
    write::TableWriter,
};

pub(super) struct Answer {
    columns: Vec<(String, ColumnType)>,
    stream: SendableRecordBatchStream,
    session: SessionContext,
    query: String,
    /// For the words of errors.
    tables: Vec<String>,
    options: SqlOptions,
}

impl Answer {
    pub async fn plan(
        session: &SessionContext,
        query: &str,
        tables: Vec<String>,
        options: &SqlOptions,
    ) -> Result<Self, SqlError> {
        let refused = |error: DataFusionError| SqlError::from_engine(&error, &tables, options);
        let read_only = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        let frame = session.sql_with_options(query, read_only).await.map_err(refused)?;
        // The schema of the rows as they come: that of the plan is from before types were reconciled.
        let stream = frame.execute_stream().await.map_err(refused)?;
        let mut names = HashSet::new();
        let column = |field: &Arc<Field>| {
            if names.insert(field.name().clone()) {
                Ok((field.name().clone(), column_type(field.name(), field.data_type())?))
            } else {
                Err(SqlError::DuplicateColumn { name: field.name().clone() })
            }
        };
        let columns = stream.schema().fields().iter().map(column).collect::<Result<_, SqlError>>()?;
        Ok(Self {
            columns,
            stream,
            session: session.clone(),
            query: query.to_owned(),
            options: options.clone(),
            tables,
        })
    }

    /// The same query from its first row on, with one column more as the digits of its numbers: only when its values come
    /// is seen that 64 bits with a sign do not hold them.
    async fn again(self, wide: Wide) -> Result<Self, SqlError> {
        let Self { mut columns, stream, session, query, tables, options } = self;
        drop(stream);
        columns[wide.0].1 = ColumnType::Text;
        Ok(Self { columns, ..Self::plan(&session, &query, tables, &options).await? })
    }

    pub fn columns(&self) -> &[(String, ColumnType)] {
        &self.columns
    }

    pub async fn into_table(mut self, limit: usize) -> Result<Table, LakeError> {
        let mut builders = self.builders();
        while let Some(batch) = self.next().await? {
            if let Some(wide) = self.append(&mut builders, &batch)? {
                self = self.again(wide).await?;
                builders = self.builders();
                continue;
            }
            if builders.iter().map(ColumnBuilder::bytes).sum::<usize>() > limit {
                let rows = builders.first().map_or(0, ColumnBuilder::len);
                return Err(SqlError::ResultTooLarge { limit, rows }.into());
            }
        }
        let columns = builders.iter_mut().map(ColumnBuilder::take);
        let named = self.columns.into_iter().map(|(name, _)| name).zip(columns).collect();
        Table::new(named).map_err(|error| SqlError::Data { what: error.to_string() }.into())
    }

    pub async fn write_to(mut self, path: &Path) -> Result<u64, LakeError> {
        let mut writer = TableWriter::create(path, self.columns.clone())?;
        let mut builders = self.builders();
        let mut rows = 0;
        while let Some(batch) = self.next().await? {
            if let Some(wide) = self.append(&mut builders, &batch)? {
                self = self.again(wide).await?;
                (writer, builders, rows) = (TableWriter::create(path, self.columns.clone())?, self.builders(), 0);
                continue;
            }
            let columns: Vec<Column> = builders.iter_mut().map(ColumnBuilder::take).collect();
            writer.write(&columns.iter().collect::<Vec<_>>(), 0, batch.num_rows())?;
            rows += batch.num_rows() as u64;
        }
        writer.finish()?;
        Ok(rows)
    }

    fn builders(&self) -> Vec<ColumnBuilder> {
        self.columns.iter().map(|(_, column)| ColumnBuilder::new(*column)).collect()
    }

    async fn next(&mut self) -> Result<Option<RecordBatch>, SqlError> {
        let batch = self.stream.next().await.transpose();
        batch.map_err(|error| SqlError::from_engine(&error, &self.tables, &self.options))
    }

    fn append(&self, builders: &mut [ColumnBuilder], batch: &RecordBatch) -> Result<Option<Wide>, SqlError> {
        for (at, (builder, (name, column_type))) in builders.iter_mut().zip(&self.columns).enumerate() {
            let array = batch.column(at);
            match arrow_types::append(builder, array) {
                Ok(()) => {}
                Err(ConversionError::Value(_))
                    if *column_type == ColumnType::Int && arrow_types::may_be_wide(array.data_type()) =>
                {
                    return Ok(Some(Wide(at)));
                }
                Err(ConversionError::Type) => return Err(unsupported(name, array.data_type())),
                Err(ConversionError::Value(what)) => {
                    return Err(SqlError::Data { what: format!("column `{name}`: {what}") });
                }
            }
        }
        Ok(None)
    }
}

/// The place of a column whose values do not go into 64 bits with a sign.
struct Wide(usize);

fn column_type(name: &str, data_type: &DataType) -> Result<ColumnType, SqlError> {
    arrow_types::column_type(data_type).ok_or_else(|| unsupported(name, data_type))
}

fn unsupported(name: &str, data_type: &DataType) -> SqlError {
    let next = match data_type {
        DataType::Duration(_) | DataType::Interval(_) => {
            "for the seconds between two times write to_unixtime(a) - to_unixtime(b)"
        }
        DataType::Time32(_) | DataType::Time64(_) => "for a part of a time write date_part('hour', a)",
        DataType::List(_) | DataType::LargeList(_) => "take an element of it, or array_to_string(a, ',')",
        _ => "convert it with CAST(a AS DOUBLE), BIGINT, BOOLEAN, VARCHAR or TIMESTAMP",
    };
    SqlError::UnsupportedColumn { name: name.to_owned(), found: data_type.to_string(), next }
}
