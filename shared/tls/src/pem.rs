//! Reading certificates and keys from files in PEM form.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::TlsError;

/// Larger than any list of authorities. Another file named by mistake may be without an end.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// What every PEM file begins with, and no file's name has in it.
const BEGIN: &str = "-----BEGIN ";

const CERTIFICATE: &str = "a certificate";
const KEY: &str = "a private key";

/// Every certificate in a file, of which there must be one.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = read(path, CERTIFICATE)?;
    let nothing = || TlsError::Nothing { what: "certificate", path: path.to_owned() };
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    read.ok().filter(|certificates| !certificates.is_empty()).ok_or_else(nothing)
}

/// The authorities in a file, of which there must be one.
pub(crate) fn authorities(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(path)? {
        store.add(certificate).map_err(|error| TlsError::Unusable {
            path: path.to_owned(),
            why: error.to_string(),
        })?;
    }
    Ok(store)
}

/// The private key in a file; warns when others may read it too.
pub(crate) fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let bytes = read(path, KEY)?;
    let mode = std::fs::metadata(path).map_or(0, |file| file.permissions().mode());
    if mode & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "others may read this key; chmod 600 it");
    }
    PrivateKeyDer::from_pem_slice(&bytes)
        .map_err(|_| TlsError::Nothing { what: "private key", path: path.to_owned() })
}

fn read(path: &Path, what: &'static str) -> Result<Vec<u8>, TlsError> {
    if path.to_string_lossy().contains(BEGIN) {
        return Err(TlsError::NoFile(what));
    }
    let unreadable = |error| TlsError::Unreadable { what, path: path.to_owned(), error };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(unreadable(io::ErrorKind::FileTooLarge.into()));
    }
    Ok(bytes)
}
