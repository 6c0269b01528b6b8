//! A platform moves from a file to a server and back.

use std::path::Path;

use kilter_store::{CopiedTable, DATABASE_FILE, DatabaseUrl, Store, StoreError, audit, copy_metadata, run};

use crate::{
    databases::TestDatabase,
    world::{add_records, draft, new_run},
};

only_postgres![
    a_platform_that_moves_to_a_server_and_back_has_the_same_rows_and_goes_on,
    a_database_that_holds_another_platform_is_refused_and_left_as_it_was,
];

fn copy(from: &Store, folder: &Path, database: Option<&DatabaseUrl>) -> Result<Vec<CopiedTable>, StoreError> {
    from.read(|reader| copy_metadata(reader, &folder.join(DATABASE_FILE), database))
}

fn create_run(store: &Store, id: &'static str) {
    store.write(move |tx| run::create(&tx.audited(draft(1, "go on")), &new_run(id)).map(drop)).unwrap();
}

fn assert_sound(store: &Store) {
    let found = store.read(audit::verify).unwrap();
    assert!(found.is_sound(), "{:?}", found.faults);
}

fn a_platform_that_moves_to_a_server_and_back_has_the_same_rows_and_goes_on() {
    let folders: Vec<tempfile::TempDir> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let store = Store::open(folders[0].path()).unwrap();
    add_records(&store);
    create_run(&store, "r-2");
    let database = TestDatabase::new().unwrap();
    let url = database.url().parse().unwrap();
    let copied = copy(&store, folders[1].path(), Some(&url)).unwrap();
    let rows = |table: &str| copied.iter().find(|copied| copied.name == table).unwrap().rows;
    assert_eq!((rows("audit"), rows("run"), rows("model")), (5, 2, 1));
    assert_eq!(copy(&store, folders[1].path(), Some(&url)).unwrap(), copied, "the second call compares");
    let on_server = database.open(folders[1].path());
    assert_eq!(on_server.made_at().unwrap(), store.made_at().unwrap());
    assert_sound(&on_server);
    // Keys and the audit log go on behind those that came.
    create_run(&on_server, "r-3");
    let back = copy(&on_server, folders[2].path(), None).unwrap();
    drop(on_server);
    let again = Store::open(folders[2].path()).unwrap();
    assert_eq!(again.changed_while_closed(), None);
    assert_sound(&again);
    create_run(&again, "r-4");
    let rows = |table: &str| back.iter().find(|copied| copied.name == table).unwrap().rows;
    assert_eq!((rows("audit"), rows("run")), (6, 3));
    let sums = |copied: &[CopiedTable], table: &str| copied.iter().find(|copied| copied.name == table).unwrap().clone();
    assert_eq!(sums(&back, "model"), sums(&copied, "model"));
}

fn a_database_that_holds_another_platform_is_refused_and_left_as_it_was() {
    let folders: Vec<tempfile::TempDir> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let (one, other) = (Store::open(folders[0].path()).unwrap(), Store::open(folders[1].path()).unwrap());
    add_records(&one);
    add_records(&other);
    create_run(&other, "r-2");
    let database = TestDatabase::new().unwrap();
    let url = database.url().parse().unwrap();
    let copied = copy(&one, folders[2].path(), Some(&url)).unwrap();
    let refused = copy(&other, folders[2].path(), Some(&url)).unwrap_err();
    assert!(matches!(&refused, StoreError::Conflict { reason, .. } if reason.contains("holds a platform already")));
    assert_eq!(copy(&one, folders[2].path(), Some(&url)).unwrap(), copied);
    assert_sound(&database.open(folders[2].path()));
}
