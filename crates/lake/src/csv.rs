//! Records of a delimited text file, one at a time in bounded memory, each with the line it begins on.
//!
//! Invariants: every record has as many cells as the header; names are unique, not empty and UTF-8. A row that
//! outgrows [`MAX_ROW_BYTES`] is an error, for a quote that is never closed would swallow the whole file.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

use csv_core::ReadRecordResult;

use crate::{error::LakeError, format::Format, source::io};

/// The longest row, in bytes of its cells.
pub(crate) const MAX_ROW_BYTES: usize = 16 << 20;
/// The widest table.
pub(crate) const MAX_COLUMNS: usize = 20_000;

pub(crate) struct CsvRecords {
    path: PathBuf,
    names: Vec<String>,
    input: BufReader<File>,
    core: csv_core::Reader,
    cells: Vec<u8>,
    ends: Vec<usize>,
    /// What of the two buffers the current record fills.
    filled: (usize, usize),
    line: u64,
}

impl CsvRecords {
    pub fn open(path: &Path, format: Format) -> Result<Self, LakeError> {
        let file = File::open(path).map_err(|source| io("open", path, source))?;
        let mut input = BufReader::with_capacity(1 << 16, file);
        let start = input.fill_buf().map_err(|source| io("read", path, source))?;
        let (mark, delimiter) = match start.strip_prefix(b"\xef\xbb\xbf") {
            Some(rest) => (3, delimiter(rest, format)),
            None => (0, delimiter(start, format)),
        };
        input.consume(mark);
        let core = csv_core::ReaderBuilder::new().delimiter(delimiter).build();
        let (cells, ends) = (vec![0; 4096], vec![0; 64]);
        let mut records =
            Self { path: path.to_owned(), names: Vec::new(), input, core, cells, ends, filled: (0, 0), line: 1 };
        records.names = records.header()?;
        Ok(records)
    }

    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The line on which the current record begins, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Moves on to the next record; false at the end of the file.
    pub fn advance(&mut self) -> Result<bool, LakeError> {
        if !self.read()? {
            return Ok(false);
        }
        if self.filled.1 != self.names.len() {
            let (line, cells, expected) = (self.line, self.filled.1, self.names.len());
            return Err(LakeError::Ragged { path: self.path.clone(), line, cells, expected });
        }
        Ok(true)
    }

    /// The cell of the current record in column `at`.
    pub fn cell(&self, at: usize) -> Result<&str, LakeError> {
        std::str::from_utf8(self.raw(at)).map_err(|_| LakeError::NotUtf8 {
            path: self.path.clone(),
            line: self.line,
            column: self.names.get(at).cloned().unwrap_or_else(|| (at + 1).to_string()),
        })
    }

    fn raw(&self, at: usize) -> &[u8] {
        let from = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.cells[from..self.ends[at]]
    }

    fn header(&mut self) -> Result<Vec<String>, LakeError> {
        if !self.read()? {
            return Err(LakeError::Empty { path: self.path.clone() });
        }
        let mut first_at = HashMap::new();
        let mut names = Vec::with_capacity(self.filled.1);
        for at in 0..self.filled.1 {
            let name = self.cell(at)?.trim();
            if name.is_empty() {
                return Err(LakeError::UnnamedColumn { path: self.path.clone(), position: at + 1 });
            }
            if let Some(first) = first_at.insert(name.to_owned(), at + 1) {
                let (path, name) = (self.path.clone(), name.to_owned());
                return Err(LakeError::DuplicateHeader { path, name, first, second: at + 1 });
            }
            names.push(name.to_owned());
        }
        Ok(names)
    }

    /// Reads one record of any width into the buffers; false at the end of the file.
    fn read(&mut self) -> Result<bool, LakeError> {
        let (mut cells, mut ends, mut last) = (0, 0, 0);
        loop {
            let input = self.input.fill_buf().map_err(|source| io("read", &self.path, source))?;
            // What the end of the file closes, no line break closed: in an open quote it stands in the cell.
            last = if input.is_empty() { 0 } else { last };
            let (result, consumed, wrote, ended) =
                self.core.read_record(input, &mut self.cells[cells..], &mut self.ends[ends..]);
            last = input[..consumed].last().copied().unwrap_or(last);
            self.input.consume(consumed);
            (cells, ends) = (cells + wrote, ends + ended);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if cells >= MAX_ROW_BYTES => {
                    let line = self.core.line() - newlines(&self.cells[..cells]);
                    return Err(LakeError::HugeRow { path: self.path.clone(), line, limit: MAX_ROW_BYTES });
                }
                ReadRecordResult::OutputFull => self.cells.resize(2 * self.cells.len(), 0),
                ReadRecordResult::OutputEndsFull if ends >= MAX_COLUMNS => {
                    return Err(LakeError::TooManyColumns { path: self.path.clone(), limit: MAX_COLUMNS });
                }
                ReadRecordResult::OutputEndsFull => self.ends.resize(2 * self.ends.len(), 0),
                ReadRecordResult::Record => {
                    self.filled = (cells, ends);
                    self.line = self.line_of_record(last);
                    return Ok(true);
                }
                ReadRecordResult::End => return Ok(false),
            }
        }
    }

    /// The parser knows the line it has come to; the record began before the line breaks in it and behind it.
    fn line_of_record(&self, last: u8) -> u64 {
        let breaks = newlines(&self.cells[..self.filled.0]) + u64::from(last == b'\n');
        self.core.line().saturating_sub(breaks).max(1)
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|&&byte| byte == b'\n').count() as u64
}

/// The delimiter of a `.csv`: whichever of `,` `;` tab `|` stands most often in the header, outside of quotes.
fn delimiter(start: &[u8], format: Format) -> u8 {
    if format == Format::Tsv {
        return b'\t';
    }
    let mut quoted = false;
    let mut counts = [0; 4];
    for &byte in start.iter().take_while(|&&byte| byte != b'\n') {
        quoted ^= byte == b'"';
        if let Some(at) = b",;\t|".iter().position(|&candidate| candidate == byte && !quoted) {
            counts[at] += 1;
        }
    }
    // Of equal counts the comma wins: it stands first.
    let most = (0..4).rev().max_by_key(|&at| counts[at]).unwrap_or(0);
    b",;\t|"[most]
}
