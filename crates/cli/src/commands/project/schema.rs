//! `kilter schema`: the JSON Schema of the contract, for editors.

use clap::Args;
use kilter_domain::contract::schema;

use crate::ui::{error::CliError, output::Output, view::Answer};

/// Print the JSON Schema of kilter.toml, for completion in an editor.
///
/// With the Taplo extension: `kilter schema > kilter.schema.json`, and `#:schema ./kilter.schema.json` as the first line of
/// kilter.toml.
#[derive(Debug, Args)]
pub(crate) struct Schema {}

impl Schema {
    pub(crate) fn run(self, output: &Output) -> Result<Answer, CliError> {
        output.document(&schema())?;
        Ok(Answer::written())
    }
}
