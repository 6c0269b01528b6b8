//! Names and references inside of the contract's values.

use std::str::FromStr;

use crate::{
    contract::{OutputRef, field::Field},
    ids::StepName,
};

/// A name as [`crate::ids`] has them, without a dot: `step.output` must be readable in one way.
pub(super) fn plain_name<T: FromStr<Err: std::fmt::Display>>(
    name: &str,
    field: &Field<'_, '_>,
    kind: &str,
) -> Option<T> {
    if name.contains('.') {
        field.error(format!("`{name}` cannot name a {kind}: it has a dot"), "write `-` or `_` instead".to_owned());
        return None;
    }
    match name.parse() {
        Ok(name) => Some(name),
        Err(error) => {
            field.error(error.to_string(), None);
            None
        }
    }
}

/// `train.model`.
pub(super) fn output_ref(text: &str) -> Result<OutputRef, String> {
    let parts = text.split_once('.').filter(|(_, output)| !output.is_empty() && !output.contains('.'));
    let (step, output) =
        parts.ok_or_else(|| format!("`{text}` is not an output: write STEP.OUTPUT, like `train.model`"))?;
    let step: StepName = step.parse().map_err(|error: crate::ids::InvalidName| error.to_string())?;
    Ok(OutputRef { step, output: output.to_owned() })
}
