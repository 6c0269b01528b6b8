//! What it takes to change one contract into another: the rights, by the parts that differ.

use super::Contract;
use crate::actor::Action;

impl Contract {
    /// The rights that it takes to put `next` in the place of this contract; none where the two mean the same.
    pub fn rights_to_become(&self, next: &Contract) -> Vec<Action> {
        let mut rights = Vec::new();
        if self.project.owner != next.project.owner || self.project.roles != next.project.roles {
            rights.push(Action::ChangeRoles);
        }
        let is_policy = self.policy_text() != next.policy_text()
            || self.gates != next.gates
            || self.approve != next.approve
            || self.deploy != next.deploy
            || self.objectives != next.objectives
            || self.threshold != next.threshold
            || self.inputs != next.inputs
            || self.record != next.record
            || self.retrain.as_ref().map(|retrain| retrain.on_success)
                != next.retrain.as_ref().map(|retrain| retrain.on_success);
        if is_policy {
            rights.push(Action::ChangePolicy);
        }
        if self != next {
            rights.push(Action::ChangeContract);
        }
        rights
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "[project]\nname = \"x\"\nowner = \"user:ana\"\n[project.roles]\ndeveloper = [\"user:dev\"]\n\
        [data.d]\npath = \"d.csv\"\n[step.train]\nrun = \"true\"\nout = { model = \"m\" }\n\
        [gate.quality]\nrules = [\"auc >= 0.8\"]\n[package]\nmodel = \"train.model\"\n[approve]\nrule = \"validator\"\n\
        [deploy.production]\n";

    fn rights(change: impl FnOnce(String) -> String) -> Vec<Action> {
        let read = |text: &str| Contract::parse(text).unwrap();
        read(BASE).rights_to_become(&read(&change(BASE.to_owned())))
    }

    #[test]
    fn each_part_asks_for_its_right() {
        use Action::{ChangeContract, ChangePolicy, ChangeRoles};
        assert_eq!(rights(|text| format!("# a comment\n{text}\n")), []);
        assert_eq!(rights(|text| text.replace("\"true\"", "\"false\"")), [ChangeContract]);
        for (from, to) in [
            ("0.8", "0.5"),
            ("rule = \"validator\"", "rule = \"auto\""),
            ("[deploy.production]", "[deploy.production]\nauto = true"),
            ("name = \"x\"", "name = \"x\"\nrisk = \"high\""),
            ("path = \"d.csv\"", "path = \"d.csv\"\nrequire = [\"missing(a) <= 0.1\"]"),
            ("[gate.quality]\nrules = [\"auc >= 0.8\"]\n", ""),
            ("[deploy.production]", "[input.age]\nmin = 0\n[deploy.production]"),
            ("[deploy.production]", "[record]\nkeep = \"30d\"\n[deploy.production]"),
        ] {
            assert_eq!(rights(|text| text.replace(from, to)), [ChangePolicy, ChangeContract], "{to}");
        }
        for (from, to) in [
            ("owner = \"user:ana\"", "owner = \"user:eve\""),
            ("[project.roles]\ndeveloper = [\"user:dev\"]\n", ""),
            ("[\"user:dev\"]", "[\"user:dev\"]\nvalidator = [\"user:dev\"]"),
        ] {
            assert_eq!(rights(|text| text.replace(from, to)), [ChangeRoles, ChangeContract], "{to}");
        }
    }
}
