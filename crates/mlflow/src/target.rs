//! Where things are brought to.

use std::io::Read;

use kilter_domain::{
    tracking::ExperimentId,
    transfer::{LoggedModelRecord, Record},
};

use crate::{
    TransferError,
    report::Report,
    source::{Owner, Source, SourceRun},
};

/// Points of a batch, and other things as if they were points.
const MAX_BATCH: usize = 10_000;
/// What a record counts for in a batch, beside points.
const RECORD_POINTS: usize = 50;
/// Bytes of a dataset's profile that count as one point.
const POINT_BYTES: usize = 50;

/// A server or a folder that things are brought to.
pub(crate) trait Target {
    /// What it has.
    fn source(&self) -> &dyn Source;

    /// The run of an id.
    fn run(&self, experiment: ExperimentId, id: &str) -> Result<Option<SourceRun>, TransferError>;

    /// The logged model of an id.
    fn logged_model(&self, want: &LoggedModelRecord) -> Result<Option<LoggedModelRecord>, TransferError>;

    /// Keeps records in their order.
    fn bring(&self, records: Vec<Record>) -> Result<(), TransferError>;

    /// Where files of an experiment lie.
    fn location(&self, experiment: ExperimentId) -> String;

    /// Whether it keeps the files at an address itself.
    fn has_files_of(&self, uri: &str) -> bool;

    /// Keeps what `reader` gives as a file of an owner.
    fn put_file(&self, owner: &Owner, path: &str, reader: Box<dyn Read + Send>) -> Result<(), TransferError>;

    /// The digest of a file of an owner, as it is kept.
    fn digest_of_file(&self, owner: &Owner, path: &str) -> Result<Option<String>, TransferError>;

    /// Records that everything has come.
    fn finish(&self, source: &str, report: &Report) -> Result<(), TransferError>;
}

/// Records on their way to a target, in their order.
pub(crate) struct Batch<'t> {
    target: &'t dyn Target,
    records: Vec<Record>,
    weight: usize,
}

impl<'t> Batch<'t> {
    pub(crate) fn new(target: &'t dyn Target) -> Self {
        Self { target, records: Vec::new(), weight: 0 }
    }

    /// Adds a record; what is before it may be sent.
    pub(crate) fn add(&mut self, record: Record) -> Result<(), TransferError> {
        self.weight += match &record {
            Record::Points(points) => points.points.len() + 1,
            // Profiles of datasets may be large.
            Record::Run(run) => {
                let bytes = |text: &Option<String>| text.as_ref().map_or(0, String::len);
                let described = run.inputs.iter().map(|input| bytes(&input.profile) + bytes(&input.schema));
                RECORD_POINTS + described.sum::<usize>() / POINT_BYTES
            }
            _ => RECORD_POINTS,
        };
        self.records.push(record);
        if self.weight >= MAX_BATCH { self.flush() } else { Ok(()) }
    }

    /// Sends what is left.
    pub(crate) fn flush(&mut self) -> Result<(), TransferError> {
        self.weight = 0;
        match std::mem::take(&mut self.records) {
            records if records.is_empty() => Ok(()),
            records => self.target.bring(records),
        }
    }
}
