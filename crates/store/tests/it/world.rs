//! A store in a folder that vanishes, with a project, a model and an endpoint.

use std::path::Path;

use kilter_domain::{
    actor::Actor,
    digest::Digest,
    ids::{EndpointName, ModelName, ProjectName},
    run::Cause,
    time::Timestamp,
};
use kilter_store::{
    DATABASE_FILE, Store, StoreError, Tx,
    audit::{AuditEvent, AuditedTx},
    deployment, model, project, run,
};
use serde_json::json;

use crate::databases::{TestDatabase, try_run};

pub struct World {
    pub dir: tempfile::TempDir,
    pub store: Store,
    _database: Option<TestDatabase>,
}

impl World {
    /// An empty store.
    pub fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let database = TestDatabase::new();
        let store = match &database {
            Some(database) => database.open(dir.path()),
            None => Store::open(dir.path()).unwrap(),
        };
        Self { dir, store, _database: database }
    }

    /// A store with the project, model and endpoint `churn`, and the run `r-1`.
    pub fn with_records() -> Self {
        let world = Self::empty();
        add_records(&world.store);
        world
    }

    /// Acts at `at` ms.
    pub fn act<T: Send + 'static>(
        &self,
        at: i64,
        work: impl FnOnce(&AuditedTx) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.store.write(move |tx| work(&tx.audited(draft(at, "test"))))
    }

    /// Writes what needs no entry.
    pub fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Tx) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.store.write(work)
    }

    /// Closes the store, does something to its file behind its back, and opens it again.
    pub fn tampered(self, with: impl FnOnce(&rusqlite::Connection)) -> Self {
        let Self { dir, store, _database } = self;
        drop(store);
        tamper(dir.path(), with);
        let store = Store::open(dir.path()).unwrap();
        Self { dir, store, _database }
    }

    /// Closes the store, runs SQL past it, and opens it again; how that went.
    pub fn past_the_store(self, guards: Guards, sql: &str) -> (Self, Result<(), String>) {
        let mut done = Ok(());
        let world = match &self._database {
            Some(database) => {
                let drop_guards = if guards == Guards::Dropped { DROP_TRIGGERS } else { "" };
                done = try_run(&database.url(), &format!("{drop_guards}{sql}"));
                let Self { dir, store, _database } = self;
                drop(store);
                let store = _database.as_ref().map(|database| database.open(dir.path())).unwrap();
                Self { dir, store, _database }
            }
            None => self.tampered(|connection| {
                let foreign_keys = if guards == Guards::Dropped { "OFF" } else { "ON" };
                let pragmas = format!("PRAGMA foreign_keys = {foreign_keys}; PRAGMA recursive_triggers = ON");
                connection.execute_batch(&pragmas).unwrap();
                if guards == Guards::Dropped {
                    drop_triggers(connection);
                }
                done = connection.execute_batch(sql).map_err(|error| error.to_string());
            }),
        };
        (world, done)
    }

    /// The audit log says what it said, and each life stands where its last entry left it.
    pub fn assert_sound(&self) {
        let found = self.store.read(kilter_store::audit::verify).unwrap();
        assert!(found.is_sound(), "{:?}", found.faults);
    }
}

/// Whether the triggers and foreign keys stand while something is done past the store.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Guards {
    Kept,
    Dropped,
}

/// Triggers of ours, and of foreign keys, are out of the way afterwards.
const DROP_TRIGGERS: &str = "
    SET session_replication_role = replica;
    DO $$ DECLARE found record; BEGIN
        FOR found IN SELECT tgname, relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid WHERE NOT tgisinternal
        LOOP EXECUTE format('DROP TRIGGER %I ON %I', found.tgname, found.relname); END LOOP;
    END $$;";

fn drop_triggers(connection: &rusqlite::Connection) {
    let mut prepared = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'").unwrap();
    let triggers: Vec<String> = prepared.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    triggers.iter().for_each(|trigger| connection.execute_batch(&format!("DROP TRIGGER {trigger}")).unwrap());
}

pub fn add_records(store: &Store) {
    store
        .write(|tx| {
            let audited = tx.audited(draft(0, "furnish"));
            project::register(&audited, &churn())?;
            model::register(&audited, &churn_model(), &churn())?;
            deployment::register_endpoint(&audited, &churn_endpoint(), &churn())?;
            run::create(&audited, &new_run("r-1")).map(drop)
        })
        .unwrap();
}

/// A connection to the file of a closed store, past all that guards it.
pub fn tamper(dir: &Path, with: impl FnOnce(&rusqlite::Connection)) {
    with(&rusqlite::Connection::open(dir.join(DATABASE_FILE)).unwrap());
}

pub fn draft(at: i64, action: &str) -> AuditEvent {
    AuditEvent {
        at: Timestamp(at),
        actor: Actor::user("ana").unwrap(),
        on_behalf: None,
        action: action.to_owned(),
        reason: None,
        evidence: Vec::new(),
    }
}

pub fn churn() -> ProjectName {
    "churn".parse().unwrap()
}

pub fn churn_model() -> ModelName {
    "churn".parse().unwrap()
}

pub fn churn_endpoint() -> EndpointName {
    "churn".parse().unwrap()
}

pub fn new_run(id: &str) -> run::NewRun {
    run::NewRun {
        id: id.to_owned(),
        project: churn(),
        cause: Cause::Manual { by: Actor::user("ana").unwrap() },
        record: json!({"seed": 7}),
    }
}

pub fn new_version(bytes: &str) -> model::NewVersion {
    model::NewVersion {
        model: churn_model(),
        run: Some("r-1".to_owned()),
        makers: vec![Actor::user("ana").unwrap()],
        digest: Digest::of(bytes.as_bytes()),
        signature: json!({"inputs": ["tenure"]}),
        policy: "[gate.quality]\nrules = [\"auc >= 0.82\"]".to_owned(),
        metrics: json!({"auc": 0.84}),
    }
}

pub fn new_deployment(id: &str, number: u32) -> deployment::NewDeployment {
    deployment::NewDeployment {
        id: id.to_owned(),
        endpoint: churn_endpoint(),
        model: churn_model(),
        number,
        reason: json!({"approved": number}),
    }
}
