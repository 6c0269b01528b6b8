//! A column that grows: cells of text files, JSON values and Arrow arrays go in, a [`Column`] comes out.
//! Equal texts share one allocation as long as sharing pays.

use std::{collections::HashSet, mem, sync::Arc};

use kilter_domain::table::{Column, ColumnType, is_missing_cell};

use crate::infer_schema::{parse_bool, parse_float, parse_time};

/// Past so many different texts a column is hardly categorical, and looking them up costs more than it saves.
const MAX_SHARED: usize = 1 << 16;
/// After that, so many texts are taken as they come before it is tried again.
const UNSHARED: usize = 15 * MAX_SHARED;

pub(crate) struct ColumnBuilder {
    column: Column,
    shared: HashSet<Arc<str>>,
    hits: usize,
    /// Texts that are not looked up any more.
    unshared: usize,
    /// Bytes of texts that were allocated for this column.
    text_bytes: usize,
}

impl ColumnBuilder {
    pub fn new(column_type: ColumnType) -> Self {
        Self { column: empty(column_type), shared: HashSet::new(), hits: 0, unshared: 0, text_bytes: 0 }
    }

    pub fn column_type(&self) -> ColumnType {
        self.column.column_type()
    }

    pub fn len(&self) -> usize {
        self.column.len()
    }

    /// The memory held, in bytes, roughly.
    pub fn bytes(&self) -> usize {
        self.column.len() * self.cell_bytes() + self.text_bytes
    }

    /// The memory of one cell, in bytes, without what a text holds.
    pub fn cell_bytes(&self) -> usize {
        match self.column {
            Column::Float(_) => 8,
            Column::Bool(_) => 1,
            Column::Int(_) | Column::Time(_) | Column::Text(_) => 16,
        }
    }

    /// The column so far, leaving an empty one (texts stay shared with the next).
    pub fn take(&mut self) -> Column {
        self.text_bytes = 0;
        let next = empty(self.column_type());
        mem::replace(&mut self.column, next)
    }

    pub fn push_missing(&mut self) {
        match &mut self.column {
            Column::Float(values) => values.push(f64::NAN),
            Column::Int(values) | Column::Time(values) => values.push(None),
            Column::Bool(values) => values.push(None),
            Column::Text(values) => values.push(None),
        }
    }

    /// One cell of a text file. `Err` when the cell is not of the column's type.
    pub fn push_cell(&mut self, cell: &str) -> Result<(), ()> {
        if let Column::Text(_) = self.column {
            self.push_text(cell);
            return Ok(());
        }
        let cell = cell.trim_ascii();
        if is_missing_cell(cell) {
            self.push_missing();
            return Ok(());
        }
        match &mut self.column {
            Column::Float(values) => values.push(parse_float(cell).ok_or(())?),
            Column::Int(values) => values.push(Some(cell.parse().map_err(drop)?)),
            Column::Bool(values) => values.push(Some(parse_bool(cell).ok_or(())?)),
            Column::Time(values) => values.push(Some(parse_time(cell).ok_or(())?)),
            Column::Text(_) => {}
        }
        Ok(())
    }

    /// One value of a JSON object. `Err` when it is not of the column's type.
    pub fn push_json(&mut self, value: &serde_json::Value) -> Result<(), ()> {
        use serde_json::Value;
        match (&mut self.column, value) {
            (_, Value::Null) => self.push_missing(),
            (Column::Bool(values), Value::Bool(value)) => values.push(Some(*value)),
            (Column::Float(values), Value::Number(number)) => values.push(number.as_f64().ok_or(())?),
            (Column::Int(values), Value::Number(number)) => values.push(Some(number.as_i64().ok_or(())?)),
            (Column::Time(values), Value::String(text)) => values.push(Some(parse_time(text).ok_or(())?)),
            (Column::Text(_), Value::String(text)) => self.push_texts([Some(text.as_str())].into_iter()),
            (Column::Text(_), Value::Bool(_) | Value::Number(_)) => self.push_text(&value.to_string()),
            _ => return Err(()),
        }
        Ok(())
    }

    /// One text; an empty one is missing.
    pub fn push_text(&mut self, text: &str) {
        let value = (!text.is_empty()).then(|| self.share(text));
        if let Column::Text(values) = &mut self.column {
            values.push(value);
        }
    }

    /// Texts that came with their own missing marks, so an empty one is a value.
    pub fn push_texts<'a>(&mut self, texts: impl Iterator<Item = Option<&'a str>>) {
        for text in texts {
            let value = text.map(|text| self.share(text));
            if let Column::Text(values) = &mut self.column {
                values.push(value);
            }
        }
    }

    /// Appends values of the same type, texts aside; whole numbers go into a float column too.
    pub fn push_column(&mut self, more: Column) -> Result<(), ()> {
        match (&mut self.column, more) {
            (Column::Float(values), Column::Float(more)) => values.extend(more),
            (Column::Float(values), Column::Int(more)) => {
                values.extend(more.into_iter().map(|value| value.map_or(f64::NAN, |value| value as f64)));
            }
            (Column::Int(values), Column::Int(more)) | (Column::Time(values), Column::Time(more)) => {
                values.extend(more)
            }
            (Column::Bool(values), Column::Bool(more)) => values.extend(more),
            _ => return Err(()),
        }
        Ok(())
    }

    fn share(&mut self, text: &str) -> Arc<str> {
        if self.unshared == 0
            && let Some(known) = self.shared.get(text)
        {
            self.hits += 1;
            return known.clone();
        }
        let value: Arc<str> = text.into();
        // Its bytes, their two counts, and what the allocator adds.
        self.text_bytes += text.len() + 32;
        // A full set goes on answering while most lookups hit; else it is let go, and ids are not looked up for a while.
        if self.unshared > 0 {
            self.unshared -= 1;
        } else if self.shared.len() < MAX_SHARED {
            self.shared.insert(value.clone());
        } else if self.hits < self.column.len() / 2 {
            (self.shared, self.hits, self.unshared) = (HashSet::new(), 0, UNSHARED);
        }
        value
    }
}

fn empty(column_type: ColumnType) -> Column {
    match column_type {
        ColumnType::Float => Column::Float(Vec::new()),
        ColumnType::Int => Column::Int(Vec::new()),
        ColumnType::Bool => Column::Bool(Vec::new()),
        ColumnType::Text => Column::Text(Vec::new()),
        ColumnType::Time => Column::Time(Vec::new()),
    }
}
