//! Values as they cross the border to a database: the five kinds that SQLite and PostgreSQL have in common.

use std::error::Error;

use super::error::DatabaseError;

/// A value of its own.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

/// A value that stands in a row or a parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum ValueRef<'v> {
    Null,
    Integer(i64),
    Real(f64),
    Text(&'v str),
    Blob(&'v [u8]),
}

impl ValueRef<'_> {
    pub(crate) const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub(crate) fn to_owned(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Integer(number) => Value::Integer(number),
            Self::Real(number) => Value::Real(number),
            Self::Text(text) => Value::Text(text.to_owned()),
            Self::Blob(bytes) => Value::Blob(bytes.to_vec()),
        }
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "no value",
            Self::Integer(_) => "an integer",
            Self::Real(_) => "a number",
            Self::Text(_) => "a text",
            Self::Blob(_) => "bytes",
        }
    }
}

impl<'v> From<&'v Value> for ValueRef<'v> {
    fn from(value: &'v Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Integer(number) => Self::Integer(*number),
            Value::Real(number) => Self::Real(*number),
            Value::Text(text) => Self::Text(text),
            Value::Blob(bytes) => Self::Blob(bytes),
        }
    }
}

/// What can stand as a parameter.
pub(crate) trait ToValue {
    /// The value.
    ///
    /// # Errors
    /// When no database can hold it: a whole number beyond 2^63.
    fn to_value(&self) -> Result<ValueRef<'_>, DatabaseError>;
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl ToValue for $type {
            fn to_value(&self) -> Result<ValueRef<'_>, DatabaseError> {
                Ok(ValueRef::Integer(i64::from(*self)))
            }
        }
        impl FromValue for $type {
            fn from_value(value: ValueRef<'_>) -> Result<Self, Mismatch> {
                Ok(<$type>::try_from(i64::from_value(value)?)?)
            }
        }
    )*};
}

integers!(i32, u32, u8);

impl ToValue for Value {
    fn to_value(&self) -> Result<ValueRef<'_>, DatabaseError> {
        Ok(self.into())
    }
}

impl ToValue for i64 {
    fn to_value(&self) -> Result<ValueRef<'_>, DatabaseError> {
        Ok(ValueRef::Integer(*self))
    }
}

macro_rules! large_integers {
    ($($type:ty),*) => {$(
        impl ToValue for $type {
            fn to_value(&self) -> Result<ValueRef<'_>, DatabaseError> {
                match i64::try_from(*self) {
                    Ok(number) => Ok(ValueRef::Integer(number)),
                    Err(error) => Err(DatabaseError::Parameter { value: self.to_string(), reason: error.to_string() }),
                }
            }
        }
    )*};
}

large_integers!(u64, usize);

impl ToValue for bool {
    fn to_value(&self) -> Result<ValueRef<'_>, DatabaseError> {
        Ok(ValueRef::Integer(i64::from(*self)))
    }
}

impl ToValue for f64 {
    fn to_value(&self) -> Result<ValueRef<'_>, DatabaseError> {
        // A number that is none is kept as no value, as SQLite does.
        Ok(if self.is_nan() { ValueRef::Null } else { ValueRef::Real(*self) })
    }
}

impl ToValue for str {
    fn to_value(&self) -> Result<ValueRef<'_>, DatabaseError> {
        Ok(ValueRef::Text(self))
    }
}

impl ToValue for String {
    fn to_value(&self) -> Result<ValueRef<'_>, DatabaseError> {
        Ok(ValueRef::Text(self))
    }
}

impl ToValue for [u8] {
    fn to_value(&self) -> Result<ValueRef<'_>, DatabaseError> {
        Ok(ValueRef::Blob(self))
    }
}

impl ToValue for Vec<u8> {
    fn to_value(&self) -> Result<ValueRef<'_>, DatabaseError> {
        Ok(ValueRef::Blob(self))
    }
}

impl<const N: usize> ToValue for [u8; N] {
    fn to_value(&self) -> Result<ValueRef<'_>, DatabaseError> {
        Ok(ValueRef::Blob(self))
    }
}

impl<T: ToValue + ?Sized> ToValue for &T {
    fn to_value(&self) -> Result<ValueRef<'_>, DatabaseError> {
        (**self).to_value()
    }
}

impl<T: ToValue> ToValue for Option<T> {
    fn to_value(&self) -> Result<ValueRef<'_>, DatabaseError> {
        self.as_ref().map_or(Ok(ValueRef::Null), ToValue::to_value)
    }
}

/// Why a value could not be read.
pub(crate) type Mismatch = Box<dyn Error + Send + Sync>;

/// What can be read from a row.
pub(crate) trait FromValue: Sized {
    /// The value; an error says what stood there instead.
    fn from_value(value: ValueRef<'_>) -> Result<Self, Mismatch>;
}

fn mismatch<T>(value: ValueRef<'_>, wanted: &str) -> Result<T, Mismatch> {
    Err(format!("{wanted} was expected, {} stands there", value.kind()).into())
}

impl FromValue for i64 {
    fn from_value(value: ValueRef<'_>) -> Result<Self, Mismatch> {
        match value {
            ValueRef::Integer(number) => Ok(number),
            other => mismatch(other, "an integer"),
        }
    }
}

impl FromValue for u64 {
    fn from_value(value: ValueRef<'_>) -> Result<Self, Mismatch> {
        Ok(Self::try_from(i64::from_value(value)?)?)
    }
}

impl FromValue for bool {
    fn from_value(value: ValueRef<'_>) -> Result<Self, Mismatch> {
        Ok(i64::from_value(value)? != 0)
    }
}

impl FromValue for f64 {
    fn from_value(value: ValueRef<'_>) -> Result<Self, Mismatch> {
        match value {
            ValueRef::Real(number) => Ok(number),
            ValueRef::Integer(number) => Ok(number as Self),
            other => mismatch(other, "a number"),
        }
    }
}

impl FromValue for String {
    fn from_value(value: ValueRef<'_>) -> Result<Self, Mismatch> {
        match value {
            ValueRef::Text(text) => Ok(text.to_owned()),
            other => mismatch(other, "a text"),
        }
    }
}

impl FromValue for Vec<u8> {
    fn from_value(value: ValueRef<'_>) -> Result<Self, Mismatch> {
        match value {
            ValueRef::Blob(bytes) => Ok(bytes.to_vec()),
            other => mismatch(other, "bytes"),
        }
    }
}

impl<const N: usize> FromValue for [u8; N] {
    fn from_value(value: ValueRef<'_>) -> Result<Self, Mismatch> {
        match value {
            ValueRef::Blob(bytes) => {
                Ok(bytes.try_into().map_err(|_| format!("{} bytes instead of {N}", bytes.len()))?)
            }
            other => mismatch(other, "bytes"),
        }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: ValueRef<'_>) -> Result<Self, Mismatch> {
        if value.is_null() { Ok(None) } else { T::from_value(value).map(Some) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_no_column_holds_is_refused_and_one_that_is_none_is_no_value() {
        assert!(u64::MAX.to_value().is_err());
        assert_eq!((u64::MAX >> 1).to_value().unwrap(), ValueRef::Integer(i64::MAX));
        assert_eq!(f64::NAN.to_value().unwrap(), ValueRef::Null);
        assert_eq!(None::<&str>.to_value().unwrap(), ValueRef::Null);
    }

    #[test]
    fn what_does_not_fit_is_an_error_that_says_what_stood_there() {
        assert!(u32::from_value(ValueRef::Integer(-1)).is_err());
        assert!(<[u8; 4]>::from_value(ValueRef::Blob(&[1])).unwrap_err().to_string().contains("1 bytes"));
        let error = i64::from_value(ValueRef::Text("7")).unwrap_err();
        assert_eq!(error.to_string(), "an integer was expected, a text stands there");
        assert_eq!(Option::<String>::from_value(ValueRef::Null).unwrap(), None);
    }
}
