//! The timeline of a replay, read back from the audit table.

use kilter_domain::event::TimelineEvent;
use kilter_store::{PageRequest, audit};

use crate::{app::App, causes::StorageError};

/// The events after entry `after`, oldest first, and the number of the last entry that was read.
pub fn events_after(app: &App, after: u64) -> Result<(Vec<TimelineEvent>, u64), StorageError> {
    let mut found = Vec::new();
    let last = app.store().read(audit::size)?;
    for seq in after + 1..=last {
        let Some(record) = app.store().read(|reader| audit::find(reader, seq))? else { continue };
        found.extend(event_of(&record));
    }
    Ok((found, last))
}

/// Every event, newest page first as the store lists them, turned round.
pub fn events(app: &App) -> Result<Vec<TimelineEvent>, StorageError> {
    let mut found = Vec::new();
    let mut page = PageRequest::first(1000);
    loop {
        let listed = app.store().read(|reader| audit::list(reader, &page))?;
        found.extend(listed.items.iter().filter_map(event_of));
        match listed.next {
            Some(cursor) => page = PageRequest::first(1000).after(cursor),
            None => break,
        }
    }
    found.reverse();
    Ok(found)
}

fn event_of(record: &audit::Record) -> Option<TimelineEvent> {
    TimelineEvent::of_entry(&record.entry, record.reason.as_deref())
}
