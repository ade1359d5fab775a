use einode_etf::{List, Term};
use rustls::NamedGroup;
use rustls::pki_types::PrivateKeyDer;

use super::ciphers;
use super::error::{OptionError, Role};
use super::options::{
    Certificates, Key, MAX_DEPTH, Password, ServerNameIndication, TlsOptions, Verify, Version,
};

/// The options for each side that has any.
#[derive(Debug, Default)]
pub(super) struct Sections {
    pub(super) client: Option<TlsOptions>,
    pub(super) server: Option<TlsOptions>,
}

impl Sections {
    fn of(&mut self, role: Role) -> &mut Option<TlsOptions> {
        match role {
            Role::Client => &mut self.client,
            Role::Server => &mut self.server,
        }
    }
}

/// Reads what a file for `-ssl_dist_optfile` holds: `[{server, Options}, {client, Options}].`
///
/// OTP evaluates an expression there; this reads terms.
pub(super) fn parse(text: &str) -> Result<Sections, OptionError> {
    let term: Term = text.parse().map_err(OptionError::Syntax)?;
    let shape = |term: &Term| OptionError::Shape(term.to_string());
    let mut sections = Sections::default();
    for section in proper(&term).ok_or_else(|| shape(&term))?.iter() {
        let Some([name, options]) = section.as_tuple() else {
            return Err(shape(&section));
        };
        let role = match name.as_atom().map(|name| name.as_str()) {
            Some("client") => Role::Client,
            Some("server") => Role::Server,
            _ => return Err(shape(&section)),
        };
        let options = proper(options).ok_or_else(|| shape(options))?;
        let mut seen = Vec::new();
        let defaults = sections.of(role).insert(defaults(role));
        for option in options.iter() {
            let (name, value) = if let Some([name, value]) = option.as_tuple() {
                (name, value.clone())
            } else {
                // An atom alone is an option that is true.
                (&*option, true.into())
            };
            let name = name.as_atom().ok_or_else(|| shape(&option))?.as_str();
            // As in all property lists, the first one counts.
            if !seen.iter().any(|seen| seen == name) {
                Given { role, name, value }.apply(defaults)?;
                seen.push(name.to_owned());
            }
        }
    }
    Ok(sections)
}

/// Reads the arguments of `-ssl_dist_opt`: `server_certfile`, its value, `client_verify`, and so on.
pub(super) fn parse_arguments<'a>(
    arguments: impl IntoIterator<Item = &'a str>,
) -> Result<Sections, OptionError> {
    let mut sections = Sections::default();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let (role, name) = if let Some(name) = argument.strip_prefix("client_") {
            (Role::Client, name)
        } else if let Some(name) = argument.strip_prefix("server_") {
            (Role::Server, name)
        } else {
            return Err(OptionError::Shape(argument.to_owned()));
        };
        let text = arguments.next().unwrap_or_default();
        let value = match name {
            "certfile" | "cacertfile" | "keyfile" | "password" | "ciphers" | "dhfile" => {
                Term::string(text)
            }
            // One version, as a list elsewhere. Its name needs quotes elsewhere.
            "versions" => {
                let quoted = format!("['{text}']");
                quoted.parse().map_err(OptionError::Syntax)?
            }
            _ => text.parse().map_err(OptionError::Syntax)?,
        };
        let options = sections.of(role).get_or_insert_with(|| defaults(role));
        Given { role, name, value }.apply(options)?;
    }
    Ok(sections)
}

/// What holds for options that are not there: as in OTP, servers verify nobody; as in OTP since
/// release 26, clients do.
fn defaults(role: Role) -> TlsOptions {
    let options = TlsOptions::new().fail_if_no_peer_cert(false);
    match role {
        Role::Client => options,
        Role::Server => options.verify(Verify::None),
    }
}

/// Options that mean nothing here, or whose loss makes nothing less secure: rustls never renegotiates and
/// has no Diffie-Hellman parameters, sessions are not resumed, and the rest is about Erlang's processes,
/// sockets, logs and performance.
const IGNORED: &[&str] = &[
    "active",
    "allow_any_ca_purpose",
    "alpn_advertised_protocols",
    "alpn_preferred_protocols",
    "anti_replay",
    "backlog",
    "beast_mitigation",
    "binary",
    "buffer",
    "certificate_authorities",
    "client_preferred_next_protocols",
    "client_renegotiation",
    "cookie",
    "crl_cache",
    "dh",
    "dhfile",
    "early_data",
    "erl_dist",
    "fallback",
    "handshake",
    "hibernate_after",
    "high_watermark",
    "honor_ecc_order",
    "inet",
    "inet6",
    "keep_secrets",
    "keepalive",
    "key_update_at",
    "ktls",
    "list",
    "log_alert",
    "log_level",
    "low_watermark",
    "max_fragment_length",
    "max_handshake_size",
    "middlebox_comp_mode",
    "mode",
    "next_protocols_advertised",
    "nodelay",
    "ocsp_nonce",
    "ocsp_responder_certs",
    "packet",
    "packet_size",
    "padding_check",
    "read_ahead",
    "receiver_spawn_opts",
    "recbuf",
    "reuse_session",
    "reuse_sessions",
    "reuseaddr",
    "secure_renegotiate",
    "send_timeout",
    "send_timeout_close",
    "sender_spawn_opts",
    "session_tickets",
    "sndbuf",
    "srp_identity",
    "stateless_tickets_seed",
    "use_ticket",
];

/// Options that would be a loss to ignore, and why they are not honoured.
const REFUSED: &[(&str, &str)] = &[
    ("cert_policy_opts", "certificate policies are not checked"),
    (
        "certs_keys",
        "only one certificate is possible, in certfile or cert",
    ),
    (
        "customize_hostname_check",
        "host names are matched as HTTPS does, and not otherwise",
    ),
    ("partial_chain", "it needs Erlang code to run"),
    ("psk_identity", "pre-shared keys are not supported"),
    ("signature_algs", "signature algorithms cannot be chosen"),
    (
        "signature_algs_cert",
        "signature algorithms cannot be chosen",
    ),
    ("sni_fun", "it needs Erlang code to run"),
    (
        "sni_hosts",
        "only one set of options is possible for each side",
    ),
    ("user_lookup_fun", "pre-shared keys are not supported"),
];

/// One option as it is given.
struct Given<'a> {
    role: Role,
    name: &'a str,
    value: Term,
}

impl Given<'_> {
    fn apply(&self, options: &mut TlsOptions) -> Result<(), OptionError> {
        match self.name {
            "certfile" => options.certificates = Some(Certificates::File(self.text()?.into())),
            "cert" => options.certificates = Some(Certificates::Der(self.certificates()?)),
            "cacertfile" => options.authorities = Some(Certificates::File(self.text()?.into())),
            "cacerts" => options.authorities = Some(Certificates::Der(self.certificates()?)),
            "keyfile" => options.key = Some(Key::File(self.text()?.into())),
            "key" => options.key = Some(self.key()?),
            "password" => options.password = Some(Password(self.text()?.into_bytes())),
            "verify" => {
                options.verify = self.one_of(
                    "verify_peer or verify_none",
                    &[("verify_peer", Verify::Peer), ("verify_none", Verify::None)],
                )?;
            }
            "verify_fun" => self.verify_fun()?,
            "fail_if_no_peer_cert" => options.fail_if_no_peer_cert = self.boolean()?,
            "depth" => {
                let depth = self
                    .value
                    .as_i64()
                    .filter(|depth| (0..=255).contains(depth));
                let depth = depth.ok_or_else(|| self.expected("a number from 0 to 255"))?;
                options.depth = u8::try_from(depth).unwrap_or(MAX_DEPTH);
            }
            "server_name_indication" => {
                options.server_name = if self.value.is_atom("disable") {
                    ServerNameIndication::Disable
                } else {
                    ServerNameIndication::Name(self.text()?)
                };
            }
            "versions" => options.versions = self.versions()?,
            "ciphers" => options.ciphers = self.ciphers()?,
            "supported_groups" | "eccs" => options.groups = Some(self.groups()?),
            "honor_cipher_order" => options.honor_cipher_order = self.boolean()?,
            "crl_check" if !self.value.is_atom("false") => {
                return Err(self.refused("revocation lists are not read"));
            }
            "ocsp_stapling" | "stapling"
                if !self.value.is_atom("false") && !self.value.is_atom("no_staple") =>
            {
                return Err(self.refused("OCSP is not supported"));
            }
            "crl_check" | "ocsp_stapling" | "stapling" => {}
            "protocol" if self.value.is_atom("tls") => {}
            "protocol" => return Err(self.expected("tls")),
            name => {
                if let Some((_, why)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
                    return Err(self.refused(why));
                }
                if !IGNORED.contains(&name) {
                    return Err(OptionError::Unknown {
                        role: self.role,
                        option: name.to_owned(),
                    });
                }
            }
        }
        Ok(())
    }

    /// A string, or a binary.
    fn text(&self) -> Result<String, OptionError> {
        let list = self.value.as_list().and_then(|list| list.to_text());
        list.or_else(|| self.value.as_str().map(str::to_owned))
            .ok_or_else(|| self.expected("a string"))
    }

    fn boolean(&self) -> Result<bool, OptionError> {
        self.value
            .as_bool()
            .ok_or_else(|| self.expected("true or false"))
    }

    fn one_of<T: Copy>(
        &self,
        expected: &'static str,
        choices: &[(&str, T)],
    ) -> Result<T, OptionError> {
        let choice = choices.iter().find(|(name, _)| self.value.is_atom(name));
        choice
            .map(|(_, choice)| *choice)
            .ok_or_else(|| self.expected(expected))
    }

    /// A binary in DER, or a list of such.
    fn certificates(&self) -> Result<Vec<Vec<u8>>, OptionError> {
        if let Some(der) = self.value.as_binary() {
            return Ok(vec![der.to_vec()]);
        }
        let all = proper(&self.value).and_then(|list| {
            let ders = list.iter().map(|der| Some(der.as_binary()?.to_vec()));
            ders.collect::<Option<Vec<_>>>()
        });
        all.filter(|all| !all.is_empty())
            .ok_or_else(|| self.expected("a certificate in DER, or a list of them"))
    }

    /// `{Type, Der}`, where the type says what the DER does as well.
    fn key(&self) -> Result<Key, OptionError> {
        let der = match self.value.as_tuple() {
            Some([_, der]) => der.as_binary(),
            _ => None,
        };
        der.and_then(|der| PrivateKeyDer::try_from(der).ok())
            .map(|key| Key::Der(key.clone_key()))
            .ok_or_else(|| self.expected("{Type, a private key in DER}"))
    }

    /// OTP's own function, which adds to `verify_peer` the hosts of `net_kernel:allow/1`, can only be
    /// given to servers. Here [`TlsOptions::allow`] has such hosts.
    fn verify_fun(&self) -> Result<(), OptionError> {
        let verify_client = match self.value.as_tuple() {
            Some([module, function, _]) => {
                module.is_atom("inet_tls_dist") && function.is_atom("verify_client")
            }
            Some([fun, _]) => fun.as_export().is_some_and(|fun| {
                (fun.module == "inet_tls_dist") && fun.function == "verify_client" && fun.arity == 3
            }),
            _ => false,
        };
        if self.role == Role::Server && verify_client {
            Ok(())
        } else {
            Err(self
                .refused("it needs Erlang code to run; only inet_tls_dist:verify_client is known"))
        }
    }

    /// Those from TLS 1.2 on; older ones are left out.
    fn versions(&self) -> Result<Vec<Version>, OptionError> {
        let mut versions = Vec::new();
        for version in self.value.as_list().iter().flat_map(List::iter) {
            match version.as_atom().map(|version| version.as_str()) {
                Some("tlsv1.3") => versions.push(Version::Tls13),
                Some("tlsv1.2") => versions.push(Version::Tls12),
                _ => {}
            }
        }
        if versions.is_empty() {
            return Err(self.expected("a list with 'tlsv1.3' or 'tlsv1.2' in it"));
        }
        Ok(versions)
    }

    fn ciphers(&self) -> Result<Option<Vec<rustls::CipherSuite>>, OptionError> {
        // As in OTP, an empty list is not to restrict them.
        if self.value == Term::nil() {
            return Ok(None);
        }
        ciphers::suites(&self.value)
            .filter(|suites| !suites.is_empty())
            .map(Some)
            .ok_or_else(|| {
                self.expected(
                    "cipher suites, among them one with ECDHE or of TLS 1.3, and with AEAD",
                )
            })
    }

    fn groups(&self) -> Result<Vec<NamedGroup>, OptionError> {
        let mut groups = Vec::new();
        for group in self.value.as_list().iter().flat_map(List::iter) {
            match group.as_atom().map(|group| group.as_str()) {
                Some("x25519") => groups.push(NamedGroup::X25519),
                Some("secp256r1") => groups.push(NamedGroup::secp256r1),
                Some("secp384r1") => groups.push(NamedGroup::secp384r1),
                _ => {}
            }
        }
        if groups.is_empty() {
            return Err(self.expected("a list with x25519, secp256r1 or secp384r1 in it"));
        }
        Ok(groups)
    }

    fn refused(&self, why: &'static str) -> OptionError {
        OptionError::Refused {
            role: self.role,
            option: self.name.to_owned(),
            why,
        }
    }

    fn expected(&self, expected: &'static str) -> OptionError {
        let secret = ["key", "password"].contains(&self.name);
        OptionError::Value {
            role: self.role,
            option: self.name.to_owned(),
            expected,
            found: if secret {
                "something else".to_owned()
            } else {
                self.value.to_string()
            },
        }
    }
}

fn proper(term: &Term) -> Option<List<'_>> {
    term.as_list().filter(|list| list.tail().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(options: &str) -> Result<TlsOptions, String> {
        let sections = parse(&format!("[{{server, [{options}]}}]."));
        sections
            .map(|sections| sections.server.unwrap())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_as_the_manual_has_it() {
        let sections = parse(
            r#"%% -*- erlang -*-
            [{server,
              [{certfile, "/home/me/ssl/erlserver.pem"},
               {password, "secret"},
               {verify, verify_peer}, {fail_if_no_peer_cert, true},
               {verify_fun, {inet_tls_dist, verify_client, []}},
               {secure_renegotiate, true}]},
             {client,
              [{cacertfile, <<"ca.pem">>}, {depth, 2},
               {versions, ['tlsv1.3', 'tlsv1.2', 'tlsv1.1']},
               {server_name_indication, disable}, inet6,
               {ktls, true}, {hibernate_after, 500}]}]."#,
        )
        .unwrap();
        let (server, client) = (sections.server.unwrap(), sections.client.unwrap());
        assert!(
            matches!(&server.certificates, Some(Certificates::File(path)) if path.ends_with("erlserver.pem"))
        );
        assert_eq!(
            (server.verify, server.fail_if_no_peer_cert),
            (Verify::Peer, true)
        );
        assert!(!format!("{server:?}").contains("secret"));
        assert_eq!((client.verify, client.depth), (Verify::Peer, 2));
        assert_eq!(client.versions, [Version::Tls13, Version::Tls12]);
        assert!(matches!(client.server_name, ServerNameIndication::Disable));
    }

    #[test]
    fn servers_verify_only_when_told_to() {
        let options = server("").unwrap();
        assert_eq!(
            (options.verify, options.fail_if_no_peer_cert),
            (Verify::None, false)
        );
        let options = server("{verify, verify_peer}, {verify, verify_none}").unwrap();
        assert_eq!(
            (options.verify, options.fail_if_no_peer_cert),
            (Verify::Peer, false)
        );
    }

    #[test]
    fn what_would_weaken_is_refused_by_name() {
        for (option, expected) in [
            (
                "{crl_check, true}",
                "server option crl_check is not supported: revocation lists",
            ),
            (
                "{crl_check, peer}",
                "server option crl_check is not supported",
            ),
            (
                "{stapling, staple}",
                "server option stapling is not supported",
            ),
            (
                "{ocsp_stapling, true}",
                "server option ocsp_stapling is not supported",
            ),
            (
                "{verify_fun, {my_module, verify, []}}",
                "server option verify_fun is not supported",
            ),
            (
                "{partial_chain, fun my:chain/1}",
                "server option partial_chain is not supported",
            ),
            (
                "{sni_fun, fun my:sni/1}",
                "server option sni_fun is not supported",
            ),
            (
                "{signature_algs, [eddsa_ed25519]}",
                "server option signature_algs is not supported",
            ),
            (
                "{certs_keys, []}",
                "server option certs_keys is not supported",
            ),
            (
                "{psk_identity, \"us\"}",
                "server option psk_identity is not supported",
            ),
            ("{verfy, verify_peer}", "unknown server option verfy"),
            (
                "{verify, peer}",
                "server option verify: expected verify_peer or verify_none, found peer",
            ),
            (
                "{fail_if_no_peer_cert, 1}",
                "server option fail_if_no_peer_cert: expected true or false",
            ),
            (
                "{depth, 256}",
                "server option depth: expected a number from 0 to 255, found 256",
            ),
            (
                "{versions, [tlsv1]}",
                "server option versions: expected a list with 'tlsv1.3'",
            ),
            (
                "{ciphers, \"AES256-SHA\"}",
                "server option ciphers: expected cipher suites",
            ),
            ("{eccs, [sect571r1]}", "server option eccs: expected"),
            (
                "{cacerts, []}",
                "server option cacerts: expected a certificate in DER",
            ),
            (
                "{protocol, dtls}",
                "server option protocol: expected tls, found dtls",
            ),
            (
                "{certfile, file}",
                "server option certfile: expected a string, found file",
            ),
        ] {
            let error = server(option).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
        for option in [
            "{crl_check, false}",
            "{stapling, no_staple}",
            "{ciphers, []}",
        ] {
            server(option).unwrap();
        }
        let error = parse("[{client, [{verify_fun, {fun inet_tls_dist:verify_client/3, []}}]}]");
        assert!(error.is_err(), "clients have no use for it");
        server("{verify_fun, {fun inet_tls_dist:verify_client/3, []}}").unwrap();
    }

    #[test]
    fn secrets_are_not_in_errors() {
        for option in [
            "{password, {1, hunter2}}",
            "{key, {'ECPrivateKey', hunter2}}",
        ] {
            let error = server(option).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn other_shapes_are_told() {
        for (text, expected) in [
            (
                "{server, []}.",
                "expected [{server, Options}, {client, Options}], found {server,[]}",
            ),
            (
                "[{both, []}].",
                "expected [{server, Options}, {client, Options}], found {both,[]}",
            ),
            (
                "[{server, [1]}].",
                "expected [{server, Options}, {client, Options}], found 1",
            ),
            (
                "[{server, os:getenv(\"X\")}].",
                "line 1, column 13: expected `,` or `}`",
            ),
            ("[{server, []}]. x", "line 1, column 17: expected"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn arguments_of_ssl_dist_opt() {
        let arguments = "server_certfile my.pem client_verify verify_none server_depth 1 \
                         server_versions tlsv1.2 server_secure_renegotiate true";
        let sections = parse_arguments(arguments.split(' ')).unwrap();
        let (server, client) = (sections.server.unwrap(), sections.client.unwrap());
        assert!(
            matches!(&server.certificates, Some(Certificates::File(path)) if path.ends_with("my.pem"))
        );
        assert_eq!((server.depth, client.verify), (1, Verify::None));
        assert_eq!(server.versions, [Version::Tls12]);
        for wrong in [
            "certfile x",
            "client_nothing x",
            "client_verify",
            "client_verify {",
        ] {
            assert!(parse_arguments(wrong.split(' ')).is_err(), "{wrong}");
        }
    }
}
