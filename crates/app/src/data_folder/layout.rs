//! What lies in a data folder, and whether it belongs together.
//!
//! Invariants: a folder that has held a platform is never taken for a new one because its database is gone.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use kilter_domain::replica::ReplicaId;
use kilter_store::{DATABASE_FILE, DatabaseUrl, Store, replica};

use crate::{
    app::{App, new_id},
    causes::StorageError,
    data_folder::error::DataFolderError,
    prediction::predict,
};

/// Whether the files that are written now still bear their names, each with what to do when it does not.
pub fn check_presence(app: &App) -> Vec<(&'static str, Result<(), String>)> {
    let database = app.store().check_presence().map_err(|error| error.to_string());
    let logs = predict::open_endpoints(app)
        .into_iter()
        .try_for_each(|(_, serving)| serving.log().check_presence().map_err(|error| error.to_string()));
    vec![("database", database), ("prediction log", logs)]
}

/// Whether the object store answered last, with what it said when it did not; `None` where the bytes lie in the data folder.
pub fn storage_state(app: &App) -> Option<Result<(), String>> {
    app.storage().map(|storage| storage.failure().map_or(Ok(()), Err))
}

/// What was found to be missing since the folder was opened, each with the file and what to do.
pub fn damage(app: &App) -> Vec<String> {
    let endpoints = predict::open_endpoints(app).into_iter();
    endpoints.flat_map(|(_, serving)| serving.losses().iter().map(ToString::to_string).collect::<Vec<_>>()).collect()
}

/// That a database is not what it was when it was closed.
pub(crate) fn changed_database(path: &Path) -> String {
    format!(
        "{} is not what it was when it was closed: another program wrote it, or it is damaged; look with `kilter doctor` and \
         `kilter audit verify`, and restore a backup (`kilter restore`) if nobody meant to change it",
        path.display()
    )
}

/// Refuses a folder whose database is missing or empty while what belongs to one is there.
pub(crate) fn refuse_lost_database(folder: &Path) -> Result<(), DataFolderError> {
    let path = folder.join(DATABASE_FILE);
    if !Store::is_new(folder)? {
        return Ok(());
    }
    match remains(folder) {
        None => Ok(()),
        Some(beside) => Err(DataFolderError::DatabaseLost { is_missing: !path.exists(), path, beside }),
    }
}

/// The file by which a folder knows the database on a server that it belongs to, and itself among the folders of that database.
const SERVER_FILE: &str = "database";

/// What the file says, a line each.
struct ServerFile {
    /// When the database was made, which tells it from any other.
    made: String,
    /// Its address for a person.
    database: String,
    /// By which the database knows the folder; `None` in one from before there were several.
    id: Option<String>,
}

/// The database on a server that the folder belongs to, for a person; `None` where its metadata lie in a file.
pub(crate) fn database_on_server(folder: &Path) -> Result<Option<String>, StorageError> {
    Ok(read_server_file(folder)?.map(|file| file.database))
}

/// The number that a database knows the folder by; `None` where it does not, or the metadata lie in a file.
pub(crate) fn replica_of(folder: &Path, store: &Store) -> Result<Option<ReplicaId>, StorageError> {
    let Some(id) = read_server_file(folder)?.and_then(|file| file.id) else { return Ok(None) };
    Ok(store.read(|reader| replica::find_by_id(reader, &id))?.map(|found| found.number))
}

/// Refuses to begin anew in a folder whose metadata lie on a server.
pub(crate) fn refuse_folder_of_server(folder: &Path) -> Result<(), DataFolderError> {
    match database_on_server(folder)? {
        None => Ok(()),
        Some(database) => Err(DataFolderError::OnServer { folder: folder.to_owned(), database }),
    }
}

/// Refuses a folder that has metadata in a file, where they are to lie on a server.
pub(crate) fn refuse_folder_with_file(folder: &Path, url: &DatabaseUrl) -> Result<(), DataFolderError> {
    match Store::is_new(folder)? {
        true => Ok(()),
        false => Err(DataFolderError::InFile { folder: folder.to_owned(), database: url.to_string() }),
    }
}

/// Binds the folder to the database of a server; one that is bound to another is refused. The address may change, as after a
/// failover. The number that the database knows the folder by: a new folder gets one.
pub(crate) fn keep_to_server(folder: &Path, store: &Store) -> Result<ReplicaId, DataFolderError> {
    let (made, database) = (store.made_at()?.to_string(), store.database_name());
    let found = read_server_file(folder)?;
    if found.as_ref().is_some_and(|found| found.made != made) {
        return Err(DataFolderError::OtherPlatform { folder: folder.to_owned(), database });
    }
    let is_older = found.is_some();
    let id = match found.and_then(|found| found.id) {
        Some(id) => id,
        None => {
            let id = new_id();
            write_server_file(folder, &ServerFile { made, database, id: Some(id.clone()) })?;
            id
        }
    };
    match replica_of(folder, store)? {
        Some(known) => Ok(known),
        None => Ok(store.write(move |tx| replica::register(tx, &id, is_older))?),
    }
}

fn read_server_file(folder: &Path) -> Result<Option<ServerFile>, StorageError> {
    let found = read_lines(&folder.join(SERVER_FILE))?;
    Ok(found.map(|[made, database, id]| ServerFile { made, database, id: Some(id).filter(|id| !id.is_empty()) }))
}

/// The first lines of a small file of the folder, empty where it has fewer; `None` where there is no such file.
pub(crate) fn read_lines<const COUNT: usize>(path: &Path) -> Result<Option<[String; COUNT]>, StorageError> {
    match fs::read_to_string(path) {
        Ok(text) => {
            let mut lines = text.lines();
            Ok(Some([(); COUNT].map(|()| lines.next().unwrap_or_default().to_owned())))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StorageError::ReadFile { path: path.to_owned(), source }),
    }
}

fn write_server_file(folder: &Path, file: &ServerFile) -> Result<(), StorageError> {
    let ServerFile { made, database, id } = file;
    let text = format!("{made}\n{database}\n{}\n", id.as_deref().unwrap_or_default());
    Ok(kilter_blobs::atomic::write_atomic(&folder.join(SERVER_FILE), text.as_bytes())?)
}

/// Something in the folder that only a platform with a database leaves there.
fn remains(folder: &Path) -> Option<PathBuf> {
    let journal = folder.join(format!("{DATABASE_FILE}-wal"));
    let has_bytes = |path: &Path| fs::metadata(path).is_ok_and(|file| file.len() > 0);
    // A database that was read with its journal has no commit in it: a process ended while it made them.
    if has_bytes(&journal) && !has_bytes(&folder.join(DATABASE_FILE)) {
        return Some(journal);
    }
    let recorded =
        ["log", "lake", "served"].map(|name| folder.join(name)).into_iter().find_map(|path| first_file(&path));
    // A project keeps its cache of steps in a folder of the same name, with blobs and without a database: blobs alone
    // say nothing. The lock says that a database was opened here.
    let opened = fs::metadata(folder.join("store.lock")).is_ok_and(|lock| lock.len() > 0);
    recorded.or_else(|| first_file(&folder.join("blobs").join("objects")).filter(|_| opened))
}

/// Some file below a folder that is no lock and no leftover.
pub(crate) fn first_file(folder: &Path) -> Option<PathBuf> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(path),
                Ok(_) if name != "lock" && !name.to_string_lossy().starts_with('.') => return Some(path),
                _ => {}
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_its_database_is_refused_and_a_new_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str, bytes: &[u8]| {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        refuse_lost_database(dir.path()).unwrap();
        put("blobs/objects/aa/bb", b"the cache of a project's steps");
        put("log/churn/lock", b"");
        refuse_lost_database(dir.path()).unwrap();
        put("log/churn/0000000001.klog", b"x");
        let refused = |dir: &Path| refuse_lost_database(dir).unwrap_err().to_string();
        assert!(refused(dir.path()).contains("kilter.db is missing"), "{}", refused(dir.path()));
        assert!(refused(dir.path()).contains("0000000001.klog") && refused(dir.path()).contains("kilter restore"));
        put(DATABASE_FILE, b"");
        assert!(refused(dir.path()).contains("kilter.db is empty"));
        fs::remove_dir_all(dir.path().join("log")).unwrap();
        refuse_lost_database(dir.path()).unwrap();
        put("store.lock", b"12");
        assert!(refused(dir.path()).contains("blobs"), "a database was opened beside these blobs");
    }

    #[test]
    fn a_database_in_which_nothing_was_ever_written_is_an_empty_one() {
        let dir = tempfile::tempdir().unwrap();
        drop(Store::open(dir.path()).unwrap());
        fs::create_dir_all(dir.path().join("lake/predictions/churn")).unwrap();
        fs::write(dir.path().join("lake/predictions/churn/000000001000.parquet"), "x").unwrap();
        refuse_lost_database(dir.path()).unwrap();
    }

    #[test]
    fn a_process_that_ended_while_it_made_the_database_left_a_new_folder() {
        // The first page of a database without a table, in the mode with a journal: SQLite's file format, section 1.3.
        let mut page = vec![0; 4096];
        page[..16].copy_from_slice(b"SQLite format 3\0");
        page[16..24].copy_from_slice(&[0x10, 0, 2, 2, 0, 64, 32, 32]);
        // Changes, pages; then the root of a tree without cells, whose content begins at the end of the page.
        (page[27], page[31], page[95]) = (1, 1, 1);
        (page[100], page[105]) = (13, 0x10);
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(DATABASE_FILE), page).unwrap();
        // What was not committed has no valid frame.
        fs::write(dir.path().join(format!("{DATABASE_FILE}-wal")), [7; 8192]).unwrap();
        refuse_lost_database(dir.path()).unwrap();
        drop(Store::open(dir.path()).unwrap());
        refuse_lost_database(dir.path()).unwrap();
        // Without the database itself the same journal is what is left of one.
        fs::write(dir.path().join(DATABASE_FILE), b"").unwrap();
        fs::write(dir.path().join(format!("{DATABASE_FILE}-wal")), [7; 8192]).unwrap();
        assert!(refuse_lost_database(dir.path()).is_err());
    }
}
