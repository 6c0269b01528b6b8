//! What a version rests on, as it was known at a moment.

use std::collections::BTreeMap;

use kilter_domain::{
    digest::Digest,
    ids::{ModelName, ProjectName},
    model::VersionState,
    run::Cause,
    time::Timestamp,
};
use kilter_store::{
    PageRequest, Reader, StoreError,
    audit::{self, Outcome, Record},
    gate::{
        self, Approval, Judgement,
        waiver::{self, Waiver},
    },
    model, run,
};
use kilter_workflow::RunRecord;

/// Entries, verdicts and approvals of one version that are read at most.
const MAX_ROWS: u32 = 1000;

/// A run, and what it was made from.
#[derive(Clone, Debug, PartialEq)]
pub struct RunLineage {
    /// Its id.
    pub id: String,
    /// What started it.
    pub cause: Cause,
    /// When it was asked for.
    pub created: Timestamp,
    /// The digest of each dataset.
    pub data: BTreeMap<String, Digest>,
    /// The commit of the code; `None` without one.
    pub commit: Option<String>,
    /// Whether files differed from the commit.
    pub is_dirty: bool,
}

/// A version, and everything that it rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionLineage {
    /// Its project.
    pub project: ProjectName,
    /// The version.
    pub version: model::Version,
    /// The state that it had at the moment, as the audit log has it.
    pub state: VersionState,
    /// The run that made it.
    pub run: Option<RunLineage>,
    /// The last verdict of each gate up to the moment.
    pub gates: Vec<Judgement>,
    /// What people decided up to the moment, oldest first.
    pub approvals: Vec<Approval>,
    /// The waivers that were in force at the moment.
    pub waivers: Vec<Waiver>,
    /// The moment.
    pub at: Timestamp,
    /// The entries of the audit log about version, gates, approvals, acts, waivers and run up to the moment, oldest first.
    pub entries: Vec<Record>,
}

/// What a version rests on, as it was known at `at`; `None` where there was no such version yet.
pub(super) fn version_lineage(
    reader: &Reader,
    name: &ModelName,
    number: u32,
    at: Timestamp,
) -> Result<Option<VersionLineage>, StoreError> {
    let Some(version) = model::find(reader, name, number)? else { return Ok(None) };
    let Some(of) = model::find_model(reader, name)? else { return Ok(None) };
    let mut entries = entries_of(reader, &model::object(name, number), at)?;
    let state = state_of(&entries).and_then(|name| VersionState::ALL.into_iter().find(|state| state.as_str() == name));
    let Some(state) = state else { return Ok(None) };
    let page = PageRequest::first(MAX_ROWS);
    let mut gates: BTreeMap<String, Judgement> = BTreeMap::new();
    // Newest first: the first one of a gate is the one that stood.
    for judged in gate::list_verdicts(reader, name, number, &page)?.items.into_iter().filter(|one| one.at <= at) {
        gates.entry(judged.gate.to_string()).or_insert(judged);
    }
    let mut approvals = gate::list_approvals(reader, name, number, &page)?.items;
    approvals.retain(|approval| approval.at <= at);
    approvals.reverse();
    for gate in gates.keys() {
        entries.extend(entries_of(reader, &format!("verdict:{name}/{number}/{gate}"), at)?);
    }
    entries.extend(entries_of(reader, &format!("approval:{name}/{number}"), at)?);
    entries.extend(entries_of(reader, &format!("version_act:{name}/{number}"), at)?);
    let waivers = waiver::in_force(reader, name, number, at)?;
    for waived in &waivers {
        entries.extend(entries_of(reader, &format!("waiver:{}", waived.id), at)?);
    }
    let run = version.run.as_deref().map(|id| run::find(reader, id)).transpose()?.flatten();
    if let Some(run) = &run {
        entries.extend(entries_of(reader, &run::object(&run.id), at)?);
    }
    entries.sort_by_key(|record| record.entry.seq);
    Ok(Some(VersionLineage {
        project: of.project,
        state,
        run: run.map(run_lineage),
        gates: gates.into_values().collect(),
        approvals,
        waivers,
        at,
        entries,
        version,
    }))
}

/// The entries of an object up to `at`, oldest first.
pub(super) fn entries_of(reader: &Reader, object: &str, at: Timestamp) -> Result<Vec<Record>, StoreError> {
    let mut found = audit::list_of_object(reader, object, &PageRequest::first(MAX_ROWS))?.items;
    found.retain(|record| record.entry.at <= at);
    found.reverse();
    Ok(found)
}

/// The state that the last of some entries left.
pub(super) fn state_of(entries: &[Record]) -> Option<String> {
    let done = entries.iter().rev().filter(|record| record.entry.outcome == Outcome::Done);
    done.filter_map(|record| record.entry.after.clone()).next()
}

fn run_lineage(run: run::Run) -> RunLineage {
    // A run that did not come so far, or of an earlier program, has no such record.
    let record: Option<RunRecord> = serde_json::from_value(run.record).ok();
    let data = record.iter().flat_map(|record| &record.data);
    let git = record.as_ref().and_then(|record| record.git.as_ref());
    RunLineage {
        data: data.map(|(name, pinned)| (name.to_string(), pinned.content.digest)).collect(),
        commit: git.map(|git| git.commit.clone()),
        is_dirty: git.is_some_and(|git| git.dirty),
        id: run.id,
        cause: run.cause,
        created: run.created,
    }
}
