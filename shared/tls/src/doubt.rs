//! Whether a call failed because one side does not believe the certificate of the other.

use std::error::Error;
use std::io;
use std::iter::successors;

use rustls::AlertDescription as Alert;

/// Whether the connection ended over a certificate: before anything else was read or written. The
/// side that is not believed hears of it late, when it waits for its answer.
#[must_use]
pub fn is_doubt(error: &(dyn Error + 'static)) -> bool {
    successors(Some(error), |error| behind(*error)).filter_map(|it| it.downcast_ref()).any(
        |error| match error {
            rustls::Error::InvalidCertificate(_) => true,
            rustls::Error::AlertReceived(alert) => matches!(
                alert,
                Alert::CertificateRequired
                    | Alert::BadCertificate
                    | Alert::UnsupportedCertificate
                    | Alert::CertificateRevoked
                    | Alert::CertificateExpired
                    | Alert::CertificateUnknown
                    | Alert::UnknownCA
                    | Alert::AccessDenied
                    // Of signatures in certificates; of records there is another.
                    | Alert::DecryptError
            ),
            _ => false,
        },
    )
}

/// The error behind another. An error of the system does not show the one that it stands for as
/// its source.
fn behind<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let system: Option<&io::Error> = error.downcast_ref();
    match system.and_then(io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

#[cfg(test)]
mod tests {
    use rustls::CertificateError;

    use super::*;

    #[test]
    fn a_certificate_is_found_behind_whatever_stands_before_it() {
        let certificate = rustls::Error::InvalidCertificate(CertificateError::BadSignature);
        assert!(is_doubt(&io::Error::other(io::Error::other(certificate))));
        let alert = io::Error::other(rustls::Error::AlertReceived(Alert::UnknownCA));
        assert!(is_doubt(&alert));
        let broken = io::Error::other(rustls::Error::AlertReceived(Alert::BadRecordMac));
        assert!(!is_doubt(&broken), "it may have done something");
        assert!(!is_doubt(&io::Error::from(io::ErrorKind::ConnectionRefused)));
    }
}
