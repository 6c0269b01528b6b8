//! `kilter export kserve`: what answers at an endpoint, as resources of KServe.
//!
//! Invariants: the package is named by what does not move (a digest, where the registry is asked for one), and the container checks its
//! signature itself; probes ask routes that need no token; equal deployments give equal texts.

use std::path::PathBuf;

use clap::Args;
use kilter_api::{Code, Deployment, DeploymentState, Problem};
use serde::Serialize;
use serde_json::{Value, json};

use super::yaml;
use crate::{
    connect::ConnectArgs,
    fs::write_new,
    ui::{
        error::{CliError, usage},
        output::Output,
        view::{Answer, Page, Status},
    },
};

/// Where KServe's storage initializer puts what `storageUri` names.
const MODEL_FOLDER: &str = "/mnt/models";
/// Where the container finds the public key and the token.
const SECRETS: &str = "/etc/kilter";
const PORT: u16 = 8080;

/// Write what answers at an endpoint as resources of KServe: an InferenceService, and the ServingRuntime that runs Kilter in it.
///
/// The package comes from a registry (--package oci://…, which `kilter package push` filled) or by KServe's storage initializer
/// (--storage-uri, of an archive or a folder of `kilter package build`). The container verifies its signature by the key in the Secret, and
/// asks for the token in it: `kubectl create secret generic kilter-serve --from-file=key.pub --from-file=token`.
#[derive(Debug, Args)]
pub(crate) struct Kserve {
    /// The endpoint.
    endpoint: String,
    /// The image with `kilter` as its entry point.
    #[arg(long)]
    image: String,
    /// The package in a registry, as `kilter package push` says it: `oci://HOST/REPOSITORY@sha256:…`, or with a tag.
    #[arg(long, value_name = "OCI", required_unless_present = "storage_uri", conflicts_with = "storage_uri")]
    package: Option<String>,
    /// Where KServe's storage initializer finds the folder of the package: `s3://…`, `gs://…`, `pvc://…`, `https://…`.
    #[arg(long, value_name = "URI")]
    storage_uri: Option<String>,
    /// Write the version on its way instead of the live one: its share of the traffic as `canaryTrafficPercent`. Apply the live one first.
    #[arg(long)]
    candidate: bool,
    /// The name of the resources. Default: the name of the endpoint.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The namespace of the resources. Default: that of whoever applies them.
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// The Secret with the files `key.pub` and `token`.
    #[arg(long, value_name = "NAME", default_value = "kilter-serve")]
    secret: String,
    /// CPUs that the container asks for and may use.
    #[arg(long, value_name = "QUANTITY", default_value = "1")]
    cpu: String,
    /// Memory that the container asks for and may use.
    #[arg(long, value_name = "QUANTITY", default_value = "512Mi")]
    memory: String,
    /// The least number of replicas.
    #[arg(long, value_name = "N", default_value_t = 1)]
    min_replicas: u32,
    /// The host name by which requests come in from outside, besides those of the cluster. Can be repeated.
    #[arg(long = "allowed-host", value_name = "HOST")]
    allowed_hosts: Vec<String>,
    /// Write into this file, which must not be there.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    connect: ConnectArgs,
}

#[derive(Serialize)]
struct Exported {
    endpoint: String,
    model: String,
    version: u32,
    digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    canary_percent: Option<u8>,
    resources: [Value; 2],
}

impl Kserve {
    pub(super) fn run(self, output: &Output) -> Result<Answer, CliError> {
        self.check_names()?;
        let api = self.connect.api()?;
        let status = api.call(async |client| client.endpoint(&self.endpoint).await)?;
        let deployment = self.chosen(status.live, status.candidate)?;
        let version = api.call(async |client| client.version(&deployment.model, deployment.version).await)?;
        let exported = Exported {
            endpoint: self.endpoint.clone(),
            resources: [self.runtime(), self.service(&deployment, &version.digest)],
            model: deployment.model,
            version: deployment.version,
            digest: version.digest,
            canary_percent: deployment.canary_percent,
        };
        let text: String = exported.resources.iter().map(|resource| format!("---\n{}", yaml::text(resource))).collect();
        let Some(file) = &self.out else {
            if output.is_json() {
                return Ok(Answer::done(&exported, Page::new()));
            }
            output.raw(&text)?;
            return Ok(Answer::written());
        };
        write_new(file, text.as_bytes())?;
        let line =
            format!("{} v{} at {} is written to {}", exported.model, exported.version, self.endpoint, file.display());
        let next = format!("Next: kubectl apply -f {}", file.display());
        Ok(Answer::done(&exported, Page::new().marked(Status::Ok, line).line(next)))
    }

    /// The deployment that is written.
    fn chosen(&self, live: Option<Deployment>, candidate: Option<Deployment>) -> Result<Deployment, CliError> {
        let refused = |detail: String, hint: &str| Err(Problem::new(Code::InvalidState, detail).hint(hint).into());
        match (self.candidate, live, candidate) {
            (false, Some(live), _) => Ok(live),
            (false, None, _) => {
                let detail = format!("no version is live at `{}`", self.endpoint);
                Err(Problem::new(Code::NoLiveVersion, detail).into())
            }
            (true, _, Some(candidate)) if candidate.state == DeploymentState::Canary => Ok(candidate),
            (true, _, Some(candidate)) => refused(
                format!(
                    "v{} is in shadow at `{}`, and KServe sends no copies of requests",
                    candidate.version, self.endpoint
                ),
                "wait until it is a canary, or follow the server with `kilter serve URL`, which has shadows",
            ),
            (true, _, None) => refused(
                format!("no version is on its way at `{}`", self.endpoint),
                "leave out --candidate for the live one",
            ),
        }
    }

    fn check_names(&self) -> Result<(), CliError> {
        let names = [("--name", self.service_name()), ("--secret", &self.secret)];
        for (option, name) in names.into_iter().chain(self.namespace.as_deref().map(|name| ("--namespace", name))) {
            if !is_dns_label(name) {
                return Err(usage(format!(
                    "`{name}` is no name of Kubernetes (63 lower-case letters, digits and `-`): give another one by {option}"
                )));
            }
        }
        if let Some(package) = self.package.as_ref().filter(|package| !package.starts_with("oci://")) {
            return Err(usage(format!(
                "`{package}` is no package in a registry: write oci://HOST/REPOSITORY@sha256:…"
            )));
        }
        Ok(())
    }

    fn service_name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.endpoint)
    }

    fn runtime_name(&self) -> String {
        format!("kilter-{}", self.service_name())
    }

    fn metadata(&self, name: &str) -> Value {
        let mut metadata = json!({ "name": name, "labels": { "app.kubernetes.io/managed-by": "kilter" } });
        if let Some(namespace) = &self.namespace {
            metadata["namespace"] = json!(namespace);
        }
        metadata
    }

    /// How Kilter runs in a pod; what it serves is said by the service.
    fn runtime(&self) -> Value {
        let mut arguments: Vec<String> =
            ["serve", "--host", "0.0.0.0", "--allow-remote", "--port"].map(String::from).into();
        arguments.push(PORT.to_string());
        arguments.extend(["--token-file".to_owned(), format!("{SECRETS}/token")]);
        arguments.extend(["--key".to_owned(), format!("{SECRETS}/key.pub")]);
        for host in self.hosts() {
            arguments.extend(["--allowed-host".to_owned(), host]);
        }
        let probe = |path: &str, seconds: u32, failures: u32| {
            json!({
                "httpGet": { "path": path, "port": PORT },
                "periodSeconds": seconds,
                "failureThreshold": failures,
                "timeoutSeconds": 2,
            })
        };
        json!({
            "apiVersion": "serving.kserve.io/v1alpha1",
            "kind": "ServingRuntime",
            "metadata": self.metadata(&self.runtime_name()),
            "spec": {
                "supportedModelFormats": [{ "name": "kilter", "version": "1", "autoSelect": false }],
                "protocolVersions": ["v2"],
                "containers": [{
                    "name": "kserve-container",
                    "image": self.image,
                    "args": arguments,
                    "ports": [{ "containerPort": PORT, "protocol": "TCP" }],
                    "startupProbe": probe("/v2/health/ready", 2, 60),
                    "readinessProbe": probe("/v2/health/ready", 5, 3),
                    "livenessProbe": probe("/v2/health/live", 10, 3),
                    "securityContext": {
                        "allowPrivilegeEscalation": false,
                        "capabilities": { "drop": ["ALL"] },
                        "runAsNonRoot": true,
                    },
                    "volumeMounts": [{ "name": "kilter", "mountPath": SECRETS, "readOnly": true }],
                }],
                "volumes": [{ "name": "kilter", "secret": { "secretName": self.secret } }],
            },
        })
    }

    /// Names by which requests reach the pod.
    fn hosts(&self) -> Vec<String> {
        let name = self.service_name();
        let of_cluster = self.namespace.iter().flat_map(|namespace| {
            [format!("{name}-predictor.{namespace}"), format!("{name}-predictor.{namespace}.svc.cluster.local")]
        });
        let own = [name.to_owned(), format!("{name}-predictor")];
        own.into_iter().chain(of_cluster).chain(self.allowed_hosts.iter().cloned()).collect()
    }

    fn service(&self, deployment: &Deployment, digest: &str) -> Value {
        let quantities = json!({ "cpu": self.cpu, "memory": self.memory });
        let source = self.package.as_deref().unwrap_or(MODEL_FOLDER);
        let mut model = json!({
            "modelFormat": { "name": "kilter", "version": "1" },
            "runtime": self.runtime_name(),
            "protocolVersion": "v2",
            "args": [source, "--name", self.endpoint],
            "resources": { "requests": quantities, "limits": quantities },
        });
        if let Some(uri) = &self.storage_uri {
            model["storageUri"] = json!(uri);
        }
        let mut predictor = json!({ "minReplicas": self.min_replicas, "model": model });
        if let Some(percent) = deployment.canary_percent {
            predictor["canaryTrafficPercent"] = json!(percent);
        }
        let mut metadata = self.metadata(self.service_name());
        metadata["annotations"] = json!({
            "kilter/version": format!("{}@{}", deployment.model, deployment.version),
            "kilter/package": digest,
        });
        json!({
            "apiVersion": "serving.kserve.io/v1beta1",
            "kind": "InferenceService",
            "metadata": metadata,
            "spec": { "predictor": predictor },
        })
    }
}

/// RFC 1123: what a label of a host name may be.
fn is_dns_label(name: &str) -> bool {
    let is_end = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let bytes = name.as_bytes();
    bytes.len() <= 63
        && is_end(bytes.first())
        && is_end(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_kubernetes_is_a_label_of_a_host_name() {
        let long = "a".repeat(64);
        assert!(["churn", "a", "7", "first-model", &long[..63]].into_iter().all(is_dns_label));
        assert!(!["", "-a", "a-", "Churn", "a_b", "a.b", &long].into_iter().any(is_dns_label));
    }
}
