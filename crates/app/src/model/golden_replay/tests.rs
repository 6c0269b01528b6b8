use kilter_domain::{
    contract::Contract,
    deployment::DeploymentState,
    model::VersionState,
    table::{Column, Table},
    time::Timestamp,
};
use kilter_evaluation::reference::Reference;
use kilter_package::{Manifest, Parts};
use kilter_store::{deployment as deployments, model as versions};
use kilter_train::{TrainOptions, train_model};
use serde_json::json;

use super::*;
use crate::{
    app::AppOptions,
    authz::AuthorizedContext,
    deployment::{DeployError, Target, deploy, routes},
    prediction::{live, predict},
    project::folder::Project,
    registration,
};

const CONTRACT: &str = r#"
[project]
name = "churn"

[data.customers]
path = "customers.csv"
label = "left"

[deploy.production]
"#;

/// Customers with a gap, a class of texts and an infinity.
pub(crate) fn customers() -> Table {
    let rows = 300usize;
    let age = |row: usize| match row % 50 {
        7 => f64::NAN,
        11 => f64::INFINITY,
        _ => 20.0 + (row * 7 % 61) as f64 / 3.0,
    };
    let region = |row: usize| (!row.is_multiple_of(9)).then(|| ["north", "south", "west"][row % 3].into());
    let left = |row: usize| Some(if row * 7 % 61 > 30 { "yes" } else { "no" }.into());
    Table::new(vec![
        ("age".into(), Column::Float((0..rows).map(age).collect())),
        ("visits".into(), Column::Int((0..rows).map(|row| Some((row * 13 % 20) as i64)).collect())),
        ("region".into(), Column::Text((0..rows).map(region).collect())),
        ("left".into(), Column::Text((0..rows).map(left).collect())),
    ])
    .unwrap()
}

pub(crate) fn finite(table: &Table) -> Table {
    let rows: Vec<usize> =
        (0..table.rows()).filter(|row| !table.get("age").unwrap().number(*row).is_infinite()).collect();
    table.take(&rows)
}

pub(crate) fn trained() -> (Vec<u8>, Model) {
    let onnx = train_model(&finite(&customers()), &TrainOptions::new("left")).unwrap().onnx;
    let model = Model::from_onnx(&onnx).unwrap();
    (onnx, model)
}

/// The same requests with another label as the recorded answer to one row.
pub(crate) fn with_label(golden: &GoldenRequests, row: usize, label: &str) -> GoldenRequests {
    let table = golden.to_table().unwrap();
    let answers = table.column("__label").unwrap();
    let mut labels: Vec<_> = (0..table.rows()).map(|row| answers.label(row)).collect();
    labels[row] = Some(label.into());
    let mut changed = table.select(|name| name != "__label");
    changed.push("__label", Column::Text(labels)).unwrap();
    GoldenRequests::from_table(&changed).unwrap()
}

/// The reference of the customers and of what the model answers on them.
fn reference(onnx: &[u8]) -> Reference {
    let (model, mut rows) = (Model::from_onnx(onnx).unwrap(), finite(&customers()));
    // A model that was trained with the visits under another name.
    for input in model.signature().inputs.iter().filter(|input| !["age", "visits", "region"].contains(&&*input.name)) {
        rows.push(input.name.clone(), rows.get("visits").unwrap().clone()).unwrap();
    }
    let scores = model.predict(&rows).unwrap().scores().to_vec();
    Reference::of(&rows, |name| model.signature().input(name).is_some()).with_score(&scores)
}

/// An app with a registered project and its models.
pub(crate) struct TestFolder {
    pub app: App,
    pub project: Project,
    pub context: AuthorizedContext,
}

impl TestFolder {
    pub fn open(folder: &std::path::Path) -> Self {
        let options = AppOptions { column_stats: true, ..AppOptions::new("kilter".into()) };
        let app = App::open(folder, options).unwrap();
        let project = Project::of(folder, CONTRACT.to_owned()).unwrap();
        let context = AuthorizedContext::system("test", Timestamp(1_700_000_000_000));
        Self { app, project, context }
    }

    /// An approved version of these bytes with these golden requests.
    pub fn version(&self, onnx: &[u8], golden: Option<&GoldenRequests>) -> u32 {
        self.version_in(VersionState::Approved, onnx, golden)
    }

    /// The same in another state.
    pub fn version_in(&self, state: VersionState, onnx: &[u8], golden: Option<&GoldenRequests>) -> u32 {
        self.version_of(state, (onnx, golden), Contract::parse(CONTRACT).unwrap().policy_text())
    }

    /// The same with another policy that is frozen into it.
    pub fn version_of(
        &self,
        state: VersionState,
        (onnx, golden): (&[u8], Option<&GoldenRequests>),
        policy: String,
    ) -> u32 {
        let manifest = Manifest {
            schema: 2,
            project: self.project.name.clone(),
            model: self.project.model(),
            run: "r".into(),
            format: Default::default(),
            signature: Model::from_onnx(onnx).unwrap().signature().clone(),
            recorded: vec![],
            input_rules: vec![],
            datasets: Default::default(),
            trained_through: None,
            trained_rows: 300,
            threshold: 0.5,
            tuned_from: None,
            made: None,
            files: vec![],
        };
        let scratch = tempfile::tempdir().unwrap();
        let (reference, model_bytes) = (reference(onnx), onnx.to_vec());
        let parts = Parts {
            manifest,
            reference,
            sample: None,
            golden,
            model_bytes,
            contract: CONTRACT,
            files: Default::default(),
        };
        let package = Package::put(self.app.blobs(), scratch.path(), parts).unwrap();
        let model = self.project.model();
        crate::model::signature::sign_package(&self.app, &self.context, &model, &package).unwrap();
        let new = versions::NewVersion {
            model: model.clone(),
            run: None,
            digest: package.digest,
            makers: vec![],
            signature: json!({}),
            policy,
            metrics: json!({}),
        };
        let entry = || self.context.audit_event("test", "", vec![]);
        let (made, moved) = (entry(), entry());
        let write = self.app.store().write(move |tx| {
            let number = versions::create(&tx.audited(made), &new)?.number;
            versions::advance(&tx.audited(moved), &model, number, VersionState::Draft, state)
        });
        write.unwrap().number
    }

    pub fn deploy(&self, number: u32) -> Result<(), DeployError> {
        let target = Target::main(&self.project).unwrap();
        deploy::deploy_version(&self.app, &self.context, &target, number, "test").map(|_| ())
    }

    fn answers(&self) -> Option<u64> {
        let serving = predict::serving(&self.app, &"churn".parse().unwrap())?;
        serving.endpoint().routes().champion().map(|champion| champion.version().number)
    }

    /// As if the version had gone live where it still answered as it was packed.
    fn force_live(&self, number: u32) {
        let endpoint: kilter_domain::ids::EndpointName = "churn".parse().unwrap();
        let before = self.app.store().read(|reader| deployments::live(reader, &endpoint)).unwrap().unwrap();
        let model = self.project.model();
        let new = deployments::NewDeployment { id: "forced".into(), endpoint, model, number, reason: json!({}) };
        let entries = [(); 3].map(|()| self.context.audit_event("test", "", vec![]));
        let moved = self.app.store().write(move |tx| {
            let [first, second, third] = entries;
            deployments::advance(&tx.audited(first), &before.id, before.state, DeploymentState::Superseded)?;
            deployments::request(&tx.audited(second), &new)?;
            deployments::advance(&tx.audited(third), "forced", DeploymentState::Requested, DeploymentState::Live)
        });
        moved.unwrap();
    }
}

#[test]
fn a_version_with_a_tampered_answer_is_refused_and_what_served_serves_on() {
    let folder = tempfile::tempdir().unwrap();
    let (onnx, model) = trained();
    let house = TestFolder::open(folder.path());
    registration::register_to_run(&house.app, &house.context, &house.project).unwrap();
    let golden = GoldenRequests::record(&model, 0.5, &customers(), 20).unwrap().unwrap();
    let tampered = with_label(&golden, 3, "perhaps");

    let (old, good, bad) =
        (house.version(&onnx, None), house.version(&onnx, Some(&golden)), house.version(&onnx, Some(&tampered)));
    house.deploy(old).unwrap();
    house.deploy(good).unwrap();
    let champion = predict::serving(&house.app, &"churn".parse().unwrap()).unwrap().endpoint().routes();
    assert_eq!(champion.champion().unwrap().counts().rows, 0, "golden requests are in no count of what it served");
    let refused = house.deploy(bad).unwrap_err().to_string();
    for part in ["version 3", "1 of its 20", "row 3", "label `perhaps` was expected"] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    assert_eq!(house.answers(), Some(u64::from(good)));
    let live = house.app.store().read(|reader| deployments::live(reader, &"churn".parse().unwrap())).unwrap();
    assert_eq!(live.unwrap().number, good, "no state moved");

    house.force_live(bad);
    let refused = routes::sync_endpoint(&house.app, &"churn".parse().unwrap()).unwrap_err();
    assert!(matches!(refused, DeployError::Version(VersionError::GoldenDiffers { version: 3, .. })), "{refused}");
    assert_eq!(house.answers(), Some(u64::from(good)), "the process goes on with what it served");
    drop(house);
    let house = TestFolder::open(folder.path());
    assert_eq!(house.answers(), None, "after a restart nothing answers, and the app opens");
    let reason = live::refused_at(&house.app, &"churn".parse().unwrap()).unwrap();
    assert!(reason.contains("1 of its 20 golden requests otherwise"), "{reason}");
    house.deploy(house.version(&onnx, Some(&golden))).unwrap();
    assert_eq!((house.answers(), live::refused_at(&house.app, &"churn".parse().unwrap())), (Some(4), None));
}
