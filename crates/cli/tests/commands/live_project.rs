//! A project that serves, with the time handed in: rows are asked, labelled and looked at on any hour.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use kilter_app::{
    App, AppOptions, Project,
    model::ApprovalMode,
    prediction::{self, Labels, Request},
    reconcile::{self, Step},
    training::{FileSource, TrainingOutcome},
};
use kilter_domain::{
    ids::EndpointName,
    table::{Column, Table},
    time::Timestamp,
};
use serde_json::Value;

use crate::{World, customers};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// A world whose first version is live.
pub struct Live {
    pub world: World,
    app: Option<App>,
    endpoint: EndpointName,
    /// The full hour in which it was deployed.
    start: Timestamp,
}

impl Live {
    /// Trains and deploys what the world holds as `churn`.
    pub fn new(world: World) -> Self {
        let ran = world.json(&["run"]);
        assert_eq!(ran["version"]["state"], "approved", "{ran:#}");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let start = Timestamp(i64::try_from(now).unwrap() / HOUR * HOUR);
        let mut live = Self { world, app: None, endpoint: "churn".parse().unwrap(), start };
        live.open();
        live
    }

    fn open(&mut self) {
        let options = AppOptions::new(env!("CARGO_BIN_EXE_kilter").into());
        self.app = Some(App::open(&self.world.path().join(".kilter"), options).unwrap());
    }

    fn app(&self) -> &App {
        self.app.as_ref().unwrap()
    }

    /// A moment, hours after the first full hour.
    pub fn hour(&self, hours: i64) -> Timestamp {
        Timestamp(self.start.millis() + hours * HOUR)
    }

    /// Asks for rows at five past an hour.
    pub fn ask(&self, hour: i64, ids: &[String], columns: Vec<(String, Column)>) {
        let at = Timestamp(self.hour(hour).millis() + 5 * MINUTE);
        self.request(vec![at; ids.len()], ids, columns);
    }

    /// Asks for rows of which `first` came before them, so that `count` are spread evenly over an hour.
    pub fn ask_over_an_hour(
        &self,
        hour: i64,
        (first, count): (usize, usize),
        ids: &[String],
        columns: Vec<(String, Column)>,
    ) {
        let event = |row: usize| Timestamp(self.hour(hour).millis() + row as i64 * HOUR / count as i64);
        self.request((first..first + ids.len()).map(event).collect(), ids, columns);
    }

    fn request(&self, events: Vec<Timestamp>, ids: &[String], columns: Vec<(String, Column)>) {
        let now = *events.last().unwrap();
        let ids = ids.iter().map(|id| Arc::from(id.as_str())).collect();
        let request = Request { table: Table::new(columns).unwrap(), ids, events, consumer: None };
        prediction::predict(self.app(), &self.endpoint, request, now).unwrap();
    }

    pub fn label(&self, hour: i64, ids: &[String], values: Column) {
        let at = Timestamp(self.hour(hour).millis() + 10 * MINUTE);
        let ids: Vec<Arc<str>> = ids.iter().map(|id| Arc::from(id.as_str())).collect();
        let known_at = vec![at; ids.len()];
        prediction::label(self.app(), &self.endpoint, Labels { ids, values, known_at }, at).unwrap();
    }

    /// One step of the loop at half past an hour.
    pub fn look(&self, hour: i64) -> Option<TrainingOutcome> {
        let now = Timestamp(self.hour(hour).millis() + 30 * MINUTE);
        let project = Project::open(self.world.path()).unwrap();
        let step = Step { now, data: &FileSource, approval_mode: ApprovalMode::Required, outputs_root: None };
        reconcile::reconcile(self.app(), &project, &step, &mut |_| ()).unwrap()
    }

    /// Trains a version on what the world holds, which goes live at an hour.
    pub fn retrain(&mut self, hour: i64) {
        let path = self.world.path().join("kilter.toml");
        let contract = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{contract}\n[retrain]\nwhen = [\"schedule every 1h\"]\n")).unwrap();
        let trained = self.look(hour).expect("it is time");
        assert!(trained.version.is_some(), "{trained:?}");
        std::fs::write(&path, contract).unwrap();
    }

    /// What a command answers between two looks.
    pub fn result(&mut self, arguments: &[&str]) -> Value {
        self.between(|world| world.json(arguments))
    }

    /// What a command says between two looks.
    pub fn output(&mut self, arguments: &[&str]) -> String {
        self.between(|world| world.kilter(arguments).out)
    }

    /// What is done between two looks, while no process has the data folder.
    pub fn between<T>(&mut self, ask: impl FnOnce(&World) -> T) -> T {
        self.app = None;
        let answer = ask(&self.world);
        self.open();
        answer
    }

    /// The newest reading of a metric.
    pub fn reading(&mut self, metric: &str) -> Value {
        let shown = self.result(&["monitor", "show", "churn"]);
        let mut rules = shown["rules"].as_array().unwrap().iter().chain(shown["others"].as_array().unwrap());
        rules.find(|rule| rule["metric"] == metric).cloned().unwrap_or_else(|| panic!("no {metric} in {shown:#}"))
    }

    /// Alerts that were ever opened, by what they are known by.
    pub fn alerts(&mut self) -> BTreeMap<String, Value> {
        let result = self.result(&["alert", "list", "--all"]);
        result["alerts"]
            .as_array()
            .unwrap()
            .iter()
            .cloned()
            .map(|alert| (alert["key"].as_str().unwrap().to_owned(), alert))
            .collect()
    }
}

/// The customers of `churn`, watched by the hour; what stands behind `[monitor]` of the contract is handed in.
pub fn watched(target: &str, more: &str) -> Live {
    let world = World::new();
    world.write("customers.csv", &customers());
    // Who left is not known yet when a region is predicted.
    let other = if target == "left" { "at" } else { "left" };
    world.write(
        "kilter.toml",
        &format!(
            "[project]\nname = \"churn\"\n\
             [data.customers]\npath = \"customers.csv\"\ntime = \"at\"\nid = [\"id\"]\nlabel = \"{target}\"\n\
             [step.train]\nrun = \"kilter train {{in.customers}} --target {target} --exclude id,at,{other} --param rounds=20 --out {{out.model}}\"\n\
             in = [\"customers\"]\nout = {{ model = \"work/model\" }}\n\
             [package]\nmodel = \"train.model\"\n[deploy.production]\nauto = true\n\
             [monitor]\nevery = \"1h\"\nmin_rows = 20\n{more}\n"
        ),
    );
    Live::new(world)
}

/// Rows of `age`, `visits` and `region` as [`crate::customers`] makes them, and whether each left.
pub fn asked(rows: usize) -> (Vec<String>, Vec<(String, Column)>, Vec<bool>) {
    let text = crate::customers();
    let cells: Vec<Vec<&str>> = text.lines().skip(1).take(rows).map(|line| line.split(',').collect()).collect();
    let number = |at: usize| Column::Int(cells.iter().map(|row| row[at].parse().ok()).collect());
    let region = Column::Text(cells.iter().map(|row| Some(Arc::from(row[4]))).collect());
    let columns = vec![("age".to_owned(), number(2)), ("visits".to_owned(), number(3)), ("region".to_owned(), region)];
    let ids = (0..rows).map(|row| format!("p{row}")).collect();
    (ids, columns, cells.iter().map(|row| row[5] == "1").collect())
}

pub fn texts(texts: impl IntoIterator<Item = impl AsRef<str>>) -> Column {
    Column::Text(texts.into_iter().map(|text| Some(Arc::from(text.as_ref()))).collect())
}
