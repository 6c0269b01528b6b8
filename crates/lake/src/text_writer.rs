//! Rows as text: CSV, tab-separated, JSON lines. Numbers are written so that they read back equal, and so that a
//! float column stays one (`1.0`, not `1`).

use std::io::{self, Write};

use kilter_domain::{table::Column, time::Timestamp};

use crate::format::Format;

/// Years that every reader of ISO 8601 understands, in milliseconds since the epoch: 0000 to 9999.
const WRITABLE_TIMES: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;

/// Why a row was not written.
pub(crate) enum TextError {
    Io(io::Error),
    /// The format has no way to say this value.
    Value {
        column: usize,
        what: &'static str,
    },
}

impl From<io::Error> for TextError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

pub(crate) struct TextWriter<W> {
    out: W,
    format: Format,
    names: Vec<String>,
}

impl<W: Write> TextWriter<W> {
    pub fn new(out: W, format: Format, names: Vec<String>) -> Self {
        Self { out, format, names }
    }

    /// The first line of CSV; JSON lines have none.
    pub fn header(&mut self) -> io::Result<()> {
        let Some(delimiter) = self.delimiter() else { return Ok(()) };
        for (at, name) in self.names.iter().enumerate() {
            if at > 0 {
                self.out.write_all(&[delimiter])?;
            }
            cell(&mut self.out, name, delimiter)?;
        }
        self.out.write_all(b"\n")
    }

    pub fn row(&mut self, columns: &[&Column], row: usize) -> Result<(), TextError> {
        match self.delimiter() {
            Some(delimiter) => self.csv_row(columns, row, delimiter),
            None => self.json_row(columns, row),
        }
    }

    pub fn finish(mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn delimiter(&self) -> Option<u8> {
        match self.format {
            Format::Csv => Some(b','),
            Format::Tsv => Some(b'\t'),
            Format::JsonLines | Format::Parquet => None,
        }
    }

    fn csv_row(&mut self, columns: &[&Column], row: usize, delimiter: u8) -> Result<(), TextError> {
        for (at, column) in columns.iter().enumerate() {
            if at > 0 {
                self.out.write_all(&[delimiter])?;
            }
            if column.is_missing(row) {
                // A line that is blank would be no row at all.
                self.out.write_all(if columns.len() == 1 { b"\"\"" } else { b"" })?;
                continue;
            }
            match column {
                Column::Float(values) => write!(self.out, "{:?}", values[row])?,
                Column::Time(_) => write!(self.out, "{}", time(column, at, row)?)?,
                _ => cell(&mut self.out, column.label(row).as_deref().unwrap_or(""), delimiter)?,
            }
        }
        Ok(self.out.write_all(b"\n")?)
    }

    fn json_row(&mut self, columns: &[&Column], row: usize) -> Result<(), TextError> {
        for (at, (name, column)) in self.names.iter().zip(columns).enumerate() {
            self.out.write_all(if at == 0 { b"{" } else { b"," })?;
            serde_json::to_writer(&mut self.out, name).map_err(io::Error::from)?;
            self.out.write_all(b":")?;
            match column {
                _ if column.is_missing(row) => self.out.write_all(b"null")?,
                Column::Float(values) if values[row].is_infinite() => {
                    return Err(TextError::Value { column: at, what: "an infinity, which JSON cannot say" });
                }
                Column::Float(values) => write!(self.out, "{:?}", values[row])?,
                Column::Time(_) => write!(self.out, "\"{}\"", time(column, at, row)?)?,
                Column::Text(values) => {
                    serde_json::to_writer(&mut self.out, values[row].as_deref().unwrap_or(""))
                        .map_err(io::Error::from)?;
                }
                Column::Int(_) | Column::Bool(_) => {
                    self.out.write_all(column.label(row).as_deref().unwrap_or("null").as_bytes())?;
                }
            }
        }
        if columns.is_empty() {
            self.out.write_all(b"{")?;
        }
        Ok(self.out.write_all(b"}\n")?)
    }
}

fn time(column: &Column, at: usize, row: usize) -> Result<Timestamp, TextError> {
    match column {
        Column::Time(values) => values[row].filter(|millis| WRITABLE_TIMES.contains(millis)).map(Timestamp),
        _ => None,
    }
    .ok_or(TextError::Value { column: at, what: "a time outside of the years 0000 to 9999" })
}

/// One cell, in quotes where it must be.
fn cell(out: &mut impl Write, text: &str, delimiter: u8) -> io::Result<()> {
    let special = |byte: u8| byte == delimiter || byte == b'"' || byte == b'\n' || byte == b'\r';
    if text.bytes().any(special) {
        write!(out, "\"{}\"", text.replace('"', "\"\""))
    } else {
        out.write_all(text.as_bytes())
    }
}
