//! Statements are whole, named and listed, so that a test can prepare each against the migrated schema.

/// One SQL statement and what it attempts, in the words of an error: `could not {attempt}`.
pub(crate) struct Statement {
    pub attempt: &'static str,
    /// What it does.
    pub sql: &'static str,
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
