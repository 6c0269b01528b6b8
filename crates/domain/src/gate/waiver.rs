//! A waiver: one rule of one gate need not hold, until a time, because someone who may said so.

use serde::{Deserialize, Serialize};

use crate::{actor::Actor, ids::GateName, rule::RuleOutcome, time::Timestamp};

/// What a waiver lets pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiver {
    /// The gate.
    pub gate: GateName,
    /// The rule, as its text.
    pub rule: String,
    /// Who granted it.
    pub by: Actor,
    /// When it ends.
    pub until: Timestamp,
}

impl Waiver {
    /// Whether it lets this outcome of a gate pass, for a version that `makers` made: nobody waives for their own work.
    pub fn covers(&self, gate: &GateName, outcome: &RuleOutcome, makers: &[Actor]) -> bool {
        self.gate == *gate && self.rule == outcome.rule && !makers.contains(&self.by)
    }
}
