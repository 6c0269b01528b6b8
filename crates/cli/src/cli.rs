//! Every command there is. The reference page, the completions and the help are made from this one declaration.

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{
    commands::model::approve,
    commands::{
        alert,
        analyse::{drift, evaluate, explain, fairness, profile},
        backup, completions,
        data::{split, sql},
        deployment::deploy,
        doctor, label, monitor, predict,
        project::{check, demo, init, replay, run, schema},
        reference, server, status, train,
    },
    ui::{error::Stop, output::Output, view::Answer},
};

/// Keeps machine-learning models in kilter: one binary carries a model through its whole life, and keeps the evidence.
#[derive(Debug, Parser)]
#[command(name = "kilter", version, subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    pub(crate) shared: Shared,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that every command takes.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Shared {
    /// Answer with one JSON document; a failure is one too, on standard error.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say nothing but failures (and the document of --json): the exit code is the answer.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// When to use colour. `auto` asks the terminal, and NO_COLOR.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) color: ColorChoice,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    #[default]
    Auto,
    Always,
    Never,
}

/// One verb each; its arguments and what it does stand in the module of the same name.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(demo::Demo),
    Init(init::Init),
    Check(check::Check),
    Schema(schema::Schema),
    Run(run::Run),
    Replay(replay::Replay),
    Server(server::Server),
    Status(status::Status),
    Deploy(deploy::Deploy),
    Rollback(deploy::Rollback),
    Model(status::Models),
    Deployment(status::Deployments),
    Approve(approve::Approve),
    Reject(approve::Reject),
    Label(label::Label),
    Monitor(monitor::Monitors),
    Alert(alert::Alerts),
    Audit(status::Audit),
    Split(split::Split),
    Sql(sql::Sql),
    Fit(Box<train::Fit>),
    Score(predict::Score),
    Evaluate(evaluate::Evaluate),
    Fairness(Box<fairness::Fairness>),
    Explain(explain::Explain),
    Profile(profile::Profile),
    Drift(drift::Drift),
    Doctor(doctor::Doctor),
    Backup(backup::Backup),
    Restore(backup::Restore),
    Completions(completions::Completions),
    #[command(hide = true)]
    Reference(reference::Reference),
}

impl Command {
    /// Does what the person asked for.
    pub(crate) fn run(self, output: &mut Output) -> Result<Answer, Stop> {
        match self {
            Self::Demo(demo) => demo.run(output),
            Self::Init(init) => init.run(output),
            Self::Check(check) => check.run(),
            Self::Schema(schema) => schema.run(output),
            Self::Run(run) => run.run(output),
            Self::Replay(replay) => replay.run(output),
            Self::Server(server) => server.run(output),
            Self::Status(status) => status.run(),
            Self::Deploy(deploy) => deploy.run(),
            Self::Rollback(rollback) => rollback.run(),
            Self::Model(models) => models.run(),
            Self::Deployment(deployments) => deployments.run(),
            Self::Approve(approve) => approve.run(),
            Self::Reject(reject) => reject.run(),
            Self::Label(label) => label.run(output),
            Self::Monitor(monitors) => monitors.run(output),
            Self::Alert(alerts) => alerts.run(),
            Self::Audit(audit) => audit.run(),
            Self::Split(split) => split.run(),
            Self::Sql(sql) => sql.run(),
            Self::Fit(fit) => fit.run(output),
            Self::Score(score) => score.run(),
            Self::Evaluate(evaluate) => evaluate.run(),
            Self::Fairness(fairness) => fairness.run(),
            Self::Explain(explain) => explain.run(),
            Self::Profile(profile) => profile.run(),
            Self::Drift(drift) => drift.run(),
            Self::Doctor(doctor) => doctor.run(),
            Self::Backup(backup) => backup.run(),
            Self::Restore(restore) => restore.run(),
            Self::Completions(completions) => completions.run(output),
            Self::Reference(reference) => reference.run(output),
        }
    }
}
