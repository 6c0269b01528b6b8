//! The timeline of a replay, read back from the audit table.

use kilter_domain::time::Timestamp;
use kilter_store::{PageRequest, audit};

use crate::{
    app::App,
    error::AppError,
    event::{DecisionKind, EventMetrics, VERSION},
    replay::report::Entry,
};

/// The decisions after entry `after`, oldest first, and the number of the last entry that was read.
pub fn decisions_after(app: &App, after: u64) -> Result<(Vec<Entry>, u64), AppError> {
    let mut found = Vec::new();
    let last = app.store().read(audit::size)?;
    for seq in after + 1..=last {
        let Some(record) = app.store().read(|reader| audit::find(reader, seq))? else { continue };
        if let Some(entry) = decision(&record) {
            found.push(entry);
        }
    }
    Ok((found, last))
}

/// Every decision, newest page first as the store lists them, turned round.
pub fn decisions(app: &App) -> Result<Vec<Entry>, AppError> {
    let mut found = Vec::new();
    let mut page = PageRequest::first(1000);
    loop {
        let listed = app.store().read(|reader| audit::list(reader, &page))?;
        found.extend(listed.items.iter().filter_map(decision));
        match listed.next {
            Some(cursor) => page = PageRequest::first(1000).after(cursor),
            None => break,
        }
    }
    found.reverse();
    Ok(found)
}

fn decision(record: &audit::Record) -> Option<Entry> {
    let kind: DecisionKind = record.entry.action.parse().ok()?;
    let mut numbers = EventMetrics::read(&record.entry.evidence);
    let stated = numbers.remove(VERSION).map(|number| number as u64);
    Some(Entry {
        at: Timestamp(record.entry.at.millis()),
        kind: kind.word().to_owned(),
        version: version_of(&record.entry.object).or(stated),
        reason: record.reason.clone().unwrap_or_default(),
        numbers,
    })
}

/// `version:churn/3` is about version 3.
fn version_of(object: &str) -> Option<u64> {
    object.strip_prefix("version:")?.rsplit_once('/')?.1.parse().ok()
}
