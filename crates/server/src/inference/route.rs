//! The version that a request asks for by its number, and what its answer says of the versions that did answer.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use kilter_api::{Code, Problem, ROUTE_HEADER, VERSION_HEADER};
use kilter_serving::endpoint::AnsweredBy;

use crate::error::V2Error;

/// In requests the number of the version that is to answer, in answers those that did.
pub(crate) const VERSION: HeaderName = HeaderName::from_static(VERSION_HEADER);
/// In answers the role of each version.
pub(crate) const ROUTE: HeaderName = HeaderName::from_static(ROUTE_HEADER);

/// The version that the headers of a request ask for; `None`: whichever the traffic brings it to.
///
/// # Errors
/// When they name several, or what is no number.
pub(crate) fn asked_version(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let mut stated = headers.get_all(&VERSION).into_iter();
    let number = match (stated.next(), stated.next()) {
        (None, _) => return Ok(None),
        (Some(only), None) => only.to_str().ok().and_then(|text| text.trim().parse().ok()),
        (Some(_), Some(_)) => None,
    };
    number.map(Some).ok_or_else(|| {
        let detail = "the header Kilter-Version is not one whole number: write the number of a deployed version, or leave it out";
        Problem::new(Code::RequestInvalid, detail)
    })
}

/// The one version that address (or message) and header ask for.
///
/// # Errors
/// When they ask for two.
pub(crate) fn one_version(named: Option<u64>, header: Option<u64>) -> Result<Option<u64>, V2Error> {
    match (named, header) {
        (Some(named), Some(header)) if named != header => {
            let error = format!(
                "the request asks for version {named}, its header Kilter-Version for {header}; send one of them"
            );
            Err(V2Error { status: 400, error })
        }
        (named, header) => Ok(named.or(header)),
    }
}

/// Says in the headers of an answer which versions made it, and in which roles.
pub(crate) fn put_route(headers: &mut HeaderMap, answered: AnsweredBy) {
    let mut all = answered.iter();
    let (version, route) = match (all.next(), all.next()) {
        (None, _) => return,
        (Some((number, role)), None) => (HeaderValue::from(number), HeaderValue::from_static(role.as_str())),
        (Some((first, role)), Some((second, other))) => {
            let both = [format!("{first}, {second}"), format!("{role}, {other}")].map(HeaderValue::try_from);
            // Digits and words: they are values of headers.
            let [Ok(version), Ok(route)] = both else { return };
            (version, route)
        }
    };
    headers.insert(VERSION, version);
    headers.insert(ROUTE, route);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_asks_for_one_version_or_is_refused() {
        let of = |values: &[&str]| {
            let headers = values.iter().map(|value| (VERSION, value.parse().unwrap()));
            asked_version(&headers.collect()).map_err(|problem| problem.status)
        };
        assert_eq!((of(&[]), of(&["7"]), of(&[" 7 "])), (Ok(None), Ok(Some(7)), Ok(Some(7))));
        for wrong in [&["7", "7"][..], &["live"], &[""], &["-1"], &["7.0"], &["99999999999999999999"]] {
            assert_eq!(of(wrong), Err(400), "{wrong:?}");
        }
    }

    #[test]
    fn address_and_header_ask_for_the_same_version_or_the_request_is_refused() {
        let of = |named, header| one_version(named, header).map_err(|refused| refused.status);
        assert_eq!((of(Some(1), Some(1)), of(None, Some(2)), of(None, None)), (Ok(Some(1)), Ok(Some(2)), Ok(None)));
        assert_eq!(of(Some(1), Some(2)), Err(400));
    }
}
