//! The web UI: files of the binary, and one page for every address that a browser opens.
//!
//! Invariants: nothing here needs a right or says anything of what is stored: the page asks the API for that, as everybody does.
//! The page runs only scripts and styles of this server, and stands in no frame. An address of the API, of a protocol or of MLflow is
//! never answered with the page.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use kilter_web::File;

/// What the page may load: itself alone. Pictures of charts are made in the page (`blob:`, `data:`).
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; img-src 'self' blob: data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";

const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// The first parts of addresses that programs ask: a browser that opens one of them is told what the server says of it.
const OF_PROGRAMS: [&str; 12] =
    ["api", "ajax-api", "v1", "v2", "metrics", "health", "ready", "live", "ping", "version", "invocations", "assets"];

/// A file of the UI or its page, if `path` is an address of it and a browser asks; `None`: it is not.
pub(crate) fn answer(method: &Method, path: &str, headers: &HeaderMap) -> Option<Response> {
    matches!(*method, Method::GET | Method::HEAD).then_some(())?;
    let path = path.trim_start_matches('/');
    if let Some(file) = kilter_web::find(path) {
        return Some(send(file, headers));
    }
    (is_of_page(path) && wants_page(headers)).then(|| send(kilter_web::page(), headers))
}

/// Whether a browser asks for something to show.
pub(crate) fn wants_page(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|range| {
        let media_type = range.split(';').next().unwrap_or_default().trim();
        media_type.eq_ignore_ascii_case("text/html")
    })
}

/// Whether a browser opens an address of the page in a window of its own, as it does for a link in a mail: there is nothing in the
/// page that another page could read or do.
pub(crate) fn is_opened(method: &Method, path: &str, headers: &HeaderMap) -> bool {
    *method == Method::GET
        && headers.get(SEC_FETCH_DEST).is_some_and(|destination| destination == "document")
        && is_of_page(path.trim_start_matches('/'))
}

fn is_of_page(path: &str) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    !OF_PROGRAMS.contains(&first) || path == "api/docs"
}

fn send(file: &'static File, headers: &HeaderMap) -> Response {
    let (bytes, coding) = match (accepts(headers, "br"), accepts(headers, "gzip")) {
        (true, _) if file.brotli.is_some() => (file.brotli, Some("br")),
        (_, true) if file.gzip.is_some() => (file.gzip, Some("gzip")),
        _ => (None, None),
    };
    let mut response = Body::from(bytes.unwrap_or(file.bytes)).into_response();
    *response.status_mut() = StatusCode::OK;
    let kept = if file.is_named_by_digest() { "public, max-age=31536000, immutable" } else { "no-cache" };
    let stated = [
        (header::CONTENT_TYPE, file.media_type()),
        (header::CACHE_CONTROL, kept),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::VARY, "accept, accept-encoding"),
    ];
    let coding = coding.map(|coding| (header::CONTENT_ENCODING, coding));
    for (name, value) in stated.into_iter().chain(coding) {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Whether the browser reads this coding; one with the weight zero it does not.
fn accepts(headers: &HeaderMap, coding: &str) -> bool {
    let stated = headers.get_all(header::ACCEPT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
    stated.flat_map(|value| value.split(',')).any(|part| {
        let mut parts = part.split(';').map(str::trim);
        let is_named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(coding));
        let weight = parts.find_map(|part| part.strip_prefix("q=")).and_then(|weight| weight.parse::<f32>().ok());
        is_named && weight != Some(0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn the_page_is_for_browsers_and_for_no_address_of_a_program() {
        let browser = headers(&[(header::ACCEPT, "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")]);
        let program = headers(&[(header::ACCEPT, "*/*")]);
        for path in ["/", "/models/churn/4", "/audit/12", "/no/such/page", "/api/docs"] {
            let response = answer(&Method::GET, path, &browser).unwrap_or_else(|| panic!("{path}"));
            assert_eq!(response.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
            assert!(answer(&Method::GET, path, &program).is_none(), "{path}");
            assert!(answer(&Method::POST, path, &browser).is_none(), "{path}");
        }
        for path in ["/api/v1/models", "/api/2.0/mlflow/runs/get", "/v2/models/churn", "/metrics", "/assets/none.js"] {
            assert!(answer(&Method::GET, path, &browser).is_none(), "{path}");
        }
    }

    #[test]
    fn the_page_loads_nothing_from_elsewhere_and_stands_in_no_frame() {
        let response = answer(&Method::GET, "/", &headers(&[(header::ACCEPT, "text/html")])).unwrap();
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'self';") && policy.contains("frame-ancestors 'none'"));
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-cache");
    }

    #[test]
    fn a_coding_of_weight_zero_is_not_read() {
        let of = |value| headers(&[(header::ACCEPT_ENCODING, value)]);
        assert!(accepts(&of("gzip, br;q=0.5"), "br"));
        assert!(!accepts(&of("gzip, br;q=0"), "br"));
        assert!(!accepts(&of("gzip"), "br"));
    }

    #[test]
    fn a_link_from_elsewhere_opens_the_page_and_nothing_else() {
        let opened = headers(&[(SEC_FETCH_DEST, "document")]);
        assert!(is_opened(&Method::GET, "/models/churn/4", &opened));
        assert!(is_opened(&Method::GET, "/", &opened));
        assert!(!is_opened(&Method::POST, "/models/churn/4", &opened));
        assert!(!is_opened(&Method::GET, "/api/v1/models", &opened));
        assert!(!is_opened(&Method::GET, "/models/churn/4", &headers(&[(SEC_FETCH_DEST, "iframe")])));
        assert!(!is_opened(&Method::GET, "/models/churn/4", &HeaderMap::new()));
    }
}
