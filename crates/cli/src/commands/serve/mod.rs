//! `kilter serve`: answers with models that it is given, without a registry, or as a server says.

mod models;
mod package_check;
mod replica;

use std::path::{Path, PathBuf};

use clap::Args;
use kilter_api::{Code, Problem};
use kilter_app::{
    deployment::serve_given,
    oci::{self, OciAddress, RegistryOptions},
    package::unpack,
};
use kilter_domain::plural::counted;
use kilter_server::{ServerOptions, error::problem_of};
use serde::Serialize;

use self::{
    models::{Found, Place},
    package_check::{APPROVAL_FILE, CheckedPackage, PackageCheck, read_approval, read_keys},
    replica::ReplicaArgs,
};
use crate::{
    commands::listen_args::ListenArgs,
    context::now,
    python_args::PythonArgs,
    ui::{
        error::{CliError, disk, usage},
        output::Output,
        view::{Answer, Page, Status},
    },
};

/// Serve models without a registry: a file, a package, or a folder of models; or follow a server, as a replica.
///
/// Of a SOURCE without a server nothing is recorded.
///
/// SOURCE is a model file (ONNX, LightGBM or XGBoost); a package (a folder, an archive, or oci://HOST/REPOSITORY:TAG); a model folder of
/// MLflow; or a folder of models as Triton lays them out: NAME/model.onnx, NAME/VERSION/model.onnx. Of several versions the highest
/// answers. A package must be signed by --key. The protocols are those of `kilter server`.
///
/// The address of a server (https://HOST) is followed: its endpoints answer here as there, with the same versions, canaries and shadows, also
/// while it is away. Plan, packages and approvals must be signed by --key or --trust. What is answered is recorded, and sent to the server.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// What is served.
    #[arg(value_name = "SOURCE")]
    source: String,
    /// The name of the model in requests. Default: the name of its file or folder, or the name in its package.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The file with the public key (PEM) that must have signed every package. Can be repeated: one of them must have.
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
    /// Also serve packages that nobody signed, or whose signature cannot be checked because there is no --key.
    #[arg(long, conflicts_with = "keys")]
    allow_unsigned: bool,
    /// The folder with the statements about a package (`kilter package build --evidence`). Who approved it is verified.
    #[arg(long, value_name = "FOLDER", requires = "keys")]
    evidence: Option<PathBuf>,
    /// Serve a package only if a signed statement says that it is approved: of --evidence, or of the registry that it comes from.
    #[arg(long, requires = "keys")]
    require_approval: bool,
    #[command(flatten)]
    replica: ReplicaArgs,
    /// Also speak to a registry or a server on another machine without encryption. One on this machine is spoken to without it.
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
    #[serde(skip_serializing_if = "Option::is_none")]
    approval: Option<String>,
}

/// The models of a source, and the statement of an approval that came with them.
struct Source {
    found: Vec<Found>,
    approval: Option<Vec<u8>>,
}

impl Serve {
    pub(crate) fn run(self, output: &Output) -> Result<Answer, CliError> {
        self.listen.begin_log(output.may_animate())?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|error| Problem::of(Code::Internal, &error))?;
        if replica::is_server(&self.source) {
            let cache = self.replica.cache();
            return runtime.block_on(replica::follow(self.replica_options(cache)?, cache, output));
        }
        // The platform behind it is empty and ends with it.
        let folder = tempfile::tempdir().map_err(|error| disk("make a folder in", &std::env::temp_dir(), &error))?;
        let source = self.source_in(folder.path())?;
        runtime.block_on(async {
            let server = kilter_server::Server::bind(self.options(folder.path())?).await?;
            let stop = kilter_server::stop_signal()?;
            let app = server.app();
            let loaded = tokio::task::spawn_blocking(move || self.load(&app, source)).await;
            let models = loaded.map_err(|error| Problem::of(Code::Internal, &error))??;
            let address = server.url()?;
            let grpc_address = server.grpc_address()?.map(|address| address.to_string());
            let answering = Answering { address, grpc_address, models, pid: std::process::id() };
            output.announce(&answering, page(&answering))?;
            server.run_until(stop).await;
            Ok(Answer::written())
        })
    }

    /// As [`Self::options`], of a replica.
    fn replica_options(&self, cache: &Path) -> Result<ServerOptions, CliError> {
        if self.allow_unsigned || self.require_approval || self.name.is_some() || self.evidence.is_some() {
            return Err(usage(
                "--allow-unsigned, --require-approval, --name and --evidence are for packages and models, not for a server",
            ));
        }
        let replica = self.replica.options(&self.source, self.plain_http, &self.keys)?;
        Ok(ServerOptions { replica: Some(replica), ..self.options(cache)? })
    }

    fn options(&self, folder: &Path) -> Result<ServerOptions, CliError> {
        let platform = ServerOptions::local(folder.join("platform"));
        self.listen.set(ServerOptions { python: self.python.options(), ..platform })
    }

    /// The models of the source; what has to be brought or unpacked first comes into `folder`.
    fn source_in(&self, folder: &Path) -> Result<Source, CliError> {
        let name = self.name.as_deref();
        let approval = self.evidence.as_deref().map(read_approval).transpose()?;
        if self.source.starts_with("oci://") {
            let address: OciAddress = self.source.parse().map_err(|error| problem_of(&error))?;
            let options = RegistryOptions { plain_http: self.plain_http, ..RegistryOptions::default() };
            let pulled = folder.join("pulled");
            let came = oci::pull(&address, &pulled, &options).map_err(|error| problem_of(&error))?;
            let stated = came.attachments.into_iter().find(|one| one.name == APPROVAL_FILE).map(|one| one.bytes);
            return Ok(Source { found: models::find(&pulled, name)?, approval: approval.or(stated) });
        }
        let path = Path::new(&self.source);
        if path.extension().is_some_and(|extension| extension == "tar") {
            let unpacked = unpack(path, &folder.join("unpacked")).map_err(kilter_app::model::PackageError::from)?;
            return Ok(Source { found: models::find(&unpacked, name)?, approval });
        }
        Ok(Source { found: models::find(path, name)?, approval })
    }

    fn load(&self, app: &kilter_app::App, source: Source) -> Result<Vec<ServedModel>, CliError> {
        let Source { found, approval } = source;
        if approval.is_some() && found.len() > 1 {
            return Err(usage("--evidence is of one package, and there are several models"));
        }
        let check = PackageCheck {
            keys: read_keys(&self.keys)?,
            allow_unsigned: self.allow_unsigned,
            require_approval: self.require_approval,
            approval,
            now: now(),
        };
        let mut served = Vec::with_capacity(found.len());
        for mut found in found {
            let CheckedPackage { model, signature, approval } = match &found.place {
                Place::Package(folder) => check.check(folder)?,
                Place::Model(path) if self.require_approval => {
                    return Err(usage(format!("`{}` is no package, so nobody approved it", path.display())));
                }
                Place::Model(_) => CheckedPackage { model: String::new(), signature: None, approval: None },
            };
            if !model.is_empty() && self.source_is_one_package() && self.name.is_none() {
                found.name = model;
            }
            let (name, version) = (found.name.clone(), found.version);
            let given = models::given(found, self.python.options())?;
            serve_given(app, given).map_err(|error| {
                let detail = format!("the model `{name}` cannot be served");
                CliError::from(Problem::new(Code::ModelInvalid, detail).caused_by(Some(&error)))
            })?;
            served.push(ServedModel { name, version, signature, approval });
        }
        Ok(served)
    }

    /// A package on its own has its name inside; in a folder of models the folder names it.
    fn source_is_one_package(&self) -> bool {
        let path = Path::new(&self.source);
        !path.is_dir() || path.join("package.json").is_file()
    }
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
            Some(signature) => {
                let approval = model.approval.as_ref().map_or_else(String::new, |approval| format!("; {approval}"));
                page.marked(Status::Ok, format!("{line} ({signature}{approval})"))
            }
            None => page.marked(Status::Warn, format!("{line} (nobody signed it)")),
        };
    }
    page.line("Nothing is recorded. Stop it with Ctrl-C.")
}
