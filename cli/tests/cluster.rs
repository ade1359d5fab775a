//! What is told of a whole cluster.

mod common;

use common::{EVALUATING, Following, nothing_is_left, to};
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

#[test]
fn tells_which_nodes_come_and_go() {
    let shop = Beam::start();
    let also = || Beam::builder().epmd(shop.epmd()).cookie(shop.cookie());
    let stock = also().start();
    let ping = |other: &Beam| {
        assert_eq!(
            shop.text(&format!("net_adm:ping('{}')", other.name())),
            "pong"
        );
    };
    ping(&stock);
    for as_json in [false, true] {
        let mut watch = Following::start(&shop, "watch", if as_json { &["--json"] } else { &[] });
        let event = |what: &str, node: &str, kind: &str| {
            if as_json {
                let told = format!("{{\"event\":\"{what}\",\"node\":\"{node}\",\"reason\":");
                (told, format!("\"type\":\"{kind}\"}}"))
            } else {
                (format!("Z {what:9} {node} ({kind})"), String::new())
            }
        };
        let mut expect = |what: &str, node: &str, kind: &str| {
            let (told, end) = event(what, node, kind);
            let line = watch.line();
            assert!(
                line.contains(&told) && line.contains(&end),
                "{told}: {line}"
            );
        };
        expect("up", shop.name(), "watched");
        expect("connected", stock.name(), "visible");
        let mut till = also().start();
        let tool = also().hidden().start();
        ping(&till);
        expect("up", till.name(), "visible");
        ping(&tool);
        expect("up", tool.name(), "hidden");
        till.kill();
        expect("down", till.name(), "visible");
        drop(tool);
        watch.until("hidden");
        assert_eq!(shop.text(&format!("length({EVALUATING})")), "1");
        watch.interrupt();
        nothing_is_left(&shop);
    }
}

/// And connects with it again.
#[test]
fn tells_when_the_watched_node_goes() {
    let mut shop = Beam::start();
    let (epmd, cookie) = (shop.epmd().clone(), shop.cookie().to_owned());
    let name = shop.name().to_owned();
    let mut watch = Following::start(&shop, "watch", &[]);
    watch.until(&format!("up        {name} (watched)"));
    shop.kill();
    watch.until(&format!("down      {name} (watched): the connection ended"));
    let again = Beam::builder().name(&name).epmd(&epmd).cookie(&cookie);
    let _again = again.start();
    watch.until(&format!("up        {name} (watched)"));
    watch.interrupt();
}
