//! The datatypes of the protocol, and which numbers fit them.

use std::fmt;

/// A tensor's datatype.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Datatype {
    /// Yes or no: one byte, 0 or 1.
    Bool,
    /// A whole number of 8 bits.
    Int8,
    /// A whole number of 16 bits.
    Int16,
    /// A whole number of 32 bits.
    Int32,
    /// A whole number of 64 bits.
    Int64,
    /// A whole number of 8 bits without sign.
    Uint8,
    /// A whole number of 16 bits without sign.
    Uint16,
    /// A whole number of 32 bits without sign.
    Uint32,
    /// A whole number of 64 bits without sign.
    Uint64,
    /// A number of 16 bits (IEEE 754 half precision).
    Fp16,
    /// A number of 16 bits: the upper half of an FP32. Only as bytes.
    Bf16,
    /// A number of 32 bits.
    Fp32,
    /// A number of 64 bits.
    Fp64,
    /// A text in UTF-8.
    Bytes,
}

impl Datatype {
    /// Every type.
    pub const ALL: [Self; 14] = [
        Self::Bool,
        Self::Int8,
        Self::Int16,
        Self::Int32,
        Self::Int64,
        Self::Uint8,
        Self::Uint16,
        Self::Uint32,
        Self::Uint64,
        Self::Fp16,
        Self::Bf16,
        Self::Fp32,
        Self::Fp64,
        Self::Bytes,
    ];

    /// As the protocol writes it: `FP64`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bool => "BOOL",
            Self::Int8 => "INT8",
            Self::Int16 => "INT16",
            Self::Int32 => "INT32",
            Self::Int64 => "INT64",
            Self::Uint8 => "UINT8",
            Self::Uint16 => "UINT16",
            Self::Uint32 => "UINT32",
            Self::Uint64 => "UINT64",
            Self::Fp16 => "FP16",
            Self::Bf16 => "BF16",
            Self::Fp32 => "FP32",
            Self::Fp64 => "FP64",
            Self::Bytes => "BYTES",
        }
    }

    /// The type of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|datatype| datatype.as_str() == text)
    }

    /// The smallest and largest whole number it takes; `None` for the others. Columns hold 64-bit signed numbers, so a
    /// UINT64 beyond them is refused, never rounded.
    pub const fn whole_range(self) -> Option<(i64, i64)> {
        match self {
            Self::Int8 => Some((i8::MIN as i64, i8::MAX as i64)),
            Self::Int16 => Some((i16::MIN as i64, i16::MAX as i64)),
            Self::Int32 => Some((i32::MIN as i64, i32::MAX as i64)),
            Self::Int64 => Some((i64::MIN, i64::MAX)),
            Self::Uint8 => Some((0, u8::MAX as i64)),
            Self::Uint16 => Some((0, u16::MAX as i64)),
            Self::Uint32 => Some((0, u32::MAX as i64)),
            Self::Uint64 => Some((0, i64::MAX)),
            Self::Bool | Self::Fp16 | Self::Bf16 | Self::Fp32 | Self::Fp64 | Self::Bytes => None,
        }
    }

    /// Bytes of a value where values are written as bytes; `None` for texts, which state their length.
    pub(super) const fn value_bytes(self) -> Option<usize> {
        match self {
            Self::Bool | Self::Int8 | Self::Uint8 => Some(1),
            Self::Int16 | Self::Uint16 | Self::Fp16 | Self::Bf16 => Some(2),
            Self::Int32 | Self::Uint32 | Self::Fp32 => Some(4),
            Self::Int64 | Self::Uint64 | Self::Fp64 => Some(8),
            Self::Bytes => None,
        }
    }

    /// The number as this floating-point type holds it; `None` when it is too large for it.
    pub(super) fn rounded(self, value: f64) -> Option<f64> {
        let rounded = match self {
            Self::Fp32 => f64::from(value as f32),
            Self::Fp16 => HALF.round(value),
            Self::Bf16 => BRAIN.round(value),
            _ => value,
        };
        (rounded.is_finite() || !value.is_finite()).then_some(rounded)
    }
}

/// A floating-point format of 16 bits.
struct SmallFloat {
    /// Significant bits of a normal number.
    precision: i32,
    /// The exponent of the smallest normal number; below it the steps stay as they are there.
    min_exponent: i32,
    max: f64,
}

/// IEEE 754 half precision.
const HALF: SmallFloat = SmallFloat { precision: 11, min_exponent: -14, max: 65_504.0 };
/// The upper half of single precision: (2 - 2^-7) · 2^127 is its largest number.
const BRAIN: SmallFloat = SmallFloat { precision: 8, min_exponent: -126, max: 3.389_531_389_251_535_5e38 };

impl SmallFloat {
    /// The nearest number of the format, ties to even; infinite beyond the largest.
    fn round(&self, value: f64) -> f64 {
        if value == 0.0 || !value.is_finite() {
            return value;
        }
        let exponent = ((value.to_bits() >> 52 & 0x7ff) as i32 - 1023).max(self.min_exponent);
        let step = f64::from(exponent - self.precision + 1).exp2();
        let rounded = (value / step).round_ties_even() * step;
        if rounded.abs() > self.max { f64::INFINITY.copysign(value) } else { rounded }
    }
}

impl fmt::Display for Datatype {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_rounds_as_ieee_754_does() {
        // Reference values: numpy.float16.
        for (value, expected) in [
            (0.1, 0.099_975_585_937_5),
            (1.0 / 3.0, 0.333_251_953_125),
            (65_504.0, 65_504.0),
            (65_519.99, 65_504.0),
            (6e-8, 5.960_464_477_539_063e-8),
            (2.9e-8, 0.0),
            (2_049.0, 2_048.0),
            (2_051.0, 2_052.0),
            (-0.1, -0.099_975_585_937_5),
        ] {
            assert_eq!(Datatype::Fp16.rounded(value), Some(expected), "{value}");
        }
        assert_eq!(Datatype::Fp16.rounded(65_520.0), None);
        // Reference values: torch.bfloat16.
        for (value, expected) in
            [(0.1, 0.100_097_656_25), (257.0, 256.0), (259.0, 260.0), (1e-40, 9.183_549_615_799_121e-41)]
        {
            assert_eq!(Datatype::Bf16.rounded(value), Some(expected), "{value}");
        }
        assert_eq!(Datatype::Bf16.rounded(3.4e38), None);
        assert_eq!(Datatype::Fp32.rounded(1e39), None);
        assert_eq!(Datatype::Fp64.rounded(1e308), Some(1e308));
    }
}
