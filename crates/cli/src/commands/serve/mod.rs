//! `kilter serve`: answers with models that it is given, without a registry.

mod models;

use std::path::{Path, PathBuf};

use clap::Args;
use kilter_api::{Code, Problem};
use kilter_app::{
    deployment::serve_given,
    oci::{self, OciAddress, RegistryOptions},
    package::{CheckResult, PublicKey, unpack, verify_folder},
};
use kilter_domain::{error_chain::with_causes, plural::counted};
use kilter_server::{ServerOptions, error::problem_of};
use serde::Serialize;

use self::models::{Found, Place};
use crate::{
    commands::listen_args::ListenArgs,
    python_args::PythonArgs,
    ui::{
        error::{CliError, disk, usage},
        output::Output,
        view::{Answer, Page, Status},
    },
};

/// Serve models without a registry: a file, a package, or a folder of models. Nothing is recorded.
///
/// SOURCE is a model file (ONNX, LightGBM or XGBoost); a package (a folder, an archive, or oci://HOST/REPOSITORY:TAG); a model folder of
/// MLflow; or a folder of models as Triton lays them out: NAME/model.onnx, NAME/VERSION/model.onnx. Of several versions the highest
/// answers. A package must be signed by --key. The protocols are those of `kilter server`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// What is served.
    #[arg(value_name = "SOURCE")]
    source: String,
    /// The name of the model in requests. Default: the name of its file or folder, or the name in its package.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The file with the public key (PEM) that must have signed every package.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Also serve packages that nobody signed, or whose signature cannot be checked because there is no --key.
    #[arg(long, conflicts_with = "key")]
    allow_unsigned: bool,
    /// Also speak to a registry on another machine without encryption. One on this machine is spoken to without it.
    #[arg(long)]
    plain_http: bool,
    #[command(flatten)]
    listen: ListenArgs,
    #[command(flatten)]
    python: PythonArgs,
}

#[derive(Serialize)]
struct Answering {
    address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    grpc_address: Option<String>,
    models: Vec<ServedModel>,
    pid: u32,
}

#[derive(Serialize)]
struct ServedModel {
    name: String,
    version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
}

impl Serve {
    pub(crate) fn run(self, output: &Output) -> Result<Answer, CliError> {
        self.listen.begin_log(output.may_animate())?;
        // The platform behind it is empty and ends with it.
        let folder = tempfile::tempdir().map_err(|error| disk("make a folder in", &std::env::temp_dir(), &error))?;
        let found = self.found(folder.path())?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|error| Problem::of(Code::Internal, &error))?;
        runtime.block_on(async {
            let server = kilter_server::Server::bind(self.options(folder.path())?).await?;
            let stop = kilter_server::stop_signal()?;
            let app = server.app();
            let loaded = tokio::task::spawn_blocking(move || self.load(&app, found)).await;
            let models = loaded.map_err(|error| Problem::of(Code::Internal, &error))??;
            let address = server.url()?;
            let grpc_address = server.grpc_address()?.map(|address| address.to_string());
            let answering = Answering { address, grpc_address, models, pid: std::process::id() };
            output.announce(&answering, page(&answering))?;
            server.run_until(stop).await;
            Ok(Answer::written())
        })
    }

    fn options(&self, folder: &Path) -> Result<ServerOptions, CliError> {
        let platform = ServerOptions::local(folder.join("platform"));
        self.listen.set(ServerOptions { python: self.python.options(), ..platform })
    }

    /// The models of the source; what has to be brought or unpacked first comes into `folder`.
    fn found(&self, folder: &Path) -> Result<Vec<Found>, CliError> {
        let name = self.name.as_deref();
        if self.source.starts_with("oci://") {
            let address: OciAddress = self.source.parse().map_err(|error| problem_of(&error))?;
            let options = RegistryOptions { plain_http: self.plain_http, ..RegistryOptions::default() };
            let pulled = folder.join("pulled");
            oci::pull(&address, &pulled, &options).map_err(|error| problem_of(&error))?;
            return models::find(&pulled, name);
        }
        let path = Path::new(&self.source);
        if path.extension().is_some_and(|extension| extension == "tar") {
            let unpacked = unpack(path, &folder.join("unpacked")).map_err(kilter_app::model::PackageError::from)?;
            return models::find(&unpacked, name);
        }
        models::find(path, name)
    }

    fn load(&self, app: &kilter_app::App, found: Vec<Found>) -> Result<Vec<ServedModel>, CliError> {
        let key = self.key.as_deref().map(read_key).transpose()?;
        let mut served = Vec::with_capacity(found.len());
        for mut found in found {
            let signature = match &found.place {
                Place::Model(_) => None,
                Place::Package(folder) => {
                    let checked = self.check(folder, key.as_ref())?;
                    if self.source_is_one_package() && self.name.is_none() {
                        found.name = checked.model;
                    }
                    checked.signature
                }
            };
            let (name, version) = (found.name.clone(), found.version);
            let given = models::given(found, self.python.options())?;
            serve_given(app, given).map_err(|error| {
                let detail = format!("the model `{name}` cannot be served");
                CliError::from(Problem::new(Code::ModelInvalid, detail).caused_by(Some(&error)))
            })?;
            served.push(ServedModel { name, version, signature });
        }
        Ok(served)
    }

    /// A package on its own has its name inside; in a folder of models the folder names it.
    fn source_is_one_package(&self) -> bool {
        let path = Path::new(&self.source);
        !path.is_dir() || path.join("package.json").is_file()
    }

    /// Checks the files, the signature and the golden requests of a package.
    fn check(&self, folder: &Path, key: Option<&PublicKey>) -> Result<CheckedPackage, CliError> {
        let shown = folder.display();
        let refuse = |why: &str, hint: &str| {
            let detail = format!("the package {shown} is not served: {why}");
            CliError::from(Problem::new(Code::PackageNotSigned, detail).hint(hint.to_owned()))
        };
        if key.is_none() && !self.allow_unsigned {
            let hint = "name the public key that signed it (--key FILE; `kilter key export` writes it), or pass --allow-unsigned";
            return Err(refuse("nobody says whose signature it must have", hint));
        }
        let keys = |id: &str| match key {
            Some(key) if key.id() == id => Ok(key.clone()),
            Some(key) => Err(format!("it was signed with the key {id:.12}, not with {:.12}", key.id())),
            None => Err("no key is named".to_owned()),
        };
        let verified = verify_folder(folder, &keys)?;
        for check in [&verified.hashes, &verified.golden] {
            if let CheckResult::Failed(why) = check {
                return Err(refuse(why, "take the package from its source again"));
            }
        }
        let signature = match (&verified.signature, key) {
            (CheckResult::Passed(said), _) => Some(said.clone()),
            (_, None) => None,
            (CheckResult::Failed(why) | CheckResult::Skipped(why), Some(_)) => {
                return Err(refuse(why, "name the key that signed it, or take the package from its source again"));
            }
        };
        let model = verified.manifest.map(|manifest| manifest.model.to_string()).unwrap_or_default();
        Ok(CheckedPackage { model, signature })
    }
}

struct CheckedPackage {
    /// The model that it is a version of.
    model: String,
    /// Who signed it, where that was checked.
    signature: Option<String>,
}

fn read_key(file: &Path) -> Result<PublicKey, CliError> {
    let text = kilter_app::read_bounded_text(file, 1 << 16).map_err(|error| disk("read the key", file, &error))?;
    PublicKey::from_pem(&text).map_err(|error| usage(format!("`{}`: {}", file.display(), with_causes(&error))))
}

fn page(answering: &Answering) -> Page {
    let Answering { address, grpc_address, models, .. } = answering;
    let sentence = format!("{} at {address}", counted(models.len(), "model"));
    let mut page = Page::new().line(format!("kilter {} serves {sentence}", env!("CARGO_PKG_VERSION")));
    if let Some(address) = grpc_address {
        page = page.line(format!("gRPC is answered on {address}."));
    }
    for model in models {
        let line = format!("{} version {}: {address}/v2/models/{}/infer", model.name, model.version, model.name);
        page = match &model.signature {
            Some(signature) => page.marked(Status::Ok, format!("{line} ({signature})")),
            None => page.marked(Status::Warn, format!("{line} (nobody signed it)")),
        };
    }
    page.line("Nothing is recorded. Stop it with Ctrl-C.")
}
