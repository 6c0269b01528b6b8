//! The inventory sheet of one model by SR 26-2: what it is for, how material it is, who challenged it, how it does.

use kilter_domain::actor::Role;

use crate::model::facts::policy_of;

use super::{
    card::joined,
    document::{Document, Section},
    dossier::Dossier,
};

pub(super) fn sr_26_2(dossier: &Dossier) -> Document {
    let sections = vec![
        identification(dossier),
        purpose(dossier),
        Section::new("Materiality")
            .text(format!("Risk tier: {}.", format!("{:?}", dossier.project.contract.project.risk).to_lowercase()))
            .gap("exposure in money, customers or decisions, for the tier"),
        Section::new("Development evidence")
            .table(&["dataset", "digest", "rows", "path"], dossier.data(), "the run did not record its data")
            .table(&["metric on held-out rows", "value"], dossier.metrics(), "nothing was measured"),
        challenge(dossier),
        Section::new("Outcomes analysis").table(
            &["objective", "KPI", "target", "baseline", "last value", "target is", "measured"],
            dossier.objective_rows(),
            "no objective (`[objective.NAME]`)",
        ),
        monitoring(dossier),
    ];
    Document {
        title: format!("SR 26-2 inventory sheet of {}", dossier.name()),
        front_matter: String::new(),
        sections,
        revision: None,
    }
}

fn identification(dossier: &Dossier) -> Section {
    let version = &dossier.record.version;
    let owner = dossier.project.contract.project.owner.as_ref().map(|owner| format!("Owner: {owner}."));
    Section::new("Identification")
        .text(format!("{}, {}, package {}.", dossier.name(), version.state, version.digest))
        .stated(owner, "the owner (`[project] owner`)")
        .text(format!("Developed by {}.", joined(dossier.record.makers())))
}

fn purpose(dossier: &Dossier) -> Section {
    let stated = &dossier.project.contract.project;
    let not_for = (!stated.not_for.is_empty()).then(|| format!("Not for: {}.", stated.not_for.join(", ")));
    Section::new("Purpose and limits")
        .stated(stated.purpose.clone(), "the purpose (`[project] purpose`)")
        .stated(not_for, "excluded uses (`[project] not_for`)")
        .human("limitations", dossier.human("limitations"))
}

fn challenge(dossier: &Dossier) -> Section {
    let validators = dossier.project.contract.project.roles.get(&Role::Validator).into_iter().flatten();
    let validators: Vec<String> = validators.map(ToString::to_string).collect();
    let review = dossier.record.independent_review(&policy_of(&dossier.project, &dossier.record.version));
    let review = review.map(|act| format!("{} measured it again on {}: confirmed.", act.by, act.at.civil().date()));
    Section::new("Effective challenge")
        .stated(
            (!validators.is_empty()).then(|| format!("Validators: {}.", validators.join(", "))),
            "who validates (`[project.roles] validator`)",
        )
        .text(dossier.policy())
        .table(&["gate", "rule", "verdict", "measured", "on"], dossier.gates(), "the contract has no gate")
        .stated(review, "an independent review (`kilter review`)")
        .table(&["approved by", "as", "on", "until", "condition"], dossier.approvals(), "nobody approved it")
}

fn monitoring(dossier: &Dossier) -> Section {
    let next = dossier.record.valid_votes(dossier.at).filter_map(|said| said.expires).min();
    let monitor = dossier.project.contract.monitor.as_ref().map(|monitor| {
        let rules = [&monitor.data, &monitor.performance, &monitor.drift, &monitor.bias, &monitor.usage];
        let stated: usize = rules.iter().map(|rules| rules.len()).sum();
        format!("Windows of {}, {stated} rules that are stated.", monitor.every)
    });
    Section::new("Ongoing monitoring")
        .stated(monitor, "nothing is monitored (`[monitor]`)")
        .stated(
            next.map(|next| format!("It must be approved again by {}.", next.civil().date())),
            "when it is validated again: its approval has no end (`[approve] expire`)",
        )
        .table(&["endpoint", "stage", "live from", "live until"], dossier.deployment_rows(), "it was never deployed")
}
