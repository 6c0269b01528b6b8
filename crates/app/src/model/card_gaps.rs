//! What a model card lacks before a version of medium or high risk is approved.

use kilter_store::model::card::Card;

use crate::project::folder::Project;

/// The parts that people must write before a version of medium or high risk is approved.
pub const REQUIRED_PARTS: [&str; 3] = ["limitations", "ethics", "oversight"];
/// The gaps of a card: what the contract does not say, and what nobody wrote.
pub(crate) fn gaps(project: &Project, card: Option<&Card>) -> Vec<String> {
    let stated = &project.contract.project;
    let parts = [
        ("purpose", stated.purpose.is_none()),
        ("not_for", stated.not_for.is_empty()),
        ("owner", stated.owner.is_none()),
        ("an objective", project.contract.objectives.is_empty()),
    ];
    let lacks = parts.iter().filter(|(_, lacks)| *lacks).map(|(name, _)| (*name).to_owned());
    let is_written =
        |part: &str| card.and_then(|card| card.parts.get(part)).is_some_and(|text| !text.trim().is_empty());
    let unwritten = REQUIRED_PARTS.iter().filter(|part| !is_written(part)).map(|part| format!("the part `{part}`"));
    lacks.chain(unwritten).collect()
}
