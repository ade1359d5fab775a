use std::fmt;
use std::ops::{BitAnd, BitOr, Sub};

/// A set of capability flags (`DFLAG_*`), as both sides send it in the handshake.
///
/// What may be used on a connection is what both have: see [`negotiate`](Self::negotiate).
/// OTP: Distribution Protocol, section "Distribution Flags"; the bit of `MANDATORY_25_DIGEST`
/// is the one on the wire, not the one printed there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(u64);

macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident = $bit:literal;)*) => {
        impl Flags {
            $($(#[$doc])* pub const $name: Self = Self(1 << $bit);)*

            const NAMES: &[(Self, &str)] = &[$((Self::$name, stringify!($name))),*];
        }
    };
}

flags! {
    /// The node is visible: it appears in `nodes()` and takes part in `global`.
    PUBLISHED = 0;
    /// Obsolete: the atom cache of old.
    ATOM_CACHE = 1;
    /// References have several words. Mandatory since OTP 25.
    EXTENDED_REFERENCES = 2;
    /// The node handles monitors of processes.
    DIST_MONITOR = 3;
    /// Funs have a tag of their own. Mandatory since OTP 25.
    FUN_TAGS = 4;
    /// The node handles monitors of registered names. Without this *and* `DIST_MONITOR`, ERTS
    /// tells a node nothing about the end of what it monitors.
    DIST_MONITOR_NAME = 5;
    /// Obsolete: the atom cache of old, towards hidden nodes.
    HIDDEN_ATOM_CACHE = 6;
    /// Funs carry their module's digest. Mandatory since OTP 25.
    NEW_FUN_TAGS = 7;
    /// Pids and ports use all their bits. Mandatory since OTP 25.
    EXTENDED_PIDS_PORTS = 8;
    /// External funs (`fun m:f/1`) have a tag of their own. Mandatory since OTP 25.
    EXPORT_PTR_TAG = 9;
    /// Bit strings. Mandatory since OTP 25.
    BIT_BINARIES = 10;
    /// Floats as eight bytes. Mandatory since OTP 25.
    NEW_FLOATS = 11;
    /// The I/O servers of the node understand the Unicode requests of the I/O protocol.
    UNICODE_IO = 12;
    /// Packets start with a distribution header, by which atoms need not be named again.
    DIST_HDR_ATOM_CACHE = 13;
    /// Atoms of up to 255 bytes with a one-byte length.
    SMALL_ATOM_TAGS = 14;
    /// Atoms in UTF-8. Mandatory since OTP 25.
    UTF8_ATOMS = 16;
    /// Maps. Mandatory since OTP 25.
    MAP_TAG = 17;
    /// Creations of 32 bits. Mandatory since OTP 25.
    BIG_CREATION = 18;
    /// `SEND_SENDER` instead of `SEND` (OTP 21).
    SEND_SENDER = 19;
    /// Any term as label of a sequential trace token (OTP 21).
    BIG_SEQTRACE_LABELS = 20;
    /// Exit reasons travel as payload (OTP 22).
    EXIT_PAYLOAD = 22;
    /// Large messages come in fragments (OTP 22), if packets have a distribution header.
    FRAGMENTS = 23;
    /// The handshake of OTP 23. Mandatory since OTP 25.
    HANDSHAKE_23 = 24;
    /// The link protocol with numbered unlinks (OTP 23.3). Mandatory since OTP 26.
    UNLINK_ID = 25;
    /// Short for everything mandatory in OTP 25, see [`expand`](Flags::expand).
    MANDATORY_25_DIGEST = 26;
    /// The node handles spawn requests (OTP 23).
    SPAWN = 32;
    /// Not a capability but a request: give me a name (OTP 23).
    NAME_ME = 33;
    /// Pids, ports and references with more bits (OTP 24). Mandatory since OTP 26.
    V4_NC = 34;
    /// Process aliases (OTP 24).
    ALIAS = 35;
    /// `ALTACT_SIG_SEND`, priority messages among others (OTP 28).
    ALTACT_SIG = 37;
    /// Native records (OTP 29). OTP 29 sends records whether or not the peer has this flag.
    NATIVE_RECORDS = 38;
}

impl Flags {
    /// No flags.
    pub const NONE: Self = Self(0);

    /// What OTP 25 demands of a peer: 0x1070f94.
    pub const MANDATORY_25: Self = Self(
        Self::EXTENDED_REFERENCES.0
            | Self::FUN_TAGS.0
            | Self::NEW_FUN_TAGS.0
            | Self::EXTENDED_PIDS_PORTS.0
            | Self::EXPORT_PTR_TAG.0
            | Self::BIT_BINARIES.0
            | Self::NEW_FLOATS.0
            | Self::UTF8_ATOMS.0
            | Self::MAP_TAG.0
            | Self::BIG_CREATION.0
            | Self::HANDSHAKE_23.0,
    );

    /// What OTP 26 and later, up to at least 29, demand of a peer: 0x403070f94.
    pub const MANDATORY_26: Self = Self(Self::MANDATORY_25.0 | Self::UNLINK_ID.0 | Self::V4_NC.0);

    /// Everything this crate handles, as a hidden node: what one of OTP 29 says as well.
    ///
    /// Without `DIST_HDR_ATOM_CACHE`, each message goes in one packet with all its names, as with libei.
    pub const HIDDEN: Self = Self(
        Self::MANDATORY_26.0
            | Self::MANDATORY_25_DIGEST.0
            | Self::DIST_MONITOR.0
            | Self::DIST_MONITOR_NAME.0
            | Self::UNICODE_IO.0
            | Self::DIST_HDR_ATOM_CACHE.0
            | Self::SMALL_ATOM_TAGS.0
            | Self::SEND_SENDER.0
            | Self::BIG_SEQTRACE_LABELS.0
            | Self::EXIT_PAYLOAD.0
            | Self::FRAGMENTS.0
            | Self::SPAWN.0
            | Self::ALIAS.0
            | Self::ALTACT_SIG.0
            | Self::NATIVE_RECORDS.0,
    );

    /// The set with exactly these bits.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The bits as they go on the wire.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Whether all of `other` is in this set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether the set has no flags.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The same set with [`MANDATORY_25`](Self::MANDATORY_25) added if it has
    /// [`MANDATORY_25_DIGEST`](Self::MANDATORY_25_DIGEST), the short form of it.
    pub const fn expand(self) -> Self {
        if self.contains(Self::MANDATORY_25_DIGEST) {
            Self(self.0 | Self::MANDATORY_25.0)
        } else {
            self
        }
    }

    /// The same set as it may be offered: `FRAGMENTS` only with `DIST_HDR_ATOM_CACHE`. ERTS expects headers
    /// from those who offer one without the other, and closes the connection where there are none.
    pub(crate) fn offered(self) -> Self {
        if self.contains(Self::DIST_HDR_ATOM_CACHE) {
            self
        } else {
            self - Self::FRAGMENTS
        }
    }

    /// What a connection of a node with these flags and one with `theirs` may use.
    pub fn negotiate(self, theirs: Self) -> Self {
        let common = (self.expand() & theirs.expand()) - Self::NAME_ME;
        common.offered()
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for Flags {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

/// The flags of the left set that are not in the right one.
impl Sub for Flags {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut unnamed = *self;
        let mut list = f.debug_set();
        for (flag, name) in Self::NAMES {
            if self.contains(*flag) {
                list.entry(&format_args!("{name}"));
                unnamed = unnamed - *flag;
            }
        }
        if !unnamed.is_empty() {
            list.entry(&format_args!("{:#x}", unnamed.0));
        }
        list.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_the_sets_seen_on_the_wire() {
        assert_eq!(Flags::MANDATORY_25.bits(), 0x1070f94);
        assert_eq!(Flags::MANDATORY_26.bits(), 0x4_0307_0f94);
        assert_eq!(Flags::HIDDEN.bits(), 0x6d_07df_7fbc);
    }

    #[test]
    fn expands_the_digest_of_mandatory_flags() {
        let short = Flags::from_bits(0x4_0600_0000);
        assert_eq!(short.expand(), short | Flags::MANDATORY_25);
        assert!(short.expand().contains(Flags::MANDATORY_26));
        assert_eq!(Flags::V4_NC.expand(), Flags::V4_NC);
    }

    #[test]
    fn negotiates_what_both_have() {
        let libei = Flags::from_bits(0x4_0707_4f9c);
        let common = Flags::HIDDEN.negotiate(libei | Flags::NAME_ME);
        assert_eq!(common, libei);
        assert!(!common.contains(Flags::SEND_SENDER));
        let request = Flags::HIDDEN | Flags::NAME_ME;
        assert!(!request.negotiate(request).contains(Flags::NAME_ME));
    }

    #[test]
    fn there_are_no_fragments_without_headers() {
        let alone = Flags::HIDDEN - Flags::DIST_HDR_ATOM_CACHE;
        assert_eq!(alone.offered(), alone - Flags::FRAGMENTS);
        assert_eq!(alone.negotiate(Flags::HIDDEN), alone - Flags::FRAGMENTS);
        assert_eq!(Flags::HIDDEN.negotiate(Flags::HIDDEN), Flags::HIDDEN);
    }

    #[test]
    fn prints_names() {
        let flags = Flags::ALIAS | Flags::PUBLISHED | Flags::from_bits(1 << 60);
        assert_eq!(
            format!("{flags:?}"),
            "{PUBLISHED, ALIAS, 0x1000000000000000}"
        );
    }
}
