use std::sync::Arc;

use einode_dist::NodeName;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore,
    SignatureScheme,
};
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyUsage, VerifiedPath};

use super::TlsFailure;
use super::names::is_for;

/// Decides on peers' certificates, in either role.
///
/// Whatever is decided about the certificate, the peer has to own its key.
#[derive(Debug)]
pub(super) struct Verifier {
    algorithms: WebPkiSupportedAlgorithms,
    rule: Rule,
}

/// Which certificates are accepted.
#[derive(Debug)]
pub(super) enum Rule {
    /// Any, as OTP's `verify_none`.
    Any,
    /// Those that a chain leads to from a trusted CA, as OTP's `verify_peer`.
    Trusted {
        /// The trusted CAs.
        roots: RootCertStore,
        /// How many CAs may stand between a trusted one and the certificate.
        depth: u8,
        /// For which names.
        names: Names,
        /// Whether clients may show none.
        optional: bool,
    },
}

/// For which host a certificate has to be.
#[derive(Debug)]
pub(super) enum Names {
    /// Any.
    Any,
    /// The one that we connect to.
    Host,
    /// Any of these.
    OneOf(Vec<ServerName<'static>>),
}

impl Verifier {
    pub(super) fn new(provider: &CryptoProvider, rule: Rule) -> Arc<Self> {
        Arc::new(Self {
            algorithms: provider.signature_verification_algorithms,
            rule,
        })
    }

    fn verify(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        host: Option<&ServerName<'_>>,
        usage: impl ExtendedKeyUsageValidator,
        now: UnixTime,
    ) -> Result<(), CertificateError> {
        let Rule::Trusted {
            roots,
            depth,
            names,
            ..
        } = &self.rule
        else {
            return Ok(());
        };
        let certificate = EndEntityCert::try_from(certificate).map_err(certificate_error)?;
        let short_enough = |path: &VerifiedPath<'_>| {
            let cas = path.intermediate_certificates();
            // RFC 5280 does not count CAs that certify themselves with another key.
            let between = cas.filter(|ca| ca.subject() != ca.issuer()).count();
            if between > (*depth).into() {
                return Err(webpki::Error::MaximumPathDepthExceeded);
            }
            Ok(())
        };
        certificate
            .verify_for_usage(
                self.algorithms.all,
                &roots.roots,
                intermediates,
                now,
                usage,
                None,
                Some(&short_enough),
            )
            .map_err(certificate_error)?;
        match (names, host) {
            (Names::Host, Some(host)) => is_for(&certificate, host).map_err(certificate_error),
            (Names::OneOf(hosts), _) => {
                if hosts.iter().any(|host| is_for(&certificate, host).is_ok()) {
                    Ok(())
                } else {
                    Err(CertificateError::ApplicationVerificationFailure)
                }
            }
            (Names::Any | Names::Host, _) => Ok(()),
        }
    }
}

/// Checks that the first of a peer's certificates is for the host in the name of its node.
pub(crate) fn check_node(
    certificates: Option<&[CertificateDer<'_>]>,
    node: &NodeName,
) -> Result<(), TlsFailure> {
    let shown = certificates.and_then(<[_]>::first);
    let certificate = shown.ok_or(TlsFailure::NoPeerCertificate)?;
    let host = ServerName::try_from(node.host());
    let host = host.map_err(|_| {
        TlsFailure::PeerCertificate(CertificateError::ApplicationVerificationFailure)
    })?;
    EndEntityCert::try_from(certificate)
        .and_then(|certificate| is_for(&certificate, &host))
        .map_err(|error| TlsFailure::PeerCertificate(certificate_error(error)))
}

/// What rustls calls this, so that the peer gets the right alert.
fn certificate_error(error: webpki::Error) -> CertificateError {
    use webpki::Error::*;
    match error {
        BadDer | BadDerTime | TrailingData(_) => CertificateError::BadEncoding,
        CertNotValidYet { time, not_before } => {
            CertificateError::NotValidYetContext { time, not_before }
        }
        CertExpired { time, not_after } => CertificateError::ExpiredContext { time, not_after },
        InvalidCertValidity => CertificateError::Expired,
        UnknownIssuer => CertificateError::UnknownIssuer,
        InvalidSignatureForPublicKey => CertificateError::BadSignature,
        RequiredEkuNotFoundContext(_) => CertificateError::InvalidPurpose,
        CertNotValidForName(context) => CertificateError::NotValidForNameContext {
            expected: context.expected,
            presented: context.presented,
        },
        error => CertificateError::Other(OtherError(Arc::new(error))),
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let usage = KeyUsage::server_auth();
        self.verify(end_entity, intermediates, Some(server_name), usage, now)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for Verifier {
    fn offer_client_auth(&self) -> bool {
        matches!(self.rule, Rule::Trusted { .. })
    }

    fn client_auth_mandatory(&self) -> bool {
        matches!(
            self.rule,
            Rule::Trusted {
                optional: false,
                ..
            }
        )
    }

    /// None, as nodes have but one certificate: all that they could do is to hold it back.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let usage = KeyUsage::client_auth();
        self.verify(end_entity, intermediates, None, usage, now)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        ServerCertVerifier::verify_tls12_signature(self, message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        ServerCertVerifier::verify_tls13_signature(self, message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ServerCertVerifier::supported_verify_schemes(self)
    }
}
