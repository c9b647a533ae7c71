//! What a service speaks on its port and to its peers, and where it may do so without TLS. The
//! group of options has no docstring: it would replace the program's own at the top of `--help`.

use std::net::ToSocketAddrs;

use structopt::StructOpt;
pub use toystore_tls::{CaFile, Callers, Tls, TlsError, TlsFiles, is_doubt, nobody};

use crate::Address;

#[allow(missing_docs)] // See above.
#[derive(Clone, Debug, Default, StructOpt)]
pub struct TlsOption {
    #[allow(missing_docs)]
    #[structopt(flatten)]
    pub files: TlsFiles,

    /// Whether other processes must show a certificate of --tls-ca's; customers need none.
    #[structopt(
        long,
        env = "TOYSTORE_MUTUAL_TLS",
        value_name = "on|off",
        default_value = "off",
        min_values = 0,
        require_equals = true,
        parse(try_from_str = on_or_off)
    )]
    pub mutual_tls: bool,

    /// Listen where other machines may reach it, though anybody on the way can read and change
    /// what is said.
    #[structopt(
        long,
        env = "TOYSTORE_INSECURE",
        value_name = "on|off",
        default_value = "off",
        min_values = 0,
        require_equals = true,
        parse(try_from_str = on_or_off)
    )]
    pub insecure: bool,
}

impl TlsOption {
    /// Why nothing may listen at this address with these options.
    #[must_use]
    pub fn misuse(&self, listen: &Address) -> Option<String> {
        let secure = self.files.tls_cert.is_some();
        if let Err(error) = self.files.complete() {
            return Some(error.to_string());
        }
        if !secure && self.files.ca.tls_ca.is_some() {
            // Its peers call it as it calls them.
            return Some("--tls-ca alone is not enough; --tls-cert is missing".to_owned());
        }
        if !secure && self.mutual_tls {
            return Some("--mutual-tls wants --tls-cert, --tls-key and --tls-ca".to_owned());
        }
        let open = !secure && !self.insecure && !is_loopback(listen);
        open.then(|| {
            format!(
                "other machines may reach {listen}, and nothing would be encrypted; give \
                 --tls-cert, --tls-key and --tls-ca, or listen on 127.0.0.1, or say --insecure"
            )
        })
    }

    /// Everything that is wrong with these options for this address, the files included.
    #[must_use]
    pub fn problem(&self, listen: &Address) -> Option<String> {
        let unreadable = || self.files.read().err().map(|error| error.to_string());
        self.misuse(listen).or_else(unreadable)
    }

    /// Whose certificates an internal port wants to see.
    #[must_use]
    pub fn internal_callers(&self) -> Callers {
        if self.mutual_tls { Callers::Known } else { Callers::Anyone }
    }
}

/// Whether only this machine reaches the address. A name that is not known is not there to be
/// listened at, which the system says better.
fn is_loopback(address: &Address) -> bool {
    let found = address.as_str().to_socket_addrs();
    found.map_or(true, |mut found| found.all(|address| address.ip().to_canonical().is_loopback()))
}

fn on_or_off(text: &str) -> Result<bool, &'static str> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("must be on or off"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn misuse(options: &TlsOption, listen: &str) -> Option<String> {
        options.misuse(&listen.parse().unwrap())
    }

    #[test]
    fn without_tls_only_this_machine_may_reach_it() {
        let plain = TlsOption::default();
        for here in ["127.0.0.1:1", "127.3.2.1:0", "[::1]:1", "[::ffff:127.0.0.1]:1", "localhost:1"]
        {
            assert_eq!(misuse(&plain, here), None, "{here}");
        }
        let insecure = TlsOption { insecure: true, ..plain.clone() };
        for open in ["0.0.0.0:1", "[::]:1", "192.0.2.1:1", "[2001:db8::1]:1", "[::ffff:10.0.0.1]:1"]
        {
            assert!(misuse(&plain, open).is_some_and(|why| why.contains("--insecure")), "{open}");
            assert_eq!(misuse(&insecure, open), None, "{open}");
        }
    }

    #[test]
    fn certificate_key_and_authorities_come_together() {
        let file = || Some("file".into());
        for (named, [tls_cert, tls_key, tls_ca]) in [
            (1, [file(), None, None]),
            (2, [None, file(), None]),
            (3, [None, None, file()]),
            (4, [file(), file(), None]),
            (5, [file(), None, file()]),
            (6, [None, file(), file()]),
        ] {
            let files = TlsFiles { tls_cert, tls_key, ca: CaFile { tls_ca } };
            let options = TlsOption { files, insecure: true, ..TlsOption::default() };
            let why = misuse(&options, "0.0.0.0:1");
            assert!(why.is_some_and(|why| why.contains("is missing")), "{named}");
        }
        let mutual = TlsOption { mutual_tls: true, ..TlsOption::default() };
        assert!(misuse(&mutual, "127.0.0.1:1").is_some());
    }
}
