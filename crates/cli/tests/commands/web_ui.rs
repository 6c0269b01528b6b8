//! The web UI that the binary holds, in a real browser, on the models of the demo.

use std::{path::Path, process::Command};

use crate::{World, server::Server};

/// Where the tests of the browser are, if what they need is there; `./test` installs it.
fn web() -> Option<std::path::PathBuf> {
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web");
    let is_there = web.join("node_modules/playwright-core").exists() && Path::new("/usr/bin/chromium").exists();
    let is_built = std::env::var("UI_REQUIRE").is_ok_and(|value| value == "1");
    (is_there && is_built).then_some(web)
}

#[test]
#[ignore = "minutes of a browser: ./test --replays -- web_ui"]
fn every_page_works_in_a_browser_with_mouse_and_keyboard_in_both_themes() {
    let Some(web) = web() else {
        println!(
            "skipped: the packages of web/, Chromium or a binary with the UI (UI_REQUIRE=1) are missing; ./test installs them"
        );
        return;
    };
    let world = World::new();
    let demo = world.kilter(&["demo", "--keep", "demo", "--once", "--quiet"]);
    assert_eq!(demo.exit, 0, "{}", demo.err);
    let server = Server::start_on(&world, "demo/.kilter");
    let done = Command::new("node")
        .args(["--test", "tests/"])
        .current_dir(web)
        .env("KILTER_UI_URL", format!("http://{}", server.address))
        .output()
        .expect("node starts");
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
}
