//! Every limit on what a peer may make us hold, with its default and its precedent.

use std::time::Duration;

/// The longest handshake packet accepted, in bytes: 4 KiB.
///
/// The longest legitimate one is a challenge with a name of 255 four-byte characters, 1039 bytes.
/// OTP relies on the 16 bits of the length (64 KiB); with the four-byte prefix of TLS that would
/// be 4 GiB from somebody who has not shown a cookie yet.
pub const HANDSHAKE_PACKET: usize = 4 * 1024;

/// The longest node name, in characters: 255, the length of an atom in ERTS.
pub const NODE_NAME: usize = 255;

/// The longest cookie, in bytes: 512, as `EI_MAX_COOKIE_SIZE` of `erl_interface`.
///
/// ERTS holds cookies in atoms, so a cookie shared with a BEAM node has at most 255 characters.
pub const COOKIE: usize = 512;

/// How long a handshake may take altogether: 7 s, kernel's `net_setuptime`.
pub const SETUP_TIME: Duration = Duration::from_secs(7);

/// The longest packet accepted on a connection by default, in bytes: 128 MiB.
///
/// ERTS has no limit but the 32 bits of the length; libei fails beyond 2 GiB. For peers that can put them
/// together, ERTS cuts messages into fragments of 64 KiB, see [`MESSAGE`]; for others a packet is a message.
pub const PACKET: u32 = 128 * 1024 * 1024;

/// The most bytes accepted by default of messages whose fragments have not all come, all of a connection
/// together, and so of the longest message in fragments: 512 MiB.
///
/// ERTS has no limit. What is held grows with the bytes that come, not with the fragments announced.
pub const MESSAGE: usize = 512 * 1024 * 1024;

/// The most fragments that a message may be announced to have: 2^20.
///
/// ERTS cuts after 64 KiB, so [`MESSAGE`] is 2^13 of its fragments; peers may cut smaller ones.
pub const FRAGMENTS: u64 = 1 << 20;

/// The most messages that may be incomplete at once: 8,192.
///
/// A process of ERTS has at most one under way, of which 64 KiB or more have come: [`MESSAGE`] holds no more
/// of these.
pub const SEQUENCES: u64 = (MESSAGE / FRAGMENT) as u64;

/// After how many bytes of payload a message is cut into fragments: 64 KiB, as in ERTS.
pub const FRAGMENT: usize = 64 * 1024;

/// How many bytes the inbox asks for at once before more have arrived: 64 KiB, so that memory
/// follows the bytes received and not the length announced.
pub const INBOX_STEP: usize = 64 * 1024;

/// Unsent bytes from which on a connection counts as busy: 1 MiB, ERTS's `+zdbbl`.
pub const BUSY: usize = 1024 * 1024;

/// After how long a silent peer is given up: 60 s, kernel's `net_ticktime`.
pub const TICK_TIME: Duration = Duration::from_secs(60);

/// Into how many intervals the tick time is divided: 4, kernel's `net_tickintensity`.
pub const TICK_INTENSITY: u32 = 4;

/// The highest `net_tickintensity`: 1000, as in kernel.
pub const TICK_INTENSITY_MAX: u32 = 1000;

/// The longest `extra` field of an EPMD registration, in bytes: 1020, as in epmd.
pub const EPMD_EXTRA: usize = 1020;

/// The longest text accepted as EPMD's answer to `NAMES` or `DUMP`, in bytes: 4 MiB.
///
/// epmd itself serves at most some thousand nodes (one descriptor each) of at most 1020 bytes.
pub const EPMD_TEXT: usize = 4 * 1024 * 1024;

/// The longest request that the EPMD daemon accepts, in bytes after its length: 3,057, as epmd, whose buffer
/// of 3,060 holds the length and a NUL too.
pub const EPMD_REQUEST: usize = 3057;

/// How many names of nodes that are gone the EPMD daemon remembers by default, so that their creations go
/// on: 1,000, as in epmd.
pub const EPMD_REMEMBERED: usize = 1000;

/// How long a connection with the EPMD daemon may take that registers no node: 60 s, epmd's
/// `-packet_timeout`. epmd counts from the last request or, before the fix of CVE-2026-42792, from the last
/// byte; here it is the whole of the connection.
pub const EPMD_PACKET_TIMEOUT: Duration = Duration::from_secs(60);

/// How many connections that have registered no node the EPMD daemon keeps: 1,024, about what epmd can have
/// of connections in all (`FD_SETSIZE`). The oldest makes way for a new one.
pub const EPMD_CALLERS: usize = 1024;
