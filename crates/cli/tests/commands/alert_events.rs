//! An alert of a monitor leaves the platform: as a webhook and as a mail, to the targets that the contract names.

use std::time::Instant;

use serde_json::Value;

use crate::{
    World,
    events::{PATIENCE, Receiver, SECRET, wait_for_look},
    live_project::{asked, texts, watched},
    mail::{MailServer, settings},
    server::Server,
};

const MONITOR: &str = "performance = [\"accuracy >= 0.6\"]\nalert = [\"webhook:pager\", \"mail:risk\", \"log\"]";

/// A server of the folder, once it has looked at the log.
fn server(world: &World) -> Server {
    let server = Server::start(world);
    wait_for_look(&server);
    server
}

/// The first event about an alert that the receiver got.
fn alert_of(receiver: &Receiver) -> Value {
    let end = Instant::now() + PATIENCE;
    loop {
        let events: Vec<Value> = receiver.all().iter().map(crate::events::Received::event).collect();
        if let Some(alert) = events.iter().find(|event| event["data"]["alert"].is_object()) {
            return alert.clone();
        }
        assert!(Instant::now() < end, "{events:#?}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn an_alert_of_a_monitor_is_a_webhook_and_a_mail_to_the_targets_that_the_contract_names() {
    let (named, other) = (Receiver::start(&[200]), Receiver::start(&[200]));
    let Some(mut mail) = MailServer::start() else { return };
    let mut live = watched("left", MONITOR);
    live.world.write("secret", SECRET);
    let webhooks = format!(
        "webhook = [\"pager={}\", \"other={}\"]\nwebhook_secret_file = [\"pager=secret\", \"other=secret\"]",
        named.address, other.address
    );
    live.world.write("kilter-server.toml", &format!("[server]\n{webhooks}\n{}\n", settings(&mail.port)));
    // The past is not sent: from this look on it is.
    live.between(|world| drop(server(world)));
    let (ids, columns, left) = asked(80);
    live.ask(1, &ids, columns);
    live.label(1, &ids, texts(left.iter().map(|left| if *left { "Y" } else { "N" })));
    assert!(live.look(2).is_none());
    let (alert, text, got) = live.between(|world| {
        let _server = server(world);
        let alert = alert_of(&named);
        let text = loop {
            let text = mail.next_mail();
            if text["subject"].as_str().unwrap().contains("alert at churn") {
                break text;
            }
        };
        (alert, text, other.all())
    });
    let data = &alert["data"]["alert"];
    assert_eq!(alert["type"], "io.kilter.data_alert", "{alert:#}");
    assert_eq!((data["endpoint"].as_str(), data["state"].as_str()), (Some("churn"), Some("firing")), "{alert:#}");
    assert!(data["text"].as_str().unwrap().contains("`Y` ("), "{alert:#}");
    assert!(text["subject"].as_str().unwrap().contains("alert at churn is firing"), "{text}");
    assert!(text["text"].as_str().unwrap().contains("\"endpoint\": \"churn\""), "{text}");
    let to_others: Vec<Value> = got.iter().map(crate::events::Received::event).collect();
    assert!(to_others.iter().all(|event| event["data"]["alert"].is_null()), "the contract does not name it");
}
