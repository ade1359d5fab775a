//! A transport of one's own: TCP on which every byte is changed, so that nobody who looks on takes it
//! for the Erlang distribution. It hides nothing from those who know better.
//!
//! ```text
//! cargo run -p einode --example obfuscated
//! ```

use std::error::Error;
use std::io::{self, IoSlice};
use std::thread;
use std::time::{Duration, Instant};

use einode::blocking::{Endpoint, Incoming, Socket, Tcp, TcpIncoming, TcpSocket, Transport};
use einode::{Address, Atom, Carrier, Config, Cookie, NodeName, Prefix, term};

/// TCP with every byte combined with a key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Obfuscated(pub(crate) u8);

/// A connection, or what connections come in on, and the key.
#[derive(Debug)]
pub(crate) struct Keyed<T>(T, u8);

impl Transport for Obfuscated {
    type Socket = Keyed<TcpSocket>;
    type Incoming = Keyed<TcpIncoming>;

    fn connect(
        &self,
        address: &Address,
        node: Option<&NodeName>,
        until: Instant,
    ) -> io::Result<Self::Socket> {
        Ok(Keyed(Tcp.connect(address, node, until)?, self.0))
    }

    fn listen(&self, address: &Address) -> io::Result<Self::Incoming> {
        Ok(Keyed(Tcp.listen(address)?, self.0))
    }
}

impl Incoming for Keyed<TcpIncoming> {
    type Socket = Keyed<TcpSocket>;

    fn accept(&self) -> io::Result<(Self::Socket, Address)> {
        let (socket, address) = self.0.accept()?;
        Ok((Keyed(socket, self.1), address))
    }

    fn address(&self) -> Address {
        self.0.address()
    }

    fn close(&self) {
        self.0.close();
    }
}

impl Socket for Keyed<TcpSocket> {
    fn read(&self, buffer: &mut [u8], until: Option<Instant>) -> io::Result<usize> {
        let read = self.0.read(buffer, until)?;
        buffer[..read].iter_mut().for_each(|byte| *byte ^= self.1);
        Ok(read)
    }

    fn write(&self, slices: &[IoSlice<'_>], until: Option<Instant>) -> io::Result<usize> {
        let bytes = slices.iter().flat_map(|slice| slice.iter());
        let some: Vec<u8> = bytes.map(|byte| byte ^ self.1).take(4096).collect();
        self.0.write(&[IoSlice::new(&some)], until)
    }

    fn shutdown(&self, until: Option<Instant>) -> io::Result<()> {
        self.0.shutdown(until)
    }

    fn close(&self) {
        Socket::close(&self.0);
    }
}

impl Carrier for Keyed<TcpSocket> {
    /// As with TLS: a transport decides how many bytes the lengths of its handshake packets have.
    fn prefix(&self) -> Prefix {
        Prefix::Four
    }
}

/// Two nodes connect, and one greets the other.
pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    const WAIT: Duration = Duration::from_secs(5);
    let node = |name| -> Result<_, Box<dyn Error>> {
        let config = Config::new(NodeName::new(name)?, Cookie::new("secret")?);
        Ok(Endpoint::new(config).transport(Obfuscated(0xa5)))
    };
    let listener = node("listens@127.0.0.1")?.listen(&"127.0.0.1:0".parse()?)?;
    let (address, connects) = (listener.address(), node("connects@127.0.0.1")?);
    let greeting = thread::spawn(move || {
        let mut link = connects
            .connect_to(&address, None)
            .map_err(|error| error.to_string())?;
        let hello = link.send(Atom::from_static("anybody"), &term!({hello, "there"}));
        hello
            .and_then(|()| link.close(WAIT))
            .map_err(|error| error.to_string())
    });
    let mut link = listener.accept(WAIT)?;
    let signal = link.receive(WAIT)?;
    let message = signal.message().ok_or("no message")?.term()?;
    drop(link);
    greeting.join().map_err(|_| "the other node panicked")??;
    assert_eq!(message, term!({hello, "there"}));
    println!("connects@127.0.0.1 says {message}");
    Ok(())
}
