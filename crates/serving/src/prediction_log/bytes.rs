//! Little-endian numbers, varints and texts in a byte buffer; the reader trusts no length that it reads.

use std::sync::Arc;

pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// `None` is 0, a text is its length + 1 and its bytes.
pub(super) fn put_optional_text(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        None => out.push(0),
        Some(text) => {
            put_varint(out, text.len() as u64 + 1);
            out.extend_from_slice(text.as_bytes());
        }
    }
}

/// Why a payload whose checksum is right cannot be understood: it was written by a newer version, or by a bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum DecodeError {
    #[error("the record ends too early")]
    Short,
    #[error("a text in the record is not UTF-8")]
    NotUtf8,
    #[error("the record states an unknown {0}; it may come from a newer version of kilter")]
    Unknown(&'static str),
    #[error("the record has bytes after its end")]
    TooLong,
    #[error("the columns of the record do not fit together")]
    Ragged,
}

pub(super) struct Bytes<'a> {
    rest: &'a [u8],
}

impl<'a> Bytes<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn end(&self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::TooLong) }
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(DecodeError::Short)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(DecodeError::Short)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, DecodeError> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(DecodeError::Unknown("number"))
    }

    /// A count of things of at least `each` bytes: never more than the rest can hold, so it is safe to allocate for.
    pub(super) fn count(&mut self, each: usize) -> Result<usize, DecodeError> {
        let count = usize::try_from(self.varint()?).map_err(|_| DecodeError::Short)?;
        match count.checked_mul(each) {
            Some(bytes) if bytes <= self.rest.len() => Ok(count),
            _ => Err(DecodeError::Short),
        }
    }

    pub(super) fn i64(&mut self) -> Result<i64, DecodeError> {
        self.array().map(i64::from_le_bytes)
    }

    pub(super) fn f64s(&mut self, count: usize) -> Result<Vec<f64>, DecodeError> {
        let bytes = self.take(count.checked_mul(8).ok_or(DecodeError::Short)?)?;
        Ok(bytes.as_chunks().0.iter().map(|chunk| f64::from_le_bytes(*chunk)).collect())
    }

    pub(super) fn f32s(&mut self, count: usize) -> Result<Vec<f32>, DecodeError> {
        let bytes = self.take(count.checked_mul(4).ok_or(DecodeError::Short)?)?;
        Ok(bytes.as_chunks().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect())
    }

    pub(super) fn i64s(&mut self, count: usize) -> Result<Vec<i64>, DecodeError> {
        let bytes = self.take(count.checked_mul(8).ok_or(DecodeError::Short)?)?;
        Ok(bytes.as_chunks().0.iter().map(|chunk| i64::from_le_bytes(*chunk)).collect())
    }

    pub(super) fn text(&mut self) -> Result<&'a str, DecodeError> {
        let length = self.count(1)?;
        std::str::from_utf8(self.take(length)?).map_err(|_| DecodeError::NotUtf8)
    }

    pub(super) fn optional_text(&mut self) -> Result<Option<Arc<str>>, DecodeError> {
        match self.varint()? {
            0 => Ok(None),
            length => {
                let length = usize::try_from(length - 1).map_err(|_| DecodeError::Short)?;
                let text = std::str::from_utf8(self.take(length)?).map_err(|_| DecodeError::NotUtf8)?;
                Ok(Some(text.into()))
            }
        }
    }
}
