use einode_etf::Term;
use rustls::CipherSuite;

/// A cipher suite by all its names.
struct Names {
    suite: CipherSuite,
    iana: &'static str,
    openssl: &'static str,
    /// The `key_exchange` and `cipher` of OTP's maps and tuples. The rest follows from them.
    parts: (&'static str, &'static str),
}

const fn names(
    suite: CipherSuite,
    iana: &'static str,
    openssl: &'static str,
    parts: (&'static str, &'static str),
) -> Names {
    Names {
        suite,
        iana,
        openssl,
        parts,
    }
}

/// All that rustls has.
const SUITES: [Names; 9] = [
    names(
        CipherSuite::TLS13_AES_256_GCM_SHA384,
        "TLS_AES_256_GCM_SHA384",
        "TLS_AES_256_GCM_SHA384",
        ("any", "aes_256_gcm"),
    ),
    names(
        CipherSuite::TLS13_AES_128_GCM_SHA256,
        "TLS_AES_128_GCM_SHA256",
        "TLS_AES_128_GCM_SHA256",
        ("any", "aes_128_gcm"),
    ),
    names(
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
        "TLS_CHACHA20_POLY1305_SHA256",
        "TLS_CHACHA20_POLY1305_SHA256",
        ("any", "chacha20_poly1305"),
    ),
    names(
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        ("ecdhe_ecdsa", "aes_256_gcm"),
    ),
    names(
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        ("ecdhe_ecdsa", "aes_128_gcm"),
    ),
    names(
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        ("ecdhe_ecdsa", "chacha20_poly1305"),
    ),
    names(
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384",
        ("ecdhe_rsa", "aes_256_gcm"),
    ),
    names(
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        ("ecdhe_rsa", "aes_128_gcm"),
    ),
    names(
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        "ECDHE-RSA-CHACHA20-POLY1305",
        ("ecdhe_rsa", "chacha20_poly1305"),
    ),
];

/// The cipher suites in a value of the option `ciphers`, without those that rustls has not: a string of
/// names with colons between, or a list of names, of maps and of tuples. `None` if it is neither.
pub(super) fn suites(value: &Term) -> Option<Vec<CipherSuite>> {
    let list = value.as_list()?;
    if let Some(text) = list.to_text() {
        return Some(text.split(':').filter_map(by_name).collect());
    }
    let mut suites = Vec::new();
    for element in list.iter() {
        let (key_exchange, cipher) = if let Some(map) = element.as_map() {
            (map.get_atom("key_exchange")?, map.get_atom("cipher")?)
        } else if let Some([key_exchange, cipher, ..]) = element.as_tuple() {
            (key_exchange, cipher)
        } else {
            suites.extend(by_name(&element.as_list()?.to_text()?));
            continue;
        };
        let known = SUITES
            .iter()
            .find(|names| key_exchange.is_atom(names.parts.0) && cipher.is_atom(names.parts.1));
        suites.extend(known.map(|names| names.suite));
    }
    Some(suites)
}

fn by_name(name: &str) -> Option<CipherSuite> {
    let known = |names: &&Names| name == names.iana || name == names.openssl;
    SUITES.iter().find(known).map(|names| names.suite)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suites_of(text: &str) -> Option<Vec<CipherSuite>> {
        suites(&text.parse().unwrap())
    }

    #[test]
    fn all_forms_are_read_and_unknown_suites_left_out() {
        let expected = vec![
            CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            CipherSuite::TLS13_AES_128_GCM_SHA256,
        ];
        for text in [
            r#""ECDHE-RSA-AES256-GCM-SHA384:AES256-SHA:TLS_AES_128_GCM_SHA256""#,
            r#"["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"]"#,
            "[#{key_exchange => ecdhe_rsa, cipher => aes_256_gcm, mac => aead, prf => sha384},
              #{key_exchange => rsa, cipher => aes_256_cbc, mac => sha, prf => default_prf},
              #{key_exchange => any, cipher => aes_128_gcm, mac => aead, prf => sha256}]",
            "[{ecdhe_rsa, aes_256_gcm, null, sha384}, {any, aes_128_gcm, aead, sha256}]",
        ] {
            assert_eq!(suites_of(text).as_ref(), Some(&expected), "{text}");
        }
        assert_eq!(suites_of("[]"), Some(Vec::new()));
        for text in ["high", "[high]", "[#{cipher => aes_256_gcm}]"] {
            assert_eq!(suites_of(text), None, "{text}");
        }
    }

    #[test]
    fn every_suite_of_rustls_is_known() {
        let all = rustls::crypto::ring::ALL_CIPHER_SUITES;
        assert_eq!(all.len(), SUITES.len());
        for suite in all {
            assert!(SUITES.iter().any(|names| names.suite == suite.suite()));
        }
    }
}
