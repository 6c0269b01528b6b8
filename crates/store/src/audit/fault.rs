//! What is wrong with the audit log, with where it was found.

/// One thing that is wrong with the audit log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum Fault {
    #[error("entry {expected} is missing: {found} follows the one before it")]
    Gap { expected: u64, found: u64 },
    #[error("entry {seq}: its columns do not say what its body says")]
    ColumnsChanged { seq: u64 },
    #[error("entry {seq}: its leaf is not the hash of its body")]
    LeafChanged { seq: u64 },
    #[error(
        "entry {seq}: the Merkle tree has another hash over the {entries} entries up to it: one of them, or the tree, was changed"
    )]
    SubtreeChanged { seq: u64, entries: u64 },
    #[error("entry {seq}: the Merkle tree has nothing over the {entries} entries up to it")]
    SubtreeMissing { seq: u64, entries: u64 },
    #[error("entry {seq}: the Merkle tree has a hash over {entries} entries up to it, which make no subtree")]
    SubtreeForeign { seq: u64, entries: u64 },
    #[error("the Merkle tree goes on up to entry {seq} and the log ends at {last}: entries were removed from its end")]
    EntriesRemoved { last: u64, seq: u64 },
    #[error("entry {seq}: its reason is not the one that was given")]
    ReasonChanged { seq: u64 },
    #[error("{object} is {state} by entry {seq}, and the audit log says otherwise")]
    StateWithoutEntry { object: String, state: String, seq: u64 },
    #[error("entry {seq} begins {object}, and there is no such thing")]
    EntryWithoutChange { seq: u64, object: String },
    #[error("entry {seq} does not begin where the one before it left {object}")]
    BrokenChain { seq: u64, object: String },
    #[error("entry {seq}: its reason is gone, and no entry says that it was erased")]
    ReasonGone { seq: u64 },
    #[error(
        "table `{table}`, {object}: {} not what entry {seq} wrote ({entry})",
        list(.columns)
    )]
    RowChanged { table: &'static str, object: String, columns: Vec<&'static str>, seq: i64, entry: String },
    #[error("table `{table}`, {object}: the row names entry {seq}, which says nothing of it")]
    RowWithoutEntry { table: &'static str, object: String, seq: i64 },
    #[error("table `{table}`, {object}: entry {seq} wrote a row that is gone, or that names another entry")]
    EntryWithoutRow { table: &'static str, object: String, seq: i64 },
    #[error("table `{table}`, {object}: entry {seq} wrote one row, and more than one names it")]
    RowTwice { table: &'static str, object: String, seq: i64 },
    #[error(
        "table `{table}`, {object}: `until` is not what entry {seq} says, at which it ended or since which it holds"
    )]
    EndWithoutEntry { table: &'static str, object: String, seq: i64 },
    #[error("the {what} is gone from the schema: what it guards can be changed unseen")]
    SchemaMissing { what: String },
    #[error("the {what} of the schema is not the one of this program")]
    SchemaChanged { what: String },
    #[error("the {what} of the schema is not from this program")]
    SchemaForeign { what: String },
}

impl Fault {
    /// The thing of which the states are wrong, where it is about one.
    pub(super) fn object(&self) -> Option<&str> {
        match self {
            Self::StateWithoutEntry { object, .. }
            | Self::EntryWithoutChange { object, .. }
            | Self::BrokenChain { object, .. }
            | Self::RowChanged { object, .. }
            | Self::RowWithoutEntry { object, .. }
            | Self::EntryWithoutRow { object, .. }
            | Self::RowTwice { object, .. }
            | Self::EndWithoutEntry { object, .. } => Some(object),
            _ => None,
        }
    }
}

fn list(columns: &[&str]) -> String {
    let named: Vec<String> = columns.iter().map(|column| format!("`{column}`")).collect();
    format!("{} {}", named.join(", "), if columns.len() == 1 { "is" } else { "are" })
}
