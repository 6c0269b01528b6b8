//! UBJSON (<https://ubjson.org>), as much of it as XGBoost writes: objects, lists (also of one type), texts, numbers, truth values.
//!
//! Invariants: nothing is reserved for a count that the bytes left cannot fill; nesting is bounded. Out of scope: big numbers,
//! single characters as texts of a list, and writing beyond one text.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};

use crate::signature::SIGNATURE_KEY;

/// The deepest nesting that is read.
const MAX_DEPTH: usize = 64;

/// Why bytes are not UBJSON.
#[derive(Debug)]
pub(super) struct UbjsonError(String);

impl fmt::Display for UbjsonError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for UbjsonError {}

impl de::Error for UbjsonError {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Self(reason.to_string())
    }
}

/// Reads one value after the other.
pub(super) struct Reader<'de> {
    bytes: &'de [u8],
    at: usize,
    depth: usize,
}

/// What a list or an object says of its members before they come.
#[derive(Clone, Copy)]
struct Announced {
    kind: Option<u8>,
    count: Option<usize>,
}

impl<'de> Reader<'de> {
    pub const fn new(bytes: &'de [u8]) -> Self {
        Self { bytes, at: 0, depth: 0 }
    }

    /// Fails unless everything was read.
    pub fn end(&self) -> Result<(), UbjsonError> {
        if self.at == self.bytes.len() { Ok(()) } else { Err(self.wrong("there are bytes behind its end")) }
    }

    fn wrong(&self, reason: impl fmt::Display) -> UbjsonError {
        UbjsonError(format!("{reason} (at byte {})", self.at))
    }

    fn peek(&self) -> Result<u8, UbjsonError> {
        self.bytes.get(self.at).copied().ok_or_else(|| self.wrong("it is cut off"))
    }

    fn byte(&mut self) -> Result<u8, UbjsonError> {
        let byte = self.peek()?;
        self.at += 1;
        Ok(byte)
    }

    /// The next marker, over those that mean nothing.
    fn marker(&mut self) -> Result<u8, UbjsonError> {
        loop {
            match self.byte()? {
                b'N' => {}
                marker => return Ok(marker),
            }
        }
    }

    fn take(&mut self, count: usize) -> Result<&'de [u8], UbjsonError> {
        let end = self.at.checked_add(count).filter(|&end| end <= self.bytes.len());
        let end = end.ok_or_else(|| self.wrong(format!("it is cut off: {count} bytes are announced")))?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], UbjsonError> {
        let taken = self.take(N)?;
        taken.try_into().map_err(|_| self.wrong("it is cut off"))
    }

    fn int(&mut self, marker: u8) -> Result<i64, UbjsonError> {
        Ok(match marker {
            b'i' => i8::from_be_bytes(self.fixed()?).into(),
            b'U' => self.byte()?.into(),
            b'I' => i16::from_be_bytes(self.fixed()?).into(),
            b'l' => i32::from_be_bytes(self.fixed()?).into(),
            b'L' => i64::from_be_bytes(self.fixed()?),
            _ => return Err(self.wrong(format!("{marker:#04x} is no marker of a whole number"))),
        })
    }

    fn count(&mut self) -> Result<usize, UbjsonError> {
        let marker = self.byte()?;
        let count = self.int(marker)?;
        usize::try_from(count).map_err(|_| self.wrong(format!("{count} is no length")))
    }

    /// A text without its marker.
    fn text(&mut self) -> Result<&'de str, UbjsonError> {
        let length = self.count()?;
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map_err(|_| self.wrong("a text is not UTF-8"))
    }

    /// Type and number of the members of what was just opened.
    fn announced(&mut self) -> Result<Announced, UbjsonError> {
        let mut announced = Announced { kind: None, count: None };
        if self.peek()? == b'$' {
            self.at += 1;
            announced.kind = Some(self.byte()?);
        }
        if self.peek()? == b'#' {
            self.at += 1;
            let count = self.count()?;
            // A member that takes no byte could be announced without end.
            let takes = match announced.kind {
                Some(b'Z' | b'T' | b'F' | b'N') => return Err(self.wrong("a list of a type without bytes is not read")),
                Some(kind) => width(kind).unwrap_or(1),
                None => 1,
            };
            if count.checked_mul(takes).is_none_or(|bytes| bytes > self.bytes.len() - self.at) {
                return Err(self.wrong(format!("it is cut off: {count} members are announced")));
            }
            announced.count = Some(count);
        } else if announced.kind.is_some() {
            return Err(self.wrong("a type is announced without a number"));
        }
        Ok(announced)
    }

    fn value<V: Visitor<'de>>(&mut self, marker: u8, visitor: V) -> Result<V::Value, UbjsonError> {
        match marker {
            b'Z' => visitor.visit_unit(),
            b'T' => visitor.visit_bool(true),
            b'F' => visitor.visit_bool(false),
            b'd' => visitor.visit_f64(f32::from_be_bytes(self.fixed()?).into()),
            b'D' => visitor.visit_f64(f64::from_be_bytes(self.fixed()?)),
            b'S' => visitor.visit_borrowed_str(self.text()?),
            b'[' | b'{' => {
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return Err(self.wrong("it is nested too deeply"));
                }
                let announced = self.announced()?;
                let end = if marker == b'[' { b']' } else { b'}' };
                let members = Members { reader: self, announced, end, read: 0 };
                let made = if marker == b'[' { visitor.visit_seq(members) } else { visitor.visit_map(members) };
                self.depth -= 1;
                made
            }
            other => visitor.visit_i64(self.int(other)?),
        }
    }
}

/// The bytes of a value of this type, where all take as many.
const fn width(kind: u8) -> Option<usize> {
    match kind {
        b'i' | b'U' => Some(1),
        b'I' => Some(2),
        b'l' | b'd' => Some(4),
        b'L' | b'D' => Some(8),
        _ => None,
    }
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = UbjsonError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, UbjsonError> {
        let marker = self.marker()?;
        self.value(marker, visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, UbjsonError> {
        match self.peek()? {
            b'Z' => self.deserialize_any(visitor),
            _ => visitor.visit_some(self),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// A value whose marker was read.
struct Typed<'r, 'de> {
    reader: &'r mut Reader<'de>,
    kind: u8,
}

impl<'de> Deserializer<'de> for Typed<'_, 'de> {
    type Error = UbjsonError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, UbjsonError> {
        self.reader.value(self.kind, visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// The members of a list or an object, one by one.
struct Members<'r, 'de> {
    reader: &'r mut Reader<'de>,
    announced: Announced,
    end: u8,
    read: usize,
}

impl<'de> Members<'_, 'de> {
    /// Whether there is another member; the end of the list is read over.
    fn has_next(&mut self) -> Result<bool, UbjsonError> {
        if let Some(count) = self.announced.count {
            self.read += 1;
            return Ok(self.read <= count);
        }
        while self.reader.peek()? == b'N' {
            self.reader.at += 1;
        }
        let has_next = self.reader.peek()? != self.end;
        self.reader.at += usize::from(!has_next);
        Ok(has_next)
    }

    fn member<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, UbjsonError> {
        match self.announced.kind {
            Some(kind) => seed.deserialize(Typed { reader: self.reader, kind }),
            None => seed.deserialize(&mut *self.reader),
        }
    }
}

impl<'de> SeqAccess<'de> for Members<'_, 'de> {
    type Error = UbjsonError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, UbjsonError> {
        if self.has_next()? { self.member(seed).map(Some) } else { Ok(None) }
    }

    fn size_hint(&self) -> Option<usize> {
        self.announced.count
    }
}

impl<'de> MapAccess<'de> for Members<'_, 'de> {
    type Error = UbjsonError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, UbjsonError> {
        if !self.has_next()? {
            return Ok(None);
        }
        let key = self.reader.text()?;
        let key = IntoDeserializer::<UbjsonError>::into_deserializer(key);
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, UbjsonError> {
        self.member(seed)
    }
}

/// The document with a signature as the first member of its learner, which XGBoost writes first and without a count.
pub(super) fn with_signature(bytes: &[u8], signature: &str) -> Vec<u8> {
    const START: &[u8] = b"{L\0\0\0\0\0\0\0\x07learner{L";
    if !bytes.starts_with(START) {
        return bytes.to_vec();
    }
    let (before, after) = bytes.split_at(START.len() - 1);
    let length = |text: &str| [b"L", &(text.len() as u64).to_be_bytes()[..]].concat();
    let (key, value) = (length(SIGNATURE_KEY), length(signature));
    [before, &key, SIGNATURE_KEY.as_bytes(), b"S", &value, signature.as_bytes(), after].concat()
}
