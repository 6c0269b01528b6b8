//! `[record]`.

use crate::{
    contract::{Record, Retention, field::Field, record::FOREVER},
    time::{InvalidSpan, Span},
};

pub(super) fn record(field: &Field<'_, '_>) -> Option<Record> {
    let section = field.section("record")?;
    let kept = |field: Option<Field<'_, '_>>| field.and_then(|field| field.read(retention));
    let record = Record { keep: kept(section.field("keep")), readings: kept(section.field("readings")) };
    section.finish();
    Some(record)
}

fn retention(text: &str) -> Result<Retention, String> {
    if text == FOREVER {
        return Ok(Retention::Forever);
    }
    let span: Span = text.parse().map_err(|error: InvalidSpan| format!("{error}, or \"{FOREVER}\""))?;
    if span.count > 0 { Ok(Retention::For(span)) } else { Err(format!("`{text}` would keep nothing")) }
}
