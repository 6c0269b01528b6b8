//! `monitor`: what a played past left behind, from the folder and through a server; gauges and rules for Prometheus.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use serde_json::Value;

use crate::{
    World,
    drift::check_page,
    monitors::{Past, played},
    server::Server,
};

const MONITOR: &str =
    "every = \"1d\"\ndrift = [\"psi(x) < 0.25\"]\nperformance = [\"auc >= 0.75\"]\nmin_labelled = 0.5";

/// A past in which `x` moves on day 40, kept where a server finds it. Its last window is its last day of rows.
fn world() -> World {
    let past = Past { days: 56, shift: Some((40, 3.0)), ..Past::STEADY };
    let (world, _) = played(&past, "", MONITOR);
    let home = world.path().join(".kilter");
    let _ = std::fs::remove_dir_all(&home);
    std::fs::rename(world.path().join("state"), home).unwrap();
    world
}

fn rule<'a>(result: &'a Value, metric: &str) -> &'a Value {
    let found = result["rules"].as_array().unwrap().iter().find(|rule| rule["metric"] == metric);
    found.unwrap_or_else(|| panic!("no {metric} in {result:#}"))
}

fn values(result: &Value) -> Vec<Option<f64>> {
    result["readings"].as_array().unwrap().iter().map(|reading| reading["value"].as_f64()).collect()
}

#[test]
fn every_rule_stands_with_its_newest_reading_what_is_broken_first() {
    let world = world();
    let listed = world.json(&["monitor", "list"]);
    let endpoint = listed["endpoints"][0]["endpoint"].as_str().unwrap().to_owned();
    assert!(listed["endpoints"][0]["failed"].as_u64().unwrap() >= 1, "{listed}");
    let result = world.json(&["monitor", "show", &endpoint, "--html", "page.html"]);
    assert_eq!(
        (result["rules"][0]["verdict"].as_str(), result["rules"][0]["reason"].is_string()),
        (Some("failed"), true),
        "{result:#}"
    );
    let psi = rule(&result, "psi(x)");
    assert_eq!((psi["monitor"].as_str(), psi["rule"].as_str()), (Some("drift"), Some("psi(x) < 0.25")));
    assert!(psi["value"].as_f64().unwrap() > 0.25 && psi["bound_high"] == 0.25 && psi["count"] == 100, "{psi}");
    let auc = rule(&result, "auc");
    assert!(auc["coverage"].as_f64().is_some_and(|share| (0.0..=1.0).contains(&share)), "{auc}");
    assert_eq!(auc["provisional"], auc["coverage"].as_f64().unwrap() < 1.0);
    let alerts = result["alerts"].as_array().unwrap();
    assert!(
        alerts.iter().any(|alert| alert["monitor"] == "drift" && alert["detail"]["explanation"].is_string()),
        "{result:#}"
    );
    let page = world.read("page.html");
    check_page(&page);
    assert!(
        page.contains("class=\"band\"") && page.contains("class=\"limit\"") && page.contains("psi(x) &lt; 0.25"),
        "{page}"
    );
    assert!(!page.contains("NaN"));
    let output = world.kilter(&["monitor", "show", &endpoint, "--kind", "drift", "--fail-on", "failed"]);
    assert!(output.exit == 3 && output.out.contains("✕ failed") && !output.out.contains("accuracy"), "{}", output.out);
    assert_eq!(world.kilter(&["monitor", "show", &endpoint, "--kind", "data", "--fail-on", "failed"]).exit, 0);
}

#[test]
fn a_past_is_told_window_by_window_as_its_rows_were() {
    let world = world();
    let listed = world.json(&["monitor", "list"]);
    let endpoint = listed["endpoints"][0]["endpoint"].as_str().unwrap().to_owned();
    let rows = world.json(&["monitor", "history", &endpoint, "rows", "--windows", "10"]);
    assert_eq!(values(&rows), vec![Some(100.0); 10], "as many as the past holds a day");
    let psi = world.json(&["monitor", "history", &endpoint, "psi(x)", "--windows", "400", "--html", "page.html"]);
    let days: Vec<&str> = psi["readings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|reading| &reading["window_start"].as_str().unwrap()[..10])
        .collect();
    assert!(days.windows(2).all(|pair| pair[0] < pair[1]), "the oldest first, each once: {days:?}");
    let broken =
        |day: &str| psi["readings"][days.iter().position(|found| *found == day).unwrap()]["verdict"] == "failed";
    assert!(!broken("2024-02-12") && broken("2024-02-13"), "day 40 is the thirteenth of February: {psi:#}");
    check_page(&world.read("page.html"));
    let output = world.kilter(&["monitor", "history", &endpoint, "psi(x)"]);
    assert!(
        output.out.starts_with("psi(x) < 0.25 at ") && output.out.contains('█') && output.out.contains("▁"),
        "{}",
        output.out
    );
    let mistyped = world.problem(&["monitor", "history", &endpoint, "psi(y)"], 4);
    assert!(mistyped["hint"].as_str().unwrap().contains("psi(x)"), "{mistyped}");
    assert_eq!(world.problem(&["monitor", "show", "nowhere"], 4)["code"], "not_found");
    assert_eq!(world.problem(&["monitor", "show", "no where"], 2)["code"], "request_invalid");
}

/// The text of an answer that is no JSON.
pub fn text(server: &Server, path: &str) -> String {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[test]
fn a_server_tells_the_same_in_pages_and_as_gauges_that_the_rules_use() {
    let world = world();
    let near = world.json(&["monitor", "list"]);
    let endpoint = near["endpoints"][0]["endpoint"].as_str().unwrap().to_owned();
    let shown = world.json(&["monitor", "show", &endpoint]);
    let server = Server::start(&world);
    assert_eq!(world.json(&["monitor", "show", &endpoint]), shown, "through the server that has the folder");
    let base = format!("/api/v1/endpoints/{endpoint}/readings?metric=psi(x)&limit=5");
    let (status, first) = server.get(&base);
    assert_eq!((status, first["items"].as_array().unwrap().len()), (200, 5));
    let (_, second) = server.get(&format!("{base}&cursor={}", first["next"].as_str().unwrap()));
    assert_ne!(first["items"][4], second["items"][0]);
    for (path, status) in [("readings?limit=0", 400), ("readings?monitor=nothing", 400), ("readings?cursor=x", 400)] {
        assert_eq!(server.get(&format!("/api/v1/endpoints/{endpoint}/{path}")).0, status, "{path}");
    }
    assert_eq!(server.get("/api/v1/endpoints/nowhere/readings/latest").0, 404);
    let metrics = text(&server, "/metrics");
    let labels = format!("{{endpoint=\"{endpoint}\",monitor=\"drift\",metric=\"psi(x)\",estimated=\"false\"}}");
    let gauge = |name: &str| {
        let line = metrics.lines().find(|line| line.starts_with(&format!("{name}{labels} ")));
        line.unwrap_or_else(|| panic!("no {name} in {metrics}")).rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    assert_eq!(Some(gauge("kilter_monitor_value")), rule(&shown, "psi(x)")["value"].as_f64());
    assert_eq!((gauge("kilter_monitor_failing"), gauge("kilter_monitor_bound_high")), (1.0, 0.25));
    let rules = world.kilter(&["monitor", "export-prometheus", &endpoint]).out;
    for line in rules.lines().filter(|line| line.trim_start().starts_with("expr:")) {
        for name in
            line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| word.starts_with("kilter_"))
        {
            assert!(metrics.contains(&format!("# TYPE {name} ")), "{name} of the rules is not in /metrics");
        }
    }
    assert!(rules.contains("alert: KilterRuleBroken"), "{rules}");
}

#[test]
fn one_column_of_every_column_has_a_history_page_by_page() {
    let past = Past { days: 56, shift: Some((40, 3.0)), ..Past::STEADY };
    let (world, _) = played(&past, "", "every = \"1d\"\nmin_labelled = 0.5");
    let history =
        |arguments: &[&str]| world.json(&[&["monitor", "history", "scores", "--data", "state"], arguments].concat());
    let (every, x) = (history(&["psi(*)"]), history(&["psi(x)"]));
    assert_eq!((x["part"].as_str(), x["metric"].as_str()), (Some("x"), Some("psi(*)")), "{x:#}");
    assert_eq!(x["readings"].as_array().unwrap().len(), every["readings"].as_array().unwrap().len());
    let last = |result: &Value| result["readings"].as_array().unwrap().last().unwrap().clone();
    assert!(last(&x)["verdict"] == "failed" && last(&x)["value"] == last(&every)["value"], "{}", last(&x));
    let noise = history(&["psi(*)", "--part", "noise"]);
    assert_eq!(last(&noise)["verdict"], "passed", "{}", last(&noise));
    assert_eq!(last(&noise)["default_rule"], true);
    let problem = world.problem(&["monitor", "history", "scores", "psi(nothing)", "--data", "state"], 4);
    assert_eq!(problem["code"], "not_found");
    // Page by page the windows are those of all.
    let all = history(&["rows", "--windows", "1000"]);
    let (mut pages, mut before) = (Vec::new(), "2024-12-01".to_owned());
    loop {
        let page = history(&["rows", "--windows", "7", "--before", &before]);
        let readings = page["readings"].as_array().unwrap().clone();
        before = readings[0]["window_start"].as_str().unwrap().to_owned();
        pages.splice(0..0, readings);
        if page["has_older"] == false {
            break;
        }
    }
    assert_eq!(&pages, all["readings"].as_array().unwrap());
    assert!(world.problem(&["monitor", "history", "scores", "rows", "--before", "2020-01-01", "--data", "state"], 4)["detail"].is_string());
}

#[test]
fn an_empty_platform_has_nothing_to_tell_and_says_so() {
    let world = World::new();
    assert_eq!(world.problem(&["monitor", "list", "--data", "nowhere"], 4)["code"], "file_not_found");
    assert_eq!(world.kilter(&["monitor", "history", "churn"]).exit, 2);
}
