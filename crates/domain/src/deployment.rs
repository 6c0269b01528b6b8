//! The life of a deployment: `requested → shadow → canary(n %) → live → superseded | rolled_back | stopped`.
//!
//! Invariants: what answers people is approved at the moment it begins to answer, and again at every step towards
//! more traffic. A canary only widens. An ended deployment stays so; going back is a new deployment.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::VersionState;

/// Where a deployment is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum DeploymentState {
    /// Asked for; answers nobody yet.
    Requested,
    /// Answers unseen, beside the live one.
    Shadow,
    /// Answers this share of the traffic.
    Canary {
        /// 1 to 100.
        percent: u8,
    },
    /// Answers all traffic that no candidate takes.
    Live,
    /// A later version took its place.
    Superseded,
    /// It was worse, or broke; the version before answers again.
    RolledBack,
    /// Taken away by a person, or its version was revoked.
    Stopped,
}

/// What happens to a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum DeploymentEvent {
    /// It begins to answer unseen.
    ShadowStarted,
    /// It gets its first share: 1 to 100 percent.
    CanaryStarted {
        /// 1 to 100.
        percent: u8,
    },
    /// It gets a larger share: up to 100 percent.
    CanaryWidened {
        /// 1 to 100.
        percent: u8,
    },
    /// It takes the place of the live one.
    WentLive,
    /// A later version went live.
    Superseded,
    /// A guardrail or a person took it back.
    RolledBack,
    /// A person took it away, or its version was revoked.
    Stopped,
}

/// Which versions a place takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AdmissionPolicy {
    /// Production.
    Approved,
    /// An automatic place that is not production.
    Validated,
    /// An emergency: what was packed and is not over.
    #[serde(rename = "break_glass")]
    BreakGlass,
}

impl AdmissionPolicy {
    const fn words(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Validated => "validated or approved",
            Self::BreakGlass => "a candidate, validated or approved",
        }
    }

    /// Whether a version in that state may answer here.
    pub const fn accepts(self, version: VersionState) -> bool {
        use VersionState::{Approved, Candidate, Validated};
        match self {
            Self::Approved => matches!(version, Approved),
            Self::Validated => matches!(version, Approved | Validated),
            Self::BreakGlass => matches!(version, Approved | Validated | Candidate),
        }
    }
}

/// A move that a deployment cannot make.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum IllegalDeploymentTransition {
    #[error("a deployment that is {from} cannot become {to}: {needs}")]
    State { from: DeploymentState, to: DeploymentState, needs: &'static str },
    #[error("a version that is {version} may not answer here: it must be {}; {}", .admits.words(), .version.next_step())]
    Version { version: VersionState, admits: AdmissionPolicy },
    #[error("a canary of {percent} % is not one: write 1 to 100, each step more than the one before ({from})")]
    Percent { from: DeploymentState, percent: u8 },
}

impl DeploymentState {
    /// A new deployment of a version, if the place takes it.
    pub fn requested(version: VersionState, admits: AdmissionPolicy) -> Result<Self, IllegalDeploymentTransition> {
        if admits.accepts(version) {
            Ok(Self::Requested)
        } else {
            Err(IllegalDeploymentTransition::Version { version, admits })
        }
    }

    /// `requested`, `shadow`, `canary`, `live`, `superseded`, `rolled_back` or `stopped`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Shadow => "shadow",
            Self::Canary { .. } => "canary",
            Self::Live => "live",
            Self::Superseded => "superseded",
            Self::RolledBack => "rolled_back",
            Self::Stopped => "stopped",
        }
    }

    /// Whether it never answers again.
    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Superseded | Self::RolledBack | Self::Stopped)
    }

    /// The state as `event` leaves it, for a version that is now in the state `version`. Every transition there is
    /// stands in this match.
    pub fn after(
        self,
        event: DeploymentEvent,
        version: VersionState,
        admits: AdmissionPolicy,
    ) -> Result<Self, IllegalDeploymentTransition> {
        use DeploymentEvent as Event;
        let to = match (self, event) {
            (Self::Requested, Event::ShadowStarted) => Self::Shadow,
            (Self::Requested | Self::Shadow, Event::CanaryStarted { percent }) => self.widened(0, percent)?,
            (Self::Canary { percent: before }, Event::CanaryWidened { percent }) => self.widened(before, percent)?,
            // Without shadow or canary in the contract a deployment goes live at once.
            (Self::Requested | Self::Shadow | Self::Canary { .. }, Event::WentLive) => Self::Live,
            (Self::Requested | Self::Shadow | Self::Canary { .. } | Self::Live, Event::Superseded) => Self::Superseded,
            (Self::Shadow | Self::Canary { .. } | Self::Live, Event::RolledBack) => Self::RolledBack,
            (Self::Requested | Self::Shadow | Self::Canary { .. } | Self::Live, Event::Stopped) => Self::Stopped,
            (from, event) => {
                return Err(IllegalDeploymentTransition::State { from, to: event.target(), needs: from.needs() });
            }
        };
        if to.is_ended() || admits.accepts(version) {
            Ok(to)
        } else {
            Err(IllegalDeploymentTransition::Version { version, admits })
        }
    }

    fn widened(self, before: u8, percent: u8) -> Result<Self, IllegalDeploymentTransition> {
        if percent > before && percent <= 100 {
            Ok(Self::Canary { percent })
        } else {
            Err(IllegalDeploymentTransition::Percent { from: self, percent })
        }
    }

    const fn needs(self) -> &'static str {
        match self {
            Self::Requested => "it has not begun to answer yet; start it in shadow, as a canary, or live",
            Self::Shadow => "from shadow it can become a canary, go live, be rolled back or stopped",
            Self::Canary { .. } => "a canary can widen, go live, be rolled back or stopped",
            Self::Live => "a live deployment can be superseded, rolled back or stopped",
            Self::Superseded | Self::RolledBack | Self::Stopped => "it has ended; request a new deployment",
        }
    }
}

impl DeploymentEvent {
    const fn target(self) -> DeploymentState {
        match self {
            Self::ShadowStarted => DeploymentState::Shadow,
            Self::CanaryStarted { percent } | Self::CanaryWidened { percent } => DeploymentState::Canary { percent },
            Self::WentLive => DeploymentState::Live,
            Self::Superseded => DeploymentState::Superseded,
            Self::RolledBack => DeploymentState::RolledBack,
            Self::Stopped => DeploymentState::Stopped,
        }
    }
}

/// As the audit log writes it: `canary 5`.
impl fmt::Display for DeploymentState {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Canary { percent } => write!(out, "canary {percent}"),
            state => out.write_str(state.as_str()),
        }
    }
}
