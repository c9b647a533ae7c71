//! What a listening and a calling process are told.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::{TlsError, identity, pem};

/// The protocol inside, as the two sides agree on it.
const HTTP_1_1: &[u8] = b"http/1.1";

/// Whose certificates a listening process wants to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callers {
    /// Nobody's.
    Anyone,
    /// Everybody's, signed by an authority that is believed.
    Known,
}

/// Whom a process believes, and how it shows itself.
#[derive(Clone, Debug)]
pub struct Tls {
    ca: Box<Path>,
    authorities: Arc<RootCertStore>,
    own: Option<Arc<CertifiedKey>>,
    provider: Arc<CryptoProvider>,
}

impl Tls {
    /// Reads the authorities, and the process's own certificate and key if it has them.
    ///
    /// # Errors
    /// A file cannot be used, or they do not belong together.
    pub fn read(ca: &Path, own: Option<(&Path, &Path)>) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let authorities = pem::authorities(ca)?;
        let own = own.map(|pair| identity::read(pair, ca, &authorities, &provider)).transpose()?;
        Ok(Self { ca: ca.into(), authorities: Arc::new(authorities), own, provider })
    }

    /// For a process that listens; none without a certificate of its own.
    ///
    /// # Errors
    /// The library cannot work with the files.
    pub fn server(&self, callers: Callers) -> Result<Option<Arc<ServerConfig>>, TlsError> {
        let Some(own) = self.own.clone() else { return Ok(None) };
        let builder = ServerConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| self.unusable(&error))?;
        let builder = match callers {
            Callers::Anyone => builder.with_no_client_auth(),
            Callers::Known => builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(
                    self.authorities.clone(),
                    self.provider.clone(),
                )
                .build()
                .map_err(|error| self.unusable(&error))?,
            ),
        };
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(own)));
        config.alpn_protocols = vec![HTTP_1_1.to_vec()];
        Ok(Some(Arc::new(config)))
    }

    /// For a process that calls.
    ///
    /// # Errors
    /// The library cannot work with the files.
    pub fn client(&self) -> Result<ClientConfig, TlsError> {
        calling(&self.provider, self.authorities.clone(), self.own.clone())
            .map_err(|error| self.unusable(&error))
    }

    fn unusable(&self, error: &dyn std::error::Error) -> TlsError {
        TlsError::Unusable { path: self.ca.to_path_buf(), why: error.to_string() }
    }
}

/// For a process that calls over plain HTTP only: it believes nobody.
///
/// # Errors
/// The library cannot work at all.
pub fn nobody() -> Result<ClientConfig, rustls::Error> {
    calling(&Arc::new(ring::default_provider()), Arc::new(RootCertStore::empty()), None)
}

fn calling(
    provider: &Arc<CryptoProvider>,
    authorities: Arc<RootCertStore>,
    own: Option<Arc<CertifiedKey>>,
) -> Result<ClientConfig, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(authorities);
    let mut config = match own {
        None => builder.with_no_client_auth(),
        Some(own) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(own))),
    };
    config.alpn_protocols = vec![HTTP_1_1.to_vec()];
    Ok(config)
}
