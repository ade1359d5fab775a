//! The checks of `einode::testing` find transports that are broken in one way each, and say in which.

use std::any::Any;
use std::fmt;
use std::io::{self, ErrorKind, IoSlice};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use einode::blocking::{Incoming, Memory, MemoryIncoming, MemorySocket, Socket, Transport};
use einode::dist::handshake::Session;
use einode::testing::{self, Observed};
use einode::{Address, Carrier, Ending, NodeName, Prefix, Side};

/// Runs checks that must fail, one for each fault and with these words. They wait more than they work,
/// so all run at once.
fn find<F: fmt::Debug + Copy + Send>(faults: &[(F, &str)], checks: impl Fn(F) + Sync) {
    let wrong: Vec<String> = thread::scope(|scope| {
        let checks = &checks;
        let finding = |(fault, words): &(F, &'_ str)| {
            let (fault, words) = (*fault, (*words).to_owned());
            scope.spawn(move || {
                let found = match catch_unwind(AssertUnwindSafe(|| checks(fault))) {
                    Ok(()) => "nothing".to_owned(),
                    Err(panic) => text(&*panic),
                };
                (!found.contains(&words)).then(|| format!("{fault:?}: found {found}"))
            })
        };
        let finding: Vec<_> = faults.iter().map(finding).collect();
        finding
            .into_iter()
            .filter_map(|found| found.join().unwrap())
            .collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a panic says.
fn text(panic: &(dyn Any + Send)) -> String {
    match panic.downcast_ref::<String>() {
        Some(text) => text.clone(),
        None => (*panic.downcast_ref::<&str>().unwrap()).to_owned(),
    }
}

/// What is wrong with a socket.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    ReadsAhead,
    CountsTooMuch,
    FillsTheBuffer,
    ReadsForEver,
    ReadGivesUpEarly,
    SaysWouldBlock,
    EndsAtTheDeadline,
    SpoilsOneByte,
    EndsAtEndOfText,
    EndsOnce,
    WritesHalf,
    WritesForEver,
    WritesTwice,
    WritesWithoutEnd,
    HoldsBack,
    WritesFirstSlice,
    WritesLastSliceFirst,
    ShutsNothing,
    ShutsBoth,
    OutlivesDrop,
    ClosesNothing,
    OneAtATime,
    DiffersFromPeer,
    ChangesPrefix,
    RefusesHandshakes,
}

struct Broken {
    inner: Option<MemorySocket>,
    fault: Fault,
    /// Whether it is the second of its pair.
    second: bool,
    /// What it keeps that should be elsewhere.
    held: Mutex<Vec<u8>>,
    ended: AtomicBool,
    busy: Mutex<()>,
}

impl Broken {
    fn new(inner: MemorySocket, fault: Fault, second: bool) -> Self {
        let (inner, held, ended) = (Some(inner), Mutex::default(), AtomicBool::new(false));
        Self {
            inner,
            fault,
            second,
            held,
            ended,
            busy: Mutex::default(),
        }
    }

    fn inner(&self) -> &MemorySocket {
        self.inner.as_ref().unwrap()
    }

    fn held(&self) -> MutexGuard<'_, Vec<u8>> {
        self.held.lock().unwrap()
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    fn write_held(&self, until: Option<Instant>) -> io::Result<()> {
        let mut held = self.held();
        while !held.is_empty() {
            let written = self.inner().write(&[IoSlice::new(&held)], until)?;
            held.drain(..written);
        }
        Ok(())
    }
}

impl Carrier for Broken {
    fn prefix(&self) -> Prefix {
        match self.fault {
            Fault::DiffersFromPeer if self.second => Prefix::Four,
            Fault::ChangesPrefix if self.has_ended() => Prefix::Four,
            _ => Prefix::Two,
        }
    }

    fn handshake_complete(&mut self, _: Side, _: &Session) -> io::Result<()> {
        match self.fault {
            Fault::RefusesHandshakes => return Err(ErrorKind::PermissionDenied.into()),
            Fault::ChangesPrefix => self.end(),
            _ => {}
        }
        Ok(())
    }
}

impl Socket for Broken {
    fn read(&self, buffer: &mut [u8], until: Option<Instant>) -> io::Result<usize> {
        let ended = self.has_ended();
        match self.fault {
            Fault::ReadsAhead => {
                let mut more = [0; 100];
                let read = self.inner().read(&mut more, until)?.min(buffer.len());
                buffer[..read].copy_from_slice(&more[..read]);
                Ok(read)
            }
            Fault::CountsTooMuch => match self.inner().read(buffer, until)? {
                read if read == buffer.len() => Ok(read + 1),
                read => Ok(read),
            },
            Fault::FillsTheBuffer => {
                let mut filled = 0;
                while filled < buffer.len() {
                    match self.inner().read(&mut buffer[filled..], until)? {
                        0 => break,
                        read => filled += read,
                    }
                }
                Ok(filled)
            }
            Fault::ReadsForEver => self.inner().read(buffer, None),
            Fault::OneAtATime => {
                let _busy = self.busy.lock();
                self.inner().read(buffer, until)
            }
            Fault::ReadGivesUpEarly => {
                let early = until.map(|until| until - Duration::from_millis(20));
                self.inner().read(buffer, early)
            }
            Fault::SaysWouldBlock => self.inner().read(buffer, until).map_err(|error| match error
                .kind()
            {
                ErrorKind::TimedOut => ErrorKind::WouldBlock.into(),
                _ => error,
            }),
            Fault::EndsAtTheDeadline => match self.inner().read(buffer, until) {
                Err(error) if error.kind() == ErrorKind::TimedOut => Ok(0),
                other => other,
            },
            Fault::SpoilsOneByte => {
                let read = self.inner().read(buffer, until)?;
                let spoilt = buffer[..read].iter_mut().filter(|byte| **byte == b'\n');
                spoilt.for_each(|byte| *byte = b'\r');
                Ok(read)
            }
            Fault::EndsAtEndOfText => {
                let read = self.inner().read(buffer, until)?;
                let end = buffer[..read].iter().position(|byte| *byte == 0x04);
                Ok(end.unwrap_or(read))
            }
            Fault::EndsOnce if ended => {
                thread::sleep(until.unwrap().saturating_duration_since(Instant::now()));
                Err(ErrorKind::TimedOut.into())
            }
            Fault::EndsOnce => {
                let read = self.inner().read(buffer, until)?;
                if read == 0 {
                    self.end();
                }
                Ok(read)
            }
            Fault::ShutsBoth if ended => Ok(0),
            _ => self.inner().read(buffer, until),
        }
    }

    fn write(&self, slices: &[IoSlice<'_>], until: Option<Instant>) -> io::Result<usize> {
        let all = || -> Vec<u8> { slices.iter().flat_map(|slice| slice.to_vec()).collect() };
        match self.fault {
            Fault::WritesHalf if all().len() > 1 => {
                let all = all();
                self.inner()
                    .write(&[IoSlice::new(&all[..all.len() / 2])], until)?;
                Ok(all.len())
            }
            Fault::WritesForEver => self.inner().write(slices, None),
            Fault::OneAtATime => {
                let _busy = self.busy.lock();
                self.inner().write(slices, until)
            }
            Fault::WritesTwice => {
                self.write_held(until)?;
                let written = self.inner().write(slices, until);
                if written.is_err() {
                    *self.held() = all()[..1].to_vec();
                }
                written
            }
            Fault::WritesWithoutEnd => {
                let all = all();
                self.held().extend(&all);
                match self.write_held(Some(Instant::now())) {
                    Err(error) if error.kind() != ErrorKind::TimedOut => Err(error),
                    _ => Ok(all.len()),
                }
            }
            Fault::HoldsBack => {
                let all = all();
                self.held().extend(&all);
                if self.held().len() > 1000 {
                    self.write_held(until)?;
                }
                Ok(all.len())
            }
            Fault::WritesFirstSlice => self.inner().write(&slices[..1], until),
            Fault::WritesLastSliceFirst => {
                let last = slices
                    .iter()
                    .rposition(|slice| !slice.is_empty())
                    .unwrap_or(0);
                self.inner().write(&slices[last..=last], until)
            }
            _ => self.inner().write(slices, until),
        }
    }

    fn shutdown(&self, until: Option<Instant>) -> io::Result<()> {
        match self.fault {
            Fault::ShutsNothing => return Ok(()),
            Fault::ShutsBoth => self.end(),
            _ => {}
        }
        self.inner().shutdown(until)
    }

    fn close(&self) {
        if self.fault != Fault::ClosesNothing {
            self.inner().close();
        }
    }
}

impl Drop for Broken {
    fn drop(&mut self) {
        if self.fault == Fault::OutlivesDrop {
            std::mem::forget(self.inner.take());
        }
    }
}

#[test]
fn finds_broken_sockets() {
    let faults = [
        (Fault::ReadsAhead, "Socket::read must give"),
        (
            Fault::CountsTooMuch,
            "Socket::read must read no more than fit",
        ),
        (
            Fault::FillsTheBuffer,
            "and not wait until the buffer is full",
        ),
        (
            Fault::ReadsForEver,
            "reads end at their deadline: an operation waits past",
        ),
        (Fault::ReadGivesUpEarly, "and not fail with TimedOut before"),
        (Fault::SaysWouldBlock, "it failed with WouldBlock"),
        (Fault::EndsAtTheDeadline, "at its deadline; 0 is the end"),
        (
            Fault::SpoilsOneByte,
            "Socket::read must give byte 0x0a as it was written",
        ),
        (
            Fault::EndsAtEndOfText,
            "must give all that was written before the end",
        ),
        (
            Fault::EndsOnce,
            "must give 0 at the end of what the peer wrote",
        ),
        (Fault::WritesHalf, "Socket::read must give"),
        (
            Fault::WritesForEver,
            "writes end at their deadline: an operation waits past",
        ),
        (Fault::WritesTwice, "once and in order"),
        (
            Fault::WritesWithoutEnd,
            "must wait when the peer does not read",
        ),
        (
            Fault::HoldsBack,
            "Socket::read must give what the peer has written",
        ),
        (Fault::WritesFirstSlice, "must write at least one byte"),
        (Fault::WritesLastSliceFirst, "once and in order"),
        (
            Fault::ShutsNothing,
            "must give 0 at the end of what the peer wrote",
        ),
        (
            Fault::ShutsBoth,
            "must give all that was written before the end",
        ),
        (Fault::OutlivesDrop, "a socket that is dropped must close"),
        (
            Fault::ClosesNothing,
            "closed under its reader: an operation waits past",
        ),
        // Whoever of the two has the other wait.
        (Fault::OneAtATime, "both ways on two threads each: "),
        (
            Fault::DiffersFromPeer,
            "Carrier::prefix must be the same on both sides",
        ),
        (
            Fault::ChangesPrefix,
            "Carrier::prefix must be the same at all times",
        ),
        (
            Fault::RefusesHandshakes,
            "come through their handshake over the sockets; it failed: permission denied",
        ),
    ];
    find(&faults, |fault| {
        testing::check_sockets(move || {
            let (a, b) = MemorySocket::pair();
            (Broken::new(a, fault, false), Broken::new(b, fault, true))
        });
    });
}

/// What is wrong with a transport.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Flaw {
    CloseWakesNobody,
    CloseWakesOne,
    AcceptsWhenClosed,
    HasAnotherAddress,
    ConnectsSlowly,
    GivesUpEarly,
    KeepsItsAddress,
    FindsSomebodyAnywhere,
    RefusesAll,
}

struct Flawed(Memory, Flaw);

struct FlawedIncoming {
    inner: MemoryIncoming,
    flaw: Flaw,
    network: Memory,
    failures: AtomicUsize,
}

impl Transport for Flawed {
    type Socket = MemorySocket;
    type Incoming = FlawedIncoming;

    fn connect(
        &self,
        address: &Address,
        node: Option<&NodeName>,
        until: Instant,
    ) -> io::Result<MemorySocket> {
        let soon = until < Instant::now() + Duration::from_secs(1);
        match self.1 {
            Flaw::ConnectsSlowly if soon => thread::sleep(Duration::from_secs(4)),
            Flaw::GivesUpEarly if soon => return Err(ErrorKind::TimedOut.into()),
            Flaw::FindsSomebodyAnywhere => {
                let nobody = |_| MemorySocket::pair().0;
                return self
                    .0
                    .connect(address, node, until)
                    .or_else(|error| Ok(nobody(error)));
            }
            Flaw::RefusesAll => return Err(ErrorKind::ConnectionRefused.into()),
            _ => {}
        }
        self.0.connect(address, node, until)
    }

    fn listen(&self, address: &Address) -> io::Result<FlawedIncoming> {
        Ok(FlawedIncoming {
            inner: self.0.listen(address)?,
            flaw: self.1,
            network: self.0.clone(),
            failures: AtomicUsize::new(0),
        })
    }
}

impl Incoming for FlawedIncoming {
    type Socket = MemorySocket;

    fn accept(&self) -> io::Result<(MemorySocket, Address)> {
        let accepted = self.inner.accept();
        if accepted.is_err() && self.flaw == Flaw::AcceptsWhenClosed {
            return Ok((MemorySocket::pair().0, self.address()));
        }
        let woken = accepted.is_err() && self.failures.fetch_add(1, Ordering::SeqCst) > 0;
        if woken && self.flaw == Flaw::CloseWakesOne {
            thread::sleep(Duration::from_secs(60));
        }
        accepted
    }

    fn address(&self) -> Address {
        match self.flaw {
            Flaw::HasAnotherAddress => Address::Other("elsewhere".into()),
            _ => self.inner.address(),
        }
    }

    fn close(&self) {
        if self.flaw != Flaw::CloseWakesNobody {
            self.inner.close();
        }
    }
}

impl Drop for FlawedIncoming {
    fn drop(&mut self) {
        if self.flaw == Flaw::KeepsItsAddress {
            self.inner.close();
            std::mem::forget(self.network.listen(&self.inner.address()));
        }
    }
}

#[test]
fn finds_flawed_transports() {
    let flaws = [
        (Flaw::CloseWakesNobody, "must wake every thread that waits"),
        (Flaw::CloseWakesOne, "must wake every thread that waits"),
        (
            Flaw::AcceptsWhenClosed,
            "Incoming::accept must fail after Incoming::close",
        ),
        (
            Flaw::HasAnotherAddress,
            "must reach what Incoming::address says",
        ),
        (
            Flaw::ConnectsSlowly,
            "Transport::connect must not wait past",
        ),
        (Flaw::GivesUpEarly, "not fail with TimedOut before"),
        (Flaw::KeepsItsAddress, "Transport::listen must listen"),
        (
            Flaw::FindsSomebodyAnywhere,
            "must fail where nobody listens",
        ),
        (Flaw::RefusesAll, "must reach what Incoming::address says"),
    ];
    find(&flaws, |flaw| {
        let transport = Flawed(Memory::default(), flaw);
        testing::check_transport(transport, &Address::Other("here".into()));
    });
}

/// What is wrong with a socket around another.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Gap {
    Prefix,
    Complete,
    Side,
    Refusal,
    Closing,
    ClosingTwice,
    Reason,
}

struct Leaky(Observed<MemorySocket>, Gap);

impl Carrier for Leaky {
    fn prefix(&self) -> Prefix {
        match self.1 {
            Gap::Prefix => Prefix::Two,
            _ => self.0.prefix(),
        }
    }

    fn handshake_complete(&mut self, side: Side, session: &Session) -> io::Result<()> {
        match self.1 {
            Gap::Complete => Ok(()),
            Gap::Side => self.0.handshake_complete(Side::Initiator, session),
            Gap::Refusal => self.0.handshake_complete(side, session).or(Ok(())),
            _ => self.0.handshake_complete(side, session),
        }
    }

    fn closing(&mut self, why: Ending) {
        match self.1 {
            Gap::Closing => {}
            Gap::ClosingTwice => {
                self.0.closing(why);
                self.0.closing(why);
            }
            Gap::Reason => self.0.closing(Ending::Done),
            _ => self.0.closing(why),
        }
    }
}

impl Socket for Leaky {
    fn read(&self, buffer: &mut [u8], until: Option<Instant>) -> io::Result<usize> {
        self.0.read(buffer, until)
    }

    fn write(&self, slices: &[IoSlice<'_>], until: Option<Instant>) -> io::Result<usize> {
        self.0.write(slices, until)
    }

    fn shutdown(&self, until: Option<Instant>) -> io::Result<()> {
        self.0.shutdown(until)
    }

    fn close(&self) {
        self.0.close();
    }
}

#[test]
fn finds_wrappers_that_keep_things_to_themselves() {
    let gaps = [
        (
            Gap::Prefix,
            "Carrier::prefix must be that of the inner socket",
        ),
        (
            Gap::Complete,
            "Carrier::handshake_complete must reach the inner socket",
        ),
        (Gap::Side, "once and with the same side"),
        (Gap::Refusal, "must give the error of the inner socket"),
        (Gap::Closing, "Carrier::closing is called once"),
        (Gap::ClosingTwice, "Carrier::closing is called once"),
        (Gap::Reason, "with the reason"),
    ];
    find(&gaps, |gap| {
        testing::check_wrapper(move |socket| Leaky(socket, gap))
    });
}
