//! What the readers of boosting libraries make: an ensemble, and what can be known of its columns and answers.

use crate::{
    ensemble::{Categories, Ensemble, EnsembleParts, FeatureColumn},
    error::LoadError,
    formats::Format,
    signature::{Infinite, Input, InputKind, Missing, SIGNATURE_KEY, Signature, Task},
};

/// The most columns of a model: each has a name, so a few bytes of a file must not make many.
pub(super) const MAX_COLUMNS: usize = 100_000;
/// The most scores of a row.
pub(super) const MAX_OUTPUTS: usize = 100_000;

/// A model of a boosting library.
#[derive(Debug)]
pub(crate) struct NativeModel {
    pub format: Format,
    pub ensemble: Ensemble,
    pub signature: Signature,
    /// Whether the file names its columns, other than by their numbers.
    pub names_columns: bool,
    pub has_written_signature: bool,
}

/// What a reader found beside the ensemble.
pub(super) struct Description {
    pub names: Vec<String>,
    /// By column.
    pub kinds: Vec<InputKind>,
    pub names_columns: bool,
    pub task: Task,
    /// A signature that Kilter wrote into the file.
    pub written: Option<String>,
}

/// A file of a known kind that cannot be read.
pub(super) fn broken(format: Format, reason: impl Into<String>) -> LoadError {
    LoadError::BrokenFile { format: format.name(), reason: reason.into() }
}

/// A file that is whole, of a model that does not run here.
pub(super) fn unsupported(format: Format, reason: impl Into<String>) -> LoadError {
    LoadError::NotRun { format: format.name(), reason: reason.into() }
}

impl NativeModel {
    /// The model of these parts.
    ///
    /// # Errors
    /// If the parts do not fit each other, or a signature in the file does not fit them.
    pub(super) fn new(format: Format, parts: EnsembleParts, described: Description) -> Result<Self, LoadError> {
        let outputs = parts.base.len();
        let ensemble = Ensemble::new(parts).map_err(|reason| broken(format, reason))?;
        let Description { names, kinds, names_columns, task, written } = described;
        let input =
            |(name, kind)| Input { name, kind, missing: Missing::Allowed, infinite: Infinite::Passed, optional: false };
        let classes = match task {
            Task::Regression => 0,
            Task::Binary => 2,
            Task::Multiclass => outputs,
        };
        let inputs: Vec<Input> = names.into_iter().zip(kinds).map(input).collect();
        let classes = (0..classes).map(|class| class.to_string()).collect();
        let mut signature = Signature { inputs, task, classes, target: None };
        let has_written_signature = written.is_some();
        if let Some(text) = written {
            let bad = |reason| LoadError::BadSignature { key: SIGNATURE_KEY.into(), reason };
            let found = Signature::parse(&text).map_err(bad)?;
            let kinds = |signature: &Signature| signature.inputs.iter().map(|input| input.kind).collect::<Vec<_>>();
            let fits = |a: &Signature| (kinds(a), a.task, a.classes.len());
            if fits(&found) != fits(&signature) {
                return Err(bad("its columns or classes are not those of the model".into()));
            }
            signature = found;
        }
        let names_columns = names_columns || has_written_signature;
        Ok(Self { format, ensemble, signature, names_columns, has_written_signature })
    }
}

/// What a column of categories holds.
pub(super) fn kind_of(feature: &FeatureColumn) -> InputKind {
    match feature {
        FeatureColumn::Category(Categories::Texts(_)) => InputKind::Text,
        FeatureColumn::Number | FeatureColumn::Code | FeatureColumn::Category(Categories::Numbers(_)) => {
            InputKind::Number
        }
    }
}
