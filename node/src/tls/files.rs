use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::error::TlsError;
use super::options::{Certificates, Key, Password};

/// The files that a configuration was made of, and how they were then.
#[derive(Debug, Default)]
pub(super) struct Files {
    read: Vec<(PathBuf, Option<Stamp>)>,
}

/// What tells that a file was written anew.
#[derive(Debug, PartialEq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self {
            modified: metadata.modified().ok(),
            length: metadata.len(),
        })
    }
}

impl Files {
    /// Whether a file was changed since it was read.
    pub(super) fn have_changed(&self) -> bool {
        self.read
            .iter()
            .any(|(path, stamp)| Stamp::of(path) != *stamp)
    }

    pub(super) fn read(&mut self, path: &Path) -> Result<Vec<u8>, TlsError> {
        // Taken before, so that a change while it is read is not missed.
        self.read.push((path.to_owned(), Stamp::of(path)));
        fs::read(path).map_err(|error| TlsError::File {
            path: path.to_owned(),
            error,
        })
    }

    /// The certificates: at least one.
    pub(super) fn certificates(
        &mut self,
        at: &Certificates,
    ) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let path = match at {
            Certificates::Der(certificates) => {
                let certificates = certificates.iter().cloned();
                return Ok(certificates.map(CertificateDer::from).collect());
            }
            Certificates::File(path) => path,
        };
        let text = self.read(path)?;
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(&text)
            .collect::<Result<_, _>>()
            .map_err(|error| pem(path, error))?;
        if certificates.is_empty() {
            return Err(pem(path, "no BEGIN CERTIFICATE in it"));
        }
        Ok(certificates)
    }

    /// The private key.
    pub(super) fn key(
        &mut self,
        at: &Key,
        password: Option<&Password>,
    ) -> Result<PrivateKeyDer<'static>, TlsError> {
        use rustls::pki_types::pem::Error;
        let path = match at {
            Key::Der(key) => return Ok(key.clone_key()),
            Key::File(path) => path,
        };
        let text = self.read(path)?;
        if let Some(encrypted) = section(&text, "ENCRYPTED PRIVATE KEY") {
            let password = password.ok_or_else(|| pem(path, "the private key needs a password"))?;
            return decrypt(encrypted, password).map_err(|problem| pem(path, problem));
        }
        if section(&text, "RSA PRIVATE KEY")
            .or_else(|| section(&text, "EC PRIVATE KEY"))
            .is_some_and(|section| section.contains("Proc-Type: 4,ENCRYPTED"))
        {
            let problem = "the private key is encrypted in the traditional format; \
                           `openssl pkcs8 -topk8` converts it";
            return Err(pem(path, problem));
        }
        PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
            Error::NoItemsFound => pem(path, "no BEGIN PRIVATE KEY in it"),
            error => pem(path, error),
        })
    }
}

fn pem(path: &Path, problem: impl ToString) -> TlsError {
    TlsError::Pem {
        source: path.display().to_string(),
        problem: problem.to_string(),
    }
}

/// The section of this label in a PEM file, with its first and last line.
fn section<'t>(text: &'t [u8], label: &str) -> Option<&'t str> {
    let text = str::from_utf8(text).ok()?;
    let (begin, end) = (
        format!("-----BEGIN {label}-----"),
        format!("-----END {label}-----"),
    );
    let section = text.get(text.find(&begin)?..)?;
    section.get(..section.find(&end)? + end.len())
}

#[cfg(feature = "encrypted-keys")]
fn decrypt(section: &str, password: &Password) -> Result<PrivateKeyDer<'static>, String> {
    use pkcs8::{EncryptedPrivateKeyInfoRef, SecretDocument};

    let (_, encrypted) =
        SecretDocument::from_pem(section).map_err(|error| format!("a private key: {error}"))?;
    let key = EncryptedPrivateKeyInfoRef::try_from(encrypted.as_bytes())
        .map_err(|error| format!("an encrypted private key: {error}"))?
        .decrypt(&password.0)
        .map_err(|error| match error {
            pkcs8::Error::EncryptedPrivateKey(error) => {
                format!("the private key cannot be decrypted, is the password right? ({error})")
            }
            error => format!("the private key cannot be decrypted: {error}"),
        })?;
    PrivateKeyDer::try_from(key.as_bytes())
        .map(|key| key.clone_key())
        .map_err(str::to_owned)
}

#[cfg(not(feature = "encrypted-keys"))]
fn decrypt(_section: &str, _password: &Password) -> Result<PrivateKeyDer<'static>, String> {
    Err(
        "the private key is encrypted; einode's feature `encrypted-keys` is needed to read it"
            .into(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "encrypted-keys")]
    const KEY: &str = "\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg/5ic4OKJEnFuQHdr
U/7lOpvxSt0Rm9K4Htn2t9ly+MihRANCAASPTPObSQU1r5kl5c653T428ZOaUwLO
XpoxfTqn7gkb2abjyULHWsRPiA4qE9il6l8qYDbxznBGUpEewvkwZoNB
-----END PRIVATE KEY-----
";

    /// The same key with the password `secret`, by `openssl pkcs8 -topk8`.
    #[cfg(feature = "encrypted-keys")]
    const ENCRYPTED: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhiaZIH4ZRKlAICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEMxeR+9HfBcfi267G3Q4cBwEgZBz
qI5yS4X22HwqcE6U60+FE66o9jKtfrNfHfKYClHpjisZ0D+nyw+f+zCMwCPe4kb+
ANuIhOHe/qQIlxe+Hxq0Ilf2ZG4EKUbMY2JNgDjXRD5F1gLJfaeI8iW+LFF0eQky
BT0vhFmAHfPTcxxe4tu1vJXMiT4em26c8kFsCKA6sesL+CUd7kGwm6WgbM7bdGs=
-----END ENCRYPTED PRIVATE KEY-----
";

    /// The same in the format of `openssl ec -aes128`.
    const TRADITIONAL: &str = "\
-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-128-CBC,EABB245C54434BB2D127DA73C14CF7BA

bxlvzkXzT5aC8+nrV20l3ORzjAm7V9G/VPGSEg4Zip952H/iFH5q9ey4hw2Rn+a3
MqSsEpMVj//fBsLZ31M01/3kCWbm4vWyQ63PaDG2U+RKqrsD34UXdrAXH/P2DYAg
HAWbkBV73Wyk8r6fJaMcF8Px7V3Yp6PMAAeYONLg71Q=
-----END EC PRIVATE KEY-----
";

    fn key(text: &str, password: Option<&str>) -> Result<PrivateKeyDer<'static>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        let password = password.map(|password| Password(password.into()));
        Files::default()
            .key(&Key::File(file.path().to_owned()), password.as_ref())
            .map_err(|error| error.to_string())
    }

    #[test]
    #[cfg(feature = "encrypted-keys")]
    fn encrypted_keys_are_read() {
        let plain = key(KEY, None).unwrap();
        // What else is in the file does not matter.
        let text = format!("{KEY}\n{ENCRYPTED}").replacen("PRIVATE KEY", "SOMETHING", 2);
        assert_eq!(key(&text, Some("secret")).unwrap(), plain);
        for (password, expected) in [
            (Some("wrong"), "is the password right?"),
            (None, "the private key needs a password"),
        ] {
            let error = key(ENCRYPTED, password).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        let cut = ENCRYPTED.replace("MIHsMFcGCSqGSIb3", "");
        assert!(key(&cut, Some("secret")).is_err());
    }

    #[test]
    fn keys_in_the_traditional_format_are_refused_if_encrypted() {
        let error = key(TRADITIONAL, Some("secret")).unwrap_err();
        assert!(
            error.contains("`openssl pkcs8 -topk8` converts it"),
            "{error}"
        );
    }
}
