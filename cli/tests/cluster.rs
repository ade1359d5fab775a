//! What is told of a whole cluster.

mod common;

use common::to;
use einode_testkit::{Beam, Builder};

#[test]
fn shows_who_is_connected_with_whom() {
    // Connects with nobody by itself.
    let alone = ["-connect_all", "false"];
    let shop = Beam::builder().arguments(alone).start();
    let also = |builder: Builder| {
        builder
            .epmd(shop.epmd())
            .cookie(shop.cookie())
            .arguments(alone)
    };
    let stock = also(Beam::builder()).start();
    let till = also(Beam::builder()).start();
    let tool = also(Beam::builder()).hidden().start();
    let connect = |a: &Beam, b: &Beam| {
        assert_eq!(a.text(&format!("net_adm:ping('{}')", b.name())), "pong");
    };
    connect(&shop, &stock);
    connect(&till, &shop);
    connect(&tool, &shop);

    let told = to(&shop, "nodes", &["--json"]);
    let json = told.printed();
    let [a, b] = sorted([stock.name(), till.name()]);
    assert!(
        json.starts_with(&format!("{{\"missing\":[[\"{a}\",\"{b}\"]],\"nodes\":[{{")),
        "{json}"
    );
    let of_tool = format!("{{\"hidden\":true,\"node\":\"{}\",\"sees\":", tool.name());
    assert!(json.contains(&of_tool), "{json}");

    let told = to(&shop, "nodes", &[]);
    let picture = told.printed();
    assert!(
        picture.contains(&format!("missing: {a} and {b} are not connected\n")),
        "{picture}"
    );
    assert!(
        picture.ends_with(&format!(
            "hidden: {}, connected with {}\n",
            tool.name(),
            shop.name()
        )),
        "{picture}"
    );
    let row = picture.lines().find(|line| line.contains(shop.name()));
    let row = row.unwrap_or_else(|| panic!("no row of {} in {picture}", shop.name()));
    assert_eq!(row.matches('+').count(), 2, "{row}");
}

fn sorted(mut names: [&str; 2]) -> [&str; 2] {
    names.sort_unstable();
    names
}

/// A node that does not know erpc, as those of C and Rust do not.
#[test]
fn asks_on_where_one_does_not_answer() {
    let shop = Beam::start();
    let cookie = einode::Cookie::new(shop.cookie()).unwrap();
    let ours: einode::NodeName = "quiet@127.0.0.1".parse().unwrap();
    let config = einode::Config::new(ours, cookie).epmd_port(shop.epmd_port());
    let quiet = einode::blocking::Endpoint::new(config);
    let link = quiet.connect(&shop.name().parse().unwrap()).unwrap();
    let told = to(&shop, "nodes", &["--timeout", "3", "--json"]);
    assert!(
        told.printed()
            .contains("{\"hidden\":true,\"node\":\"quiet@127.0.0.1\",\"sees\":null}"),
        "{told:?}"
    );
    drop(link);
}
