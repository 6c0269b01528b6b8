//! The values of a tensor as bytes: what the binary tensor data extension puts behind the JSON, and gRPC into
//! `raw_input_contents` and `raw_output_contents`.
//!
//! Numbers are little-endian and row-major; BOOL is one byte of 0 or 1; each BYTES value is its length (4 bytes,
//! little-endian) and then its UTF-8. Bytes have no missing value but the NaN of FP16, BF16, FP32 and FP64.
//!
//! Invariants: the number of bytes is compared with the shape before anything is allocated for values, and no byte is left
//! over; whole numbers are exact; a UINT64 that a column cannot hold is refused, as in JSON.

use std::sync::Arc;

use kilter_domain::table::Column;

use super::{Datatype, InputProblem};

/// Bytes before each BYTES value that state its length.
const LENGTH_BYTES: usize = size_of::<u32>();

/// The values of a tensor of one or two dimensions, row-major.
///
/// # Errors
/// When the shape is no shape, the bytes are more or fewer than it says, or a value is none of its datatype.
pub fn read_raw(datatype: Datatype, shape: &[u64], bytes: &[u8]) -> Result<Column, InputProblem> {
    if !(1..=2).contains(&shape.len()) {
        return Err(InputProblem::BadShape);
    }
    let wrong_size = |expected| InputProblem::WrongBytes { found: bytes.len(), expected, shape: shape.to_vec() };
    let count = shape.iter().try_fold(1u64, |count, size| count.checked_mul(*size));
    let huge = || InputProblem::HugeShape(shape.to_vec());
    let Some(size) = datatype.value_bytes() else {
        // Each text takes its length at least.
        let most = (bytes.len() / LENGTH_BYTES) as u64;
        let count = count.filter(|count| *count <= most && shape.iter().all(|size| *size <= most)).ok_or_else(huge)?;
        return read_texts(count as usize, bytes).map(Column::Text);
    };
    let expected = count.and_then(|count| count.checked_mul(size as u64)).ok_or_else(huge)?;
    if expected != bytes.len() as u64 {
        return Err(wrong_size(expected));
    }
    // A dimension of 0 makes no bytes whatever the other one is.
    if expected == 0 && shape.iter().any(|size| *size > u64::from(u32::MAX)) {
        return Err(huge());
    }
    let wholes = |read: fn(&[u8]) -> Option<i64>| read_wholes(datatype, bytes.chunks_exact(size), read);
    match datatype {
        Datatype::Bool => read_bools(bytes).map(Column::Bool),
        Datatype::Int8 => wholes(|bytes| Some(i8::from_le_bytes(exactly(bytes)).into())),
        Datatype::Int16 => wholes(|bytes| Some(i16::from_le_bytes(exactly(bytes)).into())),
        Datatype::Int32 => wholes(|bytes| Some(i32::from_le_bytes(exactly(bytes)).into())),
        Datatype::Int64 => wholes(|bytes| Some(i64::from_le_bytes(exactly(bytes)))),
        Datatype::Uint8 => wholes(|bytes| Some(u8::from_le_bytes(exactly(bytes)).into())),
        Datatype::Uint16 => wholes(|bytes| Some(u16::from_le_bytes(exactly(bytes)).into())),
        Datatype::Uint32 => wholes(|bytes| Some(u32::from_le_bytes(exactly(bytes)).into())),
        Datatype::Uint64 => wholes(|bytes| i64::try_from(u64::from_le_bytes(exactly(bytes))).ok()),
        Datatype::Fp16 => Ok(floats(bytes, |bytes| from_half(u16::from_le_bytes(bytes)))),
        Datatype::Bf16 => Ok(floats(bytes, |bytes| from_brain(u16::from_le_bytes(bytes)))),
        Datatype::Fp32 => Ok(floats(bytes, |bytes| f32::from_le_bytes(bytes).into())),
        Datatype::Fp64 => Ok(floats(bytes, f64::from_le_bytes)),
        Datatype::Bytes => Err(InputProblem::BadShape),
    }
}

/// Appends one BYTES value. Of a text of 4 GiB or more, which no request can have, the first are written.
pub(super) fn write_text(text: &str, out: &mut Vec<u8>) {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&text.as_bytes()[..length as usize]);
}

fn misfit(value: String, at: usize, datatype: Datatype) -> InputProblem {
    InputProblem::BadValue { value, at, datatype }
}

/// The bytes of one value; callers cut them to the size of its type.
fn exactly<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.first_chunk().copied().unwrap_or([0; N])
}

fn floats<const N: usize>(bytes: &[u8], read: impl Fn([u8; N]) -> f64) -> Column {
    Column::Float(bytes.chunks_exact(N).map(|bytes| read(exactly(bytes))).collect())
}

fn read_wholes<'a>(
    datatype: Datatype,
    values: impl ExactSizeIterator<Item = &'a [u8]>,
    read: fn(&[u8]) -> Option<i64>,
) -> Result<Column, InputProblem> {
    let mut column = Vec::with_capacity(values.len());
    for (at, bytes) in values.enumerate() {
        // Only a UINT64 can be beyond a column.
        let value = read(bytes).ok_or_else(|| misfit(u64::from_le_bytes(exactly(bytes)).to_string(), at, datatype))?;
        column.push(Some(value));
    }
    Ok(Column::Int(column))
}

fn read_bools(bytes: &[u8]) -> Result<Vec<Option<bool>>, InputProblem> {
    let one = |(at, byte): (usize, &u8)| match byte {
        0 | 1 => Ok(Some(*byte == 1)),
        byte => Err(misfit(byte.to_string(), at, Datatype::Bool)),
    };
    bytes.iter().enumerate().map(one).collect()
}

fn read_texts(count: usize, bytes: &[u8]) -> Result<Vec<Option<Arc<str>>>, InputProblem> {
    let mut texts = Vec::with_capacity(count);
    let mut rest = bytes;
    for at in 0..count {
        let cut_off = || InputProblem::CutOff { at, found: bytes.len() };
        let (length, behind) = rest.split_first_chunk().ok_or_else(cut_off)?;
        let length = u32::from_le_bytes(*length) as usize;
        let (text, behind) = behind.split_at_checked(length).ok_or_else(cut_off)?;
        let text = str::from_utf8(text).map_err(|_| InputProblem::NotUtf8 { at })?;
        texts.push(Some(text.into()));
        rest = behind;
    }
    match rest.len() {
        0 => Ok(texts),
        left => Err(InputProblem::BytesLeft { left, count }),
    }
}

/// The number of IEEE 754 half precision: 1 bit of sign, 5 of exponent, 10 of fraction.
fn from_half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    let magnitude = match exponent {
        0 => fraction * (-24f64).exp2(),
        0x1f if fraction == 0.0 => f64::INFINITY,
        0x1f => f64::NAN,
        exponent => (1024.0 + fraction) * f64::from(exponent - 25).exp2(),
    };
    if bits >> 15 == 1 { -magnitude } else { magnitude }
}

/// The number of a BF16: the upper half of an FP32.
fn from_brain(bits: u16) -> f64 {
    f32::from_bits(u32::from(bits) << 16).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The other way: what clients send. A value that the datatype does not have is refused.
    fn write_raw(column: &Column, datatype: Datatype, out: &mut Vec<u8>) -> Result<(), InputProblem> {
        out.reserve(column.len() * datatype.value_bytes().unwrap_or(LENGTH_BYTES));
        match column {
            Column::Float(values) => each(values, |at, value| {
                let rounded = datatype.rounded(*value).ok_or_else(|| misfit(format!("{value:?}"), at, datatype))?;
                match datatype {
                    Datatype::Fp16 => out.extend_from_slice(&to_half(rounded).to_le_bytes()),
                    Datatype::Bf16 => out.extend_from_slice(&to_brain(rounded).to_le_bytes()),
                    Datatype::Fp32 => out.extend_from_slice(&(rounded as f32).to_le_bytes()),
                    Datatype::Fp64 => out.extend_from_slice(&rounded.to_le_bytes()),
                    _ => return Err(misfit(format!("{value:?}"), at, datatype)),
                }
                Ok(())
            }),
            Column::Int(values) | Column::Time(values) => each(values, |at, value| {
                let value = value.ok_or(InputProblem::NoValue(at))?;
                let (low, high) = datatype.whole_range().ok_or_else(|| misfit(value.to_string(), at, datatype))?;
                if !(low..=high).contains(&value) {
                    return Err(misfit(value.to_string(), at, datatype));
                }
                // Within its range a number is the lower bytes of its 64 bits, signed or not.
                out.extend_from_slice(&value.to_le_bytes()[..datatype.value_bytes().unwrap_or_default()]);
                Ok(())
            }),
            Column::Bool(values) => each(values, |at, value| match (value, datatype) {
                (None, _) => Err(InputProblem::NoValue(at)),
                (Some(value), Datatype::Bool) => {
                    out.push(u8::from(*value));
                    Ok(())
                }
                (Some(value), _) => Err(misfit(value.to_string(), at, datatype)),
            }),
            Column::Text(values) => each(values, |at, value| match (value, datatype) {
                (None, _) => Err(InputProblem::NoValue(at)),
                (Some(text), Datatype::Bytes) if u32::try_from(text.len()).is_ok() => {
                    write_text(text, out);
                    Ok(())
                }
                (Some(text), _) => Err(misfit(quoted(text), at, datatype)),
            }),
        }
    }

    fn each<T>(values: &[T], mut write: impl FnMut(usize, &T) -> Result<(), InputProblem>) -> Result<(), InputProblem> {
        values.iter().enumerate().try_for_each(|(at, value)| write(at, value))
    }

    fn quoted(text: &str) -> String {
        format!("{:?}", text.chars().take(60).collect::<String>())
    }

    /// The half-precision bits of a number that is one already.
    fn to_half(value: f64) -> u16 {
        let sign = u16::from(value.is_sign_negative()) << 15;
        let magnitude = value.abs();
        let bits = match magnitude {
            magnitude if magnitude.is_nan() => 0x7e00,
            magnitude if magnitude.is_infinite() => 0x7c00,
            // Below 2^-14 the exponent is 0, and the fraction counts steps of 2^-24.
            magnitude if magnitude < (-14f64).exp2() => (magnitude * 24f64.exp2()) as u16,
            magnitude => {
                let exponent = (magnitude.to_bits() >> 52) as i32 - 1023;
                let fraction = magnitude * f64::from(10 - exponent).exp2() - 1024.0;
                (((exponent + 15) as u16) << 10) + fraction as u16
            }
        };
        sign | bits
    }

    /// The BF16 bits of a number that is one already.
    fn to_brain(value: f64) -> u16 {
        if value.is_nan() {
            return 0x7fc0;
        }
        ((value as f32).to_bits() >> 16) as u16
    }

    fn refused(datatype: Datatype, shape: &[u64], bytes: &[u8], words: &str) {
        let problem = read_raw(datatype, shape, bytes).unwrap_err().to_string();
        assert!(problem.contains(words), "{problem}");
    }

    #[test]
    fn values_are_those_that_numpy_writes() {
        // Reference bytes: numpy's `astype(…).tobytes()`; BYTES: tritonclient's `serialize_byte_tensor`; BF16: its upper half.
        let ints = |values: &[i64]| Column::Int(values.iter().map(|value| Some(*value)).collect());
        let cases: Vec<(Datatype, Vec<u8>, Column)> = vec![
            (Datatype::Bool, vec![1, 0], Column::Bool(vec![Some(true), Some(false)])),
            (Datatype::Int8, vec![0x80, 0x7f], ints(&[-128, 127])),
            (Datatype::Int16, vec![0x00, 0x80, 0xff, 0x7f], ints(&[-32_768, 32_767])),
            (Datatype::Int32, vec![0, 0, 0, 0x80, 0xff, 0xff, 0xff, 0x7f], ints(&[i32::MIN.into(), i32::MAX.into()])),
            (Datatype::Int64, [i64::MIN, i64::MAX].map(i64::to_le_bytes).concat(), ints(&[i64::MIN, i64::MAX])),
            (Datatype::Uint8, vec![0, 0xff], ints(&[0, 255])),
            (Datatype::Uint16, vec![1, 0, 0xff, 0xff], ints(&[1, 65_535])),
            (Datatype::Uint32, vec![2, 0, 0, 0, 0xff, 0xff, 0xff, 0xff], ints(&[2, u32::MAX.into()])),
            (Datatype::Uint64, [3, i64::MAX as u64].map(u64::to_le_bytes).concat(), ints(&[3, i64::MAX])),
            (Datatype::Fp16, vec![0x66, 0x2e, 0x01, 0x80], Column::Float(vec![0.099_975_585_937_5, -(-24f64).exp2()])),
            (Datatype::Bf16, vec![0x49, 0x40, 0x80, 0xbf], Column::Float(vec![3.140_625, -1.0])),
            (
                Datatype::Fp32,
                vec![0xcd, 0xcc, 0xcc, 0x3d, 0, 0, 0x80, 0x7f],
                Column::Float(vec![0.1_f32.into(), f64::INFINITY]),
            ),
            (Datatype::Fp64, [0.1, -0.0].map(f64::to_le_bytes).concat(), Column::Float(vec![0.1, -0.0])),
            (
                Datatype::Bytes,
                vec![3, 0, 0, 0, b'f', 0xc3, 0xbc, 0, 0, 0, 0],
                Column::Text(vec![Some("fü".into()), Some("".into())]),
            ),
        ];
        assert_eq!(cases.iter().map(|case| case.0).collect::<Vec<_>>(), Datatype::ALL);
        for (datatype, bytes, column) in cases {
            assert_eq!(read_raw(datatype, &[2], &bytes).as_ref(), Ok(&column), "{datatype}");
            assert_eq!(read_raw(datatype, &[1, 2], &bytes).as_ref(), Ok(&column), "{datatype}");
            let mut written = vec![7];
            write_raw(&column, datatype, &mut written).unwrap();
            assert_eq!(written[1..], bytes, "{datatype}");
        }
    }

    #[test]
    fn every_half_and_every_brain_float_reads_back() {
        for bits in 0..=u16::MAX {
            for datatype in [Datatype::Fp16, Datatype::Bf16] {
                let Ok(column) = read_raw(datatype, &[1], &bits.to_le_bytes()) else { panic!("{datatype} {bits}") };
                let mut written = Vec::new();
                write_raw(&column, datatype, &mut written).unwrap();
                match column.is_missing(0) {
                    true => assert!(read_raw(datatype, &[1], &written).unwrap().is_missing(0)),
                    false => assert_eq!(written, bits.to_le_bytes(), "{datatype}"),
                }
            }
        }
    }

    #[test]
    fn bytes_and_shapes_that_disagree_are_refused() {
        refused(Datatype::Fp32, &[2], &[0; 4], "has 4 bytes of data; its shape [2] says 8");
        refused(Datatype::Fp32, &[2], &[0; 9], "has 9 bytes of data; its shape [2] says 8");
        refused(Datatype::Int64, &[1 << 62, 1 << 62], &[], "more values than the body can hold");
        refused(Datatype::Int64, &[1 << 62], &[], "more values");
        refused(Datatype::Int8, &[0, u64::MAX], &[], "more values");
        refused(Datatype::Bytes, &[1 << 40], &[0; 8], "more values");
        refused(Datatype::Int8, &[], &[0], "a shape that is not a list of 1 or 2");
        refused(Datatype::Int8, &[1, 1, 1], &[0], "a shape that is not a list of 1 or 2");
        refused(Datatype::Bytes, &[1], &[5, 0, 0, 0, b'a'], "ends within the value at position 0");
        refused(Datatype::Bytes, &[2], &[3, 0, 0, 0, b'a', 0, 0, 0], "ends within the value at position 1");
        refused(Datatype::Bytes, &[1], &[0, 0, 0, 0, 1, 2, 3], "has 3 bytes left after its 1 values");
        refused(Datatype::Bytes, &[1], &[1, 0, 0, 0, 0xff], "position 0 that is not UTF-8");
        refused(Datatype::Bool, &[2], &[1, 2], "has the value 2 at position 1, which is not BOOL");
        refused(Datatype::Uint64, &[1], &u64::MAX.to_le_bytes(), "the value 18446744073709551615 at position 0");
    }

    #[test]
    fn what_a_datatype_cannot_hold_is_not_written() {
        let refuses = |column: Column, datatype, words: &str| {
            let problem = write_raw(&column, datatype, &mut Vec::new()).unwrap_err().to_string();
            assert!(problem.contains(words), "{problem}");
        };
        refuses(Column::Int(vec![Some(300)]), Datatype::Int8, "300");
        refuses(Column::Int(vec![Some(-1)]), Datatype::Uint64, "-1");
        refuses(Column::Int(vec![None]), Datatype::Int64, "row 0");
        refuses(Column::Int(vec![Some(1)]), Datatype::Fp64, "which is not FP64");
        refuses(Column::Float(vec![65_520.0]), Datatype::Fp16, "65520");
        refuses(Column::Float(vec![1.0]), Datatype::Int64, "which is not INT64");
        refuses(Column::Text(vec![Some("a".into())]), Datatype::Fp32, "\"a\"");
        refuses(Column::Bool(vec![Some(true)]), Datatype::Int8, "true");
    }

    proptest! {
        #[test]
        fn numbers_and_texts_read_back(
            floats in prop::collection::vec(any::<f64>(), 1..20),
            wholes in prop::collection::vec(any::<i64>(), 1..20),
            texts in prop::collection::vec("\\PC{0,9}", 1..20),
        ) {
            let check = |column: Column, datatype| {
                let mut bytes = Vec::new();
                write_raw(&column, datatype, &mut bytes).unwrap();
                let read = read_raw(datatype, &[column.len() as u64, 1], &bytes).unwrap();
                let mut again = Vec::new();
                write_raw(&read, datatype, &mut again).unwrap();
                (bytes == again, read)
            };
            let (is_same, _) = check(Column::Float(floats), Datatype::Fp64);
            prop_assert!(is_same);
            let wholes = Column::Int(wholes.into_iter().map(Some).collect());
            prop_assert_eq!(check(wholes.clone(), Datatype::Int64).1, wholes);
            let texts = Column::Text(texts.into_iter().map(|text| Some(text.into())).collect());
            prop_assert_eq!(check(texts.clone(), Datatype::Bytes).1, texts);
        }

        #[test]
        fn hostile_bytes_are_answered(
            datatype in prop::sample::select(Datatype::ALL.to_vec()),
            shape in prop::collection::vec(prop_oneof![0u64..6, any::<u64>()], 0..4),
            bytes in prop::collection::vec(prop_oneof![0u8..4, any::<u8>()], 0..64),
        ) {
            if let Ok(column) = read_raw(datatype, &shape, &bytes) {
                prop_assert_eq!(column.len() as u64, shape.iter().product::<u64>());
            }
        }
    }
}
