//! `[record]`.

use crate::{
    contract::{Record, Retention, field::Field, record::FOREVER},
    time::{InvalidSpan, Span},
};

pub(super) fn record(field: &Field<'_, '_>) -> Option<Record> {
    let section = field.section("record")?;
    let kept = |field: Option<Field<'_, '_>>| field.and_then(|field| field.read(retention));
    let record = Record {
        sample: section.field("sample").and_then(|field| sample(&field)),
        hash: section.texts("hash"),
        drop: section.texts("drop"),
        keep: kept(section.field("keep")),
        readings: kept(section.field("readings")),
    };
    if let Some(column) = record.hash.iter().find(|column| record.drop.contains(column)) {
        let hint = "a hash still tells equal values from others; take it out of one of the two".to_owned();
        section.error(format!("`{column}` is in `hash` and in `drop`"), hint);
    }
    section.finish();
    Some(record)
}

/// A share above nothing; all of the rows is no sample.
fn sample(field: &Field<'_, '_>) -> Option<f64> {
    let share = field.share()?;
    if share == 0.0 {
        field.error("a sample of nothing records nothing", "write a share above 0, like \"10%\"".to_owned());
    }
    (share > 0.0 && share < 1.0).then_some(share)
}

fn retention(text: &str) -> Result<Retention, String> {
    if text == FOREVER {
        return Ok(Retention::Forever);
    }
    let span: Span = text.parse().map_err(|error: InvalidSpan| format!("{error}, or \"{FOREVER}\""))?;
    if span.count > 0 { Ok(Retention::For(span)) } else { Err(format!("`{text}` would keep nothing")) }
}
