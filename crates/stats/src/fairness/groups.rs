//! Rows by group, with the confusion counts of each.

use serde::{Deserialize, Serialize};

use crate::{
    outcome::{Estimate, MetricResult, Unmeasured, same_length},
    performance::{Confusion, Rate},
};

/// Rows below which a group is named but not judged.
pub const MINIMUM: u64 = 30;

/// Groups that one table holds; more is an identifier, not an attribute.
pub const MAX_GROUPS: usize = 100_000;

/// Rates that are reported per group.
pub const RATES: [Rate; 9] = [
    Rate::SelectionRate,
    Rate::Recall,
    Rate::FalsePositiveRate,
    Rate::FalseNegativeRate,
    Rate::Specificity,
    Rate::Precision,
    Rate::NegativePredictiveValue,
    Rate::Accuracy,
    Rate::BaseRate,
];

/// Counts of truth and decision for every group; mergeable by addition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Groups {
    tables: Vec<Confusion>,
}

impl Groups {
    /// An empty table of `groups` groups.
    pub fn new(groups: usize) -> MetricResult<Self> {
        if groups > MAX_GROUPS {
            return Err(Unmeasured::bad_input("groups", format!("{groups} groups are more than {MAX_GROUPS}")));
        }
        Ok(Groups { tables: vec![Confusion::default(); groups] })
    }

    /// Counts rows; `group` is a number below `groups`. One pass.
    pub fn of(
        group: &[u32],
        groups: usize,
        truth: &[bool],
        decision: &[bool],
        weight: Option<&[f64]>,
    ) -> MetricResult<Self> {
        let lengths = [group.len(), truth.len(), decision.len(), weight.map_or(group.len(), <[f64]>::len)];
        same_length("rows", &lengths)?;
        let mut table = Groups::new(groups)?;
        if let Some(row) = group.iter().position(|group| *group as usize >= groups) {
            return Err(Unmeasured::bad_input(
                "group",
                format!("row {row} is of group {}, beyond {groups}", group[row]),
            ));
        }
        match weight {
            Some(weight) => {
                if weight.iter().any(|weight| !weight.is_finite() || *weight < 0.0) {
                    return Err(Unmeasured::bad_input("weights", "a weight is negative or not finite"));
                }
                for row in 0..group.len() {
                    table.tables[group[row] as usize].add(truth[row], decision[row], weight[row]);
                }
            }
            None => table.count_plain(group, truth, decision),
        }
        Ok(table)
    }

    fn count_plain(&mut self, group: &[u32], truth: &[bool], decision: &[bool]) {
        let mut cube = vec![0u64; 4 * self.tables.len()];
        for ((group, truth), decision) in group.iter().zip(truth).zip(decision) {
            cube[4 * *group as usize + 2 * usize::from(*truth) + usize::from(*decision)] += 1;
        }
        for (table, cells) in self.tables.iter_mut().zip(cube.chunks(4)) {
            table.add_counts(cells[3], cells[1], cells[2], cells[0]);
        }
    }

    /// Adds the counts of another table over the same groups.
    pub fn merge(&mut self, other: &Groups) -> MetricResult<()> {
        same_length("groups", &[self.tables.len(), other.tables.len()])?;
        self.tables.iter_mut().zip(&other.tables).for_each(|(a, b)| a.merge(b));
        Ok(())
    }

    /// The same rows in coarser groups: group i becomes `into[i]`. An intersection holds its margins.
    pub fn regrouped(&self, into: &[u32], groups: usize) -> MetricResult<Groups> {
        same_length("groups", &[self.tables.len(), into.len()])?;
        let mut coarse = Groups::new(groups)?;
        for (table, group) in self.tables.iter().zip(into) {
            let Some(sum) = coarse.tables.get_mut(*group as usize) else {
                return Err(Unmeasured::bad_input("groups", format!("group {group} is beyond {groups}")));
            };
            sum.merge(table);
        }
        Ok(coarse)
    }

    /// The table of one group.
    pub fn table(&self, group: usize) -> Option<&Confusion> {
        self.tables.get(group)
    }

    /// Groups, with or without rows.
    pub fn len(&self) -> usize {
        self.tables.len()
    }

    /// Whether there is no group at all.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// All rows together.
    pub fn overall(&self) -> Confusion {
        self.tables.iter().fold(Confusion::default(), |mut all, table| {
            all.merge(table);
            all
        })
    }

    /// A rate of one group with its Wilson interval; too few below `minimum` rows in the rate's denominator.
    pub fn rate(&self, group: usize, rate: Rate, level: f64, minimum: u64) -> MetricResult<Estimate> {
        let table =
            self.tables.get(group).ok_or_else(|| Unmeasured::too_few("groups", self.tables.len(), group + 1))?;
        let proportion = table.proportion(rate);
        if proportion.rows < minimum {
            return Err(Unmeasured::too_few(
                &format!("rows for {}", rate.name()),
                proportion.rows as usize,
                minimum as usize,
            ));
        }
        proportion.wilson(rate.name(), level)
    }
}
