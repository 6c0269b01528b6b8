//! A login with a browser: the person goes to the OpenID provider, which sends the browser back to a port of this machine.
//!
//! Invariants: one answer is taken, for the login that began; nothing is answered to anybody else; it ends after five minutes.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    time::{Duration, Instant},
};

use kilter_api::{self as api, Code, Problem};
use url::Url;

use crate::{
    connect::Api,
    ui::{error::CliError, output::Output},
};

/// How long the person may take.
const PATIENCE: Duration = Duration::from_secs(5 * 60);
const PAUSE: Duration = Duration::from_millis(50);
/// How long a browser may take to send its request, and the largest one that is read.
const READ_TIMEOUT: Duration = Duration::from_secs(2);
const MAX_REQUEST_BYTES: usize = 16 << 10;
const PATH: &str = "/callback";

/// Lets a person in by the provider of the server.
pub(super) fn by_provider(api: &Api, port: u16, output: &Output) -> Result<api::Session, CliError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| failed(&error))?;
    let port = listener.local_addr().map_err(|error| failed(&error))?.port();
    let redirect_uri = format!("http://127.0.0.1:{port}{PATH}");
    let begin = api::BeginProviderLogin { redirect_uri: redirect_uri.clone() };
    let login = api.call(async |api| api.begin_provider_login(&begin).await)?;
    output.note("Open this address in a browser of this machine:");
    output.ask_for(&login.url);
    let code = wait_for_code(&listener, &login.returned)?;
    let finish = api::FinishProviderLogin { code, redirect_uri, nonce: login.nonce, verifier: login.verifier };
    api.call(async |api| api.finish_provider_login(&finish).await)
}

fn failed(error: &io::Error) -> CliError {
    Problem::new(
        Code::UsageInvalid,
        "the port of this machine, to which the provider sends the browser, cannot be used",
    )
    .caused_by(Some(error))
    .hint("name another one with --redirect-port; the provider has to know it")
    .into()
}

/// The code that a browser brings for the login with this `state`.
fn wait_for_code(listener: &TcpListener, state: &str) -> Result<api::Secret, CliError> {
    listener.set_nonblocking(true).map_err(|error| failed(&error))?;
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let (mut stream, _) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                std::thread::sleep(PAUSE);
                continue;
            }
            Err(error) => return Err(failed(&error)),
        };
        // A browser that sends nothing, or something else, keeps nobody from logging in.
        let Some(target) = read_target(&mut stream) else { continue };
        match answer_of(&target, state) {
            None => respond(&mut stream, "404 Not Found", "This is not the login that was begun."),
            Some(Ok(code)) => {
                respond(&mut stream, "200 OK", "You are logged in. You may close this page.");
                return Ok(code);
            }
            Some(Err(reason)) => {
                respond(&mut stream, "200 OK", "The provider did not let you in. The terminal says why.");
                return Err(Problem::new(Code::LoginRefused, format!("the OpenID provider answered: {reason}")).into());
            }
        }
    }
    let detail = format!("nobody came back from the provider within {} minutes", PATIENCE.as_secs() / 60);
    Err(Problem::new(Code::TimedOut, detail)
        .hint("try again, and open the address in a browser of this machine")
        .into())
}

/// What a request asks for.
fn read_target(stream: &mut TcpStream) -> Option<String> {
    stream.set_nonblocking(false).ok()?;
    stream.set_read_timeout(Some(READ_TIMEOUT)).ok()?;
    let mut request = Vec::new();
    let mut part = [0; 2048];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut part).ok().filter(|read| *read > 0)?;
        request.extend_from_slice(&part[..read]);
        if request.len() > MAX_REQUEST_BYTES {
            return None;
        }
    }
    let line = String::from_utf8(request).ok()?.lines().next()?.to_owned();
    Some(line.strip_prefix("GET ")?.split(' ').next()?.to_owned())
}

/// The code in the address of a request, or what the provider says instead; `None` when it is not of this login.
fn answer_of(target: &str, state: &str) -> Option<Result<api::Secret, String>> {
    let url = Url::parse(&format!("http://127.0.0.1{target}")).ok().filter(|url| url.path() == PATH)?;
    let value = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    value("state").filter(|found| found == state)?;
    match (value("code"), value("error")) {
        (Some(code), None) => Some(Ok(api::Secret(code))),
        (_, Some(error)) => {
            let more = value("error_description").unwrap_or_default();
            Some(Err(format!("{error} {more}").trim().chars().take(300).collect()))
        }
        (None, None) => None,
    }
}

fn respond(stream: &mut TcpStream, status: &str, text: &str) {
    let body = format!("<!doctype html><meta charset=utf-8><title>Kilter</title><p>{text}</p>");
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    // Whether the browser shows it changes nothing.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_answer_to_this_login_is_taken() {
        let code = |target: &str| answer_of(target, "s").map(|answer| answer.map(|code| code.0));
        assert_eq!(code("/callback?code=a%2Fb&state=s"), Some(Ok("a/b".to_owned())));
        assert_eq!(
            code("/callback?error=access_denied&error_description=no&state=s"),
            Some(Err("access_denied no".into()))
        );
        for other in
            ["/callback?code=a&state=t", "/callback?code=a", "/favicon.ico", "/callback?state=s", "x", "/callback"]
        {
            assert_eq!(code(other), None, "{other}");
        }
    }
}
