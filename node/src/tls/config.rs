use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use webpki::EndEntityCert;

use super::error::{Role, TlsError};
use super::files::Files;
use super::options::{
    Certificates, Key, MAX_DEPTH, ServerNameIndication, TlsOptions, Verify, Version,
};
use super::verify::{Names, Rule, Verifier};

/// What clients need.
///
/// Sessions are not resumed, here and in [`server`]: connections between nodes last, so there is little
/// to gain, and each is verified with the CAs of its own time.
pub(super) fn client(options: &TlsOptions, files: &mut Files) -> Result<ClientConfig, TlsError> {
    let role = Role::Client;
    let provider = Arc::new(provider(options));
    let roots = roots(options, files)?;
    let rule = match (options.verify, roots) {
        (Verify::None, _) => Rule::Any,
        (Verify::Peer, Some(roots)) => Rule::Trusted {
            roots,
            depth: options.depth.min(MAX_DEPTH),
            names: match options.server_name {
                ServerNameIndication::Disable => Names::Any,
                _ => Names::Host,
            },
            optional: false,
        },
        (Verify::Peer, None) => {
            let what = "verify_peer, which is the default, needs cacertfile or cacerts; \
                        {verify, verify_none} would accept any server";
            return Err(TlsError::Missing { role, what });
        }
    };
    let verifier = Verifier::new(&provider, rule);
    let rustls = |error| TlsError::Rustls { role, error };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions(options))
        .map_err(rustls)?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match identity(options, role, files)? {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(rustls)?,
        None => builder.with_no_client_auth(),
    };
    config.resumption = Resumption::disabled();
    config.enable_sni = !matches!(options.server_name, ServerNameIndication::Disable);
    Ok(config)
}

/// What servers need.
pub(super) fn server(options: &TlsOptions, files: &mut Files) -> Result<ServerConfig, TlsError> {
    let role = Role::Server;
    let provider = Arc::new(provider(options));
    let roots = roots(options, files)?;
    let rule = match (options.verify, roots) {
        (Verify::None, _) => Rule::Any,
        (Verify::Peer, Some(roots)) => Rule::Trusted {
            roots,
            depth: options.depth.min(MAX_DEPTH),
            names: match options.allowed.as_slice() {
                [] => Names::Any,
                allowed => Names::OneOf(allowed.to_vec()),
            },
            optional: !options.fail_if_no_peer_cert,
        },
        (Verify::Peer, None) => {
            let what = "verify_peer needs cacertfile or cacerts";
            return Err(TlsError::Missing { role, what });
        }
    };
    let verifier = Verifier::new(&provider, rule);
    let (chain, key) = identity(options, role, files)?.ok_or(TlsError::Missing {
        role,
        what: "certfile or cert is needed",
    })?;
    let rustls = |error| TlsError::Rustls { role, error };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions(options))
        .map_err(rustls)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(rustls)?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.ignore_client_order = options.honor_cipher_order;
    Ok(config)
}

fn provider(options: &TlsOptions) -> CryptoProvider {
    let mut provider = ring::default_provider();
    if let Some(wanted) = &options.ciphers {
        let all = std::mem::take(&mut provider.cipher_suites);
        provider.cipher_suites = wanted
            .iter()
            .filter_map(|wanted| all.iter().find(|suite| suite.suite() == *wanted).copied())
            .collect();
    }
    if let Some(wanted) = &options.groups {
        let all = std::mem::take(&mut provider.kx_groups);
        provider.kx_groups = wanted
            .iter()
            .filter_map(|wanted| all.iter().find(|group| group.name() == *wanted).copied())
            .collect();
    }
    provider
}

fn versions(options: &TlsOptions) -> Vec<&'static SupportedProtocolVersion> {
    match options.versions.as_slice() {
        [] => vec![&TLS13, &TLS12],
        versions => versions
            .iter()
            .map(|version| match version {
                Version::Tls12 => &TLS12,
                Version::Tls13 => &TLS13,
            })
            .collect(),
    }
}

fn roots(options: &TlsOptions, files: &mut Files) -> Result<Option<RootCertStore>, TlsError> {
    let Some(at) = &options.authorities else {
        return Ok(None);
    };
    let mut roots = RootCertStore::empty();
    for ca in files.certificates(at)? {
        roots
            .add(ca)
            .map_err(|error| malformed(at, "cacerts", &error))?;
    }
    Ok(Some(roots))
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// Our certificate with its chain, and its key.
fn identity(
    options: &TlsOptions,
    role: Role,
    files: &mut Files,
) -> Result<Option<Identity>, TlsError> {
    let Some(at) = &options.certificates else {
        return Ok(None);
    };
    let mut chain = files.certificates(at)?;
    if let Some(authorities) = &options.authorities {
        let authorities = files.certificates(authorities)?;
        complete(&mut chain, authorities).map_err(|error| malformed(at, "cert", &error))?;
    }
    let key = match (&options.key, at) {
        (Some(key), _) => files.key(key, options.password.as_ref())?,
        (None, Certificates::File(path)) => {
            files.key(&Key::File(path.clone()), options.password.as_ref())?
        }
        (None, Certificates::Der(_)) => {
            let what = "cert needs key or keyfile";
            return Err(TlsError::Missing { role, what });
        }
    };
    Ok(Some((chain, key)))
}

/// Adds the intermediate CAs that are among the authorities, as OTP does: the peer may know only the
/// root, which is left out.
fn complete(
    chain: &mut Vec<CertificateDer<'static>>,
    mut authorities: Vec<CertificateDer<'static>>,
) -> Result<(), webpki::Error> {
    while let Some(last) = chain.last() {
        let last = EndEntityCert::try_from(last)?;
        let issuer = authorities.iter().position(|ca| {
            EndEntityCert::try_from(ca)
                .is_ok_and(|ca| ca.subject() == last.issuer() && ca.subject() != ca.issuer())
        });
        let Some(issuer) = issuer else {
            return Ok(());
        };
        // Taken out, so that CAs that certify each other do not make the chain endless.
        chain.push(authorities.swap_remove(issuer));
    }
    Ok(())
}

fn malformed(at: &Certificates, option: &str, error: &impl std::fmt::Debug) -> TlsError {
    TlsError::Pem {
        source: match at {
            Certificates::File(path) => path.display().to_string(),
            Certificates::Der(_) => option.to_owned(),
        },
        problem: format!("a certificate is malformed: {error:?}"),
    }
}
