//! Finds what a search asks for: its tree becomes one statement with bound parameters, in the order that was asked for.
//!
//! Invariants: no text of a client is part of the text of a statement, neither values nor keys; nothing is filtered or sorted
//! outside of the database; a statement is as large as the filter, whatever is stored. Both databases find the same in the same order.
//! Out of scope: reading what was found, and rights (a [`Scope`](kilter_domain::search::Scope) says what may be found).

mod builder;
mod columns;
mod compile;
mod order;

use kilter_domain::search::{PageToken, Search};

use self::compile::compile;
use crate::{Reader, StoreError};

/// Things that a page of a search has at most.
pub const MAX_LIMIT: u32 = 200_000;

/// Which page of a search is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchPage {
    /// Where it begins.
    pub token: PageToken,
    /// How many things it has at most: 1 to [`MAX_LIMIT`]; anything else is brought into that range.
    pub limit: u32,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The keys of the rows, in order: of `tracked_run`, `experiment`, `registered_model`, `registered_version` or `logged_model`.
    pub keys: Vec<i64>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<PageToken>,
}

/// A page of what a search finds.
///
/// # Errors
/// When the database cannot be read.
pub fn find(reader: &Reader, search: &Search, page: SearchPage) -> Result<Found, StoreError> {
    let limit = page.limit.clamp(1, MAX_LIMIT);
    let statement = compile(reader.dialect(), search, page.token.offset, u64::from(limit) + 1);
    let mut keys: Vec<i64> = Vec::new();
    reader.each_built(&statement, &mut |row| {
        keys.push(row.get(0)?);
        Ok(true)
    })?;
    let has_next = keys.len() > limit as usize;
    keys.truncate(limit as usize);
    let next = has_next.then(|| PageToken { offset: page.token.offset.saturating_add(u64::from(limit)) });
    Ok(Found { keys, next })
}

#[cfg(test)]
#[path = "search/tests/mod.rs"]
mod tests;
