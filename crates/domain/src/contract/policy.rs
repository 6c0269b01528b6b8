//! The policy of a contract: what a version is judged by. Its text is frozen into every version.
//!
//! Invariants: the same policy has the same text, however the file was laid out; what does not judge (monitors,
//! deployment, commands) is not in it, so that changing those does not ask for a new judgement.

use std::{collections::BTreeMap, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::{Approve, Need, Risk, document::Contract};
use crate::{digest::Digest, gate::ApprovalRule, ids::GateName, model::Requirements, rule::Rule, time::Span};

/// The version of the shape of the text.
const POLICY_VERSION: u32 = 1;

/// What a version is judged by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// `[approve]`, with the defaults of the risk.
    pub approve: Approve,
    /// What is required of each dataset.
    pub data: BTreeMap<String, Vec<Rule>>,
    /// The gates, by name.
    pub gates: BTreeMap<GateName, GatePolicy>,
    /// What the package must bring.
    pub package: PackagePolicy,
    /// How much harm a wrong answer can do.
    pub risk: Risk,
    v: u32,
}

/// A gate as a policy states it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GatePolicy {
    /// The step output on whose rows the rules are measured.
    pub dataset: Option<String>,
    /// What must hold.
    pub rules: Vec<Rule>,
}

/// What a package must bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackagePolicy {
    /// How many golden requests; `None`: none.
    pub sample: Option<u32>,
    /// Whether it must be signed by a key that the contract names.
    pub sign: bool,
}

impl Policy {
    /// Reads the text that is frozen into a version; `None` where this program does not know its shape.
    pub fn from_text(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().filter(|policy: &Self| policy.v == POLICY_VERSION)
    }

    /// Canonical JSON.
    pub fn text(&self) -> String {
        sorted(serde_json::to_value(self).expect("texts and numbers always serialise")).to_string()
    }

    /// The policy that asks for what either of the two asks for.
    #[must_use]
    pub fn stricter(&self, other: &Self) -> Self {
        let mut policy = self.clone();
        policy.approve.rule = self.approve.rule.stricter(&other.approve.rule);
        policy.approve.four_eyes |= other.approve.four_eyes;
        policy.approve.expire = shorter(self.approve.expire, other.approve.expire);
        add_missing(&mut policy.approve.needs, &other.approve.needs);
        for (name, gate) in &other.gates {
            let own = policy.gates.entry(name.clone());
            let own = own.or_insert_with(|| GatePolicy { dataset: gate.dataset.clone(), rules: Vec::new() });
            add_missing(&mut own.rules, &gate.rules);
        }
        for (name, rules) in &other.data {
            add_missing(policy.data.entry(name.clone()).or_default(), rules);
        }
        policy.package.sample = self.package.sample.max(other.package.sample);
        policy.package.sign |= other.package.sign;
        policy.risk = self.risk.max(other.risk);
        policy
    }

    /// What a version must bring with it.
    pub fn requirements(&self) -> Requirements {
        let of_risk = Requirements::of(self.risk);
        let needs = |need: &Need| self.approve.needs.contains(need);
        Requirements {
            signature: self.package.sign,
            golden_replay: self.package.sample.is_some(),
            card: of_risk.card || needs(&Need::Card),
            independent_review: of_risk.independent_review || needs(&Need::IndependentReview),
            four_eyes: self.approve.four_eyes,
            clean_commit: of_risk.clean_commit,
        }
    }
}

fn shorter(one: Option<Span>, other: Option<Span>) -> Option<Span> {
    one.into_iter().chain(other).min_by_key(|span| span.millis())
}

fn add_missing<T: Clone + PartialEq>(own: &mut Vec<T>, others: &[T]) {
    for other in others {
        if !own.contains(other) {
            own.push(other.clone());
        }
    }
}

impl Contract {
    /// The gates, the approval rule, the risk and what is required of data and package.
    pub fn policy(&self) -> Policy {
        let gates = self.gates.iter().map(|gate| {
            let dataset = gate.dataset.as_ref().map(ToString::to_string);
            (gate.name.clone(), GatePolicy { dataset, rules: gate.rules.clone() })
        });
        let data = self.data.iter().filter(|data| !data.require.is_empty());
        let package = self.package.as_ref();
        Policy {
            approve: self.approve.clone(),
            data: data.map(|data| (data.name.to_string(), data.require.clone())).collect(),
            gates: gates.collect(),
            package: PackagePolicy {
                sample: package.and_then(|package| package.sample.as_ref()).map(|sample| sample.rows),
                sign: package.is_some_and(|package| package.sign.is_some()),
            },
            risk: self.project.risk,
            v: POLICY_VERSION,
        }
    }

    /// Canonical JSON of [`Contract::policy`].
    pub fn policy_text(&self) -> String {
        self.policy().text()
    }

    /// The digest of [`Contract::policy_text`].
    pub fn policy_digest(&self) -> Digest {
        Digest::of(self.policy_text().as_bytes())
    }

    /// What a version of this project must bring with it.
    pub fn requirements(&self) -> Requirements {
        self.policy().requirements()
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

impl FromStr for Need {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("gate.")) {
            ("gate.*", _) => Ok(Self::EveryGate),
            ("card", _) => Ok(Self::Card),
            ("review.independent", _) => Ok(Self::IndependentReview),
            (_, Some(gate)) => gate.parse().map(Self::Gate).map_err(|error: crate::ids::InvalidName| error.to_string()),
            _ => Err(format!(
                "`{text}` is nothing that an approval can need: write `gate.*`, `gate.NAME`, `card` or `review.independent`"
            )),
        }
    }
}

impl Serialize for Need {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Need {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        String::deserialize(input)?.parse().map_err(serde::de::Error::custom)
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
