//! What of an answer is recorded: all rows or a share of them, and which columns only as a keyed hash or not at all.
//!
//! Invariants: whether a row is recorded depends on its entity (else its prediction id) alone, so the same people are recorded by
//! every version, process and day, and a larger share records them still; a value that is hashed leaves this process in no other
//! form; equal values have equal hashes while the key is the same.
//! Out of scope: where the key comes from. The share that was drawn is noted in each record, so that no reader takes a sample for all.

use std::{borrow::Cow, collections::BTreeSet, fmt, sync::Arc};

use kilter_domain::table::{Column, Table};
use ring::hmac;

use crate::{
    entity_hash::salted_hash,
    prediction_log::{PredictionBatch, RecordDetails},
};

/// The salt of the draw: it is part of what was recorded, and never changes. Canaries draw by other salts, so that a sample has
/// as many people of each arm as there are.
const SALT: u64 = 0x7265_636f_7264;
/// Bytes of a hash that are recorded: equal ones of different values are not to be expected.
const HASH_BYTES: usize = 16;

/// What of an answer is recorded.
#[derive(Clone, Debug, Default)]
pub struct RecordingPolicy {
    /// The share of rows that are recorded, above 0 and below 1; `None`: all of them.
    pub sample_share: Option<f64>,
    /// Columns whose values are recorded as hashes.
    pub hashed: BTreeSet<String>,
    /// Columns that are not recorded.
    pub dropped: BTreeSet<String>,
    /// Whether no feature is recorded: what is personal is not known.
    pub drops_features: bool,
    /// What values are hashed with; `None` if no column is.
    pub key: Option<HashKey>,
}

/// The secret with which values are hashed. Never shown.
#[derive(Clone)]
pub struct HashKey(Arc<hmac::Key>);

impl HashKey {
    /// The key that these bytes are; 32 random ones are a good one.
    pub fn new(secret: &[u8]) -> Self {
        Self(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, secret)))
    }

    /// The first half of HMAC-SHA-256 of the value as a person would write it, in hexadecimal digits. The column's name is hashed
    /// with it: the same value in two columns has two hashes.
    pub fn hash(&self, column: &str, value: &str) -> Arc<str> {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(column.as_bytes());
        context.update(&[0]);
        context.update(value.as_bytes());
        let tag = context.sign();
        let digits = tag.as_ref().iter().take(HASH_BYTES).flat_map(|byte| [byte >> 4, byte & 0xf]);
        digits.map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])).collect::<String>().into()
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("HashKey(…)")
    }
}

impl RecordingPolicy {
    /// The same for rows of which all are wanted.
    #[must_use]
    pub fn without_sample(self) -> Self {
        Self { sample_share: None, ..self }
    }

    /// Whether everything is recorded as it is.
    pub fn is_everything(&self) -> bool {
        self.sample_share.is_none() && !self.has_personal_columns()
    }

    /// Whether a column is not recorded as it is.
    pub fn is_personal(&self, column: &str) -> bool {
        self.drops_features || self.hashed.contains(column) || self.dropped.contains(column)
    }

    /// Whether some column is not recorded as it is.
    pub fn has_personal_columns(&self) -> bool {
        self.drops_features || !self.hashed.is_empty() || !self.dropped.is_empty()
    }

    /// Whether the row of this entity is recorded.
    fn records(&self, entity: &str) -> bool {
        let Some(share) = self.sample_share else { return true };
        f64::from(salted_hash(entity, SALT)) < share * (f64::from(u32::MAX) + 1.0)
    }

    /// What is recorded of a batch whose rows are of these entities; `None`: nothing of it. Without entities the ids are drawn.
    pub fn recorded<'b>(
        &self,
        batch: &'b PredictionBatch,
        entities: Option<&[Arc<str>]>,
    ) -> Option<Cow<'b, PredictionBatch>> {
        if self.is_everything() {
            return Some(Cow::Borrowed(batch));
        }
        let drawn = entities.unwrap_or(&batch.ids);
        let rows: Vec<usize> =
            (0..batch.rows()).filter(|row| drawn.get(*row).is_none_or(|entity| self.records(entity))).collect();
        if rows.is_empty() {
            return None;
        }
        let mut part = if rows.len() == batch.rows() { batch.clone() } else { batch.take(&rows) };
        part.features = self.recorded_columns(part.features);
        if let Some(share) = self.sample_share {
            let details = part.details.take().map_or_else(RecordDetails::default, |details| *details);
            part.details = Some(Box::new(RecordDetails { sample_share: Some(share), ..details }));
        }
        Some(Cow::Owned(part))
    }

    /// The columns as they are recorded.
    fn recorded_columns(&self, table: Table) -> Table {
        if self.drops_features {
            return Table::default();
        }
        if !table.names().iter().any(|name| self.is_personal(name)) {
            return table;
        }
        let kept = table.columns().filter(|(name, _)| !self.dropped.contains(*name));
        let columns = kept.map(|(name, column)| {
            let column = if self.hashed.contains(name) { self.hashed_column(name, column) } else { column.clone() };
            (name.to_owned(), column)
        });
        // Names and lengths are those of a table.
        Table::new(columns.collect()).unwrap_or_default()
    }

    /// Each value as its hash; without a key none is left.
    fn hashed_column(&self, name: &str, column: &Column) -> Column {
        let hash = |row: usize| Some(self.key.as_ref()?.hash(name, &column.label(row)?));
        Column::Text((0..column.len()).map(hash).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(share: f64) -> RecordingPolicy {
        RecordingPolicy { sample_share: Some(share), ..RecordingPolicy::default() }
    }

    #[test]
    fn a_share_of_the_entities_is_recorded_and_a_larger_one_records_them_too() {
        let ids: Vec<String> = (0..20_000).map(|n| format!("customer-{n}")).collect();
        for share in [0.001, 0.1, 0.5, 0.9] {
            let count = ids.iter().filter(|id| sample(share).records(id)).count() as f64;
            let sd = (share * (1.0 - share) / 20_000.0_f64).sqrt();
            assert!((count / 20_000.0 - share).abs() < 4.0 * sd, "{share}: {count}");
            assert!(ids.iter().all(|id| !sample(share).records(id) || sample(0.95).records(id)));
        }
        assert!(ids.iter().all(|id| RecordingPolicy::default().records(id)));
    }

    #[test]
    fn the_draw_never_changes() {
        // Written down when it was made: whoever was recorded is recorded by later versions of Kilter.
        let recorded: Vec<u32> = (0..40).filter(|n| sample(0.2).records(&format!("c{n}"))).collect();
        assert_eq!(recorded, DRAWN);
    }

    const DRAWN: [u32; 11] = [5, 7, 9, 14, 22, 23, 27, 29, 31, 36, 38];

    #[test]
    fn a_hash_is_that_of_the_standard() {
        // python3 -c "import hmac,hashlib; print(hmac.new(b'secret', b'email\0ana@x.org', hashlib.sha256).hexdigest()[:32])"
        assert_eq!(&*HashKey::new(b"secret").hash("email", "ana@x.org"), "b1d825e2c71ff23f88d3aae1936cdc83");
        assert_ne!(
            HashKey::new(b"secret").hash("mail", "ana@x.org"),
            HashKey::new(b"secret").hash("email", "ana@x.org")
        );
        assert_eq!(format!("{:?}", HashKey::new(b"secret")), "HashKey(…)");
    }

    #[test]
    fn values_are_hashed_or_left_out_and_missing_ones_stay_missing() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let key = Some(HashKey::new(b"secret"));
        let policy = RecordingPolicy {
            hashed: names(&["email", "phone"]),
            dropped: names(&["name"]),
            key,
            ..Default::default()
        };
        let text = |values: [Option<&str>; 3]| Column::Text(values.map(|value| value.map(Arc::from)).to_vec());
        let table = Table::new(vec![
            ("email".into(), text([Some("ana@x.org"), None, Some("ana@x.org")])),
            ("name".into(), text([Some("Ana"), None, None])),
            ("phone".into(), Column::Int(vec![Some(5550100), None, Some(1)])),
            ("age".into(), Column::Float(vec![35.0, 40.0, 41.0])),
        ])
        .unwrap();
        let recorded = policy.recorded_columns(table.clone());
        assert_eq!(recorded.names(), ["email", "phone", "age"]);
        let email = recorded.get("email").unwrap();
        assert_eq!((email.label(0), email.label(1)), (email.label(2), None));
        assert_eq!(recorded.get("phone").unwrap().label(0).unwrap().len(), 32);
        assert_eq!(recorded.get("age"), table.get("age"));
        let unknown = RecordingPolicy { drops_features: true, ..RecordingPolicy::default() };
        assert!(unknown.recorded_columns(table.clone()).names().is_empty() && unknown.is_personal("age"));
        let keyless = RecordingPolicy { key: None, ..policy };
        assert!((0..3).all(|row| keyless.recorded_columns(table.clone()).get("email").unwrap().is_missing(row)));
    }
}
