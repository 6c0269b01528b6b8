//! Packages to a real registry (Debian's docker-registry) and back, read by another tool (skopeo), also through a proxy that cuts,
//! delays and forges.

mod proxy;
mod server;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::Ordering,
};

use kilter_package::oci::{ArtifactFacts, Attachment, Login, OciAddress, OciError, RegistryOptions, pull, push};

use proxy::{Fault, proxy};
use server::{Registry, free_port};

/// A folder as a package is: a model of several pieces, code with an empty file and one that may be executed, a signature.
fn package(folder: &Path) -> PathBuf {
    let root = folder.join("churn-7");
    // More than two pieces, and no bytes that repeat.
    let model: Vec<u8> = (0..5_000_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    for (path, bytes) in [
        ("model/model.onnx", &model[..]),
        ("MLmodel", b"flavors: {}\n"),
        ("code/churn/__init__.py", b""),
        ("code/churn/train.py", b"print(1)\n"),
        ("code/run.sh", b"#!/bin/sh\n"),
        ("data/pins.json", b"{}"),
        ("docs/MODEL_CARD.md", "# Ünïcode\n".as_bytes()),
        ("package.json", b"{\"schema\": 3}"),
        ("model.sig", b"{\"mediaType\": \"application/vnd.dev.sigstore.bundle.v0.3+json\"}"),
    ] {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    fs::set_permissions(root.join("code/run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    root
}

fn facts() -> ArtifactFacts {
    ArtifactFacts { name: "churn".to_owned(), version: "7".to_owned(), ..ArtifactFacts::default() }
}

/// Path → mode and bytes of every file.
fn content(root: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                let mode = path.metadata().unwrap().permissions().mode() & 0o111;
                found.insert(name, (mode, fs::read(&path).unwrap()));
            }
        }
    }
    found
}

fn open() -> RegistryOptions {
    RegistryOptions::default()
}

#[test]
fn a_package_comes_back_byte_for_byte_with_its_signature_and_approvals() {
    let Some(registry) = Registry::start(false) else { return };
    let folder = tempfile::tempdir().unwrap();
    let root = package(folder.path());
    let address = registry.address("models/churn:7");
    let approval = Attachment {
        name: "approval-1.intoto.json".to_owned(),
        media_type: "application/vnd.in-toto+json".to_owned(),
        bytes: b"{\"payload\": \"approved\"}".to_vec(),
    };
    let with_approval = ArtifactFacts { attachments: vec![approval.clone()], ..facts() };
    let pushed = push(&root, &with_approval, &address, &open()).unwrap();
    assert_eq!((pushed.files, pushed.attachments), (8, 2));
    assert_eq!(pushed.sent_bytes, pushed.bytes);
    assert!(pushed.address.is_digest());

    let out = folder.path().join("pulled");
    let pulled = pull(&address, &out, &open()).unwrap();
    assert_eq!((pulled.files, pulled.is_signed, &pulled.address), (8, true, &pushed.address));
    assert_eq!(pulled.attachments, [approval]);
    assert_eq!(content(&out), content(&root));
    // By its digest too, which names the same bytes for ever.
    pull(&pushed.address, &folder.path().join("by-digest"), &open()).unwrap();

    // Nothing is sent twice; another key changes no artifact, and the newest signature comes.
    fs::write(root.join("model.sig"), b"{\"mediaType\": \"rotated\"}").unwrap();
    let later = ArtifactFacts { at: Some(kilter_domain::time::Timestamp(1_800_000_000_000)), ..facts() };
    let again = push(&root, &later, &address, &open()).unwrap();
    assert_eq!((again.sent_bytes, &again.address), (0, &pushed.address));
    let out = folder.path().join("rotated");
    assert_eq!(pull(&address, &out, &open()).unwrap().attachments.len(), 1);
    assert_eq!(fs::read(out.join("model.sig")).unwrap(), b"{\"mediaType\": \"rotated\"}");
    // A folder that is there is left alone.
    let error = pull(&address, &out, &open()).unwrap_err();
    assert!(matches!(error, OciError::Exists { .. }), "{error}");
}

/// No package of a registry that lists referrers can be installed: the proxy answers as the standard says, before the real one.
#[test]
fn a_registry_that_lists_what_refers_to_a_package_is_asked_for_it_and_gets_no_tag() {
    let Some(registry) = Registry::start(false) else { return };
    let folder = tempfile::tempdir().unwrap();
    let root = package(folder.path());
    let (port, _) = proxy(&registry, Fault::Referrers, 0);
    let with_api: OciAddress = format!("oci://127.0.0.1:{port}/models/churn:7").parse().unwrap();
    let approval = Attachment {
        name: "approval-1.intoto.json".to_owned(),
        media_type: "application/vnd.in-toto+json".to_owned(),
        bytes: b"{\"payload\": \"approved\"}".to_vec(),
    };
    let with_approval = ArtifactFacts { attachments: vec![approval.clone()], ..facts() };
    let pushed = push(&root, &with_approval, &with_api, &open()).unwrap();
    let pulled = pull(&with_api, &folder.path().join("with-api"), &open()).unwrap();
    assert_eq!((pulled.is_signed, &pulled.attachments), (true, &vec![approval]));
    // Whoever asks the registry behind it, which lists nothing, finds no tag with a list either.
    let without = registry.address("models/churn:7");
    let pulled = pull(&without, &folder.path().join("without"), &open()).unwrap();
    assert_eq!((pulled.is_signed, pulled.attachments.len()), (false, 0));
    // Sent again there, the list is under the tag, and nothing else is new.
    let again = push(&root, &with_approval, &without, &open()).unwrap();
    assert_eq!((again.sent_bytes, &again.address.reference), (0, &pushed.address.reference));
    let pulled = pull(&without, &folder.path().join("tagged"), &open()).unwrap();
    assert_eq!((pulled.is_signed, pulled.attachments.len()), (true, 1));
}

#[test]
fn documents_that_are_too_much_are_left_out_and_the_package_comes() {
    let Some(registry) = Registry::start(false) else { return };
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("small");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("package.json"), b"{\"schema\": 3}").unwrap();
    fs::write(root.join("model.sig"), b"{}").unwrap();
    let junk = |number: u8| Attachment {
        name: format!("junk-{number}.bin"),
        media_type: "application/octet-stream".to_owned(),
        bytes: vec![number; 30 << 20],
    };
    let address = registry.address("models/small:1");
    let loaded = ArtifactFacts { attachments: (1..=3).map(junk).collect(), ..facts() };
    assert_eq!(push(&root, &loaded, &address, &open()).unwrap().attachments, 4);
    let pulled = pull(&address, &folder.path().join("out"), &open()).unwrap();
    assert_eq!((pulled.is_signed, pulled.attachments.len(), pulled.attachments_left_out), (true, 2, 1));
}

#[test]
fn a_package_that_no_manifest_can_name_is_refused_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("wide");
    fs::create_dir(&root).unwrap();
    for number in 0..12_000 {
        fs::write(root.join(format!("{number:05}{}", "x".repeat(200))), "").unwrap();
    }
    // Nobody listens there: it is not even asked.
    let address: OciAddress = format!("oci://127.0.0.1:{}/models/wide:1", free_port()).parse().unwrap();
    let error = push(&root, &facts(), &address, &open()).unwrap_err().to_string();
    assert!(error.contains("it has 12000 files, more than a manifest of a registry can name"), "{error}");
    let elsewhere = address.with_reference(&format!("sha256:{}", "0".repeat(64)));
    fs::remove_dir_all(&root).unwrap();
    let root = package(folder.path());
    let error = push(&root, &facts(), &elsewhere, &open()).unwrap_err();
    assert!(matches!(error, OciError::Digest { .. }), "{error}");
}

#[test]
fn another_tool_reads_what_was_sent() {
    let Some(registry) = Registry::start(false) else { return };
    if Command::new("skopeo").arg("--version").output().is_err() {
        println!("skipped: there is no skopeo (Debian: skopeo; ./test installs it)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let root = package(folder.path());
    let pushed = push(&root, &facts(), &registry.address("models/churn:7"), &open()).unwrap();
    let skopeo = |arguments: &[&str]| {
        let output = Command::new("skopeo").args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let image = format!("docker://127.0.0.1:{}/models/churn", registry.port);
    let raw = skopeo(&["inspect", "--tls-verify=false", "--raw", &format!("{image}:7")]);
    let manifest: serde_json::Value = serde_json::from_slice(&raw).unwrap();
    assert_eq!(manifest["artifactType"], "application/vnd.cncf.model.manifest.v1+json");
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.cncf.model.config.v1+json");
    // The whole artifact as skopeo copies it: each layer is the file.
    let copy = folder.path().join("copy");
    skopeo(&["copy", "--src-tls-verify=false", &format!("{image}:7"), &format!("dir:{}", copy.display())]);
    for layer in manifest["layers"].as_array().unwrap() {
        let path = layer["annotations"]["org.cncf.model.filepath"].as_str().unwrap();
        let digest = layer["digest"].as_str().unwrap().trim_start_matches("sha256:");
        assert_eq!(fs::read(copy.join(digest)).unwrap(), fs::read(root.join(path)).unwrap(), "{path}");
    }
    // The signature is found by the list of what refers to the package, which this registry has only under a tag.
    let tag = pushed.address.reference.replace(':', "-");
    let index: serde_json::Value =
        serde_json::from_slice(&skopeo(&["inspect", "--tls-verify=false", "--raw", &format!("{image}:{tag}")]))
            .unwrap();
    assert_eq!(index["manifests"][0]["artifactType"], "application/vnd.dev.sigstore.bundle.v0.3+json");
    let of_signature = format!("{image}@{}", index["manifests"][0]["digest"].as_str().unwrap());
    let signature: serde_json::Value =
        serde_json::from_slice(&skopeo(&["inspect", "--tls-verify=false", "--raw", &of_signature])).unwrap();
    assert_eq!(signature["subject"]["digest"].as_str(), Some(pushed.address.reference.as_str()));
}

#[test]
fn a_transfer_that_is_cut_goes_on_where_it_was() {
    let Some(registry) = Registry::start(false) else { return };
    let folder = tempfile::tempdir().unwrap();
    let root = package(folder.path());
    for (name, fault, times) in [
        ("cut-pieces", Fault::CutPieces { after: 1_000_000 }, 2),
        ("away", Fault::Unavailable, 3),
        ("cut-answers", Fault::CutAnswers { after: 3_000_000 }, 3),
    ] {
        let (port, suffered) = proxy(&registry, fault, times);
        let address: OciAddress = format!("oci://127.0.0.1:{port}/{name}/churn:7").parse().unwrap();
        push(&root, &facts(), &address, &open()).unwrap();
        let out = folder.path().join(name);
        pull(&address, &out, &open()).unwrap();
        assert_eq!(content(&out), content(&root), "{name}");
        assert_eq!(suffered.load(Ordering::SeqCst), times, "{name}");
    }
}

#[test]
fn a_registry_that_breaks_off_for_good_loses_nothing_and_the_next_pull_takes_what_came() {
    let Some(registry) = Registry::start(false) else { return };
    let folder = tempfile::tempdir().unwrap();
    let root = package(folder.path());
    push(&root, &facts(), &registry.address("models/churn:7"), &open()).unwrap();
    let (port, _) = proxy(&registry, Fault::CutAnswers { after: 1_000_000 }, 1_000);
    let address: OciAddress = format!("oci://127.0.0.1:{port}/models/churn:7").parse().unwrap();
    let out = folder.path().join("out");
    let error = pull(&address, &out, &open()).unwrap_err();
    assert!(error.to_string().contains("could not send a layer to its end"), "{error}");
    assert!(error.to_string().contains("what was transferred is used by the next try"), "{error}");
    assert!(!out.exists());
    let partial = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let partial: Vec<PathBuf> = partial.filter(|path| path.extension().is_some_and(|end| end == "partial")).collect();
    let have = fs::metadata(partial[0].join("model/model.onnx")).unwrap().len();
    assert!(have >= 5_000_000, "{have}");
    // A byte of what came is damaged meanwhile: it is seen, and fetched anew.
    pull(&registry.address("models/churn:7"), &out, &open()).unwrap();
    assert_eq!(content(&out), content(&root));
    assert!(!partial[0].exists());
}

#[test]
fn bytes_that_are_not_what_they_should_be_are_refused() {
    let Some(registry) = Registry::start(false) else { return };
    let folder = tempfile::tempdir().unwrap();
    let root = package(folder.path());
    let pushed = push(&root, &facts(), &registry.address("models/churn:7"), &open()).unwrap();
    let (port, _) = proxy(&registry, Fault::Forge, 1_000);
    let address: OciAddress = format!("oci://127.0.0.1:{port}/models/churn:7").parse().unwrap();
    let out = folder.path().join("out");
    let error = pull(&address, &out, &open()).unwrap_err();
    assert!(matches!(&error, OciError::Digest { .. }), "{error}");
    assert!(!out.exists());
    // A manifest that was changed on the disk of the registry does not have the digest that it is asked for by.
    let manifest = registry.blob(&pushed.address.reference);
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("MLmodel", "MLmodeL")).unwrap();
    let error = pull(&pushed.address, &out, &open()).unwrap_err();
    assert!(
        matches!(&error, OciError::Digest { .. } | OciError::Unavailable { .. } | OciError::NotFound { .. }),
        "{error}"
    );
    assert!(!out.exists());
}

#[test]
fn an_artifact_that_would_leave_its_folder_is_no_package() {
    let Some(registry) = Registry::start(false) else { return };
    let folder = tempfile::tempdir().unwrap();
    let root = package(folder.path());
    let address = registry.address("models/churn:7");
    let pushed = push(&root, &facts(), &address, &open()).unwrap();
    let stored = fs::read_to_string(registry.blob(&pushed.address.reference)).unwrap();
    let curl = |tag: &str, body: &str, kind: &str| {
        let path = folder.path().join("body.json");
        fs::write(&path, body).unwrap();
        let url = format!("http://127.0.0.1:{}/v2/models/churn/manifests/{tag}", registry.port);
        let body = format!("@{}", path.display());
        let kind = format!("content-type: {kind}");
        let output = Command::new("curl")
            .args(["-sf", "-X", "PUT", &url, "-H", &kind, "--data-binary", &body])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let manifest_type = "application/vnd.oci.image.manifest.v1+json";
    for (tag, from, to, expected) in [
        ("up", "\"MLmodel\"", "\"../MLmodel\"", "leaves the package"),
        ("root", "\"MLmodel\"", "\"/etc/passwd\"", "leaves the package"),
        ("twice", "\"MLmodel\"", "\"PACKAGE.json\"", "stands in it twice"),
        ("below", "\"code/run.sh\"", "\"mlmodel/run.sh\"", "lies below a file"),
        ("sig", "\"MLmodel\"", "\"model.sig\"", "stands in it twice"),
        ("packed", "weight.v1.raw", "weight.v1.tar+gzip", "only files as they are can be read"),
        ("other", "vnd.cncf.model.manifest.v1+json", "vnd.example.v1+json", "its type is"),
    ] {
        assert!(stored.contains(from), "{from}");
        curl(tag, &stored.replacen(from, to, 1), manifest_type);
        let out = folder.path().join("out");
        let error = pull(&address.with_reference(tag), &out, &open()).unwrap_err();
        assert!(
            matches!(&error, OciError::NotAPackage { .. }) && error.to_string().contains(expected),
            "{tag}: {error}"
        );
        assert!(!out.exists());
    }
    let error = pull(&address.with_reference("none"), &folder.path().join("out"), &open()).unwrap_err();
    assert!(error.to_string().starts_with("there is no artifact at oci://127.0.0.1"), "{error}");
}

#[test]
fn a_registry_that_asks_who_we_are_is_told_and_a_wrong_password_is_said() {
    let Some(registry) = Registry::start(true) else { return };
    let folder = tempfile::tempdir().unwrap();
    let root = package(folder.path());
    let with = |password: &str| RegistryOptions {
        login: Some(Login::Password { user: "ana".to_owned(), password: password.to_owned() }),
        ..RegistryOptions::default()
    };
    let address = registry.address("models/churn:7");
    push(&root, &facts(), &address, &with("secret")).unwrap();
    let error = push(&root, &facts(), &address, &with("guessed")).unwrap_err().to_string();
    assert!(error.contains("does not let us in with the name and password that we have"), "{error}");
    assert!(!error.contains("guessed"), "{error}");

    // A server of tokens beside the registry.
    let Some(open_registry) = Registry::start(false) else { return };
    let (port, _) = proxy(&open_registry, Fault::Token, 0);
    let address: OciAddress = format!("oci://127.0.0.1:{port}/models/churn:7").parse().unwrap();
    push(&root, &facts(), &address, &with("secret")).unwrap();
    let out = folder.path().join("out");
    pull(&address, &out, &with("secret")).unwrap();
    assert_eq!(content(&out), content(&root));
    let error = pull(&address, &folder.path().join("no"), &with("guessed")).unwrap_err();
    assert!(matches!(error, OciError::Unauthorized { with_login: true, .. }), "{error}");
}

#[test]
fn a_registry_that_is_away_is_said_after_a_few_tries() {
    let folder = tempfile::tempdir().unwrap();
    let root = package(folder.path());
    let address: OciAddress = format!("oci://127.0.0.1:{}/models/churn:7", free_port()).parse().unwrap();
    let error = push(&root, &facts(), &address, &open()).unwrap_err().to_string();
    assert!(error.starts_with("127.0.0.1:") && error.contains("could not say what it has"), "{error}");
    std::os::unix::fs::symlink("/etc/passwd", root.join("link")).unwrap();
    let error = push(&root, &facts(), &address, &open()).unwrap_err().to_string();
    assert!(error.contains("it is a symbolic link"), "{error}");
}
