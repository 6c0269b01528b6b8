//! JSON as XGBoost writes it, which has bare `NaN` and `Infinity`.

use std::borrow::Cow;

use crate::signature::SIGNATURE_KEY;

/// The document with `NaN` and `Infinity` as texts.
pub(super) fn without_bare_numbers(bytes: &[u8]) -> Cow<'_, [u8]> {
    const BARE: [(&[u8], &[u8]); 3] = [(b"-Infinity", b"\"-inf\""), (b"Infinity", b"\"inf\""), (b"NaN", b"\"nan\"")];
    let mut out: Option<Vec<u8>> = None;
    let (mut at, mut copied) = (0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = end_of_text(bytes, at),
            b'-' | b'I' | b'N' => {
                let bare = BARE.iter().find(|(bare, _)| bytes[at..].starts_with(bare));
                if let Some((bare, text)) = bare {
                    let out = out.get_or_insert_default();
                    out.extend_from_slice(&bytes[copied..at]);
                    out.extend_from_slice(text);
                    copied = at + bare.len();
                }
                at += bare.map_or(1, |(bare, _)| bare.len());
            }
            _ => at += 1,
        }
    }
    match out {
        None => Cow::Borrowed(bytes),
        Some(mut out) => {
            out.extend_from_slice(&bytes[copied..]);
            Cow::Owned(out)
        }
    }
}

/// The place behind a text that begins at `at`.
fn end_of_text(bytes: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while end < bytes.len() && bytes[end] != b'"' {
        end += if bytes[end] == b'\\' { 2 } else { 1 };
    }
    (end + 1).min(bytes.len())
}

/// The document with a signature as the first member of its learner.
pub(super) fn with_signature(bytes: &[u8], signature: &str) -> Vec<u8> {
    let Some(at) = learner(bytes) else { return bytes.to_vec() };
    let member = format!("\"{SIGNATURE_KEY}\":{},", serde_json::Value::from(signature));
    [&bytes[..at], member.as_bytes(), &bytes[at..]].concat()
}

/// The place behind the brace that opens the learner: that of the key `learner` of the outermost object.
fn learner(bytes: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0, 0usize);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                let end = end_of_text(bytes, at);
                if depth == 1 && &bytes[at..end] == b"\"learner\"" {
                    let open = end + bytes[end..].iter().position(|&byte| byte == b'{')?;
                    return Some(open + 1);
                }
                at = end;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_numbers_become_texts_and_texts_stay() {
        let text = |bytes: &[u8]| String::from_utf8(without_bare_numbers(bytes).into_owned()).unwrap();
        assert_eq!(text(br#"{"a":[NaN,-Infinity,Infinity,-1]}"#), r#"{"a":["nan","-inf","inf",-1]}"#);
        let plain = br#"{"NaN":"Infinity \" NaN","b":-1}"#;
        assert!(matches!(without_bare_numbers(plain), Cow::Borrowed(_)));
        assert_eq!(text(b"\"NaN"), "\"NaN");
        assert_eq!(text(b"NaN \"\\"), "\"nan\" \"\\");
    }

    #[test]
    fn a_signature_goes_into_the_learner_and_nowhere_else() {
        let put = |text: &str| String::from_utf8(with_signature(text.as_bytes(), "a\"b")).unwrap();
        let member = r#""kilter.signature":"a\"b","#;
        assert_eq!(
            put(r#"{"x":{"learner":1},"learner":{"a":1}}"#),
            format!(r#"{{"x":{{"learner":1}},"learner":{{{member}"a":1}}}}"#)
        );
        assert_eq!(put("{ \"learner\" : {\"a\":1}}"), format!("{{ \"learner\" : {{{member}\"a\":1}}}}"));
        assert_eq!(put("[]"), "[]");
    }
}
