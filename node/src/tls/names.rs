use rustls::pki_types::ServerName;
use webpki::{EndEntityCert, Error};

/// Whether a certificate is for this host.
///
/// Beyond what HTTPS has, two things are as in OTP: a certificate without subject alternative names is
/// for the host in the common name of its subject, and an IP address may be among the names as if it
/// were a host name, where OTP up to 29 looks for it when it is the host part of a node name.
pub(super) fn is_for(certificate: &EndEntityCert<'_>, host: &ServerName<'_>) -> Result<(), Error> {
    let verdict = certificate.verify_is_valid_for_subject_name(host);
    let Err(Error::CertNotValidForName(context)) = &verdict else {
        return verdict;
    };
    let text = host.to_str();
    let is_host = |name: &[u8]| name.eq_ignore_ascii_case(text.as_bytes());
    let matches = if context.presented.is_empty() {
        common_names(certificate.subject()).any(is_host)
    } else {
        matches!(host, ServerName::IpAddress(_)) && dns_names(&certificate.der()).any(is_host)
    };
    if matches { Ok(()) } else { verdict }
}

const BOOLEAN: u8 = 0x01;
const OCTET_STRING: u8 = 0x04;
const OID: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// The extensions in a certificate: `[3]`, constructed.
const EXTENSIONS: u8 = 0xa3;
/// The `dNSName` in a `GeneralName`: `[2]`.
const DNS_NAME: u8 = 0x82;

/// 2.5.4.3, id-at-commonName.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// 2.5.29.17, id-ce-subjectAltName.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// The common names in a subject: a sequence of sets of attributes, each a sequence of its type and its
/// value. (RFC 5280, section 4.1.2.4.)
fn common_names(subject: &[u8]) -> impl Iterator<Item = &[u8]> {
    let attributes = Der(subject).all(SET).flat_map(|set| Der(set).all(SEQUENCE));
    attributes.filter_map(|attribute| {
        let mut attribute = Der(attribute);
        if attribute.next()? != (OID, COMMON_NAME) {
            return None;
        }
        match attribute.next()? {
            (PRINTABLE_STRING | UTF8_STRING, name) => Some(name),
            _ => None,
        }
    })
}

/// The host names among a certificate's subject alternative names. (RFC 5280, sections 4.1 and 4.2.1.6.)
fn dns_names(certificate: &[u8]) -> impl Iterator<Item = &[u8]> {
    let certificate = Der(certificate).all(SEQUENCE);
    let to_be_signed = certificate.flat_map(|certificate| Der(certificate).all(SEQUENCE).take(1));
    let extensions = to_be_signed.flat_map(|signed| Der(signed).all(EXTENSIONS));
    let extensions = extensions
        .flat_map(|list| Der(list).all(SEQUENCE))
        .flat_map(|extensions| Der(extensions).all(SEQUENCE));
    let names = extensions.filter_map(|extension| {
        let mut extension = Der(extension);
        if extension.next()? != (OID, SUBJECT_ALT_NAME) {
            return None;
        }
        match extension.find(|(tag, _)| *tag != BOOLEAN)? {
            (OCTET_STRING, names) => Some(names),
            _ => None,
        }
    });
    names
        .flat_map(|names| Der(names).all(SEQUENCE))
        .flat_map(|names| Der(names).all(DNS_NAME))
}

/// Values in DER, one after the other, each shorter than 64 KiB: their tags and their contents. It ends
/// where there is no such value.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The contents of those with this tag.
    fn all(self, tag: u8) -> impl Iterator<Item = &'a [u8]> {
        self.filter_map(move |(of, contents)| (of == tag).then_some(contents))
    }
}

impl<'a> Iterator for Der<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (tag, length, rest) = match *self.0 {
            [tag, length @ 0..=0x7f, ref rest @ ..] => (tag, length.into(), rest),
            [tag, 0x81, length, ref rest @ ..] => (tag, length.into(), rest),
            [tag, 0x82, high, low, ref rest @ ..] => {
                (tag, u16::from_be_bytes([high, low]).into(), rest)
            }
            _ => return None,
        };
        let contents;
        (contents, self.0) = rest.split_at_checked(length)?;
        Some((tag, contents))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    fn certificate(names: &[SanType], common_names: &[&str]) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names.to_vec();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::OrganizationName, "x".repeat(200));
        for name in common_names {
            params.distinguished_name.push(DnType::CommonName, *name);
        }
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    fn host_name(name: &str) -> SanType {
        SanType::DnsName(name.try_into().unwrap())
    }

    #[track_caller]
    fn check(certificate: &[u8], host: &str, expected: bool) {
        let certificate = certificate.into();
        let certificate = EndEntityCert::try_from(&certificate).unwrap();
        let host = ServerName::try_from(host).unwrap();
        assert_eq!(is_for(&certificate, &host).is_ok(), expected, "{host:?}");
    }

    #[test]
    fn alternative_names_count_and_addresses_may_be_names() {
        let address = SanType::IpAddress("10.0.0.1".parse().unwrap());
        let names = [host_name("one.example"), address, host_name("10.0.0.2")];
        let certificate = certificate(&names, &["two.example"]);
        for host in ["one.example", "10.0.0.1", "10.0.0.2"] {
            check(&certificate, host, true);
        }
        for host in ["two.example", "10.0.0.3", "::1", "example"] {
            check(&certificate, host, false);
        }
    }

    #[test]
    fn common_names_count_where_there_are_no_others() {
        let certificate = certificate(&[], &["One.Example"]);
        check(&certificate, "one.example", true);
        check(&certificate, "two.example", false);
        check(&certificate, "example", false);
        let certificate = self::certificate(&[], &["10.0.0.2"]);
        check(&certificate, "10.0.0.2", true);
        check(&certificate, "10.0.0.1", false);
    }

    #[test]
    fn what_is_cut_off_has_no_names() {
        let whole = certificate(&[host_name("10.0.0.2")], &["10.0.0.2"]);
        assert_eq!(dns_names(&whole).collect::<Vec<_>>(), [b"10.0.0.2"]);
        for end in 0..whole.len() {
            assert_eq!(dns_names(&whole[..end]).count(), 0, "{end}");
            // Anything may be a subject.
            let _ = common_names(&whole[..end]).count();
            let _ = common_names(&whole[end..]).count();
        }
    }
}
