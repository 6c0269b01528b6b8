//! The native API, one file per resource: read the request, state the intention, answer.
//!
//! Invariants: one intention of `app` a request, which asks who may and writes the entry; what was answered survives any
//! end of the process. Repeating a request that was answered is refused as the state says, and changes nothing.

pub(crate) mod alerts;
pub(crate) mod approvals;
pub(crate) mod audit;
pub(crate) mod changes;
pub(crate) mod columns;
pub(crate) mod deployments;
pub(crate) mod documents;
pub(crate) mod endpoints;
pub(crate) mod events;
pub(crate) mod experiments;
pub(crate) mod garbage;
pub(crate) mod gates;
pub(crate) mod health;
pub(crate) mod identity;
pub(crate) mod imports;
pub(crate) mod inbox;
pub(crate) mod keys;
pub(crate) mod label_body;
pub(crate) mod lineage;
pub mod models;
pub(crate) mod monitors;
pub(crate) mod predictions;
pub(crate) mod replication;
pub mod run_events;
pub mod runs;
pub(crate) mod series;
pub(crate) mod sessions;
pub(crate) mod standing;
pub mod status;
pub(crate) mod tracked_runs;

use kilter_api::{self as api, Code, PageQuery, Problem};
use kilter_app::App;
use kilter_store::{
    Cursor, Page, Reader, StoreError,
    page::{DEFAULT_LIMIT, MAX_LIMIT, PageRequest},
};

use crate::error::problem_of;

/// Rows of a list at most.
pub(crate) const MAX_ROWS: u32 = 100;

/// What stands in the audit table when the caller gave no reason.
const ASKED: &str = "no reason given (API)";

pub(crate) fn reason_or_default(reason: Option<String>) -> String {
    reason.unwrap_or_else(|| ASKED.to_owned())
}

/// The page that is asked for.
pub(crate) fn page_request(query: &PageQuery) -> Result<PageRequest, Problem> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(bad_request(format!("`limit` is {limit}; a page has 1 to {MAX_LIMIT} rows")));
    }
    let page = PageRequest::first(limit);
    Ok(match query.cursor.as_deref() {
        // Any text reads as a cursor; the list finds out whether it is one of its own.
        Some(cursor) => page.after(parse_param(cursor)?),
        None => page,
    })
}

pub(crate) fn bad_request(detail: String) -> Problem {
    Problem::new(Code::RequestInvalid, detail)
}

pub(crate) fn parse_param<T: std::str::FromStr<Err: std::error::Error + 'static>>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error| Problem::of(Code::RequestInvalid, &error))
}

pub(crate) fn read<T>(app: &App, work: impl FnOnce(&Reader) -> Result<T, StoreError>) -> Result<T, Problem> {
    app.store().read(work).map_err(|error| problem_of(&error))
}

pub(crate) fn cursor(next: Option<Cursor>) -> Option<String> {
    next.map(|cursor| cursor.to_string())
}

pub(crate) fn page_of<T, U>(found: Page<T>, one: impl Fn(&T) -> U) -> api::Page<U> {
    api::Page { items: found.items.iter().map(one).collect(), next: cursor(found.next) }
}
