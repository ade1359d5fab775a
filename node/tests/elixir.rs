//! Elixir programs and a node of ours: the tests of the project in `examples/elixir`, with the example
//! `warehouse` for their peer.
#![cfg(feature = "tokio")]

mod common;
#[path = "../examples/warehouse.rs"]
mod warehouse;

use std::path::Path;
use std::process::Command;

use common::{anywhere, in_runtime};
use einode::tokio::Node;
use einode_testkit::Epmd;
use tokio::task::block_in_place;

const COOKIE: &str = "of_the_shop";

/// Runs the project's tests as its README says, and leaves nothing in its directory.
fn mix_test(epmd: &Epmd, peer: &str) {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/elixir");
    let built = tempfile::tempdir().unwrap();
    let shop = ["--name", "shop@127.0.0.1", "--cookie", COOKIE];
    let output = Command::new("elixir")
        .args(shop)
        .args(["-S", "mix", "test"])
        .current_dir(project)
        .env("WAREHOUSE", peer)
        .env("ERL_EPMD_PORT", epmd.port().to_string())
        .env("MIX_BUILD_PATH", built.path())
        .env("MIX_HOME", built.path())
        .env("LC_ALL", "C.UTF-8")
        .output()
        .expect("elixir, which `cargo xtask test` installs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains(", 0 failures"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_project_in_elixir_talks_to_a_node_of_ours() {
    let epmd = Epmd::start();
    in_runtime(async {
        let node = Node::builder("warehouse@127.0.0.1")
            .cookie(COOKIE)
            .epmd_port(epmd.port())
            .listen(anywhere());
        let node = node.start().await.unwrap();
        let open = tokio::spawn(warehouse::open(node.clone()));
        block_in_place(|| mix_test(&epmd, node.name().as_str()));
        assert!(!open.is_finished());
    });
}
