//! The address of a request: its escapes are UTF-8, or it is refused before a route reads it.

use axum::http::Uri;
use kilter_api::{Code, Problem};
use percent_encoding::percent_decode_str;

/// Refuses an address with escapes that are no UTF-8: no name of ours has such bytes.
pub(crate) fn check(uri: &Uri) -> Result<(), Problem> {
    let parts = [("path", Some(uri.path())), ("part after `?`", uri.query())];
    for (part, text) in parts {
        if text.is_some_and(|text| percent_decode_str(text).decode_utf8().is_err()) {
            let detail = format!("the {part} of the address `{}` has escapes that are not UTF-8", uri.path());
            return Err(Problem::new(Code::RequestInvalid, detail).hint("percent-encode the UTF-8 bytes of the name"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_that_are_no_utf_8_are_refused_wherever_they_stand() {
        let refused = |uri: &str| check(&uri.parse().unwrap()).is_err();
        for uri in ["/v2/models/%ff", "/api/v1/alerts/%C3%28", "/x?cursor=%80", "/%f0%9f", "/x?a=b&%ff=c"] {
            assert!(refused(uri), "{uri}");
        }
        for uri in ["/", "/v2/models/caf%C3%A9/infer", "/x?at=%F0%9F%9A%B2", "/%zz", "/%", "/a%00b"] {
            assert!(!refused(uri), "{uri}");
        }
    }
}
