//! Which rows of a part of the log count, and which of them have a label: a bit of each, whatever the rows are.
//!
//! Invariants: of several rows of one prediction the one that was recorded last counts, and of its labels the last one
//! ([`super::log_place`]). Ids are kept apart by 64 bits of a hash: of a hundred million ids two are the same with a chance of one in
//! three thousand. Ids fall into buckets by it, and each bucket has a pass over the log, so the table of ids has a bound whatever
//! there is to read; a bit for each row is all that grows.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    ops::ControlFlow,
    sync::Arc,
};

use kilter_domain::{log_position::LogPosition, table::Table};
use kilter_lake::LakeError;
use kilter_serving::prediction_log::column;
use kilter_stats::hash::{mixed, salted_fnv1a};
use kilter_store::prediction::Partition;

use crate::prediction::{
    log_place::{Place, places, texts},
    log_scan::{LabelPart, LogPart},
    logged::{COLUMNS_OF_LABELS, Label, PredictionFilter, labels, wanted},
};

/// What is read of each row to know whether it counts.
pub(super) const COLUMNS: [&str; 5] =
    [column::ID, column::SEQUENCE, column::RECORDED_AT, column::VERSION, column::ROLE];
/// Of the hash by which ids are drawn. Part of what readings are reproduced from: it never changes.
const SALT: u64 = 0x5748_a31d_0e6f_92c5;

/// A stable hash of a prediction id, by which rows are drawn: all of its bits are mixed, and independent of the hash by which what is
/// recorded is drawn.
pub(super) fn id_hash(id: &str) -> u64 {
    let hash = mixed(salted_fnv1a(SALT, id.bytes())).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

/// A bit of each row.
#[derive(Default)]
pub(super) struct RowBits(Vec<u64>);

impl RowBits {
    fn zeros(rows: u64) -> Self {
        Self(vec![0; usize::try_from(rows.div_ceil(64)).unwrap_or(0)])
    }

    pub(super) fn get(&self, row: usize) -> bool {
        self.0.get(row / 64).is_some_and(|bits| bits >> (row % 64) & 1 == 1)
    }

    fn set(&mut self, row: usize, is_set: bool) {
        if let Some(bits) = self.0.get_mut(row / 64) {
            *bits = *bits & !(1 << (row % 64)) | u64::from(is_set) << (row % 64);
        }
    }
}

/// What is known of the rows of a part of the log.
pub(super) struct LogSurvey {
    who: PredictionFilter,
    superseded: RowBits,
    labelled: RowBits,
    searched: RowBits,
    /// How far the log was read for the labels of the rows.
    pub labels_through: LogPosition,
    /// The partitions of labels of before that hold labels of the rows.
    pub labels_before: Vec<Partition>,
}

impl LogSurvey {
    /// Reads the ids of rows and labels. No more than `max_ids` ids are kept apart at a time. Of partitions with older labels those are
    /// read that hold one of up to `max_drawn` ids. Rows are marked whose label `is_searched`.
    pub(super) fn of(
        rows: &LogPart,
        labels: &LabelPart,
        (who, is_searched): (PredictionFilter, &dyn Fn(&Label) -> bool),
        (max_ids, max_drawn): (usize, usize),
    ) -> Result<Self, LakeError> {
        let bits = || RowBits::zeros(rows.max_rows());
        let (superseded, labelled, searched) = (bits(), bits(), bits());
        let mut survey =
            Self { who, superseded, labelled, searched, labels_through: LogPosition::default(), labels_before: vec![] };
        if labels.has_older() {
            survey.labels_before = labels.that_may_hold(&survey.evenly_drawn_ids(rows, max_drawn)?)?;
        }
        let buckets = rows.max_rows().div_ceil(max_ids.max(1) as u64).max(1);
        for bucket in 0..buckets {
            let ids = survey.ids_of(rows, |hash| hash % buckets == bucket)?;
            survey.find_labels((rows.max_rows(), &ids), labels, is_searched)?;
        }
        Ok(survey)
    }

    /// The rows of a batch that count, by their place in it. `first` is the place of its first row.
    pub(super) fn counting(&self, first: usize, batch: &Table) -> Vec<usize> {
        let ids = texts(batch, column::ID);
        let mut rows = wanted(batch, self.who);
        rows.retain(|row| ids[*row].is_some() && !self.superseded.get(first + row));
        rows
    }

    /// Whether a label of the row is known.
    pub(super) fn is_labelled(&self, row: usize) -> bool {
        self.labelled.get(row)
    }

    /// Whether the label of the row is one that was searched for.
    pub(super) fn is_searched(&self, row: usize) -> bool {
        self.searched.get(row)
    }

    /// The ids with the smallest hashes, at most so many.
    fn evenly_drawn_ids(&self, rows: &LogPart, max: usize) -> Result<Vec<Arc<str>>, LakeError> {
        let mut drawn: Vec<Arc<str>> = Vec::new();
        let mut share = EvenShare::default();
        rows.scan(Some(&COLUMNS), &mut |_, batch| {
            let ids = texts(&batch, column::ID);
            let ids = wanted(&batch, self.who).into_iter().filter_map(|row| ids[row].clone());
            drawn.extend(ids.filter(|id| share.has(id_hash(id))));
            while drawn.len() > max {
                share.halve();
                drawn.retain(|id| share.has(id_hash(id)));
            }
            ControlFlow::Continue(())
        })?;
        Ok(drawn)
    }

    /// The rows of the ids of a bucket that count, by the hash of the id; others of the same ids are marked.
    fn ids_of(&mut self, rows: &LogPart, is_of_bucket: impl Fn(u64) -> bool) -> Result<HashMap<u64, u32>, LakeError> {
        let (mut of_hash, mut again) = (HashMap::new(), HashSet::new());
        let visit = |take: &mut dyn FnMut(u64, u32, Place)| {
            rows.scan(Some(&COLUMNS), &mut |first, batch| {
                let (ids, places) = (texts(&batch, column::ID), places(&batch).collect::<Vec<_>>());
                for row in wanted(&batch, self.who) {
                    let (hash, place) = (ids[row].as_deref().map(id_hash), u32::try_from(first + row));
                    if let (Some(hash), Ok(place)) = (hash.filter(|hash| is_of_bucket(*hash)), place) {
                        take(hash, place, places[row]);
                    }
                }
                ControlFlow::Continue(())
            })
        };
        visit(&mut |hash, row, _| match of_hash.entry(hash) {
            Entry::Vacant(new) => drop(new.insert(row)),
            Entry::Occupied(_) => drop(again.insert(hash)),
        })?;
        if again.is_empty() {
            return Ok(of_hash);
        }
        let (mut last, superseded): (HashMap<u64, (Place, u32)>, _) = (HashMap::new(), &mut self.superseded);
        visit(&mut |hash, row, place| {
            if !again.contains(&hash) {
                return;
            }
            match last.entry(hash) {
                Entry::Vacant(new) => drop(new.insert((place, row))),
                Entry::Occupied(mut kept) if place.replaces(kept.get().0) => {
                    superseded.set(kept.get().1 as usize, true);
                    kept.insert((place, row));
                }
                Entry::Occupied(_) => superseded.set(row as usize, true),
            }
        })?;
        of_hash.extend(last.into_iter().map(|(hash, (_, row))| (hash, row)));
        Ok(of_hash)
    }

    /// Marks the rows of these ids whose last label is one, and is searched for.
    fn find_labels(
        &mut self,
        (rows, ids): (u64, &HashMap<u64, u32>),
        labels: &LabelPart,
        is_searched: &dyn Fn(&Label) -> bool,
    ) -> Result<(), LakeError> {
        let (mut seen, mut again) = (RowBits::zeros(rows), HashSet::new());
        let before = self.labels_before.clone();
        let visit = |take: &mut dyn FnMut(u64, usize, Place, Option<Label>)| {
            labels.scan(&before, &COLUMNS_OF_LABELS, &mut |batch| {
                let (texts, values) = (texts(&batch, column::ID), self::labels(&batch));
                for ((id, value), place) in texts.iter().zip(values).zip(places(&batch)) {
                    let Some(hash) = id.as_deref().map(id_hash) else { continue };
                    if let Some(row) = ids.get(&hash) {
                        take(hash, *row as usize, place, value);
                    }
                }
            })
        };
        visit(&mut |hash, row, place, value| {
            self.labels_through.add(place.sequence);
            if seen.get(row) {
                again.insert(hash);
            } else {
                seen.set(row, true);
                self.set_label(row, value.as_ref(), is_searched);
            }
        })?;
        if again.is_empty() {
            return Ok(());
        }
        let mut last: HashMap<u64, Place> = HashMap::new();
        visit(&mut |hash, row, place, value| {
            if again.contains(&hash) && last.get(&hash).is_none_or(|kept| place.replaces(*kept)) {
                last.insert(hash, place);
                self.set_label(row, value.as_ref(), is_searched);
            }
        })
    }

    fn set_label(&mut self, row: usize, label: Option<&Label>, is_searched: &dyn Fn(&Label) -> bool) {
        self.labelled.set(row, label.is_some());
        self.searched.set(row, label.is_some_and(is_searched));
    }
}

/// A share of ids, drawn by their hash: a half of a half of … all of them. What a smaller share has, a larger one has too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct EvenShare {
    halvings: u32,
}

impl EvenShare {
    /// Whether an id with this hash is among them.
    pub(super) fn has(self, hash: u64) -> bool {
        hash.leading_zeros() >= self.halvings
    }

    /// Half of it.
    pub(super) fn halve(&mut self) {
        self.halvings += 1;
    }

    /// As a number; `None`: all.
    pub(super) fn share(self) -> Option<f64> {
        (self.halvings > 0).then(|| 0.5_f64.powi(i32::try_from(self.halvings).unwrap_or(i32::MAX)))
    }
}

/// How many rows there are and which share of them is held.
#[derive(Debug, Default)]
pub(super) struct Draw {
    pub share: EvenShare,
    hashes: Vec<u64>,
    /// All rows.
    pub rows: u64,
}

impl Draw {
    /// Takes a row into account; the share becomes smaller when more than `max` are drawn.
    pub(super) fn add(&mut self, hash: u64, max: usize) {
        self.rows += 1;
        if !self.share.has(hash) {
            return;
        }
        self.hashes.push(hash);
        while self.hashes.len() > max {
            self.halve();
        }
    }

    /// Draws half as many.
    pub(super) fn halve(&mut self) {
        self.share.halve();
        self.hashes.retain(|hash| self.share.has(*hash));
    }

    /// How many rows are drawn.
    pub(super) fn held(&self) -> usize {
        self.hashes.len()
    }
}
