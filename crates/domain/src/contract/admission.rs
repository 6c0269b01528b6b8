//! What a contract must not say to be put in force. A contract that is in force already may say it: an earlier version let it
//! pass, it can still be read, and goes on.

use std::collections::BTreeMap;

use super::{document::Contract, path::overlap};

/// Why a contract is not put in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractObjection {
    /// The dotted path of the part that is meant.
    pub path: String,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Contract {
    /// Everything that keeps this contract from being put in force.
    pub fn objections(&self) -> Vec<ContractObjection> {
        let mut found: Vec<ContractObjection> = self.lockout().into_iter().collect();
        found.extend(self.names_in_two_cases());
        found.extend(self.ports_of_one_variable());
        found.extend(self.paths_in_two_cases());
        found
    }

    /// Names of one kind that differ in their case alone: folders are made of them, and file systems fold case.
    fn names_in_two_cases(&self) -> Vec<ContractObjection> {
        let kinds: [(&str, Vec<&str>); 4] = [
            ("data", self.data.iter().map(|data| data.name.as_str()).collect()),
            ("step", self.steps.iter().map(|step| step.name.as_str()).collect()),
            ("gate", self.gates.iter().map(|gate| gate.name.as_str()).collect()),
            ("deploy", self.deploy.iter().map(|deploy| deploy.name.as_str()).collect()),
        ];
        let mut found = Vec::new();
        for (kind, names) in kinds {
            for (first, name) in alike(names.into_iter().map(|name| (name.to_lowercase(), name))) {
                found.push(ContractObjection {
                    path: format!("{kind}.{name}"),
                    message: format!("[{kind}.{first}] and [{kind}.{name}] differ in their case alone"),
                    hint: Some("give one of them another name: file systems and people take them for one".to_owned()),
                });
            }
        }
        found
    }

    /// Inputs, or outputs, of a step whose paths would be handed to it in one environment variable.
    fn ports_of_one_variable(&self) -> Vec<ContractObjection> {
        let mut found = Vec::new();
        for step in &self.steps {
            let kinds: [(&str, Vec<&str>); 2] = [
                ("in", step.inputs.iter().map(|input| input.name.as_str()).collect()),
                ("out", step.outputs.iter().map(|output| output.name.as_str()).collect()),
            ];
            for (kind, names) in kinds {
                let variable = |name: &str| format!("KILTER_{kind}_{}", name.replace(['-', '.'], "_")).to_uppercase();
                for (first, name) in alike(names.into_iter().map(|name| (variable(name), name))) {
                    found.push(ContractObjection {
                        path: format!("step.{}.{kind}.{name}", step.name),
                        message: format!("`{first}` and `{name}` of step `{}` are both ${}", step.name, variable(name)),
                        hint: Some("give one of them another name".to_owned()),
                    });
                }
            }
        }
        found
    }

    /// Outputs whose paths are one, or lie in each other, where case is folded.
    fn paths_in_two_cases(&self) -> Vec<ContractObjection> {
        let outputs = self
            .steps
            .iter()
            .flat_map(|step| step.outputs.iter().map(move |output| (step, output, output.path.to_lowercase())));
        let outputs: Vec<_> = outputs.collect();
        let mut found = Vec::new();
        for (at, (step, output, folded)) in outputs.iter().enumerate() {
            let earlier = outputs[..at]
                .iter()
                .find(|(_, other, earlier)| overlap(folded, earlier) && !overlap(&output.path, &other.path));
            if let Some((other, port, _)) = earlier {
                found.push(ContractObjection {
                    path: format!("step.{}.out.{}", step.name, output.name),
                    message: format!(
                        "`{}` and `{}` of `{}.{}` are one path where case is folded",
                        output.path, port.path, other.name, port.name
                    ),
                    hint: Some("give each output a path of its own, whatever its case".to_owned()),
                });
            }
        }
        found
    }
}

/// Each name whose key an earlier name has too, with the earlier one.
fn alike<'n>(names: impl Iterator<Item = (String, &'n str)>) -> Vec<(&'n str, &'n str)> {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    let mut found = Vec::new();
    for (key, name) in names {
        match seen.get(&key) {
            Some(first) => found.push((*first, name)),
            None => drop(seen.insert(key, name)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objections(text: &str) -> Vec<String> {
        Contract::parse(text).unwrap().objections().into_iter().map(|found| found.message).collect()
    }

    #[test]
    fn names_and_paths_that_differ_in_their_case_alone_are_found() {
        for (text, expected) in [
            ("[step.Train]\nrun = \"x\"\n[step.train]\nrun = \"x\"\n", "[step.Train] and [step.train] differ"),
            ("[data.A]\npath = \"a.csv\"\n[data.a]\npath = \"b.csv\"\n", "[data.A] and [data.a] differ"),
            (
                "[gate.q]\nrules = [\"auc >= 0.8\"]\n[gate.Q]\nrules = [\"auc >= 0.8\"]\n",
                "[gate.q] and [gate.Q] differ",
            ),
            ("[deploy.eu]\n[deploy.EU]\n", "[deploy.eu] and [deploy.EU] differ"),
            (
                "[step.a]\nrun = \"x\"\nout = { x-y = \"p\", X_y = \"q\" }\n",
                "`x-y` and `X_y` of step `a` are both $KILTER_OUT_X_Y",
            ),
            (
                "[step.a]\nrun = \"x\"\nout = { x = \"work/M\" }\n[step.b]\nrun = \"x\"\nout = { y = \"Work/m/n\" }\n",
                "`Work/m/n` and `work/M` of `a.x` are one path",
            ),
        ] {
            let found = objections(text);
            assert!(found.len() == 1 && found[0].contains(expected), "{text}: {found:?}");
        }
        let fine = "[data.a]\npath = \"a.csv\"\n[step.a]\nrun = \"x\"\nout = { x = \"work/m\", y = \"work/M2\" }\n";
        assert_eq!(objections(fine), [""; 0]);
    }
}
