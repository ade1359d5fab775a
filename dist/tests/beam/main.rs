//! Every operation to and from a real Erlang node: what we say must mean there what it means here,
//! and the other way round.

mod signals;
mod wire;

use std::io::{IoSlice, Read, Write};
use std::net::TcpStream;

use einode_dist::handshake::{Initiator, Local};
use einode_dist::{
    Connection, Control, Cookie, Destination, Event, Exchange, Flags, NodeName, Payload, Prefix,
    Settings, Target,
};
use einode_etf::{Atom, Decode, Encode, Pid, Reference};
use einode_testkit::{Beam, DEADLINE};

const NAME: &str = "ours@127.0.0.1";
const CREATION: u32 = 4711;

/// What libei says it handles, so that the node uses the oldest operations there are.
const OLD: Flags = Flags::from_bits(0x4_0707_4f9c);

/// All that we handle, but packets without a header.
const PASS_THROUGH: Flags = Flags::from_bits(
    Flags::HIDDEN.bits() & !(Flags::DIST_HDR_ATOM_CACHE.bits() | Flags::FRAGMENTS.bits()),
);

fn atom(name: &str) -> Atom {
    Atom::new(name).unwrap()
}

/// A process of ours; there is nothing behind it.
fn us() -> Pid {
    Pid::new(atom(NAME), 100, 0, CREATION)
}

fn reference(word: u32) -> Reference {
    Reference::new(atom(NAME), CREATION, &[word, 2, 3]).unwrap()
}

/// A connection with a node. The process that evaluates expressions there is `them`; it is
/// registered as `them`, and has our pid in its dictionary under `us`.
struct Peer {
    beam: Beam,
    stream: TcpStream,
    connection: Connection,
    them: Pid,
}

impl Peer {
    fn connect(flags: Flags) -> Self {
        let beam = Beam::start();
        let cookie = Cookie::new(beam.cookie()).unwrap();
        let mut local = Local::new(NodeName::new(NAME).unwrap(), CREATION, cookie);
        local.flags = flags;
        let name = NodeName::new(beam.name()).unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", beam.port())).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_nodelay(true).unwrap();

        let mut handshake = Initiator::new(&local, Some(name.clone()), Prefix::Two, 42);
        while handshake.want() > 0 {
            stream.write_all(handshake.outgoing()).unwrap();
            handshake.sent(handshake.outgoing().len());
            let mut bytes = vec![0; handshake.want()];
            stream.read_exact(&mut bytes).unwrap();
            handshake.receive(&bytes).unwrap();
        }
        let session = handshake.outcome().unwrap();
        assert_eq!(
            (&session.peer, session.flags),
            (&name, flags.negotiate(session.peer_flags))
        );

        let connection = Connection::new(session.flags, &Settings::default());
        let them = beam
            .eval("register(them, self()), self()")
            .as_pid()
            .unwrap()
            .clone();
        let mut peer = Self {
            beam,
            stream,
            connection,
            them,
        };
        peer.send_to(Destination::Name(atom("them")), None, &us());
        peer.beam.eval("receive Us -> put(us, Us) end");
        peer
    }

    fn send(&mut self, control: &Control, payload: Option<Payload>) {
        self.connection.outbound.send(control, payload).unwrap();
        self.flush();
    }

    fn flush(&mut self) {
        let outbound = &mut self.connection.outbound;
        while outbound.queued() > 0 {
            let mut slices = [IoSlice::new(&[]); 16];
            let filled = outbound.outgoing(&mut slices);
            let written = self.stream.write_vectored(&slices[..filled]).unwrap();
            outbound.sent(written);
        }
    }

    fn send_to(&mut self, to: Destination, token: Option<Payload>, message: &impl Encode) {
        let control = Control::Send {
            from: Some(us()),
            to,
            priority: false,
            token,
        };
        self.send(&control, Some(encoded(message)));
    }

    /// The next signal for our process. The node's own daemons may talk to us as well.
    fn receive(&mut self) -> (Control, Option<Payload>) {
        loop {
            while let Some(event) = self.connection.inbound.poll().unwrap() {
                match event {
                    Event::Signal(control, payload) if !is_of_daemons(&control) => {
                        return (control, payload);
                    }
                    Event::Signal(..) | Event::Tick => {}
                    other => panic!("the node sent {other:?}"),
                }
            }
            let mut bytes = vec![0; self.connection.inbound.want()];
            self.stream.read_exact(&mut bytes).unwrap();
            self.connection.inbound.inbox().extend_from_slice(&bytes);
        }
    }

    /// The next message in the mailbox of `them`.
    fn message(&self) -> String {
        self.beam
            .text("receive Message -> Message after 10000 -> nothing end")
    }

    /// A message for us with its payload.
    fn receive_message<T: for<'a> Decode<'a>>(&mut self) -> (Destination, T) {
        match self.receive() {
            (
                Control::Send {
                    from,
                    to,
                    priority: false,
                    token: None,
                },
                Some(payload),
            ) => {
                let old = !self
                    .connection
                    .outbound
                    .flags()
                    .contains(Flags::SEND_SENDER);
                let untold = old && matches!(to, Destination::Pid(_));
                assert_eq!(from, (!untold).then(|| self.them.clone()));
                (to, payload.decode().unwrap())
            }
            other => panic!("expected a message, received {other:?}"),
        }
    }
}

fn encoded<T: Encode + ?Sized>(value: &T) -> Payload {
    Payload::encode(value).unwrap()
}

fn is_of_daemons(control: &Control) -> bool {
    let name = match control {
        Control::Send {
            to: Destination::Name(name),
            ..
        } => name,
        Control::MonitorP {
            to: Target::Name(name),
            ..
        } => name,
        _ => return false,
    };
    *name != "ours"
}
