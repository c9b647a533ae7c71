//! Certificates of a test's own.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use toystore_tls::{CaFile, Tls, TlsError, TlsFiles};

/// An authority.
pub struct Authority(Issuer<'static, KeyPair>);

impl Authority {
    /// Makes one, and writes its certificate into `NAME.crt`.
    pub fn new(folder: &Path, name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        std::fs::write(folder.join(format!("{name}.crt")), certificate.pem()).unwrap();
        Self(Issuer::new(params, key))
    }

    /// Signs a certificate for localhost that is valid from one year to another, and writes
    /// `NAME.crt` and `NAME.key`.
    pub fn sign(&self, folder: &Path, name: &str, [from, to]: [i32; 2]) {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (params.not_before, params.not_after) =
            (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        std::fs::write(folder.join(format!("{name}.crt")), certificate.pem()).unwrap();
        std::fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }
}

/// Certificate, key and authorities of these names in a folder.
pub fn files(folder: &Path, cert: &str, key: &str, ca: &str) -> TlsFiles {
    let file = |name: &str, end: &str| Some(folder.join(format!("{name}.{end}")));
    let ca = CaFile { tls_ca: file(ca, "crt") };
    TlsFiles { tls_cert: file(cert, "crt"), tls_key: file(key, "key"), ca }
}

/// What a process reads that has a certificate of this name.
pub fn tls(folder: &Path, name: &str, ca: &str) -> Tls {
    files(folder, name, name, ca).read().unwrap().unwrap()
}

/// What a process says that cannot use these files.
pub fn refusal(files: &TlsFiles) -> String {
    let refused: Result<Option<Tls>, TlsError> = files.read();
    refused.map(|_| ()).unwrap_err().to_string()
}

/// A name in the folder.
pub fn at(folder: &Path, name: &str) -> PathBuf {
    folder.join(name)
}
