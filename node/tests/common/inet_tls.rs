//! Nodes of both kinds with the same files for TLS.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::fs;

use einode::tls::Tls;
use einode_testkit::{Beam, Builder};
use tempfile::TempDir;

use crate::ca::Issued;

/// Where nodes of these tests say they are. OTP looks for addresses among the
/// host names.
pub(crate) const HOSTS: &[&str] = &["dns:127.0.0.1", "127.0.0.1", "localhost"];

/// The options that ask for a certificate and show one, for both sides. The file names are replaced.
pub(crate) const MUTUAL: &str = r#"
    [{server, [{certfile, "node.pem"}, {cacertfile, "ca.pem"},
               {verify, verify_peer}, {fail_if_no_peer_cert, true},
               {verify_fun, {fun inet_tls_dist:verify_client/3, []}}]},
     {client, [{certfile, "node.pem"}, {cacertfile, "ca.pem"}, {verify, verify_peer}]}]."#;

/// The options that encrypt, and that is all.
pub(crate) const VERIFY_NONE: &str = r#"
    [{server, [{certfile, "node.pem"}, {secure_renegotiate, true}]},
     {client, [{verify, verify_none}]}]."#;

/// What a node has in its home directory.
pub(crate) struct Files<'a> {
    pub(crate) options: &'a str,
    pub(crate) issued: &'a Issued,
    pub(crate) authorities: &'a str,
}

impl Files<'_> {
    /// An Erlang node with them.
    pub(crate) fn beam(&self, arguments: &str) -> Beam {
        self.builder(arguments).start()
    }

    pub(crate) fn builder(&self, arguments: &str) -> Builder {
        Beam::builder()
            .file("node.pem", self.issued.pem())
            .file("ca.pem", self.authorities)
            .file("tls.conf", self.options)
            .arguments(["-ssl_dist_optfile", "./tls.conf"])
            .arguments(arguments.split(' '))
    }

    /// What we make of them.
    pub(crate) fn tls(&self) -> (Tls, TempDir) {
        let home = tempfile::tempdir().unwrap();
        let path = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
        fs::write(path("node.pem"), self.issued.pem()).unwrap();
        fs::write(path("ca.pem"), self.authorities).unwrap();
        // Our current directory is everybody's.
        let options = self
            .options
            .replace("node.pem", &path("node.pem"))
            .replace("ca.pem", &path("ca.pem"));
        fs::write(path("tls.conf"), options).unwrap();
        (Tls::from_optfile(path("tls.conf")).unwrap(), home)
    }
}

/// What makes a node use TLS.
pub(crate) const INET_TLS: &str = "-proto_dist inet_tls";
