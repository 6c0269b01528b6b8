//! What an alias or a stage of the registry says of a version under a contract.

use super::VersionState;
use crate::registry::Stage;

/// The aliases that name what production may use, in upper or lower case.
const PRODUCTION: [&str; 2] = ["champion", "production"];

/// What an alias or a stage says of a version. It ends when the version leaves the states of which it is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionLabel {
    /// It may serve production.
    Production,
    /// It may be tried: its gates passed.
    Staging,
    /// Nothing but a name; what is rejected, revoked or retired has none.
    Name,
}

impl VersionLabel {
    /// That of an alias.
    pub fn of_alias(alias: &str) -> Self {
        match PRODUCTION.iter().any(|name| alias.eq_ignore_ascii_case(name)) {
            true => Self::Production,
            false => Self::Name,
        }
    }

    /// That of a stage; `None` where it says nothing.
    pub const fn of_stage(stage: Stage) -> Option<Self> {
        match stage {
            Stage::Production => Some(Self::Production),
            Stage::Staging => Some(Self::Staging),
            Stage::None | Stage::Archived => None,
        }
    }

    /// Whether it is true of a version in this state.
    pub const fn fits(self, state: VersionState) -> bool {
        match self {
            Self::Production => matches!(state, VersionState::Approved),
            Self::Staging => matches!(state, VersionState::Validated | VersionState::Approved),
            Self::Name => !matches!(state, VersionState::Rejected | VersionState::Retired | VersionState::Revoked),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_approved_is_named_for_production() {
        for state in VersionState::ALL {
            let is_approved = state == VersionState::Approved;
            assert_eq!(VersionLabel::of_alias("Champion").fits(state), is_approved, "{state}");
            assert_eq!(VersionLabel::of_stage(Stage::Production).unwrap().fits(state), is_approved, "{state}");
        }
        assert!(!VersionLabel::of_stage(Stage::Staging).unwrap().fits(VersionState::Candidate));
        assert!(VersionLabel::of_alias("newest").fits(VersionState::Draft));
        assert!(!VersionLabel::of_alias("newest").fits(VersionState::Revoked));
        assert_eq!(VersionLabel::of_stage(Stage::Archived), None);
    }
}
