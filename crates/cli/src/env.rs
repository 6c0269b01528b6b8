//! Every environment variable that the program reads. The reference page lists them, and a test watches that no other
//! is read.

/// An environment variable and what it sets.
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    pub(crate) meaning: &'static str,
}

/// What Kilter sets for the process of a step.
pub(crate) const STEP_SETTINGS: &[Setting] = &[
    Setting { name: "KILTER_IN_NAME", meaning: "the path of the input NAME, as `{in.NAME}`" },
    Setting { name: "KILTER_OUT_NAME", meaning: "the path of the output NAME, as `{out.NAME}`" },
    Setting { name: "KILTER_PARAMS", meaning: "the path of a JSON file with the declared parameters" },
    Setting {
        name: "KILTER_COLUMN_ROLES",
        meaning: "the path of a JSON file with what the contract says that columns are for, by dataset; `kilter train` reads it",
    },
    Setting { name: "KILTER_STEP", meaning: "the name of the step" },
    Setting { name: "KILTER_RUN", meaning: "the id of the run" },
    Setting { name: "KILTER_ATTEMPT", meaning: "the log of the attempt; by it all its processes are found and ended" },
];

pub(crate) const SETTINGS: &[Setting] = &[
    Setting { name: "KILTER_DATA", meaning: "the data folder, where `--data` is not given" },
    Setting {
        name: "KILTER_DATABASE",
        meaning: "the address of the PostgreSQL database with the metadata, where `--database` is not given",
    },
    Setting {
        name: "KILTER_DATABASE_FILE",
        meaning: "the file with that address, where `--database-file` is not given",
    },
    Setting {
        name: "KILTER_STORAGE",
        meaning: "the object store with packages and the sealed prediction log, where `--storage` is not given",
    },
    Setting {
        name: "KILTER_STORAGE_CACHE",
        meaning: "the largest size of all copies of its objects, where `--storage-cache` is not given",
    },
    Setting {
        name: "KILTER_SERVER_CONFIG",
        meaning: "the file with settings of the server, where `--config` is not given; else `kilter-server.toml` of this folder",
    },
    Setting {
        name: "KILTER_MODEL_PYTHON",
        meaning: "the Python interpreter that runs models of Python, where `--python` is not given; without one their code does not run",
    },
    Setting {
        name: "ORT_DYLIB_PATH",
        meaning: "the library of onnxruntime, where there is no `lib/libonnxruntime.so` beside the program",
    },
    Setting {
        name: "KILTER_MODEL_ENVIRONMENT",
        meaning: "the Python environment in which all of them run, where `--python-environment` is not given",
    },
    Setting {
        name: "KILTER_ARTIFACTS_DESTINATION",
        meaning: "where the server keeps artifacts that clients send, where `--artifacts-destination` is not given",
    },
    Setting {
        name: "KILTER_DEFAULT_ARTIFACT_ROOT",
        meaning: "below which address new experiments have their folders, where `--default-artifact-root` is not given",
    },
    Setting {
        name: "KILTER_RECORD_ACK",
        meaning: "when the server acknowledges a prediction, `memory`, `disk` or `storage`, where `--record-ack` is not given",
    },
    Setting {
        name: "KILTER_SIGNING_KEY_FILE",
        meaning: "the file with the private key that signs packages (ECDSA P-256 as PKCS#8 in PEM), instead of one that is made in the data folder; option `--signing-key-file`",
    },
    Setting { name: "KILTER_SIGNING_KEY", meaning: "that key itself, where no file is named" },
    Setting {
        name: "KILTER_CHECKPOINT_KEY_FILE",
        meaning: "the file with the private key that signs checkpoints of the audit log (Ed25519 as PKCS#8 in PEM); option `--checkpoint-key-file`",
    },
    Setting { name: "KILTER_CHECKPOINT_KEY", meaning: "that key itself, where no file is named" },
    Setting { name: "KILTER_LOG", meaning: "what the server logs, where `--log` is not given" },
    Setting { name: "KILTER_SERVER", meaning: "the server that commands ask, where `--server` is not given" },
    Setting {
        name: "KILTER_CA_FILE",
        meaning: "the file with the authorities that a server of https is believed by, where `--ca-file` is not given",
    },
    Setting {
        name: "KILTER_CLIENT_CERTIFICATE",
        meaning: "the file with the certificate of a command, for a server that has `--tls-client-ca`",
    },
    Setting { name: "KILTER_CLIENT_KEY", meaning: "the file with the private key of that certificate" },
    Setting {
        name: "KILTER_TOKEN_FILE",
        meaning: "the file with the token of requests, where `--token-file` is not given",
    },
    Setting {
        name: "OTEL_EXPORTER_OTLP_ENDPOINT",
        meaning: "the collector that a server sends traces to; the other variables of OpenTelemetry are in docs/reference/traces.md",
    },
    Setting {
        name: "KILTER_WEBHOOK_SECRET",
        meaning: "what signs the requests of webhooks, where `--webhook-secret-file` is not given",
    },
    Setting {
        name: "XDG_CONFIG_HOME",
        meaning: "the folder of your settings, where `kilter login` stores tokens; else `.config` of `HOME`",
    },
    Setting { name: "HOME", meaning: "your home folder, where `XDG_CONFIG_HOME` is not set" },
    Setting {
        name: "KILTER_TABLE_MEMORY",
        meaning: "the most memory that a table may take, like `2GiB`; else a sixth of what this process may use, at most 4 GiB",
    },
    Setting {
        name: "KILTER_UV",
        meaning: "the `uv` that makes Python environments from a lock; else the one on the PATH",
    },
    Setting {
        name: "KILTER_REGISTRY_USER",
        meaning: "who pushes packages to a registry and pulls them; else the login of Docker or Podman",
    },
    Setting { name: "KILTER_REGISTRY_PASSWORD", meaning: "the password, or access token, of that user" },
    Setting { name: "CARGO", meaning: "set by `cargo run`: the demo then shows its next commands in that form" },
    Setting {
        name: "COLUMNS",
        meaning: "how wide lines may be where standard output is no terminal; else they are not wrapped",
    },
    Setting { name: "NO_COLOR", meaning: "when set and not empty: no colour, whatever the terminal" },
    Setting { name: "USER", meaning: "who acts, in the audit table, where nobody has an account; else `LOGNAME`" },
    Setting { name: "TERM", meaning: "`dumb` means a terminal without colour" },
    Setting {
        name: "MLFLOW_TRACKING_TOKEN",
        meaning: "the token for the MLflow server that `kilter import mlflow` reads",
    },
    Setting {
        name: "MLFLOW_TRACKING_USERNAME",
        meaning: "the name for that server, where it wants one and a password",
    },
    Setting { name: "MLFLOW_TRACKING_PASSWORD", meaning: "the password that belongs to it" },
];
