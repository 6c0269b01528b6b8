//! The cookie by which a browser stays signed in, and what proves that a page of ours sent a request that carries it.
//!
//! Invariants: no script can read the cookie, and no page of another site makes a browser send it; a request that acts also carries a word
//! that only a page of ours was told. The word follows from the session, so that nothing is stored for it.

use axum::http::{HeaderMap, HeaderValue, header};
use kilter_api::{CSRF_HEADER, Token};
use kilter_domain::{
    digest::Digest,
    time::{Span, Timestamp},
};

/// The name where the connection is encrypted: browsers let nobody else set it, not even a subdomain.
const ENCRYPTED: &str = "__Host-kilter-session";
const PLAIN: &str = "kilter-session";

/// The token of the session that a request carries, if it carries one. Where this server encrypts, the plain name counts for nothing: a
/// subdomain could have set it.
pub(crate) fn token_in(headers: &HeaderMap, is_encrypted: bool) -> Option<&str> {
    let pairs = || headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let find = |name: &str| {
        let named = |pair: &'_ str| pair.trim().strip_prefix(name)?.strip_prefix('=').map(str::len);
        pairs().flat_map(|pairs| pairs.split(';')).find_map(|pair| {
            let value = named(pair)?;
            let pair = pair.trim();
            pair.get(pair.len() - value..)
        })
    };
    find(ENCRYPTED).or_else(|| find(PLAIN).filter(|_| !is_encrypted)).filter(|token| !token.is_empty())
}

/// The word that requests of this session carry when they act.
pub(crate) fn csrf_of(token: &str) -> String {
    Digest::of(&[b"kilter csrf 1\0", token.as_bytes()].concat()).to_string()
}

/// Whether the request carries the word of its session.
pub(crate) fn is_confirmed(headers: &HeaderMap, token: &str) -> bool {
    let word = Token::new(&csrf_of(token));
    let carried = headers.get(CSRF_HEADER).map(HeaderValue::as_bytes);
    word.zip(carried).is_some_and(|(word, carried)| word.matches(carried))
}

/// Keeps a session in the browser: until it ends, or where nothing says when, until the browser is closed.
pub(crate) fn keep(
    token: &str,
    (now, expires): (Timestamp, Option<Timestamp>),
    is_encrypted: bool,
) -> Option<HeaderValue> {
    let age = expires.map_or_else(String::new, |expires| {
        format!("; Max-Age={}", expires.millis().saturating_sub(now.millis()).max(0) / Span::seconds(1).millis())
    });
    let value = cookie(token, is_encrypted) + &age;
    let mut value = HeaderValue::from_str(&value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Takes both cookies away again.
pub(crate) fn forget() -> [HeaderValue; 2] {
    [true, false].map(|is_encrypted| {
        let gone = cookie("", is_encrypted) + "; Max-Age=0";
        HeaderValue::from_str(&gone).expect("names and attributes are ASCII")
    })
}

fn cookie(token: &str, is_encrypted: bool) -> String {
    let (name, secure) = if is_encrypted { (ENCRYPTED, "; Secure") } else { (PLAIN, "") };
    format!("{name}={token}; Path=/; HttpOnly; SameSite=Strict{secure}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(cookies: &[&str]) -> HeaderMap {
        cookies.iter().map(|value| (header::COOKIE, value.parse().unwrap())).collect()
    }

    #[test]
    fn the_session_is_found_among_other_cookies_and_the_encrypted_one_first() {
        for (cookies, found) in [
            (&["kilter-session=a"][..], Some("a")),
            (&["theme=dark; kilter-session=a"], Some("a")),
            (&["kilter-session=a; __Host-kilter-session=b"], Some("b")),
            (&["theme=dark", "kilter-session=a"], Some("a")),
            (&["xkilter-session=a; kilter-sessions=b; kilter-session"], None),
            (&["kilter-session="], None),
            (&[], None),
        ] {
            assert_eq!(token_in(&with(cookies), false), found, "{cookies:?}");
        }
        let planted = with(&["kilter-session=a"]);
        assert_eq!(token_in(&planted, true), None, "over TLS the plain name is nobody's");
        assert_eq!(token_in(&with(&["kilter-session=a; __Host-kilter-session=b"]), true), Some("b"));
    }

    #[test]
    fn only_the_word_of_the_same_session_confirms() {
        let word = |text: &str| HeaderMap::from_iter([(CSRF_HEADER.parse().unwrap(), text.parse().unwrap())]);
        assert!(is_confirmed(&word(&csrf_of("a")), "a"));
        assert!(!is_confirmed(&word(&csrf_of("b")), "a"));
        assert!(!is_confirmed(&word("a"), "a"));
        assert!(!is_confirmed(&HeaderMap::new(), "a"));
    }

    #[test]
    fn no_script_and_no_other_site_gets_the_cookie() {
        let plain = keep("klt_x", (Timestamp(0), Some(Timestamp(60_000))), false).unwrap();
        assert_eq!(plain, "kilter-session=klt_x; Path=/; HttpOnly; SameSite=Strict; Max-Age=60");
        let encrypted = keep("klt_x", (Timestamp(0), None), true).unwrap();
        assert_eq!(encrypted, "__Host-kilter-session=klt_x; Path=/; HttpOnly; SameSite=Strict; Secure");
        assert_eq!(keep("a\nb", (Timestamp(0), None), true), None);
    }
}
