//! Records of a JSON-lines file: one object of plain values a line. A key that a line leaves out is missing
//! there. Nested values are refused by name, for a table has no place for them.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use crate::{
    csv::{MAX_COLUMNS, MAX_ROW_BYTES},
    error::LakeError,
    source::io,
};

pub(crate) struct JsonRecords {
    path: PathBuf,
    input: BufReader<File>,
    buffer: Vec<u8>,
    object: Map<String, Value>,
    line: u64,
}

impl JsonRecords {
    pub fn open(path: &Path) -> Result<Self, LakeError> {
        let file = File::open(path).map_err(|source| io("open", path, source))?;
        let mut input = BufReader::with_capacity(1 << 16, file);
        let start = input.fill_buf().map_err(|source| io("read", path, source))?;
        let mark = if start.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        input.consume(mark);
        Ok(Self { path: path.to_owned(), input, buffer: Vec::new(), object: Map::new(), line: 0 })
    }

    pub fn object(&self) -> &Map<String, Value> {
        &self.object
    }

    /// The line of the current record, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Moves on to the next line that is not blank; false at the end of the file.
    pub fn advance(&mut self) -> Result<bool, LakeError> {
        loop {
            self.buffer.clear();
            let limit = MAX_ROW_BYTES as u64 + 1;
            let read = (&mut self.input)
                .take(limit)
                .read_until(b'\n', &mut self.buffer)
                .map_err(|source| io("read", &self.path, source))?;
            self.line += 1;
            if read == 0 {
                return Ok(false);
            }
            if read > MAX_ROW_BYTES {
                return Err(LakeError::HugeRow { path: self.path.clone(), line: self.line, limit: MAX_ROW_BYTES });
            }
            if !self.buffer.trim_ascii().is_empty() {
                self.object = self.parse()?;
                return Ok(true);
            }
        }
    }

    fn parse(&self) -> Result<Map<String, Value>, LakeError> {
        let object: Map<String, Value> =
            serde_json::from_slice(&self.buffer).map_err(|error| self.bad(plain(&error.to_string())))?;
        if object.len() > MAX_COLUMNS {
            return Err(LakeError::TooManyColumns { path: self.path.clone(), limit: MAX_COLUMNS });
        }
        let nested = object.iter().find(|(_, value)| value.is_array() || value.is_object());
        match nested {
            Some((key, _)) => Err(self.bad(format!("`{key}` holds a list or an object; write its parts as keys"))),
            None => Ok(object),
        }
    }

    fn bad(&self, what: String) -> LakeError {
        LakeError::BadJson { path: self.path.clone(), line: self.line, what }
    }
}

/// serde_json counts lines within what it was given, which is always one: keep its column alone.
fn plain(message: &str) -> String {
    message.replace("at line 1 column", "at column")
}
