//! A table's profile as bytes: a mark, a version, the columns, a checksum. Nothing is believed before it is checked.
//!
//! The layout of one column's frozen reference is that of `drift` (see there); a column here adds what a person reads
//! beside it. Numbers are LEB128, floats little-endian bits. A later version reads every earlier one.

use super::TableProfile;
use super::column::{ColumnProfile, Distinct, QUANTILES, ValueKind, WholeRange};
use super::reference::ReferenceDistribution;
use super::values::Stored;
use crate::drift::{CategoricalReference, FormatError, NumericReference, Reader, Writer};
use crate::hash::fnv1a;
use std::collections::HashSet;

/// With what the bytes begin.
const MARK: &[u8; 8] = b"kilterPR";
const VERSION: u8 = 1;
/// Version 2 is written where a column holds whole numbers that doubles would round: each column then says its range.
const WHOLE_VERSION: u8 = 2;
/// The kind of this format among those of `drift`.
const TABLE: u8 = 3;
const MAX_COLUMNS: u64 = 100_000;
const MAX_NAME: u64 = 1 << 16;
/// Bytes of one column's reference.
const MAX_FROZEN: u64 = 64 << 20;

const STORED: [Stored; 5] = [Stored::Float, Stored::Int, Stored::Bool, Stored::Text, Stored::Time];
const KINDS: [ValueKind; 7] = [
    ValueKind::Number,
    ValueKind::Category,
    ValueKind::Flag,
    ValueKind::Text,
    ValueKind::Identifier,
    ValueKind::Time,
    ValueKind::Empty,
];

impl TableProfile {
    /// Whether bytes begin as a profile's do.
    pub fn is_profile(bytes: &[u8]) -> bool {
        bytes.starts_with(MARK)
    }

    /// The profile as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer(MARK.to_vec());
        let has_wholes = self.columns.iter().any(|column| column.wholes.is_some());
        writer.0.extend([if has_wholes { WHOLE_VERSION } else { VERSION }, TABLE]);
        writer.whole(self.rows);
        writer.whole(self.columns.len() as u64);
        for column in &self.columns {
            write(&mut writer, column);
            if has_wholes {
                write_wholes(&mut writer, column.wholes);
            }
        }
        let sum = checksum(&writer.0);
        writer.0.extend(sum.to_le_bytes());
        writer.0
    }

    /// Reads a profile; everything is checked.
    ///
    /// # Errors
    /// Bytes that are cut short, changed, of another version, or contradict themselves.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FormatError> {
        let inside = bytes.strip_prefix(MARK).ok_or(FormatError::Nonsense("they do not begin as one"))?;
        let version = inside.first().copied().ok_or(FormatError::Truncated(bytes.len()))?;
        if ![VERSION, WHOLE_VERSION].contains(&version) {
            return Err(FormatError::Version(version));
        }
        let (body, sum) = bytes.split_last_chunk::<8>().ok_or(FormatError::Truncated(bytes.len()))?;
        if checksum(body) != u64::from_le_bytes(*sum) {
            return Err(FormatError::Nonsense("it was changed or cut short: its checksum does not fit"));
        }
        let mut reader = Reader { bytes: body, at: MARK.len() + 1 };
        match reader.byte()? {
            TABLE => {}
            found => return Err(FormatError::Kind { found, wanted: TABLE }),
        }
        let rows = reader.whole()?;
        let count = reader.length(MAX_COLUMNS)?;
        let (mut columns, mut names) = (Vec::new(), HashSet::new());
        for _ in 0..count {
            let mut column = read(&mut reader)?;
            if version == WHOLE_VERSION && flag(&mut reader)? {
                column.wholes = Some(wholes(&mut reader)?);
            }
            check_origin(&column)?;
            if !names.insert(column.name.clone()) {
                return Err(FormatError::Nonsense("a column stands twice in it"));
            }
            columns.push(column);
        }
        reader.end()?;
        Ok(TableProfile { rows, columns })
    }
}

fn write(writer: &mut Writer, column: &ColumnProfile) {
    writer.whole(column.name.len() as u64);
    writer.0.extend(column.name.as_bytes());
    let place = |at: Option<usize>| at.unwrap_or_default() as u8;
    writer.0.push(place(STORED.iter().position(|stored| *stored == column.stored)));
    writer.0.push(place(KINDS.iter().position(|kind| *kind == column.kind)));
    let distinct = column.distinct;
    [column.rows, column.missing, column.infinite, column.rounded, distinct.count, u64::from(distinct.exact)]
        .into_iter()
        .for_each(|number| writer.whole(number));
    writer.0.push(u8::from(column.moments.is_some()));
    if let Some(moments) = &column.moments {
        writer.moments(moments);
    }
    writer.0.push(u8::from(column.quantiles.is_some()));
    column.quantiles.iter().flatten().for_each(|quantile| writer.float(*quantile));
    writer.0.push(u8::from(column.mean_length.is_some()));
    column.mean_length.iter().for_each(|length| writer.float(*length));
    let (kind, frozen) = match &column.reference {
        None => (0, Vec::new()),
        Some(ReferenceDistribution::Numeric(reference)) => (1, reference.to_bytes()),
        Some(ReferenceDistribution::Categorical(reference)) => (2, reference.to_bytes()),
    };
    writer.0.push(kind);
    if kind > 0 {
        writer.whole(frozen.len() as u64);
        writer.0.extend(frozen);
    }
}

fn write_wholes(writer: &mut Writer, wholes: Option<WholeRange>) {
    writer.0.push(u8::from(wholes.is_some()));
    let numbers = wholes.map(|wholes| [wholes.origin, wholes.min, wholes.max]);
    numbers.iter().flatten().for_each(|number| writer.0.extend(number.to_le_bytes()));
}

fn wholes(reader: &mut Reader) -> Result<WholeRange, FormatError> {
    let mut number = || {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(reader.take(8)?);
        Ok::<_, FormatError>(i64::from_le_bytes(bytes))
    };
    let range = WholeRange { origin: number()?, min: number()?, max: number()? };
    if range.min > range.max { Err(FormatError::Nonsense("a range of whole numbers is empty")) } else { Ok(range) }
}

/// The moments of a column are counted from where its bins are.
fn check_origin(column: &ColumnProfile) -> Result<(), FormatError> {
    match &column.reference {
        Some(ReferenceDistribution::Numeric(reference)) if !reference.whole_edges().is_empty() => {
            let is_same = column.wholes.is_some_and(|wholes| wholes.origin == reference.origin());
            if is_same { Ok(()) } else { Err(FormatError::Nonsense("whole numbers are counted from two origins")) }
        }
        _ => Ok(()),
    }
}

fn read(reader: &mut Reader) -> Result<ColumnProfile, FormatError> {
    let length = reader.length(MAX_NAME)?;
    let name = std::str::from_utf8(reader.take(length)?)
        .map_err(|_| FormatError::Nonsense("a column's name is no UTF-8"))?
        .to_owned();
    let stored = *STORED.get(usize::from(reader.byte()?)).ok_or(FormatError::Nonsense("a type is unknown"))?;
    let kind = *KINDS.get(usize::from(reader.byte()?)).ok_or(FormatError::Nonsense("a kind is unknown"))?;
    let [rows, missing, infinite] = [reader.whole()?, reader.whole()?, reader.whole()?];
    let [rounded, count, exact] = [reader.whole()?, reader.whole()?, reader.whole()?];
    if missing.checked_add(infinite).is_none_or(|without| without > rows) {
        return Err(FormatError::Nonsense("a column has more rows without a value than rows"));
    }
    let moments = if flag(reader)? { Some(reader.moments()?) } else { None };
    let quantiles = if flag(reader)? { Some(quantiles(reader)?) } else { None };
    let mean_length = if flag(reader)? { Some(finite(reader)?) } else { None };
    if let Some(moments) = &moments {
        moments.check().map_err(FormatError::Contradiction)?;
    }
    let frozen = match reader.byte()? {
        0 => None,
        kind @ (1 | 2) => {
            let length = reader.length(MAX_FROZEN)?;
            let bytes = reader.take(length)?;
            Some(match kind {
                1 => ReferenceDistribution::Numeric(NumericReference::from_bytes(bytes)?),
                _ => ReferenceDistribution::Categorical(CategoricalReference::from_bytes(bytes)?),
            })
        }
        _ => return Err(FormatError::Nonsense("a reference is of an unknown kind")),
    };
    let distinct = Distinct { count, exact: exact == 1 };
    Ok(ColumnProfile {
        name,
        stored,
        kind,
        rows,
        missing,
        infinite,
        rounded,
        wholes: None,
        distinct,
        moments,
        quantiles,
        mean_length,
        reference: frozen,
    })
}

fn flag(reader: &mut Reader) -> Result<bool, FormatError> {
    match reader.byte()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(FormatError::Nonsense("yes or no is neither")),
    }
}

fn finite(reader: &mut Reader) -> Result<f64, FormatError> {
    Some(reader.float()?).filter(|value| value.is_finite()).ok_or(FormatError::Nonsense("a number is not finite"))
}

fn quantiles(reader: &mut Reader) -> Result<[f64; 7], FormatError> {
    let mut quantiles = [0.0; QUANTILES.len()];
    for quantile in &mut quantiles {
        *quantile = finite(reader)?;
    }
    Ok(quantiles)
}

/// It finds damage, not malice.
fn checksum(bytes: &[u8]) -> u64 {
    fnv1a(bytes.iter().copied())
}
