//! Names that a whole cluster knows.

use einode_testkit::Beam;

use crate::program::Build::{self, Ours, Theirs};
use crate::program::{ALL, Program};

fn names(build: Build, sockets: &str) -> String {
    let beam = Beam::start();
    beam.text("global:register_name(theirs, self())");
    let arguments = [sockets, beam.cookie(), beam.name()];
    let mut program = Program::start("global", build, beam.epmd_port(), &arguments);
    let mut told = String::new();
    loop {
        let line = program.line();
        assert_ne!(line, "", "{told}");
        if line == "seen" {
            break;
        }
        told = told + &line + "\n";
    }
    let own = "global:whereis_name(mine)";
    assert_eq!(beam.text(&format!("node({own})")), "'c@127.0.0.1'");
    beam.text("global:unregister_name(theirs)");
    program.go_on();
    told + &program.rest()
}

#[test]
fn names_are_known_as_with_otps_library() {
    let expected = names(Theirs, "tcp");
    for build in ALL {
        assert_eq!(names(build, "tcp"), expected, "{build:?}");
    }
    assert_eq!(names(Ours, "full"), expected);
}

#[test]
fn names_that_are_no_atoms_of_latin_1_hide_no_others() {
    let beam = Beam::start();
    beam.text(
        "[yes = global:register_name(Name, spawn(timer, sleep, [infinity])) \
         || Name <- [{first, 1}, list_to_atom([26085]), one, 7, \"text\", two, <<3>>]]",
    );
    let arguments = ["tcp", beam.cookie(), beam.name(), "only"];
    let mut program = Program::start("global", Ours, beam.epmd_port(), &arguments);
    program.says(&["connect: ok", "2 names: one two"]);
    program.ends();
}
