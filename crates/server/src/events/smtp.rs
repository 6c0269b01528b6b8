//! Mail: what of SMTP it takes to hand a message to a server (RFC 5321, 3207, 4954), and its text (RFC 5322, 2047).
//!
//! Invariants: a password goes over TLS alone; nothing that a person wrote becomes a command or a header.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    sync::Arc,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use kilter_app::events::{Event, SendOutcome};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};

use super::target::{MailTarget, SmtpOptions};

const TIMEOUT: Duration = Duration::from_secs(10);
/// The longest answer, in bytes and lines.
const MAX_LINE: u64 = 2_000;
const MAX_LINES: usize = 50;
/// The port of SMTP that speaks TLS from the start.
const TLS_PORT: u16 = 465;
/// Characters of a header line at most.
const MAX_SUBJECT: usize = 200;

/// Why a mail is not handed over.
#[derive(Debug, thiserror::Error)]
enum MailError {
    #[error("the mail server cannot be reached: {0}")]
    Io(#[from] io::Error),
    #[error("no secure connection: {0}")]
    Tls(String),
    #[error("the mail server answered {0}")]
    Answer(String),
    /// It says that asking again is of no use.
    #[error("the mail server refused: {0}")]
    Refused(String),
}

/// Hands a mail about an event to the server, and says how that went.
pub(crate) fn send(smtp: &SmtpOptions, target: &MailTarget, event: &Event) -> SendOutcome {
    if !is_address(&target.address) || !is_address(&smtp.from) {
        return SendOutcome::Refused("an address cannot be used: write it like name@example.com".to_owned());
    }
    match deliver(smtp, &target.address, &message(&smtp.from, &target.address, event)) {
        Ok(()) => SendOutcome::Delivered,
        Err(MailError::Refused(reason)) => SendOutcome::Refused(reason),
        Err(error) => SendOutcome::Failed(error.to_string()),
    }
}

/// Whether the text is an address and nothing else: no space, no line break, no bracket.
pub(crate) fn is_address(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_graphic() && !"<>()[],;:\\\"".contains(c);
    let halves = text.split_once('@');
    text.len() <= 254
        && halves.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && text.chars().all(is_plain))
}

fn deliver(smtp: &SmtpOptions, to: &str, message: &str) -> Result<(), MailError> {
    let address = (smtp.host.as_str(), smtp.port).to_socket_addrs()?.next();
    let address = address.ok_or_else(|| MailError::Answer("no address".to_owned()))?;
    let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    if smtp.port == TLS_PORT {
        let mut session = Session::new(encrypted(stream, smtp)?);
        session.expect(220)?;
        session.hello()?;
        return session.hand_over(smtp, to, message, true);
    }
    let mut session = Session::new(stream);
    session.expect(220)?;
    let offers = session.hello()?;
    if offers.iter().any(|offer| offer.eq_ignore_ascii_case("STARTTLS")) {
        session.command("STARTTLS", 220)?;
        let mut session = Session::new(encrypted(session.stream.into_inner(), smtp)?);
        session.hello()?;
        return session.hand_over(smtp, to, message, true);
    }
    session.hand_over(smtp, to, message, false)
}

fn encrypted(stream: TcpStream, smtp: &SmtpOptions) -> Result<StreamOwned<ClientConnection, TcpStream>, MailError> {
    let tls = |error: &dyn std::fmt::Display| MailError::Tls(error.to_string());
    let mut roots = RootCertStore::empty();
    match &smtp.authorities {
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        Some(file) => {
            for certificate in CertificateDer::pem_file_iter(file).map_err(|error| tls(&error))? {
                roots.add(certificate.map_err(|error| tls(&error))?).map_err(|error| tls(&error))?;
            }
        }
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| tls(&error))?;
    let config = builder.with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from(smtp.host.clone()).map_err(|error| tls(&error))?;
    let connection = ClientConnection::new(Arc::new(config), name).map_err(|error| tls(&error))?;
    Ok(StreamOwned::new(connection, stream))
}

/// A conversation with the server.
struct Session<S: Read + Write> {
    stream: BufReader<S>,
}

impl<S: Read + Write> Session<S> {
    fn new(stream: S) -> Self {
        Self { stream: BufReader::new(stream) }
    }

    /// What the server offers.
    fn hello(&mut self) -> Result<Vec<String>, MailError> {
        self.command("EHLO kilter.local", 250)
    }

    fn hand_over(mut self, smtp: &SmtpOptions, to: &str, message: &str, is_private: bool) -> Result<(), MailError> {
        if let Some((user, password)) = &smtp.login {
            if !is_private {
                return Err(MailError::Refused(
                    "it offers no encryption, and a password is not sent without".to_owned(),
                ));
            }
            let plain = STANDARD.encode(format!("\0{user}\0{}", password.0));
            self.command(&format!("AUTH PLAIN {plain}"), 235)?;
        }
        self.command(&format!("MAIL FROM:<{}>", smtp.from), 250)?;
        self.command(&format!("RCPT TO:<{to}>"), 250)?;
        self.command("DATA", 354)?;
        let stuffed = message.replace("\r\n.", "\r\n..");
        self.stream.get_mut().write_all(stuffed.as_bytes())?;
        self.command("\r\n.", 250)?;
        // It has taken the mail: how it says goodbye changes nothing.
        let _ = self.command("QUIT", 221);
        Ok(())
    }

    fn command(&mut self, line: &str, wanted: u16) -> Result<Vec<String>, MailError> {
        self.stream.get_mut().write_all(format!("{line}\r\n").as_bytes())?;
        self.stream.get_mut().flush()?;
        self.expect(wanted)
    }

    /// The texts of an answer of several lines, if it has the code that is wanted.
    fn expect(&mut self, wanted: u16) -> Result<Vec<String>, MailError> {
        let mut texts = Vec::new();
        for _ in 0..MAX_LINES {
            let mut line = String::new();
            self.stream.by_ref().take(MAX_LINE).read_line(&mut line)?;
            let (code, rest) = line.trim_end().split_at_checked(3).unwrap_or(("", ""));
            let code: u16 = code.parse().map_err(|_| MailError::Answer("nothing that is SMTP".to_owned()))?;
            texts.push(rest.trim_start_matches(['-', ' ']).to_owned());
            if rest.starts_with('-') {
                continue;
            }
            let answer = format!("{code} {}", texts.join(" ")).chars().take(300).collect();
            return match code {
                code if code == wanted => Ok(texts),
                500..600 => Err(MailError::Refused(answer)),
                _ => Err(MailError::Answer(answer)),
            };
        }
        Err(MailError::Answer("more lines than an answer has".to_owned()))
    }
}

/// The text of a mail: a line for people, and the event for programs.
fn message(from: &str, to: &str, event: &Event) -> String {
    let subject: String = event.headline().chars().take(MAX_SUBJECT).collect();
    let data = serde_json::to_string_pretty(&event.data).unwrap_or_default();
    let text = format!("{}\n\n{} at {}\n\n{data}\n", event.headline(), event.kind, event.time);
    let body = wrapped(&STANDARD.encode(text));
    let id: String = event.id.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).collect();
    [
        format!("From: <{from}>"),
        format!("To: <{to}>"),
        format!("Subject: {}", encoded_words(&format!("[kilter] {subject}"))),
        format!("Message-ID: <{id}@kilter.local>"),
        "Auto-Submitted: auto-generated".to_owned(),
        "MIME-Version: 1.0".to_owned(),
        "Content-Type: text/plain; charset=utf-8".to_owned(),
        "Content-Transfer-Encoding: base64".to_owned(),
        String::new(),
        body,
    ]
    .join("\r\n")
}

/// A header of any characters, in words of at most 75 characters: no line break of the text gets into the header.
fn encoded_words(text: &str) -> String {
    let mut words = Vec::new();
    let mut word = String::new();
    for c in text.chars() {
        // 45 bytes are 60 characters of base64.
        if word.len() + c.len_utf8() > 45 {
            words.push(std::mem::take(&mut word));
        }
        word.push(c);
    }
    words.push(word);
    let words = words.iter().map(|word| format!("=?utf-8?B?{}?=", STANDARD.encode(word)));
    words.collect::<Vec<_>>().join("\r\n ")
}

fn wrapped(text: &str) -> String {
    text.as_bytes().chunks(76).map(String::from_utf8_lossy).collect::<Vec<_>>().join("\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_someone_wrote_becomes_a_header_or_a_command() {
        let words =
            encoded_words("a\r\nBcc: everyone@example.com\r\n\r\nörtlich, and long enough for more than one word");
        let lines: Vec<&str> = words.split("\r\n").collect();
        assert!(lines.len() > 1 && lines.iter().all(|line| line.trim().starts_with("=?utf-8?B?") && line.len() <= 76));
        for address in ["ana@example.com", "a.b+c@x.example"] {
            assert!(is_address(address), "{address}");
        }
        for wrong in ["", "ana", "@x", "a@", "a b@x", "a@x\r\nRCPT TO:<b@x>", "<a@x>", "a@x,b@x", "\"a\"@x"] {
            assert!(!is_address(wrong), "{wrong}");
        }
    }
}
