//! Deliveries: which entries of the audit log are sent to whom, and how that goes.
//!
//! Invariants: each entry is looked at once, and one is sent to a target at least once; what is not delivered is tried again until it is
//! given up, and stays to be seen until it is forgotten. Of what is due a target gets the oldest entries first, and its backlog hides none
//! of the others. Out of scope: who is sent what, and how.

use kilter_domain::time::Timestamp;

use crate::{
    Page, PageRequest, Reader, StoreError, Tx,
    audit::{AuditedTx, Change},
    database::{self, Row, named_params},
    row,
    statement::statements,
};

const LIST: &str = "delivery";
/// The only outbox: the audit log.
const NAME: &str = "audit";
/// What the entry of a replay is about.
const OBJECT: &str = "outbox:audit";

statements! {
    CURSOR = "read how far the outbox was looked at": "
        SELECT seq FROM outbox WHERE name = :name";
    MOVE = "note how far the outbox was looked at": "
        INSERT INTO outbox (name, seq) VALUES (:name, :seq) ON CONFLICT (name) DO UPDATE SET seq = excluded.seq";
    INSERT = "plan a delivery": "
        INSERT INTO delivery (target, seq, state, attempts, at, detail)
        VALUES (:target, :seq, 'pending', 0, :at, '') ON CONFLICT (target, seq) DO NOTHING";
    SETTLE = "note what became of a delivery": "
        UPDATE delivery SET state = :state, attempts = attempts + 1, at = :at, detail = :detail WHERE key = :key";
    DUE = "read what is to be delivered": "
        SELECT key, target, seq, state, attempts, at, detail FROM (
            SELECT delivery.*, row_number() OVER (PARTITION BY target ORDER BY seq) AS place
            FROM delivery WHERE state = 'pending' AND at <= :at) AS due
        WHERE place <= :limit ORDER BY seq, target";
    REPLAY = "deliver again": "
        UPDATE delivery SET state = 'pending', attempts = 0, at = :at, detail = ''
        WHERE state <> 'pending' AND seq >= :first AND seq <= :last AND (target = :target OR :target IS NULL)
          AND (state = :state OR :state IS NULL)";
    FORGET = "forget old deliveries": "
        DELETE FROM delivery WHERE key IN (
            SELECT key FROM delivery WHERE state = :state AND at < :before ORDER BY at LIMIT :limit)";
    NEWEST = "list deliveries": "
        SELECT * FROM delivery WHERE key < :below AND (state = :state OR :state IS NULL) ORDER BY key DESC LIMIT :limit";
}

/// How a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is tried at its time.
    Pending,
    /// The target took it.
    Delivered,
    /// It was given up.
    Dead,
}

impl DeliveryState {
    /// As it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }

    fn read(row: &Row) -> database::Result<Self> {
        let word: String = row.get("state")?;
        let all = [Self::Pending, Self::Delivered, Self::Dead];
        all.into_iter().find(|state| state.as_str() == word).ok_or_else(|| row::no_word("state", &word))
    }
}

/// One entry on its way to one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its key.
    pub key: u64,
    /// `webhook:NAME` or `mail:NAME`.
    pub target: String,
    /// The number of the entry.
    pub seq: u64,
    /// How it stands.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next, or when it ended.
    pub at: Timestamp,
    /// What the target answered last.
    pub detail: String,
}

/// The last entry that was looked at; `None` when none was yet.
pub fn cursor(reader: &Reader) -> Result<Option<u64>, StoreError> {
    reader.one(&CURSOR, named_params! { ":name": NAME }, |row| row.get("seq"))
}

/// Plans the deliveries of the entries up to `through`.
pub fn plan(tx: &Tx, through: u64, wanted: &[(String, u64)], at: Timestamp) -> Result<(), StoreError> {
    for (target, seq) in wanted {
        tx.execute(&INSERT, named_params! { ":target": target, ":seq": seq, ":at": at.millis() })?;
    }
    tx.execute(&MOVE, named_params! { ":name": NAME, ":seq": through }).map(drop)
}

/// What is to be delivered at `at`, at most `limit` to each target, in the order of the log.
pub fn due(reader: &Reader, at: Timestamp, limit: u32) -> Result<Vec<Delivery>, StoreError> {
    reader.all(&DUE, named_params! { ":at": at.millis(), ":limit": limit }, delivery)
}

/// Notes what became of an attempt: its state, when it is tried again or ended, and what the target answered.
pub fn settle(tx: &Tx, key: u64, (state, at): (DeliveryState, Timestamp), detail: &str) -> Result<(), StoreError> {
    let params = named_params! { ":key": key, ":state": state.as_str(), ":at": at.millis(), ":detail": detail };
    tx.execute(&SETTLE, params).map(drop)
}

/// Which deliveries are wanted again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Again {
    /// The first entry.
    pub first: u64,
    /// The last entry.
    pub last: u64,
    /// Only to this target.
    pub target: Option<String>,
    /// Only those that stand so.
    pub state: Option<DeliveryState>,
}

/// Delivers again what ended, which has its entry; how many that are.
pub fn replay(audited: &AuditedTx, again: &Again) -> Result<usize, StoreError> {
    let state = again.state.map(DeliveryState::as_str);
    let params = named_params! {
        ":first": again.first, ":last": again.last, ":target": again.target, ":state": state,
        ":at": audited.at().millis(),
    };
    let count = audited.tx().execute(&REPLAY, params)?;
    if count > 0 {
        let (before, after) = (state.unwrap_or("ended"), format!("{count} pending"));
        audited.record_change(&Change { before: Some(before), after: Some(&after), ..Change::of(OBJECT) })?;
    }
    Ok(count)
}

/// Forgets what ended so before `before`, at most `limit`; how many that were.
pub fn forget(tx: &Tx, ended: DeliveryState, before: Timestamp, limit: u32) -> Result<usize, StoreError> {
    tx.execute(&FORGET, named_params! { ":state": ended.as_str(), ":before": before.millis(), ":limit": limit })
}

/// Deliveries, newest first.
pub fn list(reader: &Reader, state: Option<DeliveryState>, page: &PageRequest) -> Result<Page<Delivery>, StoreError> {
    let state = state.map(DeliveryState::as_str);
    let params = named_params! { ":below": page.below(LIST)?, ":limit": page.probe(), ":state": state };
    Ok(page.page(LIST, reader.all(&NEWEST, params, |row| Ok((row.get("key")?, delivery(row)?)))?))
}

fn delivery(row: &Row) -> database::Result<Delivery> {
    Ok(Delivery {
        key: row.get("key")?,
        target: row.get("target")?,
        seq: row.get("seq")?,
        state: DeliveryState::read(row)?,
        attempts: row.get("attempts")?,
        at: row::time(row, "at")?,
        detail: row.get("detail")?,
    })
}
