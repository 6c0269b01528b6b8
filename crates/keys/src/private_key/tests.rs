use std::{fs, path::Path, process::Command};

use proptest::prelude::*;

use super::*;

const PURPOSES: [KeyPurpose; 2] = [KeyPurpose::Package, KeyPurpose::Checkpoint];

fn openssl(folder: &Path, arguments: &str) -> String {
    let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_key_that_openssl_made_signs_and_openssl_verifies() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    openssl(folder, "ecparam -name prime256v1 -genkey -noout -out ec.pem");
    openssl(folder, "pkcs8 -topk8 -nocrypt -in ec.pem -out package.pem");
    openssl(folder, "genpkey -algorithm ed25519 -out checkpoint.pem");
    fs::write(folder.join("message"), "what is signed").unwrap();
    for (purpose, how) in PURPOSES
        .into_iter()
        .zip(["dgst -sha256 -verify pub -signature sig", "pkeyutl -verify -rawin -pubin -inkey pub -sigfile sig -in"])
    {
        let text = fs::read_to_string(folder.join(format!("{purpose}.pem"))).unwrap();
        let key = PrivateKey::from_pem(&text, purpose).unwrap();
        openssl(folder, &format!("pkey -in {purpose}.pem -pubout -out pub"));
        assert_eq!(key.public().to_pem(), fs::read_to_string(folder.join("pub")).unwrap());
        fs::write(folder.join("sig"), key.sign(b"what is signed").unwrap()).unwrap();
        let verified = openssl(folder, &format!("{how} message"));
        assert!(verified.contains("Verified") || verified.contains("Success"), "{verified}");
    }
}

#[test]
fn openssl_reads_a_key_that_was_made_here() {
    let dir = tempfile::tempdir().unwrap();
    for purpose in PURPOSES {
        let new = PrivateKey::generate(purpose).unwrap();
        fs::write(dir.path().join("key.pem"), &new.pem).unwrap();
        assert_eq!(openssl(dir.path(), "pkey -in key.pem -pubout"), new.key.public().to_pem());
        let again = PrivateKey::from_pem(&new.pem, purpose).unwrap();
        let signature = again.sign(b"m").unwrap();
        assert!(new.key.public().has_signed(b"m", &signature) && !new.key.public().has_signed(b"n", &signature));
        assert_eq!(PublicKey::from_pem(&new.key.public().to_pem()).unwrap(), *again.public());
        assert!(!format!("{again:?}").contains("PRIVATE"), "{again:?}");
    }
}

#[test]
fn a_key_of_another_kind_is_refused_with_both_kinds() {
    let dir = tempfile::tempdir().unwrap();
    let made = |arguments: &str| {
        openssl(dir.path(), &format!("genpkey {arguments} -out key.pem"));
        fs::read_to_string(dir.path().join("key.pem")).unwrap()
    };
    let refused = |text: &str, purpose| PrivateKey::from_pem(text, purpose).unwrap_err().to_string();
    let p384 = made("-algorithm EC -pkeyopt ec_paramgen_curve:P-384");
    assert_eq!(refused(&p384, KeyPurpose::Package), "the key is ECDSA P-384; this purpose needs ECDSA P-256");
    let ed25519 = made("-algorithm ed25519");
    assert_eq!(refused(&ed25519, KeyPurpose::Package), "the key is Ed25519; this purpose needs ECDSA P-256");
    let p256 = made("-algorithm EC -pkeyopt ec_paramgen_curve:P-256");
    assert_eq!(refused(&p256, KeyPurpose::Checkpoint), "the key is ECDSA P-256; this purpose needs Ed25519");
    let rsa = made("-algorithm RSA -pkeyopt rsa_keygen_bits:2048");
    assert!(refused(&rsa, KeyPurpose::Package).starts_with("the key is RSA;"));
    openssl(dir.path(), "pkey -in key.pem -pubout -out pub");
    let public = fs::read_to_string(dir.path().join("pub")).unwrap();
    assert_eq!(PublicKey::from_pem(&public), Err(KeyError::Unsupported { found: "RSA" }));
}

#[test]
fn a_text_that_is_no_key_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    openssl(dir.path(), "ecparam -name prime256v1 -genkey -noout -out ec.pem");
    openssl(dir.path(), "pkcs8 -topk8 -passout pass:x -in ec.pem -out locked.pem");
    let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
    let refused = |text: &str| PrivateKey::from_pem(text, KeyPurpose::Package).unwrap_err();
    assert_eq!(refused(&read("ec.pem")), KeyError::OlderForm { label: "EC PRIVATE KEY".to_owned() });
    assert_eq!(refused(&read("locked.pem")), KeyError::Encrypted);
    assert_eq!(refused(""), KeyError::NotPem { expected: LABEL });
    let whole = PrivateKey::generate(KeyPurpose::Package).unwrap().pem;
    let cut = whole.replacen(&whole[80..84], "", 1);
    assert_eq!(refused(&cut), KeyError::Damaged { algorithm: Algorithm::P256 });
}

proptest! {
    #[test]
    fn no_text_is_a_key_by_chance(text in "\\PC{0,200}", body in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(PrivateKey::from_pem(&text, KeyPurpose::Package).is_err());
        prop_assert!(PublicKey::from_pem(&text).is_err());
        for purpose in PURPOSES {
            prop_assert!(PrivateKey::from_pem(&pem::encode(&body, LABEL), purpose).is_err());
        }
        prop_assert!(PublicKey::from_pem(&pem::encode(&body, "PUBLIC KEY")).is_err());
    }

    #[test]
    fn a_changed_message_or_signature_does_not_verify(message in proptest::collection::vec(any::<u8>(), 1..100), at: usize) {
        for purpose in PURPOSES {
            let key = PrivateKey::generate(purpose).unwrap().key;
            let signature = key.sign(&message).unwrap();
            prop_assert!(key.public().has_signed(&message, &signature));
            let (mut other, mut forged) = (message.clone(), signature.clone());
            other[at % message.len()] ^= 1;
            forged[at % signature.len()] ^= 1;
            prop_assert!(!key.public().has_signed(&other, &signature) && !key.public().has_signed(&message, &forged));
        }
    }
}
