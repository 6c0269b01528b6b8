//! The address of a database on a server.

use std::{fmt, str::FromStr};

use crate::database::database_name;

/// The address of a database, `postgres://USER:PASSWORD@HOST:5432/NAME`. It may hold a password: what is shown of it is host, port
/// and name.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    url: String,
    name: String,
}

impl DatabaseUrl {
    /// The whole address, password included.
    pub(crate) fn secret(&self) -> &str {
        &self.url
    }
}

/// That a text is no address of a database. It does not repeat the text, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no address of a database: {reason}; write postgres://USER@HOST:5432/NAME")]
pub struct InvalidDatabaseUrl {
    reason: String,
}

impl FromStr for DatabaseUrl {
    type Err = InvalidDatabaseUrl;

    fn from_str(url: &str) -> Result<Self, InvalidDatabaseUrl> {
        let name = database_name(url).map_err(|error| InvalidDatabaseUrl { reason: error.message() })?;
        Ok(Self { url: url.to_owned(), name })
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({})", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_shown_holds_the_password() {
        let url: DatabaseUrl = "postgres://ana:secret@db.example:6432/kilter".parse().unwrap();
        assert_eq!(url.to_string(), "postgres://db.example:6432/kilter");
        assert_eq!(format!("{url:?}"), "DatabaseUrl(postgres://db.example:6432/kilter)");
    }

    #[test]
    fn what_is_no_address_is_refused_without_being_repeated() {
        for text in ["", "mysql://ana:secret@db/kilter", "kilter", "postgres://[::1"] {
            let error = text.parse::<DatabaseUrl>().unwrap_err().to_string();
            assert!(error.contains("no address") && !error.contains("secret"), "{text}: {error}");
        }
    }
}
