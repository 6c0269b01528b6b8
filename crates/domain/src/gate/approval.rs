//! Who must say yes: `auto`, `validator`, `1 of validator and owner`, `2 of validator`.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    actor::{Actor, Role},
    time::Timestamp,
};

/// The rule by which a validated version becomes approved. `auto`: the platform approves what passed its gates.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ApprovalRule {
    /// Each must be met, by different people. Empty means `auto`.
    pub quorums: Vec<Quorum>,
}

/// So many people with that role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quorum {
    /// 1 to 9.
    pub count: u8,
    /// The role that each of them must have.
    pub role: Role,
}

/// One person's yes, in the role in which it was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signoff {
    /// Who said it.
    pub by: Actor,
    /// The role that counts, out of those that the person has.
    pub role: Role,
}

/// What a yes is bound to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalConditions {
    /// The share of the traffic that the version may answer at most, 1 to 99 percent; `None`: all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_traffic_percent: Option<u8>,
    /// When the yes ends by itself; `None`: when the contract says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// A text that is no approval rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not an approval rule ({why}): write `auto`, `validator`, `1 of validator and owner` or `2 of validator`"
)]
pub struct InvalidApprovalRule {
    /// The text, as it was given.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
}

impl ApprovalRule {
    /// Whether no person is asked.
    pub fn is_auto(&self) -> bool {
        self.quorums.is_empty()
    }

    /// The rule that asks for what either of the two asks for.
    #[must_use]
    pub fn stricter(&self, other: &Self) -> Self {
        let mut quorums = self.quorums.clone();
        for quorum in &other.quorums {
            match quorums.iter_mut().find(|own| own.role == quorum.role) {
                Some(own) => own.count = own.count.max(quorum.count),
                None => quorums.push(*quorum),
            }
        }
        Self { quorums }
    }

    /// What is still missing, as a person would say it; empty when the rule is met. One person counts once.
    pub fn missing(&self, signoffs: &[Signoff]) -> Vec<String> {
        let open = self.open(signoffs).into_iter();
        open.map(|quorum| format!("the yes of {} more {}", quorum.count, quorum.role)).collect()
    }

    /// The role in which the yes of someone who has these roles brings the rule closer to being met; `None`: none does.
    pub fn helpful_role(&self, signoffs: &[Signoff], by: &Actor, roles: &[Role]) -> Option<Role> {
        let people =
            |signoffs: &[Signoff]| self.open(signoffs).iter().map(|quorum| u32::from(quorum.count)).sum::<u32>();
        let before = people(signoffs);
        let asked = self.quorums.iter().map(|quorum| quorum.role).filter(|role| roles.contains(role));
        let with = |role: Role| [signoffs, &[Signoff { by: by.clone(), role }]].concat();
        asked.into_iter().find(|role| people(&with(*role)) < before)
    }

    /// How many more people of each role are asked. Who said yes in one of the roles alone counts there first: a rule has two
    /// roles at most, so no other choice leaves less open.
    fn open(&self, signoffs: &[Signoff]) -> Vec<Quorum> {
        let roles_of = |by: &Actor| {
            let asked = |role: &Role| self.quorums.iter().any(|quorum| quorum.role == *role);
            let own = signoffs.iter().filter(|signoff| signoff.by == *by).map(|signoff| signoff.role);
            own.filter(asked).collect::<BTreeSet<_>>().len()
        };
        let mut used: BTreeSet<&Actor> = BTreeSet::new();
        let mut open = Vec::new();
        for quorum in &self.quorums {
            let said = signoffs.iter().filter(|signoff| signoff.role == quorum.role && !used.contains(&signoff.by));
            let fresh: BTreeSet<(usize, &Actor)> = said.map(|signoff| (roles_of(&signoff.by), &signoff.by)).collect();
            let counted: Vec<&Actor> = fresh.into_iter().map(|(_, by)| by).take(usize::from(quorum.count)).collect();
            let more = quorum.count - u8::try_from(counted.len()).unwrap_or(quorum.count);
            if more > 0 {
                open.push(Quorum { count: more, role: quorum.role });
            }
            used.extend(counted);
        }
        open
    }
}

impl fmt::Display for ApprovalRule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_auto() {
            return out.write_str("auto");
        }
        for (at, quorum) in self.quorums.iter().enumerate() {
            let and = if at == 0 { "" } else { " and " };
            write!(out, "{and}{} of {}", quorum.count, quorum.role)?;
        }
        Ok(())
    }
}

impl FromStr for ApprovalRule {
    type Err = InvalidApprovalRule;

    fn from_str(text: &str) -> Result<Self, InvalidApprovalRule> {
        if text.trim() == "auto" {
            return Ok(Self::default());
        }
        let invalid = |why: String| InvalidApprovalRule { text: text.chars().take(120).collect(), why };
        let quorums =
            text.split(" and ").map(|part| quorum(part.trim()).map_err(invalid)).collect::<Result<Vec<_>, _>>()?;
        let roles: BTreeSet<Role> = quorums.iter().map(|quorum| quorum.role).collect();
        if roles.len() == quorums.len() { Ok(Self { quorums }) } else { Err(invalid("a role stands twice".into())) }
    }
}

fn quorum(text: &str) -> Result<Quorum, String> {
    let (count, role) = match text.split_once(" of ") {
        Some((count, role)) => {
            let count: u8 =
                count.trim().parse().map_err(|_| format!("`{}` is not a number of people", count.trim()))?;
            (count, role.trim())
        }
        None => (1, text),
    };
    let role: Role = role.parse().map_err(|error: crate::actor::InvalidRole| error.to_string())?;
    match (1..=9).contains(&count) {
        true if matches!(role, Role::Validator | Role::Owner) => Ok(Quorum { count, role }),
        true => Err(format!("a {role} cannot approve; a validator or an owner can")),
        false => Err(format!("{count} people cannot be asked; 1 to 9 can")),
    }
}

impl Serialize for ApprovalRule {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ApprovalRule {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        String::deserialize(input)?.parse().map_err(serde::de::Error::custom)
    }
}
