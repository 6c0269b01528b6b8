//! Models of XGBoost: one document, written as JSON or as UBJSON.

mod booster;
mod document;
mod json;
mod objective;
mod ubjson;

use serde::Deserialize;

use self::{
    booster::Scores,
    document::{Document, short},
    objective::Objective,
};
use super::native::{Description, MAX_COLUMNS, MAX_OUTPUTS, NativeModel, broken, kind_of, unsupported};
use crate::{
    ensemble::{EnsembleParts, FeatureColumn, Precision},
    error::LoadError,
    formats::Format,
};

/// Reads a model that is written as JSON.
pub(super) fn read_json(bytes: &[u8]) -> Result<NativeModel, LoadError> {
    let text = json::without_bare_numbers(bytes);
    let document = serde_json::from_slice(&text).map_err(|error| broken(Format::XgboostJson, error.to_string()))?;
    model(document, Format::XgboostJson)
}

/// Reads a model that is written as UBJSON.
pub(super) fn read_ubjson(bytes: &[u8]) -> Result<NativeModel, LoadError> {
    let mut reader = ubjson::Reader::new(bytes);
    let document = Document::deserialize(&mut reader).and_then(|document| reader.end().map(|()| document));
    model(document.map_err(|error| broken(Format::XgboostUbjson, error.to_string()))?, Format::XgboostUbjson)
}

/// The file with a signature in it.
pub(super) fn json_with_signature(bytes: &[u8], signature: &str) -> Vec<u8> {
    json::with_signature(bytes, signature)
}

/// The file with a signature in it.
pub(super) fn ubjson_with_signature(bytes: &[u8], signature: &str) -> Vec<u8> {
    ubjson::with_signature(bytes, signature)
}

fn model(document: Document, format: Format) -> Result<NativeModel, LoadError> {
    let learner = document.learner;
    let objective = Objective::of(&learner.objective.name).ok_or_else(|| {
        unsupported(format, format!("its objective `{}` is not known", short(&learner.objective.name)))
    })?;
    let parameters = &learner.learner_model_param;
    let width = parameters.num_feature.0;
    let outputs = parameters.num_class.0.max(1);
    if width > MAX_COLUMNS {
        let (what, size, limit) = ("the number of columns".into(), width as u64, MAX_COLUMNS as u64);
        return Err(LoadError::TooLarge { what, size, limit });
    }
    if outputs > MAX_OUTPUTS || (outputs > 1) != objective.is_multiclass() {
        let what = format!("its objective is `{}`, and it has {outputs} scores per row", learner.objective.name);
        return Err(unsupported(format, what));
    }
    if parameters.num_target.0 > 1 {
        return Err(unsupported(format, format!("it predicts {} targets at once", parameters.num_target.0)));
    }
    let columns = columns(&learner, width, format)?;
    let names_columns = !learner.feature_names.is_empty();
    let names = match names_columns {
        true => learner.feature_names.clone(),
        false => (0..width).map(|at| format!("f{at}")).collect(),
    };
    if names.len() != width {
        return Err(broken(format, format!("{} names do not fit {width} features", names.len())));
    }
    let base = objective.base(&parameters.base_score.0, outputs).map_err(|reason| broken(format, reason))?;
    let Scores { scorer, base } = booster::scores(&learner, base, width).map_err(|error| error.of(format))?;
    let described = Description {
        kinds: columns.iter().map(kind_of).collect(),
        names_columns,
        names,
        task: objective.task(),
        written: learner.signature,
    };
    let (precision, link) = (Precision::Single, objective.link());
    NativeModel::new(format, EnsembleParts { columns, precision, scorer, base, divisor: 1.0, link }, described)
}

/// The columns: numbers, categories with their names where the file has them, else the codes of categories.
fn columns(learner: &document::Learner, width: usize, format: Format) -> Result<Vec<FeatureColumn>, LoadError> {
    let types = &learner.feature_types;
    if !types.is_empty() && types.len() != width {
        return Err(broken(format, format!("{} types do not fit {width} features", types.len())));
    }
    let is_category = |at: usize| types.get(at).is_some_and(|kind| kind == "c");
    let named = learner.gradient_booster.categories();
    if named.is_some_and(|named| !named.is_empty() && named.len() != width) {
        return Err(broken(format, "the names of categories are not those of its features"));
    }
    let column = |at: usize| match named.and_then(|named| named.get(at)) {
        _ if !is_category(at) => Ok(FeatureColumn::Number),
        Some(names) => {
            let codes = names.codes().map_err(|reason| unsupported(format, reason))?;
            Ok(codes.map_or(FeatureColumn::Code, FeatureColumn::Category))
        }
        None => Ok(FeatureColumn::Code),
    };
    (0..width).map(column).collect()
}
