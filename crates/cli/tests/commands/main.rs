//! What a person sees of the commands: answers, failures, exit codes.

mod alert_events;
mod approvals;
mod audit_evidence;
mod backups;
mod changes;
mod clocks;
mod column_names;
mod column_statistics;
mod concurrent_writers;
mod contract;
mod crashes;
mod data_damage;
mod database;
mod datasets_elsewhere;
mod demo;
mod deployments;
mod documents;
mod drift;
mod evaluate;
mod events;
mod example_replays;
mod experiments;
mod explain;
mod fairness;
mod foreign_models;
mod full_disk;
mod garbage;
mod guides;
mod help;
mod hostile_files;
mod hostile_tables;
mod identity;
mod identity_on_several_servers;
mod input_rules;
mod isolation;
mod keys;
mod kserve;
mod label_leakage;
mod labels;
mod large_windows;
mod lifecycle;
mod lineage;
mod live_project;
mod lost_services;
mod mail;
mod memory_bounds;
mod metric_history;
mod mlflow;
mod mlflow_accounts;
mod mlflow_attacks;
mod mlflow_places;
mod mlflow_platform_runs;
mod mlflow_purge;
mod mlflow_routes;
mod mlflow_transfer;
mod mlflow_webhooks;
mod model_memory;
mod monitor_api;
mod monitors;
mod numbers;
mod object_store;
mod offline_commands;
mod openid;
mod output;
mod packages;
mod pinned_versions;
mod policy;
mod prediction_import;
mod prediction_log;
mod prediction_log_crashes;
mod predictions;
mod python_models;
mod reconcile;
mod recording_policy;
mod registry;
mod replay;
mod replicas;
mod reproduce;
mod rights;
mod rights_latency;
mod rule_windows;
mod runs;
mod screen;
mod seasonal_drift;
mod serve;
mod server;
mod server_config;
mod serving_grpc;
mod serving_rest;
mod several_servers;
mod storage_figures;
mod tls;
mod torch_nets;
mod traces;
mod tracked_runs;
mod unapproved;
mod web_ui;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::Mutex,
};

use serde_json::Value;

/// A folder of its own, in which commands are typed.
pub struct World {
    folder: tempfile::TempDir,
    /// The address of a database on a server; empty: in a file.
    database: Mutex<String>,
    /// Variables of every command.
    variables: Mutex<Vec<(String, String)>>,
}

/// What a command said.
pub struct CommandOutput {
    pub exit: i32,
    pub out: String,
    pub err: String,
}

impl World {
    #[allow(clippy::new_without_default)] // a folder on disk is made on purpose, not by default
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), database: Mutex::default(), variables: Mutex::default() }
    }

    /// From now on the metadata lie in the database at `url`.
    pub fn set_database(&self, url: &str) {
        url.clone_into(&mut self.database.lock().unwrap());
    }

    /// From now on commands see this variable.
    pub fn set_variable(&self, name: &str, value: &str) {
        let mut variables = self.variables.lock().unwrap();
        variables.retain(|(known, _)| known != name);
        variables.push((name.to_owned(), value.to_owned()));
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kilter"));
        command.args(arguments).current_dir(self.path()).stdin(Stdio::null());
        for variable in [
            "KILTER_DATA",
            "KILTER_DATABASE_FILE",
            "KILTER_LOG",
            "KILTER_TOKEN_FILE",
            "KILTER_SERVER_TOKEN_FILE",
            "KILTER_SERVER",
            "KILTER_SERVER_CONFIG",
            "NO_COLOR",
        ] {
            command.env_remove(variable);
        }
        match self.database.lock().unwrap().as_str() {
            "" => command.env_remove("KILTER_DATABASE"),
            url => command.env("KILTER_DATABASE", url),
        };
        command.envs(self.variables.lock().unwrap().clone());
        command
    }

    pub fn kilter(&self, arguments: &[&str]) -> CommandOutput {
        command_output(self.command(arguments).output().unwrap())
    }

    /// The document of a command that must succeed.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let shown = self.kilter(&[arguments, &["--json"]].concat());
        assert_eq!(shown.exit, 0, "{}{}", shown.out, shown.err);
        serde_json::from_str(&shown.out).unwrap()
    }

    /// The problem of a command that must fail with `exit`.
    pub fn problem(&self, arguments: &[&str], exit: i32) -> Value {
        let shown = self.kilter(&[arguments, &["--json"]].concat());
        assert_eq!((shown.exit, shown.out.as_str()), (exit, ""), "{}", shown.err);
        serde_json::from_str(&shown.err).unwrap()
    }
}

pub fn command_output(output: Output) -> CommandOutput {
    CommandOutput {
        exit: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// 400 customers: the older and the rarer ones leave.
pub fn customers() -> String {
    let mut text = "id,at,age,visits,region,left\n".to_owned();
    for id in 0..400u32 {
        let noise = id.wrapping_mul(2_654_435_761) >> 24;
        let (age, visits) = (20 + (id * 7) % 60, (id * 13) % 20);
        let left = u32::from(age + noise / 8 > 70 || visits + noise / 32 < 5);
        let region = ["north", "south", "west"][(id % 3) as usize];
        text += &format!("{id},2024-{:02}-{:02},{age},{visits},{region},{left}\n", 1 + id / 40, 1 + id % 28);
    }
    text
}
