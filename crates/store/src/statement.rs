//! Statements are whole, named and listed, so that a test can prepare each against the migrated schema.

use crate::database::Value;

/// One SQL statement and what it attempts, in the words of an error: `could not {attempt}`.
pub(crate) struct Statement {
    pub attempt: &'static str,
    /// What it does.
    pub sql: &'static str,
}

/// A statement that is put together at run time, of words of ours alone; what others wrote is in its values.
pub(crate) struct BuiltStatement {
    pub attempt: &'static str,
    /// In the dialect of the database, with numbered parameters.
    pub sql: String,
    /// The parameters, in the order of their numbers.
    pub values: Vec<Value>,
}

/// Names statements and lists them for the test that prepares them all.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $attempt:literal: $sql:expr;)*) => {
        $($(#[$doc])* pub(crate) const $name: $crate::statement::Statement =
            $crate::statement::Statement { attempt: $attempt, sql: $sql };)*
        #[cfg(test)]
        pub(crate) const STATEMENTS: &[&$crate::statement::Statement] = &[$(&$name),*];
    };
}
pub(crate) use statements;

#[cfg(test)]
#[path = "statement/tests.rs"]
mod tests;
