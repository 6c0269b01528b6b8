//! Webhooks: CloudEvents 1.0 as JSON, signed as Standard Webhooks say (HMAC-SHA256 over id, time and body).

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use kilter_app::events::{Event, SendOutcome};
use kilter_domain::{error_chain::with_causes, time::Timestamp};
use reqwest::{Client, StatusCode, Url, redirect::Policy};
use ring::hmac;

use super::target::{WebhookKey, WebhookTarget};

const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of an answer that are looked at.
const MAX_ANSWER: usize = 300;

/// Sends an event, and says how that went.
pub(crate) async fn send(target: &WebhookTarget, allow_link_local: bool, event: &Event, now: Timestamp) -> SendOutcome {
    let body = match serde_json::to_vec(event) {
        Ok(body) => body,
        Err(error) => return SendOutcome::Refused(error.to_string()),
    };
    let Ok(url) = Url::parse(&target.url) else {
        return SendOutcome::Refused("its address cannot be read".to_owned());
    };
    let check = |found: &[IpAddr]| match found.iter().find(|address| !allow_link_local && is_link_local(**address)) {
        None => Ok(()),
        Some(address) => Err(format!(
            "{address} is link-local, where machines keep credentials: allow it with --allow-link-local-webhooks"
        )),
    };
    let client = match client_for(&url, TIMEOUT, &check).await {
        Ok(client) => client,
        Err(outcome) => return outcome,
    };
    let seconds = now.millis().div_euclid(1000);
    let request = client
        .post(url)
        .header("content-type", "application/cloudevents+json")
        .header("user-agent", concat!("kilter/", env!("CARGO_PKG_VERSION")))
        .header("webhook-id", &event.id)
        .header("webhook-timestamp", seconds)
        .header("webhook-signature", signature(&target.key, &event.id, seconds, &body))
        .body(body);
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) => return SendOutcome::Failed(with_causes(&error.without_url())),
    };
    match answer.status() {
        status if status.is_success() => SendOutcome::Delivered,
        // The standard: whoever answers so wants no more.
        StatusCode::GONE => SendOutcome::Refused("it answered 410 Gone".to_owned()),
        status => SendOutcome::Failed(format!("it answered {status} {}", beginning(answer).await)),
    }
}

pub(super) async fn beginning(mut answer: reqwest::Response) -> String {
    let part = answer.chunk().await.ok().flatten().unwrap_or_default();
    let text = String::from_utf8_lossy(&part[..part.len().min(MAX_ANSWER)]).into_owned();
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A client that reaches the addresses that `check` was asked about, and no others: a name that means another one a moment later changes
/// nothing.
pub(super) async fn client_for(
    url: &Url,
    timeout: Duration,
    check: &(dyn Fn(&[IpAddr]) -> Result<(), String> + Sync),
) -> Result<Client, SendOutcome> {
    let host = url.host_str().ok_or_else(|| SendOutcome::Refused("its address names no host".to_owned()))?;
    let port = url.port_or_known_default().unwrap_or(443);
    let looked_up = tokio::net::lookup_host((host.trim_matches(['[', ']']), port)).await;
    let found: Vec<SocketAddr> =
        looked_up.map_err(|error| SendOutcome::Failed(format!("its name is not known: {error}")))?.collect();
    check(&found.iter().map(SocketAddr::ip).collect::<Vec<_>>()).map_err(SendOutcome::Refused)?;
    let builder = Client::builder().timeout(timeout).redirect(Policy::none()).no_proxy();
    builder.resolve_to_addrs(host, &found).build().map_err(|error| SendOutcome::Failed(error.to_string()))
}

/// Whether the address is of this link alone, or of nobody.
pub(super) fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local() || address.is_unspecified() || address.is_multicast(),
        IpAddr::V6(address) => {
            let mapped = address.to_ipv4_mapped().is_some_and(|address| is_link_local(address.into()));
            // fd00:ec2::254 and its kin: the metadata of clouds over IPv6.
            let is_metadata = address.segments()[..2] == [0xfd00, 0x0ec2];
            mapped
                || is_metadata
                || address.is_unicast_link_local()
                || address.is_unspecified()
                || address.is_multicast()
        }
    }
}

/// `v1,` and the signature of Standard Webhooks.
fn signature(key: &WebhookKey, id: &str, seconds: i64, body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &key.0));
    context.update(format!("{id}.{seconds}.").as_bytes());
    context.update(body);
    format!("v1,{}", STANDARD.encode(context.sign()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_the_standard() {
        // The example of the specification of Standard Webhooks.
        let signed = signature(
            &WebhookKey::parse(&kilter_api::Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into())).unwrap(),
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            b"{\"test\": 2432232314}",
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn addresses_where_machines_keep_credentials_are_known() {
        for local in
            ["169.254.169.254", "fe80::1", "::ffff:169.254.169.254", "fd00:ec2::254", "0.0.0.0", "::", "224.0.0.1"]
        {
            assert!(is_link_local(local.parse().unwrap()), "{local}");
        }
        for other in ["127.0.0.1", "10.0.0.1", "192.168.1.1", "203.0.113.7", "::1", "2001:db8::1", "fd12::1"] {
            assert!(!is_link_local(other.parse().unwrap()), "{other}");
        }
    }
}
