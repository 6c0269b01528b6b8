//! Who someone is: accounts, logins, tokens.

mod browser;
pub(crate) mod login;
mod secret_input;
pub(crate) mod token;
pub(crate) mod user;

use kilter_api::{Code, Problem};
use kilter_domain::actor::Actor;

use crate::ui::error::CliError;

/// The account of a name: `ana` is a person, `svc:ci` a service.
fn account_name(name: &str) -> Result<Actor, CliError> {
    let text = if name.contains(':') { name.to_owned() } else { format!("user:{name}") };
    Ok(text.parse().map_err(|error| Problem::of(Code::UsageInvalid, &error))?)
}
