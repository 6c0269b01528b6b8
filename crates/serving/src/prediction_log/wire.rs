//! Records on their way from one log to another: a head that names the format, then each record as its kind, its length and its bytes.
//!
//! Invariants: what is read back is what was written; bytes that are no records are an error and never a panic, and what they state of
//! lengths is no reason to allocate.

use super::{
    bytes::{Bytes, DecodeError, put_varint},
    codec::{self, Decoder},
    error::LogError,
    record::Record,
};

const HEAD: &[u8; 4] = b"KLR1";

/// Why bytes are no records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these bytes are no records: {0}")]
pub struct InvalidRecords(&'static str);

impl From<DecodeError> for InvalidRecords {
    fn from(error: DecodeError) -> Self {
        Self(match error {
            DecodeError::Short => "one ends too early",
            DecodeError::NotUtf8 => "a text is not UTF-8",
            DecodeError::Unknown(_) => "one is of a kind that this version of Kilter does not know",
            DecodeError::TooLong => "one has bytes after its end",
            DecodeError::Ragged => "the columns of one do not fit together",
        })
    }
}

/// The bytes of records, in their order.
///
/// # Errors
/// When the columns of a record do not fit together.
pub fn encode_records<'r>(records: impl IntoIterator<Item = &'r Record>) -> Result<Vec<u8>, LogError> {
    let (mut out, mut payload) = (HEAD.to_vec(), Vec::new());
    for record in records {
        payload.clear();
        let kind = match record {
            Record::Predictions(batch) => {
                codec::encode_predictions(batch, &mut payload)?;
                codec::kind_of(batch)
            }
            Record::Labels(batch) => {
                codec::encode_labels(batch, &mut payload)?;
                codec::LABELS_V1
            }
        };
        out.push(kind);
        put_varint(&mut out, payload.len() as u64);
        out.extend_from_slice(&payload);
    }
    Ok(out)
}

/// The records that bytes are, in their order.
///
/// # Errors
/// When they are none, or were written by a newer version.
pub fn decode_records(bytes: &[u8]) -> Result<Vec<Record>, InvalidRecords> {
    let rest = bytes.strip_prefix(HEAD).ok_or(InvalidRecords("they do not begin as records do"))?;
    let (mut rest, mut decoder, mut records) = (Bytes::new(rest), Decoder::default(), Vec::new());
    while rest.end().is_err() {
        let kind = rest.byte()?;
        let length = usize::try_from(rest.varint()?).map_err(|_| DecodeError::Short)?;
        records.push(decoder.decode(kind, rest.take(length)?)?);
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use kilter_domain::{
        digest::Digest,
        table::{Column, Table},
        time::Timestamp,
    };
    use proptest::prelude::*;

    use super::*;
    use crate::prediction_log::{LabelBatch, PredictionBatch, RecordDetails, Role, VersionRef};

    fn records(rows: usize, role: Role, is_flagged: bool) -> Vec<Record> {
        let batch = PredictionBatch {
            version: VersionRef { number: 3, digest: Digest::of(b"package") },
            role,
            consumer: Some("crm".into()),
            recorded_at: Timestamp(1_700_000_000_000),
            latency_us: 40,
            ids: (0..rows).map(|row| format!("p-{row}").into()).collect(),
            event_times: (0..rows).map(|row| Timestamp(1_700_000_000_000 - row as i64)).collect(),
            features: Table::new(vec![("age".into(), Column::Float((0..rows).map(|row| row as f64 / 3.0).collect()))])
                .unwrap(),
            scores: vec![0.25; rows],
            labels: Some(vec!["yes".into(); rows]),
            probabilities: None,
            details: is_flagged.then(|| {
                Box::new(RecordDetails { flagged: vec![Some("age".into()); rows], ..RecordDetails::default() })
            }),
        };
        let labels = LabelBatch {
            recorded_at: Timestamp(1_700_000_000_100),
            ids: batch.ids.clone(),
            values: Column::Text(vec![Some("no".into()); rows]),
            known_at: batch.event_times.clone(),
        };
        vec![Record::Predictions(batch), Record::Labels(labels)]
    }

    proptest! {
        #[test]
        fn records_read_back_as_they_were_written_and_cut_ones_are_refused(
            rows in 1_usize..20, is_flagged: bool, at in 0.0_f64..1.0,
        ) {
            let all: Vec<Record> = [Role::Champion, Role::Candidate, Role::Shadow]
                .into_iter()
                .flat_map(|role| records(rows, role, is_flagged))
                .collect();
            let bytes = encode_records(&all).unwrap();
            prop_assert_eq!(&decode_records(&bytes).unwrap(), &all);
            let cut = &bytes[..(at * bytes.len() as f64) as usize];
            // A cut between two records leaves whole ones.
            prop_assert!(decode_records(cut).map_or(true, |found| found[..] == all[..found.len()] && found.len() < all.len()));
        }

        #[test]
        fn any_bytes_are_records_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200), flips in 0_usize..400) {
            let _ = decode_records(&bytes);
            let _ = decode_records(&[HEAD.as_slice(), &bytes].concat());
            let mut changed = encode_records(&records(3, Role::Champion, true)).unwrap();
            let at = flips % changed.len();
            changed[at] ^= 0x55;
            let _ = decode_records(&changed);
        }
    }
}
