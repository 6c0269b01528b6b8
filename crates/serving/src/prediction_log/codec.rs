//! Records as bytes: a compact columnar frame per batch. The kind of a frame is its format; an old kind opens for ever.
//!
//! Numbers are little-endian, counts are varints, a text is its length and its UTF-8 bytes.

use std::sync::Arc;

use kilter_domain::{
    digest::Digest,
    table::{Column, ColumnNames, Table},
    time::Timestamp,
};

use super::{
    bytes::{Bytes, DecodeError, put_optional_text, put_text, put_varint},
    error::LogError,
    record::{CanaryDraw, LabelBatch, PredictionBatch, Probabilities, Record, RecordDetails, Role, VersionRef},
};

/// Kind of a frame that holds a [`PredictionBatch`].
pub(super) const PREDICTIONS_V1: u8 = 1;
/// Kind of a frame that holds a [`LabelBatch`].
pub(super) const LABELS_V1: u8 = 2;
/// Kind of the frame that says how long the segment before was; no record.
pub(super) const SEGMENT_BEFORE_V1: u8 = 3;

/// Kind of a frame that holds a [`PredictionBatch`] with details: as the first kind, then parts, each with its tag before it.
pub(super) const PREDICTIONS_V2: u8 = 4;

/// Tags of the parts of the second kind.
mod part {
    pub const FLAGGED: u8 = 1;
    pub const IMPUTED: u8 = 2;
    pub const SAMPLE_SHARE: u8 = 3;
    pub const DRAW: u8 = 4;
}

/// Columns for which there is room before they are read: what a payload states is no reason to allocate.
const MAX_RESERVED: usize = 1024;

/// Reads records one after the other. Those that have the features of the one before share their names.
#[derive(Default)]
pub(super) struct Decoder {
    features: ColumnNames,
}

impl Decoder {
    pub(super) fn decode(&mut self, kind: u8, payload: &[u8]) -> Result<Record, DecodeError> {
        let mut bytes = Bytes::new(payload);
        let record = match kind {
            PREDICTIONS_V1 => Record::Predictions(decode_predictions(&mut bytes, &mut self.features)?),
            PREDICTIONS_V2 => Record::Predictions(decode_with_details(&mut bytes, &mut self.features)?),
            LABELS_V1 => Record::Labels(decode_labels(&mut bytes)?),
            _ => return Err(DecodeError::Unknown("kind of record")),
        };
        bytes.end()?;
        Ok(record)
    }
}

/// The kind of frame that holds a batch.
pub(super) fn kind_of(batch: &PredictionBatch) -> u8 {
    if batch.details.is_none() { PREDICTIONS_V1 } else { PREDICTIONS_V2 }
}

pub(super) fn encode_predictions(batch: &PredictionBatch, out: &mut Vec<u8>) -> Result<(), LogError> {
    check_predictions(batch)?;
    out.reserve(128 + batch.rows() * (32 + 12 * batch.features.names().len()));
    put_varint(out, batch.version.number);
    out.extend_from_slice(batch.version.digest.raw());
    out.push(batch.role as u8);
    put_optional_text(out, batch.consumer.as_deref());
    out.extend_from_slice(&batch.recorded_at.millis().to_le_bytes());
    put_varint(out, batch.latency_us);
    put_ids(out, &batch.ids);
    put_times(out, &batch.event_times, batch.recorded_at);
    batch.scores.iter().for_each(|score| out.extend_from_slice(&score.to_le_bytes()));
    put_classes(out, batch.labels.as_deref());
    put_probabilities(out, batch.probabilities.as_ref());
    put_varint(out, batch.features.names().len() as u64);
    for (name, column) in batch.features.columns() {
        put_text(out, name);
        put_column(out, column);
    }
    if let Some(details) = &batch.details {
        put_details(out, details);
    }
    Ok(())
}

fn put_details(out: &mut Vec<u8>, details: &RecordDetails) {
    for (tag, marks) in [(part::FLAGGED, &details.flagged), (part::IMPUTED, &details.imputed)] {
        if !marks.is_empty() {
            out.push(tag);
            put_marks(out, marks);
        }
    }
    if let Some(share) = details.sample_share {
        out.push(part::SAMPLE_SHARE);
        out.extend_from_slice(&share.to_le_bytes());
    }
    if let Some(CanaryDraw { percent, entities }) = &details.draw {
        out.extend([part::DRAW, *percent]);
        entities.iter().for_each(|entity| out.extend_from_slice(&entity.to_le_bytes()));
    }
}

fn decode_with_details(bytes: &mut Bytes<'_>, known: &mut ColumnNames) -> Result<PredictionBatch, DecodeError> {
    let mut batch = decode_predictions(bytes, known)?;
    let (rows, mut details) = (batch.rows(), RecordDetails::default());
    while bytes.end().is_err() {
        match bytes.byte()? {
            part::FLAGGED => details.flagged = take_marks(bytes, rows)?,
            part::IMPUTED => details.imputed = take_marks(bytes, rows)?,
            part::SAMPLE_SHARE => details.sample_share = Some(f64::from_le_bytes(bytes.array()?)),
            part::DRAW => details.draw = Some(take_draw(bytes, rows)?),
            _ => return Err(DecodeError::Unknown("part")),
        }
    }
    batch.details = Some(Box::new(details));
    Ok(batch)
}

fn take_draw(bytes: &mut Bytes<'_>, rows: usize) -> Result<CanaryDraw, DecodeError> {
    let percent = bytes.byte()?;
    let entities = (0..rows).map(|_| bytes.array().map(u64::from_le_bytes)).collect::<Result<_, _>>()?;
    Ok(CanaryDraw { percent, entities })
}

/// Marks are few, and most rows have none: a dictionary, then for each row 0 or the place of its mark from 1 on.
fn put_marks(out: &mut Vec<u8>, marks: &[Option<Arc<str>>]) {
    let mut dictionary: Vec<&str> = Vec::new();
    let places: Vec<usize> = marks
        .iter()
        .map(|mark| {
            let Some(mark) = mark.as_deref() else { return 0 };
            let known = dictionary.iter().position(|known| *known == mark);
            known.unwrap_or_else(|| {
                dictionary.push(mark);
                dictionary.len() - 1
            }) + 1
        })
        .collect();
    put_varint(out, dictionary.len() as u64);
    dictionary.iter().for_each(|mark| put_text(out, mark));
    places.iter().for_each(|place| put_varint(out, *place as u64));
}

fn take_marks(bytes: &mut Bytes<'_>, rows: usize) -> Result<Vec<Option<Arc<str>>>, DecodeError> {
    let dictionary: Vec<Arc<str>> =
        (0..bytes.count(1)?).map(|_| bytes.text().map(Arc::from)).collect::<Result<_, _>>()?;
    let mark = |place: u64| match usize::try_from(place).ok().and_then(|place| place.checked_sub(1)) {
        None if place == 0 => Ok(None),
        Some(at) => dictionary.get(at).cloned().map(Some).ok_or(DecodeError::Unknown("mark")),
        None => Err(DecodeError::Unknown("mark")),
    };
    (0..rows).map(|_| mark(bytes.varint()?)).collect()
}

fn check_predictions(batch: &PredictionBatch) -> Result<(), LogError> {
    let rows = batch.rows();
    let features = if batch.features.names().is_empty() { rows } else { batch.features.rows() };
    let labels = batch.labels.as_ref().map_or(rows, Vec::len);
    if let Some(Probabilities { classes, values }) = &batch.probabilities
        && classes.checked_mul(rows) != Some(values.len())
    {
        return Err(LogError::Ragged {
            part: format!("probabilities of {classes} classes"),
            found: values.len(),
            rows,
        });
    }
    let parts = [
        ("event times", batch.event_times.len()),
        ("scores", batch.scores.len()),
        ("predicted labels", labels),
        ("features", features),
        ("flags", batch.details.as_ref().map_or(rows, |details| marked_rows(&details.flagged, rows))),
        (
            "drawn entities",
            batch.details.as_ref().and_then(|details| details.draw.as_ref()).map_or(rows, |draw| draw.entities.len()),
        ),
        ("imputed values", batch.details.as_ref().map_or(rows, |details| marked_rows(&details.imputed, rows))),
    ];
    fits(rows, &parts)
}

/// Without a mark there is none for any row.
fn marked_rows(marks: &[Option<Arc<str>>], rows: usize) -> usize {
    if marks.is_empty() { rows } else { marks.len() }
}

fn fits(rows: usize, parts: &[(&str, usize)]) -> Result<(), LogError> {
    match parts.iter().find(|(_, found)| *found != rows) {
        None => Ok(()),
        Some((part, found)) => Err(LogError::Ragged { part: (*part).to_owned(), found: *found, rows }),
    }
}

pub(super) fn encode_labels(batch: &LabelBatch, out: &mut Vec<u8>) -> Result<(), LogError> {
    fits(batch.rows(), &[("values", batch.values.len()), ("known-at times", batch.known_at.len())])?;
    out.reserve(32 + batch.rows() * 48);
    out.extend_from_slice(&batch.recorded_at.millis().to_le_bytes());
    put_ids(out, &batch.ids);
    put_times(out, &batch.known_at, batch.recorded_at);
    put_column(out, &batch.values);
    Ok(())
}

fn decode_predictions(bytes: &mut Bytes<'_>, known: &mut ColumnNames) -> Result<PredictionBatch, DecodeError> {
    let version = VersionRef { number: bytes.varint()?, digest: Digest::from_raw(bytes.array()?) };
    let role = match bytes.byte()? {
        0 => Role::Champion,
        1 => Role::Candidate,
        2 => Role::Shadow,
        3 => Role::Imported,
        4 => Role::Pinned,
        5 => Role::Fallback,
        _ => return Err(DecodeError::Unknown("role")),
    };
    let consumer = bytes.optional_text()?;
    let recorded_at = Timestamp(bytes.i64()?);
    let latency_us = bytes.varint()?;
    let ids = take_ids(bytes)?;
    let event_times = take_times(bytes, ids.len(), recorded_at)?;
    let scores = bytes.f64s(ids.len())?;
    let labels = take_classes(bytes, ids.len())?;
    let probabilities = take_probabilities(bytes, ids.len())?;
    let features = take_features(bytes, ids.len(), known)?;
    Ok(PredictionBatch {
        version,
        role,
        consumer,
        recorded_at,
        latency_us,
        ids,
        event_times,
        features,
        scores,
        labels,
        probabilities,
        details: None,
    })
}

/// The features, by the names of the record before where they are the same.
fn take_features(bytes: &mut Bytes<'_>, rows: usize, known: &mut ColumnNames) -> Result<Table, DecodeError> {
    let count = bytes.count(2)?;
    let mut names: Vec<&str> = Vec::with_capacity(count.min(MAX_RESERVED));
    let mut columns = Vec::with_capacity(count.min(MAX_RESERVED));
    for _ in 0..count {
        names.push(bytes.text()?);
        columns.push(take_column(bytes, rows)?);
    }
    let is_known = known.len() == count && known.as_slice().iter().zip(&names).all(|(known, name)| known == name);
    if !is_known {
        let names = names.into_iter().map(str::to_owned).collect();
        *known = ColumnNames::new(names).map_err(|_| DecodeError::Ragged)?;
    }
    Table::with_names(known.clone(), columns).map_err(|_| DecodeError::Ragged)
}

fn decode_labels(bytes: &mut Bytes<'_>) -> Result<LabelBatch, DecodeError> {
    let recorded_at = Timestamp(bytes.i64()?);
    let ids = take_ids(bytes)?;
    let known_at = take_times(bytes, ids.len(), recorded_at)?;
    let values = take_column(bytes, ids.len())?;
    Ok(LabelBatch { recorded_at, ids, values, known_at })
}

fn put_ids(out: &mut Vec<u8>, ids: &[Arc<str>]) {
    put_varint(out, ids.len() as u64);
    ids.iter().for_each(|id| put_text(out, id));
}

fn take_ids(bytes: &mut Bytes<'_>) -> Result<Vec<Arc<str>>, DecodeError> {
    (0..bytes.count(1)?).map(|_| bytes.text().map(Arc::from)).collect()
}

/// Most rows happened when they were recorded: that costs one byte.
fn put_times(out: &mut Vec<u8>, times: &[Timestamp], usual: Timestamp) {
    let differ = times.iter().any(|time| *time != usual);
    out.push(u8::from(differ));
    if differ {
        times.iter().for_each(|time| out.extend_from_slice(&time.millis().to_le_bytes()));
    }
}

fn take_times(bytes: &mut Bytes<'_>, rows: usize, usual: Timestamp) -> Result<Vec<Timestamp>, DecodeError> {
    match bytes.byte()? {
        0 => Ok(vec![usual; rows]),
        1 => Ok(bytes.i64s(rows)?.into_iter().map(Timestamp).collect()),
        _ => Err(DecodeError::Unknown("form of times")),
    }
}

/// Predicted classes are few: a dictionary in order of first appearance, then one index a row.
fn put_classes(out: &mut Vec<u8>, labels: Option<&[Arc<str>]>) {
    let Some(labels) = labels else { return out.push(0) };
    out.push(1);
    let mut dictionary: Vec<&str> = Vec::new();
    let indices: Vec<usize> = labels
        .iter()
        .map(|label| {
            dictionary.iter().position(|known| *known == &**label).unwrap_or_else(|| {
                dictionary.push(label);
                dictionary.len() - 1
            })
        })
        .collect();
    put_varint(out, dictionary.len() as u64);
    dictionary.iter().for_each(|class| put_text(out, class));
    indices.iter().for_each(|index| put_varint(out, *index as u64));
}

fn take_classes(bytes: &mut Bytes<'_>, rows: usize) -> Result<Option<Vec<Arc<str>>>, DecodeError> {
    if bytes.byte()? == 0 {
        return Ok(None);
    }
    let dictionary: Vec<Arc<str>> =
        (0..bytes.count(1)?).map(|_| bytes.text().map(Arc::from)).collect::<Result<_, _>>()?;
    let class = |index: u64| usize::try_from(index).ok().and_then(|at| dictionary.get(at).cloned());
    (0..rows).map(|_| class(bytes.varint()?).ok_or(DecodeError::Unknown("class"))).collect::<Result<_, _>>().map(Some)
}

fn put_probabilities(out: &mut Vec<u8>, probabilities: Option<&Probabilities>) {
    let Some(probabilities) = probabilities else { return out.push(0) };
    put_varint(out, probabilities.classes as u64 + 1);
    probabilities.values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
}

fn take_probabilities(bytes: &mut Bytes<'_>, rows: usize) -> Result<Option<Probabilities>, DecodeError> {
    let Some(classes) = bytes.varint()?.checked_sub(1) else { return Ok(None) };
    let classes = usize::try_from(classes).map_err(|_| DecodeError::Short)?;
    let values = bytes.f32s(classes.checked_mul(rows).ok_or(DecodeError::Short)?)?;
    Ok(Some(Probabilities { classes, values }))
}

fn put_column(out: &mut Vec<u8>, column: &Column) {
    match column {
        Column::Float(values) => {
            out.push(0);
            values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
        }
        Column::Int(values) => put_integers(out, 1, values),
        Column::Time(values) => put_integers(out, 2, values),
        Column::Bool(values) => {
            out.push(3);
            out.extend(values.iter().map(|value| value.map_or(2, u8::from)));
        }
        Column::Text(values) => {
            out.push(4);
            values.iter().for_each(|value| put_optional_text(out, value.as_deref()));
        }
    }
}

/// One byte says whether it is there, then the value.
fn put_integers(out: &mut Vec<u8>, tag: u8, values: &[Option<i64>]) {
    out.push(tag);
    for value in values {
        out.push(u8::from(value.is_some()));
        out.extend(value.iter().flat_map(|value| value.to_le_bytes()));
    }
}

fn take_integers(bytes: &mut Bytes<'_>, rows: usize) -> Result<Vec<Option<i64>>, DecodeError> {
    (0..rows)
        .map(|_| match bytes.byte()? {
            0 => Ok(None),
            _ => bytes.i64().map(Some),
        })
        .collect()
}

fn take_column(bytes: &mut Bytes<'_>, rows: usize) -> Result<Column, DecodeError> {
    Ok(match bytes.byte()? {
        0 => Column::Float(bytes.f64s(rows)?),
        1 => Column::Int(take_integers(bytes, rows)?),
        2 => Column::Time(take_integers(bytes, rows)?),
        3 => Column::Bool(bytes.take(rows)?.iter().map(|value| (*value < 2).then_some(*value == 1)).collect()),
        4 => Column::Text((0..rows).map(|_| bytes.optional_text()).collect::<Result<_, _>>()?),
        _ => return Err(DecodeError::Unknown("type of column")),
    })
}
