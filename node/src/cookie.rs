//! Where the cookie comes from when the program does not give one.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use einode_dist::{Cookie, CookieTooLong};

/// The environment variable that holds a cookie.
pub const COOKIE_VARIABLE: &str = "EINODE_COOKIE";

/// The cookie of this user: from the environment variable `EINODE_COOKIE`, or else from the file that
/// ERTS reads (OTP, *Distributed Erlang*, "Security"): `$HOME/.erlang.cookie`, or
/// `$XDG_CONFIG_HOME/erlang/.erlang.cookie` when the first does not exist.
///
/// Unlike ERTS this makes no cookie when there is none.
///
/// # Errors
/// See [`CookieError`].
pub fn find() -> Result<Cookie, CookieError> {
    find_with(|name| env::var_os(name))
}

fn find_with(variable: impl Fn(&str) -> Option<OsString>) -> Result<Cookie, CookieError> {
    if let Some(secret) = variable(COOKIE_VARIABLE) {
        return Ok(Cookie::new(secret.as_encoded_bytes())?);
    }
    let places = places(variable);
    for place in &places {
        match read(place) {
            Err(CookieError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => {}
            found => return found,
        }
    }
    Err(CookieError::Nowhere(places))
}

fn places(variable: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let home = variable("HOME").map(PathBuf::from);
    let config = match variable("XDG_CONFIG_HOME") {
        Some(config) => Some(config.into()),
        None => home.as_ref().map(|home| home.join(".config")),
    };
    let in_config = config.map(|config| config.join("erlang").join(".erlang.cookie"));
    home.map(|home| home.join(".erlang.cookie"))
        .into_iter()
        .chain(in_config)
        .collect()
}

/// The cookie in a file: its first line.
///
/// # Errors
/// See [`CookieError`]. A file that others than its owner may read or write is refused, as ERTS does.
pub fn read(path: &Path) -> Result<Cookie, CookieError> {
    let at = |error| CookieError::Io {
        path: path.into(),
        error,
    };
    let exposed = is_exposed(&fs::metadata(path).map_err(at)?);
    if exposed {
        return Err(CookieError::Exposed(path.into()));
    }
    let text = fs::read(path).map_err(at)?;
    let line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return Err(CookieError::Empty(path.into()));
    }
    Ok(Cookie::new(line)?)
}

#[cfg(unix)]
fn is_exposed(metadata: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    metadata.mode() & 0o077 != 0
}

/// Where there are no permission bits, ERTS does not look at them either.
#[cfg(not(unix))]
fn is_exposed(_: &Metadata) -> bool {
    false
}

/// Why there is no cookie. The culprit is the machine's set-up.
#[derive(Debug)]
#[non_exhaustive]
pub enum CookieError {
    /// None of these files exists, and the environment variable is not set.
    Nowhere(Vec<PathBuf>),
    /// A file cannot be read.
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Others than its owner may read or write the file.
    Exposed(PathBuf),
    /// The first line of the file is empty.
    Empty(PathBuf),
    /// The cookie is too long.
    TooLong,
}

impl From<CookieTooLong> for CookieError {
    fn from(_: CookieTooLong) -> Self {
        Self::TooLong
    }
}

impl fmt::Display for CookieError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nowhere(places) => {
                write!(f, "no cookie: {COOKIE_VARIABLE} is not set")?;
                places
                    .iter()
                    .try_for_each(|place| write!(f, ", no file {}", place.display()))
            }
            Self::Io { path, error } => {
                write!(f, "cannot read cookie file {}: {error}", path.display())
            }
            Self::Exposed(path) => {
                write!(
                    f,
                    "cookie file {} must be accessible by its owner only",
                    path.display()
                )
            }
            Self::Empty(path) => write!(f, "cookie file {} is empty", path.display()),
            Self::TooLong => CookieTooLong.fmt(f),
        }
    }
}

impl std::error::Error for CookieError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { error, .. } => Some(error),
            _ => None,
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A home directory with a cookie file of this content and mode, if any.
    fn home(file: Option<(&str, u32)>) -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        if let Some((text, mode)) = file {
            put(&home.path().join(".erlang.cookie"), text, mode);
        }
        home
    }

    fn put(path: &Path, text: &str, mode: u32) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn find_in(home: &Path) -> Result<Cookie, CookieError> {
        find_with(|name| (name == "HOME").then(|| home.into()))
    }

    fn secret(found: Result<Cookie, CookieError>) -> String {
        String::from_utf8(found.unwrap().reveal().into()).unwrap()
    }

    #[test]
    fn the_variable_comes_first() {
        let home = home(Some(("file", 0o400)));
        let found = find_with(|name| match name {
            COOKIE_VARIABLE => Some("variable".into()),
            "HOME" => Some(home.path().into()),
            _ => None,
        });
        assert_eq!(secret(found), "variable");
    }

    #[test]
    fn the_first_line_of_the_file_is_the_cookie() {
        for (text, cookie) in [
            ("abc", "abc"),
            ("abc\n", "abc"),
            ("abc\r\n", "abc"),
            (" a b \nc", " a b "),
        ] {
            assert_eq!(secret(find_in(home(Some((text, 0o600))).path())), cookie);
        }
    }

    #[test]
    fn a_file_that_others_may_read_or_write_is_refused() {
        for mode in [0o440, 0o404, 0o620, 0o602] {
            let found = find_in(home(Some(("abc", mode))).path());
            assert!(matches!(found, Err(CookieError::Exposed(_))), "{mode:o}");
        }
    }

    #[test]
    fn the_configuration_directory_comes_last() {
        let home = home(None);
        let config = home.path().join(".config/erlang");
        fs::create_dir_all(&config).unwrap();
        put(&config.join(".erlang.cookie"), "config", 0o400);
        assert_eq!(secret(find_in(home.path())), "config");
        put(&home.path().join(".erlang.cookie"), "home", 0o400);
        assert_eq!(secret(find_in(home.path())), "home");

        let elsewhere = tempfile::tempdir().unwrap();
        fs::create_dir(elsewhere.path().join("erlang")).unwrap();
        put(
            &elsewhere.path().join("erlang/.erlang.cookie"),
            "xdg",
            0o400,
        );
        let found = find_with(|name| {
            (name == "XDG_CONFIG_HOME").then(|| elsewhere.path().as_os_str().to_owned())
        });
        assert_eq!(secret(found), "xdg");
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert!(
            matches!(find_in(home(None).path()), Err(CookieError::Nowhere(places)) if places.len() == 2)
        );
        assert!(matches!(
            find_in(home(Some(("\n", 0o400))).path()),
            Err(CookieError::Empty(_))
        ));
        let long = "x".repeat(513);
        assert!(matches!(
            find_in(home(Some((&long, 0o400))).path()),
            Err(CookieError::TooLong)
        ));
        assert!(find_in(home(Some((&long[1..], 0o400))).path()).is_ok());
    }
}
