//! Certificates of a store of a test, made by the script that everybody makes them with.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::blocking;
use toystore_host::tls::{Tls, nobody};

/// The certificate of whoever looks at a store from outside.
pub const OPERATOR: &str = "operator";

/// A folder with an authority, and what it has signed.
#[derive(Clone, Debug)]
pub struct Certificates(PathBuf);

impl Certificates {
    /// Makes an authority, and certificates for these processes; more arguments of the script's
    /// may follow. What is in the folder already is used again.
    ///
    /// # Panics
    /// When the script fails.
    #[must_use]
    pub fn make(folder: &Path, processes: &[String], more: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/certs.sh");
        let mut command = Command::new(script);
        command.arg(folder).arg("--only").arg(processes.join(",")).args(more);
        let output = command.output().expect("the script runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self(folder.to_owned())
    }

    /// A file: `ca.crt`, or `NAME.crt` and `NAME.key` of a process.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The options with which a process uses its certificate.
    #[must_use]
    pub fn options(&self, process: &str) -> Vec<OsString> {
        let [cert, key] = ["crt", "key"].map(|end| self.file(&format!("{process}.{end}")));
        let named = [("--tls-cert", cert), ("--tls-key", key), ("--tls-ca", self.file("ca.crt"))];
        named.into_iter().flat_map(|(option, file)| [option.into(), file.into()]).collect()
    }
}

/// An HTTP client that believes these certificates, or none.
///
/// # Panics
/// When they cannot be used.
pub fn http(believed: Option<&Certificates>) -> blocking::ClientBuilder {
    let config = match believed {
        Some(certificates) => {
            let tls = Tls::read(&certificates.file("ca.crt"), None).expect("an authority");
            tls.client().expect("a configuration")
        }
        None => nobody().expect("a configuration"),
    };
    blocking::Client::builder().no_proxy().tls_backend_preconfigured(config)
}
