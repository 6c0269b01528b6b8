//! Where commands find the project, the data folder and the clock.

use std::{
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use clap::Args;
use kilter_api::{Code, Problem};
use kilter_app::{
    App, AppOptions, DatabaseUrl, InvalidDatabaseUrl, InvalidStorageUrl, KeySource, KeySources, RequestContext,
    StorageOptions, audit::PublishPlace,
};
use kilter_domain::{actor::Actor, time::Timestamp};

use crate::{
    byte_size::Size,
    python_args,
    ui::error::{CliError, disk, usage},
};

/// The largest contract that is read.
const MAX_CONTRACT_BYTES: u64 = 4 << 20;

/// The data folder of a project, where nobody names another.
pub(crate) const DATA_FOLDER: &str = ".kilter";

/// The data folder of a command.
#[derive(Clone, Debug, Args)]
pub(crate) struct DataFolder {
    /// The data folder.
    #[arg(long = "data", value_name = "DIR", env = "KILTER_DATA", default_value = DATA_FOLDER, hide_env_values = true)]
    pub(crate) path: PathBuf,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    storage: StorageArgs,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    publish: PublishArgs,
}

/// Where checkpoints of the audit log are published.
#[derive(Clone, Debug, Args)]
pub(crate) struct PublishArgs {
    /// A place to which checkpoints of the audit log are published: file:/PATH, git:/REPOSITORY, s3://BUCKET/PREFIX or
    /// https://ADDRESS. May be given several times.
    #[arg(long, value_name = "PLACE", hide = true)]
    audit_publish: Vec<PublishPlace>,
}

impl PublishArgs {
    /// The places.
    pub(crate) fn places(&self) -> Vec<PublishPlace> {
        self.audit_publish.clone()
    }
}

/// The private keys that the operator gives.
#[derive(Clone, Debug, Args)]
pub(crate) struct KeyArgs {
    /// The file with the private key that signs packages (ECDSA P-256 as PKCS#8 in PEM), instead of one that is made in the data
    /// folder. `KILTER_SIGNING_KEY` has the key itself.
    #[arg(long, value_name = "FILE", env = "KILTER_SIGNING_KEY_FILE", hide_env_values = true, hide = true)]
    signing_key_file: Option<PathBuf>,
    /// The file with the private key that signs checkpoints of the audit log (Ed25519 as PKCS#8 in PEM). `KILTER_CHECKPOINT_KEY` has
    /// the key itself.
    #[arg(long, value_name = "FILE", env = "KILTER_CHECKPOINT_KEY_FILE", hide_env_values = true, hide = true)]
    checkpoint_key_file: Option<PathBuf>,
}

impl KeyArgs {
    /// Where the keys are that are given.
    pub(crate) fn sources(&self) -> KeySources {
        let source = |file: &Option<PathBuf>, variable: &str| match file {
            Some(path) => Some(KeySource::File(path.clone())),
            None => std::env::var(variable).ok().filter(|text| !text.is_empty()).map(KeySource::Text),
        };
        KeySources {
            package: source(&self.signing_key_file, "KILTER_SIGNING_KEY"),
            checkpoint: source(&self.checkpoint_key_file, "KILTER_CHECKPOINT_KEY"),
        }
    }
}

/// Where the metadata of a data folder lie.
#[derive(Clone, Debug, Args)]
pub(crate) struct DatabaseArgs {
    /// The PostgreSQL database with the metadata, instead of a file in the data folder: `postgres://USER@HOST:5432/NAME`.
    #[arg(long, value_name = "URL", env = "KILTER_DATABASE", hide_env_values = true)]
    database: Option<String>,
    /// The file with the address of the database, which keeps its password out of lists of processes.
    #[arg(
        long,
        value_name = "FILE",
        env = "KILTER_DATABASE_FILE",
        hide_env_values = true,
        conflicts_with = "database"
    )]
    database_file: Option<PathBuf>,
}

/// Where packages and the prediction log of a data folder lie.
#[derive(Clone, Debug, Args)]
pub(crate) struct StorageArgs {
    /// The object store with packages and the sealed prediction log, instead of the data folder: `s3://BUCKET/PREFIX`. Endpoint and
    /// credentials come from `AWS_ENDPOINT_URL`, `AWS_REGION`, `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`.
    #[arg(long, value_name = "URL", env = "KILTER_STORAGE", hide_env_values = true)]
    storage: Option<String>,
    /// The largest size of all copies of objects in the data folder together, like `20GiB`. Those that were not used for the longest
    /// time are removed.
    #[arg(long, value_name = "SIZE", env = "KILTER_STORAGE_CACHE", default_value = "20GiB", hide_env_values = true)]
    storage_cache: Size,
}

impl StorageArgs {
    /// The object store, when one is given.
    pub(crate) fn options(&self) -> Result<Option<StorageOptions>, CliError> {
        storage_options(self.storage.as_deref(), self.storage_cache.bytes() as u64)
    }
}

impl DatabaseArgs {
    /// The address, when one is given.
    pub(crate) fn url(&self) -> Result<Option<DatabaseUrl>, CliError> {
        database_url(self.database.as_deref(), self.database_file.as_deref())
    }
}

/// The address of a database that is given, or that a file has.
pub(crate) fn database_url(url: Option<&str>, file: Option<&Path>) -> Result<Option<DatabaseUrl>, CliError> {
    let text = match (url, file) {
        (Some(url), _) => url.to_owned(),
        (None, Some(file)) => {
            let text = std::fs::read_to_string(file)
                .map_err(|error| disk("read the address of the database in", file, &error));
            text?.trim().to_owned()
        }
        (None, None) => return Ok(None),
    };
    text.parse().map(Some).map_err(|error: InvalidDatabaseUrl| usage(error.to_string()))
}

/// The object store at an address, with copies of at most so many bytes.
pub(crate) fn storage_options(url: Option<&str>, cache_bytes: u64) -> Result<Option<StorageOptions>, CliError> {
    let Some(url) = url else { return Ok(None) };
    let url = url.parse().map_err(|error: InvalidStorageUrl| usage(error.to_string()))?;
    Ok(Some(StorageOptions { url, cache_bytes }))
}

impl DataFolder {
    /// The database on a server, when one is given.
    pub(crate) fn database(&self) -> Result<Option<DatabaseUrl>, CliError> {
        self.database.url()
    }

    /// The object store, when one is given.
    pub(crate) fn storage(&self) -> Result<Option<StorageOptions>, CliError> {
        self.storage.options()
    }

    /// Where checkpoints are published.
    pub(crate) fn publish(&self) -> Vec<PublishPlace> {
        self.publish.places()
    }

    /// The private keys that are given.
    pub(crate) fn keys(&self) -> KeySources {
        self.keys.sources()
    }

    /// The platform to look at it, also while a server has it.
    pub(crate) fn open_for_reading(&self) -> Result<App, CliError> {
        let (database, storage) = (self.database()?, self.storage()?);
        let options = AppOptions { database, storage, keys: self.keys(), ..app_options()? };
        Ok(App::open_for_reading(self.existing()?, options)?)
    }

    /// Its path, when there is one.
    pub(crate) fn existing(&self) -> Result<&Path, CliError> {
        if !self.path.is_dir() {
            let detail = format!("there is no data folder `{}`", self.path.display());
            let hint = "make one with `kilter run` or `kilter server`, or name another with --data";
            return Err(Problem::new(Code::FileNotFound, detail).hint(hint).into());
        }
        Ok(&self.path)
    }
}

/// How the platform is opened by this program.
pub(crate) fn app_options() -> Result<AppOptions, CliError> {
    let tool = std::env::current_exe().map_err(|error| disk("find the program", Path::new("kilter"), &error))?;
    Ok(AppOptions { python: python_args::from_environment(), ..AppOptions::new(tool) })
}

/// The time on the clock of this machine.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The person at this terminal, acting now: by name, else by the number that the system knows them by.
pub(crate) fn act() -> RequestContext {
    let name = ["USER", "LOGNAME"].iter().find_map(|variable| std::env::var(variable).ok());
    let by = name.and_then(|name| Actor::user(&name).ok()).unwrap_or_else(|| {
        let number = rustix::process::getuid().as_raw();
        Actor::user(&format!("uid-{number}")).expect("letters, a dash and digits are a name")
    });
    RequestContext::new(now(), by)
}

/// The contract at `path`: the file itself, or the `kilter.toml` of a folder.
pub(crate) fn read_contract(path: &Path) -> Result<(PathBuf, String), CliError> {
    let file = match path.is_dir() {
        true if path == Path::new(".") => PathBuf::from("kilter.toml"),
        true => path.join("kilter.toml"),
        false => path.to_owned(),
    };
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            let detail = format!("there is no contract `{}`", file.display());
            Problem::new(Code::FileNotFound, detail).hint("write a first one with `kilter init --from DATA`").into()
        }
        std::io::ErrorKind::InvalidInput => {
            let detail = format!("`{}` is no contract: {error}", file.display());
            Problem::new(Code::ContractInvalid, detail).into()
        }
        _ => disk("read", &file, &error),
    };
    let text = kilter_app::read_bounded_text(&file, MAX_CONTRACT_BYTES).map_err(failed)?;
    Ok((file, text))
}
