//! Values of serde wherever terms can be: in messages, calls, and functions that are served.
#![cfg(all(feature = "tokio", feature = "serde"))]

mod common;

use std::collections::BTreeMap;

use common::in_runtime;
use einode::etf::serde::Error;
use einode::tokio::Node;
use einode::{Atom, Pid, Serde, term};
use einode_testkit::Beam;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Shape {
    Point,
    Circle(f64),
    Named {
        name: String,
        corners: Vec<[i64; 2]>,
    },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Hello {
    from: Pid,
    shapes: BTreeMap<Atom, Shape>,
}

#[test]
fn values_go_wherever_terms_go() {
    let beam = Beam::start();
    in_runtime(async {
        let node = Node::builder("us@127.0.0.1")
            .cookie(beam.cookie())
            .epmd_port(beam.epmd_port())
            .listen(common::anywhere())
            .start()
            .await
            .unwrap();
        let square = Shape::Named {
            name: "square".into(),
            corners: vec![[0, 0], [0, 1], [1, 1], [1, 0]],
        };

        // A call, with names of atoms in both directions.
        let mut erpc = node.erpc(beam.name());
        let reversed: Serde<Vec<Shape>> = erpc
            .call(
                "lists",
                "reverse",
                (Serde([&Shape::Point, &square].to_vec()),),
            )
            .await
            .unwrap();
        assert_eq!(reversed.0, [square.clone(), Shape::Point]);
        // An answer of another type, and why.
        let answer = erpc.call("lists", "seq", (1, 3)).await.unwrap();
        let why: Result<Serde<Vec<Shape>>, Error> = answer;
        let why = why.unwrap_err().to_string();
        assert_eq!(why, "[0]: expected an atom, found an integer");

        // A message there and back.
        let mut me = node.mailbox();
        beam.eval("register(test, self())");
        let shapes = BTreeMap::from([(Atom::from_static("a"), square.clone())]);
        let from = me.pid().clone();
        let hello = Hello { from, shapes };
        me.send(("test", beam.name()), &Serde(&hello))
            .await
            .unwrap();
        beam.eval(
            "receive #{from := Pid, shapes := #{a := {named, #{corners := [{0, 0} | _]}}}} = Hello ->
                 Pid ! Hello
             end",
        );
        let back: Serde<Hello> = me.recv().await.unwrap().decode().unwrap();
        assert_eq!(back.0, hello);

        // A function that is served.
        let area = |(Serde(shape),): (Serde<Shape>,)| match shape {
            Shape::Circle(radius) => Serde(Ok(radius * 2.0)),
            other => Serde(Err(other)),
        };
        node.export("shapes", "diameter", area).unwrap();
        assert_eq!(
            beam.eval(
                "[erpc:call('us@127.0.0.1', shapes, diameter, [S])
                  || S <- [{circle, 2}, {<<\"circle\">>, 1.5}, point]]"
            ),
            term!([{ok, 4.0}, {ok, 3.0}, {error, point}])
        );
        assert_eq!(
            beam.text("catch erpc:call('us@127.0.0.1', shapes, diameter, [square]), ok"),
            "ok"
        );
    });
}
