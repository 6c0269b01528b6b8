//! What changed, as server-sent events: one stream, by which a page knows what to ask again.
//!
//! Invariants: an event names the kind of what changed and nothing else, so that nobody learns from it what they may not read; each kind
//! once for each look. Followers are bounded, and come again after a while.

use std::{
    collections::{BTreeMap, VecDeque},
    convert::Infallible,
    time::{Duration, Instant},
};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use kilter_api::{self as api, Code, Problem};
use kilter_store::{Reader, StoreError, audit};
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    api::read,
    caller::Caller,
    error::ApiError,
    state::{AppState, blocking},
};

/// How often the audit log is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long one stream goes on before whoever follows it comes again.
const LONGEST_FOLLOWING: Duration = Duration::from_secs(10 * 60);
/// How often a word is sent when nothing happens, so that the connection stays.
const ALIVE_EVERY: Duration = Duration::from_secs(10);
/// Entries that one look reads; what is behind them the next one has.
const MAX_ENTRIES: u32 = 1_000;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// What changes, as server-sent events: `change` (an `ObjectChange`) for each kind of object of which something did. With `Last-Event-ID` the
/// stream goes on behind that entry. It ends after ten minutes; who still wants to follow asks again.
#[utoipa::path(get, path = "/api/v1/changes", tag = "monitoring", responses((status = 200, body = api::ObjectChange, content_type = "text/event-stream"), (status = 401, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn follow_changes(
    _: Caller,
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let Some(place) = state.place_to_follow() else {
        return Err(Problem::new(Code::Overloaded, "as many follow changes as this server allows").into());
    };
    let last = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok()).and_then(|id| id.parse::<u64>().ok());
    let app = state.app();
    let size = blocking(move || read(&app, audit::size)).await?;
    let following = Following {
        commits: state.signals().counts().commits,
        state,
        seen: last.map_or(size, |last| last.min(size)),
        has_news: last.is_some(),
        waiting: VecDeque::new(),
        until: Instant::now() + LONGEST_FOLLOWING,
        _place: place,
    };
    let events = futures::stream::unfold(following, Following::next);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE_EVERY)).into_response())
}

/// Someone who follows what changes.
struct Following {
    state: AppState,
    /// The last entry that was read.
    seen: u64,
    /// Commits of this server when it was read.
    commits: u64,
    /// Whether the last reading found something, so that there may be more.
    has_news: bool,
    /// What it found and nobody was told yet.
    waiting: VecDeque<api::ObjectChange>,
    until: Instant,
    _place: OwnedSemaphorePermit,
}

impl Following {
    /// The next event, once there is one.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            if let Some(change) = self.waiting.pop_front() {
                let event = Event::default().event("change").id(change.seq.to_string()).json_data(&change).ok()?;
                return Some((Ok(event), self));
            }
            if self.state.is_stopping() || Instant::now() >= self.until {
                return None;
            }
            if !self.has_news {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            // An end without a word: whoever asks again learns why.
            self.read_changes().await.ok()?;
        }
    }

    async fn read_changes(&mut self) -> Result<(), Problem> {
        let app = self.state.app();
        let commits = self.state.signals().counts().commits;
        if !self.has_news && commits == self.commits && !app.store().is_shared() {
            return Ok(());
        }
        let seen = self.seen;
        let changes = blocking(move || read(&app, |reader| changes_after(reader, seen))).await?;
        self.commits = commits;
        self.has_news = !changes.is_empty();
        self.seen = changes.iter().map(|change| change.seq).max().unwrap_or(seen);
        self.waiting.extend(changes);
        Ok(())
    }
}

/// The kinds of what changed behind an entry, each with the number of its newest entry, in the order of these.
fn changes_after(reader: &Reader, seq: u64) -> Result<Vec<api::ObjectChange>, StoreError> {
    let entries = audit::list_after(reader, seq, MAX_ENTRIES)?;
    let kind = |object: &str| object.split(':').next().unwrap_or_default().to_owned();
    let newest: BTreeMap<String, u64> = entries.iter().map(|entry| (kind(&entry.object), entry.seq)).collect();
    let mut changes: Vec<_> = newest.into_iter().map(|(object, seq)| api::ObjectChange { seq, object }).collect();
    changes.sort_by_key(|change| change.seq);
    Ok(changes)
}
