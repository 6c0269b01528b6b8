//! In which points one policy asks for less than another.
//!
//! Invariants: what cannot be compared counts as looser. A rule may go if another rule of the same gate implies it. Beside the
//! policy, a contract that leaves nobody to be the validator is looser: else whoever changes roles could loosen everything.

use std::collections::BTreeMap;

use super::{Contract, Deploy, Need, Policy, Record};
use crate::{actor::Role, deployment::AdmissionPolicy, gate::ApprovalRule, rule::Rule, time::Span};

impl Contract {
    /// What `next` asks for less than this contract, as sentences; empty where it is as strict in every point.
    pub fn loosened_by(&self, next: &Contract) -> Vec<String> {
        let mut looser = self.policy().loosened_by(&next.policy());
        let has_validator =
            |contract: &Contract| contract.project.roles.get(&Role::Validator).is_some_and(|given| !given.is_empty());
        if has_validator(self) && !has_validator(next) {
            looser.push("nobody is a validator any more".to_owned());
        }
        if self.main_admission() == Some(AdmissionPolicy::Approved)
            && next.main_admission() == Some(AdmissionPolicy::Validated)
        {
            looser.push("[deploy]: the main endpoint takes versions that nobody approved".to_owned());
        }
        looser.extend(self.record.loosened_by(&next.record));
        looser
    }

    /// Which versions the endpoint takes that has the name of the project: that of `production`, or of the only place.
    fn main_admission(&self) -> Option<AdmissionPolicy> {
        let main = self.deployment("production").or(match self.deploy.as_slice() {
            [only] => Some(only),
            _ => None,
        });
        main.map(Deploy::admission_policy)
    }
}

impl Record {
    /// The personal columns of which `next` records more.
    fn loosened_by(&self, next: &Self) -> Vec<String> {
        let is_dropped = |column: &&String| !next.drop.contains(column);
        let dropped = self.drop.iter().filter(is_dropped).map(|column| format!("[record] drop: without `{column}`"));
        let is_plain = |column: &&String| !next.hash.contains(column) && !next.drop.contains(column);
        let hashed = self.hash.iter().filter(is_plain).map(|column| format!("[record] hash: without `{column}`"));
        dropped.chain(hashed).collect()
    }
}

impl Policy {
    /// What `next` asks for less than this policy, as sentences.
    pub fn loosened_by(&self, next: &Policy) -> Vec<String> {
        let mut looser = Vec::new();
        if next.risk < self.risk {
            looser.push(format!("risk: {} instead of {}", word(&next.risk), word(&self.risk)));
        }
        if self.approve.four_eyes && !next.approve.four_eyes {
            looser.push("[approve] four_eyes: an author may approve".to_owned());
        }
        if !is_as_strict(&next.approve.rule, &self.approve.rule) {
            looser.push(format!("[approve] rule: {} instead of {}", next.approve.rule, self.approve.rule));
        }
        if is_longer(next.approve.expire, self.approve.expire) {
            let ends = |span: Option<Span>| span.map_or_else(|| "never".to_owned(), |span| span.to_string());
            let (now, before) = (ends(next.approve.expire), ends(self.approve.expire));
            looser.push(format!("[approve] expire: {now} instead of {before}"));
        }
        let dropped = self.approve.needs.iter().filter(|need| !is_needed(need, &next.approve.needs));
        looser.extend(dropped.map(|need| format!("[approve] needs: without {need}")));
        if self.package.sign && !next.package.sign {
            looser.push("[package] sign: without a signature".to_owned());
        }
        if next.package.sample < self.package.sample {
            looser.push("[package] sample: fewer golden requests".to_owned());
        }
        for (name, gate) in &self.gates {
            match next.gates.get(name) {
                None => looser.push(format!("[gate.{name}]: there is none")),
                Some(other) if other.dataset != gate.dataset => {
                    looser.push(format!("[gate.{name}] dataset: measured on other rows"));
                }
                Some(other) => looser.extend(dropped_rules(&format!("gate.{name}"), &gate.rules, &other.rules)),
            }
        }
        looser.extend(self.loosened_data(&next.data));
        looser
    }

    fn loosened_data(&self, next: &BTreeMap<String, Vec<Rule>>) -> Vec<String> {
        let of = |(name, rules): (&String, &Vec<Rule>)| {
            let other = next.get(name).map(Vec::as_slice).unwrap_or_default();
            dropped_rules(&format!("data.{name}"), rules, other)
        };
        self.data.iter().flat_map(of).collect()
    }
}

/// The rules that no other one implies.
fn dropped_rules(section: &str, rules: &[Rule], next: &[Rule]) -> Vec<String> {
    let dropped = rules.iter().filter(|rule| !next.iter().any(|other| other.implies(rule)));
    dropped.map(|rule| format!("[{section}]: without `{rule}`")).collect()
}

/// Whether `rule` asks for at least what `other` asks for.
fn is_as_strict(rule: &ApprovalRule, other: &ApprovalRule) -> bool {
    other
        .quorums
        .iter()
        .all(|wanted| rule.quorums.iter().any(|quorum| quorum.role == wanted.role && quorum.count >= wanted.count))
}

fn is_longer(next: Option<Span>, before: Option<Span>) -> bool {
    match (next, before) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(next), Some(before)) => next.millis() > before.millis(),
    }
}

/// Every gate is always needed, so that only the other evidence can be dropped.
fn is_needed(need: &Need, next: &[Need]) -> bool {
    matches!(need, Need::EveryGate | Need::Gate(_)) || next.contains(need)
}

fn word(risk: &super::Risk) -> String {
    format!("{risk:?}").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "[project]\nname = \"x\"\nrisk = \"medium\"\n[project.roles]\nvalidator = [\"user:vera\"]\nowner = [\"user:ona\"]\n\
        [data.d]\npath = \"d.csv\"\nrequire = [\"missing(a) <= 0.1\"]\n[gate.quality]\nrules = [\"auc >= 0.8\", \"ece <= 0.05\"]\n\
        [approve]\nrule = \"1 of validator and owner\"\nneeds = [\"gate.*\", \"card\"]\nexpire = \"180d\"\n\
        [deploy.production]\nauto = true\n[record]\nhash = [\"email\"]\ndrop = [\"name\"]\n";

    fn looser(from: &str, to: &str) -> Vec<String> {
        assert!(BASE.contains(from), "{from}");
        let read = |text: &str| Contract::parse(text).unwrap();
        read(BASE).loosened_by(&read(&BASE.replace(from, to)))
    }

    #[test]
    fn each_point_that_asks_for_less_is_named() {
        for (from, to, said) in [
            ("auc >= 0.8", "auc >= 0.79", "[gate.quality]: without `auc >= 0.8`"),
            (", \"ece <= 0.05\"", "", "[gate.quality]: without `ece <= 0.05`"),
            ("[gate.quality]", "[gate.other]", "[gate.quality]: there is none"),
            ("<= 0.1", "<= 0.2", "[data.d]: without `missing(a) <= 0.1`"),
            (
                "1 of validator and owner",
                "validator",
                "[approve] rule: 1 of validator instead of 1 of validator and 1 of owner",
            ),
            ("1 of validator and owner", "auto", "[approve] rule: auto instead of 1 of validator and 1 of owner"),
            ("180d", "365d", "[approve] expire: 365d instead of 180d"),
            (", \"card\"", "", "[approve] needs: without card"),
            ("[approve]", "[approve]\nfour_eyes = false", "[approve] four_eyes: an author may approve"),
            ("risk = \"medium\"", "risk = \"low\"", "risk: low instead of medium"),
            ("validator = [\"user:vera\"]\n", "", "nobody is a validator any more"),
            ("hash = [\"email\"]\n", "", "[record] hash: without `email`"),
            ("drop = [\"name\"]", "drop = []", "[record] drop: without `name`"),
            ("deploy.production", "deploy.live", "[deploy]: the main endpoint takes versions that nobody approved"),
        ] {
            assert_eq!(looser(from, to), [said], "{to}");
        }
    }

    #[test]
    fn what_is_as_strict_is_not_looser() {
        for (from, to) in [
            ("auc >= 0.8", "auc >= 0.81"),
            ("auc >= 0.8\"", "auc >= 0.8\", \"f1 >= 0.2\""),
            ("1 of validator and owner", "2 of validator and owner"),
            ("180d", "90d"),
            ("risk = \"medium\"", "risk = \"high\""),
            ("[deploy.production]", "[deploy.staging]\nauto = true\n[deploy.production]"),
            ("name = \"x\"", "name = \"x\"\npurpose = \"y\""),
            ("hash = [\"email\"]\ndrop = [\"name\"]", "drop = [\"name\", \"email\"]"),
        ] {
            assert_eq!(looser(from, to), [""; 0], "{to}");
        }
    }
}
