use std::fmt;
use std::io;
use std::path::PathBuf;

use einode_etf::ParseError;

/// Which side of a TLS handshake options are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The side that connects.
    Client,
    /// The side that listens.
    Server,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Server => "server",
        })
    }
}

/// Why there is no TLS configuration, or none for this connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A file holds no usable certificate or key.
    Pem {
        /// The file, or the option that holds the certificate or the key itself.
        source: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Options in Erlang syntax are wrong or not supported.
    Options {
        /// The option file, or `-ssl_dist_opt`.
        source: String,
        /// Which option, and what is wrong with it.
        error: OptionError,
    },
    /// Options that are needed are missing.
    Missing {
        /// For which side.
        role: Role,
        /// Which, and why.
        what: &'static str,
    },
    /// The host part of the node name can be in no certificate.
    HostName(String),
    /// rustls does not accept the options.
    Rustls {
        /// For which side.
        role: Role,
        /// What it says.
        error: rustls::Error,
    },
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, error } => write!(f, "{}: {error}", path.display()),
            Self::Pem { source, problem } => write!(f, "{source}: {problem}"),
            Self::Options { source, error } => write!(f, "{source}: {error}"),
            Self::Missing { role, what } => write!(f, "{role} options: {what}"),
            Self::HostName(host) => write!(f, "{host} is neither a host name nor an IP address"),
            Self::Rustls { role, error } => write!(f, "{role} options: {error}"),
        }
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File { error, .. } => Some(error),
            Self::Options { error, .. } => Some(error),
            Self::Rustls { error, .. } => Some(error),
            Self::Pem { .. } | Self::Missing { .. } | Self::HostName(_) => None,
        }
    }
}

impl From<TlsError> for io::Error {
    fn from(error: TlsError) -> Self {
        Self::new(io::ErrorKind::InvalidInput, error)
    }
}

/// What is wrong with options in Erlang syntax.
#[derive(Debug)]
#[non_exhaustive]
pub enum OptionError {
    /// The text is no Erlang term.
    Syntax(ParseError),
    /// The term is not `[{server, Options}, {client, Options}]`.
    Shape(String),
    /// OTP's `ssl` has no option of this name, or only in a release newer than this crate.
    Unknown {
        /// In which section.
        role: Role,
        /// The option.
        option: String,
    },
    /// The option cannot be honoured, and ignoring it would make connections less secure.
    Refused {
        /// In which section.
        role: Role,
        /// The option.
        option: String,
        /// Why it cannot be honoured.
        why: &'static str,
    },
    /// The option has a value that it cannot have.
    Value {
        /// In which section.
        role: Role,
        /// The option.
        option: String,
        /// What it can be.
        expected: &'static str,
        /// What it is, unless it is secret.
        found: String,
    },
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(error) => error.fmt(f),
            Self::Shape(found) => write!(
                f,
                "expected [{{server, Options}}, {{client, Options}}], found {found}"
            ),
            Self::Unknown { role, option } => write!(f, "unknown {role} option {option}"),
            Self::Refused { role, option, why } => {
                write!(f, "{role} option {option} is not supported: {why}")
            }
            Self::Value {
                role,
                option,
                expected,
                found,
            } => write!(
                f,
                "{role} option {option}: expected {expected}, found {found}"
            ),
        }
    }
}

impl std::error::Error for OptionError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Syntax(error) => Some(error),
            _ => None,
        }
    }
}
