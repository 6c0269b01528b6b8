//! Random versions that share files: no package that is kept ever loses one, whatever is collected.

use std::{collections::BTreeSet, fs};

use kilter_blobs::{BlobStore, Content};
use kilter_domain::{
    model::VersionState,
    time::{DAY_MS, Timestamp},
};
use kilter_store::{
    deployment::{self as deployments, NewDeployment},
    model as versions,
};
use proptest::prelude::*;
use serde_json::json;

use super::{GarbageOptions, collect::collect};
use crate::{model::golden_replay::tests::TestFolder, registration};

/// One version: its state, whether it was ever asked for at an endpoint, and its files.
#[derive(Clone, Debug)]
struct TestVersion {
    state: VersionState,
    is_deployed: bool,
    files: BTreeSet<u8>,
}

fn version() -> impl Strategy<Value = TestVersion> {
    let state = prop::sample::select(VersionState::ALL.to_vec());
    (state, any::<bool>(), prop::collection::btree_set(0..20u8, 1..6))
        .prop_map(|(state, is_deployed, files)| TestVersion { state, is_deployed, files })
}

/// Stores the files as a package and registers it.
fn register(house: &TestFolder, scratch: &std::path::Path, number: usize, version: &TestVersion) -> Content {
    let folder = scratch.join(number.to_string());
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("number"), number.to_string()).unwrap();
    version.files.iter().for_each(|file| fs::write(folder.join(format!("{file}.bin")), [*file; 9]).unwrap());
    let content = house.app.blobs().put_tree(&folder).unwrap();
    let (model, digest, state, is_deployed) =
        (house.project.model(), content.digest, version.state, version.is_deployed);
    let entries = [(); 3].map(|()| house.context.audit_event("test", "", vec![]));
    let written = house.app.store().write(move |tx| {
        let [create, advance, request] = entries;
        let new = versions::NewVersion {
            model: model.clone(),
            run: None,
            digest,
            makers: vec![],
            signature: json!({}),
            policy: String::new(),
            metrics: json!({}),
        };
        let number = versions::create(&tx.audited(create), &new)?.number;
        if state != VersionState::Draft {
            versions::advance(&tx.audited(advance), &model, number, VersionState::Draft, state)?;
        }
        if is_deployed {
            let (id, endpoint) = (format!("d-{number}"), "churn".parse().expect("a name"));
            deployments::request(
                &tx.audited(request),
                &NewDeployment { id, endpoint, model, number, reason: json!({}) },
            )?;
        }
        Ok(())
    });
    written.unwrap();
    content
}

fn objects(store: &BlobStore) -> usize {
    let mut count = 0;
    store.for_each_object(&mut |_| count += 1).unwrap();
    count
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn no_package_that_is_kept_ever_loses_a_file(all in prop::collection::vec(version(), 1..9)) {
        let (folder, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let house = TestFolder::open(folder.path());
        registration::register_to_run(&house.app, &house.context, &house.project).unwrap();
        let contents: Vec<Content> =
            all.iter().enumerate().map(|(number, version)| register(&house, scratch.path(), number, version)).collect();
        let is_kept = |version: &TestVersion| {
            version.is_deployed
                || !matches!(version.state, VersionState::Rejected | VersionState::Retired | VersionState::Revoked)
        };
        // Long after the test, so that everything is old enough to go.
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
        let later = Timestamp(i64::try_from(now).unwrap() + 200 * DAY_MS);
        let options = GarbageOptions { deletes: true, ..GarbageOptions::new(later) };
        let collection = collect(&house.app, &house.context, &options, &|| true).unwrap();
        prop_assert!(collection.skipped.is_empty(), "{collection:?}");
        let mut needed = BTreeSet::new();
        for (version, content) in all.iter().zip(&contents) {
            prop_assert_eq!(house.app.blobs().has_content(content), is_kept(version), "{:?}", version);
            if is_kept(version) {
                needed.insert(content.digest);
                needed.extend(house.app.blobs().tree(&content.digest).unwrap().entries().iter().map(|entry| entry.digest));
            }
        }
        prop_assert_eq!(objects(house.app.blobs()), needed.len(), "what nothing needs is gone");
    }
}
