//! What passes between the server and a worker; `worker.py` has the other end.
//!
//! A frame is a length (u32) and a number (u64). A request goes on with its rows (u32), four bytes of nothing, and one block per column:
//! numbers as f64; whole numbers and times as a byte that says whether some are missing, i64, and then a byte per row; booleans as a byte, 2
//! where one is missing; texts as that byte, the end of each text (u32), the bytes of all, and a byte per row. An answer goes on with a
//! status (u8) and numbers or a text. All of it is little-endian.
//!
//! Invariants: neither end reads more than [`MAX_FRAME`] bytes of a frame; an answer has as many numbers as were asked for.

use std::io::{self, Read};

use kilter_domain::table::Column;
use kilter_inference::{ExecutorError, Outcome};

/// Bytes of a frame at most, without its length.
pub(super) const MAX_FRAME: usize = 1 << 28;
/// Bytes before the blocks of a request: the length, the number, the rows, and nothing.
const HEAD: usize = 4 + 16;
/// Bytes before the content of an answer, without the length.
const ANSWER_HEAD: usize = 9;
/// The longest text of an answer.
const MAX_TEXT: usize = 64 << 10;

const VALUES: u8 = 0;
const CLASSES: u8 = 1;
const REFUSED: u8 = 2;
const FAILED: u8 = 3;
const READY: u8 = 4;

/// Why a frame is none. The worker that sent it is ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum FrameError {
    #[error("a frame of {length} bytes was announced, at most {limit} are taken")]
    TooLong { length: usize, limit: usize },
    #[error("the frame ends too early")]
    Short,
    #[error("the frame answers request {found}, {expected} was asked")]
    OtherRequest { found: u64, expected: u64 },
    #[error("the frame has {found} bytes of numbers, {expected} were asked for")]
    WrongLength { found: usize, expected: usize },
    #[error("the frame has {found} classes, the model has {expected}")]
    WrongClasses { found: usize, expected: usize },
    #[error("the frame has the unknown status {0}")]
    UnknownStatus(u8),
    #[error("the frame cannot be read")]
    Io(#[from] io::Error),
}

/// What a worker said.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    Outcome(Outcome),
    /// The rows, or the model itself when it was loaded, are at fault.
    Refused(String),
    Failed(String),
    /// The model is loaded: what it is, as JSON.
    Ready(String),
}

/// A request of the rows of several tables with the same columns: `parts` are the columns and rows of each.
pub(super) fn request(number: u64, parts: &[(&[Column], usize)]) -> Result<Vec<u8>, ExecutorError> {
    let rows: usize = parts.iter().map(|(_, rows)| rows).sum();
    let width = parts.first().map_or(0, |(columns, _)| columns.len());
    let mut out = Vec::with_capacity(HEAD + rows * width * 9);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&(rows as u32).to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    for at in 0..width {
        let columns = || parts.iter().map(|(columns, _)| &columns[at]);
        match parts[0].0[at] {
            Column::Float(_) => columns().for_each(|column| floats(column, &mut out)),
            Column::Int(_) | Column::Time(_) => integers(columns(), &mut out),
            Column::Bool(_) => columns().for_each(|column| booleans(column, &mut out)),
            Column::Text(_) => texts(columns(), &mut out)?,
        }
        check_size(out.len() as u64)?;
    }
    let length = out.len() - 4;
    out[..4].copy_from_slice(&(length as u32).to_le_bytes());
    Ok(out)
}

fn check_size(bytes: u64) -> Result<(), ExecutorError> {
    let limit = MAX_FRAME as u64;
    if bytes <= limit { Ok(()) } else { Err(ExecutorError::TooLarge { bytes, limit }) }
}

fn floats(column: &Column, out: &mut Vec<u8>) {
    if let Column::Float(values) = column {
        values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
    }
}

fn integers<'c>(columns: impl Iterator<Item = &'c Column> + Clone, out: &mut Vec<u8>) {
    let values = || {
        columns.clone().flat_map(|column| match column {
            Column::Int(values) | Column::Time(values) => values.as_slice(),
            _ => &[],
        })
    };
    let has_missing = values().any(Option::is_none);
    out.push(u8::from(has_missing));
    values().for_each(|value| out.extend_from_slice(&value.unwrap_or_default().to_le_bytes()));
    if has_missing {
        out.extend(values().map(|value| u8::from(value.is_none())));
    }
}

fn booleans(column: &Column, out: &mut Vec<u8>) {
    if let Column::Bool(values) = column {
        out.extend(values.iter().map(|value| value.map_or(2, u8::from)));
    }
}

fn texts<'c>(columns: impl Iterator<Item = &'c Column> + Clone, out: &mut Vec<u8>) -> Result<(), ExecutorError> {
    let values = || {
        columns.clone().flat_map(|column| match column {
            Column::Text(values) => values.as_slice(),
            _ => &[],
        })
    };
    let bytes: u64 = values().flatten().map(|text| text.len() as u64).sum();
    check_size(bytes)?;
    let has_missing = values().any(Option::is_none);
    out.push(u8::from(has_missing));
    let mut end = 0u32;
    for text in values() {
        end += text.as_deref().map_or(0, str::len) as u32;
        out.extend_from_slice(&end.to_le_bytes());
    }
    values().flatten().for_each(|text| out.extend_from_slice(text.as_bytes()));
    if has_missing {
        out.extend(values().map(|value| u8::from(value.is_none())));
    }
    Ok(())
}

/// What is asked of a worker: the number of the request, its rows, and the classes of the model (0 for a regression).
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub number: u64,
    pub rows: usize,
    pub classes: usize,
}

impl Asked {
    /// Bytes of the numbers of an answer.
    fn bytes(self) -> usize {
        self.rows.saturating_mul(self.classes.max(1)).saturating_mul(8)
    }

    /// Bytes of a frame that answers it, at most.
    fn limit(self) -> usize {
        ANSWER_HEAD + 4 + self.bytes().max(MAX_TEXT)
    }
}

/// Reads the frame that answers a request.
pub(super) fn read_answer(input: &mut impl Read, asked: Asked) -> Result<Answer, FrameError> {
    let frame = read_frame(input, asked.limit())?;
    parse(&frame, asked)
}

/// Reads the frame by which a worker says that it is ready; it may be as long as the columns need.
pub(super) fn read_ready(input: &mut impl Read) -> Result<Answer, FrameError> {
    let frame = read_frame(input, MAX_FRAME)?;
    parse(&frame, Asked { number: 0, rows: 0, classes: 0 })
}

fn read_frame(input: &mut impl Read, limit: usize) -> Result<Vec<u8>, FrameError> {
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > limit {
        return Err(FrameError::TooLong { length, limit });
    }
    // The memory grows with what comes, not with what was announced.
    let mut frame = Vec::with_capacity(length.min(1 << 16));
    input.take(length as u64).read_to_end(&mut frame)?;
    if frame.len() == length { Ok(frame) } else { Err(FrameError::Short) }
}

/// The answer in a frame.
fn parse(frame: &[u8], asked: Asked) -> Result<Answer, FrameError> {
    let (number, rest) = frame.split_first_chunk::<8>().ok_or(FrameError::Short)?;
    let found = u64::from_le_bytes(*number);
    if found != asked.number {
        return Err(FrameError::OtherRequest { found, expected: asked.number });
    }
    let (status, content) = rest.split_first().ok_or(FrameError::Short)?;
    let text = || String::from_utf8_lossy(content).into_owned();
    match *status {
        VALUES if asked.classes == 0 => Ok(Answer::Outcome(Outcome::Values(numbers(content, asked)?))),
        VALUES => Err(FrameError::WrongClasses { found: 0, expected: asked.classes }),
        CLASSES => {
            let (classes, content) = content.split_first_chunk::<4>().ok_or(FrameError::Short)?;
            let found = u32::from_le_bytes(*classes) as usize;
            if found != asked.classes {
                return Err(FrameError::WrongClasses { found, expected: asked.classes });
            }
            Ok(Answer::Outcome(Outcome::Classes(numbers(content, asked)?)))
        }
        REFUSED => Ok(Answer::Refused(text())),
        FAILED => Ok(Answer::Failed(text())),
        READY if asked.number == 0 => Ok(Answer::Ready(text())),
        other => Err(FrameError::UnknownStatus(other)),
    }
}

fn numbers(content: &[u8], asked: Asked) -> Result<Vec<f64>, FrameError> {
    if content.len() != asked.bytes() {
        return Err(FrameError::WrongLength { found: content.len(), expected: asked.bytes() });
    }
    let (numbers, _) = content.as_chunks::<8>();
    Ok(numbers.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(number: u64, status: u8, content: &[u8]) -> Vec<u8> {
        let frame = [&number.to_le_bytes()[..], &[status], content].concat();
        [&(frame.len() as u32).to_le_bytes()[..], &frame].concat()
    }

    fn doubles(values: &[f64]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    #[test]
    fn an_answer_is_read_and_what_does_not_answer_the_request_is_an_error() {
        let asked = Asked { number: 7, rows: 2, classes: 0 };
        let read = |bytes: &[u8], asked| read_answer(&mut &bytes[..], asked);
        let values = doubles(&[0.5, f64::INFINITY]);
        assert_eq!(
            read(&answer(7, VALUES, &values), asked).unwrap(),
            Answer::Outcome(Outcome::Values(vec![0.5, f64::INFINITY]))
        );
        let of_classes = Asked { classes: 2, ..asked };
        let four = [&2u32.to_le_bytes()[..], &doubles(&[0.1, 0.9, 0.5, 0.5])].concat();
        assert_eq!(
            read(&answer(7, CLASSES, &four), of_classes).unwrap(),
            Answer::Outcome(Outcome::Classes(vec![0.1, 0.9, 0.5, 0.5]))
        );
        assert_eq!(read(&answer(7, REFUSED, b"no"), asked).unwrap(), Answer::Refused("no".to_owned()));
        for (bytes, asked, expected) in [
            (answer(8, VALUES, &values), asked, "answers request 8"),
            (answer(7, VALUES, &values[..9]), asked, "9 bytes of numbers, 16 were asked for"),
            (answer(7, VALUES, &values), of_classes, "0 classes, the model has 2"),
            (answer(7, CLASSES, &four), asked, "2 classes, the model has 0"),
            (answer(7, READY, b"{}"), asked, "unknown status 4"),
            (answer(7, 9, b""), asked, "unknown status 9"),
            (vec![255, 255, 255, 255], asked, "4294967295 bytes was announced"),
            (answer(7, VALUES, &values)[..20].to_vec(), asked, "ends too early"),
        ] {
            let error = read(&bytes, asked).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn the_columns_of_several_requests_are_one_block_each() {
        let first = [Column::Int(vec![Some(1)]), Column::Text(vec![Some("é".into())]), Column::Bool(vec![Some(true)])];
        let second = [Column::Int(vec![None]), Column::Text(vec![None]), Column::Bool(vec![None])];
        let frame = request(3, &[(&first, 1), (&second, 1)]).unwrap();
        let head =
            [&(frame.len() as u32 - 4).to_le_bytes()[..], &3u64.to_le_bytes(), &2u32.to_le_bytes(), &[0; 4]].concat();
        let whole = [&[1][..], &1i64.to_le_bytes(), &0i64.to_le_bytes(), &[0, 1]].concat();
        let text = [&[1][..], &2u32.to_le_bytes(), &2u32.to_le_bytes(), "é".as_bytes(), &[0, 1]].concat();
        assert_eq!(frame, [head, whole, text, vec![1, 2]].concat());
    }

    proptest! {
        #[test]
        fn bytes_that_nobody_chose_are_an_answer_or_an_error(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            rows in 0usize..20,
            classes in 0usize..4,
        ) {
            let asked = Asked { number: 0, rows, classes };
            let _ = read_answer(&mut &bytes[..], asked);
            let _ = read_ready(&mut &bytes[..]);
            let framed = answer(0, bytes.first().copied().unwrap_or_default() % 6, bytes.get(1..).unwrap_or_default());
            match read_answer(&mut &framed[..], asked) {
                Ok(Answer::Outcome(Outcome::Values(values))) => prop_assert_eq!(values.len(), rows),
                Ok(Answer::Outcome(Outcome::Classes(values))) => prop_assert_eq!(values.len(), rows * classes),
                Ok(_) | Err(_) => {}
            }
        }

        #[test]
        fn a_frame_that_is_cut_is_an_error(values in prop::collection::vec(any::<f64>(), 1..20), cut in 0usize..1000) {
            let asked = Asked { number: 5, rows: values.len(), classes: 0 };
            let whole = answer(5, VALUES, &doubles(&values));
            let cut = cut % whole.len();
            prop_assert!(read_answer(&mut &whole[..cut], asked).is_err());
            prop_assert!(read_answer(&mut &whole[..], asked).is_ok());
        }

        #[test]
        fn a_request_has_the_length_that_it_says(values in prop::collection::vec(any::<Option<i64>>(), 0..30), text in ".{0,20}") {
            let rows = values.len();
            let columns =
                [Column::Time(values), Column::Float(vec![f64::NAN; rows]), Column::Text(vec![Some(text.as_str().into()); rows])];
            let frame = request(1, &[(&columns, rows)]).unwrap();
            let length = u32::from_le_bytes(frame[..4].try_into().unwrap()) as usize;
            prop_assert_eq!(length, frame.len() - 4);
        }
    }
}
