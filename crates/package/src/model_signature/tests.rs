use kilter_domain::signing_key::KeyPurpose;
use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn key() -> PrivateKey {
    PrivateKey::generate(KeyPurpose::Package).unwrap().key
}

fn files(names: &[&str]) -> FileHashes {
    names.iter().map(|name| ((*name).to_owned(), sha256(name.as_bytes()))).collect()
}

#[test]
fn what_was_signed_reads_back_with_the_key_and_with_no_other() {
    let (key, other) = (key(), key());
    let listed = files(&["a-b", "a/z", "MLmodel", "ü"]);
    let bundle = sign(&key, "churn", &listed).unwrap();
    let read = Bundle::parse(bundle.to_json().as_bytes()).unwrap();
    assert_eq!(signed_files(&read, key.public()).unwrap(), listed);
    assert!(matches!(signed_files(&read, other.public()), Err(SignatureError::OtherKey { .. })));
    let json: Value = serde_json::from_str(&bundle.to_json()).unwrap();
    assert_eq!(json["verificationMaterial"]["publicKey"]["hint"], key.public().id());
    assert_eq!(json["verificationMaterial"]["tlogEntries"], json!([]));
    assert_eq!(json["dsseEnvelope"]["signatures"][0]["keyid"], "");
}

/// What a statement with this list comes to.
fn read(resources: &Value, change: impl FnOnce(&mut Statement)) -> Result<FileHashes, String> {
    let hashes: Vec<[u8; 32]> =
        resources.as_array().unwrap().iter().filter_map(|one| of_hex(one["digest"].as_str()?)).collect();
    let subject =
        Subject { name: "m".to_owned(), digest: BTreeMap::from([("sha256".to_owned(), hex(&root_of(&hashes)))]) };
    let serialization = json!({ "method": "files", "hash_type": "sha256" });
    let mut statement =
        Statement::new(subject, PREDICATE, json!({ "resources": resources, "serialization": serialization }));
    change(&mut statement);
    let key = key();
    signed_files(&Bundle::sign(&statement, &key).unwrap(), key.public()).map_err(|error| error.to_string())
}

fn resource(name: &str) -> Value {
    json!({ "name": name, "algorithm": "sha256", "digest": hex(&sha256(name.as_bytes())) })
}

#[test]
fn a_signed_list_that_is_none_says_what_is_wrong() {
    assert_eq!(read(&json!([resource("b"), resource("a")]), |_| {}).unwrap().len(), 2, "any order is read");
    let wrong = |resources: Value, change: fn(&mut Statement)| read(&resources, change).unwrap_err();
    assert!(wrong(json!([resource("../etc/passwd")]), |_| {}).contains("`../etc/passwd`"));
    assert!(wrong(json!([resource("/a")]), |_| {}).contains("relative"));
    assert!(wrong(json!([resource("a"), resource("a")]), |_| {}).contains("`a` twice"));
    let blake3 = json!([{ "name": "a", "algorithm": "blake3", "digest": "0".repeat(64) }]);
    assert!(wrong(blake3, |_| {}).contains("no SHA-256"));
    assert!(wrong(json!([resource("a")]), |s| s.subject.clear()).contains("subject"));
    assert!(wrong(json!([resource("a")]), |s| s.predicate_type += "9").contains("v1.09"));
    assert!(wrong(json!([resource("a")]), |s| s.kind += "9").contains("Statement/v19"));
    assert!(
        wrong(json!([resource("a")]), |s| s.predicate["serialization"]["method"] = json!("shards")).contains("shards")
    );
}

#[test]
fn one_changed_byte_of_the_bundle_is_found() {
    let key = key();
    let text = sign(&key, "churn", &files(&["a", "b"])).unwrap().to_json();
    let believed =
        |text: &str| Bundle::parse(text.as_bytes()).and_then(|bundle| signed_files(&bundle, key.public())).is_ok();
    assert!(believed(&text));
    for at in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        // Names of fields that may be absent, and the empty id of the key, carry nothing.
        let carries_nothing = ["tlogEntries", "keyid"]
            .iter()
            .any(|field| text.match_indices(field).any(|(from, found)| (from..from + found.len()).contains(&at)));
        assert!(!believed(&changed) || carries_nothing, "byte {at}: {changed}");
    }
}

proptest! {
    #[test]
    fn no_text_is_a_bundle_by_chance(text in "\\PC{0,300}") {
        prop_assert!(Bundle::parse(text.as_bytes()).is_err());
    }

    #[test]
    fn any_list_of_names_reads_back_or_says_why(names in proptest::collection::vec("[a-c./\\\\]{0,6}", 0..6)) {
        let resources: Vec<Value> = names.iter().map(|name| resource(name)).collect();
        match read(&json!(resources), |_| {}) {
            Ok(read) => {
                prop_assert_eq!(read.len(), names.len());
                prop_assert!(read.keys().all(|name| name.parse::<TreePath>().is_ok()));
            }
            Err(reason) => prop_assert!(!reason.is_empty()),
        }
    }
}
