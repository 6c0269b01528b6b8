//! The end of an alert's id, as people read and type it.

/// Characters of an id that people read and write.
const SHORT_ID: usize = 8;

/// The end of an id: the beginning is the time, and the same for alerts of one night.
pub(crate) fn short(id: &str) -> &str {
    id.char_indices().rev().nth(SHORT_ID - 1).map_or(id, |(at, _)| &id[at..])
}
