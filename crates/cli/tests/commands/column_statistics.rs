//! What an endpoint was asked, counted by the process that serves it: over the API, in the terminal, in files, as gauges.

use serde_json::{Value, json};

use crate::{World, contract::project, monitor_api::text, predictions::rows, server::Server};

fn ask(server: &Server, times: usize) {
    for _ in 0..times {
        assert_eq!(server.ask("POST", "/v2/models/churn/infer", &rows()).0, 200);
    }
}

fn result(server: &Server) -> Value {
    let (status, profile) = server.get("/api/v1/endpoints/churn/columns");
    assert_eq!(status, 200, "{profile}");
    profile
}

fn column<'p>(profile: &'p Value, name: &str) -> &'p Value {
    let columns = profile["versions"][0]["columns"].as_array().unwrap();
    columns.iter().find(|column| column["column"] == name).unwrap_or_else(|| panic!("no {name} in {profile:#}"))
}

fn files(world: &World) -> Vec<std::path::PathBuf> {
    let versions = std::fs::read_dir(world.path().join(".kilter/served/churn"));
    let versions = versions.into_iter().flatten().map(|entry| entry.unwrap().path());
    versions.flat_map(|folder| std::fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn what_is_asked_is_counted_told_kept_and_added_up_after_a_restart() {
    let world = project("0.55");
    assert_eq!(world.kilter(&["run"]).exit, 0);
    let server = Server::start(&world);
    assert_eq!(result(&server)["versions"], json!([]));
    ask(&server, 5);
    let profile = result(&server);
    let version = &profile["versions"][0];
    assert_eq!((version["rows"].as_u64(), version["role"].as_str()), (Some(10), Some("champion")), "{profile:#}");
    let (region, age) = (column(&profile, "region"), column(&profile, "age"));
    assert_eq!((region["unseen_share"].as_f64(), &region["unseen_values"]), (Some(0.5), &json!(["a new one"])));
    assert_eq!((age["missing_share"].as_f64(), age["rows"].as_u64()), (Some(0.0), Some(10)));
    assert_eq!(column(&profile, "score")["kind"], "score");
    assert!(region["distances"][1]["effect"].as_f64().unwrap() > 0.1, "half of it is new: {region}");
    let gauges = text(&server, "/metrics");
    let line = "kilter_column_unseen_ratio{endpoint=\"churn\",version=\"1\",column=\"region\"} 0.5\n";
    assert!(gauges.contains(line) && gauges.contains("kilter_columns_truncated 0\n"), "{gauges}");
    assert_eq!(world.json(&["monitor", "columns", "churn"])["versions"], profile["versions"], "through the server");
    assert_eq!(server.get("/api/v1/endpoints/nobody/columns").0, 404);
    assert_eq!(server.get("/api/v1/endpoints/churn/columns?since=soon").0, 400);
    assert_eq!(server.get("/api/v1/endpoints/churn/columns?since=2026-02-01&until=2026-01-01").0, 400);
    assert!(files(&world).is_empty(), "nothing is kept before its time");
    server.signal("-TERM");
    assert_eq!(server.wait(), Some(0));

    assert!(
        !files(&world).is_empty() && files(&world).iter().all(|path| path.to_str().unwrap().ends_with(".champion.bin"))
    );
    assert_eq!(world.json(&["monitor", "columns", "churn"])["versions"], profile["versions"], "from the files");
    let output = world.kilter(&["monitor", "columns", "churn", "--since", "3h"]);
    assert!(output.exit == 0 && output.out.contains("churn@1 as champion: 10 rows"), "{}{}", output.out, output.err);
    assert!(output.out.contains("50 % (a new one)"), "{}", output.out);
    let server = Server::start(&world);
    ask(&server, 2);
    assert_eq!(result(&server)["versions"][0]["rows"], 14);
    server.signal("-KILL");
    drop(server);
    let server = Server::start(&world);
    assert_eq!(
        result(&server)["versions"][0]["rows"],
        10,
        "what was not yet kept is lost with the process, the rest is not"
    );
}
