//! What can be searched, and by which attributes.

/// What is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Entity {
    /// Runs.
    Run,
    /// Experiments.
    Experiment,
    /// Registered models.
    RegisteredModel,
    /// Versions of registered models.
    ModelVersion,
    /// Models that runs logged.
    LoggedModel,
}

/// An attribute of a thing, as opposed to what was logged for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the attribute of its name")]
pub enum Attribute {
    RunId,
    RunName,
    Status,
    UserId,
    ArtifactUri,
    StartTime,
    EndTime,
    ExperimentId,
    Name,
    CreationTime,
    LastUpdateTime,
    SourcePath,
    VersionNumber,
    ModelId,
    ModelType,
    SourceRunId,
}

/// A field of the datasets that a run read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DatasetField {
    /// Its name.
    Name,
    /// The digest of its content, as the client computed it.
    Digest,
    /// What it was read for: training, evaluation and the like.
    Context,
}

impl DatasetField {
    pub(super) const ALL: [Self; 3] = [Self::Name, Self::Digest, Self::Context];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Digest => "digest",
            Self::Context => "context",
        }
    }
}

/// How an attribute is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `= != LIKE ILIKE`.
    Text,
    /// As text, and with lists.
    TextOrList,
    /// A whole number that is written as text: `= !=` and lists.
    NumberAsText,
    /// `= != < <= > >=` with a number.
    Number,
    /// The same, with a number that has no fraction.
    WholeNumber,
    /// The same; the number may be in quotes.
    WholeNumberOrText,
    /// Not in filters, only in the order.
    OrderOnly,
}

/// An attribute of an entity: its names, of which the first is written, and how it is compared.
pub(super) struct Entry {
    pub names: &'static [&'static str],
    pub attribute: Attribute,
    pub kind: Kind,
}

const fn entry(names: &'static [&'static str], attribute: Attribute, kind: Kind) -> Entry {
    Entry { names, attribute, kind }
}

const OF_RUNS: &[Entry] = &[
    entry(&["run_id"], Attribute::RunId, Kind::TextOrList),
    entry(&["run_name", "run name", "Run name", "Run Name"], Attribute::RunName, Kind::Text),
    entry(&["status"], Attribute::Status, Kind::Text),
    entry(&["user_id"], Attribute::UserId, Kind::Text),
    entry(&["artifact_uri"], Attribute::ArtifactUri, Kind::Text),
    entry(&["start_time", "created", "Created"], Attribute::StartTime, Kind::Number),
    entry(&["end_time"], Attribute::EndTime, Kind::Number),
];

const OF_EXPERIMENTS: &[Entry] = &[
    entry(&["name"], Attribute::Name, Kind::Text),
    entry(&["experiment_id"], Attribute::ExperimentId, Kind::NumberAsText),
    entry(&["creation_time"], Attribute::CreationTime, Kind::WholeNumber),
    entry(&["last_update_time"], Attribute::LastUpdateTime, Kind::WholeNumber),
];

const OF_REGISTERED_MODELS: &[Entry] = &[
    entry(&["name"], Attribute::Name, Kind::TextOrList),
    entry(&["creation_timestamp"], Attribute::CreationTime, Kind::OrderOnly),
    entry(&["last_updated_timestamp", "timestamp"], Attribute::LastUpdateTime, Kind::OrderOnly),
];

const OF_MODEL_VERSIONS: &[Entry] = &[
    entry(&["name"], Attribute::Name, Kind::TextOrList),
    entry(&["run_id"], Attribute::RunId, Kind::TextOrList),
    entry(&["source_path"], Attribute::SourcePath, Kind::Text),
    entry(&["version_number"], Attribute::VersionNumber, Kind::WholeNumberOrText),
    entry(&["creation_timestamp"], Attribute::CreationTime, Kind::OrderOnly),
    entry(&["last_updated_timestamp"], Attribute::LastUpdateTime, Kind::OrderOnly),
];

const OF_LOGGED_MODELS: &[Entry] = &[
    entry(&["name"], Attribute::Name, Kind::TextOrList),
    entry(&["model_id"], Attribute::ModelId, Kind::TextOrList),
    entry(&["model_type"], Attribute::ModelType, Kind::TextOrList),
    entry(&["status"], Attribute::Status, Kind::TextOrList),
    entry(&["source_run_id"], Attribute::SourceRunId, Kind::TextOrList),
    entry(&["experiment_id"], Attribute::ExperimentId, Kind::TextOrList),
    entry(&["creation_timestamp", "creation_time"], Attribute::CreationTime, Kind::Number),
    entry(&["last_updated_timestamp", "last_updated_time"], Attribute::LastUpdateTime, Kind::Number),
];

impl Entity {
    pub(super) const fn entries(self) -> &'static [Entry] {
        match self {
            Self::Run => OF_RUNS,
            Self::Experiment => OF_EXPERIMENTS,
            Self::RegisteredModel => OF_REGISTERED_MODELS,
            Self::ModelVersion => OF_MODEL_VERSIONS,
            Self::LoggedModel => OF_LOGGED_MODELS,
        }
    }

    /// The attribute that is called `name`.
    pub(super) fn entry_named(self, name: &str) -> Option<&'static Entry> {
        self.entries().iter().find(|entry| entry.names.contains(&name))
    }

    /// How an attribute of this entity is compared.
    pub(super) fn kind(self, attribute: Attribute) -> Kind {
        self.entries().iter().find(|entry| entry.attribute == attribute).map_or(Kind::OrderOnly, |entry| entry.kind)
    }

    /// The names of the attributes that `is_wanted` takes.
    pub(super) fn names(self, is_wanted: impl Fn(Kind) -> bool) -> String {
        quoted_list(self.entries().iter().filter(|entry| is_wanted(entry.kind)).map(|entry| entry.names[0]))
    }

    /// Whether metrics and parameters are logged for it.
    pub(super) const fn is_logged_to(self) -> bool {
        matches!(self, Self::Run | Self::LoggedModel)
    }
}

/// `['a', 'b']`.
pub(super) fn quoted_list<'n>(names: impl Iterator<Item = &'n str>) -> String {
    format!("[{}]", names.map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", "))
}

impl Attribute {
    /// The name that filters use, whatever the entity.
    pub(super) fn name(self, entity: Entity) -> &'static str {
        entity.entries().iter().find(|entry| entry.attribute == self).map_or("", |entry| entry.names[0])
    }
}
