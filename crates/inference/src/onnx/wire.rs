//! The protobuf wire format, as much of it as ONNX needs: a reader that never trusts a length, and a writer.
//!
//! Source: the protobuf encoding page (varint, fixed 32/64, length-delimited; groups are refused).

use crate::error::LoadError;

/// One field of a message: its number and its undecoded value.
pub(crate) struct Field<'a> {
    pub number: u32,
    pub value: Wire<'a>,
    /// Where the field begins in the file, for errors.
    pub at: usize,
}

/// An undecoded value.
pub(crate) enum Wire<'a> {
    Varint(u64),
    Fixed32(u32),
    Fixed64(u64),
    Bytes(&'a [u8]),
}

/// Reads the fields of one message.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Offset of `bytes` in the file.
    base: usize,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8], base: usize) -> Self {
        Self { bytes, at: 0, base }
    }

    /// The next field, or `None` at the end of the message.
    pub fn next(&mut self) -> Result<Option<Field<'a>>, LoadError> {
        if self.at == self.bytes.len() {
            return Ok(None);
        }
        let at = self.base + self.at;
        let key = self.varint()?;
        let number = u32::try_from(key >> 3).map_err(|_| bad(at, "a field number is out of range"))?;
        let value = match key & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = self.varint()?;
                let length = usize::try_from(length).map_err(|_| bad(at, "a length is out of range"))?;
                Wire::Bytes(self.take(length)?)
            }
            5 => Wire::Fixed32(u32::from_le_bytes(self.array()?)),
            other => return Err(bad(at, format!("wire type {other} is not used by ONNX"))),
        };
        if number == 0 {
            return Err(bad(at, "field number 0 does not exist"));
        }
        Ok(Some(Field { number, value, at }))
    }

    fn at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    fn varint(&mut self) -> Result<u64, LoadError> {
        let start = self.base + self.at;
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            let byte = *self.bytes.get(self.at).ok_or_else(|| bad(start, "a number is cut off"))?;
            self.at += 1;
            if shift == 63 && byte > 1 {
                return Err(bad(start, "a number has more than 64 bits"));
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(bad(start, "a number has more than 64 bits"))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], LoadError> {
        let rest = &self.bytes[self.at..];
        let taken = rest.get(..length).ok_or_else(|| {
            bad(self.base + self.at, format!("{length} bytes are announced, {} are left", rest.len()))
        })?;
        self.at += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], LoadError> {
        let at = self.base + self.at;
        self.take(N)?.try_into().map_err(|_| bad(at, "a number is cut off"))
    }
}

fn bad(at: usize, reason: impl Into<String>) -> LoadError {
    LoadError::NotOnnx { at, reason: reason.into() }
}

impl<'a> Field<'a> {
    fn expected(&self, what: &str) -> LoadError {
        bad(self.at, format!("field {} should hold {what}", self.number))
    }

    pub fn bytes(&self) -> Result<&'a [u8], LoadError> {
        match self.value {
            Wire::Bytes(bytes) => Ok(bytes),
            _ => Err(self.expected("bytes")),
        }
    }

    /// A reader of the message in this field.
    pub fn message(&self) -> Result<Reader<'a>, LoadError> {
        Ok(Reader::new(self.bytes()?, self.at))
    }

    pub fn text(&self) -> Result<String, LoadError> {
        String::from_utf8(self.bytes()?.to_vec()).map_err(|_| self.expected("UTF-8 text"))
    }

    pub fn int(&self) -> Result<i64, LoadError> {
        match self.value {
            Wire::Varint(value) => Ok(value as i64),
            _ => Err(self.expected("a whole number")),
        }
    }

    pub fn float(&self) -> Result<f32, LoadError> {
        match self.value {
            Wire::Fixed32(bits) => Ok(f32::from_bits(bits)),
            _ => Err(self.expected("a float")),
        }
    }

    /// Repeated whole numbers, packed or not.
    pub fn push_ints(&self, out: &mut Vec<i64>) -> Result<(), LoadError> {
        match self.value {
            Wire::Varint(value) => out.push(value as i64),
            Wire::Bytes(bytes) => {
                let mut reader = Reader::new(bytes, self.at);
                while !reader.at_end() {
                    out.push(reader.varint()? as i64);
                }
            }
            _ => return Err(self.expected("whole numbers")),
        }
        Ok(())
    }

    /// Repeated floats, packed or not.
    pub fn push_floats(&self, out: &mut Vec<f32>) -> Result<(), LoadError> {
        match self.value {
            Wire::Fixed32(bits) => out.push(f32::from_bits(bits)),
            Wire::Bytes(bytes) if bytes.len() % 4 == 0 => {
                out.extend(bytes.as_chunks::<4>().0.iter().map(|chunk| f32::from_le_bytes(*chunk)));
            }
            _ => return Err(self.expected("floats")),
        }
        Ok(())
    }

    /// Repeated doubles, packed or not.
    pub fn push_doubles(&self, out: &mut Vec<f64>) -> Result<(), LoadError> {
        match self.value {
            Wire::Fixed64(bits) => out.push(f64::from_bits(bits)),
            Wire::Bytes(bytes) if bytes.len() % 8 == 0 => {
                out.extend(bytes.as_chunks::<8>().0.iter().map(|chunk| f64::from_le_bytes(*chunk)));
            }
            _ => return Err(self.expected("doubles")),
        }
        Ok(())
    }
}

/// Writes the fields of one message. Equal calls give equal bytes.
#[derive(Default)]
pub(crate) struct Writer {
    pub bytes: Vec<u8>,
}

impl Writer {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    fn key(&mut self, number: u32, wire_type: u64) {
        self.varint(u64::from(number) << 3 | wire_type);
    }

    pub fn int(&mut self, number: u32, value: i64) {
        self.key(number, 0);
        self.varint(value as u64);
    }

    pub fn float(&mut self, number: u32, value: f32) {
        self.key(number, 5);
        self.bytes.extend(value.to_le_bytes());
    }

    pub fn put(&mut self, number: u32, value: &[u8]) {
        self.key(number, 2);
        self.varint(value.len() as u64);
        self.bytes.extend(value);
    }

    /// A field as it was read.
    pub fn copy(&mut self, field: &Field<'_>) {
        match field.value {
            Wire::Varint(value) => self.int(field.number, value as i64),
            Wire::Fixed32(bits) => {
                self.key(field.number, 5);
                self.bytes.extend(bits.to_le_bytes());
            }
            Wire::Fixed64(bits) => {
                self.key(field.number, 1);
                self.bytes.extend(bits.to_le_bytes());
            }
            Wire::Bytes(bytes) => self.put(field.number, bytes),
        }
    }

    pub fn message(&mut self, number: u32, write: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        write(&mut inner);
        self.put(number, &inner.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back_what_was_written() {
        for value in [0i64, 1, 127, 128, -1, i64::MIN, i64::MAX] {
            let mut writer = Writer::default();
            writer.int(3, value);
            let mut reader = Reader::new(&writer.bytes, 0);
            let field = reader.next().unwrap().unwrap();
            assert_eq!((field.number, field.int().unwrap()), (3, value));
            assert!(reader.next().unwrap().is_none());
        }
    }

    #[test]
    fn cut_off_and_endless_numbers_are_refused() {
        for bytes in [&[0x08][..], &[0x08, 0xff], &[0x0a, 5, 1], &[0x0d, 1, 2], &[0x0b], &[0x08; 12][..1], &[0xff; 11]]
        {
            let mut reader = Reader::new(bytes, 0);
            assert!(matches!(reader.next(), Err(LoadError::NotOnnx { .. })), "{bytes:?}");
        }
    }
}
