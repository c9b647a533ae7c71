//! Everything that can be wrong with certificates and keys, each with what to do.

use std::io;
use std::path::{Path, PathBuf};

use rustls::{CertificateError, InconsistentKeys};

/// Why TLS cannot be spoken.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Some of the files are named, and others that go with them are not.
    #[error("{given} alone is not enough; {missing} is missing")]
    Incomplete {
        /// What is there.
        given: &'static str,
        /// What goes with it.
        missing: &'static str,
    },
    /// What should be in a file was given in place of its name. It is not repeated: a key is secret.
    #[error("the name of the file with {0} is wanted, not what is in it, which is not shown")]
    NoFile(&'static str),
    /// A file cannot be read.
    #[error("cannot read {what} in {}: {error}", path.display())]
    Unreadable {
        /// What should be in it.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why not.
        #[source]
        error: io::Error,
    },
    /// A file holds something else.
    #[error("there is no {what} in {}; it must be in PEM form", path.display())]
    Nothing {
        /// What should be in it.
        what: &'static str,
        /// Which file.
        path: PathBuf,
    },
    /// The key belongs to another certificate.
    #[error("the key in {} does not belong to the certificate in {}", key.display(), cert.display())]
    ForeignKey {
        /// The file of the key.
        key: PathBuf,
        /// The file of the certificate.
        cert: PathBuf,
    },
    /// Other processes of the store would not believe the certificate.
    #[error("the certificate in {} {why}", cert.display())]
    NotBelieved {
        /// The file of the certificate.
        cert: PathBuf,
        /// Why not.
        why: String,
    },
    /// The library takes the file for something it cannot use.
    #[error("cannot use {}: {why}", path.display())]
    Unusable {
        /// Which file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
}

impl TlsError {
    /// What the library says about a certificate and its key.
    pub(crate) fn of_pair(cert: &Path, key: &Path, error: &rustls::Error) -> Self {
        let (cert, key) = (cert.to_owned(), key.to_owned());
        match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                Self::ForeignKey { key, cert }
            }
            rustls::Error::InvalidCertificate(_) => {
                Self::Unusable { path: cert, why: error.to_string() }
            }
            error => Self::Unusable { path: key, why: error.to_string() },
        }
    }

    /// What the library says about a certificate and the authorities that should stand behind it.
    pub(crate) fn of_chain(cert: &Path, ca: &Path, error: &rustls::Error) -> Self {
        use CertificateError as Why;
        let why = match error {
            rustls::Error::InvalidCertificate(Why::Expired | Why::ExpiredContext { .. }) => {
                "has expired".to_owned()
            }
            rustls::Error::InvalidCertificate(
                Why::NotValidYet | Why::NotValidYetContext { .. },
            ) => "is not valid yet".to_owned(),
            rustls::Error::InvalidCertificate(Why::UnknownIssuer | Why::BadSignature) => {
                format!("is not signed by an authority in {}", ca.display())
            }
            error => format!("would not be believed: {error}"),
        };
        Self::NotBelieved { cert: cert.to_owned(), why }
    }
}
