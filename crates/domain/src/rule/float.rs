//! Doubles in JSON: numbers where JSON has them, else `"inf"`, `"-inf"`, `"NaN"`. An infinite distance survives storage.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A double that JSON can hold.
#[derive(Clone, Copy)]
struct Float(f64);

impl Serialize for Float {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        if self.0.is_finite() { out.serialize_f64(self.0) } else { out.collect_str(&self.0) }
    }
}

impl<'de> Deserialize<'de> for Float {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(f64),
            Text(String),
        }
        match Written::deserialize(input)? {
            Written::Number(number) => Ok(Self(number)),
            Written::Text(text) => match text.as_str() {
                "inf" => Ok(Self(f64::INFINITY)),
                "-inf" => Ok(Self(f64::NEG_INFINITY)),
                "NaN" => Ok(Self(f64::NAN)),
                _ => Err(serde::de::Error::custom(format!("`{text}` is not a number"))),
            },
        }
    }
}

pub(crate) fn serialize<S: Serializer>(value: &f64, out: S) -> Result<S::Ok, S::Error> {
    Float(*value).serialize(out)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<f64, D::Error> {
    Float::deserialize(input).map(|float| float.0)
}

/// For ends that may be absent.
pub(super) mod option {
    use super::{Deserialize, Deserializer, Float, Serialize, Serializer};

    pub fn serialize<S: Serializer>(value: &Option<f64>, out: S) -> Result<S::Ok, S::Error> {
        value.map(Float).serialize(out)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Option<f64>, D::Error> {
        Option::<Float>::deserialize(input).map(|value| value.map(|float| float.0))
    }
}

/// For intervals.
pub(super) mod interval {
    use super::{Deserialize, Deserializer, Float, Serialize, Serializer};

    pub fn serialize<S: Serializer>(value: &Option<(f64, f64)>, out: S) -> Result<S::Ok, S::Error> {
        value.map(|(low, high)| (Float(low), Float(high))).serialize(out)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Option<(f64, f64)>, D::Error> {
        Option::<(Float, Float)>::deserialize(input).map(|value| value.map(|(low, high)| (low.0, high.0)))
    }
}
