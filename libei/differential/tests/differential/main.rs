//! Every function that talks to nobody, called with the same arguments here and in OTP's libei.

#[cfg(otp_libei)]
mod buffer;
#[cfg(otp_libei)]
mod compare;
#[cfg(otp_libei)]
mod corpus;
#[cfg(otp_libei)]
mod decode;
#[cfg(otp_libei)]
mod encode;
#[cfg(otp_libei)]
mod format;
#[cfg(otp_libei)]
mod message;
#[cfg(otp_libei)]
mod node;
#[cfg(otp_libei)]
mod print;

/// Prepares OTP's library, which crashes without, and once only: it would count references anew.
#[cfg(otp_libei)]
fn prepare_otp() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    // SAFETY: no other test uses what it prepares before it has returned.
    ONCE.call_once(|| assert_eq!(unsafe { einode_libei_differential::otp::ei_init() }, 0));
}

#[test]
fn otps_library_is_installed() {
    if let Some(reason) = einode_libei_differential::MISSING {
        panic!(
            "there is no libei to compare with ({reason}): install Erlang/OTP with erl_interface \
             (Debian: erlang-dev) and binutils; `cargo xtask test` does"
        );
    }
}
