//! Who gives the evidence that only people can give.

/// Who gives the evidence that only people can give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApprovalMode {
    /// People: approvals, cards, reviews are waited for.
    Required,
    /// Nobody can be asked about the past: a replay assumes a yes where the evidence of the machine is complete.
    Simulated,
}
