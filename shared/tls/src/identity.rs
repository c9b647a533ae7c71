//! A certificate and its key, and whether anybody would believe them.

use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::UnixTime;
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;

use crate::{TlsError, pem};

/// Reads a certificate with its key, and checks them as a peer with these authorities would: a
/// process that nobody believes is not to start.
///
/// # Errors
/// A file cannot be used, they do not belong together, or the certificate is not believed.
pub(crate) fn read(
    (cert, key): (&Path, &Path),
    ca: &Path,
    authorities: &RootCertStore,
    provider: &CryptoProvider,
) -> Result<Arc<CertifiedKey>, TlsError> {
    let chain = pem::certificates(cert)?;
    let of_chain = |error: rustls::Error| TlsError::of_chain(cert, ca, &error);
    let identity = CertifiedKey::from_der(chain, pem::key(key)?, provider)
        .map_err(|error| TlsError::of_pair(cert, key, &error))?;
    let own = identity.end_entity_cert().map_err(of_chain)?;
    verify_server_cert_signed_by_trust_anchor(
        &ParsedCertificate::try_from(own).map_err(of_chain)?,
        authorities,
        identity.cert.get(1..).unwrap_or_default(),
        UnixTime::now(),
        provider.signature_verification_algorithms.all,
    )
    .map_err(of_chain)?;
    Ok(Arc::new(identity))
}
