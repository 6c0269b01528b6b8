//! The parameters of a request, and values whose type is looked at before it is complained about.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::{
    V2Error,
    context::Context,
    parameter_value::{ParameterValue, Parameters},
};

pub(crate) struct ParametersSeed<'a>(pub(crate) &'a Context<'a>);

/// The parameters, and whether all outputs are wanted as binary data.
impl<'de> DeserializeSeed<'de> for ParametersSeed<'_> {
    type Value = (Parameters, bool);

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Self::Value, D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ParametersSeed<'_> {
    type Value = (Parameters, bool);

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object of parameters")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Self::Value::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut parameters = Parameters::default();
        let mut is_binary = false;
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            let value = map.next_value::<Lenient<'de>>()?;
            match &*key {
                "binary_data_output" => match value {
                    Lenient::Bool(wanted) => is_binary = wanted,
                    Lenient::Null => {}
                    _ => return Err(self.raise(&key, "must be true or false".into())),
                },
                _ => {
                    let set = parameters.set(&key, value.as_parameter(), self.0.limits);
                    set.map_err(|error| self.0.fault.raise(error))?;
                }
            }
        }
        Ok((parameters, is_binary))
    }
}

impl ParametersSeed<'_> {
    pub(super) fn text<E: Error>(&self, name: &str, value: Lenient<'_>) -> Result<Option<String>, E> {
        value.as_parameter().text(self.0.limits).map_err(|problem| self.raise(name, problem))
    }

    fn raise<E: Error>(&self, name: &str, problem: String) -> E {
        self.0.fault.raise(V2Error::BadParameter { name: name.to_owned(), problem })
    }
}

/// What the parameters of an input say of its data.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TensorParameters {
    /// Bytes behind the JSON that are its data.
    pub(super) binary_data_size: Option<u64>,
    /// Whether its data are in memory that client and server share.
    pub(super) has_shared_memory: bool,
}

pub(super) struct TensorParametersSeed;

impl<'de> DeserializeSeed<'de> for TensorParametersSeed {
    type Value = TensorParameters;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<TensorParameters, D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TensorParametersSeed {
    type Value = TensorParameters;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object of parameters, with `binary_data_size` as a whole number")
    }

    fn visit_unit<E: Error>(self) -> Result<TensorParameters, E> {
        Ok(TensorParameters::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<TensorParameters, A::Error> {
        let mut parameters = TensorParameters::default();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match (&*key, map.next_value::<Lenient<'de>>()?) {
                ("binary_data_size", Lenient::Unsigned(size)) => parameters.binary_data_size = Some(size),
                ("binary_data_size", Lenient::Null) => {}
                ("binary_data_size", _) => return Err(A::Error::custom("`binary_data_size` is not a whole number")),
                ("shared_memory_region", _) => parameters.has_shared_memory = true,
                _ => {}
            }
        }
        Ok(parameters)
    }
}

/// A value whose type is looked at before it is complained about. Lists and objects are skipped, however deep.
pub(super) enum Lenient<'de> {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Text(Cow<'de, str>),
    Other,
}

impl Lenient<'_> {
    /// As a parameter.
    fn as_parameter(&self) -> ParameterValue<'_> {
        match self {
            Self::Null => ParameterValue::Null,
            Self::Text(text) => ParameterValue::Text(text),
            Self::Signed(number) => ParameterValue::Whole(*number),
            Self::Unsigned(number) => i64::try_from(*number).map_or(ParameterValue::Other, ParameterValue::Whole),
            Self::Bool(value) => ParameterValue::Bool(*value),
            Self::Other => ParameterValue::Other,
        }
    }
}

impl<'de> Deserialize<'de> for Lenient<'de> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(LenientVisitor)
    }
}

struct LenientVisitor;

impl<'de> Visitor<'de> for LenientVisitor {
    type Value = Lenient<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Lenient<'de>, E> {
        Ok(Lenient::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Lenient<'de>, E> {
        Ok(Lenient::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Lenient<'de>, E> {
        Ok(Lenient::Unsigned(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Lenient<'de>, E> {
        Ok(Lenient::Signed(value))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Lenient<'de>, E> {
        Ok(Lenient::Other)
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Lenient<'de>, E> {
        Ok(Lenient::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Lenient<'de>, E> {
        Ok(Lenient::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Lenient<'de>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Lenient::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Lenient<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Lenient::Other)
    }
}
