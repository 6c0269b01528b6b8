//! `kilter package sign`: the signature of a version made again.

use clap::Args;

use crate::{
    commands::model::version_name::version_named,
    connect::ConnectArgs,
    ui::{
        error::CliError,
        view::{Answer, Page, Status},
    },
};

/// Sign the package of a version again, with the key of the platform: after the key that signed it was revoked.
///
/// It is refused if a file or an answer is not as it was registered.
#[derive(Debug, Args)]
pub(crate) struct Sign {
    /// The version, like `churn@3`.
    #[arg(value_name = "VERSION")]
    which: String,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl Sign {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        let (model, number) = version_named(&self.which)?;
        let signed = self.connect.api()?.call(async |api| api.sign_package(&model, number).await)?;
        let sentence = format!("{} is signed by the key {:.12}", self.which, signed.signed_by);
        Ok(Answer::done(&signed, Page::new().marked(Status::Ok, sentence)))
    }
}
