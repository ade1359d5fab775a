//! Certificates for tests, made on the spot.
#![allow(dead_code, reason = "each test binary uses its own part")]

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};

/// A certification authority.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate.
    pub(crate) pem: String,
}

/// A certificate with its key.
pub(crate) struct Issued {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Issued {
    /// Both, as they often are in one file.
    pub(crate) fn pem(&self) -> String {
        format!("{}{}", self.certificate, self.key)
    }
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let params = ca(name);
        Self {
            pem: params.self_signed(&key).unwrap().pem(),
            issuer: Issuer::new(params, key),
        }
    }

    /// Another authority, which this one vouches for.
    pub(crate) fn intermediate(&self, name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let params = ca(name);
        Self {
            pem: params.signed_by(&key, &self.issuer).unwrap().pem(),
            issuer: Issuer::new(params, key),
        }
    }

    /// A certificate for hosts and IP addresses; an address after `dns:` is one of the hosts.
    pub(crate) fn issue(&self, hosts: &[&str]) -> Issued {
        self.sign(&params(hosts))
    }

    /// One that was good until the end of 2020.
    pub(crate) fn issue_expired(&self, hosts: &[&str]) -> Issued {
        let mut params = params(hosts);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2020, 12, 31);
        self.sign(&params)
    }

    /// One that names its host only as the common name of its subject.
    pub(crate) fn issue_common_name(&self, host: &str) -> Issued {
        let mut params = params(&[]);
        params
            .distinguished_name
            .push(DnType::OrganizationName, "Cluster");
        params.distinguished_name.push(DnType::CommonName, host);
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Issued {
        let key = KeyPair::generate().unwrap();
        Issued {
            certificate: params.signed_by(&key, &self.issuer).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }
}

fn params(hosts: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.subject_alt_names = hosts
        .iter()
        .map(|host| match (host.strip_prefix("dns:"), host.parse()) {
            (None, Ok(address)) => SanType::IpAddress(address),
            (name, _) => SanType::DnsName(name.unwrap_or(host).try_into().unwrap()),
        })
        .collect();
    params.distinguished_name = DistinguishedName::new();
    let organization = DnType::OrganizationName;
    params.distinguished_name.push(organization, "Cluster");
    params
}

fn ca(name: &str) -> CertificateParams {
    let mut params = params(&[]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, name);
    params
}
