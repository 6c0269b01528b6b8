//! Every command there is. The reference page, the completions and the help are made from this one declaration.

use clap::{CommandFactory, Parser, Subcommand};

use crate::{
    commands::{
        alert,
        analyse::{drift, evaluate, explain, fairness, profile},
        audit, backup, completions,
        data::{self, sql},
        deployment::{self, break_glass, deploy, experiment, rollback},
        doctor,
        document::{card, inventory, objective, report},
        event, gc,
        identity::{login, token, user},
        inbox, key, label,
        model::{self, approve, lifecycle, policy, reject, waiver},
        monitor, package, predict, prediction,
        project::{check, demo, init, replay, run, runs, schema},
        reference, restore, serve, server, status, storage, train,
        transfer::{export, import},
    },
    ui::{error::CliError, options::GlobalOptions, output::Output, view::Answer},
};

/// MLOps in one binary: train, gate, package, deploy, monitor and retrain models, with an audit log of every decision.
#[derive(Debug, Parser)]
#[command(name = "kilter", version, subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    pub(crate) shared: GlobalOptions,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// One verb each; its arguments and what it does stand in the module of the same name.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(demo::Demo),
    Init(init::Init),
    Check(check::Check),
    Schema(schema::Schema),
    Run(run::Run),
    Runs(runs::Runs),
    Replay(replay::Replay),
    Server(Box<server::Server>),
    Serve(Box<serve::Serve>),
    Status(status::Status),
    Deploy(deploy::Deploy),
    Rollback(rollback::Rollback),
    Model(model::Models),
    Package(package::Packages),
    Deployment(deployment::Deployments),
    Experiment(experiment::Experiments),
    Approve(approve::Approve),
    Reject(reject::Reject),
    Submit(lifecycle::Submit),
    Return(lifecycle::Return),
    Review(lifecycle::Review),
    Retire(lifecycle::Retire),
    Revoke(lifecycle::Revoke),
    Waiver(waiver::Waivers),
    Policy(policy::Policies),
    Inbox(inbox::Inbox),
    Card(card::Card),
    Report(report::Report),
    Inventory(inventory::Inventory),
    Objective(objective::Objectives),
    BreakGlass(break_glass::BreakGlasses),
    Label(label::Label),
    Monitor(monitor::Monitors),
    Alert(alert::Alerts),
    Audit(audit::Audit),
    Event(event::Events),
    Login(login::Login),
    Logout(login::Logout),
    #[command(name = "whoami")]
    WhoAmI(login::WhoAmI),
    User(user::Users),
    Token(token::Tokens),
    Key(key::Keys),
    Data(data::Data),
    Sql(sql::Sql),
    Train(Box<train::Train>),
    Predict(predict::Predict),
    #[command(alias = "predictions")]
    Prediction(prediction::Predictions),
    Evaluate(evaluate::Evaluate),
    Fairness(Box<fairness::Fairness>),
    Explain(explain::Explain),
    Profile(profile::Profile),
    Drift(drift::Drift),
    Doctor(doctor::Doctor),
    Gc(gc::Gc),
    Backup(backup::Backup),
    Restore(restore::Restore),
    Storage(storage::Storage),
    Import(import::Imports),
    Export(export::Exports),
    Completions(completions::Completions),
    #[command(hide = true)]
    Reference(reference::Reference),
}

impl Command {
    /// Does what the person asked for.
    pub(crate) fn run(self, output: &mut Output) -> Result<Answer, CliError> {
        match self {
            Self::Demo(demo) => demo.run(output),
            Self::Init(init) => init.run(output),
            Self::Check(check) => check.run(),
            Self::Schema(schema) => schema.run(output),
            Self::Run(run) => run.run(output),
            Self::Runs(runs) => runs.run(output),
            Self::Replay(replay) => replay.run(output),
            Self::Server(server) => server.run(output),
            Self::Serve(serve) => serve.run(output),
            Self::Status(status) => status.run(),
            Self::Deploy(deploy) => deploy.run(),
            Self::Rollback(rollback) => rollback.run(),
            Self::Model(models) => models.run(),
            Self::Package(packages) => packages.run(output),
            Self::Deployment(deployments) => deployments.run(),
            Self::Experiment(experiments) => experiments.run(),
            Self::Approve(approve) => approve.run(),
            Self::Reject(reject) => reject.run(),
            Self::Submit(submit) => submit.run(),
            Self::Return(back) => back.run(),
            Self::Review(review) => review.run(),
            Self::Retire(retire) => retire.run(),
            Self::Revoke(revoke) => revoke.run(),
            Self::Waiver(waivers) => waivers.run(),
            Self::Policy(policies) => policies.run(),
            Self::Inbox(inbox) => inbox.run(),
            Self::Card(card) => card.run(),
            Self::Report(report) => report.run(),
            Self::Inventory(inventory) => inventory.run(),
            Self::Objective(objectives) => objectives.run(),
            Self::BreakGlass(broken) => broken.run(),
            Self::Label(label) => label.run(output),
            Self::Monitor(monitors) => monitors.run(output),
            Self::Alert(alerts) => alerts.run(),
            Self::Audit(audit) => audit.run(),
            Self::Event(events) => events.run(),
            Self::Login(login) => login.run(output),
            Self::Logout(logout) => logout.run(),
            Self::WhoAmI(who) => who.run(),
            Self::User(users) => users.run(),
            Self::Token(tokens) => tokens.run(),
            Self::Key(keys) => keys.run(),
            Self::Data(data) => data.run(),
            Self::Sql(sql) => sql.run(),
            Self::Train(train) => train.run(output),
            Self::Predict(predict) => predict.run(),
            Self::Prediction(predictions) => predictions.run(output),
            Self::Evaluate(evaluate) => evaluate.run(),
            Self::Fairness(fairness) => fairness.run(),
            Self::Explain(explain) => explain.run(),
            Self::Profile(profile) => profile.run(),
            Self::Drift(drift) => drift.run(),
            Self::Doctor(doctor) => doctor.run(),
            Self::Gc(gc) => gc.run(),
            Self::Backup(backup) => backup.run(),
            Self::Restore(restore) => restore.run(),
            Self::Storage(storage) => storage.run(),
            Self::Import(imports) => imports.run(output),
            Self::Export(exports) => exports.run(output),
            Self::Completions(completions) => completions.run(&mut Self::declaration(), output),
            Self::Reference(reference) => reference.run(Self::declaration(), output),
        }
    }

    /// Every command there is, for the pages and completions that are made from it.
    fn declaration() -> clap::Command {
        Cli::command()
    }
}
