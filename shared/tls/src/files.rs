//! The options that name certificate, key and authorities. The groups have no docstrings: one
//! would replace the program's own at the top of `--help`.

use std::path::PathBuf;

use structopt::StructOpt;

use crate::{Tls, TlsError};

#[allow(missing_docs)] // See above.
#[derive(Clone, Debug, Default, StructOpt)]
pub struct CaFile {
    /// The certificates of the authorities that are believed, as PEM; with it calls are made over
    /// https.
    #[structopt(long, global = true, env = "TOYSTORE_TLS_CA", value_name = "FILE")]
    pub tls_ca: Option<PathBuf>,
}

#[allow(missing_docs)] // See above.
#[derive(Clone, Debug, Default, StructOpt)]
pub struct TlsFiles {
    /// This process's certificate, then those up to its authority, as PEM.
    #[structopt(long, global = true, env = "TOYSTORE_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,

    /// The private key of that certificate, as PEM.
    #[structopt(long, global = true, env = "TOYSTORE_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,

    #[allow(missing_docs)]
    #[structopt(flatten)]
    pub ca: CaFile,
}

impl TlsFiles {
    /// What is named without what belongs to it. Who only calls needs no certificate of its own.
    ///
    /// # Errors
    /// Says what is missing.
    pub fn complete(&self) -> Result<(), TlsError> {
        let incomplete = |given, missing| Err(TlsError::Incomplete { given, missing });
        match (&self.tls_cert, &self.tls_key, &self.ca.tls_ca) {
            (None, Some(_), _) => incomplete("--tls-key", "--tls-cert"),
            (Some(_), None, _) => incomplete("--tls-cert", "--tls-key"),
            (Some(_), Some(_), None) => incomplete("--tls-cert", "--tls-ca"),
            (None, None, _) | (Some(_), Some(_), Some(_)) => Ok(()),
        }
    }

    /// Reads and checks the files; none when none is named.
    ///
    /// # Errors
    /// They are incomplete, or one cannot be used.
    pub fn read(&self) -> Result<Option<Tls>, TlsError> {
        self.complete()?;
        let Some(ca) = &self.ca.tls_ca else { return Ok(None) };
        Tls::read(ca, self.tls_cert.as_deref().zip(self.tls_key.as_deref())).map(Some)
    }
}
