//! The technical documentation of Annex IV of Regulation (EU) 2024/1689, point by point, with what no record says marked.

use kilter_domain::contract::{AlertSink, Monitor};

use super::{
    card::joined,
    document::{Document, Section},
    dossier::Dossier,
};

pub(super) fn annex_iv(dossier: &Dossier) -> Document {
    let mut sections = vec![general(dossier), development(dossier), data(dossier), oversight(dossier)];
    sections.extend([validation(dossier), cybersecurity(dossier), monitoring(dossier), metrics(dossier)]);
    sections.extend([risk(dossier), changes(dossier), standards(), declaration(), post_market(dossier)]);
    Document {
        title: format!("Technical documentation (Annex IV) of {}", dossier.name()),
        front_matter: String::new(),
        revision: None,
        sections,
    }
}

fn general(dossier: &Dossier) -> Section {
    let (stated, version) = (&dossier.project.contract.project, &dossier.record.version);
    let not_for = (!stated.not_for.is_empty()).then(|| format!("It is not meant for: {}.", stated.not_for.join(", ")));
    let provider = stated.owner.as_ref().map(|owner| format!("Accountable: {owner}."));
    let consumers = dossier.project.contract.deploy.iter().flat_map(|deploy| deploy.consumers.clone());
    let consumers: Vec<String> = consumers.collect();
    Section::new("1. General description")
        .stated(stated.purpose.clone(), "the intended purpose (`[project] purpose`)")
        .stated(not_for, "excluded uses (`[project] not_for`)")
        .stated(provider, "the provider (`[project] owner`)")
        .text(format!("Version {}, {}, package {}.", dossier.name(), version.state, version.digest))
        .stated(
            (!consumers.is_empty()).then(|| format!("It interacts with: {}.", consumers.join(", "))),
            "how it interacts with other systems (`[deploy.*] consumers`)",
        )
        .text(format!(
            "Its model is a file of {}, which Kilter serves over HTTP (Open Inference Protocol V2); it needs no accelerator.",
            dossier.package.as_ref().map_or("ONNX", |package| package.format.name())
        ))
        .gap("instructions for use, and the interface for deployers")
}

fn development(dossier: &Dossier) -> Section {
    let package = dossier.package.as_ref();
    let section = Section::new("2(a)-(c). Development, design and architecture").stated(
        package.map(|package| {
            let through = package.trained_through.map_or_else(String::new, |time| format!(", until {time}"));
            format!(
                "A {} model of {} inputs, trained on {} rows{through}.",
                package.task,
                package.inputs.len(),
                package.trained_rows
            )
        }),
        "the package cannot be read",
    );
    let Some(run) = &dossier.run else { return section.gap("the run that made it was not recorded") };
    let code = run.git.as_ref().map(|git| {
        let tree = if git.dirty { "with changes that were not committed" } else { "as committed" };
        format!("Code: commit {} ({tree}).", git.commit)
    });
    let steps = run.steps.iter().map(|step| {
        let key = step.key.map_or_else(String::new, |key| key.to_string());
        vec![step.step.to_string(), format!("{:?}", step.state).to_lowercase(), step.wall_ms.to_string(), key]
    });
    let params = run.params.iter().map(|(name, value)| vec![name.clone(), value.to_string()]);
    section
        .text(format!("Run {}, {} to {}.", run.run, run.started, run.ended))
        .stated(code, "the commit of the code: the project is in no Git repository")
        .table(&["step", "state", "milliseconds", "key"], steps.collect(), "the run had no step")
        .table(&["parameters", "values"], params.collect(), "the run had no parameter")
        .gap("the reasons for the main design choices")
}

fn data(dossier: &Dossier) -> Section {
    let requirements = dossier
        .project
        .contract
        .data
        .iter()
        .flat_map(|data| data.require.iter().map(move |rule| vec![data.name.to_string(), rule.to_string()]));
    let sensitive: Vec<String> = dossier.project.contract.data.iter().flat_map(|data| data.sensitive.clone()).collect();
    let packed = dossier.package.iter().flat_map(|package| &package.datasets);
    Section::new("2(d). Data")
        .table(&["dataset", "digest", "rows", "path"], dossier.data(), "the run did not record its data")
        .table(
            &["packed dataset", "digest"],
            packed.map(|(name, digest)| vec![name.clone(), digest.clone()]).collect(),
            "the package names no dataset",
        )
        .table(&["dataset", "requirement"], requirements.collect(), "requirements of the data (`[data.*] require`)")
        .stated(
            (!sensitive.is_empty()).then(|| format!("Sensitive columns: {}.", sensitive.join(", "))),
            "which columns are sensitive (`[data.*] sensitive`)",
        )
        .human("data", dossier.human("data"))
}

fn oversight(dossier: &Dossier) -> Section {
    Section::new("2(e). Human oversight")
        .human("oversight", dossier.human("oversight"))
        .text("An operator takes a version back with `kilter rollback`; an owner or a validator stops it with `kilter revoke`.")
}

fn validation(dossier: &Dossier) -> Section {
    let reviews = dossier.record.acts.iter().filter(|act| act.kind == kilter_store::model::act::ActKind::Reviewed);
    let reviews = reviews.map(|act| {
        let outcome = act.document["outcome"].as_str().unwrap_or_default().to_owned();
        vec![
            act.by.to_string(),
            act.at.to_string(),
            outcome,
            act.document["reason"].as_str().unwrap_or_default().to_owned(),
        ]
    });
    Section::new("2(g). Validation and testing")
        .text(dossier.policy())
        .table(&["gate", "rule", "verdict", "measured", "on"], dossier.gates(), "the contract has no gate")
        .table(&["metric on held-out rows", "value"], dossier.metrics(), "nothing was measured")
        .table(
            &["reviewed by", "on", "outcome", "reason"],
            reviews.collect(),
            "no independent review (`kilter review`)",
        )
        .table(
            &["approved by", "as", "on", "until", "condition"],
            dossier.approvals(),
            "no approval: the responsible persons have not signed",
        )
}

fn cybersecurity(dossier: &Dossier) -> Section {
    Section::new("2(h). Cybersecurity")
        .text(format!(
            "The package is identified by its digest, {}; every part is verified when it is loaded.",
            dossier.record.version.digest
        ))
        .gap("measures of the organisation beyond the platform")
}

fn rules(monitor: Option<&Monitor>) -> Vec<Vec<String>> {
    let Some(monitor) = monitor else { return Vec::new() };
    let kinds = [
        ("data", &monitor.data),
        ("performance", &monitor.performance),
        ("drift", &monitor.drift),
        ("bias", &monitor.bias),
        ("usage", &monitor.usage),
    ];
    let of = |(kind, rules): (&'static str, &Vec<kilter_domain::rule::Rule>)| {
        rules.iter().map(move |rule| vec![kind.to_owned(), rule.to_string()]).collect::<Vec<_>>()
    };
    kinds.into_iter().flat_map(of).collect()
}

fn monitoring(dossier: &Dossier) -> Section {
    let monitor = dossier.project.contract.monitor.as_ref();
    let text = monitor
        .map(|monitor| format!("Windows of {} are monitored; each request is logged with its answer.", monitor.every));
    Section::new("3. Monitoring, functioning and control")
        .stated(text, "nothing is monitored (`[monitor]`)")
        .table(&["endpoint", "stage", "live from", "live until"], dossier.deployment_rows(), "it was never deployed")
        .human("limitations", dossier.human("limitations"))
}

fn metrics(dossier: &Dossier) -> Section {
    Section::new("4. Appropriateness of the performance metrics")
        .table(
            &["objective", "KPI", "target", "baseline", "last value", "target is", "measured"],
            dossier.objective_rows(),
            "no objective says what the metrics are for (`[objective.NAME]`)",
        )
        .gap("why these metrics fit the intended purpose")
}

fn risk(dossier: &Dossier) -> Section {
    let risk = format!("{:?}", dossier.project.contract.project.risk).to_lowercase();
    let waivers = dossier.record.waivers.iter().map(|waiver| {
        let term = &waiver.term;
        vec![
            term.gate.to_string(),
            term.rule.clone(),
            term.by.to_string(),
            term.until.to_string(),
            waiver.reason.clone(),
        ]
    });
    let waivers: Vec<_> = waivers.collect();
    let section = Section::new("5. Risk management")
        .text(format!("Risk tier: {risk}."))
        .human("ethics", dossier.human("ethics"))
        .gap("the risk management file of Article 9");
    if waivers.is_empty() {
        section.text("No rule is waived.")
    } else {
        section.table(&["waived: gate", "rule", "by", "until", "reason"], waivers, "")
    }
}

fn changes(dossier: &Dossier) -> Section {
    Section::new("6. Changes through the lifecycle").table(
        &["entry", "at", "by", "what", "why"],
        dossier.history(),
        "the audit log has no entry",
    )
}

fn standards() -> Section {
    Section::new("7. Standards applied").gap("harmonised standards or other specifications that are applied")
}

fn declaration() -> Section {
    Section::new("8. EU declaration of conformity").gap("a copy of the declaration (Article 47)")
}

fn post_market(dossier: &Dossier) -> Section {
    let contract = &dossier.project.contract;
    let sink = |sink: &AlertSink| match sink.target.as_str() {
        "" => "the log".to_owned(),
        target => target.to_owned(),
    };
    let sinks = contract.monitor.as_ref().map(|monitor| joined(monitor.alert.iter().map(sink)));
    let keep = contract.record.keep.map(|keep| keep.to_string());
    let keep = keep.unwrap_or_else(|| "400 days, or as long as monitors read them".to_owned());
    Section::new("9. Post-market monitoring plan")
        .table(
            &["monitor", "rule"],
            rules(contract.monitor.as_ref()),
            "rules that are stated (`[monitor]`); the default rules apply",
        )
        .stated(
            sinks.filter(|sinks| !sinks.is_empty()).map(|sinks| format!("Alerts go to: {sinks}.")),
            "whom alerts go to (`[monitor] alert`)",
        )
        .text(format!("Predictions are kept for {keep}."))
        .gap("how serious incidents are reported (Article 73)")
}
