//! OTP's libei: the C program of the other benchmark.

use std::cell::RefCell;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use einode_testkit::Beam;

use super::{Peer, Work};
use crate::libraries::{OTP, Program, link};

pub(super) struct Libei {
    program: Rc<RefCell<Program>>,
    node: String,
}

impl Libei {
    pub(super) fn start(there: &Beam, home: &Path) -> io::Result<Self> {
        let program = Program::start(&link(OTP, home)?, there.epmd_port())?;
        let node = format!("{} {}", there.name(), there.cookie());
        program.borrow_mut().ask(&format!("connect {node}"))?;
        Ok(Self { program, node })
    }
}

impl Peer for Libei {
    fn work(&mut self, work: Work, count: u32) -> io::Result<Option<Duration>> {
        let request = match work {
            Work::Ping(size) => format!("ping {count} {size}"),
            Work::ToName(size) => format!("name {count} {size}"),
            Work::ToPid(size) => format!("pid {count} {size}"),
            Work::FromPid(size) => format!("pull {count} {size}"),
            Work::FromName(size) => format!("pull_name {count} {size}"),
            Work::Callers(callers) => format!("callers {count} {callers}"),
            Work::Connect => format!("reconnect {count} {}", self.node),
        };
        let answer = self.program.borrow_mut().ask(&request)?;
        Ok(Some(answer.wall))
    }
}
