//! The risk tier of a project, by which approvals and evidence are asked for.

/// How much harm a wrong model can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// Approved without people, for ever.
    #[default]
    Low,
    /// One validator, for a year.
    Medium,
    /// A validator and the owner, for six months.
    High,
}
