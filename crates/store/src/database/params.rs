//! Parameters of a statement, by name.

use super::value::ToValue;

/// Parameters by name, colon included.
pub(crate) type Params<'p> = &'p [(&'p str, &'p dyn ToValue)];

/// `named_params! { ":name": value, … }`: parameters for a statement.
macro_rules! named_params {
    ($($name:literal: $value:expr),* $(,)?) => {
        &[$(($name, &$value as &dyn $crate::database::ToValue)),*] as $crate::database::Params<'_>
    };
}
pub(crate) use named_params;

/// Whether a statement must take every parameter that is handed to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binding {
    /// Each parameter has its place.
    All,
    /// The statement may leave some out.
    Some,
}
