//! Rows of the groups that rules compare: of a group that is rare, an even share of all rows may hold too few to say anything.
//!
//! Invariants: each group has an even share of its own, of its rows and of its rows with a label, so what is measured within a group
//! is measured on a fair sample of it; together the groups have a bound. Numbers that are cut at their quartiles have no rare group.

use std::{collections::HashMap, sync::Arc};

use kilter_domain::table::{Column, Table};
use kilter_evaluation::{gate_metrics::MAX_NUMBERS, labelled_predictions::class_name};

use crate::prediction::log_survey::{Draw, EvenShare};

/// Values of a column that are groups at most; rows of further ones are drawn like all others.
const MAX_GROUPS: usize = 500;

/// The draws of the groups of some columns.
pub(super) struct GroupDraws<'q> {
    columns: &'q [String],
    /// Rows of a group that are drawn at most.
    max_rows: usize,
    /// By column, of each value: its rows, and those with a label.
    draws: Vec<HashMap<Arc<str>, [Draw; 2]>>,
    /// Columns of numbers: with many values they are cut at their quartiles.
    is_number: Vec<bool>,
}

/// The shares of the groups: of their rows, and of their rows with a label.
pub(super) struct GroupShares<'q> {
    columns: &'q [String],
    shares: Vec<HashMap<Arc<str>, [EvenShare; 2]>>,
}

impl<'q> GroupDraws<'q> {
    /// Draws so that each group keeps `min_rows` rows at least, as far as it has as many.
    pub(super) fn new(columns: &'q [String], min_rows: usize) -> Self {
        let draws = columns.iter().map(|_| HashMap::new()).collect();
        // A share is halved beyond it: about half remains, and never less than a third.
        Self { columns, max_rows: min_rows.saturating_mul(3), draws, is_number: vec![false; columns.len()] }
    }

    /// Takes a row of a batch into account.
    pub(super) fn add(&mut self, batch: &Table, row: usize, hash: u64, is_labelled: bool) {
        for ((name, draws), is_number) in self.columns.iter().zip(&mut self.draws).zip(&mut self.is_number) {
            *is_number |= !matches!(batch.get(name), None | Some(Column::Text(_) | Column::Bool(_)));
            let Some(value) = group_of(batch, name, row) else { continue };
            if draws.len() >= MAX_GROUPS && !draws.contains_key(&value) {
                continue;
            }
            let [of_rows, of_labelled] = draws.entry(value).or_default();
            of_rows.add(hash, self.max_rows);
            if is_labelled {
                of_labelled.add(hash, self.max_rows);
            }
        }
    }

    /// The share of each group, so that they have at most `max` rows together, and as many with a label: the largest are halved first.
    pub(super) fn shares(mut self, max: usize) -> GroupShares<'q> {
        for (draws, is_number) in self.draws.iter_mut().zip(&self.is_number) {
            if *is_number && draws.len() > MAX_NUMBERS {
                draws.clear();
            }
        }
        for kind in [0, 1] {
            let mut draws: Vec<&mut Draw> =
                self.draws.iter_mut().flat_map(HashMap::values_mut).map(|both| &mut both[kind]).collect();
            while draws.iter().map(|draw| draw.held()).sum::<usize>() > max {
                let Some(largest) = draws.iter().map(|draw| draw.held()).max() else { break };
                draws.iter_mut().filter(|draw| draw.held() == largest).for_each(|draw| draw.halve());
            }
        }
        let of_group = |(value, [rows, labelled]): (Arc<str>, [Draw; 2])| (value, [rows.share, labelled.share]);
        let shares = self.draws.into_iter().map(|draws| draws.into_iter().map(of_group).collect()).collect();
        GroupShares { columns: self.columns, shares }
    }
}

impl GroupShares<'_> {
    /// Whether a row is drawn in one of its groups.
    pub(super) fn has(&self, batch: &Table, row: usize, hash: u64, is_labelled: bool) -> bool {
        (0..self.columns.len()).any(|column| {
            let [of_rows, of_labelled] = self.of(column, batch, row);
            of_rows.is_some_and(|share| share.has(hash))
                || is_labelled && of_labelled.is_some_and(|share| share.has(hash))
        })
    }

    /// The columns that have groups, with their places.
    pub(super) fn columns(&self) -> impl Iterator<Item = (usize, &String)> {
        self.columns.iter().enumerate().filter(|(column, _)| !self.shares[*column].is_empty())
    }

    /// The shares of the group that a row is of by a column: of its rows, and of those with a label.
    pub(super) fn of(&self, column: usize, table: &Table, row: usize) -> [Option<EvenShare>; 2] {
        let group = group_of(table, &self.columns[column], row);
        let shares = group.and_then(|group| self.shares[column].get(&group));
        shares.map_or([None; 2], |shares| shares.map(Some))
    }
}

/// The value of a column in a row, as groups are named by it.
fn group_of(table: &Table, name: &str, row: usize) -> Option<Arc<str>> {
    class_name(table.get(name)?, row)
}
