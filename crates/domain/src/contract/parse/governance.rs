//! `[project]`, `[objective.*]`, `[env]`, `[gate.*]`, `[approve]`.

use super::names::{output_ref, plain_name};
use crate::{
    actor::{Principal, Role, RoleBindings},
    contract::{Approve, Environment, GateSpec, Objective, Project, Risk, field::Field, section::Section},
    rule::parse_target,
};

pub(super) fn project(field: &Field<'_, '_>) -> Option<Project> {
    let section = field.section("project")?;
    let risk = section.choice("risk").map(|at| [Risk::Low, Risk::Medium, Risk::High][at]);
    let project = Project {
        name: section.parsed("name"),
        purpose: section.text("purpose"),
        not_for: section.texts("not_for"),
        risk: risk.unwrap_or_default(),
        owner: section.parsed("owner"),
        roles: section.section("roles").map(|section| roles(section)).unwrap_or_default(),
    };
    section.finish();
    Some(project)
}

fn roles(section: Section<'_, '_>) -> RoleBindings {
    let mut bindings = RoleBindings::new();
    for role in Role::ALL {
        let principals: Vec<Principal> = section.list(role.as_str()).iter().filter_map(Field::parsed).collect();
        if !principals.is_empty() {
            bindings.insert(role, principals);
        }
    }
    section.finish();
    bindings
}

pub(super) fn objective(name: &str, field: &Field<'_, '_>) -> Option<Objective> {
    let section = field.section("objective.*")?;
    let name: Option<crate::ids::GateName> = plain_name(name, field, "objective");
    let target = section
        .field("target")
        .and_then(|field| field.read(|text| parse_target(text).map_err(|error| error.to_string())));
    let objective = Objective {
        name: name.as_ref().map(|name| name.as_str().to_owned()).unwrap_or_default(),
        kpi: section.text("kpi"),
        baseline: section.number("baseline"),
        target,
        source: section.path("source"),
        review: section.span("review"),
    };
    section.finish();
    name.map(|_| objective)
}

pub(super) fn environment(field: &Field<'_, '_>) -> Option<Environment> {
    let section = field.section("env")?;
    let environment = Environment { python: section.text("python"), lock: section.path("lock") };
    section.finish();
    Some(environment)
}

pub(super) fn gate(name: &str, field: &Field<'_, '_>) -> Option<GateSpec> {
    let section = field.section("gate.*")?;
    let name = plain_name(name, field, "gate");
    if let Some(field) = section.needed("rules").filter(|field| field.is_list() && field.list().is_empty()) {
        field.error(
            "a gate without rules lets everything through",
            "write at least one rule, or leave the gate out".to_owned(),
        );
    }
    let rules = section.rules("rules");
    let dataset = section.field("dataset").and_then(|field| field.read(output_ref));
    section.finish();
    Some(GateSpec { name: name?, rules, dataset })
}

pub(super) fn approve(field: &Field<'_, '_>, risk: Risk) -> Option<Approve> {
    let section = field.section("approve")?;
    let default = Approve::of(risk);
    let needs =
        section.field("needs").map(|field| field.list().iter().filter_map(|field| field.read(str::parse)).collect());
    let approve = Approve {
        rule: section.parsed("rule").unwrap_or(default.rule),
        four_eyes: section.bool("four_eyes").unwrap_or(default.four_eyes),
        needs: needs.unwrap_or(default.needs),
        expire: section.span("expire").or(default.expire),
    };
    section.finish();
    Some(approve)
}
