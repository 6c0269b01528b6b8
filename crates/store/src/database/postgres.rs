//! PostgreSQL behind the border: one connection whose calls block, on a small runtime of its own.
//!
//! Invariants: no call needs an async context, and none is confused by one: the calling thread waits on a channel, the
//! socket is driven elsewhere. What a connection announces by `NOTIFY` reaches whoever opened it.

mod bound;
pub(super) mod foreign;

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use futures::{
    StreamExt, TryStreamExt,
    executor::block_on,
    future::{LocalBoxFuture, try_join_all},
    pin_mut,
};
use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
use tokio_postgres::{
    AsyncMessage, Client, Config, SimpleQueryMessage, Statement,
    types::{ToSql, Type},
};

use tokio_postgres_rustls::MakeRustlsConnect;

use self::bound::{Bound, as_columns, as_parameters, type_of};
use super::{
    address::Address,
    error::{DatabaseError, Result},
    params::{Binding, Params},
    row::Row,
    statement_text::{NumberedStatement, as_insert_of_arrays, as_query_of_arrays, number_parameters},
    tls,
    value::Value,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const KEEPALIVE: Duration = Duration::from_secs(15);
/// A peer that acknowledges nothing for so long is gone.
const USER_TIMEOUT: Duration = Duration::from_secs(30);

fn random_id() -> Result<Arc<str>> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| DatabaseError::Runtime(error.into()))?;
    Ok(format!("{:016x}", u64::from_le_bytes(bytes)).into())
}

/// Makes connections to one database.
#[derive(Clone)]
pub(crate) struct PostgresConnector {
    config: Arc<Config>,
    tls: MakeRustlsConnect,
    /// The address without its secrets.
    name: Arc<str>,
    /// By it a process knows its own notices.
    id: Arc<str>,
    /// Counts the commits of this process, whichever connection they take.
    commits: Arc<AtomicI64>,
    runtime: Arc<SocketRuntime>,
}

/// Drives the sockets. Dropped in any context, also an async one.
struct SocketRuntime(Option<Runtime>);

impl SocketRuntime {
    fn handle(&self) -> Result<&Handle> {
        self.0.as_ref().map(Runtime::handle).ok_or(DatabaseError::Closed)
    }
}

impl Drop for SocketRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// One connection.
pub(crate) struct PostgresConnection {
    client: Client,
    statements: RefCell<HashMap<String, Arc<PreparedStatement>>>,
    is_in_transaction: Cell<bool>,
    /// The number of the commit that was sent and not answered yet.
    committing: Cell<Option<i64>>,
    /// Rows that were changed.
    changes: Cell<u64>,
    /// As many were it when the transaction began.
    changes_before: Cell<u64>,
    connector: PostgresConnector,
}

struct PreparedStatement {
    statement: Statement,
    names: Vec<String>,
    /// Its form for many rows, once it was asked for.
    arrays: OnceLock<Option<Statement>>,
}

impl PostgresConnector {
    /// For the database at `url` (`postgres://user@host:port/name?…`).
    ///
    /// # Errors
    /// When it is no address of PostgreSQL, and when no thread can be started.
    pub(crate) fn new(url: &str, settings: &str) -> Result<Self> {
        let address = Address::parse(url)?;
        let (name, tls) = (address.name().into(), tls::connector(&address.encryption)?);
        let mut config = address.config;
        let options = [config.get_options(), Some(settings)].into_iter().flatten().collect::<Vec<_>>().join(" ");
        config.application_name("kilter").options(options).connect_timeout(CONNECT_TIMEOUT);
        config.keepalives_idle(KEEPALIVE).tcp_user_timeout(USER_TIMEOUT);
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("postgres").enable_all().build();
        let runtime = Arc::new(SocketRuntime(Some(runtime.map_err(DatabaseError::Runtime)?)));
        Ok(Self { config: Arc::new(config), tls, name, id: random_id()?, commits: Arc::default(), runtime })
    }

    /// The address for a person: without user, password and options.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A new connection.
    ///
    /// # Errors
    /// When the database does not answer or refuses.
    pub(crate) fn connect(&self) -> Result<PostgresConnection> {
        let runtime = self.runtime.handle()?;
        let (config, tls) = (Arc::clone(&self.config), self.tls.clone());
        let opened = runtime.spawn(async move {
            let (client, socket) = config.connect(tls).await?;
            // Ends with the connection; whoever uses it sees the error.
            tokio::spawn(socket);
            Ok::<_, tokio_postgres::Error>(client)
        });
        let client = block_on(opened).map_err(|_| DatabaseError::Closed)??;
        Ok(PostgresConnection {
            client,
            statements: RefCell::default(),
            is_in_transaction: Cell::new(false),
            committing: Cell::new(None),
            changes: Cell::new(0),
            changes_before: Cell::new(0),
            connector: self.clone(),
        })
    }

    /// Calls `on_commit` after each commit of another process, until the listener is dropped. A connection that is lost is made
    /// anew; whatever was committed meanwhile is one call.
    ///
    /// # Errors
    /// When the database does not answer or refuses now.
    pub(crate) fn listen(&self, on_commit: impl Fn() + Send + Sync + 'static) -> Result<CommitListener> {
        let runtime = self.runtime.handle()?;
        let (config, tls, id) = (Arc::clone(&self.config), self.tls.clone(), Arc::clone(&self.id));
        let (ready, opened) = oneshot::channel();
        let task = runtime.spawn(async move {
            let first = hear(&config, &tls, &id).await;
            let (mut heard, first) = match first {
                Ok(heard) => (Some(heard), Ok(())),
                Err(error) => (None, Err(error)),
            };
            let is_open = first.is_ok();
            if ready.send(first).is_err() || !is_open {
                return;
            }
            loop {
                if let Some((_client, mut notices)) = heard.take() {
                    while notices.recv().await.is_some() {
                        on_commit();
                    }
                }
                tokio::time::sleep(LISTEN_AGAIN).await;
                heard = hear(&config, &tls, &id).await.ok();
                if heard.is_some() {
                    on_commit();
                }
            }
        });
        let listener = CommitListener(task);
        block_on(opened).map_err(|_| DatabaseError::Closed)??;
        Ok(listener)
    }
}

/// Hears of commits until it is dropped.
pub(crate) struct CommitListener(JoinHandle<()>);

impl Drop for CommitListener {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Pause before a connection that was lost is made anew.
const LISTEN_AGAIN: Duration = Duration::from_millis(500);
const LISTEN: &str = "LISTEN kilter_commits";

/// A connection that listens, and its notices; these end with the connection.
async fn hear(
    config: &Config,
    tls: &MakeRustlsConnect,
    own: &Arc<str>,
) -> std::result::Result<(Client, mpsc::Receiver<()>), tokio_postgres::Error> {
    let (client, mut socket) = config.connect(tls.clone()).await?;
    // One place is enough: a notice that finds it taken says nothing that the one before does not.
    let (notify, notices) = mpsc::channel(1);
    let own = Arc::clone(own);
    tokio::spawn(async move {
        while let Some(Ok(message)) = std::future::poll_fn(|context| socket.poll_message(context)).await {
            if matches!(&message, AsyncMessage::Notification(notice) if notice.payload() != &*own) {
                let _ = notify.try_send(());
            }
        }
    });
    client.batch_execute(LISTEN).await?;
    Ok((client, notices))
}

impl PostgresConnection {
    /// Another connection to the same database.
    pub(crate) fn sibling(&self) -> Result<Self> {
        self.connector.connect()
    }

    /// Whether the connection was lost.
    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    pub(super) fn is_in_transaction(&self) -> bool {
        self.is_in_transaction.get() && !self.is_closed()
    }

    /// Begins a transaction by `sql`.
    pub(super) fn begin(&self, sql: &str) -> Result<()> {
        self.batch(sql)?;
        self.is_in_transaction.set(true);
        self.changes_before.set(self.changes.get());
        Ok(())
    }

    /// As [`Self::begin`], where the last statement of `sql` answers a number, which is answered; 0 where it is none.
    pub(super) fn begin_at_level(&self, sql: &str) -> Result<u32> {
        let answers = block_on(self.client.simple_query(sql))?;
        self.is_in_transaction.set(true);
        self.changes_before.set(self.changes.get());
        let last = answers.iter().rev().find_map(|answer| match answer {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        Ok(last.and_then(|level| level.parse().ok()).unwrap_or(0))
    }

    pub(super) fn total_changes(&self) -> u64 {
        self.changes.get()
    }

    /// Commits, and notifies who listens where something was changed. Where the connection is lost meanwhile,
    /// [`Self::lost_commit`] says which commit it was.
    pub(super) fn commit(&self) -> Result<()> {
        if self.changes.get() == self.changes_before.get() {
            return self.end("COMMIT");
        }
        let (process, number) = (&self.connector.id, self.connector.commits.fetch_add(1, Ordering::Relaxed) + 1);
        self.committing.set(Some(number));
        self.end(&format!(
            "INSERT INTO last_commit (process, number, written) VALUES ('{process}', {number}, now())
             ON CONFLICT (process) DO UPDATE SET number = excluded.number, written = excluded.written;
             NOTIFY kilter_commits, '{process}';
             COMMIT"
        ))
        .inspect_err(|_| drop(self.batch("ROLLBACK")))?;
        self.committing.set(None);
        Ok(())
    }

    /// The commit that was sent and never answered, where the connection is gone.
    pub(super) fn lost_commit(&self) -> Option<i64> {
        self.committing.get().filter(|_| self.is_closed())
    }

    /// Whether a commit of this process, by its number, is in the database. To be asked in a transaction that writes: then no
    /// earlier one is still under way.
    pub(super) fn has_commit(&self, number: i64) -> Result<bool> {
        let (mut has, process) = (false, &*self.connector.id);
        let sql = "SELECT number >= :number FROM last_commit WHERE process = :process";
        self.query(sql, &[(":number", &number), (":process", &process)], Binding::All, &mut |row| {
            has = row.get(0)?;
            Ok(false)
        })?;
        Ok(has)
    }

    /// Ends the transaction by `sql`, whatever the answer.
    pub(super) fn end(&self, sql: &str) -> Result<()> {
        self.is_in_transaction.set(false);
        self.batch(sql)
    }

    pub(super) fn batch(&self, sql: &str) -> Result<()> {
        Ok(block_on(self.client.batch_execute(sql))?)
    }

    pub(super) fn execute(&self, sql: &str, params: Params<'_>, binding: Binding) -> Result<usize> {
        let prepared = self.prepare(sql)?;
        let bound = prepared.bind(params, binding)?;
        let changed = block_on(self.client.execute_raw(&prepared.statement, as_parameters(&bound)))?;
        self.changes.set(self.changes.get() + changed);
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }

    pub(super) fn execute_batches(&self, batches: &[(&str, &[Params<'_>])]) -> Result<()> {
        let mut sent: Vec<LocalBoxFuture<'_, std::result::Result<u64, tokio_postgres::Error>>> = Vec::new();
        for (sql, rows) in batches {
            let prepared = self.prepare(sql)?;
            let bound = rows.iter().map(|params| prepared.bind(params, Binding::All)).collect::<Result<Vec<_>>>()?;
            match self.prepare_arrays(sql, &prepared)?.filter(|_| rows.len() > 1) {
                Some(arrays) => {
                    let columns = as_columns(bound, prepared.names.len());
                    sent.push(Box::pin(async move {
                        let columns = columns.iter().map(|column| column as &(dyn ToSql + Sync));
                        self.client.execute_raw(&arrays, columns).await
                    }));
                }
                None => sent.extend(bound.into_iter().map(|row| {
                    let statement = prepared.statement.clone();
                    let one = async move { self.client.execute_raw(&statement, as_parameters(&row)).await };
                    Box::pin(one) as LocalBoxFuture<'_, _>
                })),
            }
        }
        let changed: u64 = block_on(try_join_all(sent))?.iter().sum();
        self.changes.set(self.changes.get() + changed);
        Ok(())
    }

    pub(super) fn query_each(
        &self,
        sql: &str,
        rows: &[Params<'_>],
        read: &mut dyn FnMut(usize, &Row<'_>) -> Result<bool>,
    ) -> Result<()> {
        let prepared = self.prepare(sql)?;
        let bound = rows.iter().map(|params| prepared.bind(params, Binding::All)).collect::<Result<Vec<_>>>()?;
        if let Some(arrays) = self.prepare_arrays(sql, &prepared)?.filter(|_| rows.len() > 1) {
            return self.query_arrays(&arrays, as_columns(bound, prepared.names.len()), read);
        }
        let asked = bound.iter().map(|row| async {
            let answer = self.client.query_raw(&prepared.statement, as_parameters(row)).await?;
            answer.try_collect::<Vec<_>>().await
        });
        let answers = block_on(try_join_all(asked))?;
        for (place, answer) in answers.iter().enumerate() {
            for row in answer {
                if !read(place, &Row::Postgres(row))? {
                    break;
                }
            }
        }
        Ok(())
    }

    /// As [`Self::query_each`], by the form of the query that takes all rows at once.
    fn query_arrays(
        &self,
        arrays: &Statement,
        columns: Vec<Vec<Bound<'_>>>,
        read: &mut dyn FnMut(usize, &Row<'_>) -> Result<bool>,
    ) -> Result<()> {
        let columns = columns.iter().map(|column| column as &(dyn ToSql + Sync));
        let rows = block_on(self.client.query_raw(arrays, columns))?;
        pin_mut!(rows);
        let mut is_over = None;
        while let Some(row) = block_on(rows.next()) {
            let row = row?;
            let number: i64 = row.try_get(row.len().saturating_sub(1))?;
            let place = usize::try_from(number - 1).unwrap_or_default();
            if is_over != Some(place) && !read(place, &Row::Postgres(&row))? {
                is_over = Some(place);
            }
        }
        Ok(())
    }

    pub(super) fn query(
        &self,
        sql: &str,
        params: Params<'_>,
        binding: Binding,
        read: &mut dyn FnMut(&Row<'_>) -> Result<bool>,
    ) -> Result<()> {
        let prepared = self.prepare(sql)?;
        let bound = prepared.bind(params, binding)?;
        let rows = block_on(self.client.query_raw(&prepared.statement, as_parameters(&bound)))?;
        pin_mut!(rows);
        while let Some(row) = block_on(rows.next()) {
            if !read(&Row::Postgres(&row?))? {
                break;
            }
        }
        Ok(())
    }

    /// One way to the server and back; it plans for these values.
    pub(super) fn query_once(
        &self,
        sql: &str,
        values: &[Value],
        read: &mut dyn FnMut(&Row<'_>) -> Result<bool>,
    ) -> Result<()> {
        let typed = values.iter().map(|value| (Bound(value.into()), type_of(value)));
        let rows = block_on(self.client.query_typed_raw(sql, typed))?;
        pin_mut!(rows);
        while let Some(row) = block_on(rows.next()) {
            if !read(&Row::Postgres(&row?))? {
                break;
            }
        }
        Ok(())
    }

    fn prepare(&self, sql: &str) -> Result<Arc<PreparedStatement>> {
        if let Some(known) = self.statements.borrow().get(sql) {
            return Ok(Arc::clone(known));
        }
        let NumberedStatement { sql: numbered, names } = number_parameters(sql);
        let statement = block_on(self.client.prepare(&numbered))?;
        let prepared = Arc::new(PreparedStatement { statement, names, arrays: OnceLock::new() });
        self.statements.borrow_mut().insert(sql.to_owned(), Arc::clone(&prepared));
        Ok(prepared)
    }

    /// The form of an insert or a query that takes all rows at once, where it has one.
    fn prepare_arrays(&self, sql: &str, prepared: &PreparedStatement) -> Result<Option<Statement>> {
        if let Some(known) = prepared.arrays.get() {
            return Ok(known.clone());
        }
        let types = || prepared.statement.params().iter().map(Type::name);
        let numbered = number_parameters(sql).sql;
        let arrays = match as_insert_of_arrays(&numbered, types()).or_else(|| as_query_of_arrays(&numbered, types())) {
            Some(arrays) => Some(block_on(self.client.prepare(&arrays))?),
            None => None,
        };
        Ok(prepared.arrays.get_or_init(|| arrays).clone())
    }
}

impl PreparedStatement {
    fn bind<'p>(&self, params: Params<'p>, binding: Binding) -> Result<Vec<Bound<'p>>> {
        if binding == Binding::All
            && let Some((name, _)) = params.iter().find(|(name, _)| !self.names.iter().any(|known| known == name))
        {
            return Err(DatabaseError::ParameterName((*name).to_owned()));
        }
        let value_of = |name: &String| {
            let found = params.iter().find(|(given, _)| given == name);
            let (_, value) = found.ok_or_else(|| DatabaseError::ParameterName(name.clone()))?;
            Ok(Bound(value.to_value()?))
        };
        self.names.iter().map(value_of).collect()
    }
}
