//! Rows as CSV: a line of names, and a line for each row.

use csv_core::{ReadRecordResult, Reader};
use kilter_domain::{table::is_missing_cell, time::Timestamp};
use kilter_inference::InputKind;

use super::{
    cells::{Cell, CellColumn, of_column},
    frame::is_taken,
    schema::InputSchema,
};
use crate::v2::{InputProblem, Limits, Request, Tensor, V2Error};

/// A column of the file that is read.
struct CsvColumn {
    /// Its place in a line.
    at: usize,
    name: String,
    kind: Option<InputKind>,
    values: CellColumn,
}

/// Reads the rows of a body of CSV (RFC 4180). Cells are read as their input needs them; an empty cell, and in numbers also
/// `NA`, `nan`, `null` and what else means that in training data, is a missing value.
///
/// # Errors
/// When it is too large, not UTF-8, has no names, a line has more or fewer cells than the first, or a cell is none of its
/// column.
pub fn read_csv(body: &[u8], schema: InputSchema<'_>, limits: &Limits) -> Result<Request, V2Error> {
    if body.len() > limits.body_bytes {
        return Err(V2Error::BodyTooLarge { bytes: body.len(), limit: limits.body_bytes });
    }
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let body = str::from_utf8(body)
        .map_err(|error| scoring(format!("the body is not UTF-8 from byte {} on", error.valid_up_to())))?;
    let mut lines = Lines::new(body, limits.inputs);
    let Some(names) = lines.next()? else { return Err(V2Error::NoRows) };
    let width = names.len();
    let known = schema.known;
    let taken = names.into_iter().enumerate().filter(|(_, name)| is_taken(known, name));
    let mut columns: Vec<CsvColumn> = taken
        .map(|(at, name)| CsvColumn { at, kind: known.kind(&name), name, values: CellColumn::default() })
        .collect();
    if columns.is_empty() {
        return Err(V2Error::NoFeatures { known: known.names() });
    }
    let mut rows = 0;
    while let Some(cells) = lines.next()? {
        if cells.len() != width {
            let cells = cells.len();
            return Err(scoring(format!("row {rows} has {cells} cells, and the line of names {width}")));
        }
        rows += 1;
        if rows > limits.rows {
            return Err(V2Error::TooManyRows { rows, limit: limits.rows });
        }
        for column in &mut columns {
            let text = &cells[column.at];
            let cell = cell_of(text, column.kind).ok_or_else(|| column.wrong(text))?;
            column.values.push(cell).map_err(|problem| of_column(&column.name, problem))?;
        }
    }
    if rows == 0 {
        return Err(V2Error::NoRows);
    }
    let tensor =
        |column: CsvColumn| -> Tensor { column.values.into_tensor(column.kind, column.name, vec![rows as u64]) };
    Ok(Request { inputs: columns.into_iter().map(tensor).collect(), ..Request::default() })
}

fn scoring(problem: String) -> V2Error {
    V2Error::Scoring { problem }
}

impl CsvColumn {
    fn wrong(&self, cell: &str) -> V2Error {
        let (value, row) = (Cell::Text(cell.into()).to_string(), self.values.len());
        // Without a kind every cell is a text.
        let kind = self.kind.unwrap_or(InputKind::Text);
        of_column(&self.name, InputProblem::WrongValue { value, row, kind })
    }
}

/// A cell as an input of this kind; `None` where it is none.
fn cell_of(text: &str, kind: Option<InputKind>) -> Option<Cell<'_>> {
    let Some(kind) = kind.filter(|kind| *kind != InputKind::Text) else {
        return Some(if text.is_empty() { Cell::Missing } else { Cell::Text(text.into()) });
    };
    let text = text.trim();
    if is_missing_cell(text) {
        return Some(Cell::Missing);
    }
    let number = || match text.parse::<i64>() {
        Ok(whole) => Some(Cell::Whole(whole)),
        // A whole number of more digits would lose some as a float.
        Err(_) if text.trim_start_matches(['-', '+']).bytes().all(|byte| byte.is_ascii_digit()) => None,
        Err(_) => text.parse().ok().filter(|number: &f64| !number.is_nan()).map(Cell::Float),
    };
    match kind {
        InputKind::Number | InputKind::Integer => number(),
        InputKind::Boolean => match text {
            "true" | "True" | "TRUE" | "1" | "1.0" => Some(Cell::Bool(true)),
            "false" | "False" | "FALSE" | "0" | "0.0" => Some(Cell::Bool(false)),
            _ => None,
        },
        InputKind::Time => match text.parse::<i64>() {
            Ok(millis) => Some(Cell::Whole(millis)),
            Err(_) => text.parse::<Timestamp>().ok().map(|time| Cell::Whole(time.millis())),
        },
        InputKind::Text => Some(Cell::Text(text.into())),
    }
}

/// The lines of a file, each as its cells.
struct Lines<'a> {
    reader: Reader,
    rest: &'a [u8],
    text: Vec<u8>,
    ends: Vec<usize>,
    max_cells: usize,
}

impl<'a> Lines<'a> {
    fn new(body: &'a str, max_cells: usize) -> Self {
        Self { reader: Reader::new(), rest: body.as_bytes(), text: vec![0; 1 << 10], ends: vec![0; 64], max_cells }
    }

    /// The cells of the next line; `None` behind the last. Empty lines are no rows.
    fn next(&mut self) -> Result<Option<Vec<String>>, V2Error> {
        let (mut written, mut ended) = (0, 0);
        loop {
            let (result, read, text, ends) =
                self.reader.read_record(self.rest, &mut self.text[written..], &mut self.ends[ended..]);
            self.rest = &self.rest[read..];
            written += text;
            ended += ends;
            match result {
                // The whole body was given: what is asked for next is its end, which is an empty input.
                ReadRecordResult::InputEmpty => {}
                // A cell is never longer than the body, so neither grows beyond it.
                ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2, 0),
                ReadRecordResult::OutputEndsFull if self.ends.len() >= self.max_cells => {
                    return Err(V2Error::TooManyInputs { inputs: self.max_cells + 1, limit: self.max_cells });
                }
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record if ended > self.max_cells => {
                    return Err(V2Error::TooManyInputs { inputs: ended, limit: self.max_cells });
                }
                ReadRecordResult::Record => return Ok(Some(self.cells(ended))),
                ReadRecordResult::End => return Ok(None),
            }
        }
    }

    fn cells(&self, ended: usize) -> Vec<String> {
        let mut begin = 0;
        let cell = |end: &usize| {
            // Whole cells of a text that is UTF-8 are UTF-8: what ends them are single bytes of ASCII.
            let cell = String::from_utf8_lossy(&self.text[begin..*end]).into_owned();
            begin = *end;
            cell
        };
        self.ends[..ended].iter().map(cell).collect()
    }
}
