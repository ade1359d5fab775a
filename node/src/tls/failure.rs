use std::fmt;
use std::io;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};

/// Why a TLS connection failed, sorted by who has to change something.
///
/// Sockets report it inside of an [`io::Error`]:
///
/// ```
/// use einode::tls::TlsFailure;
///
/// fn is_expired(error: &std::io::Error) -> bool {
///     use rustls::CertificateError::ExpiredContext;
///     let failure = error.get_ref().and_then(|inner| inner.downcast_ref());
///     matches!(failure, Some(TlsFailure::PeerCertificate(ExpiredContext { .. })))
/// }
/// # let failure = TlsFailure::NoPeerCertificate;
/// # assert!(!is_expired(&failure.into()));
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum TlsFailure {
    /// We do not accept the peer's certificate.
    PeerCertificate(CertificateError),
    /// The peer has shown no certificate, and needs one.
    NoPeerCertificate,
    /// The peer does not accept our certificate, or that we have shown none.
    OwnCertificate(AlertDescription),
    /// What the peer says is not TLS.
    NotTls,
    /// The peer closed the connection, or was silent until the deadline, before it said anything. So do
    /// nodes that expect connections without TLS.
    NoAnswer(io::ErrorKind),
    /// The peer closed the connection, or was silent until the deadline, in the middle of the handshake.
    Unfinished(io::ErrorKind),
    /// The peer ended the handshake with the alert `handshake_failure`, which says little. It may be that no
    /// cipher suite is in common. OTP says so, too, when our certificate is for another host, and in
    /// TLS 1.2 when we have shown none.
    HandshakeFailure,
    /// The two sides have no protocol version, no cipher suite or no key exchange in common.
    Incompatible(Error),
    /// Anything else.
    Other(Error),
}

impl From<Error> for TlsFailure {
    fn from(error: Error) -> Self {
        use AlertDescription as Alert;
        match error {
            Error::InvalidCertificate(error) => Self::PeerCertificate(error),
            Error::NoCertificatesPresented => Self::NoPeerCertificate,
            Error::AlertReceived(
                alert @ (Alert::NoCertificate
                | Alert::BadCertificate
                | Alert::UnsupportedCertificate
                | Alert::CertificateRevoked
                | Alert::CertificateExpired
                | Alert::CertificateUnknown
                | Alert::UnknownCA
                | Alert::AccessDenied
                | Alert::CertificateRequired),
            ) => Self::OwnCertificate(alert),
            Error::AlertReceived(Alert::HandshakeFailure) => Self::HandshakeFailure,
            Error::PeerIncompatible(_)
            | Error::AlertReceived(Alert::ProtocolVersion | Alert::InsufficientSecurity) => {
                Self::Incompatible(error)
            }
            Error::InvalidMessage(
                InvalidMessage::InvalidContentType
                | InvalidMessage::UnknownProtocolVersion
                | InvalidMessage::MessageTooLarge,
            ) => Self::NotTls,
            error => Self::Other(error),
        }
    }
}

impl From<TlsFailure> for io::Error {
    fn from(failure: TlsFailure) -> Self {
        let kind = match failure {
            TlsFailure::NoAnswer(kind) | TlsFailure::Unfinished(kind) => kind,
            _ => io::ErrorKind::InvalidData,
        };
        Self::new(kind, failure)
    }
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = |kind: &io::ErrorKind| match kind {
            io::ErrorKind::TimedOut => "was silent",
            _ => "closed the connection",
        };
        match self {
            Self::PeerCertificate(error) => {
                f.write_str("TLS: we do not accept the peer's certificate: ")?;
                certificate(error, f)
            }
            Self::NoPeerCertificate => f.write_str("TLS: the peer has shown no certificate"),
            Self::OwnCertificate(AlertDescription::CertificateRequired) => {
                f.write_str("TLS: the peer requires a certificate of us")
            }
            Self::OwnCertificate(alert) => {
                write!(
                    f,
                    "TLS: the peer does not accept our certificate: {alert:?}"
                )
            }
            Self::NotTls => f.write_str("the peer does not speak TLS"),
            Self::NoAnswer(kind) => write!(
                f,
                "TLS: the peer {} instead of an answer; it may expect connections without TLS",
                how(kind)
            ),
            Self::Unfinished(kind) => {
                write!(f, "TLS: the peer {} during the handshake", how(kind))
            }
            Self::HandshakeFailure => f.write_str(
                "TLS: the peer refuses the handshake: no cipher suite is in common, \
                 or our certificate is missing or for another host",
            ),
            Self::Incompatible(Error::AlertReceived(alert)) => write!(
                f,
                "TLS: the peer has no protocol version or cipher suite in common with us: {alert:?}"
            ),
            Self::Incompatible(error) => write!(
                f,
                "TLS: no protocol version, cipher suite or key exchange in common: {error}"
            ),
            Self::Other(error) => write!(f, "TLS: {error}"),
        }
    }
}

/// What is wrong with a certificate.
fn certificate(error: &CertificateError, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    use CertificateError::*;
    f.write_str(match error {
        Expired | ExpiredContext { .. } => "it has expired",
        NotValidYet | NotValidYetContext { .. } => "it is not valid yet",
        UnknownIssuer => "it was issued by no CA that we trust",
        BadSignature => "its signature is wrong",
        BadEncoding => "it is malformed",
        InvalidPurpose | InvalidPurposeContext { .. } => "its extended key usage is another",
        ApplicationVerificationFailure => "it is for no host that is allowed",
        NotValidForNameContext {
            expected,
            presented,
        } => {
            let names = match presented.as_slice() {
                [] => "no host at all".to_owned(),
                names => names.join(", "),
            };
            let expected = expected.to_str();
            return write!(f, "it is for {names}, not for {expected}");
        }
        Other(error) => match error.0.downcast_ref::<webpki::Error>() {
            Some(webpki::Error::CaUsedAsEndEntity) => "it is that of a CA, not of a node",
            Some(webpki::Error::UnsupportedCertVersion) => "it is not of X.509 version 3",
            Some(webpki::Error::MaximumPathDepthExceeded) => {
                "more intermediate CAs than allowed are between it and a CA that we trust"
            }
            Some(error) => return write!(f, "{error:?}"),
            None => return write!(f, "{error}"),
        },
        error => return write!(f, "{error}"),
    })
}

impl std::error::Error for TlsFailure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Incompatible(error) | Self::Other(error) => Some(error),
            _ => None,
        }
    }
}
