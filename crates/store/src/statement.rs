//! Statements are whole, named and listed, so that a test can prepare each against the migrated schema.

/// One SQL statement and what it attempts, in the words of an error: `could not {attempt}`.
pub(crate) struct Statement {
    pub attempt: &'static str,
    pub sql: &'static str,
}

/// Names statements and lists them for the test that prepares them all.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $attempt:literal: $sql:expr;)*) => {
        $($(#[$doc])* const $name: $crate::statement::Statement =
            $crate::statement::Statement { attempt: $attempt, sql: $sql };)*
        #[cfg(test)]
        pub(crate) const STATEMENTS: &[&$crate::statement::Statement] = &[$(&$name),*];
    };
}
pub(crate) use statements;

#[cfg(test)]
mod tests {
    use crate::{
        Store, actor, audit, dataset, deployment, gate, lease, model, monitor, prediction, project, run, setting,
    };

    #[test]
    fn every_statement_prepares_against_the_migrated_schema_and_says_what_it_attempts() {
        let rooms = [
            actor::STATEMENTS,
            audit::STATEMENTS,
            audit::verify::STATEMENTS,
            dataset::STATEMENTS,
            deployment::STATEMENTS,
            gate::STATEMENTS,
            lease::STATEMENTS,
            model::STATEMENTS,
            model::alias::STATEMENTS,
            monitor::STATEMENTS,
            monitor::alert::STATEMENTS,
            monitor::retrain::STATEMENTS,
            monitor::threshold::STATEMENTS,
            prediction::STATEMENTS,
            project::STATEMENTS,
            run::STATEMENTS,
            run::log::STATEMENTS,
            setting::STATEMENTS,
        ];
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let prepared = store.read(move |reader| {
            for statement in rooms.iter().copied().flatten() {
                if let Err(error) = reader.connection.prepare(statement.sql) {
                    panic!("{}: {error}", statement.sql);
                }
                assert!(!statement.attempt.is_empty());
            }
            Ok(rooms.iter().map(|room| room.len()).sum::<usize>())
        });
        assert!(prepared.unwrap() > 60);
    }
}
