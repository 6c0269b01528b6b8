//! The writer on a disk that is full.

use std::{path::Path, sync::Barrier, thread};

use kilter_domain::{actor::Actor, time::Timestamp};
use serde_json::{Value, json};

use super::*;
use crate::{audit::AuditEvent, home::FileHome, migrate, presence::Presence, reading::Access, setting};

/// A writer whose file cannot grow by more than `pages` pages: what a full disk looks like to SQLite.
fn cramped(path: &Path, pages: i64) -> Writer {
    let mut connection = connect(path, Durability::Full).unwrap();
    migrate::migrate(&mut connection, migrate::MIGRATIONS).unwrap();
    let used: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    connection.query_row(&format!("PRAGMA max_page_count = {}", used + pages), [], |_| Ok(())).unwrap();
    Writer::start(
        Tx::new(Connection::sqlite(connection), Arc::default()),
        Arc::new(CommitNotifier::default()),
        home(path),
    )
    .unwrap()
}

fn home(path: &Path) -> Home {
    Home::File(FileHome { path: path.to_owned(), access: Access::Shared, presence: Presence::of(path) })
}

fn put(writer: &Writer, name: &str, value: Value) -> Result<(), StoreError> {
    let name = name.to_owned();
    writer.write(move |tx| {
        let draft = AuditEvent {
            at: Timestamp(1),
            actor: Actor::system("test"),
            on_behalf: None,
            action: "setting.put".into(),
            reason: None,
            evidence: Vec::new(),
        };
        setting::put(&tx.audited(draft), &name, &value).map(drop)
    })
}

fn is_there(path: &Path, name: &str) -> bool {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.query_row("SELECT count(*) FROM setting WHERE name = ?1", [name], |row| row.get(0)).unwrap()
}

#[test]
fn a_full_disk_is_an_error_message_and_no_loss() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("full.db");
    let writer = cramped(&path, 20);
    put(&writer, "before", json!(1)).unwrap();
    let error = put(&writer, "large", json!("x".repeat(1 << 20))).unwrap_err();
    assert!(matches!(error, StoreError::DiskFull { .. }), "{error:?}");
    assert!(error.to_string().contains("the disk is full; nothing of it was kept"), "{error}");
    put(&writer, "after", json!(1)).unwrap();
    drop(writer);
    assert!(is_there(&path, "before") && is_there(&path, "after") && !is_there(&path, "large"));
    let reader = Reader::new(Connection::sqlite(rusqlite::Connection::open(&path).unwrap()));
    assert!(crate::audit::verify(&reader).unwrap().is_sound());
}

#[test]
fn of_writes_that_share_a_full_disk_exactly_the_acknowledged_ones_are_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("full.db");
    let writer = cramped(&path, 60);
    let together = Barrier::new(32);
    let acknowledged: Vec<(String, bool)> = thread::scope(|scope| {
        let clients: Vec<_> = (0..32)
            .map(|client| {
                let (writer, together) = (&writer, &together);
                scope.spawn(move || {
                    together.wait();
                    let (name, bytes) = (format!("s{client}"), if client % 4 == 0 { 1 << 20 } else { 100 });
                    let kept = put(writer, &name, json!("x".repeat(bytes)));
                    if let Err(error) = &kept {
                        let is_expected = matches!(error, StoreError::DiskFull { .. } | StoreError::RolledBack);
                        assert!(is_expected, "{error:?}");
                    }
                    (name, kept.is_ok())
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    drop(writer);
    for (name, kept) in &acknowledged {
        assert_eq!(is_there(&path, name), *kept, "{name}");
    }
    assert!(acknowledged.iter().any(|(_, kept)| *kept) && acknowledged.iter().any(|(_, kept)| !*kept));
    let reader = Reader::new(Connection::sqlite(rusqlite::Connection::open(&path).unwrap()));
    assert!(crate::audit::verify(&reader).unwrap().is_sound());
}

#[test]
fn a_transaction_that_was_taken_away_is_not_acknowledged_and_the_next_one_begins_anew() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("taken.db");
    let writer = cramped(&path, 1000);
    put(&writer, "before", json!(1)).unwrap();
    // What SQLite does by itself on some disk errors.
    let broken = writer.write(|tx| {
        tx.connection.batch("ROLLBACK").unwrap();
        Ok(())
    });
    assert!(matches!(broken, Err(StoreError::RolledBack)), "{broken:?}");
    put(&writer, "after", json!(1)).unwrap();
    assert!(is_there(&path, "after"));
}
