//! The policy of a contract: what a version is judged by. Its text is frozen into every version.
//!
//! Invariants: the same policy has the same text, however the file was laid out; what does not judge (monitors,
//! deployment, commands) is not in it, so that changing those does not ask for a new judgement.

use serde_json::{Map, Value, json};

use super::{Approve, Need, Risk, document::Contract};
use crate::{digest::Digest, gate::ApprovalRule, model::Requirements, rule::Rule, time::Span};

/// The version of the shape of the text.
const POLICY_VERSION: u32 = 1;

impl Contract {
    /// Canonical JSON of the gates, the approval rule, the risk and what is required of data and package.
    pub fn policy_text(&self) -> String {
        let rules = |rules: &[Rule]| rules.iter().map(ToString::to_string).collect::<Vec<_>>();
        let gates = self.gates.iter().map(|gate| {
            let dataset = gate.dataset.as_ref().map(ToString::to_string);
            (gate.name.to_string(), json!({ "dataset": dataset, "rules": rules(&gate.rules) }))
        });
        let data = self.data.iter().filter(|data| !data.require.is_empty());
        let data = data.map(|data| (data.name.to_string(), Value::from(rules(&data.require))));
        let policy = json!({
            "approve": {
                "expire": self.approve.expire,
                "four_eyes": self.approve.four_eyes,
                "needs": self.approve.needs.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "rule": self.approve.rule,
            },
            "data": data.collect::<Map<_, _>>(),
            "gates": gates.collect::<Map<_, _>>(),
            "package": {
                "sample": self.package.as_ref().and_then(|package| package.sample.as_ref()).map(|sample| sample.rows),
                "sign": self.package.as_ref().is_some_and(|package| package.sign.is_some()),
            },
            "risk": self.project.risk,
            "v": POLICY_VERSION,
        });
        sorted(policy).to_string()
    }

    /// The digest of [`Contract::policy_text`].
    pub fn policy_digest(&self) -> Digest {
        Digest::of(self.policy_text().as_bytes())
    }

    /// What a version of this project must bring with it.
    pub fn requirements(&self) -> Requirements {
        let of_risk = Requirements::of(self.project.risk);
        let needs = |need: &Need| self.approve.needs.contains(need);
        Requirements {
            signature: self.package.as_ref().is_some_and(|package| package.sign.is_some()),
            golden_replay: self.package.as_ref().is_some_and(|package| package.sample.is_some()),
            card: of_risk.card || needs(&Need::Card),
            independent_review: of_risk.independent_review || needs(&Need::IndependentReview),
            four_eyes: self.approve.four_eyes,
            clean_commit: of_risk.clean_commit,
        }
    }
}

impl Approve {
    /// What holds where the contract is silent.
    pub fn of(risk: Risk) -> Self {
        let people = |rule: &str| rule.parse::<ApprovalRule>().unwrap_or_default();
        let (rule, expire) = match risk {
            Risk::Low => (ApprovalRule::default(), None),
            Risk::Medium => (people("1 of validator"), Some(Span::months(12))),
            Risk::High => (people("1 of validator and owner"), Some(Span::months(6))),
        };
        Self { rule, four_eyes: true, needs: vec![Need::EveryGate], expire }
    }
}

impl std::fmt::Display for Need {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::EveryGate => out.write_str("gate.*"),
            Self::Gate(name) => write!(out, "gate.{name}"),
            Self::Card => out.write_str("card"),
            Self::IndependentReview => out.write_str("review.independent"),
        }
    }
}

/// The same value with the names of every object in order.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(entries) => {
            let mut entries: Vec<(String, Value)> =
                entries.into_iter().map(|(name, value)| (name, sorted(value))).collect();
            entries.sort_by(|(one, _), (other, _)| one.cmp(other));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        value => value,
    }
}
