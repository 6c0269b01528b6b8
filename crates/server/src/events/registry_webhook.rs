//! Requests to webhooks that clients of the registry made, signed as MLflow's are (HMAC-SHA256 over id, time and body).
//!
//! Invariants: whoever made the webhook is not whoever runs the server, so only public addresses are asked over TLS; this machine is asked
//! where the server answers this machine alone. What a name means is looked at when the request is made, and that address is asked.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use kilter_app::{
    events::SendOutcome,
    webhook::{Webhook, WebhookRequest},
};
use kilter_domain::{error_chain::with_causes, time::Timestamp};
use reqwest::{StatusCode, Url};
use ring::hmac;

use super::{
    target::EventOptions,
    webhook::{beginning, client_for, is_link_local},
};

const TIMEOUT: Duration = Duration::from_secs(30);

/// Which addresses may be asked.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AddressPolicy {
    /// This machine, because the server answers it alone.
    this_machine: bool,
    /// Private networks, without TLS too.
    private: bool,
    /// Addresses of this link, where machines of clouds keep credentials.
    link_local: bool,
}

impl AddressPolicy {
    /// What the options of a server allow that is bound to `host`.
    pub(crate) const fn of(host: IpAddr, events: &EventOptions) -> Self {
        Self { this_machine: host.is_loopback(), private: events.allow_private, link_local: events.allow_link_local }
    }

    /// The address, if events may be sent there as far as can be said now; a name that nobody knows may be known later.
    ///
    /// # Errors
    /// Why not, in the words of MLflow's server where it has them.
    pub(crate) fn check(self, text: &str) -> Result<Url, String> {
        let invalid = || format!("Invalid webhook URL {:?}", text.chars().take(200).collect::<String>());
        let url = Url::parse(text).map_err(|_| invalid())?;
        let Some(host) = url.host_str().filter(|host| !host.is_empty()) else {
            return Err(format!("Webhook URL must include a hostname: '{url}'"));
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(format!("{}: it may have no user and no password", invalid()));
        }
        let port = url.port_or_known_default().unwrap_or(443);
        let found: Vec<IpAddr> = (host.trim_matches(['[', ']']), port)
            .to_socket_addrs()
            .map(|found| found.map(|address| address.ip()).collect())
            .unwrap_or_default();
        self.check_scheme(&url, &found)?;
        found.iter().try_for_each(|address| self.check_address(*address))?;
        Ok(url)
    }

    fn check_scheme(self, url: &Url, found: &[IpAddr]) -> Result<(), String> {
        let is_here = self.this_machine && !found.is_empty() && found.iter().all(IpAddr::is_loopback);
        match url.scheme() {
            "https" => Ok(()),
            "http" if is_here || self.private => Ok(()),
            other => Err(format!("Invalid webhook URL scheme: '{other}'. Allowed schemes are: https.")),
        }
    }

    fn check_address(self, address: IpAddr) -> Result<(), String> {
        let why = match address.to_canonical() {
            own if own.is_loopback() => {
                (!self.this_machine && !self.private).then_some("this machine, and the server answers others too")
            }
            link if is_link_local(link) => (!self.link_local).then_some("of this link alone"),
            other => (!self.private && !is_public(other)).then_some("of a private network"),
        };
        match why {
            None => Ok(()),
            Some(why) => {
                Err(format!("Webhook URL must not be at {address}, which is {why} (--allow-private-webhooks)"))
            }
        }
    }
}

/// Whether an address is one of the internet. What an IPv6 address wraps is looked at.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match (wrapped(address), address.segments()) {
            (Some(inner), _) => is_public_v4(inner),
            // Documentation, Teredo and the rest of 2001::/23.
            (None, [0x2001, second, ..]) if second == 0xdb8 || second < 0x200 => false,
            // What is given out of the internet is 2000::/3.
            (None, [first, ..]) => first & 0xe000 == 0x2000,
        },
    }
}

/// The IPv4 address that an address of NAT64 or 6to4 means.
fn wrapped(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let of = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(of(high, low)),
        [0x2002, high, low, ..] => Some(of(high, low)),
        _ => None,
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_broadcast()
        || a == 0
        || a >= 224
        // Of providers (RFC 6598), of protocols, of benchmarks.
        || (a == 100 && (64..128).contains(&b))
        || (a, b, c) == (192, 0, 0)
        || (a == 198 && (18..20).contains(&b));
    !is_special
}

/// What became of a request.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) outcome: SendOutcome,
    /// The status and the beginning of the body, if there was an answer.
    pub(crate) answer: Option<(u16, String)>,
}

/// Sends a request to a webhook, and says how that went: what is busy or at fault is asked again later, what refuses is not.
pub(crate) async fn send(webhook: &Webhook, policy: AddressPolicy, sent: WebhookRequest, now: Timestamp) -> Sent {
    let unsent = |outcome| Sent { outcome, answer: None };
    let Ok(url) = Url::parse(&webhook.url) else {
        return unsent(SendOutcome::Refused("its address cannot be read".to_owned()));
    };
    let check = |found: &[IpAddr]| {
        policy.check_scheme(&url, found)?;
        found.iter().try_for_each(|address| policy.check_address(*address))
    };
    let client = match client_for(&url, TIMEOUT, &check).await {
        Ok(client) => client,
        Err(outcome) => return unsent(outcome),
    };
    let seconds = now.millis().div_euclid(1000).to_string();
    let mut request = client
        .post(url.clone())
        .header("content-type", "application/json")
        .header("user-agent", concat!("kilter/", env!("CARGO_PKG_VERSION")))
        .header("x-mlflow-delivery-id", &sent.id)
        .header("x-mlflow-timestamp", &seconds);
    if let Some(secret) = &webhook.secret {
        request = request.header("x-mlflow-signature", signature(secret, (&sent.id, &seconds), &sent.body));
    }
    let answer = match request.body(sent.body).send().await {
        Ok(answer) => answer,
        Err(error) => return unsent(SendOutcome::Failed(with_causes(&error.without_url()))),
    };
    let status = answer.status();
    let text = beginning(answer).await;
    let said = format!("it answered {status} {text}");
    let outcome = match status {
        status if status.is_success() => SendOutcome::Delivered,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => SendOutcome::Failed(said),
        status if status.is_server_error() => SendOutcome::Failed(said),
        _ => SendOutcome::Refused(said),
    };
    Sent { outcome, answer: Some((status.as_u16(), text)) }
}

/// `v1,` and the signature of MLflow's webhooks: the key is the text of the secret.
fn signature(secret: &str, (id, seconds): (&str, &str), body: &str) -> String {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()));
    context.update(format!("{id}.{seconds}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(context.sign()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_mlflow() {
        // By `_generate_hmac_signature("secret", "id", "1700000000", "{}")` of MLflow 3.17.
        assert_eq!(signature("secret", ("id", "1700000000"), "{}"), "v1,GBemBzTgbKoVEGKycqyY3615LbdJbhFLE1oQk+zZ+lo=");
    }

    #[test]
    fn addresses_that_are_not_of_the_internet_are_known() {
        for private in [
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "127.0.0.1",
            "0.0.0.0",
            "169.254.169.254",
            "198.18.0.1",
            "192.0.0.1",
            "203.0.113.1",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fd00::1",
            "fe80::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "::ffff:10.0.0.1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in ["8.8.8.8", "1.1.1.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::808:808", "2002:808:808::"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn a_webhook_is_public_or_on_this_machine_where_the_server_answers_it_alone() {
        let local = AddressPolicy { this_machine: true, ..AddressPolicy::default() };
        let (remote, private) = (AddressPolicy::default(), AddressPolicy { private: true, ..AddressPolicy::default() });
        for (url, of) in [
            ("http://127.0.0.1:9/x", [true, false, true]),
            ("http://localhost:9/x", [true, false, true]),
            ("https://[::1]/x", [true, false, true]),
            ("https://8.8.8.8/x", [true, true, true]),
            ("http://8.8.8.8/x", [false, false, true]),
            ("https://10.0.0.1/x", [false, false, true]),
            ("https://[::ffff:10.0.0.1]/x", [false, false, true]),
            ("https://[::ffff:127.0.0.1]/x", [true, false, true]),
            ("https://169.254.169.254/latest", [false, false, false]),
            ("https://2130706433/x", [true, false, true]),
            ("https://0x7f.1/x", [true, false, true]),
            ("https://0.0.0.0/x", [false, false, false]),
            ("ftp://8.8.8.8/x", [false, false, false]),
            ("file:///etc/passwd", [false, false, false]),
            ("https://user:password@8.8.8.8/", [false, false, false]),
            ("https://", [false, false, false]),
            ("no address", [false, false, false]),
        ] {
            let allowed = [local, remote, private].map(|policy| policy.check(url).is_ok());
            assert_eq!(allowed, of, "{url}");
        }
    }
}
