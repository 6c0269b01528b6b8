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
use kilter_domain::time::Timestamp;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};

use super::target::{MailTarget, SmtpOptions, is_mail_address};

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
pub(crate) fn send(smtp: &SmtpOptions, target: &MailTarget, event: &Event, now: Timestamp) -> SendOutcome {
    if !is_mail_address(&target.address) || !is_mail_address(&smtp.from) {
        return SendOutcome::Refused("an address cannot be used: write it like name@example.com".to_owned());
    }
    match deliver(smtp, &target.address, &message((&smtp.from, &target.address), event, now)) {
        Ok(()) => SendOutcome::Delivered,
        Err(MailError::Refused(reason)) => SendOutcome::Refused(reason),
        Err(error) => SendOutcome::Failed(error.to_string()),
    }
}

fn deliver(smtp: &SmtpOptions, to: &str, message: &str) -> Result<(), MailError> {
    let address = (smtp.host.as_str(), smtp.port).to_socket_addrs()?.next();
    let address = address.ok_or_else(|| MailError::Answer("no address".to_owned()))?;
    let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    if smtp.port == TLS_PORT {
        let mut session = Session::new(encrypted(stream, smtp)?);
        session.expect(&[220])?;
        session.hello()?;
        return session.hand_over(smtp, to, message, true);
    }
    let mut session = Session::new(stream);
    session.expect(&[220])?;
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
        // 251: it takes the mail, and hands it on to another address (RFC 5321, 3.4).
        self.command_with(&format!("RCPT TO:<{to}>"), &[250, 251])?;
        self.command("DATA", 354)?;
        let stuffed = message.replace("\r\n.", "\r\n..");
        self.stream.get_mut().write_all(stuffed.as_bytes())?;
        self.command("\r\n.", 250)?;
        // It has taken the mail: how it says goodbye changes nothing.
        let _ = self.command("QUIT", 221);
        Ok(())
    }

    fn command(&mut self, line: &str, wanted: u16) -> Result<Vec<String>, MailError> {
        self.command_with(line, &[wanted])
    }

    fn command_with(&mut self, line: &str, wanted: &[u16]) -> Result<Vec<String>, MailError> {
        self.stream.get_mut().write_all(format!("{line}\r\n").as_bytes())?;
        self.stream.get_mut().flush()?;
        self.expect(wanted)
    }

    /// The texts of an answer of several lines, if it has a code that is wanted.
    fn expect(&mut self, wanted: &[u16]) -> Result<Vec<String>, MailError> {
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
                code if wanted.contains(&code) => Ok(texts),
                500..600 => Err(MailError::Refused(answer)),
                _ => Err(MailError::Answer(answer)),
            };
        }
        Err(MailError::Answer("more lines than an answer has".to_owned()))
    }
}

/// The text of a mail: a line for people, and the event for programs.
fn message((from, to): (&str, &str), event: &Event, now: Timestamp) -> String {
    let subject: String = event.headline().chars().take(MAX_SUBJECT).collect();
    let data = serde_json::to_string_pretty(&event.data).unwrap_or_default();
    let text = format!("{}\n\n{} at {}\n\n{data}\n", event.headline(), event.kind, event.time);
    let body = wrapped(&STANDARD.encode(text));
    let host = from.rsplit_once('@').map_or("kilter.local", |(_, host)| host);
    let id: String = event.id.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '.' }).collect();
    [
        format!("Date: {}", date(now)),
        format!("From: <{from}>"),
        format!("To: <{to}>"),
        format!("Subject: {}", encoded_words(&format!("[kilter] {subject}"))),
        // The same for each attempt: a mail server or a person sees what they have already.
        format!("Message-ID: <{id}@{host}>"),
        "Auto-Submitted: auto-generated".to_owned(),
        "MIME-Version: 1.0".to_owned(),
        "Content-Type: text/plain; charset=utf-8".to_owned(),
        "Content-Transfer-Encoding: base64".to_owned(),
        String::new(),
        body,
    ]
    .join("\r\n")
}

/// A time as mail has it (RFC 5322, 3.3), in UTC.
fn date(at: Timestamp) -> String {
    at.civil().strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
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
    fn nothing_that_someone_wrote_becomes_a_header() {
        let words =
            encoded_words("a\r\nBcc: everyone@example.com\r\n\r\nörtlich, and long enough for more than one word");
        let lines: Vec<&str> = words.split("\r\n").collect();
        assert!(lines.len() > 1 && lines.iter().all(|line| line.trim().starts_with("=?utf-8?B?") && line.len() <= 76));
    }

    /// A mail server that answers these lines, one for each that it gets; what it got.
    fn conversation(answers: &'static [&'static str]) -> (SmtpOptions, std::thread::JoinHandle<Vec<String>>) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let from = "kilter@example.com".to_owned();
        let smtp = SmtpOptions { host: "127.0.0.1".into(), port, from, login: None, authorities: None };
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let (mut got, mut is_text) = (Vec::new(), false);
            write!(stream, "220 test\r\n").unwrap();
            for answer in answers {
                loop {
                    let Some(Ok(line)) = lines.next() else { return got };
                    let is_end = !is_text || line == ".";
                    got.push(line);
                    if is_end {
                        break;
                    }
                }
                write!(stream, "{answer}\r\n").unwrap();
                is_text = answer.starts_with("354");
            }
            got
        });
        (smtp, server)
    }

    fn event() -> Event {
        Event {
            specversion: "1.0",
            id: "urn:kilter:1796026774398:22".into(),
            source: "urn:kilter:1796026774398".into(),
            kind: "io.kilter.version.approve".into(),
            subject: "version:churn/2".into(),
            time: Timestamp(0),
            datacontenttype: "application/json",
            data: serde_json::json!({ "seq": 22 }),
        }
    }

    fn send_to(smtp: &SmtpOptions) -> SendOutcome {
        let target = MailTarget { name: "risk".into(), address: "risk@example.com".into() };
        send(smtp, &target, &event(), Timestamp(1_796_026_445_000))
    }

    #[test]
    fn a_mail_says_when_it_was_written_and_has_a_name_and_a_server_may_hand_it_on() {
        let (smtp, server) =
            conversation(&["250 hello", "250 ok", "251 will forward", "354 go on", "250 taken", "221 bye"]);
        assert_eq!(send_to(&smtp), SendOutcome::Delivered);
        let got = server.join().unwrap();
        for wanted in [
            "MAIL FROM:<kilter@example.com>",
            "RCPT TO:<risk@example.com>",
            "Date: Mon, 30 Nov 2026 08:14:05 +0000",
            "Message-ID: <urn.kilter.1796026774398.22@example.com>",
        ] {
            assert!(got.iter().any(|line| line == wanted), "{wanted} in {got:#?}");
        }
    }

    #[test]
    fn a_server_that_refuses_for_good_is_not_asked_again_and_one_that_is_busy_is() {
        let (smtp, _server) = conversation(&["250 hello", "250 ok", "550 nobody of that name"]);
        assert!(matches!(send_to(&smtp), SendOutcome::Refused(reason) if reason.contains("550 nobody")));
        let (smtp, _server) = conversation(&["250 hello", "450 later"]);
        assert!(matches!(send_to(&smtp), SendOutcome::Failed(reason) if reason.contains("450 later")));
    }
}
