//! Everything that a platform knows, in another database: from a file to a server, and back.
//!
//! Invariants: the target gets all of it in one transaction, or nothing; before the commit each table is compared, row by row and
//! value by value, so the audit log is the same to the byte. Triggers and references of the target rest within that transaction
//! only: rows that were right in one database are right in the other. Out of scope: bytes that are not in the database.

use std::path::Path;

use rusqlite::config::DbConfig;

use crate::{
    DatabaseUrl, Durability, Reader, StoreError, StoreOptions,
    database::{self, Binding, Connection, Params, Row, ToValue, Value, named_params},
    home::ServerHome,
    lock::FolderLock,
    migrate, writer,
};

/// Tables that belong to one database or to the present moment.
const NOT_COPIED: &[&str] = &["migration", "last_commit", "lease"];
/// Rows that are sent at once.
const BATCH: usize = 500;
const ATTEMPT: &str = "copy the metadata";

/// A table, with what tells its rows from others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopiedTable {
    /// Its name.
    pub name: String,
    /// How many rows it has.
    pub rows: u64,
    /// The sum of the digests of all rows, whatever their order.
    pub sum: u128,
}

/// A table and its columns.
struct TableColumns {
    name: String,
    columns: Vec<String>,
}

/// Copies all metadata of `from` into an empty database: the file `file` (its folder is made when missing), or the database of a
/// server, to which the folder of `file` will belong. A database that holds the same already, from an earlier call, is compared only.
///
/// # Errors
/// When the target holds another platform, or something that cannot be kept there (a text with a NUL character in PostgreSQL); when
/// one of the two cannot be read or written. Then the target is as it was.
pub fn copy_metadata(
    from: &Reader,
    file: &Path,
    database: Option<&DatabaseUrl>,
) -> Result<Vec<CopiedTable>, StoreError> {
    let _lock = FolderLock::acquire(file.parent().unwrap_or(Path::new(".")))?;
    let target = match database {
        None => open_file(file)?,
        Some(url) => open_server(url)?,
    };
    let copied = copy(from, &target);
    target.close();
    match database {
        None => copied.map_err(|error| error.in_database(file)),
        Some(url) => copied.map_err(|error| error.at_server(&url.to_string())),
    }
}

fn open_file(path: &Path) -> Result<Connection, StoreError> {
    let mut connection = writer::connect(path, Durability::Full)?;
    migrate::migrate(&mut connection, migrate::MIGRATIONS)?;
    let rest = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false);
    rest.map_err(|error| StoreError::of(ATTEMPT, error.into()))?;
    Ok(Connection::sqlite(connection))
}

fn open_server(url: &DatabaseUrl) -> Result<Connection, StoreError> {
    let home = ServerHome::of(url, StoreOptions::default())?;
    let connected = home.connector.connect().map(Connection::postgres);
    let connection =
        connected.map_err(|error| StoreError::of("open the database", error).at_server(&url.to_string()))?;
    migrate::migrate_server(&connection, home.connector.name())?;
    Ok(connection)
}

fn copy(from: &Reader, to: &Connection) -> Result<Vec<CopiedTable>, StoreError> {
    let tables = tables(&from.connection)?;
    let source = tables.iter().map(|table| sum(&from.connection, table)).collect::<Result<Vec<_>, _>>()?;
    let failed = |error| StoreError::of(ATTEMPT, error);
    to.begin_write().map_err(failed)?;
    let filled = fill(from, to, &tables, &source);
    match filled {
        Ok(()) => to.commit().map_err(failed)?,
        Err(error) => {
            // The first error says why; the transaction ends with its connection.
            drop(to.roll_back());
            return Err(error);
        }
    }
    Ok(source)
}

fn fill(from: &Reader, to: &Connection, tables: &[TableColumns], source: &[CopiedTable]) -> Result<(), StoreError> {
    let target = || tables.iter().map(|table| sum(to, table)).collect::<Result<Vec<_>, _>>();
    let before = target()?;
    if before == source {
        return Ok(());
    }
    if let Some(used) = before.iter().find(|table| table.rows > 0) {
        let reason = format!("the target holds a platform already: its table {} has {} rows", used.name, used.rows);
        return Err(StoreError::Conflict { attempted: ATTEMPT, reason });
    }
    let rest = RestingChecks::begin(to, tables)?;
    tables.iter().try_for_each(|table| copy_rows(&from.connection, to, table))?;
    rest.end(to, tables)?;
    copy_time_of_making(from, to)?;
    let after = target()?;
    match source.iter().zip(&after).find(|(source, target)| source != target) {
        None => Ok(()),
        Some((source, target)) => {
            let reason = format!(
                "table {} has {} rows, its copy {}, or a value of a row differs",
                source.name, source.rows, target.rows
            );
            Err(StoreError::Invalid { attempted: ATTEMPT, reason })
        }
    }
}

/// By this time a data folder knows its database.
fn copy_time_of_making(from: &Reader, to: &Connection) -> Result<(), StoreError> {
    let made: Option<i64> = from.one(&migrate::MADE_AT, &[], |row| row.get(0))?;
    let update = "UPDATE migration SET applied = :made WHERE number = 1";
    let params = named_params! { ":made": made };
    to.execute(update, params, Binding::All).map(drop).map_err(|error| StoreError::of(ATTEMPT, error))
}

/// The tables of a database that are copied, by name.
fn tables(connection: &Connection) -> Result<Vec<TableColumns>, StoreError> {
    let (named, of_table) = match connection {
        Connection::Sqlite(_) => (
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
            "SELECT name FROM pragma_table_info(:table) ORDER BY name",
        ),
        Connection::Postgres(_) => (
            "SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename",
            "SELECT CAST(column_name AS TEXT) FROM information_schema.columns
             WHERE table_schema = current_schema() AND table_name = :table ORDER BY column_name",
        ),
    };
    let names = texts(connection, named, &[])?;
    let copied = names.into_iter().filter(|name| !NOT_COPIED.contains(&name.as_str()));
    let with_columns = |name: String| {
        let columns = texts(connection, of_table, named_params! { ":table": name })?;
        Ok(TableColumns { name, columns })
    };
    copied.map(with_columns).collect()
}

fn texts(connection: &Connection, sql: &str, params: Params<'_>) -> Result<Vec<String>, StoreError> {
    let mut found = Vec::new();
    let mut keep = |row: &Row<'_>| {
        found.push(row.get(0)?);
        Ok(true)
    };
    connection.query(sql, params, Binding::All, &mut keep).map_err(|error| StoreError::of(ATTEMPT, error))?;
    Ok(found)
}

impl TableColumns {
    fn quoted(&self) -> String {
        self.columns.iter().map(|column| format!("\"{column}\"")).collect::<Vec<_>>().join(", ")
    }

    fn select(&self) -> String {
        format!("SELECT {} FROM \"{}\"", self.quoted(), self.name)
    }

    fn insert(&self, parameters: &[String]) -> String {
        format!("INSERT INTO \"{}\" ({}) VALUES ({})", self.name, self.quoted(), parameters.join(", "))
    }

    fn values(&self, row: &Row<'_>) -> database::Result<Vec<Value>> {
        (0..self.columns.len()).map(|place| Ok(row.value(place)?.to_owned())).collect()
    }
}

fn copy_rows(from: &Connection, to: &Connection, table: &TableColumns) -> Result<(), StoreError> {
    let parameters: Vec<String> = (0..table.columns.len()).map(|place| format!(":c{place}")).collect();
    let insert = table.insert(&parameters);
    let mut batch: Vec<Vec<Value>> = Vec::with_capacity(BATCH);
    let send = |batch: &mut Vec<Vec<Value>>| {
        let named =
            |row| parameters.iter().map(String::as_str).zip(row).map(|(name, value)| (name, value as &dyn ToValue));
        let rows: Vec<Vec<(&str, &dyn ToValue)>> = batch.iter().map(|row| named(row).collect()).collect();
        let rows: Vec<Params<'_>> = rows.iter().map(Vec::as_slice).collect();
        to.execute_batches(&[(&insert, &rows)])?;
        batch.clear();
        Ok(())
    };
    let mut keep = |row: &Row<'_>| {
        batch.push(table.values(row)?);
        if batch.len() == BATCH {
            send(&mut batch)?;
        }
        Ok(true)
    };
    let copied = from.query(&table.select(), &[], Binding::All, &mut keep).and_then(|()| send(&mut batch));
    copied.map_err(|error| StoreError::of(ATTEMPT, error))
}

/// Counts the rows of a table, and adds up their digests.
fn sum(connection: &Connection, table: &TableColumns) -> Result<CopiedTable, StoreError> {
    let mut found = CopiedTable { name: table.name.clone(), rows: 0, sum: 0 };
    let mut add = |row: &Row<'_>| {
        found.rows += 1;
        found.sum = found.sum.wrapping_add(digest(&table.values(row)?));
        Ok(true)
    };
    connection
        .query(&table.select(), &[], Binding::All, &mut add)
        .map_err(|error| StoreError::of("compare the metadata", error))?;
    Ok(found)
}

fn digest(row: &[Value]) -> u128 {
    let mut hasher = blake3::Hasher::new();
    let mut add = |kind: u8, bytes: &[u8]| {
        hasher.update(&[kind]).update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
    };
    for value in row {
        match value {
            Value::Null => add(0, &[]),
            Value::Integer(number) => add(1, &number.to_le_bytes()),
            // SQLite keeps no sign of a zero.
            Value::Real(number) => add(2, &(number + 0.0).to_le_bytes()),
            Value::Text(text) => add(3, text.as_bytes()),
            Value::Blob(bytes) => add(4, bytes),
        }
    }
    let mut first = [0; 16];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    u128::from_le_bytes(first)
}

/// Triggers and references of the target, while rows come in the order of their tables.
struct RestingChecks {
    /// Table and name of each reference of PostgreSQL.
    references: Vec<(String, String)>,
}

/// The references of a database of PostgreSQL, as `TABLE NAME`.
const REFERENCES: &str = "
    SELECT c.relname || ' ' || k.conname FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid
    JOIN pg_namespace AS n ON n.oid = k.connamespace
    WHERE k.contype = 'f' AND NOT k.condeferrable AND n.nspname = current_schema()";

impl RestingChecks {
    fn begin(to: &Connection, tables: &[TableColumns]) -> Result<Self, StoreError> {
        let failed = |error| StoreError::of("let the checks of the database rest", error);
        let mut references = Vec::new();
        let mut sql = String::new();
        match to {
            // Triggers rest since the connection was opened; references are checked by the commit.
            Connection::Sqlite(_) => sql += "PRAGMA defer_foreign_keys = ON",
            Connection::Postgres(_) => {
                let found = texts(to, REFERENCES, &[])?;
                let pairs = found.iter().filter_map(|found| found.split_once(' '));
                references = pairs.map(|(table, name)| (table.to_owned(), name.to_owned())).collect();
                for table in tables {
                    sql += &format!("ALTER TABLE \"{}\" DISABLE TRIGGER USER;", table.name);
                }
                for (table, name) in &references {
                    sql +=
                        &format!("ALTER TABLE \"{table}\" ALTER CONSTRAINT \"{name}\" DEFERRABLE INITIALLY DEFERRED;");
                }
            }
        }
        to.batch(&sql).map_err(failed)?;
        Ok(Self { references })
    }

    /// Checks the references, and lets keys of later rows follow those that came.
    fn end(self, to: &Connection, tables: &[TableColumns]) -> Result<(), StoreError> {
        let Connection::Postgres(_) = to else { return Ok(()) };
        let mut sql = "SET CONSTRAINTS ALL IMMEDIATE;".to_owned();
        for (table, name) in &self.references {
            sql += &format!("ALTER TABLE \"{table}\" ALTER CONSTRAINT \"{name}\" NOT DEFERRABLE;");
        }
        for TableColumns { name, columns } in tables {
            sql += &format!("ALTER TABLE \"{name}\" ENABLE TRIGGER USER;");
            if columns.iter().any(|column| column == "key") {
                sql += &format!(
                    "SELECT setval(pg_get_serial_sequence('\"{name}\"', 'key'), max(key)) FROM \"{name}\" HAVING max(key) IS NOT NULL;"
                );
            }
        }
        to.batch(&sql).map_err(|error| StoreError::of("check the references of the copy", error))
    }
}
