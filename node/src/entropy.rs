//! Numbers that nobody can guess, from the operating system.

/// What a peer has to digest together with the cookie.
pub(crate) fn challenge() -> u32 {
    random() as u32
}

/// A number for this life of a node. Those below 4 have a meaning of their own to old nodes.
pub(crate) fn creation() -> u32 {
    (random() as u32).max(4)
}

/// The first half of a node name that nobody else has: 13 characters from `0-9A-Z`.
pub(crate) fn name() -> String {
    let mut rest = random();
    let digit = |_| {
        let digit = char::from_digit((rest % 36) as u32, 36).unwrap_or('0');
        rest /= 36;
        digit.to_ascii_uppercase()
    };
    (0..13).map(digit).collect()
}

/// A number of 64 bits.
pub(crate) fn random() -> u64 {
    let mut bytes = [0; 8];
    // The system's generator only fails where there is none, and then no handshake is safe.
    getrandom::fill(&mut bytes).expect("the operating system has a random generator");
    u64::from_le_bytes(bytes)
}
