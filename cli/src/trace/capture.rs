//! Captures of network traffic, in both formats of tcpdump and Wireshark.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use einode::dist::Side;
use etherparse::{EtherType, LaxNetSlice, LaxSlicedPacket, TcpSlice, TransportSlice};
use pcap_parser::{Block, Linktype, PcapBlockOwned, PcapError, create_reader};

use super::Show;
use super::feed::{Feed, What};
use super::tcp::{Direction, Piece};
use super::viewer::Viewer;
use crate::exit::Failure;

/// The largest block that is read; that of a packet is as long as the packet, up to 256 KiB (`MAXIMUM_SNAPLEN`
/// of libpcap).
const BLOCK: usize = 1024 * 1024;

/// Linux "cooked" captures: <https://www.tcpdump.org/linktypes.html>.
const LINUX_SLL: Linktype = Linktype(113);
const LINUX_SLL2: Linktype = Linktype(276);

/// Shows what a capture has of the connections of nodes.
pub(super) fn show(path: &Path, port: Option<u16>, show: &Show) -> Result<(), Failure> {
    let failed =
        |problem: &dyn std::fmt::Display| Failure::Io(format!("{}: {problem}", path.display()));
    let file: Box<dyn Read + Send> = if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(path).map_err(|error| failed(&error))?)
    };
    let wrong = |problem: &str| Failure::Usage(format!("{}: {problem}", path.display()));
    let mut reader = match create_reader(BLOCK, file) {
        Ok(reader) => reader,
        Err(PcapError::ReadError) => return Err(failed(&"it cannot be read")),
        Err(_) => return Err(wrong("it is neither pcap nor pcapng")),
    };
    let mut capture = Capture::default();
    let mut viewer = Viewer::new(show);
    let mut read = 0;
    loop {
        let frame = match reader.next() {
            Ok((used, block)) => {
                let frame = capture.frame(&block);
                let feeds = frame.map_or_else(Vec::new, |frame| capture.streams.take(&frame, port));
                reader.consume(used);
                read = 0;
                feeds
            }
            Err(PcapError::Eof) => break,
            Err(PcapError::Incomplete(_)) if read < 2 => {
                // Once for what is missing, and once more to see that it is the end.
                read += 1;
                reader.refill().map_err(|_| failed(&"it cannot be read"))?;
                continue;
            }
            Err(error) => {
                // What there was is told, and that there is no more.
                let _ = capture
                    .streams
                    .finish()
                    .into_iter()
                    .try_for_each(|feed| viewer.take(feed).map(drop));
                viewer.finish()?;
                let problem = match error {
                    PcapError::Incomplete(_) | PcapError::UnexpectedEof => {
                        "it ends in the middle of a packet"
                    }
                    PcapError::ReadError => return Err(failed(&"it cannot be read")),
                    _ => "it is malformed from here on",
                };
                return Err(wrong(problem));
            }
        };
        for feed in frame {
            if !viewer.take(feed)? {
                return Ok(());
            }
        }
    }
    for feed in capture.streams.finish() {
        if !viewer.take(feed)? {
            return Ok(());
        }
    }
    viewer.finish()
}

/// What a file has said so far.
#[derive(Default)]
struct Capture {
    /// Of pcap: what all its packets are, and whether their times are in nanoseconds.
    legacy: Option<(Linktype, bool)>,
    /// Of pcapng: what the packets of each interface are, and in which units their times are.
    interfaces: Vec<Interface>,
    streams: Streams,
}

struct Interface {
    link: Linktype,
    offset: u64,
    resolution: u64,
}

/// A packet as it was on the wire.
struct Frame<'b> {
    time: Duration,
    link: Linktype,
    bytes: &'b [u8],
}

impl Capture {
    fn frame<'b>(&mut self, block: &PcapBlockOwned<'b>) -> Option<Frame<'b>> {
        match block {
            PcapBlockOwned::LegacyHeader(header) => {
                self.legacy = Some((header.network, header.is_nanosecond_precision()));
                None
            }
            PcapBlockOwned::Legacy(packet) => {
                let (link, nano) = self.legacy?;
                let fraction = u64::from(packet.ts_usec) * if nano { 1 } else { 1000 };
                let seconds = Duration::from_secs(packet.ts_sec.into());
                let time = seconds.saturating_add(Duration::from_nanos(fraction));
                Some(Frame {
                    time,
                    link,
                    bytes: packet.data,
                })
            }
            PcapBlockOwned::NG(Block::SectionHeader(_)) => {
                self.interfaces.clear();
                None
            }
            PcapBlockOwned::NG(Block::InterfaceDescription(interface)) => {
                self.interfaces.push(Interface {
                    link: interface.linktype,
                    offset: u64::try_from(interface.ts_offset()).unwrap_or_default(),
                    resolution: interface
                        .ts_resolution()
                        .filter(|units| *units > 0)
                        .unwrap_or(1_000_000),
                });
                None
            }
            PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                let interface = self.interfaces.get(packet.if_id as usize)?;
                let units = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
                let seconds = Duration::from_secs(
                    (units / interface.resolution).saturating_add(interface.offset),
                );
                let rest = u128::from(units % interface.resolution) * 1_000_000_000
                    / u128::from(interface.resolution);
                let time = seconds.saturating_add(Duration::from_nanos(rest as u64));
                // The data has padding at its end.
                let bytes = packet.data.get(..packet.caplen as usize)?;
                Some(Frame {
                    time,
                    link: interface.link,
                    bytes,
                })
            }
            PcapBlockOwned::NG(_) => None,
        }
    }
}

/// The TCP segment in a packet, and its two ends.
fn segment<'f>(frame: &Frame<'f>) -> Option<(SocketAddr, SocketAddr, TcpSlice<'f>)> {
    let bytes = frame.bytes;
    let typed = |at: usize, from: usize| {
        let protocol = u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?);
        Some(LaxSlicedPacket::from_ether_type(
            EtherType(protocol),
            bytes.get(from..)?,
        ))
    };
    let packet = match frame.link {
        Linktype::ETHERNET => LaxSlicedPacket::from_ethernet(bytes).ok()?,
        LINUX_SLL => typed(14, 16)?,
        LINUX_SLL2 => typed(0, 20)?,
        // The family of addresses before it, in the order of bytes of whoever wrote it; IP says its own version.
        Linktype::NULL | Linktype::LOOP => LaxSlicedPacket::from_ip(bytes.get(4..)?).ok()?,
        // 12 and 14 are what some systems say for RAW.
        Linktype::RAW | Linktype::IPV4 | Linktype::IPV6 | Linktype(12 | 14) => {
            LaxSlicedPacket::from_ip(bytes).ok()?
        }
        _ => return None,
    };
    let (from, to): (IpAddr, IpAddr) = match packet.net? {
        LaxNetSlice::Ipv4(ip) => {
            let header = ip.header();
            (
                header.source_addr().into(),
                header.destination_addr().into(),
            )
        }
        LaxNetSlice::Ipv6(ip) => {
            let header = ip.header();
            (
                header.source_addr().into(),
                header.destination_addr().into(),
            )
        }
        LaxNetSlice::Arp(_) => return None,
    };
    match packet.transport? {
        TransportSlice::Tcp(tcp) => Some((
            SocketAddr::new(from, tcp.source_port()),
            SocketAddr::new(to, tcp.destination_port()),
            tcp,
        )),
        _ => None,
    }
}

/// The TCP connections of a capture.
#[derive(Default)]
struct Streams {
    /// By who connected, and to where; as far as that can be known.
    open: HashMap<(SocketAddr, SocketAddr), Stream>,
    count: u64,
    last: Duration,
}

#[derive(Default)]
struct Stream {
    id: u64,
    initiator: Direction,
    acceptor: Direction,
}

impl Stream {
    fn direction(&mut self, side: Side) -> &mut Direction {
        match side {
            Side::Initiator => &mut self.initiator,
            Side::Acceptor => &mut self.acceptor,
        }
    }
}

impl Streams {
    fn take(&mut self, frame: &Frame<'_>, port: Option<u16>) -> Vec<Feed> {
        let Some((from, to, tcp)) = segment(frame) else {
            return Vec::new();
        };
        if port.is_some_and(|port| port != from.port() && port != to.port()) {
            return Vec::new();
        }
        let time = frame.time;
        self.last = time;
        let mut feeds = Vec::new();
        let mut tell = |connection, what| {
            feeds.push(Feed {
                time,
                connection,
                what,
            })
        };
        let (key, side) = if self.open.contains_key(&(to, from)) || (tcp.syn() && tcp.ack()) {
            ((to, from), Side::Acceptor)
        } else {
            ((from, to), Side::Initiator)
        };
        let opens = tcp.syn() && !tcp.ack();
        if opens
            && self
                .open
                .get(&key)
                .is_some_and(|stream| stream.initiator.is_over() || stream.acceptor.is_over())
        {
            // The ports are used again.
            close(self.open.remove(&key), &mut tell);
        }
        if !self.open.contains_key(&key) {
            if tcp.payload().is_empty() && !tcp.syn() {
                return feeds;
            }
            self.count += 1;
            tell(
                self.count,
                What::Opened {
                    from: key.0.to_string(),
                    to: key.1.to_string(),
                    certain: false,
                },
            );
        }
        let id = self.count;
        let stream = self.open.entry(key).or_insert_with(|| Stream {
            id,
            ..Stream::default()
        });
        let id = stream.id;
        let direction = stream.direction(side);
        let mut sequence = tcp.sequence_number();
        if tcp.syn() {
            direction.begin(sequence);
            sequence = sequence.wrapping_add(1);
        }
        for piece in direction.take(sequence, tcp.payload()) {
            tell(id, fed(side, piece));
        }
        if tcp.fin() {
            direction.end(sequence, tcp.payload().len());
        }
        if direction.is_over() {
            tell(id, What::Ended(side));
        }
        if tcp.rst() || (stream.initiator.is_over() && stream.acceptor.is_over()) {
            close(self.open.remove(&key), &mut tell);
        }
        feeds
    }

    /// The end of the capture.
    fn finish(&mut self) -> Vec<Feed> {
        let mut streams: Vec<_> = self.open.drain().map(|(_, stream)| stream).collect();
        streams.sort_by_key(|stream| stream.id);
        let (time, mut feeds) = (self.last, Vec::new());
        for stream in streams {
            close(Some(stream), &mut |connection, what| {
                feeds.push(Feed {
                    time,
                    connection,
                    what,
                });
            });
        }
        feeds
    }
}

fn close(stream: Option<Stream>, tell: &mut impl FnMut(u64, What)) {
    let Some(mut stream) = stream else {
        return;
    };
    for side in [Side::Initiator, Side::Acceptor] {
        for piece in stream.direction(side).finish() {
            tell(stream.id, fed(side, piece));
        }
    }
    tell(stream.id, What::Closed);
}

fn fed(side: Side, piece: Piece) -> What {
    match piece {
        Piece::Bytes(bytes) => What::Bytes(side, bytes),
        Piece::Lost(bytes) => What::Lost(side, bytes),
    }
}
