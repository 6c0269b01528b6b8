//! How a registry is reached.

use super::credentials::Login;

/// How a registry is reached.
#[derive(Clone, Debug, Default)]
pub struct RegistryOptions {
    /// Who asks; `None`: as the files of Docker and the environment say.
    pub login: Option<Login>,
    /// Also send what is asked and answered without encryption to other machines than this one.
    pub plain_http: bool,
}
