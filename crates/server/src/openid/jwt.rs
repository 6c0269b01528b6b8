//! JSON Web Tokens: the signature, by the public keys of a provider (RFC 7515, 7517, 7518).
//!
//! Only signatures by private keys are known: with `none` or a shared secret nothing is proven.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey,
    VerificationAlgorithm,
};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The longest token that is read.
const MAX_BYTES: usize = 16 << 10;
/// Keys of a provider at most.
const MAX_KEYS: usize = 100;

/// Why a token is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JwtError {
    #[error("it is no JSON Web Token: {0}")]
    Malformed(&'static str),
    #[error("its algorithm `{0}` proves nothing here")]
    Algorithm(String),
    #[error("its key `{0}` is none of the provider")]
    UnknownKey(String),
    #[error("its signature is wrong")]
    Signature,
}

impl JwtError {
    /// What is wrong, without what the token says.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Malformed(why) => why,
            Self::Algorithm(_) => "algorithm",
            Self::UnknownKey(_) => "unknown key",
            Self::Signature => "signature",
        }
    }
}

/// What a token says of its signature.
#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

/// A public key of a provider.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// The keys of a provider.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Jwks {
    keys: Vec<Value>,
}

impl Jwks {
    /// Those that are understood: others are of algorithms that are not used here.
    pub(crate) fn known(self) -> Vec<Jwk> {
        self.keys.into_iter().take(MAX_KEYS).filter_map(|key| serde_json::from_value(key).ok()).collect()
    }
}

/// Whether the text has the shape of a token.
pub(crate) fn looks_like_one(text: &str) -> bool {
    text.len() <= MAX_BYTES && text.bytes().filter(|byte| *byte == b'.').count() == 2
}

/// What the token says, once one of `keys` has signed it.
///
/// # Errors
/// [`JwtError`]; nothing of the token is believed then.
pub(crate) fn verify(token: &str, keys: &[Jwk]) -> Result<Map<String, Value>, JwtError> {
    if !looks_like_one(token) {
        return Err(JwtError::Malformed("it has not three parts, or is too long"));
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(JwtError::Malformed("it has one part"))?;
    let (header, payload) = signed.split_once('.').ok_or(JwtError::Malformed("it has two parts"))?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| JwtError::Malformed("a part is no base64url"));
    let header: Header =
        serde_json::from_slice(&decode(header)?).map_err(|_| JwtError::Malformed("its header is no JSON"))?;
    if header.crit.is_some() {
        return Err(JwtError::Malformed("its header asks for an extension"));
    }
    let signature = decode(signature)?;
    check_signature(&header, keys, signed.as_bytes(), &signature)?;
    serde_json::from_slice(&decode(payload)?).map_err(|_| JwtError::Malformed("its claims are no JSON object"))
}

fn check_signature(header: &Header, keys: &[Jwk], signed: &[u8], signature: &[u8]) -> Result<(), JwtError> {
    let algorithm =
        Algorithm::parse(&header.alg).ok_or_else(|| JwtError::Algorithm(header.alg.chars().take(20).collect()))?;
    let is_meant = |key: &&Jwk| {
        let has_name = header.kid.is_none() || key.kid == header.kid;
        has_name && key.purpose.as_deref() != Some("enc")
    };
    let named: Vec<&Jwk> = keys.iter().filter(is_meant).collect();
    let name = || header.kid.clone().unwrap_or_else(|| "without a name".to_owned()).chars().take(80).collect();
    if named.is_empty() {
        return Err(JwtError::UnknownKey(name()));
    }
    // A key may only sign with the algorithm that is its own.
    let fitting: Vec<&&Jwk> = named.iter().filter(|key| algorithm.fits(key, &header.alg)).collect();
    match fitting.iter().any(|key| algorithm.verify(key, signed, signature).is_some()) {
        true => Ok(()),
        false if fitting.is_empty() => Err(JwtError::Algorithm(header.alg.chars().take(20).collect())),
        false => Err(JwtError::Signature),
    }
}

/// A way to sign that is believed.
enum Algorithm {
    Rsa(&'static RsaParameters),
    Curve { algorithm: &'static dyn VerificationAlgorithm, name: &'static str, bytes: usize },
    Edwards,
}

impl Algorithm {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::Rsa(&RSA_PKCS1_2048_8192_SHA256),
            "RS384" => Self::Rsa(&RSA_PKCS1_2048_8192_SHA384),
            "RS512" => Self::Rsa(&RSA_PKCS1_2048_8192_SHA512),
            "PS256" => Self::Rsa(&RSA_PSS_2048_8192_SHA256),
            "ES256" => Self::Curve { algorithm: &ECDSA_P256_SHA256_FIXED, name: "P-256", bytes: 32 },
            "ES384" => Self::Curve { algorithm: &ECDSA_P384_SHA384_FIXED, name: "P-384", bytes: 48 },
            "EdDSA" | "Ed25519" => Self::Edwards,
            _ => return None,
        })
    }

    fn fits(&self, key: &Jwk, name: &str) -> bool {
        let has_type = match self {
            Self::Rsa(_) => key.kty == "RSA",
            Self::Curve { name, .. } => key.kty == "EC" && key.crv.as_deref() == Some(name),
            Self::Edwards => key.kty == "OKP" && key.crv.as_deref() == Some("Ed25519"),
        };
        has_type && key.alg.as_deref().is_none_or(|alg| alg == name)
    }

    fn verify(&self, key: &Jwk, signed: &[u8], signature: &[u8]) -> Option<()> {
        let number = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_deref()?).ok();
        match self {
            Self::Rsa(parameters) => {
                let (n, e) = (number(&key.n)?, number(&key.e)?);
                RsaPublicKeyComponents { n, e }.verify(parameters, signed, signature).ok()
            }
            Self::Curve { algorithm, bytes, .. } => {
                let (x, y) = (number(&key.x)?, number(&key.y)?);
                if x.len() != *bytes || y.len() != *bytes {
                    return None;
                }
                let point = [&[4][..], &x, &y].concat();
                UnparsedPublicKey::new(*algorithm, point).verify(signed, signature).ok()
            }
            Self::Edwards => UnparsedPublicKey::new(&ED25519, number(&key.x)?).verify(signed, signature).ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8037, appendix A.4 and A.2: a token that others signed.
    const ED25519_TOKEN: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    const ED25519_KEY: &str =
        r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    /// RFC 7515, appendix A.3 (ES256) and A.2 (RS256).
    const ES256_TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    const ES256_KEY: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;
    const RS256_TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    const RS256_KEY: &str = r#"{"keys":[{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}]}"#;

    fn keys(text: &str) -> Vec<Jwk> {
        serde_json::from_str::<Jwks>(text).unwrap().known()
    }

    #[test]
    fn the_tokens_of_the_standards_are_believed_by_their_keys_alone() {
        assert_eq!(verify(ES256_TOKEN, &keys(ES256_KEY)).unwrap()["iss"], "joe");
        assert_eq!(verify(RS256_TOKEN, &keys(RS256_KEY)).unwrap()["iss"], "joe");
        // Its payload is a text, which is no claims; the signature is right.
        let text = verify(ED25519_TOKEN, &keys(ED25519_KEY));
        assert_eq!(text, Err(JwtError::Malformed("its claims are no JSON object")));
        for (token, key) in [(ES256_TOKEN, RS256_KEY), (RS256_TOKEN, ES256_KEY), (ES256_TOKEN, ED25519_KEY)] {
            assert!(matches!(verify(token, &keys(key)), Err(JwtError::Algorithm(_))), "{key}");
        }
        assert!(matches!(verify(ES256_TOKEN, &[]), Err(JwtError::UnknownKey(_))));
    }

    #[test]
    fn a_character_that_changed_anywhere_is_seen() {
        for (token, key) in [(ES256_TOKEN, ES256_KEY), (RS256_TOKEN, RS256_KEY)] {
            let keys = keys(key);
            for place in (0..token.len()).step_by(7).filter(|place| !token[*place..].starts_with('.')) {
                let other = if token[place..].starts_with('A') { 'B' } else { 'A' };
                let changed = format!("{}{other}{}", &token[..place], &token[place + 1..]);
                // The last character of a part has bits that say nothing; base64 refuses them where they are set.
                assert!(verify(&changed, &keys).is_err() || changed == token, "{place}");
            }
        }
    }

    #[test]
    fn a_token_does_not_choose_how_it_is_believed() {
        let with_header = |header: &str| {
            let (_, rest) = ES256_TOKEN.split_once('.').unwrap();
            format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header))
        };
        let unsigned = with_header("{\"alg\":\"none\"}");
        let empty = format!("{}.", unsigned.rsplit_once('.').unwrap().0);
        for (token, wanted) in [
            (unsigned.as_str(), "`none`"),
            (&empty, "`none`"),
            (&with_header("{\"alg\":\"HS256\"}"), "`HS256`"),
            (&with_header("{\"alg\":\"RS256\"}"), "`RS256`"),
            (&with_header("{\"alg\":\"ES256\",\"crit\":[\"b64\"],\"b64\":false}"), "extension"),
            (&with_header("{\"alg\":\"ES256\",\"kid\":\"other\"}"), "`other` is none of the provider"),
            ("a.b", "three parts"),
            ("....", "three parts"),
            (&"x".repeat(20_000), "too long"),
        ] {
            let error = verify(token, &keys(ES256_KEY)).unwrap_err().to_string();
            assert!(error.contains(wanted), "{wanted}: {error}");
        }
        let for_encryption = ES256_KEY.replace("\"kty\"", "\"use\":\"enc\",\"kty\"");
        assert!(matches!(verify(ES256_TOKEN, &keys(&for_encryption)), Err(JwtError::UnknownKey(_))));
        let other_alg = ES256_KEY.replace("\"kty\"", "\"alg\":\"ES384\",\"kty\"");
        assert!(matches!(verify(ES256_TOKEN, &keys(&other_alg)), Err(JwtError::Algorithm(_))));
    }
}
