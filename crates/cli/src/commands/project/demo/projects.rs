//! The projects of the demo, which the program holds, and how their past is moved to the present.
//!
//! Invariants: a project is that of `examples/` in the repository; what the demo states of its own (dates, who decides, an objective) is in
//! [`Stage::edits`] and [`Stage::objective`], in plain sight. Rows are moved in time and not changed otherwise.

use std::{fs, path::Path};

use kilter_api::{Code, Problem};
use kilter_domain::{
    actor::Actor,
    table::{Column, Table},
    time::{Span, Timestamp},
};
use kilter_lake::{ReadOptions, read_table, write_table};

use crate::ui::error::{CliError, disk};

/// A project as the program holds it.
pub(super) struct Project {
    pub(super) name: &'static str,
    pub(super) contract: &'static str,
    provenance: &'static str,
    /// The name of the file below `data`, and its bytes.
    data: (&'static str, &'static [u8]),
}

macro_rules! project {
    ($name:literal, $data:literal) => {
        Project {
            name: $name,
            contract: include_str!(concat!("../../../../../../examples/", $name, "/kilter.toml")),
            provenance: include_str!(concat!("../../../../../../examples/", $name, "/data/PROVENANCE.md")),
            data: ($data, include_bytes!(concat!("../../../../../../examples/", $name, "/data/", $data))),
        }
    };
}

pub(super) const CHURN: Project = project!("churn", "snapshots.parquet");

impl Project {
    /// Writes it into `folder`, with the text of its contract.
    pub(super) fn write(&self, folder: &Path, contract: &str) -> Result<(), CliError> {
        let (name, bytes) = self.data;
        let files: [(&str, &[u8]); 3] = [
            ("kilter.toml", contract.as_bytes()),
            ("data/PROVENANCE.md", self.provenance.as_bytes()),
            (&format!("data/{name}"), bytes),
        ];
        files.into_iter().try_for_each(|(name, bytes)| write(&folder.join(name), bytes))
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).map_err(|error| disk("make the folder", parent, &error))?;
    fs::write(path, bytes).map_err(|error| disk("write", path, &error))
}

/// By what a past is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shift {
    /// Days, for rows of any day.
    Days,
    /// Months, for a snapshot of each month: it stays on the first.
    Months,
}

/// A project on the stage of the demo: where its past ends, and what the demo states besides.
pub(super) struct Stage {
    pub(super) project: Project,
    /// What a person sees of it when its past ends.
    pub(super) shows: &'static str,
    /// The moment of its data that becomes the present.
    pub(super) until: &'static str,
    /// When serving begins, as its contract has it.
    start: &'static str,
    /// From when on a person is asked for approvals.
    pub(super) asks_people_from: Option<&'static str>,
    pub(super) shift: Shift,
    /// Texts of the contract, and what the demo has instead.
    edits: &'static [(&'static str, &'static str)],
    objective: Objective,
}

/// What the demo states as the objective of a project, and the query that measures it.
struct Objective {
    name: &'static str,
    kpi: &'static str,
    target: &'static str,
    query: &'static str,
}

/// In the edits below: whoever the demo asks for an approval, the person at this terminal.
const APPROVER: &str = "APPROVER";

/// The labelled rows of the last so many days, as objectives count them.
macro_rules! of_labelled_rows {
    ($value:literal, $days:literal) => {
        concat!(
            "select ",
            $value,
            " as value\nfrom predictions p join labels l on l.__id = p.__id\nwhere p.__role = 'champion' and p._time > (select max(_time) from \
             labels) - interval '",
            $days,
            " days'\n"
        )
    };
}

pub(super) const STAGES: [Stage; 5] = [
    Stage {
        project: project!("hotel", "bookings.parquet"),
        shows: "healthy",
        until: "2017-09-01",
        start: "2017-01-01",
        asks_people_from: None,
        shift: Shift::Days,
        edits: &[],
        objective: Objective {
            name: "fair-prices",
            kpi: "mean error of the estimated price, as a share of the price",
            target: "<= 0.25",
            query: of_labelled_rows!("avg(abs(l.__label - p.__score) / l.__label)", "90"),
        },
    },
    Stage {
        project: project!("machines", "readings.parquet"),
        shows: "a canary",
        until: "2024-08-29T12:00:00Z",
        start: "2024-05-15",
        asks_people_from: None,
        shift: Shift::Days,
        edits: &[],
        objective: Objective {
            name: "early-service",
            kpi: "AUC of the list of spindles to be serviced",
            target: ">= 0.90",
            query: of_labelled_rows!("auc(p.__score, cast(l.__label as double))", "30"),
        },
    },
    Stage {
        project: project!("cards", "payments.parquet"),
        shows: "a broken promise",
        until: "2024-06-24",
        start: "2024-03-17",
        asks_people_from: None,
        shift: Shift::Days,
        // People decide here whether to train again.
        edits: &[("when     = [\"monitor.performance failing\"]\n", "")],
        objective: Objective {
            name: "stop-fraud",
            kpi: "average precision of the list of suspicious payments",
            target: ">= 0.3",
            query: of_labelled_rows!("average_precision(p.__score, cast(l.__label as double))", "60"),
        },
    },
    Stage {
        project: CHURN,
        shows: "a version that a gate refused",
        until: "1997-09-02",
        start: "1997-05-01",
        asks_people_from: None,
        shift: Shift::Months,
        // Two months of the year have 59 days: by days, a retraining would miss its snapshot in spring.
        edits: &[
            ("target = \">= 0.66\"\n", "target = \">= 0.66\"\nsource = \"sql/objective.sql\"\n"),
            ("schedule every 60d", "schedule every 2mo"),
        ],
        objective: Objective {
            name: "find-leavers",
            kpi: "AUC of the monthly list",
            target: ">= 0.66",
            query: of_labelled_rows!("auc(p.__score, cast(l.__label as double))", "120"),
        },
    },
    Stage {
        project: project!("loans", "applications.parquet"),
        shows: "a version that waits for your approval",
        until: "2021-01-02",
        start: "2020-07-01",
        asks_people_from: Some("2020-12-31"),
        shift: Shift::Days,
        // What is of high risk needs a commit of Git, a card and an independent review; the demo has none of them. Whoever has not said
        // who they are may look.
        edits: &[
            ("risk    = \"high\"", "risk    = \"low\""),
            ("validator = [\"user:model-risk\"]", "validator = [\"APPROVER\"]\nauditor   = [\"svc:api\"]"),
            ("rule = \"1 of validator and owner\"", "rule   = \"1 of validator\""),
            ("[deploy.production]\n", "[deploy.production]\nauto   = true\n"),
        ],
        objective: Objective {
            name: "know-the-risk",
            kpi: "AUC of the risk, of loans that are a year old",
            target: ">= 0.70",
            query: of_labelled_rows!("auc(p.__score, cast(l.__label as double))", "180"),
        },
    },
];

impl Stage {
    /// The moment at which its past ends, in its data.
    fn until(&self) -> Timestamp {
        moment(self.until)
    }

    /// By how much its past is moved, so that it ends at `now`, or shortly before.
    pub(super) fn shift_to(&self, now: Timestamp) -> Span {
        let until = self.until();
        let days = Span::days(now.millis().saturating_sub(until.millis()) / Span::days(1).millis());
        match self.shift {
            Shift::Days => days,
            Shift::Months => {
                let (from, to) = (until.civil(), now.civil());
                let months = (i64::from(to.year()) - i64::from(from.year())) * 12 + i64::from(to.month())
                    - i64::from(from.month());
                let fits = until.after(Span::months(months)) <= now;
                Span::months(if fits { months } else { months - 1 })
            }
        }
    }

    /// Writes the project into `folder` with its past moved by `shift`.
    pub(super) fn write(&self, folder: &Path, shift: Span, approver: &Actor) -> Result<(), CliError> {
        self.project.write(folder, &self.contract(shift, approver)?)?;
        write(&folder.join("sql/objective.sql"), self.objective.query.as_bytes())?;
        let path = folder.join("data").join(self.project.data.0);
        let failed = |error: kilter_lake::LakeError| CliError::from(Problem::of(Code::FileInvalid, &error));
        let table = read_table(&path, &ReadOptions::default()).map_err(failed)?;
        write_table(&path, &moved(table, shift)?).map_err(failed)
    }

    /// The text of its contract, on the stage of the demo.
    fn contract(&self, shift: Span, approver: &Actor) -> Result<String, CliError> {
        let start = moment(self.start).after(shift);
        let own = [(format!("start  = \"{}\"", self.start), format!("start  = \"{start}\""))];
        let edits =
            self.edits.iter().map(|(old, new)| ((*old).to_owned(), new.replace(APPROVER, &approver.to_string())));
        let mut text = self.project.contract.to_owned();
        for (old, new) in edits.chain(own) {
            if !text.contains(&old) {
                let detail = format!("the contract of `{}` has no `{old}`", self.project.name);
                return Err(Problem::new(Code::Internal, detail).into());
            }
            text = text.replacen(&old, &new, 1);
        }
        let Objective { name, kpi, target, .. } = self.objective;
        if !text.contains(&format!("[objective.{name}]")) {
            text += &format!(
                "\n[objective.{name}]\nkpi    = \"{kpi}\"\ntarget = \"{target}\"\nsource = \"sql/objective.sql\"\n"
            );
        }
        Ok(text)
    }
}

/// A moment that this file names.
pub(super) fn moment(text: &str) -> Timestamp {
    text.parse().expect("the moments of the demo are written here")
}

/// A table whose times are all later by `shift`.
fn moved(table: Table, shift: Span) -> Result<Table, CliError> {
    let later = |column: &Column| match column {
        Column::Time(times) => {
            Column::Time(times.iter().map(|time| time.map(|time| Timestamp(time).after(shift).millis())).collect())
        }
        other => other.clone(),
    };
    let columns = table.columns().map(|(name, column)| (name.to_owned(), later(column))).collect();
    Table::new(columns).map_err(|error| Problem::of(Code::Internal, &error).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_past_ends_now_or_shortly_before() {
        for now in ["2026-12-01T07:00:00Z", "2027-03-31T23:59:00Z", "2028-02-29T00:00:00Z"].map(moment) {
            for stage in &STAGES {
                let end = stage.until().after(stage.shift_to(now));
                let away = now.millis() - end.millis();
                let longest = if stage.shift == Shift::Months { Span::days(31) } else { Span::days(1) };
                assert!((0..=longest.millis()).contains(&away), "{}: {end} at {now}", stage.project.name);
            }
        }
    }

    #[test]
    fn every_contract_on_the_stage_is_valid_and_has_the_objective_once() {
        for stage in &STAGES {
            let text = stage.contract(stage.shift_to(moment("2026-12-01")), &Actor::user("vera").unwrap()).unwrap();
            let contract = kilter_domain::contract::Contract::parse(&text).unwrap();
            assert_eq!(contract.objectives.len(), 1, "{}", stage.project.name);
            assert_eq!(text.matches("sql/objective.sql").count(), 1, "{text}");
            assert!(!text.contains(APPROVER), "{text}");
        }
    }
}
